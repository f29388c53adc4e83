"""The table of `stabilise`: what is recognised, by what it is replaced, and where both are equal.

A row is two texts over `u` and `v`; the functions on the right are rows of
graphnn.expression.functions. Every row is proved by sympy and tested at extreme inputs
(tests/graph/test_stable_forms.py). A row may recognise what other rows leave behind: the node of a
part is rewritten before the node that uses it, so that `(exp(2x) − 1)/(exp(2x) + 1)` arrives as
`expm1(2x)/(1 + exp(2x))`. With those rows every order of the table ends in one form.
"""

from __future__ import annotations

from graphnn.expression.bags import Call, atoms
from graphnn.expression.matching import Binding
from graphnn.expression.rewriting import Row


def _no_logarithm(found: Binding) -> bool:
    """`log(a)·log(b)` has no factor that is 0 by itself."""
    return not any(isinstance(a, Call) and a.head in ("log", "log1p") for a in atoms(found["u"]))


TABLE = (
    # exponentials and logarithms near 0 and 1
    Row("expm1", "exp(u) - 1", "expm1(u)"),
    Row("log of exp", "log(exp(u))", "u"),
    Row("log of exp", "log1p(expm1(u))", "u"),
    Row("softplus", "log(1 + exp(u))", "softplus(u)"),
    Row("softplus", "log1p(exp(u))", "softplus(u)"),
    Row("log1p", "log(1 + u)", "log1p(u)", domain="u > -1"),
    # sigmoid
    Row("sigmoid", "exp(u)/(1 + exp(u))", "logistic(u)"),
    Row("sigmoid", "1/(1 + exp(u))", "logistic(-u)"),
    Row("sigmoid", "exp(u)*logistic(-u)", "logistic(u)"),
    Row("sigmoid", "1 + tanh(u)", "2*logistic(2*u)"),
    Row("sigmoid", "1 - tanh(u)", "2*logistic(-2*u)"),
    Row("sigmoid", "1 + hyperbolic_tangent(u)", "2*logistic(2*u)"),
    Row("sigmoid", "1 - hyperbolic_tangent(u)", "2*logistic(-2*u)"),
    Row("sigmoid", "exp(u)/cosh(u)", "2*logistic(2*u)"),
    Row("1 − sigmoid", "1 - logistic(u)", "logistic(-u)"),
    Row("log-sigmoid", "log(logistic(u))", "log_logistic(u)"),
    Row("log-sigmoid", "log1p(-logistic(u))", "log_logistic(-u)"),
    Row("log-sigmoid", "-softplus(u)", "log_logistic(-u)", whole=True),
    Row("softplus", "-log_logistic(u)", "softplus(-u)", whole=True),
    Row("swish", "u*logistic(u)", "swish(u)"),
    Row("swish", "exp(u)*swish(-u)", "-swish(u)"),
    # tanh
    Row("sinh", "exp(u) - exp(-u)", "2*sinh(u)"),
    Row("cosh", "exp(u) + exp(-u)", "2*cosh(u)"),
    Row("tanh", "sinh(u)/cosh(u)", "hyperbolic_tangent(u)"),
    Row("tanh", "expm1(u)*logistic(-u)", "hyperbolic_tangent(u/2)"),
    Row("tanh", "2*logistic(u) - 1", "hyperbolic_tangent(u/2)"),
    # products with a logarithm that count as 0 where the other factor is 0
    Row("xlogy", "u*log(v)", "xlogy(u, v)", where=_no_logarithm, domain="v > 0"),
    Row("xlogy", "u*log1p(v)", "xlog1py(u, v)", where=_no_logarithm, domain="v > -1"),
    Row("abs", "sqrt(u^2)", "abs(u)"),
)
