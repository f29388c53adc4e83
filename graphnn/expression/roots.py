"""Roots of sums, kept whole: sympy would rescale sqrt(s + 1/1000) to sqrt(10)·sqrt(1 + 1000·s)/100.

Before cancelling, the root becomes a symbol t, and its radicand elsewhere t²; afterwards t is
written as the root again, and t² as the radicand.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from graphnn.expression.algebra import power
from graphnn.expression.tree import Expr, apply, fold, num, postorder, rebuild, sym

HALF = Fraction(1, 2)


def without_roots(e: Expr) -> tuple[Expr, dict[Expr, Expr]]:
    """The expression over symbols for roots, and each symbol's radicand.

    >>> from graphnn.expression.reader import read_scalar
    >>> e, radicands = without_roots(read_scalar("x/sqrt(s + 1/4)^3"))
    >>> str(e), [str(radicand) for radicand in radicands.values()]
    ('x/_root0³', ['s + ¼'])
    """
    found = dict.fromkeys(
        node.args[0]
        for node in postorder(e)
        if (node.head == "sqrt" or (node.head == "^" and _halves(node.args[1])))
        and _would_be_rescaled(node.args[0])
    )
    if not found:
        return e, {}
    roots = {radicand: sym(f"_root{k}") for k, radicand in enumerate(found)}

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        original = node.args[0] if node.args else None
        if node.head == "sqrt" and original in roots:
            return roots[original]
        if node.head == "^" and original in roots and _halves(node.args[1]):
            return power(roots[original], num(int(2 * node.args[1].args[0])))
        made = rebuild(node, parts)
        return power(roots[node], num(2)) if node in roots else made

    return fold(e, visit), {root: radicand for radicand, root in roots.items()}


def with_roots(e: Expr, radicands: Mapping[Expr, Expr]) -> Expr:
    """The expression with each symbol written as its root: t³ is radicand^(3/2)."""
    if not radicands:
        return e

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "^" and node.args[0] in radicands and node.args[1].head == "num":
            exponent = Fraction(node.args[1].args[0]) / 2
            radicand = radicands[node.args[0]]
            whole = exponent.denominator == 1
            return power(radicand, num(int(exponent) if whole else exponent))
        if node in radicands:
            return apply("sqrt", radicands[node])
        return rebuild(node, parts)

    return fold(e, visit)


def _halves(exponent: Expr) -> bool:
    return (
        exponent.head == "num"
        and isinstance(exponent.args[0], Fraction)
        and exponent.args[0].denominator == 2
    )


def _would_be_rescaled(radicand: Expr) -> bool:
    return radicand.head in ("+", "-") and any(
        (node.head == "num" and isinstance(node.args[0], Fraction))
        or (node.head == "/" and node.args[1].head == "num")
        for node in postorder(radicand)
    )
