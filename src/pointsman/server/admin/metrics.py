"""``GET /metrics``: what Prometheus scrapes."""

from __future__ import annotations

import asyncio

from pointsman.server.admin.routes import AdminAnswer, AdminCall


async def scrape(call: AdminCall, /) -> AdminAnswer:
    """Return the figures, as Prometheus text or OpenMetrics."""
    metrics = call.router.metrics
    body, content_type = await asyncio.to_thread(metrics.exposition, call.headers.get("accept", ""))
    return AdminAnswer(body, content_type=content_type)
