"""Predictions written to a table."""

from __future__ import annotations

from motadata_ml_server.postgres.database import Database
from motadata_ml_server.postgres.identifiers import qualified

_COLUMNS = "id, prediction, value, confidence, probabilities"


def predict_into(
    db: Database,
    model_id: str,
    input_data: str,
    target_table: str,
    id_column: str | None,
    version: str | None,
    tenant_id: str | None,
) -> int:
    """Write predictions to a table with the caller's rights, making it if it is not there.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    InvalidArgumentError
        ML009: the name is not one of a table.
    """
    table = qualified(db, "target_table", target_table)
    exists = db.query("select pg_catalog.to_regclass($1) is not null as found", ["text"], [table])[0]["found"]
    if not exists:
        db.run(
            f"create table {table} (id pg_catalog.text, prediction pg_catalog.text, value double precision, "
            "confidence double precision, probabilities double precision[])"
        )
    rows = db.query(
        f"with written as (insert into {table} ({_COLUMNS}) "  # noqa: S608 - quoted
        f"select {_COLUMNS} from ml.predict_batch($1, $2, $3, $4, $5) returning 1) "
        "select pg_catalog.count(*) as rows from written",
        ["text"] * 5,
        [model_id, input_data, id_column, version, tenant_id],
    )
    return int(rows[0]["rows"])
