r"""A derivation as LaTeX: sections, aligned equations, the rule as text at the right.

A fragment needs amsmath and amssymb; the whole document adds a page that fits. Widths are estimated
(`latex_width`), so that no line is wider than the page: sides stand beside each other where they
fit, else below each other, and one that is too wide by itself is broken at its own signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from graphnn.derivation.latex_prose import prose
from graphnn.derivation.latex_width import prose_width, width
from graphnn.derivation.shown import literal, summary
from graphnn.derivation.steps import Derived, Side, Step
from graphnn.expression.latex import to_latex
from graphnn.expression.names import canonical
from graphnn.expression.names import latex as name_latex
from graphnn.expression.tree import symbols

ROOM = 45.0
"""How much fits on a line of the document, in em."""
RULE_ROOM = 13.0
WIDE_LEFT = 24.0
GAP = 1.0
_RELATIONS = {"=": "=", "≈": r"\approx", ":=": r"\mathrel{\mathop:}="}

_PREAMBLE = r"""\documentclass[fleqn]{article}
\usepackage{amsmath}
\usepackage{amssymb}
\usepackage[a4paper, margin=21mm]{geometry}
\setlength{\mathindent}{1em}
\setlength{\jot}{5pt}
\allowdisplaybreaks[1]
\begin{document}
"""
_SPACING = r"""\setlength{\abovedisplayskip}{4pt plus 2pt}
\setlength{\belowdisplayskip}{4pt plus 2pt}
\raggedright
"""


def to_latex_document(derivation: Derived, document: bool = False, tables: str = "") -> str:
    r"""The derivation in LaTeX, its tables at the end: a fragment, or a whole `article`.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> print(to_latex_document(gnn.derive(gnn.name("L", x**2), "x")).splitlines()[2])
    & L && = x^{2}
    """
    body = "\n".join([*_sections(derivation), *([tables] if tables else [])])
    if not document:
        return body
    return f"{_PREAMBLE}{_SPACING}{_heading(derivation)}\n{body}\\end{{document}}\n"


def step_latex(step: Step, digits: int = 3) -> str:
    r"""One step as one line of mathematics: `lhs = side = side …`, without its rule.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> [step_latex(s) for s in gnn.derive(gnn.name("L", x**2), "x").steps][1]
    '\\frac{\\partial L}{\\partial x} = 2 \\cdot x'
    """
    if step.lhs is None and not step.sides:
        return rf"\text{{{prose(step.rule)}}}"
    left = rf"\text{{{_label(step.label)}: }}" if step.lhs is None else to_latex(step.lhs, digits)
    for k, side in enumerate(step.sides):
        lead = "" if k == 0 and step.lhs is None else f" {_relation(step, k)} "
        left += lead + _side(side, digits)
    return left


# What stands around the equations.


def _heading(derivation: Derived) -> str:
    """The title, and the values at which the numbers hold."""
    loss = name_latex(derivation.loss)
    asked = ", ".join(f"${name_latex(name)}$" for name in derivation.wrt)
    many = "s" if len(derivation.wrt) > 1 else ""
    title = rf"Gradient{many} of ${loss}$ with respect to {asked}"
    lines = [rf"\section*{{\boldmath {title}}}"]
    if derivation.values is not None:
        computed = {s.statement for s in derivation.steps if s.kind == "forward"}
        given = [_given(n, v, derivation.digits) for n, v in derivation.values.items()
                 if n not in computed]  # fmt: skip
        listed = ",\\quad\n".join(given)
        lines.append(f"At {listed}.\n" if given else "")
    return "\n".join(lines)


def _given(name: str, value: Any, digits: int) -> str:
    written = literal(value)
    shown = to_latex(written, digits) if written is not None else None
    if shown is None:
        return f"${name_latex(name)}$: {prose(summary(value, digits))}"
    return f"${name_latex(name)} = {shown}$"


def _sections(derivation: Derived) -> Iterator[str]:
    names = _names(derivation)
    for section, steps in groupby(derivation.steps, key=lambda s: s.section):
        if section:
            yield rf"\subsection*{{\boldmath {prose(section, names)}}}"
        blocks = [
            _prose_block(list(run), names)
            if said
            else _equations(list(run), derivation.digits, names)
            for said, run in groupby(steps, key=lambda s: s.lhs is None and not s.sides)
        ]
        yield "".join(blocks)


def _names(derivation: Derived) -> frozenset[str]:
    """Every name of the derivation: what a rule may speak of."""
    found = {derivation.loss, *derivation.wrt}
    for step in derivation.steps:
        found.update(step.operands)
        if step.lhs is not None:
            found.update(symbols(step.lhs))
    return frozenset(found)


def _prose_block(steps: Sequence[Step], names: frozenset[str]) -> str:
    said = [prose(step.rule, names) for step in steps]
    return "".join(rf"\par\noindent {text}\par" + "\n" for text in said)


def _label(label: str) -> str:
    """`f ← u ← x` as text."""
    path = [name_latex(canonical(name)) for name in label.split(" ← ")]
    return "$" + r" \leftarrow ".join(path) + "$"


# Equations: cells with widths, then rows, then an environment.


@dataclass(frozen=True)
class _Cell:
    """Mathematics, what stands before it (a relation), and how wide both are."""

    body: str
    width: float
    lead: str = ""

    @property
    def latex(self) -> str:
        return self.lead + self.body


@dataclass(frozen=True)
class _Row:
    """One step in cells: its left side, its sides with their relations, and their rules."""

    left: _Cell
    sides: tuple[_Cell, ...]
    rules: tuple[str, ...]
    stacked: bool
    label: str
    valued: bool = False

    @property
    def rule(self) -> str:
        return "; ".join(dict.fromkeys(rule for rule in self.rules if rule))


def _equations(steps: Sequence[Step], digits: int, names: frozenset[str]) -> str:
    """Steps as aligned equations: rows of one kind share an environment."""
    rows = [_row(step, digits) for step in steps]
    made = []
    for _, group in groupby(rows, key=lambda row: row.stacked or bool(row.label)):
        found = list(group)
        if found[0].label:
            made += [_labelled(row, names) for row in found]
        else:
            made.append(_aligned(found, names))
    return "".join(made)


def _row(step: Step, digits: int) -> _Row:
    if step.lhs is None:
        left = _Cell("", 0.0)
    else:
        left = _Cell(to_latex(step.lhs, digits), width(step.lhs, digits))
    summarised = any(side.expr is None for side in step.sides)
    shape = _space("" if summarised else step.shapes)
    sides = []
    for k, side in enumerate(step.sides):
        lead = "" if k == 0 and step.lhs is None else f"{_relation(step, k)} "
        tail = shape if k == len(step.sides) - 1 else _Cell("", 0.0)
        own = 1.15 * prose_width(side.text) if side.expr is None else width(side.expr, digits)
        sides.append(_Cell(_side(side, digits) + tail.latex, own + tail.width + 1.4, lead))
    rules = [side.rule for side in step.sides] or [""]
    own_sides = list(sides)
    if left.width > WIDE_LEFT and sides:
        # a left side that is half a line stands on a line of its own
        sides.insert(0, left)
        rules.insert(0, "")
        left = _Cell("", 0.0)
    # what a definition stands for comes first; the rule is how that is computed
    at = 1 if (step.define or sides[:1] != own_sides[:1]) and len(rules) > 1 else 0
    rules[at] = "; ".join(dict.fromkeys(r for r in (rules[at], step.rule) if r))
    total = left.width + sum(cell.width + GAP for cell in sides)
    wide = step.stacked or total > ROOM or (step.lhs is not None and not left.width)
    valued = bool(step.sides) and step.sides[-1].kind == "value"
    return _Row(left, tuple(sides), tuple(rules), wide, step.label, valued)


def _space(shape: str) -> _Cell:
    r"""`(3, 2)` as \in \mathbb{R}^{3 \times 2}."""
    sizes = [size.strip() for size in shape.strip("()").split(",") if size.strip()]
    if not sizes:
        return _Cell("", 0.0)
    shown = [name_latex(s) if re.fullmatch(r"[A-Za-z]\w*", s) else prose(s) for s in sizes]
    inner = r" \times ".join(s.replace("$", "") for s in shown)
    return _Cell(rf" \in \mathbb{{R}}^{{{inner}}}", 2.6 + 0.8 * sum(map(len, sizes)))


def _side(side: Side, digits: int) -> str:
    if side.expr is None:
        return rf"\text{{{prose(side.text)}}}"
    return to_latex(side.expr, digits)


def _relation(step: Step, k: int) -> str:
    return _RELATIONS[":=" if step.define and k == 0 else step.sides[k].relation]


def _labelled(row: _Row, names: frozenset[str]) -> str:
    """A path's product, below the path."""
    head = f"\\par\\smallskip\\noindent\\hspace*{{1em}}along {_label(row.label)}:\n"
    if sum(cell.width for cell in row.sides) < ROOM - 2:
        joined = _Cell(" ".join(c.latex for c in row.sides), sum(c.width for c in row.sides))
        sides: tuple[_Cell, ...] = (joined,)
    else:
        sides = row.sides
    rules = (row.rule, *("" for _ in sides[1:]))
    return head + _aligned([_Row(_Cell("", 0.0), sides, rules, True, "")], names)


