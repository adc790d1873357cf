"""A reply as an instance of a Pydantic model: one that breaks the model's own rule is sent back, the next one is kept.

python examples/library_contract.py
"""

from __future__ import annotations

import tempfile

from pydantic import BaseModel, field_validator

from pointsman import Pointsman
from pointsman.emulator.script import Rule, Say, Script, When

MOST_CENTS = 10_000


class Refund(BaseModel):
    """What the customer gets back."""

    order: str
    cents: int

    @field_validator("cents")
    @classmethod
    def _is_possible(cls, value: int) -> int:
        if value > MOST_CENTS:
            raise ValueError("more than 100 EUR needs a person")
        return value


# What the simulated models say: first an amount that no JSON Schema would object to, then a possible one.
SCRIPT = Script(
    rules=(
        Rule(when=When(contains="came broken"), reply=Say(json={"order": "48213", "cents": 199_900})),
        Rule(reply=Say(json={"order": "48213", "cents": 1999})),
    )
)
STORE = f"sqlite:///{tempfile.mkdtemp()}/turns.db"

with Pointsman.from_policy(store=STORE, emulated=True, script=SCRIPT).sync() as pm:
    result = pm.turn("The lamp of order 48213 came broken.", output=Refund)
    print(repr(result.value))
    for check in result.record.checks:
        print(check.name, check.action, check.text)
