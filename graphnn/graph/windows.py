"""Convolution and pooling: lines of the op tables, channels last.

The tables speak of a batch of images (b, i, j, c). One image (i, j, c) and one channel of it (i, j)
have the same formula without those dimensions, with filters (u, v, c, o) and (u, v).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from graphnn.calculus.definition import Definition, define
from graphnn.calculus.tables import definition, lines
from graphnn.graph.apply import apply, lift
from graphnn.graph.described import describe
from graphnn.graph.elementwise import table_function
from graphnn.graph.handle import Handle


def _windowed(name: str) -> Callable[..., Handle]:
    """The function of a table's line, for a batch, for one image and for one channel."""

    def function(*operands: Any, **parameters: Any) -> Handle:
        lifted = lift(operands, name)
        rank = lifted[-1].ndim if lifted else 4
        made = _of_rank(name, rank) if rank in (2, 3) else definition(name)
        return apply(made, lifted, parameters)

    describe(function, name)
    return function


@cache
def _of_rank(name: str, rank: int) -> Definition:
    """The table's line without the batch, and for rank 2 without channels.

    >>> _of_rank("maxpool", 2).text.partition(" for ")[0]
    'maxpool(x; k=2, s=2, p=0)   : y[i,j] max= x[s*i+u-p, s*j+v-p]'
    """
    line = re.sub(r"\[b,\s*", "[", lines()[name])
    line = line.replace("size(x,1)", "size(x,0)").replace("size(x,2)", "size(x,1)")
    return define(line if rank == 3 else re.sub(r"(?:,\s*[co])+\]", "]", line))


conv2d = _windowed("conv2d")
maxpool = _windowed("maxpool")
avgpool = _windowed("avgpool")
global_maxpool = table_function("global_maxpool")
global_avgpool = table_function("global_avgpool")
