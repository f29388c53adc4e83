"""Arithmetic that keeps exact numbers exact: integers and fractions through rational operations.

What grows too long to compute with goes on as floats; so does what a float was met by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.expression.tree import Number

Array = npt.NDArray[Any]

EXACT_SIZE = 64
EXACT_BITS = 1000
"""Exact numbers with a longer numerator or denominator go on as floats."""


def exact_array(given: Any) -> Array:
    """A value as an array of exact numbers where it is small, else of floats."""
    array = np.asarray(given, dtype=object)
    if array.size > EXACT_SIZE:
        return np.asarray(given, dtype=np.float64)
    made = np.empty(array.shape, dtype=object)
    for place in np.ndindex(array.shape):
        made[place] = _number(array[place])
    return made


def _number(x: Any) -> Number:
    if isinstance(x, Fraction):
        return x.numerator if x.denominator == 1 else x
    if isinstance(x, bool | int | np.integer):
        return int(x)
    number = float(x)
    if math.isfinite(number):
        short = Fraction(repr(number))
        if short.denominator <= 10**6:
            return short.numerator if short.denominator == 1 else short
    return number


def as_array(x: Any) -> Array:
    """A result as an array; a single exact number stays exact."""
    if isinstance(x, np.ndarray):
        return x
    return np.asarray(x, dtype=object if isinstance(x, int | Fraction) else np.float64)


def _divide(a: Array, b: Array) -> Array:
    if a.dtype == object and b.dtype == object and not np.any(b == 0):
        return as_array(a * np.vectorize(lambda x: _inverse(x), otypes=[object])(b))
    with np.errstate(all="ignore"):
        return np.asarray(a, dtype=np.float64) / np.asarray(b, dtype=np.float64)


def _inverse(x: Any) -> Any:
    return 1 / x if isinstance(x, float) else Fraction(1) / Fraction(x)


def _bits(a: Array) -> int:
    """The length of the longest numerator or denominator."""
    exact_parts = [x for x in a.ravel() if isinstance(x, int | Fraction)]
    return max(
        (max(x.numerator.bit_length(), x.denominator.bit_length()) for x in exact_parts), default=0
    )


def bounded(a: Array) -> Array:
    """The array, as floats once its exact numbers have grown too long to compute with."""
    if a.dtype != object or is_short(a):
        return a
    return np.asarray(np.vectorize(_rounded, otypes=[np.float64])(a))


def _rounded(x: Number) -> float:
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf


def is_short(a: Array) -> bool:
    """Whether no exact number in the array has grown beyond EXACT_BITS."""
    return a.dtype != object or _bits(a) <= EXACT_BITS


def _power(a: Array, b: Array) -> Array:
    whole = b.ndim == 0 and isinstance(b.item(), int)
    if a.dtype == object and whole and _bits(a) * abs(b.item()) <= 2 * EXACT_BITS:
        n = b.item()
        if n < 0:
            return _divide(np.asarray(1, dtype=object), _power(a, np.asarray(-n, dtype=object)))
        return as_array(a**n)
    with np.errstate(all="ignore"):
        return np.asarray(
            np.power(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        )


OPERATORS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: as_array(a + b),
    "-": lambda a, b: as_array(a - b),
    "*": lambda a, b: as_array(a * b),
    "·": lambda a, b: as_array(a * b),
    "⊙": lambda a, b: as_array(a * b),
    "/": _divide,
    "^": _power,
    "neg": lambda a: as_array(-a),
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "!=": np.not_equal,
    "and": np.logical_and,
    "where": np.where,
}
