"""The networks that pictures are tested on: name → the arguments of `viz.draw`."""

from collections.abc import Callable
from typing import Any

import numpy as np

import graphnn as gnn


def neuron() -> dict[str, Any]:
    x, w, b, y = gnn.input("x"), gnn.parameter("w"), gnn.parameter("b"), gnn.input("y")
    z = gnn.name("z", w * x + b)
    a = gnn.name("a", gnn.sigmoid(z))
    L = gnn.name("L", (y - a) ** 2 / 2)
    at = {"x": 1.5, "w": 0.8, "b": -0.5, "y": 1}
    return {"thing": L, "at": at, "wrt": ["x", "w", "b"], "title": "One neuron"}


def symbols() -> dict[str, Any]:
    return neuron() | {"at": None}


def matrices() -> dict[str, Any]:
    x, y = gnn.input("x", 2), gnn.input("y")
    W1, b1 = gnn.parameter("W1", (2, 2)), gnn.parameter("b1", 2)
    W2, b2 = gnn.parameter("W2", (1, 2)), gnn.parameter("b2", 1)
    z1 = gnn.name("z1", W1 @ x + b1)
    h = gnn.name("h", gnn.sigmoid(z1))
    z2 = gnn.name("z2", W2 @ h + b2)
    y_hat = gnn.name("ŷ", gnn.sigmoid(z2))
    L = gnn.name("L", gnn.sum((y - y_hat) ** 2 / 2))
    at = {
        "x": [0.5, -1],
        "y": 1,
        "W1": [[0.1, 0.4], [-0.3, 0.2]],
        "b1": [0.1, 0],
        "W2": [[0.7, -0.5]],
        "b2": [0.2],
    }
    return {"thing": L, "at": at, "title": "Two layers, one sample"}


def softmax() -> dict[str, Any]:
    z, y = gnn.input("z", 3), gnn.input("y", 3)
    p = gnn.name("p", gnn.softmax(z))
    L = gnn.name("L", -gnn.sum(y * gnn.log(p)))
    return {"thing": L, "at": {"z": [1, 2, 0.5], "y": [0, 1, 0]}, "wrt": "z"}


def twice() -> dict[str, Any]:
    x, y = gnn.input("x"), gnn.input("y")
    return {"thing": {"f": x * y + gnn.sin(x)}, "at": {"x": 2, "y": 3}}


def layers() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sizes = [8, 16, 16, 12, 4]
    h, y = gnn.input("x", ("B", 8)), gnn.input("y", ("B", 4))
    at = {"x": rng.normal(size=(5, 8)), "y": rng.normal(size=(5, 4))}
    for k in range(1, 5):
        with gnn.scope(f"layer {k}"):
            W, b = (
                gnn.parameter(f"W{k}", (sizes[k], sizes[k - 1])),
                gnn.parameter(f"b{k}", sizes[k]),
            )
            at |= {f"W{k}": rng.normal(size=W.shape), f"b{k}": rng.normal(size=b.shape)}
            z = gnn.name(f"z{k}", h @ W.T + b)
            h = gnn.name(f"h{k}", gnn.relu(z)) if k < 4 else z
    return {"thing": gnn.name("L", gnn.mean((h - y) ** 2)), "at": at, "title": "An MLP"}


def residual() -> dict[str, Any]:
    x, w = gnn.input("x"), gnn.parameter("w")
    with gnn.scope("encoder"):
        with gnn.scope("block 1"):
            h = gnn.name("h", gnn.tanh(w * x))
        with gnn.scope("block 2"):
            g = gnn.name("g", h + gnn.sin(h) * w)
    L = gnn.name("L", (g - h) ** 2 + gnn.exp(-x) * h)
    return {"thing": L, "at": {"x": 0.3, "w": 1.2}, "title": "Residual"}


def recurrent() -> dict[str, Any]:
    wx, wh, wo = gnn.parameter("w_x"), gnn.parameter("w_h"), gnn.parameter("w_o")
    h, E = gnn.input("h0"), None
    for t in (1, 2, 3):
        h = gnn.name(f"h{t}", gnn.tanh(wx * gnn.input(f"x{t}") + wh * h))
        o = gnn.name(f"o{t}", wo * h)
        e = gnn.name(f"E{t}", (gnn.input(f"y{t}") - o) ** 2 / 2)
        E = e if E is None else E + e
    return {"thing": gnn.name("E", E), "at": None}


def wide() -> dict[str, Any]:
    leaves = [gnn.parameter(f"θ{k}") for k in range(9)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = total + leaf
    at = {f"θ{k}": k / 7 for k in range(9)}
    return {"thing": gnn.name("total", total * total), "at": at, "detail": "ops"}


def forward_only() -> dict[str, Any]:
    x, W = gnn.input("x", ("B", 3)), gnn.parameter("W_hh", (2, 3))
    with gnn.scope("<script>alert('no')</script>"):
        z = gnn.name("z", x @ W.T)
    outputs = {"p": gnn.softmax(z, axis=1), "größe": gnn.sum(z, axis=1)}
    return {"thing": gnn.Graph(outputs), "at": {"x": np.ones((2, 3)), "W_hh": np.eye(2, 3)}}


def branches() -> dict[str, Any]:
    """A residual block: a matrix is used twice, and is too large to be written out."""
    rng = np.random.default_rng(1)
    X, W = gnn.parameter("X_hat", (5, 6)), gnn.parameter("W_hh", (6, 6))
    h = gnn.name("θ1", gnn.tanh(X @ W.T))
    L = gnn.name("loss", gnn.sum((X + h) ** 2))
    return {"thing": L, "at": {"X_hat": rng.normal(size=(5, 6)), "W_hh": rng.normal(size=(6, 6))}}


def normalisation() -> dict[str, Any]:
    x = gnn.parameter("x", 7)
    c = gnn.name("c", x - gnn.name("μ", gnn.mean(x)))
    y = gnn.name("y", c / gnn.sqrt(gnn.mean(c**2) + 0.001))
    return {"thing": gnn.name("L", gnn.sum(y**3)), "at": {"x": np.arange(7.0) ** 2}}


def attention() -> dict[str, Any]:
    rng = np.random.default_rng(2)
    X = gnn.parameter("X", (2, 3))
    at = {"X": rng.normal(size=(2, 3))}
    projected = []
    for name in ("q", "key", "v"):
        W = gnn.parameter(f"W_{name}", (3, 3))
        at[f"W_{name}"] = rng.normal(size=(3, 3))
        projected.append(gnn.name(name, X @ W.T))
    q, k, v = projected
    A = gnn.name("A", gnn.softmax(q @ k.T / 2, axis=1))
    return {"thing": gnn.name("L", gnn.sum((A @ v + X) ** 2)), "at": at}


NETWORKS: dict[str, Callable[[], dict[str, Any]]] = {
    made.__name__: made
    for made in (
        neuron, symbols, matrices, softmax, twice, layers, residual, recurrent, wide, forward_only,
        branches, normalisation, attention,
    )
}  # fmt: skip
