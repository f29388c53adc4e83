"""Derivatives in index notation: lists of terms `Σ_bound Π δ · body`.

`occurrences` walks an index form from the outside inwards and gives one term for each place at
which a value is read: the factors that the chain rule multiplies, the sums it stands under, and a
δ for each index at which it is read. A part without a bound sum is differentiated as a whole, in
the order in which it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from graphnn.calculus.own_output import OUTPUT, in_own_output
from graphnn.derivation.index_form import (
    CALLS,
    INDEX,
    IndexForm,
    Indices,
    call_body,
    element,
    element_name,
    has_binder,
    instantiate_tree,
)
from graphnn.errors import GraphError
from graphnn.expression.agreement import equal_at_points
from graphnn.expression.algebra import ONE, ZERO, add, divide, multiply, negate, power, where
from graphnn.expression.derivative import outer_derivative, rule
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import (
    Expr,
    apply,
    children,
    fold,
    num,
    postorder,
    rebuild,
    substitute,
    sym,
)


@dataclass(frozen=True)
class Term:
    """`Σ_bound Π δ(left, right) · body`."""

    bound: tuple[Expr, ...]
    deltas: tuple[tuple[Expr, Expr], ...]
    body: Expr


Terms = tuple[Term, ...]


def occurrences(
    tree: Expr, name: str, free: Sequence[Expr], indices: Indices, own: Expr | None = None
) -> Terms:
    """∂tree/∂name[free], a term for each place where `name` is read.

    `own` is what the whole tree is called: a rule that repeats the tree names it instead.
    """
    found: list[Term] = []
    stack: list[tuple[Expr, tuple[Expr, ...], tuple[Expr, ...], tuple[Expr, ...], Deltas]] = [
        (tree, (), (), (), ())
    ]
    while stack:
        node, left, right, bound, deltas = stack.pop()
        elements = _elements(node, name)
        if not elements:
            continue
        if not has_binder(node):
            for e in elements:
                slope = element_derivative(node, e, own if node is tree else None)
                body = multiply(*left, slope, *right)
                if body is not ZERO:
                    at = tuple(zip(_index_of(e), free, strict=True))
                    found.append(Term(bound, (*deltas, *at), body))
            continue
        for part, before, after, b, d in reversed(_inwards(node, indices)):
            stack.append((part, (*left, *before), (*after, *right), (*bound, *b), (*deltas, *d)))
    return tuple(found)


OPAQUE = frozenset({"[]", "sym", "δ", "∂"})
Deltas = tuple[tuple[Expr, Expr], ...]
_Inward = tuple[Expr, tuple[Expr, ...], tuple[Expr, ...], tuple[Expr, ...], Deltas]


def _inwards(node: Expr, indices: Indices) -> list[_Inward]:
    """The parts of a node, each with the factors that stand left and right of its derivative."""
    match node.head, node.args:
        case "+", (u, v):
            return [(u, (), (), (), ()), (v, (), (), (), ())]
        case "-", (u, v):
            return [(u, (), (), (), ()), (v, (num(-1),), (), (), ())]
        case "neg", (u,):
            return [(u, (num(-1),), (), (), ())]
        case (("*" | "⊙" | "·"), (u, v)):
            return [(u, (), (v,), (), ()), (v, (u,), (), (), ())]
        case "/", (u, v):
            square = v.args[0] if v.head == "sqrt" else power(v, num(2))
            below = negate(divide(u, square))
            return [(u, (), (divide(ONE, v),), (), ()), (v, (below,), (), (), ())]
        case "^", (u, n):
            return [(u, (multiply(n, power(u, add(n, num(-1)))),), (), (), ())]
        case "where", (c, u, v):
            return [
                (u, (where(c, ONE, ZERO),), (), (), ()),
                (v, (where(c, ZERO, ONE),), (), (), ()),
            ]
        case "Σ", (*bound, body):
            return [(body, (), (), tuple(bound), ())]
        case "Max", (*bound, body):
            return [(body, (), (), tuple(bound), _chosen(tuple(bound), body, indices))]
        case head, arguments if head in FUNCTIONS:
            return [
                (u, (outer_derivative(head, k, arguments),), (), (), ())
                for k, u in enumerate(arguments)
            ]
        case head, arguments if head in CALLS:
            return [(u, (call_derivative(node, k),), (), (), ()) for k, u in enumerate(arguments)]
    raise GraphError(f"internal error: no way into {node.head!r}")


def _chosen(bound: tuple[Expr, ...], body: Expr, indices: Indices) -> Deltas:
    """δ(bound, where the maximum is): the dummy names inside are always the same ones."""
    names = {b: sym(f"{INDEX}a{k}:{indices.extents[b]}") for k, b in enumerate(bound)}
    indices.dummies.update({dummy: indices.extents[b] for b, dummy in names.items()})
    whole = apply("Max", *names.values(), substitute(body, names))
    return tuple((b, apply("argmax", num(k), whole)) for k, b in enumerate(bound))


def _elements(tree: Expr, name: str) -> list[Expr]:
    """The distinct elements of `name` that a tree reads, in order."""
    bases = {n.args[0] for n in postorder(tree) if n.head == "[]"}
    return [
        node
        for node in postorder(tree)
        if element_name(node) == name and (node.head == "[]" or node not in bases)
    ]


def _index_of(e: Expr) -> tuple[Expr, ...]:
    return e.args[1:] if e.head == "[]" else ()


@lru_cache(maxsize=8192)
def element_derivative(tree: Expr, e: Expr, own: Expr | None = None) -> Expr:
    """∂tree/∂element of a tree without bound sums, in the tree's own order.

    Where the rule repeats the tree itself, `own` (its name) stands for it; the result is judged
    by sympy at fixed points.
    """
    if tree is e:
        return ONE
    names: dict[Expr, Expr] = {}
    plain = plainly(tree, names)
    wanted = str(names[e].args[0])
    derived = _own_rule(plain, wanted) if own is not None and tree.head not in CALLS else None
    if derived is None:
        derived = judged_derivative(plain, wanted)
    elif own is not None:
        derived = substitute(derived, {sym(OUTPUT): own})
    back = {symbol: original for original, symbol in names.items()}
    result = substitute(derived, back)
    return substitute(result, {tree: own}) if own is not None else result


@lru_cache(maxsize=8192)
def judged_derivative(plain: Expr, wanted: str) -> Expr:
    """The derivative of a tree over `_0, _1, …`: taken and judged once, whatever its names are."""
    derived = fold(plain, lambda node, inner: _slope(node, inner, wanted))
    _judge(_expanded(plain), _expanded(derived), wanted)
    return derived


def _own_rule(plain: Expr, wanted: str) -> Expr | None:
    """The rule in the tree's own value, where there is one (σ written as 1/(1 + e^−z))."""
    if any(node.head in CALLS for node in postorder(plain)):
        return None
    found = in_own_output(plain, wanted)
    return found if any(n.head == "sym" and n.args[0] == OUTPUT for n in postorder(found)) else None


