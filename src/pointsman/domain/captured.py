"""How turns are marked that did not pass Pointsman: they were captured from another program's telemetry.

Pointsman chose nothing in them, spent nothing on them and could change nothing: figures of routing, budgets and sessions leave
them out.
"""

from __future__ import annotations

from typing import Final

CAPTURED: Final = "otlp"
"""The dialect of a captured turn."""
EXTERNAL: Final = "external"
"""Its route, and in place of a policy's version."""
