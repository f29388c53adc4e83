"""The plan: what a compiled module computes, in which order, into which buffers. Plain data.

`codegen` makes plans and prints them; pictures and explanations are made from the same data. There
is one kernel for each op node; nothing is fused yet. A buffer's name is a safe identifier (the
user's own name wherever the value has one), a leaf's name is the user's.

    forward    the outputs, from the leaves
    backward   the gradients of the first output
    updates    the next value of each parameter
"""

from __future__ import annotations

from dataclasses import dataclass

from graphnn.calculus.formula import Formula, Shape
from graphnn.expression.tree import Number
from graphnn.graph.node import Array, Node

SECTIONS = ("forward", "backward", "updates")


@dataclass(frozen=True)
class Buffer:
    """Where one value lives: a safe identifier, its shape (symbolic sizes too), its dtype."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class Leaf:
    """A value that is fed: the user's name, "input" or "parameter", and its buffer.

    `fan_in` is the number of elements that the first use of a parameter sums over, None where it
    sums over none of the parameter's axes. `below` bounds an integer leaf that looks elements up.
    """

    name: str
    kind: str
    buffer: str
    fan_in: int | None = None
    below: int | None = None


@dataclass(frozen=True)
class FirstMaximum:
    """An operand that gives the positions of maxima, given by the maxima instead.

    The operand number `place` holds the maxima and operand number `read` what they are taken of,
    by `formula`; the first element equal to the maximum is its position.
    """

    place: int
    read: int
    formula: Formula


@dataclass(frozen=True)
class Kernel:
    """One node to compute: the buffers it reads, the buffer it makes, and the statement it serves.

    `name` is the op's, `comment` its formula over the buffers' names. `first` says that one operand
    holds maxima where the formula wants their positions.
    """

    node: Node
    operands: tuple[str, ...]
    output: str
    name: str
    section: str
    statement: str
    comment: str
    first: FirstMaximum | None = None


@dataclass(frozen=True)
class Plan:
    """Kernels in the order in which they run, and what goes in and comes out.

    `statements` maps a statement's name to its line as written. `outputs`, `gradients` and
    `updates` map the user's names to buffers; `constants` are numbers and arrays by buffer. `sizes`
    are the symbolic dimensions, each with the number that a check of the module takes for it;
    `named` are the buffers of values that the user named, and of their cotangents.

    >>> import codegen, graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> plan = codegen.make_plan(gnn.Graph({"L": gnn.sigmoid(w * x)}))
    >>> [(kernel.output, kernel.section) for kernel in plan.kernels][:2]
    [('z', 'forward'), ('L', 'forward')]
    """

    leaves: tuple[Leaf, ...]
    buffers: dict[str, Buffer]
    constants: dict[str, Number | Array]
    kernels: tuple[Kernel, ...]
    statements: dict[str, str]
    outputs: dict[str, str]
    gradients: dict[str, str]
    updates: dict[str, str]
    sizes: dict[str, int]
    named: frozenset[str] = frozenset()

    def section(self, name: str) -> tuple[Kernel, ...]:
        """The kernels of one section, in order."""
        return tuple(kernel for kernel in self.kernels if kernel.section == name)
