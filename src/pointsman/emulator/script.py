"""Scripts: what the emulated servers answer, rule by rule, and how they misbehave.

A script is a YAML or JSON file; ``docs/how-to/emulate-providers.md`` shows its fields. Rules are tried in order and the first
match answers; a request that no rule matches gets the default persona.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.emulator.exchange import Stop
from pointsman.emulator.models import Dialect, ModelFacts
from pointsman.errors import UsageError

_Count = Annotated[int, msgspec.Meta(ge=0)]
_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Amount = Annotated[float, msgspec.Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything a script may say: an unknown field is an error, not ignored."""


class When(_Part, frozen=True):
    """Which requests a rule is for; every field given must hold.

    ``model`` is a glob. ``contains`` (any case) and ``matches`` (a regular expression) look at the last user text. ``turn``
    counts the user turns before the last one. ``header`` maps names to globs. ``tools``: tools are offered; ``results``: tool
    results wait for an answer. ``call``: only the n-th request, from 1, that meets the other conditions.
    """

    model: str | None = None
    dialect: Dialect | None = None
    contains: str | None = None
    matches: str | None = None
    turn: _Count | None = None
    header: dict[str, str] = {}
    stream: bool | None = None
    tools: bool | None = None
    results: bool | None = None
    call: _Positive | None = None


class SaidCall(_Part, frozen=True):
    """A tool call. ``arguments`` is an object, or a string that goes on the wire as it stands, even if it is no JSON."""

    name: str
    arguments: dict[str, Any] | str = {}
    id: str = ""


class UsageSaid(_Part, frozen=True):
    """Token counts that replace the computed ones. ``reasoning`` is part of ``output``."""

    uncached: _Count | None = None
    cache_read: _Count | None = None
    cache_write: _Count | None = None
    output: _Count | None = None
    reasoning: _Count | None = None


class Say(_Part, frozen=True):
    """What the model says. ``json`` is written out as the text of the reply; ``text`` is taken as it is, bad JSON included."""

    text: str = ""
    json: Any = None
    calls: tuple[SaidCall, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    stop: Stop | None = None
    usage: UsageSaid = UsageSaid()


class Pace(_Part, frozen=True):
    """How fast the bytes come.

    ``head_ms`` passes before the status line, ``ttft_ms`` before the first content; ``tokens_per_s`` 0 means at once;
    ``chunk_tokens`` go into one frame.
    """

    head_ms: _Amount = 0
    ttft_ms: _Amount = 0
    tokens_per_s: _Amount = 0
    chunk_tokens: _Positive = 4


class Fault(_Part, frozen=True):
    """One way to fail.

    ``status``: an error answer (``status``, ``headers``, ``retry_after_s``, ``error_type``, ``error_code``, ``message``, or a
    whole ``body``). ``error``: the dialect's error event. ``end``: a clean but early end. ``cut``: the connection breaks off
    (``reset``: by RST). ``stall``: silence for ``seconds`` (none given: until the client leaves). ``bad_json``: broken JSON.
    These five happen after ``after_frames`` frames of any kind or ``after_deltas`` frames of content; given neither, ``cut``
    and ``stall`` happen before the head, the others at once. ``slow``: ``seconds`` pass before the head.
    """

    kind: Literal["status", "error", "end", "cut", "stall", "bad_json", "slow"]
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] = 500
    headers: dict[str, str] = {}
    body: Any = None
    message: str = "The emulator was told to fail."
    error_type: str = ""
    error_code: str | None = None
    retry_after_s: _Amount | None = None
    after_frames: _Count | None = None
    after_deltas: _Count | None = None
    seconds: _Amount | None = None
    reset: bool = False


