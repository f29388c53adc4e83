"""The functions that users call: each is a line of the tables, or a line written for the rank.

Every function takes nodes, Python numbers (weak: they take the nodes' dtype) and arrays, follows
NumPy's broadcasting, and returns a node. Composites (softmax) are small graphs with a name.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.calculus.definition import AXIS_NAMES, define, shape_text
from graphnn.calculus.formula import Shape, Size
from graphnn.calculus.polynomial import Polynomial, dimension, floor_divide, plain, polynomial
from graphnn.calculus.tables import definition
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.graph.apply import apply, lift, weak_constant
from graphnn.graph.handle import Handle, Written, user_line
from graphnn.graph.node import make, scalar_value


def _table(name: str, dtype: str | None = None) -> Callable[..., Handle]:
    """The function of one line of the op tables."""

    def function(*operands: Any, **parameters: Any) -> Handle:
        return apply(definition(name), operands, parameters, dtype=dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The op `{name}` of graphnn.calculus.tables, element by element."
    return function


add = _table("add")
subtract = _table("subtract")
multiply = _table("multiply")
divide = _table("divide")
negate = _table("negate")
less = _table("less", "bool")
less_equal = _table("less_equal", "bool")
greater = _table("greater", "bool")
greater_equal = _table("greater_equal", "bool")
equal = _table("equal", "bool")
not_equal = _table("not_equal", "bool")
exp = _table("exp")
log = _table("log")
sqrt = _table("sqrt")
sin = _table("sin")
cos = _table("cos")
tan = _table("tan")
sinh = _table("sinh")
cosh = _table("cosh")
tanh = _table("tanh")
abs = _table("abs")
sign = _table("sign")
step = _table("step")
log1p = _table("log1p")
expm1 = _table("expm1")
xlogy = _table("xlogy")
sigmoid = _table("sigmoid")
relu = _table("relu")
leaky_relu = _table("leaky_relu")
parametric_relu = _table("parametric_relu")
elu = _table("elu")
softplus = _table("softplus")
log_sigmoid = _table("log_sigmoid")
swish = _table("swish")
conv2d = _table("conv2d")
maxpool = _table("maxpool")


def where(condition: Any, then: Any, other: Any) -> Handle:
    """`then` where the condition holds (is not 0), else `other`, by element.

    `y[q] = where(c[q] != 0, a[q], b[q])`; no gradient flows into the condition.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.where(x > 0, x, 0.0).shape
    (3,)
    """
    return apply(definition("where"), [condition, then, other])


def power(x: Any, exponent: Any) -> Handle:
    """`y[q] = x[q]^n`; an integer exponent belongs to the kind of op, any other is an operand.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.input("x") ** 3, x=2))
    8.0
    """
    value = scalar_value(exponent.node) if isinstance(exponent, Handle) else exponent
    number = _integer(value)
    if number is not None and builtins.abs(number) <= 64:
        line = f"power(x) = x^{number}" if number >= 0 else f"power(x) = x^({number})"
        base, *_ = lift([x, exponent] if isinstance(exponent, Handle) else [x], "power")
        written = Written("power", (base, weak_constant(number, base.dtype)))
        return apply(define(line), [base], {}, written)
    return apply(definition("power"), [x, exponent])


def _integer(value: Any) -> int | None:
    """The integer that a Python or NumPy number is, else None."""
    if isinstance(value, int | float | Fraction | np.integer | np.floating):
        return int(value) if math.isfinite(value) and value == int(value) else None
    return None


def maximum(a: Any, b: Any) -> Handle:
    """The larger of a and b, by element; at a tie the constant one wins, else the first.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> float(gnn.evaluate(gnn.grad(gnn.maximum(0.0, x), "x"), x=0))
    0.0
    """
    return _extreme("maximum", a, b)


def minimum(a: Any, b: Any) -> Handle:
    """The smaller of a and b, by element; at a tie the constant one wins, else the first."""
    return _extreme("minimum", a, b)


def _extreme(name: str, a: Any, b: Any) -> Handle:
    first, second = lift([a, b], name)
    written = Written(name, (first, second))
    for x, c in ((first, second), (second, first)):
        if c.node.op == "constant" and x.node.op != "constant":
            if not c.shape:
                return apply(definition(f"{name}_of"), [x], {"c": c}, written)
            return apply(definition(name), [c, x], {}, written)
    return apply(definition(name), [first, second], {}, written)


def _axes(x: Handle, axis: int | Sequence[int] | None, function: str) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    wanted = list(axis) if isinstance(axis, Sequence) else [axis]
    for place in wanted:
        if isinstance(place, bool) or not isinstance(place, int | np.integer):
            raise GraphError(f"{function}: an axis is an integer; {place!r} was given", _line())
        if not -x.ndim <= place < x.ndim:
            raise ShapeError(
                f"{function} has no axis {place}: the operand has shape {shape_text(x.shape)}",
                _line(),
            )
    return tuple(sorted({int(place) % x.ndim for place in wanted}))


def _letters(count: int) -> list[str]:
    if count > len(AXIS_NAMES):
        raise ShapeError(f"{count} dimensions are more than {len(AXIS_NAMES)}")
    return list(AXIS_NAMES[:count])


def _element(name: str, index: Sequence[str]) -> str:
    return f"{name}[{','.join(index)}]" if index else name


def _reduction(
    function: str, sign: str, body: str, x: Any, axis: Any, keepdims: bool, dtype: str | None = None
) -> Handle:
    """One reduction over some axes: `y[kept] sign body(x[all])`."""
    (operand,) = lift([x], function)
    axes = _axes(operand, axis, function)
    letters = _letters(operand.ndim)
    written = Written(
        function,
        (operand,),
        (
            ("axis", None if axis is None else axes[0] if len(axes) == 1 else axes),
            ("keepdims", keepdims),
        ),
    )
    if not axes and sign != "argmax=":
        return Handle(operand.node, written)
    kept = [f"k{a}" if k in axes else a for k, a in enumerate(letters)]
    output = kept if keepdims else [a for k, a in enumerate(letters) if k not in axes]
    bounds = [f"{a} < 1" for k, a in enumerate(kept) if k in axes] if keepdims else []
    extents = "*".join(f"extent({letters[k]})" for k in axes)
    text = f"{function}(x): {_element('y', output)} {sign} " + body.format(
        x=_element("x", letters), n=extents
    )
    if bounds:
        text += f" for {', '.join(bounds)}"
    return apply(define(text), [operand], {}, written, dtype)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] += x[all]`: the sum over `axis` (one, several, or all).

    >>> import graphnn as gnn
    >>> gnn.sum(gnn.input("x", (2, 3)), axis=1).shape
    (2,)
    """
    return _reduction("sum", "+=", "{x}", x, axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] += x[all] / N`, N the number of elements summed; a mean of nothing is 0.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.mean(gnn.input("x", (2, 2))), x=[[1, 2], [3, 4]]))
    2.5
    """
    return _reduction("mean", "+=", "{x}/({n})", x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] max= x[all]`; at a tie the first maximum takes the gradient.

    Raises ShapeError, when run, for the maximum of nothing.
    """
    return _reduction("max", "max=", "{x}", x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`−max(−x)` over `axis`; at a tie the first minimum takes the gradient."""
    (operand,) = lift([x], "min")
    made = negate(max(negate(operand), axis, keepdims))
    axes = None if axis is None else _axes(operand, axis, "min")
    parameters = (("axis", axes), ("keepdims", keepdims))
    return Handle(made.node, Written("min", (operand,), parameters, opened=made))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Handle:
    """The position of the first maximum over `axis`, an integer without derivative."""
    return _reduction("argmax", "argmax=", "{x}", x, axis, keepdims, "int64")


