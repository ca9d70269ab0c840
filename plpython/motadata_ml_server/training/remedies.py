"""What to write in a SELECT in place of a column whose type has no canonical text."""

from __future__ import annotations

from typing import Final

from motadata_ml_server.ingest.source import SourceColumn
from motadata_ml_server.postgres.identifiers import quote_identifier

_REMEDIES: Final = {
    "money": "{0}::numeric",
    "bytea": "encode({0}, 'hex')",
    "json": "{0} ->> 'field'",
    "jsonb": "{0} ->> 'field'",
    "xml": "(xpath('/path/text()', {0}))[1]::text",
}


def text_remedy(column: SourceColumn) -> str:
    """Return an expression that has one text for equal values, or several that together do."""
    name = quote_identifier(column.name)
    found = _REMEDIES.get(column.type_name)
    if found is not None:
        return found.format(name)
    if "range" in column.type_name:
        return f"lower({name}) and upper({name})"
    if column.label.endswith("[]"):
        return f"array_to_string({name}, ',')"
    return f"{name}::text"
