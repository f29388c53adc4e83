"""A text as a graph: what it computes, its leaves, its outputs, how it is shown."""

import re

import numpy as np
import pytest

import graphnn as gnn
from graphnn.graph.statements import network


def value(text, /, **values):
    """What the last statement computes."""
    program = gnn.parse(text, {name: np.shape(v) for name, v in values.items()})
    return gnn.evaluate(program.loss, **values)


def shown(text, shapes=None, detail="statements"):
    """The statements as a reader sees them."""
    found = []
    for s in network(gnn.parse(text, shapes).graph, detail).statements:
        index = "" if not s.index else f"[{','.join(map(str, s.index))}]"
        found.append(f"{s.name}{index} = {s.written}")
    return found


def test_an_expression_without_a_name_is_f():
    program = gnn.parse("x*y + sin(x)")
    assert list(program.names) == ["f"]
    assert list(program.leaves) == ["x", "y"]
    assert value("x*y + sin(x)", x=2, y=3) == pytest.approx(6 + np.sin(2), rel=1e-15)


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("L = (y - sigmoid(w*x + b))^2/2", ["L = (y − σ(w·x + b))²/2"]),
        ("ŷ = σ(w·x + b); L = ½(y − ŷ)²", ["y_hat = σ(w·x + b)", "L = ½(y − ŷ)²"]),
        ("f = −y log a − (1 − y) log(1 − a)", ["f = −y·log(a) − (1 − y)·log(1 − a)"]),
        ("λ*sum(W^2)", ["f = λ·sum(W²)"]),
        ("lambda*sum(W^2)", ["f = λ·sum(W²)"]),
        ("1/3*x + 0.5 + 1e-3", ["f = ⅓·x + 0.5 + 0.001"]),
        ("x^(1+1) - x**-1", ["f = x² − x⁻¹"]),
        ("max(0, x) + leaky_relu(x, 0.1)", ["f = max(0, x) + leaky_relu(x, a=0.1)"]),
        ("L = (x - μ)/σ", ["L = (x − μ)/σ"]),
        ("z[i,j] += K[u,v]*x[i+u,j+v]", ["z[i,j] = Σ_{u,v} K[u, v]·x[i+u, j+v]"]),
        ("L = −Σ_i y[i] log p[i]", ["L = −Σ_i y[i]·log(p[i])"]),
        ("z[k] = Σ_m W[k,m] h[m] + b[k]", ["z[k] = Σ_m W[k, m]·h[m] + b[k]"]),
        ("h[k] = σ(Σ_m W[k,m] x[m])", ["h[k] = σ(Σ_m W[k, m]·x[m])"]),
        ("m[i] = max_{k} x[i,k]", ["m[i] = max_{k} x[i, k]"]),
        ("L = ½ Σ_i σ(b[i])²", ["L = ½·Σ_i σ(b[i])²"]),
        ("L = ∑_i b[i] + ∑_{i,j} K[i,j]", ["L = Σ_i b[i] + Σ_{i,j} K[i, j]"]),
        ("L = −2√x/√(x + 1) + log √σ(y)", ["L = −2·sqrt(x)/sqrt(x + 1) + log(sqrt(σ(y)))"]),
        (
            "c = x > 0; d = y > 0; where(c and d and x < 9, x, y)",
            [
                "c = x > 0",
                "d = y > 0",
                "f = where(c and d and x < 9, x, y)",
            ],
        ),
        ("android + forest·inner", ["f = android + forest·inner"]),
    ],
)
def test_statements_are_shown_as_they_were_typed(text, statements):
    assert shown(text) == statements


def test_the_two_layer_network():
    text = """
    W1: (2, 2); b1: (2); W2: (1, 2); b2: (1)   # shapes
    x: (2)
    z₁ = W₁x + b₁
    h = σ(z₁)
    ŷ = σ(W₂h + b₂)
    L = sum((y − ŷ)²)/2
    """
    assert shown(text) == [
        "z1 = W₁x + b₁", "h = σ(z₁)", "y_hat = σ(W₂h + b₂)", "L = sum((y − ŷ)²)/2",
    ]  # fmt: skip
    program = gnn.parse(text, parameters=["W1", "W2", "b1", "b2", "not there"])
    assert [h.name for h in program.graph.parameters] == ["W1", "b1", "W2", "b2"]
    loss = gnn.evaluate(
        program.loss,
        x=[0.5, -1], y=1, W1=[[0.1, 0.4], [-0.3, 0.2]], b1=[0.1, 0], W2=[[0.7, -0.5]], b2=[0.2],
    )  # fmt: skip
    assert loss == pytest.approx(0.0906, abs=1e-4)


