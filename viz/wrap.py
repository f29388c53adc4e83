"""Wrap: a Plan that is too wide for its page goes on in a second row, as lines of text do.

A deep network is a strip: on a slide its text would be too small to read. The strip is cut where
few edges cross and no cluster is cut; an edge that goes on turns at the end of its row, runs back
between the rows, and enters the next one from the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

from viz import theme
from viz.placement import Placement
from viz.plan import BORDER, Plan, passes, span
from viz.routes import Lane

LEGIBLE = 0.68  # of its size: a picture that would be scaled further down is wrapped
_ROWS = 4
_CUTS = 28  # places that are tried
_GAP = 34.0  # between two rows, with room for no lane
_SIDE = 30.0  # from the end of a row to where an edge turns
_FRAME = (2 * theme.MARGIN, 2 * theme.MARGIN + 50)  # what stands around the graph
_ENOUGH = 0.9  # a picture of this size needs no more rows
_WORTH = 1.12  # a wrapped picture is so much larger on the page, or is left as it was
_LANES = 4  # edges that go on in the next row, at most, where there is a choice
_COST = 0.06  # of the size for each edge that crosses


def wrapped(plan: Plan, page: tuple[float, float]) -> Plan:
    """The Plan in as many rows as make it largest on the page; as it is where it can be read."""
    columns = sorted(plan.left)
    if len(columns) < 4:
        return plan
    extents = _extents(plan)
    crossing = _crossing(plan, columns[:-1])
    alone = _fit([_size(plan, extents, columns)], 0, page)
    if alone >= LEGIBLE:
        return plan
    fewest = min(map(len, crossing.values()))
    cuts = [
        c for c in columns[:-1] if _is_open(plan, c) and len(crossing[c]) <= max(_LANES, fewest)
    ]
    cuts = cuts[:: len(cuts) // _CUTS + 1]
    row_size = cache(lambda first, last: _size(plan, extents, range(first, last + 1)))
    best = alone * _WORTH
    chosen: tuple[int, ...] = ()
    for count in range(1, min(_ROWS, len(cuts) + 1)):
        for tried in combinations(cuts, count):
            lanes = sum(len(crossing[c]) for c in tried)
            ends = pairwise((columns[0] - 1, *tried, columns[-1]))
            sizes = [row_size(first + 1, last) for first, last in ends]
            found = min(_fit(sizes, lanes, page), _ENOUGH) * (1 - _COST * lanes)
            if found > best:
                best, chosen = found, tried
    return _moved(plan, _split(columns, chosen), extents, crossing) if chosen else plan


def _split(columns: Sequence[int], cuts: Sequence[int]) -> list[list[int]]:
    rows: list[list[int]] = [[]]
    for column in columns:
        rows[-1].append(column)
        if column in cuts:
            rows.append([])
    return rows


def _extents(plan: Plan) -> dict[int, tuple[float, float]]:
    """Column → top and bottom of what stands in it."""
    placement = plan.placement
    reaches = [
        (column, placement.heights[key], plan.rooms[key])
        for key, column in placement.columns.items()
    ]
    passed = placement.bends.values()
    reaches += [(column, y, theme.PORT / 2) for bends in passed for column, y in bends]
    found: dict[int, tuple[float, float]] = {}
    for column, y, room in reaches:
        top, bottom = found.get(column, (y, y))
        found[column] = min(top, y - room), max(bottom, y + room)
    for scope, (upper, lower) in placement.clusters.items():
        first, last = span(plan, scope)
        for column in range(first, last + 1):
            top, bottom = found.get(column, (upper, lower))
            found[column] = min(top, upper), max(bottom, lower)
    return found


def _crossing(plan: Plan, columns: Sequence[int]) -> dict[int, list[str]]:
    """Column → the edges that pass from it to the next one."""
    found: dict[int, list[str]] = {column: [] for column in columns}
    for key in plan.edges:
        for (one, _), (other, _) in pairwise(passes(plan, key)):
            for column in range(one, other):
                found[column].append(key)
    return found


def _is_open(plan: Plan, column: int) -> bool:
    """Whether no cluster would be cut."""
    spans = (span(plan, scope) for scope in plan.placement.clusters)
    return not any(first <= column < last for first, last in spans)


def _size(
    plan: Plan, extents: Mapping[int, tuple[float, float]], row: Sequence[int]
) -> tuple[float, float]:
    tops, bottoms = zip(*(extents[column] for column in row), strict=True)
    return plan.right[row[-1]] - plan.left[row[0]], max(bottoms) - min(tops)


def _fit(sizes: Sequence[tuple[float, float]], lanes: int, page: tuple[float, float]) -> float:
    """The scale at which rows of these sizes stand on the page."""
    beside = 2 * (_SIDE + theme.PORT) if lanes else 0.0
    width = max(width for width, _ in sizes) + beside + _FRAME[0]
    height = sum(h for _, h in sizes) + _GAP * (len(sizes) - 1) + theme.PORT * lanes + _FRAME[1]
    return min(page[0] / width, page[1] / height)


def _moved(
    plan: Plan,
    rows: Sequence[Sequence[int]],
    extents: Mapping[int, tuple[float, float]],
    crossing: Mapping[int, Sequence[str]],
) -> Plan:
    across: dict[int, float] = {}
    down: dict[int, float] = {}
    bottoms: list[float] = []
    y = 0.0
    for place, row in enumerate(rows):
        if place:
            y += _GAP + theme.PORT * len(crossing[rows[place - 1][-1]])
        top = min(extents[c][0] for c in row)
        for column in row:
            across[column], down[column] = -plan.left[row[0]], y - top
        y += max(extents[c][1] for c in row) - top
        bottoms.append(y)
    old = plan.placement
    clusters = {}
    for scope, (top, bottom) in old.clusters.items():
        drop = down[span(plan, scope)[0]]
        clusters[scope] = (top + drop, bottom + drop)
    placement = Placement(
        old.columns,
        {key: y + down[old.columns[key]] for key, y in old.heights.items()},
        {ends: tuple((c, y + down[c]) for c, y in bends) for ends, bends in old.bends.items()},
        clusters,
    )
    made = replace(
        plan,
        placement=placement,
        left={c: x + across[c] for c, x in plan.left.items()},
        right={c: x + across[c] for c, x in plan.right.items()},
    )
    lanes: dict[tuple[str, int], Lane] = {}
    for row, below, bottom in zip(rows, rows[1:], bottoms, strict=False):
        lanes |= _lanes(made, row[-1], below[0], bottom, crossing[row[-1]])
    return replace(made, lanes=lanes)


def _lanes(
    plan: Plan, end: int, start: int, bottom: float, keys: Sequence[str]
) -> dict[tuple[str, int], Lane]:
    """The way from one row to the next; nested, so that lanes do not cross one another."""
    levels: dict[str, tuple[float, float]] = {}
    for key in keys:
        for (one, y), (other, to_y) in pairwise(passes(plan, key)):
            if one <= end < other:
                levels[key] = y, to_y
    order = sorted(keys, key=lambda key: (levels[key], key))
    inset = BORDER * (1 + max(map(len, plan.placement.clusters), default=0))
    found = {}
    for k, key in enumerate(order):
        nested = (len(order) - 1 - k) * theme.PORT
        # Edges that leave one box leave it side by side.
        same = [other for other in order if levels[other][0] == levels[key][0]]
        y = levels[key][0] + (same.index(key) - (len(same) - 1) / 2) * theme.PORT
        alike = [other for other in order if levels[other][1] == levels[key][1]]
        to_y = levels[key][1] + (alike.index(key) - (len(alike) - 1) / 2) * theme.PORT
        right = plan.right[end] + inset + _SIDE + nested
        left = plan.left[start] - inset - _SIDE - k * theme.PORT
        found[key, end] = Lane(y, right, bottom + _GAP / 2 + nested + 4, left, to_y)
    return found
