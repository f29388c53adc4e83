"""`graphnn draw`: a network as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphnn.cli.arguments import (
    DRAWN,
    Dark,
    Debug,
    Forward,
    Highlight,
    Output,
    Size,
    Text,
    Values,
    Wrt,
    check_suffix,
    drawing_of,
    read_program,
    say,
    wanted_names,
)


def draw(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    detail: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="paths, statements, ops, or scopes: one box for each."),
    ] = None,
    path: Highlight = None,
    forward: Forward = False,
    dark: Dark = False,
    size: Size = None,
    digits: Annotated[int, typer.Option(help="Significant digits.")] = 3,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Draw a network: what flows forward, and the gradients that come back.

    Writes graph.svg, or what -o says: .svg, .png, .pdf or .dot.

    \b
    graphnn draw "z = w*x + b; a = sigmoid(z); L = (y - a)^2/2" x=2 y=1 w=0.5 b=0
    graphnn draw "z = w*x + b; L = (z - y)^2" x=2 y=1 w=0.5 b=0 --path w --size slide -o slide.pdf
    """  # noqa: D301
    targets = output or [Path("graph.svg")]
    for target in targets:
        check_suffix(target, DRAWN)
    program, given = read_program(text, values)
    look = {"path": path, "forward": forward, "dark": dark, "size": size}
    made = drawing_of(program, given, wanted_names(program, wrt), detail, digits, **look)
    for target in targets:
        made.save(target)
        say(f"wrote {target}\n")
