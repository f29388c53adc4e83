"""How a handle was written, as an expression over its operands' expressions.

`add` is +, `multiply` of two tensors ⊙, `matmul` a product, an op in index notation its formula
under Σ; numbers that a short decimal spells are that decimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from graphnn.calculus.formula import Formula, Lookup, rename_symbols
from graphnn.calculus.polynomial import Polynomial, to_expression
from graphnn.expression.algebra import condition_of
from graphnn.expression.tree import Expr, Number, apply, num, sym
from graphnn.graph.handle import GradientOf, Handle, Written
from graphnn.graph.node import Array, Node, scalar_value

_OPERATORS = {
    "add": "+", "subtract": "-", "divide": "/", "negate": "neg", "power": "^", "matmul": "@",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=", "maximum": "max", "minimum": "min", "maximum_of": "max", "minimum_of": "min",
}  # fmt: skip


def written_tree(handle: Handle, trees: dict[int, Expr]) -> tuple[Expr, tuple[Expr, ...] | None]:
    """The expression of one handle over its operands' expressions; an index for indexed ops."""
    made = handle.provenance
    if made is None:
        return _constant(handle.node), None
    if isinstance(made, GradientOf):
        return apply("∂", sym(made.output.name or "f"), sym(made.wrt.name or "?")), None
    parts = [trees[o.serial] for o in made.operands]
    match made.function:
        case "multiply":
            scalar = any(not o.shape for o in made.operands)
            return apply("*" if scalar else "⊙", *parts), None
        case "transpose" if not made.parameters:
            return apply("T", *parts), None
        case "getitem":
            index = [_index(p) for p in dict(made.parameters)["index"]]
            return apply("[]", parts[0], *index), None
        case function if function in _OPERATORS:
            return apply(_OPERATORS[function], *parts), None
        case "formula":
            return _indexed(handle, parts)
        case "typed":
            # several ops in index notation: shown as they were typed
            typed = dict(made.parameters)
            return typed["tree"], typed["index"]
        case "where" if (condition := condition_of(parts[0])) is not None:
            return apply("where", condition, *parts[1:]), None
        case "vector":
            return apply("vector", *parts), None
    parameters = [
        apply("=", sym(key), literal(value))
        for key, value in made.parameters
        if value is not None and value is not False
    ]
    return apply(made.function, *parts, *parameters), None


def _constant(node: Node) -> Expr:
    value = scalar_value(node)
    if value is None:
        return literal(node.attribute("value"))
    return num(short_number(value))


def short_number(value: Number) -> Number:
    """A float that a short decimal spells exactly is that decimal."""
    if isinstance(value, float) and value == value and abs(value) < 1e15:
        exact = Fraction(repr(value))
        return exact if exact.denominator <= 10**6 else value
    return value


def literal(value: Any) -> Expr:
    """A parameter or constant as an expression: numbers, lists, symbolic sizes, names."""
    if isinstance(value, Array):
        return literal(value.values.tolist())
    if isinstance(value, list | tuple):
        return apply("vector", *(literal(part) for part in value))
    if isinstance(value, Polynomial):
        return to_expression(value)
    if isinstance(value, Handle):
        return sym(value.name or "?")
    if isinstance(value, str):
        return sym(value)
    return num(short_number(value))


def _index(part: Any) -> Expr:
    if isinstance(part, tuple):
        return apply(":", *(apply("nothing") if p is None else literal(p) for p in part))
    return apply("nothing") if part is None else literal(part)


def _indexed(handle: Handle, parts: list[Expr]) -> tuple[Expr, tuple[Expr, ...]]:
    """A formula's body over elements of its operands, under Σ or max for the reduced axes."""
    formula = handle.node.op
    if not isinstance(formula, Formula):
        return parts[0], ()
    made = handle.provenance
    operands = (
        {o.node: p for o, p in zip(made.operands, parts, strict=True)}
        if isinstance(made, Written)
        else {}
    )
    trees = [
        operands.get(o, _constant(o) if o.op == "constant" else sym("?"))
        for o in handle.node.operands
    ]
    return formula_tree(formula, trees)


def formula_tree(formula: Formula, operands: Sequence[Expr]) -> tuple[Expr, tuple[Expr, ...]]:
    """(body under Σ or max, write index): a formula as an expression over its operands."""
    reads = {
        f"_{k}": _element(operands[r.operand], r.index, operands)
        for k, r in enumerate(formula.reads)
    }
    body = rename_symbols(formula.body, reads)
    if formula.reduced and formula.reduce in ("sum", "max"):
        bound = [sym(a.name) for a in formula.reduced]
        body = apply("Σ" if formula.reduce == "sum" else "Max", *bound, body)
    write = tuple(_index_tree(index, operands) for index in formula.write)
    return body, write


def _element(base: Expr, index: Sequence[Polynomial | Lookup], operands: Sequence[Expr]) -> Expr:
    return apply("[]", base, *(_index_tree(i, operands) for i in index)) if index else base


def _index_tree(index: Polynomial | Lookup, operands: Sequence[Expr]) -> Expr:
    if isinstance(index, Lookup):
        return _element(operands[index.operand], index.index, operands)
    return to_expression(index)
