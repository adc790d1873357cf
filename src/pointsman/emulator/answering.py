"""Turns a rule, or the persona, into answers as the model would give them: cut at stop strings and at the token limit."""

from __future__ import annotations

import msgspec

from pointsman.emulator.counting import BYTES_PER_TOKEN, count, output_tokens
from pointsman.emulator.exchange import Answer, Ask, Call, Stop, Tokens
from pointsman.emulator.persona import answer as persona_answer
from pointsman.emulator.script import Rule, Say, UsageSaid


def answers(ask: Ask, rule: Rule | None, seed: int) -> tuple[Answer, ...]:
    """Return one answer per choice asked for."""
    say = rule.reply if rule is not None else None
    if say is not None:
        return (limited(scripted(say), ask),) * ask.n
    return tuple(limited(persona_answer(ask, seed, choice), ask) for choice in range(ask.n))


def scripted(say: Say) -> Answer:
    """Return a script's words as an answer."""
    calls = tuple(
        Call(call.name, call.arguments if isinstance(call.arguments, str) else _json(call.arguments), call.id)
        for call in say.calls
    )
    text = _json(say.json) if say.json is not None else say.text
    usual: Stop = "tool_use" if calls else "refusal" if say.refusal else "end_turn"
    return Answer(text=text, calls=calls, reasoning=say.reasoning, refusal=say.refusal, stop=say.stop or usual)


def limited(answer: Answer, ask: Ask) -> Answer:
    """Cut an answer at the first stop string and at the token limit."""
    answer = _stopped(answer, ask.stops)
    if ask.max_tokens is None or output_tokens(answer)[0] <= ask.max_tokens:
        return answer
    left = ask.max_tokens
    reasoning, left = _cut(answer.reasoning, left)
    text, left = _cut(answer.text, left)
    refusal, left = _cut(answer.refusal, left)
    calls: list[Call] = []
    for call in answer.calls:
        left -= count(call.name)
        if left <= 0:
            break
        arguments, left = _cut(call.arguments, left)
        calls.append(Call(call.name, arguments, call.id))
    return Answer(text=text, calls=tuple(calls), reasoning=reasoning, refusal=refusal, stop="max_tokens")


def tally(prompt: Tokens, said: tuple[Answer, ...], given: UsageSaid) -> Tokens:
    """Return the counts of the whole exchange, with the script's own numbers where it gives some."""
    sums = [output_tokens(answer) for answer in said]
    output, reasoning = sum(pair[0] for pair in sums), sum(pair[1] for pair in sums)
    write_given = given.cache_write is not None
    return Tokens(
        uncached=_or(given.uncached, prompt.uncached),
        cache_read=_or(given.cache_read, prompt.cache_read),
        cache_write_5m=_or(given.cache_write, prompt.cache_write_5m),
        cache_write_1h=0 if write_given else prompt.cache_write_1h,
        output=_or(given.output, output),
        reasoning=_or(given.reasoning, reasoning),
    )


def _or(given: int | None, computed: int) -> int:
    return computed if given is None else given


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _stopped(answer: Answer, stops: tuple[str, ...]) -> Answer:
    found = [(place, stop) for stop in stops if stop and (place := answer.text.find(stop)) >= 0]
    if not found:
        return answer
    place, stop = min(found)
    return Answer(text=answer.text[:place], reasoning=answer.reasoning, stop="stop_sequence", stop_sequence=stop)


def _cut(text: str, tokens: int) -> tuple[str, int]:
    """Return as much of ``text`` as fits into ``tokens``, and the tokens left; counted as usage is, piece by piece."""
    used = count(text)
    if used <= tokens:
        return text, tokens - used
    return text.encode()[: max(0, tokens) * BYTES_PER_TOKEN].decode(errors="ignore"), 0
