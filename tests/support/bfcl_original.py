"""The original checker of bfcl-eval beside ours: loaded from ``.cache/oracles`` with its heavy imports left out.

``make oracle-test`` installs it there, without its dependencies. Nothing of it is part of the project.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

FOLDER = Path(__file__).parents[2] / ".cache/oracles"
_OTHERS = {"simple_java": "java", "simple_javascript": "javascript"}
_PYTHON = ("simple_python", "multiple", "parallel", "parallel_multiple")
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")


def installed() -> bool:
    """Tell whether the original is there."""
    return (FOLDER / "bfcl_eval").is_dir()


class Original:
    """bfcl-eval's AST checker and its decoder of text."""

    def __init__(self) -> None:
        for name, attributes in {
            "filelock": ["FileLock"],
            "tenacity": ["retry", "retry_if_exception_message", "retry_if_exception_type", "wait_random_exponential"],
            "bfcl_eval.model_handler.parser.java_parser": ["parse_java_function_call"],
            "bfcl_eval.model_handler.parser.js_parser": ["parse_javascript_function_call"],
        }.items():
            _stand_in(name, dict.fromkeys(attributes, SimpleNamespace))
        flattening: Any = {
            True: SimpleNamespace(underscore_to_dot=True),
            False: SimpleNamespace(underscore_to_dot=False),
        }
        models = defaultdict(lambda: flattening[False], {"flattening": flattening[True]})
        _stand_in("bfcl_eval.constants.model_config", {"MODEL_CONFIG_MAPPING": models})
        sys.path.insert(0, str(FOLDER))
        self._checker = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
        self._decoder = importlib.import_module("bfcl_eval.model_handler.utils")
        self._formats = importlib.import_module("bfcl_eval.utils")
        self._languages = importlib.import_module("bfcl_eval.constants.enums").Language

    def verdict(  # noqa: PLR0913 - what the original is told, by name
        self,
        functions: Any,
        calls: Any,
        answers: Any,
        category: str,
        *,
        flattened: bool = False,
        language: str = "python",
    ) -> tuple[bool, str]:
        """Return whether calls ``[{name: arguments}]`` are right, and the word for what is wrong ("broke off": it raised)."""
        model = "flattening" if flattened else "keeping"
        try:
            found = self._checker.ast_checker(functions, calls, answers, self._languages(language), category, model)
        except Exception:  # noqa: BLE001 - whatever it raises, it gave no verdict
            return False, "broke off"
        return bool(found["valid"]), str(found.get("error_type", ""))

    def decoded(self, text: str) -> Any:
        """Return the calls in a text; None where it cannot be decoded."""
        try:
            found = self._decoder.default_decode_ast_prompting(text)
        except Exception:  # noqa: BLE001 - whatever it raises, it decoded nothing
            return None
        return found if self._formats.is_function_calling_format_output(found) else None


def cases() -> Iterator[tuple[str, str, list[Any], list[Any]]]:
    """Yield category, language, functions and possible answers of all rows that have an answer."""
    data = FOLDER / "bfcl_eval/data"
    for category in (*_PYTHON, *_LIVE, *_OTHERS):
        name = f"BFCL_v4_{category}.json"
        answers = {row["id"]: row["ground_truth"] for row in _rows(data / "possible_answer" / name)}
        for row in _rows(data / name):
            if row["id"] in answers:
                yield category, _OTHERS.get(category, "python"), row["function"], answers[row["id"]]


def _rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _stand_in(name: str, attributes: dict[str, Any]) -> None:
    module = ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module
