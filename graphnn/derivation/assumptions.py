"""Assumptions such as `sum(y)=1`: read, turned into facts, and held against the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphnn.calculus.formula import Shape
from graphnn.derivation.context import Context
from graphnn.derivation.index_form import element
from graphnn.derivation.knowledge import Fact
from graphnn.derivation.values import value
from graphnn.errors import GraphError, ShapeError, TextError
from graphnn.expression.reader import read
from graphnn.expression.tree import Expr, apply


@dataclass(frozen=True)
class Assumed:
    """What `sum(y)=1` says: `name` adds up to `total` along `axis`."""

    name: str
    axis: int
    total: Expr


def read_assumption(text: str, shapes: Mapping[str, Shape]) -> Assumed:
    """`sum(y)=1` (along the last axis, or `axis=…`), read.

    >>> made = read_assumption("sum(y)=1", {"y": (3,)})
    >>> made.name, made.axis, str(made.total)
    ('y', 0, '1')

    Raises TextError for another equality, GraphError for a name without a shape.
    """
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
    if name not in shapes:
        raise GraphError(f"--assume names {name}, which is no value of the network")
    shape = shapes[name]
    if not shape:
        raise ShapeError(f"--assume {text}: {name} is a scalar")
    axis = len(shape) - 1
    for part in called[2:]:
        if part.head == "=":
            axis = int(part.args[1].args[0]) if part.args[1].head == "num" else -1
            axis %= len(shape)
    return Assumed(name, axis, total)


def assumption(text: str, ctx: Context) -> Fact:
    """`sum(y)=1` (over all, or `axis=…`) as a fact about an index sum."""
    made = read_assumption(text, {name: node.shape for name, node in ctx.net.nodes.items()})
    name, shape, total = made.name, ctx.net.nodes[made.name].shape, made.total
    index = tuple(ctx.indices.fresh(size) for size in shape)
    bound = (index[made.axis],)
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
