"""Print an expression as text: − · ⊙ ᵀ ² Σ δ ∂, or in plain ASCII.

What is printed reads back as the same expression (graphnn.text), given the shapes of its names:
brackets follow the grammar, in which what stands side by side binds tighter than `·`, a bound sum
reaches as far to the right as it can, and `a(…)` is a product where `a` is a variable.
"""

from __future__ import annotations

from graphnn.expression.names import show
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import COMPARISONS, Expr, fold

# How tightly the outermost operation of a text binds. OPEN is a bound sum, ENDLESS a product whose
# last factor is one: nothing can follow either.
LOGIC, CONDITION, SUM, NEGATIVE, ENDLESS, OPEN, PRODUCT, BESIDE, FACTOR, POWER, ATOM = range(11)

_VULGAR = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_COMPARE = {"<=": "≤", ">=": "≥", "!=": "≠"}
SHOWN_FUNCTIONS = {"sigmoid": "σ", "logistic": "σ"}

Text = tuple[str, int]


def to_unicode(e: Expr, digits: int = 3) -> str:
    """The expression as a slide would print it; floats with `digits` significant digits.

    >>> from graphnn.expression.reader import read_scalar
    >>> to_unicode(read_scalar("-(y - a)*x^2/2"))
    '−(y − a)·x²/2'
    """
    return fold(e, lambda node, parts: _print(node, parts, digits))[0]


def to_ascii(text: str) -> str:
    """Printed text with every sign spelled out in ASCII; it reads as the printed text does.

    >>> to_ascii("∂L/∂ŷ = −(y − ŷ)·½")
    'dL/dy_hat = -(y - y_hat)*(1/2)'
    """
    from graphnn.expression.ascii import spell

    return spell(text)


def _wrap(part: Text, least: int) -> str:
    text, binding = part
    return text if binding >= least else f"({text})"


def _print(node: Expr, parts: list[Text], digits: int) -> Text:
    match node.head:
        case "num":
            text = numeral(node.args[0], digits)
            if text.startswith("−"):
                return text, NEGATIVE
            return text, PRODUCT if "/" in text else ATOM
        case "sym":
            return show(node.args[0]), ATOM
        case "+" | "-":
            sign = "+" if node.head == "+" else "−"
            return f"{_wrap(parts[0], SUM)} {sign} {_wrap(parts[1], ENDLESS)}", SUM
        case "neg":
            return f"−{_wrap(parts[0], ENDLESS)}", NEGATIVE
        case "*":
            return _product(parts, node.args[0].head == "sym")
        case "@":
            return _beside(parts)
        case "·" | "⊙" | "//":
            sign = f" {node.head} " if node.head != "//" else "//"
            return _chain(parts, sign)
        case "/":
            over = tuple(part.args[0] for part in node.args if part.head == "num")
            if over in _VULGAR:
                return _VULGAR[over], ATOM
            left = _wrap(parts[0], PRODUCT)
            return f"{left}/{_wrap(parts[1], POWER)}", PRODUCT
        case "^":
            return _power(node, parts)
        case "T":
            return f"{_wrap(parts[0], ATOM)}ᵀ", ATOM
        case "[]":
            index = ", ".join(_tight(text) for text, _ in parts[1:])
            return f"{_wrap(parts[0], ATOM)}[{index}]", ATOM
        case ":":
            lower, upper, step = ("" if text == "nothing" else text for text, _ in parts)
            return f"{lower}:{upper}{':' + step if step else ''}", CONDITION
        case "nothing":
            return "nothing", ATOM
        case "Σ" | "Max":
            sign = "Σ" if node.head == "Σ" else "max"
            bounds = _bounds(parts[:-1], node.head)
            return f"{sign}_{bounds} {_wrap(parts[-1], NEGATIVE)}", OPEN
        case "δ":
            i, j = (_tight(text) for text, _ in parts)
            return (f"δ_{i}{j}" if _letter(i) and _letter(j) else f"δ_{{{i},{j}}}"), ATOM
        case "∂":
            return f"∂{_wrap(parts[0], ATOM)}/∂{_wrap(parts[1], ATOM)}", FACTOR
        case "vector":
            return _vector(node, parts), ATOM
        case "and":
            return f"{_wrap(parts[0], LOGIC)} and {_wrap(parts[1], CONDITION)}", LOGIC
        case "=":
            return f"{parts[0][0]}={parts[1][0]}", CONDITION
        case head if head in COMPARISONS:
            sign = _COMPARE.get(head, head)
            return f"{_wrap(parts[0], SUM)} {sign} {_wrap(parts[1], SUM)}", CONDITION
        case "times_log":
            return _product([parts[0], (f"log({parts[1][0]})", ATOM)], False)
        case "call":
            return f"{parts[0][0]}({', '.join(text for text, _ in parts[1:])})", ATOM
    name = SHOWN_FUNCTIONS.get(node.head, node.head)
    return f"{name}({', '.join(text for text, _ in parts)})", ATOM


