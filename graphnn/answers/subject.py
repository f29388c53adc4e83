"""What answers are about: the names of a network, and the value of any derivative at a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.answers.points import Point
from graphnn.answers.reading import Derivative
from graphnn.calculus.formula import Shape
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.graph import ops
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate
from graphnn.graph.graph import Graph, as_graph
from graphnn.graph.handle import Handle
from graphnn.graph.leaves import input as make_input
from graphnn.graph.node import Node, make
from graphnn.graph.statements import Network, network

Array = npt.NDArray[Any]

SEED = "\0seed"
MAX_ROWS = 2_000
"""Elements of a tensor, above which its table of derivatives is not computed row by row."""


@dataclass
class Slope:
    """How one derivative is computed: its node, and the shape of the seed that it is fed.

    `kind` is "gradient" (of a single element), "elementwise" (the diagonal of a table that has
    nothing else) or "table" (every element by every element).
    """

    kind: str
    node: Node
    seed: Node | None
    shape: Shape


@dataclass
class Subject:
    """The named values of a network, and the derivatives between them that answers speak of."""

    graph: Graph
    network: Network
    nodes: dict[str, Node]
    leaves: dict[str, Node]
    spare: frozenset[str]
    slopes: dict[str, Slope] = field(default_factory=dict)

    @property
    def handles(self) -> dict[str, Handle]:
        """Every name as a handle."""
        return {name: Handle(node, name=name) for name, node in self.nodes.items()}

    @property
    def names(self) -> dict[Node, str]:
        """Node → its first name."""
        found: dict[Node, str] = {}
        for name, node in self.nodes.items():
            found.setdefault(node, name)
        return found

    def evaluate(self, node: Node, point: Point) -> Array:
        """The numbers of a node at a point; every leaf takes part, because its shape binds sizes."""
        found = evaluate_nodes([node, *self.leaves.values()], point, rounded=False)
        return np.asarray(found[node], dtype=np.float64)

    def slope(self, wanted: Derivative, point: Point) -> Slope:
        """How ∂above/∂below is computed; a point tells whether it is element by element."""
        if wanted.name not in self.slopes:
            self.slopes[wanted.name] = self._slope(wanted, point)
        return self.slopes[wanted.name]

    def _slope(self, wanted: Derivative, point: Point) -> Slope:
        above, below = self.nodes[wanted.above], self.nodes[wanted.below]
        if all(size == 1 for size in above.shape):
            node = differentiate(above, [below]).gradients[below]
            full = wanted.index is not None and len(wanted.index) > len(below.shape)
            shape = (*above.shape, *below.shape) if full else below.shape
            return Slope("gradient", node, None, shape)
        seed = make("input", shape=above.shape, dtype=above.dtype, name=SEED)
        node = differentiate(above, [below], seed).gradients[below]
        slope = Slope("table", node, seed, (*above.shape, *below.shape))
        if wanted.index is None and above.shape == below.shape:
            table = self.value(slope, point)
            rows = int(np.prod(table.shape[: len(above.shape)]))
            square = table.reshape(rows, rows)
            if np.array_equal(square, np.diag(np.diag(square))):
                return Slope("elementwise", node, seed, above.shape)
        return slope

    def value(self, slope: Slope, point: Point) -> Array:
        """The numbers of a derivative at one point."""
        if slope.seed is None:
            array = self.evaluate(slope.node, point)
            return array.reshape((1,) * (len(slope.shape) - array.ndim) + array.shape)
        above = self._shape(slope.seed, point)
        if slope.kind == "elementwise":
            return self._seeded(slope.node, np.ones(above), point)
        rows = int(np.prod(above))
        if rows > MAX_ROWS:
            raise GraphError(
                f"a table of derivatives of {rows:,} elements is too large to be judged; "
                "answer for a single number, ∂L/∂…"
            )
        parts = []
        for row in range(rows):
            seed = np.zeros(rows)
            seed[row] = 1
            parts.append(self._seeded(slope.node, seed.reshape(above), point))
        return np.stack(parts).reshape(*above, *parts[0].shape) if parts else np.zeros(above)

    def _seeded(self, node: Node, seed: Array, point: Point) -> Array:
        return self.evaluate(node, {**point, SEED: seed})

    def _shape(self, seed: Node, point: Point) -> tuple[int, ...]:
        same = next(n for n in self.nodes.values() if n.shape == seed.shape)
        return self.evaluate(same, point).shape


def subject(thing: Any) -> Subject:
    """The subject of answers about a Graph, a node or a dict of nodes.

    Where the only output is a tensor z and nothing is called L, L is any loss that z feeds:
    `L = Σ z̄ ⊙ z`, with a leaf z̄ (`z_bar`) of its own.
    """
    graph = as_graph(thing)
    net = network(graph)
    nodes = {**{name: net.nodes[name] for name in net.leaves}, **net.nodes}
    own = {name for names in graph.names.values() for name in names} | set(net.leaves)
    name, loss = next(reversed(graph.outputs.items()))
    name = net.names.get(loss.node, name)
    leaves = {leaf: nodes[leaf] for leaf in net.leaves}
    barred = f"{name}_bar"
    if any(size != 1 for size in loss.shape) and "L" not in nodes and barred not in nodes:
        seed = make_input(barred, loss.shape, loss.dtype)
        fed = Handle(ops.sum(ops.multiply(seed, Handle(loss.node))).node)
        nodes |= {barred: seed.node, "L": fed.node}
        leaves[barred] = seed.node
        own |= {barred, "L"}
    return Subject(graph, net, nodes, leaves, frozenset(nodes) - own)


def check_given(about: Subject, given: Mapping[str, Any]) -> None:
    """Every value that is given belongs to a leaf.

    Raises GraphError that names the leaves.
    """
    for name in given:
        if name not in about.leaves:
            what = "is computed by the network" if name in about.nodes else "is no leaf"
            known = ", ".join(map(show, about.leaves))
            raise GraphError(f"{show(name)} {what}; give values for {known}")
