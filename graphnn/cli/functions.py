"""`graphnn functions`: the table of activation functions (L2), generated from their formulas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphnn.cli.arguments import Debug, Output, check_suffix, say
from graphnn.errors import GraphError

if TYPE_CHECKING:
    from graphnn.derivation.functions import ActivationRow

_COLUMNS = ("function", "f(x)", "f′(x)", "by f", "range", "remarks")


def functions(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="sigmoid, relu, elu …")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A Markdown table.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="A LaTeX document.")] = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """The activation functions: formula, derivative, range, conventions at kinks.

    All of them, or with steps the ones that are named; -o plots.svg (or .png) draws them.

    \b
    graphnn functions sigmoid elu
    """  # noqa: D301
    from graphnn.derivation.functions import TITLES, function_row, steps_of

    for target in output or ():
        check_suffix(target, (".svg", ".png"))
    rows = [function_row(name) for name in names or TITLES]
    if latex:
        say(_latex(rows))
    elif markdown:
        say(_markdown(rows))
    else:
        for row in rows:
            say(_text(row))
            if names:
                say(f"\n{steps_of(row.name).text()}\n")
    for target in output or ():
        _plot([row for row in rows if row.name != "softmax"], target)
        say(f"wrote {target}\n")


def _remarks(row: ActivationRow) -> list[str]:
    return [*(str(kink) for kink in row.kinks), *([row.note] if row.note else [])]


def _text(row: ActivationRow) -> str:
    lines = [
        f"{row.title} ({row.name})",
        f"  f(x)   = {row.formula}",
        f"  f′(x)  = {row.derivative}" + (f" = {row.by_value}" if row.by_value else ""),
        f"  range  {row.range}",
        *(f"  {remark}" for remark in _remarks(row)),
    ]
    return "\n".join(lines) + "\n"


def _markdown(rows: Sequence[ActivationRow]) -> str:
    from graphnn.expression.latex import to_latex

    lines = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    for row in rows:
        math = [row.formula, row.derivative, row.by_value]
        cells = [f"${to_latex(e)}$" if e is not None else "" for e in math]
        cells = [row.title, *cells, row.range, "; ".join(_remarks(row))]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _latex(rows: Sequence[ActivationRow]) -> str:
    from graphnn.expression.latex import to_latex

    lines = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb,longtable}",
        r"\usepackage[a4paper,landscape,margin=12mm]{geometry}",
        r"\begin{document}\small\renewcommand{\arraystretch}{2}",
        r"\begin{longtable}{p{30mm}lllp{22mm}p{68mm}}",
        r"function & $f(x)$ & $f'(x)$ & by $f$ & range & remarks \\ \hline",
    ]
    for row in rows:
        math = [row.formula, row.derivative, row.by_value]
        cells = [f"$\\displaystyle {to_latex(e)}$" if e is not None else "" for e in math]
        remarks = _typeset("; ".join(_remarks(row)))
        cells = [row.title, *cells, _typeset(row.range), remarks]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\end{longtable}", r"\end{document}", ""])


_SIGNS = {
    "−": "$-$", "∞": r"$\infty$", "α": r"$\alpha$", "Σ": r"$\Sigma$", "∂": r"$\partial$",
    "{": r"\{", "}": r"\}", "<": "$<$", ">": "$>$", "[": "{[}", "]": "{]}",
}  # fmt: skip


def _typeset(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in text)


def _plot(rows: Sequence[ActivationRow], target: Path) -> None:
    """Value and derivative of each function, side by side with the others."""
    try:
        import matplotlib
    except ImportError:
        raise GraphError("plots need matplotlib: pip install 'graphnn[plot]'") from None
    import numpy as np
    from matplotlib.figure import Figure

    columns = min(4, len(rows)) or 1
    lines = -(-len(rows) // columns) or 1
    x = np.linspace(-4, 4, 1602)  # an even number: no point lies on a jump
    with matplotlib.rc_context({"svg.hashsalt": "graphnn", "font.size": 9}):
        figure = Figure(figsize=(3.1 * columns, 2.6 * lines), layout="constrained")
        axes = np.atleast_1d(figure.subplots(lines, columns)).ravel()
        for place, row in zip(axes, rows, strict=False):
            for values, style, label in (
                (row.value(x), {"color": "#1f5fa8"}, "f"),
                (row.slope(x), {"color": "#c4461f", "linestyle": "--"}, "f′"),
            ):
                jumps = np.abs(np.diff(values, prepend=values[0])) > 0.2
                place.plot(x, np.where(jumps, np.nan, values), label=label, **style)
            place.set_title(row.title)
            place.grid(alpha=0.3)
            place.legend(frameon=False)
        for place in axes[len(rows) :]:
            place.set_visible(False)
        metadata = {"Date": None} if target.suffix == ".svg" else None
        figure.savefig(target, metadata=metadata, dpi=120)
