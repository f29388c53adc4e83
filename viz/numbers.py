"""Numbers of a picture: values, gradients, and what each use of a value contributes.

Everything is computed by graphnn's reference evaluator on graphnn's own differentiated graph; this
module only says which nodes to ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.expression.names import canonical
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate
from graphnn.graph.graph import Graph, resolve
from graphnn.graph.node import FLOATS, Node, make
from graphnn.graph.statements import Network, Statement
from viz.exact import exact_scalars, exact_values

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Numbers:
    """Tables by name: cotangent nodes, and, where values were given, numbers.

    `backward` says which names a gradient reaches. `contributions` holds, for a value that several
    statements read, what each (reader, value) adds to its gradient. `shown` are leaves as they were
    given (0.8 in float32 is 0.80000001), and whatever is exact.
    """

    loss: str | None = None
    backward: dict[str, Node] = field(default_factory=dict)
    values: dict[str, Array] = field(default_factory=dict)
    gradients: dict[str, Array] = field(default_factory=dict)
    contributions: dict[tuple[str, str], Array] = field(default_factory=dict)
    shown: dict[str, Array] = field(default_factory=dict)
    remark: str = ""


def numbers(
    graph: Graph,
    network: Network,
    at: Mapping[str, npt.ArrayLike] | None = None,
    wrt: str | Sequence[Any] | None = None,
    forward: bool = False,
) -> Numbers:
    """The tables of a picture of `network`; gradients are of the first output, if it is a scalar.

    With `forward` there are none.

    Raises GraphError for a name in `at` that no leaf has, ShapeError for an array that does not fit.
    """
    loss = next(iter(graph.outputs))
    backward = {} if forward else _backward(graph, network, loss, wrt)
    if not at:
        return Numbers(loss if backward else None, backward)
    fed = {canonical(name): value for name, value in at.items()}
    wanted = list(dict.fromkeys([*network.nodes.values(), *backward.values()]))
    leaves = [h.node.attribute("name") for h in (*graph.inputs, *graph.parameters)]
    unknown = sorted(set(fed) - set(leaves))
    if unknown:
        raise GraphError(
            f"there is no leaf called {unknown[0]}; leaves: {', '.join(sorted(leaves))}"
        )
    missing = [name for name in leaves if name not in fed and name in network.nodes]
    if missing:
        remark = f"No value was given for {', '.join(missing)}: drawn without numbers."
        return Numbers(loss if backward else None, backward, remark=remark)
    found = evaluate_nodes(wanted, fed)
    values = {name: np.asarray(found[node]) for name, node in network.nodes.items()}
    gradients = {name: np.asarray(found[node]) for name, node in backward.items()}
    contributions = _contributions(network, values, gradients)
    typed = {name: np.asarray(fed[name]) for name in network.leaves}
    exact = _agreeing(exact_values(network, fed), values)
    known = {network.nodes[name]: value for name, value in exact.items()}
    scalars = exact_scalars(list(backward.values()), known)
    steep = {name: scalars[node] for name, node in backward.items() if node in scalars}
    return Numbers(
        loss if backward else None,
        backward,
        values,
        gradients | _agreeing(steep, gradients),
        contributions,
        typed | exact,
    )


def _agreeing(exact: dict[str, Array], computed: dict[str, Array]) -> dict[str, Array]:
    """The exact values that are the computed ones, to the precision of float32 leaves."""
    return {
        name: value
        for name, value in exact.items()
        if value.shape == computed[name].shape
        and np.allclose(value.astype(float), computed[name], rtol=1e-5, atol=1e-6)
    }


def _backward(
    graph: Graph, network: Network, loss: str, wrt: str | Sequence[Any] | None
) -> dict[str, Node]:
    """Name → the node of its gradient, for every name on a path from `wrt` to the loss."""
    output = graph.outputs[loss].node
    if any(size != 1 for size in output.shape) or output.dtype not in FLOATS or output.is_leaf:
        return {}
    if wrt is None:
        parameters = [h.node for h in graph.parameters]
        leaves = parameters or [h.node for h in graph.inputs]
        wanted = [node for node in leaves if node.dtype in FLOATS]
    else:
        given = [wrt] if isinstance(wrt, str) or not isinstance(wrt, Sequence) else list(wrt)
        wanted = [resolve(graph, one).node for one in given]
    if not wanted:
        return {}
    cotangents = differentiate(output, wanted).cotangents
    reached = {name: cotangents[node] for name, node in network.nodes.items() if node in cotangents}
    return reached if len(reached) > 1 else {}


def on_path(graph: Graph, network: Network, found: Numbers, name: str) -> frozenset[str]:
    """The names on the ways from `name` to the loss.

    Raises GraphError where no gradient of the picture reaches it.
    """
    reached = _backward(graph, network, found.loss, [name]) if found.loss else {}
    if canonical(name) not in found.backward or not reached:
        known = ", ".join(n for n in network.leaves if n in found.backward)
        raise GraphError(
            f"no gradient of this picture flows to {name}, so there is no path to highlight; "
            f"gradients flow to {known or 'nothing'}"
        )
    return frozenset(reached)


def readers(network: Network) -> dict[str, list[Statement]]:
    """Name → the statements that read it, in their order."""
    found: dict[str, list[Statement]] = {}
    for statement in network.statements:
        for name in statement.reads:
            found.setdefault(name, []).append(statement)
    return found


def _contributions(
    network: Network, values: dict[str, Array], gradients: dict[str, Array]
) -> dict[tuple[str, str], Array]:
    """What a value receives from each of its readers, where there is more than one."""
    found: dict[tuple[str, str], Array] = {}
    for name, users in readers(network).items():
        users = [s for s in users if s.name in gradients]
        if name not in gradients or len(users) < 2:
            continue
        for statement in users:
            found[statement.name, name] = local(
                network, statement, name, values, gradients[statement.name]
            )
    return found


def local(
    network: Network,
    statement: Statement,
    name: str,
    values: dict[str, Array],
    cotangent: npt.ArrayLike,
) -> Array:
    """`cotangent` times ∂statement/∂name, every other name that the statement reads held fixed."""
    cut: dict[Node, Node] = {}
    fed: dict[str, Any] = {}
    for k, read in enumerate(statement.reads):
        node = network.nodes[read]
        cut[node] = make("input", shape=node.shape, dtype=_wide(node), name=f"_{k}")
        fed[f"_{k}"] = values[read]
    source = cut[network.nodes[name]]
    for node in statement.inner:
        operands = [cut.get(o, o) for o in node.operands]
        cut[node] = make(node.op, operands, node.shape, _wide(node), **dict(node.attributes))
    end = cut[statement.node]
    seed = make("input", shape=end.shape, dtype=end.dtype, name="_seed")
    result = differentiate(end, [source], seed).gradients[source]
    return np.asarray(evaluate_nodes([result], fed | {"_seed": cotangent})[result])


def _wide(node: Node) -> str:
    """What is fed is cast to its dtype, and these are results of a computation in float64."""
    return "float64" if node.dtype in FLOATS else node.dtype
