"""Sums of products as bags: equal in any order, with the arithmetic that keeps them normal.

A `Sum` is a bag of (product, coefficient), a `Product` a bag of (atom, exponent); an atom is a
symbol, or a `Call` of a function on sums. Each bag remembers the order in which it was written.

    a − b = a + (−1)·b      a/b = a·b⁻¹      (2 + 2x)·y = 2·(1 + x)·y      exp(u)ⁿ·exp(v) = exp(n·u + v)

Sums are not multiplied out. Even and odd functions lose the sign of their argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from graphnn.expression.tree import Expr, Number, num

EVEN = frozenset({"cosh", "abs", "cos"})
ODD = frozenset({"sinh", "tanh", "hyperbolic_tangent", "sin", "tan", "sign"})
GROUP = "()"
"""The head of a sum inside a product."""


class Bag:
    """Pairs of a thing and a number, equal in any order; the order given is kept for writing."""

    __slots__ = ("__dict__", "items")

    def __init__(self, items: Iterable[tuple[Any, Any]]) -> None:
        """Take pairs with distinct things."""
        self.items = tuple(items)

    @cached_property
    def key(self) -> frozenset[tuple[Any, Any]]:
        """What equality compares."""
        return frozenset(self.items)

    @cached_property
    def _hash(self) -> int:
        return hash((type(self).__name__, self.key))

    def __hash__(self) -> int:
        """The hash of the bag, computed once."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Equal pairs in any order."""
        return self is other or (type(self) is type(other) and self.key == other.key)

    @cached_property
    def text(self) -> str:
        """A text that is the same for equal bags: orders them."""
        return "{" + ",".join(sorted(f"{_text(thing)}:{n}" for thing, n in self.items)) + "}"

    def __repr__(self) -> str:
        """The pairs, sorted."""
        return self.text


class Product(Bag):
    """Atoms with integer exponents; the empty product is 1."""

    items: tuple[tuple[Atom, int], ...]


class Sum(Bag):
    """Products with exact coefficients; the empty sum is 0."""

    items: tuple[tuple[Product, Fraction], ...]


class Call(Bag):
    """A function, a condition or a group applied to sums."""

    __slots__ = ("args", "head")

    def __init__(self, head: str, args: Iterable[Sum]) -> None:
        """Remember the arguments in order."""
        self.head = head
        self.args = tuple(args)
        super().__init__(((head, self.args),))

    @cached_property
    def text(self) -> str:
        """The head and the arguments' texts."""
        return f"{self.head}({','.join(part.text for part in self.args)})"


Atom = Expr | Call
ONE = Product(())
ZERO = Sum(())


def _text(thing: Any) -> str:
    return thing.text if isinstance(thing, Bag) else repr(thing)


def constant(value: Number) -> Sum:
    """The sum that is one number; an infinite one is an atom."""
    if isinstance(value, float) and not math.isfinite(value):
        return of_atom(num(value))
    return Sum(((ONE, Fraction(value)),)) if value else ZERO


def of_atom(atom: Atom, exponent: int = 1) -> Sum:
    """The sum that is one atom to a power."""
    return of_term(Product(((atom, exponent),)))


def of_term(product: Product, coefficient: Fraction = Fraction(1)) -> Sum:
    """The sum that is one term."""
    return Sum(((product, coefficient),)) if coefficient else ZERO


def number(total: Sum) -> Fraction | None:
    """The number that a sum is, else None."""
    if not total.items:
        return Fraction(0)
    if len(total.items) == 1 and not total.items[0][0].items:
        return total.items[0][1]
    return None


def plus(*parts: Sum) -> Sum:
    """The sum of sums, like terms collected."""
    found: dict[Product, Fraction] = {}
    for part in parts:
        for product, coefficient in part.items:
            found[product] = found.get(product, Fraction(0)) + coefficient
    return Sum((p, c) for p, c in found.items() if c)


def scaled(total: Sum, factor: Fraction) -> Sum:
    """A number times a sum, term by term."""
    return Sum((p, c * factor) for p, c in total.items) if factor else ZERO


def as_term(total: Sum) -> tuple[Product, Fraction]:
    """A sum as (product, coefficient): several terms become a group with a fixed scale.

    The scale makes the constant term 1, or else the coefficient of the first term by text.
    """
    if not total.items:
        return ONE, Fraction(0)
    if len(total.items) == 1:
        return total.items[0]
    scale = _leading(total)
    return Product(((Call(GROUP, (scaled(total, 1 / scale),)), 1),)), scale


