"""Frame: what stands around the graph. Title, legend, remark, and the chain under it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from viz import theme
from viz.formulas import Label
from viz.shapes import Curve, Group, Rect, Scene, Shape, Text, extent_of
from viz.typeset import Fragment, typeset, typeset_label, words
from viz.view import Chain, View

_SAMPLE = 30.0  # a line of the legend
_DOT = 13.0  # a box of the legend
_BELOW = 30.0  # between the parts of the frame


def framed(view: View, groups: Sequence[Group]) -> Scene:
    """The Scene with the groups of the graph in the middle, everything else around them."""
    left, top, right, bottom = extent_of(s for group in groups for s in group.shapes)
    legend = _legend(view)
    title = _title(view.title)
    remark = _remarks(view.remarks)
    sums = _sums(view.sums)
    chain = _chain(view.chain) if view.chain else None
    heading = [g for g in (title, legend) if g]
    wide = sum(_width(g) for g in heading) + 48 * (len(heading) - 1) if heading else 0.0
    panels = [_width(group) + 72 for group in (chain, sums) if group]
    parts = [right - left, *panels, _width(remark) if remark else 0.0]
    stacked = wide > max(900.0, *parts)
    if stacked:
        wide = max(_width(g) for g in heading)
    inner = max(wide, *parts)
    width = inner + 2 * theme.MARGIN
    made: list[Group] = []
    y = theme.MARGIN
    line = 0.0
    for place, group in enumerate(heading):
        at_right = group is legend and not stacked
        x = width - theme.MARGIN - _width(group) if at_right else theme.MARGIN
        if stacked and place:
            y, line = y + line + 14, 0.0
        drop = (30 - _height(group)) / 2 if len(heading) > 1 and not stacked else 0.0
        made.append(_at(group, x, y + max(0.0, drop)))
        line = max(line, _height(group), 30.0 if title and not stacked else 0.0)
    if heading:
        y += line + 22
    dx = (width - (right - left)) / 2 - left
    made += [group.moved(dx, y - top) for group in groups]
    y += bottom - top
    if remark:
        y += _BELOW - 8
        made.append(_at(remark, theme.MARGIN, y))
        y += _height(remark)
    for panel_of in (chain, sums):
        if panel_of:
            y += _BELOW
            height = _height(panel_of) + 44
            panel = Rect(theme.MARGIN, y, inner, height, 14.0, theme.PANEL)
            placed = _at(panel_of, (width - _width(panel_of)) / 2, y + 22)
            made.append(Group(placed.key, placed.description, (panel, *placed.shapes)))
            y += height
    return Scene(width, y + theme.MARGIN, tuple(made), view.title or _name(view), _told(view))


def _name(view: View) -> str:
    return "Computation graph with gradients" if view.backward else "Computation graph"


def _told(view: View) -> str:
    """The picture in words: its statements, then its gradients."""
    lines = [box.formula.text for box in view.boxes if box.kind in ("statement", "loss")]
    gradients = dict.fromkeys(edge.gradient.text for edge in view.edges if edge.gradient)
    return "; ".join([*lines, *gradients])


def _width(group: Group) -> float:
    left, _, right, _ = extent_of(group.shapes)
    return right - left


def _height(group: Group) -> float:
    _, top, _, bottom = extent_of(group.shapes)
    return bottom - top


def _at(group: Group, x: float, y: float) -> Group:
    left, top, _, _ = extent_of(group.shapes)
    return group.moved(x - left, y - top)


def _title(text: str) -> Group | None:
    if not text:
        return None
    shown = Text(0, 0, words(text, theme.TITLE, bold=True), theme.INK)
    return Group("title", text, (shown,))


def _remarks(lines: Sequence[Label]) -> Group | None:
    """Lines of text, one under the other."""
    return _stacked("remark", lines, theme.NOTE + 1, theme.MUTED, 9.0)


def _sums(lines: Sequence[Label]) -> Group | None:
    """The gradients of shared leaves, their equals signs below one another."""
    return _stacked("sums", lines, theme.LABEL, theme.BACKWARD, 16.0)


def _stacked(
    key: str, lines: Sequence[Label], size: float, colour: str, apart: float
) -> Group | None:
    shapes: list[Shape] = []
    y = 0.0
    for line in lines:
        fragment = typeset_label(line.latex, size)
        shapes.append(Text(0, y + fragment.ascent, fragment, colour))
        y += fragment.height + apart
    return Group(key, "; ".join(line.text for line in lines), tuple(shapes)) if shapes else None


def _legend(view: View) -> Group | None:
    """Both kinds of line, and each kind of leaf that is there."""
    shapes: list[Shape] = []
    x = 0.0
    entries: list[tuple[list[Shape], float, str]] = []
    if view.edges:
        line = Curve((0, 0), (((_SAMPLE, 0),),), theme.FORWARD, theme.LINE + 0.4)
        entries.append(([line], _SAMPLE, "forward value"))
    if view.backward:
        line = Curve((0, 0), (((_SAMPLE, 0),),), theme.BACKWARD, theme.LINE + 0.4, theme.DASH)
        entries.append(([line], _SAMPLE, "backward gradient"))
    present = {box.kind for box in view.boxes}
    for kind in ("input", "parameter", "constant", "loss"):
        if kind in present:
            fill, outline, name = theme.BOXES[kind]
            name = "output" if kind == "loss" and not view.backward else name
            radius = 4.0 if kind == "loss" else _DOT / 2
            dot = Rect(0, -_DOT / 2, _DOT, _DOT, radius, fill, outline, 1.3)
            entries.append(([dot], _DOT, name))
    if any(box.shared for box in view.boxes):
        dot = Rect(0, -_DOT / 2, _DOT, _DOT, _DOT / 2, theme.PAPER, theme.MUTED, 1.3, theme.SHARED)
        entries.append(([dot], _DOT, "one leaf, drawn at each use"))
    axis = words("x", theme.NOTE).ascent / 2
    for drawn, width, name in entries:
        fragment = words(name, theme.NOTE)
        shapes += [shape.moved(x, 0) for shape in drawn]
        shapes.append(Text(x + width + 7, axis, fragment, theme.MUTED))
        x += width + 7 + fragment.width + 22
    return Group("legend", "legend", tuple(shapes)) if shapes else None


# ---- the chain ------------------------------------------------------------------------------


def _chain(chain: Chain) -> Group:
    """∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w = numbers, on one axis, local derivatives below factors."""
    columns = [_Column(chain.symbol, theme.BACKWARD), _Column("=")]
    for k, factor in enumerate(chain.factors):
        if k:
            columns.append(_Column(r"\cdot"))
        columns.append(_Column(factor.symbol, theme.INK if k else theme.BACKWARD, factor.local))
    values = [factor.value for factor in chain.factors]
    if all(values) and len(values) > 1:
        columns.append(_Column("="))
        for k, value in enumerate(values):
            if k:
                columns.append(_Column(r"\cdot"))
            shown = f"({value})" if value.startswith("-") else value
            columns.append(_Column(shown, theme.INK if k else theme.BACKWARD))
    if chain.value:
        columns.append(_Column(chain.relation))
        columns.append(_Column(chain.value, theme.BACKWARD))
    lowest = max(c.main.descent + c.main.axis for c in columns)
    under = lowest + 11 + max((c.under.ascent for c in columns if c.under), default=0.0)
    shapes: list[Shape] = []
    middles: list[float] = []
    x = 0.0
    for column, after in [*pairwise(columns), (columns[-1], None)]:
        middles.append(x + column.width / 2)
        tight = r"\cdot" in (column.latex, after.latex if after else "")
        x += column.width + (11.0 if tight else 15.0)
    for k, column in enumerate(columns):
        middle = middles[k]
        if column.latex in (r"\cdot", "=", chain.relation):
            # What stands below a factor may be wider than the factor: signs stand between factors.
            left = middles[k - 1] + columns[k - 1].main.width / 2
            middle = (left + middles[k + 1] - columns[k + 1].main.width / 2) / 2
        shapes.append(column.text(middle))
        if column.under:
            start = middle - column.under.width / 2
            shapes.append(Text(start, under, column.under, theme.MUTED))
    return Group("chain", "the chain rule along one path", tuple(shapes))


class _Column:
    """One symbol of the chain, with what stands below it."""

    def __init__(self, latex: str, colour: str = theme.INK, under: str = "") -> None:
        self.latex = latex
        self.colour = colour
        self.main: Fragment = typeset(latex, theme.CHAIN)
        self.under = typeset_label(under, theme.LABEL) if under else None
        self.width = max(self.main.width, self.under.width if self.under else 0.0)

    def text(self, middle: float) -> Text:
        """The symbol with its axis at y = 0."""
        return Text(middle - self.main.width / 2, self.main.axis, self.main, self.colour)
