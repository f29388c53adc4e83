"""Views are folded: what only rearranges, repeats or holds a value is read through.

    W_T[j,k] = W[k,j]     z[i,k] += x[i,j]·W_T[j,k]     becomes   z[i,k] += x[i,j]·W[k,j]
    c[i] = 1/extent(i)    d[i,j] = -c[i]·y[i,j]         becomes   d[i,j] = -y[i,j]/extent(i)
    t[j,k] += a[i,j]·b[i,k]    d[k,j] = t[j,k]          becomes   d[k,j] += a[i,j]·b[i,k]

Nodes to nodes, before a plan is made of them. A value that the user named stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from graphnn.calculus.formula import Formula
from graphnn.calculus.polynomial import Polynomial, polynomial, single_axis
from graphnn.expression.algebra import join_product, split_product
from graphnn.expression.tree import Expr, sym
from graphnn.graph.compose import Region
from graphnn.graph.node import Node, make, topological, users


def fold_views(ends: Sequence[Node], named: Collection[Node]) -> dict[Node, Node]:
    """Each node that the ends need → what is computed instead of it.

    >>> import graphnn as gnn
    >>> x, W = gnn.input("x", (3, 2)), gnn.parameter("W", (4, 2))
    >>> z = (x @ W.T).node
    >>> str(fold_views([z], [])[z].op)
    'y[i, k] += a[i, j]·b[k, j]'
    """
    order = topological(ends)
    kept = {*ends, *named}
    uses = users(order)
    made: dict[Node, Node] = {}
    opened: set[Node] = set()
    for node in order:
        found = _rebuilt(node, made)
        if node.op == "hold":
            found = made[node.operands[0]]
        elif isinstance(node.op, Formula):
            found = _read_through(found, opened)
            source = node.operands[0] if len(node.operands) == 1 else None
            if source is not None and source not in kept and len(uses[source]) == 1:
                found = _written_through(found, made[source])
        made[node] = found
        if node not in kept and (_is_view(found) or _is_uniform(found)):
            opened.add(found)
    return made


def _rebuilt(node: Node, made: Mapping[Node, Node]) -> Node:
    operands = tuple(made[o] for o in node.operands)
    if operands == node.operands:
        return node
    return make(node.op, operands, node.shape, node.dtype, **dict(node.attributes))


def _read_through(node: Node, opened: Collection[Node]) -> Node:
    """The node with its views read through, where it reads any."""
    formula = node.op
    if not isinstance(formula, Formula) or not any(o in opened for o in node.operands):
        return node
    region = Region(formula.axes, opened)
    body = region.body(node, region.own_axes())
    if body is None:
        return node
    product = split_product(body)
    if product.divisors or product.coefficient != 1:
        body = join_product(product.coefficient, product.factors, product.divisors)
    found = region.node(body, like=node)
    same = isinstance(found.op, Formula) and found.shape == node.shape
    return found if same else node


def _written_through(view: Node, source: Node) -> Node:
    """A sum whose only use is a permutation writes the permuted array itself."""
    formula, summed = view.op, source.op
    if (
        not isinstance(formula, Formula)
        or not isinstance(summed, Formula)
        or not _is_view(view)
        or summed.reduce != "sum"
        or not summed.is_plain
        or view.operands != (source,)
        or view.dtype != source.dtype
        or sorted(map(str, formula.reads[0].index)) != sorted(map(str, formula.write))
    ):
        return view
    place = {str(part): k for k, part in enumerate(formula.reads[0].index)}
    order = [place[str(part)] for part in formula.write]
    permuted = replace(
        summed,
        write=tuple(summed.write[k] for k in order),
        shape=tuple(summed.shape[k] for k in order),
    )
    return make(permuted, source.operands, permuted.shape, source.dtype)


def _is_view(node: Node) -> bool:
    """Whether a node only permutes, repeats or drops dimensions of its operand."""
    formula = node.op
    if not isinstance(formula, Formula) or not formula.is_elementwise or len(formula.reads) != 1:
        return False
    (read,) = formula.reads
    axes = [single_axis(part) if isinstance(part, Polynomial) else None for part in read.index]
    places = [a for a in axes if a is not None]
    zeros = all(
        a is not None or part == polynomial(0) for a, part in zip(axes, read.index, strict=True)
    )
    return (
        formula.body is sym("_0")
        and formula.arity == 1
        and zeros
        and len(set(places)) == len(places)
        and node.operands[0].dtype == node.dtype
    )


def _is_uniform(node: Node) -> bool:
    """Whether all elements of a node are one number that no array holds."""
    formula = node.op
    if not isinstance(formula, Formula) or not formula.is_elementwise or formula.reads:
        return False
    return bool(formula.shape) and not any(a.name in _positions(formula.body) for a in formula.axes)


def _positions(body: Expr) -> set[str]:
    """The axes that a body names other than in `extent(axis)`."""
    found: set[str] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if node.head == "sym":
            found.add(node.args[0])
        elif node.head not in ("extent", "num"):
            stack.extend(node.args)
    return found
