"""Shapes: how they are written, and how they broadcast."""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.calculus.formula import (
    Shape,
    Size,
)
from graphnn.calculus.polynomial import (
    plain as as_size,
)
from graphnn.errors import ShapeError

AXIS_NAMES = "ijklmnpqrstuvwabcdefgh"


def shape_text(shape: Shape) -> str:
    """A shape as Python writes a tuple."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def broadcast_shapes(shapes: Sequence[Shape]) -> Shape:
    """NumPy's rule: aligned at the last dimension, a size 1 stretches.

    >>> broadcast_shapes([(4, 1), (3,)])
    (4, 3)
    """
    rank = max(map(len, shapes), default=0)
    result: list[Size] = []
    for place in range(-rank, 0):
        sizes = {as_size(shape[place]) for shape in shapes if len(shape) >= -place}
        wide = sizes - {1}
        if len(wide) > 1:
            raise ShapeError(
                f"shapes {' and '.join(shape_text(s) for s in shapes)} do not broadcast: "
                f"dimension {place} has sizes {', '.join(sorted(map(str, wide)))}"
            )
        result.append(wide.pop() if wide else 1)
    return tuple(result)
