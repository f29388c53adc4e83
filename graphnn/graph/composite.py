"""Composites: a graph of formulas under one name, that can be shown closed or opened.

A composite is known by its provenance alone: `Written(…, opened=…)` holds the last handle of the
graph inside. Its node is that handle's node, so nothing that computes or differentiates needs to
know of composites; what shows a network chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphnn.graph.handle import Handle, Written


def composite(
    function: str, operands: Sequence[Handle], inside: Handle, **parameters: Any
) -> Handle:
    """`function(operands; parameters)`, computed by the graph that ends in `inside`.

    A parameter that is None is one that its author left out.
    """
    given = tuple((name, value) for name, value in parameters.items() if value is not None)
    return Handle(inside.node, Written(function, tuple(operands), given, opened=inside))
