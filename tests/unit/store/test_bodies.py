from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import StoreError
from pointsman.store.bodies import Codec, digest, manifest, read_manifest


@given(st.binary(max_size=2000) | st.binary(max_size=20).map(lambda piece: piece * 200))
def test_a_packed_body_comes_back_and_is_never_inflated(body: bytes) -> None:
    codec = Codec()
    packed = codec.pack(body)
    assert codec.unpack(packed) == body
    assert len(packed) <= len(body) + 1


def test_a_long_body_is_compressed() -> None:
    body = b'{"role":"user","content":"where is my order?"}' * 100
    assert len(Codec().pack(body)) < len(body) / 10


@given(st.lists(st.tuples(st.sampled_from(["params", "system", "message"]), st.binary())))
def test_a_manifest_keeps_names_and_hashes_in_order(parts: list[tuple[str, bytes]]) -> None:
    hashes = [digest(body) for _, body in parts]
    assert read_manifest(manifest([name for name, _ in parts], hashes)) == [
        (name, key) for (name, _), key in zip(parts, hashes, strict=True)
    ]


@pytest.mark.parametrize("stored", [b"", b"\x07abc", b"\x01not zstd"])
def test_damaged_bytes_are_an_error_in_words(stored: bytes) -> None:
    with pytest.raises(StoreError):
        Codec().unpack(stored)
    with pytest.raises(StoreError):
        read_manifest(stored)
