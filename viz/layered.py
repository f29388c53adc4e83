"""A simple layered layout, for graphs on which dot takes too long. Linear but for sorting.

Columns are longest paths, leaves moved next to what reads them; the order within a column is the
mean position of the neighbours, swept a few times; heights are pulled to the neighbours' as far as
the boxes above and below allow. Clusters are not kept together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from viz.placement import Item, Link, Placement

_ROWS = 26.0
_SWEEPS = 6


def place_in_layers(items: Sequence[Item], links: Sequence[Link]) -> Placement:
    """The placement of items in layers; every link goes to the right.

    >>> a, b, c = (Item(key, 40, 40) for key in "abc")
    >>> place_in_layers([a, b, c], [Link("a", "c"), Link("b", "c")]).columns
    {'a': 0, 'b': 0, 'c': 1}
    """
    columns = _columns(items, links)
    links = [link for link in links if link.weight]
    chains, sizes = _split(links, columns)
    sizes |= {item.key: item.height for item in items}
    members: dict[int, list[str]] = {}
    for item in items:
        members.setdefault(columns[item.key], []).append(item.key)
    before: dict[str, list[str]] = {key: [] for key in sizes}
    after: dict[str, list[str]] = {key: [] for key in sizes}
    for chain, link in zip(chains, links, strict=True):
        for key, column in chain[1:-1]:
            members.setdefault(column, []).append(key)
        for (left, _), (right, _) in pairwise(chain):
            after[left] += [right] * link.weight
            before[right] += [left] * link.weight
    order = [members[column] for column in sorted(members)]
    heights: dict[str, float] = {}
    for row in order:
        _stack(row, heights, sizes)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        near = before if forward else after
        for row in order if forward else reversed(order):
            wanted = {
                key: sum(heights[n] for n in near[key]) / len(near[key])
                if near[key]
                else heights[key]
                for key in row
            }
            row.sort(key=lambda key: wanted[key])
            _settle(row, wanted, heights, sizes)
    top = min(heights[key] - sizes[key] / 2 for key in heights)
    bends = {
        (link.tail, link.head): tuple((c, heights[key] - top) for key, c in chain[1:-1])
        for chain, link in zip(chains, links, strict=True)
        if len(chain) > 2
    }
    placed = {item.key: heights[item.key] - top for item in items}
    return Placement({item.key: columns[item.key] for item in items}, placed, bends)


def _columns(items: Sequence[Item], links: Sequence[Link]) -> dict[str, int]:
    """Longest path from the left; what nothing stands before moves next to its first reader."""
    out: dict[str, list[Link]] = {item.key: [] for item in items}
    waiting = dict.fromkeys(out, 0)
    for link in links:
        out[link.tail].append(link)
        waiting[link.head] += 1
    sources = [key for key, count in waiting.items() if count == 0]
    columns = dict.fromkeys(out, 0)
    order: list[str] = []
    ready = list(reversed(sources))
    while ready:
        key = ready.pop()
        order.append(key)
        for link in out[key]:
            columns[link.head] = max(columns[link.head], columns[key] + link.length)
            waiting[link.head] -= 1
            if waiting[link.head] == 0:
                ready.append(link.head)
    feeding = dict.fromkeys(out, 0)
    for link in links:
        feeding[link.head] += 1
    for key in reversed(order):
        # A leaf, and the label on the way from it, which has one link on either side.
        if out[key] and feeding[key] <= 1:
            columns[key] = min(columns[link.head] - link.length for link in out[key])
    used = sorted(set(columns.values()))
    rank = {column: k for k, column in enumerate(used)}
    return {key: rank[column] for key, column in columns.items()}


def _split(
    links: Sequence[Link], columns: dict[str, int]
) -> tuple[list[list[tuple[str, int]]], dict[str, float]]:
    """Each link as the places that it passes, one in each column; and the size of those between."""
    chains = []
    sizes: dict[str, float] = {}
    for k, link in enumerate(links):
        first, last = columns[link.tail], columns[link.head]
        between = [(f"\0{k}:{c}", c) for c in range(first + 1, last)]
        sizes |= dict.fromkeys((key for key, _ in between), 4.0)
        chains.append([(link.tail, first), *between, (link.head, last)])
    return chains, sizes


def _stack(row: Sequence[str], heights: dict[str, float], sizes: dict[str, float]) -> None:
    y = -sum(sizes[key] + _ROWS for key in row) / 2
    for key in row:
        heights[key] = y + sizes[key] / 2
        y += sizes[key] + _ROWS


def _settle(
    row: Sequence[str], wanted: dict[str, float], heights: dict[str, float], sizes: dict[str, float]
) -> None:
    """The nearest heights to the wanted ones, in this order, without overlaps."""
    spread = [0.0]
    for one, other in pairwise(row):
        spread.append(spread[-1] + (sizes[one] + sizes[other]) / 2 + _ROWS)
    settled = isotonic([wanted[key] - s for key, s in zip(row, spread, strict=True)])
    for key, value, s in zip(row, settled, spread, strict=True):
        heights[key] = value + s


def isotonic(wanted: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """The nearest sequence that never falls (least squares), by pooling adjacent violators.

    >>> isotonic([1, 3, 2, 4])
    [1.0, 2.5, 2.5, 4.0]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights or [1.0] * len(wanted), strict=True):
        mean, mass, count = float(value), weight, 1
        while pools and pools[-1][0] > mean:
            other, other_mass, other_count = pools.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, count = mass + other_mass, count + other_count
        pools.append((mean, mass, count))
    return [mean for mean, _, count in pools for _ in range(count)]
