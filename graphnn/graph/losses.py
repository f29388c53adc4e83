"""Losses and regularisers: composites, the true value first: `L(y, p)`.

A loss over a batch is the mean over it (L2, "empirical loss"), one number. Sources: L0 (½ squared
error), L2 (mean squared error, binary cross-entropy), L4 (cross-entropies, L2 regularisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnn.calculus.definition import define
from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError, ShapeError
from graphnn.graph.apply import apply, lift
from graphnn.graph.composite import composite
from graphnn.graph.elementwise import abs, divide, log, multiply, negate, power, softplus, subtract
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.notation import axes_of_operand, axis_letters, element
from graphnn.graph.reductions import log_softmax, mean, sum


def _pair(y: Any, p: Any, function: str) -> tuple[Handle, Handle]:
    """Truth and prediction, of one shape: broadcasting them would hide a mistake."""
    truth, predicted = lift([y, p], function)
    if truth.shape and predicted.shape and truth.shape != predicted.shape:
        raise ShapeError(
            f"{function} compares values of one shape; the truth has {shape_text(truth.shape)}, "
            f"the prediction {shape_text(predicted.shape)}",
            user_place(),
        )
    return truth, predicted


def mse(y: Any, p: Any) -> Handle:
    """The mean squared error `Σ (y − p)² / N` over all N elements (L2).

    y and p have one shape (or one is a single number) and one float dtype. PyTorch mse_loss.

    >>> import graphnn as gnn
    >>> y, p = gnn.input("y", (3,)), gnn.input("p", (3,))
    >>> round(float(gnn.evaluate(gnn.mse(y, p), y=[90, 20, 95], p=[30, 80, 85])), 2)
    2433.33

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    truth, predicted = _pair(y, p, "mse")
    return composite("mse", [truth, predicted], mean(power(subtract(truth, predicted), 2)))


def mae(y: Any, p: Any) -> Handle:
    """The mean absolute error `Σ |y − p| / N` over all N elements.

    y and p have one shape (or one is a single number) and one float dtype. Its derivative at y = p is
    0, a convention. PyTorch l1_loss.

    >>> import graphnn as gnn
    >>> y, p = gnn.input("y", (2,)), gnn.input("p", (2,))
    >>> float(gnn.evaluate(gnn.mae(y, p), y=[1, 2], p=[3, 1]))
    1.5

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    truth, predicted = _pair(y, p, "mae")
    return composite("mae", [truth, predicted], mean(abs(subtract(truth, predicted))))


def half_squared_error(y: Any, p: Any) -> Handle:
    """`½ Σ (y − p)²`: the loss of L0, whose derivative by p is −(y − p).

    y and p have one shape (or one is a single number) and one float dtype.

    >>> import graphnn as gnn
    >>> loss = gnn.half_squared_error(gnn.input("y"), gnn.input("p"))
    >>> round(float(gnn.evaluate(loss, y=1, p=0.731)), 3)
    0.036

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    truth, predicted = _pair(y, p, "half_squared_error")
    made = divide(sum(power(subtract(truth, predicted), 2)), 2)
    return composite("half_squared_error", [truth, predicted], made)


