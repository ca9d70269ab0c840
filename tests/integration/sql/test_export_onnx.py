"""`ml.export_onnx`: raw columns through plain ONNX Runtime against `ml.predict_batch`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import psycopg
import pytest

from motadata_ml_server.prediction.runtimes import onnx_library

ort = onnx_library.load()

Session = psycopg.Connection[Any]

SETUP = """
create table events as
select i as id,
    case when i % 7 <> 0 then sin(i) * 10 end as load,
    case when i % 5 <> 0 then i % 11 end as visits,
    (array['red', 'green', 'blue', null])[1 + i % 4] as colour,
    case when i % 9 <> 0 then i % 2 = 0 end as member,
    case when i % 8 <> 0 then timestamptz '2019-12-25 00:00+00' + i * interval '31 hours 7 minutes' end as seen,
    case when i % 13 <> 0 then array[cos(i), sin(i * 2), i % 3]::float8[] end as place,
    i % 3 as third,
    case when sin(i) + (i % 4) / 4.0 > 0.3 then 'high' else 'low' end as grade,
    (array['a', 'b', 'c'])[1 + (i + (sin(i) > 0)::int) % 3] as kind,
    sin(i) > 0 as flag,
    20 + 3 * sin(i) + (i % 4) + cos(i) as price
from generate_series(1, 240) as i;

create table rows as
select * from events
union all
select 1000 + i, case when i % 2 = 0 then 1e3 * i end, null, (array['violet', '', 'red'])[1 + i % 3], i % 2 = 0,
    timestamptz '1931-02-27 23:59:59+00' + i * interval '217 days', array[i, 0.25, -i]::float8[], 0, null, null,
    null, null
