"""Tools of MCP servers, over stdio and streamable HTTP, by the official SDK (extra ``mcp``).

A server is connected to once per process and kept. What it says is foreign text: names, descriptions and results are
bounded and cleaned, and nothing in them is obeyed. When a server dies, the call under way has an unknown outcome; the next
call starts it again, with one pause in between if that fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import msgspec

from pointsman.domain.message import Image, JsonObject, Text, Tool
from pointsman.errors import RequestError, UsageError
from pointsman.execution.agents.calling import NotMade, OutcomeUnknown
from pointsman.execution.agents.tools import Offered, Output, described
from pointsman.providers.tool_names import wire_name
from pointsman.routing.sections_agents import HttpServer, McpServer, StdioServer

if TYPE_CHECKING:
    from mcp import Client

KEY: Final = "pointsman/idempotency-key"
"""Under this name a call's ``_meta`` carries its idempotency key."""
_CONNECT_S: Final = 30.0
_PAUSE_S: Final = 0.5
_PAGES: Final = 100
_MOST_TOOLS: Final = 1000
_SCHEMA_BYTES: Final = 100_000
_IMAGE_BYTES: Final = 8_000_000

Open = Callable[[], contextlib.AbstractAsyncContextManager["Client"]]


class McpServers:
    """The servers of one process. ``environ`` is where ``$NAME`` and ``headers_env`` are read from."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._links: dict[str, _Link] = {}

    async def offered(self, name: str, server: McpServer, folder: Path) -> list[Offered]:
        """Return the tools of a server, connecting to it first.

        Raises:
            UsageError: the extra is not installed, or the server cannot be reached or does not say what it has.
        """
        place = f"{name} {folder} {server.model_dump_json()}"
        link = self._links.get(place)
        if link is None:
            await _import_sdk(name)
            link = self._links[place] = _Link(name, self._opener(name, server, folder))
        try:
            listed = await link.tools()
        except NotMade as error:
            raise UsageError(str(error)) from None
        wanted = [tool for tool in listed if server.tools is None or _any(tool.name, server.tools)]
        return [self._offered(link, server.prefix, tool) for tool in wanted]

    async def aclose(self) -> None:
        """End every connection; programs that were started are stopped."""
        for link in self._links.values():
            await link.close()
        self._links.clear()

    def _offered(self, link: _Link, prefix: str, tool: Any) -> Offered:
        read_only = tool.annotations.read_only_hint if tool.annotations is not None else None

        async def run(arguments: JsonObject, key: str) -> Output:
            return await link.call(tool.name, arguments, key)

        schema = tool.input_schema
        if len(msgspec.json.encode(schema)) > _SCHEMA_BYTES:
            raise UsageError(f"MCP server {link.name}: the schema of {tool.name[:60]!r} is too large")
        try:
            wire_name(prefix + tool.name)
        except RequestError as error:
            raise UsageError(
                f"MCP server {link.name}: {error}; leave it out by naming the others under tools:"
            ) from None
        shown = described(Tool(prefix + tool.name, tool.description or tool.title or "", schema))
        return Offered(shown, run, writes=False if read_only else None)

    def _opener(self, name: str, server: McpServer, folder: Path) -> Open:
        if server.stdio is not None:
            return _stdio(server.stdio, self._resolved(name, server.stdio.env), folder)
        if server.http is not None:
            headers = {header: f"${variable}" for header, variable in server.http.headers_env.items()}
            return _http(server.http, self._resolved(name, headers))
        raise UsageError(f"MCP server {name!r} names neither stdio nor http")

    def _resolved(self, name: str, values: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for key, value in values.items():
            variable = value.removeprefix("$")
            if value.startswith("$") and variable not in self._environ:
                raise UsageError(f"MCP server {name!r}: {key} needs the environment variable {variable}")
            found[key] = self._environ[variable] if value.startswith("$") else value
        return found


async def _import_sdk(name: str) -> None:
    """Import the SDK in a thread: it takes most of a second, in which turns go on."""
    try:
        await asyncio.to_thread(importlib.import_module, "mcp")
    except ImportError:
        raise UsageError(f"MCP server {name!r} needs the package mcp: install pointsman[mcp]") from None
    # Where nobody set up logging, a server's chatter would stand in the terminal as tracebacks.
    logging.getLogger("mcp").addHandler(logging.NullHandler())


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _stdio(server: StdioServer, env: dict[str, str], folder: Path) -> Open:
    where = (folder / server.cwd).resolve() if server.cwd is not None else folder.resolve()

    @contextlib.asynccontextmanager
    async def open_client() -> AsyncIterator[Client]:
        from mcp import Client, StdioServerParameters, stdio_client

        command = sys.executable if server.command == "python" else server.command
        parameters = StdioServerParameters(command=command, args=list(server.args), env=env, cwd=where)
        # Its chatter on stderr would end up between our own lines.
        with _silence() as chatter:
            async with Client(stdio_client(parameters, errlog=chatter), cache=None) as client:
                yield client

    return open_client


def _silence() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _http(server: HttpServer, headers: dict[str, str]) -> Open:
    @contextlib.asynccontextmanager
    async def open_client() -> AsyncIterator[Client]:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        timeout = httpx2.Timeout(_CONNECT_S, read=None)  # each call has its own limit, laid around it
        async with (
            httpx2.AsyncClient(headers=headers, timeout=timeout) as http,
            Client(streamable_http_client(server.url, http_client=http), cache=None) as client,
        ):
            yield client

    return open_client


class _Link:
    """One connection, kept by a task of its own: the SDK wants it opened and closed by the same task."""

    def __init__(self, name: str, opener: Open) -> None:
        self.name = name
        self._open = opener
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def tools(self) -> list[Any]:
        """Return all tools the server lists, page by page.

        Raises:
            NotMade: it cannot be reached, or does not come to an end.
        """
        client = await self._connected()
        found: list[Any] = []
        cursor: str | None = None
        seen: set[str] = set()
        try:
            async with asyncio.timeout(_CONNECT_S):
                for _ in range(_PAGES):
                    page = await client.list_tools(cursor=cursor)
                    found += page.tools
                    cursor = page.next_cursor
                    if cursor is None or len(found) > _MOST_TOOLS:
                        break
                    if cursor in seen:
                        raise NotMade(f"MCP server {self.name} lists the same page of tools again and again")
                    seen.add(cursor)
        except NotMade:
            raise
        except Exception as error:  # noqa: BLE001 - the server's faults reach us as many kinds
            await self.close()
            raise NotMade(f"MCP server {self.name} does not list its tools: {_said(error)}") from None
        if cursor is not None or len(found) > _MOST_TOOLS:
            raise NotMade(f"MCP server {self.name} lists more than {_MOST_TOOLS} tools")
        return found

    async def call(self, tool: str, arguments: JsonObject, key: str) -> Output:
        """Make one call.

        Raises:
            NotMade: the server could not be reached, so nothing was done.
            OutcomeUnknown: it went away while the call was being made.
        """
        client = await self._connected()
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        meta: Any = {KEY: key}
        try:
            return _output(await client.call_tool(tool, arguments, meta=meta))
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise TimeoutError(error.message) from None
            if error.code != CONNECTION_CLOSED:
                return Output((Text(f"error: {error.message}"),), is_error=True)
            await self.close()
            raise OutcomeUnknown(f"MCP server {self.name} went away during the call") from None
        except (OSError, EOFError) as error:
            await self.close()
            raise OutcomeUnknown(f"MCP server {self.name} went away during the call ({_said(error)})") from None
        except ValueError:  # what the SDK cannot read: the call was made all the same
            raise OutcomeUnknown(f"MCP server {self.name} answered with what is no result of a tool") from None

    async def close(self) -> None:
        """End the connection; the next call opens it again."""
        task, self._task, self._client = self._task, None, None
        if task is not None:
            self._stop.set()
            await asyncio.wait([task])

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is not None and self._task is not None and not self._task.done():
                return self._client
            try:
                return await self._connect()
            except NotMade:
                await asyncio.sleep(_PAUSE_S)
                return await self._connect()

    async def _connect(self) -> Client:
        self._stop = asyncio.Event()
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(ready, self._stop), name=f"mcp {self.name}")
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._client = await asyncio.shield(ready)
        except TimeoutError:
            await self._abandon()
            raise NotMade(f"MCP server {self.name} did not answer within {_CONNECT_S:g} s") from None
        except asyncio.CancelledError:
            await self._abandon()
            raise
        except Exception as error:  # noqa: BLE001 - a program that cannot be started, a refused connection, a bad handshake
            raise NotMade(f"MCP server {self.name} cannot be reached: {_said(error)}") from None
        return self._client

    async def _abandon(self) -> None:
        task, self._task, self._client = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _hold(self, ready: asyncio.Future[Client], stop: asyncio.Event) -> None:
        try:
            async with self._open() as client:
                if not ready.done():
                    ready.set_result(client)
                await stop.wait()
        except Exception as error:  # noqa: BLE001 - whoever waits for the connection is told; later ones connect anew
            if not ready.done():
                ready.set_exception(error)
        finally:
            if not ready.done():
                ready.cancel()


def _output(given: Any) -> Output:
    """Return a tool's result in our words: text and images; of everything else its kind is named."""
    content: list[Text | Image] = []
    for part in given.content:
        if part.type == "text":
            content.append(Text(part.text))
        elif part.type == "image" and len(part.data) <= _IMAGE_BYTES:
            content.append(Image(part.mime_type, part.data))
        else:
            content.append(Text(_other(part)))
    if given.structured_content is not None and not any(isinstance(part, Text) for part in content):
        content.append(Text(msgspec.json.encode(given.structured_content).decode()))
    return Output(tuple(content), bool(given.is_error))


def _other(part: Any) -> str:
    if part.type == "resource" and getattr(part.resource, "text", None) is not None:
        return f"{part.resource.uri}:\n{part.resource.text}"
    if part.type == "resource_link":
        return f"[resource {part.name}: {part.uri}]"
    return f"[{part.type} left out]"


def _said(error: BaseException) -> str:
    """Return the first error of a group in words: anyio wraps everything that happens in its task groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
