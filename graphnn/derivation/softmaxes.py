"""Softmax by name: where a line would write exp(z − max z)/Σ exp(z − max z), it says p.

A loss that takes scores (`cross_entropy_with_logits`) has no line `p = softmax(z)`, yet its gradient
is p − y. The quotient is recognised as what it is, in whatever product it stands.
"""

from __future__ import annotations

from collections.abc import Callable

from graphnn.expression.algebra import join_product, split_product
from graphnn.expression.tree import Expr, fold, rebuild, substitute, sym


def with_softmax(e: Expr, called: Callable[[str, int, tuple[Expr, ...]], Expr]) -> Expr:
    """The expression with `called(name, axis, index)` for every softmax of a named value in it."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        made = rebuild(node, parts)
        if made.head not in ("/", "*", "⊙"):
            return made
        product = split_product(made)
        for k, factor in enumerate(product.factors):
            for divisor in product.divisors:
                found = _softmax(factor, divisor)
                if found is not None:
                    factors = [*product.factors[:k], called(*found), *product.factors[k + 1 :]]
                    below = [d for d in product.divisors if d is not divisor]
                    return join_product(product.coefficient, factors, below)
        return made

    return fold(e, visit)


def _softmax(above: Expr, below: Expr) -> tuple[str, int, tuple[Expr, ...]] | None:
    """(name, axis, index) where the quotient is softmax(name)[index] along the axis."""
    if below.head != "Σ" or len(below.args) != 2:
        return None
    bound, body = below.args
    if (mine := _shifted(above)) is None or (theirs := _shifted(body)) is None:
        return None
    (score, largest), (other, also) = mine, theirs
    axes = [k for k, part in enumerate(other.args) if part is bound]
    if len(axes) != 1 or len(score.args) != len(other.args):
        return None
    (axis,) = axes
    if substitute(other, {bound: score.args[axis]}) is not score:
        return None
    for maximum in (largest, also):
        *over, inner = maximum.args
        if len(over) != 1 or inner is not substitute(other, {bound: over[0]}):
            return None
    return str(score.args[0].args[0]), axis - 1, score.args[1:]


def _shifted(e: Expr) -> tuple[Expr, Expr] | None:
    """(z[i], max_j z[j]) of `exp(z[i] − max_j z[j])`."""
    if e.head != "exp" or e.args[0].head != "-":
        return None
    score, largest = e.args[0].args
    if score.head != "[]" or score.args[0].head != "sym" or largest.head != "Max":
        return None
    return score, largest


def softmax_name(taken: set[str]) -> Expr:
    """p, or p with a number where that is taken."""
    candidates = ("p", *(f"p{k}" for k in range(1, len(taken) + 2)))
    return sym(next(c for c in candidates if c not in taken))
