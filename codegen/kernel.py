"""One formula as lines of NumPy: reads as views, then a contraction, a reduction, or a scatter.

The lines assign to the output's name. Guards that a padded read or the margin of a scattered write
makes true by itself are dropped; any other becomes a mask.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen.contraction import Value
from codegen.pooling import is_sum_of_one, pooled_gradient, windowed_maximum, windowed_sum
from codegen.reduction import check_domain, window_axes
from codegen.scatter import scatter, scatter_to_places
from codegen.space import Operand, Space, aligned, is_float
from codegen.spelling import ATOM, SUM, wrap
from codegen.value import computed_in, reduced_value, without_units
from codegen.views import is_affine
from graphnn.calculus.polynomial import plain, polynomial, single_axis
from graphnn.errors import GraphError


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
    elif space.first is not None:
        pooled_gradient(space, operands, output, dtype)
    elif _is_expanded(space):
        _expanded(space, operands, output, dtype)
    elif formula.reduce in ("max", "argmax"):
        raise GraphError(f"{formula.name}: a maximum needs plain output indices")
    elif any(not is_affine(part) for part in formula.write):
        scatter_to_places(space, operands, output, dtype)
    else:
        scatter(space, operands, output, dtype)


def _plain(space: Space, operands: Sequence[Operand], output: str, dtype: str) -> None:
    formula = space.formula
    out = [str(single_axis(index)) for index in formula.write]
    computed = computed_in(space, operands, dtype)
    reduced = [a.name for a in formula.reduced]
    windows = window_axes(space, reduced) if is_float(computed) else []
    if windows and formula.reduce in ("max", "argmax"):
        windowed_maximum(space, operands, output, out, windows, computed)
        return
    if windows and is_sum_of_one(space):
        windowed_sum(space, operands, output, out, windows, computed)
        return
    value = reduced_value(space, operands, out, computed, dtype)
    _assign(space, output, value, out, dtype)


def _assign(space: Space, output: str, value: Value, out: Sequence[str], dtype: str) -> None:
    """`output = value`, broadcast to its shape where the value lacks an axis."""
    text, binding = aligned(value.view, out)
    space.binding = binding
    if value.text.weak:
        made = space.dtype(dtype)
        shape = space.shape(space.formula.shape)
        text = f"np.full({shape}, {text}, {made})" if out else f"{made}({text})"
        space.binding = ATOM
    elif set(value.axes) != set(out):
        text = f"np.broadcast_to({text}, {space.shape(space.formula.shape)})"
        space.binding = ATOM
    elif space.formula.reduce == "sum" and not is_float(dtype):
        text = f"np.asarray({text}).astype({space.dtype(dtype)})"
        space.binding = ATOM
    space.lines.append(f"{output} = {text}")


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
    value = reduced_value(space, operands, out, computed_in(space, operands, dtype), dtype)
    text, binding = aligned(value.view, out)
    shape = space.shape(formula.shape)
    if value.text.weak:
        space.lines.append(f"{output} = np.full({shape}, {text}, {space.dtype(dtype)})")
    elif set(value.axes) != set(out):
        space.lines.append(
            f"{output} = np.zeros({shape}, {space.dtype(dtype)}) + {wrap(text, binding, SUM)}"
        )
        space.binding = SUM
    else:
        sizes = ", ".join(space.size(size) for size in formula.shape)
        space.lines.append(f"{output} = {wrap(text, binding, ATOM)}.reshape({sizes})")
