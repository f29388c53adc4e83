"""Leaves: inputs, parameters and constants, and symbolic dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Shape
from graphnn.calculus.polynomial import Polynomial, dimension, plain
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.expression.names import canonical
from graphnn.graph.apply import weak_constant
from graphnn.graph.handle import Handle, user_place
from graphnn.graph.node import DTYPES, make


def _leaf(op: str, name: Any, shape: Any, dtype: str) -> Handle:
    if dtype not in DTYPES:
        raise DtypeError(f"{name} has no dtype {dtype!r}; one of {', '.join(DTYPES)}", user_place())
    called = canonical(name) if isinstance(name, str) else ""
    if not called.strip():
        raise GraphError(f"{name!r} is no name", user_place())
    node = make(op, shape=_shape(name, shape), dtype=dtype, name=called)
    return Handle(node, None, called)


def _shape(name: str, shape: Any) -> Shape:
    single = isinstance(shape, int | np.integer | str | Polynomial)
    sizes: Sequence[Any] = (shape,) if single else tuple(shape)
    found: list[int | Polynomial] = []
    for size in sizes:
        if isinstance(size, str):
            found.append(dimension(size))
        elif isinstance(size, Polynomial):
            found.append(plain(size))
        elif isinstance(size, int | np.integer) and not isinstance(size, bool) and size >= 0:
            found.append(int(size))
        else:
            raise ShapeError(
                f"{name}'s shape holds {size!r}; sizes are integers ≥ 0 or names such as 'B'",
                user_place(),
            )
    return tuple(found)


def input(name: str, shape: Any = (), dtype: str = "float32") -> Handle:
    """A value that is fed: `input("x", ("B", 2))`; a string in a shape is a symbolic dimension.

    `dtype` is float32, float64, int64 or bool.

    >>> import graphnn as gnn
    >>> gnn.input("x", ("B", 2)).shape
    (B, 2)

    Raises ShapeError or DtypeError that names the leaf, GraphError for what is no name.
    """
    return _leaf("input", name, shape, dtype)


def parameter(name: str, shape: Any = (), dtype: str = "float32") -> Handle:
    """A value that is learnt: `grad` without `wrt` differentiates with respect to all of these.

    Shapes and dtypes as for `input`. Values are given as an input's are, or drawn when a compiled
    model is made.

    >>> import graphnn as gnn
    >>> W = gnn.parameter("W", (3, 2))
    >>> list(gnn.grad(gnn.sum(W @ gnn.input("x", (2,)))))
    ['W']

    Raises ShapeError or DtypeError that names the leaf, GraphError for what is no name.
    """
    return _leaf("parameter", name, shape, dtype)


def constant(value: int | float | Fraction | npt.ArrayLike, dtype: str = "float32") -> Handle:
    """A value that is part of the graph: a number or an array. Integers and fractions stay exact.

    Numbers and arrays beside nodes become constants by themselves; this one sets the dtype.

    >>> import graphnn as gnn
    >>> gnn.constant([1, 2], "float64")
    <constant: constant, shape (2,), float64>

    Raises DtypeError for an unknown dtype and for fractions among integers, GraphError for what is no
    number.
    """
    if dtype not in DTYPES:
        raise DtypeError(f"no dtype {dtype!r}; one of {', '.join(DTYPES)}", user_place())
    if isinstance(value, Handle):
        raise GraphError("a node is not a constant", user_place())
    return weak_constant(value, dtype)


def dim(name: str) -> Polynomial:
    """A symbolic dimension, for shapes that depend on it.

    Sums and products of dimensions and integers are sizes, too.

    >>> import graphnn as gnn
    >>> B = gnn.dim("B")
    >>> gnn.concat([gnn.input("x", (B, 3)), gnn.input("y", (B + 1, 3))]).shape
    (2*B+1, 3)

    Raises ShapeError for what is no name.
    """
    if not str(name).isidentifier():
        raise ShapeError(f"a dimension has a name such as 'B'; {name!r} was given", user_place())
    return dimension(name)
