"""Whether two expressions agree: sympy's forms compared at fixed pseudo-random points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression.numbers_at import bounded, slope_at, value_at
from graphnn.expression.sympy_view import has_many_cases, to_sympy
from graphnn.expression.tree import Expr, postorder, symbols


def equal_at_points(a: Expr, b: Expr) -> bool:
    """True where two scalar expressions agree at fixed pseudo-random points, to 1e-9.

    With many cases, of which sympy would simplify every condition, the numbers are computed without it.

    >>> from graphnn.expression.tree import apply, num, sym
    >>> x = sym("x")
    >>> equal_at_points(apply("^", x, num(2)), apply("*", x, x))
    True
    """
    if has_many_cases(a) or has_many_cases(b):
        return _agree([a, b], lambda at: (value_at(a, at), value_at(b, at))) is True
    return compare(to_sympy(a), to_sympy(b)) is True


def is_slope(e: Expr, name: str, result: Expr) -> bool | None:
    """Whether `result` is ∂e/∂name by difference quotients at fixed points; None where undecided.

    >>> from graphnn.expression.reader import read_scalar
    >>> is_slope(read_scalar("max(x, y)^2"), "x", read_scalar("where(x >= y, 2*x, 0)"))
    True
    """
    return _agree([e, result], lambda at: (slope_at(e, name, at), value_at(result, at)))


def _agree(sides: list[Expr], pair: Callable[[dict[str, Any]], tuple[Any, Any]]) -> bool | None:
    """Whether two numbers of some trees agree, each case met: points near the numbers in them too."""
    names = sorted({name for side in sides for name in symbols(side)})
    numbers = {float(n.args[0]) for side in sides for n in postorder(side) if n.head == "num"}
    return _compared(lambda *at: pair(dict(zip(names, at, strict=True))), len(names), numbers)


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
    import sympy

    if a == b:
        return True
    if any(side.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo) for side in (a, b)):
        return None
    variables = sorted(a.free_symbols | b.free_symbols, key=str)
    if not all(variable.is_real for variable in variables):
        raise GraphError("internal error: only real symbols are compared")
    compute = sympy.lambdify(variables, [a, b], modules=[bounded(), "mpmath"], cse=False)
    near_by: set[float] | None = None
    if a.has(sympy.Piecewise) or b.has(sympy.Piecewise):
        near_by = {float(c) for c in a.atoms(sympy.Number) | b.atoms(sympy.Number)}
    return _compared(compute, len(variables), near_by, points)


def _compared(
    compute: Callable[..., Any], count: int, near_by: set[float] | None, points: int = 5
) -> bool | None:
    """Whether a pair of numbers agrees at points of `count` coordinates; near some numbers too."""
    import random

    import mpmath  # type: ignore[import-untyped]

    generator = random.Random(count)
    ranges = list(_RANGES)
    if near_by is not None:
        ranges += [(c - 1.5, c + 1.5) for c in sorted(near_by) if abs(c) < 1e6]
        points *= len(ranges)
    real = complex_ = 0
    agree = True
    with mpmath.workdps(30):
        for attempt in range(8 * points):
            spread = ranges[attempt % len(ranges)]
            at = [mpmath.mpf(generator.uniform(*spread)) for _ in range(count)]
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
