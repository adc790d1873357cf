"""A small replay for the demo's dashboard: turns of its last hours, answered again by two simulated models.

What was shipped counts as right. Each model says the same again, but for a few turns drawn by chance, in which it calls with a
wrong argument, calls where nothing was to be called, or says something where a call was due. So there are flips to look at. It
says nothing of real models, and the page says so, since every answer is marked as simulated.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.message import Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.case_file import HEAD, CaseIndex, encode_case
from pointsman.evaluation.cases import Case
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.importers.cases_store import store_rows
from pointsman.evaluation.replaying import Pays, Replay
from pointsman.evaluation.run_log import RunHead, RunLog
from pointsman.store import Store

RUN: Final = "simulated-week"
MODELS: Final = ("google/gemini-3.5-flash", "anthropic/claude-haiku-4-5")
"""The first is what the demo's policy asks for tools; the second, of the small tier, is the candidate."""
CASES: Final = 300
_WRONG: Final = {MODELS[0]: 0.03, MODELS[1]: 0.06}
_PACE: Final = {MODELS[0]: (620.0, 1900.0), MODELS[1]: (390.0, 1200.0)}
"""First token and whole answer in ms (median): made up."""


class Again:
    """A simulated model: what was shipped, now and then wrong. ``rates`` None: its price is unknown."""

    origin: Origin = "simulated"
    settings = "demo"

    def __init__(self, name: str, shipped: Mapping[str, Answer], rates: Rates | None) -> None:
        self.name = name
        self._shipped = shipped
        self._rates = rates

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: Pays) -> Answer | None:
        """Return the shipped reply, or a wrong one. Costs nothing, so ``pays`` is not told."""
        del turn, pays
        chance = random.Random(f"{self.name}:{case.id}:{repeat}")  # noqa: S311 - made-up answers, no secret
        shipped = self._shipped[case.id]
        wrong = chance.random() < _WRONG[self.name]
        usage = shipped.usage
        cost: Decimal | None = None if usage is None or self._rates is None else self._rates.cost(usage)
        first, whole = (median * chance.lognormvariate(0, 0.3) for median in _PACE[self.name])
        return msgspec.structs.replace(
            shipped,
            model=self.name,
            repeat=repeat,
            origin=self.origin,
            reply=_mistaken(shipped.reply, case, self.name) if wrong and shipped.reply else shipped.reply,
            cost_usd=cost,
            ttft_ms=first,
            latency_ms=max(first, whole),
        )


async def replay_week(store: Store, folder: Path, since_us: int, rates: Mapping[str, Rates | None]) -> int:
    """Replay turns of the store since then on both models, into ``folder``; return how many cases there were.

    The cases stand beside the folder of the run, as ``simulated-week.jsonl``.
    """
    cases = folder / f"{RUN}.jsonl"
    shutil.rmtree(folder / RUN, ignore_errors=True)  # of an earlier demo on this store: its cases were others
    shipped = _write_cases(store, cases, since_us)
    if not shipped:
        return 0
    strict = grader("strict")
    with CaseIndex(cases) as index:
        head = RunHead(
            cases_file=str(cases),
            version=index.version,
            cases=len(index),
            total=index.total,
            mode="fixed",
            models=MODELS,
            repeats=1,
            grader=f"{strict.name}@{strict.version}",
        )
        with RunLog(folder / RUN, head) as log:
            sources = [Again(model, shipped, rates.get(model)) for model in MODELS]
            await Replay(index=index, sources=sources, log=log, grader=strict).run()
        return len(index)


def _write_cases(store: Store, path: Path, since_us: int) -> dict[str, Answer]:
    """Write the cases and return what was shipped in each, by its id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = (one for row in store_rows(store, since_us, recorded_gold=True) for one in row.found)
    known = ((one.case, one.shipped) for one in found if one.case.gold is not None and one.shipped is not None)
    shipped: dict[str, Answer] = {}
    with path.open("wb") as stream:
        stream.write(HEAD)
        for case, answer in islice(known, CASES):
            stream.write(encode_case(case))
            shipped[case.id] = answer
    return shipped


def _mistaken(reply: Reply, case: Case, model: str) -> Reply:
    calls = reply.tool_calls
    if not calls:
        name = case.turn.tools[0].name if case.turn.tools else "look_up"
        return Reply("", model, (ToolCall("again", name, "{}"),), "tool_use")
    arguments = msgspec.json.decode(calls[0].arguments or "{}")
    key = next((name for name, value in arguments.items() if isinstance(value, str) and value), None)
    if key is None:
        return Reply("", model, (Text("One moment, I will look into it."),), "end_turn")
    arguments[key] = arguments[key][:-1] + ("0" if arguments[key][-1] != "0" else "1")
    wrong = msgspec.structs.replace(calls[0], arguments=msgspec.json.encode(arguments).decode())
    return Reply("", model, (wrong, *calls[1:]), "tool_use")
