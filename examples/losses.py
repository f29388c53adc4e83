"""Losses: their values on lecture 2's tables, and the gradients that fit their outputs.

σ with cross-entropy gives a − y, softmax with cross-entropy p − y, and so do tanh with the
cross-entropy of its own range and exp with the Poisson loss: derived, not assumed.
Run it: `python examples/losses.py`.
"""

from math import log

from lecture_case import Case, main, number


def cross_entropy(a, y):
    """L = −[y log a + (1 − y) log(1 − a)]."""
    return -(y * log(a) + (1 - y) * log(1 - a))


def garbled(a, y):
    """The first line of ∂L/∂a in lecture 4, its g read as the logarithm."""
    return a * (1 - a) * (1 / a) + (1 - y) * (-1 / (1 - a))


def differs(case):
    """Lecture 4's three lines beside the slope of L itself."""
    lines = []
    for a, y in ((0.8, 1), (0.8, 0)):
        slope = (cross_entropy(a + 1e-6, y) - cross_entropy(a - 1e-6, y)) / 2e-6
        lines.append(
            f"  a = {a}, y = {y}:  first line {number(garbled(a, y))},  "
            f"last line {number(-(y / a + (y - 1) / (1 - a)))},  slope of L {number(slope)}"
        )
    return "\n".join(
        [
            "Lecture 4 writes ∂L/∂a as −(y/a + (y − 1)/(1 − a)): the same function. Of its three",
            "lines the first is garbled, a(1 − a)·∂g(a)/∂a + (1 − y)·∂log(1 − a)/∂a; with log for g:",
            *lines,
        ]
    )


CASES = [
    Case(
        "A10",
        "σ with cross-entropy, in symbols: a − y (lecture 4, one line of it garbled)",
        "a = σ(z); L = −(y·log(a) + (1 − y)·log(1 − a))",
        wrt="z",
        remark=differs,
    ),
    Case(
        "A23-BCE",
        "Mean cross-entropy of three rows: 1.4743 (lecture 2)",
        "f: (3); y: (3); J = mean(−(y ⊙ log(f) + (1 − y) ⊙ log(1 − f)))",
        {"f": [0.1, 0.8, 0.6], "y": [1, 0, 1]},
        wrt="f",
        digits=5,
        remark="The lecture's sum has no brackets; both logarithms belong under it.",
    ),
    Case(
        "A23-MSE",
        "Mean squared error of three rows: 2433.33 (lecture 2)",
        "f: (3); y: (3); J = mean((y − f)²)",
        {"f": [30, 80, 85], "y": [90, 20, 95]},
        wrt="f",
        digits=6,
    ),
    Case(
        "softmax",
        "Softmax with cross-entropy: p − y, where the entries of y add to 1",
        "z: (3); y: (3); p = softmax(z); L = −sum(y ⊙ log(p))",
        {"z": [1, 2, 0.5], "y": [0, 1, 0]},
        wrt="z",
        assume=["sum(y)=1"],
    ),
    Case(
        "tanh",
        "tanh with the cross-entropy of values between −1 and 1: a − y again",
        "a = tanh(z); L = −½(1 + y)·log((1 + a)/2) − ½(1 − y)·log((1 − a)/2)",
        wrt="z",
    ),
    Case(
        "poisson",
        "A rate m = exp(z) with the Poisson loss: m − y",
        "m = exp(z); L = m − y·log(m)",
        wrt="z",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
