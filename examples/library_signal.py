"""A signal of your own: the policy says what it measures and asks for it in a rule, a Python function measures it.

python examples/library_signal.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from pointsman import Pointsman, Session, Turn

POLICY = """
version: 1
providers:
  anthropic: {host: anthropic}
tiers:
  small: [anthropic/claude-haiku-4-5]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {tiers: [small]}
  plan: {tiers: [flagship]}
default_route: direct
signals:
  loyalty: {level: [none, silver, gold], years: integer}
rules:
  - name: old-friends
    when: loyalty.level == 'gold' && loyalty.years >= 5
    floor: plan
    reason: a customer of many years gets the best model
"""
CUSTOMERS = {"ann": ("gold", 7), "bob": ("silver", 1)}

folder = Path(tempfile.mkdtemp())
(folder / "pointsman.yaml").write_text(POLICY)
pm = Pointsman.from_policy(folder / "pointsman.yaml", store=f"sqlite:///{folder / 'turns.db'}", emulated=True)


@pm.signal("loyalty")
def loyalty(turn: Turn, session: Session) -> dict[str, object]:  # noqa: ARG001 - every signal is given both
    """Measure from what is at hand: no I/O here, every turn waits for it."""
    level, years = CUSTOMERS.get(turn.metadata.get("user", ""), ("none", 0))
    return {"level": level, "years": years}


with pm.sync() as door:
    for user in ("ann", "bob"):
        decision = door.decide("Can I change my address?", user=user)
        print(f"{user}: {decision.route} -> {decision.model}  {decision.signals['loyalty']}")
