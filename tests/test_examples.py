"""The worked numbers of the lectures, rows A1–A24, by the examples that show them.

A number that the lecture prints with n digits is compared at those n digits.
"""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.derivation.equalities import differences, lines, rules
from tests.examples import EXAMPLES, cases, example, files


def derived(file, name):
    return cases()[file, name].derivation()


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
    made = derived("two_two_one", "A1")
    assert printed(made.values["h1"], "0.99999963")
    assert printed(made.values["h2"], "9.6e-16")
    assert printed(made.values["y"], "0.8176")
    assert np.max(np.abs([number(made.gradients[f"w{k}"]) for k in (1, 2, 3, 4)])) < 4e-6


def test_a2_the_relu_network_has_a_unit_at_the_kink():
    made = derived("two_two_one", "A2")
    assert [number(made.values[n]) for n in ("z1", "z2", "h1", "h2", "y")] == [0, -9.3, 0, 0, 0.5]
    said = rules(made)
    assert any("kink" in rule and "convention" in rule for rule in said["∂y/∂w₁"])
    assert any("dead" in rule for rule in said["∂y/∂w₃"])
    assert all(number(made.gradients[f"w{k}"]) == 0 for k in range(1, 7))
    assert number(made.gradients["b3"]) == 1


def test_a3_the_matrix_form_equals_the_scalars():
    whole, parts = derived("two_two_one", "A3"), derived("two_two_one", "A1")
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
    made = derived("neuron", "A4")
    assert number(made.values["z"]) == 1
    assert printed(made.values["y_hat"], "0.731")
    assert printed(made.values["L"], "0.036")
    assert printed(made.gradients["w"], "-0.106")
    assert "= −(y − ŷ) · ŷ(1 − ŷ) · x" in text_of(made)


def test_a5_one_step_of_a_neuron_with_two_inputs():
    made = derived("neuron", "A5")
    assert number(made.values["z"]) == pytest.approx(0.91, rel=1e-15)
    assert printed(made.values["y_hat"], "0.713")
    assert printed(made.values["L"], "0.12")
    following = {s.statement: s.value for s in made.steps if s.kind == "update"}
    assert printed(following["w1"], "0.405")
    assert printed(following["w2"], "0.608")
    assert printed(following["b"], "0.210")


def test_a6_the_perceptron_far_below_its_boundary():
    made = derived("perceptron", "A6")
    assert number(made.values["z"]) == -20
    assert printed(made.values["y_hat"], "2.06e-9")


@pytest.mark.parametrize(("name", "z"), [("A7", -0.5), ("A8", -1.5)])
def test_a7_a8_a_step_does_not_fire_and_has_no_slope(name, z):
    made = derived("perceptron", name)
    assert number(made.values["z"]) == pytest.approx(z, rel=1e-15)
    assert number(made.values["y"]) == 0
    assert all(number(g) == 0 for g in made.gradients.values())
    assert any("flat" in rule for rule in rules(made)["∂y/∂w₁"])


def test_a9_the_neuron_with_three_inputs():
    made = derived("neuron", "A9")
    assert number(made.values["z"]) == pytest.approx(0.87, rel=1e-15)
    assert printed(made.values["y"], "0.70")


def test_a10_sigmoid_with_cross_entropy_in_symbols():
    made = derived("losses", "A10")
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
    made = derived("backpropagation", "A21")
    following = {s.statement: number(s.value) for s in made.steps if s.kind == "update"}
    assert set(following) == {f"w{k}" for k in range(1, 9)} == set(made.gradients)
    # by hand: the hidden units, the output, the two δs, the products
    w = dict(enumerate(example("backpropagation").WEIGHTS, 1))
    h1, h2 = (1 / (1 + np.exp(-z)) for z in (w[1] + w[3], w[4] + w[6]))
    y = 1 / (1 + np.exp(-(w[7] * h1 + w[8] * h2)))
    output = -(1 - y) * y * (1 - y)
    d1, d2 = output * w[7] * h1 * (1 - h1), output * w[8] * h2 * (1 - h2)
    by_hand = dict(enumerate((d1, 0, d1, d2, 0, d2, output * h1, output * h2), 1))
    for k, gradient in by_hand.items():
        assert number(made.gradients[f"w{k}"]) == pytest.approx(gradient, rel=1e-12)
        assert following[f"w{k}"] == pytest.approx(w[k] - 0.9 * gradient, rel=1e-12)
    assert printed(made.gradients["w1"], "0.0101") and printed(made.gradients["w8"], "-0.0652")
    assert any("x₂ = 0" in rule for rule in rules(made)["∂L/∂w₂"])
    assert "the error is 0.1472; it was 0.1543" in cases()["backpropagation", "A21"].page()


