"""Naive beside stable: each statement that the stabilise pass changes, in both forms.

A table for each: the form as written and the stabilised one, the rules and the identities behind
them, the inputs at which the written one fails (graphnn.derivation.failing), and how far the
gradients of the two differ where both are finite. The statement is looked at by itself: as a
function of the named values nearest above it that both forms share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnn.derivation.failing import Failure, Pair, agreement, failures, pair
from graphnn.derivation.shown import literal, summary
from graphnn.derivation.stable import ALREADY_STABLE
from graphnn.derivation.steps import Side, Step
from graphnn.derivation.table import Cell, Table
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.names import show
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import Expr, apply, fold, postorder, substitute, sym, symbols
from graphnn.expression.unicode import to_unicode
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle
from graphnn.graph.node import Node, make, topological
from graphnn.graph.rewrites import Rewrite, Shown
from graphnn.graph.stabilise import applied, stabilise
from graphnn.graph.stable_forms import TABLE
from graphnn.graph.stable_reductions import FORMS
from graphnn.graph.statements import Network, Statement, network

AGREE = 1e-6
DEPTH = 24
MAX_SEARCHED = 12
"""Statements for which failing inputs are searched: each takes half a second."""

UNBOUND = (
    "A size is symbolic: with values, the inputs at which the written form fails are searched."
)
ENDS = {"from": "from here on", "below": "nearer to 0", "at": "here"}
CALLED = {"hyperbolic_tangent": "tanh", "log_logistic": "log_sigmoid"}
AS_IT_IS = "The written form is stable as it is: the stabilise pass changes nothing."


@dataclass(frozen=True)
class Both:
    """One statement in both forms, over `inputs`: label → node, each of them a leaf of `pair`."""

    statement: Statement
    written: Expr
    stable: Expr
    rewrites: tuple[Rewrite, ...]
    labels: dict[str, Expr]
    pair: Pair


def stable_tables(loss: Handle, values: Mapping[str, Any]) -> tuple[Table, ...]:
    """A table for each statement that the pass changes; one sentence where it changes nothing.

    `values` are the numbers of named values, at which what the search does not move stays.
    """
    found = both_forms(loss)
    if not found:
        return (Table("Naive beside stable", (), (), (AS_IT_IS,)),)
    return tuple(
        table
        for k, both in enumerate(found)
        for table in _tables(both, values, searched=k < MAX_SEARCHED)
    )


def both_forms(loss: Handle) -> list[Both]:
    """Every statement that the pass changes, written and stabilised."""
    graph = Graph({"loss": loss})
    rewrites = [r for r in applied(graph) if not _is_named_op(r)]
    if not rewrites:
        return []
    net = network(Graph({loss.name or "f": loss}), "statements")
    ends = {s.name: Handle(s.node) for s in net.statements}
    image = {ends[name].node: end.node for name, end in stabilise(Graph(ends)).outputs.items()}
    kept = set(topological([image[loss.node]]))
    made = []
    rewritten = {r.node for r in rewrites}
    for statement in net.statements:
        if rewritten.isdisjoint(statement.inner):
            continue
        if image[statement.node] not in kept or image[statement.node] is statement.node:
            continue
        cut = _cut(statement.node, image[statement.node], net, image)
        inside = _between(statement.node, set(cut))
        own = tuple(r for r in rewrites if r.node in inside)
        if own:
            made.append(_both(statement, net, image, cut, own))
    return made


def _is_named_op(rewrite: Rewrite) -> bool:
    """Whether the rule only gives a named op its own finite form."""
    return rewrite.name in ALREADY_STABLE and rewrite.node.kind == rewrite.name


def _cut(end: Node, stable: Node, net: Network, image: Mapping[Node, Node]) -> list[Node]:
    """The nearest nodes above a statement on which both of its forms depend, none above another."""
    shared = set(topological([stable])) - {stable}
    named = {s.node for s in net.statements} - {end}
    refused: set[Node] = set()
    while True:
        found: dict[Node, None] = {}
        stack = list(end.operands)
        seen = set(stack)
        while stack:
            node = stack.pop()
            leaf = node.op in ("input", "parameter")
            same = image.get(node, node) in shared and (node in named or not node.is_leaf)
            if leaf or (same and node not in refused):
                found[node] = None
            else:
                stack.extend(o for o in reversed(node.operands) if o not in seen)
                seen.update(node.operands)
        deeper = {n for n in found if any(o in found for o in topological([n])[:-1])}
        leaks = _leaks(stable, {image.get(n, n) for n in found})
        if not deeper and not leaks:
            return [n for n in topological([end]) if n in found]
        refused |= deeper or {n for n in found if not n.is_leaf}


def _leaks(stable: Node, stop: set[Node]) -> bool:
    """Whether the stable form reads a leaf past the cut."""
    return any(n.op in ("input", "parameter") for n in _between(stable, stop))


def _between(end: Node, stop: set[Node]) -> set[Node]:
    """The nodes from a cut (excluded) to an end (included)."""
    found, stack = {end}, [end]
    while stack:
        for operand in stack.pop().operands:
            if operand not in stop and operand not in found:
                found.add(operand)
                stack.append(operand)
    return found


def _both(
    statement: Statement,
    net: Network,
    image: Mapping[Node, Node],
    cut: Sequence[Node],
    rewrites: tuple[Rewrite, ...],
) -> Both:
    names = {node: name for node, name in net.names.items() if node is not statement.node}
    shown = Shown({**names, **{image.get(n, n): names[n] for n in cut if n in names}})
    stable = image[statement.node]
    leaves: dict[str, Node] = {}
    labels: dict[str, Expr] = {}
    for k, node in enumerate(cut):
        name = names.get(node, f"\0{k}")
        leaves[name] = make("input", shape=node.shape, dtype=node.dtype, name=name)
        labels[name] = sym(name) if node in names else shown.node(node)
    own = dict(zip(cut, leaves.values(), strict=True))
    other = {image.get(node, node): leaf for node, leaf in own.items()}
    both = pair(_moved(statement.node, own), _moved(stable, other), leaves)
    kept = {n: name for n, name in shown.names.items() if n is not stable}
    form = Shown(kept).node(stable, DEPTH)
    return Both(statement, _written(statement, net, {names[n] for n in cut if n in names}),
                form, rewrites, labels, both)  # fmt: skip


def _written(statement: Statement, net: Network, stop: set[str]) -> Expr:
    """The statement as written, with the statements above it put in as far as the cut."""
    known = {s.name: s for s in net.statements}
    tree = statement.written
    for _ in known:
        inner = {
            sym(n): known[n].written
            for n in (str(s) for s in _symbols(tree))
            if n in known and n not in stop and known[n].index is None and n != statement.name
        }
        if not inner:
            break
        tree = substitute(tree, inner)
    return tree


def _symbols(e: Expr) -> list[str]:
    return list(symbols(e))


def _moved(end: Node, at: Mapping[Node, Node]) -> Node:
    """A node on other operands: the graph rebuilt above the nodes of `at`."""
    found = dict(at)
    for node in topological([end]):
        if node not in found:
            operands = [found[o] for o in node.operands]
            found[node] = make(node.op, operands, node.shape, node.dtype, **dict(node.attributes))
    return found[end]


def _tables(both: Both, values: Mapping[str, Any], searched: bool) -> list[Table]:
    """The two forms with the rules, then the inputs at which the written one fails."""
    given = {name: np.asarray(values[name], dtype=float) for name in both.labels if name in values}
    name = both.statement.name
    lhs = (
        sym(name) if both.statement.index is None else apply("[]", sym(name), *both.statement.index)
    )
    forms = (
        Step("local", name, lhs, (Side(both.written),)),
        Step("local", name, lhs, (Side(_called(both.stable)),)),
    )
    symbolic = any(not isinstance(n, int) for leaf in both.pair.leaves.values() for n in leaf.shape)
    section = f"Naive beside stable: {show(name)}"
    head = ("as written", "stabilised")
    unbound = symbolic and len(given) < len(both.labels)
    if unbound or not searched:
        note = (
            UNBOUND if unbound else f"Inputs that fail are searched for {MAX_SEARCHED} statements."
        )
        return [Table(section, head, (forms,), (*_rules(both.rewrites), note))]
    found = failures(both.pair, given)
    notes = [*_rules(both.rewrites), *_finite(both.stable), _agreement(both, given)]
    tables = [Table(section, head, (forms,), tuple(notes))]
    if found:
        rows = tuple(_row(both, failure) for failure in found)
        where = ("type", "input", "quantity", "as written", "stabilised", "what happens")
        below = []
        if any(failure.kind == "digits lost" for failure in found):
            below.append(
                "Digits lost: a relative error (norm-wise) above 10⁻³, from about there on."
            )
        if any(f.pattern.size > 1 and literal(f.pattern) is None for f in found):
            below.append("p runs in even steps from 1 to −1.")
        title = f"Where the written form of {show(name)} fails"
        tables.append(Table(title, where, rows, tuple(below)))
    else:
        tables[0] = Table(
            section, head, (forms,), (*notes, "No input was found at which it fails.")
        )
    return tables


def _called(e: Expr) -> Expr:
    """An expression with the names under which a user calls the stable functions."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head in ("num", "sym"):
            return node
        return apply(CALLED.get(node.head, node.head), *parts)

    return fold(e, visit)


