"""The reference evaluator: node by node, plain NumPy, float64, obvious.

It follows the user's graph, unstable parts too; a formula is computed as it is written
(graphnn.graph.compute).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Formula
from graphnn.calculus.polynomial import (
    bind,
)
from graphnn.errors import ValueMissing
from graphnn.graph.bodies import as_float
from graphnn.graph.compute import LabelError, compute
from graphnn.graph.feeding import NUMPY_DTYPES, bind_sizes, computed_in, leaf_array
from graphnn.graph.node import Node, scalar_value, topological

Values = npt.NDArray[Any]


def evaluate_nodes(
    outputs: Sequence[Node],
    values: Mapping[str, Any],
    keep: bool = False,
    rounded: bool = True,
    precision: type[np.floating[Any]] = np.float64,
) -> dict[Node, Values]:
    """The values of the outputs (of every node with `keep`), given the leaves by name.

    Raises ValueMissing that names every leaf without a value, ShapeError where an array does not
    have the leaf's shape, DtypeError for complex numbers and strings. Without `rounded`, a float32
    leaf keeps the digits it was given: derivations compute in float64 throughout. `precision`
    is another NumPy type to compute floats in, so that its overflow and its rounding can be seen.
    """
    order = topological(outputs)
    missing = [
        n.attribute("name")
        for n in order
        if n.op in ("input", "parameter") and n.attribute("name") not in values
    ]
    if missing:
        raise ValueMissing(f"no value for {', '.join(missing)}; give {missing[0]}=…")
    sizes = bind_sizes(order, values)
    found: dict[Node, Any] = {}
    waiting = _last_uses(order, outputs)
    with np.errstate(all="ignore"):
        for k, node in enumerate(order):
            if node.op in ("input", "parameter"):
                fed = leaf_array(node, values[node.attribute("name")], rounded)
                found[node] = fed.astype(computed_in(node.dtype, precision))
            else:
                found[node] = _compute(node, [found[o] for o in node.operands], sizes, precision)
            if not keep:
                for dead in waiting.get(k, ()):
                    del found[dead]
    return found if keep else {node: found[node] for node in outputs}


def _last_uses(order: Sequence[Node], outputs: Sequence[Node]) -> dict[int, list[Node]]:
    wanted = set(outputs)
    last: dict[Node, int] = {}
    for k, node in enumerate(order):
        for operand in node.operands:
            last[operand] = k
    result: dict[int, list[Node]] = {}
    for node, k in last.items():
        if node not in wanted:
            result.setdefault(k, []).append(node)
    return result


def _compute(
    node: Node, operands: list[Any], sizes: Mapping[str, int], precision: type[np.floating[Any]]
) -> Any:
    if isinstance(node.op, Formula):
        try:
            return compute(node.op, operands, sizes, node.dtype, precision)
        except LabelError as error:
            labels = node.operands[error.operand]
            if labels.op in ("input", "parameter"):
                raise error.of(labels.attribute("name")) from None
            raise
    if node.op == "constant":
        return _constant(node).astype(computed_in(node.dtype, precision))
    return _STRUCTURES[node.op](node, operands, sizes)


def _constant(node: Node) -> Values:
    scalar = scalar_value(node)
    if scalar is None:
        return np.asarray(node.attribute("value").values, dtype=NUMPY_DTYPES[node.dtype])
    exact = int(scalar) if node.dtype == "int64" else as_float(scalar)
    return np.asarray(exact, dtype=NUMPY_DTYPES[node.dtype])


_STRUCTURES: dict[str, Callable[[Node, list[Any], Mapping[str, int]], Any]] = {
    "hold": lambda node, x, sizes: x[0],
    "reshape": lambda node, x, sizes: x[0].reshape([bind(s, sizes) for s in node.shape]),
    "concat": lambda node, x, _: np.concatenate(x, axis=node.attribute("axis")),
    "split": lambda node, x, sizes: np.split(
        x[0],
        np.cumsum([bind(size, sizes) for size in node.attribute("sizes")])[:-1],
        axis=node.attribute("axis"),
    ),
    "item": lambda node, x, _: x[0][node.attribute("number")],
}
