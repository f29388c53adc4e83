"""Forward mode and reverse mode on one graph, with the work that each does.

Lecture 1 (section F) says that forward mode goes from inside to outside and reverse mode from
outside to inside. Which is cheaper depends on the shape: a pass of the one serves one input, a pass
of the other one output. Run it: `python examples/modes.py`.
"""

from dataclasses import dataclass

from lecture_case import Case, main


@dataclass(frozen=True)
class BothModes(Case):
    """A case whose derivation has both modes side by side."""

    def derivation(self, digits=None):
        """Tangents beside cotangents, and what they cost."""
        import graphnn as gnn

        graph = self.program().graph
        return gnn.derive(graph, self.wrt, self.at, mode="both", digits=digits or self.digits)


CASES = [
    BothModes(
        "layers",
        "h = σ(W h + b), then a loss: many inputs, one output (lecture 1)",
        """
        u = W₁ x + b₁
        h = σ(u)
        v = W₂ h
        L = sum((y − v)²)/2
        """,
        {
            "W1": [[0.1, 0.4], [-0.3, 0.2]],
            "x": [0.5, -1],
            "b1": [0.1, 0],
            "W2": [[0.7, -0.5]],
            "y": [1],
        },
        parameters=["W1", "b1", "W2"],
    ),
    BothModes(
        "outputs",
        "The same layer by one input: one input, many outputs",
        """
        u = w·t + b
        h = σ(u)
        """,
        {"w": [0.1, -0.3, 0.8], "t": 0.5, "b": [0.1, 0, -0.2]},
        wrt="t",
    ),
    BothModes(
        "twice",
        "A value used twice: f = x·y + sin(x)",
        "f = x*y + sin(x)",
        {"x": 2, "y": 3},
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
