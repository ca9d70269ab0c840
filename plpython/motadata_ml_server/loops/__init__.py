"""The hot loops in NumPy: what serves without the compiled form, and what that is tested against, bit by bit."""

from motadata_ml_server.loops.linear import LinearRow, linear_scores
from motadata_ml_server.loops.rows import RowEncoder
from motadata_ml_server.loops.strings import StringCodes
from motadata_ml_server.loops.trees import Trees, TreesRow

__all__ = ["LinearRow", "RowEncoder", "StringCodes", "Trees", "TreesRow", "linear_scores"]
