"""Whether a monitor is firing now, for those who act on it: a trial of a model is ended by it."""

from __future__ import annotations

from collections.abc import Container, Iterator

import msgspec

from pointsman.store.incidents import Incident, IncidentReader, Signal
from pointsman.store.store import Store


def firing(
    store: Store, rule: str, *, only: dict[str, str] | None = None, simulated: bool | None = None
) -> Signal | None:
    """Return the signal of a named monitor that has not recovered, None where there is none.

    ``only`` narrows it: each label it names must be the signal's own, for example ``{"model": "openai/gpt-5-mini"}``.
    ``simulated`` None: of real or of simulated turns.

    Raises:
        StoreError: the store cannot be read.
    """
    for signal in IncidentReader(store).open_signals():
        labels = msgspec.json.decode(signal.evidence).get("labels", {})
        right = signal.rule == rule and simulated in {None, signal.simulated}
        if right and all(labels.get(name) == value for name, value in (only or {}).items()):
            return signal
    return None


def incident_for(store: Store, monitor: str, model: str, *, simulated: bool | None = None) -> tuple[str, str] | None:
    """Return the incident that a monitor has open for a model, as id and evidence; None: it does not fire for it.

    A monitor with a series per model fires for that model's; one over all turns for the model that its turns point to.
    ``simulated`` None: of real or of simulated turns.

    Raises:
        StoreError: the store cannot be read.
    """
    reader = IncidentReader(store)
    for signal, incident in signals_for(reader, {monitor}, model):
        if simulated in {None, signal.simulated}:
            return incident.id, str(msgspec.json.decode(signal.evidence).get("text", incident.title))
    return None


def signals_for(reader: IncidentReader, monitors: Container[str], model: str) -> Iterator[tuple[Signal, Incident]]:
    """Yield what monitors of these names have open for a model, with the incidents.

    Raises:
        StoreError: the store cannot be read.
    """
    for signal in reader.open_signals():
        found = reader.one(signal.incident_id) if signal.rule in monitors else None
        named = msgspec.json.decode(signal.evidence).get("labels", {}).get("model")
        if found is not None and model in {named, found.subject}:
            yield signal, found
