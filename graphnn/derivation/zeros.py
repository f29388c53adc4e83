"""Why a gradient is 0: a flat function, a dead ReLU, a saturated σ, a value that is 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.local import opened
from graphnn.derivation.rule_names import FLAT
from graphnn.expression.algebra import ZERO
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, postorder

Slopes = Mapping[tuple[str, str], Expr]


def path_reason(ctx: Context, path: Sequence[str], slopes: Slopes) -> str:
    """Why the product along a path of scalars is 0: every factor that is, in order."""
    found = []
    for above, below in pairwise(path):
        slope = ctx.number(slopes[above, below])
        if slopes[above, below] is ZERO or (slope is not None and not np.any(slope)):
            found.append(_function_reason(ctx, above) or f"{slopes[above, below]} = 0 here")
    return f"0: {'; '.join(dict.fromkeys(found))}" if found else ""


def cotangent_reason(ctx: Context, name: str) -> str:
    """Why ∂L/∂v is 0: what is flat in the statements that read v, or further on towards the loss."""
    found: list[str] = []
    waiting, seen = [name], {name}
    while waiting:
        for statement in ctx.readers.get(waiting.pop(0), ()):
            upstream = ctx.cotangents.get(statement.name)
            if upstream is None or np.any(upstream):
                found.append(_function_reason(ctx, statement.name) or "a factor is 0 here")
            elif statement.name in ctx.zeros:
                found.append(ctx.zeros[statement.name])
            elif statement.name not in seen:
                seen.add(statement.name)
                waiting.append(statement.name)
    ctx.zeros[name] = "; ".join(dict.fromkeys(found))
    return f"0: {ctx.zeros[name]}" if found else ""


def _function_reason(ctx: Context, name: str) -> str:
    """What the function of a statement does here, where it is flat."""
    form = ctx.forms[name]
    if form is None:
        return ""
    for node in postorder(form.tree):
        if node.head in FLAT:
            return (
                f"{node.head} is flat (derivative 0 everywhere it exists); "
                "networks are trained with σ, tanh or ReLU instead"
            )
        if node.head not in ("relu", "sigmoid", "tanh"):
            continue
        at = _number(ctx, node.args[0], form.index)
        if node.head == "relu" and at is not None and np.all(at <= 0):
            argument = node.args[0] if node.args[0].head != "[]" else node.args[0].args[0]
            if not np.any(at):
                return f"{argument} = 0 is the kink of ReLU, its derivative there is 0 (convention)"
            return f"the ReLU of {show(name)} is off at {argument} ≤ 0 (a dead unit here; leaky ReLU keeps a slope)"
        if node.head != "relu" and at is not None and np.all(np.abs(at) > 30):
            sign = "σ" if node.head == "sigmoid" else "tanh"
            return f"{sign} is saturated at {show(name)}"
    return ""


def _number(ctx: Context, e: Expr, index: Sequence[Expr]) -> Any:
    """The numbers of an argument at the statement's own index; None where they are not known."""
    try:
        found = ctx.number(opened(ctx, e), [i for i in index if i.head == "sym"])
    except (KeyError, IndexError):
        return None
    return None if found is None else np.asarray(found, dtype=np.float64)
