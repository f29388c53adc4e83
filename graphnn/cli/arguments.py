"""Arguments and options that several commands take, and how they are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.files import read_text

if TYPE_CHECKING:
    from graphnn.text import Program

DRAWN = (".svg", ".png", ".pdf", ".dot")

Text = Annotated[
    str, typer.Argument(metavar="TEXT", help="A network, a file ending in .txt, or - for stdin.")
]
Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=VALUE]...", help="2, 1/3, [[1,2],[3,4]] or @file.npz"),
]
Wrt = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Differentiate by this one.")]
Output = Annotated[list[Path] | None, typer.Option("--output", "-o", metavar="FILE")]
Detail = Annotated[str, typer.Option(metavar="LEVEL", help="paths, statements or ops.")]
Highlight = Annotated[
    str | None, typer.Option("--path", metavar="NAME", help="Highlight this one's way to the loss.")
]
Forward = Annotated[bool, typer.Option("--forward", help="Draw no gradients.")]
Dark = Annotated[bool, typer.Option("--dark", help="Draw for a dark page.")]
Size = Annotated[
    str | None, typer.Option(metavar="PAGE", help="slide, a4, a4-landscape or WxH: fill a page.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def read_program(text: str, words: Sequence[str] | None) -> tuple[Program, dict[str, Any]]:
    """The network of TEXT, and the values of the words after it."""
    from graphnn.text import parse, read_assignments, value_shape

    file = text if text.endswith(".txt") else "<stdin>" if text == "-" else ""
    network = read_text(text) if file else text
    given = read_assignments(words or [])
    shapes = {name: value_shape(value) for name, value in given.items()}
    try:
        return parse(network, shapes, file=file), given
    except GraphError as error:
        if file:
            raise GraphError(f"{file}: {error.message}", error.place) from None
        raise


def wanted_names(program: Program, wrt: Sequence[str] | None) -> list[str]:
    """The names of --wrt; without it, every leaf that can be differentiated."""
    if wrt is not None:
        names = [name for word in wrt for name in re.split(r"[\s,]+", word.strip()) if name]
        if not names:
            raise GraphError("--wrt names nothing; --wrt w is one leaf, two are --wrt w --wrt b")
        return names
    found = [name for name, leaf in program.leaves.items() if leaf.dtype.startswith("float")]
    if not found:
        leaves = ", ".join(program.leaves)
        what = (
            f"{leaves}: integers and conditions have no derivative" if leaves else "no names in it"
        )
        raise GraphError(f"there is nothing to differentiate by; the text has {what}")
    return found


def data_names(names: Sequence[str]) -> list[str]:
    """The names that are data by convention (x, y, t, X1, ŷ), unless there are no others.

    >>> data_names(["w", "x", "y1", "b"]), data_names(["x", "y"])
    (['x', 'y1'], [])
    """
    data = [name for name in names if re.fullmatch(r"[xyt](_?[0-9a-z]|_hat)?", name, re.IGNORECASE)]
    return data if len(data) < len(names) else []


def read_rate(lr: str | None) -> Any:
    """The number of --lr, None without it."""
    from graphnn.text import read_value

    if lr is None:
        return None
    rate = read_value(lr)
    if isinstance(rate, list):
        raise GraphError(f"--lr takes one number; {lr} was given")
    return rate


def taken_data(names: Sequence[str]) -> list[str]:
    """A remark on what --lr leaves alone."""
    if not names:
        return []
    be = "is" if len(names) == 1 else "are"
    listed = ", ".join(map(show, names))
    return [
        f"{listed} {be} taken for data: --lr updates the others; --wrt says what else it updates."
    ]


def taken_shapes(program: Program) -> list[str]:
    """A remark on the shapes that were neither declared nor given."""
    from graphnn.calculus.shapes import shape_text

    if not program.taken:
        return []
    listed = ", ".join(
        f"{show(name)}: {shape_text(shape)}" for name, shape in program.taken.items()
    )
    return [
        f"Shapes taken from what stands beside: {listed}; a declaration in the text says otherwise."
    ]


def outputs_of(program: Program) -> dict[str, Any]:
    """The loss first, then what else the text computes and does not use."""
    loss = next(reversed(program.names))
    return {loss: program.loss} | program.graph.outputs


def drawing_of(
    program: Program,
    given: dict[str, Any],
    wanted: list[str],
    detail: str | None,
    digits: int,
    **look: Any,
) -> Any:
    """The picture; below it the chain, where one gradient was asked for.

    `look` are the keywords of `viz.draw` that say how: path, forward, dark, size.
    """
    import viz
    from graphnn.text import value_array

    at = {name: value_array(value) for name, value in given.items()}
    thing = outputs_of(program)
    numbers = at if all(name in at for name in program.leaves) else None
    one = len(wanted) == 1 and not look.get("forward") and detail != "scopes"
    chain = viz.chain_of(thing, wanted[0], numbers, detail or "paths", digits) if one else None
    return viz.draw(thing, at, wanted, detail, chain=chain, digits=digits, **look)


def check_suffix(target: Path, known: Sequence[str]) -> None:
    """An error that lists the known suffixes, for a file with another one."""
    if target.suffix not in known:
        raise GraphError(f"{target} has no known suffix; known are {', '.join(known)}")


def prints_unicode(stream: Any) -> bool:
    """Whether a stream can print −, σ and ∂; one without an encoding takes all text."""
    return "utf" in (getattr(stream, "encoding", None) or "utf-8").lower()


def say(text: str) -> None:
    """Write to standard output, as it is now: tests and pipes replace it."""
    sys.stdout.write(text)
