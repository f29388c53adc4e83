"""The same elements in another shape or order, joined or cut."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnn.calculus.definition import define
from graphnn.calculus.formula import Shape, Size
from graphnn.calculus.polynomial import Polynomial, dimension, floor_divide, plain, polynomial
from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, ShapeError
from graphnn.graph.apply import apply, lift
from graphnn.graph.composite import composite
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.node import make
from graphnn.graph.notation import axes_of_operand, axis_letters, element


def transpose(x: Any, axes: Sequence[int] | None = None) -> Handle:
    """`y[j,i] = x[i,j]`: the dimensions in another order; reversed where no `axes` are given (`x.T`).

    Any shape and dtype. NumPy transpose.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (2, 3, 4))
    >>> gnn.transpose(x).shape, gnn.transpose(x, (0, 2, 1)).shape
    ((4, 3, 2), (2, 4, 3))

    Raises ShapeError unless `axes` names every axis once.
    """
    (operand,) = lift([x], "transpose")
    rank = operand.ndim
    order = list(range(rank))[::-1]
    if axes is not None:
        order = [a % rank if -rank <= a < rank else -1 for a in axes]
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            f"transpose needs every axis of {shape_text(operand.shape)} once; {axes} was given",
            user_place(),
        )
    letters = axis_letters(operand.ndim)
    output = [letters[k] for k in order]
    text = f"transpose(x): {element('y', output)} = {element('x', letters)}"
    parameters = () if axes is None else (("axes", tuple(order)),)
    return apply(define(text), [operand], {}, Written("transpose", (operand,), parameters))


def broadcast_to(x: Any, shape: Sequence[Any] | int) -> Handle:
    """`y[i,j] = x[j]`: `x` repeated along new or stretched dimensions, to `shape`.

    Any dtype; sizes of `shape` are numbers, symbolic dimensions or their names. The gradient is the
    sum over what was repeated. NumPy broadcast_to.

    >>> import graphnn as gnn
    >>> gnn.broadcast_to(gnn.input("b", (3,)), ("B", 3)).shape
    (B, 3)

    Raises ShapeError where a dimension is neither 1 nor the wanted size.
    """
    (operand,) = lift([x], "broadcast_to")
    shape = _sizes(shape, "broadcast_to")
    letters = axis_letters(len(shape))
    skipped = len(shape) - operand.ndim
    own: list[str] = []
    if skipped < 0:
        raise ShapeError(
            f"shape {shape_text(operand.shape)} does not broadcast to {shape_text(shape)}",
            user_place(),
        )
    for k, size in enumerate(operand.shape):
        if size != shape[skipped + k] and size != 1:
            raise ShapeError(
                f"shape {shape_text(operand.shape)} does not broadcast to {shape_text(shape)}",
                user_place(),
            )
        own.append(letters[skipped + k] if size == shape[skipped + k] else "0")
    bounds = ", ".join(f"{a} < n{k}" for k, a in enumerate(letters))
    sizes = ", ".join(f"n{k}" for k in range(len(shape)))
    text = f"broadcast(x; {sizes}): {element('y', letters)} = {element('x', own)} for {bounds}"
    given = {f"n{k}": size for k, size in enumerate(shape)}
    if not shape:
        return operand
    written = Written("broadcast_to", (operand,), (("shape", tuple(shape)),))
    return apply(define(text), [operand], given, written)


def reshape(x: Any, shape: Sequence[Any] | int) -> Handle:
    """`y[flat] = x[flat]`: the same elements in row order under another shape; one size may be −1.

    Any shape and dtype; no element is copied or lost. NumPy reshape.

    >>> import graphnn as gnn
    >>> gnn.reshape(gnn.input("x", (4, 4)), -1).shape
    (16,)

    Raises ShapeError where the number of elements differs.
    """
    (operand,) = lift([x], "reshape")
    wanted: list[Size] = list(_sizes(shape, "reshape", unknown=True))
    total = _product(operand.shape)
    if wanted.count(-1) == 1:
        known = _product([size for size in wanted if size != -1])
        if known == 0:
            raise ShapeError("reshape: −1 beside a size of 0 can be any size", user_place())
        wanted[wanted.index(-1)] = plain(floor_divide(polynomial(total), polynomial(known)))
    if -1 in wanted or _product(wanted) != total:
        raise ShapeError(
            f"{shape_text(operand.shape)} has {total} elements; it cannot take the shape "
            f"{shape_text(tuple(wanted))}",
            user_place(),
        )
    written = Written("reshape", (operand,), (("shape", tuple(wanted)),))
    if tuple(wanted) == operand.shape:
        return Handle(operand.node, written)
    return Handle(make("reshape", (operand.node,), tuple(wanted), operand.dtype), written)


def flatten(x: Any, start: int = 0) -> Handle:
    """`y[flat] = x[flat]`: the dimensions from `start` on as one, in row order.

    `start=1` keeps the batch, as Keras' Flatten does; PyTorch flatten. Any dtype. L3.

    >>> import graphnn as gnn
    >>> gnn.flatten(gnn.input("x", ("B", 4, 4)), start=1).shape
    (B, 16)

    Raises ShapeError for a start that is no dimension of x.
    """
    (operand,) = lift([x], "flatten")
    if not 0 <= start <= len(operand.shape):
        raise ShapeError(
            f"flatten: start={start} is no dimension of {shape_text(operand.shape)}", user_place()
        )
    return reshape(operand, (*operand.shape[:start], _product(operand.shape[start:])))


def _sizes(shape: Any, function: str, unknown: bool = False) -> Shape:
    """A shape that a user typed: integers, symbolic sizes, names of dimensions."""
    if isinstance(shape, int | np.integer | str | Polynomial):
        shape = (shape,)
    found: list[Size] = []
    for size in shape:
        if isinstance(size, Polynomial):
            found.append(plain(size))
        elif isinstance(size, str):
            found.append(dimension(size))
        elif (
            isinstance(size, int | np.integer)
            and not isinstance(size, bool)
            and (size >= 0 or (unknown and size == -1))
        ):
            found.append(int(size))
        else:
            raise ShapeError(
                f"{function}: a size is an integer ≥ 0; {size!r} was given", user_place()
            )
    return tuple(found)


def _product(shape: Sequence[Any]) -> int | Polynomial:
    total = polynomial(1)
    for size in shape:
        total = total * size
    return plain(total)


def concat(operands: Sequence[Any], axis: int = 0) -> Handle:
    """`y = (operand_1, operand_2, …)`: the operands one after another along `axis`.

    They agree in dtype and in every other size. Each takes its part of the gradient. PyTorch cat,
    NumPy concatenate.

    >>> import graphnn as gnn
    >>> gnn.concat([gnn.input("a", (2, 3)), gnn.input("b", (1, 3))]).shape
    (3, 3)

    Raises ShapeError where other sizes differ, DtypeError for different dtypes.
    """
    lifted = lift(operands, "concat")
    if not lifted or not lifted[0].ndim:
        raise ShapeError("concat needs at least one operand, and dimensions to join", user_place())
    if len({h.dtype for h in lifted}) > 1:
        named = ", ".join(f"{h.name or h.node.kind}: {h.dtype}" for h in lifted)
        raise DtypeError(f"concat mixes element types ({named}); make them one", user_place())
    (place,) = axes_of_operand(lifted[0], axis, "concat")
    shape = list(lifted[0].shape)
    shape[place] = 0
    for h in lifted:
        rest = list(h.shape)
        if len(rest) != len(shape) or any(
            a != b for k, (a, b) in enumerate(zip(rest, shape, strict=True)) if k != place
        ):
            raise ShapeError(
                f"concat joins along axis {axis}; the other sizes differ: "
                f"{', '.join(shape_text(h.shape) for h in lifted)}",
                user_place(),
            )
        shape[place] = plain(polynomial(shape[place]) + rest[place])
    node = make("concat", (h.node for h in lifted), tuple(shape), lifted[0].dtype, axis=place)
    return Handle(node, Written("concat", tuple(lifted), (("axis", place),)))


def stack(operands: Sequence[Any], axis: int = 0) -> Handle:
    """Operands of one shape side by side along a new axis: `y[k, i] = operand_k[i]`.

    >>> import graphnn as gnn
    >>> gnn.stack([gnn.input("a", (3,)), gnn.input("b", (3,))], axis=1).shape
    (3, 2)

    Raises ShapeError where the shapes differ.
    """
    lifted = lift(operands, "stack")
    if not lifted or any(h.shape != lifted[0].shape for h in lifted):
        raise ShapeError(
            "stack needs operands of one shape; "
            f"given: {', '.join(shape_text(h.shape) for h in lifted) or 'none'}",
            user_place(),
        )
    rank = lifted[0].ndim + 1
    if not -rank <= axis < rank:
        raise ShapeError(
            f"stack has no axis {axis}: the result has {rank} dimensions", user_place()
        )
    place = axis % rank
    shape = lifted[0].shape
    single = [reshape(h, (*shape[:place], 1, *shape[place:])) for h in lifted]
    return composite("stack", lifted, concat(single, place), axis=place or None)


def split(x: Any, sizes: Sequence[int], axis: int = 0) -> tuple[Handle, ...]:
    """`y_k[i] = x[start_k + i]`: `x` cut along `axis` into parts of the given `sizes`.

    Any dtype; one op with several outputs, a tuple of nodes. PyTorch split.

    >>> import graphnn as gnn
    >>> a, b = gnn.split(gnn.input("x", (5,)), [2, 3])
    >>> gnn.evaluate(b, x=[1, 2, 3, 4, 5]).tolist()
    [3.0, 4.0, 5.0]

    Raises ShapeError where the sizes do not add up to the dimension.
    """
    (operand,) = lift([x], "split")
    (place,) = axes_of_operand(operand, axis, "split")
    if builtins.sum(sizes) != operand.shape[place]:
        raise ShapeError(
            f"the sizes {tuple(sizes)} do not add up to dimension {place} of "
            f"{shape_text(operand.shape)}",
            user_place(),
        )
    whole = make(
        "split", (operand.node,), operand.shape, operand.dtype, axis=place, sizes=tuple(sizes)
    )
    parts = []
    for k, size in enumerate(sizes):
        shape = (*operand.shape[:place], int(size), *operand.shape[place + 1 :])
        node = make("item", (whole,), shape, operand.dtype, number=k)
        parameters = (("sizes", tuple(sizes)), ("axis", place), ("item", k))
        parts.append(Handle(node, Written("split", (operand,), parameters)))
    return tuple(parts)
