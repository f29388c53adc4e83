"""The table of functions, generated: activations (L2), the other functions of a number, losses.

Everything in a row is derived from the op's line in graphnn.calculus.tables, or from a composite's
derivation: the derivative by the calculus, the range by graphnn.derivation.ranges, the conventions
by evaluating the derived rule at the kink. Only titles and what L2 prints are written down here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from graphnn.calculus.own_output import OUTPUT, in_own_output
from graphnn.calculus.tables import definition
from graphnn.derivation.derive import derive
from graphnn.derivation.losses import LOSSES, derivation_of, loss_parts
from graphnn.derivation.ranges import exact_range, limits_of, sampled_range, undefined_at
from graphnn.errors import GraphError
from graphnn.expression import functions as elementary
from graphnn.expression.derivative import derivative as differentiated
from graphnn.expression.reader import read_scalar
from graphnn.expression.sympy_view import from_sympy, to_sympy
from graphnn.expression.tree import (
    COMPARISONS,
    Expr,
    apply,
    children,
    fold,
    num,
    postorder,
    rebuild,
    substitute,
    sym,
    symbols,
)
from graphnn.expression.unicode import to_unicode
from graphnn.graph.bodies import body_value
from graphnn.graph.handle import name
from graphnn.graph.leaves import input as leaf
from graphnn.graph.reductions import softmax, sum
from graphnn.text.program import parse

X, PARAMETER = "x", "alpha"

ACTIVATIONS = {
    "linear": "Linear",
    "step": "Binary step",
    "sign": "Sign",
    "sigmoid": "Sigmoid",
    "tanh": "Hyperbolic tangent",
    "relu": "Rectified linear unit (ReLU)",
    "leaky_relu": "Leaky ReLU",
    "parametric_relu": "Parametric ReLU",
    "elu": "Exponential linear unit (ELU)",
    "softplus": "Softplus",
    "softmax": "Softmax",
    "swish": "Swish",
}
"""The activation functions, in the order of the lectures."""

ELEMENTARY = {
    "exp": "Exponential",
    "expm1": "Exponential minus 1",
    "log": "Natural logarithm",
    "log1p": "Logarithm of 1 + x",
    "log_sigmoid": "Logarithm of the sigmoid",
    "sqrt": "Square root",
    "abs": "Absolute value",
    "sin": "Sine",
    "cos": "Cosine",
    "tan": "Tangent",
    "sinh": "Hyperbolic sine",
    "cosh": "Hyperbolic cosine",
    "floor": "Floor",
    "ceil": "Ceiling",
    "clip": "Clip to [−1, 1]",
}
"""The other functions of one number; clip with these bounds for its two others."""

GROUPS = {
    "activation functions": ACTIVATIONS,
    "other functions": ELEMENTARY,
    "losses": LOSSES,
}
"""What the table holds: group → name → title."""

CLIP_BOUNDS = {"a": -1, "b": 1}

PRINTED_RANGES = {
    "linear": "(−∞, ∞)",
    "step": "{0, 1}",
    "sigmoid": "(0, 1)",
    "tanh": "(−1, 1)",
    "relu": "[0, ∞)",
    "softplus": "(0, 1)",
    "leaky_relu": "(−1, 1)",
    "elu": "[0, ∞)",
}
"""The ranges that L2 prints; where one is not what the formula gives, the row says so."""


@dataclass(frozen=True)
class Kink:
    """A point where a function has no derivative: slopes beside it, and the convention taken.

    `jump` is true where the function itself jumps; `everywhere` names all points of a staircase.
    """

    at: float
    left: Expr
    right: Expr
    taken: Expr
    jump: bool
    everywhere: str = ""

    def __str__(self) -> str:
        """As a reader sees it."""
        why = "f jumps" if self.jump else f"left {self.left}, right {self.right}"
        place = self.everywhere or f"{self.at:g}".replace("-", "−")
        return f"f′ is undefined at {place} ({why}); {self.taken} is taken, a convention"


@dataclass(frozen=True)
class FunctionRow:
    """One row: f as a formula of `variable`, f′ as derived, f′ by f itself where that is shorter.

    `range` is a text such as `(0, 1)`, empty for losses; `kinks` are conventions; `remarks` say where f has no value,
    how the range was found where that is no proof, and where L2 differs. `parameter` is α where the
    function has one.
    """

    name: str
    title: str
    group: str
    variable: str
    formula: Expr
    derivative: Expr
    by_value: Expr | None
    range: str
    kinks: tuple[Kink, ...]
    remarks: tuple[str, ...]
    parameter: float | None = None

    def value(self, x: Any) -> Any:
        """The value at x (an array), α at its default; of a function of one number."""
        return _at(self.formula, x, self.parameter)

    def slope(self, x: Any) -> Any:
        """The derivative at x (an array), α at its default, conventions included."""
        return _at(self.derivative, x, self.parameter)


def functions(group: str | None = None) -> tuple[FunctionRow, ...]:
    """The table of functions: activation functions (L2), other functions of a number, losses.

    A row has formula, derivative as derived, range, conventions at kinks, where it is undefined,
    and where L2 prints something else. `group` is one of GROUPS.

    >>> import graphnn as gnn
    >>> [(row.name, row.range) for row in gnn.functions("activation functions")][:3]
    [('linear', '(−∞, ∞)'), ('step', '{0, 1}'), ('sign', '{−1, 0, 1}')]

    Raises GraphError for another group.
    """
    if group is not None and group not in GROUPS:
        raise GraphError(f"there is no group {group!r}; one of {', '.join(GROUPS)}")
    groups = GROUPS.values() if group is None else [GROUPS[group]]
    return tuple(function_row(called) for names in groups for called in names)


@cache
def function_row(called: str) -> FunctionRow:
    """The row of one function.

    >>> row = function_row("sigmoid")
    >>> print(row.derivative, row.by_value, sep="  ")
    exp(−x)/(1 + exp(−x))²  f(1 − f)

    Raises GraphError for a name that has no row.
    """
    group = next((group for group, names in GROUPS.items() if called in names), None)
    if group is None:
        known = ", ".join(name for names in GROUPS.values() for name in names)
        raise GraphError(f"there is no row for {called}; one of {known}")
    if group == "losses":
        variable, formula, slope, remarks = loss_parts(called)
        return FunctionRow(
            called, LOSSES[called], group, variable, formula, slope, None, "", (), remarks
        )
    if called == "softmax":
        return _softmax_row()
    body, parameter = _body(called)
    slope = differentiated(body, X)
    own = substitute(in_own_output(body, X), {sym(OUTPUT): sym("f"), body: sym("f")})
    row = FunctionRow(
        called,
        GROUPS[group][called],
        group,
        X,
        _written_out(body),
        _written_out(slope),
        own if own is not slope and "f" in symbols(own) else None,
        exact_range(_written_out(body), X, PARAMETER) or "",
        _kinks(body, slope, parameter),
        (),
        parameter,
    )
    return _noted(row)


def _body(called: str) -> tuple[Expr, float | None]:
    """The op's formula of x, and α where it has one: leaky ReLU and clip have fixed numbers."""
    made = definition(called)
    second = [*made.operands[1:], *(n for n, _ in made.parameters)]
    renamed = {sym(made.operands[0]): sym(X), **{sym(p): sym(PARAMETER) for p in second}}
    default = dict(made.parameters).get(second[0]) if second else None
    if called == "clip":
        renamed |= {sym(bound): num(value) for bound, value in CLIP_BOUNDS.items()}
    elif called == "leaky_relu" and default is not None:
        renamed[sym(second[0])] = default
    body = substitute(made.body, renamed)
    if PARAMETER not in symbols(body):
        return body, None
    return body, 0.25 if default is None else float(default.args[0])