class Quirks(_Part, frozen=True):
    """Oddities of real servers that a client must bear.

    ``finish``: ``null`` leaves the finish reason out, any other word replaces it. ``usage``: ``missing``, ``on_finish`` (on the
    finish chunk itself), ``every`` (on every chunk). ``no_done``: no ``[DONE]``. ``crlf``: lines end in CR LF.
    ``comments``: a comment before each frame. ``pings``: ping events between frames. ``no_space``: ``data:{`` without the space.
    ``no_event``: event names left out. ``unknown_events``: an event of a kind nobody knows. ``split_bytes``: every write has
    this many bytes, also inside a character. ``frames_per_write``: so many frames in one write. ``extra_fields``: a field
    nobody knows in each body.
    """

    finish: str | None = None
    usage: Literal["normal", "missing", "on_finish", "every"] = "normal"
    no_done: bool = False
    crlf: bool = False
    comments: bool = False
    pings: bool = False
    no_space: bool = False
    no_event: bool = False
    unknown_events: bool = False
    extra_fields: bool = False
    split_bytes: _Count = 0
    frames_per_write: _Positive = 1


class Rule(_Part, frozen=True):
    """One rule: when it applies and what happens. No ``reply``: the persona answers. ``times``: only the first n matches."""

    name: str = ""
    when: When = When()
    reply: Say | None = None
    pace: Pace | None = None
    fault: Fault | None = None
    quirks: Quirks | None = None
    times: _Positive | None = None


class BatchesSaid(_Part, frozen=True):
    """How batches go. ``polls``: a batch is under way for so many looks at it. ``refuse``: the first n submissions get a 429.

    ``lose``: the first n are taken, but their answer is never sent. ``expire``: globs of the custom ids that are not done in
    time. ``fail``: whole batches fail (every item does, where the server fails no batches). ``broken_line``: the first
    line of the results is cut short. An item is answered by the rules; a fault ``status`` makes it fail.
    """

    polls: _Count = 1
    refuse: _Count = 0
    lose: _Count = 0
    expire: tuple[str, ...] = ()
    fail: bool = False
    broken_line: bool = False


class RateLimit(_Part, frozen=True):
    """Limits enforced per key and model; ``model`` is a glob of the models it holds for."""

    requests_per_minute: _Positive | None = None
    tokens_per_minute: _Positive | None = None
    model: str = "*"


class Script(_Part, frozen=True):
    """A whole script; ``Script()`` is the default persona alone.

    ``keys``: the only API keys that are taken; empty: any key that does not begin with ``invalid``. ``models`` adds to the
    table of known models; ``any_model`` serves unknown names too. ``pace`` and ``quirks`` hold where a rule names none.
    """

    rules: tuple[Rule, ...] = ()
    pace: Pace = Pace()
    quirks: Quirks = Quirks()
    keys: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    models: tuple[ModelFacts, ...] = ()
    any_model: bool = False
    batches: BatchesSaid = BatchesSaid()


def load_script(path: Path | str) -> Script:
    """Read a script from a YAML or JSON file.

    Raises:
        UsageError: the file cannot be read, or a field is wrong; names file, line and field.
    """
    document = LocatedYaml.read(Path(path), UsageError)
    if document.data is None:
        return Script()
    try:
        script = msgspec.convert(document.data, Script)
    except msgspec.ValidationError as problem:
        reason, _, place = str(problem).partition(" - at ")
        raise document.problem(_steps(place), reason) from problem
    _check_patterns(script, document)
    return script


def _steps(place: str) -> tuple[str | int, ...]:
    """Return msgspec's ``$.rules[2].when`` as steps into the document."""
    names = re.findall(r"\.(\w+)|\[(\d+)\]", place)
    return tuple(int(index) if index else name for name, index in names)


def _check_patterns(script: Script, document: LocatedYaml) -> None:
    for index, rule in enumerate(script.rules):
        if rule.when.matches is None:
            continue
        try:
            re.compile(rule.when.matches)
        except re.error as problem:
            raise document.problem(
                ("rules", index, "when", "matches"), f"is no regular expression: {problem}"
            ) from problem
