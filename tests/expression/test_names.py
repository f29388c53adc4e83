"""A name has one canonical spelling, and what is shown reads back as it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphnn.expression.names import PATTERN, canonical, latex, show


@pytest.mark.parametrize(
    ("typed", "name", "shown"),
    [
        ("h1", "h1", "h₁"),
        ("h_1", "h1", "h₁"),
        ("h₁", "h1", "h₁"),
        ("ŷ", "y_hat", "ŷ"),
        ("ŷ₂", "y_hat2", "ŷ₂"),
        ("z̄", "z_bar", "z̄"),
        ("θ", "theta", "θ"),
        ("lambda", "lambda", "λ"),
        ("Δ", "Delta", "Δ"),
        ("W_hh", "W_hh", "W_hh"),
        ("w1_2", "w1_2", "w1_2"),
        ("w12", "w12", "w₁₂"),
        ("x'", "x'", "x'"),
    ],
)
def test_spellings(typed, name, shown):
    assert canonical(typed) == name
    assert canonical(show(name)) == name
    if name != "w1_2":
        assert show(name) == shown


@given(st.from_regex(re.compile(PATTERN), fullmatch=True))
def test_what_is_shown_reads_back(typed):
    name = canonical(typed)
    assert canonical(name) == name
    assert canonical(show(name)) == name
    assert re.fullmatch(PATTERN, show(name)) or not re.fullmatch(PATTERN, name)


def test_latex():
    assert [latex(n) for n in ("W1", "y_hat", "theta", "loss", "w_hh", "h'")] == [
        "W_{1}", r"\hat{y}", r"\theta", r"\mathit{loss}", r"w_{\mathit{hh}}", r"\mathit{h'}",
    ]  # fmt: skip
