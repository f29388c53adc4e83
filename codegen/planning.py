"""From a graph to a plan: which nodes are computed, in which order, under which names.

The forward section holds what the outputs need, the backward section what the gradients of the
first output need besides, the updates section the rest. Kernels stand statement by statement, the
backward ones in reverse; nodes that depend on constants alone are folded, and nodes that nothing
needs do not occur.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphnn.calculus.formula import Formula, Lookup, Size, formula_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import Gradients, differentiate
from graphnn.graph.graph import Graph, as_graph, resolve
from graphnn.graph.handle import GradientOf, Handle
from graphnn.graph.node import FLOATS, Node, array_value, scalar_value, topological
from graphnn.graph.statements import Network, network
from graphnn.plan import SECTIONS, Buffer, Kernel, Leaf, Plan

from codegen.sizes import sample_sizes
from codegen.spelling import Names

FOLDED_ELEMENTS = 4096


@dataclass
class _Sources:
    """What planning knows about nodes: the statement each serves, and the name it goes by."""

    statements: list[str] = field(default_factory=list)
    serves: dict[Node, tuple[str, int]] = field(default_factory=dict)
    names: dict[Node, str] = field(default_factory=dict)


def make_plan(
    thing: Any,
    dtype: str | None = None,
    parameters: Sequence[str | Handle] | None = None,
    reserved: frozenset[str] = frozenset(),
) -> Plan:
    """The plan of a graph: one kernel for each node that is needed.

    `parameters` says what to differentiate the first output by (the graph's parameters, if it is
    not given); an output that is not one float has no gradients. `dtype` replaces every float
    dtype.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> plan = make_plan({"L": gnn.sigmoid(w * x)})
    >>> [leaf.name for leaf in plan.leaves], plan.gradients
    (['w', 'x'], {'w': 'd_w'})

    Raises DtypeError for an unknown dtype, ShapeError where no leaf binds a symbolic size.
    """
    if dtype is not None and dtype not in FLOATS:
        raise DtypeError(f"a graph is compiled in one of {', '.join(FLOATS)}; dtype={dtype!r}")
    graph = as_graph(thing)
    gradients = _gradients(graph, parameters)
    wanted = gradients.gradients if gradients else {}
    ends = {
        "forward": [h.node for h in graph.outputs.values()],
        "backward": list(wanted.values()),
        "updates": [h.node for h in graph.updates.values()],
    }
    section: dict[Node, str] = {}
    for name in SECTIONS:
        for node in topological(ends[name]):
            section.setdefault(node, name)
    order = topological([node for nodes in ends.values() for node in nodes])
    leaves = [h for h in graph.handles if h.node.op in ("input", "parameter") and not h.provenance]
    leaves = list({h.node: h for h in reversed(leaves)}.values())[::-1]
    leaves.sort(key=lambda h: h.serial)
    constants = _constants(order)
    sources = _sources(graph, gradients)
    names = Names(reserved)
    buffers = {node: names.fresh(_label(node)) for node in (h.node for h in leaves)}
    for node in order:
        if node not in buffers and node.op != "split":
            wanted_name = sources.names.get(node)
            stem = "c" if node in constants else "t"
            buffers[node] = names.fresh(wanted_name) if wanted_name else names.numbered(stem)
    found = {buffers[node]: Buffer(buffers[node], node.shape, _dtype(node, dtype)) for node in buffers}
    kernels = _kernels(order, section, buffers, constants, sources)
    every = [*order, *(h.node for h in leaves)]
    return Plan(
        tuple(_leaf(h.node, buffers, order) for h in leaves),
        found,
        {buffers[node]: value for node, value in constants.items()},
        kernels,
        _lines(graph),
        {name: buffers[h.node] for name, h in graph.outputs.items()},
        {_label(node): buffers[made] for node, made in wanted.items()},
        {_label(p.node): buffers[h.node] for p, h in graph.updates.items()},
        sample_sizes(every),
    )


def _dtype(node: Node, dtype: str | None) -> str:
    return dtype if dtype is not None and node.dtype in FLOATS else node.dtype


def _label(node: Node) -> str:
    name: str = node.attribute("name")
    return name


def _gradients(
    graph: Graph, parameters: Sequence[str | Handle] | None
) -> Gradients | None:
    """The gradients of the first output, where it is one float and something is learnt."""
    loss = next(iter(graph.outputs.values())).node
    wanted = graph.parameters if parameters is None else [resolve(graph, p) for p in parameters]
    single = loss.dtype in FLOATS and all(size == 1 for size in loss.shape)
    if parameters is not None and not single:
        raise ShapeError(
            f"{next(iter(graph.outputs))} has shape {loss.shape}: only a single element has a "
            "gradient; compile its sum, or leave parameters= out"
        )
    for handle in wanted:
        if handle.node.op not in ("input", "parameter"):
            raise GraphError(f"{handle.name} is computed; parameters= takes inputs and parameters")
    floats = [h.node for h in wanted if h.node.dtype in FLOATS]
    return differentiate(loss, floats) if single and floats else None


def _constants(order: Iterable[Node]) -> dict[Node, Any]:
    """Numbers and arrays that are known now: constants, and what depends on nothing else."""
    known: dict[Node, Any] = {}
    folded: list[Node] = []
    for node in order:
        if node.op == "constant":
            value = scalar_value(node)
            known[node] = node.attribute("value") if value is None else value
        elif node.operands and all(o in known or o in folded for o in node.operands):
            if _is_small(node):
                folded.append(node)
    outputs = [node for node in folded if node.op != "split"]
    values = evaluate_nodes(outputs, {}) if outputs else {}
    for node, value in values.items():
        known[node] = value.item() if node.shape == () else array_value(value)
    return known


def _is_small(node: Node) -> bool:
    sizes: list[Size] = list(node.shape)
    if isinstance(node.op, Formula):
        sizes += [a.extent for a in node.op.axes]
    count = 1
    for size in sizes:
        if not isinstance(size, int):
            return False
        count *= max(size, 1)
    return count <= FOLDED_ELEMENTS


def _sources(graph: Graph, gradients: Gradients | None) -> _Sources:
    """Statements and names of nodes: the user's, then what the tables of gradients say."""
    found = _Sources()
    try:
        lines: Network | None = network(_primal(graph))
    except GraphError:
        lines = None
    if lines is not None:
        found.names.update(lines.names)
        for place, statement in enumerate(lines.statements):
            found.statements.append(statement.name)
            for node in statement.inner:
                found.serves.setdefault(node, (statement.name, place))
    for node, names in graph.names.items():
        found.names.setdefault(node, names[0])
    if gradients is not None:
        _trace(found, gradients)
    for made in _derived(graph):
        _trace(found, made)
    for place, (leaf, handle) in enumerate(graph.updates.items()):
        found.names.setdefault(handle.node, f"new_{leaf.name}")
        found.serves.setdefault(handle.node, (f"next {leaf.name}", place))
    return found


