"""Five rules on lists of terms, and nothing else: none of them knows a loss or an op.

    delta   Σ_i f(i) δ_ij = f(j)
    hidden  a value that has no name is written through one that has: p = e/s gives e → p·s
    cancel  rational cancellation inside a body
    fact    a sum equal to a known or assumed fact: Σ_k p[k] = 1
    like    like terms after renaming bound indices

Switching one off leaves a correct, longer result. All but `fact` hold wherever both sides are
defined; `fact` holds where its assumption does.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.derivation.index_form import (
    Indices,
)
from graphnn.derivation.knowledge import Fact, Knowledge, apart, eliminate, leaf_count
from graphnn.derivation.terms import Term, Terms
from graphnn.expression.algebra import (
    ONE,
    ZERO,
    add,
    join_product,
    multiply,
    split_product,
    terms,
)
from graphnn.expression.sympy_view import simplified
from graphnn.expression.tree import (
    Expr,
    contains,
    num,
    postorder,
    substitute,
    sym,
    symbols,
)

MAX_CANCELLED = 60
RULES = ("hidden", "delta", "like", "cancel", "fact")


def normalise(
    found: Terms, known: Knowledge, indices: Indices, rules: Sequence[str] = RULES
) -> Terms:
    """Apply the rules, in the order given, until nothing changes.

    With all five the result does not depend on their order.
    """
    current = list(found)
    for _ in range(20):
        before = tuple(current)
        for rule in rules:
            current = _APPLY[rule](current, known, indices)
        current = [t for t in current if t.body is not ZERO]
        if tuple(current) == before:
            break
    return tuple(current)


def _delta(found: list[Term], known: Knowledge, indices: Indices) -> list[Term]:
    return [t for term in found if (t := eliminate_deltas(term, indices)) is not None]


def _hidden(found: list[Term], known: Knowledge, indices: Indices) -> list[Term]:
    return [Term(t.bound, t.deltas, eliminate(t.body, known.hidden_in(t.body))) for t in found]


def _cancel(found: list[Term], known: Knowledge, indices: Indices) -> list[Term]:
    plain = (Term(t.bound, t.deltas, cancelled(t.body)) for t in found)
    return [shortened(t, known) for t in plain]


def _fact(found: list[Term], known: Knowledge, indices: Indices) -> list[Term]:
    return [t for term in found for t in use_facts(term, known.facts)]


def _like(found: list[Term], known: Knowledge, indices: Indices) -> list[Term]:
    return collect(found)


_APPLY = {"delta": _delta, "hidden": _hidden, "cancel": _cancel, "fact": _fact, "like": _like}


def cancelled(body: Expr) -> Expr:
    """Rule `cancel`: the cancelled form where it repeats fewer values, else the body as it was."""
    if all(n.head != "/" for n in postorder(body)) and len(terms(body)) < 2:
        return body
    return body if _nothing_to_cancel(body) else _shorter(body)


def _nothing_to_cancel(body: Expr) -> bool:
    """A quotient of distinct factors without sums, no value on both sides: sympy is not asked."""
    product = split_product(body)
    parts = (*product.factors, *product.divisors)
    if len(set(parts)) < len(parts) or any(part.head in ("+", "-", "^") for part in parts):
        return False
    above = {name for factor in product.factors for name in symbols(factor)}
    return above.isdisjoint(name for divisor in product.divisors for name in symbols(divisor))


def _shorter(body: Expr) -> Expr:
    """The cancelled form where it is shorter; a very long body is nobody's to read, and kept."""
    size = leaf_count(body)
    if size > MAX_CANCELLED:
        return body
    smaller = simplified(body)
    return smaller if leaf_count(smaller) < size else body


def shortened(term: Term, known: Knowledge) -> Term:
    """A named value written through another, where the cancelled line is shorter for it."""
    body = eliminate(term.body, known.shortcuts_in(term.body))
    if body is term.body:
        return term
    body = cancelled(body)
    return Term(term.bound, term.deltas, body) if leaf_count(body) < leaf_count(term.body) else term


def terms_size(found: Terms) -> int:
    """What a reader has to take in: values, sums and δs."""
    return sum(leaf_count(t.body) + len(t.bound) + len(t.deltas) for t in found)


def eliminate_deltas(term: Term, indices: Indices) -> Term | None:
    """Rule `delta`; None where two different numbers are compared (the term is zero)."""
    bound, deltas, body = list(term.bound), list(term.deltas), term.body
    progress = True
    while progress:
        progress = False
        for k, (left, right) in enumerate(deltas):
            if left is right:
                del deltas[k]
                progress = True
                break
            if left.head == "num" and right.head == "num":
                return None
            chosen = _solvable(left, right, bound, indices)
            if chosen is None:
                continue
            symbol, value = chosen
            replacement = {symbol: value}
            del deltas[k]
            if symbol in bound:
                bound.remove(symbol)
            deltas = [(substitute(a, replacement), substitute(b, replacement)) for a, b in deltas]
            body = substitute(body, replacement)
            progress = True
            break
    unused = [
        b
        for b in bound
        if not contains(body, b) and all(not contains(x, b) for d in deltas for x in d)
    ]
    for b in unused:
        from graphnn.calculus.polynomial import to_expression

        bound.remove(b)
        extent = indices.extents[b]
        body = multiply(to_expression(extent), body) if extent != 1 else body
    return Term(tuple(bound), tuple(deltas), body)


