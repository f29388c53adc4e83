"""Placement: what a layout is asked, and what it answers. Plain data between layout and scene."""

from __future__ import annotations

from dataclasses import dataclass, field

Scope = tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """Something with a size: a box, or the labels of an edge."""

    key: str
    width: float
    height: float
    scope: Scope = ()


@dataclass(frozen=True)
class Link:
    """`tail` stands left of `head`, at least `length` columns; a heavy link is kept straight.

    A link of weight 0 only keeps its ends apart: nothing is drawn along it.
    """

    tail: str
    head: str
    weight: int = 1
    length: int = 1


@dataclass(frozen=True)
class Placement:
    """Item → column and height of its middle; y grows downwards.

    `bends` are the columns that a long link crosses, with the height at which nothing is in its
    way. `clusters` are (top, bottom) of each scope; empty where the layout knows none.
    """

    columns: dict[str, int]
    heights: dict[str, float]
    bends: dict[tuple[str, str], tuple[tuple[int, float], ...]]
    clusters: dict[Scope, tuple[float, float]] = field(default_factory=dict)
