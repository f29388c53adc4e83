"""Scene: a View with sizes and positions. Measured boxes are placed, edges routed, text set.

Layout gives columns and heights. Positions along x are computed here, because only here it is known
how much a gap between two columns needs: a cluster's border, or room for edges to change height.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from viz import theme
from viz.frame import framed
from viz.layout import TIMEOUT, place
from viz.measure import MeasuredBox, MeasuredEdge, measure
from viz.placement import Item, Link, Placement, Scope
from viz.routes import Station, parallel, ports
from viz.shapes import Curve, Group, Point, Rect, Scene, Shape, Text
from viz.typeset import Fragment, words
from viz.view import View

_GAP = 16.0  # between two columns that nothing stands between
_BORDER = 13.0  # more for each border of a cluster
_STEEP = (26.0, 0.34, 120.0)  # room for an edge to change height: least, per pixel, most
_FLAT = 7.0  # a long edge that would wander by less stays level


@dataclass(frozen=True)
class _Plan:
    """Everything that has a position: boxes and labels by key, columns, placement."""

    boxes: Mapping[str, MeasuredBox]
    edges: Mapping[str, MeasuredEdge]
    stops: Mapping[str, Sequence[str]]
    scopes: Mapping[str, Scope]
    placement: Placement
    left: Mapping[int, float]
    right: Mapping[int, float]

    def middle(self, key: str) -> Point:
        """The middle of a box or of an edge's labels."""
        column = self.placement.columns[key]
        return (self.left[column] + self.right[column]) / 2, self.placement.heights[key]


def compose(view: View, timeout: float = TIMEOUT) -> Scene:
    """The Scene of a View. `timeout` bounds dot's layout, in seconds.

    Raises GraphError that says how to install dot where it is missing.
    """
    measured_boxes, measured_edges = measure(view)
    boxes = {m.box.key: m for m in measured_boxes}
    edges = {_edge_key(m.edge.tail, m.edge.head): m for m in measured_edges}
    barriers = _barriers(boxes, edges)
    stops = _stops(edges, barriers)
    apart = [Link(edges[k].edge.tail, leaf, 0) for k, leaves in barriers.items() for leaf in leaves]
    items = _items(boxes, edges, stops)
    links = [*_links(boxes, edges, stops), *dict.fromkeys(apart)]
    plan = _columns(boxes, edges, stops, items, place(items, links, view.clusters, timeout))
    routes = {key: _stations(plan, key) for key in edges}
    routes = _dock(plan, routes)
    groups = [
        *_clusters(plan),
        *(_edge_group(plan, key, routes[key]) for key in edges),
        *(_box_group(plan, key) for key in boxes),
    ]
    return framed(view, groups)


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
    links = []
    for key, m in edges.items():
        tail, head = m.edge.tail, m.edge.head
        leaf, several = boxes[tail].is_leaf, readers[tail] > 1
        first, second = (1, 6) if several else (8, 1) if leaf else (12, 16)
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


# ---- positions along x ----------------------------------------------------------------------


def _columns(
    boxes: Mapping[str, MeasuredBox],
    edges: Mapping[str, MeasuredEdge],
    stops: Mapping[str, Sequence[str]],
    items: Sequence[Item],
    placement: Placement,
) -> _Plan:
    widths: dict[int, float] = {}
    for item in items:
        column = placement.columns[item.key]
        widths[column] = max(widths.get(column, 0.0), item.width)
    scopes = {item.key: item.scope for item in items}
    plan = _Plan(boxes, edges, stops, scopes, placement, {}, {})
    gaps = _gaps(plan)
    left: dict[int, float] = {}
    right: dict[int, float] = {}
    x = 0.0
    for column in sorted(widths):
        left[column], right[column] = x, x + widths[column]
        x += widths[column] + gaps.get(column, _GAP)
    return replace(plan, left=left, right=right)


