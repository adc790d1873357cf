"""YAML read as plain data with the line of every value, and none of YAML's surprises: for every file people write here.

Only ``true``/``false`` are booleans (``no`` stays the word "no"), days and ``1:30`` stay text, keys are text, a key that stands
twice is an error, tags and merge keys are refused, and aliases cannot blow a small file up: what is built is bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.errors import UsageError

if TYPE_CHECKING:
    import yaml

Place = tuple[str | int, ...]
"""Where in the document: keys and indices from the top."""

MAX_BYTES = 512 * 1024
MAX_VALUES = 50_000
MAX_DEPTH = 60
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
# The plain scalars of YAML 1.2's core schema: kind, shape, first characters.
_SCALARS = (
    ("bool", r"^(?:true|True|false|False)$", "tTfF"),
    ("null", r"^(?:~|null|Null|)$", "~nN"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)$", "-+.0123456789"),
)


class LocatedYaml:
    """A decoded YAML document: ``data`` as plain values (None for an empty file), and the line of all that is in it."""

    def __init__(self, name: str, text: str, error: type[UsageError]) -> None:
        """Decode ``text``; ``name`` is what messages call the file.

        Raises:
            UsageError: of class ``error``, naming the line: the text is not YAML, or of a kind that is not taken here.
        """
        self.name = name
        self._error = error
        self._lines: dict[Place, int] = {(): 1}
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            raise error(f"{name}: the file is larger than {MAX_BYTES // 1024} KiB, too large to be written by hand")
        try:
            node = _compose(text)
            self.data: Any = None if node is None else _Builder(self, self._lines).build(node, ())
        except RecursionError:
            raise error(f"{name}: is nested too deeply") from None
        except _yaml_error() as problem:
            mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
            where = f"{name}:{mark.line + 1}" if mark is not None else name
            reason = getattr(problem, "problem", None) or str(problem).splitlines()[0]
            raise error(f"{where}: this is not valid YAML: {reason}{_hint(reason)}") from None

    @classmethod
    def read(cls, path: Path, error: type[UsageError]) -> LocatedYaml:
        """Read and decode a file.

        Raises:
            UsageError: of class ``error`` when the file cannot be read or is not YAML.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as problem:
            raise error(f"{path}: cannot be read: {problem.strerror or problem}") from problem
        except UnicodeDecodeError as problem:
            raise error(f"{path}: is not UTF-8 text (byte {problem.start})") from problem
        return cls(str(path), text, error)

    def line(self, path: Place) -> int:
        """Return the line of the value at ``path``, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def problem(self, path: Place, message: str) -> UsageError:
        """Return the error to raise for the value at ``path``."""
        field = ".".join(str(part) for part in path)
        return self.at(self.line(path), f"{field + ': ' if field else ''}{message}")

    def at(self, line: int, message: str) -> UsageError:
        """Return the error to raise for a line."""
        return self._error(f"{self.name}:{line}: {message}")


class _Builder:
    """Builds plain data from PyYAML's nodes, and notes the lines."""

    def __init__(self, document: LocatedYaml, lines: dict[Place, int]) -> None:
        self._document = document
        self._lines = lines
        self._built = 0
        self._open: set[int] = set()

    def build(self, node: Any, path: Place) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(path, line)
        self._built += 1
        if self._built > MAX_VALUES:
            raise self._document.at(line, f"more than {MAX_VALUES:,} values (an alias counts each time): too large")
        if len(path) > MAX_DEPTH:
            raise self._document.at(line, "is nested too deeply")
        if node.tag not in _CORE_TAGS:
            raise self._document.at(line, f"the tag {node.tag} is not taken here: write plain values")
        if node.id == "scalar":
            return self._scalar(node, line)
        if id(node) in self._open:
            raise self._document.at(line, "this alias contains itself")
        self._open.add(id(node))
        value = self._mapping(node, path) if node.id == "mapping" else self._sequence(node, path)
        self._open.discard(id(node))
        return value

    def _scalar(self, node: Any, line: int) -> Any:
        kind = node.tag.rpartition(":")[2]
        if kind == "bool":
            return node.value.lower() == "true"
        if kind == "null":
            return None
        try:
            if kind == "int" and len(node.value) < 20:  # noqa: PLR2004 - longer ones do not fit 64 bits
                return int(node.value)
            return float(node.value) if kind in {"int", "float"} else node.value
        except ValueError:
            raise self._document.at(line, f"{node.value[:40]!r} is not a number") from None

    def _sequence(self, node: Any, path: Place) -> list[Any]:
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: Any, path: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                raise self._document.at(line, "a key must be a plain word")
            key = key_node.value
            if key == "<<":
                raise self._document.at(line, "merge keys (<<) are not taken here: write the values out")
            if key in data:
                first = self._lines[*path, key]
                field = ".".join(str(part) for part in (*path, key))
                text = (
                    f"{field if field.isprintable() else repr(field)}: stands twice (first on line {first}); keep one"
                )
                raise self._document.at(line, text)
            self._lines[*path, key] = line
            data[key] = self.build(value_node, (*path, key))
        return data


@lru_cache(maxsize=1)
def _loader() -> type[yaml.SafeLoader]:
    """Return the loader that resolves plain scalars by the core schema."""
    import yaml  # 30 ms that a start without a file of one's own does not pay

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the shape PyYAML wants; filled below, once

    for kind, shape, first in _SCALARS:
        starts = [*first, ""] if kind == "null" else list(first)
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(shape), starts)
    return Loader


def _compose(text: str) -> yaml.Node | None:
    import yaml

    node: yaml.Node | None = yaml.compose(text, Loader=_loader())
    return node


def _yaml_error() -> type[Exception]:
    import yaml

    return yaml.YAMLError


def _hint(reason: str) -> str:
    if "\\t" in reason:
        return " (indent with spaces, not tabs)"
    if "mapping values" in reason:
        return ' (a text that holds ": " needs quotes around it)'
    return ""
