"""`graphnn functions`: the table of functions (L2) and losses, generated from their formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphnn.cli.arguments import Debug, Output, check_suffix, say
from graphnn.errors import GraphError

if TYPE_CHECKING:
    from graphnn.derivation.functions import FunctionRow

WIDTH = 100
FAR = 60  # a curve that goes further up or down has a pole: the rest is what is to be seen


def functions(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="sigmoid, relu, elu …")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A Markdown table.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="A LaTeX document.")] = False,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Functions and losses: formula, derivative, range, conventions, where undefined.

    All of them in three groups, or with steps the ones that are named; -o plots.svg (or .png)
    draws those of one number.

    \b
    graphnn functions sigmoid elu
    """  # noqa: D301
    from graphnn.derivation.functions import GROUPS, function_row, steps_of

    for target in output or ():
        check_suffix(target, (".svg", ".png"))
    listed = names or [name for group in GROUPS.values() for name in group]
    rows = [function_row(name) for name in listed]
    plotted = [row for row in rows if row.group != "losses" and row.name != "softmax"]
    if output and not plotted:
        raise GraphError(f"a plot shows functions of one number; {', '.join(listed)} is none")
    if latex:
        say(_latex(rows))
    elif markdown:
        say(_markdown(rows))
    else:
        for group, members in _grouped(rows):
            if not names:
                say(f"{group.capitalize()}\n\n")
            for row in members:
                say(_text(row) + "\n")
                if names:
                    say(f"{steps_of(row.name).text()}\n")
    for target in output or ():
        _plot(plotted, target)
        say(f"wrote {target}\n")


def _grouped(rows: Sequence[FunctionRow]) -> list[tuple[str, list[FunctionRow]]]:
    """The rows by their groups, in the order in which those are met."""
    found: dict[str, list[FunctionRow]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return list(found.items())


def _remarks(row: FunctionRow) -> list[str]:
    return [*(str(kink) for kink in row.kinks), *row.remarks]


def _text(row: FunctionRow) -> str:
    loss = row.group == "losses"
    labels = ("L", f"∂L/∂{row.variable}") if loss else ("f(x)", "f′(x)")
    lines = [
        f"{row.title} ({row.name})",
        f"  {labels[0].ljust(6)} = {row.formula}",
        f"  {labels[1].ljust(6)} = {row.derivative}"
        + (f" = {row.by_value}" if row.by_value else ""),
        *([f"  range  {row.range}"] if row.range else []),
        *(
            fill(remark, WIDTH, initial_indent="  ", subsequent_indent="  ")
            for remark in _remarks(row)
        ),
    ]
    return "\n".join(lines) + "\n"


def _cells(row: FunctionRow, math: str, typeset: Callable[[str], str]) -> list[str]:
    """A row's cells; `math` is what stands around a formula."""
    from graphnn.expression.latex import to_latex

    slope = to_latex(row.derivative)
    if row.group == "losses":
        slope = rf"\partial L/\partial {row.variable} = {slope}"
    by_value = math.format(to_latex(row.by_value)) if row.by_value is not None else ""
    texts = (typeset(text) for text in (row.title, row.range, "; ".join(_remarks(row))))
    title, interval, remarks = texts
    return [
        title, math.format(to_latex(row.formula)), math.format(slope), by_value, interval, remarks
    ]  # fmt: skip


def _markdown(rows: Sequence[FunctionRow]) -> str:
    lines = []
    for group, members in _grouped(rows):
        shown = _columns(group)
        lines += [f"**{group.capitalize()}**", ""]
        lines += [f"| {' | '.join(_heads(group))} |", "|---" * len(shown) + "|"]
        for row in members:
            cells = _cells(row, "${}$", lambda text: text)
            escaped = [cells[k].replace("|", r"\|") for k in shown]
            lines.append(f"| {' | '.join(escaped)} |")
        lines.append("")
    return "\n".join(lines)


def _columns(group: str) -> tuple[int, ...]:
    """The columns that a group fills: losses have no range and are not written by themselves."""
    return (0, 1, 2, 5) if group == "losses" else (0, 1, 2, 3, 4, 5)


def _heads(group: str) -> tuple[str, ...]:
    if group == "losses":
        return ("loss", "$L$", "derivative", "remarks")
    return ("function", "$f(x)$", "$f'(x)$", "by $f$", "range", "remarks")


def _latex(rows: Sequence[FunctionRow]) -> str:
    lines = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb,array,longtable}",
        r"\usepackage[a4paper,landscape,margin=12mm]{geometry}",
        r"\newcolumntype{P}[1]{>{\raggedright\arraybackslash}p{#1}}",
        r"\begin{document}\small\renewcommand{\arraystretch}{2}",
    ]
    for group, members in _grouped(rows):
        shown = _columns(group)
        places = "P{46mm}llP{84mm}" if group == "losses" else "P{32mm}lllP{22mm}P{68mm}"
        lines += [
            rf"\section*{{{group.capitalize()}}}",
            rf"\begin{{longtable}}{{{places}}}",
            rf"{' & '.join(_heads(group))} \\ \hline",
        ]
        for row in members:
            cells = _cells(row, r"$\displaystyle {}$", _typeset)
            lines.append(" & ".join(cells[k] for k in shown) + r" \\")
        lines += [r"\end{longtable}", r"\clearpage"]
    return "\n".join([*lines, r"\end{document}", ""])


_SIGNS = {
    "−": "$-$", "∞": r"$\infty$", "α": r"$\alpha$", "Σ": r"$\Sigma$", "∂": r"$\partial$",
    "½": r"$\tfrac12$", "′": "$'$", "≤": r"$\le$", "≠": r"$\ne$", "·": r"$\cdot$",
    "π": r"$\pi$", "σ": r"$\sigma$", "λ": r"$\lambda$",
    "{": r"\{", "}": r"\}", "<": "$<$", ">": "$>$", "[": "{[}", "]": "{]}",
}  # fmt: skip


def _typeset(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in text)


def _jumps(values: Any) -> Any:
    """Where a curve is not joined to the point before: a step beside which its neighbours are small."""
    import numpy as np

    steps = np.abs(np.diff(values, prepend=values[0]))
    beside = np.fmax(np.append(steps[1:], 0), np.insert(steps[:-1], 0, 0))
    poles = (np.abs(values) > 8) & (np.sign(values) != np.sign(np.roll(values, 1)))
    return poles | ((steps > 0.1) & (steps > 2 * beside))


def _plot(rows: Sequence[FunctionRow], target: Path) -> None:
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
            value = row.value(x)
            slope = np.where(np.isfinite(value), row.slope(x), np.nan)
            for values, style, label in (
                (value, {"color": "#1f5fa8"}, "f"),
                (slope, {"color": "#c4461f", "linestyle": "--"}, "f′"),
            ):
                place.plot(x, np.where(_jumps(values), np.nan, values), label=label, **style)
            place.set_xlim(-4.2, 4.2)
            if np.nanmax(np.abs([value, slope])) > FAR:
                place.set_ylim(-8, 8)
            place.set_title(row.title)
            place.grid(alpha=0.3)
            place.legend(frameon=False)
        for place in axes[len(rows) :]:
            place.set_visible(False)
        metadata = {"Date": None} if target.suffix == ".svg" else None
        figure.savefig(target, metadata=metadata, dpi=120)
