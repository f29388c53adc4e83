"""Ordered expression trees: what formulas, statements and derivations are written in.

An expression is a head and its arguments, in the order in which somebody wrote them; nothing is
reordered or evaluated on construction. Expressions are interned (equal trees are one object), so
equality is identity and a dictionary keyed by expressions is cheap. No function here recurses:
`fold` walks with a stack of its own, so depth is bounded by memory alone.

    num  sym                          leaves (their argument is the value, the name)
    + - * / ^ neg                     scalar arithmetic (binary; neg has one argument)
    < <= > >= == != and               conditions
    where exp log …                   a function's name is its head
    @ ⊙ T []                          matrix product, element-wise product, transpose, element
    Σ Max                             index symbols, then the body they bind
    δ ∂ vector                        Kronecker delta, partial derivative, literal
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeVar
from weakref import WeakValueDictionary

Result = TypeVar("Result")
Number = int | float | Fraction

BINDERS = frozenset({"Σ", "Max"})
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


class Expr:
    """One interned node of an expression tree: a head and ordered arguments."""

    __slots__ = ("__weakref__", "args", "head")
    head: str
    args: tuple[Any, ...]

    def __setattr__(self, name: str, value: object) -> None:
        """Raises AttributeError: it is immutable."""
        raise AttributeError(f"an expression is immutable: {name} cannot be set")

    def __reduce__(self) -> tuple[Callable[[list[Any]], Expr], tuple[list[Any]]]:
        """Pickled as flat rows, without recursion."""
        return _from_postfix, (_to_postfix(self),)

    def __copy__(self) -> Expr:
        """Itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Expr:
        """Itself: it is immutable."""
        return self

    def __repr__(self) -> str:
        """What it is, in one line."""

        def show(e: Expr, parts: list[str]) -> str:
            if e.head == "num" or e.head == "sym":
                return str(e.args[0])
            return f"{e.head}({', '.join(parts)})"

        return fold(self, show)

    def __str__(self) -> str:
        """As a reader sees it."""
        from graphnn.expression.unicode import to_unicode

        return to_unicode(self)


_interned: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


def _intern(key: tuple[Any, ...], head: str, args: tuple[Any, ...]) -> Expr:
    known = _interned.get(key)
    if known is not None:
        return known
    made = object.__new__(Expr)
    object.__setattr__(made, "head", head)
    object.__setattr__(made, "args", args)
    return _interned.setdefault(key, made)


def apply(head: str, *args: Expr) -> Expr:
    """The expression `head(args…)`, exactly as given.

    >>> apply("+", sym("a"), num(1))
    +(a, 1)
    """
    return _intern((head, args), head, args)


def sym(name: str) -> Expr:
    """The symbol called `name`."""
    return _intern(("sym", name), "sym", (name,))


def num(value: Number) -> Expr:
    """The number `value`; a fraction with denominator 1 is an integer."""
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    return _intern(("num", type(value), repr(value)), "num", (value,))


def is_leaf(e: Expr) -> bool:
    """True for a number or a symbol."""
    return e.head in ("num", "sym")


def children(e: Expr) -> tuple[Expr, ...]:
    """The arguments that are expressions: none for a leaf."""
    return () if e.head in ("num", "sym") else e.args


def postorder(e: Expr) -> Iterator[Expr]:
    """Every distinct sub-expression once, arguments before the expressions that hold them."""
    done: set[Expr] = set()
    stack = [(e, False)]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded or node.head in ("num", "sym"):
            done.add(node)
            yield node
            continue
        stack.append((node, True))
        stack.extend((child, False) for child in reversed(node.args) if child not in done)


def fold(e: Expr, visit: Callable[[Expr, list[Result]], Result]) -> Result:
    """`visit(node, results of its arguments)` from the leaves up; equal parts are visited once."""
    results: dict[Expr, Result] = {}
    for node in postorder(e):
        results[node] = visit(node, [results[child] for child in children(node)])
    return results[e]


def rebuild(e: Expr, args: list[Expr]) -> Expr:
    """`e` with other arguments."""
    return e if is_leaf(e) else apply(e.head, *args)


def substitute(e: Expr, replacement: Mapping[Expr, Expr]) -> Expr:
    """Replace whole sub-expressions, outermost first; bound index names are the caller's care.

    >>> substitute(apply("+", sym("a"), sym("b")), {sym("a"): num(2)})
    +(2, b)
    """
    if not replacement:
        return e
    results: dict[Expr, Expr] = {}
    stack = [(e, False)]
    while stack:
        node, expanded = stack.pop()
        if node in results:
            continue
        if node in replacement:
            results[node] = replacement[node]
        elif is_leaf(node):
            results[node] = node
        elif expanded:
            results[node] = rebuild(node, [results[child] for child in node.args])
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in node.args)
    return results[e]


def symbols(e: Expr) -> list[str]:
    """Names of the symbols in `e`, in order of first appearance (bound ones too)."""
    found: dict[str, None] = {}
    stack = [e]
    seen: set[Expr] = set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.head == "sym":
            found[node.args[0]] = None
        stack.extend(reversed(children(node)))
    return list(found)


def contains(e: Expr, part: Expr) -> bool:
    """True where `part` occurs in `e`."""
    return any(node is part for node in postorder(e))


def count(e: Expr) -> int:
    """The number of nodes when written out (shared parts counted as often as they are written)."""
    return fold(e, lambda node, parts: 1 + sum(parts))


def depth(e: Expr) -> int:
    """The height of the tree: 1 for a leaf."""
    return fold(e, lambda node, parts: 1 + max(parts, default=0))


def _to_postfix(e: Expr) -> list[Any]:
    order = list(postorder(e))
    place = {node: k for k, node in enumerate(order)}
    return [
        (node.head, node.args[0])
        if is_leaf(node)
        else (node.head, *(place[child] for child in node.args))
        for node in order
    ]


def _from_postfix(rows: list[Any]) -> Expr:
    made: list[Expr] = []
    for head, *args in rows:
        if head == "num":
            made.append(num(args[0]))
        elif head == "sym":
            made.append(sym(args[0]))
        else:
            made.append(apply(head, *(made[k] for k in args)))
    return made[-1]
