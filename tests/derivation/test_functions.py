"""The table of L2, row by row: formula, derivative, range, conventions, slips of the lecture."""

import numpy as np
import pytest

import graphnn as gnn
from graphnn.cli import main
from graphnn.derivation.functions import TITLES, function_row, functions, steps_of

SAMPLE = np.array([-3.1, -1.2, -0.4, 0.3, 0.9, 2.7])

# name → range, derivative at 0, and L2's f and f′ away from 0 (PyTorch's where L2 has no row)
EXPECTED = {
    "linear": ("(−∞, ∞)", 1.0, lambda x: x, lambda x: 1 + 0 * x),
    "step": ("{0, 1}", 0.0, lambda x: (x >= 0) * 1.0, lambda x: 0 * x),
    "sign": ("{−1, 0, 1}", 0.0, np.sign, lambda x: 0 * x),
    "sigmoid": (
        "(0, 1)",
        0.25,
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2,
    ),
    "tanh": ("(−1, 1)", 1.0, np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": ("[0, ∞)", 0.0, lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "leaky_relu": (
        "(−∞, ∞)",
        1.0,
        lambda x: np.where(x < 0, 0.01 * x, x),
        lambda x: np.where(x < 0, 0.01, 1),
    ),
    "parametric_relu": (
        "(−∞, ∞)",
        1.0,
        lambda x: np.where(x < 0, 0.25 * x, x),
        lambda x: np.where(x < 0, 0.25, 1),
    ),
    "elu": (
        "(−α, ∞)",
        1.0,
        lambda x: np.where(x > 0, x, np.exp(x) - 1),
        lambda x: np.where(x > 0, 1, np.exp(x)),
    ),
    "softplus": ("(0, ∞)", 0.5, lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
    "swish": (
        "[−0.278, ∞)",
        0.5,
        lambda x: x / (1 + np.exp(-x)),
        lambda x: (1 + np.exp(-x) + x * np.exp(-x)) / (1 + np.exp(-x)) ** 2,
    ),
}


def test_every_function_of_the_table_has_an_expected_row():
    assert [row.name for row in functions()] == list(TITLES)
    assert set(EXPECTED) | {"softmax"} == set(TITLES)


@pytest.mark.parametrize("name", EXPECTED)
def test_row(name):
    interval, at_zero, value, slope = EXPECTED[name]
    row = function_row(name)
    assert row.range == interval
    assert float(row.slope(0.0)) == at_zero
    assert np.allclose(row.value(SAMPLE), value(SAMPLE), rtol=1e-12, atol=0)
    assert np.allclose(row.slope(SAMPLE), slope(SAMPLE), rtol=1e-12, atol=0)
    if name != "parametric_relu":
        x = gnn.input("x", SAMPLE.shape, "float64")
        made = gnn.evaluate(getattr(gnn, name)(x), x=SAMPLE)
        assert np.allclose(row.value(SAMPLE), made, rtol=1e-12, atol=0)


def test_derivatives_by_the_function_itself():
    shown = {row.name: str(row.by_value) for row in functions() if row.by_value is not None}
    assert shown == {"sigmoid": "f(1 − f)", "tanh": "1 − f²"}
    assert str(function_row("softmax").derivative) == "f[i](δ_ij − f[j])"


def test_what_is_undefined_is_a_convention_and_said_so():
    kinks = {
        row.name: (row.kinks[0].jump, str(row.kinks[0].taken)) for row in functions() if row.kinks
    }
    assert kinks == {
        "step": (True, "0"),
        "sign": (True, "0"),
        "relu": (False, "0"),
        "leaky_relu": (False, "1"),
        "parametric_relu": (False, "1"),
        "elu": (False, "α"),
    }


def test_the_slips_of_the_lecture_are_notes():
    slips = {row.name for row in functions() if "L2 prints the range" in row.note}
    assert slips == {"softplus", "leaky_relu", "elu"}


@pytest.mark.parametrize("name", TITLES)
def test_the_steps_of_a_derivative_exist(name):
    assert "Forward" in steps_of(name).text()


def test_the_command_prints_every_form(capsys, tmp_path):
    assert main(["functions"]) == 0
    text = capsys.readouterr().out
    assert all(title in text for title in TITLES.values())
    assert main(["functions", "--markdown", "relu", "elu"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["functions", "--latex"]) == 0
    assert capsys.readouterr().out.count(r"\\") >= len(TITLES)
    assert main(["functions", "nothing"]) == 2
    assert "there is no row for nothing" in capsys.readouterr().err


def test_plots_are_deterministic(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib (extra `plot`) draws")
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        assert main(["functions", "relu", "sigmoid", "-o", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
