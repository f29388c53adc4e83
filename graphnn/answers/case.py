"""One answer under judgement: what is right at every point, and how to compute any candidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.answers.building import Built, built, letters
from graphnn.answers.judging import selected
from graphnn.answers.points import Point
from graphnn.answers.reading import Derivative, Side
from graphnn.answers.subject import SEED, Slope, Subject
from graphnn.expression.tree import Expr
from graphnn.graph.handle import Handle
from graphnn.graph.leaves import input as make_input
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

    @cached_property
    def axes(self) -> tuple[Expr, ...]:
        """The index names on the left."""
        return letters(self.target.index, self.values)

    def wanted(self, feeds: Sequence[Point] | None = None) -> list[Array]:
        """The derivative itself, the elements that the left side names."""
        return [self.chosen(self.about.value(self.slope, feed)) for feed in feeds or self.feeds]

    def chosen(self, array: Array) -> Array:
        """The elements of a whole derivative that the left side names."""
        return selected(array, self.target.index, self.axes)

    @cached_property
    def ones(self) -> dict[str, Handle]:
        """For each index name on the left a tensor of ones as long as it runs, fed at each point."""
        made: dict[str, Handle] = {}
        for axis in self.axes:
            place = list(self.target.index or ()).index(axis)
            name = f"1{axis.args[0]}"
            made[axis.args[0]] = make_input(name, (self.slope.shape[place],), "float64")
        if made:
            self.feeds = self.completed(self.feeds, made)
        return made

    def completed(self, feeds: Sequence[Point], ones: Iterable[str]) -> list[Point]:
        """The points with those ones fed."""
        if not self.axes:
            return list(feeds)
        return [
            feed | {f"1{n}": np.ones(size) for n, size in zip(ones, wanted.shape, strict=True)}
            for feed, wanted in zip(feeds, self.wanted(feeds), strict=True)
        ]

    def build(self, side: Side | None = None) -> Built:
        """The side, or another one in its place, as a node."""
        side = side or self.side
        return built(side, self.target.index, self.values, self.text, self.ones)

    def numbers(self, node: Node, feeds: Sequence[Point] | None = None) -> Iterator[Array]:
        """The values of a node at each point."""
        for feed in self.feeds if feeds is None else self.completed(feeds, self.ones):
            yield self.about.evaluate(node, feed)

    def gradients(self, node: Node) -> Iterator[Array]:
        """The values at each point of a candidate for the derivative: the elements on the left."""
        rank = len(self.slope.shape)
        for feed in self.feeds:
            fed = feed
            if self.slope.seed is not None:
                fed = {**feed, SEED: np.ones(self.about.value(self.slope, feed).shape)}
            array = self.about.evaluate(node, fed)
            yield self.chosen(array.reshape((1,) * (rank - array.ndim) + array.shape))


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: its numbers and the right ones; `found` and `built` None if it does not fit."""

    case: Case
    wanted: list[Array]
    found: list[Array] | None
    built: Built | None
