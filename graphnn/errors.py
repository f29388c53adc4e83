"""Errors: one base class; the defect first, then formula, shapes and the place."""

from __future__ import annotations

import unicodedata


class GraphError(Exception):
    """What the user asked for cannot be built, differentiated, compiled or drawn.

    The message names the defect first, then what was given and what to do; `place` says where in
    the user's code or text (a file and line, or a line with a caret under the column).
    """

    def __init__(self, message: str, place: str | None = None) -> None:
        """Keep the message and, where it is known, the place in the user's code."""
        super().__init__(message if place is None else f"{message}\n{place}")
        self.message = message
        self.place = place


class ShapeError(GraphError):
    """Shapes or extents that do not fit together."""


class DtypeError(GraphError):
    """Element types that do not fit together."""


class ValueMissing(GraphError):  # noqa: N818  (it reads as what it says)
    """A graph was asked for numbers and a leaf has none."""


class TextError(GraphError):
    """A text that cannot be read: one line that names the defect, and the line with a caret."""

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
