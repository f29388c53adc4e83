"""Forward beside reverse mode on one graph: a tangent and a cotangent line for each statement.

Forward, from inside to outside, one pass for each element of the inputs:

    ẏ[Y] = Σ_a Σ_A ∂y[Y]/∂a[A] · ȧ[A]                    starting from ẋ = 1

Reverse, from outside to inside, one pass for each element of the output:

    ā[A] = Σ_y Σ_Y ȳ[Y] · ∂y[Y]/∂a[A]                    starting from L̄ = 1

The same local derivatives stand in both. Below the lines: how many passes each needs, what a pass
costs (graphnn.derivation.work), which one is cheaper, and that both give the same numbers. Lecture
1 names the two ways; the count decides between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element
from graphnn.derivation.local import local, opened, opened_terms
from graphnn.derivation.matrix import matrix_form
from graphnn.derivation.mode_work import element_count, work_table
from graphnn.derivation.simplify import normalise
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.table import Cell, Table
from graphnn.derivation.terms import Term, Terms, chain, renewed
from graphnn.derivation.written import terms_tree
from graphnn.expression.algebra import multiply
from graphnn.expression.names import parts, show
from graphnn.expression.tree import Expr, substitute, sym, symbols
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate, push_forward
from graphnn.graph.node import Node, array_value, constant, make

SHOWN_PASSES = 4
RULES = ("hidden", "delta", "like")


@dataclass(frozen=True)
class Pass:
    """One pass: the name, its shape and the element that it starts from, and the lines."""

    start: str
    shape: tuple[Any, ...]
    place: int
    lines: tuple[Step, ...]


def mode_tables(ctx: Context, fed: Mapping[str, Any] | None) -> tuple[Table, ...]:
    """Both modes side by side, then what each costs; `fed` holds the numbers of the leaves.

    Raises GraphError where the two do not give the same numbers: nothing is shown unchecked.
    """
    inputs = [n for n in ctx.wrt if n in ctx.on_path]
    if not inputs:
        return (
            Table("Forward beside reverse", (), (), ("Nothing depends on what was asked for.",)),
        )
    n, m = sum(element_count(ctx, name) for name in inputs), element_count(ctx, ctx.loss)
    forward = [_forward(ctx, name, 0, fed) for name in inputs[:SHOWN_PASSES]]
    reverse = [_reverse(ctx, k, fed) for k in range(m if m <= 3 else 1)]
    left = list(_column(forward, n, "along"))
    right = list(_column(reverse, m, "for"))
    height = max(len(left), len(right))
    rows = tuple(
        (left[k] if k < len(left) else "", right[k] if k < len(right) else "")
        for k in range(height)
    )
    head = ("forward: inside to outside", "reverse: outside to inside")
    named = f"{show(ctx.loss)} by {', '.join(show(name) for name in inputs)}"
    notes = [f"A dot is a derivative by what the pass starts from, a bar one of {show(ctx.loss)}."]
    if len(forward) < n or len(reverse) < m:
        shown = f"{len(forward)} of {n} forward and {len(reverse)} of {m} reverse passes are shown"
        notes.append(f"{shown}; the others are the same lines from other seeds.")
    lines = Table(f"Forward beside reverse: {named}", head, rows, tuple(notes), columnwise=True)
    return lines, work_table(ctx, inputs, n, m, fed)


def _column(passes: Sequence[Pass], count: int, word: str) -> Iterator[Cell]:
    """The lines of every pass, under a heading each where there are several."""
    for one in passes:
        if count > 1:
            shape = one.shape
            place = np.unravel_index(one.place, shape) if shape else ()
            where = f"[{', '.join(str(int(i)) for i in place)}]" if place else ""
            yield f"a pass {word} {show(one.start)}{where}"
        yield from one.lines


def _accented(ctx: Context, name: str, accent: str) -> str:
    """`x_dot`, `W_bar1`; another name where the user has that one."""
    stem, own, below = parts(name)
    tail = below if below.isdigit() else f"_{below}" if below else ""
    made = f"{name}_{accent}" if own else f"{stem}_{accent}{tail}"
    while made in ctx.net.nodes:
        made += "_"
    return made


def _forward(ctx: Context, name: str, place: int, fed: Mapping[str, Any] | None) -> Pass:
    """The tangents of every statement, for one element of one input."""
    nodes = ctx.net.nodes
    seed = _unit(nodes[name], place)
    path = [s for s in ctx.path_statements if s.name != name]
    numbers: dict[str, Any] = {}
    if fed is not None:
        tangents = push_forward([nodes[s.name] for s in path], {nodes[name]: seed})
        found = evaluate_nodes(list(tangents.values()), fed, rounded=False)
        numbers = {s.name: found[tangents[nodes[s.name]]] for s in path}
    moved = {name: _accented(ctx, name, "dot")}
    shape = nodes[name].shape
    lines = [_seed_line(ctx, moved[name], name, _unit_array(shape, place))]
    for s in path:
        reads = [r for r in ctx.operands(s) if r in moved]
        if not reads:
            continue
        moved[s.name] = _accented(ctx, s.name, "dot")
        form = ctx.forms[s.name]
        result = numbers.get(s.name)
        if form is None:
            tree = substitute(s.written, {sym(r): sym(moved[r]) for r in reads})
            ends = (ctx.result(result),) if result is not None else ()
            lines.append(
                Step("chain", s.name, sym(moved[s.name]), (Side(tree), *ends), value=result)
            )
            if result is not None:
                ctx.extra[moved[s.name]] = result
            continue
        raw: Terms = ()
        for r in reads:
            raw += _tangent_terms(ctx, local(ctx, s, r), ctx.index(r), moved[r])
        lines.append(_terms_line(ctx, s.name, moved[s.name], raw, form.index, result))
    return Pass(name, shape, place, tuple(lines))


def _tangent_terms(ctx: Context, slopes: Terms, index: Sequence[Expr], dot: str) -> Terms:
    """`Σ_A ∂y[Y]/∂a[A] · ȧ[A]`: the index A bound."""
    bound = tuple(e for e in index if e.head == "sym")
    return tuple(
        renewed(
            Term((*bound, *t.bound), t.deltas, multiply(t.body, element(dot, index))), ctx.indices
        )
        for t in slopes
    )


def _reverse(ctx: Context, place: int, fed: Mapping[str, Any] | None) -> Pass:
    """The cotangents of every value, for one element of the output."""
    nodes = ctx.net.nodes
    loss = nodes[ctx.loss]
    order = _inwards(ctx)
    numbers: dict[str, Any] = {}
    if fed is not None:
        seed = _unit(loss, place)
        found = differentiate(loss, [nodes[name] for name in order], seed).gradients
        computed = evaluate_nodes(list(found.values()), fed, rounded=False)
        numbers = {name: computed[found[nodes[name]]] for name in order}
    bars = {ctx.loss: _accented(ctx, ctx.loss, "bar")}
    lines = [_seed_line(ctx, bars[ctx.loss], ctx.loss, _unit_array(loss.shape, place))]
    for name in order:
        if name == ctx.loss:
            continue
        bars[name] = _accented(ctx, name, "bar")
        users = [s for s in ctx.readers.get(name, []) if s.name in bars]
        result = numbers.get(name)
        raw: Terms = ()
        moved = next((s for s in users if ctx.forms[s.name] is None), None)
        if moved is not None:
            text = f"{show(bars[moved.name])} moved back through {moved.inner[-1].kind}"
            sides = (Side(None, text=text), *([ctx.result(result)] if result is not None else []))
            lines.append(Step("chain", name, sym(bars[name]), sides, value=result))
            if result is not None:
                ctx.extra[bars[name]] = result
            continue
        for s in users:
            above: Terms = (Term((), (), element(bars[s.name], ctx.index(s.name))),)
            raw += chain(above, ctx.index(s.name), local(ctx, s, name), ctx.indices)
        lines.append(_terms_line(ctx, name, bars[name], raw, ctx.index(name), result))
    return Pass(ctx.loss, loss.shape, place, tuple(lines))


def _inwards(ctx: Context) -> list[str]:
    """Every name on the path, its users before it."""
    statements = [s.name for s in reversed(ctx.path_statements)]
    return [*statements, *(n for n in ctx.wrt if n in ctx.on_path and n not in statements)]


def _seed_line(ctx: Context, called: str, name: str, value: Any) -> Step:
    ctx.extra[called] = value
    return Step("seed", name, sym(called), (ctx.result(value),), value=value)


def _terms_line(
    ctx: Context, name: str, called: str, raw: Terms, free: Sequence[Expr], result: Any
) -> Step:
    """`ẏ = …`: in matrix form where there is one, else in index notation; checked by its number."""
    found = opened_terms(ctx, normalise(raw, ctx.known, ctx.indices, RULES))
    # the place of a maximum is an index of its own: no axis of a whole tensor
    chosen = any(set(symbols(term.body)) & set(ctx.places) for term in found)
    shown = None if chosen else matrix_form(found, free)
    if shown is not None:
        return _line(ctx, name, called, shown, result)
    tree = opened(ctx, terms_tree(found))
    result = ctx.exactly(tree, free, result)
    lhs, tree = ctx.letters([element(called, free), tree])
    if result is not None:
        ctx.extra[called] = result
    sides = (Side(tree), *([ctx.result(result)] if result is not None else []))
    return Step("chain", name, lhs, sides, value=result)


def _line(ctx: Context, name: str, called: str, tree: Expr, result: Any) -> Step:
    result = ctx.exactly(tree, (), result)
    sides = ctx.sides(tree, result)
    if result is not None:
        ctx.extra[called] = result
    return Step("chain", name, sym(called), sides, value=result)


def _unit_array(shape: Sequence[Any], place: int) -> Any:
    sizes = [int(size) for size in shape]
    made = np.zeros(math.prod(sizes), dtype=object)
    made[:] = 0
    made[place] = 1
    return made.reshape(sizes)


def _unit(node: Node, place: int) -> Node:
    """A constant of a node's shape: 1 at one element, 0 elsewhere."""
    if not node.shape:
        return constant(1, node.dtype)
    value = array_value(_unit_array(node.shape, place).astype(np.float64))
    return make("constant", shape=node.shape, dtype=node.dtype, value=value)
