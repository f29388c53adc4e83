"""An affine read is a strided view: every operand becomes an array whose axes are plain.

`x[b, 2*i + u, c]` is a view with axes b, i, u, c; under a guard, of a padded copy; an element of an
integer operand is a gather. A `View` is Python text and the axis of each of its dimensions; the
contraction, body and scatter printers see nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphnn.calculus.extents import bounds
from graphnn.calculus.formula import Formula, Index, Lookup, Read, Shape, Size, index_axes
from graphnn.calculus.polynomial import (
    Atom,
    Dimension,
    Polynomial,
    atoms,
    axes_of,
    coefficient,
    dimension,
    plain,
    polynomial,
    single_axis,
)
from graphnn.graph.node import FLOATS

from codegen.spelling import ATOM, Names, size_factor, size_text, tuple_text, wrap


@dataclass(frozen=True)
class Operand:
    """What a kernel reads: Python text, shape and dtype; `literal` for a number."""

    text: str
    shape: Shape
    dtype: str
    binding: int = ATOM
    literal: bool = False


class Dim(NamedTuple):
    """A dimension of a viewed array: its subscript, and the axis that it becomes.

    The axis is None where the subscript is a number and the dimension disappears; `unit` says that
    the dimension has size 1, so that it can stand for an axis that is missing.
    """

    subscript: str
    axis: str | None
    unit: bool = False


@dataclass(frozen=True)
class View:
    """An array as Python text, and what each of its dimensions becomes."""

    text: str
    dims: tuple[Dim, ...]
    dtype: str
    binding: int = ATOM
    literal: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of the dimensions, in order."""
        return tuple(dim.axis for dim in self.dims if dim.axis is not None)


@dataclass
class Space:
    """Where a kernel is printed: names, lines so far, the domain, and which helpers it calls.

    `loops` maps the axes that a surrounding `for` binds to their variables.
    """

    names: Names
    sizes: Mapping[str, str]
    floats: Mapping[str, str]
    helpers: set[str]
    samples: Mapping[str, int]
    formula: Formula
    lines: list[str] = field(default_factory=list)
    loops: dict[str, str] = field(default_factory=dict)
    margins: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    @property
    def symbols(self) -> dict[Atom, str]:
        """Dimensions and loop variables, as identifiers."""
        known: dict[Atom, str] = {Dimension(name): text for name, text in self.sizes.items()}
        known.update({Dimension(name): text for name, text in self.margins.items()})
        known.update(self.loops)
        return known

    def size(self, value: Size) -> str:
        """An extent or index as Python text."""
        return size_text(value, self.symbols)

    def factor(self, value: Size) -> str:
        """An extent as a factor."""
        return size_factor(value, self.symbols)

    def extent(self, axis: str) -> Size:
        """The extent of an axis."""
        return plain(self.formula.extents[axis])

    def shape(self, shape: Sequence[Size]) -> str:
        """A shape as Python text."""
        return tuple_text([self.size(size) for size in shape])

    def dtype(self, dtype: str) -> str:
        """A dtype as Python text."""
        return self.floats.get(dtype) or f"np.{'bool_' if dtype == 'bool' else dtype}"

    def call(self, helper: str) -> str:
        """The name of a helper of the emitted module, which will then be emitted."""
        self.helpers.add(helper)
        return helper

    def keep(self, text: str, wanted: str = "") -> str:
        """A new variable that holds the value of `text`."""
        name = self.names.fresh(wanted) if wanted else self.names.numbered("t")
        self.lines.append(f"{name} = {text}")
        return name

    def share(self, text: str, wanted: str) -> str:
        """A variable for what does not depend on a loop; one for all kernels of a pass."""
        if text not in self.shared:
            self.shared[text] = self.keep(text, wanted)
        return self.shared[text]


def whole(text: str, axes: Sequence[str], dtype: str, binding: int = ATOM) -> View:
    """A view of an array whose dimensions are these axes."""
    return View(text, tuple(Dim(":", axis) for axis in axes), dtype, binding)


