"""The losses of the table: each composite's own derivation, by its prediction, in index notation.

The formula is the forward line, the derivative the last backward line. Losses of logits are shown
as they are meant, with p = softmax(z) or σ(z) as a name: they compute the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from graphnn.derivation.derive import derive
from graphnn.derivation.result import Derivation
from graphnn.expression.tree import Expr, num, postorder, symbols
from graphnn.graph.handle import Handle, name
from graphnn.graph.leaves import input as leaf
from graphnn.graph.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_squared_error,
    l1_penalty,
    l2_penalty,
    mae,
    mse,
    sparse_cross_entropy,
)
from graphnn.graph.reductions import softmax

LOSSES = {
    "half_squared_error": "½ squared error",
    "mse": "Mean squared error (MSE)",
    "mae": "Mean absolute error (MAE)",
    "binary_cross_entropy": "Binary cross-entropy (BCE)",
    "binary_cross_entropy_with_logits": "Binary cross-entropy of logits",
    "cross_entropy": "Categorical cross-entropy (CE)",
    "cross_entropy_with_logits": "Categorical cross-entropy of logits",
    "sparse_cross_entropy": "Cross-entropy for labels",
    "sparse_cross_entropy_with_logits": "Cross-entropy for labels, of logits",
    "l2_penalty": "L2 regularisation",
    "l1_penalty": "L1 regularisation",
}
"""Name → title, in the order of the lectures."""


class Subject(NamedTuple):
    """What a loss is derived on: the loss, the variable, an assumption, and what is to be said."""

    loss: Handle
    variable: str
    assume: tuple[str, ...] = ()
    note: str = ""


@cache
def derivation_of(called: str) -> Derivation:
    """The derivation of a loss's gradient, in index notation.

    >>> print(derivation_of("mse").expressions["p"])
    −2·(y[n] − p[n])/N
    """
    subject = _subject(called)
    loss = name("L", subject.loss)
    return derive(loss, subject.variable, index=True, assume=subject.assume)


def loss_parts(called: str) -> tuple[str, Expr, Expr, tuple[str, ...]]:
    """(variable, formula, derivative by it, remarks) of a loss.

    >>> variable, formula, derivative, remarks = loss_parts("l2_penalty")
    >>> print(formula, derivative, sep="   ")
    λ·Σ_{m,d} W[m, d]²   2·λ·W[m, d]
    """
    subject, made = _subject(called), derivation_of(called)
    forward = [step for step in made.steps if step.kind == "forward"][-1]
    formula = next(side.expr for side in forward.sides if side.expr is not None)
    assumed = [f"for {sum_} in every row" for sum_ in subject.assume]
    remarks = [*undefined(formula, subject.variable), *assumed]
    remarks += [subject.note] if subject.note else []
    return subject.variable, formula, made.expressions[subject.variable], tuple(remarks)


def undefined(formula: Expr, variable: str) -> list[str]:
    """Where a loss has no value or no derivative, read off its logarithms and absolute values."""
    found = []
    for node in postorder(formula):
        inside = node.args[0] if node.head in ("log", "abs") else num(0)
        if variable not in symbols(inside):
            continue
        if node.head == "log":
            found.append(f"undefined where {inside} ≤ 0")
        else:
            found.append(
                f"the derivative is undefined where {inside} = 0; 0 is taken, a convention"
            )
    return found


def _subject(called: str) -> Subject:
    y, p, z = (leaf(called, ("N",), "float64") for called in "ypz")
    rows = {called: leaf(called, ("B", "K"), "float64") for called in "ypz"}
    t = leaf("t", ("B",), "int64")
    strength, W = leaf("lambda", (), "float64"), leaf("W", ("M", "D"), "float64")
    named = name("p", softmax(rows["z"]))
    finite = "computed by log-softmax, finite for every z; p = softmax(z)"
    subjects: dict[str, Callable[[], Subject]] = {
        "half_squared_error": lambda: Subject(half_squared_error(y, p), "p"),
        "mse": lambda: Subject(mse(y, p), "p"),
        "mae": lambda: Subject(mae(y, p), "p"),
        "binary_cross_entropy": lambda: Subject(binary_cross_entropy(y, p), "p"),
        "binary_cross_entropy_with_logits": lambda: Subject(
            binary_cross_entropy_with_logits(y, z), "z", (), "finite for every z; p = σ(z)"
        ),
        "cross_entropy": lambda: Subject(cross_entropy(rows["y"], rows["p"]), "p"),
        "cross_entropy_with_logits": lambda: Subject(
            cross_entropy(rows["y"], named), "z", ("sum(y)=1",), finite
        ),
        "sparse_cross_entropy": lambda: Subject(sparse_cross_entropy(t, rows["p"]), "p"),
        "sparse_cross_entropy_with_logits": lambda: Subject(
            sparse_cross_entropy(t, named), "z", (), finite
        ),
        "l2_penalty": lambda: Subject(l2_penalty(W, strength=strength), "W"),
        "l1_penalty": lambda: Subject(l1_penalty(W, strength=strength), "W"),
    }
    return subjects[called]()
