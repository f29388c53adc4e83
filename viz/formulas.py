r"""Formula text: expressions, names, numbers and shapes as a `Label`, LaTeX beside plain text.

The LaTeX is what is typeset, the plain text what stands in DOT files and in descriptions for
people who cannot see the picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Shape
from graphnn.expression.latex import to_latex
from graphnn.expression.names import PATTERN, latex, show
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import Expr, Number, postorder, substitute, sym
from graphnn.expression.unicode import to_unicode
from viz.typeset import protect

MAX_SHOWN = 3  # larger tensors are shown by their norm

_SAFE = re.compile(PATTERN)
_FRACTION = re.compile(r"\\frac\{(\\partial [^/]*)\}\{(\\partial .*)\}")


@dataclass(frozen=True)
class Label:
    """One text, in LaTeX and in plain Unicode; both empty where nothing is shown."""

    latex: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        """Whether anything is shown."""
        return bool(self.latex)

    def __add__(self, other: Label) -> Label:
        """One text after the other."""
        return Label(self.latex + other.latex, self.text + other.text)


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
    """A scalar or an array of up to three numbers; None for larger ones.

    `given` numbers were typed by somebody, short decimals stay exact; computed ones are rounded,
    unless they are integers.
    """
    array = np.asarray(value)
    if array.size > MAX_SHOWN or array.ndim > 2 or array.size == 0:
        return None
    numbers = [number_label(_number(v, given), digits) for v in array.ravel().tolist()]
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


def _number(value: Number, given: bool) -> Number:
    if isinstance(value, int | Fraction):
        return value
    if given:
        return short(float(value))
    return int(value) if np.isfinite(value) and value == int(value) else value


def norm_label(inner: Label, value: npt.ArrayLike, digits: int = 3) -> Label:
    """‖W‖ = 0.548, ‖∂L/∂W‖ = 0.0245, for what is too large to be written out."""
    # Between the bars a fraction is written with a slash: its height would stretch them.
    level = _FRACTION.sub(r"\1/\2", inner.latex)
    norm = number_label(_number(float(np.linalg.norm(np.asarray(value, float))), False), digits)
    return Label(rf"\lVert {level}\rVert = {norm.latex}", f"‖{inner.text}‖ = {norm.text}")


def shape_label(shape: Shape, dtype: str) -> Label:
    r"""The space that a tensor lives in; nothing for a scalar.

    >>> shape_label((2, 3), "float32")
    Label(latex='\\mathbb{R}^{2\\times 3}', text='ℝ^2×3')
    """
    if not shape:
        return Label()
    letter, sign = {"int64": ("Z", "ℤ"), "bool": ("B", "𝔹")}.get(dtype, ("R", "ℝ"))
    sizes = [str(size) for size in shape]
    latex_sizes = r"\times ".join(protect(s) if not s.isalnum() else s for s in sizes)
    return Label(rf"\mathbb{{{letter}}}^{{{latex_sizes}}}", f"{sign}^{'×'.join(sizes)}")


def gradient_label(output: str, name: str) -> Label:
    r"""∂L/∂w.

    >>> gradient_label("L", "w").text
    '∂L/∂w'
    """
    top, bottom = name_label(output), name_label(name)
    return Label(
        rf"\frac{{\partial {top.latex}}}{{\partial {bottom.latex}}}",
        f"∂{top.text}/∂{bottom.text}",
    )


def formula_label(e: Expr, digits: int = 3) -> Label:
    r"""An expression as its author wrote it.

    >>> from graphnn.expression.reader import read_scalar
    >>> formula_label(read_scalar("w*x + b"))
    Label(latex='w \\cdot x + b', text='w·x + b')
    """
    return Label(to_latex(_safe(e), digits), to_unicode(e, digits))


def _safe(e: Expr) -> Expr:
    """The expression with the reserved characters of its names protected."""
    renamed = {
        part: sym(protect(part.args[0]))
        for part in postorder(e)
        if part.head == "sym" and not _SAFE.fullmatch(part.args[0])
    }
    return substitute(e, renamed)
