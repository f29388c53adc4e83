"""Errors: one base class; the defect first, then formula, shapes and the place."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from types import FrameType

_HERE = Path(__file__).resolve().parent
_OWN = (
    *(str(_HERE.with_name(package)) + os.sep for package in ("graphnn", "codegen", "viz")),
    "<graphnn ",  # emitted modules
)


class GraphError(Exception):
    """What the user asked for cannot be built, differentiated, compiled or drawn.

    The message names the defect first, then what was given and what to do; `place` says where in
    the user's code or text (a file and line, or a line with a caret under the column). Printed, a
    line of Python code stands behind the message, so that a traceback ends with both. The other
    errors are kinds of it.

    >>> import graphnn as gnn
    >>> try:
    ...     gnn.grad(gnn.input("x") ** 2)
    ... except gnn.GraphError as error:
    ...     print(error.message)
    the output has no parameters; say with respect to what: wrt=… (inputs: x), or declare it with gnn.parameter
    """

    def __init__(self, message: str, place: str | None = None) -> None:
        """Keep the message and the place in the user's text, or the line of code that runs."""
        file, line = line_of_code()
        own = place or f"  at {file}:{line}"
        super().__init__(
            f"{message} ({own.strip()})" if own[:5] == "  at " else f"{message}\n{own}"
        )
        self.message = message
        self.place = place


def line_of_code() -> tuple[str, int]:
    """The file and the number of the innermost line that is not of these packages."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_own(frame):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _is_own(frame: FrameType) -> bool:
    """Whether a frame is of these packages, a dataclass's generated code included."""
    file = frame.f_code.co_filename
    generated = file == "<string>" and frame.f_globals.get("__name__", "").startswith("graphnn.")
    return generated or file.startswith(_OWN)


class ShapeError(GraphError):
    """Shapes or extents that do not fit together.

    >>> import graphnn as gnn
    >>> try:
    ...     gnn.reshape(gnn.input("x", (2, 3)), 5)
    ... except gnn.ShapeError as error:
    ...     print(error.message)
    (2, 3) has 6 elements; it cannot take the shape (5,)
    """


class DtypeError(GraphError):
    """Element types that do not fit together.

    >>> import graphnn as gnn
    >>> try:
    ...     gnn.input("x", (), "float32") + gnn.input("y", (), "float64")
    ... except gnn.DtypeError as error:
    ...     print(error.message)
    add mixes element types (x: float32, y: float64); make them one
    """


class ValueMissing(GraphError):  # noqa: N818  (it reads as what it says)
    """A graph was asked for numbers and a leaf has none.

    >>> import graphnn as gnn
    >>> try:
    ...     gnn.evaluate(gnn.input("x") + gnn.input("y"), x=1)
    ... except gnn.ValueMissing as error:
    ...     print(error.message)
    no value for y; give y=…
    """


class Remark(UserWarning):
    """Something that is right and may not be what was meant: a warning, at the user's line.

    >>> import warnings
    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     gradient = gnn.grad(gnn.name("L", x * x), w)
    >>> print(said[0].message)
    L does not depend on w: its gradient is zeros
    """


class TextError(GraphError):
    """A text that cannot be read: one line that names the defect, and the line with a caret.

    `line` and `column` count from 1.

    >>> import graphnn as gnn
    >>> try:
    ...     gnn.parse("z = w*(x + b")
    ... except gnn.TextError as error:
    ...     print(error)
    '(' is never closed
      line 1: z = w*(x + b
                    ^
    """

    def __init__(self, message: str, text: str = "", line: int = 1, column: int = 1) -> None:
        """Point at `column` (from 1) of `line` (from 1) in `text`."""
        super().__init__(message, caret(text, line, column) if text else None)
        self.line = line
        self.column = column


def caret(text: str, line: int, column: int) -> str:
    """The line of a text with a caret under one column; long lines are cut around it.

    >>> print(caret("z = w*x", 1, 5))
      line 1: z = w*x
                  ^
    """
    rows = text.split("\n")
    row = rows[min(line, len(rows)) - 1]
    start = max(0, column - 61)
    shown = "".join(letter if letter.isprintable() else " " for letter in row[start : start + 120])
    before = row[start : column - 1].ljust(column - 1 - start)
    # an accent that follows its letter takes no column of its own
    width = sum(1 for letter in before if not unicodedata.combining(letter))
    lead = f"  line {line}: "
    return f"{lead}{shown}\n{' ' * (len(lead) + width)}^"
