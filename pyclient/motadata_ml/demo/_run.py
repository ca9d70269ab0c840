"""Run the demonstration against a server."""

from __future__ import annotations

import psycopg
from rich.console import Console

from motadata_ml.demo import _client, _flights, _tickets
from motadata_ml.demo._steps import Show

_MODELS = """
select model_id, algorithm, training_rows, round((metrics ->> 'accuracy')::numeric, 3)
from ml.list_models()
"""


def main(dsn: str) -> None:
    """Run the demonstration.

    Parameters
    ----------
    dsn : str
        Connection string of a database that has the extension; its tables flights, december and tickets are
        replaced.
    """
    show = Show(Console(soft_wrap=True))
    with psycopg.connect(dsn, autocommit=True) as connection:
        _flights.run(connection, show)
        _tickets.run(connection, show)
        _client.run(dsn, show)
        show.heading("Models")
        show.rows(
            ["model", "algorithm", "rows", "accuracy"],
            show.query(connection, "list the models", _MODELS),
        )
