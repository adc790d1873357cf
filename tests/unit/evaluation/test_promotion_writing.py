"""A promotion that could not be carried out stands for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.errors import PolicyError
from pointsman.evaluation.promoting import model_swap
from pointsman.evaluation.promotion_writing import Doing, carry_out
from pointsman.routing.policy import parse_policy
from pointsman.store import open_store
from pointsman.store.promotions import Promotions

TEXT = """\
version: 1
providers: {openai: {host: openai, api_key_env: OPENAI_API_KEY}}
tiers: {small: [openai/gpt-5-mini]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""


def test_where_the_file_cannot_be_written_the_history_takes_the_promotion_back(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "pointsman.yaml"
    now = parse_policy(TEXT, str(path))
    swap = model_swap(TEXT, now, "openai/gpt-5-mini", "openai/gpt-4o")
    with open_store(f"sqlite:///{tmp_path / 's.db'}") as store:
        with pytest.raises(PolicyError, match="cannot be written"):
            carry_out(store, Doing(path, TEXT, now, swap, None, "ada", "cheaper", forced=True))
        newest, first = Promotions(store).history()
        assert (first.action, newest.action, newest.undoes) == ("promote", "rollback", first.seq)
        assert newest.reason.endswith("the file could not be written")
        assert Promotions(store).standing(str(path)) is None
