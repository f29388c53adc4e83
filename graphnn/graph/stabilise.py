"""The named pass `stabilise`: the same values and gradients, finite where doubles can hold them.

It works on the primal, before differentiation: `log(1 + exp(x))` written with separate nodes is
infinite at 800, and its gradient is NaN; as `softplus(x)` it has a derivative of its own. Element-
wise nodes are composed (graphnn.graph.compose), what they compute is rewritten by the table
(graphnn.graph.stable_forms) and by the rules for reductions (graphnn.graph.stable_reductions), and
a select takes into its formula what only one of its branches reads (graphnn.graph.selects). A node
that the user names in `wrt` is a variable: nothing is composed across it.

Gradients that the graph holds are found by their handles and differentiated again, from the
stabilised primal; what the user computed from them is rebuilt above.

    user's graph → stabilise → codegen        (derivations and the evaluator follow the user's graph)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from graphnn.calculus.formula import Formula
from graphnn.errors import GraphError
from graphnn.expression.bags import Sum
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.normal_form import normal_form, written
from graphnn.expression.rewriting import Applied, Row, rewrite, rules
from graphnn.expression.tree import Expr
from graphnn.graph.apply import float_behind
from graphnn.graph.compose import Region, short_form
from graphnn.graph.cut import is_small, nearest, without_affine
from graphnn.graph.gradient import differentiate
from graphnn.graph.graph import Graph, as_graph
from graphnn.graph.handle import GradientOf, Handle, Written
from graphnn.graph.node import FLOATS, Node, make
from graphnn.graph.rewrites import Rewrite, Shown, named_products
from graphnn.graph.selects import select
from graphnn.graph.stable_forms import TABLE
from graphnn.graph.stable_reductions import ReductionRules
from graphnn.graph.summands import is_reduction

MAX_STEPS = 64
SELECT = "guarded select"


@dataclass(frozen=True)
class Found:
    """One rewrite: by which rule, of which node; it is described when somebody asks."""

    name: str
    node: Node
    describe: Callable[[], Rewrite]


def stabilise(graph: Graph) -> Graph:
    """The graph with stable forms in place of unstable ones; gradients and updates follow.

    Outputs and updates keep their names, shapes and dtypes. Where nothing is recognised the graph
    itself comes back, and what is not concerned keeps its nodes.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> loss = gnn.log(1 + gnn.exp(x))
    >>> stable = stabilise(gnn.Graph({"L": loss, "dx": gnn.grad(loss, x)}))
    >>> gnn.evaluate(stable, x=800)["dx"].item(), stable.outputs["L"].node.op.body
    (1.0, softplus(_0))
    """
    work = _run(graph)
    return _with_images(work.graph, work.image)


def applied(
    graph: Graph, names: Mapping[Node, str] | None = None, known: Collection[str] = ()
) -> list[Rewrite]:
    """What `stabilise` recognises in a graph, operands before their users.

    It is told in the names of the graph, and in `names` of what has none there. With `known`,
    rewrites of those names are left out, and those named like the node whose place they take.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> [f"{r.name}: {r.before} → {r.after}" for r in applied(gnn.log(1 + gnn.exp(-x)))]
    ['softplus: log(1 + exp(−x)) → softplus(−x)']
    """
    work = _run(graph)
    work.called = names or {}
    return [
        found.describe()
        for found in work.found
        if found.name not in known and not (known and found.name == work.user(found.node).kind)
    ]


def _run(graph: Graph, table: tuple[Row, ...] = TABLE) -> _Pass:
    whole = as_graph(graph)
    gradients = [h for h in whole.handles if isinstance(h.provenance, GradientOf)]
    work = _Pass(whole, table)
    for handle in gradients:
        assert isinstance(handle.provenance, GradientOf)
        work.variables.add(handle.provenance.wrt.node)
    work.closed |= work.variables
    for handle in gradients:
        work.derive(handle, gradients)
    for handle in (*whole.outputs.values(), *whole.updates.values()):
        work.node(handle.node)
    return work


class _Pass:
    """The state of one run: `image` says what each node has become.

    `variables` are the nodes of some `wrt`; nothing is composed across those and across gradients,
    the `closed` nodes.
    """

    def __init__(self, graph: Graph, table: tuple[Row, ...]) -> None:
        self.graph = graph
        self.table = table
        self.image: dict[Node, Node] = {}
        self.variables: set[Node] = set()
        self.closed: set[Node] = set()
        self.found: list[Found] = []
        self.called: Mapping[Node, str] = {}
        self.origin: dict[Node, Node] = {}
        self.steps: Counter[Node] = Counter()

    def node(self, end: Node) -> Node:
        """What a node becomes: its operands first, then itself, until no rule applies."""
        stack = [end]
        becomes: dict[Node, Node] = {}
        while stack:
            node = stack[-1]
            missing = [o for o in node.operands if o not in self.image]
            if node in self.image:
                stack.pop()
            elif node in becomes:
                self.image[node] = self.image[becomes[node]]
            elif missing:
                stack.extend(reversed(missing))
            else:
                following = self._following(node)
                if following is None or following in becomes:
                    self.image[node] = node
                else:
                    becomes[node] = following
                    stack.append(following)
        return self.image[end]

    def _following(self, node: Node) -> Node | None:
        """The node on its operands' images, or what a rule makes of it; None where it stays.

        A variable of a derivative stays apart from every other node, also one of equal value: the
        derivative by it would count the other's paths.
        """
        made = _rebuilt(node, [self.image[o] for o in node.operands])
        steps: Sequence[Found] = ()
        if made is node:
            found = self._rewritten(node)
            if found is None:
                return None
            made, steps = found
        if self._merges(node, made):
            return None
        self.found += steps
        if node in self.variables:
            self.variables.add(made)
            self.closed.add(made)
        user = self.user(node)
        self.origin.setdefault(made, user)
        self.steps[user] += 1
        if self.steps[user] > MAX_STEPS:
            raise GraphError(f"internal error: stabilising {user} does not end")
        return made

    def user(self, node: Node) -> Node:
        """The user's node that a node takes the place of."""
        return self.origin.get(node, node)

    def _merges(self, node: Node, made: Node) -> bool:
        """Whether a variable and another node would become one."""
        if node in self.variables:
            return made in self.image
        return made in self.variables and not made.is_leaf

    def derive(self, handle: Handle, gradients: Sequence[Handle]) -> None:
        """Put the gradient of the stabilised output where the user's gradient stands.

        All gradients of one output and cotangent are taken at once. A gradient that is a node of
        the primal (∂(w·x)/∂w is x) is stabilised as that node.
        """
        made = handle.provenance
        assert isinstance(made, GradientOf)
        if handle.node in self.image:
            return
        key = _key(made)
        output = self.node(made.output.node)
        cotangent = None if made.cotangent is None else self.node(made.cotangent.node)
        same = [
            (h.node, h.provenance.wrt.node)
            for h in gradients
            if isinstance(h.provenance, GradientOf)
            and _key(h.provenance) == key
            and h.provenance.wrt.serial <= handle.serial
        ]
        images = {wrt: self.node(wrt) for _, wrt in same}
        unchanged = output is made.output.node and cotangent is key[1]
        if unchanged and all(image is wrt for wrt, image in images.items()):
            found = {images[wrt]: node for node, wrt in same}
        else:
            found = differentiate(output, list(images.values()), cotangent).gradients
        for node, wrt in same:
            if node not in self.image:
                gradient = found[images[wrt]]
                if gradient not in self.image:
                    self.image[gradient] = gradient
                    self.closed.add(gradient)
                self.image[node] = gradient

    def _rewritten(self, node: Node) -> tuple[Node, list[Found]] | None:
        """What the first rule that applies makes of a node whose operands are stable."""
        formula = node.op
        if not isinstance(formula, Formula) or formula.reduce == "argmax":
            return None
        if node.dtype == "int64" or not is_small(formula.body):
            return None
        whole = nearest(node, self.closed)
        region = Region(formula.axes, whole)
        body = region.body(node, region.own_axes())
        found = self._by_table(node, region, body)
        if found is None and (fewer := without_affine(node, whole)) != whole:
            shallow = Region(formula.axes, fewer)
            found = self._by_table(node, shallow, shallow.body(node, shallow.own_axes()))
        if found is not None:
            return found
        taken = select(node, self.closed)
        if taken is not None:
            return taken, [Found(SELECT, node, lambda: self._selected(node, taken))]
        if body is not None and ReductionRules(region, self.closed).may_match(normal_form(body)):
            return self._by_reduction(node, formula)
        return None

    def _by_table(
        self, node: Node, region: Region, body: Expr | None
    ) -> tuple[Node, list[Found]] | None:
        if body is None:
            return None
        total, steps = _rewritten_by(self.table, body)
        return self._made(node, region, total, steps)

    def _by_reduction(self, node: Node, formula: Formula) -> tuple[Node, list[Found]] | None:
        region = Region(formula.axes, nearest(node, self.closed, is_reduction))
        body = region.body(node, region.own_axes())
        if body is None:
            return None
        reductions = ReductionRules(region, self.closed)
        total, steps = rewrite(normal_form(body), *reductions.rules())
        if any(n in self.variables and not n.is_leaf for n in reductions.made):
            return None
        return self._made(node, region, total, steps)

    def _made(
        self, node: Node, region: Region, total: Sum, steps: Sequence[Applied]
    ) -> tuple[Node, list[Found]] | None:
        """The node of a rewritten body and what was done, unless it is the same node."""
        if not steps:
            return None
        dtype = node.dtype if node.dtype in FLOATS else float_behind([node])
        body = short_form(region, total, dtype)
        made = region.node(body, like=node, name=body.head if body.head in FUNCTIONS else "")
        if made is node:
            return None
        return made, [
            Found(step.name, node, partial(self._described, step, node, region, made))
            for step in steps
        ]

    def _described(self, step: Applied, node: Node, region: Region, made: Node) -> Rewrite:
        elements = {name: element[0] for element, name in region.elements.items()}
        show = Shown(self._names, self._products)
        before, after = (show.body(written(part), elements) for part in (step.before, step.after))
        return Rewrite(step.name, before, after, self.user(node), made)

    def _selected(self, node: Node, made: Node) -> Rewrite:
        show = Shown(self._names)
        before, after = show.computed(node), show.computed(made)
        return Rewrite(SELECT, before, after, self.user(node), made)

    @cached_property
    def _names(self) -> dict[Node, str]:
        given = {node: names[0] for node, names in self.graph.names.items()}
        return {**self.called, **given}

    @cached_property
    def _products(self) -> dict[Expr, str]:
        return named_products(self._names)


