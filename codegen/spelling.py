"""How names, numbers and sizes are spelled in emitted Python. Nothing of the user's goes in raw.

A name becomes an ASCII identifier or a quoted key, text becomes a comment without line breaks,
and a size is printed from its polynomial.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping
from fractions import Fraction

from graphnn.calculus.polynomial import (
    Atom,
    Dimension,
    FloorDivision,
    Polynomial,
    polynomial,
)
from graphnn.errors import ShapeError
from graphnn.expression.names import GREEK, canonical

# How tightly the outermost operation of an expression's text binds.
CONDITION, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)

_LATIN = {letter: name for name, letter in GREEK.items()}


class Names:
    """Identifiers that are taken, and fresh ones."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        """Start with the identifiers that emitted files use themselves."""
        self.taken = set(reserved)
        self.counts: dict[str, int] = {}
        self.variables: dict[str, str] = {}

    def fresh(self, wanted: str) -> str:
        """An identifier like `wanted` that nothing else has.

        >>> names = Names()
        >>> names.fresh("lambda"), names.fresh("ŷ"), names.fresh("W1"), names.fresh("W1")
        ('lambda_', 'y_hat', 'W1', 'W1_2')
        """
        stem = identifier(wanted)
        name = stem
        while name in self.taken:
            self.counts[stem] = self.counts.get(stem, 1) + 1
            name = f"{stem}_{self.counts[stem]}"
        self.taken.add(name)
        return name

    def variable(self, axis: str) -> str:
        """The variable of loops over an axis: the same one in every loop."""
        if axis not in self.variables:
            self.variables[axis] = self.fresh(axis)
        return self.variables[axis]

    def numbered(self, stem: str) -> str:
        """The next of `t1`, `t2` and so on.

        >>> names = Names(frozenset({"t2"}))
        >>> [names.numbered("t") for _ in range(2)]
        ['t1', 't3']
        """
        while True:
            self.counts[f"{stem}#"] = self.counts.get(f"{stem}#", 0) + 1
            name = f"{stem}{self.counts[f'{stem}#']}"
            if name not in self.taken:
                self.taken.add(name)
                return name


def identifier(name: str) -> str:
    """A safe ASCII identifier that resembles a name."""
    text = "".join(_LATIN.get(letter, letter) for letter in canonical(name))
    text = re.sub(r"[^A-Za-z0-9_]", "_", text)[:60]
    if not text or text[0].isdigit() or text.startswith("__"):
        text = f"v{text}"
    if keyword.iskeyword(text) or keyword.issoftkeyword(text) or hasattr(builtins, text):
        text += "_"
    return text


def quoted(name: str) -> str:
    """A name as a string literal.

    >>> print(quoted("it's"))
    "it's"
    """
    text = repr(name)
    return text if '"' in text else f'"{text[1:-1]}"'


def commented(text: str) -> str:
    """A text that can stand in a comment or a docstring: no line breaks, quotes or escapes."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown.replace("\\", "/").replace('"', "'")


def literal(value: int | float | Fraction) -> tuple[str, int]:
    """A number as Python text, and how tightly it binds; Python numbers are weak in NumPy.

    >>> literal(Fraction(-1, 2)), literal(float("inf"))
    (('-1 / 2', 2), ('np.inf', 5))
    """
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return literal(value.numerator)
        if max(abs(value.numerator), value.denominator) > 2**53:
            return literal(float(value))
        return f"{value.numerator} / {value.denominator}", PRODUCT
    if isinstance(value, int) and abs(value) > 2**53:
        value = float(value)
    if value != value:
        return "np.nan", ATOM
    if value in (float("inf"), float("-inf")):
        return ("np.inf", ATOM) if value > 0 else ("-np.inf", UNARY)
    return repr(value), UNARY if repr(value).startswith("-") else ATOM


def wrap(text: str, binding: int, least: int) -> str:
    """The text, in parentheses where it binds less tightly than `least`."""
    return text if binding >= least else f"({text})"


def size_text(value: int | Polynomial, symbols: Mapping[Atom, str]) -> str:
    """An extent or an index as Python text.

    >>> from graphnn.calculus.polynomial import dimension
    >>> size_text((2 * dimension("B") - 1) // 3, {Dimension("B"): "B"})
    '(2 * B - 1) // 3'
    """
    text, binding = _size(polynomial(value), symbols)
    return text if binding > CONDITION else f"({text})"


def size_factor(value: int | Polynomial, symbols: Mapping[Atom, str]) -> str:
    """An extent as text that can be multiplied or divided by."""
    text, binding = _size(polynomial(value), symbols)
    return wrap(text, binding, ATOM)


def _size(value: Polynomial, symbols: Mapping[Atom, str]) -> tuple[str, int]:
    parts: list[tuple[bool, str, int]] = []
    for monomial, coefficient in value.terms:
        factors = [_atom(atom, symbols) for atom in monomial]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, (str(abs(coefficient)), ATOM))
        if len(factors) == 1:
            text, binding = factors[0]
        else:
            text, binding = " * ".join(wrap(t, b, ATOM) for t, b in factors), PRODUCT
        parts.append((coefficient < 0, text, binding))
    if not parts:
        return "0", ATOM
    parts.sort(key=lambda part: part[0])
    negative, text, binding = parts[0]
    if negative:
        text, binding = f"-{wrap(text, binding, POWER)}", UNARY
    for negative, other, bound in parts[1:]:
        text, binding = f"{text} {'-' if negative else '+'} {wrap(other, bound, PRODUCT)}", SUM
    return text, binding


def _atom(atom: Atom, symbols: Mapping[Atom, str]) -> tuple[str, int]:
    if isinstance(atom, FloorDivision):
        above, bound = _size(atom.numerator, symbols)
        below, bound_below = _size(atom.denominator, symbols)
        return f"{wrap(above, bound, PRODUCT)} // {wrap(below, bound_below, ATOM)}", PRODUCT
    if atom not in symbols:
        shown = atom.name if isinstance(atom, Dimension) else atom
        raise ShapeError(f"no array binds the size {shown}; use it in the shape of an input")
    return symbols[atom], ATOM


def tuple_text(parts: list[str]) -> str:
    """A tuple as Python writes it."""
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def listed(parts: list[str]) -> str:
    """A tuple without parentheses, where there are several parts and all fit on a line."""
    text = ", ".join(parts)
    return text if len(parts) > 1 and len(text) <= 60 else tuple_text(parts)


def folded(line: str, width: int = 100) -> list[str]:
    """A line of Python in lines of at most `width`, broken after commas inside brackets.

    >>> folded("f(aaaa, bbbb, 'c, d')", 16)
    ['f(aaaa, bbbb,', "    'c, d')"]
    """
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    rows: list[str] = []
    while len(line) > width:
        cut = _last_break(line, width)
        if cut is None:
            break
        rows.append(line[:cut].rstrip())
        line = indent + line[cut:].lstrip()
    return [*rows, line]


def _last_break(line: str, width: int) -> int | None:
    """The last place before `width` that follows a comma inside brackets, or else the first."""
    quote, depth, escaped = "", 0, False
    found: int | None = None
    for k, c in enumerate(line):
        if quote:
            if c == quote and not escaped:
                quote = ""
            escaped = c == "\\" and not escaped
        elif c in "'\"":
            quote = c
        elif c == "#":
            return found
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth > 0 and line[k + 1 : k + 2] == " ":
            if k + 1 > width:
                return k + 1 if found is None else found
            found = k + 1
    return found
