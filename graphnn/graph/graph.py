"""A Graph: named outputs, updates, and the tables that its handles carry.

`gnn.grad` and `gnn.sgd` return handles and graphs; `evaluate` computes one with the reference
evaluator. Whatever takes a Graph also takes a node, or a dict of nodes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, GraphError, Remark, ShapeError, line_of_code
from graphnn.expression.names import canonical, did_you_mean
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate, push_forward
from graphnn.graph.handle import GradientOf, Handle, Written, user_place
from graphnn.graph.nan import check_nan
from graphnn.graph.node import FLOATS, Node, topological
from graphnn.graph.provenance import reachable
from graphnn.graph.rows import handles_from_rows, handles_to_rows

if TYPE_CHECKING:
    import networkx as nx

GraphLike = "Graph | Handle | Mapping[str, Handle]"


@dataclass(frozen=True)
class Graph:
    """Outputs by name, and updates: parameter → the node of its next value.

    Whatever takes a Graph (`evaluate`, `grad`, `derive`, `codegen.compile`, `viz.draw`) also takes a
    node, or a dict of nodes. Tables, all derived from handles: `nodes` in topological order, `handles`
    in the order in which the user made them, `names` (node → its names), `inputs`, `parameters`.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> graph = gnn.Graph({"L": (w * x - 1) ** 2}, updates={w: w - 0.1 * x})
    >>> [leaf.name for leaf in graph.parameters], [leaf.name for leaf in graph.inputs]
    (['w'], ['x'])
    >>> float(gnn.evaluate(graph, w=2, x=3)["L"])
    25.0

    Raises GraphError for outputs without names, two leaves of one name and an update of what is no
    parameter; ShapeError or DtypeError for an update that does not fit its parameter.
    """

    outputs: dict[str, Handle]
    updates: dict[Handle, Handle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that names belong to one leaf each, and updates to parameters."""
        if not isinstance(self.outputs, Mapping):
            raise GraphError("a Graph takes its outputs by name: Graph({'L': L})")
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
    output: Graph | Handle | Mapping[str, Handle],
    wrt: str | Handle | Sequence[str | Handle] | None = None,
    cotangent: Any = None,
) -> Any:
    """The gradient of `output`: a node for one `wrt`, a dict in order for several or none.

    `wrt` holds names or nodes, intermediate ones too; without it, every parameter. An output with
    more than one element needs a `cotangent` of its shape. No path gives zeros, and a Remark (a
    warning) at the user's line.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> float(gnn.evaluate(gnn.grad(w * w * x, "w"), w=3, x=2))
    12.0

    Raises GraphError for an unknown name, ShapeError for an output that is not one element.
    """
    graph = as_graph(output)
    ends = tuple(graph.outputs.values())
    if len(ends) != 1:
        raise GraphError(f"grad differentiates one output; {len(ends)} were given")
    end = ends[0]
    if end.dtype not in FLOATS:
        raise DtypeError(
            f"the output holds {end.dtype}: conditions and labels have no derivative; "
            "differentiate a float, such as gnn.where(condition, a, b)"
        )
    if cotangent is not None and not isinstance(cotangent, Handle):
        from graphnn.graph.apply import weak_constant

        cotangent = weak_constant(np.asarray(cotangent, dtype=np.float64), end.dtype)
    single = isinstance(wrt, str | Handle)
    if wrt is None:
        wanted: list[str | Handle] = list(graph.parameters)
        if not wanted:
            known = ", ".join(str(leaf.name) for leaf in graph.inputs) or "none"
            raise GraphError(
                "the output has no parameters; say with respect to what: wrt=… "
                f"(inputs: {known}), or declare it with gnn.parameter"
            )
    else:
        wanted = _listed(wrt)
    handles: dict[str, Handle] = {}
    for one in wanted:
        handle = resolve(graph, one)
        if handles.setdefault(_label(one), handle).node is not handle.node:
            raise GraphError(f"two different nodes of wrt are called {_label(one)}; rename one")
    try:
        made = differentiate(
            end.node,
            [h.node for h in handles.values()],
            None if cotangent is None else cotangent.node,
        )
    except GraphError as error:
        raise type(error)(error.message, user_place()) from None
    reached = set(topological([end.node]))
    for label, h in handles.items():
        if h.node not in reached:
            remark(f"{end.name or 'the output'} does not depend on {label}: its gradient is zeros")
    found = {
        label: Handle(made.gradients[h.node], GradientOf(end, h, cotangent))
        for label, h in handles.items()
    }
    return next(iter(found.values())) if single else found


