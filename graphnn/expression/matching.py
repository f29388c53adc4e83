"""Matching a pattern's normal form against another: terms, factors and arguments in any order.

Every function yields the ways in which a pattern fits, as what the pattern variables stand for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import isqrt

from graphnn.expression.bags import (
    GROUP,
    Atom,
    Call,
    Product,
    Sum,
    as_term,
    call,
    call_of,
    constant,
    joined,
    names,
    of_atom,
    of_term,
    power,
    scaled,
    substituted,
    times,
)
from graphnn.expression.tree import Expr

VARIABLES = ("u", "v")

Binding = dict[str, Sum]


def _variable(atom: Atom) -> str:
    """The name of a pattern variable, else nothing."""
    if isinstance(atom, Expr) and atom.head == "sym" and atom.args[0] in VARIABLES:
        return str(atom.args[0])
    return ""


def match_terms(
    pattern: Sequence[tuple[Product, Fraction]], total: Sum
) -> Iterator[tuple[Binding, Sum, set[Product]]]:
    """Every way to find all pattern terms, times one cofactor, among the terms of a sum."""
    lead, lead_scale = pattern[-1]
    for product, coefficient in total.items:
        for found, rest, factor in match_factors(lead, product):
            cofactor = coefficient * factor / lead_scale
            yield from (
                (binding, of_term(rest, cofactor), {*used, product})
                for binding, used in _match_rest(
                    pattern[:-1], total, rest, cofactor, found, {product}
                )
            )


def _match_rest(
    pattern: Sequence[tuple[Product, Fraction]],
    total: Sum,
    rest: Product,
    cofactor: Fraction,
    found: Binding,
    used: set[Product],
) -> Iterator[tuple[Binding, set[Product]]]:
    if not pattern:
        yield found, used
        return
    (wanted, scale), *others = pattern
    for product, coefficient in total.items:
        if product in used or coefficient != scale * cofactor:
            continue
        within = _quotient(product, rest)
        for binding, left, factor in match_factors(wanted, within, found):
            if not left.items and factor == 1:
                yield from _match_rest(others, total, rest, cofactor, binding, {*used, product})


def _quotient(a: Product, b: Product) -> Product:
    return joined(a, Product((atom, -n) for atom, n in b.items)) if b.items else a


def match_factors(
    pattern: Product, product: Product, found: Binding | None = None
) -> Iterator[tuple[Binding, Product, Fraction]]:
    """Every way to find the pattern's factors in a product: binding, factors left over, scale.

    The product is scale · pattern · rest. A variable that nothing binds takes what stands above
    the line.
    """
    fixed = [item for item in pattern.items if not _variable(item[0])]
    free = [_variable(atom) for atom, n in pattern.items if _variable(atom) and n == 1]
    if len(fixed) + len(free) != len(pattern.items):
        return
    for binding, rest in _match_fixed(fixed, product, found or {}):
        taken = _take_variables(free, binding, rest)
        if taken is not None:
            yield taken


def _take_variables(
    free: Sequence[str], found: Binding, rest: Product
) -> tuple[Binding, Product, Fraction] | None:
    scale = Fraction(1)
    for name in free:
        if name in found:
            part, coefficient = as_term(found[name])
            left = _taken_away(rest, part)
            if left is None or not coefficient:
                return None
            rest, scale = left, scale / coefficient
        else:
            above = Product((atom, n) for atom, n in rest.items if n > 0)
            if not above.items:
                return None
            found = {**found, name: times(constant(1), of_term(above))}
            rest = Product((atom, n) for atom, n in rest.items if n < 0)
    return found, rest, scale


def _taken_away(product: Product, part: Product) -> Product | None:
    """The product without some of its factors, where it holds them."""
    held = dict(product.items)
    for atom, wanted in part.items:
        have = held.get(atom, 0)
        if have * wanted <= 0 or abs(have) < abs(wanted):
            return None
        held[atom] = have - wanted
    return Product((atom, e) for atom, e in held.items() if e)


def _match_fixed(
    pattern: Sequence[tuple[Atom, int]], product: Product, found: Binding
) -> Iterator[tuple[Binding, Product]]:
    if not pattern:
        yield found, product
        return
    (wanted, n), *others = pattern
    for atom, e in product.items:
        if e * n <= 0 or abs(e) < abs(n):
            continue
        for binding in _match_atom(wanted, atom, found):
            left = Product(
                (a, k - n if a == atom else k) for a, k in product.items if a != atom or k != n
            )
            yield from _match_fixed(others, left, binding)


def _match_atom(pattern: Atom, atom: Atom, found: Binding) -> Iterator[Binding]:
    if not isinstance(pattern, Call):
        if pattern == atom:
            yield found
        return
    if not isinstance(atom, Call) or atom.head != pattern.head:
        return
    if pattern.head != GROUP and all(name in found for name in _variables(pattern)):
        made = substituted(of_atom(pattern), found)
        if made == of_atom(atom):
            yield found
        return
    yield from _match_args(pattern.args, atom.args, found)


def _variables(pattern: Call) -> set[str]:
    return set(names(of_atom(pattern))) & set(VARIABLES)


def _match_args(pattern: Sequence[Sum], given: Sequence[Sum], found: Binding) -> Iterator[Binding]:
    if len(pattern) != len(given):
        return
    if not pattern:
        yield found
        return
    for binding in _match_whole(pattern[0], given[0], found):
        yield from _match_args(pattern[1:], given[1:], binding)


def _match_whole(pattern: Sum, given: Sum, found: Binding) -> Iterator[Binding]:
    """Match a whole sum; a term that is one variable takes what the other terms leave."""
    free = [item for item in pattern.items if _alone(item[0])]
    fixed = [item for item in pattern.items if not _alone(item[0])]
    if len(free) > 1 or len(given.items) < len(fixed):
        return
    for binding, rest in _match_fixed_terms(fixed, given, found):
        if not free:
            if not rest.items:
                yield binding
            continue
        (product, scale) = free[0]
        name, n = _alone(product), product.items[0][1]
        value = _root(scaled(rest, 1 / scale), n)
        if value is not None and binding.get(name, value) == value:
            yield {**binding, name: value}


def _alone(product: Product) -> str:
    """The variable that a term is, or is a power of."""
    return _variable(product.items[0][0]) if len(product.items) == 1 else ""


def _match_fixed_terms(
    pattern: Sequence[tuple[Product, Fraction]], given: Sum, found: Binding
) -> Iterator[tuple[Binding, Sum]]:
    if not pattern:
        yield found, given
        return
    (wanted, scale), *others = pattern
    for item in given.items:
        product, coefficient = item
        if coefficient != scale:
            continue
        for binding, rest, factor in match_factors(wanted, product, found):
            if not rest.items and factor == 1:
                left = Sum(other for other in given.items if other is not item)
                yield from _match_fixed_terms(others, left, binding)


def _root(total: Sum, n: int) -> Sum | None:
    """The sum whose n-th power this is: exponents that n divides, and a root of the coefficient."""
    if n == 1:
        return total
    product, coefficient = as_term(total)
    if n != 2 or not product.items or coefficient <= 0 or any(e % 2 for _, e in product.items):
        return None
    above, below = isqrt(coefficient.numerator), isqrt(coefficient.denominator)
    exact = above**2 == coefficient.numerator and below**2 == coefficient.denominator
    scale = constant(Fraction(above, below)) if exact else call("sqrt", constant(coefficient))
    halved = (power(call_of(atom), e // 2) for atom, e in product.items)
    return times(scale, *halved)
