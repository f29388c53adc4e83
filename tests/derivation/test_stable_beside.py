"""Naive beside stable: where the written form fails, by NumPy and by fifty exact digits."""

import json

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation.beside import AS_IT_IS, both_forms
from graphnn.derivation.failing import agreement, failures
from tests.graph.spellings import SPELLINGS, exact

ROWS = [(form, k) for form, rows in SPELLINGS.items() for k in range(len(rows))]
# x·σ(x) stays finite and exact: its named σ is
SOUND = {("swish", 0), ("swish", 1)}


class Plain:
    """The functions of spellings on NumPy numbers, as a user would type them."""

    exp, log, sqrt, log1p = np.exp, np.log, np.sqrt, np.log1p
    tanh, sinh, cosh = np.tanh, np.sinh, np.cosh

    @staticmethod
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))


def _both(form, k):
    written = SPELLINGS[form][k](gnn, gnn.input("x", dtype="float64"))
    (both,) = both_forms(gnn.name("L", written))
    return both


@pytest.mark.parametrize(("form", "k"), ROWS)
def test_every_spelling_is_shown_with_an_input_at_which_it_fails(form, k):
    both = _both(form, k)
    found = failures(both.pair, {})
    assert {f.dtype for f in found} == (set() if (form, k) in SOUND else {"float32", "float64"})
    assert both.written != both.stable
    for failure in found:
        if failure.quantity:
            continue
        kind = np.float32 if failure.dtype == "float32" else np.float64
        x = kind(failure.size)
        with np.errstate(all="ignore"):
            value = SPELLINGS[form][k](Plain, x)
        right = exact(SPELLINGS[form][k], lambda t: t, float(x))
        right = 0.0 if right is None and float(x) == 0 else float(right[0])
        if failure.kind == "not finite":
            assert not np.isfinite(value)
        else:
            assert abs(float(value) - right) > 1e-3 * abs(right)
        assert float(failure.stable) == pytest.approx(
            right, rel=1e-4 if kind is np.float32 else 1e-9
        )


@pytest.mark.parametrize(("form", "k"), ROWS)
def test_the_gradients_agree_where_both_are_finite(form, k):
    count, worst = agreement(_both(form, k).pair, {})
    assert count >= 5
    assert worst < 1e-9


@pytest.mark.parametrize(
    ("text", "dtype", "kind", "x"),
    [
        ("L = log(1 + exp(x))", "float64", "not finite", 710.0),
        ("L = log(1 + exp(x))", "float32", "not finite", 88.8),
        ("L = sqrt(x^2)", "float64", "not finite", 1.35e154),
        ("L = 1/(1 + exp(-x))", "float64", "not finite", -710.0),
        ("L = x*log(x)", "float32", "not finite", 0.0),
    ],
)
def test_the_first_input_that_overflows(text, dtype, kind, x):
    (both,) = both_forms(gnn.parse(text).loss)
    sizes = [f.size for f in failures(both.pair, {}) if (f.dtype, f.kind) == (dtype, kind)]
    outwards = [size for size in sizes if abs(size) > 1 or not size]
    assert min(outwards, key=abs) in (x, -x)


def test_exp_minus_one_loses_its_digits_near_zero():
    (both,) = both_forms(gnn.parse("L = exp(x) - 1").loss)
    (double, single) = failures(both.pair, {})
    assert (double.kind, double.end) == (single.kind, single.end) == ("digits lost", "below")
    assert 1e-14 < double.size < 1e-12
    assert 1e-6 < single.size < 1e-3


def test_softmax_and_cross_entropy_of_a_vector():
    text = "p = exp(z)/sum(exp(z)); L = -sum(y*log(p))"
    program = gnn.parse(text, {"z": (3,), "y": (3,)})
    made = gnn.derive(program.loss, ["z"], {"z": [1, 2, 3], "y": [0, 1, 0]}, stable=True)
    printed = made.text()
    assert "L = −sum(y·log_softmax(z))" in printed
    assert "z = −373·(1, 0, −1), y = (0, 1, 0)" in printed
    assert max(map(len, printed.partition("Naive")[2].splitlines())) <= 100


