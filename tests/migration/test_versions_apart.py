"""Extension and server package of different versions: what works goes on, what could do harm says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Session = psycopg.Connection[Any]
Database = Callable[[str | None], Session]
Restored = Callable[[str], Session]

TRAIN = "select ml.train('m', 'regression', 'select i as x, 2 * i as y from generate_series(1, 50) i', 'y')"


def test_a_new_package_predicts_and_lists_with_an_old_extension_but_does_not_write(restored: Restored) -> None:
    session = restored("0.1.0")
    found = session.execute(
        "select count(*) from expected e join rows r using (id) "
        "where answer = ml.predict(e.model, to_jsonb(r), tenant_id => e.tenant)"
    ).fetchone()
    assert found == (200,)
    assert session.execute("select count(*) from ml.list_models('acme')").fetchone() == (1,)
    batch = session.execute("select count(prediction) from ml.predict_batch('linear', 'select * from rows')").fetchone()
    assert batch == (200,)
    with pytest.raises(psycopg.Error) as caught:
        session.execute(TRAIN)
    assert caught.value.sqlstate == "ML019"
    assert "ALTER EXTENSION motadata_ml UPDATE" in str(caught.value.diag.message_hint)
    assert session.execute("select ok from ml.doctor() where check_name = 'versions'").fetchone() == (False,)
    session.execute("alter extension motadata_ml update")
    assert session.execute("select ok from ml.doctor() where check_name = 'versions'").fetchone() == (True,)
    session.execute(TRAIN)


OLD_PACKAGE = """
do language plpython3u $$
import sys
import motadata_ml_server
from motadata_ml_server import entrypoints
# what a session holds that began before the package was replaced: its modules, and their version
motadata_ml_server.__version__ = '0.1.0'
{forget}
$$
"""


def test_a_session_with_the_old_package_does_not_write_with_a_new_extension(database: Database) -> None:
    session = database(None)
    session.execute("create extension motadata_ml cascade")
    session.execute(TRAIN)
    session.execute(OLD_PACKAGE.format(forget="").encode())
    assert session.execute("select ml.predict_value('m', array[10])").fetchone() is not None
    with pytest.raises(psycopg.Error) as caught:
        session.execute(TRAIN)
    assert caught.value.sqlstate == "ML019"
    assert "reconnect" in str(caught.value.diag.message_hint)


def test_a_function_that_the_old_package_lacks_says_so(database: Database) -> None:
    session = database(None)
    session.execute("create extension motadata_ml cascade")
    session.execute(OLD_PACKAGE.format(forget="del entrypoints.refresh_usage").encode())
    with pytest.raises(psycopg.Error) as caught:
        session.execute("select ml.refresh_usage()")
    assert caught.value.sqlstate == "ML019"
    assert "reconnect" in str(caught.value.diag.message_hint)
    assert session.execute("select 1").fetchone() == (1,)
