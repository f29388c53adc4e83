"""The normal form of an expression: one sum of products for every order and spelling of a sum.

It serves to *recognise* expressions (graphnn.expression.rewriting); what is shown and computed is
written back as an ordered expression, in the order in which its parts were written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache

from graphnn.errors import GraphError
from graphnn.expression.algebra import add, join_product
from graphnn.expression.algebra import power as written_power
from graphnn.expression.bags import (
    GROUP,
    Atom,
    Call,
    Product,
    Sum,
    call,
    constant,
    number,
    of_atom,
    of_term,
    plus,
    power,
    scaled,
    times,
)
from graphnn.expression.tree import Expr, Number, apply, fold, num


def normal_form(e: Expr, values: Mapping[str, Sum] | None = None) -> Sum:
    """The normal form of a body; symbols in `values` stand for sums.

    >>> from graphnn.expression.reader import read
    >>> from graphnn.expression.scalar import plain
    >>> normal_form(plain(read("1/(1 + exp(x))"))) == normal_form(plain(read("2/(exp(x) + 1)/2")))
    True
    """
    return _normal_form(e) if not values else fold(e, lambda n, parts: _visit(n, parts, values))


@lru_cache(maxsize=4096)
def _normal_form(e: Expr) -> Sum:
    return fold(e, lambda node, parts: _visit(node, parts, {}))


def _visit(node: Expr, parts: list[Sum], values: Mapping[str, Sum]) -> Sum:
    match node.head:
        case "num":
            return constant(node.args[0])
        case "sym":
            return values[node.args[0]] if node.args[0] in values else of_atom(node)
        case "extent":
            return of_atom(node)
        case "+":
            return plus(*parts)
        case "-":
            return plus(parts[0], scaled(parts[1], Fraction(-1)))
        case "neg":
            return scaled(parts[0], Fraction(-1))
        case "*":
            return times(*parts)
        case "/":
            return times(parts[0], power(parts[1], -1))
        case "^":
            return _power(parts[0], parts[1])
    return call(node.head, *parts)


def _power(base: Sum, exponent: Sum) -> Sum:
    value = number(exponent)
    if value is not None and value.denominator == 1 and abs(value) <= 64 and value:
        return power(base, int(value))
    if value == Fraction(1, 2):
        return call("sqrt", base)
    return call("^", base, exponent)


def written(
    total: Sum,
    known: Callable[[Sum], Expr | None] = lambda _: None,
    literal: Callable[[Fraction], Expr] = lambda value: num(short(value)),
) -> Expr:
    """The sum as an ordered expression; `known` may name a part, `literal` writes a number.

    >>> from graphnn.expression.reader import read
    >>> from graphnn.expression.scalar import plain
    >>> str(written(normal_form(plain(read("-(y - a)*x/2")))))
    '(−y + a)·x/2'
    """
    named = known(total)
    if named is not None:
        return named
    value = number(total)
    if value is not None:
        return literal(value)
    return add(*(_term(product, c, known, literal) for product, c in total.items))


def _term(
    product: Product,
    coefficient: Fraction,
    known: Callable[[Sum], Expr | None],
    literal: Callable[[Fraction], Expr],
) -> Expr:
    named = known(of_term(product, coefficient)) if product.items else None
    if named is not None:
        return named
    above: list[Expr] = []
    below: list[Expr] = []
    for atom, n in product.items:
        part = known(of_atom(atom)) if isinstance(atom, Call) and atom.head != GROUP else None
        if part is None:
            part = _atom(atom, known, literal)
        (above if n > 0 else below).append(written_power(part, num(abs(n))))
    scale = literal(abs(coefficient))
    if not product.items:
        return apply("neg", scale) if coefficient < 0 else scale
    if scale.head == "num":
        return join_product(short(coefficient), above or [num(1)], below)
    return join_product(-1 if coefficient < 0 else 1, [scale, *above], below)


def _atom(
    atom: Atom, known: Callable[[Sum], Expr | None], literal: Callable[[Fraction], Expr]
) -> Expr:
    if isinstance(atom, Expr):
        return atom
    parts = [written(part, known, literal) for part in atom.args]
    if atom.head == GROUP:
        return parts[0]
    if atom.head == "^":
        return apply("^", *parts)
    if not parts:
        raise GraphError(f"internal error: {atom.head} has no arguments")
    return apply(atom.head, *parts)


def short(value: Fraction) -> Number:
    """The number as it is stored in a body: an integer, a short fraction, or a float."""
    if value.denominator == 1:
        return value.numerator
    return value if value.denominator <= 1000 else float(value)
