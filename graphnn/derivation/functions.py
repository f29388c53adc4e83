"""The table of activation functions (L2), generated: formula, derivative, range, kinks, slips.

Everything in a row is derived from the op's line in graphnn.calculus.tables, or from a composite's
derivation: the derivative by the calculus, the range by limits and by values, the conventions by
evaluating the derived rule at the kink. Only the titles and what L2 prints are written down here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphnn.calculus.own_output import OUTPUT, in_own_output
from graphnn.calculus.tables import definition
from graphnn.derivation.derive import derive
from graphnn.errors import GraphError
from graphnn.expression import functions as elementary
from graphnn.expression.derivative import derivative as differentiated
from graphnn.expression.reader import read_scalar
from graphnn.expression.sympy_view import from_sympy, to_sympy
from graphnn.expression.tree import (
    Expr,
    apply,
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
INFINITY = "∞"

TITLES = {
    "linear": "Linear",
    "step": "Binary step",
    "sign": "Sign",
    "sigmoid": "Sigmoid",
    "tanh": "Hyperbolic tangent (tanh)",
    "relu": "Rectified linear unit (ReLU)",
    "leaky_relu": "Leaky ReLU",
    "parametric_relu": "Parametric ReLU",
    "elu": "Exponential linear unit (ELU)",
    "softplus": "Softplus",
    "softmax": "Softmax",
    "swish": "Swish",
}
"""The rows of the table, in the order of the lectures."""

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

    `jump` is true where the function itself jumps.
    """

    at: float
    left: Expr
    right: Expr
    taken: Expr
    jump: bool

    def __str__(self) -> str:
        """As a reader sees it."""
        why = "f jumps" if self.jump else f"left {self.left}, right {self.right}"
        return f"undefined at {self.at:g} ({why}); {self.taken} is taken, a convention"


@dataclass(frozen=True)
class ActivationRow:
    """One row: f(x), f′(x) as derived, f′ by f itself where that is shorter (else None).

    `range` is a text such as `(0, 1)`; `lowest` where the least value lies, if it is attained at
    one point; `kinks` are conventions; `note` says where L2 differs.
    """

    name: str
    title: str
    formula: Expr
    derivative: Expr
    by_value: Expr | None
    range: str
    kinks: tuple[Kink, ...]
    note: str
    parameter: float | None = None

    def value(self, x: Any) -> Any:
        """The value at x (an array), α at its default."""
        return _at(self.formula, x, self.parameter)

    def slope(self, x: Any) -> Any:
        """The derivative at x (an array), α at its default, conventions included."""
        return _at(self.derivative, x, self.parameter)


def functions() -> tuple[ActivationRow, ...]:
    """The table of activation functions of the lectures (L2, and L1, L3, L4 for what it leaves out).

    >>> import graphnn as gnn
    >>> [(row.name, row.range) for row in gnn.functions()][:4]
    [('linear', '(−∞, ∞)'), ('step', '{0, 1}'), ('sign', '{−1, 0, 1}'), ('sigmoid', '(0, 1)')]
    """
    return tuple(function_row(called) for called in TITLES)


def function_row(called: str) -> ActivationRow:
    """The row of one function.

    >>> row = function_row("sigmoid")
    >>> print(row.derivative, row.by_value, sep="  ")
    exp(−x)/(1 + exp(−x))²  f(1 − f)

    Raises GraphError for a name that is no function of one number.
    """
    if called == "softmax":
        return _softmax_row()
    if called not in TITLES:
        raise GraphError(f"there is no row for {called}; one of {', '.join(TITLES)}")
    made = definition(called)
    second = [*made.operands[1:], *(n for n, _ in made.parameters)]
    renamed = {sym(made.operands[0]): sym(X), **{sym(p): sym(PARAMETER) for p in second}}
    body = substitute(made.body, renamed)
    default = dict(made.parameters).get(second[0]) if second else None
    fixed = called == "leaky_relu" and default is not None
    if fixed and default is not None:
        body = substitute(body, {sym(PARAMETER): default})
    parameter = None
    if PARAMETER in symbols(body):
        parameter = 0.25 if default is None else float(default.args[0])
    slope = differentiated(body, X)
    own = substitute(in_own_output(body, X), {sym(OUTPUT): sym("f"), body: sym("f")})
    row = ActivationRow(
        called,
        TITLES.get(called, called),
        _written_out(body),
        _written_out(slope),
        own if own is not slope and "f" in symbols(own) else None,
        _range(body, parameter),
        _kinks(body, slope, parameter),
        "",
        parameter,
    )
    return _noted(row)


def _noted(row: ActivationRow) -> ActivationRow:
    printed = PRINTED_RANGES.get(row.name)
    notes = []
    if printed is not None and printed != row.range:
        notes.append(f"L2 prints the range {printed}")
    if row.name == "parametric_relu":
        notes.append("α is learnt: ∂f/∂α = x where x < 0, else 0; range for α > 0")
    if row.name == "elu":
        notes.append("for α = 1 the derivative at 0 exists")
    return ActivationRow(**{**row.__dict__, "note": "; ".join(notes)})


