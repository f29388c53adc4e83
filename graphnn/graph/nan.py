"""Where a NaN first arose: the first node that holds one and was given none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError
from graphnn.graph.handle import Handle
from graphnn.graph.node import Node, topological

Values = npt.NDArray[Any]


def first_nan(found: Mapping[Node, Values]) -> tuple[Node, tuple[int, ...]] | None:
    """The first node, operands before users, that holds a NaN where no operand does; the place."""
    for node, value in found.items():
        if has_nan(value) and not any(has_nan(found[operand]) for operand in node.operands):
            return node, tuple(int(k) for k in np.argwhere(np.isnan(value))[0])
    return None


def has_nan(value: Any) -> bool:
    """Whether an array of floats holds a NaN.

    >>> has_nan([1, float("nan")]), has_nan(3)
    (True, False)
    """
    array = np.asarray(value)
    return array.dtype.kind == "f" and bool(np.any(np.isnan(array)))


def check_nan(handles: Sequence[Handle], found: Mapping[Node, Values]) -> None:
    """A GraphError for the first NaN: the statement and the user's line in which it arose."""
    first = first_nan(found)
    if first is None:
        return
    node, place = first
    where = f"[{', '.join(map(str, place))}]" if place else ""
    if node.op in ("input", "parameter"):
        raise GraphError(f"{node.attribute('name')}{where} is NaN")
    made = [h for h in handles if h.node is node]
    written = next((h.name for h in made if h.name), None) or next(
        (h.name for h in handles if h.name and node in set(topological([h.node]))),
        None,
    )
    arose = f"NaN first arose in {node.kind}{where}" + (f", a part of {written}" if written else "")
    given = ", ".join(_read_at(found[operand], place) for operand in node.operands)
    raise GraphError(f"{arose}, of {given}", f"  at {made[0].source}" if made else None)


def _read_at(value: Values, place: tuple[int, ...]) -> str:
    """What an operand holds at a place, where it has that place; else its shape."""
    if not value.shape or value.shape == (1,) * value.ndim:
        return f"{value.item():.6g}"
    fits = value.ndim == len(place) and all(k < n for k, n in zip(place, value.shape, strict=True))
    return f"{value[place]:.6g}" if fits else f"an array of shape {shape_text(value.shape)}"
