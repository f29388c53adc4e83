"""The first term or factor of an answer that the derivation does not have.

The derivation's own lines for the derivative are read back; the one that shares most with the
answer is laid beside it, term by term, and where both are one product factor by factor. Parts are
compared by their numbers, so that their order and their writing do not matter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from graphnn.answers.building import built, retyped
from graphnn.answers.case import Array, Case
from graphnn.answers.judging import same
from graphnn.answers.reading import Answer, Definition, read_answers
from graphnn.answers.typed_text import typed_text
from graphnn.derivation.derive import derive
from graphnn.errors import GraphError
from graphnn.expression.tree import Expr, apply, num, postorder, substitute
from graphnn.expression.unicode import to_unicode
from graphnn.graph.graph import Graph
from graphnn.graph.handle import Handle
from graphnn.graph.leaves import input as make_input

MAX_PARTS = 12


@dataclass(frozen=True)
class Part:
    """A term or factor: its sign, how it is written, and its numbers at every point."""

    sign: int
    text: str
    numbers: list[Array]


def signed_terms(tree: Expr) -> list[tuple[int, Expr]]:
    """The terms of a typed sum with their signs, from left to right.

    >>> from graphnn.expression.reader import read
    >>> [(sign, str(term)) for sign, term in signed_terms(read("a - (b - c)"))]
    [(1, 'a'), (-1, 'b'), (1, 'c')]
    """
    found: list[tuple[int, Expr]] = []
    stack = [(1, tree)]
    while stack:
        sign, node = stack.pop()
        match node.head:
            case "group":
                stack.append((sign, node.args[0]))
            case "neg":
                stack.append((-sign, node.args[0]))
            case "+" | "-":
                second = sign if node.head == "+" else -sign
                stack += [(second, node.args[1]), (sign, node.args[0])]
            case _:
                found.append((sign, node))
    return found


def factors(tree: Expr, values: Collection[str]) -> tuple[int, list[Expr]]:
    """The sign and the factors of a typed product; `values` are names that are no functions.

    >>> from graphnn.expression.reader import read
    >>> [str(f) for f in factors(read("-a*b"), ["a", "b"])[1]]
    ['a', 'b']
    """
    sign, found = 1, []
    stack = [tree]
    while stack:
        node = stack.pop()
        match node.head:
            case "group" if node.args[0].head not in ("+", "-"):
                stack.append(node.args[0])
            case "neg":
                sign = -sign
                stack.append(node.args[0])
            case "*" | "·" | "⊙" | "@":
                stack += reversed(node.args)
            case "juxt" if all(_is_value(part, values) for part in node.args):
                stack += reversed(node.args)
            case "call" if len(node.args) == 2 and node.args[0].args[0] in values:
                stack += [apply("group", node.args[1]), node.args[0]]
            case "/" if node.args[1].head == "num":
                stack.append(node.args[0])
                found.append(apply("/", num(1), node.args[1]))
            case "num" if node.args[0] == 1:
                pass
            case _:
                found.append(node)
    return sign, found


def _is_value(part: Expr, values: Collection[str]) -> bool:
    base = part.args[0] if part.head in ("^", "T", "[]") else part
    return base.head != "sym" or base.args[0] in values


def derived_cases(case: Case) -> list[Case]:
    """The derivation's own lines for the derivative, each as a case of its own."""
    about, target = case.about, case.target
    if target.above not in about.network.nodes:
        return []
    output = Handle(about.nodes[target.above], name=target.above)
    known = next((h for h in about.graph.handles if h.name == target.above), output)
    try:
        made = derive(Graph({target.above: known}), [target.below])
    except GraphError:
        return []
    lines = []
    for step in made.steps:
        symbols = [s.expr for s in step.sides if s.kind == "symbols" and s.expr is not None]
        if step.lhs is not None and symbols and step.kind != "forward":
            lines.append(" = ".join(to_unicode(e) for e in (step.lhs, *symbols)))
    found: list[Case] = []
    values = dict(case.values)
    feeds = [dict(feed) for feed in case.feeds]
    for line in lines:
        try:
            written = read_answers(line, values)
            for read in written.derivatives:
                if read.name not in values:
                    slope = about.slope(read, feeds[0])
                    values[read.name] = make_input(read.name, slope.shape, "float64")
                    for feed in feeds:
                        feed[read.name] = about.value(slope, feed)
        except GraphError:
            continue
        for one in written.lines:
            if isinstance(one, Definition) and one.derivative is not None:
                values[one.name] = values[one.derivative.name]
            elif isinstance(one, Answer) and one.target.name.rstrip("[]") == target.name.rstrip(
                "[]"
            ):
                found += [
                    replace(
                        case, target=one.target, side=side, values=values, feeds=feeds, text=line
                    )
                    for side in one.sides
                ]
    return found


