from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_python() -> Run:
    def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=30, check=False
        )

    return run


@pytest.fixture
def pointsman() -> Run:
    """Run the command line in a process of its own, as users do."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from pointsman.cli import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    return run
