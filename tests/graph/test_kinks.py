"""Derivatives at kinks and ties are conventions: the table of the design, row by row."""

import numpy as np
import pytest

import graphnn as gnn


def slope(function, at, wrt="x", **others):
    x = gnn.input("x", (), "float64")
    extra = {name: gnn.input(name, (), "float64") for name in others}
    y = function(x, **extra)
    return float(gnn.evaluate(gnn.grad(y, wrt), x=at, **others))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (gnn.relu, 0.0),
        (gnn.abs, 0.0),
        (gnn.step, 0.0),
        (gnn.sign, 0.0),
        (gnn.leaky_relu, 1.0),
        (lambda x: gnn.parametric_relu(x, 0.3), 1.0),
        (lambda x: gnn.elu(x, a=0.7), 0.7),
        (gnn.elu, 1.0),
        (lambda x: gnn.maximum(x, 0.0), 0.0),
        (lambda x: gnn.maximum(0.0, x), 0.0),
        (lambda x: gnn.minimum(x, 0), 0.0),
        (lambda x: gnn.minimum(0, x), 0.0),
        (lambda x: gnn.maximum(x, np.zeros(())), 0.0),
        (lambda x: gnn.op("f(x) = max(x, 0)")(x), 0.0),
        (lambda x: gnn.op("f(x) = max(0, x)")(x), 0.0),
        (lambda x: gnn.op("f(x) = min(0, x)")(x), 0.0),
    ],
)
def test_derivative_at_zero(function, expected):
    assert slope(function, 0.0) == expected
    # the same functions are not flat on both sides, unless they are steps
    if function not in (gnn.step, gnn.sign):
        assert (slope(function, 0.5), slope(function, -0.5)) != (expected, expected)


@pytest.mark.parametrize("function", [gnn.floor, gnn.ceil])
def test_floor_and_ceil_are_flat_where_they_jump_too(function):
    assert [slope(function, at) for at in (-2.0, 0.0, 0.5, 3.0)] == [0.0] * 4


@pytest.mark.parametrize(
    ("at", "expected"), [(-2.0, (0, 1, 0)), (-1.0, (0, 1, 0)), (0.5, (1, 0, 0)), (3.0, (0, 0, 1))]
)
def test_on_a_bound_clip_gives_the_gradient_to_the_bound(at, expected):
    bounds = {"low": -1.0, "high": 3.0}
    found = [slope(gnn.clip, at, wrt=wrt, **bounds) for wrt in ("x", "low", "high")]
    assert found == list(expected)
    # with numbers as bounds, and with one side open, x alone is asked
    x_only = [lambda x: gnn.clip(x, -1, 3)]
    if at != 3.0:
        x_only.append(lambda x: gnn.clip(x, low=-1))
    if at > -1.0:
        x_only.append(lambda x: gnn.clip(x, high=3))
    assert [slope(function, at) for function in x_only] == [expected[0]] * len(x_only)


@pytest.mark.parametrize("function", [gnn.maximum, gnn.minimum])
def test_between_two_nodes_the_first_wins_a_tie(function):
    x = gnn.input("x", (3,), "float64")
    z = gnn.input("z", (3,), "float64")
    y = function(x, z)
    u = np.array([2.0, 3.0, 5.0])
    found = gnn.evaluate(
        gnn.grad(y, [x, z], cotangent=u), x=np.array([1.0, 2.0, 1.0]), z=np.array([1.0, 1.0, 2.0])
    )
    first = [2.0, 3.0, 0.0] if function is gnn.maximum else [2.0, 0.0, 5.0]
    assert found["x"].tolist() == first
    assert found["z"].tolist() == [u[k] - first[k] for k in range(3)]


@pytest.mark.parametrize("swap", [False, True])
def test_a_constant_array_wins_a_tie_on_either_side(swap):
    x = gnn.input("x", (3,), "float64")
    bound = np.array([1.0, 2.0, 3.0])
    y = gnn.maximum(bound, x) if swap else gnn.maximum(x, bound)
    gradient = gnn.grad(y, x, cotangent=np.array([7.0, 5.0, 3.0]))
    assert gnn.evaluate(gradient, x=np.array([1.0, 2.5, 2.0])).tolist() == [0.0, 5.0, 0.0]


@pytest.mark.parametrize(
    ("function", "row"),
    [(gnn.max, [1.0, 4.0, 4.0, 2.0]), (gnn.min, [6.0, 4.0, 4.0, 5.0])],
)
def test_a_reduction_gives_a_tie_to_the_first(function, row):
    x = gnn.input("x", (4,), "float64")
    gradient = gnn.evaluate(gnn.grad(3.0 * function(x), x), x=row)
    assert gradient.tolist() == [0.0, 3.0, 0.0, 0.0]


