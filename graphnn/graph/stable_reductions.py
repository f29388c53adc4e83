"""Stable forms that hold a reduction: softmax, its logarithm, logsumexp, variance.

Each rule is `FORMS[name]`: the pattern and the replacement, in index notation with `c` for any
shift. That is also the proof: the right sides hold for every c, so c may be the maximum *held
constant* (the structure `hold`): what is the same for every c has no derivative by c, of any
order. So no gradient is routed through the maximum, where it would have to cancel.

A term of the argument that does not depend on the reduced axes is such a shift too: it is dropped
from softmax and log-softmax, with it a maximum that the user had subtracted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from graphnn.calculus.polynomial import axis
from graphnn.expression.bags import (
    Atom,
    Call,
    Product,
    Sum,
    as_term,
    atoms,
    call_of,
    constant,
    number,
    of_atom,
    of_term,
    plus,
    power,
    scaled,
    times,
)
from graphnn.expression.normal_form import normal_form
from graphnn.expression.rewriting import SumRule, TermRule
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph import stable_nodes
from graphnn.graph.compose import Region
from graphnn.graph.node import Node
from graphnn.graph.summands import (
    Exponentials,
    Mapping,
    Reduction,
    Reductions,
    depends,
    is_reduction,
    symbol_of,
)

FORMS = {
    "softmax": ("exp(u[i])/Σ_k exp(u[k])", "exp(u[i] - c)/Σ_k exp(u[k] - c)"),
    "log-softmax": ("log(exp(u[i])/Σ_k exp(u[k]))", "u[i] - c - log(Σ_k exp(u[k] - c))"),
    "logsumexp": ("log(Σ_k exp(u[k]))", "c + log(Σ_k exp(u[k] - c))"),
    "variance": (
        "(Σ_k u[k]^2)/n - ((Σ_k u[k])/n)^2",
        "(Σ_k (u[k] - (Σ_j u[j])/n)^2)/n",
    ),
}

MINUS = Fraction(-1)


class ReductionRules:
    """The rules for one root: they add the elements of new nodes to its region.

    `made` holds the nodes that were built.
    """

    def __init__(self, region: Region, closed: Collection[Node]) -> None:
        """Take the region in which the root's body is written, and what is not looked into."""
        self.region = region
        self.closed = closed
        self.look = Reductions(region, closed)
        self.made: set[Node] = set()

    def may_match(self, total: Sum) -> bool:
        """A quick look: a logarithm of a reduction, a quotient of exp by one, or one squared."""
        reductions = {
            name
            for (node, _), name in self.region.elements.items()
            if node not in self.closed and is_reduction(node)
        }
        return bool(reductions) and any(_may_match(part, reductions) for part in _parts(total))

    def rules(self) -> tuple[list[tuple[str, TermRule]], list[tuple[str, SumRule]]]:
        """Rules for terms and rules for sums, by the names of FORMS."""
        return (
            [
                ("log-softmax", self.log_of_softmax),
                ("softmax", self.softmax),
                ("logsumexp", self.logsumexp),
            ],
            [
                ("log-softmax", self.log_softmax),
                ("logsumexp", self.shifted_logsumexp),
                ("variance", self.variance),
            ],
        )

    def softmax(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`exp(u)·s⁻¹` with s the sum of exp(u)."""
        for above, n in product.items:
            for below, m in product.items:
                if n == 1 and m < 0 and _is_exp(above):
                    name = _name(below)
                    mapping = self.look.laid(self.look.reduction(name), of_atom(above))
                    made = self._form("softmax", name, mapping)
                    if made is not None:
                        rest = power(of_atom(above), -1)
                        return times(of_term(product, coefficient), rest, of_atom(below), made)
        return None

    def log_of_softmax(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`log(exp(u)·s⁻¹)`."""
        for atom, n in product.items:
            found = _quotient_in_logarithm(atom)
            if found is not None:
                above, name = found
                mapping = self.look.laid(self.look.reduction(name), of_atom(above))
                made = self._form("log-softmax", name, mapping)
                if made is not None:
                    return times(_without(product, coefficient, atom), power(made, n))
        return None

    def logsumexp(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`log(s)`, unless the user has subtracted the maximum."""
        for atom, n in product.items:
            found = self.look.exponentials(_in_logarithm(atom))
            if found is not None and not self.look.is_shifted(found):
                made = self._logsumexp(found, plus(found.varying, found.shift))
                if made is not None:
                    return times(_without(product, coefficient, atom), power(made, n))
        return None

    def shifted_logsumexp(self, total: Sum) -> Sum | None:
        """`c + log(Σ exp(u − c))` with the user's maximum c: the maximum is held instead."""
        for found, _, coefficient, rest in self._logarithms(total):
            if not found.shift.items or next(self._log_softmaxes(total), None) is not None:
                continue
            shift = self.look.here(found.region, found.shift, found.sum.kept)
            if shift is not None and _holds(rest, scaled(shift, -coefficient)):
                made = self._logsumexp(found, found.varying)
                if made is not None:
                    return plus(rest, scaled(shift, coefficient), scaled(made, coefficient))
        return None

    def log_softmax(self, total: Sum) -> Sum | None:
        """`u − log(s)`, also where both are shifted."""
        for name, mapping, coefficient, left in self._log_softmaxes(total):
            made = self._form("log-softmax", name, mapping)
            if made is not None:
                return plus(left, scaled(made, -coefficient))
        return None

    def _logarithms(self, total: Sum) -> Iterator[tuple[Exponentials, str, Fraction, Sum]]:
        """The terms k·log(s), s a sum of exponentials: its parts, its name, k, the other terms."""
        for product, coefficient in total.items:
            if len(product.items) == 1 and product.items[0][1] == 1:
                name = _in_logarithm(product.items[0][0])
                found = self.look.exponentials(name)
                if found is not None:
                    rest = Sum(item for item in total.items if item[0] is not product)
                    yield found, name, coefficient, rest

    def _log_softmaxes(self, total: Sum) -> Iterator[tuple[str, Mapping, Fraction, Sum]]:
        """The terms k·(log(s) − u): the name of s, how its axes lie, k, and the other terms."""
        for found, name, coefficient, rest in self._logarithms(total):
            for mapping in self.look.mappings(found.sum, rest):
                varying = self.look.here(found.region, found.varying, mapping)
                shift = self.look.here(found.region, found.shift, mapping)
                if varying is None or shift is None:
                    continue
                if _holds(rest, scaled(varying, -coefficient)):
                    left = plus(rest, scaled(varying, coefficient), scaled(shift, coefficient))
                    yield name, mapping, coefficient, left

    def variance(self, total: Sum) -> Sum | None:
        """`mean(u²) − mean(u)²`."""
        for squares, c in total.items:
            for square, d in total.items:
                pair = _mean_pair(squares, square)
                made = None if pair is None else self._variance(pair[0], pair[1], c, d)
                if pair is not None and made is not None:
                    others = Sum(i for i in total.items if i[0] not in (squares, square))
                    return plus(others, times(of_term(pair[2]), made))
        return None

    def _form(self, form: str, name: str, mapping: Mapping | None) -> Sum | None:
        """Softmax or log-softmax of the exponents of a sum, read where its axes lie."""
        found = self.look.exponentials(name)
        if mapping is None or found is None:
            return None
        s = self._shifted(found, found.varying)
        made = stable_nodes.softmax(s) if form == "softmax" else stable_nodes.log_softmax(s)
        return self._read(made, s.of.axes, mapping)

    def _logsumexp(self, found: Exponentials, exponent: Sum) -> Sum | None:
        s = self._shifted(found, exponent)
        return self._read(stable_nodes.logsumexp(s), s.of.kept, found.sum.kept)

    def _shifted(self, found: Exponentials, exponent: Sum) -> stable_nodes.Shifted:
        over, dtype = found.sum.over, found.sum.node.dtype
        s = stable_nodes.shifted(stable_nodes.argument(found.region, exponent, over, dtype))
        self.made |= s.nodes
        return s

    def _read(self, node: Node, axes: Sequence[str], mapping: Mapping) -> Sum | None:
        """The element of a new node; None where the root reads it already."""
        element = (node, tuple(mapping[name] for name in axes))
        self.made.add(node)
        return None if element in self.region.parts else of_atom(self.region.symbol(*element))

    def _variance(self, first: str, second: str, c: Fraction, d: Fraction) -> Sum | None:
        """`c·Σ w·e² + d·(Σ v·e)²` as k·mean((e − mean e)²), where the weights make it one."""
        a, b = self.look.reduction(first), self.look.reduction(second)
        if a is None or b is None or a.index != b.index:
            return None
        region = Region(a.formula.axes, self.region.opened)
        body = region.body(a.node, region.own_axes())
        if body is None:
            return None
        squares = normal_form(body)
        size = times(*(normal_form(_extent(x.name, x.extent)) for x in a.formula.reduced))
        inner = Reductions(region, self.closed)
        laid = Reduction(b.node, b.formula, tuple(axis(name) for name in a.kept))
        for mapping in inner.mappings(laid, squares):
            part = region.body(b.node, mapping)
            if part is None or {mapping[x] for x in b.over} != {axis(x) for x in a.over}:
                continue
            value, v = _weighted(normal_form(part))
            w = times(squares, power(value, -2))
            scale = times(constant(c), w, size)
            balanced = plus(scale, times(constant(d), v, v, size, size)) == Sum(())
            if balanced and number(scale) is not None:
                made = self._new_variance(a, region, value)
                return None if made is None else times(scale, made)
        return None

    def _new_variance(self, a: Reduction, region: Region, value: Sum) -> Sum | None:
        varying = Sum(item for item in value.items if depends(region, item[0], a.over))
        u = stable_nodes.argument(region, varying, a.over, a.node.dtype)
        made, below = stable_nodes.variance(u)
        self.made |= below
        return self._read(made, u.kept, a.kept)


def _may_match(part: Sum, reductions: set[str]) -> bool:
    for product, _ in part.items:
        found = [n for atom, n in product.items if _name(atom) in reductions]
        if any(n < 0 for n in found) and any(_is_exp(atom) for atom, _ in product.items):
            return True
        if 2 in found and len(part.items) > 1:
            return True
        if any(_in_logarithm(atom) in reductions for atom, _ in product.items):
            return True
    return False


def _parts(total: Sum) -> Iterator[Sum]:
    yield total
    for atom in atoms(total):
        if isinstance(atom, Call):
            yield from atom.args


def _name(atom: Atom) -> str:
    return symbol_of(Product(((atom, 1),)))


def _is_exp(atom: Atom) -> bool:
    return isinstance(atom, Call) and atom.head == "exp"


def _in_logarithm(atom: Atom) -> str:
    """The symbol of which an atom is the logarithm, else nothing."""
    if isinstance(atom, Call) and atom.head == "log":
        product, scale = as_term(atom.args[0])
        return symbol_of(product) if scale == 1 else ""
    return ""


def _quotient_in_logarithm(atom: Atom) -> tuple[Atom, str] | None:
    """(exp(u), s), where an atom is log(exp(u)·s⁻¹)."""
    if not isinstance(atom, Call) or atom.head != "log":
        return None
    product, scale = as_term(atom.args[0])
    powers = {n: factor for factor, n in product.items}
    if scale != 1 or len(product.items) != 2 or set(powers) != {1, -1}:
        return None
    return (powers[1], _name(powers[-1])) if _is_exp(powers[1]) else None


def _without(product: Product, coefficient: Fraction, atom: Atom) -> Sum:
    return of_term(Product(item for item in product.items if item[0] is not atom), coefficient)


def _holds(total: Sum, part: Sum) -> bool:
    """Whether every term of `part` is a term of `total`, with its coefficient."""
    held = dict(total.items)
    return all(held.get(product) == c for product, c in part.items)


def _mean_pair(squares: Product, square: Product) -> tuple[str, str, Product] | None:
    """A, B and the rest, where the terms are A·rest and B²·rest."""
    for b, n in square.items:
        rest = Product(item for item in square.items if item[0] is not b)
        others = [item for item in squares.items if item not in rest.items]
        if n == 2 and _name(b) and len(others) == 1 == len(squares.items) - len(rest.items):
            a, m = others[0]
            if m == 1 and _name(a):
                return _name(a), _name(b), rest
    return None


def _extent(name: str, extent: object) -> Expr:
    return num(extent) if isinstance(extent, int) else apply("extent", sym(name))


def _weighted(total: Sum) -> tuple[Sum, Sum]:
    """A summand as value · weight: numbers and extents are the weight."""
    product, coefficient = as_term(total)
    value = (power(call_of(atom), n) for atom, n in product.items if not _is_extent(atom))
    weight = Product(item for item in product.items if _is_extent(item[0]))
    return times(*value), of_term(weight, coefficient)


def _is_extent(atom: Atom) -> bool:
    return isinstance(atom, Expr) and atom.head == "extent"
