"""MCP servers over stdio and streamable HTTP, with the official SDK at both ends."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.domain.message import Text
from pointsman.errors import UsageError
from pointsman.execution.agents.calling import OutcomeUnknown
from pointsman.execution.agents.mcp_servers import McpServers
from pointsman.execution.agents.tools import Offered
from pointsman.routing.sections_agents import McpServer
from support.agents import agent, answer, ask, emulated, running, says, text_of

SERVER = Path(__file__).parents[2] / "support" / "mcp_server.py"


def stdio(**more: object) -> McpServer:
    settings = {"command": sys.executable, "args": [str(SERVER)]} | more
    return McpServer.model_validate({"stdio": settings})


async def tools_of(servers: McpServers, server: McpServer, folder: Path) -> dict[str, Offered]:
    return {one.tool.name: one for one in await servers.offered("test", server, folder)}


def text(given: object) -> str:
    parts = [part.text for part in given.content if isinstance(part, Text)]  # type: ignore[attr-defined]
    return "\n".join(parts)


def test_tools_over_stdio(tmp_path: Path) -> None:
    async def go() -> None:
        servers = McpServers({"SECRET": "s3"})
        try:
            tools = await tools_of(servers, stdio(env={"TOKEN": "$SECRET"}), tmp_path)
            assert tools["add"].writes is False
            assert tools["note"].writes is None
            assert text(await tools["add"].run({"a": 1, "b": 2}, "k")) == "3"
            assert text(await tools["environment"].run({"name": "TOKEN"}, "k")) == "s3"
            failed = await tools["fail"].run({}, "k")
            assert failed.is_error
            assert "no such thing" in text(failed)
            await tools["note"].run({"text": "hello"}, "run:1:0")
            assert (tmp_path / "notes.txt").read_text() == "hello run:1:0\n"
        finally:
            await servers.aclose()

    asyncio.run(go())


def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    async def go() -> None:
        servers = McpServers({})
        try:
            tools = await tools_of(servers, stdio(), tmp_path)
            with pytest.raises(OutcomeUnknown, match="went away"):
                await tools["note_and_die"].run({"text": "once"}, "k")
            assert text(await tools["add"].run({"a": 2, "b": 2}, "k")) == "4"
        finally:
            await servers.aclose()

    asyncio.run(go())


def test_a_server_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    async def go() -> None:
        servers = McpServers({})
        with pytest.raises(UsageError, match=r"MCP server test cannot be reached: FileNotFoundError"):
            await tools_of(servers, stdio(command="/no/such/program"), tmp_path)
        with pytest.raises(UsageError, match="needs the environment variable NOT_SET"):
            await tools_of(servers, stdio(env={"A": "$NOT_SET"}), tmp_path)
        await servers.aclose()

    asyncio.run(go())


@pytest.fixture
def http_server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(SERVER), "http", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()


def test_tools_over_streamable_http(tmp_path: Path, http_server: str) -> None:
    async def go() -> None:
        servers = McpServers({"TOKEN": "t"})
        try:
            server = McpServer.model_validate(
                {"http": {"url": http_server, "headers_env": {"authorization": "TOKEN"}}, "tools": ["add", "note"]}
            )
            tools = await tools_of(servers, server, tmp_path)
            assert sorted(tools) == ["add", "note"]
            assert text(await tools["add"].run({"a": 1, "b": 2}, "k")) == "3"
            await tools["note"].run({"text": "over http"}, "run:2:0")
            assert (tmp_path / "notes.txt").read_text() == "over http run:2:0\n"
        finally:
            await servers.aclose()

    asyncio.run(go())


def test_an_agent_bears_whatever_its_server_does(tmp_path: Path) -> None:
    """A read is made again after the server died, a write is unknown, floods are cut, and silence ends."""
    rules = (
        says("", ("die_once", {}), results=False),
        says("", ("note_and_die", {"text": "paid"}), results=True, call=1),
        says("", ("flood", {}), ("fail", {}), results=True, call=1),
        says("", ("hang", {}), results=True, call=1),
        says("Done.", results=True),
    )
    lines = f"""
mcp: {{test: {{stdio: {{command: "{sys.executable}", args: ["{SERVER}"]}}}}}}
tool_timeout_s: 6
result_chars: 500
"""

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(lines)) as router:
                run = await answer(router, ask("Go"))
                assert run.reply.text == "Done."
                calls = {call.tool: call for call in router.agents.runs.calls(run.run_id)}
                said = {name: text_of(call.result) for name, call in calls.items() if call.result}
                assert said["die_once"] == "alive again"
                assert calls["note_and_die"].state == "unknown"
                assert "outcome unknown" in said["note_and_die"]
                assert "\x1b" not in said["flood"]
                assert len(said["flood"]) < 600
                assert "did not answer within 6 s" in said["hang"]

    asyncio.run(go())
    assert (tmp_path / "notes.txt").read_text() == "paid\n"


ODD = SERVER.with_name("odd_mcp_server.py")


def odd(how: str) -> str:
    return f'mcp: {{odd: {{stdio: {{command: "{sys.executable}", args: ["{ODD}", "{how}"]}}}}}}'


@pytest.mark.parametrize(
    ("how", "state", "said"),
    [("no result", "unknown", "answered with what is no result of a tool"), ("chatter", "done", "ok")],
)
def test_what_a_server_says_wrong_is_borne(tmp_path: Path, how: str, state: str, said: str) -> None:
    rules = (says("", ("t", {}), results=False), says("Done.", results=True))

    async def go() -> None:
        with emulated(*rules) as handle:
            async with running(tmp_path / "s.db", handle, agent(odd(how))) as router:
                run = await answer(router, ask("Go"))
                (call,) = router.agents.runs.calls(run.run_id)
                assert call.state == state
                assert call.result is not None
                assert said in text_of(call.result)

    asyncio.run(go())


@pytest.mark.parametrize(("how", "said"), [("long name", "cannot be sent"), ("too many", "more than 1000 tools")])
def test_tools_that_cannot_be_offered_are_refused(tmp_path: Path, how: str, said: str) -> None:
    async def go() -> None:
        with emulated() as handle:
            async with running(tmp_path / "s.db", handle, agent(odd(how))) as router:
                with pytest.raises(UsageError, match=said):
                    await answer(router, ask("Go"))

    asyncio.run(go())
