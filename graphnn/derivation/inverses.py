"""One statement solved for a value that it reads: e = p·s from p = e/s, u = a/(1 − a) from a = u/(1 + u).

Only where the solution holds at every value that the statement can have. Nothing here knows an op.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import zip_longest

from graphnn.derivation.index_form import IndexForm, element, element_name
from graphnn.expression.algebra import ONE, add, divide, multiply, negate, split_product
from graphnn.expression.tree import BINDERS, Expr, contains, num, postorder, substitute


def solve(form: IndexForm, name: str, index: Sequence[Expr]) -> Expr | None:
    """Solve `own[i] = product` for one factor or divisor, read at the output's own index.

    A product that would be divided by a value is refused: that does not hold where the value is 0.
    A fraction `(α·e + β)/(γ·e + δ)` with numbers α … δ is solved too: e = (δ·own − β)/(α − γ·own),
    where α − γ·own = (αδ − βγ)/(γ·e + δ) is 0 nowhere.
    """
    product = split_product(form.tree)
    own = element(form.name, form.index)
    for side in (product.factors, product.divisors):
        matching = [e for e in side if element_name(e) == name]
        if len(matching) != 1 or _count(form.tree, name) != 1:
            continue
        (e,) = matching
        if any(
            contains(other, e) for other in (*product.factors, *product.divisors) if other is not e
        ):
            continue
        at = e.args[1:] if e.head == "[]" else ()
        if not _everywhere(at, index):
            return None
        onto = {part: mine for part, mine in zip(at, index, strict=True) if part.head == "sym"}
        rest = [f for f in side if f is not e]
        if side is product.factors:
            solved = multiply(divide(own, num(product.coefficient)), *product.divisors, over(*rest))
        else:
            solved = multiply(num(product.coefficient), *product.factors, over(own), over(*rest))
        bare = not split_product(solved).divisors
        # an axis of one element has the index 0 on both sides: that is everywhere, too
        unread = {part for part in form.index if part.head == "sym"} - set(onto)
        if unread or any(b.head in BINDERS for b in postorder(solved)):
            return None
        if not bare:
            return None
        return substitute(solved, onto)
    return _solve_fraction(form, name, index)


def _everywhere(at: Sequence[Expr], index: Sequence[Expr]) -> bool:
    """Whether a read passes over all elements: not y[0], the diagonal y[i,i], or y[2·i]."""
    symbols = [part for part in at if part.head == "sym"]
    fixed = all(part is mine for part, mine in zip(at, index, strict=True) if part.head != "sym")
    return fixed and len(set(symbols)) == len(symbols)


def _solve_fraction(form: IndexForm, name: str, index: Sequence[Expr]) -> Expr | None:
    """Solve `own[i] = (α·e[i] + β)/(γ·e[i] + δ)` for e, where that is what the statement says."""
    read = {n for n in _elements_of(form.tree) if element_name(n) == name}
    if len(read) != 1:
        return None
    (e,) = read
    at = e.args[1:] if e.head == "[]" else ()
    if tuple(at) != form.index:
        return None
    fraction = _fraction(form.tree, e)
    if fraction is None:
        return None
    (beta, alpha), (delta, gamma) = fraction
    if alpha * delta == beta * gamma:
        return None
    own = element(form.name, form.index)
    if alpha == 0:
        solved = add(divide(num(beta / gamma), own), num(-delta / gamma))
    else:
        above = add(multiply(num(delta), own), num(-beta))
        solved = divide(above, add(num(alpha), negate(multiply(num(gamma), own))))
    onto = {part: own for part, own in zip(at, index, strict=True) if part.head == "sym"}
    return substitute(solved, onto)


Linear = tuple[Fraction, Fraction]
"""`constant + slope·e`, with numbers."""


def _fraction(tree: Expr, e: Expr) -> tuple[Linear, Linear] | None:
    """A tree over one value as (numerator, denominator), both linear in it; None where it is not."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node is e or (node.head == "num" and not isinstance(node.args[0], float)):
            continue
        if node.head not in ("+", "-", "neg", "*", "⊙", "/"):
            return None
        waiting.extend(node.args)
    made: dict[Expr, tuple[_Polynomial, _Polynomial]] = {e: ((Fraction(0), Fraction(1)), _ONE)}
    for node in postorder(tree):
        if node in made or node.head in ("sym", "[]"):
            continue
        parts = [made[part] for part in node.args] if node.head != "num" else []
        match node.head, parts:
            case "num", _:
                made[node] = ((Fraction(node.args[0]),), _ONE)
            case "neg", [(a, b)]:
                made[node] = (_times(a, (Fraction(-1),)), b)
            case ("+" | "-") as sign, [(a, b), (c, d)]:
                c = _times(c, (Fraction(-1),)) if sign == "-" else c
                made[node] = (
                    (_plus(a, c), b)
                    if b == d
                    else (_plus(_times(a, d), _times(c, b)), _times(b, d))
                )
            case (("*" | "⊙"), [(a, b), (c, d)]):
                made[node] = (_times(a, c), _times(b, d))
            case "/", [(a, b), (c, d)]:
                made[node] = (_times(a, d), _times(b, c))
        if max(map(len, made[node])) > MAX_DEGREE + 1:
            return None
    above, below = (_linear(p) for p in made[tree])
    return None if above is None or below is None else (above, below)


_Polynomial = tuple[Fraction, ...]
_ONE: _Polynomial = (Fraction(1),)
MAX_DEGREE = 4
"""Above it nothing linear is expected any more."""


def _times(a: _Polynomial, b: _Polynomial) -> _Polynomial:
    made = [Fraction(0)] * (len(a) + len(b) - 1)
    for j, x in enumerate(a):
        for k, y in enumerate(b):
            made[j + k] += x * y
    return tuple(made)


def _plus(a: _Polynomial, b: _Polynomial) -> _Polynomial:
    return tuple(x + y for x, y in zip_longest(a, b, fillvalue=Fraction(0)))


def _linear(p: _Polynomial) -> Linear | None:
    return (p[0], p[1] if len(p) > 1 else Fraction(0)) if not any(p[2:]) else None


def _count(tree: Expr, name: str) -> int:
    return sum(element_name(n) == name for n in _elements_of(tree))


def _elements_of(tree: Expr) -> list[Expr]:
    bases = {n.args[0] for n in postorder(tree) if n.head == "[]"}
    return [n for n in postorder(tree) if n.head == "[]" or (n.head == "sym" and n not in bases)]


def over(*divisors: Expr) -> Expr:
    """`1 / Π divisors`."""
    return divide(ONE, multiply(*divisors)) if divisors else ONE