def _gaps(plan: _Plan) -> dict[int, float]:
    """Column → the room right of it."""
    gaps: dict[int, float] = {}
    least, slope, most = _STEEP
    for key in plan.edges:
        for (before, y), (after, other) in pairwise(_passes(plan, key)):
            rise = abs(other - y)
            if after == before + 1 and rise > 1:
                gaps[before] = max(gaps.get(before, _GAP), min(most, least + slope * rise))
    for scope in plan.placement.clusters:
        first, last = _span(plan, scope)
        for column in (first - 1, last):
            gaps[column] = gaps.get(column, _GAP) + _BORDER
    return gaps


def _passes(plan: _Plan, key: str) -> list[tuple[int, float]]:
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


def _span(plan: _Plan, scope: Scope) -> tuple[int, int]:
    """The first and the last column of a cluster."""
    inside = [
        plan.placement.columns[key]
        for key, own in plan.scopes.items()
        if own[: len(scope)] == scope
    ]
    return min(inside), max(inside)


# ---- edges ----------------------------------------------------------------------------------


def _stations(plan: _Plan, key: str) -> list[Station]:
    """The levels of an edge between the boxes at its ends; those are docked later."""
    edge = plan.edges[key]
    tail, head = plan.boxes[edge.edge.tail], plan.boxes[edge.edge.head]
    (x, y), (to_x, to_y) = plan.middle(edge.edge.tail), plan.middle(edge.edge.head)
    between = [
        Station(plan.left[column], plan.right[column], level)
        for column, level in _passes(plan, key)[1:-1]
    ]
    ends = (
        plan.right[plan.placement.columns[edge.edge.tail]],
        plan.left[plan.placement.columns[edge.edge.head]],
    )
    return [
        Station(x + tail.width / 2, ends[0], y),
        *between,
        Station(ends[1], to_x - head.width / 2, to_y),
    ]


def _dock(plan: _Plan, routes: Mapping[str, list[Station]]) -> dict[str, list[Station]]:
    """Edges that meet one side of a box side by side, in the order in which they come."""
    docked = {key: list(stations) for key, stations in routes.items()}
    for end, near in ((0, 1), (-1, -2)):
        meeting: dict[str, list[str]] = {}
        for key, m in plan.edges.items():
            meeting.setdefault(m.edge.tail if end == 0 else m.edge.head, []).append(key)
        for box, keys in meeting.items():
            half = plan.boxes[box].height / 2 - 11
            y = plan.placement.heights[box]
            wanted = [docked[key][near].y - y for key in keys]
            for key, offset in zip(keys, ports(wanted, half, theme.PORT), strict=True):
                station = docked[key][end]
                docked[key][end] = Station(station.left, station.right, y + offset)
    return docked


def _edge_group(plan: _Plan, key: str, stations: Sequence[Station]) -> Group:
    edge = plan.edges[key]
    head = plan.boxes[edge.edge.head]
    shift = theme.PARALLEL if edge.edge.backward else 0.0
    forward = _trimmed(plan, edge, stations, -shift, forward=True)
    shapes: list[Shape] = [*_line(forward, -shift, theme.FORWARD, (), forward=True)]
    if edge.edge.backward:
        back = _trimmed(plan, edge, stations, shift, forward=False)
        shapes += _line(back, shift, theme.BACKWARD, theme.DASH, forward=False)
    x, y = plan.middle(key)
    if edge.value:
        top = y - shift - theme.CLEAR - edge.value.descent
        shapes.append(_centred(edge.value, x, top, theme.FORWARD))
    if edge.gradient:
        under = y + shift + theme.CLEAR + edge.gradient.ascent
        shapes.append(_centred(edge.gradient, x, under, theme.BACKWARD))
    tail = plan.boxes[edge.edge.tail].box
    texts = [t for t in (edge.edge.value.text, edge.edge.gradient.text) if t]
    told = f"{tail.name.text} → {head.box.name.text}" + (f": {', '.join(texts)}" if texts else "")
    return Group(f"edge:{edge.edge.tail}:{edge.edge.head}", told, tuple(shapes))


