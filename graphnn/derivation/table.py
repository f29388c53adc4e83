"""Tables of a derivation: what stands side by side, as data and as text, LaTeX and JSON.

A cell is a line of the derivation (a `Step`) or a sentence. In text the columns stand side by side
where the table fits the width of a page. Else every row becomes a block with the heads before its
cells; columns that are read from top to bottom leave out the numbers put in, and where that is not
enough, they stand below each other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphnn.derivation.json import step_data, step_unicode
from graphnn.derivation.latex import step_latex
from graphnn.derivation.latex_prose import prose
from graphnn.derivation.steps import Step
from graphnn.derivation.text import WIDE

Cell = Step | str
GAP = 3
ROWS = 12


@dataclass(frozen=True)
class Table:
    """Rows of cells under `head`; `notes` are sentences below it.

    `columnwise` tables are read column by column: a row only says what stands at one height.
    """

    section: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    columnwise: bool = False


def cell_text(cell: Cell, digits: int) -> str:
    """A cell as one line of text."""
    return cell if isinstance(cell, str) else step_unicode(cell, digits)


def shown_width(text: str) -> int:
    """How many columns a text takes: an accent stands on its letter."""
    return sum(not unicodedata.combining(letter) for letter in text)


def table_text(table: Table, digits: int = 3, say: Callable[[str], str] = str) -> str:
    """The table in columns, or in blocks where it is wider than a page.

    >>> print(table_text(Table("Sizes", ("small", "large"), (("1", "100"),))))
    Sizes
      small   large
      1       100
    """
    head = [say(cell) for cell in table.head]
    whole = [[say(cell_text(cell, digits)) for cell in row] for row in table.rows]
    short = [[say(cell_text(_without_numbers(c), digits)) for c in row] for row in table.rows]
    lines = [say(table.section)]
    beside = _beside(head, whole)
    if beside is None and table.columnwise:
        beside = _beside(head, short)
    if beside is not None:
        lines += beside
    elif table.columnwise:
        for k, name in enumerate(head):
            lines += ["", f"  {name}"] if k else [f"  {name}"]
            for row in whole:
                if row[k]:
                    lines += _wrapped(row[k], "    ")
    else:
        left = max(map(len, head))
        for row in whole:
            for name, cell in zip(head, row, strict=True):
                if cell:
                    lines += _wrapped(cell, f"  {name.ljust(left)}  ")
            lines.append("")
        lines.pop()
    for note in table.notes:
        lines += _wrapped(say(note), "  ")
    return "\n".join(line.rstrip() for line in lines)


def _beside(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str] | None:
    """Head and rows in columns; None where they are wider than a page."""
    if not head:
        return []
    widths = [max(shown_width(row[k]) for row in (head, *rows)) for k in range(len(head))]
    if sum(widths) + GAP * (len(widths) - 1) + 2 > WIDE:
        return None
    lines = []
    for row in (head, *rows):
        padded = (cell + " " * (n - shown_width(cell)) for cell, n in zip(row, widths, strict=True))
        lines.append("  " + (" " * GAP).join(padded).rstrip())
    return lines


def _without_numbers(cell: Cell) -> Cell:
    """A line without the side that has numbers put in."""
    if isinstance(cell, str):
        return cell
    kept = tuple(replace(s, relation="=") for s in cell.sides if s.kind != "numbers")
    return replace(cell, sides=kept)


def _wrapped(text: str, first: str) -> list[str]:
    """Text after its head, broken at spaces where it is wider than a page."""
    lines = [first]
    empty = True
    for word in text.split(" "):
        if not empty and len(lines[-1]) + len(word) + 1 > WIDE:
            lines.append(" " * len(first))
            empty = True
        lines[-1] += word if empty else " " + word
        empty = False
    return lines


def table_latex(table: Table, digits: int = 3) -> str:
    r"""The table as a `tabular` whose columns share the line, under its own heading."""
    heading = rf"\subsection*{{\boldmath {prose(table.section)}}}" + "\n"
    notes = "".join(rf"\par\noindent {prose(note)}\par" + "\n" for note in table.notes)
    if not table.head:
        return heading + notes
    columns = "".join(rf"p{{{share:.3f}\linewidth}}" for share in _shares(table, digits))
    first = " & ".join(prose(cell) for cell in table.head) + r" \tabularnewline \hline"
    rows = [
        " & ".join(_latex(cell, digits) for cell in row) + r" \tabularnewline" for row in table.rows
    ]
    made = []
    # a tabular does not break across pages: a long one is set as several
    for k in range(0, len(rows), ROWS):
        head = [first] if k == 0 else []
        start = (
            r"\par\noindent{\small\setlength{\tabcolsep}{0.3em}\renewcommand{\arraystretch}{1.5}%"
        )
        made += [start, rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}", *head, *rows[k : k + ROWS]]
        made.append(r"\end{tabular}}\par")
    return heading + "\n".join(made) + "\n" + notes


def _shares(table: Table, digits: int) -> list[float]:
    """How much of the line each column gets: by what its widest cell needs."""
    texts = [[cell_text(cell, digits) for cell in row] for row in (table.head, *table.rows)]
    needed = [max(6, *(len(row[k]) for row in texts)) for k in range(len(table.head))]
    return [0.94 * n / sum(needed) for n in needed]


def _latex(cell: Cell, digits: int) -> str:
    r"""A cell, ragged; equations in line, so that TeX breaks them at their signs."""
    if isinstance(cell, str):
        return rf"\raggedright {prose(cell)}" if cell else ""
    shown = step_latex(cell, digits)
    inner = shown if shown.startswith(r"\text{") else rf"$\textstyle {shown}$"
    return rf"\raggedright {inner}"


def table_data(table: Table, digits: int = 3) -> dict[str, Any]:
    """The table as plain data: a sentence as a string, a line as in the steps of a derivation."""
    return {
        "section": table.section,
        "head": list(table.head),
        "rows": [
            [cell if isinstance(cell, str) else step_data(cell, digits) for cell in row]
            for row in table.rows
        ],
        "notes": list(table.notes),
    }


def tables_text(tables: Sequence[Table], digits: int, say: Callable[[str], str] = str) -> str:
    """Every table, each after an empty line."""
    return "".join(f"\n{table_text(table, digits, say)}\n" for table in tables)


def tables_latex(tables: Sequence[Table], digits: int) -> str:
    """Every table, one after the other."""
    return "".join(table_latex(table, digits) for table in tables)


def tables_data(tables: Sequence[Table], digits: int) -> list[dict[str, Any]]:
    """Every table as plain data."""
    return [table_data(table, digits) for table in tables]
