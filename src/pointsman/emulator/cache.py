"""Prompt caches, simulated by byte prefix.

Two kinds. *Marked* (Anthropic): the client marks blocks; a prefix up to a mark is stored, and found again when a later
prompt has the same bytes at a block boundary at most 20 blocks before one of its own marks. *Automatic* (OpenAI, Gemini):
every 128 tokens of a long enough prompt are a boundary. Caches belong to one API key and one model; a read renews the
time to live.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator

from pointsman.emulator.counting import BYTES_PER_TOKEN, count
from pointsman.emulator.exchange import Ask, Prompt, Tokens

LOOK_BACK = 20
STEP_TOKENS = 128
_HOUR = 3600
_MOST_ENTRIES = 50_000


class PromptCache:
    """Remembers prefixes. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def charge(self, ask: Ask, key: str) -> Tokens:
        """Return how the prompt's tokens split into uncached, read and written, and remember the prompt."""
        total = count(b"".join(ask.prompt.blocks))
        if ask.facts.cache_min is None:
            return Tokens(uncached=total)
        owner = f"{key}\0{ask.facts.name}\0".encode()
        if ask.dialect == "anthropic":
            return self._marked(owner, ask.prompt, ask.facts.cache_min, total)
        return self._automatic(owner, ask, ask.facts.cache_min, total)

    def _marked(self, owner: bytes, prompt: Prompt, minimum: int, total: int) -> Tokens:
        prefixes = list(_prefixes(owner, prompt.blocks))
        marks = [mark for mark in prompt.marks if prefixes[mark.block][1] >= minimum]
        read = 0
        for mark in reversed(marks):
            read = self._longest(prefixes[max(0, mark.block - LOOK_BACK) : mark.block + 1], minimum)
            if read:
                break
        written = {300: 0, _HOUR: 0}
        done = read
        for mark in marks:
            digest, tokens = prefixes[mark.block]
            self._store(digest, mark.ttl_s)
            written[mark.ttl_s] += max(0, tokens - done)
            done = max(done, tokens)
        return Tokens(
            uncached=total - read - sum(written.values()),
            cache_read=read,
            cache_write_5m=written[300],
            cache_write_1h=written[_HOUR],
        )

    def _automatic(self, owner: bytes, ask: Ask, minimum: int, total: int) -> Tokens:
        blocks = ask.prompt.blocks
        text = b"".join(blocks if ask.prompt.cacheable is None else blocks[: ask.prompt.cacheable])
        prefixes = [prefix for prefix in _steps(owner, text) if prefix[1] >= minimum]
        read = self._longest(prefixes, minimum)
        for digest, _ in prefixes:
            self._store(digest, ask.facts.cache_ttl_s)
        longest = prefixes[-1][1] if prefixes else 0
        written = longest - read if ask.facts.cache_writes else 0
        return Tokens(uncached=total - read - written, cache_read=read, cache_write_5m=written)

    def _longest(self, prefixes: list[tuple[bytes, int]], minimum: int) -> int:
        now = self._clock()
        for digest, tokens in reversed(prefixes):
            found = self._entries.get(digest)
            if found is not None and found[0] > now and tokens >= minimum:
                self._store(digest, found[1])
                return tokens
        return 0

    def _store(self, digest: bytes, ttl_s: float) -> None:
        self._entries[digest] = (self._clock() + ttl_s, ttl_s)
        self._entries.move_to_end(digest)
        while len(self._entries) > _MOST_ENTRIES:
            self._entries.popitem(last=False)


def _prefixes(owner: bytes, blocks: tuple[bytes, ...]) -> Iterator[tuple[bytes, int]]:
    """Yield (digest, tokens) of the prompt up to and including each block."""
    digest = hashlib.blake2b(owner, digest_size=16)
    size = 0
    for piece in blocks:
        digest.update(len(piece).to_bytes(8, "big") + piece)
        size += len(piece)
        yield digest.copy().digest(), -(-size // BYTES_PER_TOKEN)


def _steps(owner: bytes, text: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (digest, tokens) at every boundary of ``STEP_TOKENS`` that the text fills."""
    digest = hashlib.blake2b(owner, digest_size=16)
    step = STEP_TOKENS * BYTES_PER_TOKEN
    for end in range(step, len(text) + 1, step):
        digest.update(text[end - step : end])
        yield digest.copy().digest(), end // BYTES_PER_TOKEN
