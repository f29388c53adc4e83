"""Building expressions with the few cosmetic rules that a person applies without a word.

    x·1 = x   x·0 = 0   x + 0 = x   ½·2 = 1   −(−x) = x   a·(−b) = −(a·b)   x¹ = x

Numbers meet numbers and the sign moves to the front; the order of everything else stays as it was
written. A product is (sign and coefficient) · factors in order / divisors in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from graphnn.expression.tree import Expr, Number, apply, num

ZERO = num(0)
ONE = num(1)


@dataclass(frozen=True)
class Product:
    """`coefficient · Π factors / Π divisors`, everything in written order."""

    coefficient: Number
    factors: tuple[Expr, ...]
    divisors: tuple[Expr, ...]


def split_product(e: Expr) -> Product:
    """Take a product apart: `-(2·x·y)/3` is −2/3 · x · y.

    >>> from graphnn.expression.tree import sym
    >>> split_product(divide(negate(sym("x")), num(2))).coefficient
    Fraction(-1, 2)
    """
    coefficient: Number = 1
    factors: list[Expr] = []
    divisors: list[Expr] = []
    stack = [(e, False)]
    while stack:
        node, below = stack.pop()
        if node.head == "num" and node.args[0] != 0:
            value = node.args[0]
            coefficient = _divide(coefficient, value) if below else coefficient * value
        elif node.head == "num":
            (divisors if below else factors).append(node)
        elif node.head == "neg":
            coefficient = -coefficient
            stack.append((node.args[0], below))
        elif node.head in ("*", "·", "⊙"):
            stack.extend((part, below) for part in reversed(node.args))
        elif node.head == "/":
            stack.append((node.args[1], not below))
            stack.append((node.args[0], below))
        else:
            (divisors if below else factors).append(node)
    return Product(coefficient, tuple(factors), tuple(divisors))


def _divide(a: Number, b: Number) -> Number:
    if isinstance(a, float) or isinstance(b, float):
        return a / b
    quotient = Fraction(a) / Fraction(b)
    return quotient.numerator if quotient.denominator == 1 else quotient


def join_product(
    coefficient: Number, factors: Iterable[Expr], divisors: Iterable[Expr] = ()
) -> Expr:
    """Write `coefficient · Π factors / Π divisors` with the sign in front."""
    factors = list(factors)
    divisors = list(divisors)
    if coefficient == 0 or ZERO in factors:
        return ZERO
    negative = coefficient < 0
    size = -coefficient if negative else coefficient
    if isinstance(size, Fraction):
        if size.numerator != 1 or not factors:
            factors.insert(0, num(size.numerator))
        if size.denominator != 1:
            divisors.insert(0, num(size.denominator))
    elif size != 1 or not factors:
        factors.insert(0, num(size))
    above = _chain("*", factors)
    result = apply("/", above, _chain("*", divisors)) if divisors else above
    if negative and result.head == "num":
        return num(-result.args[0])
    return apply("neg", result) if negative else result


def _chain(head: str, parts: list[Expr]) -> Expr:
    result = parts[0]
    for part in parts[1:]:
        result = apply(head, result, part)
    return result


def multiply(*parts: Expr) -> Expr:
    """The product of `parts`, in order; a factor moves into a guarded case that is 0 elsewhere.

    >>> from graphnn.expression.tree import sym
    >>> multiply(num(2), sym("x"), num(Fraction(1, 2)))
    x
    """
    if ZERO in parts:
        return ZERO
    kept = [part for part in parts if part is not ONE]
    if len(kept) == 1:
        return kept[0]
    coefficient: Number = 1
    factors: list[Expr] = []
    divisors: list[Expr] = []
    for part in kept:
        product = split_product(part)
        coefficient *= product.coefficient
        factors.extend(product.factors)
        divisors.extend(product.divisors)
    for k, factor in enumerate(factors):
        if factor.head == "where" and ZERO in factor.args[1:]:
            condition, then, other = factor.args
            branches = (
                join_product(coefficient, [*factors[:k], branch, *factors[k + 1 :]], divisors)
                if branch.head != "num"
                else multiply(
                    branch, join_product(coefficient, factors[:k] + factors[k + 1 :], divisors)
                )
                for branch in (then, other)
            )
            return apply("where", condition, *branches)
    return join_product(coefficient, factors, divisors)


def divide(a: Expr, b: Expr) -> Expr:
    """`a / b`, numbers folded.

    >>> from graphnn.expression.tree import sym
    >>> divide(sym("a"), ONE)
    a
    """
    if b is ONE or a is ZERO:
        return a
    if b is ZERO:
        return apply("/", a, b)
    below = split_product(b)
    return multiply(a, join_product(_divide(1, below.coefficient), below.divisors, below.factors))


def negate(e: Expr) -> Expr:
    """`−e`."""
    return num(-e.args[0]) if e.head == "num" else multiply(num(-1), e)


def add(*parts: Expr) -> Expr:
    """The sum of `parts` in order; numbers folded, a negative term is subtracted.

    >>> from graphnn.expression.tree import sym
    >>> add(sym("a"), negate(sym("b")))
    -(a, b)
    """
    result: Expr | None = None
    for part in parts:
        if part is ZERO:
            continue
        if result is None:
            result = part
        elif part.head == "num" and result.head == "num":
            total = part.args[0] + result.args[0]
            result = None if total == 0 else num(total)
        elif part.head == "neg":
            result = apply("-", result, part.args[0])
        elif part.head == "num" and part.args[0] < 0:
            result = apply("-", result, num(-part.args[0]))
        else:
            result = apply("+", result, part)
    return ZERO if result is None else result


def power(base: Expr, exponent: Expr) -> Expr:
    """`base ^ exponent`, with x⁰ = 1 and x¹ = x; exact numbers are folded, a float stays as it is.

    >>> from graphnn.expression.tree import sym
    >>> power(sym("x"), num(1))
    x
    """
    if exponent is ZERO:
        return ONE
    if exponent is ONE:
        return base
    if base.head == "num" and exponent.head == "num" and isinstance(exponent.args[0], int):
        value = base.args[0]
        if value != 0 and abs(exponent.args[0]) <= 64 and not isinstance(value, float):
            return num(Fraction(value) ** exponent.args[0])
    return apply("^", base, exponent)


def where(condition: Expr, then: Expr, other: Expr) -> Expr:
    """`then` where `condition` holds, `other` elsewhere; equal branches need no condition."""
    return then if then is other else apply("where", condition, then, other)


def as_condition(e: Expr) -> Expr:
    """`where(c, 1, 0) ≠ 0` is c: what a condition that was computed as a number says.

    >>> from graphnn.expression.tree import num, sym
    >>> c = apply(">", sym("x"), num(0))
    >>> as_condition(apply("!=", where(c, num(1), num(0)), num(0))) is c
    True
    """
    if e.head != "!=" or e.args[1] is not ZERO:
        return e
    made = condition_of(e.args[0])
    return e if made is None else made


def condition_of(e: Expr) -> Expr | None:
    """The condition c of `where(c, 1, 0)`; `c and d` for a product of two, else None."""
    if e.head == "where" and e.args[1:] == (ONE, ZERO):
        condition: Expr = e.args[0]
        return condition
    if e.head not in ("*", "⊙"):
        return None
    both = [condition_of(part) for part in e.args]
    left, right = both
    return None if left is None or right is None else apply("and", left, right)


def terms(e: Expr) -> list[Expr]:
    """The summands of `e` in order, with their signs: `a − b` is [a, −b]."""
    found: list[Expr] = []
    stack = [(e, False)]
    while stack:
        node, negative = stack.pop()
        if node.head == "+":
            stack.append((node.args[1], negative))
            stack.append((node.args[0], negative))
        elif node.head == "-":
            stack.append((node.args[1], not negative))
            stack.append((node.args[0], negative))
        elif node.head == "neg" and node.args[0].head in ("+", "-"):
            stack.append((node.args[0], not negative))
        else:
            found.append(negate(node) if negative else node)
    return found
