"""Finds the rule that answers a request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase

from pointsman.emulator.exchange import Ask
from pointsman.emulator.script import Rule, Script, When


class Matcher:
    """Tries the rules of one script in order and counts how often each matched."""

    def __init__(self, script: Script) -> None:
        self._rules = [(rule, re.compile(rule.when.matches) if rule.when.matches else None) for rule in script.rules]
        self._met: Counter[int] = Counter()

    def find(self, ask: Ask, headers: Mapping[str, str]) -> Rule | None:
        """Return the first rule that holds, or None for the persona."""
        for index, (rule, pattern) in enumerate(self._rules):
            if not _holds(rule.when, ask, headers) or (pattern is not None and not pattern.search(ask.user_text)):
                continue
            self._met[index] += 1
            if rule.when.call is not None and self._met[index] != rule.when.call:
                continue
            if rule.times is not None and self._met[index] > rule.times:
                continue
            return rule
        return None


def _holds(when: When, ask: Ask, headers: Mapping[str, str]) -> bool:
    return (
        (when.model is None or fnmatchcase(ask.model, when.model))
        and when.dialect in {None, ask.dialect}
        and (when.contains is None or when.contains.lower() in ask.user_text.lower())
        and when.turn in {None, ask.turn}
        and when.stream in {None, ask.stream}
        and when.tools in {None, bool(ask.tools)}
        and when.results in {None, bool(ask.outputs)}
        and all(fnmatchcase(headers.get(name.lower(), ""), value) for name, value in when.header.items())
    )