def matmul(a: Any, b: Any) -> Handle:
    """The matrix product, by NumPy's rules: vectors, matrices, and stacks of matrices.

    `y[i,k] += a[i,j] * b[j,k]`; leading dimensions are batches and broadcast.

    >>> import graphnn as gnn
    >>> (gnn.input("W", (3, 2)) @ gnn.input("x", (2,))).shape
    (3,)
    """
    left, right = lift([a, b], "matmul")
    if not left.ndim or not right.ndim:
        raise ShapeError(
            f"@ is the product of vectors and matrices; the shapes are {shape_text(left.shape)} "
            f"and {shape_text(right.shape)}; write * for a scalar",
            _line(),
        )
    batch = _letters(builtins.max(left.ndim, right.ndim) + 2)[3:]
    stacked = builtins.max(left.ndim, right.ndim, 2) - 2
    batch = batch[:stacked]

    def index(h: Handle, own: list[str]) -> list[str]:
        lead = h.ndim - len(own)
        names = batch[stacked - lead :] if lead > 0 else []
        return [
            "0" if size == 1 and _widest(names_k) != 1 else names_k
            for names_k, size in zip(names, h.shape, strict=False)
        ] + own

    def _widest(name: str) -> Any:
        place = batch.index(name) - stacked
        sizes = [h.shape[place - 2] for h in (left, right) if h.ndim - 2 >= -place]
        return next((size for size in sizes if size != 1), 1)

    rows = index(left, ["i", "j"] if left.ndim > 1 else ["j"])
    columns = index(right, ["j", "k"] if right.ndim > 1 else ["j"])
    output = batch + (["i"] if left.ndim > 1 else []) + (["k"] if right.ndim > 1 else [])
    text = (
        f"matmul(a, b): {_element('y', output)} += {_element('a', rows)}*{_element('b', columns)}"
    )
    return apply(define(text), [left, right])


