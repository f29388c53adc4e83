"""What forward and reverse mode cost on one graph, and that both give the same numbers.

A pass of forward mode starts from one element of an input, a pass of reverse mode from one element
of the output. What a pass costs is counted on the formulas (graphnn.derivation.work); that the two
agree is ⟨Jv, u⟩ = ⟨v, Jᵀu⟩ for random v and u, and the whole Jacobian where few passes give it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.magnitudes import rounding_of
from graphnn.derivation.table import Cell, Table
from graphnn.derivation.work import Work, work
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate, push_forward
from graphnn.graph.node import Node, array_value, constant, make

AGREE = 1e-9
FULL = 64
"""Passes up to which the whole Jacobian is compared; above, only ⟨Jv, u⟩ with ⟨v, Jᵀu⟩."""
COUNTED = (
    "Counted on the graph's formulas, local derivatives included, beyond the evaluation that both "
    "need; the seed of a scalar is folded."
)


def element_count(ctx: Context, name: str) -> int:
    """How many elements a value has: as many passes it needs.

    Raises GraphError for a symbolic size.
    """
    sizes = [size for size in ctx.net.nodes[name].shape if isinstance(size, int)]
    if len(sizes) < len(ctx.net.nodes[name].shape):
        raise GraphError(
            f"{show(name)} has a symbolic size: the passes of both modes are counted with numbers"
        )
    return math.prod(sizes)


def mode_work(ctx: Context, inputs: Sequence[str]) -> tuple[dict[str, Work], Work]:
    """What one forward pass from each input costs, and what one reverse pass costs.

    Beyond the forward evaluation, which both need. The seed of a scalar is folded.
    """
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    given = [loss, *(nodes[name] for name in inputs)]
    forward = {}
    for name in inputs:
        seed = _seed(nodes[name])
        out = push_forward([loss], {nodes[name]: seed})[loss]
        forward[name] = work([out], [*given, seed], ctx.sizes)
    seed = _seed(loss)
    found = differentiate(loss, [nodes[name] for name in inputs], seed).gradients
    return forward, work(list(found.values()), [*given, seed], ctx.sizes)


def _seed(node: Node) -> Node:
    if not node.shape:
        return constant(1, node.dtype)
    return make("input", shape=node.shape, dtype=node.dtype, name="\0seed")


def work_table(
    ctx: Context, inputs: Sequence[str], n: int, m: int, fed: Mapping[str, Any] | None
) -> Table:
    """The table of the work of each, its verdict, and how far the two differ."""
    forward, reverse = mode_work(ctx, inputs)
    whole = [Work() for _ in range(2)]
    for name in inputs:
        for _ in range(element_count(ctx, name)):
            whole[0] += forward[name]
    for _ in range(m):
        whole[1] += reverse
    rows: list[tuple[Cell, ...]] = [
        ("passes", f"{n}, one for each input element", f"{m}, one for each output element"),
    ]
    if n > 1 or m > 1:
        alike = len(set(forward.values())) == 1
        rows.append(("one pass", str(forward[inputs[0]]) if alike else "", str(reverse)))
        if not alike:
            rows += [(f"  along {show(name)}", str(cost), "") for name, cost in forward.items()]
    rows += [
        ("multiplications", str(whole[0].multiplications), str(whole[1].multiplications)),
        ("additions", str(whole[0].additions), str(whole[1].additions)),
    ]
    notes = [
        _verdict(n, m, whole[0], whole[1]),
        COUNTED,
    ]
    if fed is not None:
        gap = _gap(ctx, inputs, n, m, fed)
        if gap is not None:
            notes.append(f"Both give the same numbers: relative difference {gap:.1e} (norm-wise).")
    return Table("The work of each", ("", "forward", "reverse"), tuple(rows), tuple(notes))


def _verdict(n: int, m: int, forward: Work, reverse: Work) -> str:
    """Which mode is cheaper, and why."""
    inputs = f"{n} input element{'' if n == 1 else 's'}"
    outputs = f"{m} output element{'' if m == 1 else 's'}"
    if forward.total == reverse.total:
        each = f"{forward.total} operation{'' if forward.total == 1 else 's'} each"
        return f"Both cost the same for {inputs} and {outputs}: {each}."
    better, worse = sorted(
        (("Forward", forward, n), ("Reverse", reverse, m)), key=lambda t: t[1].total
    )
    why = (
        f"it needs {better[2]} pass{'' if better[2] == 1 else 'es'} instead of {worse[2]}"
        if better[2] < worse[2]
        else "each of its passes is shorter"
    )
    return (
        f"{better[0]} mode is cheaper for {inputs} and {outputs}: {better[1].total} operations "
        f"against {worse[1].total}, since {why}."
    )


def _gap(
    ctx: Context, inputs: Sequence[str], n: int, m: int, fed: Mapping[str, Any]
) -> float | None:
    """The relative difference of the two modes; None where they are not finite.

    ⟨Jv, u⟩ against ⟨v, Jᵀu⟩ for fixed random v and u, and the whole Jacobians where few passes do.
    A derivative that cancels to 0 leaves rounding of its own, which is no difference.
    """
    random = np.random.default_rng(0)
    loss = ctx.net.nodes[ctx.loss]
    u = random.standard_normal(m)
    pulled = _pulled(ctx, inputs, u, fed)
    pushed, inner = 0.0, 0.0
    scale, noise = 1e-300, {}
    for name in inputs:
        noise[name] = rounding_of(_largest(ctx), ctx.values[name]) if ctx.values else 0.0
        v = random.standard_normal(element_count(ctx, name))
        along = _pushed(ctx, name, v, fed)
        pushed += float(along.ravel() @ u)
        inner += float(pulled[name].ravel() @ v)
        scale = max(scale, float(np.abs(along.ravel()) @ np.abs(u)))
    if not np.isfinite(pushed) or not np.isfinite(inner):
        return None
    left = max(noise.values()) * n * m
    gap = abs(pushed - inner) / scale if max(abs(pushed), abs(inner), scale) > left else 0.0
    if n + m <= FULL and all(isinstance(size, int) for size in loss.shape):
        rows = [_pulled(ctx, inputs, unit, fed) for unit in np.eye(m)]
        for name in inputs:
            size = element_count(ctx, name)
            columns = [_pushed(ctx, name, unit, fed).ravel() for unit in np.eye(size)]
            mine = np.stack(columns, axis=1)
            other = np.stack([row[name].ravel() for row in rows])
            largest = max(_size(mine), _size(other))
            if largest > noise[name]:
                gap = max(gap, _size(mine - other) / largest)
    if gap > AGREE:
        raise GraphError(f"internal error: forward and reverse mode differ by {gap:.1e} (relative)")
    return gap


def _largest(ctx: Context) -> float:
    """The largest value on the way times its cotangent: what cancels is a part of that."""
    values = ctx.values or {}
    found = [_size(values[ctx.loss])]
    found += [_size(values[s]) * _size(g) for s, g in ctx.cotangents.items() if s in values]
    return max(found)


def _size(x: Any) -> float:
    return float(np.max(np.abs(np.asarray(x, dtype=float)), initial=0))


def _pushed(ctx: Context, name: str, v: Any, fed: Mapping[str, Any]) -> Any:
    """`J v`, along one input."""
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    seed = _direction(nodes[name], v)
    out = push_forward([loss], {nodes[name]: seed})[loss]
    return evaluate_nodes([out], fed, rounded=False)[out]


def _pulled(ctx: Context, inputs: Sequence[str], u: Any, fed: Mapping[str, Any]) -> dict[str, Any]:
    """`Jᵀ u`, by name."""
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    found = differentiate(loss, [nodes[n] for n in inputs], _direction(loss, u)).gradients
    values = evaluate_nodes(list(found.values()), fed, rounded=False)
    return {n: values[found[nodes[n]]] for n in inputs}


def _direction(node: Node, v: Any) -> Node:
    shape = tuple(int(str(size)) for size in node.shape)
    value = array_value(np.asarray(v, dtype=np.float64).reshape(shape))
    return make("constant", shape=node.shape, dtype=node.dtype, value=value)


def held(ctx: Context, name: str, pushed: Any, rounding: float) -> None:
    """Hold a scalar forward-mode result against the graph's reverse-mode gradient.

    `rounding` is what may be left of its terms where they cancel.

    Raises GraphError where they differ.
    """
    reverse = ctx.cotangents.get(name)
    if reverse is None or pushed is None:
        return
    mine, other = float(np.asarray(pushed)), float(np.asarray(reverse))
    if math.isfinite(other) and abs(mine - other) > max(AGREE * abs(other), rounding):
        raise GraphError(
            f"internal error: forward mode gives {mine} for {show(name)}, reverse mode {other}"
        )
