"""A cancel that arrives while a name is looked at stays a cancel."""

from __future__ import annotations

from typing import Any, cast

import pytest

from motadata_ml_server.errors import InvalidArgumentError
from motadata_ml_server.postgres.database import DatabaseError, PlpyDatabase
from motadata_ml_server.postgres.identifiers import qualified


class Refusing:
    """A session whose next statement ends with an error."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate

    def query(self, *_: Any) -> list[Any]:
        raise DatabaseError(self.sqlstate, "refused", None, None)


def test_a_cancelled_look_at_a_name_stays_a_cancel() -> None:
    with pytest.raises(DatabaseError) as caught:
        qualified(cast(PlpyDatabase, Refusing("57014")), "target_table", "predicted")
    assert caught.value.sqlstate == "57014"


def test_what_is_no_name_is_an_invalid_argument() -> None:
    with pytest.raises(InvalidArgumentError):
        qualified(cast(PlpyDatabase, Refusing("22023")), "target_table", "no name")