def _trimmed(
    plan: _Plan, edge: MeasuredEdge, stations: Sequence[Station], shift: float, forward: bool
) -> list[Station]:
    """The stations, ending at the outlines of the boxes, with room for the arrow head."""
    tip, length = theme.TIP, theme.ARROW[0]
    first, last = stations[0], stations[-1]
    tail, y = plan.boxes[edge.edge.tail], plan.placement.heights[edge.edge.tail]
    inset = _inset(tail, first.y + shift - y)
    start = first.left - inset + tip + (0.0 if forward else length)
    end = last.right - tip - (length if forward else 0.0)
    return [
        Station(start, max(first.right, start), first.y),
        *stations[1:-1],
        Station(min(last.left, end), end, last.y),
    ]


def _inset(box: MeasuredBox, offset: float) -> float:
    """How far the outline of a round box is from its side at a height off its middle."""
    radius = box.height / 2
    if not box.is_leaf or abs(offset) >= radius:
        return 0.0
    return float(radius - (radius**2 - offset**2) ** 0.5)


def _line(
    stations: Sequence[Station],
    shift: float,
    colour: str,
    dashes: tuple[float, ...],
    forward: bool,
) -> list[Shape]:
    start, segments = parallel(stations, shift)
    line = Curve(start, segments, colour, theme.LINE, dashes)
    length, half = theme.ARROW
    (x, y), sign = (segments[-1][-1], 1) if forward else (start, -1)
    arrow = Curve(
        (x + sign * length, y),
        (
            ((x - sign * 1.5, y - half),),
            ((x + sign * 1.0, y),),
            ((x - sign * 1.5, y + half),),
        ),
        colour,
        fill=True,
    )
    return [line, arrow]


# ---- boxes and clusters ---------------------------------------------------------------------


def _box_group(plan: _Plan, key: str) -> Group:
    m = plan.boxes[key]
    x, y = plan.middle(key)
    fill, line, kind = theme.BOXES[m.box.kind]
    radius = m.height / 2 if m.is_leaf else theme.RADIUS
    corner = (x - m.width / 2, y - m.height / 2)
    shapes: list[Shape] = [Rect(*corner, m.width, m.height, radius, fill, line)]
    lower = m.shape.height + m.lines if m.shape else 0.0
    half = max(m.formula.ascent - m.formula.axis, m.formula.descent + m.formula.axis)
    axis = y - lower / 2
    shapes.append(_centred(m.formula, x, axis + m.formula.axis, theme.INK))
    if m.shape:
        top = max(axis + half, axis + 9) + m.lines
        shapes.append(_centred(m.shape, x, top + m.shape.ascent, theme.MUTED))
    if m.above:
        bottom = y - m.height / 2 - m.outside
        shapes.append(_centred(m.above, x, bottom - m.above.descent, theme.FORWARD))
    if m.below:
        top = y + m.height / 2 + m.outside
        shapes.append(_centred(m.below, x, top + m.below.ascent, theme.BACKWARD))
    texts = [label.text for label in (m.box.shape, m.box.above, m.box.below) if label]
    told = "; ".join([f"{kind} {m.box.formula.text}", *texts])
    return Group(f"box:{key}", told, tuple(shapes))


def _centred(fragment: Fragment, x: float, baseline: float, colour: str) -> Text:
    return Text(x - fragment.width / 2, baseline, fragment, colour)


def _clusters(plan: _Plan) -> list[Group]:
    """Rounded rectangles behind everything, outer ones first, with their names at the top left."""
    found = []
    scopes = plan.placement.clusters
    for scope in sorted(scopes, key=len):
        first, last = _span(plan, scope)
        depth = max(len(s) for s in scopes if s[: len(scope)] == scope) - len(scope)
        pad = _BORDER * (depth + 1)
        top, bottom = scopes[scope]
        left, right = plan.left[first] - pad, plan.right[last] + pad
        name = words(scope[-1], theme.NOTE)
        right = max(right, left + name.width + 28)
        outline = Rect(
            left, top, right - left, bottom - top, 12.0, theme.CLUSTER_FILL, theme.CLUSTER_LINE, 1.2
        )
        label = Text(left + 13, top + 10 + name.ascent, name, theme.MUTED)
        found.append(Group(f"cluster:{'/'.join(scope)}", f"scope {scope[-1]}", (outline, label)))
    return found
