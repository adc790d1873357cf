"""YAML read as plain data with the line of every value, and none of YAML's surprises.

Only ``true``/``false`` are booleans (``no`` stays the word "no"), dates and ``1:30`` stay text, a key that stands twice is an
error, tags are refused, and aliases cannot blow a small file up: the number of values built is bounded.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from pointsman.errors import PolicyError

Path = tuple[str | int, ...]

MAX_BYTES = 512 * 1024
MAX_VALUES = 20_000
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the shape PyYAML wants; filled below, once


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)$"),
    list("-+.0123456789"),
)


class Document:
    """Plain data and where it stood: ``lines`` maps a path of keys and indexes to a line number counted from 1."""

    def __init__(self, data: Any, lines: dict[Path, int]) -> None:
        self.data = data
        self.lines = lines

    def line(self, path: Path) -> int:
        """Return the line of ``path``, or of the nearest value around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str, source: str) -> Document:
    """Parse ``text``; ``source`` is the name used in errors.

    Raises:
        PolicyError: not YAML, or YAML of a kind that is not taken here; names the line.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise PolicyError(f"{source}: the file is larger than {MAX_BYTES // 1024} KiB; a policy is a few pages of text")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PolicyError(f"{source}:{line}: not valid YAML: {error.problem or error.context}{_hint(error)}") from None
    except yaml.YAMLError as error:
        raise PolicyError(f"{source}: not valid YAML: {error}") from None
    except RecursionError:
        raise PolicyError(f"{source}: nested too deeply to be a policy") from None
    if node is None:
        raise PolicyError(f"{source}: the file is empty; `pointsman init` writes a starter policy")
    builder = _Builder(source)
    try:
        return Document(builder.build(node, ()), builder.lines)
    except RecursionError:
        raise PolicyError(f"{source}: nested too deeply to be a policy") from None


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "\\t" in problem:
        return " (indent with spaces, not tabs)"
    if "mapping values" in problem:
        return ' (a text that holds ": " needs quotes around it)'
    return ""


class _Builder:
    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.built = 0
        self.open: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.built += 1
        if self.built > MAX_VALUES:
            raise self.error(line, f"more than {MAX_VALUES} values (aliases counted each time): too large for a policy")
        if node.tag not in _CORE_TAGS:
            raise self.error(line, f"the tag {node.tag} is not taken here: write plain values")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.open:
            raise self.error(line, "this alias contains itself")
        self.open.add(id(node))
        value = self.mapping(node, path) if isinstance(node, yaml.MappingNode) else self.sequence(node, path)
        self.open.discard(id(node))
        return value

    def scalar(self, node: yaml.ScalarNode) -> Any:
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
            raise self.error(node.start_mark.line + 1, f"{node.value[:40]!r} is not a number") from None

    def sequence(self, node: yaml.Node, path: Path) -> list[Any]:
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.error(line, "a key must be a plain word")
            key = key_node.value
            if key == "<<":
                raise self.error(line, "merge keys (<<) are not taken here: write the values out")
            if key in data:
                raise self.error(line, f"the key {key!r} stands twice (first on line {self.lines[*path, key]})")
            self.lines[*path, key] = line
            data[key] = self.build(value_node, (*path, key))
        return data

    def error(self, line: int, text: str) -> PolicyError:
        return PolicyError(f"{self.source}:{line}: {text}")
