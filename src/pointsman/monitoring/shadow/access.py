"""Who may see a turn a second time: nobody who might not have seen it the first time.

Every check of the gateway is asked again (allow-lists of key and tenant, residency, abilities, context), on the turn as it is
stored. What redaction has taken out of it nothing marks any more; so where a token of redaction stands in the turn, or the
recorded decision left a model out for where it runs, or found personal data, every residency that the policy names holds.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.decision import TIERS
from pointsman.domain.message import Document, Image, ToolResult
from pointsman.domain.record import TurnRecord
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.errors import NoEligibleModel, PointsmanError
from pointsman.monitoring.shadow.house import House
from pointsman.routing.eligibility import Limits
from pointsman.routing.sections import Residency
from pointsman.store.keys import KeyInfo, list_keys

_TOKEN: Final = re.compile(rb"\[[A-Z][A-Z_]{1,20}_[a-z]{6,10}\]")
"""What redaction leaves in place of a value."""
_PLACES: Final = frozenset({"on_prem", "region"})
_WHO: Final = frozenset({"allow_list", "on_prem", "region"})


class Access:
    """Says whether a model may see the turns of one router's store."""

    def __init__(self, house: House) -> None:
        self._house = house

    def models(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return model ids in the order of ``names``, tiers spelled out."""
        policy, catalog = self._house.policy, self._house.catalog
        spelled = [policy.tiers.models(name) if name in TIERS else (name,) for name in names]
        return tuple(dict.fromkeys(catalog.get(one).id for some in spelled for one in some))

    def refusal(self, model_id: str, turn: Turn, record: TurnRecord) -> str | None:
        """Return why a model must not get a turn, None where it may."""
        house = self._house
        model = house.catalog.get(model_id)
        endpoint = house.engine.dispatch.endpoints.get(model.provider)
        if endpoint is None:
            return (
                f"{model.id} cannot be called: {house.missing.get(model.provider, 'its provider is not in the policy')}"
            )
        if record.simulated and not endpoint.simulated:
            return "the turn is simulated: no real money is spent on it"
        for out in record.decision.excluded:
            if out.model == model.id and out.constraint in _WHO:
                return f"{model.id} was left out of this turn: {out.text}"
        return self._misplaced(model, turn, record) or self._by_policy(model, turn, record)

    def _by_policy(self, model: Model, turn: Turn, record: TurnRecord) -> str | None:
        """Return what the gateway itself would say."""
        key = self._key(record.key_id)
        if isinstance(key, str):
            return key
        limits = Limits(
            pin=model.id,
            key=None if key is None else key.name,
            allowed=None if key is None or key.models is None else frozenset(key.models),
            predict=lambda _model, _tokens: 0.0,  # nobody waits for its first word
        )
        try:
            self._house.routing.decide(msgspec.structs.replace(turn, model=model.id), EMPTY_SESSION, limits)
        except NoEligibleModel as error:
            found = next((out.text for out in error.excluded if out.model == model.id), str(error))
            return f"{model.id}: {found}"
        except PointsmanError as error:
            return f"{model.id}: {error}"
        return None

    def _key(self, key_id: str | None) -> KeyInfo | str | None:
        """Return the key of a turn, None where none was asked for, or why it gives no leave."""
        if key_id is None:
            return None
        found = next((one for one in list_keys(self._house.store) if one.id == key_id), None)
        if found is None or found.revoked_at_us is not None:
            return "the client's key is revoked: which models it might use is no longer known"
        return found

    def _misplaced(self, model: Model, turn: Turn, record: TurnRecord) -> str | None:
        """Return why a model runs in the wrong place, as far as only the record can tell."""
        privacy = self._house.policy.privacy
        homes = [home for home in (privacy.sensitive, privacy.personal) if home is not None]
        if not homes or model.hosting == "on_prem" or not _held_personal_data(turn, record):
            return None
        for home in homes:
            if not self._is_at_home(model, home):
                return f"{model.id}: the turn held personal data, so {home.words}"
        return None

    def _is_at_home(self, model: Model, home: Residency) -> bool:
        if home.on_prem_only:
            return False
        regions = self._house.policy.providers[model.provider].regions or model.regions
        return bool(set(regions) & set(home.regions))


def _held_personal_data(turn: Turn, record: TurnRecord) -> bool:
    found: dict[str, Any] = record.decision.signals.get("personal_data") or {}
    if found.get("present") or found.get("kinds"):
        return True
    if any(out.constraint in _PLACES for out in record.decision.excluded):
        return True
    return is_redacted(turn)


def is_redacted(turn: Turn) -> bool:
    """Return whether something was taken out of a turn before it was written."""
    return _TOKEN.search(msgspec.json.encode((turn.messages, turn.metadata))) is not None


def has_attachment(turn: Turn) -> bool:
    """Return whether a turn brings pictures or files."""
    parts = [part for message in turn.messages for part in message.parts]
    inner = [one for part in parts if isinstance(part, ToolResult) for one in part.content]
    return any(isinstance(part, Image | Document) for part in [*parts, *inner])
