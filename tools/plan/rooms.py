"""The rooms of one package, and what may be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.plan import graph
from tools.plan.imports import Import, Sources, read_sources

ENTRANCE = "__init__"
"""The room of a package's own ``__init__``: it counts as one only where it imports from other rooms."""


@dataclass(frozen=True)
class Plan:
    """The plan of a package.

    Attributes
    ----------
    name : str
        The package.
    rooms : mapping of str to list of str
        The modules of each room.
    arrows : mapping of (str, str) to sequence of Import
        The imports behind each arrow from a room to another, those of functions too, those for type checkers not.
    files : mapping of str to set of str
        The modules that each module imports, in the same way.
    """

    name: str
    rooms: Mapping[str, Sequence[str]]
    arrows: Mapping[tuple[str, str], Sequence[Import]]
    files: Mapping[str, set[str]]

    @cached_property
    def _graph(self) -> dict[str, set[str]]:
        return {room: {to for start, to in self.arrows if start == room} for room in self.rooms}

    @cached_property
    def floors(self) -> dict[str, int]:
        """The floor of each room, from 1: above all that it imports from, but for arrows that run up."""
        return graph.floors(self._graph)

    @cached_property
    def upward(self) -> list[tuple[str, str]]:
        """The arrows that run up: as few as an order of the rooms leaves."""
        return graph.upward(self._graph)

    @cached_property
    def circles_of_rooms(self) -> list[list[str]]:
        """The rooms that reach each other."""
        return graph.circles(self._graph)

    @cached_property
    def circles_of_files(self) -> list[list[str]]:
        """The modules that reach each other."""
        return graph.circles(self.files)

    def counts(self) -> dict[str, int]:
        """Return the figures that sum a plan up, by what they count."""
        return {
            "files": len(self.files),
            "rooms": len(self.rooms),
            "floors": max(self.floors.values(), default=0),
            "arrows": len(self.arrows),
            "arrows that run up": len(self.upward),
            "circles of files": len(self.circles_of_files),
            "circles of rooms": len(self.circles_of_rooms),
        }


def room_of(module: str) -> str:
    """Return the room of a module that is no package: its folder, or its name beside those folders."""
    inner = module.split(".")[1:]
    return "/".join(inner[:-1] or inner) or ENTRANCE


def room(module: str, path: Path) -> str:
    """Return the room of a module, as a path below its package.

    Parameters
    ----------
    module : str
        Dotted, the package first.
    path : Path
        Its file, which tells a folder's ``__init__`` from a module.
    """
    return room_of(f"{module}.__init__" if path.name == "__init__.py" else module)


def plan_of(folder: Path) -> Plan:
    """Read the package in a folder and return its plan."""
    return plan_from(folder.name, read_sources([folder]))


def plan_from(name: str, sources: Sources) -> Plan:
    """Return the plan of one of some packages that were read."""
    inside = {module: path for module, path in sources.modules.items() if module.split(".")[0] == name}
    place = {module: room(module, path) for module, path in inside.items()}
    files: dict[str, set[str]] = {module: set() for module in inside}
    arrows: dict[tuple[str, str], list[Import]] = {}
    for one in sources.own():
        if one.source not in inside or one.target not in inside:
            continue
        if one.source != one.target:
            files[one.source].add(one.target)
        if place[one.source] != place[one.target]:
            arrows.setdefault((place[one.source], place[one.target]), []).append(one)
    rooms: dict[str, list[str]] = {}
    for module in inside:
        rooms.setdefault(place[module], []).append(module)
    if not any(start == ENTRANCE for start, _ in arrows):
        rooms.pop(ENTRANCE, None)
        arrows = {pair: behind for pair, behind in arrows.items() if pair[1] != ENTRANCE}
    return Plan(name, rooms, dict(sorted(arrows.items())), files)
