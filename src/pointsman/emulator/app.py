"""The emulator as an ASGI application: three dialects, one port."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from pointsman.emulator import faults, sse
from pointsman.emulator.access import check_key, key_of
from pointsman.emulator.answering import answers, tally
from pointsman.emulator.cache import PromptCache
from pointsman.emulator.exchange import Ask, Frame, RejectedError, Reply
from pointsman.emulator.faces import Face, Incoming
from pointsman.emulator.limits import Limiter
from pointsman.emulator.matching import Matcher
from pointsman.emulator.models import ModelTable
from pointsman.emulator.records import Recorded
from pointsman.emulator.routes import Target, target_of, unknown_path
from pointsman.emulator.script import Pace, Quirks, Rule, Script, UsageSaid
from pointsman.emulator.sending import ClientLeftError, Connection, HungUpError, Receive, Scope, Send, Sleep

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_REMEMBERED = 2_000


class _Playing(msgspec.Struct, frozen=True):
    """A request on its way to an answer: what was understood and how the script wants it answered."""

    ask: Ask
    reply: Reply
    face: Face
    headers: dict[str, str]
    rule: Rule
    pace: Pace
    quirks: Quirks


class Emulator:
    """The emulated servers. ``asgi`` is the application.

    The same script, ``seed`` and requests give the same answers. ``clock`` (monotonic seconds) drives caches and rate limits,
    ``wall`` (Unix seconds) the timestamps, ``sleep`` the pacing. ``remember`` is how many requests ``requests`` keeps.
    ``on_answer`` is called with each record when its answer has ended.
    """

    def __init__(  # noqa: PLR0913 - the clocks are for tests
        self,
        script: Script | None = None,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
        remember: int = _REMEMBERED,
        on_answer: Callable[[Recorded], None] | None = None,
    ) -> None:
        self.script = script if script is not None else Script()
        self._seed = seed
        self._wall = wall
        self._sleep = sleep
        self._on_answer = on_answer
        self._table = ModelTable(self.script.models, any_model=self.script.any_model)
        self._matcher = Matcher(self.script)
        self._cache = PromptCache(clock)
        self._limiter = Limiter(self.script.rate_limit, clock, wall)
        self._serial = 0
        self._records: deque[Recorded] = deque(maxlen=remember)

    @property
    def requests(self) -> list[Recorded]:
        """The requests so far, oldest first (the last ``remember`` of them)."""
        return list(self._records)

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        connection = Connection(scope, receive, send, self._sleep)
        record = self._record(scope)
        try:
            await self._serve(connection, record, target_of(record))
            record.finished = True
        except ClientLeftError:
            record.disconnected = True
        except HungUpError:
            pass
        finally:
            connection.release()
            if self._on_answer is not None:
                self._on_answer(record)

    def _record(self, scope: Scope) -> Recorded:
        self._serial += 1
        return Recorded(
            serial=self._serial,
            dialect="openai",
            method=scope["method"],
            path=scope["path"],
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            query=dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))),
        )

    async def _serve(self, connection: Connection, record: Recorded, target: Target) -> None:
        record.dialect = target.face.dialect
        record.raw = await connection.read()
        self._records.append(record)
        try:
            if target.what == "unknown":
                raise unknown_path(record)
            if target.what in {"models", "model"}:
                await self._models(connection, record, target)
            else:
                await self._answer(connection, record, target)
        except RejectedError as error:
            if connection.started:
                raise
            await self._refuse(connection, record, target.face, error)

    async def _models(self, connection: Connection, record: Recorded, target: Target) -> None:
        face = target.face
        check_key(face.dialect, key_of(face.dialect, record.headers, record.query), self.script.keys)
        if target.what == "models":
            body = face.listing(self._table.all(face.dialect), record.query)
        else:
            facts = face.find(target.model, self._table)
            if facts is None:
                raise RejectedError(f"model: {target.model}", status=404, code="model_not_found")
            body = face.info(facts)
        await self._send_json(connection, record, 200, face.headers(record.serial, None), _encode(body))

    async def _answer(self, connection: Connection, record: Recorded, target: Target) -> None:
        face = target.face
        incoming = _incoming(record, target)
        record.model = target.model or str(incoming.body.get("model") or "")
        key = self._admitted_key(face, record)
        ask = _understood(face, incoming, self._table)
        record.stream = ask.stream
        if target.what == "count":
            await self._send_json(
                connection, record, 200, face.headers(record.serial, ask.facts), _encode(face.count(ask))
            )
            return
        rule = self._matcher.find(ask, record.headers) or Rule()
        record.rule, record.fault = rule.name, rule.fault.kind if rule.fault else ""
        await self._early(connection, rule)
        tokens = sum(len(piece) for piece in ask.prompt.blocks) // 4
        headers = face.headers(record.serial, ask.facts) | self._limiter.admit(key, ask.facts, tokens)
        playing = self._play(record, ask, key, face, headers, rule)
        if ask.stream:
            await self._stream(connection, record, playing)
        else:
            await self._whole(connection, record, playing)

    def _admitted_key(self, face: Face, record: Recorded) -> str:
        """Check the key; servers on one's own machine want none."""
        key = key_of(face.dialect, record.headers, record.query)
        facts = face.find(record.model, self._table)
        check_key(face.dialect, key, self.script.keys, needed=facts is None or facts.vendor != "local")
        return key

    async def _early(self, connection: Connection, rule: Rule) -> None:
        """Do what happens before the head: error answers, cuts, silence."""
        act = faults.before_head(rule.fault)
        if act is not None:
            await _do(connection, act)
        pace = rule.pace or self.script.pace
        await connection.pause(pace.head_ms / 1000)

    def _play(  # noqa: PLR0913, PLR0917 - a plain assembly
        self, record: Recorded, ask: Ask, key: str, face: Face, headers: dict[str, str], rule: Rule
    ) -> _Playing:
        said = answers(ask, rule, self._seed)
        given = rule.reply.usage if rule.reply is not None else UsageSaid()
        tokens = tally(self._cache.charge(ask, key), said, given)
        record.prompt_tokens, record.cached_tokens = tokens.prompt, tokens.cache_read
        record.output_tokens = tokens.output
        pace = rule.pace or self.script.pace
        reply = Reply(
            ask=ask,
            answers=said,
            tokens=tokens,
            serial=record.serial,
            now=int(self._wall()),
            chunk_chars=max(1, pace.chunk_tokens) * 4,
        )
        return _Playing(ask, reply, face, headers, rule, pace, rule.quirks or self.script.quirks)

    async def _whole(self, connection: Connection, record: Recorded, playing: _Playing) -> None:
        content = playing.face.whole(playing.reply, playing.quirks)
        if playing.quirks.extra_fields:
            content["emulator_note"] = {"ignore": True}
        body = _encode(content)
        parts = list(faults.on_whole(body, playing.rule.fault))
        await connection.pause(_whole_seconds(playing))
        complete = sum(len(part) for part in parts if isinstance(part, bytes))
        headers = {"content-type": "application/json", "content-length": str(complete)}
        record.status = 200
        await connection.head(200, playing.headers | headers)
        for part in parts:
            if isinstance(part, bytes):
                await connection.write(part, last=False)
            else:
                await _do(connection, part)
        await connection.write(b"", last=True)

    async def _stream(self, connection: Connection, record: Recorded, playing: _Playing) -> None:
        face, quirks, fault = playing.face, playing.quirks, playing.rule.fault
        failure = faults.refusal(fault) if fault is not None else RejectedError("", status=500)
        frames = sse.decorated(face.frames(playing.reply, quirks), quirks, face.ping())
        record.status = 200
        await connection.head(
            200, playing.headers | {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        )
        batch: list[bytes] = []
        first = True
        for step in faults.on_stream(frames, fault, face.error_frame(failure, record.serial)):
            if not isinstance(step, Frame):
                batch = await _flush(connection, batch, quirks)
                await _do(connection, step)
                continue
            wait = _delta_seconds(step, playing.pace, first=first)
            first = first and step.kind != "delta"
            if wait:
                batch = await _flush(connection, batch, quirks)
                await connection.pause(wait)
            batch.append(sse.rendered(step, quirks))
            if len(batch) >= quirks.frames_per_write:
                batch = await _flush(connection, batch, quirks)
        await _flush(connection, batch, quirks)
        await connection.write(b"", last=True)

    async def _refuse(self, connection: Connection, record: Recorded, face: Face, error: RejectedError) -> None:
        body = error.body if error.body is not None else face.error(error, record.serial)
        data = body.encode() if isinstance(body, str) else _encode(body)
        headers = face.headers(record.serial, face.find(record.model, self._table))
        if error.retry_after_s is not None and face.dialect != "gemini":
            headers["retry-after"] = f"{error.retry_after_s:g}"
        record.error = error.message
        await self._send_json(connection, record, error.status, headers | error.headers, data)

    async def _send_json(
        self, connection: Connection, record: Recorded, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        record.status = status
        await connection.head(status, {"content-type": "application/json", "content-length": str(len(body))} | headers)
        await connection.write(body, last=True)


def _incoming(record: Recorded, target: Target) -> Incoming:
    """Decode the body.

    Raises:
        RejectedError: it is no JSON object.
    """
    try:
        record.body = _decode(record.raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise RejectedError("We could not parse the JSON body of your request.") from problem
    if not isinstance(record.body, dict):
        raise RejectedError("The request body must be a JSON object.")
    return Incoming(
        path=record.path,
        headers=record.headers,
        body=record.body,
        size=len(record.raw),
        counting=target.what == "count",
        model=target.model,
        stream=target.stream,
    )


def _understood(face: Face, incoming: Incoming, table: ModelTable) -> Ask:
    """Check and read a request. A value of a type that no check foresaw is a bad request too, never a crash."""
    try:
        return face.read(incoming, table)
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise RejectedError(f"The request is malformed ({type(problem).__name__}: {problem}).") from problem


async def _do(connection: Connection, act: faults.Act) -> None:
    if act.kind == "stall":
        await connection.pause(act.seconds)
        return
    await connection.cut(reset=act.reset)


async def _flush(connection: Connection, batch: list[bytes], quirks: Quirks) -> list[bytes]:
    for data in sse.writes(batch, quirks) if batch else ():
        await connection.write(data)
        if quirks.split_bytes:
            # Gives the loop a turn, so that each write leaves on its own.
            await asyncio.sleep(0)
    return []


def _delta_seconds(frame: Frame, pace: Pace, *, first: bool) -> float:
    if frame.kind != "delta":
        return 0.0
    if first:
        return pace.ttft_ms / 1000
    return frame.tokens / pace.tokens_per_s if pace.tokens_per_s > 0 else 0.0


def _whole_seconds(playing: _Playing) -> float:
    pace = playing.pace
    writing = playing.reply.tokens.output / pace.tokens_per_s if pace.tokens_per_s > 0 else 0.0
    return pace.ttft_ms / 1000 + writing


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
