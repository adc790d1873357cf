"""``pointsman label --import``: what is wrong with a line is said, and a file without a label is no file of labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.cli.label import command
from pointsman.errors import UsageError


def test_a_file_without_a_single_label_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_bytes(b'garbage\n[1]\n{"item": {}}\n' + '{"a": "é"}'.encode("latin-1"))
    with pytest.raises(UsageError, match="no label could be read"):
        command(import_=file, store=f"sqlite:///{tmp_path / 's.db'}")
    told = capsys.readouterr().err
    for line, problem in enumerate(
        ("not valid JSON", "a JSON list, not an object", "Object missing", "not UTF-8 text"), 1
    ):
        assert f"line {line} left out: {problem}" in told.replace("\n", " ")
