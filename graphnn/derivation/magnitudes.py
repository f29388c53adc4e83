"""How large the terms of an expression are: what rounding leaves where they cancel.

A difference that is 0 in real numbers is of the size ε·(|a| + |b|) in floats, so two ways to
compute it agree to that, and not to a part of their result. `magnitude` writes that bound down, a
first-order running error analysis (Wilkinson 1963) as an expression of its own:

    ‖a ± b‖ = ‖a‖ + ‖b‖      ‖a·b‖ = ‖a‖·‖b‖      ‖a/b‖ = ‖a‖·‖b‖/b²
    ‖f(a)‖ = |f(a)| + |f′(a)|·‖a‖                 ‖Σ a‖ = Σ ‖a‖
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from graphnn.derivation.index_form import CALLS
from graphnn.derivation.terms import call_derivative
from graphnn.expression.algebra import add, divide, multiply, power
from graphnn.expression.derivative import outer_derivative
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import COMPARISONS, Expr, apply, fold, num, sym

ROUNDING = 1e-12
"""What rounding may leave, in parts of the magnitude: ε = 2⁻⁵² over some thousand operations."""

_WHOLE = frozenset({*COMPARISONS, "and", "δ", "argmax", "=", ":", "nothing", "call", "extent"})
"""What is compared or an index keeps its value."""

_SUMMED = frozenset({"Σ", "Max"})


def magnitude_name(name: str) -> str:
    """What the magnitude of a named value is called: a name that no user's value can have."""
    return f"‖{name}‖"


def magnitude(e: Expr, names: Container[str]) -> Expr:
    """The bound ‖e‖, over the magnitudes of the values in `names` and the values themselves.

    >>> from graphnn.expression.reader import read_scalar
    >>> print(magnitude(read_scalar("a - 2*b"), {"a", "b"}))
    ‖a‖ + 2·‖b‖
    """

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        match node.head:
            case "num":
                return num(abs(node.args[0]))
            case "sym":
                name = str(node.args[0])
                return sym(magnitude_name(name)) if name in names else node
            case "∂":
                return apply("abs", node)
            case "[]":
                return apply("[]", parts[0], *node.args[1:])
            case "neg":
                return parts[0]
            case "+" | "-":
                return add(*parts)
            case "/":
                return divide(multiply(*parts), power(node.args[1], num(2)))
            case "^":
                return _power(node, parts[0])
            case "where":
                return apply("where", node.args[0], *parts[1:])
            case head if head in _WHOLE:
                return node
            case head if head in _SUMMED:
                return apply(head, *node.args[:-1], parts[-1])
            case "max" | "min" if not any(part.head == "=" for part in node.args):
                return apply("max", *parts)
            case head if head in FUNCTIONS or head in CALLS:
                return _function(node, parts)
        kept = [a if a.head == "=" else p for a, p in zip(node.args, parts, strict=True)]
        return apply(node.head, *kept)

    return fold(e, visit)


def _power(node: Expr, base: Expr) -> Expr:
    u, n = node.args
    if n.head == "num" and n.args[0] >= 0:
        return apply("^", base, n)
    slope = multiply(n, power(u, add(n, num(-1))))
    return add(apply("abs", node), multiply(apply("abs", slope), base))


def _function(node: Expr, parts: list[Expr]) -> Expr:
    made = apply("abs", node)
    for k, (argument, part) in enumerate(zip(node.args, parts, strict=True)):
        if argument.head == "=":
            continue
        slope = (
            outer_derivative(node.head, k, node.args)
            if node.head in FUNCTIONS
            else call_derivative(node, k)
        )
        made = add(made, multiply(apply("abs", slope), part))
    return made


def rounding_of(value: Any, at: Any) -> float:
    """The slope that rounding alone can give: some last places of a value, over its argument.

    >>> rounding_of([2.0], [0.5]) < 1e-11
    True
    """
    size, moved = (
        float(np.max(np.abs(np.asarray(x, dtype=float)), initial=0)) for x in (value, at)
    )
    return ROUNDING * size / (moved or 1.0)
