"""Errors read like PostgreSQL's: the whole text that psql shows, for every SQLSTATE of the table and for real calls."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from motadata_ml.errors import MLError
from motadata_ml.ml_framework import create_ml_system
from motadata_ml_server.errors import BY_SQLSTATE

BINDIR = Path(os.environ.get("PG_BINDIR", "/usr/lib/postgresql/15/bin"))
Session = psycopg.Connection[Any]
SOURCE = "select i::float8 as x, i > 50 as y from generate_series(1, 100) as i"

RAISE = """
create function public.raises(state text, message text, detail text, hint text) returns void language plpython3u as $$
from motadata_ml_server import errors
from motadata_ml_server.postgres import boundary, database

@boundary.boundary
def raises():
    if state in errors.BY_SQLSTATE:
        raise errors.BY_SQLSTATE[state](message, hint=hint, detail=detail)
    raise database.DatabaseError(state, message, detail, hint)

raises()
$$
"""

OF_POSTGRESQL = ("53000", "53100", "53200", "57014", "42P01", "22012")


def psql(dsn: str, statement: str) -> str:
    """Return all that psql writes about a statement that fails, and the SQLSTATE it keeps."""
    done = subprocess.run(
        [BINDIR / "psql", "-X", "-q", "-A", "-t", dsn],
        input=f"set client_min_messages = error;\n{statement};\n\\warn :LAST_ERROR_SQLSTATE\n",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    # which line of ours raised it is told, and changes with every version
    return re.sub(r"line \d+, in wrapped", "line N, in wrapped", done.stderr.replace("<stdin>:1: ", ""))


@pytest.mark.parametrize("state", [*sorted(BY_SQLSTATE), *OF_POSTGRESQL])
def test_every_sqlstate_of_the_table_reads_like_an_error_of_postgresql(
    module_dsn: str, module_db: Session, state: str
) -> None:
    if module_db.execute("select to_regproc('public.raises')").fetchone() == (None,):
        module_db.execute(RAISE)
    call = f"select public.raises('{state}', 'x must be 100% of \"y\", got ''z''', 'What was there.', 'Do this.')"
    assert psql(module_dsn, call) == (
        "ERROR:  ml.raises: x must be 100% of \"y\", got 'z'\n"
        "DETAIL:  What was there.\n"
        "HINT:  Do this.\n"
        "CONTEXT:  Traceback (most recent call last):\n"
        '  PL/Python function "raises", line 11, in <module>\n'
        "    raises()\n"
        '  PL/Python function "raises", line N, in wrapped\n'
        'PL/Python function "raises"\n'
        f"{state}\n"
    )


def context(function: str, line: int, source: str) -> str:
    return "".join(
        f"{part}\n"
        for part in (
            "CONTEXT:  Traceback (most recent call last):",
            f'  PL/Python function "{function}", line {line}, in <module>',
            f"    {source}",
            f'  PL/Python function "{function}", line N, in wrapped',
            f'PL/Python function "{function}"',
        )
    )


TRAIN = (
    "return train(model_id, model_type, training_data, target, features, algorithm, hyperparameters, validation_data, "
    "test_size, split, cv, search, preprocess, random_state, deploy, execution, group_by, tenant_id)"
)
PREDICT = 'return SD["entry"](model_id, input, version, tenant_id)'

REAL = [
    (
        "select ml.predict('nowhere', array[1])",
        "ERROR:  ml.predict: there is no model 'nowhere' for tenant 'default'\n"
        "HINT:  select * from ml.list_models() lists the models you may use; ml.train makes one.\n"
        + context("predict", 5, PREDICT)
        + "ML001\n",
    ),
    (
        "select ml.predict('m', array[1], version => '9.9.9')",
        None,
    ),
    (
        "select ml.train('n', 'classification', 'nowhere', 'y')",
        None,
    ),
    ("select ml.train('n', 'classification', 'select 1 as x, 2 as y', 'z')", None),
    ("select ml.train('n', 'classification', 'delete from ml.model', 'y')", None),
    ("select ml.train('n', 'classification', 'select 1 as x, 2 as y', 'y')", None),
    ("select ml.train('n', 'guessing', 'select 1 as x, 2 as y', 'y')", None),
    ("select ml.train('n', 'classification', 'select 1/0 as x, 2 as y', 'y')", None),
    ("select ml.predict('m', '{\"x\": \"word\"}')", None),
    ("select * from ml.predict_batch('m', 'select 1 as z')", None),
    ("select * from ml.drift('m', 'select 1 as z')", None),
    ("select ml.set_option('nothing', '1')", None),
    ("select ml._run_write()", None),
]


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    module_db.execute("set client_min_messages = error")
    module_db.execute("select ml.train('m', 'classification', %s, 'y', algorithm => 'decision_tree')", [SOURCE])
    return module_db


@pytest.mark.parametrize(("statement", "text"), REAL)
def test_a_real_error_reads_like_one_of_postgresql(
    module_dsn: str, trained: Session, statement: str, text: str | None
) -> None:
    said = psql(module_dsn, statement)
    if text is not None:
        assert said == text
    lines = said.splitlines()
    assert re.fullmatch(r"ERROR:  ml\.\w+: \S.*", lines[0]), said
    assert "plpy" not in said
    assert "spiexceptions" not in said
    assert "DatabaseError" not in said
    assert len([line for line in lines if "PL/Python function" in line]) == 3, said
    assert any(line.startswith("HINT:  ") for line in lines) or lines[-1] == "22012", said


def test_an_error_between_two_rows_is_told_as_any_other(module_dsn: str, trained: Session) -> None:
    """The first chunks are predicted and handed out before the one that cannot be."""
    trained.execute(
        "select ml.train('near', 'classification', %s, 'y', algorithm => 'RadiusNeighborsClassifier', "
        "hyperparameters => '{\"radius\": 50}')",
        [SOURCE],
    )
    trained.execute("select ml.set_option('chunk_rows', '1000')")
    rows = "select case when i < 2500 then i % 100 else 1e9 end as x from generate_series(1, 3000) as i"
    call = f"select count(*) from ml.predict_batch('near', '{rows}')"
    said = psql(module_dsn, call)
    assert said.startswith("ERROR:  ml.predict_batch: the model cannot predict this row: No neighbors found"), said
    assert said.endswith(
        "HINT:  Check the values; an estimator without support for nulls needs them replaced.\n"
        + context("_raise_failure", 3, "return raise_failure()")
        + "ML020\n"
    ), said
    with pytest.raises(psycopg.Error) as caught:
        trained.execute(call.encode())
    assert caught.value.sqlstate == "ML020"
    assert trained.execute("select ml._raise_failure()").fetchone() == (0,)
    with pytest.raises(psycopg.Error, match="error fetching next item") as caught:  # of who does not ask for it
        trained.execute("select count(*) from ml._predict_chunks('near', %s, null, null, null)", [rows])
    assert caught.value.sqlstate == "ML020"
    assert trained.execute("select count(*) from ml.predict_batch('near', 'select 1 as x')").fetchone() == (1,)
    trained.execute("select ml.set_option('chunk_rows', null)")


def test_a_cancel_and_a_timeout_keep_their_sqlstate_and_words(module_dsn: str, trained: Session) -> None:
    said = psql(
        module_dsn,
        "set statement_timeout = '500ms'; select ml.train('n', 'classification', "
        "'select i as x, i % 2 as y, pg_sleep(0.1) is null as z from generate_series(1, 100) as i', 'y')",
    )
    assert said.startswith("ERROR:  ml.train: canceling statement due to statement timeout\n"), said
    assert said.endswith("57014\n")


def test_the_log_says_the_same(module_dsn: str, trained: Session, server: PostgreSQLExecutor) -> None:
    path = Path(server.logfile)
    start = path.stat().st_size
    psql(module_dsn, "select ml.predict('nowhere', array[1])")
    with path.open(encoding="utf-8") as file:
        file.seek(start)
        log = file.read()
    assert "ERROR:  ml.predict: there is no model 'nowhere'" in log
    assert "plpy.Error" not in log
    assert "in _raise" not in log


def test_the_client_says_it_without_the_functions_name(module_dsn: str, trained: Session) -> None:
    with create_ml_system(module_dsn) as system, pytest.raises(MLError) as caught:
        system.predictor.predict("nowhere", {"x": 1})
    assert str(caught.value).startswith("there is no model 'nowhere'")
