"""Shapes: what a Scene is made of. Plain data, in pixels, y downwards; every writer draws these.

Groups carry the key of what they show (`box:z`, `forward:w:z`), so that a later picture can fade or
replace one of them, and a description for people who cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from viz import theme
from viz.typeset import Fragment

Point = tuple[float, float]
Extent = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Rect:
    """A rectangle with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float = 0.0
    fill: str | None = None
    line: str | None = None
    line_width: float = 1.5
    dashes: tuple[float, ...] = ()

    @property
    def extent(self) -> Extent:
        """What it covers, its line left out."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def moved(self, dx: float, dy: float) -> Rect:
        """The same, elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Curve:
    """A line of segments: one more point for a straight one, three for a cubic.

    With `fill` it is an area (an arrow head), else a stroke, dashed where `dashes` are given.
    """

    start: Point
    segments: tuple[tuple[Point, ...], ...]
    colour: str
    width: float = 0.0
    dashes: tuple[float, ...] = ()
    fill: bool = False

    @property
    def points(self) -> tuple[Point, ...]:
        """Every point, control points too."""
        return (self.start, *(p for segment in self.segments for p in segment))

    @property
    def extent(self) -> Extent:
        """What contains it."""
        across, down = zip(*self.points, strict=True)
        return min(across), min(down), max(across), max(down)

    def moved(self, dx: float, dy: float) -> Curve:
        """The same, elsewhere."""
        segments = tuple(tuple((x + dx, y + dy) for x, y in s) for s in self.segments)
        return replace(self, start=(self.start[0] + dx, self.start[1] + dy), segments=segments)


@dataclass(frozen=True)
class Text:
    """A typeset fragment with its baseline's left end at (x, y)."""

    x: float
    y: float
    fragment: Fragment
    colour: str

    @property
    def extent(self) -> Extent:
        """What it covers."""
        f = self.fragment
        return self.x, self.y - f.ascent, self.x + f.width, self.y + f.descent

    def moved(self, dx: float, dy: float) -> Text:
        """The same, elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


Shape = Rect | Curve | Text


@dataclass(frozen=True)
class Group:
    """Shapes that show one thing."""

    key: str
    description: str
    shapes: tuple[Shape, ...]

    def moved(self, dx: float, dy: float) -> Group:
        """The same, elsewhere."""
        return replace(self, shapes=tuple(s.moved(dx, dy) for s in self.shapes))


@dataclass(frozen=True)
class Scene:
    """A finished picture: its size, its groups from back to front, and what it is called."""

    width: float
    height: float
    groups: tuple[Group, ...]
    title: str
    description: str
    paper: str = theme.PAPER
    page: tuple[float, float] | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the page: the picture's own, unless another was asked for."""
        return self.page or (self.width, self.height)

    @property
    def scale(self) -> float:
        """How much larger than drawn the picture stands on its page; it is centred there."""
        width, height = self.size
        return min(width / self.width, height / self.height, theme.LARGEST if self.page else 1.0)

    @property
    def shapes(self) -> Iterator[Shape]:
        """Every shape, from back to front."""
        return (shape for group in self.groups for shape in group.shapes)


def extent_of(shapes: Iterable[Shape]) -> Extent:
    """What contains all of the shapes.

    >>> extent_of([Rect(0, 0, 2, 1), Rect(5, -1, 1, 1)])
    (0, -1, 6, 1)
    """
    every = [shape.extent for shape in shapes] or [(0.0, 0.0, 0.0, 0.0)]
    left, top, right, bottom = zip(*every, strict=True)
    return min(left), min(top), max(right), max(bottom)