def _primal(graph: Graph) -> Graph:
    """The outputs that are no gradients; their statements are what the user wrote."""
    written = {n: h for n, h in graph.outputs.items() if not isinstance(h.provenance, GradientOf)}
    return Graph(written or dict(graph.outputs))


def _derived(graph: Graph) -> list[Gradients]:
    """The tables of the gradients that the graph holds, first derivatives first."""
    groups: dict[tuple[Node, Node | None], list[Node]] = {}
    for handle in graph.handles:
        match handle.provenance:
            case GradientOf(output=output, wrt=wrt, cotangent=cotangent):
                key = (output.node, None if cotangent is None else cotangent.node)
                groups.setdefault(key, []).append(wrt.node)
    return [differentiate(output, wrt, seed) for (output, seed), wrt in groups.items()]


def _trace(found: _Sources, gradients: Gradients) -> None:
    """Names and statements of one reverse pass: `d_z` is the cotangent of z."""
    last = len(found.statements)
    first_use: dict[Node, tuple[str, int]] = {}
    for c in gradients.contributions:
        place = found.serves.get(c.node, ("", last))
        found.serves.setdefault(c.result, (place[0], _backward(place[1])))
        first_use[c.operand] = min(first_use.get(c.operand, place), place, key=lambda p: p[1])
    for node, made in {**gradients.cotangents, **gradients.gradients}.items():
        if node in found.names and made.op != "constant":
            found.names.setdefault(made, f"d_{found.names[node]}")
        place = found.serves.get(node) or first_use.get(node)
        if place is not None:
            found.serves.setdefault(made, (place[0], _backward(place[1])))


def _backward(place: int) -> int:
    """The number of the block in which a statement's backward kernels stand."""
    return -1 - place if place >= 0 else place


