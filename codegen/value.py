"""The value of a formula before it is written: reads as views, guards as a mask, the reduced body.

A guard that padding a read, or the margin of a scattered write, makes true by itself is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen.body import Text, body_text
from codegen.contraction import Value, axes_in, summed
from codegen.reduction import maximum
from codegen.space import Dim, Operand, Space, View, is_float, whole
from codegen.spelling import size_text
from codegen.views import is_affine, position, read_view
from graphnn.calculus.formula import Formula, Index, Lookup, Read, index_axes
from graphnn.calculus.polynomial import Atom, Polynomial, axes_of, polynomial, substitute
from graphnn.expression.algebra import split_product
from graphnn.expression.tree import Expr, apply, fold, num, rebuild, sym

MASK = "_mask"
Views = dict[str, View]


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


def computed_in(space: Space, operands: Sequence[Operand], dtype: str) -> str:
    """The dtype in which the body is computed: the operands' float dtype, else the node's."""
    floats = [operands[r.operand].dtype for r in space.formula.reads]
    found = [d for d in floats if is_float(d)]
    if found:
        return found[0]
    return dtype if is_float(dtype) else "int64"


def read_views(space: Space, operands: Sequence[Operand]) -> Views:
    """The reads as views, padded with what the reduction ignores."""
    fill = "-np.inf" if space.formula.reduce in ("max", "argmax") else "0"
    return {
        f"_{k}": read_view(space, read, operands, fill)
        for k, read in enumerate(space.formula.reads)
    }


def axes_only(space: Space) -> Views:
    """The reads as views without text: what they depend on."""
    return {
        f"_{k}": whole("", sorted(set().union(*map(index_axes, read.index))), "")
        for k, read in enumerate(space.formula.reads)
    }


def masked(
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


def reduced_value(
    space: Space,
    operands: Sequence[Operand],
    out: Sequence[str],
    computed: str,
    dtype: str,
    margin: bool = False,
) -> Value:
    """The reduced body: a value over some of the axes of `out`."""
    formula = space.formula
    views = read_views(space, operands)
    body, views = masked(space, views, operands, margin)
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
