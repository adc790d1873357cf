"""YAML that remembers its lines, so that an error can say where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.errors import UsageError

if TYPE_CHECKING:
    import yaml

Place = tuple[str | int, ...]
"""Where in the document: keys and indices from the top."""

# No honest file comes near; a few lines of YAML aliases can stand for billions of values, or for endless nesting.
_DEEPEST = 40
_MOST_VALUES = 50_000


class LocatedYaml:
    """A decoded YAML document: ``data`` as plain values, and the line of every key and item in it."""

    def __init__(self, name: str, text: str, error: type[UsageError]) -> None:
        """Decode ``text``; ``name`` is what messages call the file.

        Raises:
            UsageError: of class ``error`` when the text is not YAML, or a key stands twice in one mapping.
        """
        import yaml  # 30 ms that a start without a file of one's own does not pay

        self.name = name
        self._error = error
        self._lines: dict[Place, int] = {(): 1}
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data: Any = yaml.safe_load(text)
        except RecursionError as problem:
            raise error(f"{name}: is nested too deeply") from problem
        except (yaml.YAMLError, ValueError) as problem:
            mark = getattr(problem, "problem_mark", None)
            where = f"{name}:{mark.line + 1}" if mark is not None else name
            reason = getattr(problem, "problem", None) or str(problem).splitlines()[0]
            raise error(f"{where}: this is not valid YAML: {reason}") from problem
        if node is not None:
            self._walk(node, (), depth=0)

    @classmethod
    def read(cls, path: Path, error: type[UsageError]) -> LocatedYaml:
        """Read and decode a file.

        Raises:
            UsageError: of class ``error`` when the file cannot be read or is not YAML.
        """
        try:
            text = path.read_text(encoding="utf-8")
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
        return self._error(f"{self.name}:{self.line(path)}: {field + ': ' if field else ''}{message}")

    def _walk(self, node: yaml.Node, path: Place, depth: int) -> None:
        import yaml

        if depth > _DEEPEST or len(self._lines) > _MOST_VALUES:
            raise self._error(f"{self.name}:{node.start_mark.line + 1}: is nested too deeply, or too large")
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                self._lines[(*path, name)] = key.start_mark.line + 1
                if name in seen:
                    raise self.problem((*path, name), "stands twice in this mapping; keep one")
                seen.add(name)
                self._walk(value, (*path, name), depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*path, index), depth + 1)
