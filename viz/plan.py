"""Plan: measured boxes and edges with positions, all but the lines between them.

What an edge passes (its labels, and a gate where it enters a cluster) is placed like a box, so that
nothing can stand on it. Layout gives columns and heights. Positions along x are computed here,
because only here it is known how much a gap between two columns needs: a cluster's border, or room
for edges to change height.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from viz import theme
from viz.layout import place
from viz.measure import MeasuredBox, MeasuredEdge, measure
from viz.placement import Item, Link, Placement, Scope
from viz.routes import Lane
from viz.shapes import Point
from viz.view import View

_GAP = 16.0  # between two columns that nothing stands between
BORDER = 13.0  # more for each border of a cluster
_STEEP = (26.0, 0.3, 84.0)  # room for an edge to change height: least, per pixel, most
_MANY = 3  # statements that one box reads
_FLAT = 7.0  # a long edge that would wander by less stays level


@dataclass(frozen=True)
class Plan:
    """Everything that has a position: boxes and labels by key, columns, placement.

    `rooms` is half the height of each item. `lanes` say where an edge goes on in the next row, by
    edge and by the last column of the row.
    """

    boxes: Mapping[str, MeasuredBox]
    edges: Mapping[str, MeasuredEdge]
    stops: Mapping[str, Sequence[str]]
    scopes: Mapping[str, Scope]
    placement: Placement
    left: Mapping[int, float]
    right: Mapping[int, float]
    rooms: Mapping[str, float]
    lanes: Mapping[tuple[str, int], Lane] = field(default_factory=dict)

    def middle(self, key: str) -> Point:
        """The middle of a box or of an edge's labels."""
        column = self.placement.columns[key]
        return (self.left[column] + self.right[column]) / 2, self.placement.heights[key]


def planned(view: View, timeout: float) -> Plan:
    """The Plan of a View; `timeout` bounds dot's layout, in seconds."""
    measured_boxes, measured_edges = measure(view)
    boxes = {m.box.key: m for m in measured_boxes}
    edges = {_edge_key(m.edge.tail, m.edge.head): m for m in measured_edges}
    barriers = _barriers(boxes, edges)
    stops = _stops(edges, barriers)
    apart = [Link(edges[k].edge.tail, leaf, 0) for k, leaves in barriers.items() for leaf in leaves]
    items = _items(boxes, edges, stops)
    links = [*_links(boxes, edges, stops), *dict.fromkeys(apart)]
    return _columns(boxes, edges, stops, items, place(items, links, view.clusters, timeout))


def _edge_key(tail: str, head: str) -> str:
    return f"{tail}\0{head}"


def _items(
    boxes: Mapping[str, MeasuredBox],
    edges: Mapping[str, MeasuredEdge],
    stops: Mapping[str, Sequence[str]],
) -> list[Item]:
    """Boxes and what edges pass, in the order that dot starts from."""
    first, last = (
        [Item(k, boxes[k].span, 2 * boxes[k].room, boxes[k].box.scope) for k in half]
        for half in _order(boxes, edges)
    )
    items = list(first)
    for key, m in edges.items():
        scope = boxes[m.edge.head].box.scope
        if boxes[m.edge.tail].box.scope[: len(scope)] == scope:
            # The edge leaves a scope, or stays in one.
            scope = _common(boxes[m.edge.tail].box.scope, scope)
        for stop in stops[key]:
            # A gate is as high as keeps leaves and their labels equally far apart.
            gate = max(4 * theme.PARALLEL, 4 * m.room - theme.LEAF - 4)
            size = (m.width, 2 * m.room) if stop == key else (1.0, gate)
            items.append(Item(stop, *size, scope))
    return [*items, *last]


