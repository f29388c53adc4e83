"""Names for what the user left unnamed: the rules stand in graphnn.graph.statements."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from graphnn.calculus.tables import ACTIVATIONS
from graphnn.expression.names import parts as name_parts
from graphnn.graph.handle import Handle, Written
from graphnn.graph.node import Node

MAX_WRITTEN_DEPTH = 12

_ACTIVATIONS = {row.partition("(")[0].strip() for row in ACTIVATIONS.splitlines() if row} | {
    "tanh",
    "step",
    "sign",
    "softmax",
}

_STRUCTURES = frozenset({"reshape", "concat", "split"})
"""Ops that are not formulas: always statements of their own, since they have no index form."""

_PRODUCTS = frozenset({"matmul", "dot", "conv2d", "einsum"})
_LINEAR = frozenset(
    {"add", "subtract", "negate", "transpose", "getitem", "sum", "mean", "trace", "diagonal"}
)
_ARITHMETIC = frozenset({"power", "multiply", "divide"})


def written_handles(ends: Iterable[Handle]) -> list[Handle]:
    """The handles a reader sees, in the order made: the insides of composites are left out."""
    found: dict[int, Handle] = {}
    stack = list(ends)
    while stack:
        handle = stack.pop()
        if handle.serial not in found:
            found[handle.serial] = handle
            stack.extend(operands_of(handle))
    return [found[serial] for serial in sorted(found)]


def operands_of(handle: Handle) -> tuple[Handle, ...]:
    """The operands that a reader sees: not what a composite holds inside."""
    if isinstance(handle.provenance, Written):
        return handle.provenance.operands
    return ()


class Naming:
    """Gives names to unnamed parts; the rules stand in the module's docstring."""

    def __init__(self, handles: Sequence[Handle], named: dict[int, str], detail: str) -> None:
        self.handles = handles
        self.named = named
        self.detail = detail
        self.taken = set(named.values())
        self.counted = {"z": 1, "a": 1, "u": 1}
        self.users: dict[Node, list[Handle]] = {}
        for handle in handles:
            for operand in operands_of(handle):
                self.users.setdefault(operand.node, []).append(handle)
        self.products = _with_products(handles, named)
        computed = {named[h.serial] for h in handles if h.serial in named and is_computed(h)}
        self.single = len(computed) == 1

    def run(self) -> None:
        """Decide what needs a name, and give the names."""
        wanted: dict[Node, str] = {}
        heights: dict[int, int] = {}
        for handle in self.handles:
            lower = [
                0 if o.serial in self.named else heights.get(o.serial, 0)
                for o in operands_of(handle)
            ]
            heights[handle.serial] = 1 + max(lower, default=0)
            if handle.serial in self.named or not is_computed(handle):
                continue
            if handle.node in wanted:
                heights[handle.serial] = 0
                continue
            kind = self._kind(handle, heights[handle.serial])
            if kind:
                wanted[handle.node] = kind
                heights[handle.serial] = 0
        if self.single and not wanted and self.detail == "paths":
            wanted = self._paths()
        self._assign(wanted)

    def _kind(self, handle: Handle, height: int) -> str:
        """What an unnamed handle is called: "z", "a", "u", or "" for nothing."""
        users = self.users.get(handle.node, [])
        if not users:
            return ""
        structural = function_of(handle) in _STRUCTURES
        fed_on = _compound(handle) and any(function_of(user) in _STRUCTURES for user in users)
        if is_turned(handle):
            return ""  # the vector's own node: under a second name it would be lost
        if self.detail == "ops" or structural or fed_on:
            return "u"
        if self.detail == "statements":
            return ""
        if any(function_of(user) in _ACTIVATIONS and _compound(handle) for user in users):
            return "z"
        if function_of(handle) in _ACTIVATIONS:
            return "a"
        if handle.serial in self.products and any(not _keeps_products(u, handle) for u in users):
            return "u" if any(function_of(u) in _ARITHMETIC for u in users) else "z"
        if len(users) > 1 and _compound(handle):
            return "u"
        return "u" if height > MAX_WRITTEN_DEPTH else ""

    def _paths(self) -> dict[Node, str]:
        """The compound summands of a one-statement network that share a leaf."""
        end = self.handles[-1]
        summands = [h for h in _summands(end) if _compound(h) and h.serial not in self.named]
        below = [{h.node for h in written_handles([s]) if h.serial in self.named} for s in summands]
        found = {}
        for k, summand in enumerate(summands):
            others = set().union(*(b for j, b in enumerate(below) if j != k), set())
            if below[k] & others or self._also_alone(end, below[k]):
                found[summand.node] = "u"
        return found if len(found) > 1 or found else {}

    def _also_alone(self, end: Handle, below: set[Node]) -> bool:
        return any(h.node in below for h in _summands(end) if h.serial in self.named)

    def _assign(self, wanted: dict[Node, str]) -> None:
        given: dict[Node, str] = {}
        for handle in self.handles:
            if handle.node in wanted and handle.serial not in self.named:
                if handle.node not in given:
                    given[handle.node] = self._fresh(wanted[handle.node], handle)
                self.named[handle.serial] = given[handle.node]

    def _fresh(self, kind: str, handle: Handle) -> str:
        candidates = self._candidates(kind, handle)
        name = next(c for c in candidates if c not in self.taken)
        self.taken.add(name)
        return name

    def _candidates(self, kind: str, handle: Handle) -> Iterator[str]:
        stems = (kind,) if kind in ("z", "a") else ("u", "v")
        for user in self.users.get(handle.node, []) if len(stems) == 1 else ():
            called = self.named.get(user.serial)
            number = name_parts(called)[2] if called else ""
            if number.isdigit():
                yield f"{kind}{number}"
        if all(f"{stem}1" not in self.taken for stem in stems):
            yield from stems
        for k in itertools.count(self.counted[kind]):
            self.counted[kind] = k
            yield from (f"{stem}{k}" for stem in stems)


