"""The steps through reshape, concat and split: they move elements, they compute nothing.

These three are no formulas, so a cotangent passes them as a whole: reshaped back, cut, or placed
among zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain as chained
from itertools import count
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element, element_name
from graphnn.derivation.shown import literal as shown_literal
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term, Terms
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.node import Node
from graphnn.graph.statements import Statement
from graphnn.graph.written import literal

Sent = Sequence[tuple[Statement, Terms]]
"""Statements, and the cotangent of each."""


def structural_steps(
    ctx: Context, name: str, sent: Sent, taken: set[str], alone: bool
) -> tuple[list[Step], Terms]:
    """What reshape, concat and split send back to a value, from each place that reads it.

    Each has a name of its own; `alone` says that nothing else arrives. The items of one split come
    back in one line.
    """
    moves: list[tuple[str, Expr, str, Any]] = []
    items: dict[Node, dict[int, str]] = {}
    for statement, upstream in sent:
        above = _name_of(upstream, statement)
        node = _structure(statement)
        if node.op == "item":
            (whole,) = node.operands
            items.setdefault(whole, {})[node.attribute("number")] = above
            continue
        moves += [
            (statement.name, *_moved_back(ctx, node, place, above))
            for place, operand in enumerate(node.operands)
            if operand is ctx.net.nodes[name]
        ]
    moves += [("", *_joined(ctx, whole, parts)) for whole, parts in items.items()]
    steps: list[Step] = []
    found: Terms = ()
    for reader, written, rule, result in moves:
        called = _fresh(name, taken, alone and len(moves) == 1)
        sides = [Side(written)]
        if result is not None:
            sides.append(ctx.result(result))
            ctx.extra[called] = result
            ctx.written[called] = (written, ())
        reads = (reader,) if reader else tuple(s.name for s, _ in sent)
        steps.append(Step("chain", name, sym(called), tuple(sides), rule, reads, value=result))
        found += (Term((), (), element(called, ctx.index(name))),)
    return steps, found


def _fresh(name: str, taken: set[str], alone: bool) -> str:
    """δ with the value's name below it, numbered where it is one contribution of several."""
    stem = name.replace("_", "")
    numbered = (f"delta_{stem}{k}" for k in count(1))
    called = next(
        c for c in chained([f"delta_{stem}"] if alone else [], numbered) if c not in taken
    )
    taken.add(called)
    return called


def _moved_back(ctx: Context, node: Node, place: int, above: str) -> tuple[Expr, str, Any]:
    """The cotangent of one operand: as an expression, why, and its number."""
    written, rule = _written(node, place, sym(above))
    number = ctx.environment().get(above)  # None without values, or below a symbolic cotangent
    result = None if number is None else _moved(node, place, _floats(number))
    return written, rule, result


def _joined(ctx: Context, whole: Node, parts: dict[int, str]) -> tuple[Expr, str, Any]:
    """The cotangent of a split: its items' cotangents side by side, zeros for those not used."""
    axis = whole.attribute("axis")
    shapes = [
        [int(str(n)) for n in (*whole.shape[:axis], size, *whole.shape[axis + 1 :])]
        for size in whole.attribute("sizes")
    ]
    zeros = [shown_literal(np.zeros(shape, dtype=object)) for shape in shapes]
    written = apply(
        "concat",
        *(
            sym(parts[k]) if k in parts else zero or apply("zeros", literal(tuple(shape)))
            for k, (zero, shape) in enumerate(zip(zeros, shapes, strict=True))
        ),
        apply("=", sym("axis"), num(axis)),
    )
    rule = "split: the parts' cotangents stand side by side"
    if len(parts) < len(shapes):
        rule += ", zeros for a part that is not used"
    numbers = {k: ctx.environment().get(above) for k, above in parts.items()}
    if any(number is None for number in numbers.values()):
        return written, rule, None
    arrays = [
        _floats(numbers[k]).reshape(shape) if k in numbers else np.zeros(shape)
        for k, shape in enumerate(shapes)
    ]
    return written, rule, np.concatenate(arrays, axis=axis)


def _floats(number: Any) -> Any:
    return np.asarray(number, dtype=np.float64)


def _structure(statement: Statement) -> Node:
    """The node of the structure; `inner` has an item of a split and the split."""
    node = statement.node
    if isinstance(node.op, str) and len(statement.inner) <= (2 if node.op == "item" else 1):
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


def _written(node: Node, place: int, above: Expr) -> tuple[Expr, str]:
    shape = literal(node.operands[place].shape)
    if node.op == "reshape":
        return (
            apply("reshape", above, apply("=", sym("shape"), shape)),
            "reshape moves elements: the cotangent is reshaped back",
        )
    start, stop = _span(node, place)
    index = [apply(":", *(apply("nothing"),) * 3)] * node.attribute("axis")
    cut = apply(":", num(start), num(stop), apply("nothing"))
    return apply("[]", above, *index, cut), "concat: each operand gets its own part back"


def _span(node: Node, place: int) -> tuple[int, int]:
    axis = node.attribute("axis")
    sizes = [operand.shape[axis] for operand in node.operands]
    start = sum(int(str(size)) for size in sizes[:place])
    return start, start + int(str(sizes[place]))


def _moved(node: Node, place: int, above: Any) -> Any:
    if node.op == "reshape":
        return above.reshape([int(str(size)) for size in node.operands[0].shape])
    start, stop = _span(node, place)
    return np.take(above, range(start, stop), axis=node.attribute("axis"))