def _softmax_row() -> ActivationRow:
    """Softmax is a composite: its derivative is the line of its derivation."""
    z = leaf("x", (3,), "float64")
    weighted = sum(name("f", softmax(z)) * leaf("y", (3,), "float64"))
    steps = derive(name("L", weighted), "x").steps
    (local,) = [step for step in steps if step.kind == "local"]
    x_i = read_scalar("exp(x) / s")
    formula = substitute(x_i, {sym("x"): apply("[]", sym("x"), sym("i"))})
    total = apply("Σ", sym("k"), apply("exp", apply("[]", sym("x"), sym("k"))))
    return ActivationRow(
        "softmax",
        TITLES["softmax"],
        substitute(formula, {sym("s"): total}),
        local.sides[-1].expr or num(0),
        None,
        "(0, 1), Σf = 1",
        (),
        "f[i] depends on every x[j]: this is ∂f[i]/∂x[j]",
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
    return substitute(e, made)


def _at(e: Expr, x: Any, parameter: float | None) -> Any:
    reads = {X: np.asarray(x, dtype=np.float64), PARAMETER: np.asarray(float(parameter or 0))}
    with np.errstate(all="ignore"):
        return np.broadcast_to(body_value(e, reads, {}, {}), np.shape(x)) + 0.0


def _kinks(body: Expr, slope: Expr, parameter: float | None) -> tuple[Kink, ...]:
    """Where cases meet: all of these functions switch at 0."""
    small = 1e-9
    near = np.array([-small, 0.0, small])
    values, slopes = _at(body, near, parameter), _at(slope, near, parameter)
    jump = bool(np.any(np.abs(values - values[1]) > 1e-6))
    if not np.all(np.isfinite(values)) or not np.all(np.isfinite(slopes)):
        return ()
    meets = not jump and np.all(np.abs(slopes - slopes[1]) < 1e-6)
    if meets and (PARAMETER not in symbols(slope) or not _kinks(body, slope, 0.3)):
        return ()
    left, taken, right = (_limit_of(slope, float(k), parameter) for k in near)
    return (Kink(0.0, left, right, taken, jump),)


def _limit_of(slope: Expr, x: float, parameter: float | None) -> Expr:
    """The slope at x as a reader writes it: a number, or α."""
    if PARAMETER in symbols(slope):
        found = [float(_at(slope, x, p)) for p in (0.3, 0.7)]
        if np.allclose(found, [0.3, 0.7], atol=1e-6):
            return sym(PARAMETER)
    value = float(_at(slope, x, parameter))
    whole = round(value, 6)
    return num(int(whole)) if whole == int(whole) else num(whole)


def _range(body: Expr, parameter: float | None) -> str:
    """The values that f takes: by its limits, and by values on a grid for what it attains."""
    grid = np.concatenate([np.linspace(-8, 8, 3201), [0.0]])
    values = _at(body, grid, parameter)
    values = values[np.isfinite(values)]
    distinct = np.unique(values)
    if len(distinct) <= 3:
        return "{" + ", ".join(f"{v:g}".replace("-", "−") for v in distinct) + "}"
    limits = _limits(body)
    ends = []
    for sign, attained in ((-1, _extreme(body, parameter, -1)), (1, _extreme(body, parameter, 1))):
        numbers = [(_number(limit, parameter), limit) for limit in limits]
        beyond = [(n, e) for n, e in numbers if sign * n > sign * attained + 1e-12]
        if beyond:
            number, e = max(beyond, key=lambda pair: sign * pair[0])
            shown = INFINITY if np.isinf(number) else to_unicode(e)
            ends.append((f"−{INFINITY}" if np.isneginf(number) else shown, False))
        else:
            ends.append((f"{attained:.3g}".replace("-", "−"), True))
    (low, closed), (high, shut) = ends
    return f"{'[' if closed else '('}{low}, {high}{']' if shut else ')'}"


def _extreme(body: Expr, parameter: float | None, sign: int) -> float:
    """The largest (least) value on [−8, 8], refined about where it lies on the grid."""
    grid = np.linspace(-8, 8, 3201)
    found = np.nan
    for _ in range(4):
        values = sign * _at(body, grid, parameter)
        values = np.where(np.isfinite(values), values, -np.inf)
        k = int(np.argmax(values))
        low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
        found = float(sign * values[k])
        grid = np.linspace(low, high, 201)
    return found + 0.0


def _limits(body: Expr) -> list[Expr]:
    """The limits of f at −∞ and ∞, and at 0 from the right, by sympy, α > 0."""
    import sympy

    x, alpha = sympy.Symbol(X, real=True), sympy.Symbol(PARAMETER, real=True)
    positive = sympy.Symbol(PARAMETER, positive=True)
    found = []
    for at, side, near in ((-sympy.oo, "+", -1e3), (sympy.oo, "-", 1e3), (0, "+", 1e-9)):
        view = to_sympy(_branch(_written_out(body), near)).subs(alpha, positive)
        limit = sympy.limit(view, x, at, side)
        if limit is sympy.oo or limit is -sympy.oo:
            found.append(num(float(limit)))
        elif limit.is_real:
            found.append(from_sympy(limit.subs(positive, alpha), [PARAMETER]))
    return found


def _branch(e: Expr, x: float) -> Expr:
    """The expression with its cases decided as they are at x."""

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "where":
            return parts[1] if _at(apply("where", node.args[0], num(1), num(0)), x, 1) else parts[2]
        if node.head == "max":
            return max(parts, key=lambda part: float(_at(part, x, 1)))
        return rebuild(node, parts)

    return fold(e, visit)


def _number(e: Expr, parameter: float | None) -> float:
    return float(_at(e, 0.0, parameter))


def steps_of(called: str) -> Any:
    """The derivation of a function's derivative, op by op: what `graphnn functions NAME` prints.

    >>> print(steps_of("sigmoid").text().splitlines()[0])
    Forward
    """
    x = leaf(X, (3,) if called == "softmax" else (), "float64")
    if called == "softmax":
        return derive(name("f", softmax(x)), X, detail="ops")
    row = function_row(called)
    if called == "linear":
        return derive(name("f", 1 * x), X)
    declared = f"{PARAMETER}: (); " if row.parameter is not None else ""
    return derive(parse(f"{declared}f = {to_unicode(row.formula)}").loss, X, detail="ops")