def binary_cross_entropy(y: Any, p: Any) -> Handle:
    """`−mean(y log p + (1 − y) log(1 − p))`, p a probability (L2, L4).

    y and p have one shape (or one is a single number) and one float dtype. Infinite or NaN at p = 0
    and p = 1. With `p = σ(z)` its derivative by z is `p − y` (over N). PyTorch binary_cross_entropy.

    >>> import graphnn as gnn
    >>> y, p = gnn.input("y", (3,)), gnn.input("p", (3,))
    >>> loss = gnn.binary_cross_entropy(y, p)
    >>> round(float(gnn.evaluate(loss, y=[1, 0, 1], p=[0.1, 0.8, 0.6])), 4)
    1.4743

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    truth, predicted = _pair(y, p, "binary_cross_entropy")
    right = truth * log(predicted)
    wrong = subtract(1, truth) * log(subtract(1, predicted))
    return composite("binary_cross_entropy", [truth, predicted], negate(mean(right + wrong)))


def binary_cross_entropy_with_logits(y: Any, z: Any) -> Handle:
    """`mean(softplus(z) − y z)`: binary cross-entropy of `p = σ(z)`, finite for every z.

    Shapes and dtypes as for `binary_cross_entropy`. PyTorch binary_cross_entropy_with_logits.

    >>> import graphnn as gnn
    >>> loss = gnn.binary_cross_entropy_with_logits(gnn.input("y", (2,)), gnn.input("z", (2,)))
    >>> float(gnn.evaluate(loss, y=[1, 0], z=[-800, 800]))
    800.0

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    truth, logits = _pair(y, z, "binary_cross_entropy_with_logits")
    made = mean(softplus(logits) - truth * logits)
    return composite("binary_cross_entropy_with_logits", [truth, logits], made)


