"""A derivation as JSON: what a program needs to show or check it.

    {"schema": "graphnn/derivation/1", "loss": "L", "values": {…}, "gradients": {…},
     "steps": [{"kind", "statement", "lhs", "unicode", "latex", "rule", "numbers", "operands"}, …]}

Names are the user's. Numbers have full precision: integers as integers, all others as the shortest
decimal that reads back as the same double; arrays are nested lists; numbers that are not finite
are the strings "nan", "inf" and "-inf". Without values, `values`, `gradients` and every `numbers`
are null. A derivation with tables (side by side: forward and reverse, written and stabilised) has
"tables": [{"section", "head", "rows", "notes"}], whose cells are steps or sentences. The same derivation gives the same text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.derivation.latex import step_latex
from graphnn.derivation.steps import Derived, Step
from graphnn.derivation.text import side_text
from graphnn.expression.tree import Expr
from graphnn.expression.unicode import to_unicode

SCHEMA = "graphnn/derivation/1"


def to_json(derivation: Derived, tables: Sequence[Mapping[str, Any]] = ()) -> str:
    """The derivation by the schema above: one line a value, one line a step, one line a table.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> print(to_json(gnn.derive(gnn.name("L", x * x), at={"x": 3})).splitlines()[3])
    "values": {"x": 3, "L": 9},
    """
    steps = ",\n  ".join(_dumps(step_data(s, derivation.digits)) for s in derivation.steps)
    rows = [
        f'"schema": {_dumps(SCHEMA)}',
        f'"loss": {_dumps(derivation.loss)}',
        f'"values": {_dumps(_named(derivation.values))}',
        f'"gradients": {_dumps(_named(derivation.gradients))}',
        f'"steps": [\n  {steps}\n]' if derivation.steps else '"steps": []',
    ]
    if tables:
        listed = ",\n  ".join(_dumps(table) for table in tables)
        rows.append(f'"tables": [\n  {listed}\n]')
    return "{\n" + ",\n".join(rows) + "\n}\n"


def step_data(step: Step, digits: int = 3) -> dict[str, Any]:
    """One step as plain data; `unicode` and `latex` are its whole line, without the rule.

    A remark's sentence is its line. `numbers` is the result in full precision, or null.
    """
    rules = [*(side.rule for side in step.sides), step.rule]
    return {
        "kind": step.kind,
        "statement": step.statement,
        "lhs": None if step.lhs is None else to_unicode(step.lhs, digits),
        "unicode": step_unicode(step, digits),
        "latex": step_latex(step, digits),
        "rule": "; ".join(dict.fromkeys(rule for rule in rules if rule)),
        "numbers": _numbers(step),
        "operands": list(step.operands),
    }


def step_unicode(step: Step, digits: int = 3) -> str:
    """One step as one line of text: `lhs = side = side …`."""
    if step.lhs is None and not step.sides:
        return step.rule
    left = f"{step.label}: " if step.lhs is None else to_unicode(step.lhs, digits)
    for k, side in enumerate(step.sides):
        relation = ":=" if step.define and k == 0 else side.relation
        bare = k == 0 and step.lhs is None
        left += side_text(side, digits) if bare else f" {relation} {side_text(side, digits)}"
    return left


def _numbers(step: Step) -> Any:
    """The result: the array kept with the step, else the number written as its last side."""
    if step.value is not None:
        return plain(step.value)
    last = step.sides[-1] if step.sides else None
    return None if last is None or last.kind != "value" else _literal(last.expr)


def _literal(e: Expr | None) -> Any:
    if e is None or e.head not in ("num", "vector"):
        return None
    if e.head == "num":
        return plain(e.args[0])
    return [_literal(part) for part in e.args]


def _named(arrays: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if arrays is None else {name: plain(array) for name, array in arrays.items()}


def plain(value: Any) -> Any:
    """A number or an array as what JSON holds.

    >>> from fractions import Fraction
    >>> plain([[1, Fraction(1, 2)], [float("inf"), 0.1]])
    [[1, 0.5], ['inf', 0.1]]
    """
    array = np.asarray(value)
    made = np.empty(array.size, dtype=object)
    made[:] = [_number(x) for x in array.ravel().tolist()]
    return made.reshape(array.shape).tolist()


def _number(x: Any) -> Any:
    if isinstance(x, Fraction):
        x = x.numerator if x.denominator == 1 else float(x)
    if isinstance(x, float) and not math.isfinite(x):
        return str(x)
    return x


def _dumps(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)
