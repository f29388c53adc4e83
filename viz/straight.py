"""Straight: what is nearly level is made level. Placement → Placement.

dot's heights differ by a few points along a chain of boxes and labels, and every difference is a
kink in a line. Neighbours along a link are joined into runs of one height, the heaviest links
first, as long as nothing comes too near to what stands above or below it, or leaves its cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from viz.placement import Item, Link, Placement, Scope

_REACH = 34.0  # a larger difference is a turn of the line, and stays
_APART = 13.0  # between two items of a column, where they stood no nearer
_LINE = 9.0  # half the height of a line that crosses a column
_HEADER = 30.0  # from a cluster's top to what is in it
_INSET = 10.0


@dataclass
class _Spot:
    """An item, or where a long link crosses a column."""

    column: int
    y: float
    half: float
    scope: Scope | None


def straightened(
    placement: Placement, items: Sequence[Item], links: Sequence[Link], apart: float = _APART
) -> Placement:
    """The placement with its runs levelled.

    >>> items = [Item("a", 40, 40), Item("b", 40, 40)]
    >>> made = Placement({"a": 0, "b": 1}, {"a": 20.0, "b": 26.0}, {})
    >>> straightened(made, items, [Link("a", "b")]).heights
    {'a': 20.0, 'b': 20.0}
    """
    spots = {
        item.key: _Spot(
            placement.columns[item.key], placement.heights[item.key], item.height / 2, item.scope
        )
        for item in items
    }
    drawn = [link for link in links if link.weight]
    pairs: list[tuple[int, float, str, str]] = []
    ends = _single(drawn)
    for link in drawn:
        chain = [link.tail]
        for column, y in placement.bends.get((link.tail, link.head), ()):
            key = f"{link.tail}\0{link.head}\0{column}"
            spots[key] = _Spot(column, y, _LINE, None)
            chain.append(key)
        chain.append(link.head)
        for one, other in pairwise(chain):
            alone = ((link.tail, 0) in ends or one != link.tail) and (
                (link.head, 1) in ends or other != link.head
            )
            difference = abs(spots[one].y - spots[other].y)
            if difference <= _REACH:
                pairs.append((-link.weight - 100 * alone, difference, one, other))
    room = _Room(spots, placement.clusters, apart)
    for *_, one, other in sorted(pairs, key=lambda pair: pair[:2]):
        room.join(one, other)
    bends = {
        (tail, head): tuple((c, spots[f"{tail}\0{head}\0{c}"].y) for c, _ in passed)
        for (tail, head), passed in placement.bends.items()
        if not passed or f"{tail}\0{head}\0{passed[0][0]}" in spots
    }
    heights = {item.key: spots[item.key].y for item in items}
    return replace(placement, heights=heights, bends=placement.bends | bends)


def _single(links: Iterable[Link]) -> set[tuple[str, int]]:
    """(item, side) where one link alone leaves (0) or enters (1): it docks in the middle."""
    found: dict[tuple[str, int], int] = {}
    for link in links:
        for end in ((link.tail, 0), (link.head, 1)):
            found[end] = found.get(end, 0) + 1
    return {end for end, count in found.items() if count == 1}


class _Room:
    """Spots in their columns, and the runs that they have been joined to."""

    def __init__(
        self,
        spots: dict[str, _Spot],
        clusters: Mapping[Scope, tuple[float, float]],
        apart: float,
    ) -> None:
        self.spots = spots
        self.runs = {key: [key] for key in spots}
        columns: dict[int, list[str]] = {}
        for key, spot in spots.items():
            columns.setdefault(spot.column, []).append(key)
        self.above: dict[str, tuple[str, float]] = {}
        self.below: dict[str, tuple[str, float]] = {}
        for keys in columns.values():
            keys.sort(key=lambda key: spots[key].y)
            for upper, lower in pairwise(keys):
                gap = spots[lower].y - spots[upper].y
                wanted = spots[upper].half + spots[lower].half + apart
                self.above[lower] = upper, min(gap, wanted)
                self.below[upper] = lower, min(gap, wanted)
        spans: dict[Scope, tuple[int, int]] = {}
        for spot in spots.values():
            for depth in range(1, len(spot.scope or ()) + 1):
                scope = (spot.scope or ())[:depth]
                first, last = spans.get(scope, (spot.column, spot.column))
                spans[scope] = min(first, spot.column), max(last, spot.column)
        around = [(scope, spans[scope], reach) for scope, reach in clusters.items()]
        self.bounds = {key: _bounds(spot, around) for key, spot in spots.items()}

    def join(self, one: str, other: str) -> None:
        """Two runs become one, at the height of the longer, or of the other, where there is room."""
        first, second = self.runs[one], self.runs[other]
        if first is second:
            return
        columns = [self.spots[key].column for key in (*first, *second)]
        if len(set(columns)) < len(columns):
            return
        longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
        heights = [self.spots[longer[0]].y, self.spots[shorter[0]].y]
        for y in (heights[0], heights[1], sum(heights) / 2):
            members = {*first, *second}
            if all(self._fits(key, y, members) for key in members):
                run = [*first, *second]
                for key in run:
                    self.spots[key].y = y
                    self.runs[key] = run
                return

    def _fits(self, key: str, y: float, members: set[str]) -> bool:
        low, high = self.bounds[key]
        if not low - 0.01 <= y <= high + 0.01:
            return False
        upper, lower = self.above.get(key), self.below.get(key)
        return not (
            (upper and upper[0] not in members and y - self.spots[upper[0]].y < upper[1] - 0.01)
            or (lower and lower[0] not in members and self.spots[lower[0]].y - y < lower[1] - 0.01)
        )


def _bounds(
    spot: _Spot, clusters: Sequence[tuple[Scope, tuple[int, int], tuple[float, float]]]
) -> tuple[float, float]:
    """Lowest and highest y that keep a spot in its clusters, and out of the others."""
    low, high = float("-inf"), float("inf")
    for scope, (first, last), (top, bottom) in clusters:
        if spot.scope is not None and spot.scope[: len(scope)] == scope:
            low = max(low, top + _HEADER + spot.half)
            high = min(high, bottom - _INSET - spot.half)
        elif first <= spot.column <= last:
            if spot.y + spot.half <= top:
                high = min(high, top - spot.half)
            elif spot.y - spot.half >= bottom:
                low = max(low, bottom + spot.half)
    return min(low, spot.y), max(high, spot.y)
