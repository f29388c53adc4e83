"""Measure: a View's boxes and edge labels, typeset, and so of a known size.

Sizes come from the text alone; the layout places them without touching them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from viz import theme
from viz.formulas import Label
from viz.typeset import Fragment, typeset, typeset_label
from viz.view import Box, Edge, View

_WIDE = 420.0  # a formula that is wider is set smaller,
_WIDEST = 520.0  # and one that is still wider is only named
_SMALLEST = 14.0
_LINES = 7.0  # between a formula and its shape
_BETWEEN = 11.0
_OUTSIDE = 9.0  # between a box and what stands above or below it


@dataclass(frozen=True)
class MeasuredBox:
    """A box with its fragments.

    `width` and `height` are the box's own; `room` is half the height, and `span` the width, that it
    takes with the labels above and below it.
    """

    box: Box
    formula: Fragment
    shape: Fragment | None
    above: Fragment | None
    below: Fragment | None
    width: float
    height: float

    @property
    def is_leaf(self) -> bool:
        """Drawn round."""
        return self.box.is_leaf

    @property
    def room(self) -> float:
        """Half the height that the box takes with the larger of its labels."""
        badge = theme.BADGE if self.box.adds else 0.0
        labels = [f.height + _OUTSIDE + badge for f in (self.above, self.below) if f]
        return self.height / 2 + max(labels, default=0.0)

    @property
    def span(self) -> float:
        """The width of the box or of its widest label."""
        return max(self.width, *(f.width for f in (self.above, self.below) if f), 0.0)

    @property
    def outside(self) -> float:
        """From the box to its labels."""
        return _OUTSIDE

    @property
    def lines(self) -> float:
        """From the formula to its shape."""
        return _LINES


@dataclass(frozen=True)
class MeasuredEdge:
    """An edge with its labels; `width` and `room` (half the height) are what they take."""

    edge: Edge
    value: Fragment | None
    gradient: Fragment | None
    shape: Fragment | None = None

    @property
    def width(self) -> float:
        """The wider of what stands above the line and what stands below it."""
        above = sum(f.width for f in (self.shape, self.value) if f) + self.between
        return max(above, self.gradient.width if self.gradient else 0.0) + 12

    @property
    def between(self) -> float:
        """From the sizes to the value."""
        return _BETWEEN if self.shape and self.value else 0.0

    @property
    def room(self) -> float:
        """Half the height of both labels and the lines between them."""
        tallest = max((f.height for f in (self.value, self.gradient, self.shape) if f), default=0.0)
        return theme.PARALLEL + theme.CLEAR + tallest


def measure(view: View) -> tuple[tuple[MeasuredBox, ...], tuple[MeasuredEdge, ...]]:
    """Every box and every edge of a View, typeset."""
    entering = Counter(edge.head for edge in view.edges)
    leaving = Counter(edge.tail for edge in view.edges)
    boxes = tuple(_box(box, max(entering[box.key], leaving[box.key])) for box in view.boxes)
    return boxes, tuple(_edge(edge) for edge in view.edges)


def _box(box: Box, ports: int) -> MeasuredBox:
    formula = typeset(box.formula.latex, theme.FORMULA)
    if formula.width > _WIDE:
        size = max(_SMALLEST, theme.FORMULA * _WIDE / formula.width)
        formula = typeset(box.formula.latex, size)
    if formula.width > _WIDEST:
        formula = typeset(rf"{box.name.latex} = \ldots", theme.FORMULA)
    shape = _fragment(box.note, theme.SHAPE)
    half = max(formula.ascent - formula.axis, formula.descent + formula.axis, 9.0)
    height = 2 * half + (shape.height + _LINES if shape else 0)
    width = max(formula.width, shape.width if shape else 0)
    least = (ports - 1) * theme.PORT + 38
    if box.is_leaf:
        height = max(theme.LEAF, height + 22, least)
        # A pill as long as its text needs; a circle where the text is short.
        width = max(height, width + 30)
    else:
        height = max(54.0, height + 26, least)
        width = max(70.0, width + 2 * theme.PAD)
    above = _fragment(box.above, theme.LABEL)
    below = _fragment(box.below, theme.LABEL)
    return MeasuredBox(box, formula, shape, above, below, width, height)


def _edge(edge: Edge) -> MeasuredEdge:
    value = _fragment(edge.value, theme.LABEL)
    shape = _fragment(edge.shape, theme.LABEL)
    return MeasuredEdge(edge, value, _fragment(edge.gradient, theme.LABEL), shape)


def _fragment(label: Label, size: float) -> Fragment | None:
    return typeset_label(label.latex, size) if label else None
