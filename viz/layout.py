"""Layout: where boxes of a known size go. Columns from left to right, a height for each box.

The program `dot` decides ranks, the order in each column, and heights; it is given sizes and ids
only, never a user's text. Positions along x are ours (`scene` knows how wide each gap has to be).
Where dot takes too long, a simple layered layout (viz.layered) stands in.
"""

from __future__ import annotations

import json
import subprocess
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from graphnn.errors import GraphError
from viz.layered import place_in_layers
from viz.placement import Item, Link, Placement, Scope
from viz.straight import straightened

TIMEOUT = 10.0
INSTALL = (
    "the program dot (Graphviz) is not installed; it places the boxes of drawings: "
    "`apt install graphviz` (Debian, Ubuntu), `brew install graphviz` (macOS), "
    "`winget install graphviz` (Windows)"
)
_ROWS = 18.0  # between two boxes of a column
_COLUMNS = 40.0
_HEADER = 22.0  # the name of a cluster
_INSET = 14.0  # from a cluster's line to what is in it


def place(
    items: Sequence[Item],
    links: Sequence[Link],
    clusters: Sequence[Scope] = (),
    timeout: float = TIMEOUT,
) -> Placement:
    """Place items by dot, or in layers where dot takes longer than `timeout` seconds.

    >>> made = place([Item("a", 40, 40), Item("b", 40, 40)], [Link("a", "b")])
    >>> made.columns
    {'a': 0, 'b': 1}

    Raises GraphError that says how to install dot where it is missing.
    """
    if not items:
        return Placement({}, {}, {})
    try:
        ran = subprocess.run(
            ["dot", "-Tjson0"],
            input=dot_input(items, links, clusters).encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise GraphError(INSTALL) from None
    except subprocess.TimeoutExpired:
        return place_in_layers(items, links)
    if ran.returncode != 0:  # dot gives up on some large graphs ("trouble in init_rank")
        return place_in_layers(items, links)
    found = _placement(json.loads(ran.stdout), items, links, clusters)
    return straightened(found, items, links)


def dot_input(items: Sequence[Item], links: Sequence[Link], clusters: Sequence[Scope]) -> str:
    """What dot is asked: boxes of a fixed size, in points."""
    number = {item.key: k for k, item in enumerate(items)}
    lines = [
        "digraph {",
        f"rankdir=LR; newrank=true; nodesep={_ROWS / 72:.4f}; ranksep={_COLUMNS / 72:.4f};",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none];',
    ]
    for item in items:
        width, height = item.width / 72, item.height / 72
        lines.append(f"n{number[item.key]} [width={width:.4f}, height={height:.4f}];")
    lines += _subgraphs(items, clusters, number)
    for link in links:
        ends = f"n{number[link.tail]} -> n{number[link.head]}"
        hidden = "" if link.weight else ", style=invis"
        lines.append(f"{ends} [weight={link.weight}, minlen={link.length}{hidden}];")
    return "\n".join([*lines, "}"])


def _subgraphs(
    items: Sequence[Item], clusters: Sequence[Scope], number: dict[str, int]
) -> list[str]:
    """Nested subgraphs; the label only reserves the room of a cluster's name."""
    header = f'<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="8" HEIGHT="{_HEADER:.0f}"><TR><TD></TD></TR></TABLE>>'
    lines: list[str] = []
    stack: list[Scope | None] = [c for c in reversed(clusters) if len(c) == 1]
    while stack:
        scope = stack.pop()
        if scope is None:
            lines.append("}")
            continue
        place = clusters.index(scope)
        lines.append(f"subgraph cluster_{place} {{ margin={_INSET:.0f}; label={header};")
        lines += [f"n{number[item.key]};" for item in items if item.scope == scope]
        stack.append(None)
        stack += [c for c in reversed(clusters) if c[:-1] == scope]
    return lines


def _placement(
    answer: dict[str, Any],
    items: Sequence[Item],
    links: Sequence[Link],
    clusters: Sequence[Scope],
) -> Placement:
    objects = {o["name"]: o for o in answer.get("objects", ())}
    top = float(answer["bb"].split(",")[3])
    across: dict[str, float] = {}
    heights: dict[str, float] = {}
    for k, item in enumerate(items):
        x, y = (float(v) for v in objects[f"n{k}"]["pos"].split(","))
        across[item.key], heights[item.key] = x, top - y
    ranks = _ranks(across.values())
    columns = {key: _nearest(ranks, x) for key, x in across.items()}
    bends = {}
    for link, edge in zip(links, _edges(answer, items, links), strict=True):
        first, last = columns[link.tail], columns[link.head]
        if last - first > 1 and edge:
            route = _points(edge)
            bends[link.tail, link.head] = tuple(
                (column, top - _height_at(route, ranks[column]))
                for column in range(first + 1, last)
            )
    found = {}
    for k, scope in enumerate(clusters):
        box = objects.get(f"cluster_{k}", {}).get("bb")
        if box:
            _, low, _, high = (float(v) for v in box.split(","))
            found[scope] = (top - high, top - low)
    return Placement(columns, heights, bends, found)


def _ranks(across: Any) -> list[float]:
    """The x of each column: positions that differ by less than a point are one."""
    found: list[float] = []
    for x in sorted(across):
        if not found or x - found[-1] > 1:
            found.append(x)
    return found


def _nearest(ranks: Sequence[float], x: float) -> int:
    place = min(bisect_left(ranks, x), len(ranks) - 1)
    return place - 1 if place and x - ranks[place - 1] < ranks[place] - x else place


def _edges(answer: dict[str, Any], items: Sequence[Item], links: Sequence[Link]) -> list[str]:
    names = {o["_gvid"]: o["name"] for o in answer.get("objects", ())}
    number = {item.key: f"n{k}" for k, item in enumerate(items)}
    found = {(names[e["tail"]], names[e["head"]]): e["pos"] for e in answer.get("edges", ())}
    return [found.get((number[link.tail], number[link.head]), "") for link in links]


def _points(pos: str) -> list[tuple[float, float]]:
    parts = [p for p in pos.split() if not p.startswith(("e,", "s,"))]
    return [(float(x), float(y)) for x, y in (p.split(",") for p in parts)]


def _height_at(route: Sequence[tuple[float, float]], x: float) -> float:
    """The height at which a piecewise cubic passes over x; routes run from left to right."""
    for k in range(0, len(route) - 3, 3):
        p0, p1, p2, p3 = route[k : k + 4]
        if p0[0] <= x <= p3[0]:
            low, high = 0.0, 1.0
            for _ in range(40):
                middle = (low + high) / 2
                if _cubic(p0[0], p1[0], p2[0], p3[0], middle) < x:
                    low = middle
                else:
                    high = middle
            return _cubic(p0[1], p1[1], p2[1], p3[1], low)
    return route[-1][1]


def _cubic(a: float, b: float, c: float, d: float, t: float) -> float:
    s = 1 - t
    return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
