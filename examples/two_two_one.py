"""The 2-2-1 network of lecture 0, in scalars and in matrices, and lecture 4's backpropagation.

Saturated sigmoids have gradients near 0, and a ReLU at its kink has the gradient 0 by convention.
Run it: `python examples/two_two_one.py`.
"""

import argparse

import graphnn as gnn

SCALARS = """
    z₁ = w₁·x₁ + w₂·x₂ + b₁
    h₁ = {f}(z₁)
    z₂ = w₃·x₁ + w₄·x₂ + b₂
    h₂ = {f}(z₂)
    z₃ = w₅·h₁ + w₆·h₂ + b₃
    y = {f}(z₃)
"""
PARAMETERS = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]


def sigmoid_network(digits=3):
    """Lecture 0: x = (70, 1.75) is far out; h₁ is almost 1, h₂ almost 0, and so are gradients."""
    weights = {"w1": 0.2, "w2": 0.4, "w3": -0.5, "w4": 0.3, "w5": 1, "w6": -1.5}
    at = {**weights, "b1": 0.1, "b2": -0.1, "b3": 0.5, "x1": 70, "x2": 1.75}
    network = gnn.parse(SCALARS.format(f="σ"), parameters=PARAMETERS)
    return gnn.derive(network.graph, at=at, digits=digits)


def relu_network(digits=3):
    """Lecture 0, exercise: z₁ is exactly at the kink of ReLU, z₂ below it."""
    weights = {"w1": -0.2, "w2": 1, "w3": -0.5, "w4": 0.3, "w5": -1, "w6": 0}
    at = {**weights, "b1": 1, "b2": -0.2, "b3": 0.5, "x1": 20, "x2": 3}
    network = gnn.parse(SCALARS.format(f="relu"), parameters=PARAMETERS)
    return gnn.derive(network.graph, at=at, digits=digits)


def matrix_network(digits=3):
    """Lecture 0: the first network in matrix form.

    The lecture prints W₂ as a column (2×1); W₂h needs the row (w₅, w₆), so W₂ is 1×2 here.
    """
    network = gnn.parse(
        """
        x: (2); W₁: (2, 2); b: (2); W₂: (1, 2); b₃: (1)
        h = σ(W₁x + b)
        y = σ(W₂h + b₃)
        """,
        parameters=["W1", "b", "W2", "b3"],
    )
    at = {
        "x": [70, 1.75],
        "W1": [[0.2, 0.4], [-0.5, 0.3]],
        "b": [0.1, -0.1],
        "W2": [[1, -1.5]],
        "b3": [0.5],
    }
    return gnn.derive(network.graph, at=at, digits=digits)


def backpropagation(digits=3):
    """Lecture 4, numerical 1: the input (1, 0, 1), the target 1, no bias.

    The figure with the weights is lost; weights and the rate 0.9 are ours. x₂ = 0, so its two
    weights do not move.
    """
    network = gnn.parse(
        """
        z₁ = w₁·x₁ + w₂·x₂ + w₃·x₃
        h₁ = σ(z₁)
        z₂ = w₄·x₁ + w₅·x₂ + w₆·x₃
        h₂ = σ(z₂)
        z₃ = w₇·h₁ + w₈·h₂
        ŷ = σ(z₃)
        L = (y − ŷ)²/2
        """,
        parameters=[f"w{k}" for k in range(1, 9)],
    )
    weights = [0.2, 0.4, -0.5, -0.3, 0.1, 0.2, -0.3, -0.2]
    at = {f"w{k}": w for k, w in enumerate(weights, 1)} | {"x1": 1, "x2": 0, "x3": 1, "y": 1}
    return gnn.derive(network.graph, at=at, lr=0.9, digits=digits)


CASES = {
    "The 2-2-1 network with σ (lecture 0): saturated, so its gradients vanish": sigmoid_network,
    "The 2-2-1 network with ReLU (lecture 0, exercise): one unit at the kink": relu_network,
    "The same network in matrix form (lecture 0, which prints W₂ as 2×1)": matrix_network,
    "Backpropagation numerical 1 (lecture 4; its figure is lost: our weights)": backpropagation,
}


def main():
    """Print the four derivations."""
    parser = argparse.ArgumentParser(description="2-2-1 networks: values, gradients, updates.")
    parser.add_argument("--digits", type=int, default=3, help="significant digits (default 3)")
    chosen = parser.parse_args()
    for title, case in CASES.items():
        print(f"{title}\n\n{case(chosen.digits)}")


if __name__ == "__main__":
    main()
