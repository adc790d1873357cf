"""Python functions as tools: the JSON Schema from their types, the description from their docstring.

::

    tool = python_tool(refund, writes=True)
    text = await tool.call({"order_id": "A1", "cents": 500}, idempotency_key="t1:2:0")

A parameter annotated ``IdempotencyKey`` is not shown to the model: the loop fills it in, the same for every repeat of the
same call, so that a function that writes can tell a repeat from a second wish.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import re
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NewType, Protocol, get_type_hints

import msgspec

from pointsman.domain.message import JsonObject, Tool
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

IdempotencyKey = NewType("IdempotencyKey", str)
"""Annotate a parameter with it to be given the key of this call; the model never sees the parameter."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_ARGS: Final = re.compile(r"(Args|Arguments|Parameters):\s*\Z")
_SECTION: Final = re.compile(r"(Returns?|Raises|Yields|Examples?|Notes?|Args|Arguments|Parameters):\s*\Z")
_PARAMETER: Final = re.compile(r"\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")
_TAKEN_BY_NAME: Final = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class BadArguments(ValueError):
    """The model's arguments do not fit the tool; the text is meant for the model, so that it can call again."""


class Caller(Protocol):
    """Runs a tool."""

    def __call__(self, arguments: JsonObject, idempotency_key: str = "") -> Coroutine[Any, Any, str]:
        """Return what the tool gave, as text: a string as it is, anything else as JSON."""
        ...


class PythonTool(msgspec.Struct, frozen=True):
    """A function that a model may call.

    ``parameters`` is a JSON Schema of an object; ``writes`` says that running it twice would do something twice. ``call``
    raises ``BadArguments`` when the arguments do not fit, and whatever the function itself raises. ``function`` is what
    it was made from.
    """

    name: str
    description: str
    parameters: JsonObject
    call: Caller
    writes: bool = False
    function: Callable[..., Any] | None = None

    @property
    def tool(self) -> Tool:
        """The tool as it is shown to the model."""
        return Tool(self.name, self.description, self.parameters)


def python_tool(
    function: Callable[..., Any], *, name: str | None = None, description: str | None = None, writes: bool = False
) -> PythonTool:
    """Return ``function`` (plain or async) as a tool. A plain one runs in a thread, so it may block.

    Raises:
        UsageError: a parameter has no type or one that JSON cannot carry, or the name is not one a provider takes.
    """
    name = name or str(getattr(function, "__name__", ""))
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} cannot be the name of a tool: letters, digits, _ and -, at most 64; pass name='...'"
        )
    about, of_parameters = _docstring(function)
    fields, key_parameter = _fields(function, name, of_parameters)
    arguments_model = _model(name, fields)
    return PythonTool(
        name=name,
        description=description if description is not None else about,
        parameters=_schema(name, arguments_model),
        call=_caller(function, arguments_model, key_parameter),
        writes=writes,
        function=function,
    )


def _fields(
    function: Callable[..., Any], name: str, of_parameters: dict[str, str]
) -> tuple[dict[str, tuple[Any, Any]], str | None]:
    """Return what the model may pass (type and pydantic field by name), and the parameter that takes the key."""
    from pydantic import Field
    from pydantic.fields import FieldInfo

    fields: dict[str, tuple[Any, Any]] = {}
    key_parameter = None
    hints = _hints(function, name)
    for parameter in inspect.signature(function).parameters.values():
        where = f"tool {name!r}: parameter {parameter.name!r}"
        if parameter.kind not in _TAKEN_BY_NAME:
            raise UsageError(f"{where} must be one that is passed by name, not {parameter.kind.description}")
        if parameter.name not in hints:
            raise UsageError(f"{where} has no type: write one ({parameter.name}: str), the model is told of it")
        hint = hints[parameter.name]
        if hint is IdempotencyKey:
            key_parameter = parameter.name
            continue
        default: Any = ... if parameter.default is parameter.empty else parameter.default
        text = of_parameters.get(parameter.name)
        if not isinstance(default, FieldInfo):
            default = Field(default, description=text) if text else Field(default)
        fields[parameter.name] = (hint, default)
    return fields, key_parameter


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    # A callable object is described by its class's __call__.
    described = function if inspect.isroutine(function) or inspect.isfunction(function) else type(function).__call__
    try:
        return get_type_hints(described, include_extras=True)
    except (NameError, TypeError) as error:
        raise UsageError(
            f"tool {name!r}: a type cannot be read ({error}); define it at the top of the module"
        ) from None


