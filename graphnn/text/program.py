"""From a text to a graph: its statements in order, its leaves, and errors at the user's place.

A name is defined once and before its use; every other name is a leaf. The last statement is the
loss; the graph's outputs are the statements that no other one uses, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphnn.calculus.formula import Shape
from graphnn.errors import DtypeError, GraphError
from graphnn.expression.names import canonical, show
from graphnn.expression.reader import Declaration, Line, normal, place_of, read_lines
from graphnn.expression.tree import Expr, postorder
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle, Source, written_at
from graphnn.graph.handle import name as give_name
from graphnn.graph.leaves import input as make_input
from graphnn.graph.leaves import parameter as make_parameter
from graphnn.graph.node import DTYPES
from graphnn.text.elements import has_sum
from graphnn.text.functions import function
from graphnn.text.indexed import Indexed
from graphnn.text.inference import inferred
from graphnn.text.lines import Names
from graphnn.text.places import Pointer
from graphnn.text.resolve import Defect, resolve
from graphnn.text.scan import Uses
from graphnn.text.shapes import Dimensions, agree
from graphnn.text.tensors import Place, build


@dataclass(frozen=True)
class Program:
    """A text as a graph, made by `gnn.parse`.

    `leaves` in order of appearance, `names` every statement in order; both map a name to its
    handle. `graph.outputs` are the statements that no other uses; `loss` is the last statement.
    `taken` are the shapes of leaves that were neither declared nor given, from what stands beside
    them.

    >>> import graphnn as gnn
    >>> program = gnn.parse("z = w*x; L = (y - z)^2", parameters=["w"])
    >>> list(program.leaves), list(program.names), list(program.graph.outputs)
    (['w', 'x', 'y'], ['z', 'L'], ['L'])
    >>> float(gnn.evaluate(program.loss, w=2, x=3, y=5))
    1.0
    """

    graph: Graph
    leaves: dict[str, Handle]
    names: dict[str, Handle]
    text: str
    taken: dict[str, Shape] = field(default_factory=dict)

    @property
    def loss(self) -> Handle:
        """The last statement."""
        return next(reversed(self.names.values()))


def parse(
    text: str,
    shapes: Mapping[str, tuple[Any, ...]] | None = None,
    parameters: Collection[str] = (),
    dtype: str = "float64",
    file: str = "",
) -> Program:
    """Read a network: one statement a line, or separated by `;`.

    `shapes` are those of the values that will be fed. A leaf named in `parameters` is a parameter,
    any other an input; names that are no leaves are left alone. `file` is where the text stands.

    >>> import graphnn as gnn
    >>> program = gnn.parse("z = w*x + b; L = (y - σ(z))^2/2", parameters=["w", "b"])
    >>> list(program.leaves), program.loss.name
    (['w', 'x', 'b', 'y'], 'L')

    Raises TextError, or the GraphError of the op that refused, with a caret under the place.
    """
    if dtype not in DTYPES:
        raise DtypeError(f"no dtype {dtype!r}; one of {', '.join(DTYPES)}")
    text = normal(text)
    given = {canonical(name): tuple(shape) for name, shape in (shapes or {}).items()}
    point = Pointer(text)
    names = Names(point, read_lines(text), given, dtype)
    reader = _Reader(
        point, names, {canonical(p) for p in parameters}, dtype, file, _known(names, given)
    )
    return reader.program()


def _known(names: Names, given: Mapping[str, tuple[Any, ...]]) -> Dimensions:
    """The shapes that are declared or given."""
    try:
        return Dimensions(agree(names.declared, given))
    except GraphError as error:
        name = error.message.partition(" ")[0]
        for line in names.lines:
            if isinstance(line, Declaration) and line.name == name:
                raise names.point.error(error, (line.line, line.column)) from None
        raise


@dataclass
class _Reader:
    """The state of one text: what is known of its shapes, and the handles made so far."""

    point: Pointer
    names: Names
    parameters: set[str]
    dtype: str
    file: str
    dimensions: Dimensions
    leaves: dict[str, Handle] = field(default_factory=dict)
    made: dict[str, Handle] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    taken: dict[str, Shape] = field(default_factory=dict)

    def program(self) -> Program:
        self._link()
        self._infer()
        for name in self.names.statements:
            self._statement(name)
        self.names.check_given(self.leaves)
        outputs = {name: handle for name, handle in self.made.items() if name not in self.used}
        return Program(Graph(outputs), self.leaves, self.made, self.point.text, self.taken)

    def _link(self) -> None:
        """The dimensions that reads in index notation link, over the whole text."""
        statements = self.names.statements
        for number, (name, line) in enumerate(statements.items()):
            found = self.names.uses[name]
            with self.point.placed(line):
                for base, index in found.elements:
                    self.dimensions.read(base, index, number, found.indices)
                if line.index is not None:
                    self.dimensions.read(name, line.index, number, found.indices)
            for looked in (*found.looked_up, *_labels(line, found)):
                self.names.dtypes.setdefault(looked, "int64")
        # later uses first: what p[i] says of p, p = softmax(z) says of z
        for name, line in reversed(statements.items()):
            source = _preserved(line)
            if source is not None:
                self.dimensions.same(name, source)

    def _infer(self) -> None:
        """The shapes of leaves from what stands beside them (graphnn.text.inference)."""
        statements, dimensions = self.names.statements, self.dimensions
        leaves = {name for found in self.names.uses.values() for name in found.values}
        open_names = leaves - {*statements, *dimensions.ranks, *self.names.dtypes}
        self.taken = inferred(statements, dimensions.known, sorted(open_names))
        for name, shape in self.taken.items():
            dimensions.known[name] = shape
            dimensions.learn(name, shape)

    def _leaf(self, name: str, line: Line, part: Expr) -> Handle:
        known = self.leaves.get(name)
        if known is not None:
            return known
        place = place_of(self.point.text, line.places.get(part, 0))
        make = make_parameter if name in self.parameters else make_input
        dtype = self.names.dtypes.get(name, self.dtype)
        with written_at(Source(self.file, *place)):
            made = make(name, self.dimensions.shape(name), dtype)
        self.leaves[name] = made
        return made

    def _statement(self, name: str) -> None:
        line, found = self.names.statements[name], self.names.uses[name]
        with self.point.placed(line), written_at(Source(self.file, line.line, line.column)):
            values: dict[str, Handle] = {}
            for used, part in (*found.values.items(), *found.looked_up.items()):
                if used in self.made:
                    values[used] = self.made[used]
                    self.used.add(used)
                else:
                    values[used] = self._leaf(used, line, part)
            named = give_name(name, self._built(name, line, found, values))
        self.made[name] = named
        self.dimensions.learn(name, named.shape)

    def _built(self, name: str, line: Line, found: Uses, values: Mapping[str, Handle]) -> Handle:
        ranks = {used: handle.ndim for used, handle in values.items()}
        indices = frozenset(found.indices)
        read = resolve(line.body, ranks, indices)
        lowered = Indexed(values, indices, line.bounds, self.dtype)
        try:
            if line.index is not None or line.sign != "=":
                if read.rank:
                    raise Defect(
                        f"the right side has {read.rank} dimensions; among index names it is a "
                        "number: give every value its index",
                        line.body,
                    )
                index = tuple(resolve(part, ranks, indices).tree for part in line.index or ())
                return lowered.statement(read.tree, index, line.sign, name)
            loose = lowered.free(read.tree)
            if loose:
                raise Defect(
                    f"index {loose[0]} is free: write {show(name)}[{loose[0]}] = …, "
                    f"or sum over it with Σ_{loose[0]}; a value ({loose[0]}=…) picks one element",
                    found.indices[loose[0]],
                )
            handle = build(read.tree, values, self.dtype, lowered.sum)
            if has_sum(read.tree) and not lowered.as_typed:
                handle = lowered.typed(handle, read.tree, None)
            return handle
        except Place as place:
            raise self.point.at(place, read, line) from None


def _labels(line: Line, uses: Uses) -> list[str]:
    """The names that stand where integers are wanted: t in `one_hot(t, 3)`, y in `p[y]`."""
    found = []
    for call in postorder(line.body):
        if call.head == "[]":
            parts = [part.args[0] for part in call.args[1:] if part.head == "sym"]
            found += [name for name in parts if name in uses.values]
        row = function(call.args[0].args[0]) if call.head == "call" else None
        if row is not None and row.labels is not None and row.labels < len(call.args) - 1:
            part = call.args[1 + row.labels]
            found += [part.args[0]] if part.head == "sym" else []
    return found


def _preserved(line: Line) -> str | None:
    """The value whose shape a statement keeps: the argument of one element-wise call."""
    body = line.body
    if line.index is not None or body.head != "call" or len(body.args) != 2:
        return None
    row = function(body.args[0].args[0])
    argument = body.args[1]
    keeps = row is not None and (row.elementwise or row.name in ("softmax", "log_softmax"))
    name: str | None = argument.args[0] if argument.head == "sym" and keeps else None
    return name
