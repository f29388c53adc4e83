"""Statements: what a reader sees of a graph. A name, the expression as written, its op nodes.

The user's names come first. With `detail="paths"` an unnamed part gets a name of its own where it
is used twice, where it is the argument or the value of an activation inside something larger
(z and a), or where a network of one statement would otherwise hide its paths (u, v, u₁ …).
`"statements"` never splits (but for reshape, concat and split, which are no formulas); `"ops"`
names every operation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from graphnn.calculus.formula import Formula, Lookup, rename_symbols
from graphnn.calculus.polynomial import Polynomial, to_expression
from graphnn.calculus.tables import ACTIVATIONS
from graphnn.errors import GraphError
from graphnn.expression.names import parts as name_parts
from graphnn.expression.tree import Expr, Number, apply, num, sym
from graphnn.graph.graph import Graph
from graphnn.graph.handle import GradientOf, Handle, Source, Written
from graphnn.graph.node import Array, Node, scalar_value

DETAILS = ("paths", "statements", "ops")
MAX_WRITTEN_DEPTH = 12

_OPERATORS = {
    "add": "+", "subtract": "-", "divide": "/", "negate": "neg", "power": "^", "matmul": "@",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=", "maximum": "max", "minimum": "min", "maximum_of": "max", "minimum_of": "min",
}  # fmt: skip
_ACTIVATIONS = {row.partition("(")[0].strip() for row in ACTIVATIONS.splitlines() if row} | {
    "tanh",
    "step",
    "sign",
    "softmax",
}

_STRUCTURES = frozenset({"reshape", "concat", "split"})
"""Ops that are not formulas: always statements of their own, since they have no index form."""


@dataclass(frozen=True)
class Statement:
    """`name = written`: one line of the network, as its author wrote it.

    `index` is the left side's index where the statement was written in index notation
    (`z[i,j] += …`), else None. `reads` are the names on the right, `inner` the op nodes from the
    names read to this one, operands first (the last is `node`).
    """

    name: str
    node: Node
    written: Expr
    index: tuple[Expr, ...] | None
    reads: tuple[str, ...]
    inner: tuple[Node, ...]
    scope: tuple[str, ...]
    source: Source


@dataclass(frozen=True)
class Network:
    """The reader's view of a graph: its leaves and statements, in the user's order.

    `nodes` maps every name to its node, `names` every named node to its name.
    """

    leaves: tuple[str, ...]
    statements: tuple[Statement, ...]
    nodes: dict[str, Node]

    @cached_property
    def names(self) -> dict[Node, str]:
        """Node → the first name that it was given."""
        found: dict[Node, str] = {}
        for name, node in self.nodes.items():
            found.setdefault(node, name)
        return found

    def statement(self, name: str) -> Statement:
        """The statement that computes `name`."""
        for statement in self.statements:
            if statement.name == name:
                return statement
        raise GraphError(f"{name} is not computed by a statement")


def network(graph: Graph, detail: str = "paths") -> Network:
    """The statements of a graph at one level of detail.

    >>> import graphnn as gnn
    >>> x, w = gnn.input("x"), gnn.parameter("w")
    >>> made = network(gnn.Graph({"L": gnn.sigmoid(w * x) ** 2}))
    >>> [f"{s.name} = {s.written}" for s in made.statements]
    ['z = w·x', 'a = σ(z)', 'L = a²']
    """
    if detail not in DETAILS:
        raise GraphError(f"there is no detail {detail!r}; one of {', '.join(DETAILS)}")
    ends = list(graph.outputs.values())
    handles = _written_handles(ends)
    named: dict[int, str] = {}
    for handle in handles:
        if handle.name is not None:
            named[handle.serial] = handle.name
    for name, handle in graph.outputs.items():
        if handle.node.op not in ("input", "parameter"):
            named.setdefault(handle.serial, name)
    _share_names(handles, named)
    _Namer(handles, named, detail).run()
    return _collect(handles, named)


def _written_handles(ends: Iterable[Handle]) -> list[Handle]:
    """The handles a reader sees, in the order made: the insides of composites are left out."""
    found: dict[int, Handle] = {}
    stack = list(ends)
    while stack:
        handle = stack.pop()
        if handle.serial not in found:
            found[handle.serial] = handle
            stack.extend(_operands(handle))
    return [found[serial] for serial in sorted(found)]


def _operands(handle: Handle) -> tuple[Handle, ...]:
    if isinstance(handle.provenance, Written):
        return handle.provenance.operands
    return ()


def _share_names(handles: Sequence[Handle], named: dict[int, str]) -> None:
    """An unnamed handle of a node that has a name elsewhere takes that name."""
    by_node: dict[Node, str] = {}
    for handle in handles:
        if handle.serial in named and handle.node.op != "constant":
            by_node.setdefault(handle.node, named[handle.serial])
    for handle in handles:
        if handle.serial not in named and handle.node in by_node and not _turned(handle):
            named[handle.serial] = by_node[handle.node]


class _Namer:
    """Gives names to unnamed parts; the rules stand in the module's docstring."""

    def __init__(self, handles: Sequence[Handle], named: dict[int, str], detail: str) -> None:
        self.handles = handles
        self.named = named
        self.detail = detail
        self.taken = set(named.values())
        self.counted = {"z": 1, "a": 1, "u": 1}
        self.users: dict[Node, list[Handle]] = {}
        for handle in handles:
            for operand in _operands(handle):
                self.users.setdefault(operand.node, []).append(handle)
        computed = {named[h.serial] for h in handles if h.serial in named and _computed(h)}
        self.single = len(computed) == 1

    def run(self) -> None:
        wanted: dict[Node, str] = {}
        heights: dict[int, int] = {}
        for handle in self.handles:
            lower = [
                0 if o.serial in self.named else heights.get(o.serial, 0) for o in _operands(handle)
            ]
            heights[handle.serial] = 1 + max(lower, default=0)
            if handle.serial in self.named or not _computed(handle):
                continue
            if handle.node in wanted:
                heights[handle.serial] = 0
                continue
            kind = self._kind(handle, heights[handle.serial])
            if kind:
                wanted[handle.node] = kind
                heights[handle.serial] = 0
        if self.single and not wanted and self.detail == "paths":
            wanted = self._paths()
        self._assign(wanted)

    def _kind(self, handle: Handle, height: int) -> str:
        """What an unnamed handle is called: "z", "a", "u", or "" for nothing."""
        users = self.users.get(handle.node, [])
        if not users:
            return ""
        structural = _function(handle) in _STRUCTURES
        fed_on = _compound(handle) and any(_function(user) in _STRUCTURES for user in users)
        if _turned(handle):
            return ""  # the vector's own node: under a second name it would be lost
        if self.detail == "ops" or structural or fed_on:
            return "u"
        if self.detail == "statements":
            return ""
        if any(_function(user) in _ACTIVATIONS and _compound(handle) for user in users):
            return "z"
        if _function(handle) in _ACTIVATIONS:
            return "a"
        if len(users) > 1 and _compound(handle):
            return "u"
        return "u" if height > MAX_WRITTEN_DEPTH else ""

    def _paths(self) -> dict[Node, str]:
        """The compound summands of a one-statement network that share a leaf."""
        end = self.handles[-1]
        summands = [h for h in _summands(end) if _compound(h) and h.serial not in self.named]
        below = [
            {h.node for h in _written_handles([s]) if h.serial in self.named} for s in summands
        ]
        found = {}
        for k, summand in enumerate(summands):
            others = set().union(*(b for j, b in enumerate(below) if j != k), set())
            if below[k] & others or self._also_alone(end, below[k]):
                found[summand.node] = "u"
        return found if len(found) > 1 or found else {}

    def _also_alone(self, end: Handle, below: set[Node]) -> bool:
        return any(h.node in below for h in _summands(end) if h.serial in self.named)

    def _assign(self, wanted: dict[Node, str]) -> None:
        given: dict[Node, str] = {}
        for handle in self.handles:
            if handle.node in wanted and handle.serial not in self.named:
                if handle.node not in given:
                    given[handle.node] = self._fresh(wanted[handle.node], handle)
                self.named[handle.serial] = given[handle.node]

    def _fresh(self, kind: str, handle: Handle) -> str:
        candidates = self._candidates(kind, handle)
        name = next(c for c in candidates if c not in self.taken)
        self.taken.add(name)
        return name

    def _candidates(self, kind: str, handle: Handle) -> Iterator[str]:
        stems = (kind,) if kind in ("z", "a") else ("u", "v")
        for user in self.users.get(handle.node, []) if len(stems) == 1 else ():
            called = self.named.get(user.serial)
            number = name_parts(called)[2] if called else ""
            if number.isdigit():
                yield f"{kind}{number}"
        if all(f"{stem}1" not in self.taken for stem in stems):
            yield from stems
        for k in itertools.count(self.counted[kind]):
            self.counted[kind] = k
            yield from (f"{stem}{k}" for stem in stems)