def cross_entropy(y: Any, p: Any, axis: int = -1) -> Handle:
    """`−Σ_k y[k] log p[k]` along `axis`, the mean over the rest; p are probabilities (L4).

    y holds probabilities (one-hot, for one) in the shape and dtype of p, or integer labels: then this
    is `sparse_cross_entropy`. Infinite or NaN at p = 0. With `p = softmax(z)` the derivative by z is
    p − y where Σy = 1.

    >>> import graphnn as gnn
    >>> loss = gnn.cross_entropy(gnn.input("y", (2,)), gnn.input("p", (2,)))
    >>> round(float(gnn.evaluate(loss, y=[0, 1], p=[0.5, 0.5])), 4)
    0.6931

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    if _labels(y):
        return sparse_cross_entropy(y, p, axis)
    truth, predicted = _pair(y, p, "cross_entropy")
    return _cross_entropy("cross_entropy", truth, predicted, log(predicted), axis)


def cross_entropy_with_logits(y: Any, z: Any, axis: int = -1) -> Handle:
    """`cross_entropy(y, softmax(z))` by log-softmax, finite for every z; shapes and y as there.

    This is what PyTorch's nn.functional.cross_entropy(z, y) computes.

    >>> import graphnn as gnn
    >>> loss = gnn.cross_entropy_with_logits(gnn.input("y", (2,)), gnn.input("z", (2,)))
    >>> float(gnn.evaluate(loss, y=[0, 1], z=[1000, 0]))
    1000.0

    Raises ShapeError for different shapes, DtypeError for different dtypes.
    """
    if _labels(y):
        return sparse_cross_entropy_with_logits(y, z, axis)
    truth, logits = _pair(y, z, "cross_entropy_with_logits")
    made = log_softmax(logits, axis)
    return _cross_entropy("cross_entropy_with_logits", truth, logits, made, axis)


def sparse_cross_entropy(t: Any, p: Any, axis: int = -1) -> Handle:
    """`−log p[b, t[b]]`, the mean over the batch: cross-entropy for integer labels t.

    t has one int64 label for each row of p, whose classes lie along `axis`.

    >>> import graphnn as gnn
    >>> loss = gnn.sparse_cross_entropy(gnn.input("t", (2,), "int64"), gnn.input("p", (2, 2)))
    >>> round(float(gnn.evaluate(loss, t=[0, 1], p=[[0.5, 0.5], [0.75, 0.25]])), 4)
    1.0397

    Raises ShapeError for labels that do not fit the rows and, when run, GraphError for a label out of
    range.
    """
    (predicted,) = lift([p], "sparse_cross_entropy")
    return _sparse("sparse_cross_entropy", t, predicted, log(predicted), axis)


def sparse_cross_entropy_with_logits(t: Any, z: Any, axis: int = -1) -> Handle:
    """`sparse_cross_entropy(t, softmax(z))` by log-softmax, finite for every z; t as there.

    This is what PyTorch's nn.functional.cross_entropy(z, t) computes for labels.

    >>> import graphnn as gnn
    >>> t, z = gnn.input("t", (2,), "int64"), gnn.input("z", (2, 2))
    >>> loss = gnn.sparse_cross_entropy_with_logits(t, z)
    >>> float(gnn.evaluate(loss, t=[0, 1], z=[[1000, 0], [1000, 0]]))
    500.0

    Raises ShapeError for labels that do not fit the rows and, when run, GraphError for a label out of
    range.
    """
    (logits,) = lift([z], "sparse_cross_entropy_with_logits")
    made = log_softmax(logits, axis)
    return _sparse("sparse_cross_entropy_with_logits", t, logits, made, axis)


def _labels(y: Any) -> bool:
    return isinstance(y, Handle) and y.dtype == "int64"


def _cross_entropy(
    function: str, truth: Handle, given: Handle, logarithm: Handle, axis: int
) -> Handle:
    (place,) = axes_of_operand(given, axis, function)
    made = negate(mean(sum(multiply(truth, logarithm), place)))
    return composite(function, [truth, given], made, axis=_shown(place, given))


def _sparse(function: str, t: Any, given: Handle, logarithm: Handle, axis: int) -> Handle:
    (place,) = axes_of_operand(given, axis, function)
    (labels,) = lift([t], function, "int64")
    rest = (*given.shape[:place], *given.shape[place + 1 :])
    if labels.dtype != "int64" or labels.shape != rest:
        raise ShapeError(
            f"{function} takes an integer label for each row, of shape {shape_text(rest)}; "
            f"these are {labels.dtype} of shape {shape_text(labels.shape)}",
            user_place(),
        )
    letters = axis_letters(given.ndim - 1)
    reads = [*letters[:place], element("t", letters), *letters[place:]]
    text = f"pick(x, t): {element('y', letters)} = {element('x', reads)}"
    picked = apply(define(text), [logarithm, labels], {}, Written("pick", (logarithm, labels)))
    made = negate(mean(picked))
    return composite(function, [labels, given], made, axis=_shown(place, given))


def _shown(place: int, x: Handle) -> int | None:
    return None if place == x.ndim - 1 else place


def l2_penalty(*parameters: Any, strength: Any = 1.0) -> Handle:
    """`λ Σ W²` over every element of every parameter, λ the `strength`: weight decay (L4).

    >>> import graphnn as gnn
    >>> W = gnn.parameter("W", (2,))
    >>> float(gnn.evaluate(gnn.l2_penalty(W, strength=0.5), W=[3, 4]))
    12.5

    Raises GraphError without a parameter.
    """
    return _penalty("l2_penalty", parameters, [power(w, 2) for w in parameters], strength)


def l1_penalty(*parameters: Any, strength: Any = 1.0) -> Handle:
    """`λ Σ |W|` over every element of every parameter, λ the `strength` (a number or a node).

    Any shapes, one float dtype; a single number. Its derivative at W = 0 is 0, a convention.

    >>> import graphnn as gnn
    >>> W = gnn.parameter("W", (2,))
    >>> float(gnn.evaluate(gnn.l1_penalty(W, strength=0.5), W=[3, -4]))
    3.5

    Raises GraphError without a parameter.
    """
    return _penalty("l1_penalty", parameters, [abs(w) for w in parameters], strength)


def _penalty(
    function: str, parameters: Sequence[Any], parts: Sequence[Handle], strength: Any
) -> Handle:
    if not parts:
        raise GraphError(f"{function} needs at least one parameter", user_place())
    made = sum(parts[0])
    for part in parts[1:]:
        made = made + sum(part)
    operands = lift(parameters, function)
    if isinstance(strength, Handle):
        return composite(function, [*operands, strength], strength * made)
    scaled = made if strength == 1 else strength * made
    return composite(function, operands, scaled, strength=None if strength == 1 else strength)
