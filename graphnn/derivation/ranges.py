"""The values that a function of one number takes, and where it has none: intervals, by sympy.

Cases are taken one by one, each on the part of the line where it holds; a periodic function on one
period. What sympy cannot decide is read off limits and a grid, and said to be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphnn.expression.sympy_view import from_sympy, to_sympy
from graphnn.expression.tree import Expr
from graphnn.expression.unicode import to_unicode

INFINITY = "∞"


def exact_range(e: Expr, variable: str, parameter: str) -> str | None:
    """The range as `(0, 1]` or `{0, 1}`, for positive parameters; None where sympy has no answer.

    >>> from graphnn.expression.reader import read_scalar
    >>> exact_range(read_scalar("1 / (1 + exp(-x))"), "x", "a")
    '(0, 1)'
    """
    import sympy
    from sympy.calculus.util import continuous_domain, function_range

    view, x = _view(e, variable, parameter)
    try:
        found: Any = sympy.S.EmptySet
        rest = _line(view, x)
        for case, condition in _cases(view):
            here = rest.intersect(condition.as_set()) if condition != sympy.true else rest
            rest -= here
            if not case.has(x):
                found |= sympy.FiniteSet(case)
            else:
                found |= function_range(case, x, continuous_domain(case, x, here))
        return _set_text(_joined(found), parameter)
    except (NotImplementedError, TypeError, ValueError, AttributeError):
        return None


def undefined_at(e: Expr, variable: str, parameter: str, inside: Expr | None = None) -> str:
    """Where e has no value, as `x ≤ 0`: of the points where `inside` has one, if that is given.

    >>> from graphnn.expression.reader import read_scalar
    >>> undefined_at(read_scalar("log(x)"), "x", "a"), undefined_at(read_scalar("tan(x)"), "x", "a")
    ('x ≤ 0', 'x = π/2 + k·π')
    """
    import sympy
    from sympy.calculus.util import continuous_domain

    view, x = _view(e, variable, parameter)
    line = _line(view, x)
    try:
        whole = line
        if inside is not None:
            whole = continuous_domain(_view(inside, variable, parameter)[0], x, line)
        missing = whole - continuous_domain(view, x, line)
    except (NotImplementedError, TypeError):
        return ""  # cases and steps: their kinks are conventions, and stand elsewhere
    period = "" if line == sympy.S.Reals else f" + k·{_number(line.end)}"
    if isinstance(missing, sympy.FiniteSet):
        points = [_number(point) for point in sorted(missing)]
        return " or ".join(f"{variable} = {point}{period}" for point in points)
    if isinstance(missing, sympy.Interval) and missing.start is -sympy.oo:
        sign = "<" if missing.right_open else "≤"
        return f"{variable} {sign} {_number(missing.end)}"
    return ""


def sampled_range(
    value: Callable[[Any], Any], limits: list[tuple[float, str]], step: float = 0.005
) -> str:
    """The range by values on [−8, 8], refined about the ends, and by limits (number, text)."""
    grid = np.arange(-8, 8 + step / 2, step)
    values = value(grid)
    if np.array_equal(values, np.round(values)):
        return "the integers"
    ends = []
    for sign in (-1, 1):
        attained = _extreme(value, sign)
        beyond = [pair for pair in limits if sign * pair[0] > sign * attained + 1e-12]
        if beyond:
            ends.append((max(beyond, key=lambda pair: sign * pair[0])[1], False))
        else:
            ends.append((f"{attained:.3g}".replace("-", "−"), True))
    (low, closed), (high, shut) = ends
    return f"{'[' if closed else '('}{low}, {high}{']' if shut else ')'}"


def _extreme(value: Callable[[Any], Any], sign: int) -> float:
    """The largest (least) value on [−8, 8], refined about where it lies on the grid."""
    grid = np.linspace(-8, 8, 3201)
    found = np.nan
    for _ in range(4):
        values = sign * value(grid)
        values = np.where(np.isfinite(values), values, -np.inf)
        k = int(np.argmax(values))
        low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
        found = float(sign * values[k])
        grid = np.linspace(low, high, 201)
    return found + 0.0


def limits_of(e: Expr, variable: str, parameter: str) -> list[tuple[float, str]]:
    """The limits at −∞ and ∞, as a number and as a text; those that are real."""
    import sympy

    view, x = _view(e, variable, parameter)
    found = []
    for at, side in ((-sympy.oo, "+"), (sympy.oo, "-")):
        limit = sympy.limit(view, x, at, side)
        if limit.is_extended_real and limit.is_number:
            found.append((float(limit), _end(limit, parameter)))
    return found


def _view(e: Expr, variable: str, parameter: str) -> tuple[Any, Any]:
    import sympy

    view = to_sympy(e).subs(
        sympy.Symbol(parameter, real=True), sympy.Symbol(parameter, positive=True)
    )
    return sympy.piecewise_fold(view), sympy.Symbol(variable, real=True)


def _cases(view: Any) -> list[tuple[Any, Any]]:
    import sympy

    return list(view.args) if isinstance(view, sympy.Piecewise) else [(view, sympy.true)]


def _line(view: Any, x: Any) -> Any:
    """One period of a periodic function, else all real numbers."""
    import sympy
    from sympy.calculus.util import periodicity

    if view.has(sympy.Piecewise, sympy.floor) or not view.has(x):
        return sympy.S.Reals
    period = periodicity(view, x)
    return sympy.S.Reals if not period else sympy.Interval(0, period)


def _joined(found: Any) -> Any:
    """Two intervals that touch, as one: sympy leaves them apart where an end is a symbol."""
    import sympy

    if not isinstance(found, sympy.Union):
        return found
    first, second = sorted(found.args, key=lambda part: part.has(sympy.Symbol), reverse=True)
    return sympy.Interval(first.start, second.end, first.left_open, second.right_open)


def _set_text(found: Any, parameter: str) -> str | None:
    import sympy

    if isinstance(found, sympy.FiniteSet):
        return "{" + ", ".join(_end(one, parameter) for one in sorted(found)) + "}"
    if not isinstance(found, sympy.Interval):
        return "(−∞, ∞)" if found == sympy.S.Reals else None
    # the largest of all numbers is none: sympy writes (−∞, ∞) with closed ends at times
    opens = found.left_open or found.start is -sympy.oo
    shuts = found.right_open or found.end is sympy.oo
    low, high = _end(found.start, parameter), _end(found.end, parameter)
    return f"{'(' if opens else '['}{low}, {high}{')' if shuts else ']'}"


def _end(number: Any, parameter: str) -> str:
    import sympy

    if number in (sympy.oo, -sympy.oo):
        return INFINITY if number is sympy.oo else f"−{INFINITY}"
    plain = number.subs(sympy.Symbol(parameter, positive=True), sympy.Symbol(parameter, real=True))
    return _number(plain, parameter)


def _number(number: Any, *order: str) -> str:
    import sympy

    return to_unicode(from_sympy(number.subs(sympy.pi, sympy.Symbol("pi")), order))
