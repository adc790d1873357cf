"""Flipped cases with what both arms said to them: read out of the runs' folders and their case file, a few at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.case_file import read_cases
from pointsman.evaluation.cases import Case
from pointsman.evaluation.free_run import run_free
from pointsman.evaluation.gate import Flip, Gate
from pointsman.evaluation.gate_arms import Arm
from pointsman.evaluation.run_log import Logged, read_grades

_CASE_BYTES: Final = 12
"""Hex digits of a case's content that a grade keeps."""


class Side(msgspec.Struct, frozen=True):
    """One arm's answer to a flipped case: of the first repeat that went the way the flip tells. None: not to be found."""

    model: str
    share: float
    answer: Answer | None


class FlipView(msgspec.Struct, frozen=True):
    """A flipped case to look at. ``case`` is None where the case file is gone, or the case in it is another by now."""

    flip: Flip
    lost: bool
    case: Case | None
    old: Side
    new: Side


class FlipViews(msgspec.Struct, frozen=True):
    """The first flips, lost ones first, the worst at the top. ``missing`` says why a conversation is not shown."""

    views: tuple[FlipView, ...]
    missing: str = ""


class _Who(msgspec.Struct, frozen=True):
    case_id: str
    model: str
    repeat: int


class _Line(msgspec.Struct, frozen=True):
    answer: _Who | None = None


_WHO = msgspec.json.Decoder(_Line)
_LOGGED = msgspec.json.Decoder(Logged)


def flip_views(gate: Gate, old: Arm, new: Arm, most: int, cases: Path | None = None) -> FlipViews:
    """Return the first ``most`` flips. ``cases`` is where the case file is now; None: where it was when the run was made."""
    chosen = [(flip, True) for flip in gate.lost[:most]]
    chosen += [(flip, False) for flip in gate.gained[: most - len(chosen)]]
    if not chosen:
        return FlipViews(())
    wanted = {flip.case: lost for flip, lost in chosen}
    path = _case_file(new) if cases is None else cases
    found, missing = _cases(path, {flip.case: new.cases[flip.case].content for flip, _ in chosen})
    sides = [_answers(arm, _repeats(arm, wanted, passed=passed)) for arm, passed in ((old, True), (new, False))]
    views: list[FlipView] = []
    for flip, lost in chosen:
        case = found.get(flip.case)
        told = [_told(logged.get(flip.case, []), case, arm) for logged, arm in zip(sides, (old, new), strict=True)]
        before, after = Side(old.model, flip.before, told[0]), Side(new.model, flip.after, told[1])
        views.append(FlipView(flip, lost, case, before, after))
    return FlipViews(tuple(views), missing)


def _case_file(arm: Arm) -> Path:
    """Return where the case file is: as the run names it, else beside the run, whoever reads it from wherever."""
    told = Path(arm.head.cases_file)
    beside = Path(arm.folder).parent / told.name
    return beside if not told.is_file() and beside.is_file() else told


def _cases(path: Path, wanted: Mapping[str, str]) -> tuple[dict[str, Case], str]:
    """Return the cases (id -> case) whose content is still what was asked."""
    if not path.is_file():
        return {}, f"the case file {path} is not there; name it with --cases FILE"
    found: dict[str, Case] = {}
    for line in read_cases(path):
        if line.case is not None and line.case.id in wanted and line.case.id not in found:
            found[line.case.id] = line.case
            if len(found) == len(wanted):
                break
    same = {
        name: case for name, case in found.items() if case.content.hex()[:_CASE_BYTES] == wanted[name][:_CASE_BYTES]
    }
    return same, "" if len(same) == len(wanted) else f"some cases of {path} have changed since the run"


def _repeats(arm: Arm, wanted: Mapping[str, bool], *, passed: bool) -> dict[str, int]:
    """Return the repeat to show of each case: the first that passed, or did not (the other way round for a gained case)."""
    found: dict[str, int] = {}
    for row in read_grades(Path(arm.folder)):
        if row.model != arm.model or row.case not in wanted or row.passed is None:
            continue
        shows = row.passed is (passed if wanted[row.case] else not passed)
        if shows and row.repeat < found.get(row.case, 1_000_000):
            found[row.case] = row.repeat
    return found


def _answers(arm: Arm, repeats: Mapping[str, int]) -> dict[str, list[Answer]]:
    """Return what was logged for each case, in the order in which it was said."""
    found: dict[str, list[Answer]] = {}
    file = Path(arm.folder) / "answers.jsonl"
    if not file.is_file():
        return found
    with file.open("rb") as stream:
        for line in stream:
            try:
                who = _WHO.decode(line).answer
                if who is None or who.model != arm.model or repeats.get(who.case_id) != who.repeat:
                    continue
                answer = _LOGGED.decode(line).answer
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if answer is not None:
                found.setdefault(answer.case_id, []).append(answer)
    return found


def _told(logged: Sequence[Answer], case: Case | None, arm: Arm) -> Answer | None:
    """Return the answer: the last of its tries, or, where the model ran on freely, its steps put together again."""
    if arm.head.mode != "free" or case is None:
        return logged[-1] if logged else None
    steps = iter(logged)

    async def said(_: Turn, __: bytes) -> Answer | None:
        return next(steps, None)

    running = run_free(case, said)
    try:
        # Nothing in it waits: the steps are here already.
        running.send(None)
    except StopIteration as done:
        whole: Answer | None = done.value
        return whole or (logged[-1] if logged else None)
    finally:
        running.close()
    return None
