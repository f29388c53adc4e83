"""A network as a table: what each statement computes, its shape, and the parameters it reads.

Data first (`Summary`, `SummaryRow`), then its two ways of being written, text and Markdown. The
rows are the statements of `graphnn.graph.statements`; a parameter is counted where it is first
read, so that the counts add up to the total where weights are shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any

from graphnn.calculus.formula import Shape, Size
from graphnn.calculus.polynomial import plain, to_expression
from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError
from graphnn.expression.algebra import add, multiply
from graphnn.expression.ascii import spell
from graphnn.expression.latex import to_latex
from graphnn.expression.names import canonical, did_you_mean, show
from graphnn.expression.sympy_view import from_sympy, to_sympy
from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.graph.graph import as_graph
from graphnn.graph.node import Node
from graphnn.graph.statements import Network, Statement, network

_BYTES = {"float32": 4, "float64": 8, "int64": 8, "bool": 1}
_WIDEST = 44
"""Columns of text: a longer formula is cut, a longer list of parameters goes on below."""


@dataclass(frozen=True)
class Leaf:
    """A leaf: its name, shape and dtype."""

    name: str
    shape: Shape
    dtype: str

    @property
    def count(self) -> Size:
        """How many numbers it holds: the product of its sizes."""
        return plain(prod(self.shape, start=1))

    def __str__(self) -> str:
        """`K₁ (3, 3, 3, 32)`; a scalar's name alone."""
        return f"{show(self.name)} {shape_text(self.shape)}" if self.shape else show(self.name)


@dataclass(frozen=True)
class SummaryRow:
    """One statement: `left = formula`, in which scope, of which shape.

    `parameters` are read here for the first time, and counted here; `shared` are the names of
    those that an earlier row counts.
    """

    scope: tuple[str, ...]
    left: Expr
    formula: Expr
    shape: Shape
    dtype: str
    parameters: tuple[Leaf, ...]
    shared: tuple[str, ...]

    @property
    def count(self) -> Size:
        """How many parameters are counted here."""
        return _sum(leaf.count for leaf in self.parameters)


