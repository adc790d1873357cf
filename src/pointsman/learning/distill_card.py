"""The data card of a training set: what is in it, what was left out and why, and what to mind."""

from __future__ import annotations

from typing import Final

from pointsman.learning.distill import Exported
from pointsman.learning.distill_files import SPLITS

REASONS: Final = {
    "simulated": "answered by a simulated model",
    "no_consent": "no consent to train on it",
    "not_strong": "not answered by a model to learn from",
    "not_kept": "its messages were not kept, or cannot be read",
    "damaged": "its bytes in the store are damaged",
    "gone": "deleted meanwhile",
    "not_answered": "ended in an error",
    "truncated": "the reply ran into its limit",
    "refusal": "the model declined",
    "empty": "the reply is empty",
    "check_failed": "a check of the reply failed",
    "negative_feedback": "somebody said that it was bad",
    "negative_outcome": "its conversation was not resolved, escalated, reopened or badly rated",
    "attachment": "brings a picture or a file",
    "tool_name": "a tool's name is not allowed in training files",
    "bad_tool_call": "a call is of no tool on offer, or its arguments do not fit the tool's schema",
    "in_evaluation_set": "overlaps an evaluation set",
    "redaction_failed": "could not be redacted for certain",
    "not_valid": "would not be valid in this format",
    "duplicate": "the same is in the set already",
    "near_duplicate": "nearly the same is in the set already",
    "no_worse_answer": "there is no worse answer to set against it",
}
"""What each word of ``left_out`` means."""


def card(done: Exported, version: str) -> str:
    """Return the card as Markdown. Nothing in it depends on when or where it was made."""
    settings = done.settings
    strong = ", ".join(sorted(settings.strong)) if settings.strong is not None else "models of the flagship tier"
    lines = [
        f"# Training set ({settings.target})",
        "",
        f"{done.written:,} lines of {done.turns:,} recorded turns, written by Pointsman {version}.",
        "",
        "| file | lines | conversations | about tokens |",
        "|---|---:|---:|---:|",
        *(
            f"| {split}.jsonl | {done.lines[split]:,} | {done.conversations[split]:,} | {done.tokens[split]:,} |"
            for split in SPLITS
        ),
        "",
        f"* Days: {done.first} to {done.last}." if done.first is not None else "* Days: none.",
        f"* Learnt from: {'turns of every model' if settings.target == 'router' else strong}.",
        f"* Models in it: {_counts(done.models)}.",
        f"* Routes in it: {_counts(done.routes)}.",
        f"* Consent: {_consent(done)}.",
        f"* Licence: {settings.licence}.",
        f"* Split: by conversation, shares {'/'.join(map(str, settings.shares))}, seed {settings.seed}.",
        "* No conversation is in two files.",
        "* Personal data: replaced by tokens such as `[EMAIL_kdmtcnqr]`; the same value has the same token throughout.",
        "",
        "## Left out",
        "",
        "| turns | why |",
        "|---:|---|",
        *(f"| {count:,} | {word}: {REASONS.get(word, word)} |" for word, count in done.left_out.items()),
        "",
        "## Kept apart from",
        "",
        *([f"* {one.name}, version {one.version}, {one.cases:,} cases" for one in done.excluded] or [_NONE]),
        "",
        "## To mind",
        "",
        *_MIND,
        "",
    ]
    return "\n".join(lines)


_NONE: Final = (
    "* No evaluation set was named: nothing tells whether a test of the trained model would be fair (`--exclude`)."
)
_MIND: Final = """\
* A provider's terms may restrict training on what its models wrote. Pointsman does not decide that: check the terms of the
  models named above, and what your customers were told.
* A turn counts as good when it ended well, its checks passed and nobody complained. That is a filter, no proof.
* Redaction finds what has a form of its own, and names next to words that announce them. Read a sample before you share
  the files.""".splitlines()


def _consent(done: Exported) -> str:
    ground = done.settings.consent_ground
    return ground if ground is not None else f"the turn's metadata `{done.settings.consent_field}` says yes"


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.items()) or "none"
