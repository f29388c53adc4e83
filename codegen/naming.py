"""Which statement each node serves, and what its buffer is called.

The user's statements and names come first; a gradient is called after what it is the gradient of,
and a backward node serves the statement through which it leads back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.graph.gradient import Gradients, differentiate
from graphnn.graph.graph import Graph
from graphnn.graph.handle import GradientOf, Handle
from graphnn.graph.node import Node
from graphnn.graph.statements import network


@dataclass
class Sources:
    """What planning knows about nodes: the statement each serves, and the name it goes by.

    `lines` are the statements as written, in order; a backward block has the number −1 − k. `own`
    are the nodes with a name of the user's, `cotangents` those that are gradients of such.
    """

    lines: dict[str, str] = field(default_factory=dict)
    serves: dict[Node, tuple[str, int]] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)
    own: set[Node] = field(default_factory=set)
    cotangents: set[Node] = field(default_factory=set)

    def moved(self, made: Mapping[Node, Node]) -> Sources:
        """The same about the nodes that are computed instead."""
        found = Sources(self.lines)
        found.own = {made[n] for n in self.own if n in made}
        found.cotangents = {made[n] for n in self.cotangents if n in made}
        for old, new in made.items():
            if old in self.serves:
                found.serves.setdefault(new, self.serves[old])
            if old in self.names:
                found.names.setdefault(new, self.names[old])
        return found


# What an unnamed value is called, by the op that computes it.
STEMS = {
    "add": "total",
    "subtract": "difference",
    "multiply": "product",
    "matmul": "product",
    "divide": "quotient",
    "negate": "negative",
    "power": "power",
    "exp": "exps",
    "log": "logs",
    "max": "largest",
    "argmax": "first",
    "sum": "total",
    "mean": "average",
    "_0": "part",
}


def stem(node: Node) -> str:
    """A name for a value without one: what kind of thing it is.

    >>> import graphnn as gnn
    >>> stem(gnn.exp(gnn.input("x")).node)
    'exps'
    """
    return STEMS.get(node.kind, node.kind)


def sources_of(graph: Graph, written: Graph, gradients: Gradients | None) -> Sources:
    """Statements and names of nodes: the user's, then what the tables of gradients say.

    `written` is the graph whose statements are shown, where `graph` is another form of it.
    """
    found = Sources()
    for form in (written,) if graph is written else (written, graph):
        _add_statements(found, form)
    for node, names in graph.names.items():
        found.names.setdefault(node, names[0])
    found.own = set(found.names)
    if gradients is not None:
        _trace(found, gradients)
    for made in _derived(graph):
        _trace(found, made)
    for place, (leaf, handle) in enumerate(graph.updates.items()):
        found.names.setdefault(handle.node, f"new_{leaf.name}")
        found.serves.setdefault(handle.node, (f"next {leaf.name}", place))
    return found


def _add_statements(found: Sources, graph: Graph) -> None:
    """The statements of one form of the graph; the first form numbers them."""
    try:
        lines = network(_primal(graph))
    except GraphError:
        return
    if not found.lines:
        found.lines = {s.name: f"{show(s.name)} = {s.written}" for s in lines.statements}
    numbers = {name: place for place, name in enumerate(found.lines)}
    for node, name in lines.names.items():
        found.names.setdefault(node, name)
    for statement in lines.statements:
        if statement.name in numbers:
            for node in statement.inner:
                found.serves.setdefault(node, (statement.name, numbers[statement.name]))


def _primal(graph: Graph) -> Graph:
    """What the user wrote: the outputs, and instead of a gradient that of which it is one."""
    written: dict[str, Handle] = {}
    for name, handle in graph.outputs.items():
        if isinstance(handle.provenance, GradientOf):
            primal = handle.provenance.output
            if primal.name not in written:
                written.setdefault(primal.name or "f", primal)
        else:
            written[name] = handle
    return Graph(written)


def _derived(graph: Graph) -> list[Gradients]:
    """The tables of the gradients that the graph holds, first derivatives first."""
    groups: dict[tuple[Node, Node | None], list[Node]] = {}
    for handle in graph.handles:
        match handle.provenance:
            case GradientOf(output=output, wrt=wrt, cotangent=cotangent):
                key = (output.node, None if cotangent is None else cotangent.node)
                groups.setdefault(key, []).append(wrt.node)
    return [differentiate(output, wrt, seed) for (output, seed), wrt in groups.items()]


def _trace(found: Sources, gradients: Gradients) -> None:
    """Names and statements of one reverse pass: `d_z` is the cotangent of z."""
    last = len(found.lines)
    first_use: dict[Node, tuple[str, int]] = {}
    for c in gradients.contributions:
        place = found.serves.get(c.node, ("", last))
        found.serves.setdefault(c.result, (place[0], _backward(place[1])))
        first_use[c.operand] = min(first_use.get(c.operand, place), place, key=lambda p: p[1])
    cotangents = {**gradients.cotangents, **gradients.gradients}
    for node, made in sorted(cotangents.items(), key=lambda pair: pair[0] not in found.own):
        if made.op != "constant":
            found.names.setdefault(made, f"d_{found.names.get(node) or stem(node)}")
            if node in found.own:
                found.cotangents.add(made)
    for node, made in cotangents.items():
        served = found.serves.get(node) or first_use.get(node)
        if served is not None:
            found.serves.setdefault(made, (served[0], _backward(served[1])))


def _backward(place: int) -> int:
    """The number of the block in which a statement's backward kernels stand."""
    return -1 - place if place >= 0 else place