@dataclass(frozen=True)
class Summary:
    """A network as a table; `str` prints it, `markdown()` is for a page.

    `rows` are the statements in the user's order, `inputs` and `parameters` the leaves.

    >>> import graphnn as gnn
    >>> made = gnn.summary(gnn.parameter("W", (3, 4)) @ gnn.input("x", 4) + gnn.parameter("b", 3))
    >>> made.total, made.bytes, [str(leaf) for leaf in made.parameters]
    (15, 60, ['W (3, 4)', 'b (3,)'])
    """

    rows: tuple[SummaryRow, ...]
    inputs: tuple[Leaf, ...]
    parameters: tuple[Leaf, ...]

    @property
    def total(self) -> Size:
        """How many parameters there are: a number, or a polynomial of the symbolic sizes."""
        return _sum(leaf.count for leaf in self.parameters)

    @property
    def unread(self) -> tuple[Leaf, ...]:
        """Parameters that no row counts: those that are outputs themselves."""
        counted = {leaf for row in self.rows for leaf in row.parameters}
        return tuple(leaf for leaf in self.parameters if leaf not in counted)

    @property
    def bytes(self) -> int | None:
        """What the parameters take in memory, in bytes; None where a size is symbolic."""
        counts = [(leaf.count, _BYTES[leaf.dtype]) for leaf in self.parameters]
        known = [n * size for n, size in counts if isinstance(n, int)]
        return sum(known) if len(known) == len(counts) else None

    def text(self, ascii: bool = False) -> str:  # noqa: A002
        """The table in columns, scopes as headings; with `ascii` every sign is spelled."""
        lines = [
            ("Value", "Formula", "Output shape", "Parameters", "Count"),
            *((show(x.name), "input", shape_text(x.shape), "", "") for x in self.inputs),
            *(
                (show(x.name), "parameter", shape_text(x.shape), str(x), count_text(x.count))
                for x in self.unread
            ),
            *_headed(self.rows, 0),
        ]
        spelled = [tuple(map(spell, line)) for line in lines] if ascii else lines
        made = _columns(spelled)
        rule = "-" * max(map(len, made))
        note = spell(self._note()) if ascii else self._note()
        return "\n".join([made[0], rule, *made[1:], rule, note, ""])

    def markdown(self) -> str:
        """The table in Markdown, its formulas in LaTeX."""
        scoped = any(row.scope for row in self.rows)
        head = ["Scope"] * scoped + ["Value", "Formula", "Output shape", "Parameters", "Count"]
        lines = [f"| {' | '.join(head)} |", "|---" * (len(head) - 1) + "|---:|"]
        for leaf in self.inputs:
            cells = [_math(sym(leaf.name)), "input", shape_text(leaf.shape), "", ""]
            lines.append(_markdown_row([""] * scoped + cells))
        for leaf in self.unread:
            cells = [_math(sym(leaf.name)), "parameter", shape_text(leaf.shape), str(leaf)]
            lines.append(_markdown_row([""] * scoped + [*cells, count_text(leaf.count)]))
        for row in self.rows:
            cells = [
                _math(row.left),
                _math(row.formula),
                shape_text(row.shape),
                ", ".join(_read(row)),
                count_text(row.count) if row.parameters else "",
            ]
            lines.append(_markdown_row(["/".join(row.scope)] * scoped + cells))
        return "\n".join([*lines, "", self._note(), ""])

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return self.markdown()

    def __str__(self) -> str:
        """The table in columns."""
        return self.text().rstrip("\n")

    def _note(self) -> str:
        size = self.bytes
        held = ", ".join(dict.fromkeys(leaf.dtype for leaf in self.parameters))
        memory = f" ({_size_text(size)}, {held})" if size else ""
        return f"Total parameters: {count_text(self.total)}{memory}"


def summary(
    thing: Any, parameters: Iterable[str] | None = None, detail: str = "statements"
) -> Summary:
    """A network as a table: statement, formula, output shape, parameters, and their number.

    `thing` is a Graph, a node or a dict of nodes. `parameters` names the leaves that count as
    parameters; without it they are those made by `gnn.parameter`. `detail` is "statements" (the
    lines that were named), "paths" or "ops", as in drawings. A dense layer of M units on D inputs
    has M(D + 1) parameters (L1).

    >>> import graphnn as gnn
    >>> x, W, b = gnn.input("x", ("B", "D")), gnn.parameter("W", ("M", "D")), gnn.parameter("b", "M")
    >>> print(gnn.summary(gnn.name("a", gnn.sigmoid(x @ W.T + b))))
    Value  Formula      Output shape  Parameters           Count
    ------------------------------------------------------------
    x      input        (B, D)
    a      σ(x Wᵀ + b)  (B, M)        W (M, D), b (M,)  M(D + 1)
    ------------------------------------------------------------
    Total parameters: M(D + 1)

    Raises GraphError for a name in `parameters` that is no leaf, or an unknown `detail`.
    """
    graph = as_graph(thing)
    net = network(graph, detail)
    names = [*net.leaves]
    counted = set(_parameters(net, parameters))
    leaves = {name: _leaf(name, net.nodes[name]) for name in names}
    seen: set[str] = set()
    rows = []
    for statement in net.statements:
        rows.append(_row(statement, leaves, counted, seen))
        seen.update(statement.reads)
    return Summary(
        tuple(rows),
        tuple(leaf for name, leaf in leaves.items() if name not in counted),
        tuple(leaf for name, leaf in leaves.items() if name in counted),
    )


def count_text(count: Size) -> str:
    """A number of parameters: 1,626,442, or M(D + 1) where sizes are symbolic.

    >>> count_text(1626442)
    '1,626,442'
    """
    if isinstance(count, int):
        return f"{count:,}"
    import sympy  # slow to import, and most counts are numbers

    number, factors = sympy.factor_list(to_sympy(to_expression(count)))
    sums = [_in_order(factor) for factor, power in factors for _ in range(power)]
    return str(multiply(num(int(number)), *sums))


