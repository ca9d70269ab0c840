"""A table of points that every kind of model can be trained on."""

from __future__ import annotations


def points(rows: int) -> str:
    """Return the statement that makes the table ``points``: numbers, a text with NULLs, a flag and a target."""
    return f"""
create table points as
select i as id, sin(i) as a, cos(i * 3) as b, (array['x', 'y', null])[1 + i % 3] as c, sin(i) > 0.2 as flag,
    2 * sin(i) - cos(i * 3) as y
from generate_series(1, {rows}) as i
"""
