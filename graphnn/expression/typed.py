"""What was typed, as trees: one method for each rule of the grammar.

The trees keep groups, product signs and calls as they were typed, because what they mean depends
on what the names are (`graphnn.text` knows that; `reader.plain` resolves scalars). Built while the
parser runs, so nothing recurses over deep input. Beside the trees a table remembers where each of
their parts was typed first, for carets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from lark import Token
from lark.visitors import Transformer

from graphnn.expression import names
from graphnn.expression.scalar import plain
from graphnn.expression.tree import Expr, apply, num, sym

MAX_EXPONENT = 300
MAX_DIGITS = 400
NUMERAL = r"[-−+]?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-−]?\d+|/\d+)?"

Places = dict[Expr, int]
places: ContextVar[Places] = ContextVar("places")
"""Where the parts of the tree being built were typed: offsets into the text, the first of each."""

NOTHING = apply("nothing")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SIGNS = {"−": "-", "×": "·", "⋅": "·"}
_COMPARE = {"≤": "<=", "≥": ">=", "≠": "!="}


class Refused(Exception):  # noqa: N818
    """A rule found something that the grammar allows and the language does not."""

    def __init__(self, message: str, token: Token) -> None:
        """Say what is wrong with `token`."""
        super().__init__(message)
        self.message, self.place = message, token.start_pos or 0


@dataclass(frozen=True)
class Line:
    """One line as it was typed: a statement `target sign body for bounds`.

    `target` is None for an expression that stands alone. Where it is a name, or a name with an
    index, these are `name` and `index`. `line` and `column` (from 1) say where the line starts,
    `places` where each part of it was typed first, as an offset into the whole text.
    """

    target: Expr | None
    name: str | None
    index: tuple[Expr, ...] | None
    sign: str
    body: Expr
    bounds: tuple[tuple[str, Expr], ...]
    line: int = 1
    column: int = 1
    places: Mapping[Expr, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Declaration:
    """`x: (B, 2) float64`: a leaf's shape (None where only a dtype was written) and dtype."""

    name: str
    shape: tuple[Expr, ...] | None
    dtype: str | None
    line: int = 1
    column: int = 1


@dataclass(frozen=True)
class OpText:
    """One op definition as it was typed; `line.index` is None for an element-wise one."""

    name: str
    operands: tuple[str, ...]
    parameters: tuple[tuple[str, Expr | None], ...]
    line: Line
    indexed: bool


def _at(node: Expr, where: Token | Expr) -> Expr:
    """Remember where `node` was typed: at a token, or where one of its parts stands."""
    known = places.get()
    place = known.get(where, 0) if isinstance(where, Expr) else where.start_pos
    known.setdefault(node, place or 0)
    return node


def _name(token: Token) -> str:
    if str(token) in names.NO_NAMES:
        raise Refused(f"{token} is no name; {names.NO_NAMES[str(token)]}", token)
    return names.canonical(str(token))


