"""`derive`: from a graph to the steps of its differentiation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.calculus.shapes import shape_text
from graphnn.derivation.beside import stable_tables
from graphnn.derivation.bounds import stated_bounds
from graphnn.derivation.context import Context
from graphnn.derivation.cotangents import delta_steps
from graphnn.derivation.evaluation import fed_numbers, make_context
from graphnn.derivation.index_form import element
from graphnn.derivation.local import written_out
from graphnn.derivation.mode_work import held
from graphnn.derivation.modes import mode_tables
from graphnn.derivation.paths import (
    is_scalar_network,
    no_path,
    paths,
    scalar_local,
    scalar_steps,
)
from graphnn.derivation.result import Derivation
from graphnn.derivation.shown import scalar
from graphnn.derivation.stable import stable_step
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.table import Table
from graphnn.errors import DtypeError, GraphError
from graphnn.expression.algebra import add, multiply
from graphnn.expression.names import canonical, did_you_mean, show
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.graph import Graph, as_graph, resolve
from graphnn.graph.handle import Handle
from graphnn.graph.nan import has_nan
from graphnn.graph.node import FLOATS
from graphnn.graph.statements import Network, network

MODES = ("reverse", "forward", "both")


def derive(
    thing: Any,
    wrt: str | Handle | Sequence[str | Handle] | None = None,
    at: Mapping[str, Any] | None = None,
    lr: float | Fraction | None = None,
    cotangent: Any = None,
    mode: str = "reverse",
    detail: str = "paths",
    assume: Sequence[str] = (),
    index: bool = False,
    digits: int = 3,
    stable: bool = False,
) -> Derivation:
    """The derivation of the gradients of a network's first output, step by step.

    `wrt` names leaves or intermediate values (default: all parameters, else all leaves), `at`
    gives every leaf a number (else the derivation stays in symbols), `lr` adds the update of each,
    `mode` is "reverse", "forward" or "both" (side by side, with the work that each does),
    `cotangent` starts a tensor output (else a symbol z̄ does), `assume` states sums such as
    `sum(y)=1`, `index` asks for index notation throughout, `stable` for every statement that the
    stabilise pass changes beside its stable form, and the inputs at which the written one fails.

    >>> import graphnn as gnn
    >>> x, w = gnn.input("x"), gnn.parameter("w")
    >>> made = gnn.derive(gnn.name("L", w * x), at={"w": 2, "x": 3})
    >>> made.gradients["w"].item()
    3.0

    Raises GraphError for an unknown name, mode or detail, and for values that contradict `assume`.
    """
    if mode not in MODES:
        raise GraphError(f"there is no mode {mode!r}; one of {', '.join(MODES)}")
    if mode == "both" and cotangent is not None:
        raise GraphError(
            "mode both takes no cotangent: a reverse pass starts at each output element"
        )
    if lr is not None and not math.isfinite(lr):
        raise GraphError(f"the learning rate is a number; {lr} was given")
    if not 1 <= digits <= 15:
        raise GraphError(f"digits lie between 1 and 15; {digits} was given")
    graph = as_graph(thing)
    loss, handle = next(iter(graph.outputs.items()))
    if handle.dtype not in FLOATS:
        raise DtypeError(
            f"{show(loss)} holds {handle.dtype}: conditions and labels have no derivative; "
            "differentiate a float, such as where(condition, a, b)"
        )
    if at is not None and not isinstance(at, Mapping):
        raise GraphError(f"at= maps names to values, {{'x': 2}}; {type(at).__name__} was given")
    net = network(Graph({loss: handle}), detail, named_parts=True)
    loss = net.names.get(handle.node, loss)
    wanted, outside = _wanted(graph, net, wrt)
    elsewhere = {h.name for h in (*graph.inputs, *graph.parameters)} - set(net.leaves)
    given = {canonical(name): value for name, value in (at or {}).items()}
    given = {name: value for name, value in given.items() if name not in elsewhere}
    _check_given(net, given)
    ctx = make_context(net, loss, wanted, given, assume, digits, cotangent)
    steps = [*_missing(net, given), *_nan(ctx), *_forward(ctx, index)]
    tables: tuple[Table, ...] = ()
    if mode == "forward":
        steps += _forward_mode(ctx)
    elif mode == "both":
        tables = mode_tables(ctx, None if ctx.values is None else fed_numbers(given))
    else:
        plain = is_scalar_network(ctx) and not index and cotangent is None
        found = scalar_steps(ctx) if plain else None
        steps += delta_steps(ctx, index) if found is None else [*found, *_folded(ctx)]
    steps += [no_path(ctx, n) for n in wanted if n not in ctx.on_path and mode != "reverse"]
    sections = [step.section for step in steps if step.section != "Forward"]
    section = sections[-1] if sections else "Chain rule"
    steps += [replace(no_path(ctx, name), section=section) for name in outside]
    if lr is not None:
        steps += _updates(ctx, lr)
    leaves = [h for h in (*graph.inputs, *graph.parameters) if h.name in wanted]
    steps += stable_step(handle, leaves, given if ctx.values is not None else None, net.names)
    if stable:
        tables += stable_tables(handle, given if ctx.values is None else ctx.values)
    gradients = None if ctx.values is None else {n: _gradient(ctx, n) for n in wanted}
    if gradients is not None:
        gradients |= {n: np.zeros(_sizes(ctx, h)) for n, h in outside.items()}
    return Derivation(
        loss,
        (*wanted, *outside),
        tuple(steps),
        None if ctx.values is None else dict(ctx.values),
        gradients,
        _final(steps, wanted, loss),
        digits,
        mode,
        tables,
    )


def _folded(ctx: Context) -> list[Step]:
    """The same gradients by cotangents, where some value has more than two paths."""
    if all(len(paths(ctx, name) or ()) <= 2 for name in ctx.wrt):
        return []
    section = f"Folded, as the program computes it: each ∂{show(ctx.loss)}/∂· once"
    return [replace(step, section=section) for step in delta_steps(ctx, locals_=False)]


def _gradient(ctx: Context, name: str) -> Any:
    found = ctx.cotangents.get(name)
    if found is None and ctx.values is not None:
        return np.zeros(np.shape(ctx.values[name]))
    return found


def _wanted(graph: Graph, net: Network, wrt: Any) -> tuple[tuple[str, ...], dict[str, Handle]]:
    """The names to differentiate by, and the named values that the loss does not depend on."""
    if wrt is None:
        own = [p.name for p in graph.parameters if p.name in net.nodes]
        return tuple(str(n) for n in own) or net.leaves, {}
    if isinstance(wrt, Mapping):
        raise GraphError("wrt says by what to differentiate; numbers go to at=: derive(L, at={…})")
    found: list[str] = []
    outside: dict[str, Handle] = {}
    for w in [wrt] if isinstance(wrt, str | Handle) else list(wrt):
        called = canonical(w) if isinstance(w, str) else net.names.get(w.node, w.name or "")
        if called in net.nodes and (isinstance(w, str) or net.nodes[called] is w.node):
            found.append(net.names[net.nodes[called]])
            continue
        handle = w if isinstance(w, Handle) else resolve(graph, w)
        if not called or called in net.nodes:
            raise GraphError(f"{called or w} is no value of the network; name it with gnn.name")
        outside[called] = handle
    return tuple(found), outside


def _sizes(ctx: Context, handle: Handle) -> list[int]:
    """The shape of a value in numbers; a size that no value of the network has is 1."""
    return [s if isinstance(s, int) else ctx.sizes.get(str(s), 1) for s in handle.shape]


def _check_given(net: Network, given: Mapping[str, Any]) -> None:
    for name in given:
        if name in net.leaves:
            continue
        if name in net.nodes:
            written = f"{show(name)} = {net.statement(name).written}"
            raise GraphError(f"{name} is computed by the statement {written}; leave it out")
        known = ", ".join(net.leaves)
        raise GraphError(
            f"there is no {name} in the network{did_you_mean(name, net.leaves)}; "
            f"its leaves are {known}"
        )


def _missing(net: Network, given: Mapping[str, Any]) -> list[Step]:
    missing = [name for name in net.leaves if name not in given]
    if not given or not missing:
        return []
    names = ", ".join(show(name) for name in missing)
    text = f"No value for {names}: the derivation is in symbols."
    return [Step("remark", "", None, (), text)]


def _nan(ctx: Context) -> list[Step]:
    """Where the first NaN arose: it passes, and everything after it is NaN, too."""
    values = ctx.values or {}
    for name in ctx.net.leaves:
        given = _floats(values.get(name, 0))
        if has_nan(given):
            return [
                Step("remark", "", None, (), f"{show(name)}{_first_nan(given)} is given as NaN.")
            ]
    for s in ctx.net.statements:
        made = _floats(values.get(s.name, 0))
        if has_nan(made):
            text = f"NaN first arises in {show(s.name)}{_first_nan(made)}: {show(s.name)} = {s.written}."
            return [Step("remark", "", None, (), text)]
    return []


def _floats(value: Any) -> Any:
    return np.asarray(value, dtype=np.float64)


def _first_nan(array: Any) -> str:
    place = [int(k) for k in np.argwhere(np.isnan(array))[0]]
    return str(place) if place else ""


def _forward(ctx: Context, index: bool) -> list[Step]:
    """One line a statement: as written (in index notation with `index`), numbers, the result."""
    steps = []
    for s in ctx.net.statements:
        lhs: Expr = sym(s.name) if not s.index else apply("[]", sym(s.name), *s.index)
        written = s.written
        form = ctx.forms[s.name]
        if index and form is not None and s.index is None:
            lhs, written = ctx.letters([element(s.name, form.index), written_out(ctx, form.tree)])
        result = None if ctx.values is None else ctx.values[s.name]
        shape = ctx.net.nodes[s.name].shape
        first = ctx.net.names[s.node]
        same = "" if first == s.name else f"the same value as {show(first)}, its name below"
        steps.append(
            Step(
                "forward",
                s.name,
                lhs,
                ctx.sides(written, result),
                stated_bounds(s.node) if s.index is not None and first == s.name else same,
                s.reads,
                "Forward",
                shape_text(shape) if shape else "",
                result,
            )
        )
    return steps


def _forward_mode(ctx: Context) -> list[Step]:
    """Forward mode: one pass for each input, from the input outwards."""
    if not is_scalar_network(ctx):
        raise GraphError(
            "forward mode is shown for networks of scalars: it needs one pass for each element; "
            "mode both shows one pass"
        )
    steps: list[Step] = []
    for name in ctx.wrt:
        section = f"Forward mode: one pass for {show(name)}"
        steps.append(
            Step("seed", name, apply("∂", sym(name), sym(name)), (Side(num(1)),), section=section)
        )
        moved = {name: (num(1), ctx.number(num(1)))}
        for s in ctx.path_statements:
            reads = [r for r in ctx.operands(s) if r in moved]
            if not reads:
                continue
            slopes = {r: scalar_local(ctx, s, r) for r in reads}
            symbols = _sum(
                [
                    slopes[r]
                    if r == name and len(reads) > 1
                    else apply("·", apply("∂", sym(s.name), sym(r)), _tangent(r, name))
                    for r in reads
                ]
            )
            total = add(*(multiply(slopes[r], _own_tangent(r, name)) for r in reads))
            result = None
            if ctx.values is not None:
                result = sum(ctx.number(slopes[r]) * moved[r][1] for r in reads)
                ctx.extra[str(apply("∂", sym(s.name), sym(name)))] = result
            moved[s.name] = (total, result)
            sides = [Side(symbols), *ctx.sides(total, result)]
            steps.append(
                Step(
                    "chain",
                    s.name,
                    apply("∂", sym(s.name), sym(name)),
                    tuple(sides),
                    "chain rule, outwards",
                    tuple(reads),
                    section,
                    value=result,
                )
            )
        if ctx.loss in moved:
            total, result = moved[ctx.loss]
            held(ctx, name, result, 0.0 if result is None else float(ctx.rounding(total, ())))
    return steps


def _tangent(value: str, name: str) -> Expr:
    return apply("∂", sym(value), sym(name))


def _own_tangent(value: str, name: str) -> Expr:
    return num(1) if value == name else _tangent(value, name)


def _sum(parts: Sequence[Expr]) -> Expr:
    made = parts[0]
    for part in parts[1:]:
        made = apply("+", made, part)
    return made


def _updates(ctx: Context, lr: float | Fraction) -> list[Step]:
    """`w_next = w − lr·∂L/∂w` for every value that was asked for."""
    rate = num(Fraction(repr(lr)) if isinstance(lr, float) else lr)
    steps = []
    for name in ctx.wrt:
        gradient = apply("∂", sym(ctx.loss), sym(name))
        written = apply("-", sym(name), apply("*", rate, gradient))
        result = None
        if ctx.values is not None:
            result = np.asarray(
                ctx.values[name] - Fraction(rate.args[0]) * _exactly(_gradient(ctx, name))
            )
            if scalar(result) is None:
                result = np.asarray(result, dtype=np.float64)
        steps.append(
            Step(
                "update",
                name,
                sym(f"{name}_next"),
                ctx.sides(written, result),
                "gradient descent",
                (name,),
                "Update",
                value=result,
            )
        )
    return steps


def _exactly(x: Any) -> Any:
    array = np.asarray(x, dtype=object)
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(array)


def _final(steps: Sequence[Step], wanted: Sequence[str], loss: str) -> dict[str, Expr]:
    """The last symbolic side of each gradient's last line."""
    found: dict[str, Expr] = {}
    for step in steps:
        if step.statement in wanted and step.kind in ("chain", "simplify", "accumulate"):
            symbols = [s.expr for s in step.sides if s.kind == "symbols" and s.expr is not None]
            if symbols:
                found[step.statement] = symbols[-1]
    return found