def _aligned(rows: Sequence[_Row], names: frozenset[str]) -> str:
    """Rows in one environment: side by side where all of them fit, else one side a line."""
    if any(row.stacked for row in rows) or _total(rows) > ROOM:
        lines = [" \\\\*\n".join(_stacked(row, rows, names)) for row in rows]
        columns, gap = 2, "[4pt]"
    else:
        columns = max(len(row.sides) for row in rows)
        lines = [_beside(row, rows, columns, names) for row in rows]
        columns, gap = columns + 1, ""
    body = f" \\\\{gap}\n".join(lines)
    return f"\\begin{{alignat*}}{{{columns + 1}}}\n{body}\n\\end{{alignat*}}\n"


def _total(rows: Sequence[_Row]) -> float:
    """The width of rows side by side, rules included as far as they must be."""
    count = max(len(row.sides) for row in rows)
    placed = [_placed(row, count) for row in rows]
    columns = [max(cells[k].width for cells in placed) + GAP for k in range(count)]
    rule = max(prose_width(row.rule) for row in rows)
    return max(r.left.width for r in rows) + sum(columns) + min(rule, RULE_ROOM) + 2 * (rule > 0)


def _placed(row: _Row, count: int) -> list[_Cell]:
    """The sides of a row in `count` columns: results stand in the last one."""
    empty = [_Cell("", 0.0)] * (count - len(row.sides))
    if row.valued and len(row.sides) > 1:
        return [*row.sides[:-1], *empty, row.sides[-1]]
    return [*row.sides, *empty]


