"""One formula as lines of NumPy: reads as views, then a contraction, a reduction, or a scatter.

The lines assign to the output's name. Guards that a padded read or the margin of a scattered write
makes true by itself are dropped; any other becomes a mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from graphnn.calculus.formula import Formula, Index, Lookup, Read, flat_position, index_axes
from graphnn.calculus.polynomial import (
    Atom,
    Polynomial,
    axes_of,
    plain,
    polynomial,
    single_axis,
    substitute,
)
from graphnn.errors import GraphError
from graphnn.expression.algebra import split_product
from graphnn.expression.tree import Expr, apply, fold, num, rebuild, sym

from codegen.body import Text, body_text
from codegen.contraction import Value, axes_in, is_contraction, summed
from codegen.reduction import check_domain, maximum, window_axes
from codegen.scatter import kept_axes
from codegen.spelling import ATOM, SUM, size_text, tuple_text, wrap
from codegen.views import (
    Dim,
    Operand,
    Space,
    View,
    aligned,
    index_arrays,
    is_affine,
    is_float,
    margins,
    position,
    read_view,
    shifted,
    subscript,
    view_of,
    whole,
)

MASK = "_mask"
Views = dict[str, View]


def formula_lines(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """Append the lines that compute the space's formula into `output`."""
    formula = space.formula = without_units(space.formula)
    reduced = [a.name for a in formula.reduced]
    if formula.reduce in ("max", "argmax"):
        check_domain(space, reduced)
    if formula.reduce == "set" and reduced:
        raise GraphError(f"{formula.name}: a set formula reads an axis that it does not write")
    if formula.is_plain:
        _plain(space, operands, output, dtype)
    elif _is_expanded(space):
        _expanded(space, operands, output, dtype)
    elif formula.reduce in ("max", "argmax"):
        raise GraphError(f"{formula.name}: a maximum needs plain output indices")
    elif any(not is_affine(part) for part in formula.write):
        _scatter_to_places(space, operands, output, dtype)
    else:
        _scatter(space, operands, output, dtype)


