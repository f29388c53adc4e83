"""The formula that a definition becomes for given shapes: operands, reads, extents, guards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphnn.calculus.definition import (
    Definition,
    names_outside_indices,
    parts_outside_indices,
)
from graphnn.calculus.extents import guards_for, infer
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
    FloorDivision,
    Polynomial,
    axes_of,
    axis,
    floor_divide,
    polynomial,
    single_axis,
)
from graphnn.calculus.polynomial import (
    plain as as_size,
)
from graphnn.calculus.shapes import AXIS_NAMES, broadcast_shapes, shape_text
from graphnn.errors import ShapeError
from graphnn.expression.tree import (
    Expr,
    fold,
    num,
    postorder,
    substitute,
)


@dataclass(frozen=True)
class Instance:
    """A definition for given shapes: the formula, and which argument each operand of it is.

    `uses` holds an argument's position, or a parameter's name (a scalar operand).
    """

    formula: Formula
    uses: tuple[int | str, ...]


@lru_cache(maxsize=65536)
def instantiate(
    definition: Definition,
    shapes: tuple[Shape, ...],
    parameters: tuple[tuple[str, Size], ...] = (),
) -> Instance:
    """The formula of an op for operands of these shapes.

    >>> from graphnn.calculus.definition import define
    >>> made = instantiate(define("add(a, b) = a + b"), ((2, 3), (3,)))
    >>> str(made.formula)
    'y[i, j] = a[i, j] + b[j]'

    Raises ShapeError that names the axis or dimensions that do not fit.
    """
    if len(shapes) != len(definition.operands):
        raise ShapeError(
            f"{definition.name} takes {len(definition.operands)} operands "
            f"({', '.join(definition.operands)}); {len(shapes)} were given"
        )
    try:
        if definition.write is None:
            return _elementwise(definition, shapes)
        return _Indexed(definition, shapes, dict(parameters)).made()
    except ShapeError as error:
        given = ", ".join(
            f"{name}: {shape_text(shape)}"
            for name, shape in zip(definition.operands, shapes, strict=True)
        )
        raise ShapeError(f"{error.message}; in {definition.text.strip()} with {given}") from None


def _elementwise(definition: Definition, shapes: tuple[Shape, ...]) -> Instance:
    scalars = definition.body_parameters
    shape = broadcast_shapes(shapes)
    axes = tuple(Axis(name, size) for name, size in zip(AXIS_NAMES, shape, strict=False))
    reads = []
    for k, own in enumerate((*shapes, *(() for _ in scalars))):
        skipped = len(shape) - len(own)
        index = tuple(
            polynomial(0)
            if as_size(size) == 1 and as_size(axes[skipped + d].extent) != 1
            else axis(axes[skipped + d].name)
            for d, size in enumerate(own)
        )
        reads.append(Read(k, index))
    names = [*definition.operands, *scalars]
    body = rename_symbols(definition.body, {name: read_symbol(k) for k, name in enumerate(names)})
    write = tuple(axis(a.name) for a in axes)
    uses: tuple[int | str, ...] = (*range(len(shapes)), *scalars)
    formula = Formula(definition.name, axes, write, shape, "set", tuple(reads), body)
    return _without_unused(formula, uses)


def _without_unused(formula: Formula, uses: tuple[int | str, ...]) -> Instance:
    """Keep only the operands that the body reads or an index looks up."""
    formula, kept = compact(normal(formula))
    return Instance(formula, tuple(uses[old] for old in kept))


class _Indexed:
    """The state of one instantiation: operands met so far, and the sizes that names stand for."""

    def __init__(
        self, definition: Definition, shapes: tuple[Shape, ...], given: Mapping[str, Size]
    ) -> None:
        self.definition = definition
        self.shapes = shapes
        self.numbers: dict[str, Size] = {}
        self.uses: list[int | str] = []
        self.reads: list[Read] = []
        self.accesses: list[tuple[str, int, Polynomial, Size]] = []
        scalars = definition.body_parameters
        for name, default in definition.parameters:
            if name in given:
                self.numbers[name] = given[name]
            elif default is not None and name in definition.size_parameters:
                self.numbers[name] = as_size(self.size(default))
            elif default is None and name not in scalars:
                raise ShapeError(f"{definition.name} needs the parameter {name}")

    def size(self, e: Expr) -> Polynomial:
        """An index, bound or size expression as a polynomial over axes and sizes."""
        if names_outside_indices(e) & set(self.definition.operands):
            raise ShapeError(f"{e} is not an affine index: an operand's elements cannot be added")

        def visit(node: Expr, parts: list[Polynomial]) -> Polynomial:
            match node.head:
                case "num" if isinstance(node.args[0], int):
                    return polynomial(node.args[0])
                case "sym":
                    name = node.args[0]
                    return polynomial(self.numbers[name]) if name in self.numbers else axis(name)
                case "+":
                    return parts[0] + parts[1]
                case "-":
                    return parts[0] - parts[1]
                case "neg":
                    return -parts[0]
                case "*":
                    return parts[0] * parts[1]
                case "/" | "//":
                    return floor_divide(parts[0], parts[1])
                case "size":
                    return self._size_of(node)
            raise ShapeError(f"{node} is not an affine index")

        return fold(e, visit)

    def _size_of(self, node: Expr) -> Polynomial:
        operand, place = (part.args[0] for part in node.args)
        shape = self.shapes[self.definition.operands.index(operand)]
        if place >= len(shape):
            raise ShapeError(f"{operand} has no dimension {place}")
        return polynomial(shape[place])

    def operand(self, use: int | str) -> int:
        """The number of the operand that stands for an argument: a new one for each use."""
        self.uses.append(use)
        return len(self.uses) - 1

    def index(self, e: Expr, name: str, place: int, size: Size) -> Index:
        """One index of `name`, remembered as an access unless it is looked up."""
        if e.head == "[]":
            inner_name = e.args[0].args[0]
            return self._lookup(inner_name, e.args[1:])
        if e.head == "sym" and e.args[0] in self.definition.operands:
            return self._lookup(e.args[0], ())
        found = self.size(e)
        _check_affine(found, e)
        self.accesses.append((name, place, found, size))
        return found

    def _lookup(self, name: str, parts: Sequence[Expr]) -> Lookup:
        """An index that is an element of an integer operand."""
        argument = self.definition.operands.index(name)
        inner = self._subscripts(name, argument, parts)
        affine = tuple(part for part in inner if isinstance(part, Polynomial))
        if len(affine) != len(inner):
            raise ShapeError(f"{name} is itself looked up by an element: only one level is read")
        return Lookup(self.operand(argument), affine)

    def _subscripts(self, name: str, argument: int, parts: Sequence[Expr]) -> tuple[Index, ...]:
        shape = self.shapes[argument]
        if len(parts) != len(shape):
            raise ShapeError(
                f"{name} has {len(shape)} dimensions {shape_text(shape)} "
                f"and is read with {len(parts)} indices"
            )
        return tuple(
            self.index(part, name, d, size)
            for d, (part, size) in enumerate(zip(parts, shape, strict=True))
        )

    def _body(self) -> Expr:
        made: dict[Expr, Expr] = {}
        operands = self.definition.operands
        outside = set(parts_outside_indices(self.definition.body))
        for node in postorder(self.definition.body):
            if node.head == "[]" and node.args[0].args[0] in operands:
                name, parts = node.args[0].args[0], node.args[1:]
            elif node not in outside:
                continue
            elif node.head == "size":
                made[node] = self._number(node)
                continue
            elif node.head == "sym" and node.args[0] in operands:
                name, parts = node.args[0], ()
            elif node.head == "sym" and node.args[0] in self.definition.body_parameters:
                made[node] = read_symbol(len(self.reads))
                self.reads.append(Read(self.operand(node.args[0]), ()))
                continue
            else:
                continue
            argument = operands.index(name)
            index = self._subscripts(name, argument, parts)
            made[node] = read_symbol(len(self.reads))
            self.reads.append(Read(self.operand(argument), index))
        return substitute(self.definition.body, made)

    def _number(self, node: Expr) -> Expr:
        value = as_size(self._size_of(node))
        if not isinstance(value, int):
            raise ShapeError(f"{node} is the symbolic size {value}; write extent(…) of its axis")
        return num(value)

    def made(self) -> Instance:
        definition = self.definition
        body = self._body()
        stated = {name: as_size(self.size(bound)) for name, bound in definition.bounds}
        write: list[Index] = []
        for written in definition.write or ():
            if written.head == "[]":
                write.append(self._lookup(written.args[0].args[0], written.args[1:]))
            else:
                write.append(self.size(written))
        names: dict[str, None] = {}
        for index in (*write, *(i for r in self.reads for i in r.index)):
            for part in index.index if isinstance(index, Lookup) else (index,):
                names.update(dict.fromkeys(sorted(axes_of(part), key=_spelled(part))))
        names.update(dict.fromkeys(stated))
        extents = infer(list(names), self.accesses, stated)
        guards: dict[Polynomial, None] = {}
        for name, place, index, size in self.accesses:
            needed = guards_for(index, size, extents)
            if needed and not axes_of(index) & set(stated):
                raise ShapeError(
                    f"{name}[… {index} …] leaves dimension {place} of {name}, which has size {size}; "
                    f"state how far it runs: for {min(axes_of(index), default='i')} < …"
                )
            guards.update(dict.fromkeys(needed))
        shape = tuple(self._written_size(index, extents) for index in write)
        axes = tuple(Axis(name, extents[name]) for name in names)
        formula = Formula(
            definition.name,
            axes,
            tuple(write),
            shape,
            definition.reduce,
            tuple(self.reads),
            _with_extents(body, names),
            tuple(guards),
        )
        return _without_unused(formula, tuple(self.uses))

    def _written_size(self, index: Index, extents: Mapping[str, Size]) -> Size:
        name = single_axis(index)
        if name is None:
            raise ShapeError(
                f"the output index {index} is not a plain axis: its size cannot be inferred"
            )
        return as_size(extents[name])


def _check_affine(index: Polynomial, e: Expr) -> None:
    """An index is affine: no product of axes, no division of one."""
    for monomial, _ in index.terms:
        named = [atom for atom in monomial if isinstance(atom, str)]
        divided = any(
            axes_of(atom.numerator) | axes_of(atom.denominator)
            for atom in monomial
            if isinstance(atom, FloorDivision)
        )
        if len(named) > 1 or divided:
            raise ShapeError(f"{e} is not an affine index")


def _spelled(index: Polynomial) -> Callable[[str], tuple[int, str]]:
    text = str(index)
    return lambda name: (text.find(name), name)


def _with_extents(body: Expr, axes: Mapping[str, None]) -> Expr:
    """`extent(i)` stays symbolic: one kind of op stays one kind whatever its sizes."""
    for node in postorder(body):
        if node.head == "extent" and node.args[0].args[0] not in axes:
            raise ShapeError(f"extent({node.args[0]}) names no axis")
    return body
