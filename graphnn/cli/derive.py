"""`graphnn derive`: how the gradients of a network come about."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

import graphnn as gnn
from graphnn.cli.arguments import (
    DRAWN,
    Debug,
    Detail,
    Output,
    Text,
    Values,
    Wrt,
    check_suffix,
    data_names,
    drawing_of,
    outputs_of,
    prints_unicode,
    read_program,
    read_rate,
    say,
    taken_data,
    taken_shapes,
    wanted_names,
)
from graphnn.derivation.steps import Step
from graphnn.errors import GraphError
from graphnn.files import write_text

if TYPE_CHECKING:
    from graphnn.text import Program


def derive(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    cotangent: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE", help="What flows into a tensor output.")
    ] = None,
    lr: Annotated[str | None, typer.Option(metavar="RATE", help="Show the update, too.")] = None,
    mode: Annotated[str, typer.Option(help="reverse, forward or both.")] = "reverse",
    detail: Detail = "paths",
    index: Annotated[bool, typer.Option("--index", help="Index notation throughout.")] = False,
    assume: Annotated[
        list[str] | None, typer.Option(metavar="EQUATION", help='Such as "sum(y)=1".')
    ] = None,
    digits: Annotated[int, typer.Option(help="Significant digits.")] = 3,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Insist on a value for every leaf.")
    ] = False,
    stable: Annotated[
        bool, typer.Option("--stable", help="The stable form beside the one written.")
    ] = False,
    ascii: Annotated[bool, typer.Option("--ascii", help="Spell every sign.")] = False,  # noqa: A002
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Print how the gradients of a network come about, step by step.

    Without --wrt every leaf is differentiated (with --lr, data aside: x, y and t); without values
    the derivation is in symbols.
    -o writes .txt, .tex, .json, .svg, .png or .pdf instead, and may be given several times.

    \b
    graphnn derive "f = x*y + sin(x)" x=2 y=3
    graphnn derive "L = (y - sigmoid(w*x + b))^2/2" x=2 y=1 w=1/2 b=0 --wrt w --lr 0.1
    graphnn derive "L = log(1 + exp(x))" --stable
    graphnn derive "z[i,j] += K[u,v]*x[i+u,j+v]" --wrt K -o derivation.tex
    """  # noqa: D301
    targets = output or []
    for target in targets:
        check_suffix(target, (".txt", ".tex", ".json", *DRAWN))
    program, given = read_program(text, values)
    missing = [name for name in program.leaves if name not in given]
    if numbers and missing:
        raise GraphError(f"no value for {', '.join(missing)}, and --numbers asks for every one")
    rate = read_rate(lr)
    wanted = wanted_names(program, wrt)
    data = data_names(wanted) if wrt is None and rate is not None else []
    wanted = [name for name in wanted if name not in data]
    made = gnn.derive(
        outputs_of(program),
        wanted,
        given,
        rate,
        _cotangent(program, cotangent),
        mode,
        detail,
        assume or [],
        index,
        digits,
        stable,
    )
    notes = [*taken_shapes(program), *taken_data(data)]
    remarks = [Step("remark", "", None, (), note) for note in notes]
    made = replace(made, steps=(*remarks, *made.steps))
    if not targets:
        say(made.text(ascii=ascii or not prints_unicode(sys.stdout)))
    printed: dict[str, Callable[[], str]] = {
        ".txt": lambda: made.text(ascii=ascii),
        ".tex": lambda: made.latex(document=True),
        ".json": made.json,
    }
    for target in targets:
        if target.suffix in printed:
            write_text(target, printed[target.suffix]())
        else:
            drawing_of(program, given, wanted, detail, digits).save(target)
        say(f"wrote {target}\n")


def _cotangent(program: Program, word: str | None) -> Any:
    from graphnn.text import read_assignments

    if word is None:
        return None
    given = read_assignments([word])
    loss = next(reversed(program.names))
    if list(given) != [loss]:
        raise GraphError(f"--cotangent takes what flows into {loss}: {loss}=VALUE")
    return given[loss]