def test_a21_in_pytorch_and_in_matrices():
    torch = pytest.importorskip("torch", reason="PyTorch (extra `peers`) gives the second opinion")
    made, whole = derived("backpropagation", "A21"), derived("backpropagation", "matrices")
    at = example("backpropagation").MATRICES
    leaves = {n: torch.tensor(at[n], dtype=torch.float64, requires_grad=True) for n in ("W", "V")}
    x, y = (torch.tensor(at[name], dtype=torch.float64) for name in ("x", "y"))
    hidden = torch.sigmoid(leaves["W"] @ x)
    (((y - torch.sigmoid(leaves["V"] @ hidden)) ** 2).sum() / 2).backward()
    theirs = np.concatenate([leaf.grad.numpy().ravel() for leaf in leaves.values()])
    scalars = [number(made.gradients[f"w{k}"]) for k in range(1, 9)]
    matrices = np.concatenate([np.ravel(whole.gradients[name]) for name in ("W", "V")])
    assert np.allclose(scalars, theirs, rtol=1e-12, atol=0)
    assert np.allclose(matrices, theirs, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("name", "total"), [("A22-MLP", "2,201"), ("A22-deep", "7,201"), ("D6", "1,626,442")]
)
def test_a22_parameters_are_counted(name, total):
    page = cases()["parameters", name].page()
    assert f"Total parameters: {total} (" in page


def test_a22_a_dense_layer_in_symbols():
    assert "Total parameters: M(D + 1)\n" in cases()["parameters", "A22"].page()


def test_a23_the_losses_of_the_tables():
    assert printed(derived("losses", "A23-BCE").values["J"], "1.4743")
    assert printed(derived("losses", "A23-MSE").values["J"], "2433.33")


def test_softmax_tanh_and_poisson_give_differences():
    assert "= p[i] − y[i]" in text_of(derived("losses", "softmax"))
    assert "= a − y" in text_of(derived("losses", "tanh"))
    assert "= m − y" in text_of(derived("losses", "poisson"))


# ---- the programs ----------------------------------------------------------------------------


def run(name, *words, cwd):
    """An example as a program, from another folder."""
    return subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
        timeout=60,
        check=False,
    )


def processor_seconds():
    """What the programs that were run from here have taken."""
    spent = os.times()
    return spent.children_user + spent.children_system


def test_every_row_of_the_lectures_is_a_case_of_an_example():
    found = (re.match(r"A(\d+)(?!\w)", name) for _, name in cases())
    rows = {int(row[1]) for row in found if row is not None}
    assert rows == set(range(1, 25))


def test_a_case_has_one_name_and_a_title():
    names = [name for _, name in cases() if name.startswith("A")]
    assert len(names) == len(set(names))
    assert all(case.title for case in cases().values())


