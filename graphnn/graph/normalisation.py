"""Layer and batch normalisation: composites of means, a square root and a quotient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnn.calculus.shapes import shape_text
from graphnn.errors import ShapeError
from graphnn.graph.apply import lift
from graphnn.graph.composite import composite
from graphnn.graph.elementwise import power, sqrt
from graphnn.graph.handle import Handle, name, user_place
from graphnn.graph.notation import axes_of_operand
from graphnn.graph.reductions import mean

EPSILON = 1e-5


def layer_norm(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, eps: float = EPSILON
) -> Handle:
    """`γ (x − μ) / √(σ² + ε) + β`, mean and variance over `axis` of each example (L0, L3).

    The shape of x, floats. γ and β are optional and broadcast: their shape is that of the normalised
    axis. The variance is the biased one. arXiv:1607.06450; PyTorch layer_norm.

    >>> import graphnn as gnn
    >>> y = gnn.evaluate(gnn.layer_norm(gnn.input("x", (2,)), eps=0), x=[1, 3])
    >>> y.tolist()
    [-1.0, 1.0]

    Raises ShapeError for a single number, an axis that x does not have, and a γ or β that does not
    broadcast; DtypeError for different dtypes.
    """
    operands = _operands("layer_norm", x, gamma, beta)
    axes = axes_of_operand(operands[0], axis, "layer_norm")
    made = _normalised(operands, gamma is not None, axes, eps)
    shown = None if axes == (operands[0].ndim - 1,) else axes[0] if len(axes) == 1 else axes
    return composite("layer_norm", operands, made, axis=shown, eps=_shown(eps))


def batch_norm(
    x: Any, gamma: Any = None, beta: Any = None, axis: int = -1, eps: float = EPSILON
) -> Handle:
    """`γ (x − μ) / √(σ² + ε) + β` by the statistics of the batch, one for each feature (L1, L3).

    `axis` is the features' axis (channels last); mean and biased variance go over all others: the
    form used in training. γ and β are optional and have the features' shape. arXiv:1502.03167.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (2, 1))
    >>> gnn.evaluate(gnn.batch_norm(x, eps=0), x=[[1], [3]]).tolist()
    [[-1.0], [1.0]]

    Raises ShapeError where there is no batch: x needs two dimensions.
    """
    operands = _operands("batch_norm", x, gamma, beta)
    first = operands[0]
    (features,) = axes_of_operand(first, axis, "batch_norm")
    if first.ndim < 2:
        raise ShapeError(
            f"batch_norm needs a batch and features; x has shape {shape_text(first.shape)}",
            user_place(),
        )
    axes = tuple(k for k in range(first.ndim) if k != features)
    spread = tuple(slice(None) if k == features else None for k in range(features, first.ndim))
    scaled = [first, *(h if len(spread) == 1 or not h.ndim else h[spread] for h in operands[1:])]
    made = _normalised(scaled, gamma is not None, axes, eps)
    shown = None if features == first.ndim - 1 else features
    return composite("batch_norm", operands, made, axis=shown, eps=_shown(eps))


def _operands(function: str, x: Any, gamma: Any, beta: Any) -> list[Handle]:
    return lift([x, *(h for h in (gamma, beta) if h is not None)], function)


def _shown(eps: float) -> float | None:
    return None if eps == EPSILON else eps


def _normalised(
    operands: Sequence[Handle], scales: bool, axes: tuple[int, ...], eps: float
) -> Handle:
    x, *rest = operands
    centre = name("mu", mean(x, axes, True))
    spread = name("s", sqrt(mean(power(x - centre, 2), axes, True) + eps))
    made = (x - centre) / spread
    if rest:
        made = name("x_hat", made)
    if scales:
        made = made * rest.pop(0)
    return made + rest[0] if rest else made
