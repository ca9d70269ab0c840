"""`ml.import_model`: pipelines and graphs from outside answer here as they did there, or are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pandas as pd
import psycopg
import pytest
import skops.io
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler

from motadata_ml import create_ml_system
from motadata_ml.errors import ArtifactError, InvalidArgumentError, UnsupportedOperationError

Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def db(module_db: Session) -> Session:
    module_db.execute("set client_min_messages = error")
    return module_db


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, Any]:
    data = datasets.load_iris(as_frame=True)
    return data.data, np.array(data.target_names)[data.target]


@pytest.fixture(scope="module")
def penguins(iris: tuple[pd.DataFrame, Any]) -> tuple[pd.DataFrame, Any]:
    """Iris once more, with a category, a whole number as a category, and missing values."""
    frame = iris[0].copy()
    frame["colour"] = np.where(frame.iloc[:, 0] > 5.8, "red", np.where(frame.iloc[:, 1] > 3, "blue", "green"))
    frame["ring"] = (frame.iloc[:, 3] * 2).astype(int)
    frame.iloc[::9, 2] = np.nan
    return frame, iris[1]


def answers(session: Session, name: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = [{key: None if pd.isna(value) else value for key, value in row.items()} for row in frame.to_dict("records")]
    found = session.execute("select ml.predict(%s, r) from jsonb_array_elements(%s) r", [name, json.dumps(rows)])
    return [row[0] for row in found]


NUMERIC = [
    LogisticRegression(max_iter=500),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(SimpleImputer(), MinMaxScaler(), StandardScaler(), LogisticRegression()),
    RandomForestClassifier(n_estimators=12, random_state=0),
    HistGradientBoostingClassifier(max_iter=12),
    make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=3000, tol=1e-3, random_state=0)),
]


@pytest.mark.parametrize("model", NUMERIC, ids=lambda model: str(model).split("(")[0] + str(len(str(model))))
def test_pipeline_of_numbers_answers_as_it_did(db: Session, iris: tuple[pd.DataFrame, Any], model: Any) -> None:
    x, y = iris
    model.fit(x, y)
    stored = create_ml_system(db).upload("outside", model, x)
    assert stored["metrics"]["max_difference"] <= 1e-5
    found = answers(db, "outside", x)
    assert [one["prediction"] for one in found] == model.predict(x).tolist()
    np.testing.assert_allclose(
        [[one["probabilities"][label] for label in model.classes_] for one in found], model.predict_proba(x), atol=1e-5
    )


def by_column() -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, [2, 0]),
            ("colour", OneHotEncoder(handle_unknown="ignore"), ["colour"]),
            ("ring", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["ring"]),
        ]
    )


@pytest.mark.parametrize("last", [LogisticRegression(max_iter=2000), RandomForestClassifier(9, random_state=1)])
def test_columns_of_several_kinds_become_a_plan(db: Session, penguins: tuple[pd.DataFrame, Any], last: Any) -> None:
    x, y = penguins
    columns = by_column()
    columns.transformers[0] = ("numbers", columns.transformers[0][1], list(x.columns[[2, 0]]))
    model = make_pipeline(columns, last).fit(x, y)
    create_ml_system(db).upload("mixed", model, x, target="species")
    found = answers(db, "mixed", x)
    assert [one["prediction"] for one in found] == model.predict(x).tolist()
    unseen = x.head(3).assign(colour="violet", ring=99)
    assert [one["prediction"] for one in answers(db, "mixed", unseen)] == model.predict(unseen).tolist()
    row = db.execute("select ml.get_model_info('mixed')").fetchone()
    assert row
    assert [one["kind"] for one in row[0]["features"]] == ["number", "number", "category", "category"]
    assert row[0]["runtime"]["imported"]["format"] == "skops"
    parts = db.execute("select feature from ml.explain('mixed', %s)", [json.dumps(_row(x))]).fetchall()
    assert {name for (name,) in parts} >= {"colour", "ring"}


def _row(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(key): None if pd.isna(value) else value for key, value in frame.head(1).to_dict("records")[0].items()}


def test_imputed_category_is_that_of_the_imputer(db: Session, penguins: tuple[pd.DataFrame, Any]) -> None:
    x, y = penguins
    x = x[["colour"]].copy()
    x.loc[::4, "colour"] = np.nan
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    model = make_pipeline(ColumnTransformer([("c", steps, ["colour"])]), LogisticRegression()).fit(x, y)
    create_ml_system(db).upload("filled", model, x)
    assert [one["prediction"] for one in answers(db, "filled", x)] == model.predict(x).tolist()


def test_regression_is_stored_dumped_as_sql_and_scored(db: Session) -> None:
    data = datasets.load_diabetes(as_frame=True)
    x, y = data.data[["bmi", "bp", "s5"]], data.target
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(x, y)
    system = create_ml_system(db)
    system.upload("sugar", model, x, target="y")
    db.execute("create table sugar (bmi float8, bp float8, s5 float8, y float8)")
    with db.cursor().copy("copy sugar from stdin") as copy:
        for row in x.assign(y=y).to_numpy().tolist():
            copy.write_row(row)
    assert system.evaluate("sugar", "sugar")["r2"] == pytest.approx(model.score(x, y))
    text = db.execute("select ml.to_sql('sugar')").fetchone()
    assert text
    found = db.execute(f"select {text[0]} from sugar".encode()).fetchall()
    np.testing.assert_allclose([row[0] for row in found], model.predict(x))


def test_graph_from_any_tool_is_a_version(db: Session, iris: tuple[pd.DataFrame, Any]) -> None:
    x, y = iris
    values = x.to_numpy(np.float32)
    model = RandomForestClassifier(10, random_state=0).fit(values, y)
    graph = to_onnx(model, values[:1], options={id(model): {"zipmap": False}}).SerializeToString()
    classes = model.classes_.tolist()
    system = create_ml_system(db)
    system.upload("graph", graph, x, model.predict_proba(values), classes=classes)
    assert [one["prediction"] for one in answers(db, "graph", x)] == model.predict(values).tolist()
    boosting = GradientBoostingRegressor(n_estimators=15).fit(values[:, :3], values[:, 3])
    graph = to_onnx(boosting, values[:1, :3]).SerializeToString()
    system.upload("width", graph, x.iloc[:, :3], boosting.predict(values[:, :3]))
    found = [one["prediction"] for one in answers(db, "width", x.iloc[:, :3])]
    np.testing.assert_allclose(found, boosting.predict(values[:, :3]), rtol=1e-4)


def test_other_answers_are_refused_with_the_largest_difference(db: Session, iris: tuple[pd.DataFrame, Any]) -> None:
    x, y = iris
    values = x.to_numpy(np.float32)
    model = LogisticRegression(max_iter=500).fit(values, y)
    graph = to_onnx(model, values[:1], options={id(model): {"zipmap": False}}).SerializeToString()
    system = create_ml_system(db)
    with pytest.raises(ArtifactError, match=r"row \d+ of the sample differs by 0\.\d+, the largest"):
        system.upload("wrong", graph, x, model.predict_proba(values)[:, ::-1], classes=model.classes_.tolist())
    assert db.execute("select count(*) from ml.models where model_id = 'wrong'").fetchone() == (0,)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (KNeighborsClassifier(), "no compiled form"),
        (GaussianProcessClassifier(), "no compiled form"),
        (
            make_pipeline(ColumnTransformer([("p", PolynomialFeatures(), [0, 1])]), LogisticRegression(max_iter=2000)),
            "no form in a feature plan",
        ),
    ],
)
def test_what_has_no_form_here_is_refused(db: Session, iris: tuple[pd.DataFrame, Any], model: Any, says: str) -> None:
    x, y = iris
    model.fit(x, y)
    with pytest.raises(UnsupportedOperationError, match=says):
        create_ml_system(db).upload("none", model, x)


def graphs() -> Iterator[tuple[str, bytes, str]]:
    """Yield graphs that a session must never be made to evaluate."""

    def made(nodes: list[Any], output: str = "out", initializers: Any = (), opsets: Any = None) -> bytes:
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("in", TensorProto.FLOAT, [None, 1])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 1])],
            list(initializers),
        )
        opsets = opsets or [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        return bytes(model.SerializeToString())

    def tensor(name: str, values: Any) -> Any:
        return onnx.numpy_helper.from_array(np.asarray(values), name)

    doubling = [helper.make_node("Concat", ["in", "in"], ["c0"], axis=1)]
    doubling += [helper.make_node("Concat", [f"c{at}", f"c{at}"], [f"c{at + 1}"], axis=1) for at in range(19)]
    doubling += [helper.make_node("ReduceSum", ["c19", "axes"], ["out"], keepdims=1)]
    yield "doubling", made(doubling, initializers=[tensor("axes", [1])]), "ML018"
    bomb = [helper.make_node("ConstantOfShape", ["size"], ["big"]), helper.make_node("Add", ["in", "big"], ["out"])]
    yield "a huge constant", made(bomb, initializers=[tensor("size", [1 << 40])]), "ML018"
    square = [
        helper.make_node("Gemm", ["in", "in"], ["square"], transB=1),
        helper.make_node("ReduceSum", ["square", "axes"], ["out"], keepdims=1),
    ]
    yield "rows times rows", made(square, initializers=[tensor("axes", [1])]), "ML018"
    mixing = [
        helper.make_node("ReduceMax", ["in", "axes"], ["most"], keepdims=1),
        helper.make_node("Add", ["in", "most"], ["out"]),
    ]
    yield "rows that look at each other", made(mixing, initializers=[tensor("axes", [0])]), "ML018"
    custom = [helper.make_node("Run", ["in"], ["out"], domain="evil")]
    yield "an operator of its own", made(custom, opsets=[helper.make_opsetid("evil", 1)]), "ML018"
    outside = tensor("weight", np.zeros((1, 1), np.float32))
    onnx.external_data_helper.set_external_data(outside, location="/etc/passwd")
    outside.ClearField("raw_data")
    yield "data outside", made([helper.make_node("MatMul", ["in", "weight"], ["out"])], initializers=[outside]), "ML018"

    def tree(**changed: Any) -> bytes:
        attributes: dict[str, Any] = {
            "n_targets": 1,
            "nodes_treeids": [0, 0, 0],
            "nodes_nodeids": [0, 1, 2],
            "nodes_featureids": [0, 0, 0],
            "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
            "nodes_values": [1.0, 0.0, 0.0],
            "nodes_truenodeids": [1, 0, 0],
            "nodes_falsenodeids": [2, 0, 0],
            "target_treeids": [0, 0],
            "target_nodeids": [1, 2],
            "target_ids": [0, 0],
            "target_weights": [1.0, 2.0],
        }
        node = helper.make_node("TreeEnsembleRegressor", ["in"], ["out"], domain="ai.onnx.ml", **attributes | changed)
        return made([node])

    circle = {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], "nodes_falsenodeids": [2, 2, 0]}
    yield "a tree that goes in circles", tree(**circle), "ML018"
    yield "a tree that reads beyond the row", tree(nodes_featureids=[1_000_000, 0, 0]), "ML018"
    yield "a tree that reads before the row", tree(nodes_featureids=[-9, 0, 0]), "ML018"
    yield "a leaf that writes beyond the answer", tree(target_ids=[0, 1_000_000]), "ML018"
    yield "a child outside of the tree", tree(nodes_truenodeids=[77, 0, 0]), "ML018"
    weights = helper.make_node(
        "LinearRegressor", ["in"], ["out"], domain="ai.onnx.ml", coefficients=[1.0], intercepts=[0.0, 0.0], targets=2
    )
    yield "fewer weights than outputs", made([weights]), "ML018"
    yield "no graph at all", b"\x00\x01\x02 nothing", "ML018"


@pytest.mark.parametrize(("name", "data", "sqlstate"), list(graphs()), ids=lambda value: str(value)[:24])
def test_graphs_that_reach_further_are_refused(db: Session, name: str, data: bytes, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.import_model('bad', %s, 'onnx', 'regression', array['x'], sample => "
            '\'[{"x": 1}, {"x": 2}, {"x": 3}]\', predictions => \'[1, 2, 3]\')',
            [data],
        )
    assert caught.value.sqlstate == sqlstate, name
    assert caught.value.diag.message_hint


def test_archive_with_a_function_of_its_own_is_refused_before_it_is_run(db: Session) -> None:
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(np.linalg.pinv), LinearRegression())
    data = skops.io.dumps(model)
    with pytest.raises(psycopg.Error) as caught:
        db.execute(
            "select ml.import_model('bad', %s, 'skops', 'regression', array['x'], sample => '[{\"x\": 1}]', "
            "predictions => '[1]')",
            [data],
        )
    assert caught.value.sqlstate == "ML018"
    assert "not accepted" in str(caught.value.diag.message_primary)


def test_client_sends_the_bytes_of_a_file_as_they_are(db: Session, iris: tuple[pd.DataFrame, Any]) -> None:
    x, y = iris
    model = LogisticRegression(max_iter=500).fit(x, y)
    rows = [{str(name): value for name, value in row.items()} for row in x.head(5).to_dict("records")]
    system = create_ml_system(db)
    sent = {"sample": rows, "predictions": model.predict(x.head(5)).tolist()}
    stored = system.import_model("file", skops.io.dumps(model), "skops", "classification", list(x.columns), **sent)
    assert stored["model_version"] == "1.0.0"
    with pytest.raises(InvalidArgumentError, match="sample"):
        system.import_model("file", b"x", "skops", "classification")


GOOD = "'m', '\\x00', 'skops', 'regression', array['x'], sample => '[{\"x\": 1}]', predictions => '[1]'"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (GOOD.replace("'m'", "''", 1), "model_id"),
        (GOOD.replace("'\\x00'", "''"), "data"),
        (GOOD.replace("'\\x00'", "null"), "data"),
        (GOOD.replace("'skops'", "'pickle'"), "format"),
        (GOOD.replace("'regression'", "'clustering'"), "model_type"),
        (GOOD.replace("array['x']", "array['x', 'x']"), "features"),
        (GOOD.replace("'[{\"x\": 1}]'", "'[]'"), "sample"),
        (GOOD.replace("'[{\"x\": 1}]'", "'[1]'"), "sample"),
        (GOOD.replace("'[{\"x\": 1}]'", "null"), "sample"),
        (GOOD.replace("'[1]'", "'[1, 2]'"), "predictions"),
        (GOOD.replace("'[1]'", "'{}'"), "predictions"),
    ],
)
def test_arguments_that_do_not_suit_are_named(db: Session, arguments: str, says: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        db.execute(f"select ml.import_model({arguments})".encode())
    assert caught.value.sqlstate == "ML009"
    assert str(caught.value.diag.message_primary).startswith(f"ml.import_model: {says}") or says in str(
        caught.value.diag.message_primary
    )
    assert caught.value.diag.message_hint


def test_who_may_only_predict_imports_nothing(db: Session) -> None:
    for role, access in (("import_predicts", "predict"), ("import_none", None)):
        db.execute(f"create role {role}".encode())
        if access:
            db.execute("select ml.grant_usage(%s, 'default', access => %s)", [role, access])
        db.execute(f"set role {role}".encode())
        try:
            with pytest.raises(psycopg.Error) as caught:
                db.execute(f"select ml.import_model({GOOD})".encode())
            assert caught.value.sqlstate in ("42501", "ML012")
        finally:
            db.execute("reset role")
