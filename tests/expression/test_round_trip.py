"""What is printed reads back as the same expression: parse(print(e)) == e, in ASCII too."""

import pytest
from hypothesis import example, given, settings

from graphnn.expression.tree import Expr, apply, num, sym
from graphnn.expression.unicode import to_ascii, to_unicode
from graphnn.text import read_equation
from tests.expression.trees import INDICES, RANKS, resolved

a, b, L = sym("a"), sym("b"), sym("L")
x, h, W, W1 = sym("x"), sym("h"), sym("W"), sym("W1")


def reads_back(e: Expr) -> None:
    text = to_unicode(e)
    assert read_equation(text, RANKS, INDICES) == (e,), text
    spelled = to_ascii(text)
    assert spelled.isascii()
    assert read_equation(spelled, RANKS, INDICES) == (e,), spelled


@settings(max_examples=150)
@given(resolved(0, 3))
# a bound sum reaches to the right, a name before a bracket is a call
@example(apply("*", apply("*", a, apply("Σ", sym("i"), apply("[]", x, sym("i")))), b))
@example(apply("*", a, apply("^", apply("+", a, b), num(2))))
@example(apply("*", apply("∂", L, a), apply("-", num(1), a)))
@example(apply("*", apply("^", a, b), apply("-", num(1), a)))
def test_scalars(e: Expr) -> None:
    reads_back(e)


@settings(max_examples=100)
@given(resolved(1, 3))
@example(apply("@", apply("*", num(2), W), x))
@example(apply("@", W, apply("vector", num(1), a)))
@example(apply("@", W1, h))
def test_vectors(e: Expr) -> None:
    reads_back(e)


@settings(max_examples=100)
@given(resolved(2, 3))
@example(apply("@", W, apply("T", apply("+", W, W1))))
@example(apply("*", apply("@", x, apply("T", h)), apply("-", a, b)))
def test_matrices(e: Expr) -> None:
    reads_back(e)


@pytest.mark.parametrize(
    ("e", "text"),
    [
        (apply("*", a, apply("-", num(1), a)), "a(1 − a)"),
        (apply("*", apply("neg", apply("-", b, a)), apply("*", a, apply("-", num(1), a))),
         "(−(b − a))·a(1 − a)"),
        (apply("@", W1, h), "W₁h"),
        (apply("@", h, apply("T", x)), "h xᵀ"),
        (apply("⊙", apply("@", apply("T", W), h), x), "Wᵀ h ⊙ x"),
        (apply("/", num(1), num(2)), "½"),
        (apply("vector", apply("vector", num(1), num(2))), "[1 2]"),
        (apply("vector", num(1), num(2)), "(1, 2)"),
        (apply("neg", apply("^", x, num(2))), "−x²"),
        (apply("^", apply("neg", x), num(-2)), "(−x)⁻²"),
    ],
)  # fmt: skip
def test_how_it_is_printed(e: Expr, text: str) -> None:
    assert to_unicode(e) == text
    reads_back(e)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("σ′ = σ(1 − σ)", "sigma' = sigma*(1 - sigma)"),
        ("z·σ(z)", "z*sigmoid(z)"),
        ("σ(u)(1 − σ(u))", "sigmoid(u)(1 - sigmoid(u))"),
        ("(log σ)′(z) = σ(−z)", "(log sigma)'(z) = sigmoid(-z)"),
        ("√x + √(a)", "sqrt(x) + sqrt(a)"),
    ],
)
def test_sigma_and_roots_in_ascii(text: str, spelled: str) -> None:
    assert to_ascii(text) == spelled


def test_a_value_sigma_times_a_bracket() -> None:
    sigma = sym("sigma")
    e = apply("*", sigma, apply("-", num(1), a))
    assert to_unicode(e) == "σ·(1 − a)"
    assert to_ascii(to_unicode(e)) == "sigma*(1 - a)"
    assert read_equation("σ·(1 − a)", {"sigma": 0, "a": 0}) == (e,)
