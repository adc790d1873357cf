"""Carries a promotion out: on record first, with its evidence, then the policy file in one step."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from pointsman.errors import PolicyError
from pointsman.evaluation.promoting import Evidence, Swap
from pointsman.execution.prompts import PromptBook
from pointsman.routing.policy import Policy
from pointsman.store import Store
from pointsman.store.promotions import Kind, Promotion, Promotions


class Doing(msgspec.Struct, frozen=True):
    """What is carried out: ``swap`` in the policy at ``path``, which is ``now`` and reads ``before``; by whom and why.

    ``found`` None: without evidence. ``forced``: although the gate does not pass.
    """

    path: Path
    before: str
    now: Policy
    swap: Swap
    found: Evidence | None
    actor: str
    reason: str
    forced: bool = False


def carry_out(store: Store, doing: Doing) -> None:
    """Write the promotion down, replace the policy file, and put the prompts in force.

    Raises:
        PolicyError: the file cannot be written; the old content stands, no prompt has changed, and the history says so.
    """
    swap, history = doing.swap, Promotions(store)
    record = _record(doing)
    seq = history.add(record)
    if swap.text is not None:
        try:
            write_whole(doing.path, swap.text)
        except PolicyError:
            history.add(_taken_back(record, seq))
            raise
    book = PromptBook(store)
    for role, version in swap.prompts.items():
        book.promote(role, version, agent=None, who=(doing.actor, doing.reason))


def _record(doing: Doing) -> Promotion:
    swap, found = doing.swap, doing.found
    kind: Kind = "prompt" if swap.text is None else "model" if swap.changes[0][0] != doing.now.source else "policy"
    return Promotion(
        action="promote",
        kind=kind,
        actor=doing.actor,
        reason=doing.reason,
        changes=swap.changes,
        policy_file="" if swap.text is None else str(doing.path.resolve()),
        before_version=doing.now.version,
        after_version=None if swap.policy is None else swap.policy.version,
        before_text=None if swap.text is None else doing.before,
        after_text=swap.text,
        gate=None if found is None else found.for_history(),
        forced=doing.forced,
        simulated=found is not None and found.simulated,
    )


def _taken_back(record: Promotion, seq: int) -> Promotion:
    """Return the rollback of a promotion whose file could not be written."""
    return msgspec.structs.replace(
        record,
        action="rollback",
        reason=f"takes back {seq}: the file could not be written",
        changes=tuple((place, new, old) for place, old, new in record.changes),
        before_version=record.after_version,
        after_version=record.before_version,
        before_text=record.after_text,
        after_text=record.before_text,
        gate=None,
        undoes=seq,
    )


def read_whole(path: Path) -> str:
    """Return a policy file's text, every byte of it.

    Raises:
        PolicyError: it is not there, or no UTF-8 text.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise PolicyError(f"{path}: no such file; name the policy with --policy") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or error}") from None


def write_whole(path: Path, text: str) -> None:
    """Replace a file's content in one step: who reads it meanwhile sees the old or the new text, never a part.

    Raises:
        PolicyError: it cannot be written; the old content stands.
    """
    target = path.resolve()  # a link stays a link
    try:
        mode = target.stat().st_mode if target.exists() else 0o644
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(mode & 0o777)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PolicyError(f"{path}: cannot be written: {error.strerror or error}") from None
