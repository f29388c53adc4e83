"""Composites: a graph of formulas under one name, that can be shown closed or opened.

A composite is known by its provenance alone: `Written(…, opened=…)` holds the last handle of the
graph inside. Its node is that handle's node, so nothing that computes or differentiates needs to
know of composites; what shows a network chooses. `opened` makes of closed handles opened ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from graphnn.graph.handle import Handle, Written
from graphnn.graph.node import Node


def composite(
    function: str, operands: Sequence[Handle], inside: Handle, **parameters: Any
) -> Handle:
    """`function(operands; parameters)`, computed by the graph that ends in `inside`.

    A parameter that is None is one that its author left out. What has a name inside has it only
    where the composite is shown opened.
    """
    given = tuple((name, value) for name, value in parameters.items() if value is not None)
    return Handle(inside.node, Written(function, tuple(operands), given, opened=inside))


def is_composite(handle: Handle) -> bool:
    """Whether a handle stands for a graph of its own, and so can be opened."""
    return isinstance(handle.provenance, Written) and handle.provenance.opened is not None


def has_named_parts(handle: Handle) -> bool:
    """Whether a composite's inside has names, or holds what is no formula (concat, reshape)."""
    if not isinstance(handle.provenance, Written) or handle.provenance.opened is None:
        return False
    outside = set(_shown(handle.provenance.operands, is_composite))
    inside = _shown([handle.provenance.opened], is_composite)
    return any(
        (part.name is not None or part.node.op in ("reshape", "concat", "split", "item"))
        for serial, part in inside.items()
        if serial not in outside and not part.node.is_leaf
    )


def opened(ends: Sequence[Handle], opens: Callable[[Handle], bool]) -> list[Handle]:
    """The ends with every composite that `opens` as the graph inside it.

    Names inside stay where they are free and get a number where they are not: μ, μ₁ …

    >>> import graphnn as gnn
    >>> closed = gnn.softmax(gnn.input("z", (3,)))
    >>> (made,) = opened([closed], is_composite)
    >>> closed.provenance.function, made.provenance.function
    ('softmax', 'divide')
    """
    seen = _shown(ends, opens)
    if not any(is_composite(h) and opens(h) for h in seen.values()):
        return list(ends)
    outer = _shown(ends, lambda _: False)
    names = {h.name: h.node for h in outer.values() if h.name is not None}
    made: dict[int, Handle] = {}
    for serial in sorted(seen):
        handle = seen[serial]
        called = handle.name if serial in outer else _free(handle, names)
        made[serial] = _again(handle, called, made, opens)
    return [made[h.serial] for h in ends]


def _shown(ends: Sequence[Handle], opens: Callable[[Handle], bool]) -> dict[int, Handle]:
    """What a reader sees: of an opened composite the inside, of a closed one the operands."""
    found: dict[int, Handle] = {}
    stack = list(ends)
    while stack:
        handle = stack.pop()
        if handle.serial in found:
            continue
        found[handle.serial] = handle
        if isinstance(handle.provenance, Written):
            inside = handle.provenance.opened
            stack += handle.provenance.operands if inside is None or not opens(handle) else [inside]
    return found


def _free(handle: Handle, names: dict[str, Node]) -> str | None:
    if handle.name is None:
        return None
    wishes = itertools.chain([handle.name], (f"{handle.name}{k}" for k in itertools.count(1)))
    called = next(wish for wish in wishes if names.get(wish, handle.node) is handle.node)
    names[called] = handle.node
    return called


def _again(
    handle: Handle, called: str | None, made: dict[int, Handle], opens: Callable[[Handle], bool]
) -> Handle:
    """The handle with what it was made of replaced; leaves stay."""
    origin = handle.provenance
    if not isinstance(origin, Written):
        return handle
    if origin.opened is not None and opens(handle):
        inner = made[origin.opened.serial]
        copy = Handle(inner.node, inner.provenance, called or inner.name, handle.source)
    else:
        operands = tuple(made[o.serial] for o in origin.operands)
        parts = Written(origin.function, operands, origin.parameters, origin.opened)
        copy = Handle(handle.node, parts, called, handle.source)
    copy.scope = handle.scope
    return copy