def first_difference(case: Case) -> tuple[str, str]:
    """The answer's first part that is off, and what the derivation has there; "" for neither."""
    best: tuple[float, str, str] = (-1.0, "", "")
    mine: tuple[list[Part], list[Part]] | None = None
    for derived in derived_cases(case):
        if len(derived.axes) != len(case.axes):
            continue
        renamed = {old: new for old, new in zip(derived.axes, case.axes, strict=True) if old != new}
        body = substitute(derived.side.line.body, renamed)
        other = replace(derived, side=retyped(derived.side, body), target=case.target)
        try:
            if mine is None:
                mine = (_parts(case, _terms(case)), _parts(case, _factors(case)))
            theirs = _parts(other, _terms(other))
            pair = (mine[0], theirs)
            product = len(pair[0]) == len(pair[1]) == 1
            if product:
                pair = (mine[1], _parts(other, _factors(other)))
        except GraphError:
            continue
        score, part, expected = _compared(*pair, product)
        if score >= best[0]:
            best = (score, part, expected)
    return best[1], best[2]


def _terms(case: Case) -> list[tuple[int, Expr]]:
    return signed_terms(case.side.line.body)[:MAX_PARTS]


def _factors(case: Case) -> list[tuple[int, Expr]]:
    (outer, only), *_ = signed_terms(case.side.line.body)
    sign, found = factors(only, case.values)
    return [(outer * sign if k == 0 else 1, part) for k, part in enumerate(found[:MAX_PARTS])]


def _parts(case: Case, found: Sequence[tuple[int, Expr]]) -> list[Part]:
    """The parts with their numbers; in index notation each over the letters that it reads."""
    made = []
    for sign, tree in found:
        index = case.target.index
        if index is not None:
            read = {node for node in postorder(tree) if node.head == "sym"}
            index = tuple(axis for axis in case.axes if axis in read)
        side = retyped(case.side, tree)
        node = built(side, index, case.values, case.text, case.ones).node
        made.append(Part(sign, typed_text(tree), list(case.numbers(node))))
    return made


def _compared(
    mine: Sequence[Part], theirs: Sequence[Part], product: bool
) -> tuple[float, str, str]:
    """How much two lists share, and the first part of each that the other lacks.

    In a product a sign belongs to no factor, so factors are alike up to it.
    """
    rest = list(theirs)
    missing: list[Part] = []
    for part in mine:
        signs = (1, -1) if product else (1,)
        match = next((p for sign in signs for p in rest if _alike(part, p, sign)), None)
        if match is None:
            missing.append(part)
        else:
            rest.remove(match)
    shared = (len(mine) - len(missing)) / max(len(mine), len(theirs), 1)
    if product:
        mine_, theirs_ = ("·".join(part.text for part in parts) for parts in (missing, rest))
        return shared, mine_, theirs_
    return (
        shared,
        _signed(missing[0]) if missing else "",
        _signed(rest[0]) if rest else "",
    )


def _alike(a: Part, b: Part, sign: int) -> bool:
    mine = [sign * a.sign * n for n in a.numbers]
    return same(mine, [b.sign * n for n in b.numbers])


def _signed(part: Part) -> str:
    return f"−{part.text}" if part.sign < 0 else part.text
