"""The six cases of the reference, as text, with their numbers."""

from dataclasses import dataclass, field
from typing import Any

import graphnn as gnn


@dataclass(frozen=True)
class Case:
    """A network as text, the values it is derived at, and what is asked for."""

    text: str
    at: dict
    wrt: Any = None
    shapes: dict = field(default_factory=dict)
    parameters: tuple = ()
    assume: tuple = ()
    cotangent: Any = None

    def derive(self, **options):
        """The derivation, with further options."""
        program = gnn.parse(self.text, shapes=self.shapes, parameters=self.parameters)
        given = {"assume": self.assume, "cotangent": self.cotangent, **options}
        return gnn.derive(program.graph, self.wrt, given.pop("at", self.at), **given)


neuron = Case(
    "z = w*x + b; a = sigmoid(z); L = (y - a)**2 / 2",
    {"x": 2, "y": 1, "w": 0.5, "b": 0},
    "w",
)
twice = Case("f = x*y + sin(x)", {"x": 2, "y": 3})
hidden_layer = Case(
    "z1 = W1 x + b1; h = σ(z1); z2 = W2 h + b2; ŷ = σ(z2); L = sum((y − ŷ)²/2)",
    {
        "x": [0.5, -1],
        "y": [1],
        "W1": [[0.1, 0.4], [-0.3, 0.2]],
        "b1": [0.1, 0],
        "W2": [[0.7, -0.5]],
        "b2": [0.2],
    },
    shapes={"x": (2,), "y": (1,), "W1": (2, 2), "b1": (2,), "W2": (1, 2), "b2": (1,)},
    parameters=("W1", "b1", "W2", "b2"),
)
softmax = Case(
    "p = softmax(z); L = −sum(y ⊙ log(p))",
    {"z": [1, 2, 0.5], "y": [0, 1, 0]},
    "z",
    shapes={"z": (3,), "y": (3,)},
    assume=("sum(y)=1",),
)
convolution = Case(
    "z[i,j] = Σ_{u,v} K[u,v] x[i+u, j+v]",
    {"K": [[1, 0], [0, -1]], "x": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
    shapes={"K": (2, 2), "x": (3, 3)},
    cotangent=[[1, 2], [0, -1]],
)
two_steps = Case(
    "h1 = tanh(w_x x1 + w_h h0); o1 = w_o h1; h2 = tanh(w_x x2 + w_h h1); o2 = w_o h2; "
    "E1 = (y1 − o1)²/2; E2 = (y2 − o2)²/2; E = E1 + E2",
    {
        "w_x": 0.5, "w_h": 0.8, "w_o": 1.2, "h0": 0, "x1": 1, "x2": -0.5, "y1": 0.3, "y2": 0.4,
    },
    "w_x",
)  # fmt: skip

CASES = {
    "one neuron": neuron,
    "a value used twice": twice,
    "two layers": hidden_layer,
    "softmax": softmax,
    "convolution": convolution,
    "two steps in time": two_steps,
}
