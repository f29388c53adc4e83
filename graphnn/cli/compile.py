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
    data_names,
    outputs_of,
    read_program,
    read_rate,
    say,
    taken_data,
    taken_shapes,
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
    lr: Annotated[
        str | None, typer.Option(metavar="RATE", help="Add a class Model with init and step.")
    ] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compile a network and its gradients to one standalone NumPy file.

    With --lr the file has a class Model: init(seed) draws the leaves that are learnt, all but data
    (x, y and t) or those of --wrt, and step(…) is gradient descent. Values give shapes; declarations in the text, x: (B, 2), do so too. Writes model.py, or what
    -o says.

    \b
    graphnn compile "x: (B, 2); z = x@W.T + b; L = mean((z - y)^2)" W="[[1,2]]" --wrt W --wrt b -o model.py
    """  # noqa: D301
    import codegen
    import graphnn as gnn
    from graphnn.text import parse, value_shape

    targets = output or [Path("model.py")]
    for target in targets:
        check_suffix(target, (".py",))
    program, given = read_program(text, values)
    loss = program.loss
    single = loss.dtype.startswith("float") and all(size == 1 for size in loss.shape)
    if wrt is not None and not single:
        held = f"shape {shape_text(loss.shape)}" if loss.dtype.startswith("float") else loss.dtype
        raise GraphError(
            f"{loss.name} has {held}: only a single number has gradients; add L = sum({loss.name}), "
            "or leave --wrt out"
        )
    wanted = wanted_names(program, wrt) if single else None
    rate = read_rate(lr)
    notes = taken_shapes(program)
    graph = gnn.Graph(outputs_of(program))
    if rate is not None:
        if wanted is None:
            raise GraphError(f"--lr updates by gradients, but {loss.name} is no single number")
        data = data_names(wanted) if wrt is None else []
        wanted = [name for name in wanted if name not in data]
        notes += taken_data(data)
        shapes = {name: value_shape(value) for name, value in given.items()}
        program = parse(program.text, shapes, wanted)
        loss = program.loss
        slopes = gnn.grad(loss, [program.leaves[name] for name in wanted])
        leaves = {name: program.leaves[name] for name in slopes}
        steps = {leaf: leaf - float(rate) * slopes[name] for name, leaf in leaves.items()}
        graph = gnn.Graph(outputs_of(program), steps)
    made = codegen.compile(graph, dtype=dtype, parameters=wanted)
    if rate is not None:
        for note in notes:
            say(f"{note}\n")
    what = (
        "checks its gradients"
        if single
        else f"runs it; {loss.name} is no single number: no gradients"
    )
    for target in targets:
        write_text(target, made.source)
        say(f"wrote {target}; python {target} {what}\n")
