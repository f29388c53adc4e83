"""`graphnn check`: is this gradient right? Exit code 0 for right, 1 for wrong."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from graphnn.cli.arguments import Debug, Text, prints_unicode, read_program, say
from graphnn.errors import GraphError

_ANSWER = re.compile(r"∂|^\s*d\w+(\[[^]]*\])?\s*/\s*d\w|^\s*d\w+_d\w+(\[[^]]*\])?\s*=")


def check(
    text: Text,
    answers: Annotated[
        list[str],
        typer.Argument(
            metavar="ANSWER... [NAME=VALUE]...",
            help='"∂L/∂w = …" or "dL/dw = …", then values: 2, 1/3, [[1,2],[3,4]] or @file.npz',
        ),
    ],
    assume: Annotated[
        list[str] | None, typer.Option(metavar="EQUATION", help='Such as "sum(y)=1".')
    ] = None,
    digits: Annotated[int, typer.Option(help="Significant digits.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
    ascii: Annotated[bool, typer.Option("--ascii", help="Spell every sign.")] = False,  # noqa: A002
    debug: Debug = False,
) -> None:
    """Judge gradients that you worked out: right, or wrong with the place and the likely slip.

    An answer may use every value of the network, ∂L/∂a too, and define names before: "δ = a − y;
    ∂L/∂W = δ xᵀ". It is held against the derivative at the values and at random points. The exit
    code is 0 for right, 1 for wrong, 2 for what cannot be read.

    \b
    graphnn check "z = w*x; L = (y - z)^2/2" "dL/dw = (z - y)*x"
    graphnn check "p = softmax(z); L = -sum(y*log(p))" "dL/dz = p - y" z=[1,2] y=[0,1]
    """  # noqa: D301
    import graphnn as gnn

    if not 1 <= digits <= 15:
        raise GraphError(f"digits lie between 1 and 15; {digits} was given")
    first, *rest = answers
    typed = [first, *(word for word in rest if _ANSWER.search(word))]
    program, given = read_program(text, [word for word in rest if not _ANSWER.search(word)])
    made = gnn.check(program.graph, "\n".join(typed), given, assume or [], digits)
    say(made.json() if json else made.text(ascii=ascii or not prints_unicode(sys.stdout)))
    if not made.right:
        raise typer.Exit(1)
