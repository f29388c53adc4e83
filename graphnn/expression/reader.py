"""Read text as expressions: the parser of the text language (lark, LALR, nothing is evaluated).

Text is normalised (NFC), bounded, freed of comments and cut into lines before it is parsed. What a
product sign means depends on the shapes of its sides, so trees keep the sign that was typed
(`juxt`, `·`, `*`, `⊙`, `@`); `read_scalar` makes them all plain products.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from graphnn.errors import TextError
from graphnn.expression import names
from graphnn.expression.scalar import juxtaposed as juxtaposed
from graphnn.expression.scalar import plain as plain
from graphnn.expression.tree import Expr, children, fold
from graphnn.expression.typed import (
    NUMERAL,
    Places,
    Refused,
    places,
    trees,
)
from graphnn.expression.typed import (
    Declaration as Declaration,
)
from graphnn.expression.typed import (
    Line as Line,
)
from graphnn.expression.typed import (
    OpText as OpText,
)

MAX_LENGTH = 100_000
MAX_DEPTH = 200
MAX_BRACKETS = 50
MAX_STATEMENTS = 2_000
MAX_NODES = 10_000
MAX_WORDS = 30_000

_WORD = re.compile(r"\w+|[^\w\s]")
_CLOSES = {")": "(", "]": "[", "}": "{"}
_SIGNS = {
    "|": "write abs(x) for |x|",
    "‖": "write sqrt(sum(x^2)) for ‖x‖",
    "∑": "write its index, ∑_i or ∑_{i,j}",
    "%": "there is no remainder",
}
_CHAINS = {"+": "+", "-": "+", "*": "*", "/": "*", "·": "*", "⊙": "*", "@": "*"}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = (resources.files("graphnn.expression") / "grammar.lark").read_text("utf-8")
    return Lark(
        grammar.replace("NAME_PATTERN", names.PATTERN).replace(
            "NUMERAL", NUMERAL.replace("/", r"\/")
        ),
        parser="lalr",
        start=["expression", "line", "definition"],
        transformer=trees(),
        maybe_placeholders=True,
    )


def parse(text: str, start: str) -> Any:
    """Parse `text` from one of the grammar's starts: `expression`, `line` or `definition`.

    Raises TextError with a caret at the first defect: characters or words that do not fit, more
    than 100,000 characters or 30,000 names and signs, brackets nested deeper than 50 or not closed.
    """
    text = normal(text)
    clean, _ = _plain(text)
    return _parse(clean, start, text, 0)[0]


def read_lines(text: str) -> list[Line | Declaration]:
    """The lines of a text (separated by `;` or line breaks, `#` starts a comment), in order.

    >>> [line.name for line in read_lines("z = w*x  # the argument; ignored")]
    ['z']

    Raises TextError with a caret; more than 2,000 lines are refused before any is read.
    """
    text = normal(text)
    clean, ends = _plain(text)
    starts = [0, *(end + 1 for end in ends)]
    pieces = [
        (start, clean[start:end]) for start, end in zip(starts, (*ends, len(clean)), strict=True)
    ]
    pieces = [(start, piece) for start, piece in pieces if piece.strip()]
    if len(pieces) > MAX_STATEMENTS:
        place = place_of(text, pieces[MAX_STATEMENTS][0])
        raise TextError(f"the text has more than {MAX_STATEMENTS:,} statements", text, *place)
    found: list[Line | Declaration] = []
    for start, piece in pieces:
        read, known = _parse(piece, "line", text, start)
        line, column = place_of(text, start + len(piece) - len(piece.lstrip()))
        if isinstance(read, Line):
            read = replace(read, places={e: start + place for e, place in known.items()})
        found.append(replace(read, line=line, column=column))
    return found


def read(text: str) -> Expr:
    """One expression as it was typed: groups, product signs and calls unresolved.

    >>> read("2x")
    juxt(2, x)
    """
    tree: Expr = parse(text, "expression")
    return tree


def parse_placed(piece: str, text: str, start: int) -> tuple[Expr, Places]:
    """An expression that is the piece of `text` from `start` on; also where its parts were typed."""
    clean = _plain(text)[0][start : start + len(piece)]
    made, known = _parse(clean, "expression", text, start)
    tree: Expr = made
    return tree, known


def normal(text: str) -> str:
    """The text in Unicode's form NFC: every letter with an accent has one spelling."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset into a text.

    >>> place_of("a = 1", 4)
    (1, 5)
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _parse(clean: str, start: str, text: str, offset: int) -> tuple[Any, Places]:
    """Parse one piece that begins at `offset` of `text`; also where its parts were typed."""
    known: Places = {}
    token = places.set(known)
    try:
        made = _parser().parse(clean, start=start)
    except UnexpectedInput as error:
        message, place = _defect(error), _place(error, clean)
    except VisitError as error:
        if not isinstance(error.orig_exc, Refused):
            raise
        message, place = error.orig_exc.message, error.orig_exc.place
    except Refused as error:
        message, place = error.message, error.place
    else:
        body = made.body if isinstance(made, Line) else made
        if isinstance(body, Expr):
            _check_size(body, text, offset)
        return made, known
    finally:
        places.reset(token)
    raise TextError(message, text, *place_of(text, offset + place))


