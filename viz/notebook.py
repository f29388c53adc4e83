r"""Notebooks: nodes, graphs, formulas and derivations as LaTeX and as HTML, by an explicit call.

`viz.show_in_notebooks()` in a cell registers both with IPython's formatters; nothing is registered
by importing. The HTML holds MathML, so that it needs no scripts; a notebook that prefers LaTeX
(`_repr_latex_`'s MIME type) sets it with MathJax. Drawings show themselves.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any

from graphnn.calculus.formula import Formula, formula_trees
from graphnn.calculus.shapes import shape_text
from graphnn.derivation.latex import step_latex
from graphnn.derivation.result import Derivation
from graphnn.derivation.steps import Step
from graphnn.errors import GraphError
from graphnn.expression.latex import to_latex
from graphnn.expression.names import latex as name_latex
from graphnn.expression.names import show
from graphnn.expression.tree import apply, sym
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle
from graphnn.graph.statements import Statement, network
from graphnn.graph.summary import Summary, count_text

MOST = 60
"""How many statements of a graph are shown."""
_BIG = {"sum": r"\sum", "max": r"\max", "argmax": r"\operatorname{argmax}"}


def show_in_notebooks(shell: Any = None) -> None:
    """Register the display of graphnn's types with an IPython shell (the one that runs, if none).

    >>> import viz
    >>> viz.show_in_notebooks()
    Traceback (most recent call last):
    graphnn.errors.GraphError: no notebook is running; call this in a cell of one...

    Raises GraphError outside IPython.
    """
    if shell is None:
        shell = _running_shell()
    formatters = shell.display_formatter.formatters
    for kind in (Handle, Graph, Formula, Derivation):
        formatters["text/latex"].for_type(kind, latex_of)
        formatters["text/html"].for_type(kind, html_of)
    formatters["text/html"].for_type(Summary, summary_html)


def _running_shell() -> Any:
    # a running shell has been imported already, and graphnn does not depend on it
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        raise GraphError("no notebook is running; call this in a cell of one, or pass its shell")
    return shell


def latex_of(thing: Handle | Graph | Formula | Derivation) -> str:
    r"""A node, a graph, a formula or a derivation as LaTeX that MathJax sets.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> print(latex_of(gnn.name("a", gnn.sigmoid(w * x))))
    $$\begin{aligned}
    z &= w \cdot x \\
    a &= \sigma(z)
    \end{aligned}$$
    """
    return "\n".join(_displayed(lines) for _, lines in _blocks(thing))


def html_of(thing: Handle | Graph | Formula | Derivation) -> str:
    """The same as HTML, with the mathematics in MathML.

    >>> import graphnn as gnn
    >>> "<math" in html_of(gnn.sin(gnn.input("x")))
    True
    """
    parts = []
    for title, lines in _blocks(thing):
        if title:
            parts.append(f"<h4>{escape(title)}</h4>")
        rows = (
            f'<tr><td style="text-align:left">{_cell(latex, rule)}</td>'
            f'<td style="text-align:left">{escape(rule) if latex else ""}</td></tr>'
            for latex, rule in lines
        )
        parts.append(f"<table>{''.join(rows)}</table>")
    return f'<div class="graphnn">{"".join(parts)}</div>'


def summary_html(made: Summary) -> str:
    """A summary as an HTML table, its formulas in MathML.

    >>> import graphnn as gnn
    >>> made = summary_html(gnn.summary(gnn.parameter("w", 3) * gnn.input("x", 3)))
    >>> made.count("<tr>"), "Total parameters: 3" in made
    (4, True)
    """
    lines = [("Scope", "Value", "Formula", "Output shape", "Parameters", "Count")]
    lines += [
        ("", mathml(name_latex(leaf.name)), "input", shape_text(leaf.shape), "", "")
        for leaf in made.inputs
    ]
    for row in made.rows:
        read = [*map(str, row.parameters), *(f"{show(name)} again" for name in row.shared)]
        lines.append(
            (
                escape("/".join(row.scope)),
                mathml(to_latex(row.left)),
                mathml(to_latex(row.formula)),
                shape_text(row.shape),
                escape(", ".join(read)),
                count_text(row.count) if row.parameters else "",
            )
        )
    lines.append(("", "", "", "", f"Total parameters: {count_text(made.total)}", ""))
    shown = ["".join(f'<td style="text-align:left">{cell}</td>' for cell in line) for line in lines]
    return (
        f'<div class="graphnn"><table>{"".join(f"<tr>{line}</tr>" for line in shown)}</table></div>'
    )


Lines = list[tuple[str, str]]
"""Mathematics in LaTeX, and what is said beside it; without mathematics, a sentence."""


def _blocks(thing: Any) -> Iterator[tuple[str, Lines]]:
    match thing:
        case Derivation():
            for section, steps in groupby(thing.steps, key=lambda step: step.section):
                yield section, [_step(step, thing.digits) for step in steps]
        case Formula():
            yield "", [(_formula(thing), _guards(thing))]
        case Handle():
            yield "", _statements(Graph({thing.name or "f": thing}))
        case _:
            yield "", _statements(thing)


def _step(step: Step, digits: int) -> tuple[str, str]:
    if step.lhs is None and not step.sides:
        return "", step.rule
    rules = dict.fromkeys(rule for rule in (*(s.rule for s in step.sides), step.rule) if rule)
    return step_latex(step, digits).replace(r"\mathrel{\mathop:}=", ":="), "; ".join(rules)


def _statements(graph: Graph) -> Lines:
    """One line a statement, and a line for a leaf that is shown by itself."""
    net = network(graph)
    lines: Lines = []
    for statement in net.statements[:MOST]:
        lines.append((_statement(statement), _held(statement.node)))
    if len(net.statements) > MOST:
        lines.append(("", f"… and {len(net.statements) - MOST} more statements"))
    if not net.statements:
        for name, handle in graph.outputs.items():
            lines.append((name_latex(name), f"{handle.node.kind}, {_held(handle.node)}"))
    for leaf, following in graph.updates.items():
        name = str(leaf.name)
        lines.append((rf"{name_latex(name)} \leftarrow \text{{next}}", _held(following.node)))
    return lines


def _statement(statement: Statement) -> str:
    name = sym(statement.name)
    left = name if not statement.index else apply("[]", name, *statement.index)
    return f"{to_latex(left)} = {to_latex(statement.written)}"


def _held(node: Any) -> str:
    return f"{shape_text(node.shape)} {node.dtype}" if node.shape else str(node.dtype)


def _formula(formula: Formula) -> str:
    left, body = formula_trees(formula)
    reduced = ", ".join(name_latex(axis.name) for axis in formula.reduced)
    over = rf"{_BIG[formula.reduce]}_{{{reduced}}} " if reduced and formula.reduce in _BIG else ""
    return f"{to_latex(left)} = {over}{to_latex(body)}"


def _guards(formula: Formula) -> str:
    return (
        "where " + " and ".join(f"{guard} ≥ 0" for guard in formula.guards)
        if formula.guards
        else ""
    )


def _displayed(lines: Lines) -> str:
    """Lines aligned at their first relation; sentences as text."""
    rows = [latex.replace(" = ", " &= ", 1) if latex else rf"&\text{{{_plain(rule)}}}"
            for latex, rule in lines]  # fmt: skip
    body = " \\\\\n".join(rows)
    return f"$$\\begin{{aligned}}\n{body}\n\\end{{aligned}}$$"


def _plain(text: str) -> str:
    r"""A sentence inside \\text{}: signs that LaTeX would read are escaped."""
    return "".join(rf"\{letter}" if letter in "#$%&_{}" else letter for letter in text).replace(
        "^", r"\hat{}"
    )


def _cell(latex: str, rule: str) -> str:
    return mathml(latex) if latex else escape(rule)


def mathml(latex: str) -> str:
    """LaTeX as MathML; what latex2mathml cannot read stays as it is, as code."""
    from latex2mathml.converter import convert

    try:
        made: str = convert(latex, display="block")
    except Exception:  # its errors have no common base
        return f"<code>{escape(latex)}</code>"
    # it leaves an & of a name as it stands
    return re.sub(r"&(?!#?\w+;)", "&amp;", made)
