"""Passwords, codes and keys in a text: where their value stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_I: Final = re.IGNORECASE
# What follows "the password is" in a sentence that gives none away.
_NO_VALUE: Final = (
    r"(?!\[[A-Z_]+_[b-t]{8}]|(?:not|n't|wrong|incorrect|expired|invalid|blocked|locked|too|required|falsch|the|a|an|being|no|asked"
    r"|never|still|always|correct|reset|gone|lost|rejected|refused|unknown|weak|old|different|nicht|and|but|my|in|for|on|at|it"
    r"|already|working|stolen|what|where|ok|okay|fine|set|sent|needed|just|also|now|so|safe|secure|hidden|strong|used|to|that|this"
    r"|or|[a-z]{2,12}ed)\b)"
)
_PASSWORD: Final = re.compile(
    r"\b(?:password|passwort|passcode|passphrase|passwd|contraseña|mot de passe|wachtwoord|senha|pwd)\b[\"'”]?"
    rf"(?: for [\w ]{{1,30}}?)?\s*(?:is|was|:|=|ist|lautet|es|est|è|é)\s*[\"'“]?(?P<value>{_NO_VALUE}[^\s\"'”,;]{{3,}})"
    r"|\b(?:password|passwort|passcode|passwd|contraseña|wachtwoord|senha|pwd)\s(?:[-–]\s)?[\"'“]?"
    r"(?P<bare>(?=[^\s\"'”,;]{0,40}\d)(?=[^\s\"'”,;]{0,40}[a-z])(?!\[)[^\s\"'”,;]{6,})"
    r"|\b(?:pin|cvv2?|cvc2?|otp|security code|verification code|one[- ]time (?:code|password|pin|passcode))\b[\"'”]?"
    r"(?: code| number)?(?: for [\w ]{1,30}?)?\s*(?:is|was|:|=|ist|es|est|è|é)?\s*[\"'“]?(?P<short>\d{3,8})\b",
    _I,
)
PASSWORD_CUES: Final = (
    *("passw", "passc", "passp", "contras", "mot de", "wachtw", "senha", "pwd"),
    *("pin", "cvv", "cvc", "otp", "security code", "verification", "one-time", "one time"),
)
"""One of these stands in every text that gives a password away, in small letters."""

_NAMED: Final = (
    r"(?:api[ _-]?key|access[ _-]?(?:key|token)|auth(?:entication)?[ _-]?token|refresh[ _-]?token|session[ _-]?token"
    r"|(?:client[ _-]?)?secret(?:[ _-]?(?:access[ _-]?)?key)?|private[ _-]?key|bearer|authorization)"
)
_SECRET: Final = re.compile(
    r"\b(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|ant[-_]|proj[-_])?[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bgithub_pat_\w{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bglpat-[\w-]{16,}"
    r"|\b(?:gsk|hf|npm)_[A-Za-z0-9]{20,}|\bxai-[A-Za-z0-9]{20,}"
    r"|\bpm_live_[a-z0-9]{10}_[\w-]{20,}|(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
)
_NAMED_SECRET: Final = re.compile(
    rf"(?<![A-Za-z]){_NAMED}\b[\"']?\s*(?:is|:|=)?\s*(?:bearer|basic)?\s*[\"']?"
    r"(?P<value>(?=[\w./+~=-]{0,60}[0-9])(?=[\w./+~=-]{0,60}[A-Za-z])[\w./+~=-]{12,})",
    _I,
)
NAMED_CUES: Final = ("key", "token", "secret", "bearer", "authorization")
"""One of these stands in every text that says of a value that it is a key, in small letters."""
_STARTS: Final = ("AKIA", "AIza", "eyJ")
# The other keys have a prefix that ends in a dash or a line.
_DASHED: Final = ("sk", "pk", "rk", "glpat", "xoxa", "xoxb", "xoxp", "xoxr", "xoxs", "xai")
_LINED: Final = ("sk", "pk", "rk", "ghp", "gho", "ghu", "ghs", "ghr", "github_pat", "pm_live", "gsk", "hf", "npm")


def passwords(text: str) -> Iterator[tuple[int, int]]:
    """Yield where passwords and codes stand."""
    for found in _PASSWORD.finditer(text):
        yield found.span(found.lastgroup or 0)


def may_hold_secret(text: str) -> bool:
    """Return whether ``secrets`` may find a key in a text: splits and look-ups in C."""
    if "-" in text and ("-----BEGIN" in text or any(part.endswith(_DASHED) for part in text.split("-"))):
        return True
    if "_" in text and _heads(text):
        return True
    return any(start in text for start in _STARTS)


def _heads(text: str) -> bool:
    before = ""
    for part in text.split("_"):
        before = f"{before}_{part}"[-12:]
        if before.endswith(_LINED):
            return True
    return False


def secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where keys and tokens stand that are known by their form."""
    for found in _SECRET.finditer(text):
        yield found.span()


def named_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where values stand that are said to be a key or a token."""
    for found in _NAMED_SECRET.finditer(text):
        yield found.span("value")
