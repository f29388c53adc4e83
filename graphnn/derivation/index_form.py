"""A statement in index notation: `z[k] = Σ_m W[k,m]·h[m] + b[k]`, as an ordered tree.

The tree is composed from the formulas of the statement's op nodes. Elements of named values are
`[]` nodes; a node inside the statement that is used twice, or a reduction inside something
non-linear, stays a *hidden* value with a definition of its own, so that an expression does not
grow when it is differentiated. Elementary ops print as calls (`σ(z[k])`), not as their bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from graphnn.calculus.formula import Formula, Lookup, read_symbol
from graphnn.calculus.polynomial import Polynomial, single_axis, to_expression
from graphnn.calculus.tables import ACTIVATIONS, definition
from graphnn.expression.algebra import add, as_condition, multiply
from graphnn.expression.tree import (
    BINDERS,
    Expr,
    apply,
    children,
    num,
    postorder,
    rebuild,
    substitute,
    sym,
)
from graphnn.graph.node import Array, Node, scalar_value
from graphnn.graph.statements import Network, Statement
from graphnn.graph.written import literal, short_number

CALLS = frozenset(row.partition("(")[0].strip() for row in ACTIVATIONS.splitlines() if row.strip())
HIDDEN = "%"
INDEX = "$"
"""Names of hidden values and of index symbols start with signs that no user's name can hold."""


@dataclass(frozen=True)
class IndexForm:
    """`name[index] = tree`, and the hidden values that the tree reads.

    `hidden` maps a hidden name to (index symbols, tree), in topological order.
    """

    name: str
    index: tuple[Expr, ...]
    tree: Expr
    hidden: dict[str, tuple[tuple[Expr, ...], Expr]]


@dataclass
class Indices:
    """Index symbols, unique within one derivation; letters are chosen when a line is printed.

    `extents` and `wishes` say of each symbol how far it runs and what its author called it.
    `dummies` are the symbols inside an argmax: always the same ones, so that equal ones are equal.
    With `whole`, an axis of a single element has a symbol like any other, and not the index 0.
    """

    extents: dict[Expr, int | Polynomial] = field(default_factory=dict)
    wishes: dict[Expr, str] = field(default_factory=dict)
    dummies: dict[Expr, int | Polynomial] = field(default_factory=dict)
    whole: bool = False

    def fresh(self, extent: int | Polynomial, wish: str = "") -> Expr:
        """A new index symbol with this extent."""
        symbol = sym(f"{INDEX}{len(self.extents)}")
        self.extents[symbol] = extent
        self.wishes[symbol] = wish
        return symbol

    def run(self, extent: int | Polynomial, wish: str = "") -> Expr:
        """A new index symbol, or 0 where there is a single element."""
        return num(0) if extent == 1 and not self.whole else self.fresh(extent, wish)

    def again(self, symbol: Expr) -> Expr:
        """Another symbol with the same extent and wish."""
        return self.fresh(self.extents[symbol], self.wishes[symbol])


def element(name: str, index: Sequence[Expr]) -> Expr:
    """`name[index]`, or the name alone for a scalar."""
    return apply("[]", sym(name), *index) if index else sym(name)


def element_name(e: Expr) -> str | None:
    """The name that an element or a scalar symbol reads, else None."""
    if e.head == "sym":
        return str(e.args[0])
    if e.head == "[]" and e.args[0].head == "sym":
        return str(e.args[0].args[0])
    return None


def has_binder(e: Expr) -> bool:
    """True where a bound sum or maximum occurs."""
    return any(node.head in BINDERS for node in postorder(e))


def index_form(statement: Statement, net: Network, indices: Indices) -> IndexForm | None:
    """The index form of a statement, or None where a structure (reshape, concat …) is inside."""
    known = net.names
    order = list(statement.inner)
    if not order:
        return None
    hidden_nodes = _hidden(order, statement.node)
    trees: dict[Node, tuple[tuple[Expr, ...], Expr]] = {}
    hidden: dict[str, tuple[tuple[Expr, ...], Expr]] = {}
    for node in order:
        if not isinstance(node.op, Formula):
            return None
        wishes = _wishes(statement, node)
        made = _formula_tree(node, trees, known, indices, wishes)
        if made is None:
            return None
        index, tree = made
        if node in hidden_nodes and node is not statement.node:
            name = f"{HIDDEN}{statement.name}{len(hidden)}"
            hidden[name] = (index, tree)
            trees[node] = (index, element(name, index))
        else:
            trees[node] = (index, tree)
    index, tree = trees[statement.node]
    return IndexForm(statement.name, index, tree, hidden)


