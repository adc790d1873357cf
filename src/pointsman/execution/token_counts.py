"""How many tokens a prompt has: by the provider's own count where it has an endpoint for that, else estimated."""

from __future__ import annotations

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.errors import PointsmanError
from pointsman.execution.engine import Dispatch
from pointsman.providers.seam import Outgoing
from pointsman.routing.signals import as_plain, measure_all


def estimated_tokens(turn: Turn) -> int:
    """Return the estimate of the size signal: bytes / 4 is all there is offline."""
    return int(as_plain(measure_all(turn, EMPTY_SESSION))["size"]["prompt_tokens"])


async def provider_count(dispatch: Dispatch, model: Model, turn: Turn, body: bytes) -> int | None:
    """Return what ``model``'s provider counts in ``body``; None where it has no endpoint for that, or does not answer."""
    try:
        target = dispatch.target(model)
        if target.dialect.name != "anthropic":
            return None
        spliced = target.dialect.splice(body, turn, target.model, target.endpoint)
        outgoing = Outgoing(spliced.path + "/count_tokens", spliced.headers, spliced.body)
        answer = await dispatch.transport.send(target.endpoint, outgoing, connect_s=2, head_s=10)
        raw = await answer.read()
        answer.close()
        return int(msgspec.json.decode(raw)["input_tokens"])
    except (PointsmanError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None
