"""What a directed graph of names says: its circles, its floors, and an order with few arrows up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

Graph = Mapping[str, Collection[str]]
"""Of each name, the names that its arrows run to; every name is a key."""


def groups(graph: Graph) -> list[list[str]]:
    """Return the names, those that reach each other together, lower groups first (Tarjan, 1972).

    A group never has an arrow to a later one. A group of more than one name is a circle.
    """
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    found: list[list[str]] = []
    for start in sorted(graph):
        if start in index:
            continue
        index[start] = lowest[start] = len(index)
        stack.append(start)
        waiting.add(start)
        path: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))]
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[name])
                if lowest[name] == index[name]:
                    at = stack.index(name)
                    waiting.difference_update(stack[at:])
                    found.append(sorted(stack[at:]))
                    del stack[at:]
            elif following not in index:
                index[following] = lowest[following] = len(index)
                stack.append(following)
                waiting.add(following)
                path.append((following, iter(sorted(graph[following]))))
            elif following in waiting:
                lowest[name] = min(lowest[name], index[following])
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of names that reach each other."""
    return [group for group in groups(graph) if len(group) > 1]


def upward(graph: Graph) -> list[tuple[str, str]]:
    """Return the arrows that run up: the fewest, in the best order found for each circle."""
    found = []
    for circle in circles(graph):
        place = {name: at for at, name in enumerate(_ordered(circle, graph))}
        found += [(name, to) for name in circle for to in sorted(graph[name]) if place.get(to, -1) > place[name]]
    return found


def floors(graph: Graph) -> dict[str, int]:
    """Return the floor of each name, from 1: above all that its arrows run to, but for those that run up."""
    up = set(upward(graph))
    down = {name: [to for to in targets if (name, to) not in up and to != name] for name, targets in graph.items()}
    floor: dict[str, int] = {}
    for group in groups(down):
        for name in group:
            floor[name] = 1 + max((floor[to] for to in down[name]), default=0)
    return floor


def _ordered(names: Sequence[str], graph: Graph) -> list[str]:
    """Return names so that few arrows run from an earlier to a later one: each moved while that makes them fewer."""
    order = sorted(names)
    better = True
    while better:
        better = False
        for name in sorted(names):
            rest = [other for other in order if other != name]
            # of this name's arrows, those that would run up with it at each place
            counts = [sum(to in graph[name] for to in rest)]
            for other in rest:
                counts.append(counts[-1] + (name in graph[other]) - (other in graph[name]))
            best = counts.index(min(counts))
            if counts[best] < counts[order.index(name)]:
                order = [*rest[:best], name, *rest[best:]]
                better = True
    return order
