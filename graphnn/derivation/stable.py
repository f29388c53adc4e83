"""The last step: what the program computes instead, and that its gradients agree.

A derivation follows the user's formulas, unstable ones too; compiled code follows the stabilised
graph (graphnn.graph.stabilise). Where the pass recognised something, one remark says what, and the
two gradients are computed and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphnn.derivation.magnitudes import ROUNDING
from graphnn.derivation.steps import Side, Step
from graphnn.errors import GraphError
from graphnn.expression.algebra import add, as_condition, terms
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, fold, num
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.graph import Graph, grad
from graphnn.graph.handle import Handle
from graphnn.graph.node import Node
from graphnn.graph.rewrites import Rewrite
from graphnn.graph.stabilise import applied, stabilise

AGREE = 1e-9
ALREADY_STABLE = frozenset({"sigmoid", "softmax"})
"""Rules that only give a named op its own finite form: nothing that a reader wrote changes."""


_CALLED = {
    "log_logistic": "log_sigmoid",
    "logistic": "sigmoid",
    "hyperbolic_tangent": "tanh",
}


def _logsumexp(x: Expr, axis: list[Expr]) -> Expr:
    largest = apply("max", x, *axis)
    total = apply("sum", apply("exp", apply("-", x, largest)), *axis)
    return apply("+", largest, apply("log", total))


def _variance(x: Expr, axis: list[Expr]) -> Expr:
    away = apply("-", x, apply("mean", x, *axis))
    return apply("mean", apply("^", away, num(2)), *axis)


def _xlog1py(x: Expr, y: list[Expr]) -> Expr:
    whole = apply("*", x, apply("log1p", *y))
    return apply("where", apply("==", x, num(0)), num(0), whole)


_WRITTEN: dict[str, Callable[[Expr, list[Expr]], Expr]] = {
    "logsumexp": _logsumexp,
    "variance": _variance,
    "xlog1py": _xlog1py,
}


def stable_step(
    loss: Handle,
    wrt: Sequence[Handle],
    values: Mapping[str, Any] | None,
    names: Mapping[Node, str],
) -> list[Step]:
    """An equality for each thing that compiling rewrites; nothing where it rewrites nothing.

    `wrt` are the leaves whose gradients are compared, at `values` or, without them, at fixed
    points; `names` are those of the derivation's statements. Raises GraphError where the gradients differ: no derivation is shown beside code that
    computes something else.
    """
    graph = Graph({"loss": loss})
    rewrites = [r for r in applied(graph, names, ALREADY_STABLE) if not _is_finite_already(r)]
    if not rewrites:
        return []
    section = (
        "What the program computes instead (right), to stay finite where these formulas overflow"
    )
    pairs = dict.fromkeys(
        (*_apart(as_written(r.before), as_written(r.after)), r.name) for r in rewrites
    )
    steps = [
        Step("remark", "", before, (Side(after),), name, section=section)
        for before, after, name in pairs
        if before is not after
    ]
    gap = _gap(loss, wrt, values)
    if gap is not None:
        if gap > AGREE:
            raise GraphError(
                f"internal error: the stabilised gradients differ by {gap:.1e} (relative)"
            )
        shown = ", ".join(show(h.name or "") for h in wrt)
        said = f"Its gradients by {shown} agree with these (checked)."
        steps.append(Step("remark", "", None, (), said, section=section))
    return steps


def _is_finite_already(rewrite: Rewrite) -> bool:
    """Whether it is z − max z − log Σ exp(z − max z), the log-softmax that a loss on scores computes."""
    return rewrite.name == "log-softmax" and rewrite.before.head != "log"


def as_written(e: Expr) -> Expr:
    """The expression with every stable function as a user would write what it computes.

    >>> from graphnn.expression.tree import sym
    >>> print(as_written(apply("variance", sym("x"))))
    mean((x − mean(x))²)
    """

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if not parts:
            return node
        if node.head in _WRITTEN:
            x, *axis = parts
            return _WRITTEN[node.head](x, axis)
        return as_condition(apply(_CALLED.get(node.head, node.head), *parts))

    return fold(e, visit)


def _apart(before: Expr, after: Expr) -> tuple[Expr, Expr]:
    """Two sums without the terms that they share."""
    ours, theirs = terms(before), terms(after)
    for term in list(ours):
        if term in theirs:
            ours.remove(term)
            theirs.remove(term)
    return add(*ours), add(*theirs)


def _gap(loss: Handle, wrt: Sequence[Handle], values: Mapping[str, Any] | None) -> float | None:
    """The largest norm-wise difference of the two gradients; None where neither can be computed.

    Terms that cancel leave rounding of their own size: a gradient is held to the largest of them.
    """
    if not wrt or any(size != 1 for size in loss.shape):
        return None
    gradients = grad(loss, list(wrt))
    ours = Graph(gradients)
    theirs = stabilise(ours)
    fed = values if values is not None else _points(ours)
    if fed is None:
        return None
    ends = [h.node for h in ours.outputs.values()]
    wanted = [*ends, *(part for end in ends for part in _added(end))]
    mine = evaluate_nodes(wanted, fed, rounded=False)
    other = evaluate_nodes([h.node for h in theirs.outputs.values()], fed, rounded=False)
    worst = 0.0
    for name in ours.outputs:
        a, b = mine[ours.outputs[name].node], other[theirs.outputs[name].node]
        if not np.all(np.isfinite(a)):
            return None
        left = ROUNDING * max(
            (_size(mine[n]) for n in _added(ours.outputs[name].node)), default=0.0
        )
        gap = max(_size(a - b) - left, 0.0)
        worst = max(worst, gap / max(_size(a), 1e-12))
    return worst


def _added(node: Node) -> tuple[Node, ...]:
    """The contributions that a gradient adds up."""
    return node.operands if node.kind in ("accumulate", "add", "subtract") else ()


def _size(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0))


def _points(graph: Graph) -> dict[str, Any] | None:
    """Fixed values between 0.2 and 0.9 for every leaf; None where a size is symbolic."""
    generator = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for node in graph.nodes:
        if node.op in ("input", "parameter"):
            sizes = [size for size in node.shape if isinstance(size, int)]
            if node.dtype == "int64" or len(sizes) < len(node.shape):
                return None
            found[node.attribute("name")] = generator.uniform(0.2, 0.9, size=sizes)
    return found
