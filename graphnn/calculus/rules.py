"""The calculus is closed: the derivative of a formula is a formula.

    ā[A(q)] += ȳ[Y(q)] · ∂f/∂a ( a[A(q)], b[B(q)], … )                      ⊕ = set, sum
    ā[A(q)] += ȳ[Y(q)] · ∂f/∂a · [ flat(q) = s[Y(q)] ]                      ⊕ = max, s its argmax
    ẏ[Y(q)] += Σ_a ∂f/∂a · ȧ[A(q)]                                          forward mode

No op has a rule of its own: one function each for the cotangent and for the tangent serve all.
A rule says what its operands are by a `Source`, since the graph decides which nodes these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from graphnn.calculus.formula import (
    Formula,
    Index,
    Lookup,
    Read,
    Shape,
    compact,
    flat_position,
    normal,
    read_symbol,
    rename_symbols,
)
from graphnn.calculus.own_output import OUTPUT, in_own_output
from graphnn.errors import GraphError
from graphnn.expression.algebra import ONE, ZERO, add, divide, multiply, negate, terms
from graphnn.expression.derivative import derivative
from graphnn.expression.tree import Expr, apply, fold, num, rebuild, symbols

COTANGENT = "cotangent"
OUTPUT_VALUE = "output"
SELECTION = "selection"


@dataclass(frozen=True)
class Source:
    """Where an operand of a rule comes from.

    `kind` is "operand" (number `operand` of the forward node), "tangent" (of that operand),
    "cotangent" (of the output), "output" (the forward value) or "selection" (its argmax).
    """

    kind: str
    operand: int = -1


@dataclass(frozen=True)
class Rule:
    """A derived formula and the sources of its operands; None where the derivative is zero."""

    formula: Formula
    sources: tuple[Source, ...]
    local: Expr
    """∂f/∂a over the forward formula's read symbols, and `_y` for its own output."""


def selection(formula: Formula) -> Formula:
    """The argmax of a max reduction: where, among the reduced axes, the first maximum is.

    >>> from graphnn.calculus.definition import define
    >>> from graphnn.calculus.instance import instantiate
    >>> made = instantiate(define("largest(x): y[i] max= x[i,j]"), ((2, 3),)).formula
    >>> str(selection(made))
    'y[i] argmax= a[i, j]'
    """
    return replace(formula, name=f"arg{formula.name}", reduce="argmax")


@lru_cache(maxsize=65536)
def local_derivative(formula: Formula, read: int) -> Expr:
    """∂body/∂(read), written with the output `_y` itself where that is shorter."""
    name = f"_{read}"
    if name in _summands(formula.body):
        return ONE
    if formula.reduce == "set":
        return in_own_output(formula.body, name)
    return derivative(formula.body, name)


@lru_cache(maxsize=4096)
def _summands(body: Expr) -> frozenset[str]:
    """The symbols that are terms of a sum and stand nowhere else: their derivative is 1.

    Found once for a body, so that a sum of ten thousand contributions costs ten thousand steps.
    """
    found = [part.args[0] for part in terms(body) if part.head == "sym"]
    within = [name for part in terms(body) if part.head != "sym" for name in symbols(part)]
    return frozenset(name for name, n in Counter(found + within).items() if n == 1) & set(found)


@lru_cache(maxsize=65536)
def vjp(formula: Formula, read: int, operand_shape: Shape) -> Rule | None:
    """The cotangent that one read of `formula` sends back to its operand; None where it is zero.

    `operand_shape` is the shape of the operand read: a gradient has its operand's shape.
    """
    if formula.reduce == "argmax":
        return None
    local = local_derivative(formula, read)
    if local is ZERO:
        return None
    builder = _Operands(formula, local)
    upstream = builder.read(Source(COTANGENT), formula.write)
    body = multiply(upstream, builder.renamed)
    if formula.reduce == "max":
        chosen = builder.read(Source(SELECTION), formula.write)
        here = apply("==", flat_position(formula.reduced), chosen)
        body = apply("where", here, body, num(0))
    made = Formula(
        f"{formula.name}_vjp{read}",
        formula.axes,
        builder.moved(formula.reads[read].index),
        operand_shape,
        "sum",
        tuple(builder.reads),
        body,
        formula.guards,
    )
    return builder.rule(made, local)


