"""Values as they are written: numbers, vectors, matrices up to 4×4, a summary of what is larger."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.derivation.exact import is_short
from graphnn.derivation.values import value
from graphnn.errors import GraphError
from graphnn.expression.numerals import exact, numeral
from graphnn.expression.tree import Expr, Number, apply, fold, num, rebuild, substitute, sym

SHOWN_SIZE = 4
_NO_BODIES: Mapping[str, Expr] = {}


def scalar(x: Any) -> Number | None:
    """The number of a single-element value, exact where it is; None for an array."""
    array = np.asarray(x)
    if array.size != 1:
        return None
    item = array.reshape(()).item()
    if isinstance(item, Fraction | int | float):
        return item.numerator if isinstance(item, Fraction) and item.denominator == 1 else item
    return float(item)


def literal(x: Any) -> Expr | None:
    """A value written out: a number, a vector, a matrix up to 4×4; None where it is larger."""
    array = np.asarray(x)
    single = scalar(array)
    if single is not None and array.ndim < 2:
        return num(single)
    if array.ndim > 2 or any(size > SHOWN_SIZE for size in array.shape) or array.size == 0:
        return None
    rows = [_cell(v) if array.ndim == 1 else apply("vector", *map(_cell, v)) for v in array]
    return apply("vector", *rows)


def _cell(x: Any) -> Expr:
    found = scalar(x)
    return num(found if found is not None else 0)


def summary(x: Any, digits: int) -> str:
    """Shape, norm and corner of an array that is too large to write out."""
    array = np.asarray(x, dtype=np.float64)
    norm = numeral(float(np.linalg.norm(array.ravel())), digits)
    corner = ", ".join(numeral(float(v), digits) for v in array.ravel()[:2])
    shape = "×".join(map(str, array.shape))
    return f"({shape}), norm {norm}, first {corner}" if array.size else f"({shape}), empty"


def shown_value(e: Expr, digits: int) -> Expr:
    """A numeric expression with every number replaced by the number that its text says."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "num":
            return num(read_numeral(numeral(node.args[0], digits)))
        return node if node.head == "sym" else apply(node.head, *parts)

    return fold(e, visit)


def read_numeral(text: str) -> Number:
    """The number that a printed text says, exactly."""
    plain = text.replace("−", "-")
    if plain in ("nan", "∞", "-∞"):
        return float(plain.replace("∞", "inf"))
    if "/" in plain:
        above, below = plain.split("/")
        return Fraction(int(above), int(below))
    made = Fraction(plain)
    return made.numerator if made.denominator == 1 else made


def opened_calls(e: Expr, bodies: Mapping[str, Expr]) -> Expr:
    """An expression with the body, over `_0`, `_1` …, for each call of a user's own op."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head in bodies:
            return substitute(bodies[node.head], {sym(f"_{k}"): a for k, a in enumerate(parts)})
        return rebuild(node, parts)

    return fold(e, visit) if bodies else e


def reproduces(
    shown: Expr, result: Any, digits: int, bodies: Mapping[str, Expr] = _NO_BODIES
) -> bool:
    """Whether the numbers shown, computed as shown, give the result shown to its last digit.

    `bodies` has the formulas of the user's own ops.
    """
    try:
        computed = value(opened_calls(shown_value(shown, digits), bodies), {})
    except (GraphError, ZeroDivisionError, ValueError, KeyError):
        return False
    wanted = np.asarray(result)
    # a number that no float holds is not shown digit by digit
    if computed.size != wanted.size or not is_short(computed):
        return False
    for mine, theirs in zip(computed.ravel(), wanted.ravel(), strict=True):
        a, b = scalar(mine), scalar(theirs)
        if a is None or b is None:
            return False
        text = numeral(b, digits)
        if not exact(b) and exact(a):
            a = float(a)
        if numeral(a, digits) != text and numeral(float(a), digits) != numeral(float(b), digits):
            return False
    return True
