"""Matrix products and sums of products, written as formulas for the ranks at hand."""

from __future__ import annotations

import builtins
from typing import Any

from graphnn.calculus.definition import define
from graphnn.calculus.shapes import shape_text
from graphnn.calculus.tables import definition
from graphnn.errors import GraphError, ShapeError
from graphnn.graph.apply import apply, lift
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.notation import axes_of_operand, axis_letters, element


def matmul(a: Any, b: Any) -> Handle:
    """`y[i,k] += a[i,j] * b[j,k]`: the matrix product, as `a @ b`.

    Vectors, matrices, and stacks of matrices, whose leading dimensions broadcast; both of one dtype,
    which stays. NumPy matmul.

    >>> import graphnn as gnn
    >>> W, x = gnn.input("W", (2, 2)), gnn.input("x", (2,))
    >>> gnn.evaluate(W @ x, W=[[1, 2], [3, 4]], x=[5, 6]).tolist()
    [17.0, 39.0]

    Raises ShapeError for a single number, and for inner sizes that differ; DtypeError for different
    dtypes.
    """
    left, right = lift([a, b], "matmul")
    if not left.ndim or not right.ndim:
        raise ShapeError(
            f"@ is the product of vectors and matrices; the shapes are {shape_text(left.shape)} "
            f"and {shape_text(right.shape)}; write * for a scalar",
            user_place(),
        )
    batch = axis_letters(builtins.max(left.ndim, right.ndim) + 2)[3:]
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
    text = f"matmul(a, b): {element('y', output)} += {element('a', rows)}*{element('b', columns)}"
    return apply(define(text), [left, right])


def outer(a: Any, b: Any) -> Handle:
    """`y[i,j] = a[i] * b[j]`: every product of an element of a and one of b, both vectors.

    >>> import graphnn as gnn
    >>> gnn.outer(gnn.input("a", (3,)), gnn.input("b", (2,))).shape
    (3, 2)

    Raises ShapeError for what is no vector.
    """
    return apply(definition("outer"), [a, b])


def diagonal(x: Any, axis1: int = 0, axis2: int = 1) -> Handle:
    """`y[i] = x[i,i]`: the diagonal of two axes, which becomes the last one; other axes stay.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.diagonal(gnn.input("A", (2, 2))), A=[[1, 2], [3, 4]]).tolist()
    [1.0, 4.0]

    Raises ShapeError for fewer than two axes, or symbolic sizes that may differ.
    """
    return _diagonal("diagonal", "=", x, axis1, axis2)


def trace(x: Any, axis1: int = 0, axis2: int = 1) -> Handle:
    """`y += x[i,i]`: the sum of the diagonal of two axes; other axes stay.

    Any dtype, which stays; the shorter of two sizes counts. NumPy trace.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.trace(gnn.input("A", (2, 2))), A=[[1, 2], [3, 4]]))
    5.0

    Raises ShapeError for fewer than two axes, or symbolic sizes that may differ.
    """
    return _diagonal("trace", "+=", x, axis1, axis2)


def _diagonal(function: str, sign: str, x: Any, axis1: int, axis2: int) -> Handle:
    (operand,) = lift([x], function)
    (first,) = axes_of_operand(operand, axis1, function)
    (second,) = axes_of_operand(operand, axis2, function)
    if first == second:
        raise ShapeError(f"{function} needs two axes; {axis1} and {axis2} are one", user_place())
    sizes = [operand.shape[first], operand.shape[second]]
    letters = axis_letters(operand.ndim)
    on = letters[builtins.min(first, second)]
    reads = [on if k in (first, second) else a for k, a in enumerate(letters)]
    output = [a for k, a in enumerate(letters) if k not in (first, second)]
    if sign == "=":
        output.append(on)
    text = f"{function}(x): {element('y', output)} {sign} {element('x', reads)}"
    if sizes[0] != sizes[1]:
        if not all(isinstance(size, int) for size in sizes):
            raise ShapeError(
                f"{function} needs known sizes where they differ: {shape_text(operand.shape)}",
                user_place(),
            )
        text += f" for {on} < {builtins.min(sizes)}"
    parameters = () if (axis1, axis2) == (0, 1) else (("axis1", first), ("axis2", second))
    return apply(define(text), [operand], {}, Written(function, (operand,), parameters))


def einsum(subscripts: str, *operands: Any) -> Handle:
    """`out[o] += x0[…] * x1[…] * …`: a product, summed over the indices that the output does not name.

    One group of letters for each operand, then `->` and the output's; a letter twice in one group is a
    diagonal. The operands agree in dtype. NumPy einsum, without `...` and without a default output.

    >>> import graphnn as gnn
    >>> A, B = gnn.input("A", (2, 2)), gnn.input("B", (2, 2))
    >>> float(gnn.evaluate(gnn.einsum("ij,ij->", A, B), A=[[1, 2], [3, 4]], B=[[1, 0], [0, 1]]))
    5.0
    >>> gnn.einsum("bi,oi->bo", gnn.input("x", ("B", 3)), gnn.input("W", (4, 3))).shape
    (B, 4)

    Raises GraphError for subscripts that do not fit the operands, ShapeError for extents that differ.
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    letters = "".join(parts)
    if not arrow or len(parts) != len(operands) or not (letters + output).isalpha():
        raise GraphError(
            f"einsum reads one group of letters for each operand and '->': {subscripts!r} has "
            f"{len(parts)} for {len(operands)} operands",
            user_place(),
        )
    names = [f"x{k}" for k in range(len(operands))]
    unread = sorted(set(output) - set(letters))
    if unread:
        raise GraphError(
            f"einsum's output names {', '.join(unread)}, which no operand has: {subscripts!r}",
            user_place(),
        )
    sign = "+=" if set(letters) - set(output) else "="
    product = "*".join(element(name, list(part)) for name, part in zip(names, parts, strict=True))
    left = element("out", list(output))
    text = f"einsum({', '.join(names)}): {left} {sign} {product}"
    lifted = lift(operands, "einsum")
    written = Written("einsum", tuple(lifted), (("subscripts", subscripts),))
    return apply(define(text), lifted, {}, written)
