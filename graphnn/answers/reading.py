"""An answer as text: its definitions, what it is the derivative of, and the sides to be judged.

    δ = a − y; ∂L/∂W = δ xᵀ            a definition, then an answer
    dL/dz[j] = p[j] - y[j]             an answer in index notation
    ∂L/∂w = ∂L/∂a · ∂a/∂w = (a − y)·x  two sides, each judged

Lines end at `;` or at a line break; a line that begins with `=` goes on with the one above. Every
derivative inside an expression becomes a name of its own (`∂L/∂a`), fed with its value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from graphnn.errors import TextError
from graphnn.expression.names import did_you_mean, show
from graphnn.expression.reader import Line, normal, parse_placed, place_of
from graphnn.expression.tree import Expr, apply, children, fold, rebuild, sym
from graphnn.text.equations import sides


@dataclass(frozen=True)
class Derivative:
    """∂above/∂below, and the index it is read at (None for all of it)."""

    above: str
    below: str
    index: tuple[Expr, ...] | None = None

    @property
    def name(self) -> str:
        """The name under which its value is fed; one that is indexed is always a full table."""
        return f"∂{self.above}/∂{self.below}{'' if self.index is None else '[]'}"


@dataclass(frozen=True)
class Side:
    """One expression: its text, and its typed tree as the body of a line, for carets."""

    text: str
    line: Line


@dataclass(frozen=True)
class Answer:
    """What is said of one derivative: every side is to be equal to it."""

    target: Derivative
    written: str
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Definition:
    """`name[index] = side`, or a name for a derivative (`side` is None)."""

    name: str
    index: tuple[Expr, ...] | None
    side: Side | None
    derivative: Derivative | None = None


@dataclass(frozen=True)
class Written:
    """A whole text: definitions and answers in order, and the derivatives that they read."""

    text: str
    lines: tuple[Answer | Definition, ...]
    derivatives: tuple[Derivative, ...]


def read_answers(text: str, names: Collection[str], spare: Collection[str] = ()) -> Written:
    """Read a text of answers about a network whose values have these names.

    `spare` are those of them that a text may define anew: its author never chose them.

    >>> made = read_answers("d = a - y; dL/dw = d*x", ["L", "a", "y", "w", "x"])
    >>> [type(line).__name__ for line in made.lines], made.lines[1].target.name
    (['Definition', 'Answer'], '∂L/∂w')

    Raises TextError with a caret; an answer is an equality that has a derivative on one side.
    """
    text = normal(text)
    found: list[Answer | Definition] = []
    read: dict[str, Derivative] = {}
    known = set(names)
    for pieces in _lines(text):
        made = _line(text, pieces, known, read, spare)
        found += made
        known |= {line.name for line in made if isinstance(line, Definition)}
    if not any(isinstance(line, Answer) for line in found):
        message = "this answers nothing: say what it is the derivative of, ∂L/∂w = …"
        raise TextError(message, text)
    return Written(text, tuple(found), tuple(read.values()))


def _lines(text: str) -> list[list[tuple[int, str]]]:
    """The sides of every line, each with its offset."""
    found: list[list[tuple[int, str]]] = []
    for start, piece in _pieces(text):
        parts = [(start + place, side) for place, side in sides(piece)]
        blank = not parts[0][1].strip()
        if blank and len(parts) > 1 and found:
            found[-1] += parts[1:]
        elif not blank or len(parts) > 1:
            found.append(parts)
    return found


def _pieces(text: str) -> list[tuple[int, str]]:
    """The texts between `;` and line breaks outside brackets."""
    found, level, start = [], 0, 0
    for place, letter in enumerate(text):
        level += (letter in "([{") - (letter in ")]}")
        if letter in ";\n" and level <= 0:
            found.append((start, text[start:place]))
            start = place + 1
    return [*found, (start, text[start:])]


def _line(
    text: str,
    pieces: list[tuple[int, str]],
    known: set[str],
    read: dict[str, Derivative],
    spare: Collection[str],
) -> list[Answer | Definition]:
    """One line: its derivative is the target, new names are defined, other sides are judged."""
    start = pieces[0][0]
    if len(pieces) < 2:
        message = "an answer is an equality: ∂L/∂w = …"
        raise TextError(message, text, *place_of(text, start + _indent(pieces[0][1])))
    target: Derivative | None = None
    written = ""
    names: list[tuple[str, tuple[Expr, ...] | None]] = []
    judged: list[Side] = []
    for at, piece in pieces:
        if not piece.strip():
            raise TextError("nothing stands beside =", text, *place_of(text, at))
        tree, places = parse_placed(piece, text, at)
        where = place_of(text, at + _indent(piece))
        tree = _ungrouped(tree)
        found = derivative(tree, known)
        if found is not None and target is None:
            _check_known(found, known, text, where)
            target, written = found, piece.strip()
            continue
        base = tree.args[0] if tree.head == "[]" else tree
        new = base.head == "sym" and (base.args[0] not in known or base.args[0] in spare)
        if new and at == start:
            names.append((base.args[0], tree.args[1:] if tree.head == "[]" else None))
            continue
        absolute = {part: at + place for part, place in places.items()}
        body = _with_derivatives(tree, known, read, absolute, text, where)
        judged.append(Side(piece.strip(), Line(None, None, None, "=", body, (), *where, absolute)))
    made: list[Answer | Definition] = []
    if target is None and not names:
        name = pieces[0][1].strip()
        message = (
            f"{name} is a value of the network, not a derivative: write ∂L/∂{name} = …"
            if name in known or show(name) in {show(k) for k in known}
            else "say what this is the derivative of: ∂L/∂w = …"
        )
        raise TextError(message, text, *place_of(text, start + _indent(pieces[0][1])))
    for name, index in names:
        if target is not None:
            read.setdefault(target.name, target)
            made.append(Definition(name, index, None, target))
        else:
            made.append(Definition(name, index, judged[0]))
    if target is not None and judged:
        made.append(Answer(target, written, tuple(judged)))
    return made


def _indent(piece: str) -> int:
    return len(piece) - len(piece.lstrip())


def _ungrouped(tree: Expr) -> Expr:
    while tree.head == "group":
        tree = tree.args[0]
    return tree


def derivative(tree: Expr, names: Collection[str]) -> Derivative | None:
    """The derivative that a typed tree is: `∂L/∂w`, `dL/dw`, `dL_dw`, each with an index or not.

    >>> from graphnn.expression.reader import read
    >>> derivative(read("dL/dW[0,1]"), ["L", "W"]).name
    '∂L/∂W[]'
    """
    if tree.head == "[]" and (whole := derivative(_ungrouped(tree.args[0]), names)) is not None:
        return Derivative(whole.above, whole.below, (*(whole.index or ()), *tree.args[1:]))
    if tree.head == "∂":
        return _of(tree.args[0], tree.args[1])
    if tree.head == "/":
        above, below = (_differential(side, names) for side in tree.args)
        return None if above is None or below is None else _of(above, below)
    if tree.head == "sym" and tree.args[0] not in names:
        for cut in re.finditer("_d", tree.args[0]):
            above, below = tree.args[0][: cut.start()], tree.args[0][cut.end() :]
            if above[:1] == "d" and above[1:] in names and below in names:
                return Derivative(above[1:], below)
    return None


def _of(above: Expr, below: Expr) -> Derivative | None:
    index: list[Expr] = []
    for side in (above, below):
        index += side.args[1:] if side.head == "[]" else ()
    sides_ = [_ungrouped(side.args[0] if side.head == "[]" else side) for side in (above, below)]
    if any(side.head != "sym" for side in sides_):
        return None
    indexed = "[]" in (above.head, below.head)
    return Derivative(sides_[0].args[0], sides_[1].args[0], tuple(index) if indexed else None)


def _differential(side: Expr, names: Collection[str]) -> Expr | None:
    """`dw`, or `dw[j]`, as w: where dw itself is no value."""
    base = side.args[0] if side.head == "[]" else side
    if base.head != "sym" or base.args[0][:1] != "d" or base.args[0] in names:
        return None
    called = sym(base.args[0][1:])
    if not called.args[0]:
        return None
    return apply("[]", called, *side.args[1:]) if side.head == "[]" else called


def _check_known(
    found: Derivative, known: Collection[str], text: str, where: tuple[int, int]
) -> None:
    for name in (found.above, found.below):
        if name not in known:
            if re.fullmatch(r"[2-9]\w*", name):
                message = "a second derivative is no answer: check ∂L/∂w, the first one"
                raise TextError(message, text, *where)
            hint = did_you_mean(name, known)
            listed = ", ".join(map(show, list(known)[:12]))
            message = f"there is no {show(name)} in the network{hint or f'; it has {listed}'}"
            raise TextError(message, text, *where)


def _with_derivatives(
    tree: Expr,
    known: Collection[str],
    read: dict[str, Derivative],
    places: dict[Expr, int],
    text: str,
    where: tuple[int, int],
) -> Expr:
    """The typed tree with a name for every derivative in it; `places` learns where they stand."""

    def first(node: Expr) -> int:
        below = [node]
        while below and below[-1] not in places and children(below[-1]):
            below.append(children(below[-1])[0])
        return places.get(below[-1], 0)

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        found = derivative(node, known) if node.head in ("∂", "/", "sym") else None
        if found is not None and {found.above, found.below} <= set(known):
            read.setdefault(found.name, found)
            made = sym(found.name)
            if found.index is not None:
                made = apply("[]", made, *found.index)
        elif found is not None and node.head == "∂":
            _check_known(found, known, text, place_of(text, first(node)) if first(node) else where)
            made = node
        else:
            made = rebuild(node, parts)
        places.setdefault(made, first(node))
        return made

    return fold(tree, visit)


def literal_digits(side: Side) -> float | None:
    """Half a unit in the last place of a side that is only numbers, as typed; else None.

    >>> made = read_answers("∂L/∂w = -0.106", ["L", "w"])
    >>> round(literal_digits(made.lines[0].sides[0]), 6)
    0.0005
    """
    heads: Mapping[str, None] = dict.fromkeys(("num", "neg", "vector", "group", "/"))
    if any(node.head not in heads for node in _parts(side.line.body)) or "/" in side.text:
        return None
    found = re.findall(r"\d*\.?(\d*)(?:[eE]([-+−]?\d+))?", side.text)
    units = [
        10.0 ** (int((power or "0").replace("−", "-")) - len(places))
        for places, power in found
        if places or power
    ]
    return max(units) / 2 if units else None


def _parts(tree: Expr) -> list[Expr]:
    stack, found = [tree], []
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(children(node))
    return found
