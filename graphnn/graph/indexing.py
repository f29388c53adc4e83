"""Elements of a tensor: slices, rows by an integer node, padding. Each is one formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnn.calculus.definition import define
from graphnn.calculus.formula import Size
from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError, ShapeError
from graphnn.graph.apply import apply, lift, weak_constant
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.notation import axis_letters, element


def getitem(x: Handle, index: Any) -> Handle:
    """`x[2, 1:, ::-1]`: integers, slices, `...`, `None`; an integer node or list gathers by dimension 0.

    Any shape and dtype. The gradient is 0 where nothing was taken.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (2, 3))
    >>> gnn.evaluate(x[1, ::-1], x=[[1, 2, 3], [4, 5, 6]]).tolist()
    [6.0, 5.0, 4.0]

    Raises ShapeError for an index outside, or a slice whose extent a symbolic size leaves open.
    """
    if isinstance(index, Handle | list | np.ndarray):
        return _gathered(x, index)
    parts = list(index) if isinstance(index, tuple) else [index]
    dots = [k for k, p in enumerate(parts) if p is ...]
    if dots:
        missing = x.ndim - len([p for p in parts if p is not None]) + 1
        parts[dots[0] : dots[0] + 1] = [slice(None)] * missing
    taken = [p for p in parts if p is not None]
    if len(taken) > x.ndim:
        raise ShapeError(f"{len(taken)} indices for shape {shape_text(x.shape)}", user_place())
    parts += [slice(None)] * (x.ndim - len(taken))
    letters = axis_letters(len(parts))
    reads: list[str] = []
    output: list[str] = []
    bounds: list[str] = []
    for letter, part in zip(letters, parts, strict=True):
        if part is None:
            output.append(letter)
            bounds.append(f"{letter} < 1")
            continue
        size = x.shape[len(reads)]
        if isinstance(part, slice):
            start, count, step = _slice(part, size, len(reads), x)
            output.append(letter)
            if (start, step) == (0, 1) and count == size:
                reads.append(letter)
            else:
                reads.append(f"{step}*{letter}+{start}" if step != 1 else f"{letter}+{start}")
                bounds.append(f"{letter} < {count}")
        else:
            reads.append(str(_position(part, size, len(reads), x)))
    text = f"slice(x): {element('y', output)} = {element('x', reads)}"
    if bounds:
        text += f" for {', '.join(bounds)}"
    text = text.replace("+-", "-")
    return apply(define(text), [x], {}, Written("getitem", (x,), (("index", _frozen(parts)),)))


def _frozen(parts: Sequence[Any]) -> tuple[Any, ...]:
    return tuple((p.start, p.stop, p.step) if isinstance(p, slice) else p for p in parts)


def _slice(part: slice, size: Size, place: int, x: Handle) -> tuple[Any, Any, int]:
    """(start, count, step) of a slice, as numbers or as texts of symbolic sizes."""
    if isinstance(size, int):
        try:
            start, stop, step = part.indices(size)
        except (TypeError, ValueError) as error:
            raise GraphError(f"{_slice_text(part)} is no slice: {error}", user_place()) from None
        return start, len(range(start, stop, step)), step
    step = 1 if part.step is None else part.step
    if part.start is None and part.stop is None and step in (1, -1):
        return (0, size, 1) if step == 1 else (f"size(x,{place})-1", f"size(x,{place})", -1)
    if isinstance(part.start, int) and part.start >= 0 and part.stop is None and step == 1:
        return part.start, f"size(x,{place})-{part.start}", 1
    if isinstance(part.stop, int) and part.stop < 0 and part.start is None and step == 1:
        return 0, f"size(x,{place})-{-part.stop}", 1
    raise ShapeError(
        f"the slice {_slice_text(part)} of the symbolic size {size} has no known extent: "
        f"shape {shape_text(x.shape)}",
        user_place(),
    )


def _slice_text(part: slice) -> str:
    ends = [part.start, part.stop] + ([] if part.step is None else [part.step])
    return f"[{':'.join('' if end is None else str(end) for end in ends)}]"


def _position(part: Any, size: Size, place: int, x: Handle) -> Any:
    if isinstance(part, bool) or not isinstance(part, int | np.integer):
        raise GraphError(
            f"an index is an integer, a slice or a node; {part!r} was given", user_place()
        )
    if isinstance(size, int):
        if not -size <= part < size:
            raise ShapeError(
                f"index {part} is outside a dimension of size {size}: shape {shape_text(x.shape)}",
                user_place(),
            )
        return int(part) % size
    return int(part) if part >= 0 else f"size(x,{place}){part}"


def gather(E: Any, t: Any) -> Handle:
    """`y[n,d] = E[t[n],d]`: rows of a table by an integer node or a list; t may have any rank.

    >>> import graphnn as gnn
    >>> gnn.gather(gnn.parameter("E", (9, 4)), gnn.input("t", ("B", 5), "int64")).shape
    (B, 5, 4)

    Raises DtypeError where t holds no integers; a label out of range is an error when run.
    """
    (table,) = lift([E], "gather")
    return _gathered(table, t)


def _gathered(x: Handle, rows_of: Any) -> Handle:
    index = rows_of if isinstance(rows_of, Handle) else weak_constant(rows_of, "int64", "gather")
    if not x.ndim:
        raise ShapeError("gather needs a table: a scalar has no rows", user_place())
    rows = axis_letters(x.ndim + index.ndim)
    looked = element("t", rows[: index.ndim])
    rest = rows[index.ndim :][: x.ndim - 1]
    output = rows[: index.ndim] + rest
    text = f"gather(E, t): {element('y', output)} = {element('E', [looked, *rest])}"
    return apply(define(text), [x, index], {}, Written("gather", (x, index)))


def pad(x: Any, widths: Sequence[tuple[int, int]] | int, value: float = 0) -> Handle:
    """`y[i] = x[i − before]` where that is inside, else 0: zeros around `x`.

    `widths` is one number, or (before, after) for each dimension; the dtype stays. NumPy pad.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.pad(gnn.input("x", (2,)), [(1, 2)]), x=[3, 4]).tolist()
    [0.0, 3.0, 4.0, 0.0, 0.0]

    Raises ShapeError unless there are two widths ≥ 0 for each dimension, GraphError for a `value` that
    is not 0.
    """
    (operand,) = lift([x], "pad")
    pairs = [(widths, widths)] * operand.ndim if isinstance(widths, int) else list(widths)
    if len(pairs) != operand.ndim or any(w < 0 for pair in pairs for w in pair):
        raise ShapeError(
            f"pad needs (before, after) ≥ 0 for each of {operand.ndim} dimensions; {widths} given",
            user_place(),
        )
    if value != 0:
        raise GraphError("pad fills with zeros; add a constant for another value", user_place())
    letters = axis_letters(operand.ndim)
    reads = [f"{a}-{before}" for a, (before, _) in zip(letters, pairs, strict=True)]
    bounds = [
        f"{a} < size(x,{k})+{before + after}"
        for k, (a, (before, after)) in enumerate(zip(letters, pairs, strict=True))
    ]
    text = f"pad(x): {element('y', letters)} += {element('x', reads)}"
    if bounds:
        text += f" for {', '.join(bounds)}"
    written = Written("pad", (operand,), (("widths", tuple(map(tuple, pairs))),))
    return apply(define(text), [operand], {}, written)
