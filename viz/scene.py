"""Scene: a Plan as shapes. Boxes and clusters drawn, edges routed and docked, text set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from viz import theme
from viz.frame import framed
from viz.layout import TIMEOUT
from viz.measure import MeasuredBox, MeasuredEdge
from viz.page import PAGES, faded, pointed
from viz.plan import BORDER, Plan, passes, planned, span
from viz.routes import Lane, Station, parallel, ports, turning
from viz.shapes import Curve, Group, Rect, Scene, Shape, Text
from viz.typeset import Fragment, words
from viz.view import View
from viz.wrap import wrapped


def compose(
    view: View, timeout: float = TIMEOUT, page: tuple[float, float] = PAGES["slide"]
) -> Scene:
    """The Scene of a View. `timeout` bounds dot's layout, in seconds.

    A strip that could not be read on the page goes on in a second row.

    >>> import graphnn as gnn
    >>> from viz.view import view
    >>> [group.key for group in compose(view(gnn.exp(gnn.input("x")))).groups]
    ['legend', 'edge:x:f', 'box:x', 'box:f']

    Raises GraphError that says how to install dot where it is missing.
    """
    plan = wrapped(planned(view, timeout), page)
    routes = _dock(plan, {key: _stations(plan, key) for key in plan.edges})
    groups = [
        *_clusters(plan),
        *(_edge_group(plan, key, routes[key]) for key in plan.edges),
        *(_box_group(plan, key) for key in plan.boxes),
        *(_plus(plan, key) for key in plan.boxes if plan.boxes[key].box.adds),
    ]
    if view.path is not None:
        groups = [pointed(g) if _is_strong(view, g) else faded(g) for g in groups]
    return framed(view, groups)


def _is_strong(view: View, group: Group) -> bool:
    """Whether a group is on the highlighted path; clusters stay as they are."""
    kind, _, key = group.key.partition(":")
    path = view.path or frozenset()
    if kind == "edge":
        return any(
            f"{e.tail}:{e.head}" == key and e.backward and {e.tail, e.head} <= path
            for e in view.edges
        )
    return kind == "cluster" or key in path


def _stations(plan: Plan, key: str) -> list[Station | Lane]:
    """The levels of an edge between the boxes at its ends; those are docked later."""
    edge = plan.edges[key]
    tail, head = plan.boxes[edge.edge.tail], plan.boxes[edge.edge.head]
    (x, y), (to_x, to_y) = plan.middle(edge.edge.tail), plan.middle(edge.edge.head)
    between: list[Station | Lane] = []
    for (column, level), (after, _) in pairwise(passes(plan, key)):
        if between or column != plan.placement.columns[edge.edge.tail]:
            between.append(Station(plan.left[column], plan.right[column], level))
        for end in range(column, after):
            if (key, end) in plan.lanes:
                between += turning(plan.lanes[key, end], plan.right[end], plan.left[end + 1])
    ends = (
        plan.right[plan.placement.columns[edge.edge.tail]],
        plan.left[plan.placement.columns[edge.edge.head]],
    )
    return [
        Station(x + tail.width / 2, ends[0], y),
        *between,
        Station(ends[1], to_x - head.width / 2, to_y),
    ]


def _dock(
    plan: Plan, routes: Mapping[str, list[Station | Lane]]
) -> dict[str, list[Station | Lane]]:
    """Edges that meet one side of a box side by side, in the order in which they come."""
    docked = {key: list(stations) for key, stations in routes.items()}
    for end, near in ((0, 1), (-1, -2)):
        meeting: dict[str, list[str]] = {}
        for key, m in plan.edges.items():
            meeting.setdefault(m.edge.tail if end == 0 else m.edge.head, []).append(key)
        for box, keys in meeting.items():
            half = plan.boxes[box].height / 2 - 8
            y = plan.placement.heights[box]
            wanted = [docked[key][near].y - y for key in keys]
            for key, offset in zip(keys, ports(wanted, half, theme.PORT), strict=True):
                station = docked[key][end]
                assert isinstance(station, Station)
                docked[key][end] = Station(station.left, station.right, y + offset)
    return docked


def _edge_group(plan: Plan, key: str, stations: Sequence[Station | Lane]) -> Group:
    edge = plan.edges[key]
    head = plan.boxes[edge.edge.head]
    shift = theme.PARALLEL if edge.edge.backward else 0.0
    forward = _trimmed(plan, edge, stations, -shift, forward=True)
    shapes: list[Shape] = [*_line(forward, -shift, theme.FORWARD, (), forward=True)]
    if edge.edge.backward:
        back = _trimmed(plan, edge, stations, shift, forward=False)
        shapes += _line(back, shift, theme.BACKWARD, theme.DASH, forward=False)
    x, y = plan.middle(key)
    above = [(f, c) for f, c in ((edge.shape, theme.MUTED), (edge.value, theme.FORWARD)) if f]
    left = x - (sum(f.width for f, _ in above) + edge.between) / 2
    for fragment, colour in above:
        bottom = y - shift - theme.CLEAR - fragment.descent
        if edge.value and edge.shape:
            bottom = y - shift - theme.CLEAR - max(f.descent for f, _ in above)
        shapes.append(Text(left, bottom, fragment, colour))
        left += fragment.width + edge.between
    if edge.gradient:
        under = y + shift + theme.CLEAR + edge.gradient.ascent
        shapes.append(_centred(edge.gradient, x, under, theme.BACKWARD))
    e = edge.edge
    tail = plan.boxes[e.tail].box
    texts = [t for t in (e.shape.text, e.value.text, e.gradient.text) if t]
    told = f"{tail.name.text} → {head.box.name.text}" + (f": {', '.join(texts)}" if texts else "")
    return Group(f"edge:{edge.edge.tail}:{edge.edge.head}", told, tuple(shapes))


def _trimmed(
    plan: Plan, edge: MeasuredEdge, stations: Sequence[Station | Lane], shift: float, forward: bool
) -> list[Station | Lane]:
    """The stations, ending at the outlines of the boxes, with room for the arrow head."""
    tip, length = theme.TIP, theme.ARROW[0]
    first, last = stations[0], stations[-1]
    assert isinstance(first, Station)
    assert isinstance(last, Station)
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
    stations: Sequence[Station | Lane],
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


def _box_group(plan: Plan, key: str) -> Group:
    m = plan.boxes[key]
    x, y = plan.middle(key)
    fill, line, kind = theme.BOXES[m.box.kind]
    radius = m.height / 2 if m.is_leaf else theme.RADIUS
    corner = (x - m.width / 2, y - m.height / 2)
    shapes: list[Shape] = [Rect(*corner, m.width, m.height, radius, fill, line)]
    if m.box.shared:
        shapes = [
            replace(shape, dashes=theme.SHARED) for shape in shapes if isinstance(shape, Rect)
        ]
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
        top = y + m.height / 2 + m.outside + (theme.BADGE if m.box.adds else 0.0)
        shapes.append(_centred(m.below, x, top + m.below.ascent, theme.BACKWARD))
    texts = [label.text for label in (m.box.shape, m.box.above, m.box.below) if label]
    told = "; ".join([f"{kind} {m.box.formula.text}", *texts])
    return Group(f"box:{key}", told, tuple(shapes))


def _plus(plan: Plan, key: str) -> Group:
    """⊕ on the border of a box whose gradient is a sum."""
    x, y = plan.middle(key)
    y += plan.boxes[key].height / 2
    r, arm = theme.BADGE, theme.BADGE - 3.2
    shapes = (
        Rect(x - r, y - r, 2 * r, 2 * r, r, theme.PAPER, theme.BACKWARD, 1.3),
        Curve((x - arm, y), (((x + arm, y),),), theme.BACKWARD, 1.5),
        Curve((x, y - arm), (((x, y + arm),),), theme.BACKWARD, 1.5),
    )
    return Group(f"sum:{key}", "contributions to this gradient add", shapes)


def _centred(fragment: Fragment, x: float, baseline: float, colour: str) -> Text:
    return Text(x - fragment.width / 2, baseline, fragment, colour)


def _clusters(plan: Plan) -> list[Group]:
    """Rounded rectangles behind everything, outer ones first, with their names at the top left."""
    found = []
    scopes = plan.placement.clusters
    for scope in sorted(scopes, key=len):
        first, last = span(plan, scope)
        depth = max(len(s) for s in scopes if s[: len(scope)] == scope) - len(scope)
        pad = BORDER * (depth + 1)
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
