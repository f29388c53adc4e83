"""Composing element-wise nodes: what a node computes, as one body over nodes further down.

A `Cut` says which nodes below a root are seen through: element-wise formulas, a few levels deep. A
`Region` writes bodies over the elements that are read below the cut, each a node at an index in
the root's axes. So a broadcast, a transpose or a slice in between is seen through too: the reads
of an affine read are affine.

    L[i] = log(t[i])   t[i] = 1 + e[i]   e[i] = exp(z[i])      becomes    L[i] = log(1 + exp(z[i]))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from graphnn.calculus.formula import (
    Axis,
    Formula,
    Index,
    Lookup,
    Read,
    Shape,
    Size,
    compact,
    normal,
    read_symbol,
    rename_symbols,
)
from graphnn.calculus.polynomial import (
    Polynomial,
    atoms,
    axes_of,
    axis,
    polynomial,
    single_axis,
    substitute,
    to_expression,
)
from graphnn.expression.algebra import multiply, negate
from graphnn.expression.bags import Product, Sum, as_term
from graphnn.expression.normal_form import normal_form, short, written
from graphnn.expression.tree import Expr, apply, fold, num, postorder, rebuild, sym
from graphnn.graph.apply import formula_node
from graphnn.graph.node import FLOATS, Node, constant, scalar_value

LEVELS = 6
MAX_OPEN = 32
MAX_BODY = 60
MAX_OPERANDS = 6


@dataclass(frozen=True)
class At:
    """An index that is an element of an integer node: a `Lookup` that knows its node."""

    node: Node
    index: tuple[Polynomial, ...]


Place = Polynomial | At
Element = tuple[Node, tuple[Place, ...]]
Mapped = Mapping[str, Place]


@dataclass
class Region:
    """Bodies over elements, in the axes of one root formula.

    `elements` maps an element that is read to the symbol that stands for it, `parts` holds the
    body of every element that was seen through.
    """

    axes: tuple[Axis, ...]
    opened: Collection[Node]
    elements: dict[Element, str] = field(default_factory=dict)
    parts: dict[Element, Expr] = field(default_factory=dict)

    @property
    def extents(self) -> dict[str, Size]:
        """Axis name → extent."""
        return {a.name: a.extent for a in self.axes}

    def own_axes(self) -> dict[str, Place]:
        """The mapping under which every axis is itself."""
        return {a.name: axis(a.name) for a in self.axes}

    def symbol(self, node: Node, index: tuple[Place, ...]) -> Expr:
        """The symbol of an element."""
        return sym(self.elements.setdefault((node, index), f"_{len(self.elements)}"))

    def of(self, name: str) -> Element:
        """The element that a symbol stands for."""
        return next(element for element, known in self.elements.items() if known == name)

    def body(self, node: Node, mapping: Mapped) -> Expr | None:
        """The body of a formula node, its axes mapped; None where an index has no body form."""
        formula = node.op
        if not isinstance(formula, Formula):
            return None
        parts: list[Expr] = []
        for read in formula.reads:
            index = _moved(read.index, node.operands, mapping)
            if index is None:
                return None
            parts.append(self.element(node.operands[read.operand], index))
        if not _has_positions(formula.body):
            return _over(formula.body, tuple(parts))
        return self._in_axes(formula, parts, mapping)

    def element(self, node: Node, index: tuple[Place, ...]) -> Expr:
        """An element: a number, the body of a node that is seen through, or a symbol."""
        value = scalar_value(node)
        if value is not None:
            return num(value)
        if node not in self.opened:
            return self.symbol(node, index)
        if not isinstance(node.op, Formula):
            (whole,) = node.operands
            kept = (p for p, size in zip(index, node.shape, strict=True) if size != 1)
            places = tuple(polynomial(0) if size == 1 else next(kept) for size in whole.shape)
            return self.element(whole, places)
        if (node, index) in self.parts:
            return self.parts[node, index]
        names = [str(single_axis(part)) for part in node.op.write]
        made = self.body(node, dict(zip(names, index, strict=True)))
        if made is None:
            return self.symbol(node, index)
        self.parts[node, index] = made
        return made

    def _in_axes(self, formula: Formula, parts: Sequence[Expr], mapping: Mapped) -> Expr | None:
        """The body over other bodies; positions and extents in the region's axes."""
        lost = False
        symbols = {f"_{k}": part for k, part in enumerate(parts)}

        def visit(node: Expr, parts: list[Expr]) -> Expr:
            nonlocal lost
            made: Expr | None = node
            if node.head == "sym":
                name = node.args[0]
                made = symbols.get(name) or _position(mapping[name])
            elif node.head == "extent":
                made = self._extent(formula.extents[node.args[0].args[0]])
            elif node.head != "num":
                made = rebuild(node, parts)
            lost = lost or made is None
            return made or node

        result = fold(formula.body, visit)
        return None if lost else result

    def _extent(self, size: Size) -> Expr | None:
        if isinstance(size, int):
            return num(size)
        names = [name for name, extent in self.extents.items() if extent == size]
        return apply("extent", sym(names[0])) if names else None

    def number(self, value: Fraction, dtype: str) -> Expr:
        """A number in a body: small ones are written, any other is a scalar operand."""
        if value < 0:
            return negate(self.number(-value, dtype))
        if value in (0, 1, 2, 4, Fraction(1, 2), Fraction(1, 4)):
            return num(short(value))
        return self.symbol(constant(short(value), dtype), ())

    def node(
        self,
        body: Expr,
        write: tuple[Index, ...] | None = None,
        shape: Shape = (),
        *,
        like: Node | None = None,
        dtype: str = "float32",
        reduce: str = "set",
        name: str = "",
    ) -> Node:
        """The node that accumulates a body over the region's elements, or the node it reads.

        `like` gives everything but the body. Without a write all axes are written.
        """
        guards: tuple[Polynomial, ...] = ()
        operands: list[Node] = []
        if like is not None and isinstance(like.op, Formula):
            formula, dtype = like.op, like.dtype
            write, shape, reduce = formula.write, formula.shape, formula.reduce
            name, guards = name or formula.name, formula.guards
            operands.extend(like.operands[k.operand] for k in write if isinstance(k, Lookup))
            write = tuple(
                Lookup(operands.index(like.operands[k.operand]), k.index)
                if isinstance(k, Lookup)
                else k
                for k in write
            )
        elif write is None:
            write = tuple(axis(a.name) for a in self.axes)
            shape = tuple(a.extent for a in self.axes)
        place = {name: element for element, name in self.elements.items()}
        used = [s.args[0] for s in _in_order(body) if s.args[0] in place]
        symbols: dict[str, Expr] = {}
        reads: list[Read] = []
        for number, old in enumerate(used):
            node, index = place[old]
            reads.append(
                Read(_numbered(node, operands), tuple(_numbered_index(p, operands) for p in index))
            )
            symbols[old] = read_symbol(number)
        made = Formula(
            name or body.head,
            self.axes,
            write,
            shape,
            reduce,
            tuple(reads),
            rename_symbols(body, symbols),
            guards,
        )
        tidy, kept = compact(normal(made))
        return formula_node(tidy, [operands[k] for k in kept], dtype)


