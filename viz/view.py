"""View: what a picture shows, as plain data. Boxes, edges and clusters with the text on them.

The first stage of drawing: a graph's statements become boxes, what they read becomes edges, its
scopes become clusters. Nothing here has a size or a position; `layout` and `scene` add those, and
`dot` writes a View as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.expression.tree import apply, sym
from graphnn.graph.graph import as_graph
from graphnn.graph.statements import Network, Statement, network
from viz.contributions import added_up, equation, through, whole_sum
from viz.formulas import (
    NOTHING,
    Label,
    Size,
    extent_label,
    formula_label,
    gradient_label,
    name_label,
    norm_label,
    shape_label,
    size_label,
    value_label,
)
from viz.numbers import Numbers, numbers, on_path, readers
from viz.typeset import protect

MAX_SIZE = 6  # a longer size has a short name in the picture, and a line below it

Scope = tuple[str, ...]


@dataclass(frozen=True)
class Box:
    """A leaf or a statement. `kind` is one of theme.BOXES.

    `formula` is the name of a leaf, or a statement; `name` alone stands in when that is too long.
    `shape` is the space that it lives in, `note` what stands under the formula: that space, where
    no edge can carry it, or what was folded into the box. `above` is its value where no edge can
    carry it, `below` its gradient, likewise. `adds` is true where contributions to the gradient are
    added, `total` is their sum term by term; a `shared` leaf is drawn once for each reader.
    """

    key: str
    kind: str
    formula: Label
    name: Label
    shape: Label = NOTHING
    above: Label = NOTHING
    below: Label = NOTHING
    scope: Scope = ()
    note: Label = NOTHING
    adds: bool = False
    total: Label = NOTHING
    shared: bool = False

    @property
    def is_leaf(self) -> bool:
        """Drawn round."""
        return self.kind in ("input", "parameter", "constant")


@dataclass(frozen=True)
class Edge:
    """`head` reads `tail`; a gradient flows back where `backward` is true.

    `value` is what flows forward, `shape` its sizes where it is not written out, `gradient` what
    this edge brings back.
    """

    tail: str
    head: str
    value: Label = NOTHING
    gradient: Label = NOTHING
    backward: bool = False
    shape: Label = NOTHING


@dataclass(frozen=True)
class Factor:
    r"""One factor of a chain: ∂a/∂z, the local derivative a(1 − a), and its number, all LaTeX.

    >>> import viz
    >>> viz.Factor(r"\frac{\partial a}{\partial z}", "a(1 - a)", "0.25").value
    '0.25'
    """

    symbol: str
    local: str = ""
    value: str = ""


@dataclass(frozen=True)
class Chain:
    r"""A gradient as the product along one path: `symbol` = factors = their numbers = `value`.

    `relation` is `\approx` where the numbers that are shown do not multiply to `value`. Made by
    `viz.chain_of`; `viz.draw` puts one below a graph.

    >>> import graphnn as gnn, viz
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> L = gnn.name("L", gnn.name("z", w * x) ** 2)
    >>> chain = viz.chain_of(L, "w", at={"w": 2, "x": 3})
    >>> chain.symbol, chain.value, [factor.value for factor in chain.factors]
    ('\\frac{\\partial L}{\\partial w}', '36', ['12', '3'])
    """

    symbol: str
    factors: tuple[Factor, ...]
    value: str = ""
    relation: str = "="


@dataclass(frozen=True)
class View:
    """A picture before it has measures: boxes in the user's order, edges, clusters by path.

    `remarks` are lines below the graph. `sums` are gradients of shared leaves, term by term.
    `path` holds the boxes of the gradient path that is highlighted; None where none is.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Scope, ...] = ()
    title: str = ""
    remarks: tuple[Label, ...] = ()
    chain: Chain | None = None
    sums: tuple[Label, ...] = ()
    path: frozenset[str] | None = None

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
    forward: bool = False,
    path: str | None = None,
) -> View:
    """The View of a Graph, a node or a dict of nodes; `viz.draw` explains the arguments.

    >>> import graphnn as gnn
    >>> made = view(gnn.sigmoid(gnn.parameter("w") * gnn.input("x")))
    >>> [box.formula.text for box in made.boxes]
    ['w', 'x', 'z = w·x', 'f = σ(z)']
    """
    graph = as_graph(thing)
    net = network(graph, detail)
    if forward and path:
        raise GraphError(
            "a picture of the forward graph has no gradient path: leave one of them out"
        )
    found = numbers(graph, net, at, wrt, forward)
    strong = on_path(graph, net, found, path) if path else None
    short = _short_sizes(net, found)
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
        _edge(name, statement, net, found, users, digits, short)
        for statement in net.statements
        for name in statement.reads
    )
    clusters = _clusters(box.scope for box in boxes)
    remarks = [Label(rf"\text{{{protect(found.remark)}}}", found.remark)] if found.remark else []
    remarks += [label + Label(" = ", " = ") + extent_label(size) for size, label in short.items()]
    return View(boxes, edges, clusters, title or "", tuple(remarks), chain, (), strong)


