"""The user's own catalogue file: new models, corrected fields, negotiated prices.

::

    models:
      openai/gpt-5-mini:              # a field given here replaces the shipped one
        max_output: 64000
      vllm/our-llama:                 # a new model needs its tier
        tier: small
        context_window: 32768
        tools: true
        hosting: on_prem
        prices:                       # US dollars per million tokens; a list with `from` for prices that change
          input: 0.10
          output: 0.20
        source: GPU hours, finance, 2026-10
    aliases:
      our-llama-latest: vllm/our-llama
    lineups:
      vllm: {small: vllm/our-llama}
"""

from __future__ import annotations

import difflib
import math
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pointsman.catalog.located_yaml import LocatedYaml, Place
from pointsman.catalog.models import Model, PromptCache, Provenance, Reasoning
from pointsman.catalog.schedule import PerMillion, Schedule, Step
from pointsman.catalog.shipped import Shipped
from pointsman.domain.decision import TIERS, Tier
from pointsman.errors import CatalogError

_OWN_KEYS = ("prices", "source", "as_of")
_FIXED = ("id", "provider", "provenance")
_DAYS = ("released", "retires")
_SECTIONS = ("models", "aliases", "lineups")
_PRICE_KEYS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "long_above", "long")
_AT = re.compile(r" - at `\$(.*)`$")
Kind = TypeVar("Kind")
_NESTED: dict[str, type[msgspec.Struct]] = {"reasoning": Reasoning, "cache": PromptCache}


class Overrides(msgspec.Struct, frozen=True):
    """What the user's file adds or replaces; ``prices`` by model id."""

    models: tuple[Model, ...] = ()
    prices: dict[str, Schedule] = {}
    aliases: dict[str, str] = {}
    lineups: dict[str, dict[Tier, str]] = {}


def read_overrides(path: Path, shipped: Shipped) -> Overrides:
    """Read the user's file against the shipped catalogue.

    Raises:
        CatalogError: the file cannot be read or a field is wrong; names file, line and field.
    """
    file = LocatedYaml.read(path, CatalogError)
    document = _mapping(file, (), {} if file.data is None else file.data)
    _known(file, (), document, _SECTIONS)
    base = {model.id: model for model in shipped.models}
    models: dict[str, Model] = {}
    prices: dict[str, Schedule] = {}
    for model_id, entry in _mapping(file, ("models",), document.get("models") or {}).items():
        where: Place = ("models", str(model_id))
        fields = _mapping(file, where, entry or {})
        models[str(model_id)] = _model(file, where, str(model_id), fields, base.get(str(model_id)))
        if "prices" in fields:
            prices[str(model_id)] = _schedule(file, (*where, "prices"), fields["prices"])
    ids = base.keys() | models.keys()
    return Overrides(
        tuple(models.values()),
        prices,
        _aliases(file, document.get("aliases") or {}, ids),
        _lineups(file, document.get("lineups") or {}, ids),
    )


def _model(file: LocatedYaml, where: Place, model_id: str, fields: dict[str, Any], base: Model | None) -> Model:
    """Lay the user's fields over the shipped model, or over nothing."""
    provider, _, name = model_id.partition("/")
    if not provider or not name:
        raise file.problem(where, "a model's id is provider/name, for example vllm/our-llama")
    allowed = [f.name for f in msgspec.structs.fields(Model) if f.name not in _FIXED]
    _known(file, where, fields, [*allowed, *_OWN_KEYS])
    for key, struct in _NESTED.items():
        if key in fields:
            nested = _mapping(file, (*where, key), fields[key])
            _known(file, (*where, key), nested, [f.name for f in msgspec.structs.fields(struct)])
    if base is None and "tier" not in fields:
        raise file.problem(where, f"a new model needs its tier: one of {', '.join(TIERS)}")
    given = {key: value for key, value in fields.items() if key not in _OWN_KEYS}
    for field in _DAYS:
        if isinstance(given.get(field), date):
            given[field] = given[field].isoformat()[:10]
    vouched = Provenance(str(fields.get("source") or file.name), str(fields.get("as_of") or "unknown"))
    start: dict[str, Any] = (
        {"id": model_id, "provider": provider, "name": name} if base is None else msgspec.structs.asdict(base)
    )
    provenance = start.get("provenance", {}) | dict.fromkeys(given, vouched)
    plain = msgspec.to_builtins(start | {"provenance": provenance}) | given
    model = _convert(file, where, plain, Model)
    _sane(file, where, model)
    return model


