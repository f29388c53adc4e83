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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphnn.derivation.index_form import (
    HIDDEN,
    IndexForm,
    Indices,
    element,
    element_name,
    index_map,
    instantiate_tree,
)
from graphnn.derivation.terms import Term, Terms
from graphnn.expression.algebra import ONE, ZERO, add, divide, join_product, multiply, split_product, terms
from graphnn.expression.names import show
from graphnn.expression.sympy_view import simplified
from graphnn.expression.tree import (
    BINDERS,
    Expr,
    contains,
    fold,
    num,
    postorder,
    rebuild,
    substitute,
    sym,
    symbols,
)

RULES = ("delta", "hidden", "cancel", "fact", "like")


@dataclass(frozen=True)
class Fact:
    """`Σ_bound pattern = value`, for every value of the index symbols in `free`."""

    bound: tuple[Expr, ...]
    free: tuple[Expr, ...]
    pattern: Expr
    value: Expr
    reason: str


@dataclass(frozen=True)
class Elimination:
    """`hidden[index] = replacement`: a hidden value written through the statement's own name."""

    hidden: str
    index: tuple[Expr, ...]
    replacement: Expr


@dataclass(frozen=True)
class Knowledge:
    """What the rules may use: eliminations and facts of the statements, and assumptions."""

    eliminations: tuple[Elimination, ...] = ()
    shortcuts: tuple[Elimination, ...] = ()
    facts: tuple[Fact, ...] = ()


def knowledge(forms: Sequence[IndexForm], indices: Indices) -> Knowledge:
    """What the statements say about each other: e = p·s from p = e/s, and with it Σ_k p[k] = 1.

    Hidden values are always written through named ones; a value that has a name of its own only
    where that makes a line shorter (`eliminations` and `shortcuts`).
    """
    eliminations: list[Elimination] = []
    shortcuts: list[Elimination] = []
    named = {form.name: form for form in forms}
    for form in forms:
        done: set[str] = set()
        inner = [(h, index) for h, (index, _) in form.hidden.items()]
        outer = [(n, named[n].index) for n in _reads(form.tree) if n in named]
        for name, index in (*inner, *outer):
            solved = _solve(form, name, index)
            if solved is not None and not _reads_any(solved, done):
                found = eliminations if name.startswith(HIDDEN) else shortcuts
                found.append(Elimination(name, index, solved))
                done.add(name)
    facts: list[Fact] = []
    everything = (*eliminations, *shortcuts)
    for form in forms:
        definitions = dict(form.hidden)
        definitions[form.name] = (form.index, form.tree)
        for name, (index, tree) in definitions.items():
            if tree.head == "Σ":
                facts.extend(_facts(name, index, tree, everything))
    return Knowledge(tuple(eliminations), tuple(shortcuts), tuple(facts))


def _facts(
    name: str, index: tuple[Expr, ...], tree: Expr, eliminations: Sequence[Elimination]
) -> list[Fact]:
    """`s = Σ_k e[k]` as a fact, and Σ_k p[k] = 1 where e = p·s."""
    *bound, body = tree.args
    value = element(name, index)
    found = []
    if name.startswith(HIDDEN):
        found.append(Fact(tuple(bound), index, body, value, "the sum has this name"))
    inside, outside = _apart(eliminate(body, eliminations), bound)
    if inside is not None and value in split_product(outside).factors:
        total = simplified(divide(value, outside))
        called = next((element_name(n) for n in postorder(inside) if n.head == "[]"), None)
        if leaf_count(total) == 0 and called is not None:
            found.append(Fact(tuple(bound), index, inside, total, f"Σ{show(called)} = {total}"))
    return found


def _reads(tree: Expr) -> list[str]:
    found = {element_name(n): None for n in postorder(tree) if n.head in ("[]", "sym")}
    return [n for n in found if n is not None and not n.startswith(HIDDEN)]


def _solve(form: IndexForm, name: str, index: Sequence[Expr]) -> Expr | None:
    """Solve `own[i] = product` for one factor or divisor, read at the output's own index."""
    product = split_product(form.tree)
    own = element(form.name, form.index)
    for side in (product.factors, product.divisors):
        matching = [e for e in side if element_name(e) == name]
        if len(matching) != 1 or _count(form.tree, name) != 1:
            continue
        (e,) = matching
        at = e.args[1:] if e.head == "[]" else ()
        onto = {part: mine for part, mine in zip(at, index, strict=True) if part.head == "sym"}
        rest = [f for f in side if f is not e]
        if side is product.factors:
            solved = multiply(
                divide(own, num(product.coefficient)), *product.divisors, over(*rest)
            )
        else:
            solved = multiply(
                num(product.coefficient), *product.factors, over(own), over(*rest)
            )
        if any(b.head in BINDERS for b in postorder(solved)) or set(form.index) - set(onto):
            return None
        return substitute(solved, onto)
    return None


def _count(tree: Expr, name: str) -> int:
    return sum(element_name(n) == name for n in _elements_of(tree))


def _elements_of(tree: Expr) -> list[Expr]:
    bases = {n.args[0] for n in postorder(tree) if n.head == "[]"}
    return [n for n in postorder(tree) if n.head == "[]" or (n.head == "sym" and n not in bases)]


