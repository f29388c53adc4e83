"""Which statement each node serves, and what its buffer is called.

The user's statements and names come first; a gradient is called after what it is the gradient of,
and a backward node serves the statement through which it leads back.
"""

from __future__ import annotations

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

    `lines` are the statements as written, in order; a backward block has the number −1 − k.
    """

    lines: dict[str, str] = field(default_factory=dict)
    serves: dict[Node, tuple[str, int]] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)


def sources_of(graph: Graph, written: Graph, gradients: Gradients | None) -> Sources:
    """Statements and names of nodes: the user's, then what the tables of gradients say.

    `written` is the graph whose statements are shown, where `graph` is another form of it.
    """
    found = Sources()
    for form in (written,) if graph is written else (written, graph):
        _add_statements(found, form)
    for node, names in graph.names.items():
        found.names.setdefault(node, names[0])
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
    for node, made in {**gradients.cotangents, **gradients.gradients}.items():
        if node in found.names and made.op != "constant":
            found.names.setdefault(made, f"d_{found.names[node]}")
        served = found.serves.get(node) or first_use.get(node)
        if served is not None:
            found.serves.setdefault(made, (served[0], _backward(served[1])))


def _backward(place: int) -> int:
    """The number of the block in which a statement's backward kernels stand."""
    return -1 - place if place >= 0 else place
