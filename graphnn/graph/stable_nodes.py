"""The nodes that stand for stable forms: what `stabilise` builds where a reduction is recognised.

    m = max u    h = hold m    d = u − h    e = exp d    s = Σ e
    softmax = e/s      log-softmax = d − log s      logsumexp = h + log s
    variance = mean((u − mean u)²)

Softmax and its logarithm of one argument share d, e and s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graphnn.calculus.formula import Axis, Formula, Read, Size
from graphnn.calculus.polynomial import Polynomial, axis, single_axis
from graphnn.expression.bags import Sum, names
from graphnn.expression.normal_form import normal_form
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.apply import formula_node
from graphnn.graph.compose import Element, Region, short_form
from graphnn.graph.node import Node, make
from graphnn.graph.summands import place_axes

_0, _1 = sym("_0"), sym("_1")
Operand = tuple[Node, tuple[Polynomial, ...]]


@dataclass(frozen=True)
class Argument:
    """The argument u of a form: its node and the index at which it is read.

    `extents` are those of its axes, in order; `over` are the axes that are reduced.
    """

    node: Node
    index: tuple[Polynomial, ...]
    extents: dict[str, Size]
    over: tuple[str, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """Every axis."""
        return tuple(self.extents)

    @property
    def kept(self) -> tuple[str, ...]:
        """The axes that are not reduced."""
        return tuple(name for name in self.extents if name not in self.over)

    def build(
        self,
        name: str,
        body: Expr,
        operands: Iterable[Operand],
        write: Iterable[str],
        reduce: str = "set",
    ) -> Node:
        """A node over the argument's axes; a kept-only formula has the kept axes alone."""
        written = tuple(write)
        used = self.axes if reduce != "set" else written
        given = list(operands)
        formula = Formula(
            name,
            tuple(Axis(a, self.extents[a]) for a in used),
            along(written),
            tuple(self.extents[a] for a in written),
            reduce,
            tuple(Read(k, index) for k, (_, index) in enumerate(given)),
            body,
        )
        return formula_node(formula, [node for node, _ in given], self.node.dtype)


def argument(region: Region, part: Sum, over: set[str], dtype: str) -> Argument:
    """A sum over a region's elements as the argument of a form: a node that there is, or a new one."""
    body = short_form(region, part, dtype)
    elements = {name: element for element, name in region.elements.items()}
    element = elements.get(str(body.args[0])) if body.head == "sym" else None
    if element is not None and _is_whole(region, element):
        node, places = element
        index = tuple(place for place in places if isinstance(place, Polynomial))
        axes = [str(single_axis(place)) for place in index]
    else:
        axes = _axes_in_order(region, body, elements)
        node = _node(region, body, axes, dtype)
        index = along(axes)
    extents = {name: region.extents[name] for name in axes}
    return Argument(node, index, extents, tuple(name for name in axes if name in over))


def _is_whole(region: Region, element: Element) -> bool:
    """Whether an element is read at plain axes that span its node, each once."""
    node, index = element
    singles = [single_axis(place) for place in index]
    return (
        None not in singles
        and len(set(singles)) == len(singles)
        and all(region.extents[str(s)] == n for s, n in zip(singles, node.shape, strict=True))
    )


def _axes_in_order(region: Region, body: Expr, elements: dict[str, Element]) -> list[str]:
    """The axes that a body depends on, in the order of its widest element."""
    used = names(normal_form(body))
    order: dict[str, None] = {}
    for _, index in sorted((elements[n] for n in used if n in elements), key=lambda e: -len(e[1])):
        for place in index:
            order.update(dict.fromkeys(sorted(place_axes(place))))
    order.update(dict.fromkeys(name for name in used if name in region.extents))
    return list(order)


def _node(region: Region, body: Expr, axes: list[str], dtype: str) -> Node:
    narrow = Region(tuple(Axis(a, region.extents[a]) for a in axes), region.opened, region.elements)
    return narrow.node(body, dtype=dtype)


@dataclass(frozen=True)
class Shifted:
    """The nodes that softmax, its logarithm and logsumexp share."""

    of: Argument
    maximum: Node
    difference: Node
    exponential: Node
    total: Node

    @property
    def nodes(self) -> set[Node]:
        """Every node that was made."""
        return {self.maximum, self.difference, self.exponential, self.total}


def shifted(u: Argument) -> Shifted:
    """The argument minus its maximum, held; the exponential of that; its sum."""
    largest = u.build("max", _0, [(u.node, u.index)], u.kept, "max")
    held = make("hold", (largest,), largest.shape, largest.dtype)
    parts = [(u.node, u.index), (held, along(u.kept))]
    difference = u.build("subtract", apply("-", _0, _1), parts, u.axes)
    exponential = u.build("exp", apply("exp", _0), [(difference, along(u.axes))], u.axes)
    total = u.build("sum", _0, [(exponential, along(u.axes))], u.kept, "sum")
    return Shifted(u, held, difference, exponential, total)


def softmax(s: Shifted) -> Node:
    """`e / Σ e`."""
    parts = [(s.exponential, along(s.of.axes)), (s.total, along(s.of.kept))]
    return s.of.build("softmax", apply("/", _0, _1), parts, s.of.axes)


def log_softmax(s: Shifted) -> Node:
    """`d − log Σ e`."""
    parts = [(s.difference, along(s.of.axes)), (s.total, along(s.of.kept))]
    return s.of.build("log_softmax", apply("-", _0, apply("log", _1)), parts, s.of.axes)


def logsumexp(s: Shifted) -> Node:
    """`h + log Σ e`."""
    parts = [(s.maximum, along(s.of.kept)), (s.total, along(s.of.kept))]
    return s.of.build("logsumexp", apply("+", _0, apply("log", _1)), parts, s.of.kept)


def is_form(node: Node) -> bool:
    """Whether a node is softmax, log-softmax or logsumexp as built here: its derivative is bounded."""
    if not isinstance(node.op, Formula) or len(node.operands) != 2:
        return False
    total = node.operands[1]
    below = total.operands[0] if total.operands else total
    return (
        node.op.name in ("softmax", "log_softmax", "logsumexp")
        and isinstance(total.op, Formula)
        and total.op.reduce == "sum"
        and isinstance(below.op, Formula)
        and below.op.body is apply("exp", _0)
    )


def variance(u: Argument) -> tuple[Node, set[Node]]:
    """`mean((u − mean u)²)`, and the nodes that were made for it.

    The mean is not held: the variance is smallest there, but does depend on it.
    """
    count = apply("extent", sym(u.over[0]))
    for name in u.over[1:]:
        count = apply("*", count, apply("extent", sym(name)))
    center = u.build("mean", apply("/", _0, count), [(u.node, u.index)], u.kept, "sum")
    parts = [(u.node, u.index), (center, along(u.kept))]
    around = u.build("subtract", apply("-", _0, _1), parts, u.axes)
    square = apply("/", apply("^", _0, num(2)), count)
    made = u.build("variance", square, [(around, along(u.axes))], u.kept, "sum")
    return made, {center, around}


def along(axes: Iterable[str]) -> tuple[Polynomial, ...]:
    """The index that is these axes."""
    return tuple(axis(name) for name in axes)