RNG = np.random.default_rng(8)
K, X, W = RNG.normal(size=(2, 2)), RNG.normal(size=(4, 5)), RNG.normal(size=(3, 4))
H, B, P = RNG.normal(size=4), RNG.normal(size=3), RNG.uniform(0.1, 0.9, size=3)
Z = RNG.normal(size=(3, 4))


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def convolved():
    return [[sum(K[u, v] * X[i + u, j + v] for u in (0, 1) for v in (0, 1)) for j in range(4)] for i in range(3)]  # fmt: skip


def scattered():
    return [
        [
            sum(
                Z[p - u, q - v] * K[u, v]
                for u in (0, 1)
                for v in (0, 1)
                if 0 <= p - u < 3 and 0 <= q - v < 4
            )
            for q in range(5)
        ]
        for p in range(4)
    ]


TENSORS = [
    # between tensors · and juxtaposition are the matrix product, * and ⊙ element-wise
    ("W H + B", {"W": W, "H": H, "B": B}, W @ H + B),
    ("W·H", {"W": W, "H": H}, W @ H),
    ("W @ H", {"W": W, "H": H}, W @ H),
    ("B·B", {"B": B}, B @ B),
    ("B*B", {"B": B}, B * B),
    ("B ⊙ B", {"B": B}, B * B),
    ("Wᵀ B", {"W": W, "B": B}, W.T @ B),
    ("W.T B", {"W": W, "B": B}, W.T @ B),
    ("B Hᵀ", {"B": B, "H": H}, np.outer(B, H)),
    ("Bᵀ W H", {"B": B, "W": W, "H": H}, B @ W @ H),
    ("-2B/s", {"B": B, "s": 4.0}, -2 * B / 4),
    # indexing, literals, functions
    ("W[1:3, 0] + W[0, -1]", {"W": W}, W[1:3, 0] + W[0, -1]),
    ("W[::-1]", {"W": W}, W[::-1]),
    ("[1 2; 3 4] K + (1, 2)", {"K": K}, np.array([[1, 2], [3, 4]]) @ K + [1, 2]),
    ("v = (c, d, c*d); v[1] + sum(v)", {"c": 2.0, "d": 3.0}, 14.0),
    ("where(B > 0 and B < 1, B, 0)", {"B": B}, np.where((B > 0) & (B < 1), B, 0)),
    ("sum(W, axis=1) + mean(W, 1) + max(W; axis=1)", {"W": W}, W.sum(1) + W.mean(1) + W.max(1)),
    ("concat(B, H)", {"B": B, "H": H}, np.concatenate([B, H])),
    ("reshape(W, (2, 6))", {"W": W}, W.reshape(2, 6)),
    ("e^B + e + pi", {"B": B}, np.exp(B) + np.e + np.pi),
    ("E[t]", {"E": W, "t": [2, 0]}, W[[2, 0]]),
    # index notation
    ("z[i,j] += K[u,v]*x[i+u,j+v]", {"K": K, "x": X}, convolved()),
    ("z[k] = Σ_m W[k,m] h[m] + b[k]", {"W": W, "h": H, "b": B}, W @ H + B),
    ("a[k] = σ(Σ_m W[k,m] h[m] + b[k])", {"W": W, "h": H, "b": B}, sigmoid(W @ H + B)),
    ("a[n,k] = σ(Σ_m W[k,m] x[n,m] + b[k])", {"W": W, "x": Z, "b": B}, sigmoid(Z @ W.T + B)),
    ("a[k,n] = σ(Σ_m W[k,m] x[n,m] + b[k])", {"W": W, "x": Z, "b": B}, sigmoid(Z @ W.T + B).T),
    ("−Σ_i y[i] log p[i]", {"y": B, "p": P}, -np.sum(B * np.log(P))),
    ("Σ_i (Σ_j W[i,j] h[j] − b[i])²/2", {"W": W, "h": H, "b": B}, np.sum((W @ H - B) ** 2) / 2),
    ("log(Σ_i exp(b[i])) + sum(b^2)", {"b": B}, np.log(np.exp(B).sum()) + np.sum(B**2)),
    ("m[i] = max_{k} W[i,k]", {"W": W}, W.max(1)),
    ("m[i] max= W[i,k]", {"W": W}, W.max(1)),
    ("m[i] argmax= W[i,k]", {"W": W}, W.argmax(1)),
    ("q[i] = softmax(b)[i]*b[i]", {"b": B}, np.exp(B) / np.exp(B).sum() * B),
    ("Y[n,d] = E[t[n],d]*2", {"E": W, "t": [2, 0, 0]}, W[[2, 0, 0]] * 2),
    ("D[i,j] = δ_ij b[i] for j < size(b, 0)", {"b": B}, np.diag(B)),
    ("y[i] = s b[i] for i < size(b,0)", {"b": B, "s": 3.0}, 3 * B),
    ("G[p,q] = Σ_{i+u=p, j+v=q} z[i,j] K[u,v] for p < 4, q < 5", {"z": Z, "K": K}, scattered()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "expected"), TENSORS, ids=[t for t, _, _ in TENSORS])
