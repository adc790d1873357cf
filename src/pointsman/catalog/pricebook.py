"""Where prices come from: the shipped snapshot of ``genai_prices``, or the installed package when it is another version.

Importing ``genai_prices`` costs about 0.4 s, which a gateway that must listen within a second cannot spare. So the
prices of the catalogue's models are shipped in compact form (``data/rates.json``), and used only when they were
compiled from the very version that is installed. ``python -m pointsman.catalog.pricebook`` writes the file again.
"""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.resources import files

import msgspec

from pointsman.catalog.schedule import Schedule, compile_model

SOURCE = "genai-prices"


class Snapshot(msgspec.Struct, frozen=True):
    """Schedules by ``provider/model`` as ``genai_prices`` names them, with the version and day they were compiled."""

    version: str
    compiled: str
    schedules: dict[str, Schedule]


class PriceBook:
    """Finds the schedule of a price reference."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        """Serve ``snapshot`` (None: nothing) first, the installed package for everything it lacks."""
        self._schedules = dict(snapshot.schedules) if snapshot is not None else {}
        self.compiled = snapshot.compiled if snapshot is not None else None

    @classmethod
    def load(cls) -> PriceBook:
        """Open the shipped snapshot, or none when another version of the price data is installed."""
        snapshot = msgspec.json.decode(_data_file(), type=Snapshot)
        return cls(snapshot if snapshot.version == metadata.version(SOURCE) else None)

    def schedule(self, provider: str, model: str) -> Schedule:
        """Return the schedule of ``model`` at ``provider``; an empty one (price unknown) when the source lacks it."""
        key = f"{provider}/{model}"
        known = self._schedules.get(key)
        if known is None:
            known = self._schedules[key] = live_schedule(provider, model)
        return known


def live_schedule(provider: str, model: str) -> Schedule:
    """Compile the schedule from the installed ``genai_prices`` package; it never goes to the network."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return Schedule()
    return compile_model(info)


def compile_snapshot(references: list[tuple[str, str]], today: str) -> Snapshot:
    """Return the snapshot of ``references`` as the installed package has them."""
    schedules = {f"{provider}/{model}": live_schedule(provider, model) for provider, model in sorted(references)}
    return Snapshot(metadata.version(SOURCE), today, schedules)


def _data_file() -> bytes:
    return files("pointsman.catalog").joinpath("data/rates.json").read_bytes()


def _main() -> None:
    """Write the snapshot for the shipped catalogue to standard output; the first argument is the day (ISO)."""
    from pointsman.catalog.shipped import read_shipped

    references = [model.price_ref for model in read_shipped().models if model.price_ref is not None]
    snapshot = compile_snapshot(references, sys.argv[1])
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(snapshot), indent=1).decode() + "\n")


if __name__ == "__main__":
    _main()
