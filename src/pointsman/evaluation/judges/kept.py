"""What judges answered, kept in a folder: each answer is written before the next question, so that none is paid for twice."""

from __future__ import annotations

import contextlib
import fcntl
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.judges.model_judge import UNREADABLE, Asked
from pointsman.evaluation.run_log import Lines

FILE = "judged.jsonl"


class JudgedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file: an answer under its key, or the note that a paid call is on its way."""

    key: str
    asked: Asked | None = None
    sent_usd: Decimal | None = None
    sent: bool = False


_LINE = msgspec.json.Decoder(JudgedLine)


class JudgeLog:
    """The answers of judges on one run. One process at a time may have it open.

    A provider's failure is not kept as an answer: it is asked again the next time. An answer that could not be read is kept,
    since the same model would be asked the same again.

    Raises:
        UsageError: the folder is in use or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.pending: dict[str, Decimal | None] = {}
        """Paid calls that were on their way when an earlier process ended, with what each could have cost (None: unknown)."""
        self._known: dict[str, Asked] = {}
        self.spent = Decimal(0)
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context((folder / "judged.lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lines = Lines(folder / FILE)
            except BlockingIOError:
                raise UsageError(
                    f"{folder}: another `pointsman judge` is at work here. Wait for it, or stop it."
                ) from None
            except OSError as error:
                raise UsageError(f"{folder}: cannot be written: {error.strerror}.") from error
            stack.callback(self._lines.close)
            for _, raw in self._lines.scan():
                self._take(raw)
            self._open = stack.pop_all()

    def _take(self, raw: bytes) -> None:
        try:
            line = _LINE.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if line.asked is None:
            self.pending[line.key] = line.sent_usd
            return
        self.pending.pop(line.key, None)
        self.spent += line.asked.cost_usd or 0
        if line.asked.error in (None, UNREADABLE):
            self._known[line.key] = line.asked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def find(self, key: str) -> Asked | None:
        """Return the answer kept under ``key``."""
        return self._known.get(key)

    def sent(self, key: str, worst: Decimal | None) -> None:
        """Note that a paid call is about to be made."""
        self._lines.add(msgspec.json.encode(JudgedLine(key, sent_usd=worst, sent=True)))

    def keep(self, key: str, asked: Asked) -> None:
        """Keep an answer."""
        self._lines.add(msgspec.json.encode(JudgedLine(key, asked)))
        self.spent += asked.cost_usd or 0
        if asked.error in (None, UNREADABLE):
            self._known[key] = asked
