"""Tables of a derivation: what stands side by side, as data and as text, LaTeX and JSON.

A cell is a line of the derivation (a `Step`) or a sentence. In text the columns stand side by side
where the table fits the width of a page, else every row becomes a block with the heads before its
cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphnn.derivation.json import step_data, step_unicode
from graphnn.derivation.latex import step_latex
from graphnn.derivation.latex_prose import prose
from graphnn.derivation.steps import Step
from graphnn.derivation.text import WIDE

Cell = Step | str
GAP = 3


@dataclass(frozen=True)
class Table:
    """Rows of cells under `head`; `notes` are sentences below it."""

    section: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def cell_text(cell: Cell, digits: int) -> str:
    """A cell as one line of text."""
    return cell if isinstance(cell, str) else step_unicode(cell, digits)


def table_text(table: Table, digits: int = 3, say: Callable[[str], str] = str) -> str:
    """The table in columns, or in blocks where it is wider than a page.

    >>> print(table_text(Table("Sizes", ("small", "large"), (("1", "100"),))))
    Sizes
      small   large
      1       100
    """
    head = [say(cell) for cell in table.head]
    rows = [[say(cell_text(cell, digits)) for cell in row] for row in table.rows]
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    lines = [say(table.section)]
    if not head:
        pass
    elif sum(widths) + GAP * (len(widths) - 1) + 2 <= WIDE:
        for row in (head, *rows):
            padded = (cell.ljust(n) for cell, n in zip(row, widths, strict=True))
            lines.append("  " + (" " * GAP).join(padded).rstrip())
    else:
        left = max(map(len, head))
        for row in rows:
            for name, cell in zip(head, row, strict=True):
                if cell:
                    lines += _wrapped(cell, f"  {name.ljust(left)}  ")
            lines.append("")
        lines.pop()
    for note in table.notes:
        lines += _wrapped(say(note), "  ")
    return "\n".join(line.rstrip() for line in lines)


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
    lines = [
        r"\par\noindent{\small\setlength{\tabcolsep}{0.3em}\renewcommand{\arraystretch}{1.5}%",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        " & ".join(prose(cell) for cell in table.head) + r" \tabularnewline \hline",
    ]
    lines += [
        " & ".join(_latex(cell, digits) for cell in row) + r" \tabularnewline" for row in table.rows
    ]
    lines.append(r"\end{tabular}}\par")
    return heading + "\n".join(lines) + "\n" + notes


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
