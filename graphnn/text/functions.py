"""The functions that a text can call: one row each, with its operands and its parameters.

`rank` says how many dimensions the result has, from the operands' ranks and the parameters as they
were written: what a product sign means depends on it. Everything else is said by graphnn.graph.ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from graphnn.expression.tree import Expr
from graphnn.graph import ops
from graphnn.graph.handle import Handle

Ranks = Sequence[int]
Options = Mapping[str, Expr]
MANY = 1_000


@dataclass(frozen=True)
class Function:
    """One function: its name in trees, the op it calls, how many operands, which parameters.

    `labels` is the place of the operand that holds integer labels, if any; `needed` the parameter
    without which it cannot be called.
    """

    name: str
    call: Callable[..., Handle]
    least: int
    most: int
    parameters: tuple[str, ...]
    rank: Callable[[Ranks, Options], int]
    elementwise: bool = False
    labels: int | None = None
    needed: str = ""

    @property
    def usage(self) -> str:
        """How it is called: `softmax(x; axis)`."""
        taken = [p for p in signature(self.call).parameters if p not in self.parameters]
        named = taken[: self.most] if len(taken) >= self.most else ["a", "b", "c"][: self.most]
        inside = ", ".join(named) + (", …" if self.most == MANY else "")
        return f"{self.name}({inside}{'; ' if self.parameters else ''}{', '.join(self.parameters)})"


def _widest(ranks: Ranks, options: Options) -> int:
    return max(ranks)


def _reduced(ranks: Ranks, options: Options) -> int:
    axis, kept = options.get("axis"), options.get("keepdims")
    if kept is not None and kept.args and kept.args[0] not in ("False", 0):
        return ranks[0]
    if axis is None or axis.head == "sym":
        return 0
    return ranks[0] - (len(axis.args) if axis.head == "vector" else 1)


def _shaped(ranks: Ranks, options: Options) -> int:
    shape = options.get("shape")
    return len(shape.args) if shape is not None and shape.head == "vector" else 1


def _flat(ranks: Ranks, options: Options) -> int:
    start = options.get("start")
    return 1 + (start.args[0] if start is not None and start.head == "num" else 0)


def product_rank(ranks: Ranks, options: Options | None = None) -> int:
    """The rank of a matrix product, by NumPy's rules."""
    left, right = ranks
    if left == 1 or right == 1:
        return max(left, right) - 1
    return max(left, right)


def _gathered(ranks: Ranks, options: Options) -> int:
    return ranks[0] - 1 + ranks[1]


def _of_rank(rank: int) -> Callable[[Ranks, Options], int]:
    return lambda ranks, options: rank


def _lower(by: int) -> Callable[[Ranks, Options], int]:
    return lambda ranks, options: ranks[0] - by


def _higher(ranks: Ranks, options: Options) -> int:
    return ranks[0] + 1


def _first(ranks: Ranks, options: Options) -> int:
    return ranks[0]


def _accumulated(ranks: Ranks, options: Options) -> int:
    return ranks[0] if "axis" in options else 1


def _stack(*operands: Any, axis: int = 0) -> Handle:
    return ops.stack(operands, axis)


def _concat(*operands: Any, axis: int = 0) -> Handle:
    return ops.concat(operands, axis)


def _elementwise(name: str, operands: int, *parameters: str) -> Function:
    return Function(name, getattr(ops, name), operands, operands, parameters, _widest, True)


