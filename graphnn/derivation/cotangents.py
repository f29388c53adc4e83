"""Cotangents: each ∂L/∂v is computed once, from the loss inwards.

It gets a name (δ) where it is used more than once, because that reuse is backpropagation; where it
is used once it is inlined into the next line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from graphnn.calculus.shapes import shape_text
from graphnn.derivation.context import Context, cotangent_name
from graphnn.derivation.index_form import element
from graphnn.derivation.index_lines import (
    CANCELLED,
    assumable,
    index_lines,
    reasons,
)
from graphnn.derivation.local import (
    delta_name,
    local,
    opened,
    opened_terms,
    partial,
)
from graphnn.derivation.local_lines import is_named, local_lines
from graphnn.derivation.matrix import matrix_form
from graphnn.derivation.observations import (
    adds_to_zero,
    full_convolution,
    reuse,
    two_deltas,
)
from graphnn.derivation.paths import no_path
from graphnn.derivation.rule_names import margin, used_twice
from graphnn.derivation.simplify import normalise, terms_size
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.structures import structural_steps
from graphnn.derivation.terms import Term, Terms, chain
from graphnn.derivation.transpose import why_the_transpose
from graphnn.derivation.written import terms_tree
from graphnn.derivation.zeros import cotangent_reason
from graphnn.expression.algebra import ONE
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, num, postorder, sym, symbols
from graphnn.graph.statements import Statement

MAX_INLINED = 16
"""Values in a cotangent, above which it gets a name although it is used once."""

MAX_DIGITS = 4
"""Digits of an exact factor in a cotangent, above which it gets a name: 0.99·0.99 is enough."""

MAX_WHOLE = 24
"""Values in a gradient without δs, above which nobody would look for a shorter form."""

Whole = tuple[Terms, tuple[str, ...]]
"""A gradient without δs, in normal form, and the facts that made it short."""


def delta_steps(ctx: Context, index: bool = False, locals_: bool = True) -> list[Step]:
    """Each ∂L/∂v once, from the loss inwards: named δ where it is used more than once."""
    cotangents: dict[str, Terms] = {ctx.loss: _seed(ctx)}
    whole: dict[str, Whole | None] = {ctx.loss: (cotangents[ctx.loss], ())}
    section = f"Backward, from {show(ctx.loss)} inwards"
    steps = _seed_step(ctx, section)
    taken = set(ctx.net.nodes)
    arriving: dict[str, list[tuple[Statement, Terms]]] = {}
    for name in _backward_order(ctx):
        if name == ctx.loss:
            if name in ctx.wrt:
                steps.append(Step("chain", name, partial(sym(name), sym(name)), (Side(ONE),)))
        elif name not in arriving:
            steps.append(no_path(ctx, name))
            continue
        else:
            named = is_named(ctx, name) or any(
                _is_long(cotangents[s.name]) for s, _ in arriving[name]
            )
            whole[name] = _whole(ctx, arriving[name], whole)
            made, cotangents[name] = _cotangent_steps(
                ctx, name, arriving[name], cotangents, named, section, taken, index, whole[name]
            )
            steps.extend(made)
        statement = ctx.statements.get(name)
        if statement is None:
            continue
        for operand in ctx.operands(statement):
            arriving.setdefault(operand, []).append((statement, local(ctx, statement, operand)))
    if not locals_:
        return steps
    slopes = local_lines(ctx, section, index)
    steps = [
        *_softmax_steps(ctx, section),
        *_place_steps(ctx, section),
        *slopes,
        *steps,
        *reuse(ctx, steps, section),
    ]
    steps += two_deltas(steps, section)
    steps += [
        replace(step, section=section)
        for name in ctx.wrt
        for step in full_convolution(ctx, name, cotangents.get(name, ()))
    ]
    why = [] if index else why_the_transpose(ctx, cotangents)
    return [*steps, *why]


def _is_long(found: Terms) -> bool:
    """Whether a cotangent is too long to stand inside another, by its values or its numbers."""
    if terms_size(found) > MAX_INLINED:
        return True
    numbers = (n.args[0] for t in found for n in postorder(t.body) if n.head == "num")
    return any(isinstance(x, int | Fraction) and _digits(x) > MAX_DIGITS for x in numbers)


def _digits(x: int | Fraction) -> int:
    return max(len(str(abs(x.numerator))), len(str(x.denominator)))


def _backward_order(ctx: Context) -> list[str]:
    """Statements from the loss inwards; a leaf as soon as every line that uses it is done."""
    order = [s.name for s in reversed(ctx.path_statements)]
    first_use: dict[str, str] = {}
    for statement in reversed(ctx.path_statements):
        for operand in ctx.operands(statement):
            first_use[operand] = statement.name
    found: list[str] = []
    computed = set(order)
    leaves = [n for n in ctx.wrt if n not in computed]
    for name in order:
        found.append(name)
        found += [n for n in leaves if first_use.get(n) == name]
    return [*found, *(n for n in leaves if n not in first_use)]


def _seed_step(ctx: Context, section: str) -> list[Step]:
    """What the backward pass of a tensor output starts from: z̄, given or any."""
    if not _seeded(ctx):
        return []
    called = cotangent_name(ctx.loss)
    given = ctx.extra.get(called)
    sides = [Side(partial(ctx.top, sym(ctx.loss)))]
    if given is not None:
        sides.append(ctx.result(given))
    rule = "given" if given is not None else f"any: {show(ctx.loss)} is not a single number"
    return [
        Step(
            "seed", ctx.loss, sym(called), tuple(sides), rule, (), section, value=given, define=True
        )
    ]


def _place_steps(ctx: Context, section: str) -> list[Step]:
    """Where each maximum is: an index that later lines use by name."""
    steps = []
    for name, (place, body) in ctx.places.items():
        found = ctx.extra.get(name)
        (lhs,) = ctx.letters([place])
        read = dict.fromkeys(n.args[0] for n in postorder(body) if n.head == "[]")
        values = ", ".join(str(value) for value in read)
        values = values if body.head == "[]" else f"what is made of {values}"
        rule = f"where the maximum of {values} is; the first, where there are several"
        if found is None:
            steps.append(Step("remark", "", None, (), f"{lhs} is {rule}", section=section))
        else:
            sides = (ctx.result(found),)
            steps.append(Step("local", "", lhs, sides, rule, section=section, value=found))
    return steps


def _softmax_steps(ctx: Context, section: str) -> list[Step]:
    """What p stands for, where the author never wrote a softmax."""
    steps = []
    for (name, axis), called in ctx.softmaxes.items():
        shape = ctx.net.nodes[name].shape
        along = [] if axis == len(shape) - 1 else [apply("=", sym("axis"), num(axis))]
        found = ctx.extra.get(str(called.args[0]))
        sides = [Side(apply("softmax", sym(name), *along))]
        if found is not None:
            sides.append(ctx.result(found))
        rule = f"a name for exp({show(name)})/Σexp({show(name)})"
        steps.append(
            Step(
                "local",
                "",
                called,
                tuple(sides),
                rule,
                section=section,
                shapes=shape_text(shape),
                value=found,
                define=True,
            )
        )
    return steps


def _seeded(ctx: Context) -> bool:
    """Whether the output is a tensor, or was given a cotangent."""
    shape = ctx.net.nodes[ctx.loss].shape
    return any(size != 1 for size in shape) or cotangent_name(ctx.loss) in ctx.extra


def _seed(ctx: Context) -> Terms:
    if not _seeded(ctx):
        return (Term((), (), ONE),)
    return (Term((), (), element(cotangent_name(ctx.loss), ctx.index(ctx.loss))),)


def _whole(
    ctx: Context,
    arriving: Sequence[tuple[Statement, Terms]],
    whole: dict[str, Whole | None],
) -> Whole | None:
    """∂L/∂v without any δ by name, in normal form; None where that grows too long to read."""
    raw: Terms = ()
    why: list[str] = []
    for statement, found in arriving:
        upstream = whole[statement.name]
        if upstream is None or ctx.forms[statement.name] is None:
            return None
        raw += chain(upstream[0], ctx.index(statement.name), found, ctx.indices)
        why += upstream[1]
    if terms_size(raw) > MAX_WHOLE:
        return None
    if ctx.known.facts:
        why += [reason for reason in [reasons(raw, ctx)] if reason != CANCELLED]
    return normalise(raw, ctx.known, ctx.indices), tuple(dict.fromkeys(why))


def _cotangent_steps(
    ctx: Context,
    name: str,
    arriving: Sequence[tuple[Statement, Terms]],
    cotangents: dict[str, Terms],
    named: bool,
    section: str,
    taken: set[str],
    index: bool,
    whole: Whole | None,
) -> tuple[list[Step], Terms]:
    """The line for ∂L/∂name, and the terms under which its users read it."""
    free = ctx.index(name)
    raw: Terms = ()
    uses = 0
    moved = []
    for statement, found in arriving:
        if ctx.forms[statement.name] is None:
            moved.append((statement, cotangents[statement.name]))
            continue
        uses += len(found)
        raw += chain(cotangents[statement.name], ctx.index(statement.name), found, ctx.indices)
    parts, sent = structural_steps(ctx, name, moved, taken, len(moved) == len(arriving))
    through = [replace(step, section=section) for step in parts]
    raw += sent
    uses += len(parts)
    plain = normalise(raw, ctx.known, ctx.indices, ("hidden", "delta"))
    final = normalise(raw, ctx.known, ctx.indices)
    if len(through) == 1 and len(moved) == len(arriving):
        (only,) = through
        if only.lhs is not None:
            ctx.exactly(only.lhs, (), ctx.cotangents.get(name))
        gradient = partial(ctx.top, sym(name))
        if name in ctx.wrt and not _uses(ctx, name):
            only = replace(only, lhs=gradient, define=False, sides=only.sides)
        else:
            only = replace(only, sides=(Side(gradient), *only.sides), define=True)
        return [only], raw
    notes = [ctx.notes[s.name] for s, _ in arriving if s.name in ctx.notes]
    if not named:
        shorter_ = terms_size(final) < terms_size(plain)
        if shorter_ and ctx.known.facts and (why := reasons(raw, ctx)) != CANCELLED:
            notes.append(why)
        if notes:
            ctx.notes[name] = "; ".join(dict.fromkeys(notes))
        return through, final if shorter_ else plain
    shown = matrix_form(opened_terms(ctx, plain), free)
    shorter = (
        matrix_form(opened_terms(ctx, final), free)
        if terms_size(final) < terms_size(plain)
        else None
    )
    lhs = partial(ctx.top, sym(name))
    result = ctx.cotangents.get(name)
    rule = used_twice(name, uses) if uses > 1 and (len(arriving) > 1 or through) else ""
    steps = through
    if shown is not None and not index:
        sides = [Side(shown)]
        if shorter is not None:
            sides.append(Side(shorter))
            rule = rule or reasons(raw, ctx)
        best = shorter if shorter is not None else shown
        result = ctx.exactly(best, (), result)
        written: tuple[Expr, tuple[Expr, ...]] = (best, ())
        sides = [*sides[:-1], *ctx.sides(best, result)]
        shapes = _shapes(ctx, name)
        kind = "simplify" if shorter is not None else "chain"
    else:
        lines = index_lines(ctx, name, arriving, cotangents, raw)
        for e, _ in lines:
            result = ctx.exactly(e, free, result)
        written = (lines[-1][0], free)
        pair = partial(ctx.top, element(name, free))
        lhs, *sides_ = ctx.letters([pair, *(e for e, _ in lines)])
        sides = [Side(e, rule=why) for e, (_, why) in zip(sides_, lines, strict=True)]
        hint = assumable(final, ctx)
        if hint and sides:
            sides[-1] = replace(sides[-1], rule="; ".join(r for r in (sides[-1].rule, hint) if r))
        if result is not None:
            sides.append(ctx.result(result))
        shapes, kind = "", "simplify" if len(lines) > 1 else "chain"
    if result is not None and not np.any(result):
        zero = cotangent_reason(ctx, name)
        rule = "; ".join(r for r in (rule, zero) if r)
    if result is not None:
        ctx.extra[f"∂{ctx.top}/∂{sym(name)}"] = result
    if notes:
        rule = "; ".join(dict.fromkeys([*([rule] if rule else []), *notes]))
    if not rule and not any(side.rule for side in sides):
        rule = _plain_rule(ctx, name, arriving[0][0])
    indexed = shown is None or index
    by_name = any(n in taken and n not in ctx.net.nodes for n in _names(final))
    if whole is not None and whole[0] and name in ctx.wrt and by_name:
        if terms_size(whole[0]) <= terms_size(final):
            more = _with_whole(ctx, name, whole, sides, indexed)
            indexed = indexed or more != sides
            sides = more
        elif missing := assumable(whole[0], ctx):
            rule = "; ".join(r for r in (rule, missing) if r)
    forms = [final] if whole is None else [final, whole[0]]
    if zero_sum := next((t for f in forms if (t := adds_to_zero(ctx, f, free, result))), ""):
        sides[-1] = replace(sides[-1], rule="; ".join(r for r in (sides[-1].rule, zero_sum) if r))
    # an intermediate value's gradient is a δ, also where it is what was asked for
    define = name not in ctx.wrt or name in ctx.statements
    called = None
    if define and name in ctx.forms:
        called = delta_name(ctx, name, [s for s, _ in arriving], taken)
        taken.add(called)
        if result is not None:
            ctx.extra[called] = result
            ctx.written[called] = written
    first = [sym(called)] if called is not None else []
    steps.append(
        Step(
            kind,
            name,
            first[0] if first else lhs,
            (*([Side(lhs)] if first else []), *sides),
            rule,
            tuple(s.name for s, _ in arriving),
            section,
            shapes,
            result,
            define=bool(first),
            free=free,
            stacked=indexed,
        )
    )
    if called is not None:
        return steps, (Term((), (), element(called, free)),)
    return steps, final


def _with_whole(
    ctx: Context, name: str, whole: Whole, sides: list[Side], indexed: bool
) -> list[Side]:
    """The sides with the gradient in its shortest form, written without δs by name."""
    free = ctx.index(name)
    normal, facts = whole
    if indexed:
        tree = opened(ctx, terms_tree(normal))  # a maximum's place may stand in a bound, too
        ctx.exactly(tree, free, ctx.cotangents.get(name))
        _, shown = ctx.letters([partial(ctx.top, element(name, free)), tree])
    else:
        whole_form = matrix_form(opened_terms(ctx, normal), free)
        if whole_form is None:
            return sides
        ctx.exactly(whole_form, (), ctx.cotangents.get(name))
        shown = whole_form
    why = "; ".join(["the δs written out", CANCELLED, *facts])
    at = next((k for k, side in enumerate(sides) if side.kind != "symbols"), len(sides))
    after = sides[at:]
    if shown.head == "num" and after and after[-1].expr is shown:
        after = []  # the number is the value: said once
    return [*sides[:at], Side(shown, rule=why), *after]


def _plain_rule(ctx: Context, name: str, user: Statement) -> str:
    """The rule of a line that only one statement sends back: its own, or the chain rule."""
    form = ctx.forms[user.name]
    if form is not None and (user.name == ctx.loss or name in ctx.net.leaves):
        return margin(form.tree, element(name, ctx.index(name)))
    return "chain rule"


def _names(found: Terms) -> set[str]:
    return {name for term in found for name in symbols(term.body)}


def _uses(ctx: Context, name: str) -> list[str]:
    statement = ctx.statements.get(name)
    return [] if statement is None else ctx.operands(statement)


def _shapes(ctx: Context, name: str) -> str:
    shape = ctx.net.nodes[name].shape
    return shape_text(shape) if shape else ""
