"""Settings for every test: how hard the property tests look.

No deadline for one example: a busy machine is not a bug. ``make test-all`` looks harder (``thorough``).
"""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("quick", deadline=None)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("quick")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what stays anyway: walking all modules and tests again and again took 8% of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
