"""The context of a derivation is made here: index forms, what is on the path, and the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphnn.calculus.formula import Formula
from graphnn.derivation.assumptions import assumption, check_assumption
from graphnn.derivation.context import Context, cotangent_name
from graphnn.derivation.exact import EXACT_SIZE, exact_array, is_short
from graphnn.derivation.index_form import Indices, index_form
from graphnn.derivation.knowledge import Knowledge, knowledge
from graphnn.derivation.values import value
from graphnn.errors import GraphError, ShapeError
from graphnn.expression.names import canonical
from graphnn.expression.tree import Expr, postorder, sym
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.feeding import bind_sizes
from graphnn.graph.gradient import differentiate
from graphnn.graph.node import Node
from graphnn.graph.statements import Network, Statement

_WHOLE = frozenset(
    {"num", "sym", "[]", "+", "-", "*", "·", "⊙", "neg", "@", "T", "Σ", "Max", "sum", "max", "relu"}
    | {"pad", "reshape", "concat", "=", "vector"}
)
"""Of integers these make integers, whatever is read outside an array (a padded window)."""


def make_context(
    net: Network,
    loss: str,
    wrt: tuple[str, ...],
    at: Mapping[str, Any],
    assume: Sequence[str],
    digits: int,
    cotangent: Any,
) -> Context:
    """Everything that the steps are made from."""
    indices = Indices()
    on_path = _on_path(net, loss, wrt)
    forms = {s.name: index_form(s, net, indices) for s in net.statements}
    known = knowledge(
        [f for s in net.statements if s.name in on_path and (f := forms[s.name])], indices
    )
    ctx = Context(net, loss, wrt, indices, forms, known, {}, on_path, digits)
    facts = tuple(assumption(text, ctx) for text in assume)
    ctx.known = Knowledge(known.eliminations, known.shortcuts, (*known.facts, *facts))
    leaves = [name for name in net.leaves if name not in at]
    if at and not leaves:
        _numbers(ctx, at, cotangent)
        for text, fact in zip(assume, facts, strict=True):
            check_assumption(text, fact, ctx)
    return ctx


def _on_path(net: Network, loss: str, wrt: Sequence[str]) -> frozenset[str]:
    above = set(wrt)
    for statement in net.statements:
        if above & set(statement.reads):
            above.add(statement.name)
    below = {loss}
    for statement in reversed(net.statements):
        if statement.name in below:
            below |= set(statement.reads)
    return frozenset(above & below)


def _numbers(ctx: Context, at: Mapping[str, Any], cotangent: Any) -> None:
    """Values of every statement (exact where they can be) and cotangents on the path."""
    given = {canonical(name): given for name, given in at.items()}
    loss = ctx.net.nodes[ctx.loss]
    nodes = dict(ctx.net.nodes)
    fed = fed_numbers(given)
    ctx.sizes = bind_sizes(list(nodes.values()), fed)
    seed_node: Node | None = None
    if cotangent is not None or any(size != 1 for size in loss.shape):
        from graphnn.graph.node import make

        seed_node = make("input", shape=loss.shape, dtype=loss.dtype, name="\0cotangent")
        if cotangent is None:
            _forward_numbers(ctx, nodes, fed, given)
            return
        fed["\0cotangent"] = _as_fed(cotangent)
        ctx.extra[cotangent_name(ctx.loss)] = exact_array(cotangent)
    asked = sorted(ctx.on_path | set(ctx.wrt))
    wanted = [nodes[name] for name in asked]
    gradients = differentiate(loss, wanted, seed_node).gradients
    try:
        found = evaluate_nodes([*nodes.values(), *gradients.values()], fed, rounded=False)
    except ShapeError as error:
        raise ShapeError(error.message.replace("\0", "the ")) from None
    _forward_numbers(ctx, nodes, fed, given, {n: found[node] for n, node in nodes.items()})
    ctx.cotangents = {name: _plain(found[gradients[nodes[name]]]) for name in asked}


def _forward_numbers(
    ctx: Context,
    nodes: Mapping[str, Node],
    fed: Mapping[str, Any],
    given: Mapping[str, Any],
    found: Mapping[str, Any] | None = None,
) -> None:
    if found is None:
        computed = evaluate_nodes(list(nodes.values()), fed, rounded=False)
        found = {name: computed[node] for name, node in nodes.items()}
    env: dict[str, Any] = {name: exact_array(given[name]) for name in ctx.net.leaves}
    for statement in ctx.net.statements:
        env[statement.name] = _exact_value(statement, env, found[statement.name])
    ctx.values = env


def _exact_value(statement: Statement, env: Mapping[str, Any], number: Any) -> Any:
    """The statement's value by its own written tree, exact where that is; else the evaluator's."""
    array = np.asarray(number, dtype=np.float64)
    if array.size > EXACT_SIZE:
        return array
    if _is_whole(statement, env, array):
        return exact_array(array)
    free = [e for e in statement.index or () if e.head == "sym"]
    try:
        sizes = _axes(statement) | dict(zip(statement.index or (), array.shape, strict=False))
        made = value(statement.written, env, free, sizes)
        if np.shape(made) != array.shape or not is_short(made):
            return array
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.asarray(made, dtype=np.float64) - array)
    except (GraphError, KeyError, ValueError, TypeError, IndexError, OverflowError):
        return array
    scale = np.max(np.abs(array), initial=1e-300)
    close = bool(np.all(gap <= 1e-9 * scale)) or not np.all(np.isfinite(array))
    return made if close and made.dtype == object else array


def _is_whole(statement: Statement, env: Mapping[str, Any], array: Any) -> bool:
    """Whether sums, products and maxima of integers made the value: floats that hold them exactly."""
    return (
        all(node.head in _WHOLE for node in postorder(statement.written))
        and all(_integers(env[name]) for name in statement.reads)
        and bool(np.all(np.abs(array) < 2**53))
        and bool(np.all(array == np.floor(array)))
    )


def _integers(x: Any) -> bool:
    array = np.asarray(x)
    return bool(np.all(array == np.floor(array.astype(np.float64))))


def _axes(statement: Statement) -> dict[Expr, int]:
    """The extents that a formula states: a window's are read nowhere."""
    op = statement.node.op
    axes = op.axes if isinstance(op, Formula) and statement.index is not None else ()
    return {sym(a.name): a.extent for a in axes if isinstance(a.extent, int)}


def fed_numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given as arrays for the evaluator: fractions become floats."""
    return {name: _as_fed(value) for name, value in given.items()}


def _as_fed(given: Any) -> Any:
    array = np.asarray(given)
    return array.astype(np.float64) if array.dtype == object else array


def _plain(x: Any) -> Any:
    return np.asarray(x, dtype=np.float64)
