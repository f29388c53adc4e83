"""Whether two lists of numbers, one array a point, are the same: norm-wise, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.expression.tree import Expr

Array = npt.NDArray[Any]

TOLERANCE = 1e-9
FLOOR = 1e-4
"""A point at which all is smaller than this part of the usual has lost digits: 1 − tanh²(20)."""


def scale(wanted: Sequence[Array]) -> list[float]:
    """The norm by which each point is judged: its own, or a part of the median norm."""
    norms = [float(np.max(np.abs(w[np.isfinite(w)]), initial=0)) for w in wanted]
    least = FLOOR * float(np.median([n for n in norms if n] or [0.0]))
    return [max(norm, least, 1e-12) for norm in norms]


def agreements(found: Iterable[Array], wanted: Sequence[Array]) -> Iterator[bool]:
    """For each point whether |found − wanted| ≤ 1e-9·max|wanted|, where both are finite.

    >>> list(agreements([np.array([1.0, 2.0])], [np.array([1.0, 2.5])]))
    [False]
    """
    for mine, theirs, norm in zip(found, wanted, scale(wanted), strict=False):
        if mine.shape != theirs.shape:
            yield False
            continue
        both = np.isfinite(mine) & np.isfinite(theirs)
        gap = np.abs(np.where(both, mine, 0) - np.where(both, theirs, 0))
        yield bool(np.all(gap <= TOLERANCE * norm)) and (bool(both.any()) or not both.size)


def same(found: Iterable[Array], wanted: Sequence[Array]) -> bool:
    """Whether two lists agree at every point; no further ones are computed after the first not."""
    return bool(wanted) and all(agreements(found, wanted))


def selected(array: Array, index: Sequence[Expr] | None, letters: Sequence[Expr]) -> Array:
    """The elements of a derivative that a left side names: letters are axes, numbers single ones.

    >>> from graphnn.expression.tree import num, sym
    >>> i = sym("i")
    >>> selected(np.array([[1, 2], [3, 4]]), [i, i], [i]), selected(np.eye(2), [num(0), i], [i])
    (array([1, 4]), array([1., 0.]))

    Raises GraphError for an index that does not fit.
    """
    if index is None:
        return array
    if len(index) != array.ndim:
        raise GraphError(
            f"the derivative has {array.ndim} dimensions and is read with {len(index)} indices"
        )
    numbers: list[Any] = []
    places: list[int] = []
    for part, size in zip(index, array.shape, strict=True):
        if part.head == "num" and isinstance(part.args[0], int) and 0 <= part.args[0] < size:
            numbers.append(part.args[0])
        elif part in letters:
            numbers.append(slice(None))
            places.append(list(letters).index(part))
        else:
            raise GraphError(f"{part} names no element: an index is a letter, or below {size}")
    return np.asarray(np.einsum(array[tuple(numbers)], places, list(range(len(letters)))))


def number_factor(found: Sequence[Array], wanted: Sequence[Array]) -> list[float] | None:
    """The number c of each point with found = c·wanted; None where there is none."""
    factors: list[float] = []
    for mine, theirs, norm in zip(found, wanted, scale(wanted), strict=True):
        if mine.shape != theirs.shape or not np.all(np.isfinite(mine)):
            return None
        if np.max(np.abs(theirs), initial=0) < norm:
            if np.any(np.abs(mine) > norm / FLOOR) or (np.any(mine) and not np.any(theirs)):
                return None
            factors.append(np.nan)
            continue
        factor = float(np.sum(mine * theirs)) / float(np.sum(theirs * theirs))
        if np.any(np.abs(mine - factor * theirs) > TOLERANCE * norm * max(1.0, abs(factor))):
            return None
        factors.append(factor)
    known = [f for f in factors if np.isfinite(f)]
    return factors if known else None
