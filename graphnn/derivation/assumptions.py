"""Assumptions such as `sum(y)=1`: read, turned into facts, and held against the values."""

from __future__ import annotations

import numpy as np

from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element
from graphnn.derivation.knowledge import Fact
from graphnn.derivation.values import value
from graphnn.errors import GraphError, ShapeError, TextError
from graphnn.expression.tree import apply


def assumption(text: str, ctx: Context) -> Fact:
    """`sum(y)=1` (over all, or `axis=…`) as a fact about an index sum."""
    from graphnn.expression.reader import read

    left, equals, right = text.partition("=")
    if "axis" in text:
        left, _, right = text.rpartition("=")
        equals = "="
    if not equals:
        raise TextError("an assumption is an equality such as sum(y)=1", text)
    tree = read(left)
    total = read(right)
    called = tree.args if tree.head == "call" else ()
    if not called or called[0].args[0] != "sum" or called[1].head != "sym" or total.head != "num":
        raise TextError("the assumption that is understood is sum(NAME)=NUMBER", text)
    name = str(called[1].args[0])
    if name not in ctx.net.nodes:
        raise GraphError(f"--assume names {name}, which is no value of the network")
    shape = ctx.net.nodes[name].shape
    if not shape:
        raise ShapeError(f"--assume {text}: {name} is a scalar")
    axis = len(shape) - 1
    for part in called[2:]:
        if part.head == "=":
            axis = int(part.args[1].args[0]) if part.args[1].head == "num" else -1
            axis %= len(shape)
    index = tuple(ctx.indices.fresh(size) for size in shape)
    bound = index if len(called) == 2 and len(shape) == 1 else (index[axis],)
    rest = tuple(i for i in index if i not in bound)
    written = apply("==", apply("Σ", *bound, element(name, index)), total)
    shown = ctx.letters([written])[0]
    reason = f"assumes {str(shown).replace(' == ', ' = ')}"
    return Fact(bound, rest, element(name, index), total, reason)


def check_assumption(text: str, fact: Fact, ctx: Context) -> None:
    """Raise GraphError where the values contradict an assumption."""
    if ctx.values is None:
        return
    total = apply("Σ", *fact.bound, fact.pattern)
    found = np.asarray(value(total, ctx.values, fact.free), dtype=np.float64)
    if not np.allclose(found, float(fact.value.args[0]), rtol=1e-6):
        raise GraphError(
            f"the values contradict --assume {text}: the sum is {np.ravel(found)[0]:.6g}"
        )
