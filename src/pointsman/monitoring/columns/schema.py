"""The tables of the column file. Another version of them is never migrated: the file is made anew from the store.

Money is whole pico-dollars, NULL always means unknown. ``conv`` is a 64-bit hash of the key and the conversation: joining and
grouping by it is several times as fast as by the texts (two of ten million conversations share one with a chance of 3e-6).
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1

Columns = tuple[tuple[str, str], ...]

PARTS: Final = (
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "router",
    "planner",
    "helpers",
    "retries",
    "unsplit",
)
"""What a turn's cost is made of; the parts of a turn add up to its cost exactly. The first five are of the call that answered;
``helpers`` are summaries, checks by other models and the like, ``unsplit`` what answering calls cost where no known price
gives the stored sum."""

TURN: Final[Columns] = (
    ("seq", "BIGINT"),
    ("id", "VARCHAR"),
    ("conversation", "VARCHAR"),
    ("conv", "UBIGINT"),
    ("at_us", "BIGINT"),
    ("dialect", "VARCHAR"),
    ("status", "VARCHAR"),
    ("model", "VARCHAR"),
    ("route", "VARCHAR"),
    ("tier", "VARCHAR"),
    ("intent", "VARCHAR"),
    ("policy", "VARCHAR"),
    ("prompt", "VARCHAR"),  # role@version of all its calls, each once, in order
    ("agent", "VARCHAR"),
    ("tenant", "VARCHAR"),
    ("customer", "VARCHAR"),
    ("key", "VARCHAR"),
    ("channel", "VARCHAR"),
    ("reason", "VARCHAR"),  # kind of what decided the route: rule, scorer, default, pin, sticky, canary ...
    ("reason_name", "VARCHAR"),
    ("confidence", "DOUBLE"),
    ("stream", "BOOLEAN"),
    ("simulated", "BOOLEAN"),
    ("own", "VARCHAR"),  # the purpose of work of our own (shadow, judge ...); NULL: a customer's turn
    ("http_status", "INTEGER"),
    ("error_code", "VARCHAR"),
    ("duration_ms", "DOUBLE"),
    ("ttft_ms", "DOUBLE"),
    ("ttft_bucket", "SMALLINT"),  # sketch.bucket of ttft_ms
    ("tokens_s", "DOUBLE"),  # of the answering call, after its first token
    ("tokens_s_bucket", "SMALLINT"),
    ("gateway_us", "DOUBLE"),
    ("prepared_ms", "DOUBLE"),
    ("calls", "INTEGER"),
    ("retried", "INTEGER"),  # answering calls beyond the last
    ("tool_calls", "BOOLEAN"),  # the answer calls tools; NULL: nothing answered
    ("escalated", "BOOLEAN"),  # a check sent the turn to a stronger model
    ("input_uncached", "BIGINT"),
    ("cache_read_tokens", "BIGINT"),
    ("cache_write_tokens", "BIGINT"),
    ("output_tokens", "BIGINT"),
    ("reasoning_tokens", "BIGINT"),
    ("answer_prompt", "BIGINT"),  # prompt and output tokens of the answering call: what one model alone would have had
    ("answer_output", "BIGINT"),
    ("answer_cached", "BIGINT"),
    (
        "warm_prefix",
        "BIGINT",
    ),  # tokens that the turn before in this conversation left for a cache; NULL: none within an hour
    ("warm_gap_s", "DOUBLE"),  # how long before
    ("cost", "BIGINT"),
    ("flagship_model", "VARCHAR"),
    ("flagship_cost", "BIGINT"),
    *((f"cost_{name}", "BIGINT") for name in PARTS),
)

STEP: Final[Columns] = (
    ("turn_seq", "BIGINT"),
    ("n", "INTEGER"),
    ("at_us", "BIGINT"),  # of the turn
    ("simulated", "BOOLEAN"),
    ("purpose", "VARCHAR"),
    ("model", "VARCHAR"),
    ("status", "VARCHAR"),
    ("attempt", "INTEGER"),
    ("http_status", "INTEGER"),
    ("error_code", "VARCHAR"),
    ("stop_reason", "VARCHAR"),
    ("duration_ms", "DOUBLE"),
    ("ttft_ms", "DOUBLE"),
    ("input_uncached", "BIGINT"),
    ("cache_read_tokens", "BIGINT"),
    ("cache_write_tokens", "BIGINT"),
    ("output_tokens", "BIGINT"),
    ("reasoning_tokens", "BIGINT"),
    ("estimated", "BOOLEAN"),
    ("cost", "BIGINT"),
    ("cost_input", "BIGINT"),
    ("cost_cache_read", "BIGINT"),
    ("cost_cache_write", "BIGINT"),
    ("cost_output", "BIGINT"),
    ("cost_reasoning", "BIGINT"),
    ("upstream_model", "VARCHAR"),
    ("prompt", "VARCHAR"),
)

CHECKED: Final[Columns] = (
    ("turn_seq", "BIGINT"),
    ("at_us", "BIGINT"),
    ("kind", "VARCHAR"),  # the name without the contract's own: contract, plan.action, verify.grounding ...
    ("name", "VARCHAR"),
    ("passed", "BOOLEAN"),
    ("model", "VARCHAR"),
    ("action", "VARCHAR"),
)

HANDOFF: Final[Columns] = (
    ("turn_seq", "BIGINT"),
    ("at_us", "BIGINT"),
    ("kind", "VARCHAR"),
    ("source", "VARCHAR"),
    ("target", "VARCHAR"),
)

REJECTION: Final[Columns] = (
    ("id", "BIGINT"),
    ("at_us", "BIGINT"),
    ("outcome", "VARCHAR"),
    ("contract", "VARCHAR"),
    ("version", "VARCHAR"),
    ("model", "VARCHAR"),
    ("kinds", "VARCHAR[]"),
    ("purpose", "VARCHAR"),
    ("attempt", "INTEGER"),
    ("turn_id", "VARCHAR"),
    ("conversation", "VARCHAR"),
    ("agent", "VARCHAR"),
)

GRADE: Final[Columns] = (
    ("turn_id", "VARCHAR"),
    ("seq", "BIGINT"),
    ("subject", "VARCHAR"),
    ("metric", "VARCHAR"),
    ("version", "VARCHAR"),
    ("source", "VARCHAR"),
    ("author", "VARCHAR"),
    ("score", "DOUBLE"),
    ("passed", "BOOLEAN"),
    ("cost", "BIGINT"),
    ("at_us", "BIGINT"),
)

SHADOW: Final[Columns] = (
    ("turn_id", "VARCHAR"),
    ("turn_seq", "BIGINT"),
    ("chosen_at_us", "BIGINT"),
    ("changed_at_us", "BIGINT"),
    ("why", "VARCHAR"),
    ("probability", "DOUBLE"),
    ("state", "VARCHAR"),
    ("model", "VARCHAR"),
    ("cost", "BIGINT"),
    ("judge_cost", "BIGINT"),
    ("verdict", "VARCHAR"),
    ("material", "BOOLEAN"),
    ("decided_by", "VARCHAR"),
    ("judge", "VARCHAR"),
    ("flipped", "BOOLEAN"),
)

OUTCOME: Final[Columns] = (
    ("conv", "UBIGINT"),
    ("conversation", "VARCHAR"),
    ("key", "VARCHAR"),
    ("resolved", "BOOLEAN"),
    ("escalated", "BOOLEAN"),
    ("reopened", "BOOLEAN"),
    ("csat", "DOUBLE"),
    ("handoff_cost", "BIGINT"),
    ("source", "VARCHAR"),
    ("at_us", "BIGINT"),
)

FEEDBACK: Final[Columns] = (
    ("turn_id", "VARCHAR"),
    ("at_us", "BIGINT"),
    ("source", "VARCHAR"),
    ("thumb", "VARCHAR"),
    ("rating", "INTEGER"),
    ("label", "VARCHAR"),
    ("route", "VARCHAR"),
    ("intent", "VARCHAR"),
)

TABLES: Final[dict[str, Columns]] = {
    "turn": TURN,
    "step": STEP,
    "checked": CHECKED,
    "handoff": HANDOFF,
    "rejection": REJECTION,
    "grade": GRADE,
    "shadow": SHADOW,
    "outcome": OUTCOME,
    "feedback": FEEDBACK,
}


def statements() -> list[str]:
    """Return the SQL that makes all tables in an empty file."""
    made = ["CREATE TABLE meta (version INTEGER, store_uid VARCHAR, turn_seq BIGINT, change_n BIGINT)"]
    made += [
        f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns)})"
        for name, columns in TABLES.items()
    ]
    return made