def _model(name: str, fields: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    from pydantic import ConfigDict, create_model
    from pydantic.errors import PydanticUserError

    # By alias, so that a parameter may have a name that pydantic keeps for itself (``schema``, ``copy``, ``_x``).
    aliases = {f"p{index}": field for index, field in enumerate(fields)}
    config = ConfigDict(extra="forbid", alias_generator=aliases.__getitem__)
    renamed: dict[str, Any] = {key: fields[field] for key, field in aliases.items()}
    try:
        return create_model(f"{name}_arguments", __config__=config, **renamed)
    except (PydanticUserError, TypeError) as error:
        raise UsageError(f"tool {name!r}: {_first_line(error)}") from None


def _schema(name: str, model: type[BaseModel]) -> JsonObject:
    from pydantic.errors import PydanticUserError

    try:
        schema = model.model_json_schema(by_alias=True)
    except PydanticUserError as error:
        raise UsageError(f"tool {name!r}: JSON cannot carry one of its types: {_first_line(error)}") from None
    plain: JsonObject = _without_titles(schema)
    plain.setdefault("properties", {})
    return plain


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Drop the titles pydantic makes up: they repeat the name and cost tokens. ``names``: the keys are properties' names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=not names and key in {"properties", "$defs"})
        for key, value in schema.items()
        if names or key != "title"
    }


def _caller(function: Callable[..., Any], model: type[BaseModel], key_parameter: str | None) -> Caller:
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - a callable object may be async in its __call__
    )

    async def call(arguments: JsonObject, idempotency_key: str = "") -> str:
        values = _checked(model, arguments)
        if key_parameter is not None:
            values[key_parameter] = idempotency_key
        result = function(**values) if is_async else await in_thread(function, values)
        if inspect.isawaitable(result):
            result = await result
        return as_text(result)

    return call


async def in_thread(function: Callable[..., Any], values: JsonObject) -> Any:
    """Call a plain function in a thread of its own and return what it gives.

    Not in the loop's pool: a function that never returns would keep a place there for good, and keep the program from ending.

    Raises:
        RuntimeError: the function raised what only the program itself may raise (an interrupt, the end of an iteration).
        Exception: what the function raised.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()
    call = partial(contextvars.copy_context().run, function, **values)

    def work() -> None:
        given: Any = None
        problem: BaseException | None = None
        try:
            given = call()
        except (StopIteration, StopAsyncIteration) as error:  # no future can hold these
            problem = RuntimeError(f"{type(error).__name__}: {error}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the caller hears of whatever it is
            problem = error
        except BaseException as error:  # noqa: BLE001 - raised in the loop it would end the program
            problem = RuntimeError(f"{type(error).__name__}: {error}")
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, outcome, given, problem)

    threading.Thread(target=work, name=f"tool {getattr(function, '__name__', '')}", daemon=True).start()
    return await outcome


def _tell(outcome: asyncio.Future[Any], given: Any, problem: BaseException | None) -> None:
    if outcome.done():
        return
    if problem is None:
        outcome.set_result(given)
    else:
        outcome.set_exception(problem)


def _checked(model: type[BaseModel], arguments: JsonObject) -> dict[str, Any]:
    from pydantic import ValidationError

    try:
        checked = model.model_validate(arguments)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'arguments'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False, include_input=False)[:5]
        ]
        raise BadArguments("; ".join(problems)) from None
    # Read by attribute: a nested model stays what the function's types promise. What was not said keeps its default.
    return {str(field.alias): getattr(checked, key) for key, field in model.model_fields.items()}


def as_text(result: Any) -> str:
    """Return what a function gave as text: a string as it is, else JSON, else what Python calls it.

    Never fails: the function has done its work, and a complaint about its answer would be taken for its failure.
    """
    if isinstance(result, str):
        return result
    from pydantic_core import to_jsonable_python

    with contextlib.suppress(Exception):
        return msgspec.json.encode(result).decode()
    try:
        return msgspec.json.encode(to_jsonable_python(result, fallback=str, bytes_mode="base64")).decode()
    except Exception:  # noqa: BLE001 - encoding runs code of the value
        return f"(done; its answer of type {type(result).__name__} cannot be shown)"


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Return the text before the first section of a docstring, and the descriptions under ``Args:`` by parameter."""
    text = inspect.getdoc(function) or ""
    about: list[str] = []
    parameters: dict[str, str] = {}
    section = ""
    indent, current = -1, ""
    for line in text.splitlines():
        if _SECTION.match(line):
            section, indent = ("args" if _ARGS.match(line) else "other"), -1
        elif not section:
            about.append(line)
        elif section == "args" and line.strip():
            depth = len(line) - len(line.lstrip())
            indent = depth if indent < 0 else indent
            match = _PARAMETER.match(line) if depth <= indent else None
            if match:
                current = match[1]
                parameters[current] = match[2].strip()
            elif current:
                parameters[current] = f"{parameters[current]} {line.strip()}".strip()
    return "\n".join(about).strip(), parameters


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].partition(". Set `")[0][:200]