def _computed(handle: Handle) -> bool:
    return isinstance(handle.provenance, Written) and handle.node.op != "constant"


def _compound(handle: Handle) -> bool:
    """More than a leaf or the negative of one."""
    return _computed(handle) and _function(handle) not in ("negate", "transpose", "getitem")


def _turned(handle: Handle) -> bool:
    """A vector's transpose: the same node, and yet a row where it is written."""
    return _function(handle) == "transpose" and handle.node is _operands(handle)[0].node


def _function(handle: Handle) -> str:
    return handle.provenance.function if isinstance(handle.provenance, Written) else ""


def _summands(handle: Handle) -> list[Handle]:
    found: list[Handle] = []
    stack = [handle]
    while stack:
        h = stack.pop()
        if _function(h) in ("add", "subtract") and isinstance(h.provenance, Written):
            stack.extend(reversed(h.provenance.operands))
        else:
            found.append(h)
    return found


def _collect(handles: Sequence[Handle], named: dict[int, str]) -> Network:
    nodes: dict[str, Node] = {}
    leaves: dict[str, None] = {}
    statements: list[Statement] = []
    done: set[str] = set()
    trees: dict[int, Expr] = {}
    for handle in handles:
        name = named.get(handle.serial)
        if name is not None and nodes.setdefault(name, handle.node) is not handle.node:
            raise GraphError(f"two different values are called {name}; rename one of them")
        if handle.provenance is None and handle.node.op in ("input", "parameter"):
            leaves[handle.node.attribute("name")] = None
            nodes.setdefault(handle.node.attribute("name"), handle.node)
            trees[handle.serial] = sym(handle.node.attribute("name"))
            continue
        tree, index = _tree(handle, trees)
        if name is None or handle.node.op in ("input", "parameter"):
            trees[handle.serial] = tree
            continue
        trees[handle.serial] = sym(name)
        if name in done:
            continue
        done.add(name)
        statements.append(_statement(name, handle, tree, index, named))
    return Network(tuple(leaves), tuple(statements), nodes)