def plainly(tree: Expr, names: dict[Expr, Expr]) -> Expr:
    """Elements and scalars renamed to `_0, _1, …` by first appearance; products plain."""
    results: dict[Expr, Expr] = {}
    direct = _direct(tree)
    for node in postorder(tree):
        if node not in direct:
            continue
        if node.head == "num":
            results[node] = node
        elif node.head in OPAQUE:
            results[node] = names.setdefault(node, sym(f"_{len(names)}"))
        else:
            head = "*" if node.head in ("⊙", "·") else node.head
            results[node] = apply(head, *(results[c] for c in node.args))
    return results[tree]


def _direct(tree: Expr) -> set[Expr]:
    """The parts reached without going into an index."""
    found: set[Expr] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found.add(node)
        if node.head not in OPAQUE:
            stack.extend(children(node))
    return found


def _slope(node: Expr, inner: list[Expr], wanted: str) -> Expr:
    """The chain rule for one part: the table's rules, and the calls' own."""
    if node.head in CALLS:
        return add(
            *(multiply(call_derivative(node, k), d) for k, d in enumerate(inner) if d is not ZERO)
        )
    return rule(node, inner, wanted)


@lru_cache(maxsize=4096)
def call_derivative(call: Expr, argument: int) -> Expr:
    """f′ of an activation at its arguments; its own value is the call: σ(u)(1 − σ(u))."""
    body = call_body(call.head)
    inner = _with_sigmoids(body)
    wanted = f"_{argument}"
    derived = in_own_output(body, wanted) if inner is body else judged_derivative(inner, wanted)
    at = {sym(f"_{k}"): a for k, a in enumerate(call.args)}
    return _without_ones(substitute(derived, {**at, sym(OUTPUT): call}))


