"""Extents of axes, inferred by a fixpoint or stated.

A plain index `x[i]` makes the extent of `i` equal to the size read. An affine index with one axis
of unknown extent and positive coefficient gives it the largest extent that keeps every read
inside (a valid convolution). Anything else is stated with `for i < …`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnn.calculus.polynomial import (
    Polynomial,
    axes_of,
    coefficient,
    floor_divide,
    offset,
    plain,
    polynomial,
    single_axis,
)
from graphnn.errors import ShapeError

Size = int | Polynomial
Access = tuple[str, int, Polynomial, Size]
"""One affine index: the operand's name, the dimension, the index, the size of that dimension."""


def infer(
    axes: Sequence[str], accesses: Sequence[Access], stated: Mapping[str, Size]
) -> dict[str, Size]:
    """The extent of every axis.

    Raises ShapeError where two reads disagree about an extent, where a read would leave its
    operand, or where an extent follows from nothing and must be stated.
    """
    known: dict[str, Size] = dict(stated)
    for name, place, index, size in accesses:
        single = single_axis(index)
        if single is not None and single not in stated:
            _equal(known, single, size, name, place)
    progress = True
    while progress and len(known) < len(axes):
        progress = False
        for name, place, index, size in accesses:
            unknown = [a for a in sorted(axes_of(index)) if a not in known]
            if len(unknown) == 1 and single_axis(index) is None:
                known[unknown[0]] = _largest(name, place, index, size, unknown[0], known)
                progress = True
    missing = [a for a in axes if a not in known]
    if missing:
        raise ShapeError(
            f"the extent of {', '.join(missing)} does not follow from any read; "
            f"state it: for {missing[0]} < …"
        )
    return {a: known[a] for a in axes}


def _equal(known: dict[str, Size], name: str, size: Size, operand: str, place: int) -> None:
    if name not in known:
        known[name] = size
    elif plain(known[name]) != plain(size):
        raise ShapeError(
            f"axis {name} has extent {known[name]}, but dimension {place} of {operand} "
            f"has size {size}"
        )


def _largest(
    operand: str, place: int, index: Polynomial, size: Size, name: str, known: Mapping[str, Size]
) -> Size:
    step = coefficient(index, name)
    if not isinstance(step, int) or step <= 0:
        raise ShapeError(
            f"the extent of {name} cannot be inferred from {operand}[… {index} …]; "
            f"state it: for {name} < …"
        )
    room = polynomial(size) - 1 - offset(index)
    for other in sorted(axes_of(index) - {name}):
        factor = coefficient(index, other)
        if not isinstance(factor, int) or factor > 0:
            room = room - factor * (polynomial(known[other]) - 1)
    extent = plain(floor_divide(room, polynomial(step)) + 1)
    if isinstance(extent, int) and extent < 0:
        extent = 0
    return extent


def bounds(index: Polynomial, extents: Mapping[str, Size]) -> tuple[Size, Size]:
    """The smallest and the largest value of an affine index over the domain."""
    low = high = polynomial(offset(index))
    for name in axes_of(index):
        factor = coefficient(index, name)
        reach = factor * (polynomial(extents[name]) - 1)
        if isinstance(factor, int) and factor < 0:
            low = low + reach
        else:
            high = high + reach
    return plain(low), plain(high)


def guards_for(index: Polynomial, size: Size, extents: Mapping[str, Size]) -> list[Polynomial]:
    """The conditions (each ≥ 0) under which an index is inside; none where it always is.

    An index without axes is never padding: outside a known size it raises ShapeError here, outside
    a symbolic one when the graph is run.
    """
    if not axes_of(index):
        value = plain(index)
        if isinstance(value, int) and (value < 0 or (isinstance(size, int) and value >= size)):
            raise ShapeError(f"index {value} is outside a dimension of size {size}")
        return []
    if single_axis(index) is not None and plain(extents[str(single_axis(index))]) == plain(size):
        return []
    low, high = bounds(index, extents)
    found = []
    if not (isinstance(low, int) and low >= 0):
        found.append(index)
    slack = plain(polynomial(size) - 1 - polynomial(high))
    if not (isinstance(slack, int) and slack >= 0) and not _inside(index, size, extents):
        found.append(polynomial(size) - 1 - index)
    return found


def _inside(index: Polynomial, size: Size, extents: Mapping[str, Size]) -> bool:
    """Symbolic case: an inferred extent is the largest that stays inside, so nothing is guarded."""
    for name in axes_of(index):
        extent = extents[name]
        step = coefficient(index, name)
        if isinstance(extent, Polynomial) and isinstance(step, int) and step > 0:
            others = {a: extents[a] for a in extents if a != name}
            try:
                if plain(_largest("", 0, index, size, name, others)) == extent:
                    return True
            except KeyError:
                continue
    return False