@pytest.mark.parametrize("name", files())
def test_an_example_prints_every_case_and_writes_every_picture(name, tmp_path):
    if name == "kernels":  # its photograph comes with the extra `train`
        pytest.importorskip("sklearn")
        pytest.importorskip("PIL")
    before = processor_seconds()
    done = run(name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert processor_seconds() - before < 5
    for case in example(name).CASES:
        assert f"{case.name}  {case.title}\n" in done.stdout
    wrote = re.findall(r"^wrote (.*)$", done.stdout, re.M)
    assert len(wrote) == len(set(wrote)) >= len(example(name).CASES)
    for path in wrote:
        text = (tmp_path / path).read_bytes()
        assert text.startswith((b"<svg", b"\x89PNG"))


@pytest.mark.parametrize("name", files())
def test_help_lists_the_cases(name, capsys):
    main = example("lecture_case").main

    with pytest.raises(SystemExit) as ended:
        main(example(name).__doc__, example(name).CASES, ["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--output" in said and "--digits" in said
    assert all(f"{case.name} " in said and case.title in said for case in example(name).CASES)


PROGRAMS = sorted({path.stem for path in EXAMPLES.glob("*.py")} - {"lecture_case"})


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_help(name, tmp_path):
    done = run(name, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {name}.py")
    assert not list(tmp_path.iterdir())


def test_help_does_not_wait_for_graphnn(tmp_path):
    done = run("neuron", "--help", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("usage: neuron.py")
    check = "import sys, neuron; sys.exit(any(n in sys.modules for n in ('numpy', 'graphnn')))"
    assert subprocess.run([sys.executable, "-c", check], cwd=EXAMPLES, check=False).returncode == 0


def test_one_case_goes_to_the_file_that_was_named(tmp_path):
    for suffix, start in ((".tex", b"\\documentclass"), (".txt", b"A4  "), (".png", b"\x89PNG")):
        target = tmp_path / f"made{suffix}"
        done = run("neuron", "a4", "-o", str(target), cwd=tmp_path)
        assert done.stdout.endswith(f"wrote {target}\n\n"), done.stderr
        assert target.read_bytes().startswith(start)
    done = run("neuron", "A40", cwd=tmp_path)
    assert done.returncode == 2 and "there is no case A40; there are A4, A5, A9" in done.stderr


# ---- slips -----------------------------------------------------------------------------------


def test_slip_w2_is_a_row():
    page = cases()["two_two_one", "A3"].page()
    assert "W2 (2, 1)" in page or "(2, 1)" in page
    assert "needs the row (w₅ w₆)" in page


def test_slip_zero_weights_stop_the_hidden_layer_alone():
    made = derived("two_two_one", "zero")
    assert np.all(made.gradients["W1"] == 0) and np.all(made.gradients["b1"] == 0)
    assert made.gradients["W2"].tolist() == [[-0.0625, -0.0625]]
    assert made.gradients["b2"].tolist() == [-0.125]
    assert "−0.0625" in cases()["two_two_one", "zero"].page()


def test_slip_the_perceptron_rule_has_its_sign_reversed():
    learned = example("perceptron").learned
    assert learned(1)[2] == pytest.approx(2.5) and learned(-1)[2] == pytest.approx(-3.5)
    page = cases()["perceptron", "rule"].page()
    assert "z = 2.5, fires" in page and "z = −3.5, does not fire" in page


def test_slip_tanh_of_lecture_1_leaves_its_range():
    activations = example("activations")
    assert printed(activations.printed_tanh(1), "5.63")
    assert number(derived("activations", "tanh").values["f"]) == pytest.approx(
        np.tanh(1), rel=1e-14
    )
    assert "printed   5.63, right  0.762, tanh  0.762" in cases()["activations", "tanh"].page()


def test_slip_swish_is_least_at_minus_0_278():
    x, least = example("activations").least_swish()
    grid = np.linspace(-30, 30, 60001)
    assert printed(least, "-0.278")
    assert least <= np.min(grid / (1 + np.exp(-grid))) < least + 1e-7
    made = derived("activations", "swish")
    assert abs(number(made.gradients["x"])) < 1e-4 and printed(made.values["x"], f"{x:.4f}")


def test_slip_the_ranges_of_lecture_2_are_left():
    bounds = {"(0, 1)": (0, 1), "(−1, 1)": (-1, 1), "[0, ∞)": (0, np.inf)}
    for name, claimed, _, x, f in example("activations").OUTSIDE:
        low, high = bounds[claimed]
        assert not low <= f(x) <= high
        assert f"{name:10}  printed {claimed}" in cases()["activations", "ranges"].page()
    values = cases()["activations", "ranges"].values()
    assert values["f1"] > 1 and values["f2"] < -1 and values["f3"] < 0


def test_slip_the_slope_of_leaky_relu_at_0_is_a_convention():
    made = derived("activations", "leaky")
    assert number(made.gradients["x"]) == 1
    assert "convention" in text_of(made) + str(made)


def test_the_table_of_activations_has_every_row():
    import graphnn as gnn

    page = cases()["activations", "table"].page()
    rows = [row for row in gnn.functions() if row.name in example("activations").ROWS.split()]
    assert len(rows) == 12
    for row in rows:
        assert re.search(rf"^  {row.name} .*{re.escape(row.range)}", page, re.M)


@pytest.mark.parametrize(("a", "y"), [(0.8, 1), (0.8, 0), (0.3, 1), (0.3, 0)])
def test_slip_the_first_line_of_dl_da_is_garbled(a, y):
    losses = example("losses")
    h = 1e-6
    slope = (losses.cross_entropy(a + h, y) - losses.cross_entropy(a - h, y)) / (2 * h)
    assert -(y / a + (y - 1) / (1 - a)) == pytest.approx(slope, rel=1e-8)
    assert abs(losses.garbled(a, y) - slope) > 0.1


def test_backpropagation_through_time_path_by_path():
    made = derived("recurrence", "two-steps")
    page = cases()["recurrence", "two-steps"].page()
    along = [s.sides[-1].expr.args[0] for s in made.steps if s.label.endswith("← w_x")]
    assert [round(float(x), 3) for x in along] == [0.240, 0.152, -0.191]
    assert sum(along) == pytest.approx(number(made.gradients["w_x"]), rel=1e-12)
    assert printed(made.gradients["w_x"], "0.201")
    assert "Folded, as the program computes it" in page
    assert "T = 2 steps instead of T(T + 1)/2 = 3 paths" in page


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_slip_the_indices_of_backpropagation_through_time(steps):
    import graphnn as gnn

    recurrence = example("recurrence")
    at = {name: float(x) for name, x in recurrence.values(steps).items()}
    slope = number(differences(gnn.parse(recurrence.unrolled(steps)).loss, "w_x", at))
    paths = recurrence.general(steps)
    assert len(paths) == steps * (steps + 1) // 2
    assert sum(paths.values()) == pytest.approx(recurrence.gradient(steps), rel=1e-12)
    assert sum(paths.values()) == pytest.approx(slope, rel=1e-8)
    fold = sum(d * recurrence.SEQUENCE["x"][t - 1] for t, d in recurrence.folded(steps).items())
    assert fold == pytest.approx(recurrence.gradient(steps), rel=1e-12)
    assert abs(recurrence.as_printed(steps) - slope) > 0.1
    page = cases()["recurrence", "general"].page()
    assert recurrence.GENERAL in page and "one factor too many" in page
    assert "∂E/∂W_oh = Σ_t ∂E/∂o_t · h_t" in page
