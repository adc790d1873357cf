"""What a reply says, in whatever words close to those that were asked for or forbidden."""

from __future__ import annotations

import pytest

from pointsman.execution.routes.phrases import forbidden_in, mentions


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("Your refund of 49,90 EUR arrives on 3 May.", "The refund is €49.90"),
        ("We refunded order #A-1182.", "refund of order A1182"),
        ("you can return it within 30 days", "Returns accepted within 30 days"),
        ("RETURNS  ARE\u00a0ACCEPTED within 30 days", "returns are accepted within 30 days"),
        ("Die Erstattungen dauern 5 Tage", "Erstattung dauert 5 Tage"),
        ("\u9000\u6b3e\u5c06\u5728\u4e09\u5929\u5185\u5230\u8d26", "\u9000\u6b3e"),
        ("anything", ""),
    ],
)
def test_mentioned(text: str, item: str) -> None:
    assert mentions(text, item)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("Sorry.", "order 1182"),
        ("The refund is €49.80", "The refund is €49.90"),
        ("A colleague will call you", "a colleague calls back tomorrow morning"),
        ("It was sent on 4 May", "sent on 3 May"),
    ],
)
def test_not_mentioned(text: str, item: str) -> None:
    assert not mentions(text, item)


@pytest.mark.parametrize(
    ("text", "phrase", "hit"),
    [
        ("We will REFUND\u200b today.", "refund today", "exact"),
        ("\uff27uaranteed!", "guaranteed", "exact"),
        ("You get $500.00 back", "500 USD", "exact"),
        ("We will refund you today!", "refund today", "near"),
        ("I promise you a full refund", "promise a refund", "near"),
        ("we guarantee it", "guaranteed", "near"),
        ("a free-upgrade is yours", "free upgrade", "exact"),
        ("You get your r\u0435fund t\u043eday.", "refund today", "exact"),
        ("R E F U N D  T O D A Y", "refund today", "exact"),
        ("a re-fund to-day", "refund today", "exact"),
        ("your r3fund t0day", "refund today", "exact"),
        ("no wonder", "now", None),
        ("I prefer und today", "refund today", None),
        ("I cannot promise you any refund", "promise a refund", None),
        ("The refund was refused. Today we are closed.", "refund today", None),
        ("We are free. Upgrade later", "free lifetime upgrade", None),
        ("You get $50 back", "500 USD", None),
        ("", "refund", None),
        ("anything", "", None),
    ],
)
def test_forbidden(text: str, phrase: str, hit: str | None) -> None:
    assert forbidden_in(text, phrase) == hit
