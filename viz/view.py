"""View: what a picture shows, as plain data. Boxes, edges and clusters with the text on them.

The first stage of drawing: a graph's statements become boxes, what they read becomes edges, its
scopes become clusters. Nothing here has a size or a position; `layout` and `scene` add those, and
`dot` writes a View as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.expression.numerals import numeral
from graphnn.expression.tree import apply, sym
from graphnn.graph.graph import as_graph
from graphnn.graph.statements import Network, Statement, network
from viz.formulas import (
    NOTHING,
    Label,
    formula_label,
    gradient_label,
    name_label,
    norm_label,
    shape_label,
    value_label,
)
from viz.numbers import Numbers, numbers, readers

MAX_SUMMANDS = 3  # a sum of contributions with more of them is not written out

Scope = tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """A leaf or a statement. `kind` is one of theme.BOXES.

    `formula` is the name of a leaf, or a statement; `name` alone stands in when that is too long.
    `above` is its value where no edge can carry it, `below` its gradient, likewise.
    """

    key: str
    kind: str
    formula: Label
    name: Label
    shape: Label = NOTHING
    above: Label = NOTHING
    below: Label = NOTHING
    scope: Scope = ()


@dataclass(frozen=True)
class Edge:
    """`head` reads `tail`; a gradient flows back where `backward` is true.

    `value` is what flows forward, `gradient` what this edge brings back.
    """

    tail: str
    head: str
    value: Label = NOTHING
    gradient: Label = NOTHING
    backward: bool = False


@dataclass(frozen=True)
class Factor:
    """One factor of a chain: ∂a/∂z, the local derivative a(1 − a), and its number, all LaTeX."""

    symbol: str
    local: str = ""
    value: str = ""


@dataclass(frozen=True)
class Chain:
    r"""A gradient as the product along one path: `symbol` = factors = their numbers = `value`.

    `relation` is `\approx` where the numbers that are shown do not multiply to `value`.
    """

    symbol: str
    factors: tuple[Factor, ...]
    value: str = ""
    relation: str = "="


@dataclass(frozen=True)
class View:
    """A picture before it has measures: boxes in the user's order, edges, clusters by path."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Scope, ...] = ()
    title: str = ""
    remark: str = ""
    chain: Chain | None = field(default=None)

    @property
    def backward(self) -> bool:
        """True where at least one gradient is drawn."""
        return any(edge.backward for edge in self.edges)


def view(
    thing: Any,
    at: Mapping[str, npt.ArrayLike] | None = None,
    wrt: str | Sequence[Any] | None = None,
    detail: str = "paths",
    title: str | None = None,
    chain: Chain | None = None,
    digits: int = 3,
) -> View:
    """The View of a Graph, a node or a dict of nodes; `viz.draw` explains the arguments.

    >>> import graphnn as gnn
    >>> made = view(gnn.sigmoid(gnn.parameter("w") * gnn.input("x")))
    >>> [box.formula.text for box in made.boxes]
    ['w', 'x', 'z = w·x', 'f = σ(z)']
    """
    graph = as_graph(thing)
    net = network(graph, detail)
    found = numbers(graph, net, at, wrt)
    loss = found.loss or _scalar_output(net, next(iter(graph.outputs)))
    users = readers(net)
    scopes = {h.node: h.scope for h in reversed(graph.handles) if h.provenance is None}
    leaves = [
        _box(name, net, found, users, loss, digits, scopes.get(net.nodes[name], ()))
        for name in net.leaves
    ]
    statements = [_box(s.name, net, found, users, loss, digits, s.scope, s) for s in net.statements]
    boxes = (*leaves, *statements)
    edges = tuple(
        _edge(name, statement, net, found, users, digits)
        for statement in net.statements
        for name in statement.reads
    )
    clusters = _clusters(box.scope for box in boxes)
    return View(boxes, edges, clusters, title or "", found.remark, chain)


def _scalar_output(net: Network, name: str) -> str | None:
    return name if name in net.nodes and net.nodes[name].shape == () else None


