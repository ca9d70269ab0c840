"""Input that does not fit the model is refused with ML011, naming feature, rule and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from motadata_ml_server.columns import Column, ColumnSchema, ColumnTable
from motadata_ml_server.errors import ArtifactError, InvalidInputError, UnsupportedOperationError
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.prediction.predictor import Predictor
from motadata_ml_server.prediction.runtimes.linear_model import LinearModel
from tests.unit.prediction.models import MIXED, NULLS, ROW, number_table, numeric_plan

WIDTH = sum(column["width"] for column in MIXED["columns"])


def linear(plan: FeaturePlan, *, classes: list[str] | None = None, label_type: str | None = None) -> Predictor:
    task = "regression" if classes is None else "classification"
    link = "identity" if classes is None else "logit"
    model = LinearModel(np.linspace(-1, 1, plan.width)[None, :], np.array([0.5]), link)
    return Predictor(plan, "linear", model.to_bytes(), classes, label_type, task)


@pytest.fixture(params=["linear", "onnx"])
def mixed(request: pytest.FixtureRequest) -> Predictor:
    plan = FeaturePlan.from_json(MIXED)
    if request.param == "linear":
        return linear(plan)
    from sklearn.tree import DecisionTreeRegressor

    from motadata_ml_server.worker.compile.onnx_trees import emit_trees

    generator = np.random.default_rng(0)
    features = generator.random((50, WIDTH))
    payload = emit_trees(DecisionTreeRegressor(max_depth=3).fit(features, features[:, 0]), WIDTH)
    assert payload is not None
    return Predictor(plan, "onnx", payload, None, None, "regression")


def test_missing_features_are_all_named(mixed: Predictor) -> None:
    row = {name: value for name, value in ROW.items() if name not in {"carrier", "at", "seen"}}
    with pytest.raises(InvalidInputError, match="'carrier', 'at', 'seen'") as caught:
        mixed.value(row)
    assert caught.value.sqlstate == "ML011"
    assert "null" in caught.value.hint


def test_additional_keys_are_ignored(mixed: Predictor) -> None:
    assert mixed.value({**ROW, "more": {"nested": 1}}) == mixed.value(ROW)


def test_a_row_of_nulls_is_no_error(mixed: Predictor) -> None:
    assert isinstance(mixed.value(NULLS), float)


@pytest.mark.parametrize(
    ("feature", "value", "rule"),
    [
        ("delay", "soon", "must be a number"),
        ("delay", [1], "must be a number"),
        ("delay", {"a": 1}, "must be a number"),
        ("delay", "1_000", "must be a number"),
        ("delay", "", "must be a number"),
        ("delay", "Infinity", "must be a finite number"),
        ("delay", float("inf"), "must be a finite number"),
        ("delay", -float("inf"), "must be a finite number"),
        ("delay", 10**400, "must be a finite number"),
        ("seen", "soon", "must be a number"),
        ("night", 2, "must be true or false"),
        ("night", "maybe", "must be true or false"),
        ("carrier", ["AA"], "must be a text, a number or a boolean"),
        ("origin", {"a": 1}, "must be a text, a number or a boolean"),
        ("note", 5, "must be a text"),
        ("at", "tomorrow", "must be an ISO 8601 date or timestamp"),
        ("at", "infinity", "must be an ISO 8601 date or timestamp"),
        ("at", True, "must be an ISO 8601 date or timestamp"),
        ("at", float("inf"), "must be a finite number"),
        ("gate", 1, "must be an array of 2 numbers"),
        ("gate", [1, 2, 3], "must be an array of 2 numbers"),
        ("gate", [1, "x"], "must be a number"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(mixed: Predictor, feature: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidInputError, match=rule) as caught:
        mixed.value({**ROW, feature: value})
    assert repr(feature) in caught.value.message
    assert "got" in caught.value.message


@pytest.mark.parametrize(
    ("feature", "value", "same"),
    [
        ("delay", "12.5", 12.5),
        ("delay", " 12.5 ", 12.5),
        ("delay", True, 1),
        ("seen", "00:00:09", 9),
        ("seen", "1 day 00:00:01", 86401),
        ("seen", "-00:00:09", -9),
        ("night", "t", True),
        ("night", 1, True),
        ("night", "off", False),
        ("carrier", 3, "3"),
        ("carrier", True, "true"),
        ("carrier", "unheard of", None),
        ("at", "2013-07-05T04:59:30Z", "2013-07-04T23:59:30-05:00"),
        ("at", "2013-07-05 04:59:30", "2013-07-04T23:59:30-05:00"),
        ("at", 1373000370, "2013-07-05T04:59:30"),
        ("at", "2013-07-05", "2013-07-05T00:00:00+00:00"),
        ("gate", None, [0.5, 0.25]),
        ("gate", [None, 3], [0.5, 3]),
        ("note", "", None),
    ],
)
def test_spellings_of_one_value_predict_the_same(mixed: Predictor, feature: str, value: Any, same: Any) -> None:
    assert mixed.value({**ROW, feature: value}) == pytest.approx(mixed.value({**ROW, feature: same}), rel=1e-12)


def test_an_array_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="must have 3 numbers, got 2"):
        linear(numeric_plan(3)).value([1.0, 2.0])


def test_an_array_for_a_model_with_texts_is_refused(mixed: Predictor) -> None:
    with pytest.raises(InvalidInputError, match=r"'carrier', 'note', 'at'.*are not") as caught:
        mixed.value([1.0] * 9)
    assert "to_jsonb" in caught.value.hint


def test_an_array_gives_a_vector_its_share_of_numbers() -> None:
    gate = next(column for column in MIXED["columns"] if column["name"] == "gate")
    plan = FeaturePlan.from_json({"version": 1, "columns": [*numeric_plan(1).to_json()["columns"], gate]})
    predictor = linear(plan)
    assert predictor.value([1.0, 2.0, 3.0]) == pytest.approx(predictor.value({"f0": 1, "gate": [2, 3]}))


@pytest.mark.parametrize("value", [float("inf"), "x", [1]])
def test_an_array_with_a_bad_element_names_its_feature(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="'f1'"):
        linear(numeric_plan(3)).value([1.0, value, 2.0])


def test_large_finite_numbers_are_accepted() -> None:
    assert linear(numeric_plan(2)).value([1e308, 1e308]) is not None


def test_a_table_that_lacks_features_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'f2'"):
        linear(numeric_plan(3)).batch(number_table(np.zeros((2, 2))))


def test_a_table_with_another_type_is_refused() -> None:
    from tests.unit.prediction.models import text_column

    table = ColumnTable(1, {"f0": text_column("f0", ["a"])})
    with pytest.raises(InvalidInputError, match="got text"):
        linear(numeric_plan(1)).batch(table)


def test_a_table_with_infinite_numbers_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'f1'"):
        linear(numeric_plan(2)).batch(number_table(np.array([[0.0, np.inf]])))


def test_a_table_with_another_array_size_is_refused() -> None:
    gate = next(column for column in MIXED["columns"] if column["name"] == "gate")
    predictor = linear(FeaturePlan.from_json({"version": 1, "columns": [gate]}))
    column = Column(ColumnSchema("gate", "vector", "double precision[]"), np.zeros((1, 3)))
    with pytest.raises(InvalidInputError, match="array of 2 numbers, got 3"):
        predictor.batch(ColumnTable(1, {"gate": column}))


def test_an_empty_table_gives_no_predictions() -> None:
    predictor = linear(numeric_plan(2), classes=["a", "b"], label_type="text")
    assert predictor.batch(number_table(np.zeros((0, 2)))).labels == []


def test_text_labels_have_no_value() -> None:
    predictor = linear(numeric_plan(2), classes=["a", "b"], label_type="text")
    with pytest.raises(UnsupportedOperationError, match="text"):
        predictor.value([1.0, 2.0])


@pytest.mark.parametrize(
    ("label_type", "classes", "native", "number"),
    [
        ("boolean", ["false", "true"], True, 1.0),
        ("integer", ["10", "20"], 20, 20.0),
        ("number", ["0.5", "1.5"], 1.5, 1.5),
    ],
)
def test_labels_have_their_type(label_type: str, classes: list[str], native: Any, number: float) -> None:
    predictor = linear(numeric_plan(2), classes=classes, label_type=label_type)
    answer = predictor.one([-1.0, 5.0])
    assert answer.prediction is native or answer.prediction == native
    assert type(answer.prediction) is type(native)
    assert predictor.value([-1.0, 5.0]) == number
    assert predictor.label([-1.0, 5.0]) == classes[1]


def test_a_regression_has_no_probabilities() -> None:
    with pytest.raises(UnsupportedOperationError, match="no probabilities"):
        linear(numeric_plan(2)).proba([1.0, 2.0])


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b'{"format": 2}', b"\xff"])
def test_a_damaged_linear_model_is_refused(payload: bytes) -> None:
    with pytest.raises(ArtifactError):
        Predictor(numeric_plan(1), "linear", payload, None, None, "regression")


@pytest.mark.parametrize("payload", [b"", b"garbage", b"\x08\x09\x3a\x00"])
def test_a_damaged_onnx_model_is_refused(payload: bytes) -> None:
    with pytest.raises(ArtifactError):
        Predictor(numeric_plan(1), "onnx", payload, None, None, "regression")


def test_an_unknown_kind_of_artifact_is_refused() -> None:
    with pytest.raises(ArtifactError, match="'pickle'"):
        Predictor(numeric_plan(1), "pickle", b"", None, None, "regression")
