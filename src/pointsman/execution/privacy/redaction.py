"""Takes personal data out of everything that is written, before the first write; what cannot be redacted is not written.

A value becomes a typed token such as ``[EMAIL_kdmtcnqr]``. Its letters are a keyed hash: the same value gives the same token
in one store, so turns of one customer can still be joined, and nobody without the key can test a guess. The key lies beside the
store, in a file of its own (``<store>.redaction-key``), or comes from ``POINTSMAN_REDACTION_KEY``.

Redaction is idempotent: a token is never taken for personal data. What it finds is in ``routing.lexicon.identifiers``; base64
content (images, PDFs) is not opened: where ``privacy.redact`` is set, data of attachments is cut out instead.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pointsman.domain.decision import Decision, Exclusion, Reason
from pointsman.domain.record import CheckRecord, Handoff, StepRecord, TurnRecord
from pointsman.errors import StoreError
from pointsman.routing.lexicon.folding import plain
from pointsman.routing.lexicon.kinds import KINDS, Kind
from pointsman.routing.lexicon.people import People
from pointsman.store.rejections import Rejection

_log = logging.getLogger(__name__)

KEY_VARIABLE: Final = "POINTSMAN_REDACTION_KEY"
FAILED: Final = "pointsman.redaction"
_LETTERS: Final = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")
_SAME: Final = re.compile(r"[\W_]+")
_KNOWN_MOST: Final = 4096
_KNOWN_LONGEST: Final = 16 * 1024
_ATTACHMENT: Final = re.compile(r"[A-Za-z0-9+/=_\r\n-]{512,}")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FEW: Final = 40
_CUT: Final = re.compile(r"(?:data:[^,\[]{0,200},)?\[\d{1,12} characters of an attachment, not kept\]")
_FILE_KEYS: Final = frozenset({"media_type", "mime_type", "mimeType", "format", "filename", "file_name"})
_DATA_KEYS: Final = frozenset({"data", "file_data", "fileData"})
_DATA_URL: Final = re.compile(r"^data:[^,]{0,200},")
_ID_KINDS: Final[frozenset[Kind]] = frozenset({"email", "card", "iban", "ssn", "national_id", "phone", "secret"})
_OPAQUE: Final = frozenset(
    {"signature", "state", "origin_state", "encrypted_content", "thought_signature", "thoughtSignature"}
)
_PROVIDERS_WORDS: Final = ("error_text", "request_id", "upstream_model", "stop_reason")
_SEALED: Final[frozenset[Kind]] = frozenset({"email", "card", "iban", "ssn", "national_id", "phone"})
_DEEPEST: Final = 200
_SEARCHED: Final = 2_000_000
"""Characters of one part of a request that are searched; they take a second or two."""
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})


class Redactor:
    """Redacts texts, JSON and records. ``kinds`` are what is taken out; ``key`` makes the tokens of one store its own."""

    def __init__(self, kinds: Iterable[Kind] = KINDS, *, key: bytes, people: People | None = None) -> None:
        # Its patterns take a while to compile: paid only where something is redacted.
        from pointsman.execution.privacy.talk import without_split
        from pointsman.routing.lexicon.identifiers import Finder

        self._kinds = frozenset(kinds)
        self._key = key
        self._finder = Finder(people)
        self._without_split = without_split
        # A history comes again with every turn: what was redacted once need not be searched again.
        # Bodies are known by their hash; what had nothing in it is kept as an empty body.
        self._known: OrderedDict[bytes, tuple[bytes]] = OrderedDict()
        self._door = threading.Lock()

    def text(self, text: str) -> str:
        """Return ``text`` with each find as a token."""
        return self._within(text, "")

    def name(self, text: str) -> str:
        """Return an id that a client chose, fit to be stored: only what has a format of its own is taken out of it."""
        return self._replaced(text, 0, self._kinds & _ID_KINDS)

    def token(self, kind: Kind, value: str) -> str:
        """Return what stands for a value. Spelling does not matter: spaces, dashes and capitals are left out of the hash."""
        folded, _ = self._finder.fold(value)
        same = _SAME.sub("", folded).casefold() if kind != "password" else folded
        code = hashlib.blake2b(f"{kind}\x00{same}".encode("utf-8", "surrogatepass"), key=self._key, digest_size=4)
        return f"[{kind.upper()}_{code.hexdigest().translate(_LETTERS)}]"

    def json_bytes(self, raw: bytes) -> bytes:
        """Return JSON with each find in its strings, numbers and keys as a token; what is no JSON is read as text.

        Bytes without a find come back as they were.
        """
        key = hashlib.blake2b(raw, digest_size=16).digest()
        with self._door:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known[0] or raw
        redacted = self._json(raw)
        if len(redacted) <= _KNOWN_LONGEST:
            with self._door:
                self._known[key] = (b"" if redacted is raw else redacted,)
                if len(self._known) > _KNOWN_MOST:
                    self._known.popitem(last=False)
        return redacted

    def _json(self, raw: bytes) -> bytes:
        try:
            value = msgspec.json.decode(raw)
            if len(raw) > _SEARCHED and _characters(value) > _SEARCHED:
                return msgspec.json.encode(_too_long(value, len(raw)))
        except (msgspec.DecodeError, RecursionError):
            text = raw.decode("utf-8", "replace")
            redacted = self._within(text, "") if len(text) <= _SEARCHED else _too_long(None, len(raw))
            return raw if redacted == text else redacted.encode("utf-8", "replace")
        clean = self.value(value)
        # A key that stands twice loses its first value in decoding: what the raw text still shows must go as well.
        if clean == value and not self._shows(raw):
            return raw
        return msgspec.json.encode(clean)

    def _shows(self, raw: bytes) -> bool:
        text = raw.decode("utf-8", "replace")
        return self.text(text) != text

    def value(self, value: Any, context: str = "", depth: int = 0) -> Any:
        """Return plain data with each find as a token. ``context`` is the key it stands under: "ssn", "password"."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep to be redacted")
        if isinstance(value, str):
            return self._string(value, context, depth)
        if isinstance(value, dict):
            file = not _FILE_KEYS.isdisjoint(value)
            return {
                self.text(str(key)): _cut(item)
                if file and key in _DATA_KEYS and isinstance(item, str)
                else self._under(key, item, depth)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return self._listed(value, context, depth)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int | float):
            shown = str(value)
            redacted = self._within(shown, context)
            return value if redacted == shown else redacted
        return value

    def _listed(self, value: Sequence[Any], context: str, depth: int) -> list[Any]:
        """Redact a list; of a number that is cut into its items, no item is left."""
        if 1 < len(value) <= _FEW and all(isinstance(item, str | int) and len(str(item)) <= _FEW for item in value):
            whole = " ".join(map(str, value))
            for span in self._finder.find(whole):
                if span.kind in {"card", "iban"} & self._kinds and (span.start, span.end) == (0, len(whole)):
                    return [self.token(span.kind, whole)]
        return [self.value(item, context, depth + 1) for item in value]

    def _under(self, key: Any, item: Any, depth: int) -> Any:
        if key in _OPAQUE and isinstance(item, str) and _ATTACHMENT.fullmatch(item):
            # A provider's own sealed state: not text, and worthless when changed.
            return self._replaced(item, 0, self._kinds & _SEALED)
        return self.value(item, str(key), depth + 1)

    def _string(self, text: str, context: str, depth: int) -> str:
        if (data := _DATA_URL.match(text)) or (_ATTACHMENT.fullmatch(text) and " " not in text):
            return _cut(text, data[0] if data else "")
        if text[:1] in "{[" and text[-1:] in "}]":
            # Arguments of tool calls and results of tools are JSON inside JSON.
            try:
                inner = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                return self._within(text, context)
            clean = self.value(inner, context, depth + 1)
            if clean != inner or self.text(text) != text:
                return msgspec.json.encode(clean).decode()
            return text
        return self._within(text, context)

    def _within(self, text: str, context: str) -> str:
        redacted = self._in_context(text, context)
        shown = plain(redacted)
        if shown == redacted:
            return redacted
        # Percent signs, entities and escapes hide something: then they are kept resolved.
        clear = self._in_context(shown, context)
        return redacted if clear == shown else clear

    def _in_context(self, text: str, context: str) -> str:
        if not context or not context.isprintable():
            return self._replaced(text, 0, self._kinds)
        prefix = f"{_CAMEL.sub(' ', context).replace('_', ' ')}: "
        return self._replaced(prefix + text, len(prefix), self._kinds)

    def _replaced(self, text: str, skip: int, kinds: frozenset[Kind]) -> str:
        pieces, at = [], skip
        for span in self._finder.find(text):
            if span.kind in kinds and span.end > skip:
                start = max(span.start, skip)
                pieces += [text[at:start], self.token(span.kind, text[start : span.end])]
                at = span.end
        return "".join((*pieces, text[at:])) if pieces else text[skip:]

    def record(self, record: TurnRecord) -> TurnRecord:
        """Return ``record`` fit to be written. Fails closed: where redaction fails, what clients and models wrote is left out."""
        try:
            return self._record(record)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be written that was not looked through
            _log.error(
                "turn %s: redaction failed (%s); it is kept without its content", record.id, type(error).__name__
            )
            return _without_content(record)

    def _record(self, record: TurnRecord) -> TurnRecord:
        return msgspec.structs.replace(
            record,
            conversation_id=self.name(record.conversation_id),
            requested_model=self.text(record.requested_model),
            decision=self._decision(record.decision),
            steps=tuple(map(self._step, record.steps)),
            request=self._without_split(
                self._finder,
                tuple((name, self.json_bytes(raw)) for name, raw in record.request),
                self._kinds,
                self.token,
            ),
            dropped_params=tuple(map(self.text, record.dropped_params)),
            reply=self.json_bytes(record.reply) if record.reply else b"",
            metadata={self.text(name): self._within(value, name) for name, value in record.metadata.items()},
            handoffs=tuple(map(self._handoff, record.handoffs)),
            checks=tuple(map(self._check, record.checks)),
        )

    def rejection(self, rejection: Rejection) -> Rejection:
        """Return a rejected reply fit to be written."""
        conversation = rejection.conversation_id
        return msgspec.structs.replace(
            rejection,
            raw=self._string(rejection.raw, "", 0),
            failures=tuple((kind, self.text(where), self.text(what)) for kind, where, what in rejection.failures),
            repairs=tuple((what, self.text(where)) for what, where in rejection.repairs),
            conversation_id=None if conversation is None else self.name(conversation),
        )

    def _decision(self, decision: Decision) -> Decision:
        return msgspec.structs.replace(
            decision,
            reasons=tuple(Reason(reason.kind, reason.name, self.text(reason.text)) for reason in decision.reasons),
            excluded=tuple(Exclusion(out.model, out.constraint, self.text(out.text)) for out in decision.excluded),
            signals={name: self.value(fields) for name, fields in decision.signals.items()},
        )

    def _step(self, step: StepRecord) -> StepRecord:
        # A provider may say back what it was sent, in any of these.
        said = {name: value for name in _PROVIDERS_WORDS if (value := getattr(step, name)) is not None}
        return msgspec.structs.replace(step, **{name: self.text(value) for name, value in said.items()})

    def _handoff(self, handoff: Handoff) -> Handoff:
        return msgspec.structs.replace(handoff, artifact=msgspec.Raw(self.json_bytes(bytes(handoff.artifact))))

    def _check(self, check: CheckRecord) -> CheckRecord:
        return msgspec.structs.replace(check, text=self.text(check.text)) if check.text else check


