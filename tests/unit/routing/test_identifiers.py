"""Where personal data stands: every format with its checksum, odd digits and separators, and what is none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.routing.lexicon import checksums
from pointsman.routing.lexicon.identifiers import Finder

FINDER = Finder()


def found(text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.kind) for span in FINDER.find(text)]


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("mail anna.b+x@shop.example.co.uk, ok?", "anna.b+x@shop.example.co.uk", "email"),
        ("https://x.example/i.png?to=anna%40x.com&v=1", "to=anna%40x.com"[3:], "email"),
        ("anna＠example.com", "anna＠example.com", "email"),
        ("card 4111 1111 1111 1111 12/27", "4111 1111 1111 1111", "card"),
        ("4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "card"),
        ("pay ４１１１１１１１１１１１１１１１", "４１１１１１１１１１１１１１１１", "card"),
        ("٤١١١١١١١١١١١١١١١", "٤١١١١١١١١١١١١١١١", "card"),
        ("x 4111\u200b1111\u00ad1111\u20601111 y", "4111\u200b1111\u00ad1111\u20601111", "card"),
        ("4111\u20131111\u20131111\u20131111", "4111\u20131111\u20131111\u20131111", "card"),
        ("4111 1111\n1111 1111", "4111 1111\n1111 1111", "card"),
        ("see 41111111111\n11111 there", "41111111111\n11111", "card"),
        ("4111_1111_1111_1111", "4111_1111_1111_1111", "card"),
        ("PAN4111111111111111", "4111111111111111", "card"),
        ("4111111111111111EUR", "4111111111111111", "card"),
        ("4\ufe0f\u20e3111 1111 1111 1111", "4\ufe0f\u20e3111 1111 1111 1111", "card"),
        ("4111\u202e1111\u2066\u115f1111\U000e00201111", "4111\u202e1111\u2066\u115f1111\U000e00201111", "card"),
        ("IBANDE89370400440532013000", "DE89370400440532013000", "iban"),
        ("DE89\n3704 0044\n0532 0130 00", "DE89\n3704 0044\n0532 0130 00", "iban"),
        ("123-45-\n6789", "123-45-\n6789", "ssn"),
        ("card_number_4111111111111111", "4111111111111111", "card"),
        ("on 12 may DE89 3704 0044 0532 0130 00 thanks", "DE89 3704 0044 0532 0130 00", "iban"),
        ("gb82west12345698765432", "gb82west12345698765432", "iban"),
        ("ssn 536-90-4399", "536-90-4399", "ssn"),
        ("social security number: 536904399", "536904399", "ssn"),
        ("Steuer-ID 86095742719", "86095742719", "national_id"),
        ("NINO ab 12 34 56 c.", "ab 12 34 56 c", "national_id"),
        ("bsn: 111222333", "111222333", "national_id"),
        ("DNI 12345678Z", "12345678Z", "national_id"),
        ("NIE X-1234567-L", "X-1234567-L", "national_id"),
        ("1 85 05 78 006 084 91", "1 85 05 78 006 084 91", "national_id"),
        ("529.982.247-25", "529.982.247-25", "national_id"),
        ("CPF 52998224725", "52998224725", "national_id"),
        ("2341 2341 2346", "2341 2341 2346", "national_id"),
        ("from 203.0.113.9.", "203.0.113.9", "ip"),
        ("from 2001:db8::8a2e:370:7334 today", "2001:db8::8a2e:370:7334", "ip"),
        ("born on 12 March 1985", "12 March 1985", "dob"),
        ("Geburtsdatum: 12.03.1985", "12.03.1985", "dob"),
        ("passport number is C01X00T47", "C01X00T47", "passport"),
        ("my password is hunter22!", "hunter22!", "password"),
        ("key sk-ant-abcdefghijklmnop1234", "sk-ant-abcdefghijklmnop1234", "secret"),
        ("password hunter22", "hunter22", "password"),
        ("the PIN for my card is 4711", "4711", "password"),
        ("one-time code 482913", "482913", "password"),
        ("api_key=abcdef0123456789abcdef", "abcdef0123456789abcdef", "secret"),
        ("Authorization: Bearer abcdefghijklmnop0123", "abcdefghijklmnop0123", "secret"),
        ("at 12 Elm Street, Springfield", "12 Elm Street", "address"),
        ("Hauptstraße 5", "Hauptstraße 5", "address"),
        ("reach them at 408-296-2926 and they can be found", "408-296-2926", "phone"),
        ("call me on 555-123-4567", "555-123-4567", "phone"),
        ("+44 20 7946 0958", "+44 20 7946 0958", "phone"),
        ("(555) 123-4567", "(555) 123-4567", "phone"),
    ],
)
def test_a_find_says_where_it_stands_and_what_it_is(text: str, value: str, kind: str) -> None:
    assert found(text) == [(value, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "order 20251122-123456789",
        "tracking 1Z999AA10123456784",
        "2026-01-31 09:30:00 paid 1,234,567.00",
        "conv-550e8400-e29b-41d4-a716-446655440000",
        "booking reference 5551234567",
        "version 1.2.3.4",
        "4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "3.14159265358979",
        "the password is wrong",
        "my passcode was denied",
        "I forgot what my pin is for my account",
        "1023 - 62 - 500",
        "order 44112233 a week ago",
        "0.4539578763621486",
        "It is 4411-2233-5566",
        "Parcel 1ZABC4222222222222",
        "4411\n" * 6 + "4111\n1111\n1111\n1111\n" + "5566\n" * 3,
        "-122.41941550000001",
        "4006381333931",
        "years 2024, 2025, 2026, 2027 and 2028",
        "gpt 1760000000123456789",
        "on the second street 5 days ago",
        "[EMAIL_bcdfghjk] [CARD_kmnpqrst]",
        "1760000000",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert found(text) == []


@given(st.text(max_size=400))
def test_finds_lie_in_the_text_in_order_and_apart(text: str) -> None:
    spans = FINDER.find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= two.start for one, two in pairwise(spans))


@given(
    st.text("0123456789", min_size=18, max_size=18),
    st.sampled_from(
        [("4", 13), ("36", 14), ("37", 15), ("4", 16), ("55", 16), ("2345", 16), ("6011", 16), ("67", 18), ("4", 19)]
    ),
    st.sampled_from(["", " ", "-", ".", "\u200b", "\n", "\t", ", ", "\ufe0f", "\u0336"]),
)
def test_every_card_number_is_found_however_it_is_split(middle: str, scheme: tuple[str, int], mark: str) -> None:
    start = (scheme[0] + middle)[: scheme[1] - 1]
    digits = next(start + str(check) for check in range(10) if checksums.luhn(start + str(check)))
    spans = FINDER.find(mark.join(digits))
    assert len(set(digits)) == 1 or [(span.start, span.kind) for span in spans][:1] == [(0, "card")]


@pytest.mark.parametrize(
    "text",
    [
        "@" * 50_000,
        "1 " * 20_000,
        "eyJ-" * 20_000,
        "is 12 " * 20_000,
        "::" * 50_000,
        "a1@b.cc " * 5_000,
        "password " * 9_000,
    ],
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    FINDER.find(text)  # a quadratic pattern would run into the ceiling of every test
