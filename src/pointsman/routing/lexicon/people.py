"""Names of people and places, by Microsoft Presidio and the spaCy model you name: the extra ``presidio``.

No pattern finds a name; a model does, at its price: seconds to load, and per text what a decision costs a hundred times. It is
loaded only where a policy asks for it.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from pointsman.errors import UsageError
from pointsman.routing.lexicon.kinds import Kind
from pointsman.routing.lexicon.numbers import Span

_KINDS: Final[dict[str, Kind]] = {"PERSON": "name", "LOCATION": "address"}
_TOKEN: Final = re.compile(r"\[[A-Z_]{2,20}_[b-t]{8}\]")
_PIECE: Final = 4000
_OVERLAP: Final = 100


class People:
    """Finds names of people and places. Used from one thread at a time; others wait."""

    def __init__(self, model: str, language: str, score: float) -> None:
        self._model = model
        self._language = language
        self._score = score
        self._engine: Any = None
        self._door = threading.Lock()

    def find(self, text: str) -> list[Span]:
        """Return where names stand. A single word names nobody: it is a code, a role, a brand as often."""
        if " " not in text.strip():
            return []
        engine = self.load()
        tokens = [found.span() for found in _TOKEN.finditer(text)]
        found: set[Span] = set()
        with self._door:
            for start in range(0, len(text), _PIECE):
                begin = max(0, start - _OVERLAP)
                results = engine.analyze(
                    text[begin : start + _PIECE],
                    language=self._language,
                    entities=list(_KINDS),
                    score_threshold=self._score,
                )
                found |= {Span(begin + one.start, begin + one.end, _KINDS[one.entity_type]) for one in results}
        return sorted(span for span in found if all(span.end <= start or span.start >= end for start, end in tokens))

    def load(self) -> Any:
        """Load the model, once; it takes seconds.

        Raises:
            UsageError: the extra or the model is not installed; says what to install.
        """
        with self._door:
            if self._engine is None:
                self._engine = self._loaded()
            return self._engine

    def _loaded(self) -> Any:
        if find_spec("presidio_analyzer") is None:
            raise UsageError("privacy.presidio: Presidio is not installed; pip install 'pointsman[presidio]'")
        # Presidio would fetch a model that is missing; nothing is fetched here.
        if find_spec(self._model) is None:
            raise UsageError(
                f"privacy.presidio: the spaCy model {self._model} is not installed; install its package (spacy download "
                f"{self._model}) or name another under privacy.presidio.model"
            )
        provider = import_module("presidio_analyzer.nlp_engine").NlpEngineProvider(
            nlp_configuration={
                "nlp_engine_name": "spacy",
                "models": [{"lang_code": self._language, "model_name": self._model}],
            }
        )
        analyzer = import_module("presidio_analyzer").AnalyzerEngine
        return analyzer(nlp_engine=provider.create_engine(), supported_languages=[self._language])