def _with_sigmoids(body: Expr) -> Expr:
    """A body with σ by name where it is a part: x/(1 + exp(−x)) is x·σ(x)."""
    sigmoid = call_body("sigmoid")
    named = {
        substitute(sigmoid.args[1], {sym("_0"): inner}): apply("sigmoid", inner)
        for inner in postorder(body)
        if inner.head == "sym"
    }

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "/" and node is not sigmoid and node.args[1] in named:
            return multiply(parts[0], named[node.args[1]])
        return rebuild(node, parts)

    return fold(body, visit)


def _without_ones(e: Expr) -> Expr:
    """The expression without factors 1: what a parameter 1 leaves behind."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        return multiply(*parts) if node.head == "*" and ONE in parts else rebuild(node, parts)

    return fold(e, visit)


def _expanded(e: Expr) -> Expr:
    """Calls replaced by their formulas, for sympy."""

    def open_call(node: Expr, parts: list[Expr]) -> Expr:
        if node.head in CALLS:
            return substitute(
                call_body(node.head), {sym(f"_{k}"): part for k, part in enumerate(parts)}
            )
        return rebuild(node, parts)

    return fold(e, open_call)


def _judge(tree: Expr, derived: Expr, wanted: str) -> None:
    from graphnn.expression.derivative import derivative

    if not equal_at_points(derivative(tree, wanted), derived):
        raise GraphError(f"internal error: {derived} is not the derivative of {tree}")


def chain(upstream: Terms, own_index: Sequence[Expr], local: Terms, indices: Indices) -> Terms:
    """`Σ_Y ȳ[Y] · ∂y[Y]/∂a[q]`: each upstream term with each local one, the index Y bound."""
    return tuple(
        renewed(
            Term(
                (*(e for e in own_index if e.head == "sym"), *up.bound, *term.bound),
                (*up.deltas, *term.deltas),
                multiply(up.body, term.body),
            ),
            indices,
        )
        for up in upstream
        for term in local
    )


def renewed(term: Term, indices: Indices) -> Term:
    """The same term with bound symbols of its own."""
    names = {b: indices.again(b) for b in term.bound}
    return Term(
        tuple(names[b] for b in term.bound),
        tuple((substitute(x, names), substitute(y, names)) for x, y in term.deltas),
        instantiate_tree(term.body, names, indices),
    )


def local_terms(form: IndexForm, name: str, free: Sequence[Expr], indices: Indices) -> Terms:
    """∂form/∂name[free], through the statement's hidden values, from the output inwards."""
    own = element(form.name, form.index)
    total = list(occurrences(form.tree, name, free, indices, own))
    arriving: dict[str, Terms] = {
        hidden: occurrences(form.tree, hidden, index, indices, own)
        for hidden, (index, _) in form.hidden.items()
    }
    for hidden in reversed(list(form.hidden)):
        upstream = arriving[hidden]
        if not upstream:
            continue
        index, tree = form.hidden[hidden]
        mine = element(hidden, index)
        for deeper, (deep, _) in form.hidden.items():
            local = occurrences(tree, deeper, deep, indices, mine)
            arriving[deeper] += chain(upstream, index, local, indices)
        total.extend(chain(upstream, index, occurrences(tree, name, free, indices, mine), indices))
    return tuple(total)
