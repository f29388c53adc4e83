"""`graphnn tour`: all of it once, on a small network and on a larger one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphnn.cli.arguments import Debug


def tour(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIRECTORY", help="Where files are written.")
    ] = Path("graphnn-tour"),
    debug: Debug = False,
) -> None:
    """Derive, draw and compile a small network, then train a larger one on handwritten digits."""
    from graphnn.tour import tour as take

    take(output)
