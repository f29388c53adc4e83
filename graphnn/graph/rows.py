"""Handles and graphs as flat rows: how they are pickled without recursion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphnn.graph.handle import GradientOf, Handle, Written
from graphnn.graph.node import from_rows, to_rows
from graphnn.graph.provenance import reachable


def handles_to_rows(ends: Sequence[Handle]) -> tuple[Any, ...]:
    """(node rows, handle rows, the ends' places); references are row numbers."""
    handles = reachable(ends)
    nodes = list(dict.fromkeys(h.node for h in handles))
    rows = to_rows(nodes)
    order = {node: k for k, node in enumerate(from_rows(rows))}
    place = {h.serial: k for k, h in enumerate(handles)}
    described = []
    for h in handles:
        match h.provenance:
            case Written(
                function=function, operands=operands, parameters=parameters, opened=opened
            ):
                inner = None if opened is None else place[opened.serial]
                kept = tuple((key, _packed(value, place)) for key, value in parameters)
                made: Any = (function, tuple(place[o.serial] for o in operands), kept, inner)
            case GradientOf(output=output, wrt=wrt, cotangent=cotangent):
                other = None if cotangent is None else place[cotangent.serial]
                made = (place[output.serial], place[wrt.serial], other)
            case _:
                made = None
        described.append((order[h.node], made, h.name, h.source, h.scope))
    return rows, described, [place[h.serial] for h in ends]


def handles_from_rows(packed: tuple[Any, ...], single: bool = False) -> Any:
    """The handles of `handles_to_rows`: the one, or the list of all ends."""
    rows, described, ends = packed
    nodes = from_rows(rows)
    made: list[Handle] = []
    for node, provenance, name, source, scope in described:
        origin: Written | GradientOf | None = None
        if provenance is not None and len(provenance) == 4:
            function, operands, parameters, inner = provenance
            opened = None if inner is None else made[inner]
            given = tuple((key, _unpacked(value, made)) for key, value in parameters)
            origin = Written(function, tuple(made[k] for k in operands), given, opened)
        elif provenance is not None:
            output, wrt, other = provenance
            origin = GradientOf(made[output], made[wrt], None if other is None else made[other])
        handle = Handle(nodes[node], origin, name, source)
        handle.scope = scope
        made.append(handle)
    found = [made[k] for k in ends]
    return found[0] if single else found


@dataclass(frozen=True)
class _Place:
    """A parameter that is a node: the number of its row."""

    row: int


def _packed(value: Any, place: dict[int, int]) -> Any:
    return _Place(place[value.serial]) if isinstance(value, Handle) else value


def _unpacked(value: Any, made: list[Handle]) -> Any:
    return made[value.row] if isinstance(value, _Place) else value
