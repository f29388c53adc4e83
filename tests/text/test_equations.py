"""Equalities as derivations print them, read back (rule 11 of how derivations read)."""

import pytest

from graphnn.errors import TextError
from graphnn.expression.unicode import to_ascii
from graphnn.text import read_equation

NAMES = {
    "w": (), "x": (2,), "y": (2,), "a": (), "b": (), "L": (), "h": (2,), "p": (3,), "z": (3,),
    "delta1": (2,), "delta2": (1,), "W1": (2, 2), "W2": (1, 2), "K": (2, 2), "X": (3, 3),
    "z_bar": (2, 2), "y_hat": (1,), "h0": (), "h2": (),
}  # fmt: skip

# a printed chain, and the trees of its sides
CHAINS = [
    ("∂L/∂a = −(b − a) = −(1 − 0.731) = −0.269",
     ["∂(L, a)", "neg(-(b, a))", "neg(-(1, 731/1000))", "-269/1000"]),
    ("∂L/∂w = ∂L/∂a · ∂a/∂b · ∂b/∂w",
     ["∂(L, w)", "*(*(∂(L, a), ∂(a, b)), ∂(b, w))"]),
    ("∂L/∂w ≈ −0.269 · 0.197 · 2",
     ["∂(L, w)", "neg(*(*(269/1000, 197/1000), 2))"]),
    ("δ₁ := ∂L/∂x = (W₂ᵀ δ₂) ⊙ h ⊙ (1 − h) = (−0.07, 0.05) ⊙ (0.2, 0.2)",
     ["delta1", "∂(L, x)", "⊙(⊙(@(T(W2), delta2), h), -(1, h))",
      "⊙(vector(-7/100, 1/20), vector(1/5, 1/5))"]),
    ("∂L/∂W₁ = δ₁ xᵀ = [−0.009 0.018; 0.006 −0.013]",
     ["∂(L, W1)", "@(delta1, T(x))",
      "vector(vector(-9/1000, 9/500), vector(3/500, -13/1000))"]),
    ("∂p[i]/∂z[j] = p[i](δ_ij − p[j])",
     ["∂([](p, i), [](z, j))", "*([](p, i), -(δ(i, j), [](p, j)))"]),
    ("∂L/∂z[j] = Σ_i −z[i]/p[i] · p[i](δ_ij − p[j])",
     ["∂(L, [](z, j))",
      "Σ(i, neg(*(/([](z, i), [](p, i)), *([](p, i), -(δ(i, j), [](p, j))))))"]),
    ("∂L/∂h[m] = Σ_k δ₂[k] W₂[k,m] = (W₂ᵀ δ₂)[m]",
     ["∂(L, [](h, m))", "Σ(k, *([](delta2, k), [](W2, k, m)))", "[](@(T(W2), delta2), m)"]),
    ("∂L/∂K[u,v] = Σ_{i,j} z̄[i,j] X[i+u, j+v] = [0 2; 6 8]",
     ["∂(L, [](K, u, v))",
      "Σ(i, j, *([](z_bar, i, j), [](X, +(i, u), +(j, v))))",
      "vector(vector(0, 2), vector(6, 8))"]),
    ("∂L/∂X[r,s] = Σ_{i+u=r, j+v=s} z̄[i,j] K[u,v]",
     ["∂(L, [](X, r, s))",
      "Σ(==(+(i, u), r), ==(+(j, v), s), *([](z_bar, i, j), [](K, u, v)))"]),
    ("h₂ = tanh(w·a + ½·h₀)", ["h2", "tanh(+(*(w, a), *(/(1, 2), h0)))"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sides"), CHAINS, ids=[text for text, _ in CHAINS])
def test_chains(text, sides):
    assert [repr(side) for side in read_equation(text, NAMES)] == sides


@pytest.mark.parametrize("text", [text for text, _ in CHAINS])
def test_in_ascii_too(text):
    assert read_equation(to_ascii(text), NAMES) == read_equation(text, NAMES)


def test_what_is_typed_as_an_answer():
    assert read_equation("dL/dw = (a - b)*w", NAMES) == read_equation("∂L/∂w = (a − b)·w", NAMES)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("a = q", "unknown name q", 5),
        ("a = sigmod(b)", "unknown function sigmod; did you mean sigmoid?", 5),
        ("a = b*dL/dw", "unknown name dL; a derivative in a product is (dL/d…)", 7),
        ("a = ", "the text ends too early", 4),
        ("a = W₁[i]·x[i,j]", "x has 1 dimensions and is read with 2 indices", 11),
    ],
)
def test_what_cannot_be_read(text, message, column):
    with pytest.raises(TextError) as caught:
        read_equation(text, NAMES)
    assert (caught.value.message, caught.value.column) == (message, column)