def open_axes(index: Index, loops: Mapping[str, str]) -> list[str]:
    """The axes of an index that no loop binds, sorted."""
    return sorted(axes_of(index) - set(loops)) if isinstance(index, Polynomial) else []


def is_affine(index: Index) -> bool:
    """Whether each axis occurs to the first power, with an integer coefficient."""
    if isinstance(index, Lookup):
        return False
    for monomial, _ in index.terms:
        held = [atom for atom in monomial if atoms(Polynomial((((atom,), 1),))) & axes_of(index)]
        if held and (len(monomial) > 1 or not isinstance(monomial[0], str)):
            return False
    return True


def read_view(
    space: Space, read: Read, operands: Sequence[Operand], fill: str = "0"
) -> View:
    """The view that one read of the formula is; padded with `fill` where guards let it leave."""
    operand = operands[read.operand]
    if operand.literal or not operand.shape:
        return View(operand.text, (), operand.dtype, operand.binding, operand.literal)
    shape, index, text = operand.shape, read.index, operand.text
    if not all(is_affine(part) for part in index):
        return gathered(space, operand, index, operands)
    if space.formula.guards:
        margin = margins(space, index, shape) or []
        if any(widths != (0, 0) for widths in margin):
            text = padded(space, text, margin, fill)
            shape, index = shifted(shape, index, margin)
    return view_of(space, text, shape, index, operand.dtype)


def margins(
    space: Space, index: Sequence[Index], shape: Shape
) -> list[tuple[Size, Size]] | None:
    """How far an index leaves its array on either side; None where that is not affine.

    A width that depends on symbolic sizes becomes a variable, and a size under that name.
    """
    widths: list[tuple[Size, Size]] = []
    for part, size in zip(index, shape, strict=True):
        if not is_affine(part) or isinstance(part, Lookup):
            return None
        low, high = bounds(part, space.formula.extents)
        before = plain(-polynomial(low))
        after = plain(polynomial(high) - (polynomial(size) - 1))
        widths.append((_width(space, before), _width(space, after)))
    return widths


def _width(space: Space, width: Size) -> Size:
    if isinstance(width, int):
        return max(0, width)
    name = space.share(f"max(0, {space.size(width)})", "margin")
    space.margins[f"margin {name}"] = name
    return dimension(f"margin {name}")


def padded(space: Space, text: str, margin: Sequence[tuple[Size, Size]], fill: str) -> str:
    """A variable that holds a padded copy."""
    widths = tuple_text([space.shape(pair) for pair in margin])
    value = "" if fill == "0" else f", {fill}"
    made = f"{space.call('padded')}({text}, {widths}{value})"
    return space.share(made, f"{text}_padded" if text.isidentifier() else "padded")


def shifted(
    shape: Shape, index: Sequence[Index], margin: Sequence[tuple[Size, Size]]
) -> tuple[Shape, tuple[Index, ...]]:
    """Shape and index within the padded copy."""
    moved = tuple(
        part + before if isinstance(part, Polynomial) else part
        for part, (before, _) in zip(index, margin, strict=True)
    )
    grown = tuple(
        plain(polynomial(size) + before + after)
        for size, (before, after) in zip(shape, margin, strict=True)
    )
    return grown, moved


def view_of(space: Space, text: str, shape: Shape, index: Sequence[Index], dtype: str) -> View:
    """The elements of an array at an affine index, as slices or as a strided view."""
    dims = [_slice(space, part, size) for part, size in zip(index, shape, strict=True)]
    found = [dim.axis for dim in dims if dim is not None and dim.axis is not None]
    if None in dims or len(set(found)) != len(found):
        return strided(space, text, index, dtype)
    return View(text, tuple(dim for dim in dims if dim is not None), dtype)