def short_form(region: Region, total: Sum, dtype: str) -> Expr:
    """A sum as a body that reads a node wherever one holds a part of it, up to a factor."""
    held: dict[Product, list[tuple[Element, Fraction]]] = {}
    for element, part in region.parts.items():
        product, scale = as_term(normal_form(part))
        bare = len(product.items) == 1 and isinstance(product.items[0][0], Expr)
        if bare and product.items[0][1] == 1:
            continue
        if product.items and element[0].dtype in FLOATS:
            held.setdefault(product, []).append((element, scale))

    def known(part: Sum) -> Expr | None:
        product, coefficient = as_term(part)
        found = held.get(product)
        if not found:
            return None
        (node, index), scale = next((e for e in found if e[1] == coefficient), found[0])
        read = region.symbol(node, index)
        factor = coefficient / scale
        return read if factor == 1 else multiply(region.number(factor, dtype), read)

    return written(total, known, lambda value: region.number(value, dtype))


@lru_cache(maxsize=65536)
def _has_positions(body: Expr) -> bool:
    """Whether a body names an axis or an extent."""
    return any(
        part.head == "extent" or (part.head == "sym" and not part.args[0].startswith("_"))
        for part in postorder(body)
    )


@lru_cache(maxsize=65536)
def _over(body: Expr, parts: tuple[Expr, ...]) -> Expr:
    """A body over other bodies, once for a kind."""
    return rename_symbols(body, {f"_{k}": part for k, part in enumerate(parts)})


def _in_order(body: Expr) -> list[Expr]:
    """The symbols of a body, each once, as they are written."""
    found: dict[Expr, None] = {}
    stack = [body]
    seen: set[Expr] = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.head == "sym":
            found[node] = None
        elif node.head != "num":
            stack.extend(reversed(node.args))
    return list(found)


def _numbered(node: Node, operands: list[Node]) -> int:
    if node not in operands:
        operands.append(node)
    return operands.index(node)


def _numbered_index(place: Place, operands: list[Node]) -> Index:
    if isinstance(place, At):
        return Lookup(_numbered(place.node, operands), place.index)
    return place


def _position(place: Place) -> Expr | None:
    """A position as a body expression: of axes and integers only."""
    if isinstance(place, At) or not all(isinstance(atom, str) for atom in atoms(place)):
        return None
    return to_expression(place)


def moved(index: Sequence[Place], mapping: Mapped) -> tuple[Place, ...] | None:
    """An index with its axes replaced; None where a looked-up position would be calculated with."""
    found: list[Place] = []
    for part in index:
        if isinstance(part, At):
            inner = [_moved_part(p, mapping) for p in part.index]
            plain = tuple(p for p in inner if isinstance(p, Polynomial))
            if len(plain) != len(inner):
                return None
            found.append(At(part.node, plain))
            continue
        one = _moved_part(part, mapping)
        if one is None:
            return None
        found.append(one)
    return tuple(found)


def _moved_part(part: Polynomial, mapping: Mapped) -> Place | None:
    single = single_axis(part)
    if single is not None:
        return mapping[single]
    places = {name: mapping[name] for name in axes_of(part)}
    plain = {name: place for name, place in places.items() if isinstance(place, Polynomial)}
    return polynomial(substitute(part, plain)) if len(plain) == len(places) else None


def _moved(
    index: Sequence[Index], operands: Sequence[Node], mapping: Mapped
) -> tuple[Place, ...] | None:
    return moved(
        [At(operands[p.operand], p.index) if isinstance(p, Lookup) else p for p in index], mapping
    )