def test_what_a_text_computes(text, values, expected):
    if text == "E[t]":
        text = "t: int64; " + text
    found = value(text, **values)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_shapes_follow_from_reads():
    program = gnn.parse("p = softmax(z); L = −Σ_i y[i] log p[i] + c")
    shapes = {name: str(h.shape) for name, h in program.leaves.items()}
    # y and p share a dimension, z has p's shape, c is a number
    assert shapes == {"z": "(z0,)", "y": "(z0,)", "c": "()"}


def test_a_declared_batch_takes_the_size_of_the_value():
    text = "x: (B, 2); y: (B); L = mean((x w − y)^2)"
    program = gnn.parse(text, {"x": (5, 2), "w": (2,)})
    assert program.leaves["y"].shape == (5,)
    symbolic = gnn.parse(text, {"w": (2,)})
    assert str(symbolic.leaves["x"].shape) == "(B, 2)"


def test_dtypes():
    program = gnn.parse("W: (3, 2) float32; ½W")
    assert program.loss.dtype == "float32"
    assert gnn.parse("x + 1").loss.dtype == "float64"
    assert gnn.parse("x + 1", dtype="float32").loss.dtype == "float32"
    # a tensor that is looked up holds integers
    assert gnn.parse("y[n,d] = E[t[n],d]").leaves["t"].dtype == "int64"


def test_outputs_are_what_nothing_else_uses():
    program = gnn.parse("z = w*x; a = σ(z); unused = z + 1; L = a^2")
    assert list(program.graph.outputs) == ["unused", "L"]
    assert program.loss.name == "L"


def test_sources():
    program = gnn.parse("z = w*x\n  L = z^2", file="net.txt")
    source = program.names["L"].source
    assert (source.file, source.line, source.column) == ("net.txt", 2, 3)
    assert program.leaves["x"].source.column == 7


def test_gradients_flow_through_index_notation():
    program = gnn.parse(
        "h[k] = σ(Σ_m W[k,m] x[m] + b[k]); L = ½ Σ_k (y[k] − h[k])²",
        {"W": (3, 4), "x": (4,), "b": (3,), "y": (3,)},
        ["W"],
    )
    values = {"W": W, "x": H, "b": B, "y": P}
    h = sigmoid(W @ H + B)
    expected = np.outer(-(P - h) * h * (1 - h), H)
    found = gnn.evaluate(gnn.grad(program.loss, "W"), **values)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_numbers_stay_exact():
    program = gnn.parse("f = 1/3*x + 0.1")
    (statement,) = network(program.graph, "statements").statements
    assert str(statement.written) == "⅓·x + 0.1"
    assert gnn.evaluate(program.loss, x=0) == 0.1


@pytest.mark.parametrize(
    ("product", "shape"), [("x @ W.T", (3,)), ("W @ v", (3,)), ("x @ w", ()), ("relu(x) @ w2", ())]
)
def test_a_bias_has_the_shape_of_what_one_sample_adds_it_to(product, shape):
    shapes = {"x": ("B", 2), "W": (3, 2), "v": (2,), "w": (2,), "w2": (2,)}
    used = {name: size for name, size in shapes.items() if re.search(rf"\b{name}\b", product)}
    assert gnn.parse(f"z = {product} + b", used).leaves["b"].shape == shape
