"""The backward pass with one mistake in it: what a slip would have given.

Statements are walked from the output back. An edit changes what one statement, or one op inside
one, sends back to one of its operands: nothing at all, its own cotangent (a derivative was left
out), or another formula (the other branch of a kink). Each makes a gradient of its own, as a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphnn.answers.subject import Subject
from graphnn.calculus.formula import Formula, compact
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, num, postorder, substitute
from graphnn.graph.apply import formula_node
from graphnn.graph.gradient import accumulate, seed, sent_back
from graphnn.graph.node import FLOATS, Node, ancestors_within, topological
from graphnn.graph.statements import Statement

MAX_PATHS = 24
MAX_EDITS = 300

WHOLE, EVERY = -1, -2
"""Places of an edit: of a whole statement, and every contribution of an op alike."""

Sent = Callable[[Node, Node], Node | None]
"""(upstream, result) → what is sent back in its place; None for nothing."""


@dataclass(frozen=True)
class Mistake:
    """A gradient with one slip in it: its kind, the values it is about, and how to say it."""

    kind: str
    about: tuple[str, ...]
    message: str
    node: Node | None


@dataclass(frozen=True)
class _Edit:
    """A change of one contribution: number `place` of those that an op's `node` sends back.

    Of a whole statement (`place` WHOLE) it is what the statement sends to the named value `read`.
    """

    kind: str
    about: tuple[str, ...]
    message: str
    node: Node
    place: int
    read: Node | None
    send: Sent


class Backward:
    """The backward pass from one value to another, to be run with and without mistakes."""

    def __init__(self, about: Subject, above: str, below: str, start: Node | None) -> None:
        """Find the statements between the two; `start` seeds the output, else 1 does."""
        self.about, self.above, self.below = about, above, below
        nodes = about.nodes
        named = {s.node for s in about.network.statements}
        loss = nodes[above]
        if loss not in named and above == "L":
            self.top = next((n for n in named if f"{about.names[n]}_bar" in nodes), loss)
            start = nodes.get(f"{about.names[self.top]}_bar", start)
        else:
            self.top = loss
        self.start = seed(self.top, start)
        self.wanted = nodes[below]
        self.on_path = ancestors_within([self.top], [self.wanted])
        self.statements = [
            s
            for s in about.network.statements
            if s.node in self.on_path and s.node is not self.wanted
        ]
        order = {node: k for k, node in enumerate(topological([self.top]))}
        self.statements = sorted(
            (s for s in self.statements if s.node in order), key=lambda s: order[s.node]
        )
        unique: dict[Node, Statement] = {}
        for s in self.statements:
            unique.setdefault(s.node, s)
        self.statements = list(unique.values())

    def reads(self, statement: Statement) -> list[Node]:
        """The named values on the path that a statement reads."""
        found = [self.about.nodes[name] for name in statement.reads if name in self.about.nodes]
        return [n for n in dict.fromkeys(found) if n in self.on_path and n.dtype in FLOATS]

    def local(self, statement: Statement, upstream: Node, edit: _Edit | None) -> dict[Node, Node]:
        """What a statement sends back to each value that it reads."""
        stop = {self.about.nodes[name] for name in statement.reads if name in self.about.nodes}
        arriving: dict[Node, list[Node]] = {statement.node: [upstream]}
        found: dict[Node, Node] = {}
        for node in reversed(topological([statement.node])):
            if node not in arriving or node not in self.on_path:
                continue
            if node in stop and node is not statement.node:
                found[node] = accumulate(arriving.pop(node))
                continue
            given = accumulate(arriving.pop(node))
            for number, (_, operand, _, result) in enumerate(sent_back(node, given, self.on_path)):
                sent: Node | None = result
                if edit is not None and edit.node is node and edit.place in (number, EVERY):
                    sent = edit.send(given, result)
                if sent is not None:
                    arriving.setdefault(operand, []).append(sent)
        if edit is not None and edit.node is statement.node and edit.read in found:
            sent = edit.send(upstream, found.pop(edit.read))
            if sent is not None:
                found[edit.read] = sent
        return found

    def gradient(self, edit: _Edit | None = None) -> Node | None:
        """The gradient with one edit; None where nothing arrives."""
        arriving: dict[Node, list[Node]] = {self.top: [self.start]}
        for statement in reversed(self.statements):
            if statement.node not in arriving:
                continue
            upstream = accumulate(arriving.pop(statement.node))
            for read, sent in self.local(statement, upstream, edit).items():
                arriving.setdefault(read, []).append(sent)
        parts = arriving.get(self.wanted)
        return accumulate(parts) if parts else None

    def links(self) -> Iterator[tuple[Statement, Node]]:
        """Every (statement, value that it reads) on the path, from the output inwards."""
        for statement in reversed(self.statements):
            for read in self.reads(statement):
                yield statement, read

    def paths(self) -> list[tuple[tuple[Statement, Node], ...]]:
        """The paths from the output to the value, as links; none where there are many."""
        users: dict[Node, list[Statement]] = {}
        for statement, read in self.links():
            users.setdefault(read, []).append(statement)
        found: list[tuple[tuple[Statement, Node], ...]] = []
        stack: list[tuple[Node, tuple[tuple[Statement, Node], ...]]] = [(self.wanted, ())]
        while stack:
            node, path = stack.pop()
            if node is self.top:
                found.append(path)
                if len(found) > MAX_PATHS:
                    return []
                continue
            stack.extend((s.node, ((s, node), *path)) for s in users.get(node, []))
        return found

    def along(self, path: Sequence[tuple[Statement, Node]], without: int = -1) -> Node | None:
        """The product along one path, one of its local derivatives left out."""
        flowing = self.start
        for number, (statement, read) in enumerate(path):
            if number == without:
                if flowing.shape != read.shape:
                    return None
                continue
            sent = self.local(statement, flowing, None).get(read)
            if sent is None:
                return None
            flowing = sent
        return flowing

    def mistakes(self) -> Iterator[Mistake]:
        """Every gradient with one derivative left out, one branch swapped, one use forgotten."""
        edits = [*self._statement_edits(), *self._op_edits()]
        for edit in edits[:MAX_EDITS]:
            yield Mistake(edit.kind, edit.about, edit.message, self.gradient(edit))

    def _statement_edits(self) -> Iterator[_Edit]:
        names = self.about.names
        used: dict[Node, int] = {}
        for _, read in self.links():
            used[read] = used.get(read, 0) + 1
        for statement, read in self.links():
            above, below = show(statement.name), show(names[read])
            pair = (statement.name, names[read])
            if statement.node.shape == read.shape:
                message = f"the inner derivative ∂{above}/∂{below} is missing"
                yield _Edit("inner", pair, message, statement.node, WHOLE, read, _upstream)
            if used[read] > 1:
                message = f"the path through {above} is missing: {below} is used there, too"
                yield _Edit("path", pair, message, statement.node, WHOLE, read, _nothing)

    def _op_edits(self) -> Iterator[_Edit]:
        for statement in reversed(self.statements):
            name = show(statement.name)
            whole = f"{name} = {statement.written}"
            for node in reversed(statement.inner):
                if node not in self.on_path or node.is_leaf:
                    continue
                trial = list(sent_back(node, node, self.on_path))
                counted: dict[Node, int] = {}
                for _, operand, _, _ in trial:
                    counted[operand] = counted.get(operand, 0) + 1
                uses = _uses(statement, self.on_path)
                if len(trial) > 1 and all(_branches(result) for _, _, _, result in trial):
                    message = f"the derivative of {node.kind} in {whole} is the other branch's"
                    for branch in _branches(trial[0][3]):
                        yield _Edit("branch", (statement.name,), message, node, EVERY, None, branch)
                for number, (_, operand, _, result) in enumerate(trial):
                    if operand.shape == node.shape:
                        message = f"an inner derivative is missing: that of {node.kind} in {whole}"
                        yield _Edit(
                            "inner", (statement.name,), message, node, number, None, _upstream
                        )
                    if counted[operand] > 1 or uses.get(operand, 0) > 1:
                        what = show(self.about.names.get(operand, "")) or "a value"
                        message = (
                            f"{what} is used more than once in {whole}: a contribution is missing"
                        )
                        yield _Edit(
                            "path", (statement.name,), message, node, number, None, _nothing
                        )
                    for branch in _branches(result):
                        message = f"the derivative of {node.kind} in {whole} is the other branch's"
                        yield _Edit(
                            "branch", (statement.name,), message, node, number, None, branch
                        )


def _upstream(upstream: Node, result: Node) -> Node | None:
    return upstream if upstream.shape == result.shape else None


def _nothing(upstream: Node, result: Node) -> Node | None:
    return None


def _uses(statement: Statement, on_path: set[Node]) -> Mapping[Node, int]:
    found: dict[Node, int] = {}
    for node in statement.inner:
        for operand in node.operands:
            if operand in on_path:
                found[operand] = found.get(operand, 0) + 1
    return found


def _branches(result: Node) -> list[Sent]:
    """The other branches of a contribution: swapped, the first everywhere, the second everywhere."""
    if not isinstance(result.op, Formula):
        return []
    changes = (_swapped, _first, _second)
    kinks = [n for n in postorder(result.op.body) if n.head in ("where", "sign")]
    return [_rewritten(change) for change in changes] if kinks else []


def _rewritten(change: Callable[[Expr], Expr]) -> Sent:
    def send(upstream: Node, result: Node) -> Node | None:
        if not isinstance(result.op, Formula):
            return result
        known = {n: change(n) for n in postorder(result.op.body) if n.head in ("where", "sign")}
        body = substitute(result.op.body, known)
        made, kept = compact(replace(result.op, body=body, name=f"{result.op.name}_other"))
        return formula_node(made, [result.operands[k] for k in kept], result.dtype)

    return send


def _swapped(node: Expr) -> Expr:
    if node.head == "sign":
        return apply("neg", node)
    condition, first, second = node.args
    return apply("where", condition, second, first)


def _first(node: Expr) -> Expr:
    return num(1) if node.head == "sign" else node.args[1]


def _second(node: Expr) -> Expr:
    return num(-1) if node.head == "sign" else node.args[2]
