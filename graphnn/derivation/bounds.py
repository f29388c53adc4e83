"""The extents that a line in index notation must state: those that do not follow from its reads.

`y[i, j] = max_{u,v} x[2·i+u, 2·j+v]` is read back with `for u < 2, v < 2`: a window's extent is
nowhere else, and the output's where it reads padding or stops early.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.calculus.extents import bounds
from graphnn.calculus.formula import Formula, Lookup
from graphnn.calculus.polynomial import Polynomial, axes_of, polynomial, single_axis, to_expression
from graphnn.expression.unicode import to_unicode
from graphnn.graph.node import Node


def stated_bounds(node: Node) -> str:
    """`for u < 2, v < 2`, or nothing where every extent follows.

    >>> import graphnn as gnn
    >>> stated_bounds(gnn.parse("y[i] max= x[2*i+u] for u < 2", {"x": (6,)}).loss.node)
    'for u < 2'
    """
    formula = node.op
    if not isinstance(formula, Formula):
        return ""
    indices = [
        (index, node.operands[read.operand].shape[place])
        for read in formula.reads
        for place, index in enumerate(read.index)
        if not isinstance(index, Lookup)
    ]
    follows = {single_axis(index) for index, _ in indices}
    reduced = {axis.name for axis in formula.reduced}
    needed = [
        axis
        for axis in formula.axes
        if axis.name not in follows
        and (axis.name in reduced or formula.guards or not _is_largest(axis.name, formula, indices))
    ]
    if not needed:
        return ""
    stated = (
        f"{axis.name} < {to_unicode(to_expression(polynomial(axis.extent)))}" for axis in needed
    )
    return f"for {', '.join(stated)}"


def _is_largest(axis: str, formula: Formula, indices: Sequence[tuple[Polynomial, object]]) -> bool:
    """Whether an index with this axis would leave its operand if the axis were longer by one."""
    longer = {a.name: a.extent for a in formula.axes}
    longer[axis] = polynomial(longer[axis]) + 1
    for index, size in indices:
        high = bounds(index, longer)[1]
        if axis in axes_of(index) and isinstance(high, int) and isinstance(size, int):
            if high >= size:
                return True
        elif axis in axes_of(index) and not isinstance(size, int):
            return False
    return False
