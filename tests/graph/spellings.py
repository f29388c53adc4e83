"""The spellings of DESIGN §6, each written once for graphs and for exact numbers.

`f` is `graphnn` or `Exact`: a spelling is called with the one for the graph, with the other for
its value to fifty digits.
"""

from __future__ import annotations

import mpmath

DIGITS = 1600
STEP = mpmath.mpf(10) ** -300


class Exact:
    """The functions of spellings on numbers of 1600 digits: nothing overflows or cancels."""

    exp, log, sqrt = mpmath.exp, mpmath.log, mpmath.sqrt
    tanh, sinh, cosh = mpmath.tanh, mpmath.sinh, mpmath.cosh

    @staticmethod
    def sigmoid(x):
        return 1 / (1 + mpmath.exp(-x))

    @staticmethod
    def log1p(x):
        return mpmath.log(1 + x)

    @staticmethod
    def where(condition, then, other):
        return then if condition else other


# (form, spelling over f and x); every name of a form is the name of a rewrite
SPELLINGS = {
    "sigmoid": [
        lambda f, x: 1 / (1 + f.exp(-x)),
        lambda f, x: 1 / (f.exp(-x) + 1),
        lambda f, x: f.exp(x) / (1 + f.exp(x)),
        lambda f, x: f.exp(x) / (f.exp(x) + 1),
        lambda f, x: f.exp(-(-x)) * (1 / (f.exp(x) + 1)),  # noqa: B002
        lambda f, x: (1 + 1 / f.exp(x)) ** -1,
        lambda f, x: (f.tanh(x / 2) + 1) / 2,
        lambda f, x: 0.5 * (1 + f.tanh(0.5 * x)),
        lambda f, x: 0.5 + f.tanh(x / 2) / 2,
        lambda f, x: 2 / (2 + 2 * f.exp(-x)),
        lambda f, x: f.exp(x / 2) / (f.exp(x / 2) + f.exp(-x / 2)),
    ],
    "1 − sigmoid": [
        lambda f, x: 1 - f.sigmoid(x),
        lambda f, x: -f.sigmoid(x) + 1,
        lambda f, x: 1 - 1 / (1 + f.exp(-x)),
    ],
    "tanh": [
        lambda f, x: (f.exp(x) - f.exp(-x)) / (f.exp(x) + f.exp(-x)),
        lambda f, x: (-f.exp(-x) + f.exp(x)) / (f.exp(-x) + f.exp(x)),
        lambda f, x: (f.exp(2 * x) - 1) / (f.exp(2 * x) + 1),
        lambda f, x: (f.exp(x) ** 2 - 1) / (1 + f.exp(x) ** 2),
        lambda f, x: (1 - f.exp(-2 * x)) / (1 + f.exp(-2 * x)),
        lambda f, x: 2 * f.sigmoid(2 * x) - 1,
        lambda f, x: 1 - 2 / (f.exp(2 * x) + 1),
        lambda f, x: f.sinh(x) / f.cosh(x),
    ],
    "softplus": [
        lambda f, x: f.log(1 + f.exp(x)),
        lambda f, x: f.log(f.exp(x) + 1),
        lambda f, x: f.log1p(f.exp(x)),
        lambda f, x: -f.log(f.sigmoid(-x)),
        lambda f, x: -f.log(1 / (1 + f.exp(x))),
    ],
    "log-sigmoid": [
        lambda f, x: f.log(f.sigmoid(x)),
        lambda f, x: f.log(f.exp(x) / (1 + f.exp(x))),
        lambda f, x: -f.log(1 + f.exp(-x)),
        lambda f, x: f.log(1 - f.sigmoid(x)),
        lambda f, x: f.log(1 / (1 + f.exp(-x))),
    ],
    "swish": [
        lambda f, x: x * f.sigmoid(x),
        lambda f, x: f.sigmoid(x) * x,
        lambda f, x: x / (1 + f.exp(-x)),
        lambda f, x: x * f.exp(x) / (1 + f.exp(x)),
    ],
    "expm1": [
        lambda f, x: f.exp(x) - 1,
        lambda f, x: -1 + f.exp(x),
        lambda f, x: 1 - f.exp(x),
        lambda f, x: 3 * f.exp(x) - 3,
        lambda f, x: x * f.exp(x) - x,
    ],
    "log1p": [
        lambda f, x: f.log(1 + x),
        lambda f, x: f.log(x + 1),
        lambda f, x: f.log(1 - x),
    ],
    "xlogy": [
        lambda f, x: x * f.log(x),
        lambda f, x: f.log(x) * x,
        lambda f, x: -x * f.log(x) / 3,
        lambda f, x: 0.3 * x * f.log(1 + x),
    ],
    "abs": [
        lambda f, x: f.sqrt(x**2),
        lambda f, x: f.sqrt(x * x),
        lambda f, x: (x**2) ** 0.5,
    ],
}
ARGUMENTS = {
    "x": lambda x: x,
    "scaled": lambda x: 3 * x,
    "half": lambda x: x / 2,
    "negative": lambda x: -x,
    "shifted": lambda x: -(2 * x + 3),
}
POINTS = [sign * size for size in (1e-30, 1.0, 40.0, 800.0) for sign in (1, -1)]


def exact(spelling, argument, x: float) -> tuple[object, object] | None:
    """(value, derivative) to far more than fifty digits; None where it is no real number."""
    with mpmath.workdps(DIGITS):
        at = mpmath.mpf(x)

        def function(t):
            return mpmath.mpmathify(spelling(Exact, argument(t)))

        try:
            below, value, above = function(at - STEP), function(at), function(at + STEP)
        except (ZeroDivisionError, ValueError):
            return None
        if any(mpmath.im(v) != 0 for v in (below, value, above)):
            return None
        return mpmath.re(value), mpmath.re((above - below) / (2 * STEP))
