"""Numbers of a scalar tree at a point, and its slope there: thirty digits, no sympy but the rows'.

Sympy simplifies the conditions of nested cases against each other; twelve nested maxima take it
half a minute. A walk over the tree takes a millisecond a point.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.sympy_view import template
from graphnn.expression.tree import Expr, fold

STEP = 1e-12
"""Of the difference quotient: its error is about STEP² of the third derivative."""

_SIGNS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "·": operator.mul,
    "⊙": operator.mul, "/": operator.truediv, "^": operator.pow, "neg": operator.neg,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def value_at(e: Expr, at: Mapping[str, Any]) -> Any:
    """The value of a tree at a point of mpmath numbers; NaN where it is not defined.

    >>> from graphnn.expression.reader import read_scalar
    >>> value_at(read_scalar("where(x > 0, 1/x, x)"), {"x": 4})
    mpf('0.25')

    Raises GraphError for a head that has no number.
    """
    import mpmath  # type: ignore[import-untyped]

    def visit(node: Expr, parts: list[Any]) -> Any:
        match node.head:
            case "num":
                number = node.args[0]
                if isinstance(number, Fraction):
                    return mpmath.mpf(number.numerator) / number.denominator
                return mpmath.mpf(number)
            case "sym":
                return mpmath.mpmathify(at[node.args[0]])
            case "where":
                return parts[1] if _holds(parts[0]) else parts[2]
            case "and":
                return all(map(_holds, parts))
        made = _SIGNS.get(node.head) or (_function(node.head) if node.head in FUNCTIONS else None)
        if made is None:
            raise GraphError(f"internal error: no number for {node.head!r}")
        # what one case computes in vain does not concern the other
        try:
            return made(*parts)
        except (ArithmeticError, ValueError, TypeError):
            return mpmath.nan

    return fold(e, visit)


def slope_at(e: Expr, name: str, at: Mapping[str, Any]) -> Any:
    """∂e/∂name at a point by a central difference quotient with more digits than it loses.

    >>> from graphnn.expression.reader import read_scalar
    >>> abs(slope_at(read_scalar("x^3"), "x", {"x": 2}) - 12) < 1e-20
    True
    """
    import mpmath

    if name not in at:
        return mpmath.mpf(0)
    with mpmath.workdps(2 * mpmath.mp.dps):
        step = mpmath.mpf(STEP)
        above, below = (value_at(e, {**at, name: at[name] + h}) for h in (step, -step))
        return (above - below) / (2 * step)


def _holds(x: Any) -> bool:
    return bool(x != 0)


@cache
def _function(head: str) -> Callable[..., Any]:
    import sympy

    arguments, form = template(head)
    made: Callable[..., Any] = sympy.lambdify(arguments, form, modules=[bounded(), "mpmath"])
    return made


@lru_cache(maxsize=1)
def bounded() -> dict[str, Any]:
    """Exponentials that give up early: a tower of them needs more digits than there is memory."""
    import mpmath

    def bound(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def value(x: Any) -> Any:
            if abs(mpmath.re(x)) > 10_000:
                raise OverflowError("too large to compare")
            return function(x)

        return value

    return {name: bound(getattr(mpmath, name)) for name in ("exp", "sinh", "cosh")}
