"""Reductions over axes, and the composites made of them: small graphs with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnn.calculus.definition import define
from graphnn.errors import ShapeError
from graphnn.graph.apply import apply, lift
from graphnn.graph.composite import composite
from graphnn.graph.elementwise import add, divide, exp, log, negate, subtract
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.notation import axes_of_operand, axis_letters, element
from graphnn.graph.shaping import reshape


def _reduction(
    function: str, sign: str, body: str, x: Any, axis: Any, keepdims: bool, dtype: str | None = None
) -> Handle:
    """One reduction over some axes: `y[kept] sign body(x[all])`."""
    (operand,) = lift([x], function)
    axes = axes_of_operand(operand, axis, function)
    letters = axis_letters(operand.ndim)
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
    text = f"{function}(x): {element('y', output)} {sign} " + body.format(
        x=element("x", letters), n=extents
    )
    if bounds:
        text += f" for {', '.join(bounds)}"
    return apply(define(text), [operand], {}, written, dtype)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] += x[all]`: the sum over `axis` (one, several, or all).

    Any shape; the axes that are summed over go, or stay with extent 1 (`keepdims`). The dtype stays;
    conditions count as 0 and 1. The sum of nothing is 0. NumPy sum.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.sum(gnn.input("x", (2, 3)), axis=1), x=[[1, 2, 3], [4, 5, 6]]).tolist()
    [6.0, 15.0]

    Raises ShapeError for an axis that x does not have.
    """
    return _reduction("sum", "+=", "{x}", x, axis, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] += x[all] / N`, N the number of elements summed, over `axis` (one, several, or all).

    Any shape, floats; shape and `keepdims` as for `sum`. A mean of nothing is 0, where NumPy says NaN.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.mean(gnn.input("x", (2, 2))), x=[[1, 2], [3, 4]]))
    2.5

    Raises ShapeError for an axis that x does not have, DtypeError for integers.
    """
    return _reduction("mean", "+=", "{x}/({n})", x, axis, keepdims)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`y[kept] max= x[all]`: the largest element over `axis` (one, several, or all).

    Any shape; shape and `keepdims` as for `sum`, the dtype stays. At a tie the first maximum takes the
    gradient, a convention (PyTorch's amax shares it out). NumPy max.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> float(gnn.evaluate(gnn.max(x), x=[1, 5, 5]))
    5.0
    >>> gnn.evaluate(gnn.grad(gnn.max(x), x), x=[1, 5, 5]).tolist()
    [0.0, 1.0, 0.0]

    Raises ShapeError for an axis that x does not have and, when run, for the maximum of nothing.
    """
    return _reduction("max", "max=", "{x}", x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Handle:
    """`−max(−x)`: the smallest element over `axis` (one, several, or all); a composite.

    Shape, dtype and `keepdims` as for `max`; at a tie the first minimum takes the gradient, a
    convention. NumPy min.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.min(gnn.input("x", (2, 2)), axis=0), x=[[1, 5], [3, 2]]).tolist()
    [1.0, 2.0]

    Raises ShapeError for an axis that x does not have and, when run, for the minimum of nothing.
    """
    (operand,) = lift([x], "min")
    made = negate(max(negate(operand), axis, keepdims))
    axes = None if axis is None else axes_of_operand(operand, axis, "min")
    return composite("min", [operand], made, axis=axes, keepdims=keepdims)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Handle:
    """`y[kept] argmax= x[all]`: the position of the first maximum over `axis`, int64.

    Without an axis the elements count in row order, as in NumPy argmax. It is an integer: there is no
    derivative.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.argmax(gnn.input("x", (2, 3)), axis=1), x=[[1, 9, 9], [4, 2, 3]]).tolist()
    [1, 0]

    Raises ShapeError for an axis that x does not have and, when run, for the maximum of nothing.
    """
    return _reduction("argmax", "argmax=", "{x}", x, axis, keepdims, "int64")


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Handle:
    """`argmax(−x)`: the position of the first minimum over `axis`, int64, without derivative.

    Without an axis the elements count in row order, as in NumPy argmin. A composite.

    >>> import graphnn as gnn
    >>> int(gnn.evaluate(gnn.argmin(gnn.input("x", (3,))), x=[2, -1, -1]))
    1

    Raises ShapeError for an axis that x does not have and, when run, for the minimum of nothing.
    """
    (operand,) = lift([x], "argmin")
    made = argmax(negate(operand), axis, keepdims)
    return composite("argmin", [operand], made, axis=axis, keepdims=keepdims)


def prod(x: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Handle:
    """The product over `axis` (one, several, or all): halves times halves, a composite.

    Its derivative `Π_(k≠i) x[k]` holds at zeros too. An empty product is 1.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.evaluate(gnn.grad(gnn.prod(x), x), x=[0, 2, 5]).tolist()
    [10.0, 0.0, 0.0]

    Raises ShapeError along an axis of symbolic size.
    """
    (operand,) = lift([x], "prod")
    axes = axes_of_operand(operand, axis, "prod")
    made = operand
    for place in axes:
        made = _product_along(made, place)
    if not keepdims:
        made = made[tuple(0 if k in axes else slice(None) for k in range(operand.ndim))]
    return composite("prod", [operand], made, axis=axis, keepdims=keepdims or None)


def _product_along(x: Handle, place: int) -> Handle:
    """The product along one axis, which stays with extent 1, in a tree of even depth."""
    size = x.shape[place]
    if not isinstance(size, int):
        raise ShapeError(
            f"prod multiplies a known number of elements; axis {place} has the size {size}",
            user_place(),
        )

    def part(start: int, stop: int) -> Handle:
        return x[(*[slice(None)] * place, slice(start, stop))]

    if size == 0:
        return add(sum(x, place, True), 1)
    rest = []
    while size > 1:
        half = size // 2
        if size % 2:
            rest.append(part(size - 1, size))
        x, size = part(0, half) * part(half, 2 * half), half
    for one in rest:
        x = x * one
    return x


def cumsum(x: Any, axis: int | None = None) -> Handle:
    """`y[i] += x[i − u]` where i − u ≥ 0: sums of everything up to an element, along `axis`.

    The shape and dtype of x. One guarded formula, whose work is the square of the axis. As in NumPy
    cumsum, without an axis the elements of a tensor count in row order, and the result is a vector.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.cumsum(gnn.input("x", (3,))), x=[1, 2, 3]).tolist()
    [1.0, 3.0, 6.0]

    Raises ShapeError for an axis that x does not have.
    """
    (operand,) = lift([x], "cumsum")
    if axis is None and operand.ndim != 1:
        flat = cumsum(reshape(operand, -1), 0)
        return composite("cumsum", [operand], flat)
    (place,) = axes_of_operand(operand, 0 if axis is None else axis, "cumsum")
    letters = axis_letters(operand.ndim)
    reads = [f"{a}-u_" if k == place else a for k, a in enumerate(letters)]
    text = (
        f"cumsum(x): {element('y', letters)} += {element('x', reads)} "
        f"for u_ < size(x,{place}), {letters[place]} < size(x,{place})"
    )
    parameters = () if axis is None else (("axis", place),)
    return apply(define(text), [operand], {}, Written("cumsum", (operand,), parameters))


def _last(place: int, x: Handle) -> int | None:
    """The axis as a written parameter: nothing where it is the last one."""
    return None if place == x.ndim - 1 else place


def softmax(x: Any, axis: int = -1) -> Handle:
    """`p[i] = exp(x[i] − m) / Σ_k exp(x[k] − m)`, m the maximum: a composite that can be opened.

    The shape of x, at least one dimension; floats. Along `axis` the values are in (0, 1) and add up to
    1; `∂p[i]/∂x[j] = p[i](δ_ij − p[j])`. L1, L3; PyTorch softmax, SciPy special.softmax.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.softmax(gnn.input("z", (3,))), z=[1, 2, 3]).round(4).tolist()
    [0.09, 0.2447, 0.6652]

    Raises ShapeError for a single number and an axis that x does not have, DtypeError for integers.
    """
    (operand,) = lift([x], "softmax")
    (place,) = axes_of_operand(operand, axis, "softmax")
    e = exp(subtract(operand, max(operand, place, True)))
    made = divide(e, sum(e, place, True))
    return composite("softmax", [operand], made, axis=_last(place, operand))


def log_softmax(x: Any, axis: int = -1) -> Handle:
    """`x[i] − m − log Σ_k exp(x[k] − m)`, m the maximum: the logarithm of softmax, stable.

    The shape of x, at least one dimension; floats. Values in (−∞, 0). PyTorch log_softmax.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.log_softmax(gnn.input("z", (2,))), z=[0, 1000]).tolist()
    [-1000.0, 0.0]

    Raises ShapeError for a single number and an axis that x does not have, DtypeError for integers.
    """
    (operand,) = lift([x], "log_softmax")
    (place,) = axes_of_operand(operand, axis, "log_softmax")
    shifted = subtract(operand, max(operand, place, True))
    made = subtract(shifted, log(sum(exp(shifted), place, True)))
    return composite("log_softmax", [operand], made, axis=_last(place, operand))
