"""Whole conversations as cases: Schema-Guided Dialogue, tau-bench runs, and plain lists of messages."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.domain.message import JsonObject, Message
from pointsman.errors import RequestError
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.openai_jsonl import OpenAIJsonl
from pointsman.evaluation.importers.seam import Row
from pointsman.evaluation.importers.sgd import Sgd
from pointsman.evaluation.importers.tau import Tau
from pointsman.evaluation.importers.tau2 import is_tau2, tau_rows
from pointsman.evaluation.importers.turn_cases import gold_of_message, open_case, run_case, turn_cases


class SgdCases:
    """Schema-Guided Dialogue: every turn of the system is a case; its gold are the data set's own service calls."""

    name = "sgd"

    def __init__(self) -> None:
        self._reader = Sgd()

    def recognises(self, row: Row) -> bool:
        """As the reader of conversations."""
        return self._reader.recognises(row)

    def companions(self, row: Row) -> Mapping[str, str]:
        """Name the file of tool schemas."""
        return self._reader.companions(row)

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one dialogue."""
        conversation = self._reader.read(row, wanted.book, wanted.system)
        gold = row.get("gold_calls")
        if gold is None:
            gold = []
        if not isinstance(gold, list) or not all(isinstance(one, dict) for one in gold):
            raise RequestError("gold_calls must be a list of calls", param="gold_calls")
        # The reader may have put a system message in front: indices of the data set's are from its own first message.
        shift = len(conversation.messages) - len(row["messages"])
        by_place: dict[int, list[JsonObject]] = {}
        for one in gold:
            if isinstance(one.get("message_index"), int) and isinstance(one.get("name"), str):
                by_place.setdefault(one["message_index"] + max(shift, 0), []).append(one)
        services = row.get("services")
        tags = {"service": str(services[0])} if isinstance(services, list) and services else {}
        if wanted.grain == "runs":
            case = run_case(conversation, None, tags)
            return [] if case is None else [Found(case)]
        return list(turn_cases(conversation, lambda place, message: _sgd_gold(by_place.get(place), message), tags))


def _sgd_gold(calls: list[JsonObject] | None, message: Message) -> Gold:
    if not calls:
        return gold_of_message(message)
    return Gold(
        "calls",
        calls=tuple(
            GoldCall(
                one["name"],
                {str(name): (value,) for name, value in (one.get("arguments") or {}).items()},
                writes=one["transactional"] if isinstance(one.get("transactional"), bool) else None,
            )
            for one in calls
        ),
    )


class TauCases:
    """tau-bench and tau2-bench: a run is a case, its tape answers the calls. The reward is the run's own, not another run's."""

    name = "tau"

    def __init__(self) -> None:
        self._reader = Tau()

    def recognises(self, row: Row) -> bool:
        """Tell by the marks of a run, or by the simulations of a whole file."""
        return is_tau2(row) or self._reader.recognises(row)

    def companions(self, row: Row) -> Mapping[str, str]:
        """Name the tools and the policy of the row's domain."""
        return {} if is_tau2(row) else self._reader.companions(row)

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one run, or all of a file."""
        if not is_tau2(row):
            return self._run(row, wanted, wanted.system)
        return [found for one, policy in tau_rows(row) for found in self._run(one, wanted, policy or wanted.system)]

    def _run(self, row: Row, wanted: Wanted, system: str | None) -> list[Found]:
        conversation = self._reader.read(row, wanted.book, system)
        domain, task, trial = str(row.get("domain", "task")), row.get("task_id"), row.get("trial", 0)
        tags = {"domain": domain} | ({"task": str(task), "trial": str(trial)} if task is not None else {})
        # Trials of one task are no independent evidence: together they are one cluster.
        group = f"tau-{domain}-{task}" if task is not None else conversation.id
        if wanted.grain == "turns":
            recorded = wanted.recorded_gold
            found = turn_cases(conversation, lambda _, one: gold_of_message(one) if recorded else None, tags)
            return [msgspec.structs.replace(one, case=_of(one.case, group)) for one in found]
        case = run_case(conversation, _tau_gold(row), tags)
        return [] if case is None else [Found(_of(case, group))]


def _of(case: Case, group: str) -> Case:
    return msgspec.structs.replace(case, conversation_id=group)


def _tau_gold(row: Row) -> Gold | None:
    reward, actions = row.get("reward"), row.get("gold_actions")
    if not isinstance(reward, int | float) or isinstance(reward, bool):
        return None
    kept = actions if isinstance(actions, list) else []
    return Gold("reply", oracle={"benchmark": "tau-bench", "recorded_reward": reward, "actions": kept})


class MessageCases:
    """Plain lists of messages: every turn of the agent is a case; without one, the end of the list is."""

    name = "messages"

    def __init__(self) -> None:
        self._reader = OpenAIJsonl()

    def recognises(self, row: Row) -> bool:
        """Any object with a list of messages will do."""
        return self._reader.recognises(row)

    def companions(self, row: Row) -> Mapping[str, str]:
        """Name no other file."""
        return self._reader.companions(row)

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one conversation."""
        conversation = self._reader.read(row, wanted.book, wanted.system)
        if wanted.grain == "runs":
            case = run_case(conversation, None, {})
            return [] if case is None else [Found(case)]
        recorded = wanted.recorded_gold
        found = list(turn_cases(conversation, lambda _, one: gold_of_message(one) if recorded else None, {}))
        if not found:
            found = [Found(open_case(conversation))]
        return found