@lru_cache(maxsize=65536)
def jvp(formula: Formula, reads: tuple[int, ...]) -> Rule | None:
    """The tangent of the output, given tangents of the operands of `reads`; None where zero."""
    if formula.reduce == "argmax":
        return None
    locals_ = {k: local_derivative(formula, k) for k in reads}
    locals_ = {k: e for k, e in locals_.items() if e is not ZERO}
    if not locals_:
        return None
    builder = _Operands(formula, add(*locals_.values()), keep=tuple(locals_.values()))
    parts = []
    for k, local in locals_.items():
        tangent = builder.read(Source("tangent", formula.reads[k].operand), formula.reads[k].index)
        parts.append(multiply(builder.rename(local), tangent))
    body = add(*parts)
    if formula.reduce == "max":
        chosen = builder.read(Source(SELECTION), formula.write)
        here = apply("==", flat_position(formula.reduced), chosen)
        body = apply("where", here, body, num(0))
    made = Formula(
        f"{formula.name}_jvp",
        formula.axes,
        builder.moved(formula.write),
        formula.shape,
        "set" if formula.reduce == "set" else "sum",
        tuple(builder.reads),
        body,
        formula.guards,
    )
    return builder.rule(made, next(iter(locals_.values())))


class _Operands:
    """The operands and reads of a rule under construction, forward reads renamed as they come."""

    def __init__(self, formula: Formula, local: Expr, keep: tuple[Expr, ...] = ()) -> None:
        self.formula = formula
        # dictionaries for their order and fast look-up: a sum may have ten thousand reads
        self.sources: dict[Source, int] = {}
        self.reads: dict[Read, int] = {}
        self.renaming: dict[str, Expr] = {}
        for e in keep or (local,):
            for name in symbols(e):
                if name == OUTPUT and name not in self.renaming:
                    self.renaming[name] = self.read(Source(OUTPUT_VALUE), formula.write)
                elif name.startswith("_") and name not in self.renaming:
                    forward = formula.reads[int(name[1:])]
                    source = Source("operand", forward.operand)
                    self.renaming[name] = self.read(source, forward.index)
        self.renamed = self.rename(local)

    def rename(self, e: Expr) -> Expr:
        return rename_symbols(e, self.renaming)

    def operand(self, source: Source) -> int:
        return self.sources.setdefault(source, len(self.sources))

    def moved(self, index: Sequence[Index]) -> tuple[Index, ...]:
        return tuple(
            Lookup(self.operand(Source("operand", part.operand)), part.index)
            if isinstance(part, Lookup)
            else part
            for part in index
        )

    def read(self, source: Source, index: Sequence[Index]) -> Expr:
        read = Read(self.operand(source), self.moved(index))
        return read_symbol(self.reads.setdefault(read, len(self.reads)))

    def rule(self, made: Formula, local: Expr) -> Rule:
        made, kept = compact(normal(made))
        sources = list(self.sources)
        return Rule(made, tuple(sources[old] for old in kept), local)


def folded(formula: Formula, read: int, value: int) -> Formula:
    """The formula with one scalar read replaced by a number: a seed of 1 leaves no trace.

    Raises GraphError where the read has an index.
    """
    if formula.reads[read].index:
        raise GraphError("internal error: only a scalar read can be folded")
    body = rename_symbols(formula.body, {f"_{read}": num(value)})
    return normal(replace(formula, body=_tidy(body)))


def _tidy(e: Expr) -> Expr:
    """Multiply out the ones that folding left."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        match node.head:
            case "*":
                return multiply(*parts)
            case "/":
                return divide(*parts)
            case "neg":
                return negate(parts[0])
        return rebuild(node, parts)

    return fold(e, visit)
