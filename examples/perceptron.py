"""Perceptrons: two that fire by a step, and one that answers with a probability.

A step is flat, so its gradient is 0 and gradient descent cannot train it; that is why σ replaced
it. Run it: `python examples/perceptron.py`.
"""

import argparse

import graphnn as gnn


def with_step(w, b, x, digits=3):
    """Lecture 3: y = step(w₁x₁ + w₂x₂ + b), 1 from 0 on and 0 below; every gradient is 0."""
    network = gnn.parse(
        """
        z = w₁·x₁ + w₂·x₂ + b
        y = step(z)
        """,
        parameters=["w1", "w2", "b"],
    )
    at = {"w1": w[0], "w2": w[1], "b": b, "x1": x[0], "x2": x[1]}
    return gnn.derive(network.graph, at=at, digits=digits)


def with_sigmoid(digits=3):
    """Lecture 2: ŷ = g(1 + 5x₁ − 3x₂) at x = (−3, 2); so far out, g is flat as well."""
    network = gnn.parse(
        """
        z = 1 + 5·x₁ − 3·x₂
        ŷ = σ(z)
        """
    )
    return gnn.derive(network.graph, at={"x1": -3, "x2": 2}, digits=digits)


def main():
    """Print the three derivations."""
    parser = argparse.ArgumentParser(description="Perceptrons with a step and with a sigmoid.")
    parser.add_argument("--digits", type=int, default=3, help="significant digits (default 3)")
    digits = parser.parse_args().digits
    print("w = (0.5, −0.6), b = 0.2, x = (1, 2): does not fire (lecture 3)\n")
    print(with_step((0.5, -0.6), 0.2, (1, 2), digits))
    print("w = (0.5, −1), b = 0.5, x = (2, 3): does not fire (lecture 3)\n")
    print(with_step((0.5, -1), 0.5, (2, 3), digits))
    print("ŷ = g(1 + 5x₁ − 3x₂) at (−3, 2): surely class 0 (lecture 2)\n")
    print(with_sigmoid(digits))
    print("Lecture 1 prints the perceptron's sign reversed: it fires where z is not below 0.")


if __name__ == "__main__":
    main()
