"""Matrix form: `Σ_m W[m,k]·δ[m]` is `Wᵀ δ`, `δ[k]·h[m]` is `δ hᵀ`.

A walk along indices that occur twice. What does not fit (an index that occurs three times, a
window, a bound sum inside) stays in index notation: the functions here return None.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.derivation.index_form import INDEX
from graphnn.derivation.terms import Term, Terms
from graphnn.expression.algebra import Product, add, join_product, split_product, terms
from graphnn.expression.tree import BINDERS, Expr, apply, num, postorder, rebuild, sym

Atom = tuple[Expr, tuple[Expr, ...]]
"""A tensor expression, and the index at which all of its elements are read."""


def matrix_form(found: Terms, free: Sequence[Expr]) -> Expr | None:
    """The terms as one expression over whole tensors, with axes in the order of `free`."""
    parts = []
    for term in found:
        part = _term(term, tuple(free))
        if part is None:
            return None
        parts.append(part)
    return _positive_first(add(*parts)) if parts else num(0)


def _positive_first(e: Expr) -> Expr:
    """The sum with a positive term in front: p − y, not −y + p."""
    if e.head != "+":
        return e
    parts = terms(e)
    ahead = next((k for k, part in enumerate(parts) if not _is_negative(part)), 0)
    return add(parts[ahead], *parts[:ahead], *parts[ahead + 1 :])


def _is_negative(e: Expr) -> bool:
    return bool(split_product(e).coefficient < 0)


def _term(term: Term, free: tuple[Expr, ...]) -> Expr | None:
    if term.deltas or len(free) > 2:
        return None
    product = _unguarded(term.body)
    above = [_atom(f) for f in product.factors]
    below = [_atom(d) for d in product.divisors]
    if None in above or None in below:
        return None
    atoms = [a for a in above if a is not None]
    divisors = [d for d in below if d is not None]
    if any(index not in ((), free) for _, index in divisors):
        return None
    scalars = [e for e, index in atoms if index == ()]
    tensors = [a for a in atoms if a[1] != ()]
    joined = _tensors(tensors, free, set(term.bound))
    if joined is None:
        return None
    result = joined[0] if joined else None
    for factor in joined[1:]:
        result = apply("⊙", result, factor) if result is not None else factor
    if result is None:
        if free and any(f.head == "sym" for f in free):
            return None
        return join_product(product.coefficient, scalars, [d for d, _ in divisors])
    below_all = [
        *(d for d, index in divisors if index == ()),
        *([_together(over)] if (over := [d for d, index in divisors if index]) else []),
    ]
    return _scaled(join_product(product.coefficient, scalars), result, below_all)


def _unguarded(body: Expr) -> Product:
    """A product, the case that guards it taken out: where(c, u·v, 0) is u·v·where(c, 1, 0)."""
    product = split_product(body)
    cases: list[Expr] = []
    while len(product.factors) == 1 and not product.divisors and product.coefficient == 1:
        (only,) = product.factors
        if only.head != "where" or only.args[2] is not num(0) or only.args[1].head == "num":
            break
        cases.insert(0, apply("where", only.args[0], num(1), num(0)))
        product = split_product(only.args[1])
    return Product(product.coefficient, (*product.factors, *cases), product.divisors)


def _scaled(front: Expr, tensor: Expr, divisors: list[Expr]) -> Expr:
    negative = front.head == "neg" or (front.head == "num" and front.args[0] < 0)
    if negative:
        from graphnn.expression.algebra import negate

        front = negate(front)
    above, below = front, None
    if front.head == "/":
        above, below = front.args
    made = tensor if above is num(1) else apply("*", above, tensor)
    below_all = ([below] if below is not None else []) + divisors
    if below_all:
        made = apply("/", made, _product(below_all))
    return apply("neg", made) if negative else made


def _product(parts: Sequence[Expr]) -> Expr:
    made = parts[0]
    for part in parts[1:]:
        made = apply("*", made, part)
    return made


def _atom(e: Expr) -> Atom | None:
    """A factor over whole tensors, where all of its elements are read at one index."""
    if any(n.head in BINDERS or n.head in ("δ", "argmax") for n in postorder(e)):
        return None
    elements = [n for n in _direct(e) if n.head == "[]"]
    indices = {n.args[1:] for n in elements}
    if len(indices) > 1 or any(n.args[0].head != "sym" for n in elements):
        return None
    index = next(iter(indices), ())
    if any(part.head != "sym" and part is not num(0) for part in index):
        return None
    if len(set(index)) != len(index) and any(p.head == "sym" for p in index):
        return None
    if any(n.head == "sym" and str(n.args[0]).startswith(INDEX) for n in _direct(e)):
        return None
    return _whole(e), index


def _direct(e: Expr) -> list[Expr]:
    found = []
    stack = [e]
    while stack:
        node = stack.pop()
        found.append(node)
        if node.head not in ("[]", "num", "sym"):
            stack.extend(node.args)
    return found


def _whole(e: Expr) -> Expr:
    """Elements replaced by their tensors; a product of two tensors is ⊙."""
    tensor: dict[Expr, bool] = {}
    made: dict[Expr, Expr] = {}
    for node in postorder(e):
        if node.head == "[]":
            made[node], tensor[node] = node.args[0], True
        elif node.head in ("num", "sym"):
            made[node], tensor[node] = node, False
        elif all(part in made for part in node.args):
            parts = [made[part] for part in node.args]
            both = node.head == "*" and all(tensor[part] for part in node.args)
            made[node] = apply("⊙", *parts) if both else rebuild(node, parts)
            tensor[node] = any(tensor[part] for part in node.args)
    return made[e]


def _tensors(atoms: list[Atom], free: tuple[Expr, ...], bound: set[Expr]) -> list[Expr] | None:
    """Tensor factors to be joined by ⊙: the contracted ones as one product, then the others."""
    contracted = [a for a in atoms if any(p not in free for p in a[1])]
    plain = [a for a in atoms if a not in contracted]
    whole: list[Expr] = []
    partial: list[Atom] = []
    for e, index in plain:
        if index == free:
            whole.append(e)
        elif len(free) == 2 and index == free[::-1]:
            whole.append(apply("T", e))
        elif len(free) == 2 and index == free[1:] and (whole or len(plain) > 2):
            whole.append(e)
        else:
            partial.append((e, index))
    if contracted:
        if partial:
            contracted = [*contracted, *partial]
        chain = _chain(_merged(contracted), free)
        return None if chain is None else [chain, *whole]
    if not partial:
        return whole
    if len(free) == 2 and sorted(len(i) for _, i in partial) == [1] * len(partial):
        rows = [e for e, index in partial if index == free[:1]]
        columns = [e for e, index in partial if index == free[1:]]
        if free[0] is free[1]:  # the index 0 of two axes with one element: the order tells
            rows, columns = rows[:1], rows[1:]
        if rows and columns:
            outer = apply("@", _together(rows), apply("T", _together(columns)))
            return [outer, *whole]
    return None


def _together(parts: list[Expr]) -> Expr:
    made = parts[0]
    for part in parts[1:]:
        made = apply("⊙", made, part)
    return made


def _merged(atoms: list[Atom]) -> list[Atom]:
    """Atoms at the same index are one element-wise product."""
    groups: dict[tuple[Expr, ...], list[Expr]] = {}
    for e, index in atoms:
        groups.setdefault(index, []).append(e)
    return [(_together(parts), index) for index, parts in groups.items()]


def _chain(atoms: list[Atom], free: tuple[Expr, ...]) -> Expr | None:
    """The matrix product along indices that occur twice, from the first free index to the last."""
    if len(atoms) == 1:
        return _single(atoms[0], free)
    start = free[0] if free else None
    left = list(atoms)
    at = start
    parts: list[Expr] = []
    if not free:
        vectors = [a for a in left if len(a[1]) == 1]
        if not vectors:
            return None
        first = vectors[0]
        left.remove(first)
        parts.append(apply("T", first[0]))
        at = first[1][0]
    while left:
        following = [a for a in left if at in a[1]]
        if len(following) != 1:
            return None
        e, index = following[0]
        left.remove(following[0])
        if len(index) == 1:
            parts.append(e)
            at = None
            if left:
                return None
        elif index[0] is at:
            parts.append(e)
            at = index[1]
        elif len(index) == 2:
            parts.append(apply("T", e))
            at = index[0]
        else:
            return None
    if len(free) == 2 and at is not free[1]:
        return None
    if len(free) < 2 and at is not None:
        return None
    made = parts[-1]
    if len(free) == 1:
        for part in reversed(parts[:-1]):
            made = apply("@", part, made)
        return made
    made = parts[0]
    for part in parts[1:]:
        made = apply("@", made, part)
    return made


def _single(atom: Atom, free: tuple[Expr, ...]) -> Expr | None:
    """One tensor summed over what is not free."""
    e, index = atom
    if not free:
        return apply("sum", e)
    kept = tuple(p for p in index if p in free)
    if kept != free or len(index) != 2:
        return None
    axis = next(k for k, p in enumerate(index) if p not in free)
    return apply("sum", e, apply("=", sym("axis"), num(axis)))