class LogFilter(logging.Filter):
    """Redacts log lines and tracebacks on their way through a handler; what cannot be redacted is not logged."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._traceback = logging.Formatter().formatException

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, without personal data."""
        try:
            record.msg, record.args = self._redactor.text(record.getMessage()), None
            if record.exc_info:
                record.exc_text = self._redactor.text(self._traceback(record.exc_info))
                record.exc_info = None
        except Exception:  # noqa: BLE001 - a line that cannot even be formatted could hold anything
            record.msg, record.args = "a line of %s was left out: it could not be redacted", (record.name,)
            record.exc_info = record.exc_text = None
        return True


def guard_logs(redactor: Redactor) -> Callable[[], None]:
    """Put a ``LogFilter`` on every handler there is, ours and the server's; return how to take it away again."""
    guard = LogFilter(redactor)
    loggers = [one for one in logging.getLogger().manager.loggerDict.values() if isinstance(one, logging.Logger)]
    handlers = list(dict.fromkeys(handler for one in (logging.getLogger(), *loggers) for handler in one.handlers))
    handlers += [logging.lastResort] if logging.lastResort is not None else []
    for handler in handlers:
        handler.addFilter(guard)

    def leave() -> None:
        for handler in handlers:
            handler.removeFilter(guard)

    return leave