def _wishes(statement: Statement, node: Node) -> tuple[str, ...]:
    """Axis letters that the author wrote: kept for a statement in index notation."""
    if node is statement.node and statement.index is not None and isinstance(node.op, Formula):
        return tuple(a.name for a in node.op.axes)
    return ()


def _hidden(order: Sequence[Node], end: Node) -> set[Node]:
    """Inner nodes that keep a name: used twice beside a reduction, or a non-linear reduction."""
    inner = set(order)
    uses: dict[Node, int] = {}
    for node in order:
        for operand in node.operands:
            if operand in inner:
                uses[operand] = uses.get(operand, 0) + 1
    reducing = {n for n in order if isinstance(n.op, Formula) and n.op.reduced}
    inside = [n for n in reducing if n is not end and not _linear_to(n, order, end)]
    if not inside:
        return set()
    return {n for n in order if uses.get(n, 0) > 1} | set(inside)


def _linear_to(node: Node, order: Sequence[Node], end: Node) -> bool:
    """Whether the way from a node to the end is sums, negation, scaling by constants alone."""
    current = {node}
    for user in order:
        through = [o for o in user.operands if o in current]
        if not through:
            continue
        constant = all(o in current or o.op == "constant" for o in user.operands)
        linear = user.kind in (
            "add",
            "subtract",
            "negate",
            "sum",
            "mean",
            "broadcast",
            "slice",
        ) or (user.kind in ("multiply", "divide") and constant and len(through) == 1)
        linear = linear or (user.kind == "divide" and user.operands[0] in current)
        if not linear or (user.kind == "divide" and user.operands[-1] in current):
            return False
        current.add(user)
    return end in current


def _formula_tree(
    node: Node,
    trees: dict[Node, tuple[tuple[Expr, ...], Expr]],
    stop: dict[Node, str],
    indices: Indices,
    wishes: tuple[str, ...],
) -> tuple[tuple[Expr, ...], Expr] | None:
    """(index symbols of the output, tree) for one formula node over its operands' trees."""
    formula = node.op
    if not isinstance(formula, Formula) or not formula.is_plain or formula.reduce == "argmax":
        return None
    written = [str(single_axis(part)) for part in formula.write]
    ordered = sorted(formula.axes, key=lambda a: _place(a.name, written))
    names = {a.name: indices.run(a.extent, a.name if a.name in wishes else "") for a in ordered}
    reads: dict[str, Expr] = {}
    for k, read in enumerate(formula.reads):
        operand = node.operands[read.operand]
        index = tuple(_index(part, names, node, trees, stop) for part in read.index)
        found = _operand_tree(operand, index, trees, stop, indices)
        if found is None:
            return None
        reads[f"_{k}"] = found
    if is_call(formula):
        arguments = [reads[f"_{k}"] for k in range(len(formula.reads))]
        tree = apply(formula.name, *arguments)
    else:
        tree = _body(formula, reads, names)
    if formula.guards:
        conditions = [_condition(guard, names) for guard in formula.guards]
        inside = conditions[0]
        for condition in conditions[1:]:
            inside = apply("and", inside, condition)
        tree = apply("where", inside, tree, num(0))
    bound = [names[a.name] for a in formula.reduced if names[a.name].head == "sym"]
    if bound and formula.reduce in ("sum", "max"):
        tree = _bind("Σ" if formula.reduce == "sum" else "Max", bound, tree)
    return tuple(names[name] for name in written), tree


def _condition(guard: Polynomial, names: dict[str, Expr]) -> Expr:
    """`guard ≥ 0` with nothing negative in it: i + u ≥ 1, i + u ≤ n."""
    above = Polynomial(tuple(t for t in guard.terms if t[0] and t[1] > 0))
    below = Polynomial(tuple((m, -c) for m, c in guard.terms if m and c < 0))
    constant = guard - above + below
    if not any(isinstance(atom, str) for monomial, _ in above.terms for atom in monomial):
        return apply("<=", _polynomial(below, names), _polynomial(above + constant, names))
    if not below.terms:
        return apply(">=", _polynomial(above, names), _polynomial(-constant, names))
    return apply(">=", _polynomial(above + constant, names), _polynomial(below, names))


