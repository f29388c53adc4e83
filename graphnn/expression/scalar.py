"""What a typed tree means where every name is a scalar: in op definitions, indices and bounds."""

from __future__ import annotations

from collections.abc import Sequence

from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, apply, fold, num, rebuild

_SIZES = ("where", "size", "extent")


def plain(e: Expr) -> Expr:
    """Resolve a typed expression over scalars: groups vanish, every product sign is `*`.

    >>> from graphnn.expression.reader import read
    >>> plain(read("2x·(a - 1)"))
    *(*(2, x), -(a, 1))
    """

    def resolve(node: Expr, parts: list[Expr]) -> Expr:
        match node.head:
            case "group":
                return parts[0]
            case "·" | "@" | "⊙":
                return apply("*", *parts)
            case "juxt":
                return juxtaposed(parts)
            case "call" if parts[0].args[0] in FUNCTIONS or parts[0].args[0] in _SIZES:
                return apply(parts[0].args[0], *parts[1:])
            case "call" if len(parts) == 2:
                return apply("*", *parts)
            case "neg" if parts[0].head == "num" and node.args[0].head == "num":
                return num(-parts[0].args[0])
        return rebuild(node, parts)

    return fold(e, resolve)


def juxtaposed(parts: Sequence[Expr], product: str = "*") -> Expr:
    """Things side by side: a function's name takes what follows it, the rest is multiplied.

    >>> from graphnn.expression.tree import sym
    >>> juxtaposed([sym("y"), sym("log"), sym("p")])
    *(y, log(p))
    """
    stack = list(parts)
    result: list[Expr] = []
    while stack:
        part = stack.pop()
        if part.head == "sym" and part.args[0] in FUNCTIONS and result:
            result[-1] = apply(part.args[0], result[-1])
        else:
            result.append(part)
    result.reverse()
    joined = result[0]
    for part in result[1:]:
        joined = apply(product, joined, part)
    return joined
