"""Exact numbers: integers and fractions that survive rational arithmetic, to be shown as they are.

The evaluator computes in float64, where 0.8 · 1.5 − 0.5 is 0.7000000000000002. A derivation shows
0.7, and one quantity has one text everywhere: what is exact there has to be exact here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Formula
from graphnn.derivation.exact import exact_array
from graphnn.derivation.values import value
from graphnn.errors import GraphError
from graphnn.expression.tree import Expr, symbols
from graphnn.graph.node import Node, scalar_value, topological
from graphnn.graph.statements import Network

Array = npt.NDArray[Any]

_LARGEST = 64


def exact_values(network: Network, fed: Mapping[str, Any]) -> dict[str, Array]:
    """Name → its exact value, for every small leaf and statement that has one.

    >>> import graphnn as gnn
    >>> from graphnn.graph.statements import network
    >>> z = gnn.name("z", gnn.input("w") * gnn.input("x") - 0.5)
    >>> exact_values(network(gnn.Graph({"z": z})), {"w": 0.8, "x": 1.5})["z"].item()
    Fraction(7, 10)
    """
    found: dict[str, Array] = {}
    for name in network.leaves:
        if np.size(fed[name]) <= _LARGEST:
            made = exact_array(fed[name])
            if _is_exact(made):
                found[name] = made
    for statement in network.statements:
        if statement.index or not all(name in found for name in statement.reads):
            continue
        exact = exact_value(statement.written, found)
        if exact is not None:
            found[statement.name] = exact
    return found


def exact_value(e: Expr, known: Mapping[str, Array]) -> Array | None:
    """The exact value of an expression over named ones; None where it is rounded, or large.

    >>> from graphnn.expression.tree import sym
    >>> exact_value(sym("x"), {"x": exact_array(0.5)}).item()
    Fraction(1, 2)
    """
    if any(name not in known for name in symbols(e)):
        return None
    try:
        made = np.asarray(value(e, known))
    except (GraphError, ArithmeticError, IndexError, TypeError, ValueError):
        # What an expression alone does not say (the window of a pooling) has no value here.
        return None
    return made if made.size <= _LARGEST and _is_exact(made) else None


def exact_scalars(outputs: Sequence[Node], known: Mapping[Node, Array]) -> dict[Node, Array]:
    """The exact values of scalar nodes, gradients among them, given those of some nodes."""
    found = {node: made for node, made in known.items() if made.ndim == 0}
    for node in topological(outputs):
        if node in found:
            continue
        constant = scalar_value(node)
        made: Array | None
        if constant is not None:
            made = exact_array(constant)
        elif (
            isinstance(node.op, Formula)
            and not (node.op.axes or node.op.guards)
            and all(operand in found for operand in node.operands)
        ):
            reads = enumerate(node.op.reads)
            env = {f"_{k}": found[node.operands[read.operand]] for k, read in reads}
            made = exact_value(node.op.body, env)
        else:
            continue
        if made is not None and _is_exact(made):
            found[node] = made
    return found


def _is_exact(made: Array) -> bool:
    return all(isinstance(v, int | Fraction) for v in made.ravel().tolist())
