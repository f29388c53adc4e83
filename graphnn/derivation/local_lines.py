"""The lines ∂c/∂v of statements that are not linear: element by element, or in index notation."""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.derivation.context import Context, cotangent_name
from graphnn.derivation.index_form import element
from graphnn.derivation.local import (
    is_linear,
    local,
    opened,
    opened_terms,
    partial,
)
from graphnn.derivation.matrix import matrix_form
from graphnn.derivation.rule_names import margin
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term, Terms
from graphnn.derivation.written import terms_tree
from graphnn.expression.algebra import ONE, ZERO
from graphnn.expression.tree import Expr, num, substitute, sym
from graphnn.graph.statements import Statement


def local_lines(ctx: Context, section: str, index: bool = False) -> list[Step]:
    """∂c/∂v of the statements that are not linear, element by element or in index form.

    With `index`, what is element by element is in index notation too: ∂h[i]/∂z[i].
    """
    steps = []
    for statement in reversed(ctx.path_statements):
        form = ctx.forms[statement.name]
        for name in ctx.operands(statement):
            if form is None or is_linear(form, name) or _is_whole_gradient(ctx, statement, name):
                continue
            found = local(ctx, statement, name)
            own, free = form.index, ctx.index(name)
            body = opened(ctx, terms_tree(found))
            found = opened_terms(ctx, found)
            elementwise = matrix_form(_diagonal(found, own, free), own)
            if elementwise is not None and own and len(own) == len(free):
                lhs = partial(sym(statement.name), sym(name))
                result = ctx.number(elementwise)
                sides = ctx.sides(elementwise, result)
                rule = f"{margin(form.tree, element(name, own))}, element by element"
                if index:
                    pair = partial(element(statement.name, own), element(name, own))
                    diagonal = opened(ctx, terms_tree(_diagonal(found, own, free)))
                    lhs, shown = ctx.letters(
                        [pair, substitute(diagonal, dict(zip(free, own, strict=True)))]
                    )
                    sides = (Side(shown), *([] if result is None else [ctx.result(result)]))
            elif not own and matrix_form(found, free) is not None and len(free) <= 2:
                whole = matrix_form(found, free) or ZERO
                lhs = partial(sym(statement.name), sym(name))
                result = ctx.number(whole)
                sides = ctx.sides(whole, result)
                rule = margin(form.tree, element(name, free))
                if index:
                    lhs, shown = ctx.letters(
                        [partial(sym(statement.name), element(name, free)), body]
                    )
                    sides = (Side(shown), *([] if result is None else [ctx.result(result)]))
            else:
                pair = partial(element(statement.name, own), element(name, free))
                lhs, shown = ctx.letters([pair, body])
                sides, result = (Side(shown),), None
                rule = margin(form.tree, element(name, free))
            steps.append(
                Step("local", statement.name, lhs, sides, rule, (name,), section, value=result)
            )
    return steps


def _is_whole_gradient(ctx: Context, statement: Statement, name: str) -> bool:
    """Whether ∂L/∂name stands on a line of its own below: all of it, or this use and others."""
    scalar_loss = cotangent_name(ctx.loss) not in ctx.extra
    return statement.name == ctx.loss and scalar_loss and is_named(ctx, name)


def is_named(ctx: Context, name: str) -> bool:
    """Whether a cotangent gets a name: it is asked for, or its statement has several operands.

    The derivation for one weight then reads like the one for all of them: δ hᵀ.
    """
    if name in ctx.wrt:
        return True
    tensor = bool(ctx.net.nodes[name].shape)
    statement = ctx.statements[name]
    return (
        len(statement.reads if tensor else ctx.operands(statement)) > 1
        or ctx.users[name] > 1
        or ctx.forms[name] is None
    )


def _diagonal(found: Terms, own: Sequence[Expr], free: Sequence[Expr]) -> Terms:
    """The terms of an element-wise statement, with the δ between the two indices taken out."""
    pairs = {frozenset(p) for p in zip(own, free, strict=False) if p[0] is not p[1]}
    if len(own) != len(free):
        return (Term(tuple(own), ((num(0), num(1)),), ONE),)
    return tuple(
        Term(t.bound, (), t.body)
        if {frozenset(d) for d in t.deltas} == pairs
        else Term(t.bound, ((num(0), num(1)),), t.body)
        for t in found
    )
