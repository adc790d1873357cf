"""Recorded models: answers out of a file take the place of calls, so that everything else runs as with a live one.

``recorded:PATH#MODEL`` names one model of a file, ``recorded:PATH`` the only one in it, ``recorded:PATH#*`` all of them. PATH is
a Parquet or JSON lines file of answers, a folder that ``pointsman replay`` wrote, or a file of whole conversations (tau-bench,
Schema-Guided Dialogue, lists of messages) whose agent is the model.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pointsman.domain.message import Message
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, UsageError
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.cases import Case
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.reader import ConversationFile
from pointsman.evaluation.importers.rows_of import Row, rows_of
from pointsman.evaluation.importers.seam import ToolBook
from pointsman.evaluation.importers.tau import Tau
from pointsman.evaluation.importers.tau2 import is_tau2, tau_rows
from pointsman.evaluation.importers.turn_cases import shipped_of
from pointsman.evaluation.recorded_rows import answer_of, case_of_row, model_of_row, repeat_of_row
from pointsman.evaluation.run_log import NOT_RECORDED, read_head

PREFIX = "recorded:"
_CHUNK = 1 << 20


class Shelf:
    """Answers by case and repeat, in a temporary file: their number costs no memory."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pointsman-recorded-")
        self._db = sqlite3.connect(Path(self._folder.name) / "answers.db", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE answer (model TEXT, case_id TEXT, repeat INTEGER, data BLOB, PRIMARY KEY (case_id, model, repeat))"
            " WITHOUT ROWID"
        )

    def fill(self, rows: Iterable[tuple[str, str, int, bytes]]) -> None:
        """Keep rows of model, case id, repeat and the row itself; of two for one place the first counts."""
        self._db.executemany("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?)", rows)
        self._db.commit()

    def models(self) -> dict[str, int]:
        """Return how many answers each model has."""
        return dict(self._db.execute("SELECT model, count(*) FROM answer GROUP BY model ORDER BY model"))

    def find(self, model: str, case_id: str, repeat: int) -> bytes | None:
        """Return the row; None where this repeat was not recorded: one answer is no evidence of a second."""
        row = self._db.execute(
            "SELECT data FROM answer WHERE case_id = ? AND model = ? AND repeat = ?", (case_id, model, repeat)
        ).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()


class RecordedAnswers:
    """One model of a file of answers."""

    origin: Origin = "recorded"

    def __init__(self, shelf: Shelf, model: str, settings: str) -> None:
        self.name = model
        self.settings = settings
        self._shelf = shelf

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: object = None) -> Answer:  # noqa: ARG002 - its turn, unpaid
        """Return the recorded answer; an answer with an error where the file holds none."""
        data = self._shelf.find(self.name, case.id, repeat)
        if data is None:
            return Answer(case.id, self.name, repeat, "recorded", error=NOT_RECORDED)
        try:
            found = answer_of(msgspec.json.decode(data))
        except (PointsmanError, msgspec.MsgspecError) as error:
            return Answer(case.id, self.name, repeat, "recorded", error=f"unreadable: {error}"[:200])
        # Taken over from a run, an answer keeps where it came from: its latency was measured there.
        return msgspec.structs.replace(found, case_id=case.id, model=self.name, repeat=repeat)


class RecordedConversations:
    """The agent of whole conversations: asked at any point of one, it says again what it said there."""

    origin: Origin = "recorded"

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.settings = fingerprint(path)
        self._conversations = {one.id: one for one in _conversations(path)}

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: object = None) -> Answer:  # noqa: ARG002 - unpaid
        """Return what the agent said after ``turn``: nothing at the recording's end, an error where it went on otherwise."""
        conversation = self._conversations.get(case.id.rpartition("#")[0] or case.id)
        place = len(turn.messages)
        known = () if conversation is None else conversation.messages
        if not known or known[:place] != turn.messages or (place < len(known) and known[place].role != "assistant"):
            return Answer(case.id, self.name, repeat, "recorded", error=NOT_RECORDED)
        # A run may end with a tool's result, a transfer to a person for instance: the agent had no more to say.
        message = known[place] if place < len(known) else Message("assistant", ())
        return msgspec.structs.replace(shipped_of(case, message), model=self.name, repeat=repeat)


def open_recorded(text: str, shelves: dict[str, Shelf]) -> list[RecordedAnswers | RecordedConversations]:
    """Return the models that ``recorded:PATH[#MODEL]`` names. ``shelves`` keeps what was read, for the next name of that file.

    Raises:
        UsageError: there is no such file, it holds no answers, or not of this model.
    """
    given = text.removeprefix(PREFIX)
    name, _, wanted = given.rpartition("#") if "#" in given and not Path(given).exists() else (given, "", "")
    path = Path(name)
    if not path.exists():
        raise UsageError(f"{text}: there is no {path}. Write recorded:PATH or recorded:PATH#MODEL.")
    if path.is_file() and _holds_conversations(path):
        return [RecordedConversations(path, wanted or path.stem)]
    if path.is_dir() and read_head(path).mode == "free":
        raise UsageError(f"{text}: {path} ran freely: its answers belong to its own way through the conversations.")
    file = path / "answers.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{text}: {path} is no folder that `pointsman replay` wrote: it has no answers.jsonl.")
    shelf = shelves.get(name)
    if shelf is None:
        shelf = shelves[name] = Shelf()
        shelf.fill(_rows(file))
    models = shelf.models()
    chosen = (
        list(models) if wanted == "*" or (not wanted and len(models) == 1) else [wanted] if wanted in models else []
    )
    if not chosen:
        some = ", ".join([*models][:8]) + (f" and {len(models) - 8} more" if len(models) > 8 else "")  # noqa: PLR2004 - a line
        if not models:
            raise UsageError(f"{path} holds no answers: its rows need case_id, and text, tool_calls, raw or error.")
        what = f"has no model {wanted[:80]!r}" if wanted else "holds several models: write recorded:PATH#MODEL"
        raise UsageError(f"{path} {what}. There are: {some}.")
    mark = fingerprint(file)
    return [RecordedAnswers(shelf, model, mark) for model in chosen]


def _rows(path: Path) -> Iterator[tuple[str, str, int, bytes]]:
    for row in rows_of(path):
        data = row.data
        if data is None:
            continue
        inner = data.get("answer")
        data = inner if isinstance(inner, dict) else data
        case_id = case_of_row(data)
        if case_id:
            yield model_of_row(data, path.stem), case_id, repeat_of_row(data), msgspec.json.encode(data)


def _holds_conversations(path: Path) -> bool:
    first = _first(path).data
    if first is None or case_of_row(first):
        return False
    return is_tau2(first) or isinstance(first.get("messages", first.get("traj")), list)


def _first(path: Path) -> Row:
    return next((row for row in rows_of(path) if row.data is not None), Row(""))


def _conversations(path: Path) -> Iterator[Conversation]:
    """Yield the conversations of a file: JSON lines of any kind, or one document of tau-bench or tau2-bench results."""
    first = _first(path)
    if first.place.startswith("line") and first.data is not None and not is_tau2(first.data):
        yield from (line.conversation for line in ConversationFile(path).lines() if line.conversation)
        return
    reader = Tau()
    for row in rows_of(path):
        if row.data is not None:
            runs = tau_rows(row.data) if is_tau2(row.data) else iter([(dict(row.data), None)])
            yield from (reader.read(one, ToolBook(), policy) for one, policy in runs)


def fingerprint(path: Path) -> str:
    """Return 12 hex digits of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()[:12]
