"""The networks of the lectures (rows A1–A24, D3, D6, D10, D13) as arguments of `viz.draw`.

The text of a row is short: rows that work a number out by hand draw what was worked out, with its
numbers. The examples print the derivations of the same rows; here only pictures are judged.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import graphnn as gnn

SCALARS = "; ".join(
    (
        "z₁ = w₁·x₁ + w₂·x₂ + b₁", "h₁ = {f}(z₁)", "z₂ = w₃·x₁ + w₄·x₂ + b₂", "h₂ = {f}(z₂)",
        "z₃ = w₅·h₁ + w₆·h₂ + b₃", "y = {f}(z₃)",
    )
)  # fmt: skip
PARAMETERS = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")
IMAGE = [
    [1, 0, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 1, 0, 0],
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 0, 1, 0],
]
FILTER_1 = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
FEATURES = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 3, 1], [0, 1, 5, 2]]
WINDOW = "y[i,j] max= x[2i+u,2j+v] for u < 2, v < 2"
CORRELATION = "z[i,j] += K[u,v]*x[i+u,j+v]"


def row(
    text: str, at: dict[str, Any] | None = None, parameters: tuple[str, ...] = (), **options: Any
) -> dict[str, Any]:
    """The drawing of a text with values; shapes are the values' own."""
    shapes = {name: np.shape(value) for name, value in (at or {}).items()}
    program = gnn.parse(text, shapes, parameters)
    return {"thing": program.graph, "at": at, **options}


def two_two_one(f: str, values: tuple[float, ...], x: tuple[float, float]) -> dict[str, Any]:
    at = dict(zip(PARAMETERS, values, strict=True)) | {"x1": x[0], "x2": x[1]}
    return row(SCALARS.format(f=f), at, PARAMETERS)


SATURATED = (0.2, 0.4, -0.5, 0.3, 1, -1.5, 0.1, -0.1, 0.5)


def a03() -> dict[str, Any]:
    at = {
        "x": [70, 1.75], "W1": [[0.2, 0.4], [-0.5, 0.3]], "b": [0.1, -0.1],
        "W2": [[1, -1.5]], "b3": [0.5],
    }  # fmt: skip
    return row("h = σ(W₁x + b); y = σ(W₂h + b₃)", at, ("W1", "b", "W2", "b3"))


def a05() -> dict[str, Any]:
    at = {"x1": 0.5, "x2": 0.85, "y": 1.2, "w1": 0.4, "w2": 0.6, "b": 0.2}
    text = "z = w₁·x₁ + w₂·x₂ + b; ŷ = σ(z); L = (y − ŷ)²/2"
    return row(text, at, ("w1", "w2", "b"))


def a09() -> dict[str, Any]:
    at = {"w": [0.2, 0.3, 0.9], "b": 0.5, "x": [0.5, 0.6, 0.1]}
    return row("z = wᵀ x + b; y = σ(z)", at, ("w", "b"))


def a18() -> dict[str, Any]:
    """Sizes alone: three convolutions of a 39×39×3 image, and a flattening."""
    x = gnn.input("x", (1, 39, 39, 3))
    K1, K2, K3 = (
        gnn.parameter(f"K{k}", shape)
        for k, shape in enumerate([(3, 3, 3, 10), (5, 5, 10, 20), (5, 5, 20, 40)], 1)
    )
    z1 = gnn.name("z1", gnn.conv2d(K1, x))
    z2 = gnn.name("z2", gnn.conv2d(K2, z1, s=2))
    z3 = gnn.name("z3", gnn.conv2d(K3, z2, s=2))
    return {"thing": gnn.name("f", gnn.reshape(z3, (1, 1960)))}


def a19() -> dict[str, Any]:
    x = np.arange(36).reshape(6, 6) % 7
    text = f"{CORRELATION}; p[i,j] += z[2i+u,2j+v]/4 for u < 2, v < 2"
    return row(text, {"K": [[1, 0, 1]] * 3, "x": x}, ("K",))


def a20() -> dict[str, Any]:
    x = np.arange(36).reshape(6, 6) % 16
    text = f"{CORRELATION}; p[i,j] max= z[i+u,j+v] for u < 3, v < 3"
    return row(text, {"K": np.eye(3), "x": x}, ("K",))


