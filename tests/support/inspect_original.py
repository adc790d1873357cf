"""inspect_ai's own reducers and metrics beside ours: loaded from ``.cache/oracles`` without the rest of it.

``make oracle-test`` installs it there, without its dependencies. Nothing of it is part of the project.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

FOLDER = Path(__file__).parents[2] / ".cache/oracles/inspect_ai"
_REGISTRY = (
    "registry_add registry_info registry_name registry_params registry_tag registry_log_name registry_lookup set_registry_info"
    " create_registry_object is_registry_object"
)


def installed() -> bool:
    """Tell whether the original is there."""
    return FOLDER.is_dir()


class Original:
    """inspect_ai's pass@k, pass^k and standard errors."""

    def __init__(self) -> None:
        for name in ("", ".scorer", ".scorer._reducer", ".scorer._metrics", ".log", "._util"):
            _package(name)
        _stand_in("._util.error", PrerequisiteError=type("PrerequisiteError", (Exception,), {}))
        _stand_in("._util.metadata", MT=BaseModel, metadata_as=_nothing)
        _stand_in("._util.registry", RegistryInfo=dict, **dict.fromkeys(_REGISTRY.split(), _nothing))
        _stand_in("._util.text", is_finite_number=_nothing)
        _stand_in(".log._edit", ProvenanceData=type("ProvenanceData", (BaseModel,), {}))
        _stand_in(".scorer._reducer.registry", score_reducer=_as_it_is)
        self._scores = importlib.import_module("inspect_ai.scorer._metric")
        self._reducers = importlib.import_module("inspect_ai.scorer._reducer.reducer")
        self._metrics = importlib.import_module("inspect_ai.scorer._metrics.std")

    def reduced(self, reducer: str, k: int, passed: int, n: int) -> float:
        """Return what ``pass_at`` or ``pass_k`` makes of ``passed`` of ``n`` repeats; not a number where it has no answer."""
        scores = [self._scores.Score(value=1.0 if place < passed else 0.0) for place in range(n)]
        return float(getattr(self._reducers, reducer)(k)(scores).value)

    def error(self, values: Sequence[float], clusters: Sequence[str] | None = None) -> float:
        """Return the standard error of the mean."""
        names: Sequence[str | None] = [None] * len(values) if clusters is None else clusters
        samples = [
            self._scores.SampleScore(score=self._scores.Score(value=value), sample_metadata={"cluster": name})
            for value, name in zip(values, names, strict=True)
        ]
        metric = self._metrics.stderr() if clusters is None else self._metrics.stderr(cluster="cluster")
        return float(metric(samples))


def _package(name: str) -> None:
    module = ModuleType(f"inspect_ai{name}")
    module.__path__ = [str(FOLDER.joinpath(*name.split(".")[1:]))]
    sys.modules[module.__name__] = module


def _stand_in(name: str, **attributes: Any) -> None:
    module = ModuleType(f"inspect_ai{name}")
    module.__dict__.update(attributes)
    sys.modules[module.__name__] = module


def _nothing(*_: Any, **__: Any) -> None:
    """Take anything, do nothing."""


def _as_it_is(function: Any = None, **_: Any) -> Any:
    return function if function is not None else _as_it_is
