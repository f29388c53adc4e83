"""A formula accumulates a scalar expression over an iteration domain.

    y[Y(q)] ⊕= f( a[A(q)], b[B(q)], … )      q over the axes; ⊕ is set, sum, max or argmax

This is the one definition from which everything about an op is derived. Indices are affine in the
axes, or elements of an integer operand (`Lookup`). In the body, the value of read number k is the
symbol `_k`, an axis is its own name, and `extent(i)` is the size of an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from graphnn.calculus.polynomial import (
    Polynomial,
    axes_of,
    axis,
    polynomial,
    single_axis,
    substitute,
    to_expression,
)
from graphnn.expression.tree import Expr, apply, fold, num, rebuild, sym, symbols

Size = int | Polynomial
Shape = tuple[Size, ...]


@dataclass(frozen=True)
class Axis:
    """One axis of the domain: its name, and its extent (an int or a symbolic size)."""

    name: str
    extent: Size


@dataclass(frozen=True)
class Lookup:
    """An index that is an element of an integer operand: `t[n]` in `E[t[n], d]`."""

    operand: int
    index: tuple[Polynomial, ...]


Index = Polynomial | Lookup


@dataclass(frozen=True)
class Read:
    """One read: which operand, at which index. Read k of a formula is the symbol `_k`."""

    operand: int
    index: tuple[Index, ...]


@dataclass(frozen=True, eq=True)
class Formula:
    """`y[write] ⊕= body(reads)` over the axes, where every guard is ≥ 0.

    `shape` is stated (a gradient has the shape of its operand). `guards` bound the domain (the
    positions of a window that lie in the padding) and are copied into every derived rule.
    `reduce` is "set", "sum", "max" or "argmax"; `set` needs an injective write.
    """

    name: str
    axes: tuple[Axis, ...]
    write: tuple[Index, ...]
    shape: Shape
    reduce: str
    reads: tuple[Read, ...]
    body: Expr
    guards: tuple[Polynomial, ...] = ()

    @cached_property
    def _hash(self) -> int:
        return hash(
            (self.name, self.axes, self.write, self.shape, self.reduce, self.reads, self.body)
        )

    def __hash__(self) -> int:
        """The hash of the fields, computed once."""
        return self._hash

    def __reduce__(self) -> tuple[Callable[..., Formula], tuple[Any, ...]]:
        """Pickled without what is cached: hashes differ in another process."""
        fields = (self.name, self.axes, self.write, self.shape, self.reduce, self.reads)
        return Formula, (*fields, self.body, self.guards)

    @cached_property
    def arity(self) -> int:
        """How many operands the formula has."""
        return 1 + max({read.operand for read in self.reads} | looked_up(self), default=-1)

    @cached_property
    def extents(self) -> dict[str, Size]:
        """Axis name → extent."""
        return {a.name: a.extent for a in self.axes}

    @cached_property
    def reduced(self) -> tuple[Axis, ...]:
        """The axes that the write does not name: those that are summed or maximised over."""
        kept: set[str] = set()
        for index in self.write:
            kept |= index_axes(index)
        return tuple(a for a in self.axes if a.name not in kept)

    @property
    def is_plain(self) -> bool:
        """Whether every write index is an axis of its own that spans its dimension."""
        names = [single_axis(index) for index in self.write]
        return (
            None not in names
            and len(set(names)) == len(names)
            and all(
                self.extents[name] == size
                for name, size in zip(names, self.shape, strict=True)
                if name is not None
            )
        )

    @property
    def is_elementwise(self) -> bool:
        """Whether each element of the output is a function of one element of each operand."""
        return self.reduce == "set" and self.is_plain and not self.guards

    def __str__(self) -> str:
        """As a reader sees it."""
        return formula_text(self)


def index_axes(index: Index) -> set[str]:
    """The axes an index depends on."""
    if isinstance(index, Lookup):
        return set().union(*(axes_of(part) for part in index.index)) if index.index else set()
    return axes_of(index)


def read_symbol(k: int) -> Expr:
    """The symbol of read number `k` in a body."""
    return sym(f"_{k}")


def is_identity(formula: Formula) -> bool:
    """True for `y[q] = a[q]` with equal shapes: the node is its operand."""
    return (
        formula.reduce in ("set", "sum")
        and formula.body is read_symbol(0)
        and formula.is_plain
        and not formula.guards
        and not formula.reduced
        and len(formula.reads) == 1
        and formula.arity == 1
        and formula.reads[0].index == formula.write
        and len(formula.axes) == len(formula.shape)
    )


def normal(formula: Formula) -> Formula:
    """Drop reads that the body does not name; a sum over nothing is a `set`."""
    named = set(symbols(formula.body))
    used = [k for k in range(len(formula.reads)) if f"_{k}" in named]
    if len(used) != len(formula.reads):
        renamed = {f"_{k}": read_symbol(new) for new, k in enumerate(used)}
        formula = replace(
            formula,
            reads=tuple(formula.reads[k] for k in used),
            body=rename_symbols(formula.body, renamed),
        )
    if formula.reduce == "sum" and formula.is_plain and not formula.reduced and not formula.guards:
        formula = replace(formula, reduce="set")
    return formula


def looked_up(formula: Formula) -> set[int]:
    """The operands that an index is an element of."""
    every = (*formula.write, *(part for read in formula.reads for part in read.index))
    return {part.operand for part in every if isinstance(part, Lookup)}


def compact(formula: Formula) -> tuple[Formula, tuple[int, ...]]:
    """The formula with only the operands that it reads or looks up, and which these were."""
    kept = tuple(sorted({read.operand for read in formula.reads} | looked_up(formula)))
    if kept == tuple(range(len(kept))):
        return formula, kept
    place = {old: new for new, old in enumerate(kept)}

    def moved(index: tuple[Index, ...]) -> tuple[Index, ...]:
        return tuple(
            Lookup(place[part.operand], part.index) if isinstance(part, Lookup) else part
            for part in index
        )

    reads = tuple(Read(place[read.operand], moved(read.index)) for read in formula.reads)
    return replace(formula, write=moved(formula.write), reads=reads), kept


def rename_symbols(e: Expr, renamed: dict[str, Expr]) -> Expr:
    """Replace symbols by expressions."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "sym":
            return renamed.get(node.args[0], node)
        return rebuild(node, parts)

    return fold(e, visit)


