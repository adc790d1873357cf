from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from inline_snapshot import snapshot
from pydantic import BaseModel, Field

from pointsman.errors import UsageError
from pointsman.execution.python_tools import BadArguments, IdempotencyKey, PythonTool, python_tool


class Address(BaseModel):
    street: str
    title: str = ""


def refund(
    order_id: str,
    cents: Annotated[int, Field(gt=0)],
    key: IdempotencyKey,
    to: Address | None = None,
    schema: Literal["card", "credit"] = "card",
) -> dict[str, Any]:
    """Refund an order.

    Only for orders that are paid.

    Args:
        order_id: The order,
            as the customer sees it.
        cents (int): How much.
        key: Given by the loop.
        to: Where to.
        schema: By which way.

    Returns:
        What was done.
    """
    return {"order": order_id, "cents": cents, "key": key, "to": to, "schema": schema}


def run(tool: PythonTool, arguments: Any, key: str = "") -> str:
    return asyncio.run(tool.call(arguments, key))


def test_types_become_the_schema_and_the_docstring_the_description() -> None:
    tool = python_tool(refund, writes=True)
    assert (tool.name, tool.description, tool.writes) == (
        "refund",
        "Refund an order.\n\nOnly for orders that are paid.",
        True,
    )
    assert tool.parameters == snapshot(
        {
            "$defs": {
                "Address": {
                    "properties": {"street": {"type": "string"}, "title": {"default": "", "type": "string"}},
                    "required": ["street"],
                    "type": "object",
                }
            },
            "additionalProperties": False,
            "properties": {
                "order_id": {"description": "The order, as the customer sees it.", "type": "string"},
                "cents": {"description": "How much.", "exclusiveMinimum": 0, "type": "integer"},
                "to": {
                    "anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}],
                    "default": None,
                    "description": "Where to.",
                },
                "schema": {
                    "default": "card",
                    "description": "By which way.",
                    "enum": ["card", "credit"],
                    "type": "string",
                },
            },
            "required": ["order_id", "cents"],
            "type": "object",
        }
    )


def test_the_idempotency_key_reaches_the_function_and_never_the_model() -> None:
    tool = python_tool(refund)
    assert "key" not in tool.parameters["properties"]
    assert run(tool, {"order_id": "A", "cents": 5}, "t1:2") == snapshot(
        '{"order":"A","cents":5,"key":"t1:2","to":null,"schema":"card"}'
    )
    with pytest.raises(BadArguments, match="key: Extra inputs are not permitted"):
        run(tool, {"order_id": "A", "cents": 5, "key": "mine"})


def test_a_nested_model_arrives_as_that_model() -> None:
    tool = python_tool(refund)
    answer = run(tool, {"order_id": "A", "cents": 5, "to": {"street": "Main"}})
    assert '"to":{"street":"Main","title":""}' in answer


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "order_id: Field required; cents: Field required"),
        ({"order_id": 7, "cents": 1}, "order_id: Input should be a valid string"),
        ({"order_id": "A", "cents": -1}, "cents: Input should be greater than 0"),
        ({"order_id": "A", "cents": 1, "to": {"street": []}}, "to.street: Input should be a valid string"),
        ([1], "arguments: Input should be"),
        (None, "arguments: Input should be"),
    ],
)
def test_wrong_arguments_are_told_in_words_for_the_model(arguments: Any, said: str) -> None:
    with pytest.raises(BadArguments) as caught:
        run(python_tool(refund), arguments)
    assert said in str(caught.value)


def test_a_plain_function_runs_off_the_event_loop_and_an_async_one_on_it() -> None:
    def where() -> str:
        return threading.current_thread().name

    async def here() -> str:
        return threading.current_thread().name

    assert run(python_tool(where), {}) != threading.current_thread().name
    assert run(python_tool(here), {}) == threading.current_thread().name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        ([1, 2.5], "[1,2.5]"),
        (Decimal("1.10"), '"1.10"'),
        (dt.date(2026, 11, 22), '"2026-11-22"'),
        (Address(street="Main"), '{"street":"Main","title":""}'),
        ({"a": Address(street="Main")}, '{"a":{"street":"Main","title":""}}'),
        (float("nan"), "null"),
    ],
)
def test_what_a_tool_returns_becomes_text(value: Any, text: str) -> None:
    def give() -> Any:
        return value

    assert run(python_tool(give), {}) == text


def test_an_error_of_the_function_is_left_to_the_loop() -> None:
    def boom() -> str:
        raise RuntimeError("the till is closed")

    with pytest.raises(RuntimeError, match="the till is closed"):
        run(python_tool(boom), {})


def test_methods_and_callable_objects_are_tools_too() -> None:
    class Till:
        def balance(self, currency: str = "EUR") -> str:
            return f"3 {currency}"

        async def __call__(self, times: int) -> int:
            """Double."""
            return 2 * times

    assert run(python_tool(Till().balance), {}) == "3 EUR"
    assert run(python_tool(Till(), name="double", description="Twice."), {"times": "4"}) == "8"


def _many(*ids: str) -> str:
    return ",".join(ids)


def _loose(a) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the point of the test
    return str(a)


def _loop(a: asyncio.AbstractEventLoop) -> str:
    return str(a)


def _gone(a: Nope) -> str:  # type: ignore[name-defined]  # noqa: F821 - the point of the test
    return str(a)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_many, "must be one that is passed by name, not variadic positional"),
        (_loose, "parameter 'a' has no type: write one (a: str)"),
        (_loop, "tool '_loop': Unable to generate pydantic-core schema"),
        (_gone, "name 'Nope' is not defined"),
        (lambda: 1, "'<lambda>' cannot be the name of a tool"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_with_the_reason(function: Callable[..., Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        python_tool(function)
    assert said in str(caught.value)


def test_functions_that_never_return_stand_in_nobodys_way() -> None:
    held = threading.Event()

    def hang() -> str:
        held.wait()
        return "late"

    async def go() -> str:
        tool = python_tool(hang)
        hanging = [asyncio.ensure_future(tool.call({})) for _ in range(50)]
        await asyncio.sleep(0)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        return await python_tool(lambda: "at once", name="quick").call({})

    # Returns although fifty calls still hang, more than any pool of threads would hold.
    assert asyncio.run(go()) == "at once"
    held.set()


@pytest.mark.parametrize("error", [StopIteration("the end"), KeyboardInterrupt("stop"), asyncio.CancelledError("no")])
def test_what_only_the_program_may_raise_is_an_error_of_the_tool(error: BaseException) -> None:
    def broken() -> str:
        raise error

    with pytest.raises(RuntimeError, match=f"{type(error).__name__}: {error}"):
        asyncio.run(python_tool(broken).call({}))


@pytest.mark.parametrize("kind", ["bytes", "knot", "object"])
def test_an_answer_that_cannot_be_written_down_is_no_failure(kind: str) -> None:
    def odd() -> object:
        knot: list[object] = []
        knot.append(knot)
        return {"bytes": {"raw": b"\xff"}, "knot": knot, "object": {1: object()}}[kind]

    said = asyncio.run(python_tool(odd).call({}))
    assert ("cannot be shown" in said) == (kind == "knot")
