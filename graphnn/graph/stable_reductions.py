"""Stable forms that hold a reduction: softmax, its logarithm, logsumexp, variance.

Each rule is `FORMS[name]`: the pattern and the replacement, in index notation with `c` for any
shift. That is also the proof: the right sides hold for every c, so c may be the maximum *held
constant* (the structure `hold`): a function that is the same for every c has no derivative by c, of
any order. So no gradient is routed through the maximum, where it would have to cancel.

A term of the argument that does not depend on the summed axes is such a shift too: it is dropped
from softmax and log-softmax, with it a maximum that the user had subtracted.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from graphnn.calculus.formula import Axis, Formula, Read
from graphnn.calculus.polynomial import Polynomial, axes_of, axis, single_axis
from graphnn.expression.normal_form import (
    Call,
    Product,
    Sum,
    as_term,
    atoms,
    constant,
    names,
    normal_form,
    of_atom,
    of_term,
    plus,
    power,
    scaled,
    substituted,
    times,
)
from graphnn.expression.rewriting import SumRule, TermRule, call_of
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.apply import formula_node
from graphnn.graph.compose import At, Element, Place, Region, is_small, moved, short_form
from graphnn.graph.node import FLOATS, Node, make

FORMS = {
    "softmax": ("exp(u[i])/Σ_k exp(u[k])", "exp(u[i] - c)/Σ_k exp(u[k] - c)"),
    "log-softmax": ("log(exp(u[i])/Σ_k exp(u[k]))", "u[i] - c - log(Σ_k exp(u[k] - c))"),
    "logsumexp": ("log(Σ_k exp(u[k]))", "c + log(Σ_k exp(u[k] - c))"),
    "variance": (
        "(Σ_k u[k]^2)/n - ((Σ_k u[k])/n)^2",
        "(Σ_k (u[k] - (Σ_j u[j])/n)^2)/n",
    ),
}


def is_reduction(node: Node) -> bool:
    """Whether a node is a sum or a maximum whose summand may be looked into, or holds one."""
    if node.op == "hold":
        return is_reduction(node.operands[0])
    formula = node.op
    return (
        isinstance(formula, Formula)
        and formula.reduce in ("sum", "max")
        and formula.is_plain
        and not formula.guards
        and node.dtype in FLOATS
        and is_small(formula.body)
    )


def _parts(total: Sum) -> Iterator[Sum]:
    yield total
    for atom in atoms(total):
        if isinstance(atom, Call):
            yield from atom.args


def _symbol(atom: object) -> str:
    return str(atom.args[0]) if isinstance(atom, Expr) and atom.head == "sym" else ""


def _is_exp(atom: object) -> bool:
    return isinstance(atom, Call) and atom.head == "exp"


@dataclass(frozen=True)
class Exponentials:
    """A sum of `exp(varying + shift)`: its own region, and the parts of the exponent."""

    region: Region
    varying: Sum
    shift: Sum


@dataclass(frozen=True)
class Shifted:
    """The nodes of softmax and its like: the argument minus its maximum, its exp, their sum.

    `axes` are the argument's, in its order, `kept` those that are not summed over.
    """

    axes: tuple[str, ...]
    kept: tuple[str, ...]
    maximum: Node
    difference: Node
    exponential: Node
    total: Node


class Reductions:
    """The rules for one root: they add the elements of new nodes to its region."""

    def __init__(self, region: Region, closed: Collection[Node] = ()) -> None:
        """Take the region in which the root's body is written, and what is not looked into."""
        self.region = region
        self.closed = closed
        self.made: set[Node] = set()

    def may_match(self, total: Sum) -> bool:
        """A quick look: a logarithm of a reduction, a quotient of exp by one, or one squared."""
        reductions = {
            name
            for (node, _), name in self.region.elements.items()
            if node not in self.closed and is_reduction(node)
        }
        if not reductions:
            return False
        for part in _parts(total):
            for product, _ in part.items:
                found = [n for atom, n in product.items if _symbol(atom) in reductions]
                if any(n < 0 for n in found) and any(_is_exp(atom) for atom, _ in product.items):
                    return True
                if 2 in found and len(part.items) > 1:
                    return True
                if any(_logarithm(atom) in reductions for atom, _ in product.items):
                    return True
        return False

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

    # ---- rules ---------------------------------------------------------------------------------

    def softmax(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`exp(u)·s⁻¹` with s the sum of exp(u)."""
        for atom, n in product.items:
            if not isinstance(atom, Call) or atom.head != "exp" or n != 1:
                continue
            for total, below in product.items:
                mapping = self._sums(total, of_atom(atom)) if below < 0 else None
                if mapping is None:
                    continue
                made = self._softmax(_symbol(total), mapping)
                rest = times(
                    of_term(product, coefficient), power(of_atom(atom), -1), of_atom(total)
                )
                return None if made is None else times(rest, made)
        return None

    def log_of_softmax(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`log(exp(u)·s⁻¹)`."""
        for atom, n in product.items:
            if not isinstance(atom, Call) or atom.head != "log":
                continue
            inner, scale = as_term(atom.args[0])
            parts = dict(inner.items)
            if scale != 1 or len(parts) != 2:
                continue
            for total, below in inner.items:
                above = next(a for a in parts if a is not total)
                if below != -1 or parts[above] != 1 or not _is_exp(above):
                    continue
                mapping = self._sums(total, of_atom(above))
                if mapping is None:
                    continue
                made = self._log_softmax(_symbol(total), mapping)
                return (
                    None
                    if made is None
                    else times(_without(product, coefficient, atom, n), power(made, n))
                )
        return None

    def logsumexp(self, product: Product, coefficient: Fraction) -> Sum | None:
        """`log(s)`, unless the user has subtracted the maximum."""
        for atom, n in product.items:
            name = _logarithm(atom)
            found = self._exponentials(name) if name else None
            if found is not None and not self._is_shifted(name, found):
                made = self._logsumexp(name, found, whole=True)
                return (
                    None
                    if made is None
                    else times(_without(product, coefficient, atom, n), power(made, n))
                )
        return None

    def shifted_logsumexp(self, total: Sum) -> Sum | None:
        """`c + log(Σ exp(u − c))` with the user's maximum c: the maximum is held instead."""
        for name, coefficient, found, rest in self._logarithms(total):
            if not found.shift.items or next(self._log_softmaxes(total), None) is not None:
                continue
            kept = self._kept(name)
            shift = scaled(self._here(found.region, found.shift, kept), -coefficient)
            made = self._logsumexp(name, found)
            if _holds(rest, shift) and made is not None:
                return plus(rest, scaled(shift, Fraction(-1)), scaled(made, coefficient))
        return None

    def log_softmax(self, total: Sum) -> Sum | None:
        """`u − log(s)`, also where both are shifted."""
        for name, coefficient, mapping, left in self._log_softmaxes(total):
            made = self._log_softmax(name, mapping)
            if made is not None:
                return plus(left, scaled(made, -coefficient))
        return None

    def _logarithms(self, total: Sum) -> Iterator[tuple[str, Fraction, Exponentials, Sum]]:
        """The terms k·log(s), s a sum of exponentials, and the other terms."""
        for product, coefficient in total.items:
            name = _logarithm(product.items[0][0]) if len(product.items) == 1 else ""
            found = self._exponentials(name) if name and product.items[0][1] == 1 else None
            if found is not None:
                rest = Sum(item for item in total.items if item[0] is not product)
                yield name, coefficient, found, rest

    def _log_softmaxes(self, total: Sum) -> Iterator[tuple[str, Fraction, dict[str, Place], Sum]]:
        """The terms k·(log(s) − u), and what is left when −k·log-softmax(u) takes their place."""
        for name, coefficient, found, rest in self._logarithms(total):
            for mapping in self._mappings(name, rest):
                varying = scaled(self._here(found.region, found.varying, mapping), -coefficient)
                if _holds(rest, varying):
                    shift = scaled(self._here(found.region, found.shift, mapping), coefficient)
                    yield (
                        name,
                        coefficient,
                        mapping,
                        plus(rest, scaled(varying, Fraction(-1)), shift),
                    )

    def variance(self, total: Sum) -> Sum | None:
        """`mean(u²) − mean(u)²`."""
        for squares, c in total.items:
            for square, d in total.items:
                pair = _mean_pair(squares, square)
                if pair is None:
                    continue
                (first, second), rest = pair
                made = self._variance(first, second, c, d)
                if made is not None:
                    others = Sum(i for i in total.items if i[0] not in (squares, square))
                    return plus(others, times(of_term(rest), made))
        return None

    # ---- what a symbol stands for --------------------------------------------------------------

    def _reduction(self, name: str, reduce: str) -> tuple[Node, Formula, tuple[Place, ...]] | None:
        """The reduction that a symbol reads, below a hold too, and where it is read."""
        element = self._element(name)
        if element is None:
            return None
        node, index = element
        if node.op == "hold":
            node = node.operands[0]
        if element[0] in self.closed or node in self.closed or not is_reduction(node):
            return None
        if isinstance(node.op, Formula) and node.op.reduce == reduce:
            return node, node.op, index
        return None

    def _element(self, name: str) -> Element | None:
        return next((e for e, known in self.region.elements.items() if known == name), None)

    def _kept(self, name: str) -> dict[str, Place]:
        """The axes that a reduction keeps, as read by the root."""
        element = self._element(name)
        assert element is not None
        node, index = element
        formula = node.operands[0].op if node.op == "hold" else node.op
        assert isinstance(formula, Formula)
        return {
            str(single_axis(part)): place for part, place in zip(formula.write, index, strict=True)
        }

    def _mappings(self, name: str, target: Sum, reduce: str = "sum") -> Iterator[dict[str, Place]]:
        """The ways to lay a reduction's axes over the places at which the target reads."""
        found = self._reduction(name, reduce)
        if found is None:
            return
        _, formula, _ = found
        kept = self._kept(name)
        places: dict[Place, None] = {}
        for known in names(target):
            element = self._element(known)
            places.update(dict.fromkeys(element[1] if element is not None else ()))
        choices = [[p for p in places if self._spans(p, a)] for a in formula.reduced]
        for chosen in itertools.islice(itertools.product(*choices), 64):
            yield {
                **kept,
                **{a.name: place for a, place in zip(formula.reduced, chosen, strict=True)},
            }

    def _spans(self, place: Place, a: Axis) -> bool:
        if isinstance(place, At):
            return True
        single = single_axis(place)
        return single is not None and self.region.extents.get(single) == a.extent

    def _sums(self, atom: object, target: Sum, reduce: str = "sum") -> dict[str, Place] | None:
        """How a reduction's axes lie where its summand is the target, or None."""
        found = self._reduction(_symbol(atom), reduce)
        if found is None:
            return None
        for mapping in self._mappings(_symbol(atom), target, reduce):
            body = self.region.body(found[0], mapping)
            if body is not None and normal_form(body) == target:
                return mapping
        return None

    def _exponentials(self, name: str) -> Exponentials | None:
        """The parts of the exponent, where a symbol is a sum of one exponential."""
        found = self._reduction(name, "sum")
        if found is None or self._element(name) != (found[0], found[2]):
            return None
        node, formula, _ = found
        region = Region(formula.axes, self.region.opened)
        body = region.body(node, region.own_axes())
        if body is None:
            return None
        product, coefficient = as_term(normal_form(body))
        if coefficient != 1 or len(product.items) != 1 or not _is_exp(product.items[0][0]):
            return None
        (argument,) = product.items[0][0].args
        summed = {a.name for a in formula.reduced}
        varying = [item for item in argument.items if _depends(region, item[0], summed)]
        rest = [item for item in argument.items if item not in varying]
        return Exponentials(region, Sum(varying), Sum(rest)) if varying else None

    def _is_shifted(self, name: str, found: Exponentials) -> bool:
        """Whether the maximum of the exponent, over the same axes, is subtracted in it already."""
        reduction = self._reduction(name, "sum")
        assert reduction is not None
        inner = Reductions(found.region, self.closed)
        for item in found.shift.items:
            atom = item[0].items[0][0] if len(item[0].items) == 1 else None
            largest = inner._reduction(_symbol(atom), "max")
            if item[1] != -1 or largest is None:
                continue
            rest = Sum(other for other in found.shift.items if other is not item)
            mapping = inner._sums(atom, plus(found.varying, rest), "max")
            over = {axis(a.name) for a in reduction[1].reduced}
            if mapping is not None and {mapping[a.name] for a in largest[1].reduced} == over:
                return True
        return False

    def _here(self, region: Region, part: Sum, mapping: dict[str, Place]) -> Sum:
        """A sum over the elements of another region, in this one's axes."""
        values: dict[str, Sum] = {}
        for (node, index), name in list(region.elements.items()):
            if name in names(part):
                place = moved(index, mapping)
                if place is None:
                    return of_atom(sym("?"))
                values[name] = normal_form(self.region.element(node, place))
        return substituted(part, values)

    # ---- what takes the place ------------------------------------------------------------------

    def _shifted(self, name: str, varying: Sum, region: Region) -> Shifted:
        """Build the nodes that softmax, log-softmax and logsumexp share."""
        found = self._reduction(name, "sum")
        assert found is not None
        node, formula, _ = found
        argument, index = _as_node(region, varying, node.dtype)
        axes = tuple(n for n in (single_axis(p) for p in index) if n is not None)
        summed = {a.name for a in formula.reduced}
        kept = tuple(a for a in axes if a not in summed)
        build = _Builder(region, axes, node.dtype)
        maximum = build("max", sym("_0"), ((argument, index),), kept, "max")
        held = make("hold", (maximum,), maximum.shape, maximum.dtype)
        read = tuple(axis(a) for a in axes)
        below = tuple(axis(a) for a in kept)
        difference = build(
            "subtract", apply("-", sym("_0"), sym("_1")), ((argument, index), (held, below)), axes
        )
        exponential = build("exp", apply("exp", sym("_0")), ((difference, read),), axes)
        total = build("sum", sym("_0"), ((exponential, read),), kept, "sum")
        self.made |= {maximum, held, difference, exponential, total}
        return Shifted(axes, kept, held, difference, exponential, total)

    def _softmax(self, name: str, mapping: dict[str, Place]) -> Sum | None:
        found = self._exponentials(name)
        if found is None:
            return None
        s = self._shifted(name, found.varying, found.region)
        build = _Builder(found.region, s.axes, s.total.dtype)
        read, kept = _axes(s.axes), _axes(s.kept)
        parts = ((s.exponential, read), (s.total, kept))
        made = build("softmax", apply("/", sym("_0"), sym("_1")), parts, s.axes)
        return self._new(made, s.axes, mapping)

    def _log_softmax(self, name: str, mapping: dict[str, Place]) -> Sum | None:
        found = self._exponentials(name)
        assert found is not None
        s = self._shifted(name, found.varying, found.region)
        build = _Builder(found.region, s.axes, s.total.dtype)
        parts = ((s.difference, _axes(s.axes)), (s.total, _axes(s.kept)))
        body = apply("-", sym("_0"), apply("log", sym("_1")))
        made = build("log_softmax", body, parts, s.axes)
        return self._new(made, s.axes, mapping)

    def _logsumexp(self, name: str, found: Exponentials, whole: bool = False) -> Sum | None:
        argument = plus(found.varying, found.shift) if whole else found.varying
        s = self._shifted(name, argument, found.region)
        build = _Builder(found.region, s.kept, s.total.dtype)
        parts = ((s.maximum, _axes(s.kept)), (s.total, _axes(s.kept)))
        made = build("logsumexp", apply("+", sym("_0"), apply("log", sym("_1"))), parts, s.kept)
        return self._new(made, s.kept, self._kept(name))

    def _variance(self, first: str, second: str, c: Fraction, d: Fraction) -> Sum | None:
        """`c·Σ w·e² + d·(Σ v·e)²` as k·mean((e − mean e)²), where the weights make it one."""
        a, b = self._reduction(first, "sum"), self._reduction(second, "sum")
        if a is None or b is None or a[2] != b[2] or len(a[1].write) != len(b[1].write):
            return None
        region = Region(a[1].axes, self.region.opened)
        squared = region.body(a[0], region.own_axes())
        if squared is None:
            return None
        inner = Reductions(region, self.closed)
        index = tuple(axis(str(single_axis(part))) for part in a[1].write)
        name = str(region.symbol(b[0], index).args[0])
        size = times(*(normal_form(_extent(region, x)) for x in a[1].reduced))
        square = normal_form(squared)
        for mapping in inner._mappings(name, square):
            if {mapping[x.name] for x in b[1].reduced} != set(_axes(x.name for x in a[1].reduced)):
                continue
            body = region.body(b[0], mapping)
            value, v = _weighted(normal_form(body)) if body is not None else (square, square)
            w = times(square, power(value, -2))
            scale = times(constant(c), w, size)
            if _is_weight(w) and plus(scale, times(constant(d), v, v, size, size)) == Sum(()):
                made = self._new_variance(a, region, value)
                return None if made is None else times(scale, made)
        return None

    def _new_variance(
        self, mean: tuple[Node, Formula, tuple[Place, ...]], region: Region, value: Sum
    ) -> Sum | None:
        node, formula, _ = mean
        over = {x.name for x in formula.reduced}
        value = Sum(item for item in value.items if _depends(region, item[0], over))
        argument, index = _as_node(region, value, node.dtype)
        axes = tuple(n for n in (single_axis(p) for p in index) if n is not None)
        summed = [x for x in formula.reduced if x.name in axes]
        kept = tuple(x for x in axes if x not in {y.name for y in summed})
        build = _Builder(region, axes, node.dtype)
        count = apply("extent", sym(summed[0].name))
        for x in summed[1:]:
            count = apply("*", count, apply("extent", sym(x.name)))
        center = build("mean", apply("/", sym("_0"), count), ((argument, index),), kept, "sum")
        parts = ((argument, index), (center, _axes(kept)))
        around = build("subtract", apply("-", sym("_0"), sym("_1")), parts, axes)
        body = apply("/", apply("^", sym("_0"), num(2)), count)
        made = build("variance", body, ((around, _axes(axes)),), kept, "sum")
        self.made |= {center, around}
        first = next(n for e, n in self.region.elements.items() if e[0] is node)
        return self._new(made, kept, self._kept(first))

    def _new(self, node: Node, axes: Sequence[str], mapping: dict[str, Place]) -> Sum | None:
        """The element of a new node; None where the root reads it already."""
        element = (node, tuple(mapping[a] for a in axes))
        self.made.add(node)
        return None if element in self.region.parts else of_atom(self.region.symbol(*element))


class _Builder:
    """Makes formula nodes over some axes of a region."""

    def __init__(self, region: Region, axes: Sequence[str], dtype: str) -> None:
        self.axes = {a: region.extents[a] for a in axes}
        self.dtype = dtype

    def __call__(
        self,
        name: str,
        body: Expr,
        operands: Sequence[tuple[Node, tuple[Polynomial, ...]]],
        write: Sequence[str],
        reduce: str = "set",
    ) -> Node:
        formula = Formula(
            name,
            tuple(Axis(a, extent) for a, extent in self.axes.items()),
            _axes(write),
            tuple(self.axes[a] for a in write),
            reduce,
            tuple(Read(k, index) for k, (_, index) in enumerate(operands)),
            body,
        )
        return formula_node(formula, [node for node, _ in operands], self.dtype)


def _as_node(region: Region, part: Sum, dtype: str) -> tuple[Node, tuple[Polynomial, ...]]:
    """A node that holds a sum's values, and the index at which it is read."""
    body = short_form(region, part, dtype)
    element = (
        next((e for e, n in region.elements.items() if n == body.args[0]), None)
        if body.head == "sym"
        else None
    )
    if element is not None and _is_whole(region, element):
        node, index = element
        return node, tuple(p for p in index if isinstance(p, Polynomial))
    order: dict[str, None] = {}
    elements = [e for e, name in region.elements.items() if name in names(normal_form(body))]
    for _, places in sorted(elements, key=lambda e: -len(e[1])):
        for place in places:
            order.update(dict.fromkeys(sorted(_place_axes(place))))
    order.update(dict.fromkeys(n for n in names(normal_form(body)) if n in region.extents))
    axes = tuple(order)
    made = Region(
        tuple(Axis(a, region.extents[a]) for a in axes), region.opened, dict(region.elements)
    )
    shape = tuple(region.extents[a] for a in axes)
    return made.node(body, _axes(axes), shape, dtype=dtype), _axes(axes)


def _is_whole(region: Region, element: Element) -> bool:
    """Whether an element is read at plain axes that span its node, each once."""
    node, index = element
    singles = [single_axis(p) if isinstance(p, Polynomial) else None for p in index]
    return (
        None not in singles
        and len(set(singles)) == len(singles)
        and all(region.extents[str(s)] == size for s, size in zip(singles, node.shape, strict=True))
    )


def _place_axes(place: Place) -> set[str]:
    if isinstance(place, At):
        return set().union(*(axes_of(part) for part in place.index)) if place.index else set()
    return axes_of(place)


def _axes(names_: Sequence[str] | Iterator[str]) -> tuple[Polynomial, ...]:
    return tuple(axis(a) for a in names_)


def _depends(region: Region, product: Product, summed: set[str]) -> bool:
    """Whether a term changes along the summed axes."""
    for name in names(of_term(product)):
        if name in summed:
            return True
        for (_, index), known in region.elements.items():
            if known == name and any(_place_axes(place) & summed for place in index):
                return True
    return False


def _logarithm(atom: object) -> str:
    """The symbol of which an atom is the logarithm, else nothing."""
    if isinstance(atom, Call) and atom.head == "log":
        product, scale = as_term(atom.args[0])
        if scale == 1 and len(product.items) == 1 and product.items[0][1] == 1:
            return _symbol(product.items[0][0])
    return ""


def _without(product: Product, coefficient: Fraction, atom: object, n: int) -> Sum:
    return of_term(Product(i for i in product.items if i != (atom, n)), coefficient)


def _holds(total: Sum, part: Sum) -> bool:
    """Whether every term of `part` is a term of `total`, with its coefficient."""
    held = dict(total.items)
    return all(held.get(product) == c for product, c in part.items)


def _mean_pair(squares: Product, square: Product) -> tuple[tuple[str, str], Product] | None:
    """(A, B) and the rest, where the terms are A·rest and B²·rest."""
    for b, n in square.items:
        rest = Product(i for i in square.items if i[0] != b)
        left = dict(squares.items)
        shared = all(left.get(atom) == k for atom, k in rest.items)
        if n != 2 or not _symbol(b) or not shared or len(left) != len(rest.items) + 1:
            continue
        a, m = next(i for i in squares.items if i not in rest.items)
        if m == 1 and _symbol(a):
            return (_symbol(a), _symbol(b)), rest
    return None


def _extent(region: Region, a: Axis) -> Expr:
    return num(a.extent) if isinstance(a.extent, int) else apply("extent", sym(a.name))


def _weighted(total: Sum) -> tuple[Sum, Sum]:
    """A summand as value · weight: numbers and extents are the weight."""
    product, coefficient = as_term(total)
    value = Product(i for i in product.items if not _is_extent(i[0]))
    weight = Product(i for i in product.items if _is_extent(i[0]))
    return times(*(power(call_of(a), n) for a, n in value.items)), of_term(weight, coefficient)


def _is_extent(atom: object) -> bool:
    return isinstance(atom, Expr) and atom.head == "extent"


def _is_weight(total: Sum) -> bool:
    return len(total.items) == 1 and all(_is_extent(a) for a, _ in total.items[0][0].items)
