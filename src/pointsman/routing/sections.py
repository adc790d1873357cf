"""The sections of a policy file, as Pydantic models: what may be written, and what each word means.

Every key that is accepted here changes what Pointsman does; a key that would do nothing yet is refused.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from pointsman.domain.decision import TIERS, Tier
from pointsman.domain.plan import extended
from pointsman.routing.lexicon.kinds import KINDS, Kind
from pointsman.routing.lexicon.people import People

Host = Literal["anthropic", "openai", "google", "groq", "together", "ollama", "vllm", "llamacpp", "openai-compatible"]
Rank = Literal["direct", "tools", "plan"]

BUILT_IN_RANKS: dict[str, Rank] = {"direct": "direct", "tools": "tools", "plan": "plan", "summarize": "tools"}
RANK_ORDER: dict[Rank, int] = {"direct": 0, "tools": 1, "plan": 2}
PINNED = "pinned"
"""The route name of a turn whose client named the model."""

_ENV_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
# Shapes of provider keys; and any long run that mixes cases and digits, which no environment variable is named.
_KEY_SHAPES = re.compile(r"^(sk-|sk_|AIza|gsk_|tgp_|xai-|Bearer |ya29\.)|^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)\S{24,}$")


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _one_or_many_schema(item: dict[str, Any]) -> WithJsonSchema:
    """Tell editors that a single word may stand where a list may."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item}]})


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_one_or_many),
    _one_or_many_schema({"type": "string", "minLength": 1}),
]
TierNames = Annotated[
    tuple[Tier, ...], BeforeValidator(_one_or_many), _one_or_many_schema({"type": "string", "enum": list(TIERS)})
]


