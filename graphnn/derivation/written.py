"""From terms to lines: a list of terms as one expression, index symbols as letters.

Index symbols are unique while one computes; a line names them i, j, k … by first appearance, with
the author's own letters where there are any, and never a letter that a value is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain, count

from graphnn.calculus.polynomial import Dimension, Polynomial
from graphnn.derivation.index_form import Indices
from graphnn.derivation.terms import Term, Terms
from graphnn.expression.algebra import (
    ONE,
    ZERO,
    Product,
    add,
    join_product,
    multiply,
    negate,
    split_product,
    terms,
)
from graphnn.expression.tree import Expr, apply, contains, postorder, substitute, sym

LETTERS = "ijklmnrstuvpqabcdefgh"


def lettered(parts: Sequence[Expr], indices: Indices, taken: Iterable[str]) -> list[Expr]:
    """The same expressions with letters for their index symbols, one choice for all of them."""
    first = _named(parts[0], {}, indices, taken)
    lettered_parts = [substitute(parts[0], first)]
    rest = (_each_summand(part, first, indices, taken) for part in parts[1:])
    return [*lettered_parts, *rest]


def _each_summand(e: Expr, known: dict[Expr, Expr], indices: Indices, taken: Iterable[str]) -> Expr:
    """Letters for one side: bound ones start anew in each summand."""
    if e.head in ("+", "-", "neg"):
        return apply(e.head, *(_each_summand(part, known, indices, taken) for part in e.args))
    return substitute(e, _named(e, known, indices, taken))


def _named(
    e: Expr, known: dict[Expr, Expr], indices: Indices, taken: Iterable[str]
) -> dict[Expr, Expr]:
    """The known letters, and one for each other index symbol in the order in which it is read."""
    names = dict(known)
    busy = set(taken) | {str(letter.args[0]) for letter in names.values()}
    for node in ordered(e):
        if node in indices.extents and node not in names:
            letter = _letter(node, indices, busy)
            busy.add(letter)
            names[node] = sym(letter)
    return names


def ordered(e: Expr) -> list[Expr]:
    """The symbols of an expression in the order in which they are printed."""
    found: dict[Expr, None] = {}
    stack = [e]
    while stack:
        node = stack.pop()
        if node.head == "sym":
            found[node] = None
        elif node.head != "num":
            stack.extend(reversed(node.args))
    return list(found)


def _letter(symbol: Expr, indices: Indices, busy: set[str]) -> str:
    extent = indices.extents[symbol]
    wishes = [indices.wishes[symbol]] if indices.wishes[symbol] else []
    if isinstance(extent, Polynomial) and len(extent.terms) == 1:
        atom = extent.terms[0][0][0] if extent.terms[0][0] else None
        if isinstance(atom, Dimension) and len(atom.name) == 1 and atom.name.isupper():
            wishes.append(atom.name.lower())
    pool = chain(wishes, LETTERS, (f"{a}{k}" for k in count(1) for a in LETTERS))
    return str(next(letter for letter in pool if letter not in busy))


def terms_tree(found: Terms) -> Expr:
    """`Σ_bound δ·body + …` as one expression: positive terms first, common factors outside.

    >>> from graphnn.expression.tree import num
    >>> p, y = sym("p"), sym("y")
    >>> terms_tree((Term((), (), negate(y)), Term((), (), p)))
    -(p, y)
    """
    free = [term for term in found if not term.bound]
    bound = [term for term in found if term.bound]
    if len(found) == 1 and free and not free[0].deltas and free[0].body.head not in ("+", "-"):
        return free[0].body
    single = [
        _times_deltas(part, term)
        for term in free
        for part in (terms(term.body) if not term.deltas else [term.body])
    ]
    parts = [_factored(single)] if single else []
    parts += [_bound_tree(term) for term in bound]
    return sum_tree(parts)


def _times_deltas(body: Expr, term: Term) -> Expr:
    """`body · δ · δ`; a δ stays outside a case that the body is."""
    if body.head == "where":
        for pair in term.deltas:
            body = apply("*", body, apply("δ", *pair))
        return body
    return multiply(body, *(apply("δ", *pair) for pair in term.deltas))


def sum_tree(parts: Sequence[Expr]) -> Expr:
    """A sum whose first term is positive where one is."""
    kept = [p for p in parts if p is not ZERO]
    if len(kept) > 1:
        lead = next((k for k, p in enumerate(kept) if not _negative(p)), 0)
        kept.insert(0, kept.pop(lead))
    return add(*kept)


def _negative(e: Expr) -> bool:
    return e.head == "neg" or (e.head == "num" and e.args[0] < 0)


def _bound_tree(term: Term) -> Expr:
    """One term under Σ: a δ that names a bound index is a condition, any other a factor."""
    conditions = []
    factors = []
    for left, right in term.deltas:
        plain = left.head == "sym" and right.head == "sym"
        bound = any(contains(side, b) for side in (left, right) for b in term.bound)
        if bound and not plain:
            conditions.append(apply("==", left, right))
        else:
            factors.append(apply("δ", left, right))
    product = split_product(term.body)
    negative = product.coefficient < 0
    outside = [f for f in product.factors if not _depends(f, term.bound)]
    inside = [f for f in product.factors if _depends(f, term.bound)]
    below_outside = [d for d in product.divisors if not _depends(d, term.bound)]
    below_inside = [d for d in product.divisors if _depends(d, term.bound)]
    size = -product.coefficient if negative else product.coefficient
    body = join_product(1, [*inside, *factors], below_inside)
    alone = _unconditioned(term, conditions)
    made = apply("Σ", *alone, *conditions, body) if alone or conditions else body
    front = join_product(size, outside, below_outside)
    if front is not ONE:
        made = apply("*", front, made)
    return apply("neg", made) if negative else made


def _unconditioned(term: Term, conditions: Sequence[Expr]) -> list[Expr]:
    """Bound symbols that no condition names stand under Σ by themselves."""
    named = {s for c in conditions for s in postorder(c)}
    return [b for b in term.bound if b not in named]


def _depends(e: Expr, bound: Sequence[Expr]) -> bool:
    return any(contains(e, b) for b in bound)


def _factored(parts: Sequence[Expr]) -> Expr:
    """Summands with their common factors, divisors and denominator taken out: (p − y)/5."""
    if len(parts) < 2:
        return parts[0] if parts else ZERO
    products = [split_product(p) for p in parts]
    factors = _common([p.factors for p in products])
    divisors = _common([p.divisors for p in products])
    sizes = {abs(Fraction(p.coefficient)) for p in products if not isinstance(p.coefficient, float)}
    size = sizes.pop() if len(sizes) == 1 else Fraction(1)
    if all(_negative_product(p) for p in products):
        size = -size
    if not factors and not divisors and size == 1:
        return sum_tree(parts)
    rest = [
        join_product(
            p.coefficient / size if size != 1 else p.coefficient,
            _without(p.factors, factors),
            _without(p.divisors, divisors),
        )
        for p in products
    ]
    inner = sum_tree(rest)
    if size < 0:
        return negate(
            multiply(join_product(-size, factors), inner, join_product(1, [ONE], divisors))
        )
    front = join_product(size.numerator, factors)
    below = [*([] if size.denominator == 1 else [_number(size.denominator)]), *divisors]
    made = inner if front is ONE else apply("*", front, inner)
    return apply("/", made, join_product(1, below)) if below else made


def _number(value: int) -> Expr:
    from graphnn.expression.tree import num

    return num(value)


def _negative_product(p: Product) -> bool:
    return p.coefficient < 0


def _common(lists: Sequence[Sequence[Expr]]) -> list[Expr]:
    shared = list(lists[0])
    for other in lists[1:]:
        left = list(other)
        kept = []
        for e in shared:
            if e in left:
                left.remove(e)
                kept.append(e)
        shared = kept
    return shared


def _without(parts: Sequence[Expr], taken: Sequence[Expr]) -> list[Expr]:
    left = list(parts)
    for e in taken:
        left.remove(e)
    return left
