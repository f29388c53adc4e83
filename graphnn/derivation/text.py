"""A derivation as text: sections, aligned columns, the rule in the margin."""

from __future__ import annotations

from collections.abc import Callable

from graphnn.derivation.steps import Derived, Side, Step
from graphnn.expression.ascii import spell
from graphnn.expression.unicode import to_unicode

MARGIN = 4
WIDE = 100


def to_text(derivation: Derived, ascii: bool = False) -> str:  # noqa: A002
    """The derivation as a person would write it out; `ascii` spells every sign."""
    say = spell if ascii else str
    blocks: list[str] = []
    section = ""
    rows: list[Step] = []
    for step in (*derivation.steps, None):
        if step is None or step.section != section:
            if rows:
                blocks.append(_block(section, rows, derivation.digits, say))
            rows = []
            section = step.section if step is not None else ""
        if step is not None:
            rows.append(step)
    return "\n\n".join(blocks) + "\n"


def _block(section: str, steps: list[Step], digits: int, say: Callable[[str], str]) -> str:
    """One section; `say` spells a cell before the columns are measured."""
    lines = [say(section)] if section else []
    columns = [[say(cell) for cell in _cells(step, digits)] for step in steps]
    plain = [
        cells
        for cells, step in zip(columns, steps, strict=True)
        if cells and not _is_stacked(step, cells)
    ]
    width = max((len(c[0]) for c in plain), default=0)
    widths = [
        min(max((len(c[k]) for c in plain if len(c) > k), default=0), 44) for k in range(1, 6)
    ]
    rows: list[tuple[str, str]] = []
    for step, cells in zip(steps, columns, strict=True):
        if not cells:
            rows.append((f"  {say(step.rule)}", ""))
        elif _is_stacked(step, cells):
            rows.extend(_stacked(step, cells, width))
        else:
            row = cells[0].ljust(width)
            for k, cell in enumerate(cells[1:]):
                row += " " + cell.ljust(widths[k])
            rows.append((f"  {row.rstrip()}", step.rule))
    rows = [(row, say(rule)) for row, rule in rows]
    column = max((len(row) for row, rule in rows if rule and len(row) <= WIDE), default=0)
    lines += [f"{row.ljust(column)}{' ' * MARGIN}{rule}" if rule else row for row, rule in rows]
    return "\n".join(line.rstrip() for line in lines)


def _is_stacked(step: Step, cells: list[str]) -> bool:
    return step.stacked or sum(map(len, cells)) > WIDE


def _stacked(step: Step, cells: list[str], width: int) -> list[tuple[str, str]]:
    """One side a line, each with its own rule; the step's rule beside the first."""
    head = cells[0].ljust(width)
    rules = [side.rule for side in step.sides] or [""]
    rules[0] = "; ".join(dict.fromkeys(r for r in (rules[0], step.rule) if r))
    lefts = [head, *(" " * len(head) for _ in cells[2:])]
    return [
        (f"  {left} {cell}", rule) for left, cell, rule in zip(lefts, cells[1:], rules, strict=True)
    ]


def _cells(step: Step, digits: int) -> list[str]:
    if step.lhs is None and not step.sides:
        return []
    left = to_unicode(step.lhs, digits) if step.lhs is not None else f"  {step.label}:"
    cells = [left + (f"  {step.shapes}" if step.shapes else "")]
    for k, side in enumerate(step.sides):
        relation = ":=" if step.define and k == 0 else side.relation
        bare = k == 0 and step.lhs is None
        cells.append(side_text(side, digits) if bare else f"{relation} {side_text(side, digits)}")
    return cells


def side_text(side: Side, digits: int) -> str:
    """One side as text."""
    return side.text if side.expr is None else to_unicode(side.expr, digits)