from generate_series(1, 90) as i
"""

FEATURES = ["load", "visits", "colour", "member", "seen", "place"]
MODELS = {
    "logistic": ("classification", "grade", "logistic_regression"),
    "logistic_three": ("classification", "kind", "logistic_regression"),
    "svm": ("classification", "grade", "linear_svc"),
    "forest": ("classification", "grade", "random_forest"),
    "forest_three": ("classification", "kind", "random_forest"),
    "forest_numbers": ("classification", "third", "random_forest"),
    "tree_boolean": ("classification", "flag", "decision_tree"),
    "histogram": ("classification", "grade", "HistGradientBoostingClassifier"),
    "bayes": ("classification", "kind", "GaussianNB"),
    "network": ("classification", "kind", "MLPClassifier"),
    "ridge": ("regression", "price", "ridge"),
    "poisson": ("regression", "price", "PoissonRegressor"),
    "forest_value": ("regression", "price", "random_forest"),
    "histogram_value": ("regression", "price", "HistGradientBoostingRegressor"),
    "kmeans": ("clustering", None, "kmeans"),
    "isolation": ("anomaly", None, "isolation_forest"),
    "pca": ("decomposition", None, "pca"),
}
SIZES = {"random_forest": {"n_estimators": 15}, "MLPClassifier": {"hidden_layer_sizes": [4], "max_iter": 20}}


@pytest.fixture(scope="module")
def trained(module_db: Session) -> Session:
    module_db.execute(SETUP)
    for name, (model_type, target, algorithm) in MODELS.items():
        module_db.execute(
            "select ml.train(%s, %s, 'events', %s, %s, algorithm => %s, hyperparameters => %s)",
            [name, model_type, target, FEATURES, algorithm, json.dumps(SIZES.get(algorithm, {}))],
        )
    return module_db


def export(session: Session, name: str) -> bytes:
    row = session.execute("select ml.export_onnx(%s)", [name]).fetchone()
    assert row is not None
    return bytes(row[0])


def raw_columns(session: Session) -> dict[str, np.ndarray[Any, Any]]:
    """Fetch the features as the exported models take them."""
    rows = session.execute(
        "select load, visits, coalesce(colour, ''), member, extract(epoch from seen), place from rows order by id"
    ).fetchall()
    load, visits, colour, member, seen, place = zip(*rows, strict=True)

    def numbers(values: Any) -> np.ndarray[Any, Any]:
        return np.array([math.nan if value is None else float(value) for value in values])[:, None]

    vectors = [[math.nan] * 3 if vector is None else vector for vector in place]
    return {
        "load": numbers(load),
        "visits": numbers(visits),
        "colour": np.array(colour, dtype=object)[:, None],
        "member": numbers(member),
        "seen": numbers(seen),
        "place": np.array(vectors),
    }


def evaluate(content: bytes, columns: dict[str, np.ndarray[Any, Any]]) -> dict[str, list[Any]]:
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, columns)
    return {name: answer.tolist() for name, answer in zip(names, answers, strict=True)}


@pytest.mark.parametrize("name", MODELS)
def test_exported_model_equals_batch_on_raw_columns(trained: Session, name: str) -> None:
    answers = evaluate(export(trained, name), raw_columns(trained))
    batch = trained.execute(
        "select prediction, value, probabilities from ml.predict_batch(%s, 'select * from rows order by id')", [name]
    ).fetchall()
    assert len(batch) == 330
    predictions, values, probabilities = (list(column) for column in zip(*batch, strict=True))
    if MODELS[name][0] == "regression":
        assert answers.keys() == {"value"}
    elif name == "pca":
        assert answers.keys() == {"components"}
    else:
        assert answers["label"] == predictions
    assert ("value" in answers) == (values[0] is not None)
    if "value" in answers:
        assert answers["value"] == pytest.approx(values, rel=1e-5, abs=1e-5)
    matrix = answers.get("components", answers.get("probabilities"))
    assert (matrix is None) == (probabilities[0] is None)
    if matrix is not None:
        assert np.array(matrix) == pytest.approx(np.array(probabilities), rel=1e-5, abs=1e-5)


def test_exported_model_states_its_inputs_and_its_origin(trained: Session) -> None:
    model = onnx.load_model_from_string(export(trained, "forest_three"))
    onnx.checker.check_model(model, full_check=True)
    assert [entry.name for entry in model.graph.input] == FEATURES
    types = {entry.name: entry.type.tensor_type for entry in model.graph.input}
    assert types["colour"].elem_type == onnx.TensorProto.STRING
    assert {types[name].elem_type for name in FEATURES if name != "colour"} == {onnx.TensorProto.DOUBLE}
    assert [types[name].shape.dim[1].dim_value for name in FEATURES] == [1, 1, 1, 1, 1, 3]
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "model_id": "forest_three",
        "version": "1.0.0",
        "classes": '["a", "b", "c"]',
    }


def test_features_named_like_outputs_keep_their_names(trained: Session) -> None:
    trained.execute(
        "select ml.train('names', 'classification', "
        "'select load as label, price as \"ml/n0\", visits as value, flag from events', 'flag', "
        "algorithm => 'logistic_regression')"
    )
    one = np.array([[1.5]])
    answers = evaluate(export(trained, "names"), {"label": one, "ml/n0": one, "value": one})
    row = trained.execute(
        'select ml.predict_label(\'names\', \'{"label": 1.5, "ml/n0": 1.5, "value": 1.5}\')'
    ).fetchone()
    assert row is not None
    assert answers["predicted_label"] == [row[0]]
    assert answers.keys() == {"predicted_label", "predicted_value", "probabilities"}


def test_earlier_version_is_exported_by_number(trained: Session) -> None:
    for alpha in (1, 50):
        trained.execute(
            "select ml.train('twice', 'regression', 'events', 'price', %s, algorithm => 'ridge', "
            "hyperparameters => %s)",
            [FEATURES, json.dumps({"alpha": alpha})],
        )
    rows = trained.execute("select ml.export_onnx('twice', v) from unnest(array['1.0.0', '1.1.0', null]) v").fetchall()
    first, second, deployed = (bytes(row[0]) for row in rows)
    assert first != second
    assert second == deployed


def refused(session: Session, statement: str) -> psycopg.errors.Diagnostic:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement)
    return caught.value.diag


def test_free_text_is_refused_by_its_column(trained: Session) -> None:
    source = "select load, flag, 'words of ' || id || ' and ' || id % 7 as remark from events"
    trained.execute(
        "select ml.train('text', 'classification', %s, 'flag', algorithm => 'logistic_regression', "
        'preprocess => \'{"remark": {"encode": "tfidf"}}\')',
        [source],
    )
    diagnosis = refused(trained, "select ml.export_onnx('text')")
    assert diagnosis.sqlstate == "ML020"
    assert "'remark'" in str(diagnosis.message_hint)


def test_model_without_compiled_form_is_refused(trained: Session) -> None:
    trained.execute(
        "select ml.train('kernel', 'anomaly', 'select load, price from events', algorithm => 'OneClassSVM')"
    )
    diagnosis = refused(trained, "select ml.export_onnx('kernel')")
    assert diagnosis.sqlstate == "ML020"
    assert diagnosis.message_hint


def test_unknown_names_are_refused(trained: Session) -> None:
    assert refused(trained, "select ml.export_onnx('nowhere')").sqlstate == "ML001"
    assert refused(trained, "select ml.export_onnx('ridge', '9.0.0')").sqlstate == "ML014"
    assert refused(trained, "select ml.export_onnx(null)").sqlstate == "ML009"


def test_role_exports_only_models_of_its_tenant(
    trained: Session, connect: Callable[..., Session], role_factory: Callable[..., str]
) -> None:
    role = role_factory("exporter")
    session = connect(role=role, dbname=trained.info.dbname)
    assert refused(session, "select ml.export_onnx('ridge')").sqlstate == "42501"
    trained.execute("select ml.grant_usage(%s, 'elsewhere')", [role])
    assert refused(session, "select ml.export_onnx('ridge', tenant_id => 'default')").sqlstate == "ML012"
    assert refused(session, "select ml.export_onnx('ridge')").sqlstate == "ML001"
    trained.execute("select ml.grant_usage(%s)", [role])
    row = session.execute("select ml.export_onnx('ridge', tenant_id => 'default')").fetchone()
    assert row is not None
    assert bytes(row[0]) == export(trained, "ridge")
