"""The policy section ``agents:``: agents that Pointsman runs itself, with their tools, limits and approvals."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pointsman.domain.plan import extended
from pointsman.routing.sections import Names, Section, looks_like_a_key

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

Globs = Annotated[tuple[str, ...], Field(description="Names of tools; * and ? stand for any characters.")]


class AgentTool(Section):
    """A Python function as a tool."""

    python: str | None = Field(
        default=None,
        description="Where the function is: package.module:function, or file.py:function beside the policy file. "
        "Left out: a function registered under this name by the program that embeds Pointsman.",
    )
    description: str | None = Field(default=None, max_length=4000, description="Left out: the function's docstring.")
    parameters: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of the arguments; left out: made from the function's types."
    )

    @field_validator("python")
    @classmethod
    def _names_a_function(cls, value: str | None) -> str | None:
        module, colon, function = (value or "").rpartition(":")
        if value is not None and not (module and colon and function.isidentifier()):
            raise ValueError("must read package.module:function or file.py:function")
        return value


class StdioServer(Section):
    """An MCP server that is started as a program and spoken to over its standard input and output."""

    command: str = Field(min_length=1, description="The program; python means the one that Pointsman runs on.")
    args: tuple[str, ...] = Field(default=(), description="Its arguments.")
    env: dict[str, str] = Field(
        default_factory=dict, description="Variables it is given; $NAME is read from Pointsman's own environment."
    )
    cwd: str | None = Field(default=None, description="Where it runs; relative to the policy file.")

    @field_validator("env")
    @classmethod
    def _no_keys(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if looks_like_a_key(text):
                raise ValueError(
                    f"{name} looks like a key itself; put it into an environment variable, write $ITS_NAME"
                )
        return value


class HttpServer(Section):
    """An MCP server over streamable HTTP."""

    url: str = Field(description="Its endpoint, for example https://tools.example.com/mcp.")
    headers_env: dict[str, str] = Field(
        default_factory=dict, description="Headers by name; the value is the environment variable that holds it."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password:
            raise ValueError("must hold no user or password; headers_env names the variable that holds a key")
        return value

    @field_validator("headers_env")
    @classmethod
    def _names_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for header, variable in value.items():
            if looks_like_a_key(variable) or not _VARIABLE.match(variable):
                raise ValueError(f"{header}: must be the name of an environment variable, never the value itself")
        return value


class McpServer(Section):
    """One MCP server whose tools the agent may call."""

    stdio: StdioServer | None = None
    http: HttpServer | None = None
    tools: Globs | None = Field(default=None, description="Only these of its tools; left out: all of them.")
    prefix: str = Field(default="", max_length=20, pattern=r"^[A-Za-z0-9_-]*$", description="Put before each name.")

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.stdio is None) == (self.http is None):
            raise ValueError("must give exactly one of stdio and http")
        return self


class Agent(Section):
    """An agent that Pointsman runs: clients ask for it by ``model: agent/NAME``."""

    prompt: str | None = Field(default=None, max_length=200_000, description="The system prompt.")
    prompt_file: str | None = Field(default=None, description="A file that holds it, relative to this file.")
    tools: dict[str, AgentTool] = Field(default_factory=dict, description="Python tools by name.")
    mcp: dict[str, McpServer] = Field(default_factory=dict, description="MCP servers by a name of yours.")
    routes: Names | None = Field(default=None, description="Routes it may use; left out: all of the policy.")
    steps: str | None = Field(default=None, description="Tier or route of the steps that call tools.")
    synthesis: str | None = Field(default=None, description="Tier or route that writes the final reply.")
    contract: dict[str, Any] | None = Field(default=None, description="JSON Schema of the final reply.")
    plan_schema: dict[str, Any] | str | None = Field(
        default=None,
        description="JSON Schema of an object whose fields are added to the plans of this agent's turns, in place of the "
        "route's; or a JSON file that holds it, relative to this file.",
    )
    max_steps: int = Field(default=25, ge=1, le=200, description="Model calls per run at most.")
    parallel: int = Field(default=8, ge=1, le=64, description="Tool calls at the same time; writes go one by one.")
    tool_timeout_s: float = Field(default=30, gt=0, le=3600, description="How long one tool call may take.")
    total_s: float = Field(
        default=900, gt=0, le=86_400, description="How long a run may take, waits for approval aside."
    )
    result_chars: int = Field(default=20_000, ge=200, le=1_000_000, description="Longer tool results are cut.")
    writes: Globs | None = Field(
        default=None,
        description="Tools that change something. Left out: Python tools registered as such, and every MCP tool its "
        "server does not call read-only.",
    )
    idempotent: Globs = Field(default=(), description="Writes that may be repeated with the same idempotency key.")
    approval: Globs = Field(default=(), description="Tools that run only after the customer said yes.")
    approval_text: str = Field(
        default="Before I go on I need your approval: {actions}. Shall I go ahead? Please answer yes or no.",
        max_length=2000,
        description="What the customer is asked; {actions} stands for the calls.",
    )
    approval_expires_s: float = Field(default=3600, gt=0, le=2_592_000, description="How long a yes counts.")

    @field_validator("tools")
    @classmethod
    def _names_fit(cls, value: dict[str, AgentTool]) -> dict[str, AgentTool]:
        for name in value:
            if not _TOOL_NAME.match(name):
                raise ValueError(f"{name!r} cannot be the name of a tool: letters, digits, _ and -, at most 64")
        return value

    @field_validator("plan_schema", mode="before")
    @classmethod
    def _extends_a_plan(cls, value: Any) -> Any:
        if value is None or (isinstance(value, str) and value):
            return value
        if not isinstance(value, dict) or not value:
            raise ValueError("must be the JSON Schema of an object with properties, or the name of a JSON file")
        extended(value)
        return value

    @field_validator("approval_text")
    @classmethod
    def _names_the_actions(cls, value: str) -> str:
        if "{actions}" not in value:
            raise ValueError("must hold {actions}: the customer has to see what is asked")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.prompt is None) == (self.prompt_file is None):
            raise ValueError("must give exactly one of prompt and prompt_file")
        if (self.steps is None) != (self.synthesis is None):
            raise ValueError("steps and synthesis go together: write both or neither")
        return self


Agents = dict[str, Agent]
Kind = Literal["steps", "synthesis"]