def test_the_variance_fails_by_a_common_shift():
    (both,) = both_forms(gnn.parse("L = mean(x^2) - mean(x)^2", {"x": (3,)}).loss)
    shifted = {f.dtype: f for f in failures(both.pair, {}) if f.kind == "digits lost" and f.shifted}
    assert 1e5 < abs(shifted["float64"].size) < 1e8
    assert 10 < abs(shifted["float32"].size) < 1e4


def test_a_select_is_nan_on_the_whole_branch_that_is_not_taken():
    (both,) = both_forms(gnn.parse("L = where(x > 0, sqrt(x), 0)").loss)
    found = failures(both.pair, {})
    assert [(f.dtype, f.size < 0, f.quantity, float(f.stable)) for f in found] == [
        ("float64", True, "x", 0.0),
        ("float32", True, "x", 0.0),
    ]


def test_statements_are_composed_as_far_as_the_form_reaches():
    (both,) = both_forms(gnn.parse("e = exp(z); s = 1 + e; L = log(s)").loss)
    assert str(both.written) == "log(1 + exp(z))"
    assert list(both.labels) == ["z"]


def test_what_stands_above_is_one_argument():
    (both,) = both_forms(gnn.parse("L = log(1 + exp(w*x + b))").loss)
    (label,) = both.labels.values()
    assert str(label) == "w·x + b"


@pytest.mark.parametrize("text", ["L = w*x", "a = sigmoid(w*x); L = (a - y)^2", "L = x"])
def test_a_stable_form_is_called_so(text):
    made = gnn.derive(gnn.parse(text).loss, stable=True)
    assert AS_IT_IS in made.text()
    assert json.loads(made.json())["tables"][0]["notes"] == [AS_IT_IS]
    assert AS_IT_IS in made.latex()


def test_both_forms_are_printed_in_json_and_latex():
    made = gnn.derive(gnn.parse("L = log(1 + exp(x))").loss, stable=True)
    forms, where = json.loads(made.json())["tables"]
    assert [cell["unicode"] for cell in forms["rows"][0]] == [
        "L = log(1 + exp(x))",
        "L = softplus(x)",
    ]
    assert ["float64", "x = 710", "L", "∞", "710", "not finite from here on"] in where["rows"]
    latex = made.latex(document=True)
    assert r"L = \operatorname{softplus}(x)" in latex
    assert latex.index(r"\begin{tabular}") < latex.index(r"\end{document}")
    plain = made.text(ascii=True)
    assert plain.isascii()


def test_a_deep_network_is_searched_for_its_first_statements_only():
    h = gnn.input("x")
    for k in range(14):
        h = gnn.name(f"h{k}", gnn.log(1 + gnn.exp(gnn.parameter(f"w{k}") * h)))
    shown = gnn.derive(h, stable=True, mode="both").text()
    assert shown.count("Naive beside stable") == 14
    assert shown.count("Where the written form of") == 12
    assert shown.count("Inputs that fail are searched for 12 statements.") == 2


def test_a_symbolic_size_is_said():
    program = gnn.parse("x: (B, 3); w: (3); z = x w; L = mean(log(1 + exp(z)))")
    shown = gnn.derive(program.loss, "w", stable=True).text()
    assert "A size is symbolic" in shown
    assert "L = mean(softplus(z))" in shown


def test_gradients_that_cancel_are_held_to_the_size_of_their_terms():
    at = {"x": -1.278464542761074}  # the least swish: its derivative is 0 but for rounding
    made = gnn.derive(gnn.parse("f = x*σ(x)").loss, "x", at)
    assert abs(float(made.gradients["x"])) < 1e-15
    assert "agree with these (checked)" in made.text()
