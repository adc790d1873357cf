"""BFCL mode: the verdicts of the Berkeley function-calling leaderboard, for numbers that compare with published ones."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_bfcl import Fault, Wants, calls_fault, wants_of
from pointsman.evaluation.grading_calls import WrittenCalls, calls_of
from pointsman.evaluation.grading_seam import Marks, version_of

_REVISION: Final = 2
_KINDS: Final = {
    "wrong_func_name": "wrong_tool",
    "missing_required": "missing_argument",
    "missing_optional": "missing_argument",
    "unexpected_param": "invented_argument",
    "type_error": "wrong_type",
    "value_error": "wrong_value",
    "dict_checker": "wrong_value",
    "list_dict_checker": "wrong_value",
    "unreadable": "unreadable_call",
}


class Bfcl:
    """Grades calls as bfcl-eval 2026.3.23 does. Of calls written as text in Java or JavaScript it has no say.

    ``flattened``: natively asked calls may write ``_`` for the dots of a name, as most providers' APIs demand.
    """

    name = "bfcl"

    def __init__(self, *, flattened: bool = True) -> None:
        self._flattened = flattened
        self.version = version_of(_REVISION, flattened=flattened)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the calls of one answer. The text holds BFCL's own error type."""
        if case.gold is None:
            return self._marks.none()
        try:
            wants = wants_of(case.gold, case.turn.tools)
        except msgspec.ValidationError as error:
            return self._marks.none(f"the case's gold cannot be read: {error}")
        if wants is None or (wants.language != "python" and answer.text_calls is not None):
            return self._marks.none()
        written = calls_of(answer)
        if written is None:
            return self._marks.failed("no_answer", answer.error or "no reply")
        return (
            self._relevance(wants, written)
            if wants.mode in ("irrelevance", "relevance")
            else self._calls(wants, written)
        )

    def _relevance(self, wants: Wants, written: WrittenCalls) -> Grade:
        made = bool(written.calls) and all(isinstance(call.arguments, dict) for call in written.calls)
        if made == (wants.mode == "relevance"):
            return self._marks.passed()
        if made:
            return self._marks.failed("call_not_wanted", "irrelevance_error:decoder_success")
        return self._marks.failed("missing_call", "relevance_error:decoder_failed")

    def _calls(self, wants: Wants, written: WrittenCalls) -> Grade:
        if written.problem is not None:
            return self._marks.failed("unreadable_call", f"ast_decoder:decoder_failed {written.problem}")
        broken = next((call for call in written.calls if not isinstance(call.arguments, dict)), None)
        if broken is not None:
            return self._marks.failed("unreadable_call", f"ast_decoder:decoder_failed {broken.problem}")
        calls = [(call.name, call.arguments) for call in written.calls]
        fault = calls_fault(wants, calls, flattened=self._flattened and written.native)
        if fault is None:
            return self._marks.passed()
        return self._marks.failed(
            _kind(fault, len(calls) - len(wants.answers)), f"{fault.error_type} {fault.text}".strip()
        )


def _kind(fault: Fault, surplus: int) -> str:
    if fault.error_type.endswith("wrong_count"):
        return "extra_call" if surplus > 0 else "missing_call"
    inner = fault.text if fault.error_type.endswith("cannot_find_match") else fault.error_type
    return next((kind for word, kind in _KINDS.items() if word in inner), "wrong_value")