def _rules(rewrites: Sequence[Rewrite]) -> list[str]:
    """Each rule once: its name, the identity that proves it, and what it was applied to."""
    lines = []
    for rewrite in rewrites:
        before, after = (to_unicode(_called(e)) for e in (rewrite.before, rewrite.after))
        shown = f"{before} = {after}"
        lines.append(f"{rewrite.name}: {shown}{_identity(rewrite.name)}")
    return list(dict.fromkeys(lines))


def _identity(name: str) -> str:
    """What proves a rule that is no row of the table of functions."""
    if name == "guarded select":
        return " inside one formula: nothing flows back from the branch that is not taken"
    if name not in FORMS or any(row.name == name for row in TABLE):
        return ""
    before, after = FORMS[name]
    return f", since {before} = {after}" + (" for every c" if "- c" in after else "")


def _finite(stable: Expr) -> list[str]:
    """How each stable function of a form is computed, so that no step overflows or cancels."""
    heads = dict.fromkeys(node.head for node in postorder(stable))
    lines = []
    for head in heads:
        row = FUNCTIONS.get(head)
        if row is not None and "(" in (text := row.numpy.replace("np.", "")).partition("(")[2]:
            text = re.sub(r"\b([01])\.0\b", r"\1", text).replace("-", "−")
            text = text[1:-1] if text.startswith("(") else text
            variables = ", ".join(v for v in "uv" if re.search(rf"\b{v}\b", text))
            call = apply(head, *(sym(v) for v in variables.split(", ")))
            lines.append(f"{to_unicode(_called(call))} is computed as {text}.")
    return lines


