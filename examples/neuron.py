"""One neuron, three times: its gradient, a gradient step with two inputs, a forward pass.

Lecture 0 (week 6) works the gradient out by hand and sets the step as an exercise; lecture 4 has
the neuron with three inputs. Run it: `python examples/neuron.py`.
"""

import argparse

import graphnn as gnn


def gradient(digits=3):
    """Lecture 0: ∂L/∂w of one neuron, its three factors −(y − ŷ), ŷ(1 − ŷ) and x."""
    network = gnn.parse(
        """
        z = w·x + b
        ŷ = σ(z)
        L = (y − ŷ)²/2
        """,
        parameters=["w", "b"],
    )
    return gnn.derive(network.graph, "w", at={"x": 2, "y": 1, "w": 0.5, "b": 0}, digits=digits)


def step_with_two_inputs(digits=3):
    """Lecture 0, exercise: one step of gradient descent for w₁, w₂ and b."""
    network = gnn.parse(
        """
        z = w₁·x₁ + w₂·x₂ + b
        ŷ = σ(z)
        L = (y − ŷ)²/2
        """,
        parameters=["w1", "w2", "b"],
    )
    at = {"x1": 0.5, "x2": 0.85, "y": 1.2, "w1": 0.4, "w2": 0.6, "b": 0.2}
    return gnn.derive(network.graph, at=at, lr=0.1, digits=digits)


def forward_with_three_inputs(digits=3):
    """Lecture 4: z = 0.87 and y = σ(z) = 0.70; the gradients are not in the lecture."""
    network = gnn.parse(
        """
        w: (3); x: (3)
        z = wᵀ x + b
        y = σ(z)
        """,
        parameters=["w", "b"],
    )
    at = {"w": [0.2, 0.3, 0.9], "b": 0.5, "x": [0.5, 0.6, 0.1]}
    return gnn.derive(network.graph, at=at, digits=digits)


CASES = {
    "The gradient of one neuron (lecture 0)": gradient,
    "A neuron with two inputs: one step with rate 0.1 (lecture 0, exercise)": step_with_two_inputs,
    "A neuron with three inputs (lecture 4)": forward_with_three_inputs,
}


def main():
    """Print the three derivations."""
    parser = argparse.ArgumentParser(description="One neuron: gradient, update, forward pass.")
    parser.add_argument("--digits", type=int, default=3, help="significant digits (default 3)")
    chosen = parser.parse_args()
    for title, case in CASES.items():
        print(f"{title}\n\n{case(chosen.digits)}")


if __name__ == "__main__":
    main()
