"""An affine accumulation is a loop over slices.

Of the axes that are written, the largest set whose strides are super-increasing is kept: on those
the write is injective, so that one slice takes them all. The loop runs over the rest, and a window
no larger than its stride needs none. A write outside the output (the padding) lands in a margin
that is cut off at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from graphnn.calculus.formula import Index
from graphnn.calculus.polynomial import Polynomial, axes_of, coefficient

from codegen.views import Space, is_affine

_LARGE = 10**6


def kept_axes(space: Space, write: Sequence[Index], single: bool = False) -> set[str]:
    """The largest set of written axes on which an affine write is injective.

    Within one index the kept axes, sorted by stride, must each step further than all the smaller
    ones together can reach. With `single`, an index keeps one axis, so that it is a plain slice.
    """
    kept: set[str] = set()
    parts = [p for p in write if isinstance(p, Polynomial) and is_affine(p)]
    for part in parts:
        axes = sorted(axes_of(part))
        longest = 1 if single else len(axes)
        candidates = [
            (sum(_length(space, a) for a in group), group)
            for count in range(1, longest + 1)
            for group in combinations(axes, count)
            if _injective(space, part, group)
        ]
        kept |= set(max(candidates)[1]) if candidates else set()
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
