"""An op's definition: one line of text, read and checked (graphnn.calculus.instance does the rest).

    sigmoid(x)              = 1 / (1 + exp(-x))                       element-wise, any rank
    dense(W, x)             : z[b,m] += W[m,d] * x[b,d]               indexed
    maxpool(x; k=2, s=2)    : y[b,i,j,c] max= x[b, s*i+u, s*j+v, c]   for u < k, v < k

Names after `;` are parameters: integers where they stand in indices and bounds, scalar operands
where they stand in the body. Every other free name is an axis or an operand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.reader import OpText, parse, plain
from graphnn.expression.tree import (
    COMPARISONS,
    Expr,
    children,
    postorder,
    symbols,
)

_REDUCE = {"=": "set", "+=": "sum", "max=": "max", "argmax=": "argmax"}


@dataclass(frozen=True)
class Definition:
    """One op as its line says it.

    `write` is None for an element-wise op. `parameters` maps a name to its default (None: must be
    given). `bounds` are the stated extents.
    """

    name: str
    operands: tuple[str, ...]
    parameters: tuple[tuple[str, Expr | None], ...]
    output: str
    write: tuple[Expr, ...] | None
    reduce: str
    body: Expr
    bounds: tuple[tuple[str, Expr], ...]
    text: str

    @property
    def body_parameters(self) -> tuple[str, ...]:
        """The parameters that are scalar operands: those that the body names outside an index."""
        named = names_outside_indices(self.body)
        return tuple(name for name, _ in self.parameters if name in named)

    @property
    def size_parameters(self) -> tuple[str, ...]:
        """The parameters that are integers: those that an index or a bound names, and the rest."""
        indices = [part for e in postorder(self.body) if e.head == "[]" for part in e.args[1:]]
        bounds = [bound for _, bound in self.bounds]
        named = {name for e in (*indices, *bounds, *(self.write or ())) for name in symbols(e)}
        scalars = self.body_parameters
        return tuple(n for n, _ in self.parameters if n in named or n not in scalars)


def parts_outside_indices(e: Expr) -> list[Expr]:
    """The sub-expressions of a body; elements and sizes whole, not what they are made of."""
    found: dict[Expr, None] = {}
    stack = [e]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found[node] = None
        if node.head not in ("[]", "size"):
            stack.extend(children(node))
    return list(found)


def names_outside_indices(e: Expr) -> set[str]:
    """The symbols of a body that stand for values: not those in indices and sizes."""
    return {part.args[0] for part in parts_outside_indices(e) if part.head == "sym"}


@lru_cache(maxsize=4096)
def define(text: str) -> Definition:
    """Read one line of an op table.

    >>> define("sigmoid(x) = 1 / (1 + exp(-x))").operands
    ('x',)

    Raises TextError with a caret, or GraphError that names the free name that is nothing.
    """
    read: OpText = parse(text, "definition")
    index = read.line.index
    made = Definition(
        read.name,
        read.operands,
        tuple((name, None if e is None else plain(e)) for name, e in read.parameters),
        read.line.name or "y",
        tuple(plain(part) for part in index or ()) if read.indexed else None,
        _REDUCE[read.line.sign],
        plain(read.line.body),
        read.line.bounds,
        text,
    )
    _check_names(made)
    return made


def _check_names(made: Definition) -> None:
    """Every free name is an operand, a parameter or an axis that something bounds."""
    operands = set(made.operands)
    parameters = {name for name, _ in made.parameters}
    _check_heads(made)
    if made.write is None:
        free = set(symbols(made.body)) - operands - parameters
        if free:
            raise GraphError(
                f"{', '.join(sorted(free))} is neither an operand nor a parameter of {made.name}",
                f"  {made.text}",
            )
        return
    read_axes: set[str] = {name for name, _ in made.bounds}
    for node in postorder(made.body):
        if node.head == "[]":
            read_axes |= set(symbols(node)) - operands - parameters
    sizes = {name for _, bound in made.bounds for name in symbols(bound)}
    free = (names_outside_indices(made.body) - read_axes | sizes) - operands - parameters
    if free:
        raise GraphError(
            f"{', '.join(sorted(free))} is neither an axis, an operand nor a parameter "
            f"of {made.name}",
            f"  {made.text}",
        )
    unbounded = {
        name
        for part in made.write
        for name in symbols(part)
        if name not in read_axes | operands | parameters
    }
    if unbounded:
        raise GraphError(
            f"axis {', '.join(sorted(unbounded))} of the output is neither read nor bounded; "
            f"state it: for {min(unbounded)} < …",
            f"  {made.text}",
        )
    if made.reduce == "set":
        summed = read_axes - {name for part in made.write for name in symbols(part)}
        if summed:
            raise GraphError(
                f"axis {', '.join(sorted(summed))} is read and not written: "
                "write += to sum over it, or max= for the largest",
                f"  {made.text}",
            )


_ARITHMETIC = frozenset({"num", "sym", "+", "-", "*", "/", "^", "neg", "where", "and"})


def _check_heads(made: Definition) -> None:
    """A body is made of arithmetic, conditions and elementary functions; ops are not called."""
    known = _ARITHMETIC | COMPARISONS | set(FUNCTIONS)
    if made.write is not None:
        known |= {"[]", "extent", "size"}
    for node in parts_outside_indices(made.body):
        if node.head not in known:
            raise GraphError(
                f"{node.head} is no elementary function: the body of {made.name} is made of "
                f"arithmetic, where and {', '.join(sorted(FUNCTIONS))}",
                f"  {made.text}",
            )
        if node.head in ("[]", "size") and node.args[0].head != "sym":
            raise GraphError(f"only an operand has elements: {node}", f"  {made.text}")
        if node.head in ("[]", "size") and node.args[0].args[0] not in made.operands:
            raise GraphError(
                f"{node.args[0]} is indexed and is no operand of {made.name}", f"  {made.text}"
            )
