"""The work of a derivative: scalar multiplications and additions, counted on the formulas.

A formula over n points does at each of them what its body says: products and quotients count as
multiplications, sums and differences as additions, a power xᵏ as k − 1 multiplications; a sum onto
m elements adds n − m times. Elementary functions, sign changes, comparisons and moves count as
nothing. What is known to be 0 or 1 (a seed, and what it makes of a linear op) is folded first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphnn.calculus.formula import Formula
from graphnn.calculus.polynomial import bind
from graphnn.expression.algebra import add, divide, multiply, negate
from graphnn.expression.tree import Expr, Number, fold, num, postorder, rebuild, substitute, sym
from graphnn.graph.node import Node, scalar_value, topological


@dataclass(frozen=True)
class Work:
    """Scalar multiplications and additions."""

    multiplications: int = 0
    additions: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.multiplications + other.multiplications, self.additions + other.additions)

    @property
    def total(self) -> int:
        """Both together."""
        return self.multiplications + self.additions

    def __str__(self) -> str:
        """As a sentence has it."""
        return (
            f"{_many(self.multiplications, 'multiplication')}, {_many(self.additions, 'addition')}"
        )


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def work(outputs: Iterable[Node], given: Iterable[Node], sizes: Mapping[str, int]) -> Work:
    """What computing `outputs` costs where every node that `given` needs is computed already.

    >>> import graphnn as gnn
    >>> W, x = gnn.parameter("W", (3, 4)), gnn.input("x", (4,))
    >>> str(work([(W @ x).node], [W.node, x.node], {}))
    '12 multiplications, 9 additions'
    """
    done = set(topological(given))
    known: dict[Node, Number] = {}
    total = Work()
    for node in topological(outputs):
        constant = scalar_value(node)
        if constant is not None:
            known[node] = constant
        elif isinstance(node.op, Formula) and node not in done:
            body = _folded(node, node.op, known)
            if body.head == "num" and node.op.reduce == "set" and not node.shape:
                known[node] = body.args[0]
            total += _of_formula(node.op, body, sizes)
    return total


def _folded(node: Node, formula: Formula, known: Mapping[Node, Number]) -> Expr:
    """A formula's body with the scalars that are known put in, and 0 and 1 folded."""
    at = {
        sym(f"_{k}"): num(known[node.operands[read.operand]])
        for k, read in enumerate(formula.reads)
        if node.operands[read.operand] in known and known[node.operands[read.operand]] in (0, 1)
    }
    if not at:
        return formula.body

    def visit(part: Expr, parts: list[Expr]) -> Expr:
        match part.head:
            case "*":
                return multiply(*parts)
            case "/":
                return divide(*parts)
            case "+":
                return add(*parts)
            case "-":
                return add(parts[0], negate(parts[1]))
            case "neg":
                return negate(parts[0])
        return rebuild(part, parts)

    return fold(substitute(formula.body, at), visit)


def _of_formula(formula: Formula, body: Expr, sizes: Mapping[str, int]) -> Work:
    points = math.prod(bind(axis.extent, sizes) for axis in formula.axes)
    multiplications = additions = 0
    for node in dict.fromkeys(postorder(body)):
        match node.head:
            case "*" | "/":
                multiplications += len(node.args) - 1
            case "times_log":
                multiplications += 1
            case "^":
                exponent = node.args[1]
                if exponent.head == "num" and isinstance(exponent.args[0], int):
                    multiplications += max(0, abs(exponent.args[0]) - 1)
            case "+" | "-":
                additions += len(node.args) - 1
    summed = 0
    if formula.reduce == "sum":
        summed = max(0, points - math.prod(bind(size, sizes) for size in formula.shape))
    return Work(multiplications * points, additions * points + summed)
