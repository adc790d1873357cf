"""Declines the task: the model will not or cannot, without a reason of the business.

"I can't help with that" is a refusal; "this fare cannot be refunded, but I can offer a voucher" is an answer. Where the case's
own reference reply declines, declining is right; where the gold is to call nothing, there is no say.
"""

from __future__ import annotations

import re
from typing import Final

from pointsman.contracts.refusals import refuses
from pointsman.domain.message import Refusal as RefusalPart
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of

_REVISION: Final = 1
_LONGEST: Final = 600
_FLAT: Final = re.compile(
    r"\b(?:as an?|i(?:['’]m| am) (?:just |only )?an?) (?:ai|artificial intelligence|large language|language|virtual"
    r"|automated)\b[^.!?]{0,80}"
    r"\b(?:can(?:['’]t|not| not)|unable|don['’]t|do not|not able|not allowed|no access)"
    r"|\bi (?:can(?:['’]t|not| not)|won['’]t|will not|am (?:unable|not able) to) (?:help|assist|comply|fulfil+"
    r"|engage|continue|discuss"
    r"|answer|respond|participate)\b|\bi(?:['’]m| am) (?:unable|not able|not allowed|not permitted) to (?:help"
    r"|assist|comply|fulfil+|engage"
    r"|continue|discuss|answer|respond)\b|\b(?:against|violates?) (?:my|our) (?:\w+ )?(?:guidelines|programming"
    r"|rules|instructions)\b"
    r"|\bi (?:must|have to) (?:decline|refuse)\b|\bnot something i(?:['’]m| am)? (?:can|able|allowed|comfortable)"
    r"|\bi(?:['’]m| am) not comfortable\b|\bi (?:would|['’]d) (?:rather|prefer) not\b"
    r"|\b(?:sorry|unfortunately|apologi[sz]e)\b[,;:]?(?: but)? (?:i|we) can(?:['’]t|not| not) (?:do|help|assist"
    r"|process|handle|answer) (?:that|this|with that"
    r"|with this|you|your request|this request)\b|\b(?:outside|beyond) (?:of )?(?:my|what i) (?:scope|abilit(?:y"
    r"|ies)|capabilit(?:y|ies)|can)\b"
    r"|\b(?:dabei|damit|das) kann ich (?:ihnen |dir )?(?:leider )?nicht\b|\bich kann (?:ihnen|dir) (?:dabei|damit"
    r"|hierbei) (?:leider )?nicht\b"
    r"|\bje ne peux pas (?:vous aider|répondre|faire cela)|\bno puedo (?:ayudar|responder|hacer eso)"
    r"|\bnão posso ajudar|\bnon posso aiutar",
    re.IGNORECASE,
)
_REASON: Final = re.compile(
    r"\b(?:because|since|as (?:the|your|it|this)|due to|polic(?:y|ies)|non-?refundable|already|expired|deadline"
    r"|within|window|eligible"
    r"|fare|warranty|shipped|delivered|until|verif(?:y|ied|ication)|identity|without (?:your|the|a)|need (?:your|the"
    r"|you|to)|require[sd]?|stock"
    r"|sold out|not available|minimum|maximum|limit)\b",
    re.IGNORECASE,
)
_HELPS: Final = re.compile(
    r"\b(?:but|however|instead|what i can do|alternatively|in the meantime)\b[^.!?]{0,40}\b(?:i|we|you) (?:can|could"
    r"|will|would|['’]ll|may)\b(?!['’]t| not)"
    r"|\bplease (?:provide|share|send|give|confirm|tell)\b|\b(?:could|can|would) you (?:please )?(?:provide|share"
    r"|send|give|confirm|tell)\b",
    re.IGNORECASE,
)


class Refusal:
    """Kind: refusal."""

    name = "refusal"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade whether the answer does anything of what was asked."""
        reply = answer.reply
        if reply is None or (case.gold is not None and case.gold.kind == "no_call"):
            return self._marks.none()
        if reply.tool_calls:
            return self._marks.passed()
        said = any(type(part) is RefusalPart for part in reply.parts) or reply.stop_reason == "refusal"
        if not said and not declines(reply.text):
            return self._marks.passed() if reply.text.strip() else self._marks.none()
        if case.gold is not None and case.gold.kind == "reply" and declines(case.gold.reply):
            return self._marks.passed("the reference reply declines too")
        return self._marks.failed("refusal", reply.text.strip()[:120] or "the provider reported a refusal")


def declines(text: str) -> bool:
    """Tell whether a text declines flatly: no reason of the business, no other help, no question back."""
    head = text.strip()[:_LONGEST]
    if _FLAT.search(head) is not None:
        return _HELPS.search(head) is None
    return refuses(head) and _REASON.search(head) is None and _HELPS.search(head) is None
