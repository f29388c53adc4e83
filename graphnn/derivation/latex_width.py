r"""How wide an expression is when LaTeX sets it: an estimate in em, a little on the wide side.

A printer that cannot ask TeX needs it to choose between one line and several.
"""

from __future__ import annotations

from graphnn.expression.names import parts as name_parts
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import Expr, fold, is_leaf

DIGIT, LETTER, BRACKETS, SMALL = 0.5, 0.62, 0.8, 0.72
_BETWEEN = {"+": 1.25, "-": 1.25, "*": 0.75, "·": 0.75, "@": 0.2, "⊙": 1.25, "=": 1.4, "and": 2.5}


def width(e: Expr, digits: int = 3) -> float:
    """The width of an expression in display style, in em.

    >>> from graphnn.expression.reader import read_scalar
    >>> width(read_scalar("a + b")) < width(read_scalar("a + b + c")) < 8
    True
    """
    columns: dict[Expr, list[float]] = {}

    def visit(node: Expr, parts: list[float]) -> float:
        if node.head == "vector":
            columns[node] = parts
            rows = [columns[row] for row in node.args if row.head == "vector"]
            if not rows:
                return max(parts, default=0.0) + 2
            across = [max(cells) + 2.0 for cells in zip(*rows, strict=False)]
            return sum(across, start=1.0)
        return _node_width(node, parts, digits)

    return fold(e, visit)


def _node_width(node: Expr, parts: list[float], digits: int) -> float:
    match node.head:
        case "num":
            text = numeral(node.args[0], digits)
            if "/" in text:
                return SMALL * DIGIT * max(map(len, text.split("/"))) + 0.4
            return DIGIT * len(text) + 0.3 * text.startswith("−") + 1.5 * ("e" in text)
        case "sym":
            return name_width(node.args[0])
        case "/":
            if all(is_leaf(part) for part in node.args):
                return sum(parts) + 0.5
            return max(parts) + 0.3
        case "^":
            return parts[0] + SMALL * parts[1] + _around(node.args[0])
        case "T":
            return parts[0] + 0.6 + _around(node.args[0])
        case "[]" | "δ":
            return (parts[0] if node.head == "[]" else 0.5) + SMALL * sum(parts) + 0.7
        case "Σ" | "Max":
            bounds = SMALL * sum(parts[:-1]) + 0.4 * len(parts)
            return max(1.5 if node.head == "Σ" else 2.0, bounds) + parts[-1] + 0.4
        case "∂":
            return max(parts) + 0.85
        case "neg":
            return parts[0] + 0.8 + _around(node.args[0])
        case "where":
            return max(parts[0] + parts[1], parts[2]) + 6
        case head if head in _BETWEEN:
            brackets = sum(_around(part) for part in node.args) if head not in "+-" else 0.0
            return sum(parts) + _BETWEEN[head] + brackets
    name = 0.0 if node.head == "call" else DIGIT * len(node.head) + 0.3
    return name + BRACKETS + sum(parts) + 0.5 * len(parts)


def _around(part: Expr) -> float:
    return BRACKETS if part.head in ("+", "-", "neg") else 0.0


def name_width(name: str) -> float:
    """The width of a name."""
    stem, _, subscript = name_parts(name)
    letters = 1 if len(stem) == 1 else DIGIT * len(stem) / LETTER + 0.2
    return LETTER * letters * 1.15 + SMALL * DIGIT * len(subscript) + 0.1 * bool(subscript)


def prose_width(text: str) -> float:
    """The width of a sentence in small print."""
    return 0.45 * len(text)
