"""The statements for Apache MADlib are well formed; whether they run can be told only where it is installed."""

from __future__ import annotations

import json
import re

import pytest
import sqlglot
from sqlglot import exp

from benchmarks.madlib_sql import FROM_ANSWERS, TASKS, Task

ARGUMENTS = {
    "linregr_train": (4, 6),
    "linregr_predict": (2, 2),
    "logregr_train": (4, 9),
    "logregr_predict": (2, 2),
    "kmeanspp": (3, 8),
    "closest_column": (2, 3),
    "tree_train": (5, 16),
    "tree_predict": (3, 4),
    "forest_train": (5, 18),
    "forest_predict": (3, 4),
}
"""How many arguments the documentation gives each function, at the least and at the most."""


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_statements_parse_and_call_documented_functions(task: Task) -> None:
    called = set()
    for statement in (task.train, task.predict, task.score, FROM_ANSWERS):
        tree = sqlglot.parse_one(statement, dialect="postgres")
        for function in tree.find_all(exp.Anonymous):
            name = function.name.lower()
            least, most = ARGUMENTS[name]
            assert least <= len(function.expressions) <= most, statement
            called.add(name)
    assert len(called) == 2


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_training_names_the_tables_that_are_dropped_before_it(task: Task) -> None:
    assert task.drops[0] in task.train
    assert {name.split("_")[1] for name in task.drops} == {task.drops[0].split("_")[1]}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_our_side_gives_the_same_hyperparameters_as_json(task: Task) -> None:
    sqlglot.parse_one(f"select ml.train('m', {task.our_train})", dialect="postgres")
    for given in re.findall(r"hyperparameters => '(.*?)'", task.our_train):
        assert all(str(value) in task.train for value in json.loads(given).values())
