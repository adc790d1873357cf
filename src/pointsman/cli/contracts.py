"""``pointsman contracts``: what was rejected, and a check of replies against a schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.contracts_view import show_sums, show_verdicts
from pointsman.cli.store_options import AsJson, Limit, Since, StoreUrl, Until, since_us, until_us
from pointsman.errors import UsageError
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.rejections import DIMENSIONS, RejectionFilter, list_rejections, sum_rejections

app = typer.Typer(
    help="Rejected and repaired replies; check replies against a schema. Exit codes: 0 done, 1 a reply was rejected, "
    "2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_MOST_BYTES = 16 << 20


@app.command()
def report(
    by: Annotated[str, typer.Option(help=f"One or more of: {', '.join(DIMENSIONS)}.")] = "kind,model,contract",
    since: Since = None,
    until: Until = None,
    kind: Annotated[str | None, typer.Option(help="Only replies with this kind of failure.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model (provider/name).")] = None,
    contract: Annotated[str | None, typer.Option(help="Only this contract.")] = None,
    limit: Limit = 50,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Sum up replies that did not satisfy their contract as they came, and show the newest ones."""
    dimensions = _dimensions(by)
    chosen = RejectionFilter(
        since_us=since_us(since), until_us=until_us(until), kind=_kind(kind), model=model, contract=contract
    )
    with open_store(store, must_exist=True) as opened:
        whole = sum_rejections(opened, (), chosen)
        groups = sum_rejections(opened, dimensions, chosen)
        newest = list_rejections(opened, chosen, min(limit, 5))
    if json:
        total = whole[0] if whole else None
        print_json({"by": dimensions, "total": total, "groups": len(groups), "rows": groups[:limit], "newest": newest})
        return
    if not whole:
        out().print(
            plain("No reply was rejected or repaired here. Contracts are checked where a request names a schema.")
        )
        return
    show_sums(dimensions, whole[0], groups, newest, limit)


@app.command()
def check(
    schema: Annotated[Path, typer.Argument(help="A file with a JSON Schema.", metavar="SCHEMA")],
    replies: Annotated[list[Path] | None, typer.Argument(help="Files with one reply each; none or -: stdin.")] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Each line of a file is a reply (as text, or a JSON string).")
    ] = False,
    expect_optional: Annotated[
        bool, typer.Option("--expect-optional", help="Count every optional field as expected.")
    ] = False,
    truncated: Annotated[
        bool, typer.Option("--truncated", help="The provider said that the replies ran into the output limit.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Check replies against a JSON Schema: what would be released, what repaired, what rejected and why."""
    from pointsman.contracts import Contract

    contract = Contract(_schema(schema), name=schema.stem[:80], expect_optional=expect_optional)
    found = [
        (name, contract.check(text, truncated=truncated)) for name, text in _texts(replies or [Path("-")], lines=lines)
    ]
    if not found:
        raise UsageError("there is no reply to check: the input is empty.")
    rejected = sum(not verdict.ok for _, verdict in found)
    if json:
        print_json({
            "contract": contract.name,
            "version": contract.version,
            "replies": len(found),
            "rejected": rejected,
            "verdicts": [{"reply": name, **_plain(verdict)} for name, verdict in found],
        })  # fmt: skip
    else:
        show_verdicts(contract, found)
    if rejected:
        raise typer.Exit(1)


def _plain(verdict: Any) -> dict[str, Any]:
    """Return a verdict without its decoded value: the text holds it, digit for digit."""
    fields = msgspec.to_builtins(msgspec.structs.replace(verdict, value=None))
    return {name: value for name, value in fields.items() if name != "value"} | {"kinds": verdict.kinds}


def _dimensions(by: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown or not names:
        raise UsageError(f"--by {by[:100]!r}: a report can be taken by {', '.join(DIMENSIONS)} (several with commas).")
    return names


def _kind(word: str | None) -> str | None:
    from pointsman.contracts.verdict import KINDS

    if word is not None and word not in KINDS:
        raise UsageError(f"--kind {word[:100]!r}: the kinds are {', '.join(KINDS)}.")
    return word


def _schema(path: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        schema = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: this is not JSON ({error}). Give a file that holds one JSON Schema.") from None
    if not isinstance(schema, dict):
        raise UsageError(f"{path}: a JSON Schema is an object. Give a file that holds one JSON Schema.")
    return schema


def _texts(paths: list[Path], *, lines: bool) -> list[tuple[str, str]]:
    found = []
    for path in paths:
        name = "stdin" if str(path) == "-" else str(path)
        text = _read(path)
        if not lines:
            found.append((name, text))
            continue
        rows = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        found += [(f"{name}:{number}", _line(line)) for number, line in rows]
    return found


def _line(line: str) -> str:
    """A reply of several lines is written as a JSON string; anything else stands for itself."""
    if line.startswith('"'):
        try:
            return msgspec.json.decode(line, type=str)
        except msgspec.MsgspecError:
            pass
    return line


def _read(path: Path) -> str:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read ({error.strerror}).") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path}: it has more than {_MOST_BYTES >> 20} MiB. Split it into files of fewer replies.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: it is not UTF-8 text (byte {error.start + 1}). Save it as UTF-8.") from None
