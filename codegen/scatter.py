"""An affine accumulation is a loop over slices.

Of the axes that are written, the largest set whose strides are super-increasing is kept: on those
the write is injective, so that one slice takes them all. The loop runs over the rest, and a window
no larger than its stride needs none. A write outside the output (the padding) lands in a margin
that is cut off at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from codegen.body import Text
from codegen.contraction import Value, axes_in, is_contraction
from codegen.space import Dim, Operand, Space, View, aligned, subscript
from codegen.spelling import ATOM, tuple_text
from codegen.value import axes_only, computed_in, reduced_value
from codegen.views import index_arrays, is_affine, margins, read_view, shifted, view_of
from graphnn.calculus.formula import Index, Lookup, Read, Shape, Size, index_axes
from graphnn.calculus.polynomial import (
    Polynomial,
    axes_of,
    coefficient,
    plain,
    polynomial,
    single_axis,
)
from graphnn.expression.tree import sym, symbols

_LARGE = 10**6
SHORT_RUN = 16


def kept_axes(space: Space, write: Sequence[Index], single: bool = False) -> set[str]:
    """The largest set of written axes on which an affine write is injective.

    Within one index the kept axes, sorted by stride, must each step further than all the smaller
    ones together can reach. With `single`, an index keeps one axis, so that it is a plain slice:
    better where the body asks for positions, which a loop knows as numbers (a maximum's gradient).
    """
    kept: set[str] = set()
    parts = [p for p in write if isinstance(p, Polynomial) and is_affine(p)]
    for part in parts:
        axes = sorted(axes_of(part))
        longest = 1 if single else len(axes)
        candidates = [
            (sum(_length(space, a) for a in group), _stride(part, group), group)
            for count in range(1, longest + 1)
            for group in combinations(axes, count)
            if _injective(space, part, group)
        ]
        kept |= set(max(candidates)[2]) if candidates else set()
    return _determined(space, parts, kept)


def _determined(space: Space, parts: Sequence[Polynomial], kept: set[str]) -> set[str]:
    """The kept axes that the positions determine, one index after another."""
    known: set[str] = set()
    progress = True
    while progress:
        progress = False
        for part in parts:
            left = sorted((axes_of(part) & kept) - known)
            if left and _injective(space, part, left):
                known |= set(left)
                progress = True
    return known


def _stride(part: Polynomial, axes: Sequence[str]) -> int:
    """The stride of an axis, which decides between axes of equal extent."""
    steps = [coefficient(part, axis) for axis in axes]
    return max((abs(step) for step in steps if isinstance(step, int)), default=0)


def _length(space: Space, axis: str) -> int:
    extent = space.extent(axis)
    return extent if isinstance(extent, int) else _LARGE


def _injective(space: Space, part: Polynomial, axes: Sequence[str]) -> bool:
    steps = []
    for axis in axes:
        step = coefficient(part, axis)
        if not isinstance(step, int):
            return len(axes) == 1
        steps.append((abs(step), axis))
    steps.sort()
    reach = 0
    for place, (step, axis) in enumerate(steps):
        if step <= reach:
            return False
        extent = space.extent(axis)
        if isinstance(extent, int):
            reach += step * max(extent - 1, 0)
        elif place < len(steps) - 1:
            return False
    return True


def scatter(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """Accumulate onto affine positions, in slices; the rest of the axes in a loop."""
    formula = space.formula
    written = [a for a in formula.extents if any(a in index_axes(p) for p in formula.write)]
    reduced = [a.name for a in formula.reduced]
    computed = computed_in(space, operands, dtype)
    product = is_contraction(space, formula.body, axes_only(space), reduced)
    kept = kept_axes(space, formula.write, single=bool(set(symbols(formula.body)) & set(written)))
    loops = [a for a in written if a not in kept]
    target, shape, write, margin = with_margin(space, output)
    value: Value | None = None
    thin = product and bool(loops) and _is_thin(space, write, written, kept)
    if product:
        inside = [a for a in written if a in kept]
        order = [*inside[:-1], *loops, *inside[-1:]]
        if thin:
            order = [*loops, inside[-1], *inside[:-1]]
        value = reduced_value(space, operands, order, computed, dtype, margin=True)
        if loops:
            value = _kept(space, value, order)
    elif loops and not _varies(space, loops):
        inside = [a for a in written if a in kept]
        order = [*inside, *loops]
        value = _kept(space, reduced_value(space, operands, order, computed, dtype, True), order)
    if thin:
        lying = space.shape([shape[-1], *shape[:-1]])
        last = ", ".join(map(str, [*range(1, len(shape)), 0]))
        zeros = f"np.zeros({lying}, {space.dtype(dtype)}).transpose({last})"
    else:
        zeros = f"np.zeros({space.shape(shape)}, {space.dtype(dtype)})"
    space.lines.append(f"{target} = {zeros}")
    if loops:
        with space.loop(loops):
            _accumulate(space, operands, target, shape, write, value, computed, dtype, "+=")
    else:
        _accumulate(space, operands, target, shape, write, value, computed, dtype, "=")
    cut(space, output, target, margin)


def _varies(space: Space, loops: Sequence[str]) -> bool:
    """Whether what is accumulated is another value for each round of the loop, or a plain copy."""
    formula = space.formula
    read = {a for r in formula.reads for part in r.index for a in index_axes(part)}
    return formula.body is sym("_0") or bool(
        set(loops) & (read | set(axes_in(space, formula.body, {})))
    )


def _kept(space: Space, value: Value, order: Sequence[str]) -> Value:
    """A value in a variable of its own, in front of the loop."""
    order = [a for a in order if a in value.axes]
    return Value(Text(space.keep(aligned(value.view, order)[0]), ATOM), tuple(order))


Margin = Sequence[tuple[Size, Size]]


def with_margin(space: Space, output: str) -> tuple[str, Shape, tuple[Index, ...], Margin | None]:
    """Where a guarded write goes: an array with a margin for what it writes into the padding.

    Its name, its shape and the index there; the margin is None where there is none.
    """
    formula = space.formula
    margin = margins(space, formula.write, formula.shape) if formula.guards else None
    if margin is None or all(widths == (0, 0) for widths in margin):
        return output, formula.shape, formula.write, None
    shape, write = shifted(formula.shape, formula.write, margin)
    return space.names.fresh(f"{output}_padded"), shape, write, margin


def cut(space: Space, output: str, target: str, margin: Margin | None) -> None:
    """Assign what lies inside the margin to the output."""
    if margin is None:
        return
    cuts = [
        ":"
        if (before, after) == (0, 0)
        else f"{space.size(before)}:{space.size(plain(polynomial(before) + size))}"
        for (before, after), size in zip(margin, space.formula.shape, strict=True)
    ]
    space.lines.append(f"{output} = {target}[{', '.join(cuts)}]")


def _is_thin(space: Space, write: Sequence[Index], written: Sequence[str], kept: set[str]) -> bool:
    """Whether the last dimension is too short to lie innermost, as three colours are.

    Slices with runs of three numbers cost three times as much as the colours one after another.
    """
    inside = [a for a in written if a in kept]
    if len(inside) < 2 or index_axes(write[-1]) != {inside[-1]}:
        return False
    return _length(space, inside[-1]) < SHORT_RUN


def _accumulate(
    space: Space,
    operands: Sequence[Operand],
    target: str,
    shape: Sequence[int | Polynomial],
    write: Sequence[Index],
    value: Value | None,
    computed: str,
    dtype: str,
    sign: str,
) -> None:
    place = view_of(space, target, tuple(shape), write, dtype)
    if value is None:
        value = reduced_value(space, operands, place.axes, computed, dtype, margin=True)
        view = value.view
    else:
        view = View(
            value.text.text,
            tuple(
                Dim(space.loops[a], None) if a in space.loops else Dim(":", a) for a in value.axes
            ),
            dtype,
            value.text.binding,
        )
    left = subscript(place)
    left = left if left.endswith("]") else f"{left}[...]"
    space.lines.append(f"{left} {sign} {aligned(view, place.axes)[0]}")


def scatter_to_places(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """Accumulate onto positions that are looked up: `np.add.at`."""
    formula = space.formula
    written = [a for a in formula.extents if any(a in index_axes(p) for p in formula.write)]
    value = reduced_value(space, operands, written, computed_in(space, operands, dtype), dtype)
    space.lines.append(f"{output} = np.zeros({space.shape(formula.shape)}, {space.dtype(dtype)})")
    places = _leading_lookup(space, operands, written)
    if places is None:
        arrays = index_arrays(space, formula.shape, formula.write, operands, written)
        places = tuple_text(arrays)
    text = aligned(value.view, written)[0]
    if formula.reduce == "set" and not formula.guards:
        space.lines.append(f"{output}[{places}] = {text}")
    else:
        space.lines.append(f"np.add.at({output}, {places}, {text})")


def _leading_lookup(
    space: Space, operands: Sequence[Operand], written: Sequence[str]
) -> str | None:
    """The labels of `Ē[t[n], d] += …`: looked up in front, the rest whole and in order."""
    formula = space.formula
    first, rest = formula.write[0], formula.write[1:]
    if not isinstance(first, Lookup) or formula.guards:
        return None
    labels = read_view(space, Read(first.operand, first.index), operands)
    names = [single_axis(part) for part in rest]
    whole_rest = all(
        name is not None and plain(formula.extents[name]) == plain(size)
        for name, size in zip(names, formula.shape[1:], strict=True)
    )
    if not whole_rest or [*labels.axes, *map(str, names)] != list(written):
        return None
    return space.rows(subscript(labels), formula.shape[0], operands[first.operand].name)
