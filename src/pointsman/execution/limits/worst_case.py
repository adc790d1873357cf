"""The most a model call can cost, known before it is sent.

Prompt: a byte-level tokenizer (all providers' since 2020, and the byte fallback of SentencePiece) never makes more tokens
than there are bytes, so the bytes of the neutral JSON of messages, tools and format are an upper bound of their tokens; its
field names outweigh the few tokens a chat template adds per message, and tools are given ``_TOOLS_OVERHEAD`` on top for the
instructions providers write around them. Pictures are billed by their own rules, of which ``_PICTURE`` is the dearest. Files
(PDF, audio, video) count as a full context window, which is a bound of every prompt. Price: the dearest way a prompt token can
be billed (plain, cache write, long-context). Reply: the client's limit, else the policy's, else the model's own, times ``n``;
reasoning is part of it.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

import msgspec

from pointsman.catalog.models import Model
from pointsman.catalog.prices import Rates
from pointsman.domain.message import Image, ToolResult
from pointsman.domain.turn import Turn
from pointsman.providers.anthropic_encode import FALLBACK_MAX_TOKENS
from pointsman.providers.parameters import modality
from pointsman.store.money import PICO

_encode = msgspec.json.Encoder().encode
_TOOLS_OVERHEAD = 1024
"""Tokens for the provider's own instructions around tools: Anthropic's documentation names 264 to 804 of them per model."""

_PICTURE = 50_000
"""Tokens of one picture: gpt-4o-mini's 2,833 + 5,667 for each of at most 8 tiles (OpenAI's vision guide) is the dearest known."""


class Quote(msgspec.Struct, frozen=True):
    """What a call may cost at most, in pico-dollars.

    ``prompt`` is the prompt's share (None: unknown), ``each`` the price of one token of the reply, ``tokens`` the longest
    reply (None: unknown), ``shortest`` the shortest one worth asking for. ``named`` tells that the client set the limit, so
    that it must not be lowered. ``prompt_tokens`` is the bound of the prompt in tokens (None: unknown).
    """

    model: str
    prompt_tokens: int | None
    prompt: int | None
    each: int | None
    tokens: int | None
    copies: int = 1
    shortest: int = 1
    named: bool = False

    @property
    def worst(self) -> int | None:
        """The worst case; None where a price or a size is unknown."""
        if self.prompt is None or self.each is None:
            return None
        if self.each == 0:
            return self.prompt
        return None if self.tokens is None else self.at(self.tokens)

    @property
    def least(self) -> int:
        """The worst case of the shortest reply worth asking for; only where ``worst`` is known."""
        return self.at(None if self.named or self.tokens is None else min(self.tokens, self.shortest))

    @property
    def most_tokens(self) -> int | None:
        """The tokens in and out that the call may take at most."""
        if self.prompt_tokens is None or self.tokens is None:
            return None
        return self.prompt_tokens + self.tokens * self.copies

    @property
    def why_unknown(self) -> str:
        """Why there is no worst case."""
        if self.prompt is None and self.each is None:
            return "its price is not known"
        return "its context window is not known" if self.prompt is None else "its longest reply is not known"

    def at(self, tokens: int | None) -> int:
        """Return the worst case of a reply of so many tokens (None: the longest)."""
        tokens = self.tokens if tokens is None else tokens
        return (self.prompt or 0) + (self.each or 0) * (tokens or 0) * self.copies

    def output_within(self, pico: int) -> int:
        """Return the longest reply that fits into so many pico-dollars."""
        each = (self.each or 0) * self.copies
        most = self.tokens or 0
        return most if each == 0 else max(0, min(most, (pico - (self.prompt or 0)) // each))


class Measure(msgspec.Struct, frozen=True):
    """How worst cases are worked out: the policy's ``budgets.bytes_per_token`` and ``max_output_tokens``."""

    bytes_per_token: float = 1.0
    max_output_tokens: int | None = None

    def quote(self, model: Model, rates: Rates | None, turn: Turn, expected_output: int) -> Quote:
        """Return the most a call of ``model`` with this turn may cost. ``expected_output`` is the route's usual reply."""
        prompt = self.prompt_tokens(model, turn)
        tokens, named = self.output_tokens(model, turn)
        return Quote(
            model=model.id,
            prompt_tokens=prompt,
            prompt=None if rates is None or prompt is None else _ceiling(prompt_price(rates, prompt) * prompt),
            each=None if rates is None else _ceiling(reply_price(rates, prompt)),
            tokens=tokens,
            copies=max(1, turn.n or 1),
            shortest=expected_output,
            named=named,
        )

    def prompt_tokens(self, model: Model, turn: Turn) -> int | None:
        """Return a bound of the prompt's tokens; None where only the context window bounds it and that is unknown."""
        pictures, picture_bytes, files = _media(turn)
        if files:
            return model.context_window
        size = len(_encode((turn.messages, turn.tools, turn.output_format))) - picture_bytes
        tokens = int(-(-size // self.bytes_per_token)) + (_TOOLS_OVERHEAD if turn.tools else 0) + _PICTURE * pictures
        return tokens if model.context_window is None else min(tokens, model.context_window)

    def output_tokens(self, model: Model, turn: Turn) -> tuple[int | None, bool]:
        """Return the longest reply in tokens (None unknown), and whether the client has set it."""
        own = model.max_output
        if own is None:
            own = FALLBACK_MAX_TOKENS if model.provider == "anthropic" else model.context_window
        asked = turn.max_output_tokens
        wish = self.max_output_tokens if asked is None else asked
        if wish is None:
            return own, False
        return (wish if own is None else min(wish, own)), asked is not None


def _media(turn: Turn) -> tuple[int, int, bool]:
    """Return how many pictures a turn holds, the bytes of their data, and whether it holds files."""
    pictures = size = 0
    files = False
    for message in turn.messages:
        for part in message.parts:
            for item in part.content if type(part) is ToolResult else (part,):
                if isinstance(item, Image):
                    pictures += 1
                    size += len(item.data or "")
                elif modality(item) is not None:
                    files = True
    return pictures, size, files


def prompt_price(rates: Rates, prompt: int | None) -> Decimal:
    """Return the dearest price of one prompt token, in dollars."""
    return max(
        price
        for tariff in _tariffs(rates, prompt)
        for price in (tariff.input, tariff.cache_write, tariff.cache_write_1h, tariff.cache_read)
        if price is not None
    )


def reply_price(rates: Rates, prompt: int | None) -> Decimal:
    """Return the dearest price of one token of the reply, in dollars."""
    return max(tariff.output for tariff in _tariffs(rates, prompt))


def _tariffs(rates: Rates, prompt: int | None) -> list[Rates]:
    """Return every tariff that a prompt of up to so many tokens may meet."""
    found = [rates]
    while rates.long is not None and (prompt is None or rates.long_above is None or prompt > rates.long_above):
        rates = rates.long
        found.append(rates)
    return found


def _ceiling(usd: Decimal) -> int:
    return int((usd * PICO).to_integral_value(ROUND_CEILING))
