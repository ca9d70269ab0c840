"""Pictures of series as SVG, drawn without a library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 24, 24
PAST = 4
"""How many times as many steps of the past as of the forecast are shown."""

_STYLE = (
    "<style>.past{fill:none;stroke:#555;stroke-width:1.2}.ahead{fill:none;stroke:#c0392b;stroke-width:1.6}"
    ".band{fill:#c0392b;opacity:.18}.axis{stroke:#bbb;stroke-width:1}"
    "text{font:11px sans-serif;fill:#444}.title{font-weight:bold}</style>"
)


class ForecastPicture:
    """Past, forecast and interval of each series, one below the other.

    Parameters
    ----------
    rows : iterable of mapping
        series, at, value, lower, upper and status of each step ahead.
    history : iterable of mapping
        series, at and value of each step before.

    Attributes
    ----------
    svg : str
        The picture.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], history: Iterable[Mapping[str, Any]]) -> None:
        ahead, past = _by_series(rows), _by_series(history)
        panels = [_panel(name, past.get(name, []), steps, number) for number, (name, steps) in enumerate(ahead.items())]
        height = max(1, len(panels)) * HEIGHT
        self.svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img">{_STYLE}{"".join(panels)}</svg>'
        )

    def _repr_html_(self) -> str:
        """Return the picture."""
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


def _by_series(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(json.dumps(row["series"], sort_keys=True), []).append(row)
    return found


def _panel(name: str, past: Sequence[Mapping[str, Any]], steps: Sequence[Mapping[str, Any]], number: int) -> str:
    columns = json.loads(name)
    title = ", ".join(f"{key} {value}" for key, value in columns.items()) or "all rows"
    told = [row for row in steps if row["value"] is not None]
    shown = [row for row in past[-PAST * max(len(steps), 10) :] if row["value"] is not None]
    status = str(steps[0]["status"])
    title += "" if status == "ok" else f" ({status})"
    head = f'<g transform="translate(0 {number * HEIGHT})"><text class="title" x="{LEFT}" y="15">{escape(title)}</text>'
    if not told:
        return head + "</g>"
    moments = [row["at"].timestamp() for row in (*shown, *told)]
    levels = [row["value"] for row in shown] + [row[key] for row in told for key in ("lower", "value", "upper")]
    at, high = _scale(moments, LEFT, WIDTH - RIGHT), _scale(levels, HEIGHT - BOTTOM, TOP)
    line = [(at(row["at"].timestamp()), high(row["value"])) for row in told]
    before = [(at(row["at"].timestamp()), high(row["value"])) for row in shown]
    upper = [(at(row["at"].timestamp()), high(row["upper"])) for row in told]
    lower = [(at(row["at"].timestamp()), high(row["lower"])) for row in reversed(told)]
    return (
        head
        + f'<polygon class="band" points="{_points(upper + lower)}"/>'
        + f'<polyline class="past" points="{_points(before)}"/>'
        + f'<polyline class="ahead" points="{_points(before[-1:] + line)}"/>'
        + _axes(levels, (*shown, *told))
        + "</g>"
    )


def _axes(levels: Sequence[float], rows: Sequence[Mapping[str, Any]]) -> str:
    ends = (
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{escape(_day(rows[0]["at"]))}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(_day(rows[-1]["at"]))}</text>'
    )
    bounds = "".join(
        f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{value:.4g}</text>'
        for value, y in ((max(levels), TOP + 8), (min(levels), HEIGHT - BOTTOM))
    )
    frame = (
        f'<line class="axis" x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - RIGHT}" y2="{HEIGHT - BOTTOM}"/>'
        f'<line class="axis" x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{HEIGHT - BOTTOM}"/>'
    )
    return frame + ends + bounds


def _day(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d" if not moment.hour and not moment.minute else "%Y-%m-%d %H:%M"))


def _scale(values: Sequence[float], low: float, high: float) -> Any:
    first, last = min(values), max(values)
    span = last - first or 1.0
    return lambda value: low + (high - low) * (value - first) / span


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