def _kernels(
    order: Sequence[Node],
    section: Mapping[Node, str],
    buffers: Mapping[Node, str],
    constants: Mapping[Node, Any],
    sources: _Sources,
) -> tuple[Kernel, ...]:
    """The kernels, section by section and statement by statement."""
    computed = [n for n in order if not n.is_leaf and n not in constants and n.op != "split"]
    serves = dict(sources.serves)
    for node in reversed(order):
        if node in serves:
            for operand in node.operands:
                serves.setdefault(operand, serves[node])
    blocks = {n: _block(section[n], serves.get(n, ("", 0))[1], len(sources.statements)) for n in computed}
    place = {node: k for k, node in enumerate(order)}
    computed.sort(key=lambda n: (SECTIONS.index(section[n]), blocks[n], place[n]))
    if not _in_order(computed, set(place) - set(computed)):
        computed.sort(key=lambda n: (SECTIONS.index(section[n]), place[n]))
    return tuple(_kernel(n, section[n], serves.get(n, ("", 0)), buffers) for n in computed)


def _block(section: str, place: int, count: int) -> int:
    """Forward statements in order, then backward ones (numbered −1 − k) in reverse."""
    return place if place >= 0 else 2 * count + place + 1


def _in_order(nodes: Sequence[Node], known: set[Node]) -> bool:
    done = set(known)
    for node in nodes:
        if any(o not in done for o in _read(node)):
            return False
        done.add(node)
    return True


def _read(node: Node) -> tuple[Node, ...]:
    """The nodes whose buffers a kernel reads: an item reads what was split."""
    return node.operands[0].operands if node.op == "item" else node.operands


def _kernel(
    node: Node, section: str, serves: tuple[str, int], buffers: Mapping[Node, str]
) -> Kernel:
    operands = tuple(buffers[o] for o in _read(node))
    comment = node.kind
    if isinstance(node.op, Formula):
        comment = formula_text(node.op, operands, buffers[node])
    statement = f"∂{serves[0]}" if serves[1] < 0 else serves[0]
    return Kernel(node, operands, buffers[node], node.kind, section, statement, comment)


def _leaf(node: Node, buffers: Mapping[Node, str], order: Sequence[Node]) -> Leaf:
    made = Leaf(_label(node), str(node.op), buffers[node])
    if node.dtype == "int64":
        return replace(made, below=_below(node, order))
    return replace(made, fan_in=_fan_in(node, order))


def _below(node: Node, order: Sequence[Node]) -> int | None:
    """The number of rows of the table in which an integer leaf is looked up."""
    for user in order:
        if not isinstance(user.op, Formula):
            continue
        accesses = [(user.op.write, user.op.shape)]
        accesses += [(r.index, user.operands[r.operand].shape) for r in user.op.reads]
        for index, shape in accesses:
            for part, size in zip(index, shape, strict=True):
                if isinstance(part, Lookup) and user.operands[part.operand] is node:
                    return size if isinstance(size, int) else 1
    return None


def _fan_in(node: Node, order: Sequence[Node]) -> int | None:
    """How many elements of a parameter the first op that uses it sums over."""
    followed = {node: {k: k for k in range(len(node.shape))}}
    for user in order:
        formula = user.op
        if not isinstance(formula, Formula):
            continue
        for read in formula.reads:
            dims = followed.get(user.operands[read.operand])
            if dims is None:
                continue
            axes = [str(part) for part in read.index]
            reduced = {a.name for a in formula.reduced}
            over = [dims[k] for k, a in enumerate(axes) if k in dims and a in reduced]
            if over:
                sizes = [node.shape[k] for k in over]
                return _product(sizes)
            if len(formula.reads) == 1 and formula.is_plain:
                written = [str(part) for part in formula.write]
                followed[user] = {
                    written.index(a): dims[k] for k, a in enumerate(axes) if k in dims and a in written
                }
            else:
                return None
    return None


def _product(sizes: Iterable[Size]) -> int | None:
    total = 1
    for size in sizes:
        if not isinstance(size, int):
            return None
        total *= size
    return total


def _lines(graph: Graph) -> dict[str, str]:
    """Each statement as its author wrote it."""
    try:
        lines = network(_primal(graph))
    except GraphError:
        return {}
    from graphnn.expression.names import show

    return {s.name: f"{show(s.name)} = {s.written}" for s in lines.statements}