def _beside(row: _Row, rows: Sequence[_Row], columns: int, names: frozenset[str]) -> str:
    cells = [cell.latex for cell in _placed(row, columns)]
    spaced = [cells[0], *(rf"\; {cell}" if cell else "" for cell in cells[1:])]
    line = " && ".join([f"& {row.left.latex}", *spaced]).replace("&&  &&", "&& &&")
    if row.rule:
        room = ROOM - _total(rows) + min(max(prose_width(r.rule) for r in rows), RULE_ROOM)
        return f"{line} && {_rule(row.rule, room, names)}"
    while line.endswith(" && "):
        line = line[:-4]
    return line


def _stacked(row: _Row, rows: Sequence[_Row], names: frozenset[str]) -> list[str]:
    """One side a line; the rule beside it where there is room, else below."""
    left = max(r.left.width for r in rows)
    widest = max((min(c.width, ROOM - left) for r in rows for c in r.sides), default=0.0)
    room = ROOM - left - widest - 3
    lines = []
    lefts = [row.left.latex, *("" for _ in row.sides[1:])]
    for left_side, cell, rule in zip(lefts, row.sides, row.rules, strict=True):
        shown = _broken(cell, ROOM - left) if cell.width > ROOM - left else cell.latex
        line = f"& {left_side} && {shown}" if left_side else f"& && {shown}"
        if rule:
            if room >= min(prose_width(rule), RULE_ROOM):
                line += " &&" + _rule(rule, room, names)
            else:
                # without a width of its own, so that the rules beside other sides stay near them
                line += " \\\\*\n& && \\rlap{" + _rule(rule, ROOM - left - 2, names) + "}"
        lines.append(line)
    return lines


def _broken(cell: _Cell, room: float) -> str:
    """Mathematics that is too wide for a line: TeX breaks it at its signs."""
    inner = rf"{{\raggedright $\displaystyle {cell.body}$}}"
    return rf"{cell.lead}\parbox[t]{{{room - 2:.1f}em}}{inner}"


def _rule(rule: str, room: float, names: frozenset[str]) -> str:
    text = prose(rule, names)
    if prose_width(rule) <= room:
        return rf"\quad \text{{\small {text}}}"
    return rf"\quad \parbox[t]{{{room:.1f}em}}{{\raggedright\small {text}}}"
