"""Numbers in a text: exact arithmetic, bounded in size, and what a parameter may be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression.tree import Expr, Number, children
from graphnn.graph.handle import Handle
from graphnn.graph.node import scalar_value

MAX_POWER = 300
MAX_BITS = 2_000
ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "^": "power"}
"""The signs that are computed on numbers, and the ops they are on nodes."""


def number_of(part: Any) -> Number | None:
    """The number that a built part is, else None."""
    if isinstance(part, Handle):
        return scalar_value(part.node)
    return part if isinstance(part, int | float | Fraction) else None


def arithmetic(head: str, numbers: list[Fraction]) -> Fraction:
    """Exact arithmetic, bounded in size.

    >>> arithmetic("/", [Fraction(1), Fraction(3)])
    Fraction(1, 3)

    Raises GraphError for a division by zero, a root, an exponent above 300 or an endless result.
    """
    match head, numbers:
        case "neg", [a]:
            value = -a
        case "+", [a, b]:
            value = a + b
        case "-", [a, b]:
            value = a - b
        case "*", [a, b]:
            value = a * b
        case "/", [a, b]:
            if b == 0:
                raise GraphError("a number is divided by zero")
            value = a / b
        case "^", [a, b]:
            value = _power(a, b)
        case _:
            raise GraphError(f"{head} is no arithmetic on numbers")
    size = value.numerator.bit_length() - value.denominator.bit_length()
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS or not (
        -1_000 < size < 1_000
    ):
        raise GraphError("the number is out of range: numbers are read up to 1e300")
    return value


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent) > MAX_POWER:
        raise GraphError(f"the exponent is larger than {MAX_POWER}")
    if exponent.denominator != 1:
        root = float(base) ** float(exponent) if base >= 0 and (base or exponent > 0) else None
        if root is None:
            raise GraphError(f"{base} has no power {exponent}")
        return Fraction(root)
    if base == 0 and exponent < 0:
        raise GraphError("zero has no negative power")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > 2 * MAX_BITS:
        raise GraphError("the number is out of range: numbers are read up to 1e300")
    return base**exponent.numerator


def parts_of(tree: Expr) -> Iterator[Expr]:
    """The parts of a tree, operands first; the insides of Σ, of indices and keywords left out."""
    done: set[Expr] = set()
    stack = [(tree, False)]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        below = () if node.head in ("Σ", "Max", "=") else children(node)
        if node.head == "[]":
            below = (node.args[0], *(part for part in node.args[1:] if not _is_fixed(part)))
        if expanded or not below:
            done.add(node)
            yield node
        else:
            stack.append((node, True))
            stack.extend((part, False) for part in reversed(below) if part not in done)


def _is_fixed(index: Expr) -> bool:
    return index.head in (":", "nothing", "num", "neg")


def whole(value: Any) -> int:
    """A whole number for an index.

    Raises GraphError for anything else.
    """
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphError(f"an index is a whole number; {value} was given")
    if abs(value) > 2**62:
        raise GraphError("the index is out of range")
    return value


def literal(tree: Expr, values: Mapping[str, Handle]) -> Any:
    """What a parameter was given: a number, a tuple, True, False, None, or a named value."""
    made: dict[Expr, Any] = {}
    for node in parts_of(tree):
        match node.head:
            case "num":
                made[node] = node.args[0]
            case "vector":
                made[node] = tuple(made[part] for part in node.args)
                if any(isinstance(part, Handle) for part in made[node]):
                    raise GraphError(f"{node} cannot be a parameter: it takes numbers")
            case "sym" if node.args[0] in ("True", "False", "None"):
                made[node] = {"True": True, "False": False, "None": None}[node.args[0]]
            case "sym" if node.args[0] in values:
                made[node] = values[node.args[0]]
            case head if head in (*ARITHMETIC, "neg"):
                numbers = [made[part] for part in node.args]
                if not all(isinstance(n, int | Fraction) for n in numbers):
                    raise GraphError(f"{node} is not a number that is known here")
                value = arithmetic(head, [Fraction(n) for n in numbers])
                made[node] = value.numerator if value.denominator == 1 else value
            case _:
                raise GraphError(f"{node} cannot be a parameter: it takes numbers")
    return made[tree]
