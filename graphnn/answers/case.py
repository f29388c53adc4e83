"""One answer under judgement: what is right at every point, and how to compute any candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.answers.building import Built, built, letters
from graphnn.answers.judging import selected
from graphnn.answers.points import Point
from graphnn.answers.reading import Derivative, Side
from graphnn.answers.subject import SEED, Slope, Subject
from graphnn.expression.tree import Expr
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.handle import Handle
from graphnn.graph.node import Node

Array = npt.NDArray[Any]


@dataclass
class Case:
    """A side of an answer, the derivative that it is to be, and the points of judgement.

    `feeds` are the points with the value of every derivative that the text reads.
    """

    about: Subject
    target: Derivative
    slope: Slope
    side: Side
    values: dict[str, Handle]
    feeds: list[Point]
    text: str

    @property
    def axes(self) -> tuple[Expr, ...]:
        """The index names on the left."""
        return letters(self.target.index, self.values)

    def wanted(self, feeds: Sequence[Point] | None = None) -> list[Array]:
        """The derivative itself, the elements that the left side names."""
        return [self.chosen(self.about.value(self.slope, feed)) for feed in feeds or self.feeds]

    def chosen(self, array: Array) -> Array:
        """The elements of a whole derivative that the left side names."""
        return selected(array, self.target.index, self.axes)

    def extents(self) -> dict[str, int]:
        """How far the index names on the left run, at the first point."""
        if not self.axes:
            return {}
        shape = self.wanted(self.feeds[:1])[0].shape
        return {axis.args[0]: size for axis, size in zip(self.axes, shape, strict=True)}

    def build(self, side: Side | None = None) -> Built:
        """The side, or another one in its place, as a node."""
        side = side or self.side
        return built(side, self.target.index, self.values, self.text, self.extents())

    def numbers(self, node: Node, feeds: Sequence[Point] | None = None) -> list[Array]:
        """The values of a node at every point."""
        return [
            np.asarray(evaluate_nodes([node], feed, rounded=False)[node], dtype=np.float64)
            for feed in feeds or self.feeds
        ]

    def gradients(self, node: Node, feeds: Sequence[Point] | None = None) -> list[Array]:
        """The values of a candidate for the whole derivative: the elements on the left."""
        made = []
        for feed in feeds or self.feeds:
            fed = feed
            if self.slope.seed is not None:
                shape = np.shape(self.about.value(self.slope, feed))
                fed = {**feed, SEED: np.ones(shape)}
            found = evaluate_nodes([node], fed, rounded=False)[node]
            array = np.asarray(found, dtype=np.float64)
            rank = len(self.slope.shape)
            made.append(self.chosen(array.reshape((1,) * (rank - array.ndim) + array.shape)))
        return made
