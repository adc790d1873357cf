"""The recipe for adding a provider works as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pointsman.providers.seam import Dialect

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-provider.md"


def test_the_recipe_runs() -> None:
    names: dict[str, Any] = {"__name__": "recipe"}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)

    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)  # noqa: S102 - our own page

    plain: Dialect = names["Plain"]()
    assert plain.name == "plain"
