"""What handles were made of: the way from some handles back to the leaves."""

from __future__ import annotations

from collections.abc import Iterable

from graphnn.graph.handle import GradientOf, Handle, Written


def reachable(ends: Iterable[Handle]) -> tuple[Handle, ...]:
    """Every handle from which the given ones were made, in the order in which they were made."""
    found: dict[int, Handle] = {}
    stack = list(ends)
    while stack:
        handle = stack.pop()
        if handle.serial in found:
            continue
        found[handle.serial] = handle
        stack.extend(parents(handle))
    return tuple(found[serial] for serial in sorted(found))


def parents(handle: Handle) -> tuple[Handle, ...]:
    """The handles that a handle was made of."""
    match handle.provenance:
        case Written(operands=operands, parameters=parameters, opened=opened):
            given = tuple(value for _, value in parameters if isinstance(value, Handle))
            return (*operands, *given) if opened is None else (*operands, *given, opened)
        case GradientOf(output=output, wrt=wrt, cotangent=cotangent):
            return (output, wrt) if cotangent is None else (output, wrt, cotangent)
    return ()