def gathered(
    space: Space, operand: Operand, index: Sequence[Index], operands: Sequence[Operand]
) -> View:
    """The elements of an array at an index that is looked up, or not affine: a gather."""
    simple = _one_lookup(space, operand, index, operands)
    if simple is not None:
        return simple
    used = set().union(*(index_axes(part) for part in index)) - set(space.loops)
    order = [a for a in space.formula.extents if a in used]
    places = index_arrays(space, operand.shape, index, operands, order)
    return whole(f"{operand.text}[{', '.join(places)}]", order, operand.dtype)


def index_arrays(
    space: Space,
    shape: Shape,
    index: Sequence[Index],
    operands: Sequence[Operand],
    order: Sequence[str],
) -> list[str]:
    """An array of positions for each dimension, broadcast over the axes of `order`."""
    symbols = space.symbols | {a: position(space, a, order) for a in order}
    places = []
    for part, size in zip(index, shape, strict=True):
        if isinstance(part, Lookup):
            labels = aligned(lookup(space, part, operands), order)[0]
            places.append(f"{space.call('rows')}({labels}, {space.size(size)})")
            continue
        text = size_text(part, symbols)
        if space.formula.guards and axes_of(part):
            text = f"np.clip({text}, 0, {space.size(plain(polynomial(size) - 1))})"
        places.append(text)
    return places


def lookup(space: Space, part: Lookup, operands: Sequence[Operand]) -> View:
    """The view of the integers that an index looks up."""
    return read_view(space, Read(part.operand, part.index), operands)


def position(space: Space, axis: str, order: Sequence[str], dtype: str = "") -> str:
    """The positions along one axis, aligned to `order`."""
    kind = f", dtype={dtype}" if dtype else ""
    return aligned(whole(f"np.arange({space.size(space.extent(axis))}{kind})", [axis], ""), order)[
        0
    ]


def _one_lookup(
    space: Space, operand: Operand, index: Sequence[Index], operands: Sequence[Operand]
) -> View | None:
    """`E[t]`, `E[:, t]`: one dimension looked up, the others sliced; None for anything else."""
    looked = [k for k, part in enumerate(index) if isinstance(part, Lookup)]
    if len(looked) != 1 or space.formula.guards:
        return None
    (place,) = looked
    part = index[place]
    dims: list[Dim] = []
    axes: list[str] = []
    for k, (other, size) in enumerate(zip(index, operand.shape, strict=True)):
        if k == place and isinstance(part, Lookup):
            labels = lookup(space, part, operands)
            checked = f"{space.call('rows')}({subscript(labels)}, {space.size(size)})"
            dims.append(Dim(checked, None))
            axes += labels.axes
            continue
        found = _slice(space, other, size) if is_affine(other) else None
        if found is None or found.axis is None:
            return None
        dims.append(found)
        axes.append(found.axis)
    if len(set(axes)) != len(axes):
        return None
    made = subscript(View(operand.text, tuple(dims), operand.dtype))
    return whole(made, axes, operand.dtype)


def _slice(space: Space, index: Index, size: Size) -> Dim | None:
    """One dimension as a number or a slice; None where it takes a strided view."""
    if isinstance(index, Lookup):
        return None
    free = open_axes(index, space.loops)
    if len(free) > 1:
        return None
    if not free:
        return Dim(space.size(plain(index)), None, unit=plain(size) == 1)
    (axis,) = free
    step, extent = coefficient(index, axis), space.extent(axis)
    start = plain(_without(index, axis))
    if not isinstance(step, int):
        return None
    if single_axis(index) is not None and extent == plain(size):
        return Dim(":", axis)
    if extent == 0:
        return Dim("0:0", axis)
    stop = plain(polynomial(start) + step * polynomial(extent))
    if step > 0:
        begin = "" if start == 0 else space.size(start)
        end = "" if stop == plain(size) else space.size(stop)
        return Dim(f"{begin}:{end}" + (f":{step}" if step != 1 else ""), axis)
    if not isinstance(stop, int):
        return None
    begin = "" if start == plain(polynomial(size) - 1) else space.size(start)
    return Dim(f"{begin}:{'' if stop < 0 else stop}:{step}", axis)


