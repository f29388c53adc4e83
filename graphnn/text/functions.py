"""The functions that a text can call: one row each, with its operands and its parameters.

`rank` says how many dimensions the result has, from the operands' ranks and the parameters as they
were written: what a product sign means depends on it. Everything else is said by graphnn.graph.ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphnn.expression.tree import Expr
from graphnn.graph import ops
from graphnn.graph.handle import Handle

Ranks = Sequence[int]
Options = Mapping[str, Expr]
MANY = 1_000


@dataclass(frozen=True)
class Function:
    """One function: its name in trees, the op it calls, how many operands, which parameters."""

    name: str
    call: Callable[..., Handle]
    least: int
    most: int
    parameters: tuple[str, ...]
    rank: Callable[[Ranks, Options], int]
    elementwise: bool = False

    @property
    def usage(self) -> str:
        """How it is called: `softmax(x; axis)`."""
        letters = "x" if self.most == 1 else "a, b, c"[: 3 * min(self.most, 3) - 2]
        inside = letters + (", …" if self.most == MANY else "")
        return f"{self.name}({inside}{'; ' if self.parameters else ''}{', '.join(self.parameters)})"


def _widest(ranks: Ranks, options: Options) -> int:
    return max(ranks)


def _reduced(ranks: Ranks, options: Options) -> int:
    axis, kept = options.get("axis"), options.get("keepdims")
    if kept is not None and kept.args[0] not in ("False", 0):
        return ranks[0]
    if axis is None or axis.head == "sym":
        return 0
    return ranks[0] - (len(axis.args) if axis.head == "vector" else 1)


def _shaped(ranks: Ranks, options: Options) -> int:
    shape = options.get("shape")
    return len(shape.args) if shape is not None and shape.head == "vector" else 1


def product_rank(ranks: Ranks, options: Options | None = None) -> int:
    """The rank of a matrix product, by NumPy's rules."""
    left, right = ranks
    if left == 1 or right == 1:
        return max(left, right) - 1
    return max(left, right)


def _gathered(ranks: Ranks, options: Options) -> int:
    return ranks[0] - 1 + ranks[1]


def _concat(*operands: Any, axis: int = 0) -> Handle:
    return ops.concat(operands, axis)


def _elementwise(name: str, operands: int, *parameters: str) -> Function:
    return Function(name, getattr(ops, name), operands, operands, parameters, _widest, True)


_UNARY = (
    "exp log sqrt sin cos tan sinh cosh tanh abs sign step log1p expm1 sigmoid relu softplus "
    "log_sigmoid swish"
)
_ROWS = (
    *(_elementwise(name, 1) for name in _UNARY.split()),
    _elementwise("xlogy", 2),
    _elementwise("parametric_relu", 2),
    _elementwise("power", 2),
    _elementwise("where", 3),
    _elementwise("leaky_relu", 1, "a"),
    _elementwise("elu", 1, "a"),
    *(
        Function(name, getattr(ops, name), 1, 1, ("axis", "keepdims"), _reduced)
        for name in ("sum", "mean", "argmax")
    ),
    Function("max", ops.max, 1, 2, ("axis", "keepdims"), _reduced),
    Function("min", ops.min, 1, 2, ("axis", "keepdims"), _reduced),
    Function("softmax", ops.softmax, 1, 1, ("axis",), _widest),
    Function("log_softmax", ops.log_softmax, 1, 1, ("axis",), _widest),
    Function("matmul", ops.matmul, 2, 2, (), product_rank),
    Function("transpose", ops.transpose, 1, 1, ("axes",), _widest),
    Function("reshape", ops.reshape, 1, 1, ("shape",), _shaped),
    Function("broadcast_to", ops.broadcast_to, 1, 1, ("shape",), _shaped),
    Function("concat", _concat, 1, MANY, ("axis",), _widest),
    Function("pad", ops.pad, 1, 1, ("widths",), _widest),
    Function("gather", ops.gather, 2, 2, (), _gathered),
    Function("conv2d", ops.conv2d, 2, 2, ("s", "p", "d"), _widest),
    Function("maxpool", ops.maxpool, 1, 1, ("k", "s", "p"), _widest),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
"""Every function of the text language, by name."""

ALIASES = {"sigma": "sigmoid", "ln": "log", "dot": "matmul", "maximum": "max", "minimum": "min"}
"""Other spellings: σ(z), ln x."""

# Two operands, by element; with one operand max and min reduce.
PAIRS: dict[str, Callable[..., Handle]] = {"max": ops.maximum, "min": ops.minimum}


def function(name: str) -> Function | None:
    """The function that a name means, else None.

    >>> function("ln").name
    'log'
    """
    return FUNCTIONS.get(ALIASES.get(name, name))
