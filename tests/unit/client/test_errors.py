"""The client's error tree against the server's table."""

from __future__ import annotations

import copy

import psycopg
import pytest

from motadata_ml import errors
from motadata_ml._translate import translate, translate_connect
from motadata_ml.errors import BY_SQLSTATE, MLError, MLTrainingError
from motadata_ml_server.errors import BY_SQLSTATE as SERVER


def test_classes_equal_the_servers_for_every_sqlstate() -> None:
    assert {s: (c.__name__, c.condition) for s, c in BY_SQLSTATE.items()} == {
        s: (c.__name__, c.condition) for s, c in SERVER.items()
    }


@pytest.mark.parametrize("sqlstate", ["ML005", "ML006", "ML007", "ML008", "ML010", "ML015", "ML016", "ML017"])
def test_training_errors_are_caught_as_one_with_their_type(sqlstate: str) -> None:
    error = BY_SQLSTATE[sqlstate]("text", hint="do")
    assert isinstance(error, MLTrainingError)
    assert error.error_type == SERVER[sqlstate].condition
    assert error.message == "text"


def test_every_class_of_the_module_is_in_its_docstring() -> None:
    classes = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, MLError)}
    assert not {name for name in classes if name not in (errors.__doc__ or "")}


def test_text_carries_the_hint() -> None:
    assert str(MLError("wrong", hint="right it")) == "wrong\nHint: right it"
    assert str(MLError("wrong")) == "wrong"


def test_fields_survive_a_copy_as_between_processes() -> None:
    error = errors.ModelNotFoundError("gone", hint="look", detail="d")
    error.model_id = "m"
    again = copy.copy(error)
    assert (again.message, again.hint, again.detail, again.sqlstate) == ("gone", "look", "d", "ML001")
    assert again.model_id == "m"


def test_translate_without_sqlstate_is_a_lost_connection() -> None:
    found = translate(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert isinstance(found, errors.ConnectionLostError)
    assert found.hint


@pytest.mark.parametrize(
    ("text", "kind", "sqlstate"),
    [
        ("connection failed: Connection refused", errors.DatabaseUnreachableError, "08001"),
        ('FATAL: password authentication failed for user "u"', errors.AuthenticationError, "28P01"),
        ("fe_sendauth: no password supplied", errors.AuthenticationError, "28P01"),
        ('FATAL: no pg_hba.conf entry for host "h"', errors.AuthenticationError, "28000"),
        ('FATAL: role "u" does not exist', errors.AuthenticationError, "28000"),
        ('FATAL: database "d" does not exist', errors.DatabaseUnreachableError, "3D000"),
    ],
)
def test_failed_connection_says_which_reason(text: str, kind: type[MLError], sqlstate: str) -> None:
    found = translate_connect(psycopg.OperationalError(text), "somewhere")
    assert type(found) is kind
    assert found.sqlstate == sqlstate
    assert found.hint
