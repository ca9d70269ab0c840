"""predict and predict_batch against the real server."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pytest

from motadata_ml import DatabaseConfig, MLSystem, create_ml_system, errors

KEYS = ["prediction", "probabilities", "confidence", "model_id", "model_version"]


def test_row_of_every_kind_gets_the_same_answer(trained: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets.drop(columns="category")
    row = X.iloc[1]
    answers = [
        trained.predict("tickets", data)
        for data in (row, row.to_dict(), X.iloc[[1]], [row.to_dict()], pl.from_pandas(X.iloc[[1]]))
    ]
    assert all(answer == answers[0] for answer in answers)
    assert list(answers[0]) == KEYS
    assert answers[0]["prediction"] == tickets["category"].iloc[1]
    assert answers[0]["confidence"] == max(answers[0]["probabilities"])
    assert answers[0]["model_id"] == "tickets"


def test_probabilities_follow_the_order_of_the_classes(system: MLSystem) -> None:
    X = pd.DataFrame({"a": np.arange(90.0)})
    labels = pd.Series(np.repeat(["zz", "b", "aaa"], 30))
    system.train_model("order", "classification", (X, labels), algorithm="LogisticRegression")
    classes = system.model_manager.get_model_info("order")["classes"]
    answer = system.predict("order", {"a": 1.0})
    assert classes[int(np.argmax(answer["probabilities"]))] == answer["prediction"] == "zz"


@pytest.mark.parametrize(
    ("labels", "kind"), [([1, 2], int), ([True, False], bool), (["a", "b"], str), ([0.5, 1.5], float)]
)
def test_prediction_has_the_labels_own_type(system: MLSystem, labels: list[Any], kind: type) -> None:
    X, y = np.arange(40.0).reshape(-1, 1), np.repeat(labels, 20)
    system.train_model("types", "classification", (X, y), algorithm="LogisticRegression")
    one, many = system.predict("types", [39.0]), system.predict_batch("types", X)
    assert type(one["prediction"]) is kind
    assert one["prediction"] == labels[1]
    assert [type(row["prediction"]) for row in many] == [kind] * 40
    assert [row["prediction"] for row in many[:3]] == [labels[0]] * 3


def test_batch_equals_single_predictions(trained: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets.drop(columns="category").iloc[:20]
    many = trained.predict_batch("tickets", X)
    for position in range(20):
        one = trained.predict("tickets", X.iloc[position])
        assert many[position]["prediction"] == one["prediction"]
        assert many[position]["probabilities"] == pytest.approx(one["probabilities"], abs=1e-9)
        assert list(many[position]) == KEYS


def test_frame_keeps_the_index(trained: MLSystem, tickets: pd.DataFrame) -> None:
    frame = trained.predict_batch("tickets", tickets, as_frame=True)
    assert frame.index.equals(tickets.index)
    assert list(frame.columns) == ["prediction", "confidence", "probability_access", "probability_hardware"]
    assert (frame["prediction"] == tickets["category"]).mean() > 0.9
    assert tickets.join(frame).notna()["prediction"].all()


def test_table_and_select_keep_order_and_ids(trained: MLSystem, tickets: pd.DataFrame) -> None:
    trained.data_processor.to_table(tickets.reset_index(), "open_tickets")
    whole = trained.predict_batch("tickets", "open_tickets", as_frame=True)
    assert len(whole) == len(tickets)
    some = trained.predict_batch("tickets", "select * from open_tickets order by ticket desc", id_column="ticket")
    assert some[0]["id"] == str(tickets.index.max())


def test_rows_beyond_one_packed_run_keep_their_order(system: MLSystem) -> None:
    X = np.arange(120_000.0).reshape(-1, 1)
    system.train_model("long", "regression", (X[:100], X[:100, 0]), algorithm="LinearRegression")
    found = system.predict_batch("long", X, as_frame=True)["prediction"].to_numpy()
    assert found == pytest.approx(X[:, 0], abs=1e-3)


def test_column_without_a_single_value_is_predicted(trained: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets.drop(columns="category").iloc[:5].assign(channel=None, hours=None, opened=None, Subject=None)
    assert len(trained.predict_batch("tickets", X)) == 5


def test_iso_dates_are_read_as_timestamps(trained: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets.drop(columns="category").iloc[:5]
    as_text = X.assign(opened=X["opened"].map(lambda moment: moment.isoformat()))
    expected = [row["probabilities"] for row in trained.predict_batch("tickets", X)]
    assert [row["probabilities"] for row in trained.predict_batch("tickets", as_text)] == expected


def test_array_goes_by_position_for_a_model_with_names(system: MLSystem, tickets: pd.DataFrame) -> None:
    X = tickets[["priority", "hours"]].fillna(0)
    system.train_model("numbers", "regression", (X, X["hours"] * 2), algorithm="LinearRegression")
    by_name = system.predict_batch("numbers", X, as_frame=True)["prediction"].tolist()
    assert system.predict_batch("numbers", X.to_numpy(), as_frame=True)["prediction"].tolist() == by_name
    assert system.predict("numbers", X.iloc[0].tolist())["prediction"] == pytest.approx(by_name[0])


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (pd.DataFrame({"priority": [1]}), "lacks the features 'Subject'"),
        (np.ones((2, 3)), "3 columns, the model takes 6"),
    ],
)
def test_batch_without_the_features_is_refused(trained: MLSystem, data: Any, match: str) -> None:
    with pytest.raises(errors.InvalidInputError, match=match):
        trained.predict_batch("tickets", data)


def test_infinity_in_a_batch_is_refused(trained: MLSystem, tickets: pd.DataFrame) -> None:
    with pytest.raises(errors.InvalidInputError, match=r"'hours'.*infinite"):
        trained.predict_batch("tickets", tickets.assign(hours=np.inf))


def test_unknown_model_keeps_its_name_in_the_error(system: MLSystem) -> None:
    for call in (
        lambda: system.predict("nothing", {"a": 1}),
        lambda: system.predict_batch("nothing", pd.DataFrame({"a": [1]})),
        lambda: system.model_manager.get_model_info("nothing"),
        lambda: system.model_manager.versions("nothing"),
        lambda: system.model_manager.delete_model("nothing"),
    ):
        with pytest.raises(errors.ModelNotFoundError) as caught:
            call()
        assert caught.value.model_id == "nothing"


def test_read_only_session_predicts_frames_too(
    trained: MLSystem, tickets: pd.DataFrame, config: DatabaseConfig
) -> None:
    with psycopg.connect(config.conninfo(), options="-c default_transaction_read_only=on") as own:
        reader = create_ml_system(own)
        found = reader.predict_batch("tickets", tickets, as_frame=True)
    expected = trained.predict_batch("tickets", tickets, as_frame=True)
    pd.testing.assert_frame_equal(found, expected, atol=1e-9)


def test_other_model_types_predict_single_and_many(system: MLSystem) -> None:
    X = pd.DataFrame({"a": np.r_[np.zeros(30), np.ones(30)], "b": np.arange(60.0)})
    for model_type, kind in (("clustering", int), ("anomaly", bool), ("decomposition", list)):
        system.train_model(model_type, model_type, X)
        one, many = system.predict(model_type, X.iloc[0]), system.predict_batch(model_type, X)
        assert type(one["prediction"]) is kind
        assert many[0]["prediction"] == one["prediction"]
        assert one["probabilities"] is None


def test_classifier_without_probabilities_has_none(system: MLSystem) -> None:
    X, y = pd.DataFrame({"a": np.arange(40.0)}), np.repeat(["low", "high"], 20)
    system.train_model("bare", "classification", (X, y), algorithm="RidgeClassifier")
    one, many = system.predict("bare", [39.0]), system.predict_batch("bare", X)
    assert (one["prediction"], one["probabilities"]) == ("high", None)
    assert (many[-1]["prediction"], many[-1]["probabilities"]) == ("high", None)
    assert list(system.predict_batch("bare", X, as_frame=True).columns) == ["prediction"]


def test_cache_never_serves_an_old_answer(system: MLSystem, config: DatabaseConfig) -> None:
    X = pd.DataFrame({"a": np.arange(40.0)})
    cache: dict[str, str] = {}
    with psycopg.connect(config.conninfo(), autocommit=True) as own:
        cached = create_ml_system(own, cache=cache)
        cached.train_model("cached", "regression", (X, X["a"]), algorithm="LinearRegression")
        first = cached.predict("cached", {"a": 2})
        assert cached.predict("cached", {"a": 2}) == first
        assert len(cache) == 1
        cached.train_model("cached", "regression", (X, X["a"] + 100), algorithm="LinearRegression")
        assert cached.predict("cached", {"a": 2})["prediction"] == pytest.approx(102)
        cached.model_manager.rollback("cached")
        assert cached.predict("cached", {"a": 2}) == first
        assert len(cache) == 2
        cached.model_manager.delete_model("cached")
        with pytest.raises(errors.ModelNotFoundError):
            cached.predict("cached", {"a": 2})
        cached.train_model("cached", "regression", (X, X["a"] - 50), algorithm="LinearRegression")
        assert cached.predict("cached", {"a": 2})["prediction"] == pytest.approx(-48)