def _order(
    boxes: Mapping[str, MeasuredBox], edges: Mapping[str, MeasuredEdge]
) -> tuple[list[str], list[str]]:
    """Half of the leaves that a statement reads go above the chain of statements, half below.

    dot fills its columns from the first item on, along the edges: what comes before the first leaf
    of the chain stands above it, and the last statement's leaves have to come first of all.
    """
    read: dict[str, list[str]] = {}
    for m in edges.values():
        if boxes[m.edge.tail].is_leaf:
            read.setdefault(m.edge.head, []).append(m.edge.tail)
    upper = [leaf for leaves in read.values() for leaf in leaves[: len(leaves) // 2]]
    lower = [key for key in boxes if boxes[key].is_leaf and key not in set(upper)]
    chain = [key for key in boxes if not boxes[key].is_leaf]
    return [*dict.fromkeys(reversed(upper)), *chain], lower


def _common(one: Scope, other: Scope) -> Scope:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return one[:count]


def _stops(
    edges: Mapping[str, MeasuredEdge], barriers: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Edge → the items that it passes: a gate where it enters a cluster, then its labels."""
    return {key: [*([f"{key}\0gate"] if key in barriers else []), key] for key in edges}


def _links(
    boxes: Mapping[str, MeasuredBox],
    edges: Mapping[str, MeasuredEdge],
    stops: Mapping[str, Sequence[str]],
) -> list[Link]:
    """Tail → labels → head. The chain of statements, and the lead-in of a leaf, are kept straight."""
    readers = Counter(m.edge.tail for m in edges.values())
    met = Counter(m.edge.head for m in edges.values() if not boxes[m.edge.tail].is_leaf)
    links = []
    for key, m in edges.items():
        tail, head = m.edge.tail, m.edge.head
        leaf, several = boxes[tail].is_leaf, readers[tail] > 1
        # What a sum reads (the losses of all steps in time) stays where it is computed.
        far = met[head] >= _MANY and not leaf
        first, second = (1, 1) if far else (1, 6) if several else (8, 1) if leaf else (12, 16)
        links += [Link(one, other, first) for one, other in pairwise([tail, *stops[key]])]
        links.append(Link(stops[key][-1], head, second))
    return links


def _barriers(
    boxes: Mapping[str, MeasuredBox], edges: Mapping[str, MeasuredEdge]
) -> dict[str, list[str]]:
    """Edge that enters a cluster → the cluster's leaves, which have to stand right of its tail.

    Without them the leaves of one layer stand below the end of the layer before, the clusters
    overlap along x, and a chain of layers becomes a staircase.
    """
    before: dict[str, set[str]] = {}
    for m in edges.values():
        before.setdefault(m.edge.head, set()).add(m.edge.tail)
    members: dict[Scope, list[str]] = {}
    for key, box in boxes.items():
        if box.is_leaf:
            for depth in range(1, len(box.box.scope) + 1):
                members.setdefault(box.box.scope[:depth], []).append(key)
    found: dict[str, list[str]] = {}
    for key, m in edges.items():
        scope, outside = boxes[m.edge.head].box.scope, boxes[m.edge.tail].box.scope
        if outside[: len(scope)] == scope:
            continue
        needed = _ancestors(before, m.edge.tail)
        leaves = [leaf for leaf in members.get(scope, ()) if leaf not in needed]
        if leaves:
            found[key] = leaves
    return found


def _ancestors(before: Mapping[str, set[str]], key: str) -> set[str]:
    found: set[str] = set()
    stack = [key]
    while stack:
        for tail in before.get(stack.pop(), ()):
            if tail not in found:
                found.add(tail)
                stack.append(tail)
    return found


def _columns(
    boxes: Mapping[str, MeasuredBox],
    edges: Mapping[str, MeasuredEdge],
    stops: Mapping[str, Sequence[str]],
    items: Sequence[Item],
    placement: Placement,
) -> Plan:
    widths: dict[int, float] = {}
    for item in items:
        column = placement.columns[item.key]
        widths[column] = max(widths.get(column, 0.0), item.width)
    scopes = {item.key: item.scope for item in items}
    rooms = {item.key: item.height / 2 for item in items}
    plan = Plan(boxes, edges, stops, scopes, placement, {}, {}, rooms)
    gaps = _gaps(plan)
    left: dict[int, float] = {}
    right: dict[int, float] = {}
    x = 0.0
    for column in sorted(widths):
        left[column], right[column] = x, x + widths[column]
        x += widths[column] + gaps.get(column, _GAP)
    return replace(plan, left=left, right=right)


def _gaps(plan: Plan) -> dict[int, float]:
    """Column → the room right of it."""
    gaps: dict[int, float] = {}
    least, slope, most = _STEEP
    for key in plan.edges:
        for (before, y), (after, other) in pairwise(passes(plan, key)):
            rise = abs(other - y)
            if after == before + 1 and rise > 1:
                gaps[before] = max(gaps.get(before, _GAP), min(most, least + slope * rise))
    for scope in plan.placement.clusters:
        first, last = span(plan, scope)
        for column in (first - 1, last):
            gaps[column] = gaps.get(column, _GAP) + BORDER
    return gaps


def passes(plan: Plan, key: str) -> list[tuple[int, float]]:
    """(column, height) of everything that an edge passes, from its tail to its head."""
    edge, placement = plan.edges[key].edge, plan.placement
    stops = [edge.tail, *plan.stops[key], edge.head]
    found = [(placement.columns[stops[0]], placement.heights[stops[0]])]
    for one, other in pairwise(stops):
        for column, y in placement.bends.get((one, other), ()):
            level = found[-1][1] if abs(y - found[-1][1]) < _FLAT else y
            found.append((column, level))
        found.append((placement.columns[other], placement.heights[other]))
    return found


def span(plan: Plan, scope: Scope) -> tuple[int, int]:
    """The first and the last column of a cluster."""
    inside = [
        plan.placement.columns[key]
        for key, own in plan.scopes.items()
        if own[: len(scope)] == scope
    ]
    return min(inside), max(inside)
