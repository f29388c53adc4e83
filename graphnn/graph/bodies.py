"""The value of a formula's body on arrays: arithmetic, conditions, elementary functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, fold

Values = npt.NDArray[Any]


def body_value(
    body: Expr,
    reads: Mapping[str, Values],
    positions: Mapping[str, Any],
    extents: Mapping[str, int],
    precision: type[np.floating[Any]] = np.float64,
) -> Any:
    """The value of a body, operation by operation: of its reads, and of axes by their positions.

    Floats are computed in `precision`.
    """

    def visit(node: Expr, parts: list[Any]) -> Any:
        match node.head:
            case "num":
                value = node.args[0]
                small = isinstance(value, int) and abs(value) < 2**53
                return value if small else as_float(value)
            case "sym":
                name = node.args[0]
                return reads[name] if name in reads else positions[name]
            case "extent":
                return extents[node.args[0].args[0]]
            case "where":
                return np.where(parts[0], parts[1], parts[2])
            case "and":
                return np.logical_and(parts[0], parts[1])
            case "^":
                exponent = node.args[1]
                if exponent.head == "num" and isinstance(exponent.args[0], int):
                    return np.asarray(parts[0], dtype=precision) ** exponent.args[0]
                return np.power(np.asarray(parts[0], dtype=precision), parts[1])
            case "/":
                above, below = (as_number(part, precision) for part in parts)
                return np.divide(np.asarray(above, dtype=precision), below)
            case head if head in _OPERATORS:
                return _OPERATORS[head](*(as_number(part, precision) for part in parts))
            case head if head in FUNCTIONS:
                return function_value(head, *parts, precision=precision)
        raise GraphError(f"internal error: nothing evaluates {node.head!r}")

    return fold(body, visit)


def as_number(x: Any, precision: type[np.floating[Any]] = np.float64) -> Any:
    """Conditions count as 0 and 1."""
    return np.asarray(x, dtype=precision) if np.asarray(x).dtype == np.bool_ else x


def as_float(value: Any) -> float:
    """A number as a float; one that is too large is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "neg": np.negative,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def function_value(
    name: str, *arguments: Any, precision: type[np.floating[Any]] = np.float64
) -> Any:
    """An elementary function, in float64 or `precision`: what its row's NumPy column says.

    >>> float(function_value("abs", -2))
    2.0
    """
    return _NUMPY[name](*(np.asarray(x, dtype=precision) for x in arguments))


_NUMPY: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "abs": np.abs, "sign": np.sign,
    "floor": np.floor,
    "step": lambda u: np.heaviside(u, 1.0), "max": np.maximum, "min": np.minimum,
    "log1p": np.log1p, "expm1": np.expm1,
    "logistic": lambda u: np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u))),
    "softplus": lambda u: np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u))),
    "log_logistic": lambda u: np.minimum(u, 0.0) - np.log1p(np.exp(-np.abs(u))),
    "xlogy": lambda u, v: np.where(u == 0, 0.0, u * np.log(np.where(u == 0, 1.0, v))),
    "times_log": lambda u, v: np.where(u == 0, 0.0, u * np.log(np.where(u == 0, 1.0, v))),
    "xlog1py": lambda u, v: np.where(u == 0, 0.0, u * np.log1p(np.where(u == 0, 0.0, v))),
    "swish": lambda u: u * np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u))),
    "hyperbolic_tangent": np.tanh,
}  # fmt: skip