class _Build(Transformer[Token, Any]):
    """One method a rule: the tree for what was read."""

    def names(self, items: list[Any]) -> tuple[str, ...]:
        return tuple(_name(item) for item in items)

    def parameters(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(items)

    bounds = parameters

    def indices(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(item for item in items if item is not None)

    def parameter(self, items: list[Any]) -> tuple[str, Expr | None]:
        return _name(items[0]), items[2]

    def bound(self, items: list[Any]) -> tuple[str, Expr]:
        return _name(items[0]), plain(items[2])

    def statement(self, items: list[Any]) -> Line:
        target, sign, body, _, bounds = items
        name, index = None, None
        if target.head == "sym":
            name = target.args[0]
        elif target.head == "[]" and target.args[0].head == "sym":
            name, index = target.args[0].args[0], target.args[1:]
        return Line(target, name, index, str(sign), body, bounds or ())

    def bare(self, items: list[Any]) -> Line:
        return Line(None, None, None, "=", items[0], ())

    def declaration(self, items: list[Any]) -> Declaration:
        shape, dtype = items[1]
        return Declaration(_name(items[0]), shape, dtype)

    def type(self, items: list[Any]) -> tuple[tuple[Expr, ...] | None, str | None]:
        if len(items) == 1:
            return None, str(items[0])
        return items[0] or (), None if items[1] is None else str(items[1])

    def elementwise(self, items: list[Any]) -> OpText:
        name, operands, parameters, sign, body = items
        line = Line(None, None, None, str(sign), body, ())
        return OpText(str(name), operands, parameters or (), line, False)

    def indexed(self, items: list[Any]) -> OpText:
        name, operands, parameters, output, index, sign, body, _, bounds = items
        called = _name(output)
        line = Line(sym(called), called, index or (), str(sign), body, bounds or ())
        return OpText(str(name), operands, parameters or (), line, True)

    def number(self, items: list[Any]) -> Expr:
        return _at(_number(str(items[0]), items[0]), items[0])

    def fraction(self, items: list[Any]) -> Expr:
        value = Fraction(unicodedata.numeric(str(items[0]))).limit_denominator(10)
        return _at(apply("/", num(value.numerator), num(value.denominator)), items[0])

    def infinity(self, items: list[Any]) -> Expr:
        return _at(num(float("inf")), items[0])

    def name(self, items: list[Any]) -> Expr:
        return _at(sym(_name(items[0])), items[0])

    def call(self, items: list[Any]) -> Expr:
        arguments = items[1].children if items[1] is not None else []
        function = _at(sym(_name(items[0])), items[0])
        return _at(apply("call", function, *arguments), items[0])

    def keyword(self, items: list[Any]) -> Expr:
        return _at(apply("=", sym(str(items[0])), items[2]), items[0])

    def group(self, items: list[Any]) -> Expr:
        return _at(apply("group", items[0]), items[0])

    def vector(self, items: list[Any]) -> Expr:
        parts = [item for item in items if item is not None]
        made = apply("vector", *parts)
        return _at(made, parts[0]) if parts else made

    def matrix(self, items: list[Any]) -> Expr:
        typed = str(items[0])[1:-1].split(";")
        rows = [[_number(word, items[0]) for word in row.split()] for row in typed]
        return _at(_matrix(rows, items[0]), items[0])

    def rows(self, items: list[Any]) -> Expr:
        parts = [item for item in items if isinstance(item, Expr)]
        first = _token(parts[0])
        rows = [list(part.args) if part.head == "juxt" else [part] for part in parts]
        return _at(_matrix(rows, first), first)

    def kronecker(self, items: list[Any]) -> Expr:
        sides = items[1:] or [sym(letter) for letter in str(items[0])[-2:]]
        return _at(apply("δ", *(plain(side) for side in sides)), items[0])

    def partial(self, items: list[Any]) -> Expr:
        return _at(apply("∂", items[1], items[4]), items[0])

    def condition(self, items: list[Any]) -> Expr:
        left, _, right = items
        if right is not None:
            return apply("==", plain(left), plain(right))
        if left.head != "sym":
            raise Refused("under Σ stand index names, or conditions i + u = p", _token(left))
        return left  # type: ignore[no-any-return]

    def domain(self, items: list[Any]) -> list[Expr]:
        return items

    def bound_sum(self, items: list[Any]) -> Expr:
        sign, *bounds, body = items
        domain = bounds[0] if bounds else [sym(str(sign)[-1])]
        head = "Max" if str(sign).startswith("max") else "Σ"
        return _at(apply(head, *domain, body), sign)

    def bound_sum_negative(self, items: list[Any]) -> Expr:
        *bounds, minus, body = items
        return self.bound_sum([*bounds, self.negative([minus, body])])

    def element(self, items: list[Any]) -> Expr:
        base, *index = items
        return _at(apply("[]", base, *(i for i in index if i is not None)), base)

    def slice(self, items: list[Any]) -> Expr:
        lower, upper, step = (*items, None)[:3]
        return apply(":", *(NOTHING if part is None else part for part in (lower, upper, step)))

    def transpose(self, items: list[Any]) -> Expr:
        return _at(apply("T", items[0]), items[0])

    def root(self, items: list[Any]) -> Expr:
        sign, inside = items
        if inside.head == "group":
            inside = inside.args[0]
        return _at(apply("call", _at(sym("sqrt"), sign), inside), sign)

    def root_power(self, items: list[Any]) -> Expr:
        raise Refused("√x² can be read in two ways; write √(x²) or (√x)²", items[0])

    def superscript(self, items: list[Any]) -> Expr:
        if len(str(items[1])) > MAX_DIGITS:
            raise Refused(f"the exponent is larger than {MAX_EXPONENT}", items[1])
        return self.power([items[0], items[1], num(int(str(items[1]).translate(_SUPERSCRIPTS)))])

    def power(self, items: list[Any]) -> Expr:
        base, token, exponent = items
        inner = exponent
        while inner.head in ("group", "neg"):
            inner = inner.args[0]
        if inner.head == "num" and abs(inner.args[0]) > MAX_EXPONENT:
            raise Refused(f"the exponent is larger than {MAX_EXPONENT}", token)
        return _at(apply("^", base, exponent), token)

    def negative(self, items: list[Any]) -> Expr:
        return _at(apply("neg", items[1]), items[0])

    def positive(self, items: list[Any]) -> Expr:
        return items[1]  # type: ignore[no-any-return]

    def binary(self, items: list[Any]) -> Expr:
        left, token, right = items
        sign = _SIGNS.get(str(token), str(token))
        if sign == "/" and right.head == "juxt" and right.args[0].head == "num":
            raise Refused("a/b c can be read in two ways; write (a/b)·c or a/(b·c)", token)
        return _at(apply(sign, left, right), token)

    def comparison(self, items: list[Any]) -> Expr:
        left, token, right = items
        return _at(apply(_COMPARE.get(str(token), str(token)), left, right), token)

    def conjunction(self, items: list[Any]) -> Expr:
        return _at(apply("and", items[0], items[2]), items[1])

    def juxtaposition(self, items: list[Any]) -> Expr:
        first: Expr = items[0]
        return first if len(items) == 1 else _at(apply("juxt", *items), first)


def trees() -> Transformer[Token, Any]:
    """What the parser calls at each rule."""
    return _Build(visit_tokens=False)


def _number(text: str, token: Token) -> Expr:
    """A number, exactly as typed, between 1e−300 and 1e300."""
    mantissa, _, exponent = text.lower().replace("−", "-").partition("e")
    if len(mantissa) <= MAX_DIGITS and len(exponent) <= 5:
        try:
            value = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
        except (ValueError, ZeroDivisionError):
            raise Refused(f"{text} is no number", token) from None
        if value == 0 or 10**-MAX_EXPONENT <= abs(value) <= 10**MAX_EXPONENT:
            return num(value)
    raise Refused("the number is out of range: from 1e-300 to 1e300", token)


def _matrix(rows: list[list[Expr]], token: Token) -> Expr:
    if len({len(row) for row in rows}) != 1:
        lengths = ", ".join(str(len(row)) for row in rows[:6])
        raise Refused(f"the rows of the matrix differ in length: {lengths}", token)
    return apply("vector", *(apply("vector", *row) for row in rows))


def _token(part: Expr) -> Token:
    """A token that stands where `part` was typed."""
    return Token("PART", "", places.get().get(part, 0))