def _product(parts: list[Text], is_name: bool) -> Text:
    """A product by a number: `a(1 − a)` where that reads as this product, else `a·b`."""
    (left, least), (right, binding) = parts
    clear = least == ATOM or (least == BESIDE and left.endswith(")"))
    # σ(x) is read as the sigmoid where σ is not known to be a value
    is_letter = is_name and left in SHOWN_FUNCTIONS.values()
    if clear and not is_letter and not left[-1].isdecimal():
        if binding < OPEN or binding == PRODUCT:
            return f"{left}({right})", BESIDE
        # after a name this would be a call with something behind it
        if binding >= POWER and right.startswith("(") and left[-1] in ")]ᵀ½⅓⅔¼¾":
            return f"{left}{right}", BESIDE
    return _chain(parts, "·")


def _chain(parts: list[Text], sign: str) -> Text:
    opened = parts[1][1] == OPEN
    right = _wrap(parts[1], OPEN if opened else BESIDE)
    return f"{_wrap(parts[0], PRODUCT)}{sign}{right}", ENDLESS if opened else PRODUCT


def _beside(parts: list[Text]) -> Text:
    """A matrix product: its operands side by side."""
    (_, least), (right, binding) = parts
    left = _wrap(parts[0], BESIDE)
    if binding == OPEN:
        return f"{left} {right}", ENDLESS
    if binding < FACTOR:
        space = "" if least == ATOM and not left[-1].isdigit() else " "
        return f"{left}{space}({right})", BESIDE
    if right.startswith("["):
        return f"{left} ({right})", BESIDE
    close = "₀" <= left[-1] <= "₉" and right[0].isalpha()
    return f"{left}{'' if close else ' '}{right}", BESIDE


def _power(node: Expr, parts: list[Text]) -> Text:
    base = _wrap(parts[0], ATOM)
    exponent = node.args[1]
    if exponent.head == "num" and isinstance(exponent.args[0], int):
        return base + str(exponent.args[0]).translate(_SUPERSCRIPT), POWER
    return f"{base}^{_wrap(parts[1], ATOM)}", POWER


def _tight(text: str) -> str:
    return (
        text.replace(" + ", "+").replace(" − ", "−").replace("·", "*") if "(" not in text else text
    )


def _letter(text: str) -> bool:
    return len(text) == 1 and "a" <= text <= "z"


def _bounds(parts: list[Text], head: str) -> str:
    texts = [_tight(text).replace(" == ", "=") for text, _ in parts]
    short = len(texts) == 1 and _letter(texts[0]) and head == "Σ"
    return texts[0] if short else "{" + ",".join(texts) + "}"


def _vector(node: Expr, parts: list[Text]) -> str:
    if _is_table(node):
        inner = (text[1:-1].replace(", ", " ") for text, _ in parts)
        return f"[{'; '.join(inner)}]"
    if len(parts) < 2:
        return f"[{parts[0][0] if parts else ''}]"
    return f"({', '.join(text for text, _ in parts)})"


def _is_table(node: Expr) -> bool:
    """Whether a literal is a matrix of finite numbers, other than 1×1: written [1 2; 3 4]."""
    rows = node.args
    if not rows or any(row.head != "vector" for row in rows):
        return False
    width = len(rows[0].args)
    return (
        len(rows) * width > 1
        and all(len(row.args) == width for row in rows)
        and all(x.head == "num" and abs(x.args[0]) < float("inf") for r in rows for x in r.args)
    )
