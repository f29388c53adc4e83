"""Networks as people type them: the line that a lecturer would write stands in the derivation.

A row is (text, wrt, options of `derive`, lines that must stand there). Spaces are not compared.
Every row is derived with numbers, too: then each line shown is held against the gradient.
"""

import re

import numpy as np
import pytest

import graphnn as gnn

ROWS = [
    # a product of matrices that is squared, or handed to a function, has a name
    (
        "X: (5,2); w: (2,); y: (5,); L = mean((X@w - y)^2)",
        "w",
        {},
        ["u (5,) = X w − y", "∂L/∂w (2,) = Xᵀ δ_u linear in w"],
    ),
    ("X: (5,2); w: (2,); L = norm(X@w)", "w", {}, ["z (5,) = X w", "∂L/∂w (2,) = Xᵀ δ linear"]),
    ("W: (3,2); x: (2,); h = max(0, W x)", "W", {}, ["h (3,) = max(0, z)", "= δ_z xᵀ"]),
    (
        "x: (2,); r: (2,); U: (2,2); n = tanh(x + r*(U@x)); L = n@n",
        "U",
        {},
        ["z (2,) = x + r ⊙ u", "∂L/∂n = 2·n product rule", "∂L/∂U (2, 2) = δ_u xᵀ"],
    ),
    # it stays where the line is linear in it
    ("A: (3,3); x: (3,); L = xᵀ A x", "A", {}, ["L = xᵀ A x", "∂L/∂A (3, 3) = x xᵀ"]),
    # one sample, in a batch
    (
        "z: (1,3); y: (1,3); p = softmax(z); L = cross_entropy(y, p)",
        "z",
        {"assume": ["sum(y)=1"]},
        ["∂p[0, i]/∂z[0, j] = p[0, i](δ_ij − p[0, j])", "= p[0, i] − y[0, i] assumes"],
    ),
    # losses on scores: the softmax has a name although nobody wrote one
    (
        "z: (3,); y: (3,); L = cross_entropy_with_logits(y, z)",
        "z",
        {"assume": ["sum(y)=1"]},
        ["p (3,) := softmax(z)", "∂L/∂z (3,) = p − y"],
    ),
    (
        "z: (4,3); p: (2,); y: (4,3); L = cross_entropy_with_logits(y, z) + 0*sum(p)",
        "z",
        {},
        ["p₁ (4, 3) := softmax(z)"],
    ),
    (
        "x: (3,); q = log_softmax(x); L = q@q",
        "x",
        {},
        ["∂q[i]/∂x[j] = δ_ij − p[j]", "= 2·q[i] − 2·p[i]·Σ_j q[j]"],
    ),
    # what the program computes is told in the names of the lines above it
    (
        "x: (4,2); W: (2,3); y: (4,3); L = cross_entropy(y, softmax(x@W))",
        "W",
        {},
        ["log(exp(z − max(z, axis=1))/sum(exp(z − max(z, axis=1)), axis=1)) = log_softmax(z)"],
    ),
    # a condition is written once
    (
        "x: (3,); y = where(x > 0.5, x^2, -x); L = y@y",
        "x",
        {},
        ["∂y/∂x = where(x > 0.5, 2·x, −1)"],
    ),
    (
        "x: (3,); L = sum(where(x > 0.3 and x < 0.6, x^2, -x))",
        "x",
        {},
        ["sum(where(x > 0.3 and x < 0.6, x², −x))", "= where(x > 0.3 and x < 0.6, 2·x, −1)"],
    ),
    # the square of a root is what stands under it
    ("Q: (2,3); K: (2,3); A = softmax(Q K^T/sqrt(d)); L = sum(A^2)", "d", {}, ["/(2·d·sqrt(d))"]),
    # a transpose as it is typed in haste
    ("Q: (2,3); K: (2,3); S = Q@K^T; L = sum(S^2)", "Q", {}, ["S (2, 2) = Q Kᵀ", "= 2·S K"]),
]


def plain(text):
    return re.sub(r"\s+", " ", text)


def values_for(program):
    generator = np.random.default_rng(3)
    found = {}
    for name, leaf in program.leaves.items():
        drawn = generator.uniform(0.2, 0.9, size=leaf.shape)
        found[name] = drawn / drawn.sum(axis=-1, keepdims=True) if name == "y" else drawn
    return found


@pytest.mark.parametrize(("text", "wrt", "options", "wanted"), ROWS)
def test_the_line_of_a_lecture_stands_there(text, wrt, options, wanted):
    program = gnn.parse(text)
    shown = plain(gnn.derive(program.graph, wrt=wrt, **options).text())
    for line in wanted:
        assert line in shown, shown
    made = gnn.derive(program.graph, wrt=wrt, at=values_for(program), **options)
    assert np.isfinite(made.gradients[wrt]).all()


def test_a_number_that_is_the_whole_gradient_is_said_once():
    program = gnn.parse("W: (2,2); x: (2,); b: (); z = W*x + b; L = sum(z)")
    at = {"W": [[1, 2], [3, 4]], "x": [1, 2], "b": 1}
    shown = plain(gnn.derive(program.graph, wrt="b", at=at).text())
    assert "= 4 the δs written out" in shown
    assert shown.count("= 4") == 1


def test_a_loss_on_scores_is_not_said_to_overflow():
    program = gnn.parse("z: (3,); y: (3,); L = cross_entropy_with_logits(y, z)")
    assert "overflow" not in gnn.derive(program.graph, wrt="z").text()
    program = gnn.parse("z: (3,); y: (3,); L = -sum(y*log(softmax(z)))")
    assert "overflow" in gnn.derive(program.graph, wrt="z").text()


def test_what_was_written_as_a_softmax_keeps_its_own_name():
    program = gnn.parse("x: (3,); h = softmax(x); L = sum(h^2)")
    shown = gnn.derive(program.graph, wrt="x", index=True).text()
    assert "h[i] (3,) = exp(x[i]" in plain(shown)
    assert "p[" not in shown