def _listed(wrt: Any) -> list[str | Handle]:
    """Names and nodes as a list.

    Raises GraphError for anything else.
    """
    if isinstance(wrt, str | Handle):
        return [wrt]
    listed = list(wrt) if isinstance(wrt, Iterable) else [wrt]
    for one in listed:
        if not isinstance(one, str | Handle):
            raise GraphError(f"wrt takes names and nodes; {one!r} was given")
    return listed


def remark(message: str) -> None:
    """Warn at the user's line: a remark is read where the program runs, not in a node's repr."""
    file, line = line_of_code()
    warnings.warn_explicit(message, Remark, file, line)


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
        known = sorted({h.name for h in graph.handles if h.name})
        hint = did_you_mean(called, known) or f"; known: {', '.join(known)}"
        raise GraphError(f"there is no {wanted}{hint}")
    return next(iter(matches.values()))


def tangent(output: Handle, tangents: Mapping[Handle, Handle]) -> Handle:
    """Forward mode: the tangent of `output`, given the tangents of some nodes (a JVP).

    >>> import graphnn as gnn
    >>> x, v = gnn.input("x"), gnn.input("v")
    >>> float(gnn.evaluate(gnn.tangent(x * x, {x: v}), x=3, v=1))
    6.0

    Raises ShapeError or DtypeError where a tangent does not fit what it moves.
    """
    for handle in (output, *tangents, *tangents.values()):
        if not isinstance(handle, Handle):
            raise GraphError(f"tangents map nodes to nodes; {handle!r} was given")
    moved = {h.node: t.node for h, t in tangents.items()}
    made = push_forward([output.node], moved)[output.node]
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


def evaluate(
    thing: Any,
    values: Mapping[str, npt.ArrayLike] | None = None,
    /,
    *,
    check: bool = False,
    **named: npt.ArrayLike,
) -> Any:
    """The value of a node (an array), or of each output of a Graph or dict (a dict of arrays).

    Leaves are fed by name, as keywords or in a mapping: numbers, lists, arrays. Arrays are cast to
    the leaf's dtype, everything is computed in float64, and the user's own formulas are followed,
    unstable ones too. A NaN passes, unless `check`: then it is an error that says where it arose.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.sigmoid(gnn.input("z")), z=0))
    0.5
    >>> float(gnn.evaluate(gnn.sigmoid(gnn.input("z")), {"z": 0}, check=True))
    0.5

    Raises ValueMissing, ShapeError or DtypeError that names the leaf, GraphError that names the
    array and the place for a label out of range, and with `check` for a NaN.
    """
    graph = as_graph(thing)
    if values is not None and not isinstance(values, Mapping):
        raise GraphError(
            f"values are given by name, x=2 or {{'x': 2}}; {type(values).__name__} was given"
        )
    leaves = {n for n in graph.nodes if n.op in ("input", "parameter")}
    leaves |= {h.node for h in graph.handles if h.node.op in ("input", "parameter")}
    known = {node.attribute("name") for node in leaves}
    fed = {canonical(name): value for name, value in {**(values or {}), **named}.items()}
    unknown = sorted(set(fed) - known)
    if unknown:
        raise GraphError(
            f"there is no leaf called {unknown[0]}{did_you_mean(unknown[0], known)}; "
            f"leaves: {', '.join(sorted(known))}"
        )
    found = evaluate_nodes([h.node for h in graph.outputs.values()], fed, keep=check)
    if check:
        check_nan(graph.handles, found)
    if isinstance(thing, Handle):
        return found[thing.node]
    return {name: found[h.node] for name, h in graph.outputs.items()}
