"""The importers read the whole of the recorded data; skipped where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointsman.evaluation.conversation import turns
from pointsman.evaluation.importers.reader import ConversationFile

DATA = Path(os.environ.get("POINTSMAN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def recorded(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {DATA}: set POINTSMAN_DATA to the folder of recorded data")
    return path


@pytest.mark.parametrize("name", ["tau_airline_gpt4o.jsonl", "sgd_conversations.jsonl"])
def test_every_recorded_conversation_is_read(name: str) -> None:
    path = recorded(name)
    with path.open("rb") as stream:
        rows = sum(1 for _ in stream)
    file = ConversationFile(path)

    conversations = [line.conversation for line in file.lines()]

    assert len(conversations) == rows
    for conversation in conversations:
        assert conversation is not None
        assert conversation.tools
        assert next(turns(conversation)).messages[-1].text
