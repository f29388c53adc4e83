"""The steps through reshape, concat and split: they move elements, they compute nothing.

These three are no formulas, so a cotangent passes them as a whole: reshaped back, cut, or placed
among zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element, element_name
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term, Terms
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.node import Node
from graphnn.graph.statements import Statement
from graphnn.graph.written import literal


def structural_step(
    ctx: Context, statement: Statement, name: str, upstream: Terms, taken: set[str]
) -> tuple[Step, Terms]:
    """The contribution of a reshape, concat or split to one operand, under a name of its own."""
    node = _structure(statement)
    place = list(node.operands).index(ctx.net.nodes[name])
    above = _name_of(upstream, statement)
    stem = name.replace("_", "")
    called = next(
        c for c in (f"delta_{stem}", *(f"delta_{stem}{k}" for k in range(99))) if c not in taken
    )
    taken.add(called)
    written, rule = _written(ctx, node, place, sym(above))
    result = None
    number = ctx.environment().get(above)  # None without values, or below a symbolic cotangent
    if number is not None:
        result = _moved(node, place, np.asarray(number, dtype=np.float64))
        ctx.extra[called] = result
    sides = [Side(written)]
    if result is not None:
        sides.append(ctx.result(result))
    step = Step("chain", name, sym(called), tuple(sides), rule, (statement.name,), value=result)
    return step, (Term((), (), element(called, ctx.index(name))),)


def _structure(statement: Statement) -> Node:
    """The node of the structure; an item of a split stands for the split."""
    node = statement.node
    if node.op == "item":
        return node.operands[0]
    if isinstance(node.op, str) and len(statement.inner) <= 2:
        return node
    raise GraphError(
        f"{show(statement.name)} mixes {statement.inner[0].kind} with formulas; name its parts"
    )


def _name_of(upstream: Terms, statement: Statement) -> str:
    if len(upstream) == 1 and not upstream[0].bound and not upstream[0].deltas:
        found = element_name(upstream[0].body)
        if found is not None:
            return found
    raise GraphError(f"internal error: the cotangent of {statement.name} has no name")


def _written(ctx: Context, node: Node, place: int, above: Expr) -> tuple[Expr, str]:
    shape = literal(node.operands[place].shape)
    if node.op == "reshape":
        return (
            apply("reshape", above, apply("=", sym("shape"), shape)),
            "reshape moves elements: the cotangent is reshaped back",
        )
    axis = node.attribute("axis")
    if node.op == "concat":
        start, stop = _span(node, place)
        index = [apply(":", *(apply("nothing"),) * 3)] * axis
        cut = apply(":", num(start), num(stop), apply("nothing"))
        return apply("[]", above, *index, cut), "concat: each operand gets its own part back"
    return above, "split: the parts' cotangents stand side by side"


def _span(node: Node, place: int) -> tuple[int, int]:
    axis = node.attribute("axis")
    sizes = [operand.shape[axis] for operand in node.operands]
    start = sum(int(str(size)) for size in sizes[:place])
    return start, start + int(str(sizes[place]))


def _moved(node: Node, place: int, above: Any) -> Any:
    if node.op == "reshape":
        return above.reshape([int(str(size)) for size in node.operands[0].shape])
    if node.op == "concat":
        start, stop = _span(node, place)
        return np.take(above, range(start, stop), axis=node.attribute("axis"))
    return above
