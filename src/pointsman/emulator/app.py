"""The emulator as an ASGI application: three dialects, one port."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from pointsman.emulator import faults
from pointsman.emulator.access import check_key, key_of
from pointsman.emulator.answering import answers, tally
from pointsman.emulator.batch_jobs import BatchCall, BatchJobs
from pointsman.emulator.batches import answer_batch, batch_call
from pointsman.emulator.cache import PromptCache
from pointsman.emulator.exchange import Ask, RejectedError, Reply
from pointsman.emulator.faces import Face, Incoming
from pointsman.emulator.limits import Limiter
from pointsman.emulator.matching import Matcher
from pointsman.emulator.models import ModelTable
from pointsman.emulator.playing import Playing, do, play_stream, play_whole
from pointsman.emulator.records import Recorded
from pointsman.emulator.routes import Target, target_of, unknown_path
from pointsman.emulator.script import Rule, Script, UsageSaid
from pointsman.emulator.sending import ClientLeftError, Connection, HungUpError, Receive, Scope, Send, Sleep
from pointsman.emulator.well_formed import check_ask

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_REMEMBERED = 2_000
_REMEMBERED_BYTES = 8 * 1024 * 1024


class Emulator:
    """The emulated servers. ``asgi`` is the application.

    The same script, ``seed`` and requests give the same answers. ``clock`` (monotonic seconds) drives caches and rate limits,
    ``wall`` (Unix seconds) the timestamps, ``sleep`` the pacing. ``remember`` is how many requests ``requests`` keeps
    (fewer when their bodies are long: 8 MiB in all).
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
        self._batches = BatchJobs(self.script.batches, self._respond, wall)
        self._serial = 0
        self._records: deque[Recorded] = deque()
        self._remember = remember
        self._remembered_bytes = 0

    @property
    def requests(self) -> list[Recorded]:
        """The requests so far, oldest first (the last ``remember`` of them)."""
        return list(self._records)

    def _keep(self, record: Recorded) -> None:
        """Remember a request, and forget the oldest ones so that a long run does not fill the memory."""
        self._records.append(record)
        self._remembered_bytes += len(record.raw)
        while len(self._records) > 1 and (
            len(self._records) > self._remember or self._remembered_bytes > _REMEMBERED_BYTES
        ):
            self._remembered_bytes -= len(self._records.popleft().raw)

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
        self._keep(record)
        try:
            if (call := batch_call(record)) is not None:
                target = msgspec.structs.replace(target, face=call.face)
                record.dialect = call.face.dialect
                await self._batch(connection, record, call)
            elif target.what == "unknown":
                raise unknown_path(record)
            elif target.what in {"models", "model"}:
                await self._models(connection, record, target)
            else:
                await self._answer(connection, record, target)
        except RejectedError as error:
            if connection.started:
                raise
            await self._refuse(connection, record, target.face, error)

    async def _batch(self, connection: Connection, record: Recorded, call: BatchCall) -> None:
        answered = answer_batch(self._batches, call, self.script.keys)
        if answered.lost:
            await connection.pause(None)
        headers = call.face.headers(record.serial, None) | {"content-type": answered.kind}
        await self._send_json(connection, record, answered.status, headers, answered.body)

    def _respond(self, face: Face, incoming: Incoming, key: str) -> tuple[int, Any]:
        """Answer one item of a batch, as an ordinary request would be answered."""
        self._serial += 1
        headers = dict(incoming.headers)
        record = Recorded(self._serial, face.dialect, "POST", incoming.path, headers, incoming.body)
        record.model = incoming.model or str(incoming.body.get("model") or "")
        try:
            check_key(face.dialect, key, self.script.keys)
            ask = _understood(face, incoming, self._table)
            rule = self._matcher.find(ask, headers) or Rule()
            if rule.fault is not None and rule.fault.kind == "status":
                raise faults.refusal(rule.fault)
            playing = self._prepared(record, face, ask, rule, {})
        except RejectedError as error:
            return error.status, error.body if error.body is not None else face.error(error, self._serial)
        return 200, face.whole(playing.reply, playing.quirks)

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
        play = play_stream if ask.stream else play_whole
        await play(connection, record, self._prepared(record, face, ask, rule, headers))

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
            await do(connection, act)
        pace = rule.pace or self.script.pace
        await connection.pause(pace.head_ms / 1000)

    def _prepared(self, record: Recorded, face: Face, ask: Ask, rule: Rule, headers: dict[str, str]) -> Playing:
        """Decide what is said, count it, and charge the prompt cache."""
        said = answers(ask, rule, self._seed)
        given = rule.reply.usage if rule.reply is not None else UsageSaid()
        key = key_of(face.dialect, record.headers, record.query)
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
        return Playing(
            reply=reply,
            face=face,
            headers=headers,
            pace=pace,
            quirks=rule.quirks or self.script.quirks,
            fault=rule.fault,
            array=face.dialect == "gemini" and record.query.get("alt") != "sse",
        )

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
        ask = face.read(incoming, table)
        check_ask(ask)
    except (TypeError, KeyError, AttributeError, ValueError) as problem:
        raise RejectedError(f"The request is malformed ({type(problem).__name__}: {problem}).") from problem
    return ask


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
