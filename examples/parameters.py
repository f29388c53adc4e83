"""How many parameters a network has: its summary, a row for each statement.

A dense layer of M units on D inputs has M×(D + 1) (lecture 1); the networks are those of lecture 2.
The picture is the network's. Run it: `python examples/parameters.py`.
"""

from dataclasses import dataclass

from lecture_case import Case, main


@dataclass(frozen=True)
class Counted(Case):
    """A network that is summed up, not derived."""

    derived: bool = False

    def summary(self):
        """Its table of statements, shapes and parameters."""
        import graphnn as gnn

        return gnn.summary(self.program().graph)

    def page(self, digits=None):
        """Title, table and remark."""
        return f"{self.name}  {self.title}\n\n{self.summary()}\n\n{self.remark}\n"


CASES = [
    Counted(
        "A22",
        "A dense layer: M units on D inputs have M×(D + 1) parameters (lecture 1)",
        """
        x: (D); W: (M, D); b: (M)
        z = W x + b
        a = σ(z)
        """,
        parameters=["W", "b"],
        remark="W has M·D, b has M more: M·D + M = M(D + 1).",
    ),
    Counted(
        "A22-MLP",
        "20 inputs, 100 hidden units, one output: 100·21 + 1·101 (lecture 2)",
        """
        x: (N, 20); W₁: (100, 20); b₁: (100); W₂: (1, 100); b₂: (1)
        h = relu(x W₁ᵀ + b₁)
        ŷ = σ(h W₂ᵀ + b₂)
        """,
        parameters=["W1", "b1", "W2", "b2"],
        remark="N rows at once: the number of examples is no part of the count.",
    ),
    Counted(
        "A22-deep",
        "Hidden layers of 100 and 50 units: 100·21 + 50·101 + 1·51 (lecture 2)",
        """
        x: (N, 20); W₁: (100, 20); b₁: (100); W₂: (50, 100); b₂: (50); W₃: (1, 50); b₃: (1)
        h₁ = relu(x W₁ᵀ + b₁)
        h₂ = relu(h₁ W₂ᵀ + b₂)
        ŷ = σ(h₂ W₃ᵀ + b₃)
        """,
        parameters=["W1", "b1", "W2", "b2", "W3", "b3"],
        remark="The second hidden layer holds most of them, though it has half the units.",
    ),
    Counted(
        "D6",
        "The CNN on 64×64×3 images: 1,626,442 parameters (lecture 2)",
        """
        x: (N, 64, 64, 3); K₁: (3, 3, 3, 32); b₁: (32); K₂: (3, 3, 32, 64); b₂: (64)
        W₃: (128, 12544); b₃: (128); W₄: (10, 128); b₄: (10)
        z₁ = conv2d(K₁, x) + b₁
        h₁ = maxpool(relu(z₁))
        z₂ = conv2d(K₂, h₁) + b₂
        h₂ = maxpool(relu(z₂))
        f = reshape(h₂, (−1, 12544))
        h₃ = relu(f W₃ᵀ + b₃)
        p = softmax(h₃ W₄ᵀ + b₄)
        """,
        parameters=["K1", "b1", "K2", "b2", "W3", "b3", "W4", "b4"],
        remark="A filter of 3×3 on 3 channels has 27 weights and a bias, 32 of them 896. The first\n"
        "dense layer reads 14·14·64 = 12544 numbers and holds 99 % of the parameters.",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
