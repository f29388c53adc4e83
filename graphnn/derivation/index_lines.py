"""The lines of an index derivation: the chain rule, factors cancelled, δs gone, known sums used."""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.derivation.context import Context
from graphnn.derivation.knowledge import Knowledge, leaf_count
from graphnn.derivation.local import (
    opened,
    spaced,
)
from graphnn.derivation.simplify import normalise, terms_size
from graphnn.derivation.terms import Terms
from graphnn.derivation.written import terms_tree
from graphnn.expression.algebra import ONE, split_product
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, contains
from graphnn.graph.statements import Statement

CANCELLED = "common factors cancel"


def index_lines(
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
        own = [e for e in ctx.index(statement.name) if e.head == "sym"]
        product = spaced([upstream, slope]) if upstream is not ONE else slope
        form = ctx.forms[statement.name]
        if form is not None and form.hidden:
            lines.append((_summed(own, product), "chain rule"))
    stages: list[tuple[tuple[str, ...], str]] = [
        (("hidden", "cancel"), CANCELLED),
        (("hidden", "cancel", "delta"), "the δ picks one term"),
        (("hidden", "cancel", "delta", "like", "fact"), ""),
    ]
    previous: Terms = ()
    for rules, reason in stages:
        current = normalise(raw, ctx.known, ctx.indices, rules)
        tree = opened(ctx, terms_tree(current))
        why = reason or (reasons(raw, ctx) if terms_size(current) < terms_size(previous) else "")
        if not lines or str(ctx.letters([tree])[0]) not in {
            str(ctx.letters([e])[0]) for e, _ in lines
        }:
            lines.append((tree, why if lines else "chain rule"))
        previous = current
    if len(lines) == 1:
        several = any(term.bound for term in previous)
        why = f"{show(name)} is read at several places: contributions add" if several else ""
        return [(lines[0][0], why or "chain rule")]
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


def reasons(raw: Terms, ctx: Context) -> str:
    """Which rules made a line shorter: the facts by their own words, cancellation by name."""
    base = ("hidden", "delta", "like", "cancel")
    without = normalise(raw, ctx.known, ctx.indices, base)
    full = normalise(raw, ctx.known, ctx.indices)
    if terms_size(full) < terms_size(without):
        used = []
        for fact in ctx.known.facts:
            less = Knowledge(
                ctx.known.eliminations,
                ctx.known.shortcuts,
                tuple(f for f in ctx.known.facts if f is not fact),
            )
            if terms_size(normalise(raw, less, ctx.indices)) > terms_size(full):
                used.append(fact.reason)
        return "; ".join(used) or "a known sum"
    return CANCELLED


def assumable(found: Terms, ctx: Context) -> str:
    """What would shorten the last line: a sum over all entries of one leaf."""
    for term in found:
        for b in term.bound:
            inside = [f for f in split_product(term.body).factors if contains(f, b)]
            if len(inside) == 1 and inside[0].head == "[]":
                name = str(inside[0].args[0].args[0])
                given = name in ctx.net.leaves and name not in ctx.wrt
                if given and inside[0].args[-1] is b and not term.deltas:
                    total = ctx.letters([apply("Σ", b, inside[0])])[0]
                    return f"if {total} = 1 is assumed (sum({name})=1), the line is shorter"
    return ""
