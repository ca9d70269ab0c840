"""The rows of a relation as a model takes them, each with what names it."""

from __future__ import annotations

from collections.abc import Generator

from motadata_ml_server.columns import ColumnSchema, ColumnTable
from motadata_ml_server.features.columns_of import feature_schemas
from motadata_ml_server.features.plan import FeaturePlan
from motadata_ml_server.ingest.reader import read_chunks
from motadata_ml_server.ingest.source import resolve
from motadata_ml_server.ingest.wire import decode_table
from motadata_ml_server.postgres.database import Database
from motadata_ml_server.prediction.batch import ID, SAME_TEXT, with_id


class InputRows:
    """A relation that has a model's features.

    Parameters
    ----------
    db : Database
        The caller's session; rows are read with its rights.
    plan : FeaturePlan
        The model's.
    input_data : str
        A table, a view or a SELECT.
    id_column : str or None
        A column that names each row; None numbers the rows from 1.

    Raises
    ------
    InvalidInputError
        ML011: features are missing.
    """

    def __init__(self, db: Database, plan: FeaturePlan, input_data: str, id_column: str | None) -> None:
        self._db = db
        source = resolve(db, input_data, "input_data")
        self._schemas = feature_schemas(plan, source)
        self._id: str | None = None
        if id_column is not None:
            self._id = source.column(id_column, "id_column").name
            own = next((schema for schema in self._schemas if schema.name == self._id), None)
            if own is None or own.kind != "text" or own.sql_type not in SAME_TEXT:
                source = with_id(source, self._id, False)
                self._id = ID
                self._schemas.append(ColumnSchema(ID, "text", "text", raw=True))
        self._source = source

    def tables(self, chunk_rows: int) -> Generator[ColumnTable]:
        """Yield the rows in their order, so many at a time at most; nothing is open between two tables."""
        for chunk in read_chunks(self._db, self._source, self._schemas, chunk_rows, suspended=True):
            yield decode_table(self._schemas, [(chunk.rows, chunk.buffers)])

    def ids(self, table: ColumnTable, first: int) -> list[str | None]:
        """Return what names each row of a table whose first row has a number."""
        if self._id is None:
            return [str(number) for number in range(first, first + table.rows)]
        texts = table.columns[self._id].texts
        return [None if code < 0 else texts.dictionary[code] for code in texts.codes.tolist()]