def _without(index: Polynomial, axis: str) -> Polynomial:
    return Polynomial(tuple((m, c) for m, c in index.terms if axis not in m))


def strided(space: Space, text: str, index: Sequence[Index], dtype: str) -> View:
    """The general affine view: one step vector for each axis, in the order of the index."""
    parts = [part for part in index if isinstance(part, Polynomial)]
    axes: list[str] = []
    for part in parts:
        text_of = str(part)
        free = open_axes(part, space.loops)
        axes += [a for a in sorted(free, key=text_of.find) if a not in axes]
    start = tuple_text([space.size(plain(_constant(part, axes))) for part in parts])
    extents = tuple_text([space.size(space.extent(a)) for a in axes])
    steps = tuple_text(
        [tuple_text([space.size(coefficient(part, a)) for part in parts]) for a in axes]
    )
    made = f"{space.call('view')}({text}, {start}, {extents}, {steps})"
    name = f"{text}_view" if text.isidentifier() else "view"
    kept = space.keep(made, name) if space.loops else space.share(made, name)
    return whole(kept, axes, dtype)


def _constant(index: Polynomial, axes: Sequence[str]) -> Polynomial:
    return Polynomial(tuple((m, c) for m, c in index.terms if not set(m) & set(axes)))


def subscript(view: View, inserted: Mapping[int, int] | None = None, leading: int = 0) -> str:
    """The text of a view; `inserted` says how many new dimensions stand before each kept one.

    A dimension of size 1 stays where a new one is wanted; `leading` ones may stay in front.
    """
    parts: list[str] = []
    missing = dict(inserted or {})
    kept = 0
    first = next((k for k, dim in enumerate(view.dims) if dim.axis is not None), len(view.dims))
    stays = first <= leading and all(dim.unit for dim in view.dims[:first])
    for k, dim in enumerate(view.dims):
        if dim.axis is None and dim.unit and (missing.get(kept, 0) or (stays and k < first)):
            missing[kept] = missing.get(kept, 0) - (k >= first)
            parts.append(":")
            continue
        if dim.axis is not None:
            parts += ["None"] * missing.pop(kept, 0)
            kept += 1
        parts.append(dim.subscript)
    parts += ["None"] * missing.get(kept, 0)
    while parts and parts[-1] == ":":
        parts.pop()
    if not parts:
        return view.text
    return f"{wrap(view.text, view.binding, ATOM)}[{', '.join(parts)}]"


def aligned(view: View, order: Sequence[str]) -> tuple[str, int]:
    """The view with its dimensions in `order`, length 1 for an axis that it has not.

    Leading missing axes are left to broadcasting. Returns text and how tightly it binds.
    """
    kept = [axis for axis in order if axis in view.axes]
    if not kept:
        return (subscript(view), ATOM) if view.dims else (view.text, view.binding)
    permutation = [view.axes.index(axis) for axis in kept]
    first = order.index(kept[0])
    missing: dict[int, int] = {}
    place = 0
    for axis in order[first:]:
        if axis in view.axes:
            place += 1
        else:
            missing[place] = missing.get(place, 0) + 1
    if permutation == sorted(permutation):
        text = subscript(view, missing, first)
        return text, (view.binding if text == view.text else ATOM)
    text = transposed(wrap(subscript(view), view.binding, ATOM), permutation)
    return subscript(whole(text, kept, view.dtype), missing), ATOM


def transposed(text: str, permutation: Sequence[int]) -> str:
    """An array with its dimensions in another order."""
    if list(permutation) == list(range(len(permutation)))[::-1]:
        return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"
    return f"{text}.transpose({', '.join(map(str, permutation))})"


def is_float(dtype: str) -> bool:
    """Whether a dtype is a float's."""
    return dtype in FLOATS
