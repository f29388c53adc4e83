"""Numbers of trees and difference quotients: what judges expressions of many cases."""

import mpmath
import pytest

from graphnn.errors import GraphError
from graphnn.expression import derivative as derivative_module
from graphnn.expression.agreement import compare, equal_at_points, is_slope
from graphnn.expression.derivative import derivative, walk
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.numbers_at import slope_at, value_at
from graphnn.expression.reader import read_scalar
from graphnn.expression.sympy_view import has_many_cases, to_sympy
from graphnn.expression.tree import apply, num, sym

NESTED = read_scalar(
    "max(x, max(y, max(x*y, max(x - y, max(3, x + y)))))*abs(x) + abs(abs(y - 2)*x)"
)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_function_has_the_number_that_sympy_gives(row):
    at = {"u": mpmath.mpf("0.7"), "v": mpmath.mpf("0.3")}
    e = apply(row.name, *map(sym, "uv"[: row.arity]))
    wanted = to_sympy(e).subs({s: at[s.name] for s in to_sympy(e).free_symbols})
    assert abs(value_at(e, at) - mpmath.mpf(str(wanted.evalf(30)))) < 1e-14


@pytest.mark.parametrize("text", ["x^2*y", "where(x > y and x > 0, -x/y, 1/2)", "x - sin(x*y)"])
def test_numbers_and_slopes_are_those_of_sympy(text):
    e, at = read_scalar(text), {"x": mpmath.mpf(2), "y": mpmath.mpf("0.5")}
    expected = to_sympy(e)
    x, y = (next((s for s in expected.free_symbols if s.name == n), None) for n in "xy")
    assert abs(value_at(e, at) - expected.subs({x: 2, y: 0.5}).evalf()) < 1e-14
    slope = expected.diff(x).subs({x: 2, y: 0.5}).evalf()
    assert abs(slope_at(e, "x", at) - slope) < 1e-14


def test_a_case_that_is_not_taken_may_be_undefined():
    e = read_scalar("where(x > 0, x, 1/x + log(x))")
    assert value_at(e, {"x": 2}) == 2
    assert mpmath.isnan(value_at(e, {"x": 0}))
    with pytest.raises(GraphError, match="no number"):
        value_at(apply("Max", sym("i"), num(1)), {"i": 1})


def test_many_cases_are_judged_and_a_wrong_slope_is_seen():
    assert has_many_cases(NESTED)
    slope = walk(NESTED, "x")
    assert is_slope(NESTED, "x", slope) is True
    assert is_slope(NESTED, "y", slope) is False
    assert is_slope(NESTED, "x", apply("*", slope, num(1 + 1e-6))) is False
    assert is_slope(read_scalar("log(-1 - x^2)"), "x", num(0)) is False
    assert is_slope(read_scalar("x/0"), "x", num(7)) is None


def test_many_cases_are_compared():
    slope = walk(NESTED, "x")
    assert equal_at_points(slope, apply("+", slope, num(0)))
    assert not equal_at_points(slope, apply("+", slope, num(1e-6)))
    few = read_scalar("max(x, y)")
    assert not has_many_cases(few)
    assert compare(to_sympy(few), to_sympy(read_scalar("max(y, x)"))) is True


def test_the_derivative_of_many_cases_is_refused_where_the_rules_are_wrong(monkeypatch):
    derivative.cache_clear()
    monkeypatch.setattr(derivative_module, "walk", lambda e, name: num(1))
    with pytest.raises(GraphError, match="is not the slope"):
        derivative(NESTED, "x")
    derivative.cache_clear()
