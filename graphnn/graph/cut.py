"""The cut below a node: which element-wise nodes are seen through to find what it computes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache

from graphnn.calculus.formula import Formula, Size
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, postorder
from graphnn.graph.node import FLOATS, Node

LEVELS = 6
MAX_OPEN = 32
MAX_BODY = 60
MAX_OPERANDS = 6


@lru_cache(maxsize=65536)
def is_small(body: Expr) -> bool:
    """Whether a body is short enough to look into."""
    return sum(1 for _ in postorder(body)) <= MAX_BODY


def can_open(node: Node) -> bool:
    """Whether a node's elements may be written over its operands' elements.

    It has to be an element-wise formula, or a reshape that only adds or drops dimensions of size
    1. One of integers is not (it would be cut off), of conditions only comparisons are (they are
    0 or 1).
    """
    formula = node.op
    if formula == "reshape":
        return _long(node) == _long(node.operands[0])
    if not isinstance(formula, Formula) or len(node.operands) > MAX_OPERANDS:
        return False
    if not formula.is_elementwise or not is_small(formula.body):
        return False
    return node.dtype in FLOATS or (node.dtype == "bool" and is_flag(formula.body))


def _long(node: Node) -> list[Size]:
    return [size for size in node.shape if size != 1]


def is_flag(body: Expr) -> bool:
    """Whether a body is `where(condition, 1, 0)`."""
    return body.head == "where" and [p.args[0] for p in body.args[1:] if p.head == "num"] == [1, 0]


def without_affine(root: Node, opened: set[Node]) -> set[Node]:
    """A cut that stops at sums without a function inside, unless a function is applied to them.

    So `u·exp(u) − u` with u = 2·x + 3 is one in u, and `log(1 + u)` is not `log(2·x + 4)`.
    """
    functions: set[Node] = set()
    kept: set[Node] = set()
    order = topological_within(root, opened)
    applied = {
        node.operands[0]
        for node in order
        if isinstance(node.op, Formula) and node.op.body.head in FUNCTIONS and node.operands
    }
    for node in order:
        heads = {p.head for p in postorder(node.op.body)} if isinstance(node.op, Formula) else set()
        if heads & set(FUNCTIONS) or any(o in functions for o in node.operands):
            functions.add(node)
        if node in functions or node in applied or not heads & {"+", "-"}:
            kept.add(node)
    return kept & opened


def topological_within(root: Node, opened: set[Node]) -> list[Node]:
    """The root and the nodes that are seen through, operands before their users."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            stack.extend((o, False) for o in node.operands if o in opened)
    return order


def nearest(
    root: Node, closed: Collection[Node], through: Callable[[Node], bool] | None = None
) -> set[Node]:
    """The cut below a root: the nodes that are seen through, level by level.

    `closed` nodes are not. Nodes for which `through` holds are passed (to what they reduce), not
    opened.
    """
    opened: set[Node] = set()
    seen = {root}
    level = [root]
    for _ in range(LEVELS):
        following = []
        for node in level:
            for operand in node.operands:
                if operand in seen:
                    continue
                seen.add(operand)
                if operand in closed:
                    continue
                if through is not None and through(operand):
                    following.append(operand)
                elif len(opened) < MAX_OPEN and can_open(operand):
                    opened.add(operand)
                    following.append(operand)
        level = following
    return opened
