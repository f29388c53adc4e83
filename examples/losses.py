"""Losses: their values on lecture 2's tables, and the gradients that fit their outputs.

σ with cross-entropy gives a − y, softmax with cross-entropy p − y, and so do tanh with the
cross-entropy of its own range and exp with the Poisson loss: derived, not assumed.
Run it: `python examples/losses.py`.
"""

import argparse

import graphnn as gnn


def sigmoid_cross_entropy():
    """Lecture 4, in symbols: ∂L/∂a = −(y/a + (y − 1)/(1 − a)), then ∂L/∂z = a − y.

    One line of ∂L/∂a is garbled in the lecture; its last line is right.
    """
    network = gnn.parse("a = σ(z); L = −(y·log(a) + (1 − y)·log(1 − a))")
    return gnn.derive(network.graph, "z")


def softmax_cross_entropy(digits=3):
    """p − y, where the entries of y add to 1."""
    network = gnn.parse("z: (3); y: (3); p = softmax(z); L = −sum(y ⊙ log(p))")
    at = {"z": [1, 2, 0.5], "y": [0, 1, 0]}
    return gnn.derive(network.graph, "z", at=at, assume=["sum(y)=1"], digits=digits)


def tanh_cross_entropy():
    """The cross-entropy of values between −1 and 1: the same a − y."""
    network = gnn.parse("a = tanh(z); L = −½(1 + y)·log((1 + a)/2) − ½(1 − y)·log((1 − a)/2)")
    return gnn.derive(network.graph, "z")


def poisson():
    """A rate m = exp(z) with the Poisson loss: m − y."""
    return gnn.derive(gnn.parse("m = exp(z); L = m − y·log(m)").graph, "z")


def mean_cross_entropy(digits=3):
    """Lecture 2: three rows, f = (0.1, 0.8, 0.6), y = (1, 0, 1): 1.4743.

    The lecture's sum has no brackets; both logarithms belong under it.
    """
    network = gnn.parse("f: (3); y: (3); J = mean(−(y ⊙ log(f) + (1 − y) ⊙ log(1 − f)))")
    at = {"f": [0.1, 0.8, 0.6], "y": [1, 0, 1]}
    return gnn.derive(network.graph, "f", at=at, digits=digits)


def mean_squared_error(digits=3):
    """Lecture 2: three rows, f = (30, 80, 85), y = (90, 20, 95): 2433.33."""
    network = gnn.parse("f: (3); y: (3); J = mean((y − f)²)")
    return gnn.derive(network.graph, "f", at={"f": [30, 80, 85], "y": [90, 20, 95]}, digits=digits)


def main():
    """Print the six derivations."""
    parser = argparse.ArgumentParser(description="Losses: values and gradients.")
    parser.add_argument("--digits", type=int, default=3, help="significant digits (default 3)")
    digits = parser.parse_args().digits
    print(f"σ with cross-entropy (lecture 4)\n\n{sigmoid_cross_entropy()}")
    print(f"softmax with cross-entropy\n\n{softmax_cross_entropy(digits)}")
    print(f"tanh with the cross-entropy of its range\n\n{tanh_cross_entropy()}")
    print(f"exp with the Poisson loss\n\n{poisson()}")
    print(f"Mean cross-entropy of three rows (lecture 2)\n\n{mean_cross_entropy(digits)}")
    print(f"Mean squared error of three rows (lecture 2)\n\n{mean_squared_error(digits)}")


if __name__ == "__main__":
    main()
