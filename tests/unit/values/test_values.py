"""Numbers, moments, spans of time and texts, without a server; the tests with one compare them with PostgreSQL."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motadata_ml_server.values.moments import date_text, read_moment, timestamp_text
from motadata_ml_server.values.numbers import ExactFloat, all_digits, all_single_digits, exact_text, single
from motadata_ml_server.values.spans import Span, read_span, seconds_of
from motadata_ml_server.values.text_forms import text_form


@given(st.integers(-(2**62), 2**62 - 1))
def test_a_moment_survives_its_text(micros: int) -> None:
    assert read_moment(timestamp_text(micros)) == micros
    assert read_moment(timestamp_text(micros, "+00").replace(" ", "T", 1)) == micros


@pytest.mark.parametrize(
    "text", ["2026-02-29", "2026-13-01", "12026-02-29", "2026-01-01 24:00:01", "tomorrow", "", "2026-1-1", "1e3"]
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_moment(text) is None


def test_infinite_moments_have_their_names() -> None:
    assert read_moment("-infinity") == -math.inf
    assert timestamp_text(math.inf) == date_text(math.inf) == "infinity"


SPAN = Span(14, -3, -14_706_000_007)


@pytest.mark.parametrize(
    "text",
    [
        "1 year 2 mons -3 days -04:05:06.000007",
        "@ 1 year 2 mons -3 days -4 hours -5 mins -6.000007 secs",
        "+1-2 -3 -4:05:06.000007",
        "P1Y2M-3DT-4H-5M-6.000007S",
        "@ -1 years -2 mons 3 days 4 hours 5 mins 6.000007 secs ago",
    ],
)
def test_all_styles_of_an_interval_are_one(text: str) -> None:
    assert read_span(text) == SPAN


def test_one_sign_before_the_standard_style_holds_for_all_of_it() -> None:
    assert read_span("-3 4:05:06") == Span(0, -3, -14_706_000_000)
    assert read_span("-4:05:06") == Span(0, 0, -14_706_000_000)
    assert read_span("0") == read_span("@ 0") == read_span("PT0S") == Span(0, 0, 0)


@pytest.mark.parametrize("text", ["", "P", "days", "1-", "abc", "1 fortnight", "-infinity", "1:2:3"])
def test_what_is_no_interval_is_none(text: str) -> None:
    assert read_span(text) is None


def test_seconds_are_those_of_extract_epoch() -> None:
    assert seconds_of("1 year") == 31_557_600.0
    assert seconds_of("-1 mons") == -2_592_000.0
    assert seconds_of("10:00:00+02") == seconds_of("08:00:00+00") == 28_800.0
    assert seconds_of("24:00:00") == 86_400.0


@pytest.mark.parametrize(
    ("sql_type", "values", "text"),
    [
        ("integer", [2, 2.0, "2", "2.00", "2e0", " 2 "], "2"),
        ("integer", [0, -0.0, "-0", "0.000", False, "false"], "0"),
        ("numeric", [10**15, 1e15, "1e15", "1000000000000000.0"], "1000000000000000"),
        ("boolean", [True, 1, 1.0, "t", "TRUE", "on", "1"], "true"),
        ("character", ["a", "a  "], "a"),
        ("public.citext", ["Gold", "GOLD"], "gold"),
        ("interval", ["1 day", "24:00:00", "P1D", 86_400], "1 day"),
        ("inet", ["10.0.0.1", "10.0.0.1/32"], "10.0.0.1"),
        ("uuid", ["A0EEBC999C0B4EF8BB6D6BB9BD380A11"], "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("text", ["2"], "2"),
        ("text", [2, 2.0], "2"),
        ("time with time zone", ["10:00+00", "10:00:00+00", 36_000], "10:00:00+00"),
    ],
)
def test_equal_values_have_one_text(sql_type: str, values: list[Any], text: str) -> None:
    assert {text_form(sql_type)(value) for value in values} == {text}


@given(
    st.sampled_from(["integer", "numeric", "real", "date", "interval", "uuid", "inet", "boolean", "text"]), st.text()
)
def test_any_text_has_a_text_that_is_its_own(sql_type: str, text: str) -> None:
    form = text_form(sql_type)
    assert form(form(text)) == form(text)


@pytest.mark.parametrize("text", ["1e999999999", "-1e-999999999", "9" * 140_000])
def test_a_number_beyond_numeric_costs_nothing(text: str) -> None:
    assert exact_text(text) is None
    assert text_form("numeric")(text) == text


LARGEST = "179769313486232" + 294 * "0"


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("sql_type", "value", "text"),
    [
        ("double precision", "1.7976931348623157e308", LARGEST),
        ("double precision", LARGEST, LARGEST),
        ("double precision", "1e309", "1" + 309 * "0"),
        ("double precision", "1e-400", "0." + 399 * "0" + "1"),
        ("double precision", "0e-400", "0"),
        ("real", "3.4028235e38", "340282" + 33 * "0"),
        ("real", "1e300", "1" + 300 * "0"),
        ("real", "1e-60", "0." + 59 * "0" + "1"),
        ("real", "9223372036854775808", "9223370000000000000"),
        ("real", "9223370000000000000", "9223370000000000000"),
    ],
)
def test_a_number_beyond_a_type_keeps_its_digits(sign: str, sql_type: str, value: str, text: str) -> None:
    form = text_form(sql_type)
    expected = text if text == "0" else sign + text
    assert form(sign + value) == form(expected) == expected
    if "e" not in value:
        assert form(int(sign + value)) == expected


@pytest.mark.parametrize("sql_type", ["date", "timestamp without time zone", "time without time zone", "real"])
@pytest.mark.parametrize("value", [10**400, -(10**400), 1e305, -1e305, math.inf, -math.inf, math.nan, 10**15])
def test_any_number_has_a_text_of_any_type(sql_type: str, value: float) -> None:
    text = text_form(sql_type)(value)
    assert text_form(sql_type)(text) == text


@pytest.mark.parametrize("text", ["sNaN", "-sNaN", "NaN12", "-nan"])
def test_what_only_python_takes_for_a_number_is_a_text(text: str) -> None:
    assert exact_text(text) is None
    assert text_form("numeric")(text) == text


def test_digits_that_a_float_loses_are_kept() -> None:
    number = json.loads("12345678901234567890.50", parse_float=ExactFloat.parse)
    assert number == 12345678901234567890.5
    assert exact_text(number) == "12345678901234567890.5"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_label_reads_as_the_same_number(value: float) -> None:
    assert float(str(all_digits(value))) == value
    if math.isfinite(single(value)) and (single(value) or not value):
        assert single(float(str(all_single_digits(value)))) == single(value)
