"""Reverse and forward mode on a graph: every rule is derived from the op's formula.

`differentiate` walks the nodes once from the output back, asks the calculus for the cotangent that
each use of a value sends back, and adds the contributions of one value in one n-ary sum. What it
returns are tables: gradients, and the contributions that derivations and drawings show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphnn.calculus.definition import define
from graphnn.calculus.formula import Axis, Formula, compact, sum_of
from graphnn.calculus.instance import instantiate
from graphnn.calculus.rules import Rule, Source, folded, jvp, selection, vjp
from graphnn.calculus.shapes import AXIS_NAMES, shape_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.graph.apply import formula_node
from graphnn.graph.node import (
    FLOATS,
    Node,
    ancestors_within,
    array_value,
    constant,
    make,
    scalar_value,
    topological,
)


@dataclass(frozen=True)
class Contribution:
    """What one use of `operand` by `node` adds to the operand's cotangent.

    `place` is the operand's position, `rule` the derived rule (None for a structure), `upstream`
    the cotangent of `node`, `result` the node that was added.
    """

    node: Node
    place: int
    operand: Node
    rule: Rule | None
    upstream: Node
    result: Node


@dataclass(frozen=True)
class Gradients:
    """The tables of one differentiation: wrt → gradient, cotangents, contributions in order."""

    gradients: dict[Node, Node]
    cotangents: dict[Node, Node]
    contributions: tuple[Contribution, ...]


def differentiate(output: Node, wrt: Sequence[Node], cotangent: Node | None = None) -> Gradients:
    """Reverse mode: the gradient of `output` with respect to each node of `wrt`.

    The seed is `cotangent`, or 1 where the output has one element. A node without a path to the
    output has a gradient of zeros.
    """
    for node in wrt:
        if node.dtype not in FLOATS:
            raise GraphError(f"{node} holds {node.dtype}: there is no derivative by it")
    order = topological([output])
    on_path = ancestors_within([output], wrt)
    arriving: dict[Node, list[Node]] = {output: [seed(output, cotangent)]}
    cut: dict[Node, dict[int, Node]] = {}
    cotangents: dict[Node, Node] = {}
    contributions: list[Contribution] = []
    for node in reversed(order):
        if node not in on_path or node not in arriving:
            continue
        parts = arriving.pop(node)
        upstream = cotangents[node] = (
            _side_by_side(node, cut.pop(node)) if node in cut else accumulate(parts)
        )
        if node.op == "item":
            # all items of a split are joined once: a concat of k parts for each of k would be k²
            (whole,) = node.operands
            if whole in on_path:
                cut.setdefault(whole, {})[node.attribute("number")] = upstream
                contributions.append(Contribution(node, 0, whole, None, upstream, upstream))
                arriving.setdefault(whole, []).append(upstream)
            continue
        for place, operand, rule, result in sent_back(node, upstream, on_path):
            contributions.append(Contribution(node, place, operand, rule, upstream, result))
            arriving.setdefault(operand, []).append(result)
    gradients = {node: cotangents[node] if node in cotangents else zeros(node) for node in wrt}
    return Gradients(gradients, cotangents, tuple(contributions))


def seed(output: Node, cotangent: Node | None) -> Node:
    """The cotangent that reverse mode starts from: the given one, or 1 for a single element."""
    if cotangent is not None:
        if cotangent.dtype != output.dtype:
            raise DtypeError(f"the cotangent is {cotangent.dtype}; the output is {output.dtype}")
        if cotangent.shape != output.shape:
            raise ShapeError(
                f"the cotangent has shape {shape_text(cotangent.shape)}; "
                f"the output has {shape_text(output.shape)}"
            )
        return cotangent
    if any(size != 1 for size in output.shape):
        raise ShapeError(
            f"the output has shape {shape_text(output.shape)}; only a single element has a "
            "gradient of its own: give cotangent=, or sum it (gnn.sum)"
        )
    if not output.shape:
        return constant(1, output.dtype)
    ones = array_value(np.ones([1] * len(output.shape)))
    return make("constant", shape=output.shape, dtype=output.dtype, value=ones)


def zeros(node: Node) -> Node:
    """A node of zeros with the shape of another: the gradient where no path leads."""
    if all(isinstance(size, int) for size in node.shape):
        value = array_value(np.zeros(node.shape))
        return make("constant", shape=node.shape, dtype=node.dtype, value=value)
    # never 0·x, which is not 0 where x is infinite
    made = instantiate(define("zeros(x) = where(x == x, 0, 0)"), (node.shape,))
    return formula_node(made.formula, [node], node.dtype)


def accumulate(parts: Sequence[Node]) -> Node:
    """Contributions add up, in one n-ary sum."""
    if len(parts) == 1:
        return parts[0]
    axes = tuple(Axis(name, size) for name, size in zip(AXIS_NAMES, parts[0].shape, strict=False))
    return formula_node(sum_of(len(parts), axes), parts, parts[0].dtype)


def sent_back(
    node: Node, upstream: Node, on_path: set[Node]
) -> Iterable[tuple[int, Node, Rule | None, Node]]:
    """Every (position, operand, rule, cotangent) that a node sends back to what it reads."""
    if isinstance(node.op, Formula):
        for k, read in enumerate(node.op.reads):
            operand = node.operands[read.operand]
            if operand not in on_path or operand.dtype not in FLOATS:
                continue
            rule = vjp(node.op, k, operand.shape)
            if rule is not None:
                yield read.operand, operand, rule, _apply_rule(rule, node, upstream)
    elif node.op in _STRUCTURES:
        for place, operand in enumerate(node.operands):
            if operand in on_path:
                yield place, operand, None, _STRUCTURES[node.op](node, place, upstream)


def _apply_rule(
    rule: Rule, node: Node, upstream: Node | None, tangents: dict[Node, Node] | None = None
) -> Node:
    """The node of a derived rule, its sources looked up; a seed of 1 is folded into the body."""
    operands = [_source(source, node, upstream, tangents) for source in rule.sources]
    formula = rule.formula
    for k, read in enumerate(formula.reads):
        operand = operands[read.operand]
        if read.index == () and operand is upstream and scalar_value(operand) == 1:
            formula, kept = compact(folded(formula, k, 1))
            operands = [operands[old] for old in kept]
            break
    return formula_node(formula, operands, node.dtype)


def _source(
    source: Source, node: Node, upstream: Node | None, tangents: dict[Node, Node] | None
) -> Node:
    match source.kind:
        case "operand":
            return node.operands[source.operand]
        case "output":
            return node
        case "cotangent" if upstream is not None:
            return upstream
        case "tangent" if tangents is not None:
            return tangents[node.operands[source.operand]]
        case "selection" if isinstance(node.op, Formula):
            return formula_node(selection(node.op), node.operands, "int64")
    raise GraphError(f"internal error: a rule asks for {source}")


def _reshape_back(node: Node, place: int, upstream: Node) -> Node:
    return make("reshape", (upstream,), node.operands[0].shape, node.dtype)


def _concat_back(node: Node, place: int, upstream: Node) -> Node:
    axis = node.attribute("axis")
    sizes = tuple(operand.shape[axis] for operand in node.operands)
    whole = make("split", (upstream,), upstream.shape, node.dtype, axis=axis, sizes=sizes)
    return make("item", (whole,), node.operands[place].shape, node.dtype, number=place)


def _item_back(node: Node, place: int, upstream: Node) -> Node:
    return _side_by_side(node.operands[0], {node.attribute("number"): upstream})


def _side_by_side(whole: Node, sent: dict[int, Node]) -> Node:
    """The cotangent of a split: its items' cotangents in one concat, zeros for those not used."""
    axis, sizes = whole.attribute("axis"), whole.attribute("sizes")
    parts = []
    for k, size in enumerate(sizes):
        shape = (*whole.shape[:axis], size, *whole.shape[axis + 1 :])
        item = make("item", (whole,), shape, whole.dtype, number=k)
        parts.append(sent[k] if k in sent else zeros(item))
    return make("concat", parts, whole.shape, whole.dtype, axis=axis)


