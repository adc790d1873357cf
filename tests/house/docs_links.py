"""Checks what the documents point at: links, anchors, files of the repository, names in the code, changelog fragments."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from pointsman.errors import PointsmanError

FRAGMENT = re.compile(r"\d+\.[a-z][a-z-]*\.(security|removed|deprecated|added|changed|fixed)\.md")
ROOMS = ("catalog", "cli", "domain", "emulator", "evaluation", "execution", "providers", "routing", "server", "store")

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(src|docs|tests|benchmarks|examples|changelog\.d)/[\w./-]*\w")
_NAME = re.compile(rf"(?:pointsman\.)?(?:app|errors|{'|'.join(ROOMS)})(?:\.\w+)+(?:\(\))?")
_FILE_ENDINGS = (".py", ".md", ".sql", ".json", ".yaml", ".toml")


def documents(root: Path) -> list[Path]:
    """Return every document of the repository that a reader may open."""
    named = [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found = [path for folder in ("docs", "examples", "changelog.d") for path in sorted((root / folder).rglob("*.md"))]
    return [path for path in named if path.exists()] + found


def link_problems(root: Path, path: Path) -> Iterator[str]:
    """Yield one line for each link of a document that leads nowhere."""
    where = path.relative_to(root)
    for target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = (path.parent / file).resolve() if file else path
        if not goal.exists():
            yield f"{where}: link to {target}, which does not exist"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal.read_text(encoding="utf-8")):
            yield f"{where}: link to {target}, but {goal.name} has no heading #{anchor}"


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a Markdown text get."""
    return {_slug(heading) for heading in _HEADING.findall(_FENCE.sub("", text))}


def _slug(heading: str) -> str:
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")


def reference_problems(root: Path, path: Path) -> Iterator[str]:
    """Yield one line for each file of the repository or name of the code that a document mentions and that is not there."""
    where = path.relative_to(root)
    for span in _SPAN.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        for match in _PATH.finditer(span):
            begins = match.start() == 0 or span[match.start() - 1] == " "
            # NAME stands for any name.
            if begins and "NAME" not in match.group() and not (root / match.group()).exists():
                yield f"{where}: names {match.group()}, which does not exist"
        if _NAME.fullmatch(span) and not span.endswith(_FILE_ENDINGS) and not exists(span.removesuffix("()")):
            yield f"{where}: names {span}, which the code does not have"


def exists(name: str) -> bool:
    """Return whether ``room.module.Class.method`` can be had from the package."""
    parts = ["pointsman", *name.removeprefix("pointsman.").split(".")]
    for cut in range(len(parts), 0, -1):
        module = ".".join(parts[:cut])
        try:
            found: object = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for attribute in parts[cut:]:
            found = getattr(found, attribute, None) or getattr(found, "__annotations__", {}).get(attribute)
            if found is None:
                return False
        return True
    raise PointsmanError(f"{name}: the package pointsman cannot be imported")


def orphan_problems(root: Path) -> Iterator[str]:
    """Yield one line for each page under docs/ that its index does not lead to."""
    index = (root / "docs" / "README.md").read_text(encoding="utf-8")
    for folder in ("tutorial", "how-to", "reference", "explanation"):
        for path in sorted((root / "docs" / folder).glob("*.md")):
            if f"({folder}/{path.name})" not in index:
                yield f"docs/{folder}/{path.name}: docs/README.md does not link it"
    listed = (root / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for path in sorted((root / "docs" / "decisions").glob("0*.md")):
        if f"({path.name})" not in listed:
            yield f"docs/decisions/{path.name}: docs/decisions/README.md does not link it"


def header_problems(root: Path) -> Iterator[str]:
    """Yield one line for each header of ours that the gateway's reference does not describe."""
    page = (root / "docs" / "reference" / "gateway-http.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (root / "src/pointsman/server").rglob("*.py"))
    for header in sorted(set(re.findall(r"\bx-pointsman-[a-z-]*[a-z]", code))):
        if f"`{header}`" not in page:
            yield f"docs/reference/gateway-http.md: does not describe {header}"


def fragment_problems(root: Path) -> Iterator[str]:
    """Yield one line for each changelog fragment whose name ``CHANGELOG.md`` could not be made from."""
    for path in sorted((root / "changelog.d").iterdir()):
        if path.name != "README.md" and not FRAGMENT.fullmatch(path.name):
            yield f"changelog.d/{path.name}: must be named <issue>.<room>.<type>.md, see changelog.d/README.md"
        elif not path.read_text(encoding="utf-8").strip():
            yield f"changelog.d/{path.name}: is empty"
