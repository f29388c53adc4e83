"""Symbolic sizes: which leaf binds each, and the numbers that a self-check takes for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphnn.calculus.formula import Formula, Size
from graphnn.calculus.polynomial import Dimension, Polynomial, atoms, bind
from graphnn.errors import ShapeError
from graphnn.graph.node import Node

_BASES = (4, 5, 6, 8, 12, 16, 24, 32, 64, 128, 256)


def single_dimension(size: Size) -> str | None:
    """The name, where a size is one symbolic dimension and nothing else.

    >>> from graphnn.calculus.polynomial import dimension
    >>> single_dimension(dimension("B")), single_dimension(2 * dimension("B"))
    ('B', None)
    """
    if isinstance(size, Polynomial) and len(size.terms) == 1:
        ((monomial, factor),) = size.terms
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Dimension):
            return monomial[0].name
    return None


def dimensions(nodes: Iterable[Node]) -> dict[str, None]:
    """The symbolic dimensions of the leaves, in order of first appearance."""
    found: dict[str, None] = {}
    for node in nodes:
        if node.op in ("input", "parameter"):
            for size in node.shape:
                single = single_dimension(size)
                if single is not None:
                    found[single] = None
    return found


def sample_sizes(nodes: Sequence[Node]) -> dict[str, int]:
    """A number for each symbolic dimension at which every shape and every axis has an element.

    Raises ShapeError for a dimension that no leaf binds.
    """
    names = list(dimensions(nodes))
    every = {size: None for node in nodes for size in _sizes(node) if isinstance(size, Polynomial)}
    used = sorted({a.name for size in every for a in atoms(size) if isinstance(a, Dimension)})
    unbound = [name for name in used if name not in names]
    if unbound:
        raise ShapeError(
            f"no array binds the size {unbound[0]}: some input or parameter must have it, by "
            "itself, as a dimension"
        )
    made: dict[str, int] = {}
    for base in _BASES:
        made = {name: base + k for k, name in enumerate(names)}
        if all(_positive(size, made) for size in every):
            return made
    return made


def _positive(size: Size, samples: dict[str, int]) -> bool:
    try:
        return bind(size, samples) > 0
    except ShapeError:
        return False


def _sizes(node: Node) -> Iterable[Size]:
    yield from node.shape
    if isinstance(node.op, Formula):
        for axis in node.op.axes:
            yield axis.extent
