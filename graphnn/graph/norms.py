"""Norms of vectors and tensors: composites of a reduction and an element-wise function."""

from __future__ import annotations

import math
from typing import Any

from graphnn.errors import GraphError
from graphnn.graph.apply import lift
from graphnn.graph.composite import composite
from graphnn.graph.elementwise import abs, power, sqrt
from graphnn.graph.handle import Handle, user_place
from graphnn.graph.reductions import max, sum


def norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Handle:  # noqa: A002
    """The norm over `axis` (one, several, or all elements).

    `ord` 2 (the default; "fro" for a matrix) is √Σx², 1 is Σ|x|, inf is the largest |x|. As in
    torch.linalg.vector_norm these are norms of the elements, of a matrix too. For `ord` 2 the
    derivative x/‖x‖ is undefined at x = 0; elsewhere kinks and ties are those of abs and max.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (2,))
    >>> [float(gnn.evaluate(gnn.norm(x, p), x=[3, -4])) for p in (1, 2, float("inf"))]
    [7.0, 5.0, 4.0]

    Raises GraphError for another `ord`.
    """
    (operand,) = lift([x], "norm")
    if ord in (2, "fro"):
        made = sqrt(sum(power(operand, 2), axis, keepdims))
    elif ord == 1:
        made = sum(abs(operand), axis, keepdims)
    elif ord in (math.inf, "inf", "max"):
        made = max(abs(operand), axis, keepdims)
    else:
        raise GraphError(f"norm has ord 1, 2, fro and inf; {ord!r} was given", user_place())
    given = None if ord == 2 else ord
    return composite("norm", [operand], made, ord=given, axis=axis, keepdims=keepdims or None)
