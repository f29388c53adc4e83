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
from graphnn.derivation.simplify import normalise
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.table import Cell, Table
from graphnn.derivation.terms import Term, Terms, chain, renewed
from graphnn.derivation.work import Work, work
from graphnn.derivation.written import terms_tree
from graphnn.errors import GraphError
from graphnn.expression.algebra import multiply
from graphnn.expression.names import parts, show
from graphnn.expression.tree import Expr, substitute, sym, symbols
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate, push_forward
from graphnn.graph.node import Node, array_value, constant, make

AGREE = 1e-9
FULL = 64
"""Passes up to which the whole Jacobian is compared; above, only ⟨Jv, u⟩ with ⟨v, Jᵀu⟩."""
SHOWN_PASSES = 4
COUNTED = (
    "Counted on the graph's formulas, local derivatives included, beyond the evaluation that both "
    "need; the seed of a scalar is folded."
)
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
    n, m = sum(_count(ctx, name) for name in inputs), _count(ctx, ctx.loss)
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
    return lines, _work_table(ctx, inputs, n, m, fed)


def _count(ctx: Context, name: str) -> int:
    sizes = [size for size in ctx.net.nodes[name].shape if isinstance(size, int)]
    if len(sizes) < len(ctx.net.nodes[name].shape):
        raise GraphError(
            f"{show(name)} has a symbolic size: the passes of both modes are counted with numbers"
        )
    return math.prod(sizes)


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


# What the two cost, and that they agree.


def mode_work(ctx: Context, inputs: Sequence[str]) -> tuple[dict[str, Work], Work]:
    """What one forward pass from each input costs, and what one reverse pass costs.

    Beyond the forward evaluation, which both need. The seed of a scalar is folded.
    """
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    given = [loss, *(nodes[name] for name in inputs)]
    forward = {}
    for name in inputs:
        seed = _seed(nodes[name])
        out = push_forward([loss], {nodes[name]: seed})[loss]
        forward[name] = work([out], [*given, seed], ctx.sizes)
    seed = _seed(loss)
    found = differentiate(loss, [nodes[name] for name in inputs], seed).gradients
    return forward, work(list(found.values()), [*given, seed], ctx.sizes)


def _seed(node: Node) -> Node:
    if not node.shape:
        return constant(1, node.dtype)
    return make("input", shape=node.shape, dtype=node.dtype, name="\0seed")


def _work_table(
    ctx: Context, inputs: Sequence[str], n: int, m: int, fed: Mapping[str, Any] | None
) -> Table:
    forward, reverse = mode_work(ctx, inputs)
    whole = [Work() for _ in range(2)]
    for name in inputs:
        for _ in range(_count(ctx, name)):
            whole[0] += forward[name]
    for _ in range(m):
        whole[1] += reverse
    rows: list[tuple[Cell, ...]] = [
        ("passes", f"{n}, one for each input element", f"{m}, one for each output element"),
    ]
    if n > 1 or m > 1:
        alike = len(set(forward.values())) == 1
        rows.append(("one pass", str(forward[inputs[0]]) if alike else "", str(reverse)))
        if not alike:
            rows += [(f"  along {show(name)}", str(cost), "") for name, cost in forward.items()]
    rows += [
        ("multiplications", str(whole[0].multiplications), str(whole[1].multiplications)),
        ("additions", str(whole[0].additions), str(whole[1].additions)),
    ]
    notes = [
        _verdict(n, m, whole[0], whole[1]),
        COUNTED,
    ]
    if fed is not None:
        gap = _gap(ctx, inputs, n, m, fed)
        if gap is not None:
            notes.append(f"Both give the same numbers: relative difference {gap:.1e} (norm-wise).")
    return Table("The work of each", ("", "forward", "reverse"), tuple(rows), tuple(notes))


