"""Who may label on the review page, and what two labellers see: over real sockets."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from pointsman.app import build_router
from pointsman.evaluation.labels_shown import Shown, encode_shown
from pointsman.store import open_store
from pointsman.store.keys import create_key
from pointsman.store.labels import PREFERENCE, Item, Labels, shown_swapped
from support.browsing import Browsing
from support.gateway import GatewayUnderTest
from support.judged import reply, said

SHOWN = Shown(said(("user", "<b>Where</b> is it?")).messages, reply("from a"), reply("from b"), ("maker-a", "maker-b"))


def fields(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that labels."""
    form = page.partition('<form method="post" action="/review">')[2].partition("</form>")[0]
    return dict(re.findall(r'name="(csrf|item)" value="(\w+)"', form))


def test_labellers_label_viewers_look_and_the_second_label_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as store:
        keys = {
            "vera": create_key(store, "vera", role="viewer"),
            "lena": create_key(store, "lena", role="labeller"),
            "omar": create_key(store, "omar", role="operator"),
        }
        # Its id begins with one of the marks of items that are labelled twice.
        item = Item("0abc", "pair", "run", PREFERENCE, "", "Which?", 1, None, "k1", encode_shown(SHOWN))
        Labels(store).add([item])
    router = build_router(None, store=url, simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None, keys=True) as running, contextlib.ExitStack() as stack:
        pages: dict[str, Browsing] = {}
        for name, (_, secret) in keys.items():
            pages[name] = stack.enter_context(Browsing(running.base_url))
            assert pages[name].post("/sign-in", data={"key": secret}).status_code == 303
        looked = pages["vera"].get("/review").text
        assert "&lt;b&gt;Where&lt;/b&gt;" in looked
        assert "not label" in looked
        assert "maker-a" not in looked
        token = re.search(r'name="csrf" value="(\w+)"', looked)
        assert token is not None
        refused = pages["vera"].post("/review", data={"csrf": token[1], "item": "0abc", "value": "first"})
        assert refused.status_code == 403
        for name in ("lena", "omar"):
            found = fields(pages[name].get("/review").text)
            assert pages[name].post("/review", data={**found, "csrf": "x", "value": "first"}).status_code == 403
            odd = pages[name].post("/review", data={**found, "value": "pass"})
            assert odd.status_code == 400
            done = pages[name].post("/review", data={**found, "value": "first"})
            assert done.status_code == 303
            told = pages[name].get("/review").text
            assert "is better" in told
            assert "have seen all there is" in told
    with open_store(url, must_exist=True) as store:
        given = {label.labeller: label.value for label in Labels(store).labels()}
    assert given == {name: "b" if shown_swapped("0abc", name) else "a" for name in ("lena", "omar")}
