"""Reverse mode, as a lecture writes it: local derivatives first, then products along paths, or δ.

A network of scalars with few paths is shown path by path. Any other is shown by cotangents: each
∂L/∂v is computed once, gets a name (δ) where it is used more than once, and is inlined into the
next line where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphnn.derivation.context import Context, cotangent_name
from graphnn.derivation.index_form import element
from graphnn.derivation.matrix import matrix_form
from graphnn.derivation.rule_names import FLAT, margin, used_twice
from graphnn.derivation.simplify import (
    Knowledge,
    cancelled,
    leaf_count,
    normalise,
    open_hidden,
)
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term, Terms, chain, local_terms
from graphnn.derivation.values import literal, reproduces
from graphnn.derivation.written import terms_tree
from graphnn.expression.algebra import ONE, ZERO, multiply, negate
from graphnn.expression.names import parts as name_parts
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, num, postorder, sym
from graphnn.graph.statements import Statement

MAX_PATHS = 8
SHORT = 6


def is_negative_number(e: Expr) -> bool:
    """True for a number below 0."""
    return e.head == "num" and bool(e.args[0] < 0)


def partial(above: Expr, below: Expr) -> Expr:
    """`∂above/∂below`."""
    return apply("∂", above, below)


def local(ctx: Context, statement: Statement, name: str) -> Terms:
    """∂statement/∂name as terms, hidden values written through named ones."""
    form = ctx.forms[statement.name]
    if form is None:
        return ()
    found = local_terms(form, name, ctx.index(name), ctx.indices)
    rules = ("hidden", "delta", "like", "fact")
    return tuple(
        Term(t.bound, t.deltas, cancelled(t.body) if form.hidden else t.body)
        for t in normalise(found, ctx.known, ctx.indices, rules)
    )


def opened(ctx: Context, e: Expr) -> Expr:
    """An expression without hidden values."""
    return open_hidden(e, [f for f in ctx.forms.values() if f is not None], ctx.indices)


def is_scalar_network(ctx: Context) -> bool:
    """Whether every value on the path is a scalar."""
    return all(not ctx.net.nodes[name].shape for name in ctx.on_path)


def paths(ctx: Context, name: str) -> list[tuple[str, ...]] | None:
    """The paths from the loss to `name`, or None where there are more than eight."""
    counts = {ctx.loss: 1}
    for statement in reversed(ctx.path_statements):
        for operand in ctx.operands(statement):
            counts[operand] = counts.get(operand, 0) + counts.get(statement.name, 0)
    if counts.get(name, 0) > MAX_PATHS:
        return None
    users: dict[str, list[str]] = {}
    for statement in ctx.path_statements:
        for operand in ctx.operands(statement):
            users.setdefault(operand, []).append(statement.name)
    found: list[tuple[str, ...]] = []
    stack: list[tuple[str, ...]] = [(name,)]
    while stack:
        path = stack.pop()
        if path[0] == ctx.loss:
            found.append(path)
        else:
            stack.extend((user, *path) for user in reversed(users.get(path[0], [])))
    return sorted(found, key=len)


# Scalars: local derivatives, then a product for each path.


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
    needed = {
        (a, b) for found in every.values() for path in found or () for a, b in zip(path, path[1:], strict=False)
    }
    steps = []
    slopes: dict[tuple[str, str], Expr] = {}
    for statement in reversed(ctx.path_statements):
        for name in ctx.operands(statement):
            if (statement.name, name) not in needed:
                continue
            slope = scalar_local(ctx, statement, name)
            slopes[statement.name, name] = slope
            form = ctx.forms[statement.name]
            result = ctx.number(slope)
            steps.append(
                Step(
                    "local",
                    statement.name,
                    partial(sym(statement.name), sym(name)),
                    ctx.sides(slope, result),
                    margin(form.tree, sym(name)) if form is not None else "",
                    (name,),
                    f"Backward, from {show(ctx.loss)} inwards",
                    value=result,
                )
            )
    for name in ctx.wrt:
        steps.extend(_product_steps(ctx, name, every[name] or [], slopes))
    if any(len(found or ()) > 2 for found in every.values()):
        top = show(ctx.loss)
        folded = f"Folded, as the program computes it: each ∂{top}/∂· once"
        steps.extend(replace(s, section=folded) for s in delta_steps(ctx, locals_=False))
    return steps


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
        links = list(zip(path, path[1:], strict=False))
        if not links:
            steps.append(Step("chain", name, lhs, (Side(ONE),), "a value by itself", section=section))
            return steps
        symbols = spaced([partial(sym(a), sym(b)) for a, b in links])
        factors = [slopes[link] for link in links]
        product = multiply(*factors)
        products.append(product)
        result = None if ctx.values is None else _result(ctx, product)
        sides = [Side(symbols)] if len(links) > 1 or len(found) > 1 else []
        sides.append(Side(spaced(factors)))
        numbers = [] if ctx.values is None else [literal(_result(ctx, f)) or ZERO for f in factors]
        if len(found) == 1:
            sides = _with_simplified(sides, product)
        if result is not None:
            shown = spaced(numbers)
            if len(numbers) > 1:
                sides.append(Side(shown, "numbers"))
            same = "=" if reproduces(shown, result, ctx.digits) else "≈"
            sides.append(ctx.result(result, same))
        rule = _zero_reason(ctx, path, slopes) if result is not None and not result.any() else ""
        if len(found) > 1:
            through = " ← ".join(show(p) for p in path)
            steps.append(
                Step("chain", name, None, tuple(sides), rule, path, section, label=through)
            )
        else:
            steps.append(
                Step("chain", name, lhs, tuple(sides), rule, path, section, value=result, stacked=True)
            )
    if len(found) > 1:
        head = Step("remark", name, None, (), f"{_reaches(ctx, name, len(found))}", section=section)
        total = terms_tree(tuple(Term((), (), p) for p in products))
        smaller = cancelled(total)
        total = smaller if leaf_count(smaller) < leaf_count(total) else total
        result = ctx.number(total)
        sides_ = [Side(total)] if leaf_count(total) <= SHORT or result is None else []
        if result is not None:
            parts = [literal(ctx.number(p)) or ZERO for p in products]
            shown = _plus(parts)
            sides_.append(Side(shown, "numbers"))
            same = "=" if reproduces(shown, result, ctx.digits) else "≈"
            sides_.append(ctx.result(result, same))
        last = Step(
            "accumulate", name, lhs, tuple(sides_), used_twice(name, len(found)), (), section, value=result
        )
        steps = [head, *steps, last]
    return steps


def _plus(parts: Sequence[Expr]) -> Expr:
    made = parts[0]
    for part in parts[1:]:
        made = apply("+", made, part)
    return made


def _reaches(ctx: Context, name: str, count: int) -> str:
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
    return (
        f"{show(name)} reaches {show(ctx.loss)} along {words.get(count, count)} paths; "
        "their contributions add:"
    )


def _result(ctx: Context, e: Expr) -> object:
    return ctx.number(e)


def _with_simplified(sides: list[Side], product: Expr) -> list[Side]:
    """Add the cancelled form, where it repeats fewer values."""
    smaller = cancelled(product)
    if leaf_count(smaller) < leaf_count(product):
        return [*sides, Side(smaller)]
    return sides


def spaced(parts: Sequence[Expr]) -> Expr:
    """Factors joined by a spaced ·, ones kept: the factors of a chain are all shown.

    The sign of the first stands in front of the whole product; in a long one, ones are left out.
    """
    if len(parts) > 2:
        parts = [p for p in parts if p is not ONE] or [ONE]
    if len(parts) > 1 and (parts[0].head == "neg" or is_negative_number(parts[0])):
        return apply("neg", spaced([negate(parts[0]), *parts[1:]]))
    made = parts[0]
    for part in parts[1:]:
        made = apply("·", made, part)
    return made


def _zero_reason(ctx: Context, path: Sequence[str], slopes: dict[tuple[str, str], Expr]) -> str:
    """Why a gradient is 0: a flat function, a dead ReLU, a value that is 0."""
    for a, b in zip(path, path[1:], strict=False):
        result = ctx.number(slopes[a, b])
        if result is not None and not result.any():
            form = ctx.forms[a]
            tree = form.tree if form is not None else sym(a)
            heads = {n.head for n in postorder(tree)}
            if heads & FLAT:
                return (
                    f"0: {next(iter(heads & FLAT))} is flat (derivative 0 everywhere it exists); "
                    "networks are trained with σ, tanh or ReLU instead"
                )
            if "relu" in heads:
                return f"0: the ReLU of {show(a)} is off at {show(b)} ≤ 0 (a dead unit here)"
            if "sigmoid" in heads:
                return f"0: σ is saturated at {show(a)}"
            return f"0 because ∂{show(a)}/∂{show(b)} = 0 here"
    return ""


def no_path(ctx: Context, name: str) -> Step:
    """A gradient of zero because nothing depends on the value."""
    return Step(
        "chain",
        name,
        partial(sym(ctx.loss), sym(name)),
        (Side(num(0), "value"),),
        f"0: {show(ctx.loss)} does not depend on {show(name)} (no path)",
        section="Chain rule",
    )


# Tensors, or many paths: cotangents.


def delta_steps(ctx: Context, index: bool = False, locals_: bool = True) -> list[Step]:
    """Each ∂L/∂v once, from the loss inwards: named δ where it is used more than once."""
    cotangents: dict[str, Terms] = {ctx.loss: _seed(ctx)}
    steps: list[Step] = []
    section = f"Backward, from {show(ctx.loss)} inwards"
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
            named = _is_named(ctx, name)
            made, cotangents[name] = _cotangent_steps(
                ctx, name, arriving[name], cotangents, named, section, taken, index
            )
            steps.extend(made)
        statement = next((s for s in ctx.path_statements if s.name == name), None)
        if statement is None:
            continue
        for operand in ctx.operands(statement):
            arriving.setdefault(operand, []).append((statement, local(ctx, statement, operand)))
    return [*_local_lines(ctx, section), *steps] if locals_ else steps


def _backward_order(ctx: Context) -> list[str]:
    """Statements from the loss inwards; a leaf as soon as every line that uses it is done."""
    order = [s.name for s in reversed(ctx.path_statements)]
    first_use: dict[str, str] = {}
    for statement in reversed(ctx.path_statements):
        for operand in ctx.operands(statement):
            first_use[operand] = statement.name
    found = [] if order else [ctx.loss] if ctx.loss in ctx.wrt else []
    for name in order:
        found.append(name)
        found += [n for n in ctx.wrt if n not in order and first_use.get(n) == name]
    return [*found, *(n for n in ctx.wrt if n not in found)]


def _seed(ctx: Context) -> Terms:
    shape = ctx.net.nodes[ctx.loss].shape
    if all(size == 1 for size in shape) and cotangent_name(ctx.loss) not in ctx.extra:
        return (Term((), (), ONE),)
    return (Term((), (), element(cotangent_name(ctx.loss), ctx.index(ctx.loss))),)


def _is_named(ctx: Context, name: str) -> bool:
    """Whether a cotangent gets a name: it is asked for, or its statement passes it on twice."""
    if name in ctx.wrt:
        return True
    statement = ctx.net.statement(name)
    users = sum(name in s.reads for s in ctx.path_statements)
    return len(ctx.operands(statement)) > 1 or users > 1 or ctx.forms[name] is None


def _local_lines(ctx: Context, section: str) -> list[Step]:
    """∂c/∂v of the statements that are not linear, element by element or in index form."""
    steps = []
    for statement in reversed(ctx.path_statements):
        form = ctx.forms[statement.name]
        for name in ctx.operands(statement):
            if form is None or _is_linear(form.tree, name):
                continue
            found = local(ctx, statement, name)
            own, free = form.index, ctx.index(name)
            body = opened(ctx, terms_tree(found))
            elementwise = matrix_form(_diagonal(found, own, free), own)
            if elementwise is not None and own and len(own) == len(free):
                lhs = partial(sym(statement.name), sym(name))
                result = ctx.number(elementwise)
                sides = ctx.sides(elementwise, result)
                rule = f"{margin(form.tree, element(name, own))}, element by element"
                result = ctx.number(elementwise)
            elif not own and matrix_form(found, free) is not None and len(free) <= 2:
                whole = matrix_form(found, free) or ZERO
                lhs = partial(sym(statement.name), sym(name))
                result = ctx.number(whole)
                sides = ctx.sides(whole, result)
                rule = margin(form.tree, element(name, free))
            else:
                pair = partial(element(statement.name, own), element(name, free))
                lhs, shown = ctx.letters([pair, body])
                sides, result = (Side(shown),), None
                rule = margin(form.tree, element(name, free))
            steps.append(
                Step("local", statement.name, lhs, sides, rule, (name,), section, value=result)
            )
    return steps


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


def _is_linear(tree: Expr, name: str) -> bool:
    """Sums, products with other values, Σ: nothing to differentiate but a product."""
    for node in postorder(tree):
        if node.head in ("+", "-", "neg", "num", "sym", "[]", "Σ", "*", "⊙", "δ"):
            continue
        return False
    return True


def _cotangent_steps(
    ctx: Context,
    name: str,
    arriving: Sequence[tuple[Statement, Terms]],
    cotangents: dict[str, Terms],
    named: bool,
    section: str,
    taken: set[str],
    index: bool,
) -> tuple[list[Step], Terms]:
    """The line for ∂L/∂name, and the terms under which its users read it."""
    free = ctx.index(name)
    raw: Terms = ()
    for statement, found in arriving:
        raw += chain(cotangents[statement.name], _own(ctx, statement), found, ctx.indices)
    plain = normalise(raw, ctx.known, ctx.indices, ("hidden", "delta"))
    final = normalise(raw, ctx.known, ctx.indices)
    if not named:
        return [], final if _size(final) < _size(plain) else plain
    shown = matrix_form(plain, free)
    shorter = matrix_form(final, free) if _size(final) < _size(plain) else None
    lhs = partial(ctx.top, sym(name))
    result = ctx.cotangents.get(name)
    many = sum(len(found) for _, found in arriving) if len(arriving) > 1 else 1
    rule = used_twice(name, many) if len(arriving) > 1 else ""
    steps = []
    if shown is not None and not index:
        sides = [Side(shown)]
        if shorter is not None:
            sides.append(Side(shorter))
            rule = rule or _reasons(raw, ctx)
        best = shorter if shorter is not None else shown
        result = ctx.exactly(best, (), result)
        sides = [*sides[:-1], *ctx.sides(best, result)]
        shapes = _shapes(ctx, name)
        kind = "simplify" if shorter is not None else "chain"
    else:
        lines = _index_lines(ctx, name, arriving, cotangents, raw)
        for e, _ in lines:
            result = ctx.exactly(e, free, result)
        pair = partial(ctx.top, element(name, free))
        lhs, *sides_ = ctx.letters([pair, *(e for e, _ in lines)])
        sides = [
            Side(e, rule=why) for e, (_, why) in zip(sides_, lines, strict=True)
        ]
        if result is not None:
            sides.append(ctx.result(result))
        shapes, kind = "", "simplify" if len(lines) > 1 else "chain"
    define = name not in ctx.wrt or len(_uses(ctx, name)) > 1
    called = None
    if define and name in ctx.forms:
        called = _delta_name(name, taken)
        taken.add(called)
        if result is not None:
            ctx.extra[called] = result
    first = [sym(called)] if called is not None else []
    steps.append(
        Step(
            kind,
            name,
            first[0] if first else lhs,
            tuple([*([Side(lhs)] if first else []), *sides]),
            rule,
            tuple(s.name for s, _ in arriving),
            section,
            shapes,
            result,
            define=bool(first),
            free=free,
            stacked=shown is None or index,
        )
    )
    if called is not None:
        return steps, (Term((), (), element(called, free)),)
    return steps, final


def _own(ctx: Context, statement: Statement) -> tuple[Expr, ...]:
    return ctx.index(statement.name)


def _uses(ctx: Context, name: str) -> list[str]:
    statement = next((s for s in ctx.path_statements if s.name == name), None)
    return [] if statement is None else ctx.operands(statement)


def _size(found: Terms) -> int:
    return sum(leaf_count(t.body) + len(t.bound) + len(t.deltas) for t in found)


def _delta_name(name: str, taken: set[str]) -> str:
    """δ₁ for z₁, δ for z, else δ with the name below it."""
    number = name_parts(name)[2]
    wanted = f"delta{number}" if number.isdigit() else "delta"
    if wanted not in taken:
        return wanted
    stem = name.replace("_", "")
    return next(c for c in (f"delta_{stem}", *(f"delta_{stem}{k}" for k in range(99))) if c not in taken)


def _shapes(ctx: Context, name: str) -> str:
    from graphnn.calculus.definition import shape_text

    shape = ctx.net.nodes[name].shape
    return shape_text(shape) if shape else ""


def _reasons(raw: Terms, ctx: Context) -> str:
    """Which rules made a line shorter: the facts by their own words, cancellation by name."""
    base = ("hidden", "delta", "like", "cancel")
    without = normalise(raw, ctx.known, ctx.indices, base)
    full = normalise(raw, ctx.known, ctx.indices)
    if _size(full) < _size(without):
        used = []
        for fact in ctx.known.facts:
            less = Knowledge(
                ctx.known.eliminations,
                ctx.known.shortcuts,
                tuple(f for f in ctx.known.facts if f is not fact),
            )
            if _size(normalise(raw, less, ctx.indices)) > _size(full):
                used.append(fact.reason)
        return "; ".join(used) or "a known sum"
    return "common factors cancel"


def _index_lines(
    ctx: Context,
    name: str,
    arriving: Sequence[tuple[Statement, Terms]],
    cotangents: dict[str, Terms],
    raw: Terms,
) -> list[tuple[Expr, str]]:
    """The lines of an index derivation: chain rule, cancelled, deltas gone, facts used."""
    lines: list[tuple[Expr, str]] = []
    if len(arriving) == 1:
        ((statement, found),) = arriving
        upstream = opened(ctx, terms_tree(cotangents[statement.name]))
        slope = opened(ctx, terms_tree(found))
        own = [e for e in _own(ctx, statement) if e.head == "sym"]
        product = spaced([upstream, slope]) if upstream is not ONE else slope
        form = ctx.forms[statement.name]
        if form is not None and form.hidden:
            lines.append((_summed(own, product), "chain rule"))
    stages: list[tuple[tuple[str, ...], str]] = [
        (("hidden", "cancel"), "common factors cancel"),
        (("hidden", "cancel", "delta"), "the δ picks one term"),
        (("hidden", "cancel", "delta", "like", "fact"), ""),
    ]
    previous: Terms = ()
    for rules, reason in stages:
        current = normalise(raw, ctx.known, ctx.indices, rules)
        tree = opened(ctx, terms_tree(current))
        why = reason or (_reasons(raw, ctx) if _size(current) < _size(previous) else "")
        if not lines or str(ctx.letters([tree])[0]) not in {str(ctx.letters([e])[0]) for e, _ in lines}:
            lines.append((tree, why))
        previous = current
    return _thinned(lines)


def _summed(bound: Sequence[Expr], body: Expr) -> Expr:
    """`Σ_bound body` with its sign in front."""
    if not bound:
        return body
    if body.head == "neg":
        return apply("neg", apply("Σ", *bound, body.args[0]))
    return apply("Σ", *bound, body)


def _thinned(lines: list[tuple[Expr, str]]) -> list[tuple[Expr, str]]:
    """Leave out a line that is longer than the one before and the one after it."""
    return [
        line
        for k, line in enumerate(lines)
        if k in (0, len(lines) - 1)
        or leaf_count(line[0]) <= max(leaf_count(lines[k - 1][0]), leaf_count(lines[k + 1][0]))
    ]
