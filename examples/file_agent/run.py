"""A file agent: 83 tool calls in one run, small model for the steps, flagship for the final reply. No account needed.

    python examples/file_agent/run.py

It makes a folder with 36 invoices, lets the agent of ``pointsman.yaml`` beside it sort them by customer through an MCP
file server, and prints what the run cost, step by step and against an all-flagship run. The models are simulated: what
they say is written below, what they cost is counted in real tokens at catalogue prices.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from pointsman.app import build_router
from pointsman.cli.runs import command as show_run
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from pointsman.emulator.serving import serve_in_thread
from pointsman.execution.ask import Ask

HERE = Path(__file__).parent
CUSTOMERS = ("acorn", "birch", "cedar")
FILES = [(f"invoice-{number:03}.txt", CUSTOMERS[number % 3], 100 + 7 * number) for number in range(1, 37)]
TASK = "Sort the invoices in inbox into one folder per customer, write summary.txt with the totals, and report."

Calls = list[tuple[str, dict[str, Any]]]


def make_workspace(folder: Path) -> None:
    """Lay out the policy, the server and an inbox of invoices."""
    for name in ("pointsman.yaml", "files_server.py"):
        shutil.copy(HERE / name, folder / name)
    inbox = folder / "workspace" / "inbox"
    inbox.mkdir(parents=True)
    for name, customer, euros in FILES:
        (inbox / name).write_text(f"Invoice {name[8:11]}\nCustomer: {customer}\nTotal: {euros} EUR\n", encoding="utf-8")


def steps() -> list[Calls]:
    """What the small model calls, step by step; calls of one step are made at the same time."""
    reads: Calls = [("read_text_file", {"path": f"inbox/{name}"}) for name, _, _ in FILES]
    moves: Calls = [
        ("move_file", {"source": f"inbox/{name}", "destination": f"{customer}/{name}"}) for name, customer, _ in FILES
    ]
    totals = {who: sum(euros for _, customer, euros in FILES if customer == who) for who in CUSTOMERS}
    summary = "".join(f"{who}: {total} EUR\n" for who, total in totals.items())
    return [
        [("list_directory", {"path": "."}), ("list_directory", {"path": "inbox"})],
        *(reads[at : at + 6] for at in range(0, len(reads), 6)),
        [("create_directory", {"path": customer}) for customer in CUSTOMERS],
        *(moves[at : at + 4] for at in range(0, len(moves), 4)),
        [("write_file", {"path": "summary.txt", "content": summary})],
        [("list_directory", {"path": customer}) for customer in CUSTOMERS],
        [("list_directory", {"path": "inbox"}), ("read_text_file", {"path": "summary.txt"})],
    ]


def script() -> Script:
    """The simulated models: the small one works through ``steps``, the flagship writes the report."""
    rules = [
        Rule(
            when=When(model="*haiku*"),
            reply=Say("Next.", calls=tuple(SaidCall(name, arguments) for name, arguments in calls)),
            times=1,
        )
        for calls in steps()
    ]
    rules.append(Rule(when=When(model="*haiku*"), reply=Say("Everything is in place.")))
    report = "I sorted 36 invoices into acorn, birch and cedar; inbox is empty and summary.txt holds the totals."
    rules.append(Rule(when=When(model="*opus*"), reply=Say(report)))
    return Script(rules=tuple(rules))


async def run(folder: Path, url: str, store: str) -> str:
    """Give the agent its task and return the id of its run."""
    async with build_router(folder / "pointsman.yaml", store=store, simulate_at=url) as router:
        turn = Turn((Message("user", (Text(TASK),)),), model="agent/files")
        asked = Ask(turn, "library", "file-agent", time.time_ns() // 1000, time.perf_counter_ns())
        managed = await router.agents.begin("files", asked)
        await managed.open()
        print(f"agent: {managed.reply.text}\n")
        return managed.run_id


def main() -> None:
    """Run the agent once and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="Work in this new folder and keep it, store included.")
    chosen: Path | None = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary, serve_in_thread(Emulator(script())) as handle:
        folder = Path(temporary) if chosen is None else chosen
        folder.mkdir(parents=True, exist_ok=True)
        make_workspace(folder)
        store = f"sqlite:///{folder}/pointsman.db"
        run_id = asyncio.run(run(folder, handle.base_url, store))
        show_run(run_id, store=store)


if __name__ == "__main__":
    main()
