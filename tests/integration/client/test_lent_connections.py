"""Connections that the caller lends, of every kind of psycopg, and frames with columns named like system columns."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg import rows

from motadata_ml import AsyncMLSystem, DatabaseConnection, MLSystem, create_async_ml_system, create_ml_system
from motadata_ml.errors import InvalidArgumentError, MLError
from motadata_ml.postgresql_database import AsyncDatabaseConnection

FRAME = pd.DataFrame({"a": np.sin(np.arange(120)), "c": np.where(np.arange(120) % 2 == 0, "x%s", "$1 {y}")})
TARGET = pd.Series(np.arange(120) % 2, name="y")


class Raw(psycopg.RawCursor[Any]):
    """Binds by $1."""


KINDS: dict[str, dict[str, Any]] = {
    "client cursor": {"cursor_factory": psycopg.ClientCursor},
    "raw cursor": {"cursor_factory": Raw},
    "dict rows": {"row_factory": rows.dict_row},
    "named tuples": {"row_factory": rows.namedtuple_row},
    "scalars": {"row_factory": rows.scalar_row},
    "no autocommit": {"autocommit": False},
    "never prepared": {"prepare_threshold": None},
    "always prepared": {"prepare_threshold": 0},
}


def use(system: MLSystem, name: str) -> None:
    """Train, and predict in each way."""
    system.train_model(name, "classification", (FRAME, TARGET), algorithm="decision_tree")
    one = system.predict(name, FRAME.iloc[0])
    assert one["prediction"] == 0
    frame = system.predict_batch(name, FRAME, as_frame=True)
    assert frame["prediction"].tolist() == TARGET.tolist()
    assert system.predict_into(name, FRAME, f"{name}_out", keep=["c"], mode="replace") == 120
    assert any(model["model_id"] == name for model in system.list_models())
    assert system.evaluate(name, (FRAME, TARGET))["accuracy"] == 1.0


@pytest.fixture
def lend(module_dsn: str) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    opened: list[psycopg.Connection[Any]] = []

    def connect(**more: Any) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(module_dsn, **{"autocommit": True, **more}))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_connection_does_all(lend: Callable[..., psycopg.Connection[Any]], kind: str) -> None:
    connection = lend(**KINDS[kind])
    before = (connection.cursor_factory, connection.row_factory, connection.autocommit)
    use(create_ml_system(DatabaseConnection(connection)), "lent_" + kind.replace(" ", "_"))
    assert (connection.cursor_factory, connection.row_factory, connection.autocommit) == before
    assert not connection.closed


def test_a_connection_in_a_pipeline_stays_in_it(lend: Callable[..., psycopg.Connection[Any]]) -> None:
    connection = lend()
    with connection.pipeline():
        earlier = connection.execute("select 1")
        use(create_ml_system(DatabaseConnection(connection)), "piped")
        later = connection.execute("select 2")
        assert connection.pgconn.pipeline_status == psycopg.pq.PipelineStatus.ON
        with pytest.raises(MLError):
            create_ml_system(DatabaseConnection(connection)).predict("no such model", {"a": 1})
        assert (earlier.fetchone(), later.fetchone()) == ((1,), (2,))
        assert connection.execute("select 3").fetchone() == (3,)
    assert connection.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF


def test_a_transaction_of_the_caller_stays_its_own(lend: Callable[..., psycopg.Connection[Any]]) -> None:
    connection = lend(autocommit=False, cursor_factory=psycopg.ClientCursor)
    connection.execute("create table mine (x integer)")
    use(create_ml_system(DatabaseConnection(connection)), "rolled_back")
    connection.rollback()
    row = connection.execute("select to_regclass('mine'), to_regclass('rolled_back_out')").fetchone()
    assert row == (None, None)


@pytest.mark.parametrize("kind", ["client", "raw", "pipeline"])
def test_the_asynchronous_client_takes_them_too(module_dsn: str, system: MLSystem, kind: str) -> None:
    name = f"awaited_{kind}"
    system.train_model(name, "classification", (FRAME, TARGET), algorithm="decision_tree")

    async def predict() -> tuple[int, list[int]]:
        factories: dict[str, Any] = {"client": psycopg.AsyncClientCursor, "raw": psycopg.AsyncRawCursor}
        more = {"cursor_factory": factories[kind]} if kind in factories else {}
        async with await psycopg.AsyncConnection.connect(module_dsn, autocommit=True, **more) as connection:
            twin = await create_async_ml_system(AsyncDatabaseConnection(connection))
            if kind != "pipeline":
                return await both(twin)
            async with connection.pipeline():
                return await both(twin)

    async def both(twin: AsyncMLSystem) -> tuple[int, list[int]]:
        batch = await twin.batch(name, FRAME)
        return await twin.predict_into(name, FRAME, f"{name}_out", keep=["*"], mode="create"), list(batch.predictions)

    assert asyncio.run(predict()) == (120, TARGET.tolist())


SYSTEM_NAMES = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "oid"]


def test_columns_named_like_system_columns_are_features(system: MLSystem) -> None:
    frame = pd.DataFrame({name: np.sin(np.arange(90) * (n + 1)) for n, name in enumerate(SYSTEM_NAMES)})
    target = pd.Series(np.where(frame["ctid"] + frame["xmin"] > 0, "up", "down"), name="label")
    system.train_model("named", "classification", (frame, target), algorithm="decision_tree")
    assert [feature["name"] for feature in system.get_model_info("named")["features"]] == SYSTEM_NAMES
    batch = system.predict_batch("named", frame, as_frame=True)
    assert batch["prediction"].tolist() == target.tolist()
    assert [system.predict("named", frame.iloc[n])["prediction"] for n in range(5)] == target[:5].tolist()
    assert system.evaluate("named", (frame, target))["accuracy"] == 1.0
    assert system.predict_into("named", frame, "named_out") == 90


def test_ids_come_as_values_of_the_type_that_is_asked_for(system: MLSystem, module_db: psycopg.Connection[Any]) -> None:
    system.train_model("typed", "classification", (FRAME, TARGET), algorithm="decision_tree")
    module_db.execute(
        "create table keyed as select i as id, md5(i::text)::uuid as own, sin(i) as a, 'x%s' as c "
        "from generate_series(0, 250) as i"
    )
    batch = system.batch("typed", "keyed", id_column="id", id_type="bigint", chunk_rows=100)
    assert batch.ids == list(range(251))
    frame = system.predict_batch("typed", "keyed", id_column="own", id_type="uuid", as_frame=True)
    assert {type(key) for key in frame.index} == {uuid.UUID}
    assert system.batch("typed", "keyed", id_column="id").ids == [str(number) for number in range(251)]
    with pytest.raises(InvalidArgumentError, match="id_type"):
        system.batch("typed", "keyed", id_column="id", id_type="int8); drop table keyed")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="chunk_rows"):
        system.batch("typed", "keyed", chunk_rows=1)


def test_predict_into_keeps_columns_of_a_frame(system: MLSystem, module_db: psycopg.Connection[Any]) -> None:
    system.train_model("kept", "classification", (FRAME, TARGET), algorithm="decision_tree")
    frame = FRAME.assign(day=pd.date_range("2026-01-01", periods=120), id=range(120))
    for _ in range(2):
        assert system.predict_into("kept", frame, "kept_out", keep=["id", "day"], mode="replace") == 120
    row = module_db.execute("select count(*), pg_typeof(min(id))::text, min(day)::date::text from kept_out").fetchone()
    assert row == (120, "bigint", "2026-01-01")
    with pytest.raises(InvalidArgumentError, match="exists"):
        system.predict_into("kept", frame, "kept_out", mode="create")
    with pytest.raises(MLError, match="keep"):
        system.predict_into("kept", frame, "kept_other", keep=["absent"])
