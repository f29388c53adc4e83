"""Typesetting: measures, signs, names that LaTeX would trip over."""

import numpy as np
import pytest

from graphnn.calculus.polynomial import dimension
from graphnn.expression.names import canonical
from viz.contributions import through as _through
from viz.formulas import (
    gradient_label,
    name_label,
    norm_label,
    number_label,
    shape_label,
    value_label,
)
from viz.typeset import beside, protect, restore, typeset, typeset_label, words


def test_size_scales_every_measure():
    small, large = (typeset(r"\frac{a}{b} + c_{1}", size) for size in (10, 20))
    for measure in ("width", "ascent", "descent", "axis"):
        assert getattr(large, measure) == pytest.approx(2 * getattr(small, measure), rel=0.02)


def test_glyphs_lie_within_the_measures():
    made = typeset(r"L = \frac{(y - a)^{2}}{2}", 20)
    assert len(made.glyphs) == 9
    assert len(made.bars) == 1
    assert all(0 <= g.x <= made.width for g in made.glyphs)
    assert all(-made.ascent <= g.y <= made.descent + 0.1 for g in made.glyphs)
    assert made.bars[0].y + made.bars[0].height / 2 == pytest.approx(-made.axis, abs=0.1)


def test_a_sign_is_not_set_like_a_difference():
    sign, difference = typeset("-2", 20), typeset("b - 2", 20)
    assert sign.width + typeset("b", 20).width + 6 < difference.width
    for latex in ("= -2", r"(1,\, -2)", r"x \cdot -2", r"[{1}\;\; {-2}]"):
        spaced = latex.replace("-", "b - ").replace("b", r"\phantom{b}")
        assert typeset(latex, 20).width + 10 < typeset(spaced, 20).width


def test_fractions_of_labels_are_smaller_and_on_the_axis():
    made = typeset_label(r"\frac{\partial L}{\partial w} = -0.110", 16)
    (bar,) = made.bars
    assert bar.y + bar.height / 2 == pytest.approx(-made.axis, abs=0.2)
    assert {round(g.scale * 12, 1) for g in made.glyphs} == {16.0, 14.1}


def test_fragments_stand_beside_each_other():
    one, other = typeset("x", 20), typeset("y", 30)
    made = beside([one, other])
    assert made.width == one.width + other.width
    assert made.axis == other.axis


@pytest.mark.parametrize(
    "name",
    [
        "<script>",
        '"quoted"',
        "a{b}c",
        "100%",
        "$x$",
        "a & b",
        r"\frac",
        "x^2",
        "#1",
        "~",
        "日本",
    ],
)
def test_hostile_names_are_typeset_as_they_are(name):
    label = name_label(name)
    assert restore(label.latex).count(name.replace("日本", "")) >= 1
    made = typeset(label.latex, 20)
    assert 5 < made.width < 40 * len(name)
    assert made.height < 60


def test_protected_text_comes_back():
    every = "\\{}$&#%^~_<>|'\"`abc"
    assert restore(protect(every)) == every
    assert protect("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"


def test_plain_text_keeps_its_spaces():
    assert words("a b", 14).width > words("ab", 14).width + 2
    assert len(words("größe ŷ θ", 14).glyphs) == 7


@pytest.mark.parametrize(
    ("value", "text", "latex"),
    [
        (0.0551, "0.0551", "0.0551"),
        (-0.5, "−0.500", "-0.500"),
        (6.0, "6", "6"),
        (1e-9, "1.00e−9", r"1.00\times 10^{-9}"),
        (np.inf, "∞", r"\infty "),
        (np.nan, "nan", r"\mathrm{nan}"),
    ],
)
def test_numbers(value, text, latex):
    label = value_label(value)
    assert (label.text, label.latex) == (text, latex)


def test_typed_numbers_stay_as_they_were_typed():
    assert value_label(1.5, given=True).text == "1.5"
    assert value_label(1.5).text == "1.50"
    assert number_label(2).text == "2"


def test_arrays_of_up_to_four_numbers_are_written_out():
    assert value_label([1, 2, 3]).text == "(1, 2, 3)"
    assert value_label([[0.5, -1.0]]).text == "[0.500 −1]"
    assert value_label([[0.5], [-1.0]]).text == "[0.500; −1]"
    assert value_label([1, 2, 3, 4, 5]) is None
    assert value_label(np.zeros((0, 2))) is None


def test_small_matrices_are_written_out():
    assert value_label([[1, -2], [3, 0.25]]).text == "[1 −2; 3 0.250]"
    assert value_label([[1, 2, 3], [4, 5, 6]]).text == "[1 2 3; 4 5 6]"
    assert value_label(np.ones((5, 2))) is None
    assert value_label(np.ones((2, 5))) is None
    assert value_label(np.arange(16).reshape(4, 4)).text.endswith("; 12 13 14 15]")
    assert value_label(np.full((2, 4), -1.5e-9)) is None
    made = typeset_label(rf"A = {value_label([[1, -2], [3, 4]]).latex}", 16)
    lines = {round(g.y) for g in made.glyphs}
    assert len(lines) >= 3
    assert len(made.glyphs) == 9


NAMES = ["x", "W1", "W_hh", "y_hat2", "theta_hat", "w_alpha_beta", "größe", "h1_t", "x'", "loss_hat",
         "x/y", "a{b", "日本"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["L", "ŷ", "λ_dot"])
def test_every_label_of_every_name_is_typeset(name, other):
    name, other = canonical(name), canonical(other)
    large = np.arange(8.0)
    for symbol in (
        name_label(name),
        gradient_label(other, name),
        gradient_label(name, other),
        _through("L", other, name),
        _through(other, other, name),
    ):
        assert typeset_label(symbol.latex, 16).width > 5
        norm = norm_label(symbol, large)
        assert norm.text == f"‖{symbol.text}‖ = 11.8"
        made = typeset_label(norm.latex, 16)
        assert not made.bars
        assert made.height < 2 * typeset_label(rf"\lVert {name_label(name).latex}\rVert", 16).height


def test_norms_of_products_of_derivatives_have_slashes():
    label = norm_label(_through("L", "u", "X"), np.ones((4, 4)))
    assert label.text == "‖∂L/∂u·∂u/∂X‖ = 4"
    inside = r"\partial L/\partial u\cdot \partial u/\partial X"
    assert label.latex == rf"\lVert {inside}\rVert = 4"


def test_sizes_that_are_sums_have_brackets():
    x, K = dimension("x0"), dimension("K0")
    made = shape_label((x - K + 1, x), "float32")
    assert made.text == "ℝ^(x₀ − K₀ + 1)×x₀"
    assert made.latex == r"\mathbb{R}^{(x_{0} - K_{0} + 1)\times x_{0}}"
    assert shape_label((x - K,), "float32").latex == r"\mathbb{R}^{x_{0} - K_{0}}"
    strided = shape_label(((x - K) // 2 + 1, 2 * x), "float32")
    assert strided.text == "ℝ^(floor((x₀ − K₀)/2) + 1)×2·x₀"
    assert typeset_label(strided.latex, 16).width > 60


def test_spaces_of_tensors():
    assert shape_label((3,), "int64").text == "ℤ^3"
    assert shape_label((), "float32").text == ""
