"""Every checker is shown a wrong rule, and must catch it: a checker that cannot fail checks nothing.

The rules planted are those that people get wrong: a lost sign, a lost inner derivative, a lost
factor, the derivative of the other branch, a transposed index, a dropped guard.
"""

from dataclasses import replace

import numpy as np
import pytest

import graphnn as gnn
from graphnn.calculus import rules
from graphnn.calculus.definition import define
from graphnn.calculus.instance import instantiate
from graphnn.calculus.rules import jvp, vjp
from graphnn.errors import GraphError
from graphnn.expression import derivative as derivative_module
from graphnn.expression.derivative import derivative
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.reader import read_scalar
from graphnn.expression.sympy_view import function_derivative
from graphnn.expression.tree import sym
from tests import oracle


@pytest.fixture
def forgotten():
    """Everything remembered about derivatives is forgotten, before and after the planting."""
    caches = [
        derivative,
        derivative_module._read,
        function_derivative,
        rules.local_derivative,
        rules.vjp,
        rules.jvp,
        rules.in_own_output,
    ]
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


WRONG = {
    "log1p": "1 / (2 + u)",
    "expm1": "exp(u) - 1",
    "abs": "-sign(u)",
    "softplus": "logistic(-u)",
    "logistic": "logistic(u)",
    "log_logistic": "-logistic(-u)",
    "tanh": "1 - tanh(u)",
    "sin": "-cos(u)",
    "step": "1",
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_sympy_judges_a_wrong_row_of_the_table(monkeypatch, forgotten, name):
    row = replace(FUNCTIONS[name], derivatives=(WRONG[name],))
    monkeypatch.setitem(FUNCTIONS, name, row)
    with pytest.raises(GraphError, match="sympy disagrees"):
        derivative(read_scalar(f"{name}(x)*x"), "x")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("x^3", "3*x"),
        ("x^3", "x^2"),
        ("sin(2*x)", "cos(2*x)"),
        ("exp(-x)", "exp(-x)"),
        ("1/x", "1/x^2"),
        ("x*y*y", "2*y*x"),
        ("where(x > 1, x^2, x)", "where(x > 1, 1, 2*x)"),
        ("where(x > 4, x^2, x)", "where(x > 4, 3*x, 1)"),
        ("1e-6*x^2", "-2e-6*x"),
        ("log(x-9)", "1/(9-x)"),
        ("x^2+1e-4*x", "2*x"),
    ],
)
def test_sympy_judges_a_wrong_walk(monkeypatch, forgotten, text, wrong):
    assert derivative(read_scalar(text), "x") is not read_scalar(wrong)
    derivative.cache_clear()
    monkeypatch.setattr(derivative_module, "walk", lambda e, name: read_scalar(wrong))
    with pytest.raises(GraphError, match="sympy disagrees"):
        derivative(read_scalar(text), "x")


def test_a_dirac_delta_that_gets_through_is_an_error(monkeypatch, forgotten):
    row = replace(FUNCTIONS["sign"], sympy="sign(u)")
    monkeypatch.setitem(FUNCTIONS, "sign", row)
    from graphnn.expression import sympy_view

    sympy_view.template.cache_clear()
    sympy_view.to_sympy.cache_clear()
    try:
        with pytest.raises(GraphError, match="DiracDelta"):
            derivative(read_scalar("sign(x)*x"), "x")
    finally:
        sympy_view.template.cache_clear()
        sympy_view.to_sympy.cache_clear()


def planted(formula, rule, fault):
    """A rule with a fault in it, as (formula with the fault, sources)."""
    made = rule.formula
    if fault == "sign":
        return replace(made, body=_negated(made.body))
    if fault == "factor":
        return replace(made, body=_doubled(made.body))
    if fault == "transposed":
        first, *rest = made.reads
        return replace(made, reads=(replace(first, index=first.index[::-1]), *rest))
    if fault == "unguarded":
        return replace(made, guards=made.guards[:-1])
    raise KeyError(fault)


def _negated(body):
    from graphnn.expression.tree import apply

    return apply("neg", body)


def _doubled(body):
    from graphnn.expression.tree import apply, num

    return apply("*", num(2), body)


