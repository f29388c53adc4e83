"""An affine read is a strided view: every operand becomes an array whose axes are plain.

`x[b, 2*i + u, c]` is a view with axes b, i, u, c; under a guard, of a padded copy; an element of an
integer operand is a gather. A `View` is Python text and the axis of each of its dimensions; the
contraction, body and scatter printers see nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from codegen.space import Dim, Operand, Space, View, aligned, subscript, whole
from codegen.spelling import ATOM, size_text, tuple_text
from graphnn.calculus.extents import bounds
from graphnn.calculus.formula import Index, Lookup, Read, Shape, Size, index_axes
from graphnn.calculus.polynomial import (
    Polynomial,
    atoms,
    axes_of,
    coefficient,
    dimension,
    plain,
    polynomial,
    single_axis,
)


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


def read_view(space: Space, read: Read, operands: Sequence[Operand], fill: str = "0") -> View:
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
    return view_of(space, text, shape, index, operand.dtype, operand.binding)


def margins(space: Space, index: Sequence[Index], shape: Shape) -> list[tuple[Size, Size]] | None:
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


def view_of(
    space: Space,
    text: str,
    shape: Shape,
    index: Sequence[Index],
    dtype: str,
    binding: int = ATOM,
) -> View:
    """The elements of an array at an affine index, as slices or as a strided view."""
    dims = [_slice(space, part, size) for part, size in zip(index, shape, strict=True)]
    found = [dim.axis for dim in dims if dim is not None and dim.axis is not None]
    if None in dims or len(set(found)) != len(found):
        return strided(space, text, index, dtype)
    return View(text, tuple(dim for dim in dims if dim is not None), dtype, binding)


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
            places.append(space.rows(labels, size, operands[part.operand].name))
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
            name = operands[part.operand].name
            checked = space.rows(subscript(labels), size, name)
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
    """The general affine view: each axis walks along one dimension, or along several."""
    parts = [part for part in index if isinstance(part, Polynomial)]
    axes: list[str] = []
    for part in parts:
        text_of = str(part)
        free = open_axes(part, space.loops)
        axes += [a for a in sorted(free, key=text_of.find) if a not in axes]
    reduced = {a.name for a in space.formula.reduced}
    axes = sorted(axes, key=lambda a: (a in reduced) != (axes[0] in reduced))
    start = [plain(_constant(part, axes)) for part in parts]
    walks = [
        [(d, step) for d, part in enumerate(parts) if (step := coefficient(part, a)) != 0]
        for a in axes
    ]
    single = all(len(walk) == 1 for walk in walks)

    def each(texts: Sequence[list[str]]) -> str:
        return tuple_text([part[0] if single else tuple_text(part) for part in texts])

    arguments = [text, space.shape([space.extent(a) for a in axes])]
    arguments.append(each([[str(d) for d, _ in walk] for walk in walks]))
    if any(step != 1 for walk in walks for _, step in walk):
        arguments.append("steps=" + each([[space.size(s) for _, s in walk] for walk in walks]))
    if any(place != 0 for place in start):
        arguments.append(f"start={space.shape(start)}")
    made = f"{space.call('view')}({', '.join(arguments)})"
    base = text.removesuffix("_padded")
    stem = base if base.isidentifier() else "part"
    name = f"{stem}_windows"
    found = whole(space.keep(made, name) if space.loops else space.share(made, name), axes, dtype)
    return replace(found, stem="" if space.loops else stem)


def _constant(index: Polynomial, axes: Sequence[str]) -> Polynomial:
    return Polynomial(tuple((m, c) for m, c in index.terms if not set(m) & set(axes)))