def _agreement(both: Both, given: Mapping[str, Any]) -> str:
    count, worst = agreement(both.pair, given)
    if worst > AGREE:
        raise GraphError(
            f"internal error: the stabilised gradients of {both.statement.name} differ by {worst:.1e}"
        )
    if not count:
        return (
            "No point was found at which both forms are finite: their gradients are not compared."
        )
    names = ", ".join(to_unicode(label) for label in both.labels.values())
    return (
        f"The gradients by {names} agree at the {count} points tried where both forms are finite: "
        f"the largest relative difference is {numeral(float(worst), 2)}."
    )


def _row(both: Both, failure: Failure) -> tuple[Cell, ...]:
    quantity = show(both.statement.name)
    if failure.quantity:
        quantity = f"∂{quantity}/∂{_bracketed(to_unicode(both.labels[failure.quantity]))}"
    others = [
        f"{to_unicode(both.labels[name])} = {_number(value)}"
        for name, value in failure.at.items()
        if name != failure.moved
    ]
    where = ", ".join([_moved_to(both.labels[failure.moved], failure), *others])
    lost = failure.kind == "digits lost"
    return (
        failure.dtype,
        where,
        quantity,
        _number(failure.written, 6 if lost else 3),
        _number(failure.stable, 6 if lost else 3),
        f"{failure.kind} {ENDS[failure.end]}",
    )


def _moved_to(label: Expr, failure: Failure) -> str:
    """`x = 710`, `x = 710·(1, 0, −1)` or `x = 710 + (1, 0, −1)`."""
    size = _number(failure.size)
    if failure.pattern.size == 1 or not failure.size:
        return f"{to_unicode(label)} = {size}"
    pattern = "p" if literal(failure.pattern) is None else _number(failure.pattern)
    return f"{to_unicode(label)} = {size}{' + ' if failure.shifted else '·'}{pattern}"


def _bracketed(text: str) -> str:
    return f"({text})" if " " in text else text


def _number(value: Any, digits: int = 3) -> str:
    """A number or a small vector, to the three digits that the search resolves, or more."""
    array = np.asarray(value, dtype=np.float64)
    if np.all(array == np.trunc(array)) and np.all(np.abs(array) < 1e4):
        array = array.astype(int)
    if array.size == 1 and array.dtype == int:
        return numeral(int(array.ravel()[0]), digits)
    if array.size == 1:
        return numeral(float(array.ravel()[0]), digits)
    shown = literal(array)
    return summary(array, digits) if shown is None else to_unicode(shown, digits)
