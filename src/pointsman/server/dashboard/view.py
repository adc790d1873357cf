"""What a page is given, and what it gives back."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from pointsman.app import Router
from pointsman.errors import Forbidden
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import Slice
from pointsman.server.dashboard.filters import Filter
from pointsman.server.dashboard.registry import Page
from pointsman.server.dashboard.tables import Table
from pointsman.store.keys import KeyRing, Role, at_least

P = ParamSpec("P")
T = TypeVar("T")


class Person(msgspec.Struct, frozen=True):
    """Who looks. ``key_id`` None: nobody was asked for a key (loopback), so whoever it is may do all."""

    name: str
    role: Role
    key_id: str | None = None

    def may(self, wanted: Role) -> bool:
        """Return whether they may do what ``wanted`` may."""
        return at_least(self.role, wanted)


class View(msgspec.Struct, frozen=True):
    """One request for a page.

    ``rest`` is the path after the page's slug (``abc`` of ``/conversation/abc``), ``query`` the parameters of the URL that are
    no filter, ``form`` the fields of a POST. ``now_us`` is Unix time in microseconds. ``keys`` None: no key is asked for.
    ``asker`` answers the questions of ``pointsman.monitoring.questions``; it blocks, so ask it inside ``ask``. ``partial``: htmx
    asks for a part of the page.
    """

    page: Page
    router: Router
    asker: Asker
    keys: KeyRing | None
    person: Person
    filter: Filter
    now_us: int
    zone: ZoneInfo
    csrf: str
    rest: str = ""
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    form: Mapping[str, str] = msgspec.field(default_factory=dict)
    partial: bool = False
    theme: str = "system"

    async def ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``question`` in a thread and return its answer: what reads the store must not hold up a turn."""
        return await asyncio.to_thread(functools.partial(question, *args, **kwargs))

    @property
    def slice(self) -> Slice:
        """The turns that the filter leaves, as the questions want them."""
        return self.filter.slice()

    def routed(self) -> View:
        """Return this view of the turns that Pointsman routed, its links too; captured turns asked for by name stay."""
        if "captured" in self.filter.given:
            return self
        given = {**self.filter.given, "captured": "no"}
        return msgspec.structs.replace(self, filter=msgspec.structs.replace(self.filter, given=given))

    @property
    def store_url(self) -> str:
        """The store as ``--store`` wants it, for commands to copy."""
        return f"sqlite:///{self.router.store.path}"

    def link(self, slug: str, rest: str = "", **changes: str | None) -> str:
        """Return the address of a page with this filter; ``changes`` set parameters, None takes one away."""
        path = "/" + slug + ("/" + quote(rest, safe="") if rest else "")
        chosen = {**self.filter.parameters(), **changes}
        if "range" in changes or "from" in changes:
            chosen = {name: value for name, value in chosen.items() if name not in ("since_us", "until_us")}
        query = urlencode({name: value for name, value in chosen.items() if value is not None})
        return f"{path}?{query}" if query else path

    def here(self, **changes: str | None) -> str:
        """Return the address of this page with ``changes`` to its parameters."""
        return self.link(self.page.slug, self.rest, **{**self.query, **changes})

    def turns(self, narrowed: Slice | None = None, **chosen: str | None) -> str:
        """Return the address of the turns behind a number: this filter, narrowed by ``chosen`` (None is the unknown).

        ``narrowed``: a slice that stands in place of the filter, such as one of another time.
        """
        if narrowed is None:
            return self.link("turns", **{name: "unknown" if value is None else value for name, value in chosen.items()})
        return "/turns?" + urlencode(narrowed.only(**chosen).query())

    def tier_of(self, model: str, decided: str) -> str:
        """Return the tier of a model: a plan's worker is of another than its decision. ``decided`` where nobody knows it."""
        known = self.router.catalog.find(model)
        return decided if known is None else self.router.routing.tier(known.id)

    def require(self, role: Role) -> None:
        """Check that the person may do what ``role`` may.

        Raises:
            Forbidden: they may not.
        """
        if not self.person.may(role):
            raise Forbidden(
                f"this needs the role {role}, and you are signed in as {self.person.role}. "
                f"An admin makes such a key: pointsman keys create NAME --role {role}"
            )


class Shown(msgspec.Struct, frozen=True):
    """What a page shows: ``data`` is what its template ``templates/<slug>.html`` is given, by name.

    ``verdict`` is the sentence on top, computed from the figures. Each of ``tables`` can be had as CSV under its name.
    ``title`` stands in place of the page's own; ``status`` is the HTTP status. ``filtered`` False: no filter bar on this one.
    """

    data: Mapping[str, Any] = msgspec.field(default_factory=dict)
    verdict: str = ""
    tables: tuple[Table, ...] = ()
    title: str = ""
    template: str = ""
    status: int = 200
    filtered: bool = True


class Moved(msgspec.Struct, frozen=True):
    """What an action answers: go to ``to``, where ``said`` is shown once."""

    to: str
    said: str = ""


class Sent(msgspec.Struct, frozen=True):
    """A file to keep."""

    body: bytes
    name: str
    media_type: str = "text/plain; charset=utf-8"
