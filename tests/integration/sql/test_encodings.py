"""Databases and clients of other encodings than UTF-8: the same answers, or a sentence that says why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml import create_ml_system
from motadata_ml.errors import InvalidArgumentError, MLError
from motadata_ml.postgresql_database import DatabaseConnection
from tests.conftest import conninfo, execute

Session = psycopg.Connection[Any]

WORDS = {
    "LATIN1": ["Köln", "Genève", "Málaga"],
    "LATIN9": ["5 €", "Œuvre", "Žilina"],
    "WIN1251": ["Москва", "Київ", "Минск"],
    "EUC_JP": ["東京", "大阪", "カナ"],
    "EUC_KR": ["서울", "부산", "대구"],
}


def made(server: PostgreSQLExecutor, encoding: str) -> Iterator[str]:
    name = sql.Identifier(f"encoded_{os.getpid()}_{encoding.lower()}")
    execute(
        server,
        sql.SQL("create database {} encoding {} locale 'C' template template0").format(name, sql.Literal(encoding)),
    )
    yield conninfo(server, name.as_string(None).strip('"'))
    execute(server, sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture(params=WORDS)
def encoded(server: PostgreSQLExecutor, request: pytest.FixtureRequest) -> Iterator[tuple[str, list[str]]]:
    for dsn in made(server, request.param):
        yield dsn, WORDS[request.param]


def test_a_database_of_another_encoding_gives_the_same_answers(encoded: tuple[str, list[str]]) -> None:
    dsn, words = encoded
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("set client_encoding = 'UTF8'")
        session.execute("create extension motadata_ml cascade")
        session.execute("create table t (id int, word text, other text, y text)")
        with session.cursor() as cursor:
            cursor.executemany(
                "insert into t values (%s, %s, %s, %s)",
                [(i, words[i % 3], words[i // 3 % 3], words[i % 3]) for i in range(90)],
            )
        session.execute("select ml.train('m', 'classification', 't', 'y', null, 'decision_tree', group_by => 'other')")
        rows = session.execute(
            "select b.prediction, ml.predict_label('m', to_jsonb(t)), t.y, b.id from t "
            "join ml.predict_batch('m', 't', 'word') b on b.id = t.word and b.prediction = t.y"
        ).fetchall()
        assert rows
        assert {batch for batch, *_ in rows} == set(words)
        assert all(batch == one == truth == word for batch, one, truth, word in rows)
        scores = session.execute("select ml.evaluate('m', 't') ->> 'accuracy'").fetchone()
        assert scores == ("1.0",)
        with pytest.raises(psycopg.Error) as caught:
            session.execute("select ml.predict_label(%s, '{}')", [words[0]])
        assert caught.value.sqlstate == "ML001"
        assert words[0] in str(caught.value)


def test_sql_ascii_is_refused_with_a_sentence(server: PostgreSQLExecutor) -> None:
    for dsn in made(server, "SQL_ASCII"):
        with psycopg.connect(dsn, autocommit=True, client_encoding="UTF8") as session:
            with pytest.raises(psycopg.Error) as caught:
                session.execute("create extension motadata_ml cascade")
            assert caught.value.sqlstate == "0A000"
            assert "SQL_ASCII" in str(caught.value)
            assert "encoding 'UTF8'" in (caught.value.diag.message_hint or "")


FRAME = pd.DataFrame({"word": ["Köln", "Žilina", "東京"] * 30, "n": range(90)})
CITY = ["ü", "東", "c"] * 30


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "EUC_JP", "SQL_ASCII"])
def test_a_client_of_another_encoding_gives_the_same_answers(dsn: str, encoding: str) -> None:
    with psycopg.connect(dsn, autocommit=True, client_encoding=encoding) as lent:
        system = create_ml_system(DatabaseConnection(lent))
        system.train_model("m", "classification", (FRAME, CITY), algorithm="decision_tree", progress=False)
        answers = system.batch("m", FRAME).predictions
        assert list(answers) == CITY
        assert system.predict("m", {"word": "東京", "n": 2})["prediction"] == "c"
        assert system.evaluate("m", (FRAME, CITY))["accuracy"] == 1.0
        assert lent.info.parameter_status("client_encoding") == encoding


def test_the_environment_does_not_decide_on_the_encoding(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with DatabaseConnection(dsn) as database:
        system = create_ml_system(database)
        system.train_model("m", "classification", (FRAME, CITY), algorithm="decision_tree", progress=False)
        assert list(system.batch("m", FRAME).predictions) == CITY


@pytest.mark.parametrize("text", ["a\ud800", "a\0b"])
def test_what_no_encoding_can_write_is_an_error_with_the_column(dsn: str, text: str) -> None:
    with DatabaseConnection(dsn) as database:
        system = create_ml_system(database)
        system.train_model("m", "classification", (FRAME, CITY), algorithm="decision_tree", progress=False)
        with pytest.raises(MLError, match="word"):
            system.predict("m", {"word": text, "n": 1})
        with pytest.raises(MLError, match="word"):
            system.batch("m", [{"word": text, "n": 1}, {"word": "a", "n": 2}])
        with pytest.raises(InvalidArgumentError):
            system.predict(text, {"word": "a", "n": 1})
