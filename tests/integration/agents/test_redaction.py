"""With redaction on, nothing of a run reaches the disk with personal data in it, and a live run goes on undisturbed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pointsman.execution.python_tools import python_tool
from support.agents import POLICY, answer, ask, emulated, running, says

MAIL = "maria.weber@example.com"
CARD = "4111 1111 1111 1111"
TOOLS = "    tools: {send: {}}\n    approval: [send]\n"
RULES = (
    says("", ("send", {"to": MAIL}), contains="write to", results=False, call=1),
    says(f"I wrote to {MAIL}."),
)


def play(folder: Path, *, restart: bool) -> list[str]:
    sent: list[str] = []

    def send(to: str) -> str:
        """Send."""
        sent.append(to)
        return f"sent to {to}, card {CARD}"

    policy = POLICY.replace("agents:\n", "privacy: {redact: all}\nagents:\n") + TOOLS
    wish = f"Please write to {MAIL}, my card is {CARD}"

    async def go() -> None:
        with emulated(*RULES) as handle:
            async with running(folder / "s.db", handle, policy) as router:
                router.tools["send"] = python_tool(send, writes=True)
                first = await answer(router, ask(wish, conversation=MAIL))
                assert MAIL in first.reply.text
                if not restart:
                    await answer(router, ask(wish, first.reply.text, f"Yes, to {MAIL}", conversation=MAIL))
            if restart:
                async with running(folder / "s.db", handle, policy) as router:
                    router.tools["send"] = python_tool(send, writes=True)
                    run = await answer(router, ask(wish, first.reply.text, "yes", conversation=MAIL))
                    (call,) = router.agents.runs.calls(run.run_id)
                    assert call.state == "refused"

    asyncio.run(go())
    for file in folder.iterdir():
        raw = file.read_bytes()
        for secret in (MAIL, CARD, CARD.replace(" ", "")):
            assert secret.encode() not in raw, f"{secret} is in {file.name}"
    return sent


def test_the_tool_gets_the_real_values_and_the_disk_none(tmp_path: Path) -> None:
    assert play(tmp_path, restart=False) == [MAIL]


def test_after_a_restart_a_redacted_call_is_not_made(tmp_path: Path) -> None:
    assert play(tmp_path, restart=True) == []
