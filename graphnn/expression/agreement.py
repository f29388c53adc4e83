"""Whether two expressions agree: sympy's forms compared at fixed pseudo-random points."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression.sympy_view import to_sympy
from graphnn.expression.tree import Expr


def equal_at_points(a: Expr, b: Expr) -> bool:
    """True where two scalar expressions agree at fixed pseudo-random points, to 1e-9.

    >>> from graphnn.expression.tree import apply, num, sym
    >>> x = sym("x")
    >>> equal_at_points(apply("^", x, num(2)), apply("*", x, x))
    True
    """
    return compare(to_sympy(a), to_sympy(b)) is True


def values_agree(a: Any, b: Any) -> bool:
    """True where two sympy expressions are known to agree: at one point at least, and at all."""
    return compare(a, b) is True


_RANGES = ((-1.7, 1.7), (0.15, 1.7), (-6.0, 6.0))


_TOLERANCE = 1e-9


_NEGLIGIBLE = 1e-13
"""Below this, a difference may be what rounded literals left of terms that cancel."""


def compare(a: Any, b: Any, points: int = 5) -> bool | None:
    """Whether two sympy expressions agree at fixed pseudo-random points; None where undecided.

    Expressions with cases are compared at more points, near the numbers in them too, so that each
    case is met. Real values count first. Where an expression is real at none of the points (`log(x − 9)`), its
    complex values are compared instead; where it is nowhere defined, nothing is decided.
    """
    import random

    import mpmath  # type: ignore[import-untyped]
    import sympy

    if a == b:
        return True
    if any(side.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo) for side in (a, b)):
        return None
    variables = sorted(a.free_symbols | b.free_symbols, key=str)
    if not all(variable.is_real for variable in variables):
        raise GraphError("internal error: only real symbols are compared")
    compute = sympy.lambdify(variables, [a, b], modules=[_bounded(), "mpmath"], cse=False)
    generator = random.Random(len(variables))
    ranges = list(_RANGES)
    if a.has(sympy.Piecewise) or b.has(sympy.Piecewise):
        near_by = sorted({float(c) for c in a.atoms(sympy.Number) | b.atoms(sympy.Number)})
        ranges += [(c - 1.5, c + 1.5) for c in near_by if abs(c) < 1e6]
        points *= len(ranges)
    real = complex_ = 0
    agree = True
    with mpmath.workdps(30):
        for attempt in range(8 * points):
            at = [mpmath.mpf(generator.uniform(*ranges[attempt % len(ranges)])) for _ in variables]
            try:
                x, y = (mpmath.mpmathify(value) for value in compute(*at))
                if not (mpmath.isfinite(x) and mpmath.isfinite(y)):
                    continue
                near = abs(x - y) <= max(_TOLERANCE * max(abs(x), abs(y)), _NEGLIGIBLE)
            except (ArithmeticError, ValueError, TypeError, MemoryError):
                continue
            if mpmath.im(x) == 0 and mpmath.im(y) == 0:
                if not near:
                    return False
                real += 1
            else:
                complex_ += 1
                agree = agree and bool(near)
            if real == points:
                return True
    if real:
        return True
    return agree if complex_ else None


@lru_cache(maxsize=1)
def _bounded() -> dict[str, Any]:
    """Exponentials that give up early: a tower of them needs more digits than there is memory."""
    import mpmath

    def bounded(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def value(x: Any) -> Any:
            if abs(mpmath.re(x)) > 10_000:
                raise OverflowError("too large to compare")
            return function(x)

        return value

    return {name: bounded(getattr(mpmath, name)) for name in ("exp", "sinh", "cosh")}