def _noted(row: FunctionRow) -> FunctionRow:
    """The row with its remarks, and with a range where sympy had none."""
    notes = []
    if not row.range:
        found = sampled_range(row.value, limits_of(row.formula, X, PARAMETER))
        row = replace(row, range=found)
        notes.append("the range is read off limits and values on a grid")
    undefined = undefined_at(row.formula, X, PARAMETER)
    steep = undefined_at(row.derivative, X, PARAMETER, inside=row.formula)
    notes += [f"undefined where {undefined}"] if undefined else []
    notes += [f"f′ is infinite where {steep}"] if steep else []
    printed = PRINTED_RANGES.get(row.name)
    if printed is not None and printed != row.range:
        notes.append(f"L2 prints the range {printed}")
    if row.name == "parametric_relu":
        notes.append("α is learnt: ∂f/∂α = x where x < 0, else 0; range for α > 0")
    if row.name == "elu":
        notes.append("for α = 1 the derivative at 0 exists")
    return replace(row, remarks=tuple(notes))


def _softmax_row() -> FunctionRow:
    """Softmax is a composite: its derivative is the line of its derivation."""
    z = leaf("x", (3,), "float64")
    weighted = sum(name("f", softmax(z)) * leaf("y", (3,), "float64"))
    steps = derive(name("L", weighted), "x").steps
    (local,) = [step for step in steps if step.kind == "local"]
    x_i = read_scalar("exp(x) / s")
    formula = substitute(x_i, {sym("x"): apply("[]", sym("x"), sym("i"))})
    total = apply("Σ", sym("k"), apply("exp", apply("[]", sym("x"), sym("k"))))
    return FunctionRow(
        "softmax",
        ACTIVATIONS["softmax"],
        "activation functions",
        X,
        substitute(formula, {sym("s"): total}),
        local.sides[-1].expr or num(0),
        None,
        "(0, 1), Σf = 1",
        (),
        ("f[i] depends on every x[j]: this is ∂f[i]/∂x[j]",),
    )


