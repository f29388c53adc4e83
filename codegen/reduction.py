"""Maximum and argmax: along axes of a view, or, for windows, offset by offset over slices.

A window is not materialised: `y = np.maximum(y, x[:, u:…])` for each of its few offsets. The first
maximum wins, so an offset replaces the position only where it is larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen.body import Text, body_text
from codegen.contraction import Value, axes_in, summation
from codegen.space import Dim, Space, View, aligned, whole
from codegen.spelling import ATOM, wrap
from graphnn.calculus.formula import Lookup
from graphnn.calculus.polynomial import bind
from graphnn.errors import ShapeError
from graphnn.expression.tree import Expr


def window_axes(space: Space, reduced: Sequence[str]) -> list[str]:
    """The reduced axes that share an index with another axis, where all reduced ones are short."""
    shared: set[str] = set()
    for read in space.formula.reads:
        for part in read.index:
            if not isinstance(part, Lookup):
                held = {a for monomial, _ in part.terms for a in monomial if isinstance(a, str)}
                shared |= held if len(held) > 1 else set()
    short = [a for a in reduced if isinstance(space.extent(a), int)]
    return list(reduced) if set(reduced) & shared and short == list(reduced) else []


def check_domain(space: Space, reduced: Sequence[str]) -> None:
    """A maximum needs at least one point.

    Raises ShapeError for an axis of extent 0 and for a window that lies wholly in the padding, at
    the sizes that are known or, for symbolic ones, at the plan's sample sizes.
    """
    import numpy as np

    formula = space.formula
    for axis in reduced:
        if space.extent(axis) == 0:
            raise ShapeError(f"{formula.name}: the maximum of nothing (an axis of extent 0)")
    names = list(formula.extents)
    used = [a for a in names if any(a in _axes(guard.terms) for guard in formula.guards)]
    if not used:
        return
    shape = tuple(bind(formula.extents[a], space.samples) for a in used)
    grid = dict(zip(used, np.indices(shape), strict=True))
    inside = np.ones(shape, dtype=bool)
    for guard in formula.guards:
        total = np.zeros(shape, dtype=np.int64)
        for monomial, coefficient in guard.terms:
            axes = [a for a in monomial if isinstance(a, str)]
            rest = type(guard)(((tuple(a for a in monomial if not isinstance(a, str)), 1),))
            factor = coefficient * bind(rest, space.samples)
            total = total + factor * (grid[axes[0]] if axes else 1)
        inside &= total >= 0
    places = tuple(k for k, a in enumerate(used) if a in reduced)
    if not inside.any(axis=places).all():
        raise ShapeError(f"{formula.name}: a window lies wholly in the padding")


def _axes(terms: Sequence[tuple[tuple[object, ...], int]]) -> set[str]:
    return {atom for monomial, _ in terms for atom in monomial if isinstance(atom, str)}


def maximum(
    space: Space,
    body: Expr,
    views: Mapping[str, View],
    reduced: Sequence[str],
    dtype: str,
    places: bool,
) -> Value:
    """The maximum of the body over the reduced axes, or the position of the first one."""
    covered = axes_in(space, body, views)
    kept = [a for a in covered if a not in reduced]
    if places and not reduced:
        return Value(Text("0", ATOM, weak=True), ())
    if not places:
        over = [k for k, a in enumerate(covered) if a in reduced]
        text = body_text(space, body, views, covered, dtype)
        if not over:
            return Value(text, tuple(kept))
        return Value(Text(summation(text.at(ATOM), over, len(covered), "max"), ATOM), tuple(kept))
    if len(reduced) == 1 and reduced[0] in covered:
        text = body_text(space, body, views, covered, dtype)
        over = [covered.index(reduced[0])]
        return Value(
            Text(summation(text.at(ATOM), over, len(covered), "argmax"), ATOM), tuple(kept)
        )
    text = body_text(space, body, views, covered, dtype)
    order = [*kept, *reduced]
    made = View(text.text, tuple(Dim(":", a) for a in covered), dtype, text.binding)
    placed, binding = aligned(made, order)
    shape = [space.size(space.extent(a)) for a in order]
    if set(covered) != set(order):
        placed, binding = f"np.broadcast_to({placed}, ({', '.join(shape)},))", ATOM
    flat = f"{wrap(placed, binding, ATOM)}.reshape({', '.join([*shape[: len(kept)], '-1'])})"
    return Value(Text(f"{flat}.argmax(axis=-1)", ATOM), tuple(kept))


__all__ = ["check_domain", "maximum", "whole", "window_axes"]
