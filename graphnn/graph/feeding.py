"""What is fed to a graph: arrays cast to the leaves' dtypes, symbolic sizes bound and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.polynomial import (
    Dimension,
    Polynomial,
    bind,
)
from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, ShapeError
from graphnn.graph.node import FLOATS, Node

Values = npt.NDArray[Any]


NUMPY_DTYPES = {"float32": np.float64, "float64": np.float64, "int64": np.int64, "bool": np.bool_}


def computed_in(dtype: str, precision: type[np.floating[Any]]) -> Any:
    """The NumPy type in which values of a dtype are computed: floats in `precision`."""
    return precision if dtype in FLOATS else NUMPY_DTYPES[dtype]


def bind_sizes(order: Sequence[Node], values: Mapping[str, Any]) -> dict[str, int]:
    """The number of each symbolic dimension, from the shapes of what was fed.

    Raises ShapeError or DtypeError that names the leaf.
    """
    sizes: dict[str, int] = {}
    later: list[tuple[Node, tuple[int, ...]]] = []
    for node in order:
        if node.op not in ("input", "parameter"):
            continue
        name = node.attribute("name")
        given = _fed(name, values[name]).shape
        if len(given) != len(node.shape):
            raise ShapeError(
                f"{name} has shape {shape_text(node.shape)}; an array of shape {given} was given"
            )
        for size, number in zip(node.shape, given, strict=True):
            single = _single_dimension(size)
            if single is not None and sizes.setdefault(single, number) != number:
                raise ShapeError(
                    f"{name}: the dimension {single} is {sizes[single]} elsewhere; "
                    f"here it is {number}"
                )
        later.append((node, given))
    for node, given in later:
        wanted = tuple(bind(size, sizes) for size in node.shape)
        if wanted != given:
            raise ShapeError(
                f"{node.attribute('name')} has shape {shape_text(wanted)}; "
                f"an array of shape {given} was given"
            )
    return sizes


def _single_dimension(size: int | Polynomial) -> str | None:
    if isinstance(size, Polynomial) and len(size.terms) == 1:
        ((monomial, factor),) = size.terms
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Dimension):
            return monomial[0].name
    return None


def leaf_array(node: Node, value: Any, rounded: bool = True) -> Values:
    """What was fed, as the leaf's dtype says: cast at the boundary, computed in float64.

    Raises DtypeError for what is not real, and for fractions where integers are declared.
    """
    name = node.attribute("name")
    array = _fed(name, value)
    whole = np.isfinite(array) & (array == np.floor(array)) if array.dtype.kind == "f" else True
    if node.dtype == "int64" and not np.all(whole):
        raise DtypeError(f"{name} takes integers; an array with fractions was given")
    if node.dtype == "float32" and rounded:
        array = array.astype(np.float32)
    return array.astype(NUMPY_DTYPES[node.dtype])


def _fed(name: str, value: Any) -> Values:
    """What was fed as an array of real numbers; fractions become floats."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(isinstance(one, Real) for one in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DtypeError(f"{name} takes an array of real numbers; {value!r} was given") from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"{name} takes real numbers; {array.dtype} was given")
    return array
