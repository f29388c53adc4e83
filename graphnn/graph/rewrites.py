"""What a rewriting pass did, in words that a reader knows: names of the graph, not of its nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphnn.calculus.formula import Formula
from graphnn.expression.tree import Expr, apply, num, postorder, substitute, sym
from graphnn.graph.node import Node, scalar_value

DEPTH = 6

# Nodes that stand for a whole form: the way, operand by operand, to the form's argument.
_ARGUMENTS = {
    "softmax": (0, 0, 0),
    "log_softmax": (0, 0),
    "logsumexp": (0, 0, 0),
    "variance": (0, 0),
}


@dataclass(frozen=True)
class Rewrite:
    """One thing that was recognised: by which rule, in which of the user's nodes.

    `before` and `after` are the part that changed, over the names of the graph where there are
    any (without indices); `result` is the node that took the place of `node`.
    """

    name: str
    before: Expr
    after: Expr
    node: Node
    result: Node


@dataclass
class Shown:
    """Expressions for nodes: a name, or what the node computes from named ones."""

    names: dict[Node, str]
    products: dict[Expr, str] = field(default_factory=dict)
    letters: dict[Node, Expr] = field(default_factory=dict)
    made: dict[tuple[Node, int], Expr] = field(default_factory=dict)

    def node(self, node: Node, depth: int = DEPTH) -> Expr:
        """The node as an expression; what is too deep gets a letter.

        An operand that is read twice is made once: nested softmax reads each of its own twice.
        """
        if (node, depth) not in self.made:
            self.made[node, depth] = self._node(node, depth)
        return self.made[node, depth]

    def _node(self, node: Node, depth: int) -> Expr:
        value = scalar_value(node)
        if value is not None:
            return num(value)
        if node in self.names:
            return sym(self.names[node])
        if node.op in ("input", "parameter"):
            return sym(node.attribute("name"))
        if depth and node.op == "hold":
            return self.node(node.operands[0], depth)
        if depth and isinstance(node.op, Formula):
            return self._formula(node, node.op, depth)
        return self.letters.setdefault(node, sym(f"u{len(self.letters) + 1}"))

    def computed(self, node: Node) -> Expr:
        """What a formula node computes, whatever its own name."""
        assert isinstance(node.op, Formula)
        return self._formula(node, node.op, DEPTH)

    def _formula(self, node: Node, formula: Formula, depth: int) -> Expr:
        way = _ARGUMENTS.get(formula.name)
        if way is not None:
            inner = node
            axes: list[Expr] = []
            for place in way:
                axes = axes or (_axes(inner.op) if isinstance(inner.op, Formula) else [])
                inner = inner.operands[place]
            return apply(formula.name, self.node(inner, depth - 1), *axes)
        parts = [self.node(operand, depth - 1) for operand in node.operands]
        if not formula.is_elementwise:
            return apply(formula.name, *parts, *_axes(formula))
        reads = {sym(f"_{k}"): parts[read.operand] for k, read in enumerate(formula.reads)}
        return substitute(formula.body, reads)

    def body(self, body: Expr, elements: dict[str, Node]) -> Expr:
        """A body over elements, each the symbol of a node."""
        reads = {
            part: self.node(elements[part.args[0]])
            for part in postorder(body)
            if part.head == "sym" and part.args[0] in elements
        }
        return self._named(substitute(body, reads))

    def _named(self, e: Expr) -> Expr:
        """The expression with the name of what is a matrix product and a bias in it."""
        if all(part.head != "matmul" for part in postorder(e)):
            return e
        return substitute(e, {whole: sym(name) for whole, name in self.products.items()})


def named_products(names: dict[Node, str]) -> dict[Expr, str]:
    """What the named nodes compute that hold a matrix product, by expression."""
    show = Shown(names)
    found: dict[Expr, str] = {}
    for node, name in names.items():
        if isinstance(node.op, Formula):
            whole = show.computed(node)
            if any(part.head == "matmul" for part in postorder(whole)):
                found.setdefault(whole, name)
    return found


def _axes(formula: Formula) -> list[Expr]:
    """`axis=1` of a reduction over some of its operand's axes; nothing where all are reduced."""
    if len(formula.reads) != 1 or not formula.reduced:
        return []
    reduced = {axis.name for axis in formula.reduced}
    index = formula.reads[0].index
    places = [k for k, part in enumerate(index) if str(part) in reduced]
    if not places or len(places) == len(index):
        return []
    axes = num(places[0]) if len(places) == 1 else apply("vector", *map(num, places))
    return [apply("=", sym("axis"), axes)]
