"""In-memory data of any kind as typed columns, and those as PostgreSQL's binary COPY stream."""

from motadata_ml._frames.binary import copy_stream
from motadata_ml._frames.columns import Column, empty_column, to_column, to_columns
from motadata_ml._frames.normalise import to_frame, to_series
from motadata_ml._frames.row import to_row

__all__ = [
    "Column",
    "copy_stream",
    "empty_column",
    "to_column",
    "to_columns",
    "to_frame",
    "to_row",
    "to_series",
]
