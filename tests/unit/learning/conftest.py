from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.store import open_store
from support.trained import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_store(f"sqlite:///{tmp_path / 'turns.db'}?durability=normal") as store:
        yield Shop(store)