def _verdict(n: int, m: int, forward: Work, reverse: Work) -> str:
    """Which mode is cheaper, and why."""
    inputs = f"{n} input element{'' if n == 1 else 's'}"
    outputs = f"{m} output element{'' if m == 1 else 's'}"
    if forward.total == reverse.total:
        each = f"{forward.total} operation{'' if forward.total == 1 else 's'} each"
        return f"Both cost the same for {inputs} and {outputs}: {each}."
    better, worse = sorted(
        (("Forward", forward, n), ("Reverse", reverse, m)), key=lambda t: t[1].total
    )
    why = (
        f"it needs {better[2]} pass{'' if better[2] == 1 else 'es'} instead of {worse[2]}"
        if better[2] < worse[2]
        else "each of its passes is shorter"
    )
    return (
        f"{better[0]} mode is cheaper for {inputs} and {outputs}: {better[1].total} operations "
        f"against {worse[1].total}, since {why}."
    )


def _gap(
    ctx: Context, inputs: Sequence[str], n: int, m: int, fed: Mapping[str, Any]
) -> float | None:
    """The relative difference of the two modes; None where they are not finite.

    ⟨Jv, u⟩ against ⟨v, Jᵀu⟩ for fixed random v and u, and the whole Jacobians where few passes do.
    """
    random = np.random.default_rng(0)
    loss = ctx.net.nodes[ctx.loss]
    u = random.standard_normal(m)
    pulled = _pulled(ctx, inputs, u, fed)
    pushed, inner = 0.0, 0.0
    scale = 1e-300
    for name in inputs:
        v = random.standard_normal(_count(ctx, name))
        along = _pushed(ctx, name, v, fed)
        pushed += float(along.ravel() @ u)
        inner += float(pulled[name].ravel() @ v)
        scale = max(scale, float(np.abs(along.ravel()) @ np.abs(u)))
    if not np.isfinite(pushed) or not np.isfinite(inner):
        return None
    gap = abs(pushed - inner) / scale
    if n + m <= FULL and all(isinstance(size, int) for size in loss.shape):
        rows = [_pulled(ctx, inputs, unit, fed) for unit in np.eye(m)]
        for name in inputs:
            size = _count(ctx, name)
            columns = [_pushed(ctx, name, unit, fed).ravel() for unit in np.eye(size)]
            mine = np.stack(columns, axis=1)
            other = np.stack([row[name].ravel() for row in rows])
            size_of = float(np.max(np.abs(other), initial=0))
            if size_of:
                gap = max(gap, float(np.max(np.abs(mine - other))) / size_of)
    if gap > AGREE:
        raise GraphError(f"internal error: forward and reverse mode differ by {gap:.1e} (relative)")
    return gap


def _pushed(ctx: Context, name: str, v: Any, fed: Mapping[str, Any]) -> Any:
    """`J v`, along one input."""
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    seed = _direction(nodes[name], v)
    out = push_forward([loss], {nodes[name]: seed})[loss]
    return evaluate_nodes([out], fed, rounded=False)[out]


def _pulled(ctx: Context, inputs: Sequence[str], u: Any, fed: Mapping[str, Any]) -> dict[str, Any]:
    """`Jᵀ u`, by name."""
    nodes, loss = ctx.net.nodes, ctx.net.nodes[ctx.loss]
    found = differentiate(loss, [nodes[n] for n in inputs], _direction(loss, u)).gradients
    values = evaluate_nodes(list(found.values()), fed, rounded=False)
    return {n: values[found[nodes[n]]] for n in inputs}


def _direction(node: Node, v: Any) -> Node:
    shape = tuple(int(str(size)) for size in node.shape)
    value = array_value(np.asarray(v, dtype=np.float64).reshape(shape))
    return make("constant", shape=node.shape, dtype=node.dtype, value=value)


def held(ctx: Context, name: str, pushed: Any) -> None:
    """Hold a scalar forward-mode result against the graph's reverse-mode gradient.

    Raises GraphError where they differ.
    """
    reverse = ctx.cotangents.get(name)
    if reverse is None or pushed is None:
        return
    mine, other = float(np.asarray(pushed)), float(np.asarray(reverse))
    if math.isfinite(other) and abs(mine - other) > AGREE * max(abs(other), 1e-12):
        raise GraphError(
            f"internal error: forward mode gives {mine} for {show(name)}, reverse mode {other}"
        )
