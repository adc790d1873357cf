from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pointsman.errors import UsageError
from pointsman.library.batch_file import read_batch_file

MODEL = "openai/gpt-5-mini"
ASK = '"messages":[{"role":"user","content":"hi"}]'


def reasons(folder: Path, *lines: str | bytes) -> list[str]:
    path = folder / "w.jsonl"
    path.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    _, bad = read_batch_file(path, MODEL)
    return [f"{one.line}: {one.reason}" for one in bad]


def test_three_ways_to_write_a_line(tmp_path: Path) -> None:
    neutral = msgspec.json.encode({"messages": [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}]}).decode()
    path = tmp_path / "w.jsonl"
    path.write_text(
        "\ufeff" + f'{{"id":"a",{ASK},"max_tokens":7}}\n\n'
        f'{{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{{"model":"gpt-5-mini",{ASK}}}}}\n'
        f'{{"id":"c","turn":{neutral}}}\n',
        encoding="utf-8",
    )
    items, bad = read_batch_file(path, MODEL)
    assert bad == []
    assert [item.id for item in items] == ["a", "b", "c"]
    assert [item.turn.messages[0].text for item in items] == ["hi"] * 3
    assert items[0].turn.max_output_tokens == 7


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        ("[1]", "not an object"),
        ("[" * 9_000, "not JSON"),
        (f"{{{ASK}}}", "id: a text of 1 to 200 characters"),
        (f'{{"id":7,{ASK}}}', "id: a text"),
        (f'{{"id":"",{ASK}}}', "id: a text"),
        ('{"id":"a"}', "messages: this field is required"),
        ('{"id":"a","messages":[]}', "messages"),
        ('{"id":"a","messages":[{"role":"user"}]}', "messages"),
        (f'{{"id":"a",{ASK},"temperature":9}}', "temperature"),
        ('{"id":"a","body":7}', "body: must be an object"),
        ('{"id":"a","turn":7}', "turn: "),
        ('{"id":"a","turn":{"messages":[]}}', "turn.messages: at least one"),
        (f'{{"id":"a","model":"gpt-4o",{ASK}}}', "model: the line names gpt-4o, the batch goes to openai/gpt-5-mini"),
    ],
)
def test_a_bad_line_is_named_with_its_number_and_reason(tmp_path: Path, line: str | bytes, said: str) -> None:
    (reason,) = reasons(tmp_path, f'{{"id":"first",{ASK}}}', line)
    assert reason.startswith("2: ")
    assert said in reason


def test_an_id_stands_once(tmp_path: Path) -> None:
    line = f'{{"id":"a",{ASK}}}'
    assert reasons(tmp_path, line, "", line) == ["3: id 'a' stands in line 1 too"]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_batch_file(path, MODEL)
