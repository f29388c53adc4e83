"""The elementary functions of formula bodies: one row each.

A row says how sympy sees the function, how it is differentiated and how NumPy computes it. A
derivative that is not given is asked of sympy once; one that is written out is a *convention at a
kink*, or a function that sympy has no smooth form of. `u`, `v` stand for the arguments. The stable
functions at the end are what the pass `stabilise` introduces: their definition is what sympy sees,
their NumPy form is what stays finite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

KINKS = "convention at 0"


@dataclass(frozen=True)
class Function:
    """One elementary function: its arity, three forms, and where it stops being smooth.

    `derivatives` holds a text for each argument, or None where sympy's own is taken. `numpy` is
    an expression over `np`, `u` and `v` that binds like a call. `latex` and `unicode` name it in print.
    """

    name: str
    arity: int
    sympy: str
    numpy: str
    derivatives: tuple[str | None, ...]
    latex: str
    smooth: bool = True


def _row(
    name: str,
    sympy: str,
    numpy: str,
    *derivatives: str | None,
    latex: str = "",
    smooth: bool = True,
) -> Function:
    arity = 2 if re.search(r"\bv\b", numpy) else 1
    given = derivatives or (None,) * arity
    return Function(name, arity, sympy, numpy, given, latex or rf"\operatorname{{{name}}}", smooth)


_ROWS = (
    _row("exp", "exp(u)", "np.exp(u)", latex=r"\exp"),
    _row("log", "log(u)", "np.log(u)", latex=r"\log"),
    _row("sqrt", "sqrt(u)", "np.sqrt(u)", latex=r"\sqrt"),
    _row("sin", "sin(u)", "np.sin(u)", latex=r"\sin"),
    _row("cos", "cos(u)", "np.cos(u)", latex=r"\cos"),
    _row("tan", "tan(u)", "np.tan(u)", latex=r"\tan"),
    _row("sinh", "sinh(u)", "np.sinh(u)", latex=r"\sinh"),
    _row("cosh", "cosh(u)", "np.cosh(u)", latex=r"\cosh"),
    _row("tanh", "tanh(u)", "np.tanh(u)", latex=r"\tanh"),
    _row(
        "abs",
        "Piecewise((u, u > 0), (-u, u < 0), (0, True))",
        "np.abs(u)",
        "sign(u)",
        latex=r"\operatorname{abs}",
        smooth=False,
    ),
    _row(
        "sign",
        "Piecewise((1, u > 0), (-1, u < 0), (0, True))",
        "np.sign(u)",
        "0",
        smooth=False,
    ),
    # flat between its jumps, and 0 by convention at them
    _row("floor", "floor(u)", "np.floor(u)", "0", smooth=False),
    _row("step", "Piecewise((1, u >= 0), (0, True))", "np.heaviside(u, 1.0)", "0", smooth=False),
    _row(
        "max",
        "Piecewise((u, u >= v), (v, True))",
        "np.maximum(u, v)",
        "where(u >= v, 1, 0)",
        "where(u >= v, 0, 1)",
        latex=r"\max",
        smooth=False,
    ),
    _row(
        "min",
        "Piecewise((u, u <= v), (v, True))",
        "np.minimum(u, v)",
        "where(u <= v, 1, 0)",
        "where(u <= v, 0, 1)",
        latex=r"\min",
        smooth=False,
    ),
    # Stable forms: definition for sympy, finite form for NumPy, derivative closed in this table.
    _row("log1p", "log(1 + u)", "np.log1p(u)", "1 / (1 + u)"),
    _row("expm1", "exp(u) - 1", "np.expm1(u)", "exp(u)"),
    _row(
        "logistic",
        "1 / (1 + exp(-u))",
        "(np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u))))",
        "logistic(u) * logistic(-u)",
        latex=r"\sigma",
    ),
    _row(
        "softplus",
        "log(1 + exp(u))",
        "(np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u))))",
        "logistic(u)",
    ),
    _row(
        "log_logistic",
        "-log(1 + exp(-u))",
        "(np.minimum(u, 0.0) - np.log1p(np.exp(-np.abs(u))))",
        "logistic(-u)",
    ),
    _row(
        "xlogy",
        "u * log(v)",
        "np.where(u == 0, 0.0, u * np.log(np.where(u == 0, 1.0, v)))",
        "where(u == 0, where(v <= 0, 0, log(v)), log(v))",
        "where(u == 0, 0, u / v)",
    ),
    # ∂xⁿ/∂n, printed as the product xⁿ·log(x); 0 where xⁿ is, although log 0 is −∞
    _row(
        "times_log",
        "u * log(v)",
        "np.where(u == 0, 0.0, u * np.log(np.where(u == 0, 1.0, v)))",
        "where(u == 0, where(v <= 0, 0, log(v)), log(v))",
        "where(u == 0, 0, u / v)",
    ),
    _row(
        "xlog1py",
        "u * log(1 + v)",
        "np.where(u == 0, 0.0, u * np.log1p(np.where(u == 0, 0.0, v)))",
        "where(u == 0, where(v <= -1, 0, log1p(v)), log1p(v))",
        "where(u == 0, 0, u / (1 + v))",
    ),
    _row(
        "swish",
        "u / (1 + exp(-u))",
        "(u * np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u))))",
        "logistic(u) * (1 + u * logistic(-u))",
    ),
    # the derivative 1 − tanh² of the row `tanh` is 0 from 20 on
    _row(
        "hyperbolic_tangent",
        "tanh(u)",
        "np.tanh(u)",
        "4 * logistic(2 * u) * logistic(-2 * u)",
        latex=r"\tanh",
    ),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}
