"""Why the transpose: one matrix product in index notation, and how its cotangent goes back.

    z[k] = Σ_m W[k, m]·h[m] + b[k]
    ∂L/∂h[m] = Σ_k δ[k]·∂z[k]/∂h[m] = Σ_k δ[k]·W[k, m] = (Wᵀ δ)[m]

Every axis has a letter here, also one of a single element: the sum is what is to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import IndexForm, Indices, element, element_name, index_form
from graphnn.derivation.knowledge import Knowledge
from graphnn.derivation.local import partial, spaced
from graphnn.derivation.matrix import matrix_form
from graphnn.derivation.simplify import normalise
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.terms import Term, Terms, occurrences
from graphnn.derivation.written import lettered, terms_tree
from graphnn.expression.algebra import multiply
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, children, contains, postorder, rebuild, substitute
from graphnn.graph.statements import Statement

SECTION = "Index form of one line, and why the transpose"
_ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True)
class _Product:
    """A statement with one matrix product: its own form with a letter for every axis.

    `delta` is the name of its cotangent.
    """

    statement: Statement
    form: IndexForm
    indices: Indices
    delta: str


def why_the_transpose(ctx: Context, cotangents: dict[str, Terms]) -> list[Step]:
    """The lines above, for the matrix product nearest to the loss; none where there is no product.

    Then what a batch adds: a line for each leaf where there is one, else a remark.
    """
    for statement in reversed(ctx.path_statements):
        product = _product(ctx, statement, cotangents[statement.name])
        inner = [
            n for n in ctx.operands(statement) if n not in ctx.net.leaves and _only_here(ctx, n)
        ]
        made = None if product is None or not inner else _lines(ctx, product, inner[0])
        if made:
            return made
    return []


def _only_here(ctx: Context, name: str) -> bool:
    """Whether one statement alone sends something back to a value: its gradient is no sum."""
    return ctx.users[name] == 1


def _product(ctx: Context, statement: Statement, upstream: Terms) -> _Product | None:
    """The statement in index notation, where it is one matrix product and a named cotangent."""
    products = [n for n in postorder(statement.written) if n.head == "@"]
    if len(products) != 1 or statement.index is not None or len(upstream) != 1:
        return None
    (term,) = upstream
    delta = element_name(term.body)
    if term.bound or term.deltas or delta is None:
        return None
    indices = Indices(whole=True)
    form = index_form(statement, ctx.net, indices)
    if form is None or form.hidden or not form.index or form.tree.head == "where":
        return None
    return _Product(statement, form, indices, delta)


def _lines(ctx: Context, product: _Product, name: str) -> list[Step]:
    """The forward line, the chain of the cotangent, and what a batch adds."""
    made = _sent_back(ctx, product, name)
    if made is None:
        return []
    own, free, body = made
    bound = [o for o in own if o not in free]
    indices = product.indices
    _wish(product, name, own, free)
    up = element(product.delta, own)
    whole = matrix_form((Term(tuple(bound), (), multiply(up, body)),), free)
    if not bound or whole is None:
        return []
    slope = partial(element(product.form.name, own), element(name, free))
    chain = [
        partial(ctx.top, element(name, free)),
        apply("Σ", *bound, spaced([up, slope])),
        terms_tree((Term(tuple(bound), (), multiply(up, body)),)),
        apply("[]", whole, *free),
    ]
    result = ctx.cotangents.get(name)
    sizes = {s: n for s, n in indices.extents.items() if isinstance(n, int)}
    for e in chain[2:]:
        ctx.exactly(e, free, result, sizes)
    form = product.form
    left, right = lettered([element(form.name, form.index), form.tree], indices, ctx.net.nodes)
    lhs, *sides = lettered(chain, indices, ctx.net.nodes)
    rule = _rule(product, bound, body)
    reads = product.statement.reads
    steps = [
        Step("forward", form.name, left, (Side(right),), "", reads, SECTION),
        Step(
            "local",
            form.name,
            lhs,
            tuple(map(Side, sides)),
            rule,
            (form.name,),
            SECTION,
            value=result,
        ),
    ]
    return [*steps, *_batch(ctx, product)]


def _sent_back(
    ctx: Context, product: _Product, name: str
) -> tuple[tuple[Expr, ...], tuple[Expr, ...], Expr] | None:
    """(the output's index, the operand's, ∂output/∂operand there); equal indices are one symbol."""
    indices, form = product.indices, product.form
    free = tuple(indices.fresh(size) for size in ctx.net.nodes[name].shape)
    rules = ("delta", "like")
    found = normalise(occurrences(form.tree, name, free, indices), Knowledge(), indices, rules)
    if len(found) != 1 or found[0].bound:
        return None
    same: dict[Expr, Expr] = {}
    for left, right in found[0].deltas:
        if left not in form.index or right not in free:
            return None
        same[left] = right
    own = tuple(same.get(o, o) for o in form.index)
    return own, free, substitute(found[0].body, same)


def _wish(product: _Product, name: str, own: Sequence[Expr], free: Sequence[Expr]) -> None:
    """The letters of the lectures: k for the output, m for the operand, b for the samples."""
    wishes = product.indices.wishes
    shared = [f for f in free if f in own]
    for mine, o in zip(product.form.index, own, strict=True):
        wishes[mine] = wishes[o] = "b" if o in shared else "k"
    read = next(
        n.args[1:] for n in postorder(product.form.tree)
        if n.head == "[]" and element_name(n) == name
    )  # fmt: skip
    for inner, f in zip(read, free, strict=True):
        if f not in shared:
            wishes[f] = "m"
            if inner in wishes:
                wishes[inner] = "m"


def _rule(product: _Product, bound: Sequence[Expr], body: Expr) -> str:
    """Over which index of the other factor the sum runs now, and what that is in matrix form."""
    weight = next(n for n in postorder(body) if n.head == "[]" and any(b in n.args for b in bound))
    called = show(element_name(weight) or "")
    place = _ORDINALS[next(k for k, part in enumerate(weight.args[1:]) if part in bound)]
    written = product.statement.written
    turned = any(n.head == "T" and contains(n, weight.args[0]) for n in postorder(written))
    there, back = (called, f"{called}ᵀ")[:: -1 if turned else 1]
    return f"the sum now runs over {called}'s {place} index: {there} becomes {back}"


def _batch(ctx: Context, product: _Product) -> list[Step]:
    """What the samples add up to, for each leaf that the statement reads.

    Where the statement has a batch, lines; else a remark on what a batch would give.
    """
    indices, form = product.indices, product.form
    leaves = [n for n in product.statement.reads if n in ctx.net.leaves]
    batched = any(indices.wishes[s] == "b" for s in form.index)
    sample = () if batched else (indices.fresh(2, "b"),)
    lines = [_leaf_line(ctx, product, leaf, sample) for leaf in leaves]
    if not leaves or None in lines:
        return []
    pairs = [lettered(line, indices, ctx.net.nodes) for line in lines if line is not None]
    if batched:
        return [
            Step(
                "local",
                form.name,
                left,
                (Side(right),),
                f"{show(leaf)} is used by every sample: contributions add",
                (form.name,),
                SECTION,
                value=ctx.cotangents.get(leaf),
            )
            for leaf, (left, right) in zip(leaves, pairs, strict=True)
        ]
    said = " and ".join(f"{left} = {right}" for left, right in pairs)
    (output,) = lettered([element(form.name, (*sample, *form.index))], indices, ctx.net.nodes)
    shared = " and ".join(show(leaf) for leaf in leaves)
    are, theirs = ("are", "their") if len(leaves) > 1 else ("is", "its")
    text = f"With a batch, {output} gives {said}: "
    text += f"{shared} {are} used by every sample, so {theirs} contributions add."
    return [Step("remark", "", None, (), text, section=SECTION)]


def _leaf_line(
    ctx: Context, product: _Product, leaf: str, sample: tuple[Expr, ...]
) -> list[Expr] | None:
    """[∂L/∂leaf, the sum that it is], summed over `sample` too, the index of what is no leaf."""
    indices, form = product.indices, product.form
    free = tuple(indices.fresh(size) for size in ctx.net.nodes[leaf].shape)
    found = occurrences(form.tree, leaf, free, indices)
    for term in found:
        for left, right in term.deltas:
            indices.wishes[right] = indices.wishes.get(left, "")
    up = element(product.delta, form.index)
    raw = tuple(Term((*form.index, *t.bound), t.deltas, multiply(up, t.body)) for t in found)
    summed = normalise(raw, Knowledge(), indices, ("delta", "like"))
    if len(summed) != 1 or summed[0].deltas or (leaf in ctx.on_path and not _only_here(ctx, leaf)):
        return None
    body = _for_each_sample(summed[0].body, sample, set(ctx.net.leaves)) if sample else None
    total = Term((*sample, *summed[0].bound), (), body or summed[0].body)
    line = [partial(ctx.top, element(leaf, free)), terms_tree((total,))]
    if not sample:
        sizes = {s: n for s, n in indices.extents.items() if isinstance(n, int)}
        ctx.exactly(line[1], free, ctx.cotangents.get(leaf), sizes)
    return line


def _for_each_sample(e: Expr, sample: Sequence[Expr], shared: set[str]) -> Expr:
    """The expression with the sample's index at everything that is not shared by all of them."""
    made: dict[Expr, Expr] = {}
    for node in postorder(e):
        name = element_name(node) if node.head == "[]" else None
        if name is not None and name not in shared:
            made[node] = element(name, (*sample, *node.args[1:]))
        else:
            made[node] = rebuild(node, [made[part] for part in children(node)])
    return made[e]
