"""The derivative of a scalar expression, written in the order of the expression.

One walk from the leaves up applies the rules of sum, product, quotient, power and chain; factors
come out from the outside inwards, as a lecture writes them. Sympy supplies the derivatives of the
elementary functions and judges every result. Results are kept per expression, so a network of
twenty thousand nodes of two kinds asks sympy for two.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression import sympy_view
from graphnn.expression.agreement import compare, is_slope
from graphnn.expression.algebra import ONE, ZERO, add, divide, multiply, negate, power, where
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.sympy_view import function_derivative, has_many_cases, to_sympy
from graphnn.expression.tree import (
    COMPARISONS,
    Expr,
    apply,
    fold,
    is_leaf,
    num,
    substitute,
    sym,
)


@lru_cache(maxsize=8192)
def derivative(e: Expr, name: str) -> Expr:
    """∂e/∂name, every other symbol held fixed.

    >>> from graphnn.expression.unicode import to_unicode
    >>> y, a = sym("y"), sym("a")
    >>> to_unicode(derivative(divide(power(add(y, negate(a)), num(2)), num(2)), "a"))
    '−(y − a)'
    """
    result = walk(e, name)
    if not _obvious(e):
        _judge(e, name, result)
    return result


def _obvious(e: Expr) -> bool:
    """A leaf, or one arithmetic operation on leaves other than a power: nothing to judge."""
    return is_leaf(e) or (e.head in ("+", "-", "*", "neg") and all(map(is_leaf, e.args)))


def walk(e: Expr, name: str) -> Expr:
    """`derivative` without the judge."""
    return fold(e, lambda node, inner: rule(node, inner, name))


def rule(node: Expr, inner: list[Expr], name: str) -> Expr:
    """d(node) from its arguments and their derivatives: one law a case."""
    if node.head == "num":
        return ZERO
    if node.head == "sym":
        return ONE if node.args[0] == name else ZERO
    if all(part is ZERO for part in inner):
        return ZERO
    match node.head, node.args, inner:
        case "+", _, (du, dv):
            return add(du, dv)
        case "-", _, (du, dv):
            return add(du, negate(dv))
        case "neg", _, (du,):
            return negate(du)
        case (("*" | "·" | "⊙"), (u, v), (du, dv)):
            return add(multiply(du, v), multiply(u, dv))
        case "/", (u, v), (du, dv):
            return add(divide(du, v), negate(multiply(divide(u, power(v, num(2))), dv)))
        case "^", (u, n), (du, dn):
            return add(
                multiply(n, power(u, add(n, num(-1))), du),
                multiply(_power_by_exponent(node), dn) if dn is not ZERO else ZERO,
            )
        case "where", (condition, _, _), (_, du, dv):
            return where(condition, du, dv)
        case (("max" | "min"), (u, v), (du, dv)):
            return where(tie_rule(node.head, u, v), du, dv)
        case head, arguments, _ if head in FUNCTIONS:
            return add(
                *(
                    multiply(outer_derivative(head, k, arguments), d)
                    for k, d in enumerate(inner)
                    if d is not ZERO
                )
            )
        case head, _, _ if head in COMPARISONS or head == "and":
            return ZERO
    raise GraphError(f"internal error: no rule for the derivative of {node.head!r}")


def _power_by_exponent(node: Expr) -> Expr:
    """∂xⁿ/∂n = xⁿ·log x, which is 0 at x = 0 for n > 0; a number as base has its logarithm."""
    u = node.args[0]
    if u.head == "num" and u.args[0] > 0:
        return multiply(node, apply("log", u))
    return apply("times_log", node, u)


def tie_rule(head: str, u: Expr, v: Expr) -> Expr:
    """When max or min takes its first operand: at a tie the constant one wins, else the first."""
    strict = v.head == "num" and u.head != "num"
    symbol = {"max": ">", "min": "<"}[head]
    return apply(symbol if strict else f"{symbol}=", u, v)


def outer_derivative(name: str, argument: int, arguments: tuple[Expr, ...]) -> Expr:
    """f′ at the given arguments: a convention of the table where there is one, else sympy's."""
    given = FUNCTIONS[name].derivatives[argument]
    template = function_derivative(name, argument) if given is None else _read(given)
    return substitute(template, dict(zip((sym("u"), sym("v")), arguments, strict=False)))


@cache
def _read(text: str) -> Expr:
    from graphnn.expression.reader import read_scalar

    return read_scalar(text)


def _judge(e: Expr, name: str, result: Expr) -> None:
    """Sympy differentiates its own view; both must agree at fixed points, or nothing is returned.

    An expression that is nowhere defined (`x/0`) has no value to disagree about. With many cases
    the result is held against difference quotients instead.
    """
    import sympy

    if has_many_cases(e):
        if is_slope(e, name, result) is False:
            raise GraphError(f"internal error: {result} is not the slope ∂({e})/∂{name}")
        return
    sympy_view.calls += 1
    expected = sympy.diff(to_sympy(e), sympy.Symbol(name, real=True))
    if expected.has(sympy.floor):
        expected = _flat_floors(expected)
    if expected.has(sympy.DiracDelta) or expected.has(sympy.Heaviside):
        raise GraphError(f"internal error: a DiracDelta or Heaviside in the derivative of {e}")
    if compare(expected, to_sympy(result)) is False:
        raise GraphError(f"internal error: sympy disagrees about ∂({e})/∂{name} = {result}")


def _flat_floors(e: Any) -> Any:
    """Sympy leaves the derivative of floor as it stands; between its jumps it is 0."""
    import sympy

    def is_slope(part: Any) -> bool:
        return isinstance(part, sympy.Derivative | sympy.Subs) and part.has(sympy.floor)

    return e.replace(is_slope, lambda _: sympy.S.Zero)