def _written_out(e: Expr) -> Expr:
    """Functions that the tables define by others, as those: softplus is log(1 + exp(x))."""
    made: dict[Expr, Expr] = {}
    for node in postorder(e):
        row = elementary.FUNCTIONS.get(node.head)
        if row is None or row.arity != 1 or row.sympy.startswith(f"{row.name}("):
            continue
        if row.name in ("abs", "sign", "step"):
            if node is e:
                return from_sympy(to_sympy(e), [X])
            continue
        template = read_scalar(row.sympy)
        made[node] = substitute(template, {sym("u"): substitute(node.args[0], made)})
    return fold(substitute(e, made), _without_double_signs)


def _without_double_signs(node: Expr, parts: list[Expr]) -> Expr:
    if node.head == "neg" and parts[0].head == "neg":
        return children(parts[0])[0]
    return rebuild(node, parts)


def _at(e: Expr, x: Any, parameter: float | None) -> Any:
    reads = {X: np.asarray(x, dtype=np.float64), PARAMETER: np.asarray(float(parameter or 0))}
    with np.errstate(all="ignore"):
        return np.broadcast_to(body_value(e, reads, {}, {}), np.shape(x)) + 0.0


def _kinks(body: Expr, slope: Expr, parameter: float | None) -> tuple[Kink, ...]:
    """Where cases meet, if the slopes beside differ there; of a staircase every step."""
    found = []
    for at in sorted(_joints(body)):
        kink = _kink(body, slope, parameter, at)
        if kink is not None:
            found.append(kink)
    if any(node.head == "floor" for node in postorder(body)):
        return tuple(replace(kink, everywhere="every integer") for kink in found)
    return tuple(found)


def _joints(body: Expr) -> set[float]:
    """The points with which x is compared; 0 where there are none (max, abs, sign, step, floor)."""
    return {
        _number(part)
        for node in postorder(body)
        if node.head in COMPARISONS and sym(X) in node.args
        for part in children(node)
        if not symbols(part)
    } or {0.0}


def _kink(body: Expr, slope: Expr, parameter: float | None, at: float) -> Kink | None:
    small = 1e-9
    near = at + np.array([-small, 0.0, small])
    values, slopes = _at(body, near, parameter), _at(slope, near, parameter)
    if not np.all(np.isfinite(values)) or not np.all(np.isfinite(slopes)):
        return None
    jump = bool(np.any(np.abs(values - values[1]) > 1e-6))
    meets = not jump and np.all(np.abs(slopes - slopes[1]) < 1e-6)
    if meets and (PARAMETER not in symbols(slope) or not _kink(body, slope, 0.3, at)):
        return None
    left, taken, right = (_limit_of(slope, float(k), parameter) for k in near)
    return Kink(at, left, right, taken, jump)


def _limit_of(slope: Expr, x: float, parameter: float | None) -> Expr:
    """The slope at x as a reader writes it: a number, or α."""
    if PARAMETER in symbols(slope):
        found = [float(_at(slope, x, p)) for p in (0.3, 0.7)]
        if np.allclose(found, [0.3, 0.7], atol=1e-6):
            return sym(PARAMETER)
    value = round(float(_at(slope, x, parameter)), 6) + 0.0
    return num(int(value)) if value == int(value) else read_scalar(str(value))


def _number(e: Expr) -> float:
    return float(_at(e, 0.0, None))


def steps_of(called: str) -> Any:
    """The derivation of a function's derivative, op by op: what `graphnn functions NAME` prints.

    >>> print(steps_of("sigmoid").text().splitlines()[0])
    Forward
    """
    if called in LOSSES:
        return derivation_of(called)
    x = leaf(X, (3,) if called == "softmax" else (), "float64")
    if called == "softmax":
        return derive(name("f", softmax(x)), X, detail="ops")
    row = function_row(called)
    if called == "linear":
        return derive(name("f", 1 * x), X)
    declared = f"{PARAMETER}: (); " if row.parameter is not None else ""
    return derive(parse(f"{declared}f = {to_unicode(row.formula)}").loss, X, detail="ops")
