"""The shapes of a text's leaves: declared, given by values, or the only ones that its reads allow.

A leaf that is read as `K[u,v]` has two dimensions. A dimension that one plain index name reads in
two places is one dimension: in `y[i] log p[i]`, y and p share it. What is still unknown becomes a
symbolic dimension called after the leaf (K0, K1); a leaf that is never indexed is a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphnn.calculus.formula import Shape, Size
from graphnn.calculus.polynomial import (
    Dimension,
    Polynomial,
    atoms,
    dimension,
    floor_divide,
    plain,
    polynomial,
    substitute,
)
from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError
from graphnn.expression.tree import Expr, fold

Key = tuple[str, int] | tuple[int, str]
"""A dimension of a name, or an index name of a line."""


class Dimensions:
    """Which dimensions are one, and what is known of their sizes."""

    def __init__(self, known: Mapping[str, Shape]) -> None:
        """Start from the shapes that are known."""
        self.known = dict(known)
        self.ranks: dict[str, int] = {name: len(shape) for name, shape in known.items()}
        self.sizes: dict[Key, Size] = {}
        self.above: dict[Key, Key] = {}
        for name, shape in known.items():
            for place, size in enumerate(shape):
                self.sizes[name, place] = size

    def root(self, key: Key) -> Key:
        """The one that stands for all dimensions that are the same."""
        while key in self.above:
            key = self.above[key]
        return key

    def join(self, a: Key, b: Key) -> None:
        """Two dimensions are one."""
        first, second = self.root(a), self.root(b)
        if first != second:
            self.above[second] = first
            if second in self.sizes:
                self.sizes.setdefault(first, self.sizes[second])

    def read(self, name: str, index: Iterable[Expr], line: int, indices: Iterable[str]) -> None:
        """`name[index]` in a line: its rank, and the dimensions that plain index names link.

        Raises GraphError where a name is read with different numbers of indices.
        """
        parts = list(index)
        rank = self.ranks.setdefault(name, len(parts))
        if rank != len(parts):
            have = f"{rank} dimension{'s' * (rank != 1)}"
            raise GraphError(f"{name} has {have} and is read with {len(parts)} indices here")
        for place, part in enumerate(parts):
            if part.head == "sym" and part.args[0] in indices:
                self.join((name, place), (line, part.args[0]))

    def same(self, a: str, b: str) -> bool:
        """Two names have one shape; False while nothing is known of either."""
        rank = self.ranks.get(a, self.ranks.get(b))
        if rank is None or self.ranks.setdefault(a, rank) != self.ranks.setdefault(b, rank):
            return False
        for place in range(rank):
            self.join((a, place), (b, place))
        return True

    def learn(self, name: str, shape: Shape) -> None:
        """The shape of a value that was computed."""
        self.ranks[name] = len(shape)
        for place, size in enumerate(shape):
            self.sizes.setdefault(self.root((name, place)), size)

    def shape(self, name: str) -> Shape:
        """The shape of a leaf; a dimension of which nothing is known gets a name."""
        if name in self.known:
            return self.known[name]
        found: list[Size] = []
        for place in range(self.ranks.get(name, 0)):
            root = self.root((name, place))
            apart = "_" if name[-1].isdigit() else ""
            found.append(self.sizes.setdefault(root, dimension(f"{name}{apart}{place}")))
        return tuple(found)


def size_of(part: Expr) -> Size:
    """A size as it was declared: an integer, or a polynomial over named dimensions.

    Raises GraphError for what is no size.
    """

    def visit(node: Expr, parts: list[Polynomial]) -> Polynomial:
        match node.head:
            case "num" if isinstance(node.args[0], int):
                return polynomial(node.args[0])
            case "sym":
                return dimension(node.args[0])
            case "group":
                return parts[0]
            case "+":
                return parts[0] + parts[1]
            case "-":
                return parts[0] - parts[1]
            case "*" | "·" | "juxt":
                return parts[0] * parts[1]
            case "//":
                return floor_divide(parts[0], parts[1])
        raise GraphError(f"{part} is no size; sizes are whole numbers and names such as B")

    size = plain(fold(part, visit))
    if isinstance(size, int) and size < 0:
        raise GraphError(f"a size is not negative; {size} was given")
    return size


def agree(declared: Mapping[str, Shape], given: Mapping[str, tuple[Any, ...]]) -> dict[str, Shape]:
    """One shape for each name: what was declared, with the sizes that the values bind put in.

    Raises GraphError where a value does not have its declared shape.
    """
    bound: dict[Dimension, tuple[int, str]] = {}
    for name, shape in declared.items():
        if name not in given:
            continue
        for want, have in zip(shape, given[name], strict=False):
            if isinstance(want, Polynomial):
                single = [atom for atom in atoms(want) if isinstance(atom, Dimension)]
                if len(single) == 1 and want == polynomial(dimension(single[0].name)):
                    bound.setdefault(single[0], (have, name))
    known = {atom: size for atom, (size, _) in bound.items()}
    found: dict[str, Shape] = {name: tuple(shape) for name, shape in given.items()}
    for name, shape in declared.items():
        filled = tuple(plain(substitute(size, known)) for size in shape)
        if name in given and filled != tuple(given[name]):
            raise GraphError(
                f"{name} is declared {shape_text(shape)}{_where(shape, bound)}, "
                f"and its value has the shape {shape_text(tuple(given[name]))}"
            )
        found[name] = filled
    return found


def _where(shape: Shape, bound: Mapping[Dimension, tuple[int, str]]) -> str:
    """What the named sizes of a declaration are, and which value says so."""
    named = {atom for size in shape for atom in atoms(size) if isinstance(atom, Dimension)}
    known = [f"{a.name} = {bound[a][0]} in {bound[a][1]}" for a in sorted(named) if a in bound]
    return f" with {', '.join(known)}" if known else ""