def _check_size(tree: Expr, text: str, offset: int) -> None:
    def measure(node: Expr, parts: list[tuple[int, int]]) -> tuple[int, int]:
        size = 1 + sum(part[0] for part in parts)
        deep = 1 + max((part[1] for part in parts), default=0)
        chain = _CHAINS.get(node.head)
        # a + b + c is flat: only what stands inside brackets and powers nests
        if chain is not None and _CHAINS.get(children(node)[0].head) == chain:
            deep = max(parts[0][1], 1 + parts[1][1])
        return size, deep

    size, deep = fold(tree, measure)
    if size > MAX_NODES:
        message = f"the statement has {size:,} parts; at most {MAX_NODES:,} are read: split it"
        raise TextError(message, text, *place_of(text, offset))
    if deep > MAX_DEPTH:
        message = f"the expression is nested deeper than {MAX_DEPTH}: split it"
        raise TextError(message, text, *place_of(text, offset))


_TO_THE_T = re.compile(r"\^(?:T(?!\w)|\{T\}|⊤)")


def _with_transposes(text: str) -> str:
    """`x^T` as xᵀ, every place kept; where T is a name of the text, x^T is a power.

    >>> _with_transposes("Q@K^T"), _with_transposes("T: (); y = x^T")
    ('Q@Kᵀ ', 'T: (); y = x^T')
    """
    if re.search(r"(?<![\w^{.])T(?!\w)", text):
        return text
    return _TO_THE_T.sub(lambda found: "ᵀ" + " " * (len(found[0]) - 1), text)


def _plain(text: str) -> tuple[str, list[int]]:
    """Blank comments and the line breaks inside brackets, keeping every place; find the ends.

    An end is a `;` or a line break outside brackets.
    """
    if len(text) > MAX_LENGTH:
        raise TextError(f"the text has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    written = _with_transposes(text)
    letters: list[str] = []
    ends: list[int] = []
    opened: list[int] = []
    comment = False
    for place, letter in enumerate(text):
        if letter == "\n":
            comment = False
            letters.append(" " if opened else "\n")
            if not opened:
                ends.append(place)
            continue
        comment = comment or letter == "#"
        letters.append(" " if comment else written[place])
        if comment:
            continue
        if letter in "([{":
            opened.append(place)
            if len(opened) > MAX_BRACKETS:
                message = f"brackets are nested deeper than {MAX_BRACKETS}"
                raise TextError(message, text, *place_of(text, place))
        elif letter in ")]}":
            if not opened or text[opened[-1]] != _CLOSES[letter]:
                where = f"{text[opened[-1]]!r}" if opened else "nothing"
                raise TextError(
                    f"{letter!r} closes {where}; it needs a {_CLOSES[letter]!r} before it",
                    text,
                    *place_of(text, place),
                )
            opened.pop()
        elif letter == ";" and not opened:
            ends.append(place)
    words = len(_WORD.findall("".join(letters)))
    if words > MAX_WORDS:
        raise TextError(
            f"the text has {words:,} names and signs; at most {MAX_WORDS:,} are read", text
        )
    if opened:
        raise TextError(f"{text[opened[-1]]!r} is never closed", text, *place_of(text, opened[-1]))
    return "".join(letters), ends


def _place(error: UnexpectedInput, clean: str) -> int:
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    place: int | None = getattr(error, "pos_in_stream", None)
    return len(clean.rstrip()) if at_end or place is None else place


def _defect(error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedCharacters):
        hint = _SIGNS.get(error.char, "")
        return f"{error.char!r} does not belong here{'; ' if hint else ''}{hint}"
    token = getattr(error, "token", None)
    if token is None or token.type == "$END":
        return "the text ends too early"
    if str(token) in names.NO_NAMES and token.type in ("NAME", "NAME_CALL"):
        return f"{token} is no name; {names.NO_NAMES[str(token)]}"
    return f"{str(token).strip() or 'the end of the line'!r} does not belong here"


def read_scalar(text: str) -> Expr:
    """A scalar expression over symbols, numbers and elementary functions.

    >>> read_scalar("1 / (1 + exp(-x))")
    /(1, +(1, exp(neg(x))))
    """
    return plain(read(text))
