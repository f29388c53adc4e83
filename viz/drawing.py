"""Drawing: a finished picture, as SVG and DOT text, saved as .svg, .dot, .png or .pdf."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy.typing as npt

from graphnn.errors import GraphError
from graphnn.files import write_bytes
from graphnn.graph.statements import DETAILS
from viz.chain import chain_of
from viz.collapse import MANY, collapsed
from viz.dot import to_dot
from viz.formulas import Label
from viz.layout import TIMEOUT
from viz.page import darkened, on_page, page_size
from viz.pdf import to_pdf
from viz.png import to_png
from viz.scene import compose
from viz.shapes import Scene
from viz.shared import spread
from viz.svg import own_ids, to_svg
from viz.typeset import protect
from viz.view import Chain, View
from viz.view import view as view_of

LEVELS = (*DETAILS, "scopes")


class Drawing:
    """A picture of a graph, made by `viz.draw`. Its stages are at hand: `view`, `scene`, `svg`, `dot`.

    Jupyter shows it as it is, each time with ids of its own.

    >>> import graphnn as gnn, viz
    >>> drawing = viz.draw(gnn.exp(gnn.parameter("w")), at={"w": 0})
    >>> [box.kind for box in drawing.view.boxes]
    ['parameter', 'loss']
    >>> drawing.svg.startswith("<svg")
    True
    """

    def __init__(
        self,
        view: View,
        timeout: float = TIMEOUT,
        dark: bool = False,
        size: str | None = None,
    ) -> None:
        """Nothing is laid out before a picture is asked for."""
        self.view = view
        self._timeout = timeout
        self._dark = dark
        self._size = size

    @cached_property
    def scene(self) -> Scene:
        """The shapes. Raises GraphError where the program dot is missing."""
        scene = on_page(
            compose(self.view, self._timeout, page_size(self._size or "slide")), self._size
        )
        return darkened(scene) if self._dark else scene

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
        return own_ids(self.svg)

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x: auto">{own_ids(self.svg)}</div>'

    def __repr__(self) -> str:
        """What is in the picture, and how to see it."""
        count = len(self.view.boxes)
        return f"<Drawing: {count} boxes, {len(self.view.edges)} edges; .save(path) writes it>"


WRITERS: dict[str, Callable[[Drawing], bytes]] = {
    ".svg": lambda drawing: drawing.svg.encode(),
    ".dot": lambda drawing: drawing.dot.encode(),
    ".png": lambda drawing: to_png(drawing.svg, *drawing.scene.size),
    ".pdf": lambda drawing: to_pdf(drawing.scene),
}


def draw(
    thing: Any,
    at: Mapping[str, npt.ArrayLike] | None = None,
    wrt: str | Sequence[Any] | None = None,
    detail: str | None = None,
    title: str | None = None,
    chain: Chain | None = None,
    digits: int = 3,
    timeout: float = TIMEOUT,
    path: str | None = None,
    forward: bool = False,
    dark: bool = False,
    size: str | None = None,
) -> Drawing:
    """A picture of a Graph, a node, or a dict of nodes: what the user wrote, and its gradients.

    Leaves and statements are boxes, scopes are clusters. Values flow forward along solid blue
    edges, gradients of the first output (if it is a scalar) come back along dashed red ones; where
    a value is read several times, each edge shows what it contributes, and ⊕ the sum. Tensors of
    up to 4×4 are written out, larger ones have their sizes and their norm. A leaf that is read at
    every depth (the weights of a recurrent network) is drawn at each use.

    `at` gives leaves numbers (missing ones: a picture in symbols, with a remark), `wrt` says which
    leaves gradients flow to (every parameter, or every input where there are none), `chain` is
    drawn below the graph, `digits` are significant ones, `timeout` bounds the program dot, in
    seconds. `detail` is "paths", "statements", "ops", or "scopes": one box for each outermost
    scope, parameters folded into the box that reads them, repeated blocks as one box with × N.
    Without it "paths", or "scopes" where that would be more than 40 boxes, with a remark.

    `path` is a leaf whose way to the loss is highlighted, all else paler; its chain is drawn below
    where it has one. `forward` leaves gradients out. `dark` is for dark pages. `size` is a page
    onto which the picture is scaled and centred: "slide" (1280×720), "a4", "a4-landscape", or
    "WxH" in pixels.

    >>> import graphnn as gnn, viz
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> viz.draw(gnn.sigmoid(w * x), at={"w": 0.5, "x": 2})
    <Drawing: 4 boxes, 3 edges; .save(path) writes it>

    Raises GraphError for an unknown leaf, level of detail or page, and for a `path` that no
    gradient takes.
    """
    if size is not None:
        page_size(size)
    if path is not None and chain is None:
        chain = chain_of(thing, path, at, _level(detail), digits)
    made = view_of(thing, at, wrt, _level(detail), title, chain, digits, forward, path)
    made = _arranged(made, detail)
    return Drawing(made, timeout, dark, size)


def _level(detail: str | None) -> str:
    """The level of detail of the statements."""
    if detail is not None and detail not in LEVELS:
        raise GraphError(f"there is no detail {detail!r}; one of {', '.join(LEVELS)}")
    return "paths" if detail in (None, "scopes") else str(detail)


def _arranged(made: View, detail: str | None) -> View:
    """The View with scopes collapsed, where that was asked for or is needed, and leaves spread."""
    if detail == "scopes":
        return collapsed(made)
    if detail is None and len(made.boxes) > MANY:
        fewer = collapsed(made)
        if len(fewer.boxes) < len(made.boxes):
            text = (
                f"{len(made.boxes)} boxes are drawn as {len(fewer.boxes)}: scopes are closed, "
                'parameters stand in the box that reads them; detail "paths" shows all.'
            )
            note = Label(rf"\text{{{protect(text)}}}", text)
            made = replace(fewer, remarks=(*made.remarks, note))
    return spread(made)
