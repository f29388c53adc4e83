"""Looking into reductions: what a sum or a maximum that a body reads is a sum or maximum of.

A body over elements (graphnn.graph.compose) names a reduction by the symbol of an element. Its
summand is compared with a part of the body by laying the reduction's axes over the places at which
that part reads: `s[b] += exp(z[b, j])`, read at `s[i]` beside `exp(z[i, k])`, has b at i, j at k.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from graphnn.calculus.formula import Axis, Formula
from graphnn.calculus.polynomial import axes_of, axis, single_axis
from graphnn.expression.bags import Call, Product, Sum, as_term, names, of_term, plus, substituted
from graphnn.expression.normal_form import normal_form
from graphnn.expression.tree import Expr
from graphnn.graph.compose import At, Element, Place, Region, moved
from graphnn.graph.cut import is_small, nearest
from graphnn.graph.node import FLOATS, Node

MAX_MAPPINGS = 64

Mapping = dict[str, Place]


@dataclass(frozen=True)
class Reduction:
    """A reduction that a symbol reads: the node, its formula, and the index at which it is read."""

    node: Node
    formula: Formula
    index: tuple[Place, ...]

    @property
    def kept(self) -> Mapping:
        """The axes that it keeps, as read."""
        written = (str(single_axis(part)) for part in self.formula.write)
        return dict(zip(written, self.index, strict=True))

    @property
    def over(self) -> set[str]:
        """The axes that it sums or maximises over."""
        return {a.name for a in self.formula.reduced}


@dataclass(frozen=True)
class Exponentials:
    """A sum of `exp(varying + shift)`: its own region, and the parts of the exponent.

    `varying` changes along the summed axes, `shift` does not.
    """

    sum: Reduction
    region: Region
    varying: Sum
    shift: Sum


@dataclass
class Reductions:
    """The reductions that a region reads; `closed` nodes are not looked into."""

    region: Region
    closed: Collection[Node]
    known: dict[str, Exponentials | None] = field(default_factory=dict)

    def element(self, name: str) -> Element | None:
        """The element that a symbol stands for."""
        return next((e for e, known in self.region.elements.items() if known == name), None)

    def reduction(self, name: str, reduce: str = "sum") -> Reduction | None:
        """The reduction that a symbol reads, a maximum also where it is held."""
        element = self.element(name)
        if element is None or element[0] in self.closed:
            return None
        node = element[0]
        if node.op == "hold" and reduce == "max":
            node = node.operands[0]
        if node in self.closed or not isinstance(node.op, Formula) or node.op.reduce != reduce:
            return None
        return Reduction(node, node.op, element[1]) if is_reduction(node) else None

    def mappings(self, found: Reduction, target: Sum) -> Iterator[Mapping]:
        """The ways to lay a reduction's axes over the places at which the target reads."""
        places: dict[Place, None] = {}
        for name in names(target):
            element = self.element(name)
            places.update(dict.fromkeys(element[1] if element is not None else ()))
        choices = [[p for p in places if self._spans(p, a)] for a in found.formula.reduced]
        axes = [a.name for a in found.formula.reduced]
        for chosen in itertools.islice(itertools.product(*choices), MAX_MAPPINGS):
            yield {**found.kept, **dict(zip(axes, chosen, strict=True))}

    def _spans(self, place: Place, a: Axis) -> bool:
        if isinstance(place, At):
            return True
        single = single_axis(place)
        return single is not None and self.region.extents.get(single) == a.extent

    def laid(self, found: Reduction | None, target: Sum) -> Mapping | None:
        """How a reduction's axes lie where its summand is the target, or None."""
        if found is not None:
            for mapping in self.mappings(found, target):
                body = self.region.body(found.node, mapping)
                if body is not None and normal_form(body) == target:
                    return mapping
        return None

    def exponentials(self, name: str) -> Exponentials | None:
        """The parts of the exponent, where a symbol is a sum of one exponential."""
        if name not in self.known:
            self.known[name] = self._exponentials(name)
        return self.known[name]

    def _exponentials(self, name: str) -> Exponentials | None:
        found = self.reduction(name)
        if found is None:
            return None
        return self.parts(found, Region(found.formula.axes, self.region.opened))

    @staticmethod
    def parts(found: Reduction, region: Region) -> Exponentials | None:
        """The parts of the exponent of a sum of one exponential, in a region of its own axes."""
        body = region.body(found.node, region.own_axes())
        if body is None:
            return None
        product, coefficient = as_term(normal_form(body))
        if coefficient != 1 or len(product.items) != 1:
            return None
        ((atom, _),) = product.items
        if not isinstance(atom, Call) or atom.head != "exp":
            return None
        terms = atom.args[0].items
        varying = [item for item in terms if depends(region, item[0], found.over)]
        rest = [item for item in terms if item not in varying]
        return Exponentials(found, region, Sum(varying), Sum(rest)) if varying else None

    def is_shifted(self, found: Exponentials) -> bool:
        """Whether the maximum of the exponent, over the same axes, is subtracted in it already.

        Seen from the sum itself: from further up the cut may end before the maximum.
        """
        opened = nearest(found.sum.node, self.closed, is_reduction)
        own = self.parts(found.sum, Region(found.sum.formula.axes, opened))
        if own is None:
            return False
        found, inner = own, Reductions(own.region, self.closed)
        for item in found.shift.items:
            largest = inner.reduction(symbol_of(item[0]), "max")
            if item[1] != -1 or largest is None:
                continue
            rest = Sum(other for other in found.shift.items if other is not item)
            mapping = inner.laid(largest, plus(found.varying, rest))
            over = {axis(name) for name in found.sum.over}
            if mapping is not None and {mapping[name] for name in largest.over} == over:
                return True
        return False

    def here(self, region: Region, part: Sum, mapping: Mapping) -> Sum | None:
        """A sum over the elements of another region, in this one's axes."""
        wanted = set(names(part))
        values: dict[str, Sum] = {}
        for (node, index), name in list(region.elements.items()):
            if name in wanted:
                place = moved(index, mapping)
                if place is None:
                    return None
                values[name] = normal_form(self.region.element(node, place))
        return substituted(part, values) if wanted <= set(values) else None


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


def symbol_of(product: Product) -> str:
    """The symbol that a product is, else nothing."""
    if len(product.items) == 1 and product.items[0][1] == 1:
        atom = product.items[0][0]
        if isinstance(atom, Expr) and atom.head == "sym":
            return str(atom.args[0])
    return ""


def depends(region: Region, product: Product, over: set[str]) -> bool:
    """Whether a term changes along some axes."""
    wanted = set(names(of_term(product)))
    return bool(wanted & over) or any(
        name in wanted and any(place_axes(place) & over for place in index)
        for (_, index), name in region.elements.items()
    )


def place_axes(place: Place) -> set[str]:
    """The axes that an index depends on."""
    if isinstance(place, At):
        return {name for part in place.index for name in axes_of(part)}
    return axes_of(place)
