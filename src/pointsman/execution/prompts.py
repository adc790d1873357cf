"""The prompts of router, fold, planner, worker, summarizer and judge: separate, versioned by content, changed by label.

A version is the first 12 hex digits of the SHA-256 of the text, so the same text has the same version everywhere and no
prompt can change under its name. A label (``production``, ``candidate``) points to a version; ``get`` follows it: the agent's
own prompt, else every agent's, else the one that is shipped.

The prompt of an agent that Pointsman runs is a role of its own, ``agent/NAME``. What counts where no label points is the
prompt in the agent's definition; it is kept under the label ``policy``, so that its history is on record as well.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from pointsman.errors import StoreError, UsageError
from pointsman.store import Store
from pointsman.store.prompts import Place, PromptChange, PromptChanges

Role = Literal["router", "fold", "planner", "worker", "summarizer", "judge"]
Label = Literal["production", "candidate"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LABELS: Final[tuple[Label, ...]] = get_args(Label)
AGENT: Final = "agent/"
"""Begins the role of an agent's own prompt."""
DEFINED: Final = "policy"
"""The label of the prompt in an agent's definition; Pointsman alone moves it."""

MARKERS: Final[Mapping[str, frozenset[str]]] = {
    "router": frozenset({"routes", "intents"}),
    "fold": frozenset({"routes"}),
    "planner": frozenset({"agent_instructions", "tools", "memory"}),
    "worker": frozenset({"memory", "plan"}),
    "summarizer": frozenset({"target_tokens", "keep"}),
    "judge": frozenset({"criteria"}),
}
"""What each role's prompt may ask for as ``{{name}}``."""

_MARKER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_CLOSING: Final = re.compile(r"</([A-Za-z_]+)>")
_VERSION: Final = re.compile(r"[0-9a-f]{4,12}")
_LONGEST: Final = 64 * 1024
_LONGEST_OF_AGENT: Final = 1024 * 1024
_POLL_S: Final = 1.0
_NOTHING: Final = "(none)"


def is_role(name: str) -> bool:
    """Tell whether there can be a prompt of this role: one of ``ROLES``, or ``agent/NAME``."""
    return name in ROLES or (name.startswith(AGENT) and len(name) > len(AGENT))


class Prompt(msgspec.Struct, frozen=True):
    """One prompt as it is in force. ``label`` is where it was found; ``shipped``: nobody changed it."""

    role: str
    version: str
    text: str
    label: str = "shipped"

    @property
    def ref(self) -> str:
        """What a step's record names: ``planner@3fa2c81d90ab``."""
        return f"{self.role}@{self.version}"

    def render(self, **values: str) -> str:
        """Return the text with its markers filled in; one without a value reads "(none)".

        Values are data: markers in them are not filled in again, and a tag of the prompt in them (``</plan>``) is made harmless,
        so that no value can end the place it stands in.
        """
        tags = "|".join(sorted(set(_CLOSING.findall(self.text))))
        fence = re.compile(rf"<(?=\s*/?\s*(?:{tags})\b)", re.IGNORECASE) if tags else None

        def fill(found: re.Match[str]) -> str:
            value = values.get(found[1]) or _NOTHING
            return fence.sub("&lt;", value) if fence else value

        return _MARKER.sub(fill, self.text)


def delimited(tag: str, text: str) -> str:
    """Return untrusted text between ``<tag>`` and ``</tag>``, with that tag made harmless inside."""
    inner = re.sub(rf"<(?=\s*/?\s*{re.escape(tag)}\b)", "&lt;", text, flags=re.IGNORECASE)
    return f"<{tag}>\n{inner}\n</{tag}>"


