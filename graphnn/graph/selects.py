"""Selects take into their formula what only one branch reads: the other branch's derivative is 0.

    y[i] = where(c[i] != 0, a[i], 0)   a[i] = sqrt(x[i])     becomes   y[i] = where(x[i] > 0, sqrt(x[i]), 0)

As two nodes the cotangent of `a` is 0 at x = 0 and is multiplied by an infinite derivative: NaN. In
one formula the derivative is a select again, and the branch that is not taken is not multiplied in.
Taken in are the element-wise nodes of a branch that can have an infinite or undefined derivative,
and those in between; a value that every branch reads stays outside.
"""

from __future__ import annotations

from collections.abc import Collection

from graphnn.calculus.formula import Formula
from graphnn.expression.tree import COMPARISONS, Expr, fold, postorder, rebuild, symbols
from graphnn.graph.compose import Region
from graphnn.graph.cut import can_open, is_flag
from graphnn.graph.node import FLOATS, Node, scalar_value
from graphnn.graph.stable_nodes import is_form

MAX_OPEN = 64
_UNBOUNDED = frozenset(
    {"log", "sqrt", "exp", "tan", "sinh", "cosh", "log1p", "expm1"}
    | {"xlogy", "times_log", "xlog1py"}
)


def select(node: Node, closed: Collection[Node]) -> Node | None:
    """The node with its branches taken in, or None where there is nothing to take in."""
    formula = node.op
    if not isinstance(formula, Formula) or node.dtype not in FLOATS:
        return None
    guarded = {node.operands[formula.reads[k].operand] for k in _guarded(formula.body)}
    inside = _taken_in(guarded, closed)
    if not inside:
        return None
    conditions = {o for o in node.operands if o.dtype == "bool" and can_open(o) and o not in closed}
    region = Region(formula.axes, inside | conditions)
    body = region.body(node, region.own_axes())
    if body is None:
        return None
    made = region.node(_tidied(body), like=node)
    return None if made is node else made


def _guarded(body: Expr) -> set[int]:
    """The reads that some branch of a select makes and another does not."""
    found: set[int] = set()
    for part in postorder(body):
        if part.head == "where":
            then, other = (set(symbols(branch)) for branch in part.args[1:])
            found |= {int(name[1:]) for name in then ^ other if name.startswith("_")}
    return found


def _taken_in(ends: set[Node], closed: Collection[Node]) -> set[Node]:
    """The nodes at or above one whose derivative can be infinite, below the given ends."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(node, False) for node in ends]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif node not in seen and _can_take_in(node, closed) and len(seen) < MAX_OPEN:
            seen.add(node)
            stack.append((node, True))
            stack.extend((operand, False) for operand in node.operands)
    inside: set[Node] = set()
    for node in order:
        if _is_unbounded(node) or any(operand in inside for operand in node.operands):
            inside.add(node)
    return inside


def _can_take_in(node: Node, closed: Collection[Node]) -> bool:
    return node not in closed and can_open(node) and not is_form(node)


def _is_unbounded(node: Node) -> bool:
    """Whether a derivative of the node's body can be infinite, or finite only where it is defined."""
    assert isinstance(node.op, Formula)
    formula = node.op

    def varies(part: Expr) -> bool:
        return part.head != "num" and not (
            part.head == "sym"
            and part.args[0].startswith("_")
            and scalar_value(node.operands[formula.reads[int(part.args[0][1:])].operand])
        )

    for part in postorder(formula.body):
        if part.head in _UNBOUNDED:
            return True
        if part.head == "/" and varies(part.args[1]):
            return True
        if part.head == "^":
            exponent = part.args[1]
            if exponent.head != "num" or not isinstance(exponent.args[0], int):
                return True
            if exponent.args[0] < 0:
                return True
    return False


def _tidied(body: Expr) -> Expr:
    """A comparison that was asked whether it holds is a condition: `where(c, 1, 0) != 0` is `c`."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        made = rebuild(node, parts)
        if made.head == "!=" and is_flag(made.args[0]) and made.args[1].args == (0,):
            condition: Expr = made.args[0].args[0]
            if condition.head in COMPARISONS or condition.head == "and":
                return condition
        return made

    return fold(body, visit)
