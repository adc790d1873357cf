"""Changes values in the text of a policy file and leaves every other character as it is: comments, order, layout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pointsman.catalog.located_yaml import Place
from pointsman.errors import PolicyError, UsageError
from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.policy_errors import spell

if TYPE_CHECKING:
    import yaml

_ANCHOR = re.compile(r"&([^\s,\[\]{}]+)\s+")
_BARE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_./-]*$")


def model_slots(policy: Policy, model: str) -> list[Place]:
    """Return the places under ``tiers`` and ``routes`` where a policy lets ``model`` answer."""
    places = [place for place, name in policy.model_places() if name == model]
    return [place for place in places if place[0] in {"tiers", "routes"}]


def written(place: Place) -> str:
    """Return a place as people write it: ``tiers.small[0]``."""
    return spell(place).rstrip(": ")


def replaced(text: str, source: str, changes: dict[Place, str]) -> tuple[str, Policy]:
    """Return the text with the words at these places replaced, and the policy it then holds.

    Raises:
        UsageError: there is no single word at a place.
        PolicyError: what comes of it is no policy, for example since a model would then stand in two tiers.
    """
    spans = sorted((_span(text, place), word) for place, word in changes.items())
    for (start, end), word in reversed(spans):
        old = text[start:end]
        quote = old[0] if old[:1] in {"'", '"'} else ""
        if not _BARE.match(word):
            raise UsageError(f"{word!r} cannot be written into a policy as a model's name")
        text = text[:start] + quote + word + quote + text[end:]
    try:
        return text, parse_policy(text.removeprefix("\ufeff"), source)
    except PolicyError as error:
        raise PolicyError(f"the changed policy would not be valid, nothing is written: {error}") from None


def _span(text: str, place: Place) -> tuple[int, int]:
    import yaml

    node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    aliases = {event.anchor for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)}
    for part in place:
        node = _inside(node, part)
        if node is not None and (found := _ANCHOR.match(text, node.start_mark.index)) and found[1] in aliases:
            raise UsageError(
                f"{written(place)}: what stands there is used elsewhere too, as *{found[1]} (line {node.start_mark.line + 1}): "
                "write the name out at each place"
            )
    if not isinstance(node, yaml.ScalarNode) or node.start_mark.line != node.end_mark.line:
        raise UsageError(f"{written(place)}: there is no single word to replace in the file")
    named = _ANCHOR.match(text, node.start_mark.index)
    return named.end() if named else node.start_mark.index, node.end_mark.index


def _inside(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    # A single word may stand where a list may.
    return node if isinstance(node, yaml.ScalarNode) and part == 0 else None
