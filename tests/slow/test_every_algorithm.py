"""Every algorithm of `ml.algorithms`, trained on a small real table and asked; `docs/algorithms.md` says how it went.

``make algorithms`` writes that page anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sklearn.datasets import load_breast_cancer, load_diabetes

pytestmark = pytest.mark.slow

Session = psycopg.Connection[Any]

PAGE = Path(__file__).parents[2] / "docs" / "algorithms.md"
WRITES = os.environ.get("MOTADATA_ML_WRITE_DOCS") == "1"

HEAD = """# Algorithms

Written by `make algorithms`, held true by `make test-slow`. Each algorithm was trained on 400 rows of a real table
(breast cancer, diabetes progression) with ten features, then predicted all rows, one by one and as a table, with the
same answers. *Runtime* is what predicts in a session: `linear` and `onnx` need no scikit-learn there.

| algorithm | model_type | runtime | note |
| --- | --- | --- | --- |
"""

HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    # by default it keeps a component for every row
    "KernelPCA": {"n_components": 2},
    # radius, perimeter and area of a tumour are collinear
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    # within the default radius of 1 many rows have no neighbour
    "RadiusNeighborsClassifier": {"radius": 20},
    "RadiusNeighborsRegressor": {"radius": 20},
}


@pytest.fixture(scope="module")
def session(module_db: Session) -> Session:
    module_db.execute("set client_min_messages = error")
    for name, load in (("cancer", load_breast_cancer), ("diabetes", load_diabetes)):
        data = load()
        features = ", ".join(f"f{number} float8" for number in range(10))
        module_db.execute(f"create table {name} (id serial, {features}, y float8, label text)")
        with module_db.cursor().copy(
            f"copy {name} ({', '.join(f'f{n}' for n in range(10))}, y, label) from stdin"
        ) as copy:
            for row, y in list(zip(data.data[:, :10].tolist(), data.target.tolist(), strict=True))[:400]:
                copy.write_row([*row, y, "benign" if y == 1 else "malignant"])
    return module_db


def algorithms(session: Session) -> list[tuple[str, str]]:
    return session.execute(
        "select algorithm, model_type from ml.algorithms where model_type is not null order by 1"
    ).fetchall()


def outcome(session: Session, algorithm: str, model_type: str) -> tuple[str, str]:
    """Train, predict in both ways, and return the runtime and a note."""
    table = "diabetes" if model_type == "regression" else "cancer"
    target = {"classification": "label", "regression": "y"}.get(model_type)
    features = [f"f{number}" for number in range(10)]
    try:
        session.execute(
            "select ml.train('every', %s, %s, %s, %s, %s, %s, deploy => true)",
            [model_type, table, target, features, algorithm, Jsonb(HYPERPARAMETERS.get(algorithm, {}))],
        )
    except psycopg.Error as error:
        return "none", str(error.diag.message_primary).removeprefix("ml.train: ")
    row = session.execute("select ml.get_model_info('every') -> 'runtime'").fetchone()
    assert row
    runtime = row[0]
    given = [json.dumps(HYPERPARAMETERS[algorithm])] if algorithm in HYPERPARAMETERS else []
    try:
        agrees(session, table, model_type)
    except AssertionError as error:
        return str(runtime["name"]), f"DISAGREES: {str(error).splitlines()[0][:100]}"
    why = [] if runtime["name"] in ("linear", "onnx") else [str(runtime["reason"])]
    return str(runtime["name"]), "; ".join([*given, *why])


def agrees(session: Session, table: str, model_type: str) -> None:
    batch = session.execute(
        "select prediction, value, probabilities from ml.predict_batch('every', %s)", [f"select * from {table}"]
    ).fetchall()
    single = session.execute(f"select ml.predict('every', to_jsonb(t)) from {table} as t order by id").fetchall()
    assert len(batch) == len(single) == 400
    for (label, value, numbers), (answer,) in zip(batch, single, strict=True):
        found = answer["prediction"]
        assert found is not None, "a prediction is not finite"
        if model_type == "decomposition":
            assert numbers == pytest.approx(found, rel=1e-6, abs=1e-9)
        elif model_type == "regression":
            assert value == pytest.approx(found, rel=1e-6)
        else:
            assert label == (str(found).lower() if isinstance(found, bool) else str(found))


def render(session: Session) -> str:
    lines = []
    for algorithm, model_type in algorithms(session):
        runtime, note = outcome(session, algorithm, model_type)
        lines.append(f"| `{algorithm}` | {model_type} | {runtime} | {note.replace('|', ' ')} |\n")
    return HEAD + "".join(lines)


def test_the_page_tells_how_every_algorithm_does(session: Session) -> None:
    found = render(session)
    if WRITES:
        PAGE.write_text(found)
    assert found.splitlines() == PAGE.read_text().splitlines()


def test_nearly_all_algorithms_train_and_predict_alike_in_both_ways(session: Session) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert not [line for line in rows if "DISAGREES" in line]
    failed = [line for line in rows if "| none |" in line]
    assert len(rows) == len(algorithms(session)) > 80
    assert len(failed) <= len(rows) // 20, failed
