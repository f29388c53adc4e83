"""Nodes: identity only. Op, operands, attributes, shape, dtype; equal nodes are one object.

An op is a `Formula`, or the name of one of the few structures that are not formulas:

    input parameter constant      leaves; the name, or the value, is an attribute
    reshape concat split item     split has several outputs, item projects one of them
    hold                          its operand, as a constant: no derivative passes

Names, scopes, source lines and statements are tables beside the nodes (graphnn.graph.graph).
Nothing here recurses: a chain of twenty thousand nodes is copied and pickled as a list of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from graphnn.calculus.formula import Formula, Shape
from graphnn.expression.tree import Number

LEAVES = frozenset({"input", "parameter", "constant"})
STRUCTURES = LEAVES | {"reshape", "concat", "split", "item", "hold"}
FLOATS = ("float32", "float64")
DTYPES = (*FLOATS, "int64", "bool")


@dataclass(frozen=True)
class Array:
    """A constant array as a value that can be hashed."""

    data: bytes
    shape: tuple[int, ...]

    @cached_property
    def values(self) -> npt.NDArray[np.float64]:
        """The numbers."""
        return np.frombuffer(self.data, dtype=np.float64).reshape(self.shape)


def array_value(values: npt.ArrayLike) -> Array:
    """A constant array, stored in float64."""
    made = np.asarray(values, dtype=np.float64, order="C")
    return Array(made.tobytes(), made.shape)


class Node:
    """One interned node of a computation graph."""

    __slots__ = ("__weakref__", "attributes", "dtype", "op", "operands", "shape")
    op: Formula | str
    operands: tuple[Node, ...]
    attributes: tuple[tuple[str, Any], ...]
    shape: Shape
    dtype: str

    def attribute(self, name: str) -> Any:
        """The attribute called `name`."""
        return dict(self.attributes)[name]

    @property
    def is_leaf(self) -> bool:
        """True for an input, a parameter or a constant."""
        return self.op in LEAVES if isinstance(self.op, str) else False

    @property
    def kind(self) -> str:
        """The name of the op."""
        return self.op if isinstance(self.op, str) else self.op.name

    def __copy__(self) -> Node:
        """The node itself: equal nodes are one."""
        return self

    def __deepcopy__(self, memo: object) -> Node:
        """The node itself: equal nodes are one."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as flat rows, without recursion."""
        return _last_from_rows, (to_rows([self]),)

    def __repr__(self) -> str:
        """What it is, in one line."""
        name = dict(self.attributes).get("name", self.kind)
        return f"Node({name}, shape={self.shape}, dtype={self.dtype})"


_interned: WeakValueDictionary[tuple[Any, ...], Node] = WeakValueDictionary()


def make(
    op: Formula | str,
    operands: Iterable[Node] = (),
    shape: Shape = (),
    dtype: str = "float32",
    **attributes: Any,
) -> Node:
    """The one node with this op, operands, attributes, shape and dtype."""
    key = (op, tuple(operands), tuple(sorted(attributes.items())), shape, dtype)
    known = _interned.get(key)
    if known is not None:
        return known
    node = object.__new__(Node)
    node.op, node.operands, node.attributes, node.shape, node.dtype = key
    return _interned.setdefault(key, node)


def constant(value: Number, dtype: str) -> Node:
    """A scalar constant, kept exact: an int, a float or a fraction."""
    return make("constant", shape=(), dtype=dtype, value=_Scalar(type(value).__name__, value))


@dataclass(frozen=True)
class _Scalar:
    """A number with its type: 1 and 1.0 are different constants."""

    type: str
    value: Number


def scalar_value(node: Node) -> Number | None:
    """The number that a scalar constant is, else None."""
    if node.op == "constant":
        value = node.attribute("value")
        if isinstance(value, _Scalar):
            return value.value
    return None


def topological(outputs: Iterable[Node]) -> list[Node]:
    """Every node that the outputs need, operands before their users, in a fixed order."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = [(node, False) for node in reversed(list(outputs))]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded or not node.operands:
            done.add(node)
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend((operand, False) for operand in reversed(node.operands) if operand not in done)
    return order


def ancestors_within(outputs: Iterable[Node], sources: Iterable[Node]) -> set[Node]:
    """The nodes on a path from one of the sources to one of the outputs, ends included."""
    reached = set(sources)
    for node in topological(outputs):
        if any(operand in reached for operand in node.operands):
            reached.add(node)
    return reached


def users(order: Iterable[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """Node → its users among `order`, with the operand's position; one entry for each use."""
    found: dict[Node, list[tuple[Node, int]]] = {}
    for node in order:
        for place, operand in enumerate(node.operands):
            found.setdefault(operand, []).append((node, place))
    return found


def to_rows(outputs: Iterable[Node]) -> list[tuple[Any, ...]]:
    """Nodes as flat rows, operands by row number; what is pickled."""
    order = topological(outputs)
    place = {node: k for k, node in enumerate(order)}
    return [
        (n.op, tuple(place[o] for o in n.operands), n.attributes, n.shape, n.dtype) for n in order
    ]


def from_rows(rows: Iterable[tuple[Any, ...]]) -> list[Node]:
    """The nodes of `to_rows`, interned again."""
    made: list[Node] = []
    for op, operands, attributes, shape, dtype in rows:
        made.append(make(op, (made[k] for k in operands), shape, dtype, **dict(attributes)))
    return made


def _last_from_rows(rows: list[tuple[Any, ...]]) -> Node:
    return from_rows(rows)[-1]


def leaves(order: Iterable[Node], op: str) -> Iterator[Node]:
    """The leaves of one kind, in order."""
    return (node for node in order if node.op == op)
