"""From a graph to a plan: which nodes are computed, in which order, under which names.

The forward section holds what the outputs need, the backward section what the gradients of the
first output need besides, the updates section the rest. Kernels stand statement by statement, the
backward ones in reverse; nodes that depend on constants alone are folded, and nodes that nothing
needs do not occur.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codegen.folding import fold_views
from codegen.leaves import leaf_of
from codegen.maxima import without_positions
from codegen.naming import Sources, sources_of, stem
from codegen.sizes import sample_sizes
from codegen.spelling import Names
from graphnn.calculus.formula import Formula, Size, formula_text
from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import Gradients, differentiate
from graphnn.graph.graph import Graph, as_graph, resolve
from graphnn.graph.handle import Handle
from graphnn.graph.node import FLOATS, Node, array_value, scalar_value, topological
from graphnn.plan import SECTIONS, Buffer, Kernel, Plan

FOLDED_ELEMENTS = 4096


def make_plan(
    thing: Any,
    dtype: str | None = None,
    parameters: Sequence[str | Handle] | None = None,
    reserved: frozenset[str] = frozenset(),
    written: Graph | None = None,
) -> Plan:
    """The plan of a graph: one kernel for each node that is needed.

    `parameters` says what to differentiate the first output by (the graph's parameters, if it is
    not given); an output that is not one float has no gradients. `dtype` replaces every float
    dtype. `written` is the graph whose statements are shown, where a pass has changed it.

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
    _check_updates(graph)
    gradients = _gradients(graph, parameters)
    wanted = gradients.gradients if gradients else {}
    written_as = sources_of(graph, written or graph, gradients)
    computed = fold_views(
        [*(h.node for h in graph.outputs.values()), *wanted.values()]
        + [h.node for h in graph.updates.values()],
        written_as.own,
    )
    sources = written_as.moved(computed)
    ends = {
        "forward": [computed[h.node] for h in graph.outputs.values()],
        "backward": [computed[node] for node in wanted.values()],
        "updates": [computed[h.node] for h in graph.updates.values()],
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
    names = Names(reserved)
    buffers = {node: names.fresh(_label(node)) for node in (h.node for h in leaves)}
    for node in order:
        if node not in buffers and node.op != "split":
            wanted_name = sources.names.get(node)
            if wanted_name or node not in constants:
                buffers[node] = names.fresh(wanted_name or stem(node))
            else:
                buffers[node] = names.numbered("c")
    found = {
        buffers[node]: Buffer(buffers[node], node.shape, _dtype(node, dtype)) for node in buffers
    }
    kernels = without_positions(_kernels(order, section, buffers, constants, sources))
    every = [*order, *(h.node for h in leaves)]
    return Plan(
        tuple(leaf_of(h.node, buffers, order) for h in leaves),
        found,
        {buffers[n]: value for n, value in constants.items() if n in buffers},  # no split
        kernels,
        sources.lines,
        {name: buffers[computed[h.node]] for name, h in graph.outputs.items()},
        {_label(node): buffers[computed[made]] for node, made in wanted.items()},
        {_label(p.node): buffers[computed[h.node]] for p, h in graph.updates.items()},
        sample_sizes(every),
        frozenset(buffers[n] for n in sources.own | sources.cotangents if n in buffers),
    )


def _check_updates(graph: Graph) -> None:
    """A model draws its parameters, so their shapes must be numbers."""
    for parameter in graph.updates:
        if not all(isinstance(size, int) for size in parameter.shape):
            raise ShapeError(
                f"the parameter {parameter.name} has shape {shape_text(parameter.shape)}; a model "
                "can only learn parameters whose sizes are numbers"
            )


def _dtype(node: Node, dtype: str | None) -> str:
    return dtype if dtype is not None and node.dtype in FLOATS else node.dtype


def _label(node: Node) -> str:
    name: str = node.attribute("name")
    return name


def _gradients(graph: Graph, parameters: Sequence[str | Handle] | None) -> Gradients | None:
    """The gradients of the first output, where it is one float and something is learnt."""
    loss = next(iter(graph.outputs.values())).node
    wanted = graph.parameters if parameters is None else [resolve(graph, p) for p in parameters]
    single = loss.dtype in FLOATS and all(size == 1 for size in loss.shape)
    if parameters is not None and not single:
        raise ShapeError(
            f"{next(iter(graph.outputs))} has shape {shape_text(loss.shape)}: only a single element "
            "has a gradient; compile its sum, or leave parameters= out"
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
        elif node.operands and all(o in known for o in node.operands) and _is_small(node):
            known[node] = None
            folded.append(node)
    outputs = [node for node in folded if node.op != "split"]
    for node, found in (evaluate_nodes(outputs, {}) if outputs else {}).items():
        known[node] = found.item() if node.shape == () else array_value(found)
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


def _kernels(
    order: Sequence[Node],
    section: Mapping[Node, str],
    buffers: Mapping[Node, str],
    constants: Mapping[Node, Any],
    sources: Sources,
) -> tuple[Kernel, ...]:
    """The kernels, section by section and statement by statement."""
    computed = [n for n in order if not n.is_leaf and n not in constants and n.op != "split"]
    serves = dict(sources.serves)
    for node in reversed(order):
        if node in serves:
            for operand in node.operands:
                serves.setdefault(operand, serves[node])
    blocks = {
        n: _block(section[n], serves.get(n, ("", 0))[1], len(sources.lines)) for n in computed
    }
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
