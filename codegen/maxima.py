"""The gradient of a maximum over windows finds the first maximum by comparing with it.

    first[i] argmax= x[2*i+u]
    d_x[2*i+u] += where(u == first[i], d_y[i], 0)       y[i] max= x[2*i+u] is known

A kernel that reads the positions is given the maxima and what they are taken of instead, and the
positions are not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphnn.calculus.formula import Formula, flat_position, formula_text
from graphnn.calculus.polynomial import Polynomial, axes_of
from graphnn.expression.tree import Expr, apply, num, sym, symbols
from graphnn.graph.node import FLOATS
from graphnn.plan import FirstMaximum, Kernel


def without_positions(kernels: Sequence[Kernel]) -> tuple[Kernel, ...]:
    """The kernels, positions of maxima over windows replaced by the maxima where all users can."""
    maxima = {(_as_maximum(k.node.op), k.operands): k for k in kernels if _reduces(k, "max")}
    made: dict[Kernel, Kernel] = {}
    dropped = set()
    for positions in kernels:
        if not _reduces(positions, "argmax"):
            continue
        largest = maxima.get((_as_maximum(positions.node.op), positions.operands))
        users = [k for k in kernels if positions.output in k.operands]
        found = [_compared(user, positions, largest) for user in users] if largest else []
        if largest is not None and all(found):
            made.update((old, new) for old, new in zip(users, found, strict=True) if new)
            dropped.add(positions)
    return tuple(made.get(k, k) for k in kernels if k not in dropped)


def _reduces(kernel: Kernel, reduce: str) -> bool:
    """Whether a kernel takes maxima, or their positions, of one float operand over windows."""
    formula = kernel.node.op
    if not isinstance(formula, Formula) or formula.reduce != reduce or len(formula.reads) != 1:
        return False
    reduced = {a.name for a in formula.reduced}
    parts = [part for part in formula.reads[0].index if isinstance(part, Polynomial)]
    return (
        formula.body is sym("_0")
        and formula.is_plain
        and len(parts) == len(formula.reads[0].index)
        and any(axes_of(part) & reduced and axes_of(part) - reduced for part in parts)
        and all(isinstance(a.extent, int) and a.extent > 0 for a in formula.reduced)
        and kernel.node.operands[0].dtype in FLOATS
    )


def _as_maximum(formula: object) -> Formula | None:
    return replace(formula, name="", reduce="max") if isinstance(formula, Formula) else None


def _compared(user: Kernel, positions: Kernel, largest: Kernel) -> Kernel | None:
    """The kernel that reads the maxima; None where it does more than select by their positions."""
    formula, window = user.node.op, positions.node.op
    if not isinstance(formula, Formula) or not isinstance(window, Formula) or user.first:
        return None
    place = user.operands.index(positions.output)
    reads = [k for k, read in enumerate(formula.reads) if read.operand == place]
    value = selected(formula.body)
    if (
        len(reads) != 1
        or value is None
        or formula.reads[reads[0]].index != window.write
        or formula.write != window.reads[0].index
        or formula.guards != window.guards
        or formula.reduce != "sum"
        or f"_{reads[0]}" in symbols(value)
        or set(symbols(value)) & set(formula.extents)
        or not _asks(formula.body.args[0], flat_position(window.reduced), sym(f"_{reads[0]}"))
        or not all(formula.extents.get(a.name) == a.extent for a in window.reduced)
    ):
        return None
    source = positions.operands[0]
    operands = [largest.output if k == place else name for k, name in enumerate(user.operands)]
    shown = formula_text(replace(formula, body=value, guards=()), user.operands, user.output)
    return replace(
        user,
        operands=(*operands, source),
        comment=f"{shown} at the first {source} in its window that is {largest.output}",
        first=FirstMaximum(place, len(operands), window),
    )


def _asks(condition: Expr, position: Expr, read: Expr) -> bool:
    return condition in (apply("==", position, read), apply("==", read, position))


def selected(body: Expr) -> Expr | None:
    """What `where(condition, value, 0)` selects."""
    if body.head == "where" and body.args[2] is num(0):
        value: Expr = body.args[1]
        return value
    return None
