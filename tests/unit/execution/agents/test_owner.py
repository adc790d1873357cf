"""Whether the process that worked on something still does."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from pointsman.execution.agents.owner import Owner

HERE = socket.gethostname()


def now() -> int:
    return time.time_ns() // 1000


def test_a_process_that_lives_is_not_gone() -> None:
    assert not Owner().is_gone(f"{HERE} {os.getppid()} ff", now())
    mine = Owner()
    assert not mine.is_gone(mine.name, 1)


def test_a_process_that_died_is_gone() -> None:
    assert Owner().is_gone(f"{HERE} 4194304 1-ff", now())


def test_a_former_life_under_the_same_number_is_gone() -> None:
    assert Owner().is_gone(Owner().name, now())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process began")
def test_a_number_that_went_to_another_program_is_gone() -> None:
    assert Owner().is_gone(f"{HERE} {os.getppid()} 1-ff", now())


def test_a_process_elsewhere_is_gone_once_it_was_silent_for_long() -> None:
    elsewhere = "another-machine 1 1-ff"
    assert not Owner().is_gone(elsewhere, now() - 2_000_000_000, 2400)
    assert Owner().is_gone(elsewhere, now() - 2_500_000_000, 2400)
