"""Values of every type that can be a category, a group or a label, and settings that change how they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

_words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
_years = st.one_of(st.integers(1, 9999), st.integers(1900, 2100), st.integers(10_000, 294_000), st.integers(-4000, -1))
_micros = st.one_of(st.just(""), st.integers(0, 999_999).map(lambda part: f".{part:06}"))
_zones = st.sampled_from(["+00", "-03:30", "+14", "+05:45"])


@st.composite
def _dates(draw: Any, years: Any = _years, infinite: bool = True) -> str:
    if infinite and draw(st.integers(0, 15)) == 0:
        return str(draw(st.sampled_from(["infinity", "-infinity"])))
    year, month, day = draw(years), draw(st.integers(1, 12)), draw(st.integers(1, 28))
    return f"{abs(year):04}-{month:02}-{day:02}" + (" BC" if year < 0 else "")


@st.composite
def _moments(draw: Any, zoned: bool = False) -> str:
    date = draw(_dates())
    if "infinity" in date:
        return str(date)
    day, _, era = date.partition(" ")
    clock = draw(_times)
    return f"{day} {clock}{draw(_zones) if zoned else ''} {era}".strip()


_times = st.builds(
    lambda hour, minute, second, part: f"{hour:02}:{minute:02}:{second:02}{part}",
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    _micros,
)


@st.composite
def _intervals(draw: Any) -> str:
    def part(most: int) -> int:
        return int(draw(st.one_of(st.just(0), st.integers(-most, most))))

    seconds = f"{draw(st.sampled_from(['', '-']))}{draw(st.integers(0, 59))}{draw(_micros)}"
    return f"{part(99)} years {part(40)} mons {part(400)} days {part(50)} hours {part(90)} mins {seconds} secs"


_floats = st.one_of(st.floats(width=64), st.integers(-(2**60), 2**60).map(float), st.sampled_from([-0.0, 1e15, 0.1]))
_singles = st.one_of(st.floats(width=32), st.integers(-(2**24), 2**24).map(float), st.sampled_from([-0.0, 1e15, 0.5]))
_numerics = st.one_of(
    st.decimals(allow_infinity=False, allow_nan=False, places=3).map(str),
    st.sampled_from(["1", "1.0", "1.00", "-0", "0.000", "1e15", "NaN", "12345678901234567890.123456789", "1e-30"]),
)
_addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.sampled_from(["10.0.0.1/32", "10.0.0.1/8", "::1/128", "FE80::1/64"]),
)

LITERALS: Final[Mapping[str, Text]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1).map(str),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": _numerics,
    "real": _singles.map(repr),
    "double precision": _floats.map(repr),
    "boolean": st.sampled_from(["true", "false"]),
    "text": _words,
    "character varying(20)": _words,
    "character(8)": _words,
    "name": _words,
    '"char"': st.sampled_from(["a", "B", " "]),
    "date": _dates(),
    "timestamp": _moments(),
    "timestamptz": _moments(zoned=True),
    "time": _times,
    "timetz": st.builds(lambda clock, zone: f"{clock}{zone}", _times, _zones),
    "interval": _intervals(),
    "uuid": st.uuids().map(str),
    "inet": _addresses,
    "cidr": st.sampled_from(["10.0.0.0/8", "192.168.1.1/32", "fe80::/64"]),
    "macaddr": st.sampled_from(["08:00:2b:01:02:03", "08-00-2B-01-02-04"]),
    "macaddr8": st.sampled_from(["08:00:2b:01:02:03:04:05", "08-00-2B-01-02-03-04-06"]),
    "bit varying": st.text("01", max_size=9),
    "bit(3)": st.sampled_from(["101", "001"]),
    "oid": st.integers(0, 2**32 - 1).map(str),
    "mood": st.sampled_from(["sad", "ok", "Happy"]),
    "grade": st.sampled_from(["1.0", "1", "2.50"]),
}
"""By type, texts that it takes."""

_LARGE = ["1.7976931348623157e+308", "1.7976931348623155e+308", "1.79769313486231e+308", "1e308", "9.3e18"]
_SMALL = ["5e-324", "2.2250738585072014e-308", "1e-320", "4.9e-322", "0.1", "1.5e-10"]
_WHOLE = [
    "9223372036854775808",
    "9223372036854774784",
    "9223372036854777856",
    "999999999999999.5",
    "123456789012345.68",
]
_SINGLE = ["3.4028235e+38", "3.4028233e+38", "1e-45", "1.1754944e-38", "9223372036854775808", "9.223373e+18"]
_SINGLE += ["9.223372e+18", "9.22337e+18", "9.2233695e+18", "1234567.5", "999999.94", "0.1", "16777216"]


def _both_signs(texts: list[str]) -> list[str]:
    return [sign + text for text in texts for sign in ("", "-")]


EDGES: Final[Mapping[str, list[str]]] = {
    "real": [*_both_signs(_SINGLE), "NaN", "Infinity", "-Infinity"],
    "double precision": [*_both_signs([*_LARGE, *_SMALL, *_WHOLE]), "NaN", "Infinity", "-Infinity"],
    "numeric": [*_both_signs(["1e131071", "1e400", "1e-400", "9" * 5000, "1e-16383"]), "NaN"],
}
"""Where digits run out: the largest and the smallest numbers, and those where whole ones are rounded."""

EXAMPLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "smallint": ("1", "2", "3"),
    "integer": ("1", "-2", "30"),
    "bigint": ("1", "2", "9007199254740993"),
    "numeric": ("1", "2.5", "12345678901234567890.5"),
    "numeric(6,2)": ("1", "2.5", "3"),
    "real": ("1", "0.1", "123456"),
    "double precision": ("1e15", "0.30000000000000004", "-0.25"),
    "boolean": ("true", "false", "true"),
    "text": ("a", "b ", "ü"),
    "character varying(9)": ("a", "b ", "ü"),
    "character(5)": ("a", "bb", "ccc"),
    "name": ("a", "b", "c"),
    '"char"': ("a", "b", "c"),
    "date": ("2026-01-01", "0044-03-15 BC", "12026-01-01"),
    "timestamp": ("2026-01-01 10:00", "2026-01-01 10:00:00.000001", "0044-03-15 00:00 BC"),
    "timestamptz": ("2026-01-01 10:00Z", "2026-01-01 10:00:00.5Z", "infinity"),
    "time": ("10:00", "10:00:00.000001", "23:59:59"),
    "timetz": ("10:00+02", "10:00-03:30", "08:00Z"),
    "interval": ("1 mon", "26 hours", "-1 day"),
    "uuid": (
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13",
    ),
    "inet": ("10.0.0.1", "10.0.0.1/8", "fe80::1"),
    "cidr": ("10.0.0.0/8", "10.1.0.0/16", "fe80::/64"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04", "08:00:2b:01:02:05"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:04:04:05", "08:00:2b:01:02:05:04:05"),
    "mood": ("sad", "ok", "Happy"),
    "grade": ("1.0", "2.50", "3"),
    "citext": ("Gold", "silver", "Bronze"),
    "bit varying": ("1", "01", "101"),
    "bit(3)": ("001", "010", "100"),
    "oid": ("1", "2", "3"),
}
"""Three values of each type, two equal only where there are no three."""

ONLY_FEATURES: Final = ("bit varying", "bit(3)", "oid")
"""Types that are a category where ``preprocess`` says so, and neither a group nor a label."""

SETTINGS: Final = st.fixed_dictionaries(
    {
        "datestyle": st.sampled_from(["ISO, MDY", "German", "SQL, DMY", "Postgres, MDY"]),
        "timezone": st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Apia"]),
        "intervalstyle": st.sampled_from(["postgres", "postgres_verbose", "sql_standard", "iso_8601"]),
        "extra_float_digits": st.sampled_from(["0", "1", "3"]),
        "bytea_output": st.sampled_from(["hex", "escape"]),
        "lc_monetary": st.just("C"),
        "client_encoding": st.sampled_from(["UTF8", "LATIN1", "WIN1252"]),
        "standard_conforming_strings": st.sampled_from(["on", "off"]),
    }
)
"""Settings of a session that change what PostgreSQL prints."""

TYPES: Final = """
create type mood as enum ('sad', 'ok', 'Happy');
create extension if not exists citext;
create domain grade as numeric check (value >= 0);
"""
"""The types of `LITERALS` and `EXAMPLES` that are not PostgreSQL's own."""


def set_all(settings: Mapping[str, str]) -> bytes:
    """Return the statement that makes some settings, to the end of the transaction."""
    made = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"select {made}".encode()