def _clusters(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Every scope and its enclosing ones, outer before inner."""
    found = {scope[:k]: None for scope in scopes for k in range(1, len(scope) + 1)}
    return tuple(found)


def _box(
    name: str,
    net: Network,
    found: Numbers,
    users: Mapping[str, Sequence[Statement]],
    loss: str | None,
    digits: int,
    scope: Scope,
    statement: Statement | None = None,
) -> Box:
    node = net.nodes[name]
    called = name_label(name)
    formula, kind = called, str(node.op) if statement is None else "statement"
    if statement is not None:
        formula = _written(statement, digits)
        kind = "constant" if node.op == "constant" else "loss" if name == loss else kind
    above = below = NOTHING
    if name not in users and name in found.values:
        value = found.shown.get(name, found.values[name])
        above = _equation(called, value, digits, name in found.shown)
    if found.loss is not None and name in found.backward:
        symbol = gradient_label(found.loss, name)
        if name == found.loss:
            below = symbol + Label(" = 1", " = 1")
        elif len([s for s in users.get(name, ()) if s.name in found.backward]) > 1:
            below = _sum(name, symbol, found, users[name], digits)
    return Box(
        name, kind, formula, called, shape_label(node.shape, node.dtype), above, below, scope
    )


def _written(statement: Statement, digits: int) -> Label:
    left = sym(statement.name)
    if statement.index:
        left = apply("[]", left, *statement.index)
    right = formula_label(statement.written, digits)
    return formula_label(left) + Label(" = ", " = ") + right


def _equation(symbol: Label, value: npt.ArrayLike, digits: int, given: bool = False) -> Label:
    shown = value_label(value, digits, given)
    if shown is None:
        return norm_label(symbol, value, digits)
    return symbol + Label(" = ", " = ") + shown


def _sum(
    name: str, symbol: Label, found: Numbers, users: Sequence[Statement], digits: int
) -> Label:
    """A gradient that arrives along several edges: the sum of what they bring."""
    through = [s.name for s in users if s.name in found.backward]
    if name not in found.gradients:
        if len(through) > MAX_SUMMANDS - 1:
            return NOTHING
        parts = [_through(found.loss or "", user, name) for user in through]
        return Label(
            f"{symbol.latex} = {' + '.join(p.latex for p in parts)}",
            f"{symbol.text} = {' + '.join(p.text for p in parts)}",
        )
    total = found.gradients[name]
    plain = _equation(symbol, total, digits)
    if np.ndim(total) != 0 or len(through) > MAX_SUMMANDS:
        return plain
    summands = [value_label(found.contributions[user, name], digits) for user in through]
    result = value_label(total, digits)
    if result is None or any(s is None for s in summands):
        return plain
    texts = [s for s in summands if s is not None]
    shown = texts[0]
    for text in texts[1:]:
        negative = text.latex.startswith("-")
        sign = Label(" - ", " − ") if negative else Label(" + ", " + ")
        shown = shown + sign + (Label(text.latex[1:], text.text[1:]) if negative else text)
    equal = adds_up([t.text for t in texts], result.text)
    relation = Label(" = ", " = ") if equal else Label(r" \approx ", " ≈ ")
    return symbol + Label(" = ", " = ") + shown + relation + result


def adds_up(summands: Sequence[str], result: str) -> bool:
    """Whether numbers as they are shown add to the shown result, to its last digit.

    >>> adds_up(["3", "−0.416"], "2.58"), adds_up(["0.1", "0.1"], "0.21")
    (True, False)
    """
    numbers_shown = [_read(text) for text in (*summands, result)]
    if any(number is None for number in numbers_shown):
        return False
    *parts, total = [number for number in numbers_shown if number is not None]
    places = len(result.partition(".")[2].partition("e")[0])
    power = int(result.partition("e")[2].replace("−", "-") or 0)
    return abs(sum(parts) - total) <= Fraction(1, 2) * Fraction(10) ** (power - places)


def _read(text: str) -> Fraction | None:
    try:
        return Fraction(text.replace("−", "-"))
    except ValueError:
        return None


def _through(loss: str, user: str, name: str) -> Label:
    """∂L/∂u · ∂u/∂x, the summand that one reader contributes.

    Where the loss itself reads the value, ∂⁺L/∂x: everything else that it reads is held fixed.
    """
    if user != loss:
        return (
            gradient_label(loss, user) + Label(r"\,", "·", r"\cdot ") + gradient_label(user, name)
        )
    whole = gradient_label(loss, name)
    return Label(
        whole.latex.replace(r"\partial", r"\partial^{+}", 1),
        whole.text.replace("∂", "∂⁺", 1),
        whole.level.replace(r"\partial", r"\partial^{+}", 1),
    )


def _edge(
    name: str,
    statement: Statement,
    net: Network,
    found: Numbers,
    users: Mapping[str, Sequence[Statement]],
    digits: int,
) -> Edge:
    value = gradient = NOTHING
    if name in found.values:
        number = found.shown.get(name, found.values[name])
        shown = value_label(number, digits, name in found.shown)
        value = shown or norm_label(name_label(name), number, digits)
    backward = name in found.backward and statement.name in found.backward
    if backward and found.loss is not None:
        several = len([s for s in users[name] if s.name in found.backward]) > 1
        if several:
            gradient = _through(found.loss, statement.name, name)
            brought = found.contributions.get((statement.name, name))
        else:
            gradient = gradient_label(found.loss, name)
            brought = found.gradients.get(name)
        if brought is not None:
            gradient = _equation(gradient, brought, digits)
    return Edge(name, statement.name, value, gradient, backward)


def multiplies_to(factors: Sequence[str], result: str) -> bool:
    """Whether factors as they are shown multiply to the shown result, to its last digit.

    >>> multiplies_to(["−0.3318", "0.2217", "1.5"], "−0.1104")
    False
    """
    product = Fraction(1)
    for text in factors:
        number = _read(text)
        if number is None:
            return False
        product *= number
    return adds_up([numeral(product) if product.denominator == 1 else _plain(product)], result)


def _plain(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}".replace("-", "−")
