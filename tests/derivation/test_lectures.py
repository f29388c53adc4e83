"""Rows A1–A10, A21 and A23 of the lectures: the printed numbers, by the examples that show them.

A number that the lecture prints with n digits is compared at those n digits.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.derivation.equalities import differences, lines, rules
from tests.derivation.examples import EXAMPLES, example

neuron, networks, perceptron, losses = map(
    example, ("neuron", "two_two_one", "perceptron", "losses")
)


def number(x):
    (found,) = np.ravel(np.asarray(x, dtype=np.float64))
    return float(found)


def printed(x, text):
    """Whether a number, rounded to the digits that the lecture prints, is what it prints."""
    mantissa, _, _ = text.replace("−", "-").lower().partition("e")
    shown = float(text)
    decimals = len(mantissa.partition(".")[2])
    power = 0 if "e" not in text.lower() else int(text.lower().partition("e")[2])
    return abs(number(x) - shown) <= 0.5000001 * 10.0 ** (power - decimals)


def text_of(made):
    return "\n".join(lines(made))


def test_a1_the_sigmoid_network_is_saturated():
    made = networks.sigmoid_network()
    assert printed(made.values["h1"], "0.99999963")
    assert printed(made.values["h2"], "9.6e-16")
    assert printed(made.values["y"], "0.8176")
    assert np.max(np.abs([number(made.gradients[f"w{k}"]) for k in (1, 2, 3, 4)])) < 4e-6


def test_a2_the_relu_network_has_a_unit_at_the_kink():
    made = networks.relu_network()
    assert [number(made.values[n]) for n in ("z1", "z2", "h1", "h2", "y")] == [0, -9.3, 0, 0, 0.5]
    said = rules(made)
    assert any("kink" in rule and "convention" in rule for rule in said["∂y/∂w₁"])
    assert any("dead" in rule for rule in said["∂y/∂w₃"])
    assert all(number(made.gradients[f"w{k}"]) == 0 for k in range(1, 7))
    assert number(made.gradients["b3"]) == 1


def test_a3_the_matrix_form_equals_the_scalars():
    whole, parts = networks.matrix_network(), networks.sigmoid_network()
    assert number(whole.values["y"]) == pytest.approx(number(parts.values["y"]), rel=1e-14)
    stacked = {
        "W1": [["w1", "w2"], ["w3", "w4"]],
        "b": ["b1", "b2"],
        "W2": [["w5", "w6"]],
        "b3": ["b3"],
    }
    for name, grid in stacked.items():
        expected = [number(parts.gradients[n]) for n in np.ravel(grid)]
        assert np.ravel(whole.gradients[name]) == pytest.approx(expected, rel=1e-9)


def test_a4_the_gradient_of_one_neuron_and_its_three_factors():
    made = neuron.gradient()
    assert number(made.values["z"]) == 1
    assert printed(made.values["y_hat"], "0.731")
    assert printed(made.values["L"], "0.036")
    assert printed(made.gradients["w"], "-0.106")
    assert "= −(y − ŷ) · ŷ(1 − ŷ) · x" in text_of(made)


def test_a5_one_step_of_a_neuron_with_two_inputs():
    made = neuron.step_with_two_inputs()
    assert number(made.values["z"]) == pytest.approx(0.91, rel=1e-15)
    assert printed(made.values["y_hat"], "0.713")
    assert printed(made.values["L"], "0.12")
    following = {s.statement: s.value for s in made.steps if s.kind == "update"}
    assert printed(following["w1"], "0.405")
    assert printed(following["w2"], "0.608")
    assert printed(following["b"], "0.210")


def test_a6_the_perceptron_far_below_its_boundary():
    made = perceptron.with_sigmoid()
    assert number(made.values["z"]) == -20
    assert printed(made.values["y_hat"], "2.06e-9")


@pytest.mark.parametrize(
    ("w", "b", "x", "z"),
    [((0.5, -0.6), 0.2, (1, 2), -0.5), ((0.5, -1), 0.5, (2, 3), -1.5)],
    ids=["A7", "A8"],
)
def test_a7_a8_a_step_does_not_fire_and_has_no_slope(w, b, x, z):
    made = perceptron.with_step(w, b, x)
    assert number(made.values["z"]) == pytest.approx(z, rel=1e-15)
    assert number(made.values["y"]) == 0
    assert all(number(g) == 0 for g in made.gradients.values())
    assert any("flat" in rule for rule in rules(made)["∂y/∂w₁"])


def test_a9_the_neuron_with_three_inputs():
    made = neuron.forward_with_three_inputs()
    assert number(made.values["z"]) == pytest.approx(0.87, rel=1e-15)
    assert printed(made.values["y"], "0.70")


def test_a10_sigmoid_with_cross_entropy_in_symbols():
    made = losses.sigmoid_cross_entropy()
    assert made.values is None
    text = text_of(made)
    assert "∂L/∂a = −(y/a − (1 − y)/(1 − a))" in text  # −(y/a + (y − 1)/(1 − a)) in the lecture
    assert "= a − y" in text


@pytest.mark.parametrize(
    ("f", "lecture"),
    [
        (lambda y, a: -(y / a - (1 - y) / (1 - a)), lambda y, a: -(y / a + (y - 1) / (1 - a))),
    ],
)
def test_a10_both_writings_are_one_rational_function(f, lecture):
    import sympy

    y, a = sympy.symbols("y a")
    assert sympy.cancel(f(y, a) - lecture(y, a)) == 0


def test_a21_backpropagation_through_a_network_without_biases():
    made = networks.backpropagation()
    at = {name: made.values[name] for name in (*made.wrt, "x1", "x2", "x3", "y")}
    import graphnn as gnn

    network = gnn.parse(
        "h1 = σ(w1 x1 + w2 x2 + w3 x3); h2 = σ(w4 x1 + w5 x2 + w6 x3); "
        "L = (y − σ(w7 h1 + w8 h2))²/2"
    )
    following = {s.statement: number(s.value) for s in made.steps if s.kind == "update"}
    assert set(following) == {f"w{k}" for k in range(1, 9)} == set(made.gradients)
    for name, gradient in made.gradients.items():
        slope = float(differences(network.loss, name, at))
        assert number(gradient) == pytest.approx(slope, abs=1e-9)
        assert following[name] == pytest.approx(
            number(at[name]) - 0.9 * number(gradient), rel=1e-12
        )
    assert number(made.gradients["w2"]) == number(made.gradients["w5"]) == 0
    assert any("x₂ = 0" in rule for rule in rules(made)["∂L/∂w₂"])


def test_a23_the_losses_of_the_tables():
    assert printed(losses.mean_cross_entropy().values["J"], "1.4743")
    assert printed(losses.mean_squared_error().values["J"], "2433.33")


def test_softmax_tanh_and_poisson_give_differences():
    assert "= p[i] − y[i]" in text_of(losses.softmax_cross_entropy())
    assert "= a − y" in text_of(losses.tanh_cross_entropy())
    assert "= m − y" in text_of(losses.poisson())


PROGRAMS = {
    "neuron": ["∂L/∂w = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂w", "= −0.106", "0.608", "0.87"],
    "two_two_one": ["0.818", "kink", "saturated", "2×1", "its figure is lost"],
    "perceptron": ["2.06e−9", "flat", "does not fire", "sign reversed"],
    "losses": ["= a − y", "p[i] − y[i]", "m − y", "2433", "1.47"],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_runs_and_says_what_the_lecture_says(name):
    script = EXAMPLES / f"{name}.py"
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        cwd=EXAMPLES.parent,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin"},
        timeout=60,
    )
    for part in PROGRAMS[name]:
        assert part in done.stdout, part
    assert done.stderr == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_describes_the_example(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        example(name).main()
    assert ended.value.code == 0
    assert "--digits" in capsys.readouterr().out


def test_every_slip_that_the_examples_meet_is_said_in_them():
    said = {name: (Path(EXAMPLES) / f"{name}.py").read_text(encoding="utf-8") for name in PROGRAMS}
    assert "2×1" in said["two_two_one"]
    assert "reversed" in said["perceptron"]
    assert "garbled" in said["losses"]
    assert "figure" in said["two_two_one"] and "ours" in said["two_two_one"]