def einsum(subscripts: str, *operands: Any) -> Handle:
    """A product summed over the indices that the output does not name: `einsum("bi,oi->bo", x, W)`.

    >>> import graphnn as gnn
    >>> gnn.einsum("ij,ij->", gnn.input("A", (2, 2)), gnn.input("B", (2, 2))).shape
    ()
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    letters = "".join(parts)
    if not arrow or len(parts) != len(operands) or not (letters + output).isalpha():
        raise GraphError(
            f"einsum reads one group of letters for each operand and '->': {subscripts!r} has "
            f"{len(parts)} for {len(operands)} operands",
            _line(),
        )
    names = [f"x{k}" for k in range(len(operands))]
    unread = sorted(set(output) - set(letters))
    if unread:
        raise GraphError(
            f"einsum's output names {', '.join(unread)}, which no operand has: {subscripts!r}",
            _line(),
        )
    sign = "+=" if set(letters) - set(output) else "="
    # axes of two letters, so that none is taken for an operand, the output or a function
    product = "*".join(
        _element(name, [f"a{k}" for k in part]) for name, part in zip(names, parts, strict=True)
    )
    left = _element("y", [f"a{k}" for k in output])
    text = f"einsum({', '.join(names)}): {left} {sign} {product}"
    lifted = lift(operands, "einsum")
    written = Written("einsum", tuple(lifted), (("subscripts", subscripts),))
    return apply(define(text), lifted, {}, written)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Handle:
    """The dimensions in another order; reversed where none is given."""
    (operand,) = lift([x], "transpose")
    rank = operand.ndim
    order = list(range(rank))[::-1]
    if axes is not None:
        order = [a % rank if -rank <= a < rank else -1 for a in axes]
    if sorted(order) != list(range(rank)):
        raise ShapeError(
            f"transpose needs every axis of {shape_text(operand.shape)} once; {axes} was given",
            _line(),
        )
    letters = _letters(operand.ndim)
    output = [letters[k] for k in order]
    text = f"transpose(x): {_element('y', output)} = {_element('x', letters)}"
    parameters = () if axes is None else (("axes", tuple(order)),)
    return apply(define(text), [operand], {}, Written("transpose", (operand,), parameters))


def broadcast_to(x: Any, shape: Sequence[Any] | int) -> Handle:
    """`x` repeated along new or stretched dimensions.

    >>> import graphnn as gnn
    >>> gnn.broadcast_to(gnn.input("b", (3,)), ("B", 3)).shape
    (B, 3)
    """
    (operand,) = lift([x], "broadcast_to")
    shape = _sizes(shape, "broadcast_to")
    letters = _letters(len(shape))
    skipped = len(shape) - operand.ndim
    own: list[str] = []
    if skipped < 0:
        raise ShapeError(
            f"shape {shape_text(operand.shape)} does not broadcast to {shape_text(shape)}", _line()
        )
    for k, size in enumerate(operand.shape):
        if size != shape[skipped + k] and size != 1:
            raise ShapeError(
                f"shape {shape_text(operand.shape)} does not broadcast to {shape_text(shape)}",
                _line(),
            )
        own.append(letters[skipped + k] if size == shape[skipped + k] else "0")
    bounds = ", ".join(f"{a} < n{k}" for k, a in enumerate(letters))
    sizes = ", ".join(f"n{k}" for k in range(len(shape)))
    text = f"broadcast(x; {sizes}): {_element('y', letters)} = {_element('x', own)} for {bounds}"
    given = {f"n{k}": size for k, size in enumerate(shape)}
    if not shape:
        return operand
    written = Written("broadcast_to", (operand,), (("shape", tuple(shape)),))
    return apply(define(text), [operand], given, written)


def reshape(x: Any, shape: Sequence[Any] | int) -> Handle:
    """The same elements in row-major order under another shape; one size may be −1.

    >>> import graphnn as gnn
    >>> gnn.reshape(gnn.input("x", (4, 4)), -1).shape
    (16,)
    """
    (operand,) = lift([x], "reshape")
    wanted: list[Size] = list(_sizes(shape, "reshape", unknown=True))
    total = _product(operand.shape)
    if wanted.count(-1) == 1:
        known = _product([size for size in wanted if size != -1])
        if known == 0:
            raise ShapeError("reshape: −1 beside a size of 0 can be any size", _line())
        wanted[wanted.index(-1)] = plain(floor_divide(polynomial(total), polynomial(known)))
    if -1 in wanted or _product(wanted) != total:
        raise ShapeError(
            f"{shape_text(operand.shape)} has {total} elements; it cannot take the shape "
            f"{shape_text(tuple(wanted))}",
            _line(),
        )
    written = Written("reshape", (operand,), (("shape", tuple(wanted)),))
    if tuple(wanted) == operand.shape:
        return Handle(operand.node, written)
    return Handle(make("reshape", (operand.node,), tuple(wanted), operand.dtype), written)


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
            raise ShapeError(f"{function}: a size is an integer ≥ 0; {size!r} was given", _line())
    return tuple(found)


def _line() -> str:
    return f"  at {user_line()}"


def _product(shape: Sequence[Any]) -> int | Polynomial:
    total = polynomial(1)
    for size in shape:
        total = total * size
    return plain(total)


def getitem(x: Handle, index: Any) -> Handle:
    """`x[2, 1:, ::-1]`: integers, slices, `...`, `None`; an integer node gathers by dimension 0.

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
        raise ShapeError(f"{len(taken)} indices for shape {shape_text(x.shape)}", _line())
    parts += [slice(None)] * (x.ndim - len(taken))
    letters = _letters(len(parts))
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
    text = f"slice(x): {_element('y', output)} = {_element('x', reads)}"
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
            raise GraphError(f"{_slice_text(part)} is no slice: {error}", _line()) from None
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
        _line(),
    )


