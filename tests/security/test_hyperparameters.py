"""Hyperparameters and the other JSON of ml.train: no code, no path, no size and no time beyond what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes import workers_of
from tests.security.conftest import Actors, refusal, state

ROWS = "select i as x, sin(i) as w, (i > 20)::text as y from generate_series(1, 40) as i"
CANARY = Path("/tmp/motadata_ml_hyperparameter_was_run")  # noqa: S108 - nothing may ever write it
CODE = f"__import__('os').system('touch {CANARY}')"

NAMED: list[tuple[str, dict[str, Any]]] = [
    ("KNeighborsClassifier", {"metric": "os.system"}),
    ("KNeighborsClassifier", {"metric": CODE}),
    ("KNeighborsClassifier", {"metric": {"__class__": "os.system"}}),
    ("KNeighborsClassifier", {"weights": "builtins.eval"}),
    ("SVC", {"kernel": CODE}),
    ("SVC", {"kernel": "numpy.load"}),
    ("SVC", {"cache_size": 1e308 * 10}),
    ("DecisionTreeClassifier", {"criterion": "os.system"}),
    ("DecisionTreeClassifier", {"splitter": "/etc/passwd"}),
    ("DecisionTreeClassifier", {"max_features": "../../etc/passwd"}),
    ("DecisionTreeClassifier", {"max_depth": 10**400}),
    ("DecisionTreeClassifier", {"max_depth": "10"}),
    ("DecisionTreeClassifier", {"max_depth": True}),
    ("DecisionTreeClassifier", {"max_depth": [10]}),
    ("DecisionTreeClassifier", {"__class__": "os.system"}),
    ("DecisionTreeClassifier", {"__init__": CODE}),
    ("DecisionTreeClassifier", {"set_params": {}}),
    ("DecisionTreeClassifier", {"": 1}),
    ("AdaBoostClassifier", {"estimator": "DecisionTreeClassifier"}),
    ("AdaBoostClassifier", {"estimator": {"__class__": "sklearn.svm.SVC"}}),
    ("AdaBoostClassifier", {"estimator": CODE}),
    ("AdaBoostClassifier", {"estimator__max_depth": 3}),
    ("GradientBoostingClassifier", {"init": "os.system"}),
    ("GradientBoostingClassifier", {"init": {"module": "os"}}),
    ("GaussianProcessClassifier", {"kernel": CODE}),
    ("GaussianProcessClassifier", {"optimizer": "os.system"}),
    ("RandomForestClassifier", {"n_jobs": 100_000}),
    ("RandomForestClassifier", {"verbose": 1}),
    ("RandomForestClassifier", {"warm_start": True}),
    ("RandomForestClassifier", {"random_state": 1}),
    ("LogisticRegression", {"n_jobs": -1}),
    ("LogisticRegression", {"solver": "lbfgs; import os"}),
    ("MLPClassifier", {"hidden_layer_sizes": ["os.system"] * 2000}),
    ("VotingClassifier", {"estimators": ["os.system"]}),
    ("VotingClassifier", {"estimators": [CODE]}),
    ("VotingClassifier", {"estimators": "LogisticRegression"}),
    ("VotingClassifier", {"estimators": [{"algorithm": "sklearn.tree.DecisionTreeClassifier"}]}),
    ("VotingClassifier", {"estimators": [{"algorithm": "ridge", "module": "os"}]}),
    ("VotingClassifier", {"estimators": [{"algorithm": "LogisticRegression", "weight": 10**400}]}),
    ("VotingClassifier", {"estimators": [{"algorithm": "RandomForestClassifier", "hyperparameters": {"n_jobs": 9}}]}),
    ("VotingClassifier", {"voting": "hard"}),
    ("VotingClassifier", {"n_jobs": 64}),
    ("StackingClassifier", {"final_estimator": "Pipeline"}),
    ("StackingClassifier", {"stack_method": "__reduce__"}),
    ("CalibratedClassifierCV", {"estimator": {"__class__": "sklearn.svm.SVC"}}),
    ("CalibratedClassifierCV", {"cv": "prefit"}),
]


def train(hyperparameters: str, algorithm: str, more: str = "") -> str:
    return (
        f"select ml.train('attack', 'classification', $r${ROWS}$r$, 'y', algorithm => '{algorithm}', "
        f"hyperparameters => $j${hyperparameters}$j${more})"
    )


@pytest.mark.parametrize(("algorithm", "given"), NAMED, ids=lambda value: str(value)[:60])
def test_no_value_names_code_a_path_or_another_estimator(actors: Actors, algorithm: str, given: dict[str, Any]) -> None:
    before = state(actors.superuser)
    text = json.dumps(given).replace("Infinity", "1e999")
    assert refusal(actors.blue, train(text, algorithm)).sqlstate == "ML008"
    assert not CANARY.exists()
    assert state(actors.superuser) == before


@pytest.mark.parametrize(
    "algorithm",
    ["os.system", "builtins.eval", "sklearn.tree.DecisionTreeClassifier", "../catalogue", "Pipeline",
     "OneVsRestClassifier",
     "ClassifierChain", "FrozenEstimator", "FunctionTransformer",
     "__import__", "", "' or 1=1 --", "\U0001f600"],
)  # fmt: skip
def test_only_listed_algorithms_are_imported(actors: Actors, algorithm: str) -> None:
    statement = "select ml.train('attack', 'classification', %s, 'y', algorithm => %s)"
    assert refusal(actors.blue, statement, ROWS, algorithm).sqlstate == "ML007"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("execution", {"mode": "os.system"}),
        ("execution", {"threads": 10**9}),
        ("execution", {"max_memory_mb": 10**9}),
        ("execution", {"chunk_rows": -1}),
        ("execution", {"python": "evil/python"}),
        ("execution", {"worker": "evil"}),
        ("execution", {"env": {"PYTHONPATH": "evil"}}),
        ("execution", {"dask": "tcp://198.51.100.1:8786"}),
        ("preprocess", {"x": {"impute": "os.system"}}),
        ("preprocess", {"x": {"encode": "/etc/passwd"}}),
        ("preprocess", {"x": {"type": "pickle"}}),
        ("preprocess", {"x": {"__class__": "os.system"}}),
        ("preprocess", {"no such column": {"type": "number"}}),
        ("search", {"method": "os.system", "params": {"max_depth": [1]}}),
        ("search", {"method": "grid", "params": {"criterion": ["os.system"]}}),
        ("search", {"method": "grid", "params": {"max_depth": [1]}, "scoring": "os.system"}),
        ("search", {"method": "grid", "params": {"max_depth": [1]}, "estimator": "os.system"}),
        ("search", {"method": "random", "params": {"max_depth": {"low": 1, "high": 9}}, "n_iter": 10**9}),
        ("search", {"method": "grid", "params": {f"p{i}": list(range(100)) for i in range(5)}}),
    ],
)
def test_the_other_json_arguments_name_no_code_and_pass_no_bound(actors: Actors, argument: str, value: Any) -> None:
    before = state(actors.superuser)
    text = train("{}", "DecisionTreeClassifier", f", {argument} => $e${json.dumps(value)}$e$")
    assert refusal(actors.blue, text).sqlstate in ("ML008", "ML009", "ML003")
    assert state(actors.superuser) == before


@pytest.mark.parametrize("argument", ["hyperparameters", "preprocess", "search", "execution"])
@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, '{"a": ' * 3000 + "1" + "}" * 3000, "1" * 5000])
def test_deep_and_long_json_is_an_ordinary_error(actors: Actors, argument: str, text: str) -> None:
    statement = (
        f"select ml.train('attack', 'classification', $r${ROWS}$r$, 'y', algorithm => 'DecisionTreeClassifier', "
    )
    assert refusal(actors.blue, statement + f"{argument} => %s::jsonb)", text).sqlstate in ("ML008", "ML009")


@pytest.mark.parametrize("call", ["predict", "predict_value", "predict_label", "predict_proba"])
@pytest.mark.parametrize("cast", ["text", "jsonb"])
def test_deep_and_long_input_is_an_ordinary_error(actors: Actors, call: str, cast: str) -> None:
    for text in ("[" * 3000 + "]" * 3000, '{"x": ' * 3000 + "1" + "}" * 3000, '{"x": ' + "1" * 5000 + "}", "[1, [2]]"):
        assert refusal(actors.blue, f"select ml.{call}('m', %s::{cast})", text).sqlstate == "ML011"


def test_a_huge_allocation_stays_in_the_workers_bounds(actors: Actors) -> None:
    before = state(actors.superuser)
    more = ", execution => '{\"max_memory_mb\": 700}'"
    refused = refusal(actors.blue, train('{"hidden_layer_sizes": [60000, 60000]}', "MLPClassifier", more))
    assert refused.sqlstate == "ML017"
    assert state(actors.superuser) == before


def test_an_endless_fit_ends_with_the_statement(actors: Actors) -> None:
    before = state(actors.superuser)
    actors.blue.execute("set statement_timeout = '4s'")
    endless = '{"n_estimators": 100000000, "min_samples_leaf": 1}'
    assert refusal(actors.blue, train(endless, "GradientBoostingClassifier")).sqlstate == "57014"
    actors.blue.execute("reset statement_timeout")
    assert workers_of(actors.blue.info.backend_pid) == []
    assert state(actors.superuser) == before