def _split_back(node: Node, place: int, upstream: Node) -> Node:
    return upstream


# no entry for hold: nothing is sent back
_STRUCTURES: dict[str, Callable[[Node, int, Node], Node]] = {
    "reshape": _reshape_back,
    "concat": _concat_back,
    "item": _item_back,
    "split": _split_back,
}


def push_forward(outputs: Sequence[Node], tangents: dict[Node, Node]) -> dict[Node, Node]:
    """Forward mode: the tangent of each output, given the tangents of some nodes.

    `ẏ[Y(q)] += Σ_a ∂f/∂a · ȧ[A(q)]`, from the inputs on; a value that none of the given nodes
    reaches has a tangent of zeros.
    """
    known = dict(tangents)
    for node, moved in tangents.items():
        if moved.shape != node.shape:
            raise ShapeError(
                f"a tangent has shape {shape_text(moved.shape)}; "
                f"what it moves has {shape_text(node.shape)}"
            )
        if moved.dtype != node.dtype:
            raise DtypeError(f"a tangent is {moved.dtype}; what it moves is {node.dtype}")
    for node in topological(outputs):
        if node in known or not any(operand in known for operand in node.operands):
            continue
        if isinstance(node.op, Formula):
            reads = tuple(
                k for k, r in enumerate(node.op.reads) if node.operands[r.operand] in known
            )
            rule = jvp(node.op, reads)
            if rule is not None:
                known[node] = _apply_rule(rule, node, None, known)
        elif node.op != "hold":
            operands = tuple(known[o] if o in known else zeros(o) for o in node.operands)
            known[node] = make(node.op, operands, node.shape, node.dtype, **dict(node.attributes))
    return {node: known[node] if node in known else zeros(node) for node in outputs}
