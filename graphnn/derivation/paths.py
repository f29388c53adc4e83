"""Scalars: local derivatives first, then a product for each path from the loss to a value.

Up to eight paths are shown one by one and summed; a network with more is shown by cotangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.knowledge import leaf_count
from graphnn.derivation.local import (
    delta_name,
    joined_sum,
    local,
    opened,
    partial,
    spaced,
)
from graphnn.derivation.mode_work import mode_work
from graphnn.derivation.rule_names import margin, used_twice
from graphnn.derivation.shown import literal, reproduces
from graphnn.derivation.simplify import MAX_CANCELLED, cancelled, normalise
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term
from graphnn.derivation.work import Work
from graphnn.derivation.written import terms_tree
from graphnn.derivation.zeros import path_reason
from graphnn.errors import GraphError
from graphnn.expression.algebra import ONE, ZERO, multiply
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, num, sym
from graphnn.graph.statements import Statement

MAX_PATHS = 8
MAX_LINKS = 30
"""A product of more factors than this is nobody's to read: cotangents show it link by link."""

SHORT = 6

MAX_COUNTED = 32
"""Inputs up to which the work of forward mode is counted: a pass of its own for each of them."""


def is_scalar_network(ctx: Context) -> bool:
    """Whether every value on the path is a scalar."""
    return all(not ctx.net.nodes[name].shape for name in ctx.on_path)


def paths(ctx: Context, name: str) -> list[tuple[str, ...]] | None:
    """The paths from the loss to `name`, or None where there are more than eight."""
    counts, lengths = ctx.path_counts
    if counts.get(name, 0) > MAX_PATHS or lengths.get(name, 0) > MAX_LINKS:
        return None
    found: list[tuple[str, ...]] = []
    stack: list[tuple[str, ...]] = [(name,)]
    while stack:
        path = stack.pop()
        if path[0] == ctx.loss:
            found.append(path)
        else:
            readers = [s.name for s in ctx.readers.get(path[0], ())]
            stack.extend((user, *path) for user in reversed(readers))
    return sorted(found, key=len)


def scalar_local(ctx: Context, statement: Statement, name: str) -> Expr:
    """∂statement/∂name of scalars, the shorter of the written and the cancelled form."""
    body = terms_tree(local(ctx, statement, name))
    smaller = cancelled(body)
    return opened(ctx, smaller if leaf_count(smaller) < leaf_count(body) else body)


def scalar_steps(ctx: Context) -> list[Step] | None:
    """Local derivatives and the product along each path; None where the paths are too many."""
    every = {name: paths(ctx, name) for name in ctx.wrt}
    if any(found is None for found in every.values()):
        return None
    needed = {(a, b) for found in every.values() for path in found or () for a, b in pairwise(path)}
    steps = []
    slopes: dict[tuple[str, str], Expr] = {}
    for statement in reversed(ctx.path_statements):
        for name in ctx.operands(statement):
            if (statement.name, name) not in needed:
                continue
            slope = scalar_local(ctx, statement, name)
            slopes[statement.name, name] = slope
            if is_partial(ctx, statement.name, name):
                continue
            form = ctx.forms[statement.name]
            result = ctx.number(slope)
            rules = [margin(form.tree, sym(name)) if form is not None else ""]
            whole = name in ctx.wrt and every[name] == [(ctx.loss, name)]
            if whole and result is not None:
                result = _checked(ctx, slope, name)
                zero = "" if np.any(result) else path_reason(ctx, (ctx.loss, name), slopes)
                rules.append(zero)
            steps.append(
                Step(
                    "chain" if whole else "local",
                    name if whole else statement.name,
                    partial(sym(statement.name), sym(name)),
                    ctx.sides(slope, result),
                    "; ".join(r for r in rules if r),
                    (name,),
                    f"Backward, from {show(ctx.loss)} inwards",
                    value=result,
                )
            )
    for name in ctx.wrt:
        if every[name] != [(ctx.loss, name)]:
            steps.extend(_product_steps(ctx, name, every[name] or [], slopes))
    if len(ctx.wrt) > 1:
        steps.extend(_work(ctx, steps[-1].section))
    return steps


def is_partial(ctx: Context, above: str, below: str) -> bool:
    """Whether ∂above/∂below would name the gradient itself, of which this use is only a part."""
    return above == ctx.loss and ctx.users[below] > 1


def _work(ctx: Context, section: str) -> list[Step]:
    """How many passes reverse and forward mode need, and what they cost by the formulas."""
    count = len(ctx.wrt)
    gradients = "both gradients" if count == 2 else f"all {count} gradients"
    said = [f"One reverse pass gave {gradients}; forward mode needs {count}, one for each input."]
    if count <= MAX_COUNTED:
        forward, reverse = mode_work(ctx, [name for name in ctx.wrt if name in ctx.on_path])
        said.append(f"Work: reverse {reverse}; forward {sum(forward.values(), Work())}.")
    return [Step("remark", "", None, (), text, section=section) for text in said]


