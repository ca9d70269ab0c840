"""Texts with quotes and backslashes stay texts in what is written as SQL, under every setting of the session."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]

HOSTILE = ["\\' || fc.evil() || '", "'; select fc.evil(); --", 'a"b', "\\", "E'\\x41'", "$$", "plain"]


@pytest.fixture(scope="module")
def hostile(module_db: Session) -> Session:
    module_db.execute("create schema fc; create table fc.called (n int)")
    module_db.execute(
        "create function fc.evil() returns text language sql as "
        "$$ insert into fc.called values (1) returning 'evil'::text $$"
    )
    module_db.execute("create table t (id int, f text, n int, y text)")
    with module_db.cursor() as cursor:
        cursor.executemany(
            "insert into t values (%s, %s, %s, %s)",
            [(i, HOSTILE[i % 7], i % 7, HOSTILE[(i + 3) % 7]) for i in range(140)],
        )
    for name, feature in (("by_text", "f"), ("by_number", "n")):
        module_db.execute(
            "select ml.train(%s, 'classification', 't', 'y', array[%s], 'decision_tree')", [name, feature]
        )
    return module_db


@pytest.mark.parametrize("setting", ["on", "off"])
@pytest.mark.parametrize(("model", "feature"), [("by_text", "f"), ("by_number", "n")])
def test_a_label_is_inert_in_sql(hostile: Session, setting: str, model: str, feature: str) -> None:
    with hostile.transaction(force_rollback=True):
        hostile.execute(f"set local standard_conforming_strings = {setting}".encode())
        hostile.execute("set local escape_string_warning = off")
        hostile.execute("select ml.create_sql_function(%s, 'public.answer', 'label')", [model])
        written = hostile.execute("select ml.to_sql(%s, 'label')", [model]).fetchone()
        assert written is not None
        rows = hostile.execute(
            f"select y, answer({feature}), {written[0]}, ml.predict_label('{model}', to_jsonb(t)) from t".encode()
        ).fetchall()
        assert rows
        assert all(truth == function == expression == one for truth, function, expression, one in rows)
        assert hostile.execute("select count(*) from fc.called").fetchone() == (0,)
