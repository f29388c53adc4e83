"""Drawing: a finished picture, as SVG and DOT text, saved as .svg, .dot, .png or .pdf."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.files import write_bytes
from viz.dot import to_dot
from viz.layout import TIMEOUT
from viz.pdf import to_pdf
from viz.png import to_png
from viz.scene import compose
from viz.shapes import Scene
from viz.svg import to_svg
from viz.view import Chain, View
from viz.view import view as view_of


class Drawing:
    """A picture of a graph. Its stages are at hand: `view`, `scene`, then `svg` and `dot`.

    Jupyter shows it as it is.
    """

    def __init__(self, view: View, timeout: float = TIMEOUT) -> None:
        """Nothing is laid out before a picture is asked for."""
        self.view = view
        self._timeout = timeout

    @cached_property
    def scene(self) -> Scene:
        """The shapes. Raises GraphError where the program dot is missing."""
        return compose(self.view, self._timeout)

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG document: paths only, so it looks the same everywhere."""
        return to_svg(self.scene)

    @cached_property
    def dot(self) -> str:
        """The graph in Graphviz's language, before layout; needs no dot program."""
        return to_dot(self.view)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture; the suffix says how: .svg, .dot, .png, .pdf. Returns the path.

        The file is written beside its place and renamed, so that a reader never sees half of it.
        Raises GraphError for another suffix.
        """
        target = Path(path)
        writer = WRITERS.get(target.suffix.lower())
        if writer is None:
            known = ", ".join(WRITERS)
            raise GraphError(
                f"{target.name!r} does not say in which format to draw; known suffixes: {known}"
            )
        write_bytes(target, writer(self))
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        """What is in the picture, and how to see it."""
        count = len(self.view.boxes)
        return f"<Drawing: {count} boxes, {len(self.view.edges)} edges; .save(path) writes it>"


WRITERS: dict[str, Callable[[Drawing], bytes]] = {
    ".svg": lambda drawing: drawing.svg.encode(),
    ".dot": lambda drawing: drawing.dot.encode(),
    ".png": lambda drawing: to_png(drawing.svg, drawing.scene.width, drawing.scene.height),
    ".pdf": lambda drawing: to_pdf(drawing.scene),
}


def draw(
    thing: Any,
    at: Mapping[str, npt.ArrayLike] | None = None,
    wrt: str | Sequence[Any] | None = None,
    detail: str = "paths",
    title: str | None = None,
    chain: Chain | None = None,
    digits: int = 3,
    timeout: float = TIMEOUT,
) -> Drawing:
    """A picture of a Graph, a node, or a dict of nodes: what the user wrote, and its gradients.

    Leaves and statements are boxes, scopes are clusters. Values flow forward along solid blue
    edges, gradients of the first output (if it is a scalar) come back along dashed red ones; where
    a value is read several times, each edge shows what it contributes.

    `at` gives leaves numbers (missing ones: a picture in symbols, with a remark), `wrt` says which
    leaves gradients flow to (every parameter, or every input where there are none), `detail` is
    "paths", "statements" or "ops", `chain` is drawn below the graph, `digits` are significant ones,
    `timeout` bounds the program dot, in seconds.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> draw(gnn.sigmoid(w * x), at={"w": 0.5, "x": 2})
    <Drawing: 4 boxes, 3 edges; .save(path) writes it>

    Raises GraphError for an unknown leaf or level of detail.
    """
    return Drawing(view_of(thing, at, wrt, detail, title, chain, digits), timeout)
