"""Local derivatives: ∂statement/∂value as terms, and the small writings that all lines share."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain as chained
from itertools import count

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import CALLS, IndexForm
from graphnn.derivation.knowledge import open_hidden
from graphnn.derivation.simplify import cancelled, normalise
from graphnn.derivation.terms import Term, Terms, local_terms
from graphnn.expression.algebra import ONE, negate, terms
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.names import parts as name_parts
from graphnn.expression.tree import Expr, apply, postorder, sym
from graphnn.graph.statements import Statement


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
        Term(t.bound, t.deltas, cancelled(t.body) if form.hidden or _repeats(t.body) else t.body)
        for t in normalise(found, ctx.known, ctx.indices, rules)
    )


def _repeats(body: Expr) -> bool:
    """Whether a sum has a term twice: n + n."""
    summands = terms(body)
    return len(set(summands)) < len(summands)


def written_out(ctx: Context, e: Expr) -> Expr:
    """An expression without hidden values."""
    return ctx.named_argmax(open_hidden(e, ctx.hidden_forms, ctx.indices))


def opened(ctx: Context, e: Expr) -> Expr:
    """An expression without hidden values; a softmax that nobody wrote goes by a name."""
    return ctx.named_softmax(written_out(ctx, e))


def opened_terms(ctx: Context, found: Terms) -> Terms:
    """Terms without hidden values."""
    return tuple(Term(t.bound, t.deltas, opened(ctx, t.body)) for t in found)


def is_linear(form: IndexForm, name: str) -> bool:
    """Sums, products and quotients by other values, Σ: nothing to differentiate but a product."""
    if form.hidden:
        return False
    for node in postorder(form.tree):
        if node.head == "/" and not _reads(node.args[1], name):
            continue
        if node.head in ("*", "⊙") and all(_reads(part, name) for part in node.args):
            return False
        if node.head not in ("+", "-", "neg", "num", "sym", "[]", "Σ", "*", "⊙") and _reads(
            node, name
        ):
            return False
    return True


def _reads(e: Expr, name: str) -> bool:
    wanted = sym(name)
    return any(node is wanted for node in postorder(e))


def is_negative_number(e: Expr) -> bool:
    """True for a number below 0."""
    return e.head == "num" and bool(e.args[0] < 0)


def delta_name(ctx: Context, name: str, readers: Sequence[Statement], taken: Container[str]) -> str:
    """δ₁ for z₁, δ for z where it is the argument of a function; else δ with the name below it."""
    argument = any(
        (form := ctx.forms[s.name]) is not None
        and (form.hidden or form.tree.head in CALLS or form.tree.head in FUNCTIONS)
        for s in readers
    )
    number = name_parts(name)[2]
    wanted = f"delta{number}" if number.isdigit() else "delta"
    stem = name.replace("_", "")
    candidates = chained(
        [wanted] if argument else [], [f"delta_{stem}"], (f"delta_{stem}{k}" for k in count())
    )
    return next(c for c in candidates if c not in taken)


def spaced(parts: Sequence[Expr], ones: bool = False) -> Expr:
    """Factors joined by a spaced ·: the factors of a chain are all shown.

    The sign of the first stands in front of the whole product; in a long one, ones are left out,
    but for numbers that happen to be 1 (`ones`).
    """
    if len(parts) > 2 and not ones:
        parts = [p for p in parts if p is not ONE] or [ONE]
    if len(parts) > 1 and (parts[0].head == "neg" or is_negative_number(parts[0])):
        return apply("neg", spaced([negate(parts[0]), *parts[1:]], ones))
    made = parts[0]
    for part in parts[1:]:
        made = apply("·", made, part)
    return made


def joined_sum(parts: Sequence[Expr]) -> Expr:
    """`a + b + …`, nothing folded."""
    made = parts[0]
    for part in parts[1:]:
        made = apply("+", made, part)
    return made
