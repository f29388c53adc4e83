"""`check`: an answer against a network. Right, or wrong with where, what and the likely slip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphnn.answers.building import Built, built
from graphnn.answers.case import Array, Case, Wrong
from graphnn.answers.judging import agreements, same
from graphnn.answers.points import RANDOM_POINTS, Point, Sum, given_point, nearby, random_points
from graphnn.answers.reading import Answer, Definition, Written, literal_digits, read_answers
from graphnn.answers.slips import likely_slips
from graphnn.answers.subject import Subject, check_given, subject
from graphnn.answers.terms import first_difference
from graphnn.answers.verdict import Checked, Slip, Verdict
from graphnn.derivation.assumptions import read_assumption
from graphnn.errors import GraphError, ShapeError
from graphnn.expression.names import canonical, show
from graphnn.expression.tree import apply, sym
from graphnn.expression.unicode import to_unicode
from graphnn.graph.handle import Handle
from graphnn.graph.leaves import input as make_input
from graphnn.graph.node import FLOATS

MAX_SHOWN = 64
"""Elements of a leaf, above which its values are not repeated in a verdict."""


def check(
    thing: Any,
    answer: str,
    at: Mapping[str, Any] | None = None,
    assume: Sequence[str] = (),
    digits: int = 3,
) -> Checked:
    """Judge an answer, `"∂L/∂w = (a − y)·x"`, about the gradients of a network.

    `thing` is a Graph, a node or a dict of nodes. The answer may read every value of the network,
    define names before (`δ = a − y; ∂L/∂W = δ xᵀ`), be in index notation (`dL/dz[j] = …`), and be
    several. Right is what agrees with the derivative in float64, to 1e-9 of its norm, at the
    values `at` and at random points away from kinks; a number alone is held against the digits it
    was typed with. At a kink the conventions of the derivatives hold (relu′(0) = 0).

    `assume` states sums of leaves, such as `sum(y)=1`.

    >>> import graphnn as gnn
    >>> program = gnn.parse("z = w*x; a = sigmoid(z); L = (y - a)^2/2")
    >>> gnn.check(program.graph, "dL/dw = (a - y)*a*(1 - a)*x").right
    True
    >>> print(gnn.check(program.graph, "dL/dw = (a - y)*x").slip.message)
    the inner derivative ∂a/∂z is missing

    Raises TextError with a caret for what cannot be read, GraphError for values that do not fit.
    """
    about = subject(thing)
    given = {canonical(name): value for name, value in (at or {}).items()}
    check_given(about, given)
    sums = [_assumed(about, text) for text in assume]
    written = read_answers(answer, list(about.nodes), about.spare)
    return _Examiner(about, given, sums, written, digits).checked()


def _assumed(about: Subject, text: str) -> Sum:
    made = read_assumption(text, {name: node.shape for name, node in about.nodes.items()})
    if made.name not in about.leaves:
        raise GraphError(
            f"--assume {text}: {show(made.name)} is computed by the network; it adds up or does not"
        )
    return Sum(made.name, made.axis, float(made.total.args[0]))


class _Examiner:
    """One text of answers: its points, its definitions so far, its verdicts."""

    def __init__(
        self,
        about: Subject,
        given: Mapping[str, Any],
        sums: Sequence[Sum],
        written: Written,
        digits: int,
    ) -> None:
        self.about, self.given, self.sums = about, given, list(sums)
        self.written, self.digits = written, digits
        for one in self.sums:
            if one.name in given and not one.holds(np.asarray(given[one.name], dtype=np.float64)):
                raise GraphError(
                    f"the values contradict --assume: {show(one.name)} adds up to less or more"
                )
        self.points = self.random(self.sums)
        mine = given_point(about.leaves, given, self.points[0])
        self.given_first = mine is not None
        if mine is not None:
            self.points.insert(0, mine)
        self.values: dict[str, Handle] = about.handles
        self.shown: list[str] = []
        for read in written.derivatives:
            slope = about.slope(read, self.points[-1])
            self.values[read.name] = make_input(read.name, slope.shape, "float64")

    def random(self, sums: Sequence[Sum], count: int = RANDOM_POINTS) -> list[Point]:
        nodes = list(self.about.network.nodes.values())
        return random_points(self.about.leaves, self.given, nodes, sums, count)

    def feeds(self, points: Sequence[Point]) -> list[Point]:
        """The points, with the value of every derivative that the text reads."""
        made = []
        for point in points:
            feed = dict(point)
            for read in self.written.derivatives:
                feed[read.name] = self.about.value(self.about.slope(read, point), point)
            made.append(feed)
        return made

    def checked(self) -> Checked:
        found: list[Verdict] = []
        for line in self.written.lines:
            if isinstance(line, Definition):
                self.define(line)
            else:
                found += self.answer(line)
        return Checked(tuple(found))

    def define(self, line: Definition) -> None:
        if line.derivative is not None:
            self.values[line.name] = self.values[line.derivative.name]
        elif line.side is not None:
            self.values.pop(line.name, None)
            node = built(line.side, line.index, self.values, self.written.text).node
            self.values[line.name] = Handle(node, name=line.name)

    def answer(self, line: Answer) -> list[Verdict]:
        slope = self.about.slope(line.target, self.points[-1])
        found = []
        for side in line.sides:
            case = Case(
                self.about,
                line.target,
                slope,
                side,
                dict(self.values),
                self.feeds(self.points),
                self.written.text,
            )
            found.append(self.verdict(case, f"{line.written} = {side.text}"))
        return found

    def verdict(self, case: Case, shown: str) -> Verdict:
        """Build the side and compare."""
        wanted = case.wanted()
        try:
            made = case.build()
            found = list(case.numbers(made.node))
        except ShapeError as error:
            return self.wrong(case, shown, wanted, None, None, error)
        found = [_spread(f, w, bool(case.axes)) for f, w in zip(found, wanted, strict=True)]
        if found[0].shape != wanted[0].shape or made.unsummed:
            return self.wrong(case, shown, wanted, found, made, None)
        typed = literal_digits(case.side)
        complete = self.given_first and all(n in self.given for n in self.about.leaves)
        if typed is not None and complete:
            close = bool(np.all(np.abs(found[0] - wanted[0]) <= typed * (1 + 1e-9)))
            if close or same(found, wanted):
                note = "" if same(found[:1], wanted[:1]) else "to the digits given"
                return self.right(shown, wanted, [note] if note else [])
            found, wanted = found[:1], wanted[:1]
            case = replace(case, feeds=case.feeds[:1])
        if all(agreements(found, wanted)):
            return self.right(shown, wanted, self.notes(found, wanted))
        return self.wrong(case, shown, wanted, found, made, None)

    def notes(self, found: Sequence[Array], wanted: Sequence[Array]) -> list[str]:
        made = [f"assumes Σ {show(one.name)} = {one.total:g}" for one in self.sums]
        for k, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
            if not np.all(np.isfinite(mine)) and np.all(np.isfinite(theirs)):
                where = ", ".join(f"{show(n)} = {v:.3g}" for n, v in self.scalars(k).items())
                made.append(
                    f"the answer is not defined everywhere{': not at ' if where else ''}{where}"
                )
                break
        return made

    def scalars(self, point: int) -> dict[str, float]:
        return {n: float(v) for n, v in self.points[point].items() if np.ndim(v) == 0}

    def right(self, shown: str, wanted: Sequence[Array], notes: Sequence[str]) -> Verdict:
        at = self.at(0) if self.given_first else None
        value = wanted[0] if self.given_first else None
        if not self.given_first:
            notes = [*notes, f"agrees with the derivative at {len(wanted)} random points"]
        return Verdict(
            True, shown, f"right: {shown}", at, value, value, notes=tuple(notes), digits=self.digits
        )

    def at(self, point: int) -> dict[str, Any]:
        """The leaves at one point, large arrays left out."""
        return {n: v for n, v in self.points[point].items() if np.size(v) <= MAX_SHOWN}

    def wrong(
        self,
        case: Case,
        shown: str,
        wanted: list[Array],
        found: list[Array] | None,
        made: Built | None,
        error: ShapeError | None,
    ) -> Verdict:
        """A wrong answer: where, what, and why."""
        notes: list[str] = []
        typed_number = literal_digits(case.side) is not None
        if found is None or found[0].shape != wanted[0].shape:
            what = _shape_words(found, wanted, error)
            slips = likely_slips(Wrong(case, wanted, found, made))
            slips = slips or (Slip("shape", what),)
            return Verdict(
                False,
                shown,
                f"wrong: {shown}",
                None,
                None,
                None,
                slips=slips,
                notes=(what,) if slips[0].kind != "shape" else (),
                digits=self.digits,
            )
        if made is not None and made.unsummed:
            return self.unsummed(case, shown, wanted, found, made)
        agreed = list(agreements(found, wanted))
        place = agreed.index(False) if False in agreed else 0
        whole = found[place] if np.all(np.isfinite(found[place])) else None
        slips = ()
        if agreed and not agreed[0] and all(agreed[1:]) and len(agreed) > 1 and self.given_first:
            slips = self.kink(case, made)
        if not slips and made is not None:
            conditional = self.assumption(case, made)
            if conditional is not None:
                name, axis, holds = conditional
                index = _sum_text(self.about, name, axis)
                if holds:
                    return self.right(
                        shown, wanted, [f"uses {index} = 1, which holds for the values given"]
                    )
                slips = (
                    Slip(
                        "assumption",
                        f'right only if {index} = 1: say so with --assume "sum({name})=1"',
                        (name,),
                    ),
                )
        slips = slips or likely_slips(Wrong(case, wanted, found, made))
        part, expected = ("", "") if typed_number else first_difference(case)
        if self.given_first and place:
            notes.append("at the values given the two agree; elsewhere they do not")
        return Verdict(
            False,
            shown,
            f"wrong: {shown}",
            self.at(place),
            whole,
            wanted[place],
            part,
            expected,
            slips,
            tuple(notes),
            self.digits,
        )

    def unsummed(
        self, case: Case, shown: str, wanted: list[Array], found: list[Array], made: Built
    ) -> Verdict:
        """An index is read and neither written nor summed: the answer has no value."""
        names = ", ".join(map(show, made.unsummed))
        note = f"{names} is read on the right, and neither summed nor written on the left"
        slips = likely_slips(Wrong(case, wanted, found, made))
        return Verdict(
            False, shown, f"wrong: {shown}", slips=slips, notes=(note,), digits=self.digits
        )

    def kink(self, case: Case, made: Built | None) -> tuple[Slip, ...]:
        """Right everywhere but at the values given, which lie on a kink."""
        if made is None:
            return ()
        (feed,) = self.feeds([nearby(self.points[0], self.about.leaves)])
        axes = bool(case.axes)
        (wanted,) = case.wanted([feed])
        found = _spread(next(case.numbers(made.node, [feed])), wanted, axes)
        if not same([found], [wanted]):
            return ()
        message = "right but for the convention: the values given lie on a kink, where it decides"
        return (Slip("kink", message),)

    def assumption(self, case: Case, made: Built) -> tuple[str, int, bool] | None:
        """The leaf whose sum would have to be 1 for the answer to be right, if there is one."""
        for name, node in self.about.leaves.items():
            if node.dtype not in FLOATS or any(one.name == name for one in self.sums):
                continue
            for axis in range(len(node.shape)):
                one = Sum(name, axis, 1.0)
                try:
                    if self.agrees(case, made, one, 1) and self.agrees(case, made, one, 12):
                        found = np.asarray(self.given.get(name, np.nan), dtype=np.float64)
                        return name, axis, name in self.given and one.holds(found)
                except GraphError:
                    continue
        return None

    def agrees(self, case: Case, made: Built, one: Sum, count: int) -> bool:
        """Whether the answer is right at some points at which an assumption holds."""
        points = self.feeds(self.random([*self.sums, one], count))
        wanted = case.wanted(points)
        numbers = zip(case.numbers(made.node, points), wanted, strict=True)
        return same((_spread(f, w, bool(case.axes)) for f, w in numbers), wanted)


def _spread(found: Array, wanted: Array, indexed: bool) -> Array:
    """A number stands for a tensor of it; a single element for a number."""
    if found.shape == wanted.shape:
        return found
    if found.ndim == 0 or (wanted.ndim == 0 and found.size == 1):
        return np.broadcast_to(found.reshape(()), wanted.shape)
    return found


def _shape_words(found: list[Array] | None, wanted: list[Array], error: ShapeError | None) -> str:
    if found is None:
        return f"its shapes do not fit: {error.message if error is not None else ''}"
    mine, right = found[0].shape, wanted[0].shape
    hint = ": it is transposed" if mine == right[::-1] and len(mine) > 1 else ""
    return f"the answer has shape {_times(mine)}, the derivative {_times(right)}{hint}"


def _times(shape: tuple[int, ...]) -> str:
    return f"({'×'.join(map(str, shape))})" if shape else "() of a single number"


def _sum_text(about: Subject, name: str, axis: int) -> str:
    """`Σ_j y[i,j]`: the sum of a leaf along one axis."""
    index = [sym(letter) for letter in "ijklmn"[: len(about.leaves[name].shape)]]
    return to_unicode(apply("Σ", index[axis], apply("[]", sym(name), *index)))