def _solvable(
    left: Expr, right: Expr, bound: Sequence[Expr], indices: Indices
) -> tuple[Expr, Expr] | None:
    """(bound symbol, what it equals), where the other side always lies in its range."""
    for symbol, value in ((left, right), (right, left)):
        if symbol not in indices.extents:
            continue
        if symbol in bound:
            same = value in indices.extents and indices.extents[value] == indices.extents[symbol]
            if same or value.head in ("num", "argmax") or _lookup(value):
                return symbol, value
        elif indices.extents[symbol] == 1 and value is num(0):
            return symbol, value
    return None


def _lookup(e: Expr) -> bool:
    return e.head == "[]"


def use_facts(term: Term, facts: Sequence[Fact]) -> list[Term]:
    """Rule `fact`: a known sum, or a sum of several of which some are known where that is shorter."""
    whole = _known_sum(term, facts)
    if whole is not None:
        return [whole]
    parts = _summands(term) if facts else [term]
    made = [_known_sum(part, facts) or part for part in parts]
    if made != parts and terms_size(tuple(collect(made))) < terms_size((term,)):
        return made
    return [term]


def _summands(term: Term) -> list[Term]:
    """A term whose body has a sum under a bound index as one term for each summand."""
    product = split_product(term.body)
    for k, factor in enumerate(product.factors):
        if factor.head in ("+", "-") and any(contains(factor, b) for b in term.bound):
            rest = [product.factors[:k], product.factors[k + 1 :]]
            outside = join_product(product.coefficient, rest[0])
            below = join_product(1, [ONE], product.divisors)
            return [
                Term(term.bound, term.deltas, multiply(outside, part, *rest[1], below))
                for part in terms(factor)
            ]
    return [term]


def _known_sum(term: Term, facts: Sequence[Fact]) -> Term | None:
    """The term with the factors under one bound index replaced by the sum that they are."""
    open_ = [b for b in term.bound if not any(contains(x, b) for d in term.deltas for x in d)]
    parted = {b: apart(term.body, [b]) for b in open_} if facts else {}
    read = set(symbols(term.body)) if parted else set()
    for fact in facts:
        if len(fact.bound) != 1 or not fact.names <= read:
            continue
        for b, (inside, outside) in parted.items():
            if inside is None:
                continue
            matched = _unify(fact.pattern, inside, {*fact.bound, *fact.free})
            if matched is None or matched.get(fact.bound[0]) is not b:
                continue
            value = substitute(fact.value, matched)
            rest = tuple(x for x in term.bound if x is not b)
            return Term(rest, term.deltas, multiply(outside, value))
    return None


def _unify(pattern: Expr, e: Expr, free: set[Expr]) -> dict[Expr, Expr] | None:
    """The values of the pattern's index symbols for which it is `e`, else None."""
    found: dict[Expr, Expr] = {}
    stack = [(pattern, e)]
    while stack:
        a, b = stack.pop()
        if a in free:
            if found.setdefault(a, b) is not b:
                return None
        elif a is b:
            continue
        elif a.head != b.head or len(a.args) != len(b.args) or a.head in ("num", "sym"):
            return None
        else:
            stack.extend(zip(a.args, b.args, strict=True))
    return found


def collect(found: Sequence[Term]) -> list[Term]:
    """Rule `like`: terms with the same sums and deltas, up to the names of bound indices, join."""
    groups: dict[tuple[object, ...], list[Term]] = {}
    for term in found:
        groups.setdefault(_key(term), []).append(term)
    made = []
    for group in groups.values():
        first = group[0]
        bodies = [first.body]
        for other in group[1:]:
            names = dict(zip(_ordered(other), _ordered(first), strict=True))
            bodies.append(substitute(other.body, names))
        body = add(*bodies) if len(bodies) > 1 else first.body
        if len(bodies) > 1:
            body = _shorter(body)
        made.append(Term(first.bound, first.deltas, body))
    return made


def _ordered(term: Term) -> list[Expr]:
    """Bound symbols in the order in which the δs, then the body, name them."""
    bound = set(term.bound)
    found: dict[Expr, None] = {}
    for e in (*(x for d in term.deltas for x in d), term.body):
        for name in symbols(e):
            if sym(name) in bound:
                found[sym(name)] = None
    found.update(dict.fromkeys(term.bound))
    return list(found)


def _key(term: Term) -> tuple[object, ...]:
    """What two terms share that can be added: their sums and their δs."""
    names = {b: sym(f"$b{k}") for k, b in enumerate(_ordered(term))}
    deltas = frozenset(
        frozenset((substitute(x, names), substitute(y, names))) for x, y in term.deltas
    )
    bases = frozenset(
        substitute(n, names)
        for n in postorder(term.body)
        if n.head == "[]" and any(contains(n, b) for b in term.bound)
    )
    return (len(term.bound), deltas, bases if term.bound else frozenset())