def _slice_text(part: slice) -> str:
    ends = [part.start, part.stop] + ([] if part.step is None else [part.step])
    return f"[{':'.join('' if end is None else str(end) for end in ends)}]"


def _position(part: Any, size: Size, place: int, x: Handle) -> Any:
    if isinstance(part, bool) or not isinstance(part, int | np.integer):
        raise GraphError(f"an index is an integer, a slice or a node; {part!r} was given", _line())
    if isinstance(size, int):
        if not -size <= part < size:
            raise ShapeError(
                f"index {part} is outside a dimension of size {size}: shape {shape_text(x.shape)}",
                _line(),
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
        raise ShapeError("gather needs a table: a scalar has no rows", _line())
    rows = _letters(x.ndim + index.ndim)
    looked = _element("t", rows[: index.ndim])
    rest = rows[index.ndim :][: x.ndim - 1]
    output = rows[: index.ndim] + rest
    text = f"gather(E, t): {_element('y', output)} = {_element('E', [looked, *rest])}"
    return apply(define(text), [x, index], {}, Written("gather", (x, index)))


def pad(x: Any, widths: Sequence[tuple[int, int]] | int, value: float = 0) -> Handle:
    """Zeros around `x`: `y[i] = x[i − before]` where that is inside, for each dimension."""
    (operand,) = lift([x], "pad")
    pairs = [(widths, widths)] * operand.ndim if isinstance(widths, int) else list(widths)
    if len(pairs) != operand.ndim or any(w < 0 for pair in pairs for w in pair):
        raise ShapeError(
            f"pad needs (before, after) ≥ 0 for each of {operand.ndim} dimensions; {widths} given",
            _line(),
        )
    if value != 0:
        raise GraphError("pad fills with zeros; add a constant for another value", _line())
    letters = _letters(operand.ndim)
    reads = [f"{a}-{before}" for a, (before, _) in zip(letters, pairs, strict=True)]
    bounds = [
        f"{a} < size(x,{k})+{before + after}"
        for k, (a, (before, after)) in enumerate(zip(letters, pairs, strict=True))
    ]
    text = f"pad(x): {_element('y', letters)} += {_element('x', reads)}"
    if bounds:
        text += f" for {', '.join(bounds)}"
    written = Written("pad", (operand,), (("widths", tuple(map(tuple, pairs))),))
    return apply(define(text), [operand], {}, written)


def concat(operands: Sequence[Any], axis: int = 0) -> Handle:
    """The operands one after another along `axis`."""
    lifted = lift(operands, "concat")
    if not lifted or not lifted[0].ndim:
        raise ShapeError("concat needs at least one operand, and dimensions to join", _line())
    if len({h.dtype for h in lifted}) > 1:
        named = ", ".join(f"{h.name or h.node.kind}: {h.dtype}" for h in lifted)
        raise DtypeError(f"concat mixes element types ({named}); make them one", _line())
    (place,) = _axes(lifted[0], axis, "concat")
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
                _line(),
            )
        shape[place] = plain(polynomial(shape[place]) + rest[place])
    node = make("concat", (h.node for h in lifted), tuple(shape), lifted[0].dtype, axis=place)
    return Handle(node, Written("concat", tuple(lifted), (("axis", place),)))