def version_of(text: str) -> str:
    """Return the version of a text that ``tidy`` has been through."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def tidy(role: str, text: str) -> str:
    """Return ``text`` as it is kept: line ends as LF, one at the end.

    Raises:
        UsageError: empty, too long, not storable, or with a marker that this role does not have.
    """
    kept = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"
    if not kept.strip():
        raise UsageError(f"{role}: the prompt is empty; write what the model is to do")
    if "\x00" in kept or any("\ud800" <= mark <= "\udfff" for mark in kept):
        raise UsageError(f"{role}: the prompt holds characters that cannot be stored; save it as UTF-8 text")
    longest = _LONGEST_OF_AGENT if role.startswith(AGENT) else _LONGEST
    if len(kept.encode()) > longest:
        raise UsageError(f"{role}: the prompt is longer than {longest // 1024} KiB; shorten it")
    known = MARKERS.get(role)
    if known is None:  # nothing is filled into an agent's prompt: braces in it are its own
        return kept
    for found in _MARKER.finditer(kept):
        if found[1] not in known:
            line = kept.count("\n", 0, found.start()) + 1
            names = ", ".join("{{" + name + "}}" for name in sorted(known))
            raise UsageError(f"{role}: line {line}: {found[0]} is unknown; this role has {names}")
    return kept


@lru_cache(maxsize=len(ROLES))
def shipped(role: str) -> Prompt:
    """Return the prompt that comes with Pointsman.

    Raises:
        UsageError: none does: the role is an agent's own.
    """
    if role not in ROLES:
        raise UsageError(f"{role}: this store knows no prompt of that name; an agent's is kept when it is first asked")
    text = files("pointsman.execution.prompt_texts").joinpath(f"{role}.md").read_text("utf-8")
    return Prompt(role, version_of(text), text)


def defined_prompt(agent: str, text: str) -> Prompt:
    """Return the prompt of an agent's definition.

    Raises:
        UsageError: the text cannot be a prompt.
    """
    kept = tidy(AGENT + agent, text)
    return Prompt(AGENT + agent, version_of(kept), kept, DEFINED)


class PromptBook:
    """The prompts in force. ``get`` answers from memory and asks the store once a second whether something changed."""

    def __init__(self, store: Store | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._changes = None if store is None else PromptChanges(store)
        self._clock = clock
        self._asked = float("-inf")
        self._newest = 0
        self._known: dict[Place, Prompt] = {}

    def get(self, role: str, agent: str | None = None, label: str = "production") -> Prompt:
        """Return the prompt of a role: the agent's own under ``label``, else every agent's, else production's, else shipped.

        Raises:
            UsageError: the role is an agent's own (``agent/NAME``), and nothing is known of it.
        """
        self._look()
        if self._known:
            for where in dict.fromkeys((label, "production", DEFINED)):
                for who in dict.fromkeys((agent or "", "")):
                    if (found := self._known.get(Place(role, who, where))) is not None:
                        return found
        return shipped(role)

    def define(self, prompt: Prompt, *, current: bool = True) -> None:
        """Keep the prompt of an agent's definition; ``current``: it is in force where no label points to another.

        Raises:
            StoreError: it cannot be written.
        """
        if self._changes is None:
            return
        if current:
            place = Place(prompt.role, "", DEFINED)
            who = ("pointsman", "the agent is defined so")
            self._changes.point(place, "save", prompt.version, prompt.text, who)
        else:
            self._changes.keep_texts({prompt.version: prompt.text})

    def of_agent(self, defined: Prompt) -> Prompt:
        """Return the prompt an agent works with: the one that production points to, else that of its definition."""
        self._look()
        return self._known.get(Place(defined.role, "", "production"), defined)

    def _look(self) -> None:
        now = self._clock()
        if self._changes is None or now - self._asked < _POLL_S:
            return
        self._asked = now
        try:
            newest = self._changes.newest()
            if newest != self._newest:
                self._known = self._read(self._changes)
                self._newest = newest
        except StoreError:
            # A backup may hold the file for a moment: the prompts last read go on counting.
            return

    def _read(self, changes: PromptChanges) -> dict[Place, Prompt]:
        known: dict[Place, Prompt] = {}
        for place, change in changes.in_force().items():
            text = None if change.version is None else changes.text(change.version)
            if text is not None and change.version is not None and is_role(place.role):
                known[place] = Prompt(place.role, change.version, text, place.label)
        return known

    def keep_shipped(self) -> None:
        """Store the shipped texts, so that what a record names can be read after an upgrade has shipped others."""
        self._writable().keep_texts({prompt.version: prompt.text for prompt in map(shipped, ROLES)})

    def find(self, role: str, name: str, agent: str | None = None) -> Prompt:
        """Return the prompt that ``name`` means: a label, ``shipped``, or a version (4 digits or more of it).

        Raises:
            UsageError: there is none, or several begin so.
        """
        if name == "shipped" or (name == DEFINED and role not in ROLES):
            return self.below(role)
        if name in LABELS:
            return self.get(role, agent, name)
        if not _VERSION.fullmatch(name):
            raise UsageError(
                f"{name[:80]!r} is neither a label ({', '.join(LABELS)}), shipped, nor a version (4-12 hex digits)"
            )
        ours = {prompt.version: prompt.text for prompt in map(shipped, ROLES) if prompt.role == role}
        versions = [version for version in ours if version.startswith(name)]
        versions += self._changes.versions_like(name) if self._changes else []
        versions = sorted(set(versions))
        if len(versions) != 1:
            what = "no prompt has" if not versions else f"{len(versions)} prompts begin with"
            raise UsageError(f"{what} the version {name}; `pointsman prompts history {role}` lists them")
        text = ours.get(versions[0]) or (self._changes.text(versions[0]) if self._changes else None)
        return Prompt(role, versions[0], text or "", "version")

    def below(self, role: str) -> Prompt:
        """Return what counts where no label points: the shipped prompt, of an agent that of its definition."""
        return shipped(role) if role in ROLES else self.get(role, label=DEFINED)

    def save(
        self, role: str, text: str, *, label: Label, agent: str | None, who: tuple[str, str]
    ) -> tuple[Prompt, bool]:
        """Keep a text and let ``label`` point to it; return it, and False when it was in force already.

        ``who`` is the actor and the reason. No other prompt and no other label changes.

        Raises:
            UsageError: the text cannot be a prompt of this role.
        """
        kept = tidy(role, text)
        prompt = Prompt(role, version_of(kept), kept, label)
        place = Place(role, agent or "", label)
        changed = self._writable().point(place, "save", prompt.version, kept, who)
        self.refresh()
        return prompt, changed

    def promote(self, role: str, name: str, *, agent: str | None, who: tuple[str, str]) -> tuple[Prompt, bool]:
        """Let production point to what ``name`` means (``candidate``, ``shipped`` or a version); False: it did already."""
        prompt = self.find(role, name, agent)
        if name == "candidate" and prompt.label != "candidate":
            raise UsageError(f"{role} has no candidate; `pointsman prompts save {role} FILE` makes one")
        kept = tidy(role, prompt.text)
        place = Place(role, agent or "", "production")
        changed = self._writable().point(place, "promote", prompt.version, kept, who)
        self.refresh()
        return msgspec.structs.replace(prompt, label="production"), changed

    def roll_back(
        self, role: str, *, label: Label = "production", agent: str | None, who: tuple[str, str]
    ) -> tuple[str | None, str | None]:
        """Let a label point to what it pointed to before; return both versions, None for the prompt below it.

        Raises:
            StoreError: there is nothing to go back to.
        """
        moved = self._writable().roll_back(Place(role, agent or "", label), who)
        self.refresh()
        return moved

    def history(self, role: str, agent: str | None = None, limit: int = 1000) -> list[PromptChange]:
        """Return the changes of a role, newest first; ``agent`` "" for those of every agent, None for all."""
        return [] if self._changes is None else self._changes.history(role, agent, limit)

    def in_force(self) -> dict[Place, PromptChange]:
        """Return the newest change of each place."""
        return {} if self._changes is None else self._changes.in_force()

    def refresh(self) -> None:
        """Ask the store again at the next ``get``."""
        self._asked = float("-inf")

    def _writable(self) -> PromptChanges:
        if self._changes is None:
            raise UsageError("prompts can be changed only where there is a store: name one with --store")
        return self._changes
