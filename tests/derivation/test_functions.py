"""The table of L2, row by row: formula, derivative, range, conventions, slips of the lecture."""

import numpy as np
import pytest

import graphnn as gnn
from graphnn.cli import main
from graphnn.derivation.functions import (
    ACTIVATIONS,
    ELEMENTARY,
    GROUPS,
    function_row,
    functions,
    steps_of,
)
from graphnn.derivation.losses import LOSSES

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


# name → range, where it is undefined or f′ infinite, numbers to try, NumPy's f, f′
SQUASHED = np.array([-0.9, -0.4, 0.3, 1.2])
ABOVE = np.array([0.1, 0.5, 1.0, 2.7])
OTHERS = {
    "exp": ("(0, ∞)", [], SAMPLE, np.exp, np.exp),
    "expm1": ("(−1, ∞)", [], SAMPLE, np.expm1, np.exp),
    "log": ("(−∞, ∞)", ["undefined where x ≤ 0"], ABOVE, np.log, lambda x: 1 / x),
    "log1p": (
        "(−∞, ∞)",
        ["undefined where x ≤ −1"],
        SQUASHED,
        np.log1p,
        lambda x: 1 / (1 + x),
    ),
    "log_sigmoid": (
        "(−∞, 0)",
        [],
        SAMPLE,
        lambda x: -np.log1p(np.exp(-x)),
        lambda x: 1 / (1 + np.exp(x)),
    ),
    "sqrt": (
        "[0, ∞)",
        ["undefined where x < 0", "f′ is infinite where x = 0"],
        ABOVE,
        np.sqrt,
        lambda x: 0.5 / np.sqrt(x),
    ),
    "abs": ("[0, ∞)", [], SAMPLE, np.abs, np.sign),
    "sin": ("[−1, 1]", [], SAMPLE, np.sin, np.cos),
    "cos": ("[−1, 1]", [], SAMPLE, np.cos, lambda x: -np.sin(x)),
    "tan": (
        "(−∞, ∞)",
        ["undefined where x = π/2 + k·π"],
        SAMPLE,
        np.tan,
        lambda x: 1 / np.cos(x) ** 2,
    ),
    "sinh": ("(−∞, ∞)", [], SAMPLE, np.sinh, np.cosh),
    "cosh": ("[1, ∞)", [], SAMPLE, np.cosh, np.sinh),
    "floor": ("the integers", ["the range is read off"], SAMPLE, np.floor, np.zeros_like),
    "ceil": ("the integers", ["the range is read off"], SAMPLE, np.ceil, np.zeros_like),
    "clip": (
        "[−1, 1]",
        [],
        SAMPLE,
        lambda x: np.clip(x, -1, 1),
        lambda x: (np.abs(x) < 1) * 1.0,
    ),
}


def test_every_function_of_the_table_has_an_expected_row():
    assert [row.name for row in functions()] == [*ACTIVATIONS, *ELEMENTARY, *LOSSES]
    assert set(EXPECTED) | {"softmax"} == set(ACTIVATIONS)
    assert set(OTHERS) == set(ELEMENTARY)


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


@pytest.mark.parametrize("name", OTHERS)
def test_row_of_another_function(name):
    interval, remarks, at, value, slope = OTHERS[name]
    row = function_row(name)
    assert row.range == interval
    assert [a.startswith(b) for a, b in zip(row.remarks, remarks, strict=True)] == [True] * len(
        remarks
    )
    assert np.allclose(row.value(at), value(at), rtol=1e-12, atol=0)
    assert np.allclose(row.slope(at), slope(at), rtol=1e-12, atol=0)


def test_kinks_of_the_other_functions():
    kinks = {row.name: list(map(str, row.kinks)) for row in functions("other functions")}
    assert {name: len(found) for name, found in kinks.items() if found} == {
        "abs": 1,
        "floor": 1,
        "ceil": 1,
        "clip": 2,
    }
    assert kinks["floor"] == [
        "f′ is undefined at every integer (f jumps); 0 is taken, a convention"
    ]
    assert [kink.at for kink in function_row("clip").kinks] == [-1.0, 1.0]


