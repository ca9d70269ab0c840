"""The programs of docs/drivers.md print what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import psycopg
import pytest

from tests.environments import url_of

PAGE = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text(encoding="utf-8")
PROGRAMS = dict(re.findall(r"^```python (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PRINTED = dict(re.findall(r"^```text (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_every_program_of_the_page_is_run() -> None:
    assert len(PROGRAMS) >= 3
    assert list(PROGRAMS) == list(PRINTED)
    assert PAGE.count("```python") == len(PROGRAMS)
    assert PAGE.count("```sql") == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_prints_what_the_page_says(dsn: str, name: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(PROGRAMS[name], f"drivers.md {name}", "exec"), {"dsn": url_of(dsn)})  # noqa: S102 - our own page
    assert printed.getvalue() == PRINTED[name]


def test_views_and_triggers_of_the_page_predict(dsn: str) -> None:
    (script,) = re.findall(r"^```sql view\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    *statements, inserting = script.strip().rstrip(";").split(";\n\n")[-1].rpartition(";\n")
    before = script[: script.index(inserting)]
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(before.encode())
        assert session.execute(inserting.encode()).fetchone() == (True,)
        assert session.execute("select buys, count(*) > 10 from scored_visits group by 1 order by 1").fetchall() == [
            ("false", True),
            ("true", True),
        ]
        wrong = session.execute(
            "select count(*) from scored_last_night as s join visits as v using (id) "
            "where (s.buys = 'true') <> (pages * minutes > 200)"
        ).fetchone()
        assert wrong is not None
        assert wrong[0] < 20
    assert statements
