"""From a text to a graph: its statements in order, its leaves, and errors at the user's place.

A name is defined once and before its use; every other name is a leaf. The last statement is the
loss; the graph's outputs are the statements that no other one uses, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphnn.calculus.formula import Shape
from graphnn.errors import DtypeError, GraphError, ShapeError, TextError, caret
from graphnn.expression.names import GREEK, canonical, show
from graphnn.expression.reader import Declaration, Line, normal, place_of, read_lines
from graphnn.expression.tree import Expr, children, postorder
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle, Source, name as give_name, written_at
from graphnn.graph.leaves import input as make_input, parameter as make_parameter
from graphnn.graph.node import DTYPES
from graphnn.text.functions import FUNCTIONS, function
from graphnn.text.indexed import Indexed, has_sum
from graphnn.text.resolve import CONSTANTS, Defect, Resolved, resolve, unknown
from graphnn.text.scan import Uses, scan
from graphnn.text.shapes import Dimensions, agree, size_of
from graphnn.text.tensors import Place, as_handle, build

OUTPUT = "f"


@dataclass(frozen=True)
class Program:
    """A text as a graph.

    `leaves` in order of appearance, `names` every statement in order; both map a name to its
    handle. `graph.outputs` are the statements that no other uses; `loss` is the last statement.
    """

    graph: Graph
    leaves: dict[str, Handle]
    names: dict[str, Handle]
    text: str

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

    >>> program = parse("z = w*x + b; L = (y - σ(z))^2/2", parameters=["w", "b"])
    >>> list(program.leaves), program.loss.name
    (['w', 'x', 'b', 'y'], 'L')

    Raises TextError, or the GraphError of the op that refused, with a caret under the place.
    """
    text = normal(text)
    lines = read_lines(text)
    given = {canonical(name): tuple(shape) for name, shape in (shapes or {}).items()}
    reader = _Reader(text, lines, given, {canonical(p) for p in parameters}, dtype, file)
    return reader.program()


