"""Writing a formula for a rank: letters of axes, elements, and the axes that a user names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphnn.calculus.shapes import AXIS_NAMES, shape_text
from graphnn.errors import GraphError, ShapeError
from graphnn.graph.handle import Handle, user_place


def axes_of_operand(x: Handle, axis: int | Sequence[int] | None, function: str) -> tuple[int, ...]:
    """The axes that a user names (one, several, all by None), counted from 0, in order.

    Raises ShapeError for an axis that the operand does not have, GraphError for what is none.
    """
    if axis is None:
        return tuple(range(x.ndim))
    wanted = list(axis) if isinstance(axis, Sequence) else [axis]
    for place in wanted:
        if isinstance(place, bool) or not isinstance(place, int | np.integer):
            raise GraphError(
                f"{function}: an axis is an integer; {place!r} was given", user_place()
            )
        if not x.ndim:
            called = x.name or "z"
            raise ShapeError(
                f"{function} works along an axis, and {called} is a single number; give it a shape "
                f"({called}: (n) in text, an array as its value, or shape= in Python)",
                user_place(),
            )
        if not -x.ndim <= place < x.ndim:
            raise ShapeError(
                f"{function} has no axis {place}: the operand has shape {shape_text(x.shape)}",
                user_place(),
            )
    return tuple(sorted({int(place) % x.ndim for place in wanted}))


def axis_letters(count: int) -> list[str]:
    """Names for the axes of a formula: `i, j, k, …`.

    >>> axis_letters(2)
    ['i', 'j']
    """
    if count > len(AXIS_NAMES):
        raise ShapeError(f"{count} dimensions are more than {len(AXIS_NAMES)}")
    return list(AXIS_NAMES[:count])


def element(name: str, index: Sequence[str]) -> str:
    """An element as the text language writes it; a scalar has no index.

    >>> element("x", ["i", "0"])
    'x[i,0]'
    """
    return f"{name}[{','.join(index)}]" if index else name
