"""Message bodies: each stored once under its content hash, compressed, and listed per turn in a manifest.

A client sends the whole conversation with every turn. Stored as it comes, a conversation of n turns would take n²/2
messages; stored by content it takes n, and each turn a manifest of 16 bytes per message.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec
import zstandard

from pointsman.errors import StoreError

HASH_SIZE = 16
"""Bytes of blake2b: finding two bodies with one hash would take about 2**64 tries."""

_PLAIN, _ZSTD = b"\x00", b"\x01"
# On text shorter than this zstd saves about a hundred bytes and costs an eighth of the whole turn's budget (5 us).
_COMPRESS_FROM = 512


def digest(body: bytes) -> bytes:
    """Return the content hash of ``body``."""
    return blake2b(body, digest_size=HASH_SIZE).digest()


class Codec:
    """Packs bytes for the disk and unpacks them. Not for use by two threads at once."""

    def __init__(self) -> None:
        # A compressor is kept: making one costs more than compressing a message with it.
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, body: bytes, compress_from: int = _COMPRESS_FROM) -> bytes:
        """Return ``body`` with a first byte that names its form: compressed only where that makes it smaller."""
        if len(body) >= compress_from:
            small = self._compressor.compress(body)
            if len(small) < len(body):
                return _ZSTD + small
        return _PLAIN + body

    def unpack(self, stored: bytes) -> bytes:
        """Return the bytes that ``pack`` was given.

        Raises:
            StoreError: the stored bytes are damaged.
        """
        form = stored[:1]
        if form == _PLAIN:
            return stored[1:]
        try:
            if form == _ZSTD:
                return self._decompressor.decompress(stored[1:])
        except zstandard.ZstdError as error:
            raise StoreError(f"a stored body is damaged ({error}). Restore the store from a copy.") from error
        raise StoreError(f"a stored body has the unknown form {form!r}: damaged, or written by a newer Pointsman.")


class _Manifest(msgspec.Struct, frozen=True, array_like=True):
    names: tuple[tuple[str, int], ...]  # runs: ("message", 9) stands for nine messages
    hashes: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Manifest)


def manifest(names: list[str], hashes: list[bytes]) -> bytes:
    """Return the blob that lists named bodies in order."""
    runs: list[tuple[str, int]] = []
    previous, count = "", 0
    for name in names:
        if name == previous:
            count += 1
            continue
        if count:
            runs.append((previous, count))
        previous, count = name, 1
    if count:
        runs.append((previous, count))
    return _ENCODER.encode((runs, b"".join(hashes)))


def read_manifest(blob: bytes) -> list[tuple[str, bytes]]:
    """Return the names and hashes that ``manifest`` was given, as pairs in order.

    Raises:
        StoreError: the blob is damaged.
    """
    try:
        found = _DECODER.decode(blob)
    except msgspec.MsgspecError as error:
        raise StoreError(f"a turn's list of bodies is damaged ({error}). Restore the store from a copy.") from error
    names = [name for name, count in found.names for _ in range(count)]
    hashes = [found.hashes[i : i + HASH_SIZE] for i in range(0, len(found.hashes), HASH_SIZE)]
    if len(names) != len(hashes):
        raise StoreError("a turn's list of bodies is damaged (lengths differ). Restore the store from a copy.")
    return list(zip(names, hashes, strict=True))
