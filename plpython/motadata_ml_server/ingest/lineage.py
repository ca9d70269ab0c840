"""Which tables a query reads, as PostgreSQL's own planner resolves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from motadata_ml_server.ingest.source import Source
from motadata_ml_server.postgres.database import Database


def source_tables(db: Database, source: Source) -> list[str]:
    """Return the tables a source reads, views and partitions resolved, as ``schema.table``."""
    rows = db.query(f"explain (verbose, costs off, format json) {source.query}")
    plan = rows[0]["QUERY PLAN"]
    return sorted(set(_relations(json.loads(plan) if isinstance(plan, str) else plan)))


def _relations(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _relations(child)
    elif isinstance(node, dict):
        if "Relation Name" in node:
            yield f"{node.get('Schema', '')}.{node['Relation Name']}"
        for child in node.values():
            if isinstance(child, (list, dict)):
                yield from _relations(child)
