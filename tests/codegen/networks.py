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


def regression() -> gnn.Graph:
    """The lectures' perceptron for regression: 20-100-50-1, squared error."""
    x, y = gnn.input("x", ("B", 20)), gnn.input("y", ("B", 1))
    h = x
    for k, (fan_in, fan_out) in enumerate(pairwise((20, 100, 50, 1)), start=1):
        W, b = gnn.parameter(f"W{k}", (fan_out, fan_in)), gnn.parameter(f"b{k}", (fan_out,))
        z = gnn.name(f"z{k}", h @ W.T + b)
        h = gnn.name(f"h{k}", gnn.relu(z)) if k < 3 else z
    return gnn.sgd({"L": gnn.mean((y - h) ** 2)}, 0.01)


def cnn(n: int = 64, channels: int = 3, filters: tuple[int, int] = (32, 64)) -> gnn.Graph:
    """The lectures' network for images: two convolutions with pooling, two dense layers."""
    x, y = gnn.input("x", ("B", n, n, channels)), gnn.input("y", ("B", 10))
    h = x
    for k, count in enumerate(filters, start=1):
        K = gnn.parameter(f"K{k}", (3, 3, channels, count))
        b = gnn.parameter(f"b{k}", (count,))
        a = gnn.name(f"a{k}", gnn.relu(gnn.conv2d(K, h) + b))
        h, channels = gnn.name(f"p{k}", gnn.maxpool(a, k=2)), count
    side = ((n - 2) // 2 - 2) // 2
    h = gnn.name("f", gnn.reshape(h, ("B", side * side * channels)))
    for k, (fan_in, fan_out) in enumerate(pairwise((side * side * channels, 128, 10)), start=3):
        W, b = gnn.parameter(f"W{k}", (fan_out, fan_in)), gnn.parameter(f"b{k}", (fan_out,))
        h = h @ W.T + b
        h = gnn.name(f"a{k}", gnn.relu(h)) if k == 3 else gnn.name("z", h)
    return gnn.sgd({"L": gnn.mean(gnn.cross_entropy_with_logits(y, h))}, 0.01)
