"""Tells a reply that declines from one that is merely broken."""

from __future__ import annotations

import re
from typing import Any

_HEAD = 400
"""A refusal says so at once: only the first characters are looked at."""

_REFUSAL = re.compile(
    r"""
    \b(?:i(?:['’]m|\ am)\ (?:really\ |very\ |so\ )?sorry|i\ apologi[sz]e|sorry|unfortunately)\b[^.!?\n]{0,60}
        \b(?:can(?:['’]t|not|\ not)|unable|won['’]t|not\ able|not\ allowed|must\ decline)
    | \bi\ (?:can(?:['’]t|not|\ not)|won['’]t|will\ not|must\ decline|am\ (?:unable|not\ able|not\ allowed))
        \ (?:to\ )?(?:help|assist|comply|provide|do\ (?:that|this)|answer|fulfil|share|continue|process|generate|create|support
            |complete|discuss|engage|participate|produce|carry|respond|reveal|disclose)
    | \bi\ (?:must|have\ to)\ (?:decline|refuse)
    | \bi(?:['’]m|\ am)\ (?:unable|not\ (?:able|allowed|permitted))\ to\b
    | \bas\ an?\ (?:ai|artificial\ intelligence|large\ language|language)\b
    | \b(?:against|violates?)\ (?:my|our|the)\ (?:\w+\ )?(?:guidelines|polic(?:y|ies)|programming|rules)
    | \bich\ kann\ (?:dabei|ihnen|dir|das|diese[rnms]?)?\ ?[^.!?\n]{0,40}nicht\ (?:helfen|beantworten|nachkommen|erfüllen)
    | \bje\ ne\ peux\ pas\b | \bno\ puedo\ (?:ayudar|proporcionar|cumplir|hacer|responder)
    | \bnão\ posso\ (?:ajudar|fornecer|fazer)
    | \bnon\ posso\ (?:aiutar|fornire|rispondere) | 申し訳(?:ありません|ございません)が | (?:我|抱歉).{0,6}(?:无法|不能)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORDS = frozenset({"refusal", "error", "message", "reason", "detail", "refused", "success", "status", "code"})


def refuses(text: str) -> bool:
    """Return whether prose without any JSON declines the task."""
    return _REFUSAL.search(text.strip()[:_HEAD].replace("  ", " ")) is not None


def refuses_in_json(value: Any) -> bool:
    """Return whether a value that fails its schema is a refusal put into JSON, like ``{"error": "I cannot help with that"}``."""
    if isinstance(value, str):
        return refuses(value)
    if not isinstance(value, dict) or not value or not value.keys() <= _WORDS:
        return False
    inner = [one for word in value.values() for one in (word.values() if isinstance(word, dict) else [word])]
    return any(isinstance(one, str) and refuses(one) for one in inner)
