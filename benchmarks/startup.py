"""Start-up: what an import and a help page cost, beside a bare interpreter in the same run.

Budgets on this class of machine (2 cores): ``import pointsman`` < 80 ms and ``pointsman --help`` < 250 ms, whole processes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import pointsman": [sys.executable, "-c", "import pointsman"],
    "pointsman --help": [str(Path(sys.executable).with_name("pointsman")), "--help"],
}


def measure(command: list[str]) -> float:
    """Return the wall time of one run of ``command`` in milliseconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Run all commands in alternation and print the medians."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, command in COMMANDS.items():
            took = measure(command)
            if run:  # the first round warms the file cache
                times[name].append(took)
    bare = statistics.median(times["python -c pass"])
    print(f"{'command':20} {'median ms':>10} {'max ms':>8} {'x bare python':>14}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:20} {median:10.1f} {max(taken):8.1f} {median / bare:14.1f}")


if __name__ == "__main__":
    main()
