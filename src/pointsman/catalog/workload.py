"""A month of traffic, as a person writes it down, checked on the way in.

All token counts are per call, a call being one request to a model. Pydantic stands here because people write this file;
its complaints are turned into one sentence with file, line and field.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pointsman.catalog.book import Catalog
from pointsman.catalog.located_yaml import LocatedYaml, Place
from pointsman.errors import CatalogError, UsageError

Share = Annotated[Decimal, Field(ge=0, le=1, decimal_places=9)]
Tokens = Annotated[int, Field(ge=0, le=10_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
CacheTtl = Literal["5m", "1h"]
Volume = Annotated[Decimal, Field(gt=0, le=10**12, decimal_places=6)]


class WorkloadError(UsageError):
    """The workload file is wrong."""

    code = "workload_error"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class SystemPrompt(_Strict):
    """The part of every prompt that is always the same.

    ``cached_share`` is the share of its tokens that come out of the provider's prompt cache; ``cache_writes_per_month``
    how often it is written into the cache. ``auto`` estimates that from evenly spread traffic (see ``economics``).
    """

    tokens: Tokens
    cached_share: Share = Decimal(0)
    cache_ttl: CacheTtl = "5m"
    cache_writes_per_month: Annotated[int, Field(ge=0, le=10**12)] | Literal["auto"] = "auto"


class Call(_Strict):
    """One request to a model. Counts left out are the workload's; ``cached_tokens`` of ``input_tokens`` are cache reads."""

    model: Name
    input_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    output_tokens: Tokens | None = None


class Route(Call):
    """A share of the calls and the model that answers them; ``extra_calls`` are made besides (a summary, a plan)."""

    name: Name
    share: Share
    batch_share: Share | None = None
    extra_calls: tuple[Call, ...] = ()


class Router(_Strict):
    """The overhead of a routing decision that is itself a model call, made once for every call."""

    model: Name
    input_tokens: Tokens
    output_tokens: Tokens = 0


class Workload(_Strict):
    """A month of traffic: conversations x turns calls, each with a system prompt, context and output."""

    name: Name = "workload"
    conversations_per_month: Volume
    turns_per_conversation: Volume = Decimal(1)
    system_prompt: SystemPrompt = SystemPrompt(tokens=0)
    context_tokens: Tokens = 0
    output_tokens: Tokens
    batch_share: Share = Decimal(0)
    models: tuple[Name, ...] = ()
    baseline: Name | None = None
    routes: tuple[Route, ...] = ()
    router: Router | None = None

    @property
    def calls(self) -> Decimal:
        """Calls a month."""
        return self.conversations_per_month * self.turns_per_conversation

    @property
    def input_tokens(self) -> int:
        """Prompt tokens of one call."""
        return self.system_prompt.tokens + self.context_tokens

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.models and not self.routes:
            raise ValueError("name the models to compare (models), or how calls are routed (routes), or both")
        if self.router is not None and not self.routes:
            raise ValueError("a router without routes decides nothing: add routes, or leave router out")
        total = sum((route.share for route in self.routes), Decimal(0))
        if self.routes and total != 1:
            raise ValueError(f"the shares of the routes must add up to 1, they add up to {total}")
        names = [route.name for route in self.routes]
        if len(set(names)) != len(names):
            raise ValueError("two routes have the same name")
        for call in [call for route in self.routes for call in (route, *route.extra_calls)]:
            given = self.input_tokens if call.input_tokens is None else call.input_tokens
            if (call.cached_tokens or 0) > given:
                raise ValueError(
                    f"cached_tokens {call.cached_tokens} is more than the {given} input tokens of the call"
                )
        return self


def read_workload(path: Path, catalog: Catalog) -> Workload:
    """Read a workload file.

    Raises:
        WorkloadError: it cannot be read, a field is wrong or a model is not in the catalogue; names file, line and field.
    """
    file = LocatedYaml.read(path, WorkloadError)
    workload = decode_workload(file)
    for where, name in _models(workload):
        try:
            catalog.get(name)
        except CatalogError as problem:
            raise file.problem(where, str(problem)) from None
    return workload


def decode_workload(file: LocatedYaml) -> Workload:
    """Check a decoded file.

    Raises:
        WorkloadError: a field is wrong; names file, line and field.
    """
    if not isinstance(file.data, dict):
        raise file.problem((), "must be a mapping with conversations_per_month, output_tokens and models or routes")
    try:
        return Workload.model_validate(_exact(file.data))
    except ValidationError as problem:
        # An unknown field first: it is usually the cause of the missing one reported beside it.
        errors = sorted(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
        raise file.problem(_path(errors[0]["loc"], file.data), _sentence(dict(errors[0]))) from None


def _models(workload: Workload) -> Iterator[tuple[Place, str]]:
    """Yield every model the workload names, with its place in the file."""
    yield from ((("models", index), name) for index, name in enumerate(workload.models))
    if workload.baseline is not None:
        yield ("baseline",), workload.baseline
    if workload.router is not None:
        yield ("router", "model"), workload.router.model
    for index, route in enumerate(workload.routes):
        yield ("routes", index, "model"), route.model
        for extra, call in enumerate(route.extra_calls):
            yield ("routes", index, "extra_calls", extra, "model"), call.model


def _exact(value: Any) -> Any:
    """Turn floats into the decimals that were written, so that 0.1 is a tenth."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    return [_exact(item) for item in value] if isinstance(value, list) else value


def _path(loc: tuple[int | str, ...], data: Any) -> tuple[int | str, ...]:
    """Keep the parts of a Pydantic location that are in the file: union branches are not."""
    path: list[int | str] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(data, dict) and isinstance(part, str) and (part in data or last):
            path.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            path.append(part)
            data = data[part]
    return tuple(path)


def _sentence(error: dict[str, Any]) -> str:
    kind, message = error["type"], str(error["msg"])
    if kind == "extra_forbidden":
        field = str(error["loc"][-1])
        near = [name for name in _FIELDS if name.startswith(field)] or difflib.get_close_matches(field, _FIELDS, n=1)
        return "is not a field here" + (f"; did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if isinstance(given, dict | list) else f", not {str(given)[:60]!r}"
    for theirs, ours in _WORDING:
        message = message.replace(theirs, ours)
    return message[0].lower() + message[1:] + shown


# Pydantic speaks of Python; the reader writes YAML.
_WORDING = (
    ("Input should be", "must be"),
    ("Input should have", "must have"),
    ("a valid tuple", "a list"),
    ("a valid decimal", "a number"),
    ("a valid integer", "a whole number"),
    (", unable to parse string as an integer", ""),
    ("a valid dictionary or instance of ", "a mapping with the fields of "),
)
_FIELDS = sorted(
    {field for kind in (Workload, SystemPrompt, Route, Call, Router) for field in kind.model_fields}
)  # fmt: skip