def _statement(
    name: str, handle: Handle, tree: Expr, index: tuple[Expr, ...] | None, named: dict[int, str]
) -> Statement:
    stop: dict[Node, str] = {}
    stack = list(_operands(handle))
    while stack:
        part = stack.pop()
        if part.serial in named or part.provenance is None:
            if part.node.op != "constant":
                stop.setdefault(part.node, named.get(part.serial) or part.node.attribute("name"))
        else:
            stack.extend(_operands(part))
    inner = between(handle.node, set(stop))
    reads = tuple(dict.fromkeys(reversed(list(stop.values()))))
    return Statement(name, handle.node, tree, index, reads, inner, handle.scope, handle.source)


def between(end: Node, stop: set[Node]) -> tuple[Node, ...]:
    """The op nodes on the way from the nodes of `stop` to `end`, operands first."""
    order: list[Node] = []
    done = set(stop)
    stack = [(end, False)]
    while stack:
        node, expanded = stack.pop()
        if node in done and not (node is end and not order and expanded):
            continue
        if expanded:
            done.add(node)
            order.append(node)
        elif node is end or node not in stop:
            stack.append((node, True))
            stack.extend((o, False) for o in reversed(node.operands) if o not in done)
    return tuple(n for n in order if not n.is_leaf)


def _tree(handle: Handle, trees: dict[int, Expr]) -> tuple[Expr, tuple[Expr, ...] | None]:
    """The expression of one handle over its operands' expressions; an index for indexed ops."""
    made = handle.provenance
    if made is None:
        return _constant(handle.node), None
    if isinstance(made, GradientOf):
        return apply("∂", sym(made.output.name or "f"), sym(made.wrt.name or "?")), None
    parts = [trees[o.serial] for o in made.operands]
    match made.function:
        case "multiply":
            scalar = any(not o.shape for o in made.operands)
            return apply("*" if scalar else "⊙", *parts), None
        case "transpose" if not made.parameters:
            return apply("T", *parts), None
        case "getitem":
            index = [_index(p) for p in dict(made.parameters)["index"]]
            return apply("[]", parts[0], *index), None
        case function if function in _OPERATORS:
            return apply(_OPERATORS[function], *parts), None
        case "formula":
            return _indexed(handle, parts)
        case "typed":
            # several ops in index notation: shown as they were typed
            typed = dict(made.parameters)
            return typed["tree"], typed["index"]
        case "vector":
            return apply("vector", *parts), None
    parameters = [
        apply("=", sym(key), literal(value))
        for key, value in made.parameters
        if value is not None and value is not False
    ]
    return apply(made.function, *parts, *parameters), None