@lru_cache(maxsize=16384)
def _rewritten_by(table: tuple[Row, ...], body: Expr) -> tuple[Sum, tuple[Applied, ...]]:
    """A body rewritten by the table: once for a kind of body, not for a node."""
    total, steps = rewrite(normal_form(body), *rules(table))
    return total, tuple(steps)


def _rebuilt(node: Node, operands: Sequence[Node]) -> Node:
    """The node on other operands."""
    if all(new is old for new, old in zip(operands, node.operands, strict=True)):
        return node
    return make(node.op, operands, node.shape, node.dtype, **dict(node.attributes))


def _key(made: GradientOf) -> tuple[Node, Node | None]:
    return made.output.node, None if made.cotangent is None else made.cotangent.node


def _with_images(graph: Graph, image: Mapping[Node, Node]) -> Graph:
    """The graph with every handle on the image of its node; itself where nothing changed."""
    found: dict[int, Handle] = {}
    for handle in graph.handles:
        found[handle.serial] = _moved(handle, image.get(handle.node, handle.node), found)
    outputs = {name: found[h.serial] for name, h in graph.outputs.items()}
    updates = {found[p.serial]: found[h.serial] for p, h in graph.updates.items()}
    same = all(new.serial == old for old, new in found.items())
    return graph if same else Graph(outputs, updates)


def _moved(handle: Handle, node: Node, found: Mapping[int, Handle]) -> Handle:
    made = handle.provenance
    changed = node is not handle.node
    provenance: Written | GradientOf | None = None
    match made:
        case Written(operands=operands, opened=opened):
            parts = tuple(found[o.serial] for o in operands)
            inner = None if opened is None else found[opened.serial]
            changed = changed or inner is not opened or parts != operands
            provenance = Written(made.function, parts, made.parameters, inner)
        case GradientOf(output=output, wrt=wrt, cotangent=cotangent):
            ends = (output, wrt, cotangent)
            moved = tuple(None if h is None else found[h.serial] for h in ends)
            changed = changed or any(a is not b for a, b in zip(moved, ends, strict=True))
            if moved[0] is not None and moved[1] is not None:
                provenance = GradientOf(moved[0], moved[1], moved[2])
    if not changed:
        return handle
    copy = Handle(node, provenance, handle.name, handle.source)
    copy.scope = handle.scope
    return copy