# loss → its derivative as the row shows it, and where it is undefined
GRADIENTS = {
    "half_squared_error": ("−(y[n] − p[n])", 0),
    "mse": ("−2·(y[n] − p[n])/N", 0),
    "mae": ("−sign(y[n] − p[n])/N", 1),
    "binary_cross_entropy": ("−(y[n]/p[n] − (1 − y[n])/(1 − p[n]))/N", 2),
    "binary_cross_entropy_with_logits": ("(σ(z[n]) − y[n])/N", 0),
    "cross_entropy": ("−y[b, k]/(p[b, k]·B)", 1),
    "cross_entropy_with_logits": ("(p[b, k] − y[b, k])/B", 0),
    "sparse_cross_entropy": ("−δ_{t[b],k}/(p[b, t[b]]·B)", 1),
    "sparse_cross_entropy_with_logits": ("(p[b, k] − δ_{t[b],k})/B", 0),
    "l2_penalty": ("2·λ·W[m, d]", 0),
    "l1_penalty": ("λ·sign(W[m, d])", 1),
}


def test_losses_show_their_derivative_and_where_they_are_undefined():
    rows = functions("losses")
    found = {
        row.name: (str(row.derivative), sum("undefined" in remark for remark in row.remarks))
        for row in rows
    }
    assert found == GRADIENTS


def test_every_public_loss_has_a_row():
    from graphnn.graph import losses, ops

    public = {name for name in ops.__all__ if getattr(ops, name).__module__ == losses.__name__}
    assert public == set(LOSSES)


@pytest.mark.parametrize("name", ["cross_entropy_with_logits", "sparse_cross_entropy_with_logits"])
def test_what_a_row_shows_of_logits_is_what_the_op_computes(name):
    draw = np.random.default_rng(8)
    z, y = draw.normal(size=(3, 4)), draw.dirichlet(np.ones(4), 3)
    t = np.array([2, 0, 3])
    sparse = name.startswith("sparse")
    logits = gnn.input("z", z.shape, "float64")
    truth = gnn.input("t", (3,), "int64") if sparse else gnn.input("y", y.shape, "float64")
    fed = {"z": z, **({"t": t} if sparse else {"y": y})}
    found = gnn.evaluate(gnn.grad(getattr(gnn, name)(truth, logits), "z"), fed)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert np.allclose(found, (p - (np.eye(4)[t] if sparse else y)) / 3, rtol=0, atol=1e-12)


def test_a_group_that_does_not_exist_is_refused():
    with pytest.raises(gnn.GraphError, match="there is no group 'x'"):
        functions("x")


def test_derivatives_by_the_function_itself():
    shown = {row.name: str(row.by_value) for row in functions() if row.by_value is not None}
    assert shown == {
        "sigmoid": "f(1 − f)",
        "tanh": "1 − f²",
        "exp": "f",
        "sqrt": "1/(2·f)",
        "tan": "1 + f²",
    }
    assert str(function_row("softmax").derivative) == "f[i](δ_ij − f[j])"


def test_what_is_undefined_is_a_convention_and_said_so():
    kinks = {
        row.name: (row.kinks[0].jump, str(row.kinks[0].taken))
        for row in functions("activation functions")
        if row.kinks
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
    slips = {row.name for row in functions() if "L2 prints the range" in " ".join(row.remarks)}
    assert slips == {"softplus", "leaky_relu", "elu"}


@pytest.mark.parametrize("name", [name for group in GROUPS.values() for name in group])
def test_the_steps_of_a_derivative_exist(name):
    assert "Forward" in steps_of(name).text()


def test_the_command_prints_every_form(capsys, tmp_path):
    assert main(["functions"]) == 0
    text = capsys.readouterr().out
    assert all(title in text for group in GROUPS.values() for title in group.values())
    assert max(map(len, text.splitlines())) <= 100
    assert main(["functions", "--markdown", "relu", "elu"]) == 0
    assert sum(line.startswith("|") for line in capsys.readouterr().out.splitlines()) == 4
    assert main(["functions", "--latex"]) == 0
    assert capsys.readouterr().out.count(r"\\") >= len(functions())
    assert main(["functions", "nothing"]) == 2
    assert "there is no row for nothing" in capsys.readouterr().err


def test_a_plot_of_what_is_no_function_of_one_number_is_refused(capsys, tmp_path):
    assert main(["functions", "mse", "-o", str(tmp_path / "a.svg")]) == 2
    assert "a plot shows functions of one number; mse is none" in capsys.readouterr().err
    assert not (tmp_path / "a.svg").exists()


def test_plots_are_deterministic(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib (extra `plot`) draws")
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        assert main(["functions", "relu", "sigmoid", "-o", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