def _bind(head: str, bound: list[Expr], body: Expr) -> Expr:
    """`Σ_bound body`; a sum directly inside a sum joins it; a sign and numbers move outside."""
    if head == "Σ":
        if body.head == "neg":
            return apply("neg", _bind(head, bound, body.args[0]))
        if body.head == "Σ":
            return apply("Σ", *bound, *body.args)
    return apply(head, *bound, body)


def _body(formula: Formula, reads: dict[str, Expr], names: dict[str, Expr]) -> Expr:
    """The body with its reads, axes and extents put in."""
    replacement = {**reads}
    extents = formula.extents
    results: dict[Expr, Expr] = {}
    for node in postorder(formula.body):
        if node.head == "sym":
            name = str(node.args[0])
            results[node] = replacement.get(name) or names.get(name, node)
        elif node.head == "extent":
            results[node] = to_expression(extents[str(node.args[0].args[0])])
        else:
            results[node] = as_condition(rebuild(node, [results[c] for c in children(node)]))
    return results[formula.body]


def _operand_tree(
    operand: Node,
    index: tuple[Expr, ...],
    trees: dict[Node, tuple[tuple[Expr, ...], Expr]],
    stop: dict[Node, str],
    indices: Indices,
) -> Expr | None:
    if operand in stop:
        return element(stop[operand], index)
    if operand in trees:
        own, tree = trees[operand]
        return instantiate_tree(tree, index_map(own, index, indices), indices)
    if operand.op == "constant":
        value = scalar_value(operand)
        if value is not None:
            return num(short_number(value))
        stored = operand.attribute("value")
        if isinstance(stored, Array):
            return apply("[]", literal(stored), *index)
    return None


def instantiate_tree(tree: Expr, at: dict[Expr, Expr], indices: Indices) -> Expr:
    """The tree at another index, its bound symbols renamed: a copy never clashes with another."""
    renamed = dict(at)
    for node in postorder(tree):
        if node.head in BINDERS:
            renamed.update({b: indices.again(b) for b in node.args[:-1] if b in indices.extents})
    return substitute(tree, renamed)


def index_map(own: Sequence[Expr], index: Sequence[Expr], indices: Indices) -> dict[Expr, Expr]:
    """Index symbol → what stands in its place; a single element's 0 needs no replacement."""
    return {o: i for o, i in zip(own, index, strict=True) if o in indices.extents}


def _place(name: str, written: list[str]) -> int:
    return written.index(name) if name in written else len(written)


def _index(
    part: Polynomial | Lookup,
    names: dict[str, Expr],
    node: Node,
    trees: dict[Node, tuple[tuple[Expr, ...], Expr]],
    stop: dict[Node, str],
) -> Expr:
    if isinstance(part, Lookup):
        operand = node.operands[part.operand]
        inner = tuple(_polynomial(p, names) for p in part.index)
        return element(stop.get(operand, "?"), inner)
    return _polynomial(part, names)


def _polynomial(value: Polynomial, names: dict[str, Expr]) -> Expr:
    """An affine index over index symbols, axes before sizes."""
    parts = []
    for monomial, coefficient in value.terms:
        factors = [
            names[atom] if isinstance(atom, str) else to_expression(Polynomial((((atom,), 1),)))
            for atom in monomial
        ]
        parts.append(multiply(num(coefficient), *factors))
    return add(*parts)


def is_call(formula: Formula) -> bool:
    """Whether a formula is an activation of the tables, printed as a call: σ(z[k])."""
    if formula.name not in CALLS or formula.reduce != "set":
        return False
    return formula.body is call_body(formula.name)


@cache
def call_body(name: str) -> Expr:
    """The body of an activation over `_0`, `_1` …: its operands, then its parameters."""
    made = definition(name)
    reads = [*made.operands, *made.body_parameters]
    return substitute(made.body, {sym(r): read_symbol(k) for k, r in enumerate(reads)})
