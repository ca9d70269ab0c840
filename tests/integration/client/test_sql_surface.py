"""The client against the server's catalogue: a method for every function and view, in the same words and order."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

import psycopg
import pytest

from motadata_ml import AsyncMLSystem, MLSystem
from motadata_ml._operations.functions import ARGUMENT_TYPES
from motadata_ml._operations.training import TrainingOptions

Session = psycopg.Connection[Any]

OTHER_NAMES = {
    "models": "list_models, whose rows are this view's",
    "model_versions": "versions",
    "train": "train_model, the documented name; train is an alias",
    "experiment_runs": "motadata_ml.mlops: ExperimentTracker.runs",
    "experiment_metrics": "motadata_ml.mlops: Run.history",
}
"""What has no method of the same name on a system, and where it is instead."""

OTHER_ORDER = {
    "train": "train_model's first six arguments are the documented ones; the rest are keywords by SQL's names",
    "predict": "documented: (model_id, input_data, tenant_id), version is a keyword",
    "predict_batch": "documented: (model_id, input_data, tenant_id), the rest are keywords",
    "get_model_info": "documented: (model_id, tenant_id), version is a keyword",
    "delete_model": "documented: (model_id, tenant_id), version is a keyword",
}
"""Released signatures that came before SQL's order became the rule."""

OTHER_ARGUMENTS = dict.fromkeys(
    ("explain", "predict", "predict_interval", "predict_label", "predict_proba", "predict_set", "predict_value"),
    "input",
)
"""Functions whose SQL argument ``input`` is ``input_data`` here, as documented for predict."""

WORDS_OF_PYTHON = {"class": "class_name"}
"""Arguments whose SQL name Python keeps for itself."""

OF_OVERLOADS = {"predict_batch": {"id_type", "level"}}
"""Arguments of a method that further functions of the same name take."""

RELEASED_ARGUMENTS = {("evaluate", "input_data"): "data"}

SQL_OF_PYTHON = {
    "text": str,
    "name": str,
    "text[]": Sequence[str],
    "integer": int,
    "bigint": int,
    "double precision": float,
    "boolean": bool,
    "jsonb": Mapping[str, Any],
}

FUNCTIONS = """
select p.proname, array_agg(a.name order by a.n) filter (where a.mode in ('i', 'b')) as names,
    array_agg(pg_catalog.format_type(a.type, null) order by a.n) filter (where a.mode in ('i', 'b')) as types
from pg_proc p
left join lateral unnest(
    p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]),
    coalesce(p.proargmodes, array_fill('i'::"char", array[p.pronargs]))
) with ordinality as a (name, type, mode, n) on true
where p.pronamespace = 'ml'::regnamespace and p.proname !~ '^_'
group by p.oid, p.proname order by p.proname, p.oid
"""

VIEWS = "select relname from pg_class where relnamespace = 'ml'::regnamespace and relkind = 'v' order by relname"


@pytest.fixture(scope="module")
def functions(module_db: Session) -> dict[str, tuple[list[str], list[str]]]:
    """Names and types of the arguments of every public function; of overloads, the first."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name, names, types in module_db.execute(FUNCTIONS).fetchall():
        found.setdefault(name, (names or [], types or []))
    assert len(found) > 25
    return found


@pytest.fixture(scope="module")
def views(module_db: Session) -> list[str]:
    return [name for (name,) in module_db.execute(VIEWS).fetchall()]


def test_every_function_and_view_has_a_method_or_a_reason(functions: dict[str, Any], views: list[str]) -> None:
    for system in (MLSystem, AsyncMLSystem):
        methods = {name for name, _ in inspect.getmembers(system, inspect.isfunction)}
        lacking = {*functions, *views} - methods - set(OTHER_NAMES)
        assert not lacking, f"{system.__name__} has no method for {sorted(lacking)}, and no reason is given"
    assert set(OTHER_NAMES) <= {*functions, *views}


def test_arguments_have_the_names_and_the_order_of_sql(functions: dict[str, tuple[list[str], list[str]]]) -> None:
    assert set(OTHER_ORDER) <= set(functions)
    for name, (arguments, _) in functions.items():
        own = [parameter for parameter in inspect.signature(getattr(MLSystem, name)).parameters if parameter != "self"]
        theirs = [
            "input_data"
            if OTHER_ARGUMENTS.get(name) == argument
            else RELEASED_ARGUMENTS.get((name, argument), WORDS_OF_PYTHON.get(argument, argument))
            for argument in arguments
        ]
        if name == "train":
            assert {*own, *TrainingOptions.__annotations__} - {"options", "progress"} == set(theirs)
        elif name in OTHER_ORDER:
            assert set(theirs) == set(own) - {"as_frame"} - OF_OVERLOADS.get(name, set()), name
            assert own != theirs, f"{name} follows SQL: take it out of the table"
        else:
            assert own == theirs, name


def test_types_of_arguments_are_those_of_sql(functions: dict[str, tuple[list[str], list[str]]]) -> None:
    for name, (arguments, types) in functions.items():
        for argument, kind in zip(arguments, types, strict=True):
            if argument != "input":
                assert ARGUMENT_TYPES.get(argument, "text") == kind, (name, argument)
    used = {argument for arguments, _ in functions.values() for argument in arguments}
    assert set(ARGUMENT_TYPES) <= used


def test_typed_keywords_of_a_training_are_those_of_sql(functions: dict[str, tuple[list[str], list[str]]]) -> None:
    sql_types = dict(zip(*functions["train"], strict=True))
    for name, hint in get_type_hints(TrainingOptions).items():
        assert SQL_OF_PYTHON[sql_types[name]] in get_args(hint), name


def test_defaults_are_those_of_sql(functions: dict[str, tuple[list[str], list[str]]], module_db: Session) -> None:
    text = """
        select pg_catalog.pg_get_function_arguments(oid) from pg_catalog.pg_proc
        where pronamespace = 'ml'::regnamespace and proname = %s
    """
    for name in sorted(set(functions) - set(OTHER_ORDER) - set(OTHER_ARGUMENTS)):
        declared = [arguments for (arguments,) in module_db.execute(text, [name])]
        words = [part.split()[0] for one in declared for part in one.split(", ") if " DEFAULT " in part]
        optional = {WORDS_OF_PYTHON.get(word, word) for word in words}
        for argument, parameter in inspect.signature(getattr(MLSystem, name)).parameters.items():
            required = parameter.default is inspect.Parameter.empty
            assert argument == "self" or required == (argument not in optional), (name, argument)
