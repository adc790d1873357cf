"""Who gets in, and what an answer carries: over real sockets, as a browser would ask."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.app import build_router
from pointsman.store import open_store
from pointsman.store.keys import KeyRing, create_key, revoke_key
from support.browsing import Browsing
from support.gateway import GatewayUnderTest


class Site:
    """A gateway that asks for keys; its store has one key of each kind."""

    def __init__(self, running: GatewayUnderTest, keys: dict[str, tuple[str, str]]) -> None:
        self.running = running
        self.keys = keys

    def browser(self) -> Browsing:
        return Browsing(self.running.base_url)

    def signed_in(self, name: str) -> Browsing:
        client = self.browser()
        answer = client.post("/sign-in", data={"key": self.keys[name][1]})
        assert answer.status_code == 303, answer.text
        return client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path_factory.mktemp('site')}/store.db"
    with open_store(url) as store:
        keys = {
            "bot": create_key(store, "bot"),
            "viewer": create_key(store, "vera", role="viewer"),
            "operator": create_key(store, "olga", role="operator"),
            "admin": create_key(store, "ada", role="admin"),
            "leaver": create_key(store, "leo", role="admin"),
        }
    router = build_router(None, store=url, simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None, keys=True) as running:
        yield Site(running, keys)


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    url = f"sqlite:///{tmp_path_factory.mktemp('open')}/store.db"
    with GatewayUnderTest(build_router(None, store=url, simulate_at="http://127.0.0.1:9"), None) as running:
        yield running


def token(client: Browsing, path: str = "/turns") -> str:
    found = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_a_page_without_a_session_leads_to_sign_in_and_back(site: Site) -> None:
    with site.browser() as client:
        away = client.get("/turns?range=all&model=x")
        assert away.status_code == 303
        assert away.headers["location"] == "/sign-in?next=%2Fturns%3Frange%3Dall%26model%3Dx"
        back = client.post(away.headers["location"], data={"key": site.keys["viewer"][1]})
        assert back.headers["location"] == "/turns?range=all&model=x"
        cookie = back.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert client.get("/turns").status_code == 200


def test_the_cookie_is_secure_behind_tls(site: Site) -> None:
    with site.browser() as client:
        answer = client.post("/sign-in", data={"key": site.keys["viewer"][1]}, headers={"x-forwarded-proto": "https"})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(site: Site, target: str) -> None:
    with site.browser() as client:
        answer = client.post("/sign-in", params={"next": target}, data={"key": site.keys["viewer"][1]})
        assert answer.headers["location"] == "/"


def test_a_key_without_a_role_and_an_unknown_key_stay_out(site: Site) -> None:
    with site.browser() as client:
        turn_key = client.post("/sign-in", data={"key": site.keys["bot"][1]})
        assert turn_key.status_code == 401
        assert "no role" in turn_key.text
        assert client.post("/sign-in", data={"key": "pm_live_nobody"}).status_code == 401
        assert client.get("/turns").status_code == 303


def test_a_forged_or_changed_cookie_is_no_session(site: Site) -> None:
    with site.signed_in("viewer") as client:
        good = client.cookies["pointsman_session"]
        for bad in (good[:-2] + "xx", "a.b.c", "", good + "x"):
            client.cookies.clear()
            client.cookies["pointsman_session"] = bad
            assert client.get("/turns").status_code == 303


def test_a_revoked_key_ends_its_sessions(site: Site) -> None:
    with site.signed_in("leaver") as client:
        assert client.get("/turns").status_code == 200
        revoke_key(site.running.router.store, site.keys["leaver"][0])
        deadline = time.monotonic() + 5
        while client.get("/turns").status_code == 200:
            assert time.monotonic() < deadline


def test_roles_open_pages_and_actions(site: Site) -> None:
    with site.signed_in("viewer") as viewer:
        assert viewer.get("/settings").status_code == 403
        assert 'href="/settings' not in viewer.get("/turns").text
        refused = viewer.post("/prompts/planner", data={"csrf": token(viewer), "do": "save", "text": "x", "why": "y"})
        assert refused.status_code == 403
        assert "needs the role operator" in refused.text
    with site.signed_in("operator") as operator:
        assert operator.get("/settings").status_code == 200
        made = operator.post("/settings", data={"csrf": token(operator), "do": "create", "name": "x", "role": "admin"})
        assert made.status_code == 403
        saved = operator.post(
            "/prompts/planner", data={"csrf": token(operator), "do": "save", "text": "Plan well.", "why": "shorter"}
        )
        assert saved.status_code == 303
        assert "is the candidate" in operator.get(saved.headers["location"]).text
        promoted = operator.post(
            "/prompts/planner", data={"csrf": token(operator), "do": "promote", "version": "candidate"}
        )
        assert "in production" in operator.get(promoted.headers["location"]).text


def test_an_admin_makes_and_revokes_a_key_on_the_page(site: Site) -> None:
    with site.signed_in("admin") as admin:
        made = admin.post("/settings", data={"csrf": token(admin), "do": "create", "name": "new", "role": "viewer"})
        secret = re.search(r"pm_live_\w{10}_[\w-]+", made.text)
        assert secret is not None
        key = KeyRing(site.running.router.store).check(secret[0])
        assert key is not None
        assert key.role == "viewer"
        assert secret[0] not in admin.get("/settings").text
        gone = admin.post("/settings", data={"csrf": token(admin), "do": "revoke", "key": key.id})
        assert "is revoked" in admin.get(gone.headers["location"]).text
        assert KeyRing(site.running.router.store).check(secret[0]) is None


def test_a_form_of_another_site_is_refused(site: Site) -> None:
    with site.signed_in("admin") as admin:
        good = token(admin)
        form = {"do": "create", "name": "stolen", "role": "admin"}
        assert admin.post("/settings", data=form).status_code == 403
        assert admin.post("/settings", data={**form, "csrf": "0" * 64}).status_code == 403
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            assert admin.post("/settings", data={**form, "csrf": good}, headers=headers).status_code == 403
        with site.signed_in("admin") as other:  # a token of another session
            assert admin.post("/settings", data={**form, "csrf": token(other)}).status_code == 403
        assert "stolen" not in admin.get("/settings").text
        own = {"origin": site.running.base_url}
        assert admin.post("/preferences", data={"csrf": good, "theme": "dark"}, headers=own).status_code == 303


def test_signing_out_ends_it(site: Site) -> None:
    with site.signed_in("viewer") as client:
        assert client.post("/sign-out", data={"csrf": token(client)}).status_code == 303
        assert client.get("/turns").status_code == 303


def test_a_cookie_that_was_copied_is_worth_nothing_after_signing_out(site: Site) -> None:
    with site.signed_in("viewer") as client, site.browser() as thief:
        thief.cookies["pointsman_session"] = client.cookies["pointsman_session"]
        assert thief.get("/turns").status_code == 200
        client.post("/sign-out", data={"csrf": token(client)})
        assert thief.get("/turns").status_code == 303


def test_what_is_not_there_is_not_there_whatever_its_name(site: Site) -> None:
    with site.signed_in("admin") as admin:
        for path in ("/replay/" + "x" * 300, "/replay/..%2f..%2fetc", "/replay/%00", "/overview/below", "/turns/below"):
            assert admin.get(path).status_code == 404
        gone = admin.post("/settings", data={"csrf": token(admin), "do": "revoke", "key": "nobody"})
        assert gone.status_code == 404


def test_many_wrong_keys_make_one_wait(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as store:
        _, secret = create_key(store, "vera", role="viewer")
    router = build_router(None, store=url, simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None, keys=True) as running, Browsing(running.base_url) as client:
        for _ in range(10):
            assert client.post("/sign-in", data={"key": "pm_live_wrong"}).status_code == 401
        assert client.post("/sign-in", data={"key": secret}).status_code == 429
    assert (tmp_path / "store.db.session-key").stat().st_mode & 0o777 == 0o600


def test_every_answer_carries_the_policy(site: Site) -> None:
    with site.signed_in("viewer") as client:
        for path in ("/turns", "/static/pointsman.css", "/no-such-page", "/sign-in", "/turns?range=nonsense"):
            headers = client.get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"


def test_errors_are_pages_that_say_what_to_do(site: Site) -> None:
    with site.signed_in("viewer") as client:
        lost = client.get("/no-such-page")
        assert lost.status_code == 404
        assert "There is no such page" in lost.text
        odd = client.get("/turns?from=yesterday")
        assert odd.status_code == 400
        assert "is no time; write 2026-11-22" in odd.text
        assert client.get("/static/../app.py").status_code in {303, 404}
        assert client.get("/static/%2e%2e%2fapp.py").status_code == 404


def test_the_gateway_keeps_its_own_paths(site: Site) -> None:
    with site.browser() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
        assert client.post("/chat/completions", headers={"accept": "*/*"}).json()["error"]["code"] == "not_found"


def test_without_keys_only_this_machines_names_are_served(open_site: GatewayUnderTest) -> None:
    with Browsing(open_site.base_url) as client:
        assert client.get("/turns").status_code == 200
        assert "No key is asked for" in client.get("/turns").text
        rebound = client.get("/turns", headers={"host": "evil.example"})
        assert rebound.status_code == 421
        assert client.get("/turns", headers={"host": f"localhost:{open_site.port}"}).status_code == 200
        assert client.get("/sign-in").headers["location"] == "/"


def test_a_csv_runs_no_formula(open_site: GatewayUnderTest) -> None:
    with Browsing(open_site.base_url) as client:
        answer = client.get("/catalogue?format=csv&table=policy")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == 'attachment; filename="pointsman-catalogue-policy.csv"'
        assert answer.content.startswith(b"\xef\xbb\xbfmodel,tier,")
        assert client.get("/catalogue?format=csv&table=nothing").status_code == 404


def test_a_form_that_is_too_large_is_refused_before_it_is_held(site: Site) -> None:
    with site.browser() as client:
        assert client.post("/sign-in", data={"key": "x" * 3_000_000}).status_code == 413
