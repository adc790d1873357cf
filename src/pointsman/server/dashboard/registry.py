"""The pages, one line each, in the order of the navigation. A page's module is imported when the page is first asked for.

A new page is one line here, one module ``pages/<slug>.py`` and one template ``templates/<slug>.html``:
docs/how-to/add-a-page.md is the recipe.
"""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.store.keys import Role


class Page(msgspec.Struct, frozen=True):
    """A page: its place in the URL and the navigation, and the decision it supports.

    ``letter`` is the key after ``g`` that leads to it, ``""``: none. ``subtitle`` is the decision, as a question. ``group``
    is the heading it stands under in the navigation, ``""``: it is not listed there (a page that others link to).
    ``role`` is the least that may see it. ``filtered``: it shows the filter bar.
    """

    slug: str
    title: str
    letter: str
    subtitle: str
    group: str
    role: Role = "viewer"
    filtered: bool = True

    @property
    def module(self) -> str:
        """The page's module."""
        return f"pointsman.server.dashboard.pages.{self.slug.replace('-', '_')}"

    @property
    def inner(self) -> bool:
        """Whether what stands after the slug in the path names one of its things; the others have no addresses below."""
        return self.slug in _INNER


_INNER: Final = frozenset({"incidents", "conversation", "replay", "review", "prompts"})
LOOK: Final = "Look"
DECIDE: Final = "Decide"
PROVE: Final = "Prove"
KEEP: Final = "Keep"

PAGES: Final[tuple[Page, ...]] = (
    Page("overview", "Overview", "o", "Is the router paying, and may I leave it alone today?", LOOK),
    Page("health", "Live health", "h", "Fail over, roll back, or wait?", LOOK),
    Page("incidents", "Incidents", "i", "Is it over, and was the page deserved?", LOOK, filtered=False),
    Page("turns", "Turns", "t", "Which turns stand behind this number?", LOOK),
    Page("conversation", "Conversation", "v", "What went wrong in this one?", LOOK),
    Page("tool-calls", "Tool calls", "a", "Fix the schema, the prompt, or the route?", DECIDE),
    Page("latency", "Latency", "w", "Drop a hop, change a default, fold the classifier in?", DECIDE),
    Page("cost", "Cost", "c", "Where is the next dollar, and is caching broken?", DECIDE),
    Page("cost-what-if", "Cost what-if", "b", "What would a month cost on other models, or routed otherwise?", DECIDE),
    Page("router", "Router", "r", "Move a threshold, change or retrain a rule?", DECIDE),
    Page("shadow", "Shadow and P&L", "s", "Which intents may go cheaper, which must go up, and does it pay?", DECIDE),
    Page("contracts", "Contracts", "k", "Tighten the schema, add a retry, or block a model?", DECIDE),
    Page("drift", "Drift and canary", "d", "Did we, the provider, or the customers change?", PROVE, filtered=False),
    Page("replay", "Replay and gates", "x", "Promote, reject, or run more?", PROVE, filtered=False),
    Page("review", "Review queue", "l", "May this judge gate, and what should I look at next?", PROVE, filtered=False),
    Page("prompts", "Prompts", "p", "Which words are in force, and may the new ones go out?", KEEP, filtered=False),
    Page("catalogue", "Catalogue", "m", "Which model for which tier, at what price?", KEEP, filtered=False),
    Page("data", "Data and privacy", "y", "Is it safe to keep recording?", KEEP, filtered=False),
    Page("settings", "Settings", "e", "Who may come in, and what may be spent?", KEEP, "operator", filtered=False),
)


HOME: Final = "overview"


def home() -> Page:
    """Return the page at ``/``."""
    return page(HOME) or PAGES[0]


def page(slug: str) -> Page | None:
    """Return the page of a slug, None if there is none."""
    return next((one for one in PAGES if one.slug == slug), None)
