"""Points at which answers are judged: the values given, then seeded random ones.

A point is used where the whole network is finite. The random ones come from several
distributions in turn (any sign, between 0 and 1, positive), so that logarithms and roots find
their domain and both branches of a kink are met; symbolic sizes change from point to point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.polynomial import Dimension, atoms, bind
from graphnn.errors import GraphError, ShapeError
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.node import Node

Array = npt.NDArray[Any]
Point = dict[str, Array]

RANDOM_POINTS = 16
TRIES = 120
MANY = 500
"""Elements of a point, above which three random ones are enough: they meet both branches."""


@dataclass(frozen=True)
class Sum:
    """An assumption: a leaf adds up to `total` along one axis."""

    name: str
    axis: int
    total: float

    def holds(self, value: Array) -> bool:
        """Whether an array has these sums, to what six digits show."""
        return bool(np.allclose(np.sum(value, axis=self.axis), self.total, rtol=1e-6))


def random_points(
    leaves: Mapping[str, Node],
    given: Mapping[str, Any],
    watched: Sequence[Node],
    sums: Sequence[Sum] = (),
    count: int = RANDOM_POINTS,
) -> list[Point]:
    """Points at which every watched node is finite; integers and booleans stay as given.

    >>> from graphnn.graph.leaves import input
    >>> x = input("x", dtype="float64")
    >>> len(random_points({"x": x.node}, {}, [x.node]))
    16

    Raises GraphError where none is found.
    """
    found: list[Point] = []
    for attempt in range(TRIES):
        if len(found) >= count or (len(found) >= 3 and _size(found[0]) > MANY):
            break
        generator = np.random.default_rng([7, attempt])
        sizes = _sizes(leaves, given, attempt)
        try:
            point = {
                name: _fixed(node, given.get(name), generator, sizes)
                if node.dtype in ("int64", "bool")
                else _drawn(generator, attempt, _shape(node, sizes))
                for name, node in leaves.items()
            }
        except ShapeError:  # these sizes do not fit: a kernel larger than its image
            continue
        for one in sums:
            share = np.abs(point[one.name]) + 0.05
            point[one.name] = share / share.sum(axis=one.axis, keepdims=True) * one.total
        if _finite(watched, point):
            found.append(point)
    if not found:
        raise GraphError("no random values were found at which the network is finite; give values")
    return found


def given_point(
    leaves: Mapping[str, Node], given: Mapping[str, Any], beside: Point
) -> Point | None:
    """The values given, what is missing taken from another point; None where none is given."""
    if not given:
        return None
    return {
        name: np.asarray(given[name], dtype=np.float64 if node.dtype.startswith("float") else None)
        if name in given
        else beside[name]
        for name, node in leaves.items()
    }


def nearby(point: Point, leaves: Mapping[str, Node]) -> Point:
    """The same point moved a little: off a kink on which it may lie."""
    generator = np.random.default_rng(11)
    return {
        name: value
        + 1e-3 * generator.uniform(0.5, 1.0, np.shape(value)) * generator.choice([-1, 1])
        if leaves[name].dtype.startswith("float")
        else value
        for name, value in point.items()
    }


def _size(point: Point) -> int:
    return sum(np.size(value) for value in point.values())


def _sizes(leaves: Mapping[str, Node], given: Mapping[str, Any], attempt: int) -> dict[str, int]:
    """A number for every symbolic dimension: as given, else 2 to 4 by turns."""
    names: dict[str, int] = {}
    for name, node in leaves.items():
        for place, size in enumerate(node.shape):
            for atom in sorted(atoms(size), key=str):
                if isinstance(atom, Dimension):
                    shape = np.shape(given[name]) if name in given else ()
                    if place < len(shape) and str(size) == atom.name:
                        names[atom.name] = shape[place]
                    else:
                        names.setdefault(atom.name, 2 + (len(names) + attempt) % 3)
    return names


def _shape(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(bind(size, sizes) for size in node.shape)


def _drawn(generator: np.random.Generator, attempt: int, shape: tuple[int, ...]) -> Array:
    match attempt % 4:
        case 1:
            return generator.uniform(0.05, 0.95, shape)
        case 2:
            return generator.uniform(0.3, 2.0, shape)
    return np.asarray(generator.uniform(0.1, 1.4, shape) * generator.choice([-1, 1], shape))


def _fixed(
    node: Node, given: Any, generator: np.random.Generator, sizes: Mapping[str, int]
) -> Array:
    if given is not None:
        return np.asarray(given)
    drawn = generator.integers(0, 2, _shape(node, sizes))
    return drawn.astype(np.bool_) if node.dtype == "bool" else drawn


def _finite(watched: Sequence[Node], point: Point) -> bool:
    try:
        found = evaluate_nodes(watched, point, rounded=False)
    except (ShapeError, IndexError):
        return False
    return all(bool(np.all(np.isfinite(value))) for value in found.values())
