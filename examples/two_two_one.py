"""2-2-1 networks: in scalars, with ReLU, in matrices; all weights zero.

Saturated sigmoids have gradients near 0, and a ReLU at its kink has the gradient 0 by convention.
Lecture 0 has the network. Run it: `python examples/two_two_one.py`.
"""

from lecture_case import Case, main

SCALARS = """
    z₁ = w₁·x₁ + w₂·x₂ + b₁
    h₁ = {f}(z₁)
    z₂ = w₃·x₁ + w₄·x₂ + b₂
    h₂ = {f}(z₂)
    z₃ = w₅·h₁ + w₆·h₂ + b₃
    y = {f}(z₃)
"""
PARAMETERS = ["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3"]


def weights(*numbers):
    """w₁, w₂ … by name."""
    return {f"w{k}": w for k, w in enumerate(numbers, 1)}


def as_printed(case):
    """What comes of W₂ as lecture 0 prints it, a column: an error."""
    import graphnn as gnn

    try:
        gnn.parse("h: (2); W₂: (2, 1); z = W₂h")
    except gnn.GraphError as error:
        return (
            "Lecture 0 prints W₂ as the column (w₅, w₆), 2×1; (2×1)(2) is no product:\n"
            f"  {str(error).splitlines()[0]}\n"
            "W₂h needs the row (w₅ w₆), 1×2, as here; y is A1's."
        )
    raise AssertionError("a column times a vector of two")


CASES = [
    Case(
        "A1",
        "The 2-2-1 network with σ (lecture 0): saturated, so its gradients vanish",
        SCALARS.format(f="σ"),
        {
            **weights(0.2, 0.4, -0.5, 0.3, 1, -1.5),
            "b1": 0.1,
            "b2": -0.1,
            "b3": 0.5,
            "x1": 70,
            "x2": 1.75,
        },
        parameters=PARAMETERS,
        remark="With more digits h₁ = 0.99999963, h₂ = 9.6e−16 and y = 0.8176: both hidden units are\n"
        "saturated, and the gradients of w₁ … w₄ have the size of h₁(1 − h₁) and h₂(1 − h₂).",
    ),
    Case(
        "A2",
        "The 2-2-1 network with ReLU (lecture 0, exercise): one unit at the kink",
        SCALARS.format(f="relu"),
        {
            **weights(-0.2, 1, -0.5, 0.3, -1, 0),
            "b1": 1,
            "b2": -0.2,
            "b3": 0.5,
            "x1": 20,
            "x2": 3,
        },
        parameters=PARAMETERS,
    ),
    Case(
        "A3",
        "The network of A1 in matrix form (lecture 0, which prints W₂ as 2×1)",
        """
        x: (2); W₁: (2, 2); b: (2); W₂: (1, 2); b₃: (1)
        h = σ(W₁x + b)
        y = σ(W₂h + b₃)
        """,
        {
            "x": [70, 1.75],
            "W1": [[0.2, 0.4], [-0.5, 0.3]],
            "b": [0.1, -0.1],
            "W2": [[1, -1.5]],
            "b3": [0.5],
        },
        parameters=["W1", "b", "W2", "b3"],
        remark=as_printed,
    ),
    Case(
        "zero",
        "All weights 0: the hidden gradients are 0, the output's are not (lecture 1)",
        """
        x: (2); W₁: (2, 2); b₁: (2); W₂: (1, 2); b₂: (1); y: (1)
        h = σ(W₁x + b₁)
        ŷ = σ(W₂h + b₂)
        L = sum((y − ŷ)²)/2
        """,
        {
            "x": [0.5, -1],
            "W1": [[0, 0], [0, 0]],
            "b1": [0, 0],
            "W2": [[0, 0]],
            "b2": [0],
            "y": [1],
        },
        parameters=["W1", "b1", "W2", "b2"],
        remark="Lecture 1 says that with all weights 0 the gradients are exactly 0 always. That holds\n"
        "for the hidden layer: ∂L/∂W₁ = 0, since W₂ᵀ = 0. The output layer's are −0.0625 each:\n"
        "it learns, and its weights stay equal to each other, so the hidden units do as well.\n"
        "What all-zero weights keep is the symmetry; random ones break it.",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