@pytest.mark.parametrize("fault", ["sign", "factor", "transposed"])
def test_differences_and_the_inner_product_catch_a_wrong_rule(fault):
    generator = np.random.default_rng(3)
    formula = instantiate(define("f(A, B): y[i,k] += A[i,j]*B[j,k]"), ((3, 3), (3, 3))).formula
    A, B, u, v = (generator.normal(size=(3, 3)) for _ in range(4))
    right = vjp(formula, 0, (3, 3))
    arrays = [u if s.kind == "cotangent" else (A, B)[s.operand] for s in right.sources]
    wrong = planted(formula, right, fault)

    def forward(x):
        return oracle.formula_value(formula, [x, B])

    expected = oracle.differences(forward, A, u)
    oracle.close(oracle.formula_value(right.formula, arrays), expected, 1e-6)
    with pytest.raises(AssertionError, match="off by"):
        oracle.close(oracle.formula_value(wrong, arrays), expected, 1e-6)

    def gradient(x, cotangent):
        given = [cotangent if s.kind == "cotangent" else (x, B)[s.operand] for s in right.sources]
        return oracle.formula_value(wrong, given)

    with pytest.raises(AssertionError, match="off by"):
        oracle.check_gradient(forward, gradient, A, generator)
    # ⟨Jv, u⟩ against ⟨v, Jᵀu⟩, with a wrong cotangent and with a wrong tangent
    tangent = jvp(formula, (0,))
    moving = [v if s.kind == "tangent" else (A, B)[s.operand] for s in tangent.sources]
    Jv = oracle.formula_value(tangent.formula, moving)
    JTu = oracle.formula_value(right.formula, arrays)
    assert abs(np.sum(Jv * u) - np.sum(v * JTu)) < 1e-12
    assert abs(np.sum(Jv * u) - np.sum(v * oracle.formula_value(wrong, arrays))) > 1e-3
    turned = oracle.formula_value(planted(formula, tangent, fault), moving)
    assert abs(np.sum(turned * u) - np.sum(v * JTu)) > 1e-3


def test_a_dropped_guard_is_caught():
    formula = instantiate(define("f(x): y[i] += x[i-1]^2 for i < 5"), ((3,),)).formula
    assert len(formula.guards) == 2
    x, u = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0, 2.0, 0.7])
    right = vjp(formula, 0, (3,))
    arrays = [u if s.kind == "cotangent" else x for s in right.sources]
    expected = oracle.differences(lambda v: oracle.formula_value(formula, [v]), x, u)
    oracle.close(oracle.formula_value(right.formula, arrays), expected, 1e-6)
    with pytest.raises(IndexError, match="outside"):
        oracle.formula_value(planted(formula, right, "unguarded"), arrays)


def test_the_second_maximum_is_caught(monkeypatch, forgotten):
    """A rule that gives a maximum's cotangent to every element, as a sum's."""
    formula = instantiate(define("f(x): y[i] max= x[i,j]"), ((2, 3),)).formula
    wrong = replace(formula, reduce="sum")
    x = np.random.default_rng(1).normal(size=(2, 3))
    u = np.array([2.0, -3.0])
    rule = vjp(wrong, 0, (2, 3))
    expected = oracle.differences(lambda v: oracle.formula_value(formula, [v]), x, u)
    with pytest.raises(AssertionError, match="off by"):
        oracle.close(oracle.formula_value(rule.formula, [u]), expected, 1e-6)


def test_a_wrong_row_reaches_the_graph_and_is_caught_there(monkeypatch, forgotten):
    """Past the judge, differences of the graph still see it."""
    monkeypatch.setattr(derivative_module, "_judge", lambda e, name, result: None)
    row = replace(FUNCTIONS["log1p"], derivatives=("1 / (2 + u)",))
    monkeypatch.setitem(FUNCTIONS, "log1p", row)
    x = gnn.input("x", (3,), "float64")
    y = gnn.sum(gnn.log1p(x * x))
    gradient = gnn.grad(y, x)
    at = np.array([0.3, -0.7, 1.1])
    expected = oracle.differences(lambda v: gnn.evaluate(y, x=v), at, 1.0)
    with pytest.raises(AssertionError, match="off by"):
        oracle.close(gnn.evaluate(gradient, x=at), expected, 1e-6)


def test_the_evaluators_own_mistakes_are_caught(monkeypatch):
    """The oracle does not share the evaluator's table of functions."""
    from graphnn.graph import bodies

    monkeypatch.setitem(bodies._NUMPY, "tanh", np.sin)
    x = gnn.input("x", (2,), "float64")
    node = gnn.tanh(x).node
    fed = {"x": np.array([0.5, 1.0])}
    with pytest.raises(AssertionError, match="off by"):
        oracle.close(gnn.evaluate(gnn.tanh(x), **fed), oracle.node_value(node, fed), 1e-12)


def test_a_wrong_own_output_rule_is_refused(monkeypatch, forgotten):
    """y(1 + y) for σ′ is not taken, even if a resultant were to say so."""
    from graphnn.calculus import own_output

    monkeypatch.setattr(own_output, "from_sympy", lambda e, order=(): sym("_y"))
    found = own_output.in_own_output(read_scalar("1/(1+exp(-x))"), "x")
    assert found is derivative(read_scalar("1/(1+exp(-x))"), "x")
