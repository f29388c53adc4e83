r"""Print an expression as LaTeX, for `article` with amsmath.

The same tree that `unicode` prints, by the same rules of brackets; fractions and powers need fewer
brackets here. Every head of `tree` has its form: `\odot`, `^{\top}`, `\sum_{i}`, `\delta_{ij}`,
`\frac{\partial L}{\partial w}`, `pmatrix` for literals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphnn.expression import names
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import COMPARISONS, Expr, fold, is_leaf
from graphnn.expression.unicode import (
    ATOM,
    BESIDE,
    CONDITION,
    ENDLESS,
    FACTOR,
    LOGIC,
    NEGATIVE,
    OPEN,
    POWER,
    PRODUCT,
    SUM,
    Text,
)

MAX_SIDE = 4
_TALL = (r"\frac", r"\sum", r"\begin", r"\max_", r"\left")
_COMPARE = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_NAMED = {"sigmoid": r"\sigma", "sum": r"\operatorname{sum}"}


def to_latex(e: Expr, digits: int = 3) -> str:
    r"""The expression in LaTeX's mathematics; floats with `digits` significant digits.

    >>> from graphnn.expression.reader import read_scalar
    >>> to_latex(read_scalar("-(y - a)^2/2"))
    '-\\frac{(y - a)^{2}}{2}'
    """
    entries: dict[Expr, list[str]] = {}

    def visit(node: Expr, parts: list[Text]) -> Text:
        if node.head == "vector":
            entries[node] = [text for text, _ in parts]
            return _literal(node, entries), ATOM
        return _print(node, parts, digits)

    return fold(e, visit)[0]


def _brackets(text: str, left: str = "(", right: str = ")") -> str:
    if any(sign in text for sign in _TALL):
        return rf"\left{left}{text}\right{right}"
    return f"{left}{text}{right}"


def _wrap(part: Text, least: int) -> str:
    text, binding = part
    return text if binding >= least else _brackets(text)


def _print(node: Expr, parts: list[Text], digits: int) -> Text:
    match node.head:
        case "num":
            return _numeral(node, digits)
        case "sym":
            return names.latex(node.args[0]), ATOM
        case "+" | "-":
            return f"{_wrap(parts[0], SUM)} {node.head} {_wrap(parts[1], ENDLESS)}", SUM
        case "neg":
            return f"-{_wrap(parts[0], ENDLESS)}", NEGATIVE
        case "*":
            return _product(node, parts)
        case "@":
            return _chain(parts, r"\,", BESIDE, BESIDE)
        case "·":
            return _chain(parts, r" \cdot ", PRODUCT, PRODUCT)
        case "⊙":
            return _chain(parts, r" \odot ", PRODUCT, PRODUCT)
        case "/":
            return _fraction(node, parts)
        case "//":
            return rf"\left\lfloor \frac{{{parts[0][0]}}}{{{parts[1][0]}}} \right\rfloor", ATOM
        case "^":
            return f"{_wrap(parts[0], ATOM)}^{{{parts[1][0]}}}", POWER
        case "T":
            return rf"{_wrap(parts[0], ATOM)}^{{\top}}", POWER
        case "[]":
            return _element(node, parts), ATOM
        case ":":
            lower, upper, step = (text for text, _ in parts)
            return f"{lower}{{:}}{upper}{'{:}' + step if step else ''}", CONDITION
        case "nothing":
            return "", ATOM
        case "Σ" | "Max":
            bounds = ", ".join(text for text, _ in parts[:-1])
            sign = r"\sum" if node.head == "Σ" else r"\max"
            return f"{sign}_{{{bounds}}} {_wrap(parts[-1], ENDLESS)}", OPEN
        case "δ":
            i, j = (text for text, _ in parts)
            return rf"\delta_{{{i}{'' if len(i + j) == 2 else ','}{j}}}", ATOM
        case "∂":
            above, below = (_wrap(part, ATOM) for part in parts)
            return rf"\frac{{\partial {above}}}{{\partial {below}}}", FACTOR
        case "and":
            return rf"{_wrap(parts[0], LOGIC)} \text{{ and }} {_wrap(parts[1], CONDITION)}", LOGIC
        case "=":
            return rf"\text{{{node.args[0].args[0]}}}={parts[1][0]}", CONDITION
        case "where":
            return _cases([text for text, _ in parts]), ATOM
        case "sqrt":
            return rf"\sqrt{{{parts[0][0]}}}", ATOM
        case "abs":
            return _brackets(parts[0][0], r"\lvert ", r"\rvert"), ATOM
        case "times_log":
            right = (r"\log" + _brackets(parts[1][0]), ATOM)
            return _chain([parts[0], right], r" \cdot ", PRODUCT, PRODUCT)
        case "call":
            return parts[0][0] + _brackets(", ".join(text for text, _ in parts[1:])), ATOM
        case head if head in COMPARISONS:
            return f"{_wrap(parts[0], SUM)} {_COMPARE[head]} {_wrap(parts[1], SUM)}", CONDITION
    return _function(node.head) + _brackets(", ".join(text for text, _ in parts)), ATOM


def _numeral(node: Expr, digits: int) -> Text:
    text = numeral(node.args[0], digits).replace("−", "-").replace("∞", r"\infty")
    text = text.replace("nan", r"\text{nan}")
    sign = "-" if text.startswith("-") else ""
    text = text.removeprefix("-")
    binding = ATOM
    if "/" in text:
        above, _, below = text.partition("/")
        text, binding = rf"\tfrac{{{above}}}{{{below}}}", FACTOR
    elif "e" in text:
        mantissa, _, exponent = text.partition("e")
        text, binding = rf"{mantissa} \times 10^{{{exponent}}}", PRODUCT
    return sign + text, NEGATIVE if sign else binding


def _function(name: str) -> str:
    if name in _NAMED:
        return _NAMED[name]
    if name in FUNCTIONS:
        return FUNCTIONS[name].latex.replace("_", r"\_")
    return rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"


def _chain(parts: list[Text], sign: str, level: int, right_level: int) -> Text:
    opened = parts[1][1] == OPEN
    right = _wrap(parts[1], OPEN if opened else right_level + 1)
    return f"{_wrap(parts[0], level)}{sign}{right}", ENDLESS if opened else level


def _product(node: Expr, parts: list[Text]) -> Text:
    r"""`a\,(1 - a)` before a bracket, a dot elsewhere."""
    left, right = parts
    if left[1] >= FACTOR and right[1] < OPEN and not left[0][-1].isdigit():
        return rf"{left[0]}\,{_brackets(right[0])}", BESIDE
    return _chain(parts, r" \cdot ", PRODUCT, PRODUCT)


def _fraction(node: Expr, parts: list[Text]) -> Text:
    (above, _), (below, _) = parts
    if all(part.head == "num" for part in node.args):
        return rf"\tfrac{{{above}}}{{{below}}}", FACTOR
    if all(is_leaf(part) for part in node.args):
        return f"{_wrap(parts[0], PRODUCT)}/{_wrap(parts[1], POWER)}", PRODUCT
    return rf"\frac{{{above}}}{{{below}}}", FACTOR


def _element(node: Expr, parts: list[Text]) -> str:
    """`y_{i}` where that cannot be mistaken for a name with a number, else `W_{1}[k, m]`."""
    base = _wrap(parts[0], ATOM)
    named = all(part.head not in ("num", "neg", ":", "nothing", "[]") for part in node.args[1:])
    if node.args[0].head == "sym" and named and "_" not in base:
        return f"{base}_{{{', '.join(text for text, _ in parts[1:])}}}"
    return f"{base}[{', '.join(text for text, _ in parts[1:])}]"


def _cases(parts: list[str]) -> str:
    condition, then, other = parts
    return (
        rf"\begin{{cases}} {then} & \text{{if }} {condition} \\ "
        rf"{other} & \text{{otherwise}} \end{{cases}}"
    )


def _literal(node: Expr, entries: Mapping[Expr, list[str]]) -> str:
    """A column for a vector, rows for a matrix; the middle of large ones is left out."""
    rows = [entries[row] for row in node.args if row.head == "vector"]
    cells = entries[node]
    if rows:
        deeper = any(part.head == "vector" for row in node.args for part in row.args)
        if deeper or any(len(row) != len(rows[0]) for row in rows):
            return _brackets(", ".join(cells))
        cells = [" & ".join(_shortened(row, r"\cdots")) for row in rows]
    inner = r" \\ ".join(_shortened(cells, r"\vdots"))
    return rf"\begin{{pmatrix}} {inner} \end{{pmatrix}}"


def _shortened(parts: Sequence[str], dots: str) -> list[str]:
    if len(parts) <= MAX_SIDE:
        return list(parts)
    return [*parts[: MAX_SIDE - 2], dots, parts[-1]]