_UNARY = (
    "exp log sqrt sin cos tan sinh cosh tanh abs sign step log1p expm1 sigmoid relu softplus "
    "log_sigmoid swish linear floor ceil"
)
_ROWS = (
    *(_elementwise(name, 1) for name in _UNARY.split()),
    _elementwise("xlogy", 2),
    _elementwise("parametric_relu", 2),
    _elementwise("power", 2),
    _elementwise("where", 3),
    _elementwise("leaky_relu", 1, "a"),
    _elementwise("elu", 1, "a"),
    Function("clip", ops.clip, 3, 3, (), _widest, True),
    *(
        Function(name, getattr(ops, name), 1, 1, ("axis", "keepdims"), _reduced)
        for name in ("sum", "mean", "argmax", "argmin", "prod")
    ),
    Function("norm", ops.norm, 1, 1, ("ord", "axis", "keepdims"), _reduced),
    Function("cumsum", ops.cumsum, 1, 1, ("axis",), _accumulated),
    Function("max", ops.max, 1, 2, ("axis", "keepdims"), _reduced),
    Function("min", ops.min, 1, 2, ("axis", "keepdims"), _reduced),
    Function("softmax", ops.softmax, 1, 1, ("axis",), _widest),
    Function("log_softmax", ops.log_softmax, 1, 1, ("axis",), _widest),
    Function("matmul", ops.matmul, 2, 2, (), product_rank),
    Function("outer", ops.outer, 2, 2, (), _of_rank(2)),
    Function("trace", ops.trace, 1, 1, ("axis1", "axis2"), _lower(2)),
    Function("diagonal", ops.diagonal, 1, 1, ("axis1", "axis2"), _lower(1)),
    Function("transpose", ops.transpose, 1, 1, ("axes",), _widest),
    Function("reshape", ops.reshape, 1, 1, ("shape",), _shaped, needed="shape"),
    Function("flatten", ops.flatten, 1, 1, ("start",), _flat),
    Function("broadcast_to", ops.broadcast_to, 1, 1, ("shape",), _shaped, needed="shape"),
    Function("concat", _concat, 1, MANY, ("axis",), _widest),
    Function("stack", _stack, 1, MANY, ("axis",), _higher),
    Function("pad", ops.pad, 1, 1, ("widths",), _widest, needed="widths"),
    Function("gather", ops.gather, 2, 2, (), _gathered, labels=1),
    Function("conv2d", ops.conv2d, 2, 2, ("s", "p", "d"), _widest),
    Function("maxpool", ops.maxpool, 1, 1, ("k", "s", "p"), _widest),
    Function("avgpool", ops.avgpool, 1, 1, ("k", "s", "p"), _widest),
    Function("global_maxpool", ops.global_maxpool, 1, 1, (), _of_rank(2)),
    Function("global_avgpool", ops.global_avgpool, 1, 1, (), _of_rank(2)),
    Function("one_hot", ops.one_hot, 1, 1, ("classes",), _higher, labels=0, needed="classes"),
    Function("positional_encoding", ops.positional_encoding, 1, 1, (), _of_rank(2)),
    Function("layer_norm", ops.layer_norm, 1, 3, ("axis", "eps"), _first),
    Function("batch_norm", ops.batch_norm, 1, 3, ("axis", "eps"), _first),
    *(
        Function(name, getattr(ops, name), 2, 2, (), _of_rank(0))
        for name in (
            *("mse", "mae", "half_squared_error"),
            *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
        )
    ),
    *(
        Function(name, getattr(ops, name), 2, 2, ("axis",), _of_rank(0))
        for name in ("cross_entropy", "cross_entropy_with_logits")
    ),
    *(
        Function(name, getattr(ops, name), 2, 2, ("axis",), _of_rank(0), labels=0)
        for name in ("sparse_cross_entropy", "sparse_cross_entropy_with_logits")
    ),
    Function("l1_penalty", ops.l1_penalty, 1, MANY, ("strength",), _of_rank(0)),
    Function("l2_penalty", ops.l2_penalty, 1, MANY, ("strength",), _of_rank(0)),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
"""Every function of the text language, by name."""

ALIASES = {
    "sigma": "sigmoid",
    "ln": "log",
    "dot": "matmul",
    "maximum": "max",
    "minimum": "min",
    "binary_step": "step",
    "bce": "binary_cross_entropy",
    "categorical_cross_entropy": "cross_entropy",
}
"""Other spellings: σ(z), ln x."""

# Two operands, by element; with one operand max and min reduce.
PAIRS: dict[str, Callable[..., Handle]] = {"max": ops.maximum, "min": ops.minimum}


def function(name: str) -> Function | None:
    """The function that a name means, else None.

    >>> function("ln").name
    'log'
    """
    return FUNCTIONS.get(ALIASES.get(name, name))
