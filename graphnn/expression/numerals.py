"""How numbers are written: one text for each value, everywhere."""

from __future__ import annotations

import math
from fractions import Fraction

from graphnn.expression.tree import Number

MINUS = "−"


def numeral(value: Number, digits: int = 3) -> str:
    """A value with `digits` significant digits; integers and short fractions stay exact.

    >>> numeral(0.7310585786), numeral(Fraction(1, 3)), numeral(9.6e-16), numeral(-2)
    ('0.731', '1/3', '9.60e−16', '−2')
    """
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int):
        return str(value).replace("-", MINUS) if abs(value) < 10**15 else numeral(float(value))
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return numeral(value.numerator, digits)
        text = _decimal(value, digits)
        if text is not None:
            return text.replace("-", MINUS)
        if _repeats(value) and value.denominator < 100 and abs(value.numerator) < 1000:
            return f"{value.numerator}/{value.denominator}".replace("-", MINUS)
        value = float(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    if -4 < exponent < 6:
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    else:
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa}e{int(power)}"
    return text.replace("-", MINUS)


def _decimal(value: Fraction, digits: int) -> str | None:
    """The exact decimal of a fraction, where it ends within `digits` + 3 places."""
    for places in range(1, digits + 4):
        scaled = value * 10**places
        if scaled.denominator == 1:
            if len(str(abs(scaled.numerator)).lstrip("0")) > digits + 1:
                return None
            return f"{'-' if value < 0 else ''}{_fixed(abs(scaled.numerator), places)}"
    return None


def _repeats(value: Fraction) -> bool:
    """Whether the decimal never ends: such a fraction keeps its bar, any other is rounded."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest != 1


def _fixed(scaled: int, places: int) -> str:
    text = str(scaled).rjust(places + 1, "0")
    return f"{text[:-places]}.{text[-places:]}"


def exact(value: Number) -> bool:
    """True for an integer or a fraction: nothing was rounded to store it."""
    return isinstance(value, int | Fraction)
