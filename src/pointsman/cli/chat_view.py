"""How ``pointsman chat`` shows a conversation: words, tool calls, approvals, and what each turn cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointsman.cli.console import TIER_STYLE, fail, out, plain
from pointsman.cli.figures import count, usd
from pointsman.cli.replay_view import short
from pointsman.domain.record import TurnRecord
from pointsman.errors import PointsmanError
from pointsman.execution.agents.approval import action

if TYPE_CHECKING:
    from pointsman.execution.agents.managed import ManagedRun
    from pointsman.routing.sections_agents import Agent
    from pointsman.store.agent_runs import CallRow, RunRow

_RESULT = 160
_ENDED = frozenset({"done", "refused", "unknown"})


class ChatView:
    """Prints a conversation as it goes. ``asked``: the next line answers the question of an approval."""

    def __init__(self, terminal: bool) -> None:
        self.asked = False
        self._terminal = terminal
        self._console = out()
        self._calls = 0

    def greet(self, name: str, agent: Agent, conversation: str) -> None:
        """Say who listens."""
        tools = len(agent.tools) + len(agent.mcp)
        sources = f"{tools} source{'' if tools == 1 else 's'} of tools" if tools else "no tools"
        self._console.print(plain(f"agent {name}, {sources}, conversation {conversation}", "bold"))

    def prompt(self) -> None:
        """Ask for a line where somebody sits and sees it."""
        if self._terminal:
            self._console.print(plain("approve? y/n> " if self.asked else "you> ", "bold"), end="")

    def heard(self, line: str) -> None:
        """Show a line that came through a pipe, so that what is printed reads as a conversation."""
        self._calls = 0
        if not self._terminal:
            self._console.print(plain(f"you: {line}", "bold"))

    def told(self, what: TurnRecord | CallRow) -> None:
        """Show a finished step, or a tool call that starts or ends."""
        if isinstance(what, TurnRecord):
            model = what.steps[-1].model if what.steps else what.decision.model
            tokens = (
                f"{count(what.usage.prompt)} + {count(what.usage.output)} tokens" if what.usage else "tokens unknown"
            )
            self._console.print(plain(f"  {short(model)}", TIER_STYLE.get(what.decision.tier, "")), end="")
            self._console.print(plain(f"  {tokens}  {usd(what.cost_usd)}", "dim"))
        elif what.state not in _ENDED:
            self._calls += 1
            self._console.print(plain(f"  > {action(what)}", "yellow"))
        else:
            said = " ".join(getattr(part, "text", "[not text]") for part in what.result.content) if what.result else ""
            cut = said if len(said) <= _RESULT else said[: _RESULT - 1] + "…"
            state = "" if what.state == "done" else f"{what.state}: "
            failed = what.result is not None and what.result.is_error
            self._console.print(plain(f"  < {state}{cut}".replace("\n", " "), "red" if failed else "dim"))

    def reply(self, run: ManagedRun) -> None:
        """Show the reply, or the question, and what the turn cost."""
        self.asked = run.state == "waiting_for_approval"
        self._console.print(
            plain("approval: " if self.asked else "agent: ", "bold yellow" if self.asked else "bold"), end=""
        )
        self._console.print(plain(run.reply.text))
        steps = f"{len(run.steps)} model step{'' if len(run.steps) == 1 else 's'}"
        calls = f"{self._calls} tool call{'' if self._calls == 1 else 's'}"
        self._console.print(plain(f"  {usd(run.cost_usd)} · {steps} · {calls} · run {run.run_id}", "dim"))

    def again(self, run: RunRow) -> None:
        """Show where a conversation stands that is taken up again."""
        self.asked = run.state == "waiting_for_approval"
        if run.reply is not None:
            self._console.print(plain(f"agent (before): {run.reply.text}", "dim"))

    def note(self, text: str) -> None:
        """Say something beside the conversation."""
        self._console.print(plain(text, "dim"))

    def failed(self, error: PointsmanError) -> None:
        """Say why a turn failed; what the run did is kept."""
        fail(f"{error.code}: {error}")