def without_units(formula: Formula) -> Formula:
    """Axes of extent 1 that are only read, or only written, are the number 0.

    So a sum that keeps its dimension is a sum and a reshape, and what it made broadcasts.
    """
    read = {a for r in formula.reads for part in r.index for a in index_axes(part)}
    reduced = {a.name for a in formula.reduced}
    units = {
        a.name for a in formula.axes if a.extent == 1 and (a.name in reduced or a.name not in read)
    }
    if not units:
        return formula
    zeros: dict[Atom, int | Polynomial] = dict.fromkeys(units, 0)

    def moved(part: Index) -> Index:
        if isinstance(part, Lookup):
            inner = tuple(polynomial(substitute(p, zeros)) for p in part.index)
            return Lookup(part.operand, inner)
        return polynomial(substitute(part, zeros))

    def shown(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "extent" and node.args[0].args[0] in units:
            return num(1)
        if node.head == "sym" and node.args[0] in units:
            return num(0)
        return rebuild(node, parts) if node.head != "extent" else node

    return replace(
        formula,
        axes=tuple(a for a in formula.axes if a.name not in units),
        write=tuple(moved(part) for part in formula.write),
        reads=tuple(Read(r.operand, tuple(moved(p) for p in r.index)) for r in formula.reads),
        body=fold(formula.body, shown),
        guards=tuple(polynomial(substitute(g, zeros)) for g in formula.guards),
    )


def _computed_in(space: Space, operands: Sequence[Operand], dtype: str) -> str:
    """The dtype in which the body is computed: the operands' float dtype, else the node's."""
    floats = [operands[r.operand].dtype for r in space.formula.reads]
    found = [d for d in floats if is_float(d)]
    if found:
        return found[0]
    return dtype if is_float(dtype) else "int64"


def _views(space: Space, operands: Sequence[Operand]) -> Views:
    fill = "-np.inf" if space.formula.reduce in ("max", "argmax") else "0"
    return {
        f"_{k}": read_view(space, read, operands, fill)
        for k, read in enumerate(space.formula.reads)
    }


def _axes_only(space: Space) -> Views:
    """The reads as views without text: what they depend on."""
    return {
        f"_{k}": whole("", sorted(set().union(*map(index_axes, read.index))), "")
        for k, read in enumerate(space.formula.reads)
    }


def _masked(
    space: Space, views: Views, operands: Sequence[Operand], margin: bool = False
) -> tuple[Expr, Views]:
    """The body under a mask of the guards that neither padding nor a margin makes true."""
    formula = space.formula
    implied: set[Polynomial] = set()
    if margin:
        implied |= _bounds(formula.write, formula.shape)
    for k, read in enumerate(formula.reads):
        if all(is_affine(part) for part in read.index) and _vanishes(space, f"_{k}"):
            implied |= _bounds(read.index, operands[read.operand].shape)
    left = [guard for guard in formula.guards if guard not in implied]
    if not left:
        return formula.body, views
    used = set().union(*(axes_of(guard) for guard in left)) - set(space.loops)
    order = [a for a in formula.extents if a in used]
    symbols = space.symbols | {a: position(space, a, order) for a in order}
    conditions = [f"({size_text(guard, symbols)} >= 0)" for guard in left]
    text = space.keep(" & ".join(conditions), "inside")
    mask = View(text, tuple(Dim(":", a) for a in order), "bool")
    outside = num(float("-inf")) if formula.reduce in ("max", "argmax") else num(0)
    condition = apply("!=", sym(MASK), num(0))
    return apply("where", condition, formula.body, outside), {**views, MASK: mask}


def _bounds(index: Sequence[Index], shape: Sequence[int | Polynomial]) -> set[Polynomial]:
    """The conditions, each ≥ 0, under which an index is inside."""
    found: set[Polynomial] = set()
    for part, size in zip(index, shape, strict=True):
        if isinstance(part, Polynomial):
            found |= {part, polynomial(size) - 1 - part}
    return found


def _vanishes(space: Space, name: str) -> bool:
    """Whether the body contributes nothing where this read is the padding's fill."""
    body = space.formula.body
    if space.formula.reduce in ("max", "argmax"):
        return body is sym(name)
    return sym(name) in split_product(body).factors


def _plain(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    formula = space.formula
    out = [str(single_axis(index)) for index in formula.write]
    computed = _computed_in(space, operands, dtype)
    reduced = [a.name for a in formula.reduced]
    windows = window_axes(space, reduced) if formula.reduce in ("max", "argmax") else []
    if windows and is_float(computed):
        _windows(space, operands, output, out, windows, computed)
        return
    value = _value(space, operands, out, computed, dtype)
    _assign(space, output, value, out, dtype)


def _value(
    space: Space,
    operands: Sequence[Operand],
    out: Sequence[str],
    computed: str,
    dtype: str,
    margin: bool = False,
) -> Value:
    """The reduced body: a value over some of the axes of `out`."""
    formula = space.formula
    views = _views(space, operands)
    body, views = _masked(space, views, operands, margin)
    reduced = [a for a in formula.extents if a not in out and a not in space.loops]
    if formula.reduce in ("max", "argmax"):
        return maximum(space, body, views, reduced, computed, formula.reduce == "argmax")
    if reduced:
        return summed(space, body, views, reduced, out, computed)
    covered = axes_in(space, body, views)
    if body is sym("_0") and views["_0"].dtype == dtype and not views["_0"].literal:
        read = views["_0"]
        return Value(Text(read.text, read.binding), read.axes, read)
    if sorted(covered) == sorted(out):
        covered = list(out)
    kind = computed if is_float(dtype) or formula.reduce != "set" else dtype
    return Value(body_text(space, body, views, covered, kind), tuple(covered))


def _assign(space: Space, output: str, value: Value, out: Sequence[str], dtype: str) -> None:
    """`output = value`, broadcast to its shape where the value lacks an axis."""
    text, _ = aligned(value.view, out)
    if value.text.weak:
        made = space.dtype(dtype)
        shape = space.shape(space.formula.shape)
        text = f"np.full({shape}, {text}, {made})" if out else f"{made}({text})"
    elif set(value.axes) != set(out):
        text = f"np.broadcast_to({text}, {space.shape(space.formula.shape)})"
    elif space.formula.reduce == "sum" and not is_float(dtype):
        text = f"np.asarray({text}).astype({space.dtype(dtype)})"
    space.lines.append(f"{output} = {text}")


@contextmanager
def _loop(space: Space, axes: Sequence[str]) -> Iterator[None]:
    """Lines inside belong to a `for` over the axes, each bound to a variable."""
    variables = [space.names.variable(axis) for axis in axes]
    extents = [space.size(space.extent(axis)) for axis in axes]
    if len(axes) == 1:
        header = f"for {variables[0]} in range({extents[0]}):"
    else:
        header = f"for {', '.join(variables)} in np.ndindex({', '.join(extents)}):"
    outer, space.lines = space.lines, []
    space.loops.update(zip(axes, variables, strict=True))
    yield
    inner, space.lines = space.lines, outer
    space.lines += [header, *(f"    {line}" for line in inner)]
    for axis in axes:
        del space.loops[axis]


def _windows(
    space: Space,
    operands: Sequence[Operand],
    output: str,
    out: Sequence[str],
    windows: Sequence[str],
    dtype: str,
) -> None:
    """A maximum over windows, offset by offset."""
    shape = space.shape(space.formula.shape)
    places = space.formula.reduce == "argmax"
    best = space.names.fresh("best") if places else output
    space.lines.append(f"{best} = np.full({shape}, -np.inf, {space.dtype(dtype)})")
    if places:
        space.lines.append(f"{output} = np.zeros({shape}, np.int64)")
    before = len(space.lines)
    with _loop(space, windows):
        views = _views(space, operands)
        body, views = _masked(space, views, operands)
        covered = axes_in(space, body, views)
        value = Value(body_text(space, body, views, covered, dtype), tuple(covered))
        text = aligned(value.view, out)[0]
        if places:
            flat = body_text(space, flat_position(space.formula.reduced), {}, (), "int64")
            text = space.keep(text, "candidate")
            space.lines.append(f"{output} = np.where({text} > {best}, {flat.text}, {output})")
        space.lines.append(f"{best} = np.maximum({best}, {text})")
    _hoist(space, before)


def _hoist(space: Space, start: int) -> None:
    """Padded copies and their widths do not depend on the loop: they move in front of it."""
    moved = [line for line in space.lines[start:] if _is_padding(line)]
    rest = [line for line in space.lines[start:] if not _is_padding(line)]
    space.lines[start:] = [line.strip() for line in moved] + rest


def _is_padding(line: str) -> bool:
    return " = padded(" in line or " = max(0, " in line


def _is_expanded(space: Space) -> bool:
    """Whether the write is plain but for zeros in dimensions of size 1."""
    formula = space.formula
    rest = [
        (part, size)
        for part, size in zip(formula.write, formula.shape, strict=True)
        if not (size == 1 and part == polynomial(0))
    ]
    names = [single_axis(part) for part, _ in rest]
    return (
        None not in names
        and len(set(names)) == len(names)
        and all(
            plain(formula.extents[str(name)]) == plain(size)
            for name, (_, size) in zip(names, rest, strict=True)
        )
    )


def _expanded(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """A sum onto dimensions of size 1 (the gradient of a broadcast): a sum, then a reshape."""
    formula = space.formula
    out = [str(name) for part in formula.write if (name := single_axis(part)) is not None]
    value = _value(space, operands, out, _computed_in(space, operands, dtype), dtype)
    text, binding = aligned(value.view, out)
    shape = space.shape(formula.shape)
    if value.text.weak:
        space.lines.append(f"{output} = np.full({shape}, {text}, {space.dtype(dtype)})")
    elif set(value.axes) != set(out):
        space.lines.append(f"{output} = np.zeros({shape}, {space.dtype(dtype)}) + {wrap(text, binding, SUM)}")
    else:
        sizes = ", ".join(space.size(size) for size in formula.shape)
        space.lines.append(f"{output} = {wrap(text, binding, ATOM)}.reshape({sizes})")


def _scatter(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """Accumulate onto affine positions, in slices; the rest of the axes in a loop."""
    formula = space.formula
    written = [a for a in formula.extents if any(a in index_axes(p) for p in formula.write)]
    reduced = [a.name for a in formula.reduced]
    computed = _computed_in(space, operands, dtype)
    product = is_contraction(space, formula.body, _axes_only(space), reduced)
    kept = kept_axes(space, formula.write, single=not product)
    loops = [a for a in written if a not in kept]
    shape, write = formula.shape, formula.write
    margin = margins(space, write, shape) if formula.guards else None
    target = output
    if margin is not None and any(widths != (0, 0) for widths in margin):
        shape, write = shifted(shape, write, margin)
        target = space.names.fresh(f"{output}_padded")
    value: Value | None = None
    if product:
        order = [*loops, *(a for a in written if a in kept)]
        value = _value(space, operands, order, computed, dtype, margin=True)
        if loops:
            order = [a for a in order if a in value.axes]
            value = Value(Text(space.keep(aligned(value.view, order)[0]), ATOM), tuple(order))
    space.lines.append(f"{target} = np.zeros({space.shape(shape)}, {space.dtype(dtype)})")
    start = len(space.lines)
    if loops:
        with _loop(space, loops):
            _accumulate(space, operands, target, shape, write, value, computed, dtype, "+=")
        _hoist(space, start)
    else:
        _accumulate(space, operands, target, shape, write, value, computed, dtype, "=")
    if target != output and margin is not None:
        cuts = [
            ":" if widths == (0, 0) else f"{space.size(before)}:{space.size(plain(polynomial(before) + size))}"
            for widths, size in zip(margin, formula.shape, strict=True)
            for before in (widths[0],)
        ]
        space.lines.append(f"{output} = {target}[{', '.join(cuts)}]")


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
        value = _value(space, operands, place.axes, computed, dtype, margin=True)
        view = value.view
    else:
        view = View(
            value.text.text,
            tuple(Dim(space.loops[a], None) if a in space.loops else Dim(":", a) for a in value.axes),
            dtype,
            value.text.binding,
        )
    left = subscript(place)
    left = left if left.endswith("]") else f"{left}[...]"
    space.lines.append(f"{left} {sign} {aligned(view, place.axes)[0]}")


def _scatter_to_places(
    space: Space, operands: Sequence[Operand], output: str, dtype: str
) -> None:
    """Accumulate onto positions that are looked up: `np.add.at`."""
    formula = space.formula
    written = [a for a in formula.extents if any(a in index_axes(p) for p in formula.write)]
    value = _value(space, operands, written, _computed_in(space, operands, dtype), dtype)
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
    return f"{space.call('rows')}({subscript(labels)}, {space.size(formula.shape[0])})"
