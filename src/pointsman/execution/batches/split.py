"""Divides the items of a batch among batches at the provider, within its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, RequestError
from pointsman.providers.batch_seam import BatchDialect, Entry, Limits
from pointsman.providers.seam import Endpoint, Outgoing
from pointsman.store.batches import ItemRow

_ENVELOPE = 4_096
"""Bytes kept free for what stands around the items."""


class Encoded(msgspec.Struct, frozen=True):
    """An item ready to go, or the reason why it cannot."""

    item: ItemRow
    outgoing: Outgoing | None = None
    entry: Entry | None = None
    error: PointsmanError | None = None


class Encoder:
    """Encodes items for one batch API; ``admit`` raises for a turn that this model must not get."""

    def __init__(
        self, api: BatchDialect, model: Model, endpoint: Endpoint, admit: Callable[[Turn], None] | None = None
    ) -> None:
        self._api = api
        self._model = model
        self._endpoint = endpoint
        self._admit = admit

    def encode(self, batch_id: str, item: ItemRow) -> Encoded:
        """Return an item as it goes to the provider."""
        turn = msgspec.structs.replace(item.turn, stream=False)
        try:
            if self._admit is not None:
                self._admit(turn)
            outgoing = self._api.dialect.encode(turn, self._model, self._endpoint)
        except PointsmanError as error:
            return Encoded(item, error=error)
        entry = self._api.entry(custom_id(batch_id, item), outgoing)
        if len(entry.line) + _ENVELOPE > self._api.limits.bytes:
            text = f"the item has {len(entry.line):,} bytes; a batch here holds {self._api.limits.bytes:,}"
            return Encoded(item, error=RequestError(text))
        return Encoded(item, outgoing, entry)


def custom_id(batch_id: str, item: ItemRow) -> str:
    """Return the id under which an item travels. It tells our batch, so results show whose they are."""
    return f"{batch_id}-{item.position}-{item.attempt}"


def split(encoded: Iterable[Encoded], limits: Limits) -> list[list[Encoded]]:
    """Divide items, in order: within the limits, and so that all items of a part go with the same headers.

    Headers differ where an Anthropic request needs an older API version, which a batch can have only one of.
    """
    groups: dict[tuple[tuple[str, str], ...], list[list[Encoded]]] = {}
    sizes: dict[tuple[tuple[str, str], ...], int] = {}
    for one in encoded:
        if one.outgoing is None or one.entry is None:
            continue
        headers = tuple(sorted(one.outgoing.headers.items()))
        size = len(one.entry.line) + 2
        parts = groups.setdefault(headers, [])
        if not parts or len(parts[-1]) >= limits.items or sizes[headers] + size > limits.bytes:
            parts.append([])
            sizes[headers] = _ENVELOPE
        parts[-1].append(one)
        sizes[headers] += size
    return [part for parts in groups.values() for part in parts]


def numbered(parts: Sequence[Sequence[Encoded]]) -> dict[int, int]:
    """Return the number of each item's part, from 1, by the item's position."""
    return {one.item.position: n for n, part in enumerate(parts, 1) for one in part}
