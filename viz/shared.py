"""Shared leaves: a leaf that is read along the whole depth of a graph, drawn at each use.

The weights of a recurrent network are read at every step in time. One box with a long line to each
of them hides the network; a copy beside each reader shows it, with what that use contributes to the
gradient, and a line below the picture adds the contributions. View → View.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from viz.formulas import NOTHING
from viz.view import Box, Edge, View

MIN_READERS = 3  # a leaf with as many is copied,
APART = 2  # where one of them stands so much deeper than another


def spread(view: View) -> View:
    """The View with a copy of every leaf beside each of its readers, where those are far apart."""
    depth = depths(view)
    reads: dict[str, list[Edge]] = {}
    for edge in view.edges:
        reads.setdefault(edge.tail, []).append(edge)
    copied = {
        box.key: reads[box.key]
        for box in view.boxes
        if box.is_leaf and _is_far(reads.get(box.key, ()), depth)
    }
    if not copied:
        return view
    by_key = {box.key: box for box in view.boxes}
    boxes: list[Box] = []
    for box in view.boxes:
        if box.key not in copied:
            boxes.append(box)
            continue
        boxes += [
            replace(
                box, key=_copy(edge), scope=by_key[edge.head].scope, below=NOTHING, adds=False,
                shared=True,
            )
            for edge in copied[box.key]
        ]  # fmt: skip
    edges = tuple(
        replace(edge, tail=_copy(edge)) if edge.tail in copied else edge for edge in view.edges
    )
    path = view.path
    told = [key for key in copied if path is None or key in path]
    sums = (by_key[key].total for key in told)
    if path is not None:
        path |= {_copy(e) for key, found in copied.items() if key in path for e in found}
    return replace(
        view,
        boxes=tuple(boxes),
        edges=edges,
        sums=(*view.sums, *(line for line in sums if line)),
        path=path,
    )


def depths(view: View) -> dict[str, int]:
    """Box → how many statements stand before it, along the longest way."""
    before: dict[str, list[str]] = {}
    for edge in view.edges:
        before.setdefault(edge.head, []).append(edge.tail)
    found: dict[str, int] = {}
    for box in view.boxes:  # leaves first, then statements in an order that runs
        found[box.key] = max((found.get(key, 0) + 1 for key in before.get(box.key, ())), default=0)
    return found


def _is_far(edges: list[Edge] | tuple[()], depth: Mapping[str, int]) -> bool:
    deep = [depth[edge.head] for edge in edges]
    return len(deep) >= MIN_READERS and max(deep) - min(deep) >= APART


def _copy(edge: Edge) -> str:
    return f"{edge.tail}→{edge.head}"