@dataclass
class _Reader:
    """The state of one text: what is known of its names, and the handles made so far."""

    text: str
    lines: list[Line | Declaration]
    given: dict[str, tuple[Any, ...]]
    parameters: set[str]
    dtype: str
    file: str
    statements: dict[str, Line] = field(default_factory=dict)
    uses: dict[str, Uses] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    leaves: dict[str, Handle] = field(default_factory=dict)
    made: dict[str, Handle] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def program(self) -> Program:
        if self.dtype not in DTYPES:
            raise DtypeError(f"no dtype {self.dtype!r}; one of {', '.join(DTYPES)}")
        self._collect()
        declared = self._declared()
        self._scan(declared)
        self._check_order()
        try:
            known = agree(declared, self.given)
        except GraphError as error:
            raise self._error(error, self._declaration_place(error)) from None
        self.dimensions = Dimensions(known)
        self._link()
        for name in self.statements:
            self._statement(name)
        outputs = {name: h for name, h in self.made.items() if name not in self.used}
        self._check_given(declared)
        leaves = {name: self.leaves[name] for name in self.leaves}
        return Program(Graph(outputs), leaves, dict(self.made), self.text)

    # ---- names ------------------------------------------------------------------------------

    def _collect(self) -> None:
        """The statements by name, in order; every name once."""
        for line in self.lines:
            if isinstance(line, Declaration):
                continue
            name = self._target(line)
            if name in self.statements:
                first = self.statements[name].line
                message = f"{show(name)} is defined twice, first in line {first}; rename one of them"
                raise TextError(message, self.text, line.line, line.column)
            self.statements[name] = line
        if not self.statements:
            raise TextError("there is nothing to compute: the text holds no statement")

    def _target(self, line: Line) -> str:
        if line.target is None:
            if OUTPUT in self.statements:
                raise TextError(
                    f"an expression without a name is the output {OUTPUT}, and {OUTPUT} is taken: "
                    "give it a name, L = …",
                    self.text,
                    line.line,
                    line.column,
                )
            return OUTPUT
        if line.name is None:
            what = "a derivative is computed, not defined" if _holds(line.target, "∂") else (
                f"{line.target} stands on the left of {line.sign}"
            )
            message = f"{what}; a statement is name = expression"
            raise TextError(message, self.text, line.line, line.column)
        return line.name

    def _declared(self) -> dict[str, Shape]:
        """The declared shapes; dtypes are kept aside."""
        found: dict[str, Shape] = {}
        for line in self.lines:
            if not isinstance(line, Declaration):
                continue
            place = (line.line, line.column)
            if line.name in self.statements:
                other = self.statements[line.name].line
                message = f"{show(line.name)} is computed in line {other}; leave its declaration out"
                raise TextError(message, self.text, *place)
            if line.name in found or line.name in self.dtypes:
                message = f"{show(line.name)} is declared twice"
                raise TextError(message, self.text, *place)
            if line.dtype is not None:
                if line.dtype not in DTYPES:
                    message = f"no dtype {line.dtype}; one of {', '.join(DTYPES)}"
                    raise TextError(message, self.text, *place)
                self.dtypes[line.name] = line.dtype
            if line.shape is not None:
                try:
                    found[line.name] = tuple(size_of(part) for part in line.shape)
                except GraphError as error:
                    raise self._error(error, place) from None
            else:
                self.dtypes.setdefault(line.name, self.dtype)
        return found

    def _scan(self, declared: Mapping[str, Shape]) -> None:
        """The names of each line; a name before a bracket is a value where it is one elsewhere."""
        fixed = {*self.statements, *declared, *self.dtypes, *self.given}
        for name, line in self.statements.items():
            found = scan([line.body], fixed)
            for part in line.index or ():
                found.indices.update(scan([_as_element(part)], fixed).indices)
            self.uses[name] = found
        applied = set().union(*(found.applied for found in self.uses.values()))
        for found in self.uses.values():
            for name in list(found.values):
                # σ alone is a value (a width), where it is nowhere applied to anything
                is_letter = name in GREEK and name not in CONSTANTS and name not in applied
                meant = name in CONSTANTS or function(name) is not None
                if name not in fixed and meant and not is_letter:
                    del found.values[name]
        self.values = set(fixed)
        for found in self.uses.values():
            self.values.update(found.values)
        for name, found in self.uses.items():
            line = self.statements[name]
            for index, part in found.indices.items():
                clash = index in found.values or index in self.statements
                if clash or (index in found.bound and index in fixed):
                    message = f"{show(index)} is a value and an index name; rename the index"
                    raise self._defect(Defect(message, part), line)
            for called, part in found.called.items():
                if called in self.values and called not in found.indices:
                    found.values.setdefault(called, part)
                elif function(called) is None:
                    known = [*FUNCTIONS, *self.values]
                    raise self._defect(unknown(called, known, part, "function"), line)
            if _holds(line.body, "∂"):
                part = next(p for p in postorder(line.body) if p.head == "∂")
                message = "a derivative does not stand in a network: it is computed from it"
                raise self._defect(Defect(message, part), line)

    def _check_order(self) -> None:
        """A name is defined before its use, and not in terms of itself."""
        done: set[str] = set()
        for name, line in self.statements.items():
            for used, part in self.uses[name].values.items():
                if used == name:
                    message = (
                        f"{show(name)} is already an input of this statement; give the result "
                        f"another name ({show(name)}1 = …), or use --lr for an update"
                    )
                    raise self._defect(Defect(message, part), line)
                if used in self.statements and used not in done:
                    where = self.statements[used].line
                    message = (
                        f"{show(used)} is used before its definition in line {where}; move it up"
                    )
                    raise self._defect(Defect(message, part), line)
            done.add(name)

    def _check_given(self, declared: Mapping[str, Shape]) -> None:
        for name in self.given:
            if name in self.statements:
                line = self.statements[name]
                raise TextError(
                    f"{show(name)} is computed by the statement in line {line.line}; "
                    "leave its value out",
                    self.text,
                    line.line,
                    line.column,
                )
            if name not in self.leaves and name not in declared and name not in self.dtypes:
                near = unknown(name, list(self.leaves), next(iter(self.statements.values())).body)
                leaves = ", ".join(map(show, self.leaves)) or "none"
                message = near.message.replace("unknown name ", "there is no ")
                raise GraphError(f"{message}; the inputs are {leaves}")

    # ---- shapes -----------------------------------------------------------------------------

    def _link(self) -> None:
        """The dimensions that reads in index notation link, over the whole text."""
        for number, (name, line) in enumerate(self.statements.items()):
            found = self.uses[name]
            indices = found.indices
            with self._placed(line):
                for base, index in found.elements:
                    self._read(base, index, number, indices)
                if line.index is not None:
                    self._read(name, line.index, number, indices)
            for looked in found.looked_up:
                self.dtypes.setdefault(looked, "int64")
        pending = [
            (name, source)
            for name, line in self.statements.items()
            if (source := _preserved(line)) is not None
        ]
        for _ in pending:
            moved = [pair for pair in pending if self.dimensions.same(*pair)]
            pending = [pair for pair in pending if pair not in moved]
            if not moved or not pending:
                break

    def _read(
        self, base: str, index: tuple[Expr, ...], number: int, indices: Collection[str]
    ) -> None:
        self.dimensions.read(base, index, number, indices)

    def _leaf(self, name: str, line: Line, part: Expr) -> Handle:
        known = self.leaves.get(name)
        if known is not None:
            return known
        place = place_of(self.text, line.places.get(part, 0))
        make = make_parameter if name in self.parameters else make_input
        with written_at(Source(self.file, *place)):
            made = make(name, self.dimensions.shape(name), self.dtypes.get(name, self.dtype))
        self.leaves[name] = made
        return made

    # ---- statements -------------------------------------------------------------------------

    def _statement(self, name: str) -> None:
        line, found = self.statements[name], self.uses[name]
        with self._placed(line), written_at(Source(self.file, line.line, line.column)):
            values: dict[str, Handle] = {}
            for used, part in (*found.values.items(), *found.looked_up.items()):
                values[used] = (
                    self.made[used] if used in self.made else self._leaf(used, line, part)
                )
                if used in self.statements:
                    self.used.add(used)
            handle = self._built(name, line, found, values)
            named = give_name(name, handle)
        self.made[name] = named
        self.dimensions.learn(name, named.shape)

    def _built(
        self, name: str, line: Line, found: Uses, values: Mapping[str, Handle]
    ) -> Handle:
        ranks = {used: handle.ndim for used, handle in values.items()}
        indices = frozenset(found.indices)
        read = resolve(line.body, ranks, indices)
        index = tuple(resolve(part, ranks, indices).tree for part in line.index or ())
        lowered = Indexed(values, indices, line.bounds, self.dtype)
        try:
            if line.index is None and line.sign == "=" and not _holds(read.tree, "argmax="):
                loose = lowered.free(read.tree)
                if loose:
                    message = (
                        f"index {loose[0]} is free: write {show(name)}[{loose[0]}] = …, "
                        f"or sum over it with Σ_{loose[0]}"
                    )
                    raise Defect(message, found.indices[loose[0]])
                handle = build(read.tree, values, self.dtype, lowered.sum)
                if has_sum(read.tree) and not lowered.as_typed:
                    handle = lowered.typed(handle, read.tree, None)
                return handle
            if read.rank:
                message = f"the right side has {read.rank} dimensions; in index notation it is a number"
                raise Defect(message, line.body)
            return as_handle(lowered.statement(read.tree, index, line.sign, name), self.dtype)
        except Place as place:
            raise self._at(place, read, line) from None

    # ---- places -----------------------------------------------------------------------------

    def _at(self, place: Place, read: Resolved, line: Line) -> GraphError:
        """The op's own error, with a caret under the typed part in which it arose."""
        typed = read.typed.get(place.part)
        if typed is None:
            below = [part for part in postorder(place.part) if part in read.typed]
            typed = read.typed[below[0]] if below else line.body
        offset = _offset(typed, line)
        where = (line.line, line.column) if offset is None else place_of(self.text, offset)
        return self._error(place.error, where)

    def _error(self, error: GraphError, where: tuple[int, int]) -> GraphError:
        if isinstance(error, ShapeError | DtypeError):
            return type(error)(error.message, caret(self.text, *where))
        return TextError(error.message, self.text, *where)

    def _defect(self, defect: Defect, line: Line) -> TextError:
        offset = _offset(defect.part, line)
        where = (line.line, line.column) if offset is None else place_of(self.text, offset)
        return TextError(defect.message, self.text, *where)

    def _declaration_place(self, error: GraphError) -> tuple[int, int]:
        name = error.message.partition(" ")[0]
        return next(
            (line.line, line.column)
            for line in self.lines
            if isinstance(line, Declaration) and line.name == name
        )

    @contextmanager
    def _placed(self, line: Line) -> Iterator[None]:
        """What goes wrong inside is shown with a caret in this line."""
        try:
            yield
        except Defect as defect:
            raise self._defect(defect, line) from None
        except (TextError, ShapeError, DtypeError) as error:
            if error.place is not None and "^" in error.place:
                raise
            raise self._error(error, (line.line, line.column)) from None
        except GraphError as error:
            raise self._error(error, (line.line, line.column)) from None


def _offset(part: Expr, line: Line) -> int | None:
    """Where a typed part, or the first of its own parts that is known, was typed."""
    stack = [part]
    while stack:
        node = stack.pop()
        if node in line.places:
            return line.places[node]
        stack.extend(reversed(children(node)))
    return None


def _holds(tree: Expr, head: str) -> bool:
    return any(part.head == head for part in postorder(tree))


def _as_element(part: Expr) -> Expr:
    from graphnn.expression.tree import apply, sym

    return apply("[]", sym("_"), part)


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
