"""Printed equalities, read back: `lhs = expression = numbers = result` as resolved trees.

Whatever a derivation prints is checked by reading it again: ∂L/∂w, δ₁, Σ_i, δ_ij, y[i] and matrix
literals are allowed here, and `≈` and `:=` separate sides as `=` does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graphnn.errors import TextError
from graphnn.expression.names import canonical
from graphnn.expression.reader import normal, parse_placed, place_of
from graphnn.expression.tree import Expr
from graphnn.text.resolve import Defect, resolve
from graphnn.text.scan import scan

_NOT_EQUAL = "<>!≤≥≠="


def read_equation(
    text: str, names: Mapping[str, Any], indices: Collection[str] = ()
) -> tuple[Expr, ...]:
    """The sides of an equality, resolved; `names` maps each value to its shape or its rank.

    Names inside `[…]` and under Σ that are no values are index names; further ones are `indices`.

    >>> for side in read_equation("∂z/∂x = Wᵀ δ₁ = (1, 2)", {"z": 0, "x": 1, "W": 2, "delta1": 1}):
    ...     print(side)
    ∂z/∂x
    Wᵀ δ₁
    (1, 2)

    Raises TextError with a caret.
    """
    text = normal(text)
    ranks = {
        canonical(name): shape if isinstance(shape, int) else len(shape)
        for name, shape in names.items()
    }
    found: list[Expr] = []
    for start, side in sides(text):
        tree, places = parse_placed(side, text, start)
        uses = scan([tree], ranks)
        known = frozenset({*uses.indices, *indices})
        try:
            found.append(resolve(tree, ranks, known).tree)
        except Defect as defect:
            raise TextError(
                defect.message, text, *place_of(text, start + places.get(defect.part, 0))
            ) from None
    return tuple(found)


def sides(text: str) -> list[tuple[int, str]]:
    """The texts between equality signs that stand outside brackets, and where each starts.

    >>> sides("a = b[i=2] = c")
    [(0, 'a '), (3, ' b[i=2] '), (12, ' c')]
    """
    found: list[tuple[int, str]] = []
    level, start = 0, 0
    for place, letter in enumerate(text):
        level += (letter in "([{") - (letter in ")]}")
        near = text[place - 1 : place] + text[place + 1 : place + 2]
        is_sign = letter == "≈" or (
            letter in "=~" and not any(other in _NOT_EQUAL for other in near)
        )
        if is_sign and level == 0:
            end = place - 1 if text[place - 1 : place] == ":" else place
            found.append((start, text[start:end]))
            start = place + 1
    found.append((start, text[start:]))
    return found
