"""Texts in SQL that the extension writes read the same, and run nothing, under every setting of the session."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from motadata_ml_server.export.sql import written
from motadata_ml_server.postgres.identifiers import quote_literal
from tests.security.conftest import Actors, Session

SETTINGS = ("on", "off")
EVIL = "\\' || blue_own.evil() || '"
TEXTS = ("\\", "\\'", "'", "''", "\\\\'", "E'\\''", "\\n", "\\x41", "\\u0041", "$$", "--", "U&'\\0041'", EVIL)

FEW = settings(max_examples=100, deadline=None)


def under(session: Session, setting: str) -> None:
    session.execute(f"set standard_conforming_strings = {setting}".encode())
    session.execute("set escape_string_warning = off")


@FEW
@given(texts=st.lists(st.text(st.sampled_from("\\'\"abnxuE0&$ ;-\n\té")) | st.sampled_from(TEXTS), min_size=1))
def test_literals_read_the_same_under_every_setting(superuser: Session, texts: list[str]) -> None:
    for write in (quote_literal, lambda text: written(exp.cast(exp.Literal.string(text), "text"), "postgres")):
        query = "select " + ", ".join(map(write, texts))
        for setting in SETTINGS:
            under(superuser, setting)
            found: Any = superuser.execute(query.encode()).fetchone()
            assert list(found) == texts, (setting, query)


@pytest.fixture(scope="module")
def superuser(_shared_actors: Actors) -> Session:
    """Return a session whose settings are nobody else's in this module."""
    return _shared_actors.superuser


@pytest.fixture(scope="module")
def models(_shared_actors: Actors) -> Session:
    """Return blue's session, with a linear model and a tree whose labels and categories are all of the texts."""
    blue = _shared_actors.blue
    blue.execute("set client_min_messages = error")
    blue.execute(
        """create function blue_own.evil() returns text language plpgsql as
        $$ begin raise exception 'evil ran' using errcode = 'UA001'; end $$"""
    )
    blue.execute("create table blue_own.texts (kind text, label text)")
    for text in TEXTS:
        blue.execute("insert into blue_own.texts select %s, %s from generate_series(1, 12)", [text, text])
    for algorithm in ("decision_tree", "logistic_regression"):
        blue.execute(
            "select ml.train(%s, 'classification', 'blue_own.texts', 'label', array['kind'], %s)",
            [algorithm, algorithm],
        )
    return blue


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("algorithm", ["decision_tree", "logistic_regression"])
def test_models_as_sql_answer_the_same_and_run_nothing(models: Session, algorithm: str, setting: str) -> None:
    under(models, setting)
    wanted = models.execute(
        "select kind, ml.predict_label(%s, jsonb_build_object('kind', kind)) from blue_own.texts", [algorithm]
    ).fetchall()
    assert {label for _, label in wanted} == set(TEXTS)
    row: Any = models.execute("select ml.to_sql(%s, 'label')", [algorithm]).fetchone()
    assert models.execute(f"select kind, {row[0]} from blue_own.texts".encode()).fetchall() == wanted
    models.execute("select ml.create_sql_function(%s, 'blue_own.as_sql', 'label')", [algorithm])
    for later in SETTINGS:
        under(models, later)
        assert models.execute("select kind, blue_own.as_sql(kind) from blue_own.texts").fetchall() == wanted
