"""Routes: the line of an edge through its stations, and true parallels of it.

A station is a stretch that is straight and level (beside a box, along a label, across a column that
the edge only passes); between two stations the line is an S. The forward and the backward line of
an edge are offset along the normal, so that they stay equally far apart where they are steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viz.layered import isotonic
from viz.shapes import Point

Segments = tuple[tuple[Point, ...], ...]
_PARTS = 8  # pieces into which an S is cut before it is offset
TURN = 14.0  # radius of a corner of a lane
_ROUND = 0.5522847498  # control points of a quarter circle
_LEVEL = 2.5  # a smaller difference is no turn
_TIGHT = 0.66  # of the usual distance between two edges, where that keeps one of them level


@dataclass(frozen=True)
class Station:
    """Level at height y from `left` to `right`."""

    left: float
    right: float
    y: float


@dataclass(frozen=True)
class Lane:
    """From the end of one row to the start of the next.

    Along `y` to `right`, down to `under`, back to `left`, down to `end`, and on to the right.
    """

    y: float
    right: float
    under: float
    left: float
    end: float


def parallel(stations: Sequence[Station | Lane], offset: float) -> tuple[Point, Segments]:
    """The line through the stations, moved by `offset` along its normal (down where positive).

    >>> parallel([Station(0, 10, 5), Station(20, 30, 5)], -2)
    ((0, 3), (((30, 3),),))
    """
    here = stations[0]
    assert isinstance(here, Station)  # an edge begins beside a box
    start = (here.left, here.y + offset)
    segments: list[tuple[Point, ...]] = []
    for there in stations[1:]:
        if isinstance(there, Lane):
            segments += _turned(there, offset)
            here = Station(there.left + TURN, there.left + TURN, there.end)
            continue
        if abs(there.y - here.y) < _LEVEL:
            here = Station(here.left, there.right, here.y)
            continue
        if here.right > here.left:
            segments.append(((here.right, here.y + offset),))
        segments += _s_curve((here.right, here.y), (there.left, there.y), offset)
        here = there
    if here.right > here.left or not segments:
        segments.append(((here.right, here.y + offset),))
    return start, tuple(segments)


def turning(lane: Lane, end: float, start: float) -> list[Station | Lane]:
    """A lane with what leads into it from the column that ends at `end`, and out of it."""
    return [
        Station(end + 20, lane.right - TURN, lane.y),
        lane,
        Station(lane.left + TURN, start - 20, lane.end),
    ]


def _turned(lane: Lane, offset: float) -> list[tuple[Point, ...]]:
    """The four quarter circles of a lane and the straight lines between them, moved by `offset`.

    Both lines of an edge stay parallel: the outer one turns with the larger radius.
    """
    corners = [
        ((lane.right, lane.y), (1, 0), (0, 1), 1),
        ((lane.right, lane.under), (0, 1), (-1, 0), 1),
        ((lane.left, lane.under), (-1, 0), (0, 1), -1),
        ((lane.left, lane.end), (0, 1), (1, 0), -1),
    ]
    found: list[tuple[Point, ...]] = []
    for (x, y), (ax, ay), (bx, by), clockwise in corners:
        cx, cy = x + offset * (-ay - by), y + offset * (ax + bx)
        radius = TURN - clockwise * offset
        pull = radius * (1 - _ROUND)
        into, out = (cx - ax * radius, cy - ay * radius), (cx + bx * radius, cy + by * radius)
        first, second = (cx - ax * pull, cy - ay * pull), (cx + bx * pull, cy + by * pull)
        found += [(into,), (first, second, out)]
    return found


def _s_curve(start: Point, end: Point, offset: float) -> list[tuple[Point, ...]]:
    middle = (start[0] + end[0]) / 2
    whole = (start, (middle, start[1]), (middle, end[1]), end)
    return [_offset(piece, offset) for piece in _cut(whole, _PARTS)]


def _cut(cubic: tuple[Point, ...], parts: int) -> list[tuple[Point, ...]]:
    """A cubic as `parts` cubics, by de Casteljau."""
    found = []
    rest = cubic
    for k in range(parts, 1, -1):
        first, rest = _halve(rest, 1 / k)
        found.append(first)
    return [*found, rest]


def _halve(cubic: tuple[Point, ...], t: float) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    a, b, c, d = cubic
    ab, bc, cd = _between(a, b, t), _between(b, c, t), _between(c, d, t)
    abc, bcd = _between(ab, bc, t), _between(bc, cd, t)
    point = _between(abc, bcd, t)
    return (a, ab, abc, point), (point, bcd, cd, d)


def _between(a: Point, b: Point, t: float) -> Point:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)


def _offset(cubic: tuple[Point, ...], offset: float) -> tuple[Point, ...]:
    """The end and the control points of a cubic that runs beside the given one (Tiller, Hanson)."""
    a, b, c, d = cubic
    na, nd = _normal(a, b), _normal(c, d)
    start = (a[0] + na[0] * offset, a[1] + na[1] * offset)
    end = (d[0] + nd[0] * offset, d[1] + nd[1] * offset)
    old, new = _distance(a, d), _distance(start, end)
    scale = new / old if old else 1.0
    first = (start[0] + (b[0] - a[0]) * scale, start[1] + (b[1] - a[1]) * scale)
    second = (end[0] + (c[0] - d[0]) * scale, end[1] + (c[1] - d[1]) * scale)
    return first, second, end


def _normal(a: Point, b: Point) -> Point:
    length = _distance(a, b) or 1.0
    return -(b[1] - a[1]) / length, (b[0] - a[0]) / length


def _distance(a: Point, b: Point) -> float:
    return float(((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5)


def ports(wanted: Sequence[float], half: float, spacing: float) -> list[float]:
    """Where edges meet one side of a box: heights relative to its middle, in the order given.

    An edge that can come in level does so; the others keep `spacing` from it.

    >>> ports([0, 80], half=30, spacing=20)
    [0.0, 20.0]
    """
    for step in (spacing, 0.82 * spacing, _TIGHT * spacing):
        found = _settled(wanted, half, step)
        if max(map(abs, found), default=0.0) <= half:
            return found
    # Too many for the side to keep one of them level: from its ends inwards.
    step = min(_TIGHT * spacing, 2 * half / max(1, len(wanted) - 1))
    found = _settled(wanted, half, step)
    order = sorted(range(len(found)), key=lambda k: found[k])
    for place, k in enumerate(order):
        found[k] = max(found[k], -half + place * step)
    for place, k in enumerate(reversed(order)):
        found[k] = min(found[k], half - place * step)
    return found


def _settled(wanted: Sequence[float], half: float, step: float) -> list[float]:
    """Heights `step` apart at least, each as near as it can be to where its edge comes from."""
    reach = min(half, step * (len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    aims = [max(-reach, min(reach, wanted[k])) - place * step for place, k in enumerate(order)]
    weights = [50.0 if abs(wanted[k]) <= reach else 1.0 for k in order]
    settled = isotonic(aims, weights)
    found = [0.0] * len(wanted)
    for place, (k, y) in enumerate(zip(order, settled, strict=True)):
        found[k] = y + place * step
    return found
