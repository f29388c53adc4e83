"""The names of a text: its statements in order, its declarations, and what each line uses.

A name is defined once and before its use; whatever is used and not defined is a leaf.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from graphnn.calculus.formula import Shape
from graphnn.errors import GraphError, TextError
from graphnn.expression.names import GREEK, did_you_mean, show
from graphnn.expression.reader import Declaration, Line
from graphnn.expression.tree import Expr, apply, postorder, sym
from graphnn.graph.node import DTYPES
from graphnn.text.functions import FUNCTIONS, function
from graphnn.text.places import Pointer
from graphnn.text.resolve import CONSTANTS, Defect, unknown
from graphnn.text.scan import Uses, scan
from graphnn.text.shapes import size_of

OUTPUT = "f"


@dataclass
class Names:
    """What the names of one text are.

    `statements` by name in order, with the names each `uses`; the `declared` shapes and `dtypes`.
    """

    point: Pointer
    lines: Sequence[Line | Declaration]
    given: Collection[str]
    dtype: str
    statements: dict[str, Line] = field(default_factory=dict)
    uses: dict[str, Uses] = field(default_factory=dict)
    declared: dict[str, Shape] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the names and check them.

        Raises TextError with a caret under the name that is wrong.
        """
        self._collect()
        self._declare()
        if not self.statements:
            raise TextError("there is nothing to compute: the text holds no statement")
        for name in self.given:
            if name in self.statements:
                line = self.statements[name]
                typed = self.point.text.split("\n")[line.line - 1][line.column - 1 :]
                typed = typed.partition(";")[0].partition("#")[0].strip()
                shown = typed if len(typed) <= 60 else f"{typed[:59]}…"
                message = f"{show(name)} is computed by the statement {shown}; leave it out"
                raise TextError(message, self.point.text, line.line, line.column)
        self._scan()
        self._check_order()

    def _collect(self) -> None:
        """The statements by name, in order; every name once."""
        for line in self.lines:
            if isinstance(line, Declaration):
                continue
            name = self._target(line)
            if name in self.statements:
                first = self.statements[name].line
                message = (
                    f"{show(name)} is defined twice, first in line {first}; rename one of them"
                )
                raise TextError(message, self.point.text, line.line, line.column)
            self.statements[name] = line

    def _target(self, line: Line) -> str:
        if line.target is None:
            if OUTPUT in self.statements:
                raise TextError(
                    f"an expression without a name is the output {OUTPUT}, and {OUTPUT} is taken: "
                    "give it a name, L = …",
                    self.point.text,
                    line.line,
                    line.column,
                )
            return OUTPUT
        if line.name is None:
            what = (
                "a derivative is computed, not defined"
                if holds(line.target, "∂")
                else (f"{line.target} stands on the left of {line.sign}")
            )
            message = f"{what}; a statement is name = expression"
            raise TextError(message, self.point.text, line.line, line.column)
        return line.name

    def _declare(self) -> None:
        """The declared shapes and dtypes."""
        found = self.declared
        for line in self.lines:
            if not isinstance(line, Declaration):
                continue
            place = (line.line, line.column)
            if line.name in self.statements:
                other = self.statements[line.name].line
                message = (
                    f"{show(line.name)} is computed in line {other}; leave its declaration out"
                )
                raise TextError(message, self.point.text, *place)
            if line.name in found or line.name in self.dtypes:
                message = f"{show(line.name)} is declared twice"
                raise TextError(message, self.point.text, *place)
            if line.dtype is not None:
                if line.dtype not in DTYPES:
                    message = f"no dtype {line.dtype}; one of {', '.join(DTYPES)}"
                    raise TextError(message, self.point.text, *place)
                self.dtypes[line.name] = line.dtype
            if line.shape is not None:
                try:
                    found[line.name] = tuple(size_of(part) for part in line.shape)
                except GraphError as error:
                    raise self.point.error(error, place) from None
            else:
                self.dtypes.setdefault(line.name, self.dtype)

    def _scan(self) -> None:
        """The names of each line; a name before a bracket is a value where it is one elsewhere."""
        fixed = {*self.statements, *self.declared, *self.dtypes, *self.given}
        for name, line in self.statements.items():
            found = scan([line.body], fixed)
            for part in line.index or ():
                found.indices.update(scan([apply("[]", sym("_"), part)], fixed).indices)
            self.uses[name] = found
        applied = set().union(*(found.applied for found in self.uses.values()))
        for found in self.uses.values():
            for name in list(found.values):
                # σ alone is a value (a width), where it is nowhere applied to anything
                is_letter = name in GREEK and name not in CONSTANTS and name not in applied
                meant = name in CONSTANTS or function(name) is not None
                if name not in fixed and meant and not is_letter:
                    del found.values[name]
        values = set(fixed)
        for found in self.uses.values():
            values.update(found.values)
        for name, found in self.uses.items():
            line = self.statements[name]
            for index, part in found.indices.items():
                clash = index in found.values or index in self.statements
                if clash or (index in found.bound and index in fixed):
                    message = f"{show(index)} is a value and an index name; rename the index"
                    raise self.point.defect(Defect(message, part), line)
            for called, part in found.called.items():
                if called in values and called not in found.indices:
                    found.values.setdefault(called, part)
                elif function(called) is None:
                    known = [*FUNCTIONS, *values]
                    raise self.point.defect(unknown(called, known, part, "function"), line)
            if holds(line.body, "∂"):
                part = next(p for p in postorder(line.body) if p.head == "∂")
                message = "a derivative does not stand in a network: it is computed from it"
                raise self.point.defect(Defect(message, part), line)

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
                    raise self.point.defect(Defect(message, part), line)
                if used in self.statements and used not in done:
                    where = self.statements[used].line
                    message = (
                        f"{show(used)} is used before its definition in line {where}; move it up"
                    )
                    raise self.point.defect(Defect(message, part), line)
            done.add(name)

    def check_given(self, leaves: Collection[str]) -> None:
        """Every value that is given belongs to a leaf.

        Raises GraphError that names the leaves.
        """
        for name in self.given:
            if name not in leaves and name not in self.declared and name not in self.dtypes:
                hint = did_you_mean(name, leaves)
                listed = ", ".join(map(show, leaves)) or "none"
                raise GraphError(f"there is no {show(name)}{hint or f'; the inputs are {listed}'}")


def holds(tree: Expr, head: str) -> bool:
    """Whether a head occurs in a tree."""
    return any(part.head == head for part in postorder(tree))