def split(x: Any, sizes: Sequence[int], axis: int = 0) -> tuple[Handle, ...]:
    """`x` cut along `axis` into parts of the given sizes: one op with several outputs."""
    (operand,) = lift([x], "split")
    (place,) = _axes(operand, axis, "split")
    if builtins.sum(sizes) != operand.shape[place]:
        raise ShapeError(
            f"the sizes {tuple(sizes)} do not add up to dimension {place} of "
            f"{shape_text(operand.shape)}",
            _line(),
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


def _last(place: int, x: Handle) -> tuple[tuple[str, Any], ...]:
    """The axis as a written parameter: nothing where it is the last one."""
    return () if place == x.ndim - 1 else (("axis", place),)


def softmax(x: Any, axis: int = -1) -> Handle:
    """`p[i] = exp(x[i] − m) / Σ_k exp(x[k] − m)`, m the maximum: a composite that can be opened.

    >>> import graphnn as gnn
    >>> gnn.softmax(gnn.input("z", (3,))).shape
    (3,)
    """
    (operand,) = lift([x], "softmax")
    (place,) = _axes(operand, axis, "softmax")
    e = exp(subtract(operand, max(operand, place, True)))
    made = divide(e, sum(e, place, True))
    return Handle(made.node, Written("softmax", (operand,), _last(place, operand), opened=made))


def log_softmax(x: Any, axis: int = -1) -> Handle:
    """`x[i] − m − log Σ_k exp(x[k] − m)`, m the maximum: the logarithm of softmax, stable."""
    (operand,) = lift([x], "log_softmax")
    (place,) = _axes(operand, axis, "log_softmax")
    shifted = subtract(operand, max(operand, place, True))
    made = subtract(shifted, log(sum(exp(shifted), place, True)))
    return Handle(made.node, Written("log_softmax", (operand,), _last(place, operand), opened=made))