def _characters(value: Any, depth: int = 0) -> int:
    """Return how much text plain data holds, attachments left out."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep to be redacted")
    if isinstance(value, str):
        return 0 if _DATA_URL.match(value) or _ATTACHMENT.fullmatch(value) else len(value)
    if isinstance(value, dict):
        return sum(_characters(key, depth + 1) + _characters(item, depth + 1) for key, item in value.items())
    return sum(_characters(item, depth + 1) for item in value) if isinstance(value, list) else 8


def _too_long(value: Any, size: int) -> Any:
    """Return what is kept of data that would take minutes to search: its size, and who said it."""
    said = f"[{size} bytes, not kept: too long to be searched for personal data]"
    roles = {"role": value["role"]} if isinstance(value, dict) and value.get("role") in _ROLES else {}
    return {**roles, "content": said} if isinstance(value, dict) else said


def _cut(text: str, head: str = "") -> str:
    return f"{head}[{len(text)} characters of an attachment, not kept]" if not _CUT.fullmatch(text) else text


def _without_content(record: TurnRecord) -> TurnRecord:
    decision = msgspec.structs.replace(record.decision, reasons=(), excluded=(), signals={})
    return msgspec.structs.replace(
        record,
        conversation_id=f"unknown-{record.id}",
        requested_model="unknown",
        decision=decision,
        steps=tuple(msgspec.structs.replace(step, **dict.fromkeys(_PROVIDERS_WORDS)) for step in record.steps),
        dropped_params=(),
        request=(),
        reply=b"",
        metadata={FAILED: "failed"},
        handoffs=(),
        checks=tuple(msgspec.structs.replace(check, text="") for check in record.checks),
    )


def redaction_key(store: Path, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the key of a store's tokens, made at first use.

    Raises:
        StoreError: the key file cannot be read or made; nothing may be stored without it.
    """
    given = environ.get(KEY_VARIABLE)
    if given:
        return hashlib.sha256(given.encode()).digest()
    path = Path(f"{store}.redaction-key")
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        made = -1
    except OSError as error:
        raise StoreError(f"{path}: the redaction key cannot be made: {error.strerror}. Set {KEY_VARIABLE}.") from None
    try:
        if made >= 0:
            with os.fdopen(made, "w") as file:
                file.write(secrets.token_hex(32))
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) < 16:  # noqa: PLR2004 - a key cut short tells guesses apart too easily
        raise StoreError(f"{path}: is no redaction key. Restore it from a copy, or remove it to begin with new tokens.")
    return key


def redactor_for(redact: tuple[Kind, ...], store: Path, people: People | None = None) -> Redactor | None:
    """Return the redactor a policy asks for (``privacy.redact``), None when it asks for none."""
    return Redactor(redact, key=redaction_key(store), people=people) if redact else None


def stored_words(store: Path) -> Callable[[str], str]:
    """Return how words are written into a store from outside a gateway: with tokens where there is a key."""
    if not os.environ.get(KEY_VARIABLE) and not Path(f"{store}.redaction-key").exists():
        return str
    return Redactor(key=redaction_key(store)).text


def stored_names(given: str, store: Path) -> tuple[str, ...]:
    """Return what a customer or a conversation may be called in a store: as it is, and with tokens where there is a key."""
    if not os.environ.get(KEY_VARIABLE) and not Path(f"{store}.redaction-key").exists():
        return (given,)
    redactor = Redactor(key=redaction_key(store))
    return tuple(dict.fromkeys((given, redactor.name(given), redactor.text(given))))
