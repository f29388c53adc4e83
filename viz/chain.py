"""Chain: a gradient along one path of scalars, as the product of its local derivatives.

∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w, each factor with its local derivative below it and its number. Where
several paths lead from a value to the loss there is no such product, and no chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Formula
from graphnn.calculus.own_output import OUTPUT, in_own_output
from graphnn.expression.derivative import derivative
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.names import canonical
from graphnn.expression.tree import COMPARISONS, Expr, postorder, substitute, sym
from graphnn.graph.graph import as_graph
from graphnn.graph.statements import Network, Statement, network
from viz.contributions import multiplies_to
from viz.exact import exact_value
from viz.formulas import Label, formula_label, gradient_label, value_label
from viz.numbers import local, numbers, readers
from viz.view import Chain, Factor

_SCALAR = frozenset({"num", "sym", "+", "-", "*", "·", "/", "^", "neg", "where"}) | COMPARISONS
_KNOWN = _SCALAR | FUNCTIONS.keys()


def chain_of(
    thing: Any,
    wrt: str,
    at: Mapping[str, npt.ArrayLike] | None = None,
    detail: str = "paths",
    digits: int = 3,
) -> Chain | None:
    r"""The chain from the first output back to `wrt`.

    None where the path is not single or not scalar, or has one link: ∂L/∂x = ∂L/∂x says nothing.

    >>> import graphnn as gnn, viz
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> z = gnn.name("z", w * x)
    >>> [factor.local for factor in viz.chain_of(gnn.name("L", z**2), "w").factors]
    ['2 \\cdot z', 'x']

    Raises GraphError for a name that the graph does not have.
    """
    graph = as_graph(thing)
    net = network(graph, detail)
    found = numbers(graph, net, at, [wrt])
    path = _path(net, canonical(wrt), found.loss)
    if len(path) < 2 or found.loss is None:
        return None
    factors = []
    texts = []
    for statement, name in reversed(path):
        value = Label()
        below = _local(statement, name, net)
        if found.values:
            number = None if below is None else exact_value(below, found.shown)
            if number is None:
                number = local(net, statement, name, found.values, np.float64(1))
            value = value_label(number, digits) or Label()
        texts.append(value.text)
        symbol = gradient_label(statement.name, name).latex
        shown = formula_label(below, digits).latex if below is not None else ""
        factors.append(Factor(symbol, shown, value.latex))
    whole = gradient_label(found.loss, canonical(wrt)).latex
    total = Label()
    if found.gradients:
        total = value_label(found.gradients[canonical(wrt)], digits) or Label()
    exact = not texts or multiplies_to(texts, total.text)
    return Chain(whole, tuple(factors), total.latex, "=" if exact else r"\approx")


def _path(net: Network, name: str, loss: str | None) -> list[tuple[Statement, str]]:
    """(statement, what it reads) from `name` to the loss; empty where it forks or is no scalar."""
    users = readers(net)
    path: list[tuple[Statement, str]] = []
    while name != loss:
        # Only readers on the way to the loss count; the others lead nowhere.
        leading = [s for s in users.get(name, ()) if _leads(users, s.name, loss)]
        if len(leading) != 1 or net.nodes[name].shape or leading[0].node.shape:
            return []
        path.append((leading[0], name))
        name = leading[0].name
    return path


def _leads(users: Mapping[str, list[Statement]], name: str, loss: str | None) -> bool:
    seen: set[str] = set()
    stack = [name]
    while stack:
        here = stack.pop()
        if here == loss:
            return True
        if here not in seen:
            seen.add(here)
            stack.extend(s.name for s in users.get(here, ()))
    return False


def _local(statement: Statement, name: str, net: Network) -> Expr | None:
    """∂statement/∂name in the statement's own names; None where it is no scalar expression."""
    node = statement.node
    if isinstance(node.op, Formula) and len(statement.inner) == 1 and not node.op.reduced:
        place = [o is net.nodes[name] for o in node.operands]
        reads = [k for k, read in enumerate(node.op.reads) if place[read.operand]]
        if len(reads) == 1 and statement.written.head not in _KNOWN:
            names = net.names
            operands = [names.get(node.operands[r.operand]) for r in node.op.reads]
            if all(operand is not None for operand in operands):
                renamed = {sym(f"_{k}"): sym(o) for k, o in enumerate(operands) if o is not None}
                found = in_own_output(node.op.body, f"_{reads[0]}")
                return substitute(found, renamed | {sym(OUTPUT): sym(statement.name)})
    if all(part.head in _KNOWN for part in postorder(statement.written)):
        return derivative(statement.written, name)
    return None