def flat_position(axes: Iterable[Axis]) -> Expr:
    """The number of a point among the reduction axes, in row-major order, as a body expression."""
    position: Expr = num(0)
    for a in axes:
        if position is num(0):
            position = sym(a.name)
        else:
            position = apply("+", apply("*", position, apply("extent", sym(a.name))), sym(a.name))
    return position


def formula_text(formula: Formula, operands: Iterable[str] | None = None, output: str = "y") -> str:
    """The formula in the text language, as a reader of code or an error message sees it.

    >>> from graphnn.calculus.definition import define
    >>> from graphnn.calculus.instance import instantiate
    >>> dense = define("dense(W, x): z[b,m] += W[m,d] * x[b,d]")
    >>> made = instantiate(dense, ((3, 2), (5, 2))).formula
    >>> formula_text(made, ["W", "x"], "z")
    'z[b, m] += W[m, d]·x[b, d]'
    """
    from graphnn.expression.unicode import to_unicode

    left, body = formula_trees(formula, operands, output)
    sign = {"set": "=", "sum": "+=", "max": "max=", "argmax": "argmax="}[formula.reduce]
    text = f"{to_unicode(left)} {sign} {to_unicode(body)}"
    if formula.guards:
        text += " where " + " and ".join(f"{guard} >= 0" for guard in formula.guards)
    return text


def formula_trees(
    formula: Formula, operands: Iterable[str] | None = None, output: str = "y"
) -> tuple[Expr, Expr]:
    """The element that a formula writes and its body, as trees over named operands."""
    names = list(operands) if operands is not None else []
    names += [chr(ord("a") + k) for k in range(len(names), formula.arity)]
    reads = {
        f"_{k}": _element(names[r.operand], r.index, names) for k, r in enumerate(formula.reads)
    }
    return _element(output, formula.write, names), rename_symbols(formula.body, reads)


def _element(name: str, index: tuple[Index, ...], names: list[str]) -> Expr:
    if not index:
        return sym(name)
    return apply("[]", sym(name), *(_index_expression(part, names) for part in index))


def _index_expression(index: Index, names: list[str]) -> Expr:
    if isinstance(index, Lookup):
        return _element(names[index.operand], index.index, names)
    return to_expression(index)


def sum_of(count: int, axes: tuple[Axis, ...]) -> Formula:
    """The n-ary sum `y[q] = a₀[q] + a₁[q] + …` in which contributions add up."""
    index = tuple(axis(a.name) for a in axes)
    body = read_symbol(0)
    for k in range(1, count):
        body = apply("+", body, read_symbol(k))
    reads = tuple(Read(k, index) for k in range(count))
    shape = tuple(a.extent for a in axes)
    return Formula("accumulate", axes, index, shape, "set", reads, body)


def rename_axes(formula: Formula, renamed: dict[str, str]) -> Formula:
    """The same formula with other axis names."""
    into = {old: axis(new) for old, new in renamed.items()}

    def index(part: Index) -> Index:
        if isinstance(part, Lookup):
            inner = tuple(polynomial(substitute(p, into)) for p in part.index)
            return Lookup(part.operand, inner)
        return polynomial(substitute(part, into))

    return replace(
        formula,
        axes=tuple(Axis(renamed.get(a.name, a.name), a.extent) for a in formula.axes),
        write=tuple(index(part) for part in formula.write),
        reads=tuple(Read(r.operand, tuple(index(p) for p in r.index)) for r in formula.reads),
        body=rename_symbols(formula.body, {old: sym(new) for old, new in renamed.items()}),
        guards=tuple(polynomial(substitute(g, into)) for g in formula.guards),
    )
