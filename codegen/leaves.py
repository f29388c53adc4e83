"""What a plan says about leaves: fan-in of parameters, bounds of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graphnn.calculus.formula import Formula, Lookup, Size
from graphnn.graph.node import Node
from graphnn.plan import Leaf


def leaf_of(node: Node, buffers: Mapping[Node, str], order: Sequence[Node]) -> Leaf:
    """The leaf of a node: its name, its buffer, and what its first use says about it."""
    made = Leaf(node.attribute("name"), str(node.op), buffers[node])
    if node.dtype == "int64":
        return replace(made, below=_below(node, order))
    return replace(made, fan_in=_fan_in(node, order))


def _below(node: Node, order: Sequence[Node]) -> int | None:
    """The number of rows of the table in which an integer leaf is looked up."""
    for user in order:
        if not isinstance(user.op, Formula):
            continue
        accesses = [(user.op.write, user.op.shape)]
        accesses += [(r.index, user.operands[r.operand].shape) for r in user.op.reads]
        for index, shape in accesses:
            for part, size in zip(index, shape, strict=True):
                if isinstance(part, Lookup) and user.operands[part.operand] is node:
                    return size if isinstance(size, int) else 1
    return None


def _fan_in(node: Node, order: Sequence[Node]) -> int | None:
    """How many elements of a parameter the first op that uses it sums over."""
    followed = {node: {k: k for k in range(len(node.shape))}}
    for user in order:
        formula = user.op
        if not isinstance(formula, Formula):
            continue
        for read in formula.reads:
            dims = followed.get(user.operands[read.operand])
            if dims is None:
                continue
            axes = [str(part) for part in read.index]
            reduced = {a.name for a in formula.reduced}
            over = [dims[k] for k, a in enumerate(axes) if k in dims and a in reduced]
            if over:
                sizes = [node.shape[k] for k in over]
                return _product(sizes)
            if len(formula.reads) == 1 and formula.is_plain:
                written = [str(part) for part in formula.write]
                followed[user] = {
                    written.index(a): dims[k]
                    for k, a in enumerate(axes)
                    if k in dims and a in written
                }
            else:
                return None
    return None


def _product(sizes: Iterable[Size]) -> int | None:
    total = 1
    for size in sizes:
        if not isinstance(size, int):
            return None
        total *= size
    return total