def _with_products(handles: Sequence[Handle], named: Mapping[int, str]) -> set[int]:
    """The unnamed parts in which a product of matrices or a convolution is written out."""
    found: set[int] = set()
    for handle in handles:
        inside = function_of(handle) in _PRODUCTS or any(
            o.serial in found for o in operands_of(handle)
        )
        if inside and handle.serial not in named:
            found.add(handle.serial)
    return found


def is_computed(handle: Handle) -> bool:
    """True for what an op made: no leaf, no constant."""
    return isinstance(handle.provenance, Written) and handle.node.op != "constant"


def _compound(handle: Handle) -> bool:
    """More than a leaf or the negative of one."""
    return is_computed(handle) and function_of(handle) not in ("negate", "transpose", "getitem")


def _keeps_products(user: Handle, operand: Handle) -> bool:
    """Whether a line for `user` still reads well with a product of matrices inside: x W − y."""
    function = function_of(user)
    if function in ("multiply", "divide"):
        above = function == "multiply" or operands_of(user)[0] is operand
        return above and not any(o.shape for o in operands_of(user) if o is not operand)
    return function in _LINEAR | _PRODUCTS


def is_turned(handle: Handle) -> bool:
    """A vector's transpose: the same node, and yet a row where it is written."""
    return function_of(handle) == "transpose" and handle.node is operands_of(handle)[0].node


def function_of(handle: Handle) -> str:
    """The function that a handle was written with, or nothing."""
    return handle.provenance.function if isinstance(handle.provenance, Written) else ""


def _summands(handle: Handle) -> list[Handle]:
    found: list[Handle] = []
    stack = [handle]
    while stack:
        h = stack.pop()
        if function_of(h) in ("add", "subtract") and isinstance(h.provenance, Written):
            stack.extend(reversed(h.provenance.operands))
        else:
            found.append(h)
    return found
