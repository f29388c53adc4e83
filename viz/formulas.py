r"""Formula text: expressions, names, numbers and shapes as a `Label`, LaTeX beside plain text.

The LaTeX is what is typeset, the plain text what stands in DOT files and in descriptions for
people who cannot see the picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Shape
from graphnn.calculus.polynomial import (
    Atom,
    FloorDivision,
    Monomial,
    Polynomial,
    polynomial,
    to_expression,
)
from graphnn.expression.latex import to_latex
from graphnn.expression.names import PATTERN, latex, show
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import Expr, Number, postorder, substitute, sym
from graphnn.expression.unicode import to_unicode
from viz.typeset import protect

MAX_SHOWN = 4  # larger tensors are shown by their norm,
MAX_MATRIX = (4, 4)  # except small matrices
MAX_ROW = 32  # whose rows are not longer than this, in characters

Size = int | Polynomial

# `shape=(B, 8)`, which would be set as a tall vector, is written B×8
_SHAPE = re.compile(r"\\text\{shape\}=\\begin\{pmatrix\} (.+?) \\end\{pmatrix\}")
_SHAPE_TEXT = re.compile(r"shape=[(\[]([^()\[\]]+)[)\]]")

_SAFE = re.compile(PATTERN)


@dataclass(frozen=True)
class Label:
    """One text, in LaTeX and in plain Unicode; both empty where nothing is shown.

    `level` is the LaTeX with its derivatives written with slashes: between bars, the height of a
    fraction would stretch them. It is the LaTeX itself unless another is given.
    """

    latex: str = ""
    text: str = ""
    level: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """What has no fraction is level."""
        object.__setattr__(self, "level", self.level or self.latex)

    def __bool__(self) -> bool:
        """Whether anything is shown."""
        return bool(self.latex)

    def __add__(self, other: Label) -> Label:
        """One text after the other."""
        return Label(self.latex + other.latex, self.text + other.text, self.level + other.level)


NOTHING = Label()


def name_label(name: str) -> Label:
    r"""A name.

    >>> name_label("W1")
    Label(latex='W_{1}', text='W₁')
    """
    return Label(_name(name), show(name))


def _name(name: str) -> str:
    return latex(name) if _SAFE.fullmatch(name) else rf"\mathit{{{protect(name)}}}"


def number_label(value: Number, digits: int = 3) -> Label:
    r"""A number, with one text everywhere.

    >>> number_label(-9.6e-16).latex
    '-9.60\\times 10^{-16}'
    """
    text = numeral(value, digits)
    plain = text.replace("−", "-").replace("∞", r"\infty ")
    if plain == "nan":
        return Label(r"\mathrm{nan}", text)
    mantissa, _, power = plain.partition("e")
    return Label(rf"{mantissa}\times 10^{{{power}}}" if power else plain, text)


def short(value: float) -> Number:
    """A float as the number that its reader means: an integer, a short decimal, or itself.

    >>> short(1.5), short(2.0)
    (Fraction(3, 2), 2)
    """
    if not np.isfinite(value) or abs(value) >= 1e15:
        return value
    if value == int(value):
        return int(value)
    exact = Fraction(repr(float(value)))
    return exact if exact.denominator <= 10**6 else value


def value_label(value: npt.ArrayLike, digits: int = 3, given: bool = False) -> Label | None:
    """A scalar, an array of up to four numbers or a matrix of up to 4×4; None for larger ones.

    `given` numbers were typed by somebody, short decimals stay exact; computed ones are rounded,
    unless they are integers.
    """
    array = np.asarray(value)
    matrix = array.ndim == 2 and min(array.shape) > 1
    if array.ndim > 2 or array.size == 0 or (array.size > MAX_SHOWN and not matrix):
        return None
    if matrix and any(size > most for size, most in zip(array.shape, MAX_MATRIX, strict=True)):
        return None
    numbers = [number_label(_number(v, given), digits) for v in array.ravel().tolist()]
    if matrix:
        return _matrix(numbers, array.shape[1])
    if array.ndim == 0:
        return numbers[0]
    column = array.ndim == 2 and array.shape[1] == 1 and array.shape[0] > 1
    row = array.ndim == 2 and not column
    opening, closing = "[]" if row or column or len(numbers) == 1 else "()"
    between, comma = (r";\, ", "; ") if column else (r"\;\; ", " ") if row else (r",\, ", ", ")
    return Label(
        # In braces, so that a sign is not taken for a difference where no comma stands before it.
        opening + between.join(f"{{{n.latex}}}" for n in numbers) + closing,
        opening + comma.join(n.text for n in numbers) + closing,
    )


def _matrix(numbers: Sequence[Label], columns: int) -> Label | None:
    rows = [numbers[k : k + columns] for k in range(0, len(numbers), columns)]
    texts = [" ".join(n.text for n in row) for row in rows]
    if any(len(text) > MAX_ROW for text in texts):
        return None
    cells = r" \\ ".join(" & ".join(n.latex for n in row) for row in rows)
    return Label(rf"\begin{{bmatrix}}{cells}\end{{bmatrix}}", f"[{'; '.join(texts)}]")


def _number(value: Number, given: bool) -> Number:
    if isinstance(value, int | Fraction):
        return value
    if given:
        return short(float(value))
    return int(value) if np.isfinite(value) and value == int(value) else value


def norm_label(inner: Label, value: npt.ArrayLike, digits: int = 3) -> Label:
    """‖W‖ = 0.548, ‖∂L/∂W‖ = 0.0245, for what is too large to be written out."""
    norm = number_label(_number(float(np.linalg.norm(np.asarray(value, float))), False), digits)
    return Label(rf"\lVert {inner.level}\rVert = {norm.latex}", f"‖{inner.text}‖ = {norm.text}")


def shape_label(shape: Shape, dtype: str) -> Label:
    r"""The space that a tensor lives in; nothing for a scalar. A size that is a sum has brackets.

    >>> shape_label((2, 3), "float32")
    Label(latex='\\mathbb{R}^{2\\times 3}', text='ℝ^2×3')
    >>> from graphnn.calculus.polynomial import dimension
    >>> shape_label((3, dimension("x0") - dimension("K0") + 1), "float32").text
    'ℝ^3×(x₀ − K₀ + 1)'
    """
    if not shape:
        return Label()
    letter, sign = {"int64": ("Z", "ℤ"), "bool": ("B", "𝔹")}.get(dtype, ("R", "ℝ"))
    sizes = []
    for size in shape:
        label = extent_label(size)
        apart = isinstance(size, Polynomial) and len(size.terms) > 1
        latex_size = f"({label.latex})" if apart and len(shape) > 1 else label.latex
        sizes.append(Label(latex_size, f"({label.text})" if apart else label.text))
    exponent = r"\times ".join(size.latex for size in sizes)
    text = "×".join(size.text for size in sizes)
    return Label(rf"\mathbb{{{letter}}}^{{{exponent}}}", f"{sign}^{text}")


def size_label(shape: Shape, short: Mapping[Size, Label] | None = None) -> Label:
    r"""The sizes of a tensor, B×8, with a short name for what is in `short`; nothing for a scalar.

    >>> size_label((3, 4)).text
    '3×4'
    """
    sizes = []
    for size in shape:
        label = (short or {}).get(size) or extent_label(size)
        apart = isinstance(size, Polynomial) and len(size.terms) > 1 and size not in (short or {})
        apart = apart and len(shape) > 1
        sizes.append(Label(f"({label.latex})", f"({label.text})") if apart else label)
    return Label(
        r"\times ".join(size.latex for size in sizes), "×".join(size.text for size in sizes)
    )


def extent_label(size: Size) -> Label:
    """One size, what is added before what is subtracted.

    >>> extent_label(7).text
    '7'
    """
    return formula_label(to_expression(_ordered(polynomial(size))))


def _ordered(size: Polynomial) -> Polynomial:
    """For reading: what is added, what is subtracted, then the number."""

    def inside(atom: Atom) -> Atom:
        if isinstance(atom, FloorDivision):
            return FloorDivision(_ordered(atom.numerator), _ordered(atom.denominator))
        return atom

    def place(term: tuple[Monomial, int]) -> int:
        return 2 if not term[0] else int(term[1] < 0)

    terms = sorted(size.terms, key=place)
    return Polynomial(tuple((tuple(inside(a) for a in m), c) for m, c in terms))


def gradient_label(output: str, name: str) -> Label:
    r"""∂L/∂w.

    >>> gradient_label("L", "w").text
    '∂L/∂w'
    """
    top, bottom = name_label(output), name_label(name)
    return Label(
        rf"\frac{{\partial {top.latex}}}{{\partial {bottom.latex}}}",
        f"∂{top.text}/∂{bottom.text}",
        rf"\partial {top.latex}/\partial {bottom.latex}",
    )


def formula_label(e: Expr, digits: int = 3) -> Label:
    r"""An expression as its author wrote it.

    >>> from graphnn.expression.reader import read_scalar
    >>> formula_label(read_scalar("w*x + b"))
    Label(latex='w \\cdot x + b', text='w·x + b')
    """
    latex_text = _SHAPE.sub(
        lambda m: r"\times ".join(m[1].split(r" \\ ")), to_latex(_safe(e), digits)
    )
    text = _SHAPE_TEXT.sub(lambda m: m[1].replace(", ", "×"), to_unicode(e, digits))
    return Label(latex_text, text)


def _safe(e: Expr) -> Expr:
    """The expression with the reserved characters of its names protected."""
    renamed = {
        part: sym(protect(part.args[0]))
        for part in postorder(e)
        if part.head == "sym" and not _SAFE.fullmatch(part.args[0])
    }
    return substitute(e, renamed)
