"""Numbers for labels and positions: one-hot rows, sinusoidal encodings."""

from __future__ import annotations

from typing import Any

from graphnn.calculus.definition import define
from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.graph.apply import apply, lift, weak_constant
from graphnn.graph.composite import composite
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.notation import axis_letters, element


def one_hot(labels: Any, classes: Any, dtype: str = "float32") -> Handle:
    """`y[n, c] = 1 where c = t[n], else 0`: a row for each integer label, of any rank.

    A label outside 0 … classes − 1 gives a row of zeros, as in TensorFlow and JAX.

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.one_hot(gnn.input("t", (2,), "int64"), 3), t=[2, 0]).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]

    Raises DtypeError for labels that are no integers.
    """
    (t,) = lift([labels], "one_hot", "int64")
    if t.dtype != "int64":
        raise DtypeError(
            f'one_hot takes integer labels; these are {t.dtype}: declare dtype="int64"',
            user_place(),
        )
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 0:
        raise GraphError(f"one_hot needs a number of classes; {classes!r} given", user_place())
    letters = axis_letters(t.ndim)
    text = (
        f"one_hot(t): {element('y', [*letters, 'c_'])} = "
        f"where({element('t', letters)} == c_, 1, 0) for c_ < {classes}"
    )
    written = Written("one_hot", (t,), (("classes", classes),))
    return apply(define(text), [t], {}, written, dtype)


def positional_encoding(x: Any) -> Handle:
    """The sinusoidal encoding of the positions of `x` (…, T, D), a tensor (T, D) to add to it.

    `P[t, 2k] = sin(t / 10000^(2k/D))`, `P[t, 2k+1] = cos(t / 10000^(2k/D))`. No gradient reaches
    x: only its last two sizes are read. T can be symbolic. L3; arXiv:1706.03762.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", ("T", 4), "float64")
    >>> gnn.evaluate(x + gnn.positional_encoding(x), x=[[0] * 4] * 2).round(4).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.8415, 0.5403, 0.01, 1.0]]

    Raises ShapeError without positions and features, or for features of symbolic size.
    """
    (operand,) = lift([x], "positional_encoding")
    width = operand.shape[-1] if operand.ndim > 1 else None
    if not isinstance(width, int):
        raise ShapeError(
            "positional_encoding needs positions and a known number of features; "
            f"x has shape {shape_text(operand.shape)}",
            user_place(),
        )
    line = define(_SINUSOIDS)
    made = apply(
        line, [weak_constant(width, operand.dtype)], {"length": operand.shape[-2], "n": width}
    )
    return composite("positional_encoding", [operand], made)


# even features are sines; an odd one is the cosine of its left neighbour's angle
_SINUSOIDS = (
    "sinusoids(d; length, n): y[t,k] = where(k == 2*floor(k/2), "
    "sin(t / 10000^(k/d)), cos(t / 10000^((k - 1)/d))) for t < length, k < n"
)
