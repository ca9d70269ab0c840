"""Line charts on logarithmic axes, as SVG: the same numbers give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50
COLOURS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#8a4fa3", "#5f6670", "#a88b1f")
MOST_TICKS = 7
MARKERS = ("circle", "square", "diamond", "triangle", "circle", "square")


class _Axis:
    """A logarithmic axis: from a number to a place on the page, and the numbers to write beside it."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = math.log10(min(values)), math.log10(max(values))
        margin = max(0.04 * (high - low), 0.05)
        self._low, self._high = low - margin, high + margin
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        decades = range(math.floor(self._low), math.ceil(self._high) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            found = [step * 10.0**power for power in decades for step in steps]
            found = [value for value in found if self._low <= math.log10(value) <= self._high]
            if len(found) >= 3:
                break
        return found


def line_chart(title: str, x_label: str, y_label: str, series: Mapping[str, Points]) -> str:
    """Draw series of points, both axes logarithmic, each series named beside its last point.

    Parameters
    ----------
    title, x_label, y_label : str
        With units.
    series : mapping of str to sequence of (x, y)
        Positive numbers, in the order of x.
    """
    x_axis = _Axis([x for points in series.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    y_axis = _Axis([y for points in series.values() for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold" fill="#222222">{escape(title)}</text>',
    ]
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e2e4e8"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444444">{_number(value)}</text>')
    sizes = sorted({x for points in series.values() for x, _ in points})
    for value in sizes if len(sizes) <= MOST_TICKS else x_axis.ticks():
        x = x_axis.place(value)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#e2e4e8"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#444444">{_number(value)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 12}" text-anchor="middle" fill="#222222">{escape(x_label)}</text>'
    )
    parts.append(
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.1f}) rotate(-90)" text-anchor="middle" '
        f'fill="#222222">{escape(y_label)}</text>'
    )
    labels = _apart([(y_axis.place(points[-1][1]), name) for name, points in series.items()])
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        placed = [(x_axis.place(x), y_axis.place(y)) for x, y in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(_marker(MARKERS[number % len(MARKERS)], x, y, colour) for x, y in placed)
        parts.append(f'<text x="{WIDTH - RIGHT + 10}" y="{labels[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _marker(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
    corners = {
        "square": ((-3, -3), (3, -3), (3, 3), (-3, 3)),
        "diamond": ((0, -4.5), (4.5, 0), (0, 4.5), (-4.5, 0)),
        "triangle": ((0, -4), (4, 3.5), (-4, 3.5)),
    }[shape]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'


def _apart(wanted: list[tuple[float, str]], gap: float = 15.0) -> dict[str, float]:
    """Move names that would lie on one another apart, downwards from the topmost, then back up into the page."""
    ordered = sorted(wanted)
    places: list[float] = []
    for place, _ in ordered:
        places.append(max(place, places[-1] + gap) if places else place)
    overflow = max(0.0, places[-1] - (HEIGHT - BOTTOM))
    return {name: place - overflow for place, (_, name) in zip(places, ordered, strict=True)}


def _number(value: float) -> str:
    for limit, divisor, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e3, 1e3, "k")):
        if value >= limit:
            return f"{value / divisor:.3g}{unit}"
    return f"{value:.3g}"
