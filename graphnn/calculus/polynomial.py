"""Integer polynomials with floor division: extents, shapes and index expressions.

An extent is an `int`, or a `Polynomial` over symbolic dimensions (`B`, `2*n + 1`, `(n + 2*p)//s`).
An index is a polynomial over axes, affine in them. Two are equal when their canonical forms are;
nothing is ever silently taken to be 1.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphnn.errors import ShapeError
from graphnn.expression.tree import Expr, apply, num, sym


@dataclass(frozen=True, order=True)
class Dimension:
    """A symbolic dimension, such as the batch `B`."""

    name: str


@dataclass(frozen=True, order=True)
class FloorDivision:
    """`numerator // denominator`, where the division is not known to be exact."""

    numerator: Polynomial
    denominator: Polynomial


Atom = str | Dimension | FloorDivision
Monomial = tuple[Atom, ...]


@dataclass(frozen=True)
class Polynomial:
    """`Σ coefficient · Π atoms`; axes are plain strings, sizes are `Dimension`s."""

    terms: tuple[tuple[Monomial, int], ...]

    @cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        """The hash of the terms, computed once."""
        return self._hash

    def __reduce__(self) -> tuple[Callable[..., Polynomial], tuple[Any, ...]]:
        """Pickled without the hash: strings hash differently in another process."""
        return Polynomial, (self.terms,)

    def __lt__(self, other: Polynomial) -> bool:
        """`self < other`."""
        return repr(self) < repr(other)

    def __add__(self, other: int | Polynomial) -> Polynomial:
        """`self + other`."""
        total = dict(self.terms)
        for monomial, coefficient in polynomial(other).terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        return _canonical(total)

    __radd__ = __add__

    def __neg__(self) -> Polynomial:
        """`−self`."""
        return Polynomial(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: int | Polynomial) -> Polynomial:
        """`self − other`."""
        return self + -polynomial(other)

    def __rsub__(self, other: int | Polynomial) -> Polynomial:
        """`other − self`."""
        return polynomial(other) - self

    def __mul__(self, other: int | Polynomial) -> Polynomial:
        """`self * other`."""
        total: dict[Monomial, int] = {}
        for a, p in self.terms:
            for b, q in polynomial(other).terms:
                monomial = tuple(sorted(a + b, key=_order))
                total[monomial] = total.get(monomial, 0) + p * q
        return _canonical(total)

    __rmul__ = __mul__

    def __floordiv__(self, other: int | Polynomial) -> Polynomial:
        """`self // other`."""
        return floor_divide(self, polynomial(other))

    def __rfloordiv__(self, other: int | Polynomial) -> Polynomial:
        """`other // self`."""
        return floor_divide(polynomial(other), self)

    def __repr__(self) -> str:
        """What it is, in one line."""
        return str(self)

    def __str__(self) -> str:
        """As a reader sees it: a positive term first, where there is one besides a number."""
        parts: list[str] = []
        lead = next((k for k, (m, c) in enumerate(self.terms) if m and c > 0), 0)
        ordered = (self.terms[lead : lead + 1], self.terms[:lead], self.terms[lead + 1 :])
        for monomial, coefficient in (term for part in ordered for term in part):
            factors = [_atom_text(atom) for atom in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = "-" if coefficient < 0 else "+" if parts else ""
            parts.append(sign + "*".join(factors))
        return "".join(parts) or "0"


def _atom_text(atom: Atom) -> str:
    if isinstance(atom, FloorDivision):
        return f"(({atom.numerator})//({atom.denominator}))"
    return atom.name if isinstance(atom, Dimension) else atom


def _order(atom: Atom) -> tuple[int, str]:
    return (isinstance(atom, Dimension) + 2 * isinstance(atom, FloorDivision), _atom_text(atom))


def _canonical(total: Mapping[Monomial, int]) -> Polynomial:
    kept = [(m, c) for m, c in total.items() if c]
    kept.sort(key=lambda term: [_order(atom) for atom in term[0]] or [(9, "")])
    return Polynomial(tuple(kept))


def polynomial(value: int | Polynomial) -> Polynomial:
    """`value` as a polynomial; TypeError for what is neither an integer nor a polynomial."""
    if isinstance(value, Polynomial):
        return value
    number = operator.index(value)
    return Polynomial((((), number),) if number else ())


def axis(name: str) -> Polynomial:
    """The polynomial that is one axis."""
    return Polynomial((((name,), 1),))


def dimension(name: str) -> Polynomial:
    """A symbolic dimension: bound to a number each time that a graph is run.

    >>> B = dimension("B")
    >>> 2 * B + 1 - B
    B+1
    """
    return Polynomial((((Dimension(name),), 1),))


def plain(value: int | Polynomial) -> int | Polynomial:
    """An `int` where the polynomial is a constant."""
    if not isinstance(value, Polynomial):
        return operator.index(value)
    if not value.terms:
        return 0
    if len(value.terms) == 1 and value.terms[0][0] == ():
        return value.terms[0][1]
    return value


def floor_divide(a: Polynomial, b: Polynomial) -> Polynomial:
    """`a // b`, exact where every term divides; otherwise an atom of its own.

    >>> B = dimension("B")
    >>> (16 * B) // B, (4 * B + 3) // 2, (B + 1) // 2
    (16, 2*B+1, ((B+1)//(2)))
    """
    below = plain(b)
    if isinstance(below, int):
        if below == 0:
            raise ShapeError("an extent is divided by zero")
        whole = {m: c // below for m, c in a.terms if c % below == 0}
        rest = Polynomial(tuple((m, c) for m, c in a.terms if c % below))
        constant = plain(rest)
        if isinstance(constant, int):
            return _canonical(whole) + constant // below
        return _canonical({**whole, (FloorDivision(rest, b),): 1})
    if not a.terms:
        return polynomial(0)
    if a == b:
        return polynomial(1)
    if len(b.terms) == 1:
        quotient = _term_by_term(a, *b.terms[0])
        if quotient is not None:
            return quotient
    return Polynomial((((FloorDivision(a, b),), 1),))


def _term_by_term(a: Polynomial, below: Monomial, factor: int) -> Polynomial | None:
    """`a` over one monomial, where every term of it divides exactly."""
    total: dict[Monomial, int] = {}
    for monomial, coefficient in a.terms:
        rest = list(monomial)
        for atom in below:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % factor:
            return None
        total[tuple(rest)] = coefficient // factor
    return _canonical(total)


def substitute(
    value: int | Polynomial, replacement: Mapping[Any, int | Polynomial]
) -> int | Polynomial:
    """Replace axes (strings) and dimensions.

    >>> substitute(2 * axis("i") + 1, {"i": 3})
    7
    """
    if not isinstance(value, Polynomial):
        return value
    total = polynomial(0)
    for monomial, coefficient in value.terms:
        product = polynomial(coefficient)
        for atom in monomial:
            if isinstance(atom, FloorDivision):
                above = polynomial(substitute(atom.numerator, replacement))
                below = polynomial(substitute(atom.denominator, replacement))
                factor = floor_divide(above, below)
            else:
                factor = polynomial(replacement.get(atom, Polynomial((((atom,), 1),))))
            product = product * factor
        total = total + product
    return plain(total)


def atoms(value: int | Polynomial) -> set[Atom]:
    """The axes and dimensions that occur, inside floor divisions too."""
    if isinstance(value, int):
        return set()
    found: set[Atom] = set()
    for monomial, _ in value.terms:
        for atom in monomial:
            if isinstance(atom, FloorDivision):
                found |= atoms(atom.numerator) | atoms(atom.denominator)
            else:
                found.add(atom)
    return found


def axes_of(value: int | Polynomial) -> set[str]:
    """The axes that occur."""
    return {atom for atom in atoms(value) if isinstance(atom, str)}


def coefficient(value: Polynomial, name: str) -> int | Polynomial:
    """The coefficient of one axis in an affine index.

    >>> coefficient(2 * axis("i") + axis("u"), "i")
    2
    """
    found: dict[Monomial, int] = {}
    for monomial, factor in value.terms:
        if name in monomial:
            rest = list(monomial)
            rest.remove(name)
            found[tuple(rest)] = factor
    return plain(_canonical(found))


def offset(value: Polynomial) -> int | Polynomial:
    """What is left of an affine index without its axes."""
    kept = {m: c for m, c in value.terms if not any(isinstance(atom, str) for atom in m)}
    return plain(_canonical(kept))


def single_axis(value: object) -> str | None:
    """The axis, where an index is one axis and nothing else."""
    if isinstance(value, Polynomial) and len(value.terms) == 1:
        ((monomial, factor),) = value.terms
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], str):
            return monomial[0]
    return None


def bind(value: int | Polynomial, sizes: Mapping[str, int]) -> int:
    """The number that an extent is, given every symbolic dimension.

    Raises ShapeError where a dimension has no number or the extent is negative.
    """
    bound = substitute(value, {Dimension(name): size for name, size in sizes.items()})
    if not isinstance(bound, int):
        missing = sorted(_atom_text(atom) for atom in atoms(bound))
        raise ShapeError(f"the size {value} is not known: nothing binds {', '.join(missing)}")
    if bound < 0:
        raise ShapeError(f"the size {value} is negative: {bound}")
    return bound


def to_expression(value: int | Polynomial) -> Expr:
    """The polynomial as an expression, for printing."""
    from graphnn.expression.algebra import add, multiply

    if isinstance(value, int):
        return num(value)

    def show(atom: Atom) -> Expr:
        if isinstance(atom, FloorDivision):
            return apply(
                "floor", apply("/", to_expression(atom.numerator), to_expression(atom.denominator))
            )
        return sym(_atom_text(atom))

    return add(*(multiply(num(c), *(show(atom) for atom in m)) for m, c in value.terms))
