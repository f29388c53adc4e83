"""A typed tree as text, with the product signs that were typed."""

from __future__ import annotations

from graphnn.errors import GraphError
from graphnn.expression.scalar import plain
from graphnn.expression.tree import Expr, apply, fold, sym
from graphnn.expression.unicode import to_unicode

PRODUCTS = {"juxt": " ", "@": " @ ", "·": " · ", "*": "·", "⊙": " ⊙ "}


def typed_text(tree: Expr) -> str:
    """The text of a typed tree.

    >>> from graphnn.expression.reader import read
    >>> typed_text(read("W.T @ (a - y)")), typed_text(read("2*sigmoid(z)"))
    ('Wᵀ @ (a − y)', '2·σ(z)')
    """
    return fold(tree, _text)


def _text(node: Expr, parts: list[str]) -> str:
    if node.head == "T":
        inner = parts[0] if node.args[0].head in ("sym", "group", "[]") else f"({parts[0]})"
        return f"{inner}ᵀ"
    if node.head in PRODUCTS:
        return PRODUCTS[node.head].join(parts)
    if node.head == "group":
        return f"({parts[0]})"
    if node.head in ("+", "-", "neg"):
        sign = "−" if node.head != "+" else "+"
        return f"−{parts[0]}" if node.head == "neg" else f"{parts[0]} {sign} {parts[1]}"
    if node.head == "call":
        try:
            shown = to_unicode(apply(_called(parts[0]), sym("x")))
            return (
                shown.replace("x)", f"{', '.join(parts[1:])})") if shown.endswith("x)") else shown
            )
        except (GraphError, KeyError, ValueError):
            return f"{parts[0]}({', '.join(parts[1:])})"
    try:
        return to_unicode(plain(node))
    except (GraphError, KeyError, ValueError):
        return f"{node.head}({', '.join(parts)})"


def _called(name: str) -> str:
    return {"σ": "sigmoid", "ln": "log"}.get(name, name)
