from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointsman.errors import StoreError
from pointsman.store import Store, open_store
from pointsman.store.keys import ClientKey, KeyRing, create_key, list_keys, revoke_key


def test_a_secret_opens_and_nothing_else_does(store: Store) -> None:
    key_id, secret = create_key(store, "support-bot")
    other_id, other = create_key(store, "voice", models=("openai/gpt-5-mini",))
    ring = KeyRing(store)
    assert ring.check(secret) == ClientKey(key_id, "support-bot")
    assert ring.check(other) == ClientKey(other_id, "voice", ("openai/gpt-5-mini",))
    mixed = secret[:19] + other[19:]
    for wrong in ("", "pm_live_", secret[:-1], secret + "x", secret.upper(), mixed, "\udcff" + secret, "é" * 70):
        assert ring.check(wrong) is None
    ring.close()


def test_a_secret_has_256_random_bits_and_is_not_in_the_file(store: Store) -> None:
    _, secret = create_key(store, "support-bot")
    assert re.fullmatch(r"pm_live_[a-z0-9]{10}_[\w-]{43}", secret)
    store.close()
    for file in Path(store.path).parent.iterdir():
        assert secret[-20:].encode() not in file.read_bytes()


def test_keys_made_and_revoked_elsewhere_are_seen_by_a_running_ring(store: Store, url: str) -> None:
    ring = KeyRing(store)
    assert len(ring) == 0
    with open_store(url) as elsewhere:
        key_id, secret = create_key(elsewhere, "late")
        ring.refresh()  # what check does by itself once a second
        assert ring.check(secret) == ClientKey(key_id, "late")
        assert revoke_key(elsewhere, key_id)
        assert not revoke_key(elsewhere, key_id)
    ring.refresh()
    assert ring.check(secret) is None
    ring.close()


def test_a_ring_survives_a_store_that_goes_away(store: Store) -> None:
    _, secret = create_key(store, "support-bot")
    ring = KeyRing(store)
    for file in Path(store.path).parent.iterdir():
        file.unlink()
    with pytest.raises(StoreError):
        ring.refresh()
    assert ring.check(secret) is not None
    ring.close()


def test_listing_tells_revoked_keys(store: Store) -> None:
    key_id, _ = create_key(store, " a ")
    create_key(store, "b", models=())
    revoke_key(store, key_id)
    first, second = sorted(list_keys(store), key=lambda key: key.name)
    assert (first.name, first.models, first.revoked_at_us is None) == ("a", None, False)
    assert (second.name, second.models, second.revoked_at_us) == ("b", (), None)


def test_mistakes_are_told_in_words(store: Store) -> None:
    with pytest.raises(StoreError, match="needs a name"):
        create_key(store, " ")
    with pytest.raises(StoreError, match="no key 'nope'"):
        revoke_key(store, "nope")
