"""Slips that show when the answer itself is repaired: a ᵀ put in, a sign turned, a term scaled.

Each trial changes the typed answer in one place; what makes it right is what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphnn.answers.building import retyped
from graphnn.answers.case import Array, Wrong
from graphnn.answers.judging import same
from graphnn.answers.terms import signed_terms
from graphnn.answers.typed_text import typed_text
from graphnn.answers.verdict import Slip
from graphnn.errors import GraphError
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import Expr, apply, postorder, substitute

MAX_REPAIRS = 24


def transpose(wrong: Wrong) -> Iterator[Slip]:
    """A ᵀ too many or too few: of the whole answer, or of one factor of it."""
    found = wrong.found
    if found and found[0].ndim == 2 and same([f.T for f in found], wrong.wanted):
        yield Slip("transpose", "it is the transpose of the derivative")
        return
    body = wrong.case.side.line.body
    factors = [
        part for node in postorder(body) if node.head in ("juxt", "@", "·") for part in node.args
    ]
    for part in list(dict.fromkeys(factors))[:MAX_REPAIRS]:
        turned = part.args[0] if part.head == "T" else apply("T", part)
        if _repaired(wrong, substitute(body, {part: turned})):
            what = "is too much" if part.head == "T" else "is missing"
            better, worse = typed_text(turned), typed_text(part)
            yield Slip("transpose", f"ᵀ {what}: {better} belongs where {worse} stands")
            return
    for node in postorder(body):
        if node.head in ("juxt", "@", "·") and len(node.args) == 2:
            left, right = node.args
            for tree in (
                apply(node.head, right, left),
                apply(node.head, _turned(left), _turned(right)),
                apply(node.head, _turned(right), _turned(left)),
                apply(node.head, _turned(right), left),
                apply(node.head, right, _turned(left)),
            ):
                if _repaired(wrong, substitute(body, {node: tree})):
                    better, worse = typed_text(tree), typed_text(node)
                    yield Slip("transpose", f"transposed: {better} belongs where {worse} stands")
                    return


def _turned(part: Expr) -> Expr:
    return part.args[0] if part.head == "T" else apply("T", part)


def _repaired(wrong: Wrong, tree: Expr) -> bool:
    """Whether the answer with another typed tree would be right."""
    case = wrong.case
    try:
        made = case.build(retyped(case.side, tree))
        return same(case.numbers(made.node), wrong.wanted)
    except GraphError:
        return False


def term(wrong: Wrong) -> Iterator[Slip]:
    """One term of the answer has the other sign, or is off by a number."""
    if wrong.found is None or wrong.built is None or wrong.built.unsummed:
        return
    parts = signed_terms(wrong.case.side.line.body)
    if len(parts) < 2 or len(parts) > 8:
        return
    arrays = []
    for _, part in parts:
        try:
            arrays.append(_value(wrong, part))
        except GraphError:
            return
    columns = [np.concatenate([a.ravel() for a in array]) for array in arrays]
    right = np.concatenate([w.ravel() for w in wrong.wanted])
    if any(len(c) != len(right) or not np.all(np.isfinite(c)) for c in columns):
        return
    signs = [s for s, _ in parts]
    for k, column in enumerate(columns):
        rest = sum(s * c for j, (s, c) in enumerate(zip(signs, columns, strict=True)) if j != k)
        left = right - rest
        length = float(column @ column)
        if not length:
            continue
        factor = float(column @ left) / length
        if np.max(np.abs(left - factor * column)) > 1e-9 * np.max(np.abs(right), initial=1e-12):
            continue
        shown = typed_text(parts[k][1])
        if abs(factor + signs[k]) < 1e-7:
            yield Slip("sign", f"the sign of the term {shown} is the other one")
        elif abs(factor) < 1e-9:
            yield Slip("term", f"the term {shown} does not belong there")
        elif abs(factor - signs[k]) > 1e-7:
            yield Slip(
                "factor", f"the term {shown} is off by the factor {short_number(signs[k] / factor)}"
            )


def inner_sign(wrong: Wrong) -> Iterator[Slip]:
    """A + inside the answer that should be a −, or the other way round."""
    if wrong.built is None or wrong.built.unsummed:
        return
    body = wrong.case.side.line.body
    signs = [n for n in postorder(body) if n.head in ("+", "-", "neg")]
    for node in signs[:MAX_REPAIRS]:
        if node.head == "neg":
            changes = [node.args[0]]
        else:
            left, right = node.args
            other = apply("-" if node.head == "+" else "+", left, right)
            changes = [other, apply(node.head, apply("neg", left), right)]
        for change in changes:
            if _repaired(wrong, substitute(body, {node: change})):
                yield Slip("sign", f"a sign inside is the other one: {typed_text(node)}")
                return


def _value(wrong: Wrong, tree: Expr) -> list[Array]:
    made = wrong.case.build(retyped(wrong.case.side, tree))
    return list(wrong.case.numbers(made.node))


def short_number(factor: float) -> str:
    """A number as a whole one or a small fraction, where it is one.

    >>> short_number(2.0), short_number(-1 / 3)
    ('2', '−1/3')
    """
    for below in range(1, 13):
        above = factor * below
        if abs(above - round(above)) < 1e-7 * max(1.0, abs(above)):
            whole = numeral(round(above))
            return whole if below == 1 else f"{whole}/{below}"
    return numeral(factor)