def looks_like_a_key(value: str) -> bool:
    """Tell whether ``value`` has the shape of a provider's secret key."""
    return bool(_KEY_SHAPES.search(value.strip()))


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Provider(Section):
    """Where a provider is reached."""

    host: Host = Field(description="Which API it speaks and how: the host profile.")
    base_url: str | None = Field(default=None, description="Address of the API; left out, the host's own.")
    api_key_env: Names | None = Field(
        default=None,
        description="Name of the environment variable that holds the key, never the key itself; a list: several keys.",
    )
    regions: Names | None = Field(
        default=None, description="Where this endpoint keeps data (for example eu); left out, the catalogue says."
    )

    @field_validator("api_key_env")
    @classmethod
    def _names_variables(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if looks_like_a_key(name):
                # The value is not repeated: this message may end up in a log.
                raise ValueError(
                    "this looks like a key itself; put the key into an environment variable and write its name here"
                )
            if not _ENV_NAME.match(name):
                raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY")
        if value is not None and (not value or len(set(value)) < len(value)):
            raise ValueError("must name at least one environment variable, each once")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError:
            raise ValueError("is not an address; write for example http://localhost:8000/v1") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password or parts.query:
            raise ValueError("must hold no user, password or query; keys go into api_key_env's variable")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.host == "openai-compatible" and self.base_url is None:
            raise ValueError("host openai-compatible needs base_url: where does the server listen?")
        return self


class Tiers(Section):
    """The models of each price class, in the order you trust them."""

    small: Names = Field(default=(), description="Models of the small tier.")
    mid: Names = Field(default=(), description="Models of the middle tier.")
    flagship: Names = Field(default=(), description="Models of the flagship tier.")

    def models(self, tier: Tier) -> tuple[str, ...]:
        """Return the model ids of ``tier``."""
        found: tuple[str, ...] = getattr(self, tier)
        return found


Kept = Literal["ids", "amounts", "dates", "addresses", "commitments"]


class Verify(Section):
    """Checks of a tool call before the client gets it; a call that fails one is made again by a stronger model."""

    arguments: bool = Field(default=True, alias="schema", description="Arguments must fit the tool's JSON Schema.")
    grounding: bool = Field(default=True, description="Values of arguments must stand in the conversation.")
    agreement: str | None = Field(
        default=None, description="Tier or model that makes the same step beside it and must call the same tools."
    )
    only_writes: bool = Field(default=False, description="Leave calls alone whose tool is named like a mere look-up.")


class Route(Section):
    """How a turn is handled: which models may answer it."""

    tiers: TierNames = Field(default=(), description="Tiers whose models may answer.")
    models: Names = Field(default=(), description="Models that may answer, by catalogue id, beside those of the tiers.")
    choose: Literal["cheapest", "fastest", "listed"] = Field(
        default="cheapest",
        description="cheapest: least expected cost. fastest: lowest known first-token time. listed: first that may.",
    )
    rank: Rank | None = Field(default=None, description="Where a route of your own stands in direct < tools < plan.")
    output_tokens: int = Field(
        default=400, gt=0, le=200_000, description="Tokens a reply is expected to take, for cost."
    )
    worker: str | None = Field(
        default=None, description="Tier or model that replies by the planner's plan; none: the route's models reply."
    )
    planner: str | None = Field(default=None, description="Tier or model that plans; left out, the route's models.")
    plan_schema: dict[str, Any] | None = Field(
        default=None, alias="schema", description="JSON Schema of an object whose fields are added to the plan."
    )
    summarizer: str | None = Field(
        default=None, description="Tier or model that condenses a long message; none: it is read as it is."
    )
    summary_tokens: int = Field(default=400, ge=50, le=20_000, description="Tokens a summary should take.")
    keep: tuple[Kept, ...] = Field(
        default=("ids", "amounts", "dates", "addresses", "commitments"), description="What a summary must not lose."
    )
    verify: Verify | None = Field(default=None, description="Checks of tool calls before the client gets them.")

    @field_validator("plan_schema")
    @classmethod
    def _extends_a_plan(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        extended(value)
        return value

    @model_validator(mode="after")
    def _has_candidates(self) -> Self:
        if not self.tiers and not self.models:
            raise ValueError("names no models: write tiers: [small] or models: [provider/name]")
        return self


class Rule(Section):
    """A condition over the signals, and what follows from it. Exactly one of floor, ceiling, pin, prefer."""

    name: str = Field(min_length=1, max_length=80, description="Short name, shown in every decision it makes.")
    when: str = Field(min_length=1, max_length=4000, description="Condition in CEL over the signals.")
    floor: str | None = Field(default=None, description="At least this route.")
    ceiling: str | None = Field(default=None, description="At most this route.")
    pin: str | None = Field(default=None, description="This route, tier or model.")
    prefer: str | None = Field(
        default=None, description="This route, tier or model, unless a floor or ceiling moves it."
    )
    reason: str | None = Field(
        default=None, max_length=300, description="A sentence for the people who read decisions."
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [kind for kind in ("floor", "ceiling", "pin", "prefer") if getattr(self, kind) is not None]
        if len(said) != 1:
            got = " and ".join(said) or "none of them"
            raise ValueError(f"must give exactly one of floor, ceiling, pin, prefer; it gives {got}")
        return self

    @property
    def kind(self) -> Literal["floor", "ceiling", "pin", "prefer"]:
        """Which of the four this rule gives."""
        if self.floor is not None:
            return "floor"
        if self.ceiling is not None:
            return "ceiling"
        return "pin" if self.pin is not None else "prefer"

    @property
    def target(self) -> str:
        """The route, tier or model it names."""
        return self.floor or self.ceiling or self.pin or self.prefer or ""


class ChannelLimits(Section):
    """Limits of one channel."""

    ttft_p95_ms: float = Field(gt=0, description="Models known to need longer to the first token are left out.")


class AllowList(Section):
    """Who may use which models: entries are model ids, tier names, or provider/*."""

    default: Names | None = Field(default=None, description="For everyone not named below; left out: all models.")
    keys: dict[str, Names] = Field(default_factory=dict, description="By name of the client key.")
    tenants: dict[str, Names] = Field(default_factory=dict, description="By the request's metadata field tenant.")


class Limits(Section):
    """Hard limits."""

    chat: ChannelLimits | None = None
    voice: ChannelLimits | None = None
    email: ChannelLimits | None = None
    allow: AllowList = AllowList()


class Residency(Section):
    """Where turns with personal data may go."""

    on_prem_only: bool = Field(default=False, description="Only models that run on your own machines.")
    regions: Names = Field(default=(), description="Only endpoints known to keep data in one of these regions.")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not self.on_prem_only and not self.regions:
            raise ValueError("limits nothing: write on_prem_only: true or regions: [eu]")
        return self

    @property
    def words(self) -> str:
        """The limit in words."""
        where = ["only your own machines may see it"] if self.on_prem_only else []
        where += [f"it stays in {' or '.join(self.regions)}"] if self.regions else []
        return ", and ".join(where)


class Presidio(Section):
    """Names of people and places, found by Microsoft Presidio (extra ``presidio``) with a spaCy model that is installed."""

    model: str = Field(default="en_core_web_sm", pattern=r"^\w+$", description="Package of the spaCy model.")
    language: str = Field(default="en", pattern="^[a-z]{2}$", description="The language the model is for.")
    score: float = Field(default=0.5, ge=0, le=1, description="Finds that Presidio is less sure of are left out.")

    @cached_property
    def people(self) -> People:
        """What finds them; loads at first use."""
        return People(self.model, self.language, self.score)


class Privacy(Section):
    """What personal data in a turn restricts."""

    sensitive: Residency | None = Field(
        default=None, description="Turns with sensitive data (signal personal_data.sensitive)."
    )
    personal: Residency | None = Field(
        default=None, description="Turns with any personal data (personal_data.present)."
    )
    redact: tuple[Kind, ...] | Literal["all"] = Field(
        default=(),
        description="Kinds of personal data that are replaced by tokens before anything is written; all: every kind.",
    )

    presidio: Presidio | None = Field(
        default=None, description="Names of people and places count as personal data, and are redacted, too."
    )

    @model_validator(mode="after")
    def _names_are_found_and_used(self) -> Self:
        if self.presidio is None and self.redact != "all" and "name" in self.redact:
            raise ValueError("redact: name is found by Presidio only: add presidio: {model: en_core_web_sm}")
        if self.presidio is not None and self.personal is None and not {"name", "address"} & set(self.redacted):
            raise ValueError("presidio changes nothing: add personal, or redact with name or address in it")
        return self

    @property
    def redacted(self) -> tuple[Kind, ...]:
        """The kinds that are never written."""
        return KINDS if self.redact == "all" else self.redact


class Parameters(Section):
    """Request parameters."""

    unsupported_sampling: Literal["drop", "strict"] = Field(
        default="drop",
        description="Sampling parameters a model lacks: drop and list them, or leave that model out (strict).",
    )


class Deadlines(Section):
    """How long a model call may take, in seconds."""

    connect_s: float = Field(default=5.0, gt=0, le=120)
    first_token_s: float = Field(default=30.0, gt=0, le=3600)
    idle_s: float = Field(default=60.0, gt=0, le=3600, description="Between two pieces of a stream.")
    total_s: float = Field(default=300.0, gt=0, le=7200)


class Fallback(Section):
    """What happens when a model call fails before the first content."""

    max_attempts: int = Field(
        default=3, ge=1, le=10, description="Model calls per step at most, the first one counted."
    )
    below_floor: bool = Field(
        default=False, description="Whether a fallback may go below the floor that a rule has set."
    )


class Sticky(Section):
    """What happens inside an open tool loop."""

    hold_in_tool_loop: bool = Field(
        default=True, description="Keep the model that began the loop while it is eligible."
    )
    steps: str | None = Field(default=None, description="Tier or route for steps predicted to call tools.")
    synthesis: str | None = Field(
        default=None, description="Tier or route for the step predicted to be the final answer."
    )

    @model_validator(mode="after")
    def _holds_or_switches(self) -> Self:
        if (self.steps is None) != (self.synthesis is None):
            raise ValueError("steps and synthesis go together: write both or neither")
        if self.steps is not None and self.hold_in_tool_loop:
            raise ValueError("steps and synthesis switch models inside the loop: write hold_in_tool_loop: false too")
        return self


class Context(Section):
    """How the context window is judged."""

    effective: Literal["ignore", "prefer", "require"] = Field(
        default="prefer",
        description="Beyond a model's effective context: no matter, take others first, or leave it out.",
    )
    margin: float = Field(
        default=0.1, ge=0, le=1, description="Share added to the token estimate before it is compared."
    )


class Safety(Section):
    """Guards that hold beside the rules."""

    approval_floor: Literal["tools", "plan", "off"] = Field(
        default="tools", description="A customer's yes to an open risky action goes at least to a route of this rank."
    )
