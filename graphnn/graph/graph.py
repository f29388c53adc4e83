"""A Graph: named outputs, updates, and the tables that its handles carry.

`gnn.grad` and `gnn.sgd` return handles and graphs; `evaluate` computes one with the reference
evaluator. Whatever takes a Graph also takes a node, or a dict of nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.expression.names import canonical
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate, push_forward
from graphnn.graph.handle import GradientOf, Handle, Written, user_line
from graphnn.graph.node import Node, topological
from graphnn.graph.provenance import reachable
from graphnn.graph.rows import handles_from_rows, handles_to_rows

if TYPE_CHECKING:
    import networkx as nx

GraphLike = "Graph | Handle | Mapping[str, Handle]"


@dataclass(frozen=True)
class Graph:
    """Outputs by name, and updates: parameter → the node of its next value.

    Tables (all derived from handles): `nodes` in topological order, `handles` in the order in
    which the user made them, `names` (node → its names), `leaves`.
    """

    outputs: dict[str, Handle]
    updates: dict[Handle, Handle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that names belong to one leaf each, and updates to parameters."""
        for handle in (*self.outputs.values(), *self.updates, *self.updates.values()):
            if not isinstance(handle, Handle):
                raise GraphError(f"a graph holds nodes; {type(handle).__name__} was given")
        for leaf, following in self.updates.items():
            if leaf.node.op != "parameter":
                raise GraphError(f"only a parameter is updated; {leaf.name} is {leaf.node.kind}")
            if following.shape != leaf.shape:
                raise ShapeError(
                    f"the update of {leaf.name} has shape {shape_text(following.shape)}; "
                    f"the parameter has {shape_text(leaf.shape)}"
                )
            if following.dtype != leaf.dtype:
                raise DtypeError(
                    f"the update of {leaf.name} is {following.dtype}; the parameter is {leaf.dtype}"
                )
        seen: dict[str, Node] = {}
        for node in self.nodes:
            if node.op in ("input", "parameter"):
                name = node.attribute("name")
                if seen.setdefault(name, node) is not node:
                    raise GraphError(f"two leaves are called {name}; rename one of them")

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, operands before users, in a fixed order."""
        return tuple(
            topological([h.node for h in (*self.outputs.values(), *self.updates.values())])
        )

    @cached_property
    def handles(self) -> tuple[Handle, ...]:
        """Every handle that the outputs and updates reach, in the order in which they were made."""
        return reachable((*self.outputs.values(), *self.updates, *self.updates.values()))

    @cached_property
    def names(self) -> dict[Node, tuple[str, ...]]:
        """Node → the names that the user gave it."""
        found: dict[Node, dict[str, None]] = {}
        for handle in self.handles:
            if handle.name is not None:
                found.setdefault(handle.node, {})[handle.name] = None
        for name, handle in self.outputs.items():
            found.setdefault(handle.node, {})[name] = None
        return {node: tuple(names) for node, names in found.items()}

    @cached_property
    def inputs(self) -> tuple[Handle, ...]:
        """The inputs, in the order in which they were declared."""
        return self._leaves("input")

    @cached_property
    def parameters(self) -> tuple[Handle, ...]:
        """The parameters, in the order in which they were declared."""
        return self._leaves("parameter")

    def _leaves(self, op: str) -> tuple[Handle, ...]:
        found: dict[Node, Handle] = {}
        for handle in self.handles:
            if handle.node.op == op and handle.provenance is None:
                found.setdefault(handle.node, handle)
        return tuple(found.values())

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """A networkx MultiDiGraph of the nodes: an edge for each use, `x*x` has two.

        Nodes carry op, shape, dtype and names; edges the operand's position.
        """
        import networkx as nx

        made: nx.MultiDiGraph[int] = nx.MultiDiGraph()
        place = {node: k for k, node in enumerate(self.nodes)}
        for node, k in place.items():
            names = self.names.get(node, ())
            made.add_node(k, op=node.kind, shape=node.shape, dtype=node.dtype, names=names)
        for node, k in place.items():
            for position, operand in enumerate(node.operands):
                made.add_edge(place[operand], k, operand=position)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as flat rows, without recursion."""
        ends = [*self.outputs.values(), *self.updates, *self.updates.values()]
        return _from_rows, (handles_to_rows(ends), list(self.outputs), len(self.updates))

    def __deepcopy__(self, memo: object) -> Graph:
        """Itself: it is immutable."""
        return self


def _from_rows(packed: tuple[Any, ...], names: list[str], updates: int) -> Graph:
    handles = handles_from_rows(packed)
    rest = handles[len(names) :]
    following = dict(zip(rest[:updates], rest[updates:], strict=True))
    return Graph(dict(zip(names, handles, strict=False)), following)


def as_graph(thing: Any) -> Graph:
    """A Graph from a Graph, a node, or a dict of nodes; a node is called by its name, else `f`."""
    if isinstance(thing, Graph):
        return thing
    if isinstance(thing, Handle):
        return Graph({thing.name or "f": thing})
    if isinstance(thing, Mapping):
        return Graph(dict(thing))
    raise GraphError(
        f"a Graph, a node or a dict of nodes is wanted; {type(thing).__name__} was given"
    )