def _scalar_output(net: Network, name: str) -> str | None:
    return name if name in net.nodes and net.nodes[name].shape == () else None


def _short_sizes(net: Network, found: Numbers) -> dict[Size, Label]:
    """A short name for every size that is long to write, where values do not make it a number."""
    if found.values:
        return {}
    sizes = dict.fromkeys(size for node in net.nodes.values() for size in node.shape)
    long = [size for size in sizes if len(extent_label(size).text) > MAX_SIZE]
    taken = {name.partition("_")[0] for name in net.nodes} | {str(size) for size in sizes}
    letter = next(letter for letter in ("n", "m", "k", "s", "size") if letter not in taken)
    return {size: name_label(f"{letter}{k}") for k, size in enumerate(long, 1)}


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
    above = below = note = total = NOTHING
    adds = False
    if name not in users and name in found.values:
        value = found.shown.get(name, found.values[name])
        above = equation(called, value, digits, name in found.shown)
    space = shape_label(np.shape(found.values[name]) if found.values else node.shape, node.dtype)
    if name not in users:
        note = space
    if found.loss is not None and name in found.backward:
        symbol = gradient_label(found.loss, name)
        if name == found.loss:
            below = symbol + Label(" = 1", " = 1")
        elif len([s for s in users.get(name, ()) if s.name in found.backward]) > 1:
            below = added_up(name, symbol, found, users[name], digits)
            adds = True
            total = whole_sum(name, symbol, found, users[name], digits)
    return Box(name, kind, formula, called, space, above, below, scope, note, adds, total=total)


def _written(statement: Statement, digits: int) -> Label:
    left = sym(statement.name)
    if statement.index:
        left = apply("[]", left, *statement.index)
    right = formula_label(statement.written, digits)
    return formula_label(left) + Label(" = ", " = ") + right


def _edge(
    name: str,
    statement: Statement,
    net: Network,
    found: Numbers,
    users: Mapping[str, Sequence[Statement]],
    digits: int,
    short: Mapping[Size, Label],
) -> Edge:
    value = gradient = NOTHING
    shape = size_label(net.nodes[name].shape, short)
    if name in found.values:
        number = found.shown.get(name, found.values[name])
        shown = value_label(number, digits, name in found.shown)
        value = shown or norm_label(name_label(name), number, digits)
        shape = NOTHING if shown else size_label(np.shape(number))
    backward = name in found.backward and statement.name in found.backward
    if backward and found.loss is not None:
        several = len([s for s in users[name] if s.name in found.backward]) > 1
        if several:
            gradient = through(found.loss, statement.name, name)
            brought = found.contributions.get((statement.name, name))
        else:
            gradient = gradient_label(found.loss, name)
            brought = found.gradients.get(name)
        if brought is not None:
            gradient = equation(gradient, brought, digits)
    return Edge(name, statement.name, value, gradient, backward, shape)
