"""Errors at the user's place: the defect, and the line of the text with a caret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from graphnn.errors import DtypeError, GraphError, ShapeError, TextError, caret
from graphnn.expression.reader import Line, place_of
from graphnn.expression.tree import Expr, children, postorder
from graphnn.text.resolve import Defect, Resolved
from graphnn.text.tensors import Place

MAX_MESSAGE = 400


@dataclass(frozen=True)
class Pointer:
    """Points into one text."""

    text: str

    def error(self, error: GraphError, where: tuple[int, int]) -> GraphError:
        """An op's error with a caret at a line and column."""
        message = _short(error.message)
        if isinstance(error, ShapeError | DtypeError):
            return type(error)(message, caret(self.text, *where))
        return TextError(message, self.text, *where)

    def defect(self, defect: Defect, line: Line) -> TextError:
        """A defect of the typed tree, at the part that shows it."""
        offset = _offset(defect.part, line)
        where = (line.line, line.column) if offset is None else place_of(self.text, offset)
        return TextError(_short(defect.message), self.text, *where)

    def at(self, place: Place, read: Resolved, line: Line) -> GraphError:
        """The op's own error, with a caret under the typed part in which it arose."""
        typed = read.typed.get(place.part)
        if typed is None:
            below = [part for part in postorder(place.part) if part in read.typed]
            typed = read.typed[below[0]] if below else line.body
        offset = _offset(typed, line)
        where = (line.line, line.column) if offset is None else place_of(self.text, offset)
        return self.error(place.error, where)

    @contextmanager
    def placed(self, line: Line) -> Iterator[None]:
        """What goes wrong inside is shown with a caret in this line."""
        try:
            yield
        except Defect as defect:
            raise self.defect(defect, line) from None
        except (TextError, ShapeError, DtypeError) as error:
            if error.place is not None and "^" in error.place:
                raise
            raise self.error(error, (line.line, line.column)) from None
        except GraphError as error:
            raise self.error(error, (line.line, line.column)) from None


def _offset(part: Expr, line: Line) -> int | None:
    """Where a typed part, or the first of its own parts that is known, was typed."""
    stack = [part]
    while stack:
        node = stack.pop()
        if node in line.places:
            return line.places[node]
        stack.extend(reversed(children(node)))
    return None


def _short(message: str) -> str:
    """One line of bounded length."""
    line = " ".join(message.split())
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE - 1]}…"
