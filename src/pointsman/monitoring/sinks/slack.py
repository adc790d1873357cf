"""An incoming webhook of Slack: a line for notifications, blocks for reading."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.monitoring.incidents_notices import Told
from pointsman.monitoring.sinks.request import Post

_MARK: Final = {"opened": ":red_circle:", "worse": ":red_circle:", "resolved": ":white_check_mark:"}
_WORD: Final = {"opened": "Open", "worse": "Worse", "acknowledged": "Looked after", "resolved": "Resolved"}
_HEADER, _SECTION = 150, 3000
# Slack's own escapes are &, < and >; its marks are made harmless by a zero-width space before each.
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{mark: f"\N{ZERO WIDTH SPACE}{mark}" for mark in "*_~`@#"}}
)


def escaped(text: str) -> str:
    """Return text that Slack shows as it stands: no links, no mentions, no marks."""
    return text.translate(_ESCAPES)


def request(told: Told, key: str, url: str) -> Post:
    """Return the request for a notice."""
    word = _WORD.get(told.event, told.event)
    headline = f"{word}: {told.headline}"
    lines = [escaped(told.text)]
    if told.who:
        lines.append(f"by {escaped(told.who)}")
    facts = f"{told.severity} · opened {told.opened_at} · {told.incident}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": headline[:_HEADER], "emoji": False}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:_SECTION]}},
        {"type": "context", "elements": [{"type": "plain_text", "text": facts, "emoji": False}]},
    ]
    if told.link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open incident"}, "url": told.link}
        blocks.append({"type": "actions", "elements": [button]})
    body = {"text": f"{_MARK.get(told.event, ':large_yellow_circle:')} {escaped(headline)}", "blocks": blocks}
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "pointsman", "Idempotency-Key": key}
    return Post(url, msgspec.json.encode(body), headers)
