"""Statements: what a reader sees of a graph. A name, the expression as written, its op nodes.

The user's names come first. With `detail="paths"` an unnamed part gets a name of its own where it
is used twice, where it is the argument or the value of an activation inside something larger
(z and a), where a product of matrices is squared, multiplied or an argument (u, z), or where a network of one statement would otherwise hide its paths (u, v, u₁ …).
`"statements"` never splits (but for reshape, concat and split, which are no formulas); `"ops"`
names every operation, and opens composites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from graphnn.errors import GraphError
from graphnn.expression.tree import Expr, sym
from graphnn.graph.composite import has_named_parts, is_composite, opened
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle, Source
from graphnn.graph.naming import Naming, is_turned, operands_of, written_handles
from graphnn.graph.node import Node
from graphnn.graph.written import written_tree

DETAILS = ("paths", "statements", "ops")


@dataclass(frozen=True)
class Statement:
    """`name = written`: one line of the network, as its author wrote it.

    `index` is the left side's index where the statement was written in index notation
    (`z[i,j] += …`), else None. `reads` are the names on the right, `inner` the op nodes from the
    names read to this one, operands first (the last is `node`). A value that two statements
    compute in the same way is one node: `reads` has it under its first name.
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
        """Node → the first name that it was given; a leaf's own name."""
        found = {self.nodes[leaf]: leaf for leaf in self.leaves}
        for name, node in self.nodes.items():
            found.setdefault(node, name)
        return found

    def statement(self, name: str) -> Statement:
        """The statement that computes `name`."""
        for statement in self.statements:
            if statement.name == name:
                return statement
        raise GraphError(f"{name} is not computed by a statement")


def network(graph: Graph, detail: str = "paths", named_parts: bool = False) -> Network:
    """The statements of a graph at one level of detail.

    "ops" opens every composite. With `named_parts`, those open at any level whose inside has
    names (layer_norm: μ, s and x̂) or holds what is no formula: a derivation has a line for each.

    >>> import graphnn as gnn
    >>> x, w = gnn.input("x"), gnn.parameter("w")
    >>> made = network(gnn.Graph({"L": gnn.sigmoid(w * x) ** 2}))
    >>> [f"{s.name} = {s.written}" for s in made.statements]
    ['z = w·x', 'a = σ(z)', 'L = a²']
    """
    if detail not in DETAILS:
        raise GraphError(f"there is no detail {detail!r}; one of {', '.join(DETAILS)}")
    opens = is_composite if detail == "ops" else has_named_parts if named_parts else None
    ends = list(graph.outputs.values())
    if opens is not None:
        ends = opened(ends, opens)
    handles = written_handles(ends)
    named: dict[int, str] = {}
    for handle in handles:
        if handle.name is not None:
            named[handle.serial] = handle.name
    for name, handle in zip(graph.outputs, ends, strict=True):
        if handle.node.op not in ("input", "parameter"):
            named.setdefault(handle.serial, name)
    _share_names(handles, named)
    Naming(handles, named, detail).run()
    return _collect(handles, named)


def _share_names(handles: Sequence[Handle], named: dict[int, str]) -> None:
    """An unnamed handle of a node that has a name elsewhere takes that name."""
    by_node: dict[Node, str] = {}
    for handle in handles:
        if handle.serial in named and handle.node.op != "constant":
            by_node.setdefault(handle.node, named[handle.serial])
    for handle in handles:
        if handle.serial not in named and handle.node in by_node and not is_turned(handle):
            named[handle.serial] = by_node[handle.node]


def _collect(handles: Sequence[Handle], named: dict[int, str]) -> Network:
    nodes: dict[str, Node] = {}
    leaves: dict[str, None] = {}
    statements: list[Statement] = []
    done: set[str] = set()
    first: dict[Node, str] = {}
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
        tree, index = written_tree(handle, trees)
        if name is None or handle.node.op in ("input", "parameter"):
            trees[handle.serial] = tree
            continue
        trees[handle.serial] = sym(name)
        if name in done:
            continue
        done.add(name)
        statements.append(_statement(name, handle, tree, index, named, first))
        first.setdefault(handle.node, name)
    return Network(tuple(leaves), tuple(statements), nodes)


def _statement(
    name: str,
    handle: Handle,
    tree: Expr,
    index: tuple[Expr, ...] | None,
    named: dict[int, str],
    first: dict[Node, str],
) -> Statement:
    stop: dict[Node, str] = {}
    stack = list(operands_of(handle))
    while stack:
        part = stack.pop()
        if part.serial in named or part.provenance is None:
            if part.node.op in ("input", "parameter"):
                # under its own name, even where the author gave it a second one (a = z)
                stop.setdefault(part.node, part.node.attribute("name"))
            elif part.node.op != "constant":
                stop.setdefault(part.node, first.get(part.node, named[part.serial]))
        else:
            stack.extend(operands_of(part))
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
