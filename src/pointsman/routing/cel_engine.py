"""The CEL engine, without the command line it ships.

``import cel`` also imports ``cel.cli`` and with it prompt_toolkit: 0.2 s, a quarter of the gateway's start-up, for nothing we
use. An empty module stands in its place while the package is imported, and is taken away again.
"""

from __future__ import annotations

import sys
from types import ModuleType

_CLI = "cel.cli"

if "cel" in sys.modules or _CLI in sys.modules:
    import cel
else:
    sys.modules[_CLI] = ModuleType(_CLI)
    try:
        import cel
    finally:
        del sys.modules[_CLI]

Context = cel.Context
Program = cel.Program
compile = cel.compile  # noqa: A001 - the engine's own name for it

__all__ = ["Context", "Program", "compile"]