def over(*divisors: Expr) -> Expr:
    """`1 / Π divisors`."""
    return divide(ONE, multiply(*divisors)) if divisors else ONE


def _reads_any(e: Expr, names: set[str]) -> bool:
    return any(element_name(n) in names for n in postorder(e) if n.head in ("[]", "sym"))


def eliminate(e: Expr, eliminations: Iterable[Elimination]) -> Expr:
    """Rule `hidden`: every element of an eliminated value is replaced, at its own index."""
    for elimination in eliminations:

        def visit(node: Expr, parts: list[Expr], by: Elimination = elimination) -> Expr:
            if node.head == "[]" and element_name(node) == by.hidden:
                at = {o: i for o, i in zip(by.index, parts[1:], strict=True) if o.head == "sym"}
                return substitute(by.replacement, at)
            if node.head == "sym" and node.args[0] == by.hidden and not by.index:
                return by.replacement
            return rebuild(node, parts)

        e = fold(e, visit)
    return e


def open_hidden(e: Expr, forms: Iterable[IndexForm], indices: Indices) -> Expr:
    """Write out every hidden value that is left by its definition."""
    definitions = {h: d for form in forms for h, d in form.hidden.items()}
    for name in reversed(list(definitions)):
        index, tree = definitions[name]

        def visit(node: Expr, parts: list[Expr], called: str = name) -> Expr:
            if node.head == "[]" and element_name(node) == called:
                at = index_map(index, parts[1:], indices)  # noqa: B023
                return instantiate_tree(tree, at, indices)  # noqa: B023
            if node.head == "sym" and node.args[0] == called and not index:  # noqa: B023
                return instantiate_tree(tree, {}, indices)  # noqa: B023
            return rebuild(node, parts)

        e = fold(e, visit)
    return e


def normalise(
    found: Terms, known: Knowledge, indices: Indices, rules: Sequence[str] = RULES
) -> Terms:
    """Apply the rules until nothing changes; the result does not depend on their order."""
    current = list(found)
    for _ in range(20):
        before = tuple(current)
        if "hidden" in rules:
            current = [
                Term(t.bound, t.deltas, eliminate(t.body, known.eliminations)) for t in current
            ]
        if "delta" in rules:
            current = [t for term in current if (t := eliminate_deltas(term, indices)) is not None]
        if "like" in rules:
            current = collect(current)
        if "cancel" in rules:
            current = [Term(t.bound, t.deltas, cancelled(t.body)) for t in current]
            current = [shortened(t, known.shortcuts) for t in current]
        if "fact" in rules:
            current = [use_facts(t, known.facts) for t in current]
        current = [t for t in current if t.body is not ZERO]
        if tuple(current) == before:
            break
    return tuple(current)


def cancelled(body: Expr) -> Expr:
    """Rule `cancel`: the cancelled form where it repeats fewer values, else the body as it was."""
    if all(n.head != "/" for n in postorder(body)) and len(terms(body)) < 2:
        return body
    smaller = simplified(body)
    return smaller if leaf_count(smaller) < leaf_count(body) else body


def shortened(term: Term, shortcuts: Sequence[Elimination]) -> Term:
    """A named value written through another, where the cancelled line is shorter for it."""
    body = eliminate(term.body, shortcuts)
    if body is term.body:
        return term
    body = cancelled(body)
    return Term(term.bound, term.deltas, body) if leaf_count(body) < leaf_count(term.body) else term


def leaf_count(e: Expr) -> int:
    """How many values a reader meets: elements and symbols, as often as they are written."""

    def visit(node: Expr, parts: list[int]) -> int:
        if node.head in ("[]", "sym"):
            return 1
        return 0 if node.head == "num" else sum(parts)

    return fold(e, visit)


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
    unused = [b for b in bound if not contains(body, b) and all(not contains(x, b) for d in deltas for x in d)]
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


def use_facts(term: Term, facts: Sequence[Fact]) -> Term:
    """Rule `fact`: the factors under one bound index that are a known sum."""
    for fact in facts:
        if len(fact.bound) != 1:
            continue
        for b in term.bound:
            if any(contains(x, b) for d in term.deltas for x in d):
                continue
            inside, outside = _apart(term.body, [b])
            if inside is None:
                continue
            matched = _unify(fact.pattern, inside, {*fact.bound, *fact.free})
            if matched is None or matched.get(fact.bound[0]) is not b:
                continue
            value = substitute(fact.value, matched)
            rest = tuple(x for x in term.bound if x is not b)
            return Term(rest, term.deltas, multiply(outside, value))
    return term


def _apart(body: Expr, bound: Sequence[Expr]) -> tuple[Expr | None, Expr]:
    """A product as (the factors that depend on the bound symbols, the others)."""
    product = split_product(body)

    def depends(e: Expr) -> bool:
        return any(contains(e, b) for b in bound)

    inside = join_product(
        1,
        [f for f in product.factors if depends(f)],
        [d for d in product.divisors if depends(d)],
    )
    outside = join_product(
        product.coefficient,
        [f for f in product.factors if not depends(f)],
        [d for d in product.divisors if not depends(d)],
    )
    if all(not depends(e) for e in (*product.factors, *product.divisors)):
        return None, body
    return inside, outside


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
            smaller = simplified(body)
            body = smaller if leaf_count(smaller) < leaf_count(body) else body
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