def grad(
    output: Handle,
    wrt: str | Handle | Sequence[str | Handle] | None = None,
    cotangent: Any = None,
) -> Any:
    """The gradient of `output`: a node for one `wrt`, a dict in order for several or none.

    `wrt` holds names or nodes, intermediate ones too; without it, every parameter. An output with
    more than one element needs a `cotangent` of its shape. No path gives zeros.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> float(gnn.evaluate(gnn.grad(w * w * x, "w"), w=3, x=2))
    12.0

    Raises GraphError for an unknown name, ShapeError for an output that is not one element.
    """
    graph = as_graph(output)
    if cotangent is not None and not isinstance(cotangent, Handle):
        from graphnn.graph.apply import weak_constant

        cotangent = weak_constant(np.asarray(cotangent, dtype=np.float64), output.dtype)
    single = isinstance(wrt, str | Handle)
    if wrt is None:
        wanted: list[str | Handle] = list(graph.parameters)
        if not wanted:
            raise GraphError("the output has no parameters; say with respect to what: wrt=…")
    else:
        wanted = [wrt] if isinstance(wrt, str | Handle) else list(wrt)
    handles: dict[str, Handle] = {}
    for one in wanted:
        handle = resolve(graph, one)
        if handles.setdefault(_label(one), handle).node is not handle.node:
            raise GraphError(f"two different nodes of wrt are called {_label(one)}; rename one")
    try:
        made = differentiate(
            output.node,
            [h.node for h in handles.values()],
            None if cotangent is None else cotangent.node,
        )
    except GraphError as error:
        raise type(error)(error.message, f"  at {user_line()}") from None
    found = {
        label: Handle(made.gradients[h.node], GradientOf(output, h, cotangent))
        for label, h in handles.items()
    }
    return next(iter(found.values())) if single else found


def _label(wanted: str | Handle) -> str:
    if isinstance(wanted, Handle):
        return wanted.name or f"{wanted.node.kind}{wanted.serial}"
    return canonical(wanted)


def resolve(graph: Graph, wanted: str | Handle) -> Handle:
    """The handle that a name means; an unknown name lists the nearest ones."""
    if isinstance(wanted, Handle):
        return wanted
    called = canonical(wanted)
    matches = {h.node: h for h in graph.handles if h.name == called}
    if len(matches) > 1:
        raise GraphError(f"{wanted} names {len(matches)} different nodes; give the node itself")
    if not matches:
        import difflib

        known = sorted({h.name for h in graph.handles if h.name})
        same = [name for name in known if name.casefold() == called.casefold()]
        near = same or difflib.get_close_matches(called, known, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise GraphError(f"there is no {wanted}{hint}", f"  known: {', '.join(known)}")
    return next(iter(matches.values()))


def tangent(output: Handle, tangents: Mapping[Handle, Handle]) -> Handle:
    """Forward mode: the tangent of `output`, given the tangents of some nodes (a JVP).

    >>> import graphnn as gnn
    >>> x, v = gnn.input("x"), gnn.input("v")
    >>> float(gnn.evaluate(gnn.tangent(x * x, {x: v}), x=3, v=1))
    6.0

    Raises ShapeError or DtypeError where a tangent does not fit what it moves.
    """
    moved = {h.node: t.node for h, t in tangents.items()}
    try:
        made = push_forward([output.node], moved)[output.node]
    except GraphError as error:
        raise type(error)(error.message, f"  at {user_line()}") from None
    return Handle(made, Written("tangent", (output, *tangents.keys(), *tangents.values())))


def sgd(graph: Any, lr: float | Handle) -> Graph:
    """Gradient descent as updates: `w ← w − lr · ∂L/∂w` for every parameter of the first output.

    >>> import graphnn as gnn
    >>> w = gnn.parameter("w")
    >>> len(gnn.sgd(w * w, lr=0.1).updates)
    1
    """
    whole = as_graph(graph)
    loss = next(iter(whole.outputs.values()))
    if not whole.parameters:
        raise GraphError("the graph has no parameters to update")
    gradients = grad(loss, whole.parameters)
    updates = {p: p - lr * gradients[_label(p)] for p in whole.parameters}
    return Graph(whole.outputs, {**whole.updates, **updates})


def evaluate(thing: Any, /, **values: npt.ArrayLike) -> Any:
    """The value of a node (an array), or of each output of a Graph or dict (a dict of arrays).

    Leaves are fed by name: numbers, lists, arrays. Arrays are cast to the leaf's dtype, everything
    is computed in float64, and the user's own formulas are followed, unstable ones too.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.sigmoid(gnn.input("z")), z=0))
    0.5

    Raises ValueMissing, ShapeError or DtypeError that names the leaf.
    """
    graph = as_graph(thing)
    leaves = {n for n in graph.nodes if n.op in ("input", "parameter")}
    leaves |= {h.node for h in graph.handles if h.node.op in ("input", "parameter")}
    known = {node.attribute("name") for node in leaves}
    fed = {canonical(name): value for name, value in values.items()}
    unknown = sorted(set(fed) - known)
    if unknown:
        raise GraphError(
            f"there is no leaf called {unknown[0]}; leaves: {', '.join(sorted(known))}"
        )
    found = evaluate_nodes([h.node for h in graph.outputs.values()], fed)
    if isinstance(thing, Handle):
        return found[thing.node]
    return {name: found[h.node] for name, h in graph.outputs.items()}
