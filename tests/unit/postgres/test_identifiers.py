"""A cancel that arrives while a name is looked at stays a cancel."""

from __future__ import annotations

import pytest

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres.database import DatabaseError
from motadata_ml_server.postgres.fake_database import FakeDatabase
from motadata_ml_server.postgres.identifiers import qualified


def refusing(sqlstate: str) -> FakeDatabase:
    """Return a session whose statements end with an error."""
    db = FakeDatabase([])
    db.fail("", sqlstate)
    return db


def test_a_cancelled_look_at_a_name_stays_a_cancel() -> None:
    with pytest.raises(DatabaseError) as caught:
        qualified(refusing("57014"), "target_table", "predicted")
    assert caught.value.sqlstate == "57014"


def test_what_is_no_name_is_an_invalid_argument() -> None:
    with pytest.raises(InvalidArgumentError):
        qualified(refusing("22023"), "target_table", "no name")
