"""Pooling: maxima, sums and the gradient of maxima over windows, offset by offset over slices.

A window is not materialised: for each of its few offsets a slice of the array is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codegen.body import body_text
from codegen.contraction import Value, axes_in
from codegen.maxima import selected
from codegen.scatter import cut, with_margin
from codegen.space import Operand, Space, aligned, subscript, whole
from codegen.value import masked, read_views
from codegen.views import read_view, view_of
from graphnn.calculus.formula import Read, flat_position
from graphnn.expression.algebra import join_product, split_product
from graphnn.expression.tree import apply, num, sym

FOUND = "_found"


def windowed_maximum(
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
    with space.loop(windows):
        views = read_views(space, operands)
        body, views = masked(space, views, operands)
        covered = axes_in(space, body, views)
        value = Value(body_text(space, body, views, covered, dtype), tuple(covered))
        text = aligned(value.view, out)[0]
        if places:
            flat = body_text(space, flat_position(space.formula.reduced), {}, (), "int64")
            text = space.keep(text, "candidate")
            space.lines.append(f"{output} = np.where({text} > {best}, {flat.text}, {output})")
        space.lines.append(f"np.maximum({best}, {text}, out={best})")


def is_sum_of_one(space: Space) -> bool:
    """Whether a formula sums one read, up to a divisor that is the same everywhere."""
    formula = space.formula
    product = split_product(formula.body)
    return (
        formula.reduce == "sum"
        and len(formula.reads) == 1
        and product.factors == (sym("_0"),)
        and product.coefficient == 1
        and not any(axes_in(space, d, {}) for d in product.divisors)
    )


def windowed_sum(
    space: Space,
    operands: Sequence[Operand],
    output: str,
    out: Sequence[str],
    windows: Sequence[str],
    dtype: str,
) -> None:
    """A sum over windows, offset by offset; divided once, at the end."""
    divisors = split_product(space.formula.body).divisors
    count = body_text(space, join_product(1, divisors, ()), {}, (), dtype) if divisors else None
    space.formula = replace(space.formula, body=sym("_0"))
    space.lines.append(
        f"{output} = np.zeros({space.shape(space.formula.shape)}, {space.dtype(dtype)})"
    )
    with space.loop(windows):
        body, views = masked(space, read_views(space, operands), operands)
        covered = axes_in(space, body, views)
        value = Value(body_text(space, body, views, covered, dtype), tuple(covered))
        space.lines.append(f"{output} += {aligned(value.view, out)[0]}")
    if count is not None:
        space.lines.append(f"{output} /= {count.text}")


def pooled_gradient(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    """The gradient of a maximum over windows: to the first element that is equal to it.

    `left` are the windows whose maximum is still to come.
    """
    formula, first = space.formula, space.first
    value = selected(formula.body)
    if first is None or value is None:
        raise ValueError(f"{formula.name} selects no maxima")
    windows = [a.name for a in first.formula.reduced if a.name in formula.extents]
    target, shape, write, margin = with_margin(space, output)
    left, found = space.names.fresh("left"), space.names.fresh("found")
    place = read_views(space, operands)
    number = next(k for k, read in enumerate(formula.reads) if read.operand == first.place)
    order = [a for a in formula.extents if a in place[f"_{number}"].axes]
    space.lines.append(f"{target} = np.zeros({space.shape(shape)}, {space.dtype(dtype)})")
    taken = space.shape([space.extent(a) for a in order])
    space.lines.append(f"{left} = np.ones({taken}, np.bool_)")
    with space.loop(windows):
        views = read_views(space, operands)
        candidate = read_view(space, Read(first.read, formula.write), operands, "-np.inf")
        largest = aligned(views[f"_{number}"], order)[0]
        space.lines.append(f"{found} = {left} & ({aligned(candidate, order)[0]} == {largest})")
        space.lines.append(f"{left} ^= {found}")
        condition = apply("!=", sym(FOUND), num(0))
        views[FOUND] = whole(found, order, "bool")
        text = body_text(space, apply("where", condition, value, num(0)), views, order, dtype)
        written = view_of(space, target, shape, write, dtype)
        back = aligned(whole(text.text, order, dtype, text.binding), written.axes)[0]
        space.lines.append(f"{subscript(written)} += {back}")
    cut(space, output, target, margin)
