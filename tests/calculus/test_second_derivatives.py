"""Second derivatives of twenty smooth functions against sympy's own, at random points."""

import numpy as np
import pytest
import sympy

import graphnn as gnn

SMOOTH = (
    "x*sin(x)",
    "exp(-x^2)",
    "1/(1+exp(-x))",
    "tanh(x)",
    "tanh(x)*exp(x)",
    "log(1+x^2)",
    "sqrt(1+x^2)",
    "x^3-2*x^2+x",
    "1/(1+x^2)",
    "sin(x)/(2+cos(x))",
    "exp(sin(x))",
    "cosh(x)*sinh(x)",
    "log(1+exp(x))",
    "x/(1+exp(-x))",
    "exp(x)/(1+exp(x))^2",
    "(x-1)^4/(x^2+3)",
    "tan(x/3)",
    "x^(-2)",
    "(1+x^2)^x",
    "cos(3*x+1)*log(x^2+2)",
)


@pytest.mark.parametrize("text", SMOOTH)
def test_second_derivative_is_sympys(text):
    x = gnn.input("x", (3,), "float64")
    y = gnn.op(f"f(x) = {text}")(x)
    first = gnn.grad(gnn.sum(y), x)
    second = gnn.grad(gnn.sum(first), x)
    symbol = sympy.Symbol("x", real=True)
    whole = sympy.sympify(text.replace("^", "**"), locals={"x": symbol})
    at = np.random.default_rng(SMOOTH.index(text)).uniform(0.2, 1.5, 3) * [1, -1, 1]
    for node, order in ((first, 1), (second, 2)):
        exact = [float(sympy.diff(whole, symbol, order).evalf(30, subs={symbol: v})) for v in at]
        found = gnn.evaluate(node, x=at)
        assert np.max(np.abs(found - exact)) <= 1e-12 * max(1.0, np.max(np.abs(exact)))


@pytest.mark.parametrize("text", ["a*b^2+sin(a*b)", "exp(a)/(a+b^2+2)", "tanh(a)*log(2+b^2)"])
def test_mixed_second_derivative_is_sympys(text):
    a, b = gnn.input("a", (), "float64"), gnn.input("b", (), "float64")
    mixed = gnn.grad(gnn.grad(gnn.op(f"f(a, b) = {text}")(a, b), a), b)
    names = {name: sympy.Symbol(name, real=True) for name in "ab"}
    whole = sympy.diff(sympy.sympify(text.replace("^", "**"), locals=names), *names.values())
    exact = float(whole.evalf(30, subs={names["a"]: 0.7, names["b"]: -1.2}))
    assert abs(float(gnn.evaluate(mixed, a=0.7, b=-1.2)) - exact) <= 1e-12 * max(1, abs(exact))


def test_there_are_twenty():
    assert len(set(SMOOTH)) == 20
