"""Methods that are SQL functions of the same name, blocking and awaited, against the real server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
import psycopg
import pytest

from motadata_ml import (
    DatabaseConfig,
    MLSystem,
    ResultTable,
    create_async_ml_system,
    create_ml_system,
    errors,
)
from tests.scores import flat

Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def line(system: MLSystem) -> pd.DataFrame:
    """Rows of the regression 'line' and of the table by that name."""
    frame = pd.DataFrame({"a": np.arange(60.0), "b": np.arange(60.0) % 7})
    frame["y"] = 2 * frame["a"] + frame["b"]
    system.data_processor.to_table(frame, "line")
    system.train_model("line", "regression", "line", target="y", algorithm="LinearRegression", progress=False)
    return frame


def test_groups_reach_the_server_from_frames_and_tables(system: MLSystem, module_db: Session) -> None:
    frame = pd.DataFrame({"store": np.repeat(["north", "south"], 40), "x": np.tile(np.arange(40.0), 2)})
    frame["y"] = frame["x"] * np.where(frame["store"] == "north", 1, -1)
    system.data_processor.to_table(frame, "sales")
    for data in (frame, "sales"):
        result = system.train_model(
            "grouped", "regression", data, target="y", algorithm="LinearRegression", group_by="store", progress=False
        )
        assert result["metrics"]["groups"] == 2
    answers = [system.predict("grouped", {"store": name, "x": 10.0})["prediction"] for name in ("north", "south")]
    assert answers == pytest.approx([10, -10], abs=1e-6)
    many = system.predict_batch("grouped", frame, as_frame=True)["prediction"].to_numpy()
    assert many == pytest.approx(frame["y"].to_numpy(), abs=1e-6)
    with pytest.raises(errors.ColumnNotFoundError, match="'shop'"):
        system.train_model("grouped", "regression", frame, target="y", group_by="shop")


def test_row_of_a_group_without_a_model_has_no_prediction(system: MLSystem) -> None:
    frame = pd.DataFrame({"store": np.repeat(["north", "south"], 40), "x": np.tile(np.arange(40.0), 2)})
    frame["y"] = np.where(frame["x"] > 20, "high", "low")
    system.train_model(
        "halves",
        "classification",
        frame,
        target="y",
        algorithm="LogisticRegression",
        group_by="store",
        progress=False,
    )
    rows = pd.DataFrame({"store": ["north", "west"], "x": [39.0, 39.0]})
    known, unknown = system.predict_batch("halves", rows)
    assert (known["prediction"], unknown["prediction"]) == ("high", None)
    assert unknown["probabilities"] is unknown["confidence"] is unknown.by_class is None
    assert known.by_class is not None
    one = system.predict("halves", {"store": "west", "x": 39.0})
    assert (one["prediction"], one["probabilities"], one["confidence"]) == (None, None, None)
    assert one["model_id"] == "halves"


def test_scores_are_the_servers(system: MLSystem, line: pd.DataFrame, module_db: Session) -> None:
    noisy = line.assign(y=line["y"] * 1.1)
    noisy.loc[0, "y"] = 0.0
    system.data_processor.to_table(noisy, "noisy")
    expected = module_db.execute("select ml.evaluate('line', 'noisy')").fetchall()[0][0]
    for data in ("noisy", (noisy[["a", "b"]], noisy["y"]), (noisy[["a", "b"]].to_numpy(), noisy["y"].tolist()), noisy):
        assert system.evaluate("line", data) == pytest.approx(expected)


def test_scores_in_a_read_only_session_are_the_same(
    trained: MLSystem, tickets: pd.DataFrame, config: DatabaseConfig
) -> None:
    expected = trained.evaluate("tickets", tickets)
    with psycopg.connect(config.conninfo(), options="-c default_transaction_read_only=on") as own:
        reader = create_ml_system(own)
        assert flat(reader.evaluate("tickets", tickets)) == pytest.approx(flat(expected))
        assert reader.drift("tickets", tickets) == trained.drift("tickets", tickets)


def test_rows_without_an_outcome_are_left_out(system: MLSystem, line: pd.DataFrame) -> None:
    partly = line.assign(y=line["y"].where(line["a"] > 9))
    assert system.evaluate("line", partly)["n_test"] == 50
    with pytest.raises(errors.InsufficientDataError):
        system.evaluate("line", line.assign(y=np.nan))
    with pytest.raises(ValueError, match="no 'y', the model's target"):
        system.evaluate("line", line[["a", "b"]])


def test_models_without_a_target_are_scored_too(system: MLSystem, line: pd.DataFrame) -> None:
    system.train_model("spots", "clustering", line[["a", "b"]], progress=False)
    assert system.evaluate("spots", line)["n_test"] == len(line)


def test_confusion_counts_pairs_of_labels_of_their_own_type(system: MLSystem) -> None:
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([1, 2], 20)
    system.train_model("pairs", "classification", (X, y), algorithm="LogisticRegression", progress=False)
    found = system.confusion_matrix("pairs", (X, y))
    assert isinstance(found, ResultTable)
    assert sum(row["count"] for row in found) == 40
    assert {type(row["actual"]) for row in found} == {type(row["predicted"]) for row in found} == {int}
    unseen = system.confusion_matrix("pairs", (X, np.repeat(["1", "x"], 20)))
    assert {row["actual"] for row in unseen} == {1, "x"}


def test_drift_of_frames_and_tables(system: MLSystem, line: pd.DataFrame) -> None:
    same = system.drift("line", line)
    assert [row["feature"] for row in same] == ["a", "b"]
    assert not any(row["drifted"] for row in same)
    assert system.drift("line", "line") == same
    moved = system.drift("line", line.assign(a=line["a"] + 1000)).as_frame().set_index("feature")
    assert moved["drifted"].to_dict() == {"a": True, "b": False}
    assert "<table>" in same._repr_html_()


def test_reasons_of_rows_frames_and_tables(system: MLSystem, line: pd.DataFrame) -> None:
    alone = system.explain("line", {"a": 10.0, "b": 3.0})
    assert [row["feature"] for row in alone] == [None, "a", "b"]
    assert sum(row["attribution"] for row in alone) == pytest.approx(23.0)
    assert system.explain("line", [10.0, 3.0]) == alone
    named = line.assign(name=[f"row {number}" for number in range(60)])
    many = system.explain_batch("line", named, id_column="name", top_k=1)
    assert [row["id"] for row in many] == list(named["name"])
    assert many[10]["attribution"] == pytest.approx(alone[1]["attribution"])
    from_table = system.explain_batch("line", "select * from line order by a", top_k=1, chunk_rows=100)
    assert [row["attribution"] for row in from_table] == pytest.approx([row["attribution"] for row in many])
    assert system.explain_batch("line", line[["a", "b"]].to_numpy(), top_k=1) == from_table


def test_a_class_that_is_none_is_a_typed_error(system: MLSystem, line: pd.DataFrame) -> None:
    system.train_model("pair", "classification", (line[["a"]], line["b"] > 3), algorithm="LogisticRegression")
    assert system.explain("pair", {"a": 1.0}, class_name=True)[0]["class"] == "true"
    with pytest.raises(errors.InvalidArgumentError, match="class must be one of"):
        system.explain("pair", {"a": 1.0}, class_name="perhaps")
    with pytest.raises(errors.InvalidArgumentError, match="id_column"):
        system.explain_batch("pair", line, id_column="nothing")
    with pytest.raises(errors.InvalidArgumentError, match="top_k"):
        system.explain_batch("pair", line, top_k=0)


def test_labels_given_as_categories_come_back_as_they_were(system: MLSystem) -> None:
    X, y = np.tile([[0.0], [1.0]], (200, 1)), pd.Categorical([1, 2] * 200)
    for labels in (y, pd.Series(y)):
        system.train_model("categories", "classification", (X, labels), algorithm="DecisionTreeClassifier")
        assert system.evaluate("categories", (X, labels))["accuracy"] == 1.0
        assert type(system.predict("categories", [1.0])["prediction"]) is int
        assert system.predict_batch("categories", X)[1]["prediction"] == 2
    frame = pd.DataFrame({"x": X[:, 0], "y": y})
    system.train_model("categories", "classification", frame, target="y", algorithm="DecisionTreeClassifier")
    assert system.evaluate("categories", frame)["accuracy"] == 1.0


def test_probabilities_by_class(system: MLSystem, config: DatabaseConfig) -> None:
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat([10, 2], 20)
    system.train_model("shares", "classification", (X, y), algorithm="LogisticRegression", progress=False)
    with create_ml_system(config, cache={}) as cached:
        first, again = cached.predict("shares", [39.0]), cached.predict("shares", [39.0])
    for one in (system.predict("shares", [39.0]), first, again, system.predict_batch("shares", X[-1:])[0]):
        assert one.by_class is not None
        assert set(one.by_class) == {10, 2}
        assert one.by_class[one["prediction"]] == one["confidence"] == max(one["probabilities"])
        assert isinstance(one["probabilities"], list)
    system.train_model("level", "regression", (X, y), algorithm="LinearRegression", progress=False)
    assert system.predict("level", [1.0]).by_class is None


def test_typed_predictions_of_one_row(trained: MLSystem, tickets: pd.DataFrame, line: pd.DataFrame) -> None:
    row = tickets.iloc[0].drop("category")
    answer = trained.predict("tickets", row)
    assert trained.predict_label("tickets", row) == answer["prediction"]
    assert trained.predict_proba("tickets", row) == pytest.approx(answer["probabilities"])
    assert trained.predict_value("line", [1.0, 2.0]) == pytest.approx(4.0)
    assert trained.predict_value("line", {"a": 1.0, "b": 2.0}, "1.0.0", "default") == pytest.approx(4.0)


def test_predictions_into_a_table(system: MLSystem, line: pd.DataFrame, module_db: Session) -> None:
    rows = line.assign(key=[f"row {n}" for n in range(60)])
    assert system.predict_into("line", rows, "kept", "key") == 60
    assert system.predict_into("line", "line", "kept_from_table") == 60
    stored = module_db.execute("select id, value from kept where id = 'row 3'").fetchall()
    assert stored == [("row 3", pytest.approx(9.0))]
    with pytest.raises(ValueError, match="'nope'"):
        system.predict_into("line", rows, "kept", "nope")


def test_exports(system: MLSystem, line: pd.DataFrame, module_db: Session) -> None:
    expression = system.to_sql("line")
    computed = module_db.execute(f"select {expression} from line where a = 1").fetchall()
    assert computed == [(pytest.approx(3.0),)]
    assert system.to_sql("line", dialect="mysql", version="1.0.0")
    assert "line_function" in system.create_sql_function("line", "line_function")
    assert onnx.load_from_string(system.export_onnx("line")).graph.input


def test_lists_of_what_there_is(system: MLSystem, line: pd.DataFrame) -> None:
    assert {row["model_type"] for row in system.algorithms("regression")} == {"regression"}
    assert len(system.algorithms()) > len(system.algorithms("regression"))
    assert system.training_progress() == []
    system.predict("line", [1.0, 2.0])
    counted = system.stat_models().as_frame()
    assert "line" in set(counted["model_id"])
    search = {"method": "grid", "cv": 2, "params": {"alpha": [0.1, 1.0]}}
    system.train_model("searched", "regression", "line", target="y", algorithm="Ridge", search=search, progress=False)
    assert [row["number"] for row in system.trials("searched")] == [1, 2]
    assert {row["model_id"] for row in system.cache_status()} >= {"line"}
    assert system.cache_clear() >= 1
    assert system.cache_status() == []


def test_schedules_say_what_they_need(system: MLSystem, line: pd.DataFrame) -> None:
    assert system.schedules() == []
    assert system.schedule_history("line") == []
    with pytest.raises(errors.UnsupportedOperationError, match="pg_cron"):
        system.schedule_training("line", "0 3 * * *", min_improvement=0.1, max_age="7 days", max_drift=0.5)
    with pytest.raises(errors.MLError):
        system.run_schedule("line")


def test_rights_quotas_and_options(system: MLSystem, make_role: Callable[..., DatabaseConfig]) -> None:
    role = make_role()
    assert role.user is not None
    system.grant_usage(role.user, "acme", admin=True)
    with create_ml_system(role) as own:
        assert own.current_tenant() == "acme"
    assert system.refresh_usage() >= 1
    system.set_quota("acme", max_models=0)
    assert system.tenant_sizes("acme")[0]["max_models"] == 0
    system.set_quota("acme")
    assert system.tenant_sizes("acme")[0]["max_models"] is None
    system.revoke_usage(role.user, "acme")
    with pytest.raises(errors.InsufficientPrivilegeError):
        create_ml_system(role)
    options = {row["name"]: row for row in system.options()}
    name, value = "chunk_rows", "70000"
    system.set_option(name, value)
    assert {row["name"]: row["value"] for row in system.options()}[name] == value
    system.set_option(name, None)
    assert {row["name"]: row["value"] for row in system.options()}[name] == options[name]["default_value"]
    assert {row["check_name"] for row in system.doctor()}
    assert system.current_tenant() == "default"


def test_text_that_postgresql_cannot_hold_is_a_typed_error(system: MLSystem, line: pd.DataFrame) -> None:
    for bad, said in (("a\0b", "NUL"), ("a\ud800b", "surrogate")):
        rows = line.assign(a=pd.Series([bad] * len(line), dtype=object))
        pair = pd.DataFrame({"a": [bad, "x"]}, dtype=object)  # pandas' own type of text refuses half a surrogate pair
        for call in (
            lambda bad=bad: system.predict(bad, [1.0, 2.0]),
            lambda bad=bad: system.predict("line", {"a": bad}),
            lambda rows=rows: system.evaluate("line", rows),
            lambda bad=bad: system.set_option("chunk_rows", bad),
            lambda pair=pair: system.train_model("bad", "clustering", pair),
            lambda bad=bad: system.train_model("bad", "regression", "line", target="y", hyperparameters={bad: 1}),
        ):
            with pytest.raises(ValueError, match=said) as caught:
                call()
            assert isinstance(caught.value, errors.MLError)
            assert caught.value.hint


def test_awaited_methods_answer_as_the_blocking_ones(
    config: DatabaseConfig, system: MLSystem, line: pd.DataFrame, make_role: Callable[..., DatabaseConfig]
) -> None:
    role = make_role()
    reads: list[tuple[str, tuple[Any, ...]]] = [
        ("evaluate", ("line", line)),
        ("drift", ("line", line)),
        ("coefficients", ("line",)),
        ("importance", ("line", "line")),
        ("partial_dependence", ("line", "a", "line", [1, 2.5])),
        ("counterfactual", ("line", {"a": 1.0, "b": 2.0}, "> -1000000")),
        ("explain", ("line", {"a": 1.0, "b": 2.0})),
        ("explain_batch", ("line", line)),
        ("to_sql", ("line",)),
        ("export_onnx", ("line",)),
        ("trials", ("line",)),
        ("algorithms", ("regression",)),
        ("training_progress", ()),
        ("schedules", ()),
        ("schedule_history", ()),
        ("options", ()),
        ("tenant_sizes", ()),
        ("current_tenant", ()),
        ("predict_value", ("line", [1.0, 2.0])),
        ("versions", ("line",)),
        ("list_models", ()),
        ("get_model_info", ("line",)),
    ]

    async def work() -> None:
        async with await create_async_ml_system(config) as twin:
            for name, arguments in reads:
                assert await getattr(twin, name)(*arguments) == getattr(system, name)(*arguments), name
            assert await twin.predict_into("line", line, "kept_by_twin") == 60
            assert "twin_function" in await twin.create_sql_function("line", "twin_function")
            await twin.grant_usage(role.user or "", "acme")
            await twin.revoke_usage(role.user or "", "acme")
            await twin.set_quota("acme", max_models=3)
            await twin.set_option("chunk_rows", None)
            assert await twin.refresh_usage() >= 0
            assert await twin.cache_clear() >= 0
            assert isinstance(await twin.cache_status(), list)
            assert isinstance(await twin.stat_models(), list)
            assert {row["check_name"] for row in await twin.doctor()}
            with pytest.raises(errors.UnsupportedOperationError):
                await twin.schedule_training("line", "0 3 * * *")

    asyncio.run(work())


def test_every_public_method_of_the_twin_is_awaited() -> None:
    from motadata_ml import AsyncMLSystem

    for name, method in inspect.getmembers(AsyncMLSystem, inspect.isfunction):
        assert name.startswith("_") or inspect.iscoroutinefunction(method), name
