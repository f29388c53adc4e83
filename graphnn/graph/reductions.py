"""Reductions over axes, and the composites made of them: small graphs with a name."""

from __future__ import annotations

from typing import Any

from graphnn.calculus.definition import define
from graphnn.graph.apply import apply, lift
from graphnn.graph.elementwise import divide, exp, log, negate, subtract
from graphnn.graph.handle import Handle, Written
from graphnn.graph.notation import axes_of_operand, axis_letters, element


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
    axes = None if axis is None else axes_of_operand(operand, axis, "min")
    parameters = (("axis", axes), ("keepdims", keepdims))
    return Handle(made.node, Written("min", (operand,), parameters, opened=made))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Handle:
    """The position of the first maximum over `axis`, an integer without derivative."""
    return _reduction("argmax", "argmax=", "{x}", x, axis, keepdims, "int64")


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
    (place,) = axes_of_operand(operand, axis, "softmax")
    e = exp(subtract(operand, max(operand, place, True)))
    made = divide(e, sum(e, place, True))
    return Handle(made.node, Written("softmax", (operand,), _last(place, operand), opened=made))


def log_softmax(x: Any, axis: int = -1) -> Handle:
    """`x[i] − m − log Σ_k exp(x[k] − m)`, m the maximum: the logarithm of softmax, stable."""
    (operand,) = lift([x], "log_softmax")
    (place,) = axes_of_operand(operand, axis, "log_softmax")
    shifted = subtract(operand, max(operand, place, True))
    made = subtract(shifted, log(sum(exp(shifted), place, True)))
    return Handle(made.node, Written("log_softmax", (operand,), _last(place, operand), opened=made))
