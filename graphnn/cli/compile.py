"""`graphnn compile`: a network and its gradients as one NumPy file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphnn.calculus.shapes import shape_text
from graphnn.cli.arguments import (
    Debug,
    Output,
    Text,
    Values,
    Wrt,
    check_suffix,
    outputs_of,
    read_program,
    say,
    wanted_names,
)
from graphnn.errors import GraphError
from graphnn.files import write_text


def compile(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="float32 or float64 (the default).")
    ] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compile a network and its gradients to one standalone NumPy file.

    Values give shapes; declarations in the text, x: (B, 2), do so too. Writes model.py, or what
    -o says.

    \b
    graphnn compile "x: (B, 2); z = x@W.T + b; L = mean((z - y)^2)" W="[[1,2]]" --wrt W --wrt b -o model.py
    """  # noqa: D301
    import codegen

    targets = output or [Path("model.py")]
    for target in targets:
        check_suffix(target, (".py",))
    program, _ = read_program(text, values)
    loss = program.loss
    single = loss.dtype.startswith("float") and all(size == 1 for size in loss.shape)
    if wrt is not None and not single:
        held = f"shape {shape_text(loss.shape)}" if loss.dtype.startswith("float") else loss.dtype
        raise GraphError(
            f"{loss.name} has {held}: only a single number has gradients; add L = sum({loss.name}), "
            "or leave --wrt out"
        )
    wanted = wanted_names(program, wrt) if single else None
    made = codegen.compile(outputs_of(program), dtype=dtype, parameters=wanted)
    what = (
        "checks its gradients"
        if single
        else f"runs it; {loss.name} is no single number: no gradients"
    )
    for target in targets:
        write_text(target, made.source)
        say(f"wrote {target}; python {target} {what}\n")