def test_pooling_gives_a_tie_to_the_first_in_row_major_order():
    x = gnn.input("x", (1, 2, 2, 1), "float64")
    y = gnn.maxpool(x)
    gradient = gnn.evaluate(gnn.grad(2.5 * gnn.sum(y), x), x=[[[[1.0], [9.0]], [[9.0], [9.0]]]])
    assert gradient.ravel().tolist() == [0.0, 2.5, 0.0, 0.0]


def test_second_derivatives_at_kinks_are_zero():
    for function in (gnn.relu, gnn.abs, gnn.leaky_relu, lambda x: gnn.maximum(x, 0.0)):
        x = gnn.input("x", (), "float64")
        first = gnn.grad(function(x) * x, "x")
        assert np.isfinite(gnn.evaluate(gnn.grad(first, "x"), x=0.0))


def test_powers_at_zero_and_below():
    x = gnn.input("x", (), "float64")
    for exponent, at, expected in (
        (2, 0.0, 0.0),
        (2, -3.0, -6.0),
        (3, -2.0, 12.0),
        (1, 0.0, 1.0),
        (0, 0.0, 0.0),
        (-1, -2.0, -0.25),
        (2.0, 0.0, 0.0),
    ):
        assert float(gnn.evaluate(gnn.grad(x**exponent, "x"), x=at)) == expected
    second = gnn.grad(gnn.grad(x**2, "x"), "x")
    assert float(gnn.evaluate(second, x=0.0)) == 2.0
    n = gnn.input("n", (), "float64")
    assert float(gnn.evaluate(gnn.grad(x**n, "x"), x=0.0, n=2.0)) == 0.0
    assert float(gnn.evaluate(gnn.grad(x**n, "x"), x=-3.0, n=2.0)) == -6.0


def test_xlogy_at_zero_keeps_the_derivative_that_exists():
    y = gnn.input("y", (), "float64")
    a = gnn.input("a", (), "float64")
    made = gnn.grad(gnn.xlogy(y, a), [y, a])
    at = gnn.evaluate(made, y=0.0, a=0.5)
    assert float(at["y"]) == np.log(0.5)
    assert float(at["a"]) == 0.0
    both = gnn.evaluate(made, y=0.0, a=0.0)
    assert (float(both["y"]), float(both["a"])) == (0.0, 0.0)


@pytest.mark.parametrize("n", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_a_power_of_zero_is_flat_in_its_exponent(n):
    """xⁿ = 0 for every n > 0, so ∂xⁿ/∂n = xⁿ·log x is 0 at x = 0; and its derivatives by n are."""
    x, exponent = gnn.input("x", (3,), "float64"), gnn.input("n", (), "float64")
    at = np.array([0.0, 2.0, 0.7])
    y = gnn.sum(gnn.power(x, exponent) * np.array([1.0, 2.0, -3.0]))
    first = gnn.grad(y, "n")
    second = gnn.grad(first, "n")
    weights, logs = np.array([1.0, 2.0, -3.0]), np.log(np.where(at == 0, 1, at))
    expected = [weights * at**n * logs**k for k in (1, 2)]
    found = gnn.evaluate({"first": first, "second": second}, x=at, n=n)
    np.testing.assert_allclose(found["first"], expected[0].sum(), rtol=1e-12)
    np.testing.assert_allclose(found["second"], expected[1].sum(), rtol=1e-12)
    if n > 1:  # below, ∂²xⁿ/∂n∂x = xⁿ⁻¹(1 + n·log x) has no limit at 0
        mixed = [gnn.grad(first, "x"), gnn.grad(gnn.grad(y, "x"), "n", cotangent=np.ones(3))]
        by_x = weights * at ** (n - 1) * (1 + n * logs)
        np.testing.assert_allclose(gnn.evaluate(mixed[0], x=at, n=n), by_x, rtol=1e-12)
        np.testing.assert_allclose(gnn.evaluate(mixed[1], x=at, n=n), by_x.sum(), rtol=1e-12)


def test_the_derivative_by_an_exponent_is_printed_as_a_product():
    made = gnn.derive(gnn.parse("a = x^n; L = 3*a").graph, "n", {"x": 0, "n": 3})
    assert made.gradients["n"] == 0
    assert "∂a/∂n = a·log(x) = 0·log(0) = 0" in " ".join(str(made).split())
    assert r"\log(x)" in made.latex() and "times" not in made.latex() + str(made)