def _product_steps(
    ctx: Context,
    name: str,
    found: Sequence[tuple[str, ...]],
    slopes: dict[tuple[str, str], Expr],
) -> list[Step]:
    """The gradient of one value: one product, or one for each path and their sum."""
    lhs = partial(sym(ctx.loss), sym(name))
    section = "Chain rule"
    if not found:
        return [no_path(ctx, name)]
    steps = []
    products = []
    for path in found:
        links = list(pairwise(path))
        if not links:
            steps.append(
                Step("chain", name, lhs, (Side(ONE),), "a value by itself", section=section)
            )
            return steps
        symbols = spaced(
            [slopes[a, b] if is_partial(ctx, a, b) else partial(sym(a), sym(b)) for a, b in links]
        )
        factors = [slopes[link] for link in links]
        if len(factors) > 2:
            factors = [f for f in factors if f is not ONE] or [ONE]
        product = multiply(*factors)
        products.append(product)
        result = ctx.number(product)
        if result is not None and len(found) == 1:
            result = _checked(ctx, product, name)
        named = len(links) > 1 or (len(found) > 1 and not is_partial(ctx, *links[0]))
        sides = [Side(symbols)] if named else []
        sides.append(Side(spaced(factors)))
        numbers = [] if ctx.values is None else [literal(ctx.number(f)) or ZERO for f in factors]
        shown = spaced(numbers, ones=True) if numbers else ZERO
        if len(found) == 1 and len(sides) < len(sides := _with_simplified(ctx, sides, product)):
            # The numbers belong to the line above them: what cancelled need not be finite.
            smaller = sides[-1].expr or product
            result = None if result is None else ctx.number(smaller)
            shown = ctx.substituted(smaller) or shown
            numbers = [shown, shown]
        if ZERO in factors and len(factors) > 1 and result is None:
            sides.append(Side(ZERO))
        if result is not None:
            if len(numbers) > 1 and shown is not sides[-1].expr:
                sides.append(Side(shown, "numbers"))
            same = "=" if reproduces(shown, result, ctx.digits) else "≈"
            if literal(result) is not sides[-1].expr:
                sides.append(ctx.result(result, same))
        zero = ZERO in factors or (result is not None and not np.any(result))
        rule = path_reason(ctx, path, slopes) if zero else ""
        if is_partial(ctx, *links[0]):
            form = ctx.forms[ctx.loss]
            rule = rule or (margin(form.tree, sym(links[0][1])) if form is not None else "")
        if len(found) > 1:
            through = " ← ".join(show(p) for p in path)
            steps.append(
                Step("chain", name, None, tuple(sides), rule, path, section, label=through)
            )
        else:
            steps.append(
                _defined(
                    ctx,
                    Step(
                        "chain",
                        name,
                        lhs,
                        tuple(sides),
                        rule,
                        path,
                        section,
                        value=result,
                        stacked=True,
                    ),
                )
            )
    if len(found) > 1:
        head = Step("remark", name, None, (), f"{_reaches(ctx, name, len(found))}", section=section)
        total = terms_tree(tuple(Term((), (), p) for p in products))
        smaller = _simplified(ctx, total)
        total = smaller if leaf_count(smaller) < leaf_count(total) else total
        result = None if ctx.values is None else _checked(ctx, total, name)
        sides_ = [Side(total)] if leaf_count(total) <= SHORT or result is None else []
        if result is not None:
            parts = [literal(ctx.number(p)) or ZERO for p in products]
            shown = joined_sum(parts)
            sides_.append(Side(shown, "numbers"))
            same = "=" if reproduces(shown, result, ctx.digits) else "≈"
            sides_.append(ctx.result(result, same))
        last = _defined(
            ctx,
            Step(
                "accumulate",
                name,
                lhs,
                tuple(sides_),
                used_twice(name, len(found)),
                (),
                section,
                value=result,
            ),
        )
        steps = [head, *steps, last]
    return steps


def _defined(ctx: Context, step: Step) -> Step:
    """The gradient of an intermediate value as a δ: `δ := ∂L/∂z = …`; of a leaf as it is."""
    if step.statement not in ctx.statements or step.lhs is None:
        return step
    readers = ctx.readers.get(step.statement, [])
    called = delta_name(ctx, step.statement, readers, {*ctx.net.nodes, *ctx.extra})
    if step.value is not None:
        ctx.extra[called] = step.value
    return replace(step, lhs=sym(called), sides=(Side(step.lhs), *step.sides), define=True)


def _reaches(ctx: Context, name: str, count: int) -> str:
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
    return (
        f"{show(name)} reaches {show(ctx.loss)} along {words.get(count, count)} paths; "
        "their contributions add:"
    )


def _with_simplified(ctx: Context, sides: list[Side], product: Expr) -> list[Side]:
    """Add the simplified form, where it repeats fewer values."""
    smaller = _simplified(ctx, product)
    if leaf_count(smaller) < leaf_count(product):
        return [*sides, Side(smaller, rule="common factors cancel")]
    return sides


def _simplified(ctx: Context, e: Expr) -> Expr:
    """The normal form of a scalar expression; a very long one is left as it is."""
    if leaf_count(e) > MAX_CANCELLED:
        return e
    found = normalise((Term((), (), e),), ctx.known, ctx.indices)
    return opened(ctx, terms_tree(found))


def _checked(ctx: Context, e: Expr, name: str) -> Any:
    """The value of ∂L/∂name by its expression, held against the graph's own gradient."""
    result = ctx.exactly(e, (), ctx.cotangents[name])
    ctx.extra[f"∂{ctx.top}/∂{sym(name)}"] = result
    return result


def no_path(ctx: Context, name: str) -> Step:
    """A gradient of zero because nothing depends on the value.

    Raises GraphError where the graph says otherwise.
    """
    if np.any(ctx.cotangents.get(name, 0)):
        raise GraphError(f"internal error: a path from {show(ctx.loss)} to {show(name)} was missed")
    return Step(
        "chain",
        name,
        partial(sym(ctx.loss), sym(name)),
        (Side(num(0), "value"),),
        f"0: {show(ctx.loss)} does not depend on {show(name)} (no path)",
        section="Chain rule",
    )
