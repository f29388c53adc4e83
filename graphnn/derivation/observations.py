"""What can be seen of finished gradients: entries that add to 0, a convolution, a δ used again.

It is read off their terms `Σ_bound Π δ · body` and steps: no op and no loss is known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element, element_name
from graphnn.derivation.local import opened, partial
from graphnn.derivation.simplify import normalise
from graphnn.derivation.steps import Step
from graphnn.derivation.terms import Term, Terms, renewed
from graphnn.derivation.written import terms_tree
from graphnn.errors import GraphError
from graphnn.expression.algebra import ONE, ZERO, add, negate, split_product, terms
from graphnn.expression.names import show
from graphnn.expression.sympy_view import simplified
from graphnn.expression.tree import Expr, apply, contains, postorder, substitute
from graphnn.expression.unicode import to_unicode

MAX_TERMS = 12


def adds_to_zero(ctx: Context, found: Terms, free: Sequence[Expr], result: Any) -> str:
    """The remark that the entries add to 0, where the known sums say so: Σ(p − y) = 1 − 1.

    With numbers they are added up too. Raises GraphError where that is not 0.
    """
    if not ctx.known.facts or not found or not free or free[-1].head != "sym":
        return ""
    if len(found) > MAX_TERMS:
        return ""
    last = free[-1]
    summed = tuple(renewed(Term((*t.bound, last), t.deltas, t.body), ctx.indices) for t in found)
    total = normalise(summed, ctx.known, ctx.indices)
    if any(t.bound or t.deltas for t in total):
        return ""
    if total and simplified(add(*(t.body for t in total))) is not ZERO:
        return ""
    entries = "its entries add to 0" if len(free) == 1 else "the entries of each row add to 0"
    if result is None:
        return entries
    numbers = np.asarray(result, dtype=np.float64)
    if not np.all(np.isfinite(numbers)):
        return ""
    gap, scale = np.abs(numbers.sum(axis=-1)), float(np.max(np.abs(numbers), initial=0))
    if np.all(gap <= 1e-9 * scale * numbers.shape[-1]):
        return f"{entries}: check"
    rounding = ctx.rounding(opened(ctx, terms_tree(found)), free)
    if np.any(gap > np.broadcast_to(rounding, numbers.shape).sum(axis=-1)):
        raise GraphError("internal error: the entries of a gradient do not add to 0")
    return f"{entries}: check"


def full_convolution(ctx: Context, name: str, found: Terms) -> list[Step]:
    """The remark that a gradient is a full convolution, proved by solving its index map.

    `Σ_{i+u=p} z̄[i]·K[u]`: with u = p − i that is `Σ_i z̄[i]·K[p−i]`. Every δ must tie one index of
    each factor to the gradient's own, with the coefficient 1; what is outside K is left out.
    """
    free = ctx.index(name)
    if len(found) != 1 or not found[0].deltas:
        return []
    (term,) = found
    product = split_product(term.body)
    factors = [f for f in product.factors if f.head == "[]"]
    if len(factors) != 2 or len(product.factors) != 2 or product.divisors:
        return []
    cotangent, kernel = factors
    solved: dict[Expr, Expr] = {}
    for left, right in term.deltas:
        window, position = (left, right) if right in free else (right, left)
        summands = terms(window)
        if position not in free or len(summands) != 2 or any(s not in term.bound for s in summands):
            return []
        inside = [s for s in summands if s in kernel.args[1:]]
        outside = [s for s in summands if s in cotangent.args[1:]]
        if len(inside) != 1 or len(outside) != 1 or contains(cotangent, inside[0]):
            return []
        solved[inside[0]] = add(position, negate(outside[0]))
    body = substitute(term.body, solved)
    rest = tuple(b for b in term.bound if b not in solved)
    # the line that this is about first, so that its letters are used
    line = [
        partial(ctx.top, element(name, free)),
        terms_tree(found),
        terms_tree((Term(rest, (), body),)),
    ]
    pairs = [e for pair in solved.items() for e in pair]
    (whole,) = ctx.letters([apply("vector", *line, *pairs)])
    lhs, _, tree, *solutions = whole.args
    where = ", ".join(f"{u} = {v}" for u, v in zip(solutions[::2], solutions[1::2], strict=True))
    called, flipped = (show(element_name(e) or "") for e in (cotangent, kernel))
    text = (
        f"With {where} this is {lhs} = {tree}, where {flipped} is 0 outside itself: a full "
        f"convolution, {called} with a border of zeros under the flipped {flipped}."
    )
    return [Step("remark", "", None, (), text)]


def reuse(ctx: Context, steps: Sequence[Step], section: str) -> list[Step]:
    """The remark on what a named cotangent is for, where one serves several gradients."""
    for step in steps:
        if (
            step.define
            and step.kind != "seed"
            and len(ctx.operands(ctx.statements[step.statement])) > 1
        ):
            text = (
                f"Each ∂{ctx.top}/∂· is computed once; {to_unicode(step.lhs or ONE)} serves "
                "every line that needs it: this reuse is backpropagation."
            )
            return [Step("remark", "", None, (), text, section=section)]
    return []


def two_deltas(steps: Sequence[Step], section: str) -> list[Step]:
    """What tells the two δs apart, where both are on the page: indices below it, or a value."""
    named = [s.lhs for s in steps if s.define and s.lhs is not None and "δ" in str(s.lhs)]
    pairs = [
        n for s in steps for side in s.sides if side.expr is not None
        for n in postorder(side.expr) if n.head == "δ"
    ]  # fmt: skip
    if not named or not pairs:
        return []
    text = (
        f"{pairs[0]} with two indices is 1 where they are equal, else 0; {named[0]} is a gradient."
    )
    return [Step("remark", "", None, (), text, section=section)]
