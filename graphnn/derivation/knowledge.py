"""What the statements of a network say about each other: eliminations and facts.

From p = e/s follows e = p·s, and with s = Σ_k e[k] the fact Σ_k p[k] = 1. Nothing here knows an op.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from graphnn.derivation.index_form import (
    HIDDEN,
    IndexForm,
    Indices,
    element,
    element_name,
    index_map,
    instantiate_tree,
)
from graphnn.derivation.inverses import solve
from graphnn.expression.algebra import (
    divide,
    join_product,
    split_product,
)
from graphnn.expression.names import show
from graphnn.expression.sympy_view import simplified
from graphnn.expression.tree import (
    Expr,
    contains,
    fold,
    postorder,
    rebuild,
    substitute,
    symbols,
)


@dataclass(frozen=True)
class Fact:
    """`Σ_bound pattern = value`, for every value of the index symbols in `free`."""

    bound: tuple[Expr, ...]
    free: tuple[Expr, ...]
    pattern: Expr
    value: Expr
    reason: str

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that whatever matches the pattern reads."""
        indices = {str(b.args[0]) for b in (*self.bound, *self.free)}
        return frozenset(symbols(self.pattern)) - indices


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

    @cached_property
    def _places(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Name → where it is eliminated, and where it has a shortcut: a lookup, not a search."""
        found: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
        for places, known in zip(found, (self.eliminations, self.shortcuts), strict=True):
            for k, elimination in enumerate(known):
                places.setdefault(elimination.hidden, []).append(k)
        return found

    def hidden_in(self, e: Expr) -> list[Elimination]:
        """The eliminations that an expression needs, one after the other."""
        chosen: set[int] = set()
        waiting = symbols(e)
        while waiting:
            for k in self._places[0].get(waiting.pop(), ()):
                if k not in chosen:
                    chosen.add(k)
                    waiting += symbols(self.eliminations[k].replacement)
        return [self.eliminations[k] for k in sorted(chosen)]

    def shortcuts_in(self, e: Expr) -> list[Elimination]:
        """The shortcuts for the values that an expression reads."""
        chosen = {k for name in symbols(e) for k in self._places[1].get(name, ())}
        return [self.shortcuts[k] for k in sorted(chosen)]


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
            solved = solve(form, name, index)
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
    inside, outside = apart(eliminate(body, eliminations), bound)
    if inside is not None and value in split_product(outside).factors:
        total = simplified(divide(value, outside))
        called = next((element_name(n) for n in postorder(inside) if n.head == "[]"), None)
        if leaf_count(total) == 0 and called is not None:
            found.append(Fact(tuple(bound), index, inside, total, f"Σ{show(called)} = {total}"))
    return found


def _reads(tree: Expr) -> list[str]:
    found = {element_name(n): None for n in postorder(tree) if n.head in ("[]", "sym")}
    return [n for n in found if n is not None and not n.startswith(HIDDEN)]


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
    read = set(symbols(e))
    for name in reversed(list(definitions)):
        if name not in read:
            continue
        index, tree = definitions[name]

        def visit(node: Expr, parts: list[Expr], called: str = name) -> Expr:
            if node.head == "[]" and element_name(node) == called:
                at = index_map(index, parts[1:], indices)  # noqa: B023
                return instantiate_tree(tree, at, indices)  # noqa: B023
            if node.head == "sym" and node.args[0] == called and not index:  # noqa: B023
                return instantiate_tree(tree, {}, indices)  # noqa: B023
            return rebuild(node, parts)

        e = fold(e, visit)
        read.update(symbols(e))
    return e


def leaf_count(e: Expr) -> int:
    """How many values a reader meets: elements and symbols, as often as they are written."""

    def visit(node: Expr, parts: list[int]) -> int:
        if node.head in ("[]", "sym"):
            return 1
        return 0 if node.head == "num" else sum(parts)

    return fold(e, visit)


def apart(body: Expr, bound: Sequence[Expr]) -> tuple[Expr | None, Expr]:
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
