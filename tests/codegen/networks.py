"""Networks that several tests compile."""

from __future__ import annotations

from itertools import pairwise

import graphnn as gnn


def neuron() -> gnn.Graph:
    """One neuron with a squared error: a = σ(wx + b)."""
    w, b, x, y = gnn.parameter("w"), gnn.parameter("b"), gnn.input("x"), gnn.input("y")
    return gnn.Graph({"L": (y - gnn.sigmoid(w * x + b)) ** 2 / 2})


def mlp(*sizes: int, dtype: str = "float64", lr: float = 0.1) -> gnn.Graph:
    """A perceptron with ReLU between its layers, softmax cross-entropy, and gradient descent."""
    x = gnn.input("x", ("B", sizes[0]), dtype)
    y = gnn.input("y", ("B", sizes[-1]), dtype)
    h = x
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        W = gnn.parameter(f"W{k}", (fan_out, fan_in), dtype)
        b = gnn.parameter(f"b{k}", (fan_out,), dtype)
        z = gnn.name(f"z{k}", h @ W.T + b)
        h = gnn.name(f"h{k}", gnn.relu(z)) if k < len(sizes) - 1 else z
    loss = gnn.mean(-gnn.sum(y * gnn.log_softmax(h), axis=1))
    return gnn.sgd({"L": loss}, lr)
