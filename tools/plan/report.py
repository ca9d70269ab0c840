"""A plan, or two of them side by side, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.plan.rooms import Plan


def report(plan: Plan) -> str:
    """Return all that is said of one plan."""
    return "\n".join(_lines(plan)) + "\n"


def comparison(before: Plan, after: Plan) -> str:
    """Return the counts of two plans, and the rooms and arrows that only one of them has."""
    old, new = before.counts(), after.counts()
    lines = [f"{'':20} {'before':>8} {'after':>8}"]
    lines += [f"{name:20} {old[name]:>8} {new[name]:>8}" for name in new]
    for title, first, second in [
        ("rooms", set(before.rooms), set(after.rooms)),
        ("arrows", {f"{a} -> {b}" for a, b in before.arrows}, {f"{a} -> {b}" for a, b in after.arrows}),
        ("arrows that run up", {f"{a} -> {b}" for a, b in before.upward}, {f"{a} -> {b}" for a, b in after.upward}),
    ]:
        lines += _section(f"{title} that are gone", sorted(first - second))
        lines += _section(f"{title} that are new", sorted(second - first))
    return "\n".join(lines) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield from (f"{name:20} {count:>6}" for name, count in plan.counts().items())
    floors: dict[int, list[str]] = {}
    for room in sorted(plan.rooms):
        floors.setdefault(plan.floors[room], []).append(f"{room} ({len(plan.rooms[room])})")
    yield from _section(
        "floors, with the rooms and their files",
        [f"{n:2}  {', '.join(floors[n])}" for n in sorted(floors, reverse=True)],
    )
    up = [
        f"{start} -> {end}: {behind.source.removeprefix(plan.name + '.')}:{behind.line} imports {behind.target}"
        for start, end in plan.upward
        for behind in plan.arrows[start, end]
    ]
    yield from _section("arrows that run up", up)
    yield from _section("circles of files", [", ".join(circle) for circle in plan.circles_of_files])
    yield from _section("circles of rooms", [", ".join(circle) for circle in plan.circles_of_rooms])
    yield from _section("arrows, with the imports behind each", list(_table(plan)))


def _table(plan: Plan) -> Iterator[str]:
    for room in sorted(plan.rooms, key=lambda name: (-plan.floors[name], name)):
        targets = [f"{end} ({len(behind)})" for (start, end), behind in plan.arrows.items() if start == room]
        yield f"{room:20} {', '.join(targets) or '-'}"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []
