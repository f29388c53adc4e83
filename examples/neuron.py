"""One neuron: its gradient, a gradient step with two inputs, a forward pass with three.

Lecture 0 (week 6) works the gradient out by hand and sets the step as an exercise; lecture 4 has
the neuron with three inputs, without gradients. Run it: `python examples/neuron.py`.
"""

from lecture_case import Case, main

CASES = [
    Case(
        "A4",
        "The gradient of one neuron, as three factors (lecture 0)",
        """
        z = w·x + b
        ŷ = σ(z)
        L = (y − ŷ)²/2
        """,
        {"x": 2, "y": 1, "w": 0.5, "b": 0},
        parameters=["w", "b"],
        wrt="w",
    ),
    Case(
        "A5",
        "A neuron with two inputs: one step with rate 0.1 (lecture 0, exercise)",
        """
        z = w₁·x₁ + w₂·x₂ + b
        ŷ = σ(z)
        L = (y − ŷ)²/2
        """,
        {"x1": 0.5, "x2": 0.85, "y": 1.2, "w1": 0.4, "w2": 0.6, "b": 0.2},
        parameters=["w1", "w2", "b"],
        lr=0.1,
    ),
    Case(
        "A9",
        "A neuron with three inputs: z = 0.87, y = 0.70 (lecture 4)",
        """
        w: (3); x: (3)
        z = wᵀ x + b
        y = σ(z)
        """,
        {"w": [0.2, 0.3, 0.9], "b": 0.5, "x": [0.5, 0.6, 0.1]},
        parameters=["w", "b"],
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
