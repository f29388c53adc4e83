"""`graphnn summary`: a network as a table of statements, shapes and parameters."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import graphnn as gnn
from graphnn.cli.arguments import (
    Debug,
    Text,
    Values,
    data_names,
    prints_unicode,
    read_program,
    say,
    taken_shapes,
    wanted_names,
)
from graphnn.expression.names import show


def summary(
    text: Text,
    values: Values = None,
    wrt: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Count this one as a parameter.")
    ] = None,
    detail: Annotated[
        str, typer.Option(metavar="LEVEL", help="statements, paths or ops.")
    ] = "statements",
    markdown: Annotated[bool, typer.Option("--markdown", help="A Markdown table.")] = False,
    ascii: Annotated[bool, typer.Option("--ascii", help="Spell every sign.")] = False,  # noqa: A002
    debug: Debug = False,
) -> None:
    """Print a network as a table: formulas, shapes, and how many parameters there are.

    Every leaf counts as a parameter but for data (x, y and t); --wrt says which ones do instead.

    \b
    graphnn summary "x: (D); W: (M, D); b: (M); a = sigmoid(W x + b)"
    graphnn summary network.txt x=@image.npz --markdown
    """  # noqa: D301
    program, _ = read_program(text, values)
    floats = [name for name, leaf in program.leaves.items() if leaf.dtype.startswith("float")]
    data = data_names(floats) if wrt is None else []
    counted = (
        wanted_names(program, wrt) if wrt is not None else [n for n in floats if n not in data]
    )
    made = gnn.summary(program.graph, counted, detail)
    if markdown:
        say(made.markdown())
        return
    for note in taken_shapes(program):
        say(f"{note}\n")
    if data:
        be = "is" if len(data) == 1 else "are"
        say(
            f"{', '.join(map(show, data))} {be} taken for data, all else for parameters; "
            "--wrt says otherwise.\n"
        )
    say(made.text(ascii or not prints_unicode(sys.stdout)))