def _sane(file: LocatedYaml, where: Place, model: Model) -> None:
    for field in ("context_window", "effective_context", "max_output"):
        value = getattr(model, field)
        if value is not None and value <= 0:
            raise file.problem((*where, field), f"must be more than 0 (leave it out when unknown), not {value}")
    for field in _DAYS:
        day = getattr(model, field)
        try:
            date.fromisoformat(day or "2000-01-01")
        except ValueError:
            raise file.problem((*where, field), f"must be a day such as 2026-12-11, not {day!r}") from None


def _schedule(file: LocatedYaml, where: Place, value: Any) -> Schedule:
    """Read one set of prices, or a list of them with the day each begins."""
    entries = value if isinstance(value, list) else [value]
    standard: list[Step] = []
    batch: list[Step] = []
    for index, raw in enumerate(entries):
        at: Place = (*where, index) if isinstance(value, list) else where
        entry = dict(_mapping(file, at, raw))
        _known(file, at, entry, [*_PRICE_KEYS, "from", "batch"])
        start = _day(file, (*at, "from"), entry.pop("from", None))
        reduced = entry.pop("batch", None)
        standard.append(Step(start, _prices(file, at, entry)))
        batch.append(Step(start, None if reduced is None else _prices(file, (*at, "batch"), reduced)))
    order = sorted(range(len(standard)), key=lambda i: standard[i].start or date.min)
    return Schedule(tuple(standard[i] for i in order), tuple(batch[i] for i in order))


def _prices(file: LocatedYaml, where: Place, raw: Any) -> PerMillion:
    entry = _mapping(file, where, raw)
    _known(file, where, entry, _PRICE_KEYS)
    for key, value in entry.items():
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if key != "long" and not number:
            raise file.problem((*where, key), f"must be a number, 0 or more, not {value!r}")
    if ("long" in entry) != ("long_above" in entry):
        raise file.problem(where, "long (prices) and long_above (prompt tokens) belong together")
    exact = {key: Decimal(str(value)) if isinstance(value, float) else value for key, value in entry.items()}
    if "long" in entry:
        exact["long"] = _prices(file, (*where, "long"), entry["long"])
    return _convert(file, where, exact, PerMillion)


def _day(file: LocatedYaml, where: Place, value: Any) -> date | None:
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise file.problem(where, f"must be a day such as 2026-10-01, not {value!r}") from None


def _aliases(file: LocatedYaml, value: Any, ids: set[str]) -> dict[str, str]:
    aliases = {str(alias): str(target) for alias, target in _mapping(file, ("aliases",), value).items()}
    for alias, target in aliases.items():
        _exists(file, ("aliases", alias), target, ids)
    return aliases


def _lineups(file: LocatedYaml, value: Any, ids: set[str]) -> dict[str, dict[Tier, str]]:
    lineups: dict[str, dict[Tier, str]] = {}
    for provider, raw in _mapping(file, ("lineups",), value).items():
        where: Place = ("lineups", str(provider))
        tiers = _mapping(file, where, raw)
        _known(file, where, tiers, TIERS)
        for tier, target in tiers.items():
            _exists(file, (*where, tier), str(target), ids)
        lineups[str(provider)] = {tier: str(tiers[tier]) for tier in TIERS if tier in tiers}
    return lineups


def _exists(file: LocatedYaml, where: Place, target: str, ids: set[str]) -> None:
    if target not in ids:
        near = difflib.get_close_matches(target, ids, n=1)
        raise file.problem(where, f"no model {target!r}" + (f"; did you mean {near[0]}?" if near else ""))


def _mapping(file: LocatedYaml, where: Place, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise file.problem(where, f"must be a mapping (name: value), not {value!r}"[:200])
    return value


def _known(file: LocatedYaml, where: Place, entry: dict[str, Any], allowed: Any) -> None:
    for key in entry:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), list(allowed), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(allowed)}"
            raise file.problem((*where, str(key)), f"is not a field here; {hint}")


def _convert(file: LocatedYaml, where: Place, value: Any, kind: type[Kind]) -> Kind:
    """Decode ``value``, turning msgspec's complaint into one with file, line and field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as problem:
        text = str(problem)
        inner = _AT.search(text)
        parts = re.findall(r"[^.\[\]]+", inner[1]) if inner else []
        path: Place = (*where, *(int(part) if part.isdigit() else part for part in parts))
        raise file.problem(path, _AT.sub("", text).replace("`", "")) from None