def a21() -> dict[str, Any]:
    text = (
        "z₁ = w₁·x₁ + w₂·x₂ + w₃·x₃; h₁ = σ(z₁); z₂ = w₄·x₁ + w₅·x₂ + w₆·x₃; h₂ = σ(z₂); "
        "z₃ = w₇·h₁ + w₈·h₂; ŷ = σ(z₃); L = (y − ŷ)²/2"
    )
    names = tuple(f"w{k}" for k in range(1, 9))
    weights = (0.2, 0.4, -0.5, -0.3, 0.1, 0.2, -0.3, -0.2)
    at = dict(zip(names, weights, strict=True)) | {"x1": 1, "x2": 0, "x3": 1, "y": 1}
    return row(text, at, names)


def a23() -> dict[str, Any]:
    text = "J = mean(−(y ⊙ log(f) + (1 − y) ⊙ log(1 − f)))"
    return row(text, {"f": [0.1, 0.8, 0.6], "y": [1, 0, 1]}, wrt="f")


def a23_squared() -> dict[str, Any]:
    return row("J = mean((y − f)²)", {"f": [30, 80, 85], "y": [90, 20, 95]}, wrt="f")


def a24() -> dict[str, Any]:
    at = {"K": [[0, -1, 0], [-1, 4, -1], [0, -1, 0]], "x": np.arange(64.0).reshape(8, 8)}
    return row(CORRELATION, at)


def mlp(hidden: int = 3) -> dict[str, Any]:
    """D3: an MLP with `hidden` layers, one scope each, and softmax with its cross-entropy."""
    sizes = [6, *range(8, 8 + hidden), 3]
    h, y = gnn.input("x", ("B", 6)), gnn.input("y", ("B", 3))
    for k in range(1, hidden + 2):
        with gnn.scope(f"layer {k}"):
            W = gnn.parameter(f"W{k}", (sizes[k], sizes[k - 1]))
            b = gnn.parameter(f"b{k}", (sizes[k],))
            z = gnn.name(f"z{k}", h @ W.T + b)
            h = gnn.name(f"h{k}", gnn.sigmoid(z)) if k <= hidden else z
    p = gnn.name("p", gnn.softmax(h, axis=1))
    return {"thing": gnn.name("L", -gnn.sum(y * gnn.log(p)) / 4), "title": "A deep network"}


def cnn() -> dict[str, Any]:
    """D6: two convolutions with pooling, two dense layers, softmax."""
    h, y = gnn.input("x", ("B", 64, 64, 3)), gnn.input("y", ("B", 10))
    channels = 3
    for k, size in enumerate((32, 64), 1):
        with gnn.scope(f"conv {k}"):
            K, b = gnn.parameter(f"K{k}", (3, 3, channels, size)), gnn.parameter(f"b{k}", (size,))
            z = gnn.name(f"z{k}", gnn.conv2d(K, h) + b)
            h = gnn.name(f"h{k}", gnn.maxpool(gnn.relu(z)))
        channels = size
    h = gnn.name("f", gnn.reshape(h, ("B", 14 * 14 * 64)))
    for k, (n, m) in enumerate(((12544, 128), (128, 10)), 3):
        with gnn.scope(f"dense {k - 2}"):
            W, b = gnn.parameter(f"W{k}", (m, n)), gnn.parameter(f"b{k}", (m,))
            z = gnn.name(f"z{k}", h @ W.T + b)
            h = gnn.name(f"h{k}", gnn.relu(z) if k == 3 else gnn.softmax(z, axis=1))
    return {"thing": gnn.name("L", -gnn.mean(gnn.sum(y * gnn.log(h), axis=1))), "title": "A CNN"}


def lstm() -> dict[str, Any]:
    """D10: one step of an LSTM, in the concatenated form."""
    x, h, c = gnn.input("x", 3), gnn.input("h0", 4), gnn.input("c0", 4)
    hx = gnn.name("v", gnn.concat([h, x], axis=0))
    gates = {}
    for gate, f in (("f", gnn.sigmoid), ("i", gnn.sigmoid), ("g", gnn.tanh), ("o", gnn.sigmoid)):
        W, b = gnn.parameter(f"W_{gate}", (4, 7)), gnn.parameter(f"b_{gate}", 4)
        gates[gate] = gnn.name(gate, f(W @ hx + b))
    c1 = gnn.name("c1", gates["f"] * c + gates["i"] * gates["g"])
    h1 = gnn.name("h1", gates["o"] * gnn.tanh(c1))
    return {"thing": gnn.name("L", gnn.sum(h1**2) / 2), "title": "One step of an LSTM"}


