"""Resolved trees as handles: each head is an op, numbers stay exact as long as they meet numbers.

Sums in index notation that stand inside (`−Σ_i y[i] log p[i]`) are handed to graphnn.text.indexed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from graphnn.calculus.formula import Formula
from graphnn.errors import GraphError
from graphnn.expression.tree import COMPARISONS, Expr, Number, children
from graphnn.graph import ops
from graphnn.graph.apply import lift
from graphnn.graph.handle import Handle, Written
from graphnn.graph.node import FLOATS, constant, scalar_value
from graphnn.text.functions import FUNCTIONS, PAIRS
from graphnn.text.numbers import (
    ARITHMETIC,
    MAX_POWER,
    arithmetic,
    literal,
    number_of,
    parts_of,
    whole,
)
from graphnn.text.parameters import check_parameter

MAX_ELEMENTS = 2**27
MAX_STEPS = 2**36
MAX_RANK = 8

BINARY: dict[str, Callable[[Any, Any], Handle]] = {
    "+": ops.add, "-": ops.subtract, "*": ops.multiply, "⊙": ops.multiply, "/": ops.divide,
    "^": ops.power, "<": ops.less, "<=": ops.less_equal, ">": ops.greater,
    ">=": ops.greater_equal, "==": ops.equal, "!=": ops.not_equal,
}  # fmt: skip


class Place(Exception):  # noqa: N818
    """A GraphError, and the part of the resolved tree in which it arose."""

    def __init__(self, error: GraphError, part: Expr) -> None:
        """Keep both."""
        super().__init__(str(error))
        self.error, self.part = error, part


Sum = Callable[[Expr], Handle]


def build(tree: Expr, values: Mapping[str, Handle], dtype: str, bound_sum: Sum) -> Handle:
    """The handle of a resolved tree over named handles; `bound_sum` makes those of Σ and max.

    Raises Place at the part that an op refused.
    """
    made: dict[Expr, Any] = {}
    for node in parts_of(tree):
        try:
            made[node] = _part(node, made, values, dtype, bound_sum)
            check_size(made[node])
        except GraphError as error:
            raise Place(error, node) from None
    return as_handle(made[tree], dtype)


def as_handle(value: Any, dtype: str) -> Handle:
    """A number or a literal as a constant."""
    if isinstance(value, Handle):
        return value
    return lift([value], "constant", dtype)[0]


def _part(
    node: Expr,
    made: Mapping[Expr, Any],
    values: Mapping[str, Handle],
    dtype: str,
    bound_sum: Sum,
) -> Any:
    match node.head:
        case "num":
            return node.args[0]
        case "sym":
            return values[node.args[0]]
        case "Σ" | "Max":
            return bound_sum(node)
        case "=":
            return None
        case "[]":
            return _element(node, made, dtype)
        case "vector":
            return _literal([made[part] for part in node.args], dtype)
    operands = [made[part] for part in children(node) if part.head != "="]
    match node.head:
        case "neg":
            known = _exact(node, operands, dtype)
            return ops.negate(*_at_least_one(operands, dtype)) if known is None else known
        case "T":
            (operand,) = _at_least_one(operands, dtype)
            return _turned(operand) if operand.ndim < 2 else ops.transpose(operand)
        case "@":
            return _matrix_product(node, *(as_handle(part, dtype) for part in operands))
        case "and":
            for part, value in zip(node.args, operands, strict=True):
                check_condition(part, value)
            left, right = (ops.where(part, 1, 0) for part in _at_least_one(operands, dtype))
            return ops.multiply(left, right)
        case "//":
            raise GraphError("// divides sizes and indices; between values write floor(a/b)")
        case "^" if _is_large(number_of(operands[1])):
            raise GraphError(f"the exponent is larger than {MAX_POWER}")
        case head if head in BINARY:
            known = _exact(node, operands, dtype)
            return BINARY[head](*_alike(operands, head, dtype)) if known is None else known
    options = {
        part.args[0].args[0]: literal(part.args[1], values)
        for part in node.args
        if part.head == "="
    }
    if node.head in PAIRS and len(operands) == 2:
        if options:
            raise GraphError(
                f"{node.head} of two values takes no {', '.join(options)}: it is by element"
            )
        return PAIRS[node.head](*_at_least_one(operands, dtype), **options)
    row = FUNCTIONS[node.head]
    if row.needed not in ("", *options):
        raise GraphError(f"{row.name} needs {row.needed}: {row.usage}")
    for key, value in options.items():
        check_parameter(row.name, key, value)
    return row.call(*_at_least_one(operands, dtype), **options)


def check_condition(part: Expr, value: Any) -> None:
    """A side of `and` is a comparison, another `and`, or a value of booleans.

    Raises GraphError.
    """
    is_condition = part.head == "and" or part.head in COMPARISONS or part.head == "δ"
    if not is_condition and getattr(value, "dtype", "") != "bool":
        raise GraphError("and stands between conditions, such as x > 0 and y > 0")


def _is_large(exponent: Number | None) -> bool:
    return exponent is not None and abs(float(exponent)) > MAX_POWER


def _at_least_one(operands: list[Any], dtype: str) -> list[Any]:
    """Operands of which one is a handle, so that numbers take its element type."""
    operands = _alike(operands, "", dtype)
    if any(isinstance(part, Handle) for part in operands):
        return operands
    return [as_handle(operands[0], dtype), *operands[1:]] if operands else operands


def _alike(operands: list[Any], head: str, dtype: str) -> list[Any]:
    """Constants that were computed from numbers take the element type of what they meet."""
    kinds = [
        part.dtype
        for part in operands
        if isinstance(part, Handle) and part.dtype in FLOATS and not _is_number(part)
    ]
    wanted = kinds[0] if kinds else dtype
    alike = [
        Handle(constant(scalar_value(part.node) or 0, wanted), part.provenance)
        if isinstance(part, Handle) and _is_number(part) and part.dtype != wanted
        else part
        for part in operands
    ]
    if head and not any(isinstance(part, Handle) for part in alike):
        alike[0] = as_handle(alike[0], wanted)
    return alike


def _is_number(part: Handle) -> bool:
    return scalar_value(part.node) is not None


def _exact(node: Expr, operands: list[Any], dtype: str) -> Handle | None:
    """Exact arithmetic on numbers: a constant that remembers how it was written."""
    numbers = [number_of(part) for part in operands]
    if node.head not in (*ARITHMETIC, "neg") or any(isinstance(n, float | None) for n in numbers):
        return None
    value = arithmetic(node.head, [Fraction(n) for n in numbers if n is not None])
    function = ARITHMETIC.get(node.head, "negate")
    written = Written(function, tuple(as_handle(part, dtype) for part in operands))
    exact = value.numerator if value.denominator == 1 else value
    return Handle(constant(exact, dtype), written)


def _matrix_product(node: Expr, left: Handle, right: Handle) -> Handle:
    """`a bᵀ` of two vectors is their outer product: a column times a row."""
    if not (left.ndim and right.ndim):
        return ops.multiply(left, right)
    is_row = _row(node.args[1]) and not _row(node.args[0])
    if is_row and right.ndim == 1:
        if left.ndim == 1:
            made = ops.einsum("i,j->ij", left, right)
            return Handle(made.node, Written("matmul", (left, right)))
        row = ops.reshape(right, (1, *right.shape))
        made = ops.matmul(left, row)
        return Handle(made.node, Written("matmul", (left, right)))
    return ops.matmul(left, right)


def _turned(vector: Handle) -> Handle:
    return Handle(vector.node, Written("transpose", (vector,)))


def _row(tree: Expr) -> bool:
    while tree.head in ("neg", "*", "/"):
        tree = tree.args[1] if tree.head == "*" and tree.args[1].head == "T" else tree.args[0]
    return tree.head == "T"


def _literal(parts: list[Any], dtype: str) -> Any:
    """A literal of numbers is an array; one of values stacks them."""
    numbers = [number_of(part) for part in parts]
    if len(_shape(parts)) > MAX_RANK:
        raise GraphError(f"a literal has at most {MAX_RANK} dimensions")
    if all(n is not None for n in numbers):
        return [float(n) for n in numbers if n is not None]
    if all(isinstance(part, list) for part in parts):
        if len({_shape(part) for part in parts}) > 1:
            raise GraphError("the rows of the literal differ in length")
        return parts
    lifted = [as_handle(part, dtype) for part in _alike(parts, "+", dtype)]
    if any(part.shape != lifted[0].shape for part in lifted):
        raise GraphError("the elements of the literal differ in shape")
    rows = [ops.reshape(part, (1, *part.shape)) for part in lifted]
    made = ops.concat(rows, 0)
    return Handle(made.node, Written("vector", tuple(lifted)))


def _shape(part: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    while isinstance(part, list):
        shape = (*shape, len(part))
        part = part[0] if part else None
    return shape


def _element(node: Expr, made: Mapping[Expr, Any], dtype: str) -> Handle:
    base = as_handle(made[node.args[0]], dtype)
    index = [_index(part, made) for part in node.args[1:]]
    if len(index) == 1 and isinstance(index[0], Handle):
        return ops.getitem(base, index[0])
    if any(isinstance(part, Handle) for part in index):
        raise GraphError("an index that is computed stands alone: E[t]")
    return ops.getitem(base, tuple(index))


def _index(part: Expr, made: Mapping[Expr, Any]) -> Any:
    if part.head == ":":
        return slice(*(None if p.head == "nothing" else whole(literal(p, {})) for p in part.args))
    if part.head in ("num", "neg"):
        return whole(literal(part, {}))
    value = made[part]
    number = number_of(value)
    return value if number is None else whole(number)


def check_size(value: Any) -> None:
    """No text makes an array that no machine holds, or a sum that never ends.

    Raises GraphError.
    """
    if isinstance(value, Handle):
        total = 1
        for size in value.shape:
            total *= size if isinstance(size, int) else 1
        if total > MAX_ELEMENTS:
            raise GraphError(
                f"this would have {total:,} elements; at most {MAX_ELEMENTS:,} are made"
            )
        if isinstance(value.node.op, Formula):
            steps = 1
            for axis in value.node.op.axes:
                steps *= axis.extent if isinstance(axis.extent, int) else 1
            if steps > MAX_STEPS:
                raise GraphError(
                    f"this would take {steps:,} steps; at most {MAX_STEPS:,} are taken"
                )
