"""Backpropagation by hand: one training example, every gradient, every updated weight.

Lecture 4 sets the exercise ("numerical 1"): the example (1, 0, 1) with the target 1, no biases.
Its figure is lost, so the network (3-2-1, sigmoids), its weights and the rate are ours.
Run it: `python examples/backpropagation.py`.
"""

from lecture_case import Case, main

NETWORK = """
    z₁ = w₁·x₁ + w₂·x₂ + w₃·x₃
    h₁ = σ(z₁)
    z₂ = w₄·x₁ + w₅·x₂ + w₆·x₃
    h₂ = σ(z₂)
    z₃ = w₇·h₁ + w₈·h₂
    ŷ = σ(z₃)
    L = (y − ŷ)²/2
"""
WEIGHTS = (0.2, 0.4, -0.5, -0.3, 0.1, 0.2, -0.3, -0.2)
RATE = 0.9
AT = {"x1": 1, "x2": 0, "x3": 1, "y": 1, **{f"w{k}": w for k, w in enumerate(WEIGHTS, 1)}}
MATRICES = {"x": [1, 0, 1], "y": [1], "W": [WEIGHTS[:3], WEIGHTS[3:6]], "V": [WEIGHTS[6:]]}


def after(case):
    """The error before the step and after it."""
    import graphnn as gnn

    made = case.derivation()
    loss = case.program().loss
    moved = {s.statement: s.value for s in made.steps if s.kind == "update"}
    before, then = (float(gnn.evaluate(loss, at)) for at in (case.at, {**case.at, **moved}))
    return (
        "x₂ = 0, so the weights that carry it, w₂ and w₅, do not move.\n"
        f"After the step the error is {then:.4f}; it was {before:.4f}."
    )


CASES = [
    Case(
        "A21",
        "Numerical 1: all gradients and one step (lecture 4; its figure is lost: our weights)",
        NETWORK,
        AT,
        parameters=[f"w{k}" for k in range(1, 9)],
        lr=RATE,
        given="The input (1, 0, 1), the target 1 and no bias are the lecture's. Its figure with the\n"
        "weights is lost: the weights, the layers (3-2-1) and the rate 0.9 are ours.",
        remark=after,
    ),
    Case(
        "matrices",
        "The same step in two matrices: ∂L/∂W is δ xᵀ, and its second column is 0",
        """
        x: (3); y: (1); W: (2, 3); V: (1, 2)
        h = σ(W x)
        ŷ = σ(V h)
        L = sum((y − ŷ)²)/2
        """,
        {name: [list(r) if isinstance(r, tuple) else r for r in v] for name, v in MATRICES.items()},
        parameters=["W", "V"],
        lr=RATE,
        remark="The numbers are A21's: w₁ … w₆ are the rows of W, w₇ and w₈ are V.",
    ),
    Case(
        "one-path",
        "One weight alone: ∂L/∂w₁, the chain from the error back to it",
        NETWORK,
        AT,
        wrt="w1",
        remark="One factor a step: the error, σ′ of the output, w₇, σ′ of the hidden unit, x₁.",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