def _in_order(factor: Any) -> Expr:
    """D + 1, as polynomials are written; sympy's own order would be 1 + D."""
    return add(*(from_sympy(term) for term in factor.as_ordered_terms()))


def _parameters(net: Network, wanted: Iterable[str] | None) -> list[str]:
    if wanted is None:
        return [name for name in net.leaves if net.nodes[name].op == "parameter"]
    found = [canonical(name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
    for name in found:
        if name not in net.leaves:
            raise GraphError(
                f"there is no leaf called {name}{did_you_mean(name, net.leaves)}; "
                f"leaves: {', '.join(net.leaves)}"
            )
    return found


def _leaf(name: str, node: Node) -> Leaf:
    return Leaf(name, node.shape, node.dtype)


def _row(
    statement: Statement, leaves: dict[str, Leaf], counted: set[str], seen: set[str]
) -> SummaryRow:
    left = sym(statement.name)
    read = [name for name in statement.reads if name in counted]
    return SummaryRow(
        statement.scope,
        left if not statement.index else apply("[]", left, *statement.index),
        statement.written,
        statement.node.shape,
        statement.node.dtype,
        tuple(leaves[name] for name in read if name not in seen),
        tuple(name for name in read if name in seen),
    )


def _sum(counts: Iterable[Size]) -> Size:
    return plain(sum(counts, start=0))


def _size_text(size: int) -> str:
    power = min((len(str(size)) - 1) // 3, 4)
    return f"{size / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


# ---- columns ---------------------------------------------------------------------------------

Cells = tuple[str, ...]


def _headed(rows: Sequence[SummaryRow], depth: int) -> Iterator[Cells]:
    """The rows' cells; a scope's rows stand below its name, with the sum of their counts."""
    for inside, found in groupby(rows, key=lambda row: row.scope[depth : depth + 1]):
        group = list(found)
        if inside:
            several = len([row for row in group if row.parameters]) > 1
            count = count_text(_sum(row.count for row in group)) if several else ""
            yield "  " * depth + inside[0], "", "", "", count
            yield from _headed(group, depth + 1)
        else:
            for row in group:
                yield from _lines(row, "  " * depth)


def _lines(row: SummaryRow, margin: str) -> Iterator[Cells]:
    formula = str(row.formula)
    if len(formula) > _WIDEST:
        formula = formula[: _WIDEST - 1] + "…"
    below = _wrapped(_read(row))
    count = count_text(row.count) if row.parameters else ""
    yield margin + str(row.left), formula, shape_text(row.shape), below[0], count
    for part in below[1:]:
        yield "", "", "", part, ""


def _read(row: SummaryRow) -> list[str]:
    """The parameters of a row: those counted, then those that an earlier row counts."""
    again = ", ".join(map(show, row.shared))
    return [*map(str, row.parameters), *([f"{again} again"] if again else [])]


def _wrapped(parts: Sequence[str]) -> list[str]:
    """Parts joined by commas, in lines that are not too long."""
    lines = [""]
    for part in parts:
        longer = f"{lines[-1]}, {part}" if lines[-1] else part
        if lines[-1] and len(longer) > _WIDEST:
            lines[-1] += ","
            lines.append(part)
        else:
            lines[-1] = longer
    return lines


def _columns(lines: Sequence[Cells]) -> list[str]:
    """Cells aligned; the last column, the counts, to the right."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return [
        "  ".join(
            [*(cell.ljust(w) for cell, w in zip(line[:-1], widths, strict=False)),
             line[-1].rjust(widths[-1])]
        ).rstrip()
        for line in lines
    ]  # fmt: skip


# ---- Markdown --------------------------------------------------------------------------------


def _math(e: Expr) -> str:
    return f"${to_latex(e)}$"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