def _leading(total: Sum) -> Fraction:
    return min(total.items, key=lambda item: (bool(item[0].items), item[0].text))[1]


def joined(*products: Product) -> Product:
    """The product of products: exponents add up, exponentials merge into one."""
    found: dict[Atom, int] = {}
    exponents: list[Sum] = []
    for product in products:
        for atom, n in product.items:
            if isinstance(atom, Call) and atom.head == "exp":
                if not exponents:
                    found[_MERGED] = 1
                exponents.append(scaled(atom.args[0], Fraction(n)))
            else:
                found[atom] = found.get(atom, 0) + n
    items: list[tuple[Atom, int]] = []
    for atom, n in found.items():
        if atom is _MERGED:
            argument = plus(*exponents)
            if argument.items:
                items.append((Call("exp", (argument,)), 1))
        elif n:
            items.append((atom, n))
    return Product(items)


_MERGED = Call("exp", (ZERO,))


def times(*parts: Sum) -> Sum:
    """The product of sums; a number is multiplied in, other sums stay groups."""
    coefficient = Fraction(1)
    several: list[Sum] = []
    for part in parts:
        value = number(part)
        if value is None:
            several.append(part)
        else:
            coefficient *= value
    if len(several) == 1:
        return scaled(several[0], coefficient)
    terms = [as_term(part) for part in several]
    for _, c in terms:
        coefficient *= c
    return _ungrouped(joined(*(p for p, _ in terms)), coefficient)


def power(base: Sum, exponent: int) -> Sum:
    """A sum to an integer power; 0 to a negative one is an atom."""
    if exponent == 1:
        return base
    product, coefficient = as_term(base)
    if not coefficient and exponent < 0:
        return of_atom(Call("^", (ZERO, constant(exponent))))
    raised = Product((atom, n * exponent) for atom, n in product.items)
    return _ungrouped(joined(raised), coefficient**exponent)


def _ungrouped(product: Product, coefficient: Fraction) -> Sum:
    """One term, a lone group opened."""
    if len(product.items) == 1:
        atom, n = product.items[0]
        if isinstance(atom, Call) and atom.head == GROUP and n == 1:
            return scaled(atom.args[0], coefficient)
    return of_term(product, coefficient)


def call(head: str, *args: Sum) -> Sum:
    """A function of sums; `sqrt`, even and odd functions and groups in their one form."""
    if head == GROUP:
        return args[0]
    if head == "exp" and not args[0].items:
        return constant(1)
    if head in EVEN | ODD and args[0].items and _leading(args[0]) < 0:
        made = of_atom(Call(head, (scaled(args[0], Fraction(-1)),)))
        return scaled(made, Fraction(-1)) if head in ODD else made
    return of_atom(Call(head, args))


def mapped(total: Sum, change: Callable[[Atom], Sum]) -> Sum:
    """A sum with each of its outermost atoms replaced."""
    terms = []
    for product, coefficient in total.items:
        factors = [power(change(atom), n) for atom, n in product.items]
        terms.append(scaled(times(constant(1), *factors), coefficient))
    return plus(*terms)


def substituted(total: Sum, values: Mapping[str, Sum]) -> Sum:
    """A sum with some symbols replaced by sums."""

    def change(atom: Atom) -> Sum:
        if isinstance(atom, Call):
            return call(atom.head, *(mapped(part, change) for part in atom.args))
        return values.get(atom.args[0], of_atom(atom)) if atom.head == "sym" else of_atom(atom)

    return mapped(total, change)


def atoms(total: Sum) -> list[Atom]:
    """Every atom, those inside calls too, in the order written."""
    found: list[Atom] = []
    stack = [total]
    while stack:
        part = stack.pop()
        for product, _ in part.items:
            for atom, _ in product.items:
                found.append(atom)
                if isinstance(atom, Call):
                    stack.extend(atom.args)
    return found


def names(total: Sum) -> list[str]:
    """The names of the symbols."""
    every = (atom for atom in atoms(total) if isinstance(atom, Expr) and atom.head == "sym")
    return list(dict.fromkeys(atom.args[0] for atom in every))


def call_of(atom: Atom) -> Sum:
    """An atom as a sum; a group is what it holds."""
    return call(atom.head, *atom.args) if isinstance(atom, Call) else of_atom(atom)
