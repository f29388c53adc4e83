"""Contributions: what each use of a value adds to its gradient, as the text of a picture.

∂L/∂x = ∂L/∂u·∂u/∂x + ∂L/∂v·∂v/∂x, and the numbers below. An equals sign stands only between numbers
that are equal as they are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from graphnn.expression.numerals import numeral
from graphnn.graph.statements import Statement
from viz.formulas import NOTHING, Label, gradient_label, norm_label, value_label
from viz.numbers import Numbers

MAX_SUMMANDS = 3  # a sum below a box with more of them is not written out
MAX_TERMS = 6  # and neither is one on a line of its own
EQUALS, ABOUT = Label(" = ", " = "), Label(r" \approx ", " ≈ ")


def equation(symbol: Label, value: npt.ArrayLike, digits: int, given: bool = False) -> Label:
    """What `symbol` stands for is `value`: written out, or its norm where it is large."""
    shown = value_label(value, digits, given)
    if shown is None:
        return norm_label(symbol, value, digits)
    return symbol + Label(" = ", " = ") + shown


def added_up(
    name: str, symbol: Label, found: Numbers, users: Sequence[Statement], digits: int
) -> Label:
    """A gradient that arrives along several edges: the sum of what they bring, for below its box."""
    along = [s.name for s in users if s.name in found.backward]
    if name not in found.gradients:
        if len(along) > MAX_SUMMANDS - 1:
            return NOTHING
        return symbol + EQUALS + _sum_of([through(found.loss or "", u, name) for u in along])
    total = found.gradients[name]
    numbers = _numbers(name, found, along, digits)
    if not numbers or len(along) > MAX_SUMMANDS:
        return equation(symbol, total, digits)
    return symbol + EQUALS + numbers


def whole_sum(
    name: str, symbol: Label, found: Numbers, users: Sequence[Statement], digits: int
) -> Label:
    """The same on a line of its own: the symbols of every term, then their numbers."""
    along = [s.name for s in users if s.name in found.backward]
    line = symbol
    if len(along) <= MAX_TERMS:
        line += EQUALS + _sum_of([through(found.loss or "", u, name) for u in along])
    else:
        ends = [through(found.loss or "", u, name) for u in (along[0], along[-1])]
        dots = Label(r" + \cdots + ", " + … + ")
        line += EQUALS + ends[0] + dots + ends[1]
    if name not in found.gradients:
        return line
    numbers = _numbers(name, found, along, digits) if len(along) <= MAX_TERMS else NOTHING
    if numbers:
        return line + EQUALS + numbers
    shown = value_label(found.gradients[name], digits)
    return line + EQUALS + shown if shown else line


def _numbers(name: str, found: Numbers, along: Sequence[str], digits: int) -> Label:
    """3 − 0.416 = 2.58; nothing where one of them is no scalar."""
    total = found.gradients[name]
    if np.ndim(total) != 0:
        return NOTHING
    parts = [value_label(found.contributions[user, name], digits) for user in along]
    texts = [part for part in parts if part is not None]
    result = value_label(total, digits)
    if result is None or len(texts) < len(parts):
        return NOTHING
    equal = adds_up([t.text for t in texts], result.text)
    return _sum_of(texts) + (EQUALS if equal else ABOUT) + result


def _sum_of(terms: Sequence[Label]) -> Label:
    """Terms with + between them, and − where a term begins with it."""
    shown = terms[0]
    for term in terms[1:]:
        negative = term.latex.startswith("-")
        sign = Label(" - ", " − ") if negative else Label(" + ", " + ")
        shown = shown + sign + (Label(term.latex[1:], term.text[1:]) if negative else term)
    return shown


def through(loss: str, user: str, name: str) -> Label:
    """∂L/∂u · ∂u/∂x, the summand that one reader contributes.

    Where the loss itself reads the value, ∂⁺L/∂x: everything else that it reads is held fixed.
    """
    if user != loss:
        return (
            gradient_label(loss, user) + Label(r"\,", "·", r"\cdot ") + gradient_label(user, name)
        )
    whole = gradient_label(loss, name)
    return Label(
        whole.latex.replace(r"\partial", r"\partial^{+}", 1),
        whole.text.replace("∂", "∂⁺", 1),
        whole.level.replace(r"\partial", r"\partial^{+}", 1),
    )


def adds_up(summands: Sequence[str], result: str) -> bool:
    """Whether numbers as they are shown add to the shown result, to its last digit.

    >>> adds_up(["3", "−0.416"], "2.58"), adds_up(["0.1", "0.1"], "0.21")
    (True, False)
    """
    numbers_shown = [_read(text) for text in (*summands, result)]
    if any(number is None for number in numbers_shown):
        return False
    *parts, total = [number for number in numbers_shown if number is not None]
    places = len(result.partition(".")[2].partition("e")[0])
    power = int(result.partition("e")[2].replace("−", "-") or 0)
    return abs(sum(parts) - total) <= Fraction(1, 2) * Fraction(10) ** (power - places)


def _read(text: str) -> Fraction | None:
    try:
        return Fraction(text.replace("−", "-"))
    except ValueError:
        return None


def multiplies_to(factors: Sequence[str], result: str) -> bool:
    """Whether factors as they are shown multiply to the shown result, to its last digit.

    >>> multiplies_to(["−0.3318", "0.2217", "1.5"], "−0.1104")
    False
    """
    product = Fraction(1)
    for text in factors:
        number = _read(text)
        if number is None:
            return False
        product *= number
    return adds_up([numeral(product) if product.denominator == 1 else _plain(product)], result)


def _plain(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}".replace("-", "−")