def _constant(node: Node) -> Expr:
    value = scalar_value(node)
    if value is None:
        return literal(node.attribute("value"))
    return num(short_number(value))


def short_number(value: Number) -> Number:
    """A float that a short decimal spells exactly is that decimal."""
    if isinstance(value, float) and value == value and abs(value) < 1e15:
        exact = Fraction(repr(value))
        return exact if exact.denominator <= 10**6 else value
    return value


def literal(value: Any) -> Expr:
    """A parameter or constant as an expression: numbers, lists, symbolic sizes, names."""
    if isinstance(value, Array):
        return literal(value.values.tolist())
    if isinstance(value, list | tuple):
        return apply("vector", *(literal(part) for part in value))
    if isinstance(value, Polynomial):
        return to_expression(value)
    if isinstance(value, Handle):
        return sym(value.name or "?")
    if isinstance(value, str):
        return sym(value)
    return num(short_number(value))


def _index(part: Any) -> Expr:
    if isinstance(part, tuple):
        return apply(":", *(apply("nothing") if p is None else literal(p) for p in part))
    return apply("nothing") if part is None else literal(part)


def _indexed(handle: Handle, parts: list[Expr]) -> tuple[Expr, tuple[Expr, ...]]:
    """A formula's body over elements of its operands, under Σ or max for the reduced axes."""
    formula = handle.node.op
    if not isinstance(formula, Formula):
        return parts[0], ()
    made = handle.provenance
    operands = (
        {o.node: p for o, p in zip(made.operands, parts, strict=True)}
        if isinstance(made, Written)
        else {}
    )
    trees = [
        operands.get(o, _constant(o) if o.op == "constant" else sym("?"))
        for o in handle.node.operands
    ]
    return formula_tree(formula, trees)


def formula_tree(formula: Formula, operands: Sequence[Expr]) -> tuple[Expr, tuple[Expr, ...]]:
    """(body under Σ or max, write index): a formula as an expression over its operands."""
    reads = {
        f"_{k}": _element(operands[r.operand], r.index, operands)
        for k, r in enumerate(formula.reads)
    }
    body = rename_symbols(formula.body, reads)
    if formula.reduced and formula.reduce in ("sum", "max"):
        bound = [sym(a.name) for a in formula.reduced]
        body = apply("Σ" if formula.reduce == "sum" else "Max", *bound, body)
    write = tuple(_index_tree(index, operands) for index in formula.write)
    return body, write


def _element(base: Expr, index: Sequence[Polynomial | Lookup], operands: Sequence[Expr]) -> Expr:
    return apply("[]", base, *(_index_tree(i, operands) for i in index)) if index else base


def _index_tree(index: Polynomial | Lookup, operands: Sequence[Expr]) -> Expr:
    if isinstance(index, Lookup):
        return _element(operands[index.operand], index.index, operands)
    return to_expression(index)