def attention() -> dict[str, Any]:
    """D13: dot-product attention over the states H, and the output of one decoder step."""
    H, s = gnn.input("H", ("T", 4)), gnn.input("s", 4)
    y, W, b = gnn.input("y", 5), gnn.parameter("W", (5, 8)), gnn.parameter("b", 5)
    e = gnn.name("e", H @ s)
    weights = gnn.name("α", gnn.softmax(e))
    context = gnn.name("c", H.T @ weights)
    p = gnn.name("p", gnn.softmax(W @ gnn.name("v", gnn.concat([s, context], axis=0)) + b))
    return {"thing": gnn.name("L", -gnn.sum(y * gnn.log(p))), "title": "Attention"}


def recurrent(steps: int = 4) -> dict[str, Any]:
    """D9: a recurrent network, unrolled; every step reads the same three weights."""
    names = ("w_x", "w_h", "w_o", "b_h")
    lines, errors = [], []
    for t in range(1, steps + 1):
        lines.append(f"h{t} = tanh(w_x x{t} + w_h h{t - 1} + b_h); o{t} = w_o h{t}")
        lines.append(f"E{t} = (y{t} − o{t})²/2")
        errors.append(f"E{t}")
    text = "; ".join([*lines, f"E = {' + '.join(errors)}"])
    at = {"w_x": 0.5, "w_h": 0.8, "w_o": 1.2, "b_h": 0.1, "h0": 0}
    at |= {f"x{t}": (1, -0.5, 0.25, 2)[t % 4] for t in range(1, steps + 1)}
    at |= {f"y{t}": (0.3, 0.4, -0.2, 0.1)[t % 4] for t in range(1, steps + 1)}
    return row(text, at, names)


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "A01": lambda: two_two_one("σ", SATURATED, (70, 1.75)),
    "A02": lambda: two_two_one("relu", (-0.2, 1, -0.5, 0.3, -1, 0, 1, -0.2, 0.5), (20, 3)),
    "A03": a03,
    "A04": lambda: row(
        "z = w·x + b; ŷ = σ(z); L = (y − ŷ)²/2", {"x": 2, "y": 1, "w": 0.5, "b": 0}, ("w", "b")
    ),
    "A05": a05,
    "A06": lambda: row("z = 1 + 5·x₁ − 3·x₂; ŷ = σ(z)", {"x1": -3, "x2": 2}),
    "A07": lambda: row(
        "z = w₁·x₁ + w₂·x₂ + b; y = step(z)",
        {"w1": 0.5, "w2": -0.6, "b": 0.2, "x1": 1, "x2": 2},
        ("w1", "w2", "b"),
    ),
    "A08": lambda: row(
        "z = w₁·x₁ + w₂·x₂ + b; y = step(z)",
        {"w1": 0.5, "w2": -1, "b": 0.5, "x1": 2, "x2": 3},
        ("w1", "w2", "b"),
    ),
    "A09": a09,
    "A10": lambda: row("a = σ(z); L = −(y·log(a) + (1 − y)·log(1 − a))", wrt="z"),
    "A11": lambda: row("y = relu(x)", {"x": [[5, -10], [-3, 7]]}),
    "A12": lambda: row(WINDOW, {"x": FEATURES}),
    "A13": lambda: {
        "thing": gnn.name("y", gnn.reshape(gnn.input("x", (4, 4)), (16,))),
        "at": {"x": [[1, 0, 2, 3], [4, 6, 5, 2], [0, 1, 3, 1], [5, 2, 2, 0]]},
    },
    "A14": lambda: row(
        CORRELATION, {"K": [[1, 0, -1]] * 2, "x": np.arange(10, 260, 10).reshape(5, 5)}, ("K",)
    ),
    "A15": lambda: row(CORRELATION, {"K": FILTER_1, "x": IMAGE}, ("K",)),
    "A16": lambda: row(f"{CORRELATION}; {WINDOW.replace('x', 'z').replace('maz', 'max')}",
                       {"K": FILTER_1, "x": IMAGE}, ("K",)),
    "A17": lambda: row("x: (12, 12); K: (3, 3); " + CORRELATION, None, ("K",)),
    "A18": a18,
    "A19": a19,
    "A20": a20,
    "A21": a21,
    "A22": lambda: row("x: (D); W: (M, D); b: (M); z = W x + b; a = σ(z)", None, ("W", "b")),
    "A23": a23,
    "A23b": a23_squared,
    "A24": a24,
}  # fmt: skip

LARGER: dict[str, Callable[[], dict[str, Any]]] = {
    "D03": mlp, "D06": cnn, "D09": recurrent, "D10": lstm, "D13": attention,
}  # fmt: skip
