"""Element expressions: what stands among index names, taken apart.

Signs and element-wise functions are entered; reads `x[i]`, sums Σ and tensors stay whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from graphnn.calculus.tables import definition, lines
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS as ELEMENTARY
from graphnn.expression.tree import (
    COMPARISONS,
    Expr,
    apply,
    children,
    fold,
    num,
    postorder,
    substitute,
    sym,
    symbols,
)
from graphnn.text.functions import FUNCTIONS
from graphnn.text.tensors import Place

SIGNS_ON_ELEMENTS = COMPARISONS | {"+", "-", "*", "/", "^", "neg", "and", "δ", "where"}


def index_names(index: Iterable[Expr]) -> tuple[str, ...]:
    """The names in an index, each once."""
    return tuple(dict.fromkeys(name for part in index for name in symbols(part)))


def is_elementwise(node: Expr) -> bool:
    """Whether a function or sign takes elements to an element; `max(x)` alone reduces."""
    if node.head in ("max", "min"):
        return len([part for part in node.args if part.head != "="]) == 2
    row = FUNCTIONS.get(node.head)
    by_element = row is not None and row.elementwise
    return bool(by_element or node.head in ELEMENTARY or node.head in SIGNS_ON_ELEMENTS)


def scalar_parts(tree: Expr) -> Iterator[Expr]:
    """The parts of an element expression, operands first; reads, sums and tensors stay whole."""
    done: set[Expr] = set()
    stack = [(tree, False)]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        inside = node.head != "δ" and is_elementwise(node)
        below = tuple(p for p in children(node) if p.head != "=") if inside else ()
        if expanded or not below:
            done.add(node)
            yield node
        else:
            stack.append((node, True))
            stack.extend((part, False) for part in reversed(below) if part not in done)


def explicit(tree: Expr, outer: Iterable[str]) -> Expr:
    """`Σ_{i+u=p} body` with its conditions inside the body: a sum over i and u of guarded terms.

    >>> from graphnn.expression.reader import read_scalar
    >>> explicit(read_scalar("Σ_{i+u=p} a[i]"), ["p"])
    Σ(i, u, where(==(+(i, u), p), [](a, i), 0))
    """
    if tree.head not in ("Σ", "Max") or all(part.head == "sym" for part in tree.args[:-1]):
        return tree
    *bounds, body = tree.args
    known = set(outer)
    names: dict[str, None] = {}
    condition: Expr | None = None
    for part in bounds:
        names.update((name, None) for name in symbols(part) if name not in known)
        if part.head != "sym":
            condition = part if condition is None else apply("and", condition, part)
    if condition is not None:
        body = apply("where", condition, body, num(0))
    return apply(tree.head, *map(sym, names), body)


def free_names(tree: Expr, indices: frozenset[str]) -> tuple[str, ...]:
    """The index names that a tree reads and does not bind, in order of appearance."""

    def visit(node: Expr, parts: list[tuple[str, ...]]) -> tuple[str, ...]:
        if node.head == "sym":
            return (node.args[0],) if node.args[0] in indices else ()
        bound = (
            {part.args[0] for part in node.args[:-1] if part.head == "sym"}
            if node.head in ("Σ", "Max")
            else set()
        )
        return tuple(dict.fromkeys(n for part in parts for n in part if n not in bound))

    return fold(tree, visit)


def expanded(node: Expr, made: Mapping[Expr, Expr]) -> Expr:
    """An element-wise op's own formula with the arguments put in: σ(x) is 1/(1 + e^−x)."""
    name = node.head
    if name not in lines():
        raise Place(GraphError(f"{name} cannot stand inside an index formula"), node)
    row = definition(name)
    arguments = [part for part in node.args if part.head != "="]
    given: dict[str, Expr] = {
        part.args[0].args[0]: part.args[1] for part in node.args if part.head == "="
    }
    known: dict[Expr, Expr] = {
        sym(key): given.get(key, default) for key, default in row.parameters if default is not None
    }
    for key, part in zip(row.operands, arguments, strict=True):
        known[sym(key)] = made[part]
    return substitute(row.body, known)


def has_sum(tree: Expr) -> bool:
    """Whether a tree holds a Σ or a bound max."""
    return any(part.head in ("Σ", "Max") for part in postorder(tree))
