"""Redaction before the first write: nothing of the value is left, equal values stay equal, and failure writes nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.decision import Decision, Reason
from pointsman.domain.record import CheckRecord, Handoff, StepRecord, TurnRecord
from pointsman.errors import StoreError
from pointsman.execution.privacy.redaction import FAILED, Redactor, guard_logs, redaction_key, redactor_for
from pointsman.store.rejections import Rejection

CARD, MAIL = "4111 1111 1111 1111", "anna@example.com"
REDACTOR = Redactor(key=b"k" * 32)


def test_equal_values_have_equal_tokens_whatever_their_spelling() -> None:
    token = REDACTOR.text(CARD)
    assert token.startswith("[CARD_")
    assert REDACTOR.text("4111-1111-1111-1111") == REDACTOR.text("４１１１１１１１１１１１１１１１") == token
    assert REDACTOR.text("5500 0000 0000 0004") != token
    assert Redactor(key=b"other").text(CARD) != token


@given(st.text(max_size=200))
def test_redaction_is_idempotent(text: str) -> None:
    once = REDACTOR.text(f"{MAIL} password is abc123 {text} {CARD}")
    assert REDACTOR.text(once) == once


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"role": "user", "content": f"I am {MAIL}"}),
        json.dumps({"content": [{"type": "image_url", "image_url": {"url": "https://x/i.png?m=anna%40example.com"}}]}),
        json.dumps({"tool_calls": [{"function": {"arguments": json.dumps({"mail": MAIL, "n": 1})}}]}),
        json.dumps({MAIL: 1}),
        '{"a": "\\u0061nna@example.com"}',
        '{"a": "anna@example.com", "a": "b"}',
        f"not json {MAIL}",
        '{"a": "\\u0061nna@example\\u002ecom"',
        json.dumps({"a": "anna&#64;example.com"}),
        json.dumps({"a": "%61nna%40%65xample.com"}),
        json.dumps({"state": MAIL + "A" * 600}),
        json.dumps({"arguments": '{"a": "anna\\u0040example.com",, }'}),
        json.dumps({"content": json.dumps([json.dumps({"m": MAIL})])}),
    ],
)
def test_a_value_is_found_wherever_json_hides_it(raw: str) -> None:
    out = REDACTOR.json_bytes(raw.encode())
    assert b"example.com" not in out
    assert b"%40example" not in out
    assert REDACTOR.json_bytes(out) == out


@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ({"ssn": "536904399"}, "536904399"),
        ({"card": 4111111111111111}, "4111111111111111"),
        ({"date_of_birth": "1985-03-12"}, "1985"),
        ({"password": "hunter22"}, "hunter22"),
        ({"cpf": 52998224725}, "52998224725"),
        ({"dateOfBirth": "1985-03-12"}, "1985"),
        ({"userPassword": "hunter22"}, "hunter22"),
        ({"card": ["4111", "1111", "1111", "1111"]}, '"4111"'),
        ({"url": "https://x.example/?pan=4111%201111%201111%201111"}, "4111%20"),
    ],
)
def test_the_key_a_value_stands_under_is_its_context(value: Any, gone: str) -> None:
    assert gone not in REDACTOR.json_bytes(json.dumps(value).encode()).decode()


def test_bytes_without_a_find_come_back_as_they_were() -> None:
    raw = b'{ "a" : 1.50, "b":"order 4411-22" , "b2": null}'
    assert REDACTOR.json_bytes(raw) is raw


def test_attachments_are_cut_out_and_sealed_state_stays() -> None:
    data = "QUJD" * 200
    url = f"data:image/png;base64,{data}"
    value = {"url": url, "source": {"data": data}, "signature": data, "state": MAIL}
    out = json.loads(REDACTOR.json_bytes(json.dumps(value).encode()))
    assert out["signature"] == data
    assert "not kept" in out["url"]
    assert "not kept" in out["source"]["data"]
    assert "anna" not in out["state"]


def test_what_would_take_minutes_to_search_is_not_kept() -> None:
    text = f"{MAIL} order 44112233 of 2026-01-31. " * 80_000
    for raw in (json.dumps({"role": "user", "content": text}), json.dumps([text]), f"no json {text}"):
        kept = REDACTOR.json_bytes(raw.encode())
        assert len(kept) < 200
        assert b"too long to be searched" in kept
    image = json.dumps({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "A" * 3_000_000}}]})
    assert b"characters of an attachment" in REDACTOR.json_bytes(image.encode())


def message(role: str, content: Any) -> tuple[str, bytes]:
    return "message", json.dumps({"role": role, "content": content}).encode()


@pytest.mark.parametrize(
    ("talk", "gone"),
    [
        (
            [message("user", "it is 4111 1111"), message("assistant", "go on"), message("user", "1111 1111, ok?")],
            "1111",
        ),
        ([message("user", "4111"), *[message("user", [{"type": "text", "text": "1111"}])] * 3], "1111"),
        ([message("assistant", "Your social security number?"), message("user", "536904399")], "536904399"),
        ([message("assistant", "When were you born?"), message("user", "12.03.1985")], "1985"),
    ],
)
def test_what_is_split_over_messages_is_taken_out_of_them(talk: list[tuple[str, bytes]], gone: str) -> None:
    record = msgspec.structs.replace(full_record(), request=tuple(talk))
    kept = REDACTOR.record(record).request
    assert gone.encode() not in b"".join(raw for _, raw in kept)
    assert [name for name, _ in kept] == [name for name, _ in talk]


def test_a_conversation_with_nothing_in_it_is_kept_byte_for_byte() -> None:
    talk = (message("user", "order 4411"), message("assistant", "2 parcels"), message("user", "5566 please"))
    assert REDACTOR.record(msgspec.structs.replace(full_record(), request=talk)).request == talk


def test_a_rejected_reply_is_redacted_with_its_escapes_resolved() -> None:
    raw = json.dumps({"mail": MAIL, "note": CARD}).replace("@", "\\u0040") + " and so on"
    one = Rejection(1, "rejected", "c", "v", "a/b", (("wrong_value", f"/{MAIL}", CARD),), raw, conversation_id=MAIL)
    kept = REDACTOR.rejection(one)
    assert "anna" not in repr(kept)
    assert "4111" not in repr(kept)
    assert "[EMAIL_" in kept.raw


def test_log_lines_and_tracebacks_are_redacted_and_odd_ones_left_out() -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("pointsman")
    logger.addHandler(handler)
    leave = guard_logs(REDACTOR)
    try:
        try:
            raise ValueError(MAIL)
        except ValueError:
            logger.exception("card %s", CARD)
        logger.warning("%d", MAIL)
    finally:
        leave()
        logger.removeHandler(handler)
    said = "\n".join(lines)
    assert "[EMAIL_" in said
    assert "[CARD_" in said
    assert "left out" in said
    assert "anna" not in said
    assert "4111" not in said


def test_short_files_are_cut_out_too_and_only_once() -> None:
    raw = b'{"source":{"type":"base64","media_type":"text/plain","data":"QW5uYQ=="},"note":"see data"}'
    once = REDACTOR.json_bytes(raw)
    assert b"QW5uYQ" not in once
    assert REDACTOR.json_bytes(once) == once
    sly = json.dumps({"filename": "x", "data": f"{MAIL} [5 characters of an attachment, not kept]"})
    assert b"anna" not in REDACTOR.json_bytes(sly.encode())


def test_only_the_kinds_that_are_asked_for_are_taken_out() -> None:
    only = Redactor(("card",), key=b"k")
    assert only.text(f"{MAIL} {CARD}").startswith(f"{MAIL} [CARD_")


def full_record() -> TurnRecord:
    text = f"{MAIL} {CARD}"
    raw = json.dumps({"content": text}).encode()
    return TurnRecord(
        id="t1",
        conversation_id="whatsapp:+15551234567",
        at_us=1,
        dialect="openai_chat",
        status="ok",
        decision=Decision(
            id="t1",
            route="direct",
            model="a/b",
            tier="small",
            policy="p",
            reasons=(Reason("rule", "r", text),),
            signals={"own": {"said": text}},
        ),
        steps=(StepRecord("reply", "a/b", "error", 1.0, error_text=text),),
        duration_ms=1.0,
        requested_model=text,
        request=(("params", raw), ("message", raw)),
        reply=raw,
        metadata={"user": MAIL, "ssn": "536904399"},
        handoffs=(Handoff("plan", "a/b", "c/d", msgspec.Raw(raw)),),
        checks=(CheckRecord("plan.must_mention", passed=False, model="a/b", action="repaired", text=text),),
    )


def test_no_field_of_a_record_keeps_a_value() -> None:
    out = msgspec.json.encode(REDACTOR.record(full_record()))
    raw = msgspec.msgpack.encode(REDACTOR.record(full_record()))
    for gone in (b"anna", b"example.com", b"4111", b"1111", b"5551234567", b"536904399"):
        assert gone not in out
        assert gone not in raw


def test_where_redaction_fails_the_record_is_kept_without_its_content() -> None:
    deep = b"[" * 300 + b'"anna@example.com"' + b"]" * 300
    record = msgspec.structs.replace(full_record(), request=(("message", deep),))
    kept = REDACTOR.record(record)
    assert (kept.id, kept.status, kept.metadata, kept.request, kept.reply) == ("t1", "ok", {FAILED: "failed"}, (), b"")
    assert b"anna" not in msgspec.json.encode(kept)
    assert b"555" not in msgspec.json.encode(kept)


def test_the_key_is_made_once_for_its_owner_only_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    assert redaction_key(store, {}) == redaction_key(store, {})
    path = tmp_path / "s.db.redaction-key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert redaction_key(store, {"POINTSMAN_REDACTION_KEY": "x"}) != redaction_key(store, {})
    path.write_text("")
    with pytest.raises(StoreError, match="no redaction key"):
        redaction_key(store, {})
    assert redactor_for((), store) is None
