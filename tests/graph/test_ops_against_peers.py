"""One asymmetric value for every op of the tables, from PyTorch and SciPy, forward and backward.

The list of ops is that of the tables: a new line without a row here fails.
"""

import numpy as np
import pytest
import scipy.special

import graphnn as gnn
from graphnn.calculus.tables import definition, lines
from graphnn.graph.apply import apply
from tests import oracle

X = np.array([[0.7, -1.3, 2.1], [-0.4, 0.2, -2.6]])
Y = np.array([[1.9, 0.6, -0.8], [-1.1, 0.2, 3.0]])
POSITIVE = np.array([[0.7, 1.3, 2.1], [0.4, 0.2, 2.6]])
MASK = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 2.0]])
generator = np.random.default_rng(11)
KERNEL, IMAGE = generator.normal(size=(3, 2, 2, 3)), generator.normal(size=(2, 6, 5, 2))
TABLE, LABELS = generator.normal(size=(4, 3)), np.array([2, 0, 2, 3, 1])


def channels_first(t):
    return t.permute(0, 3, 1, 2)


def channels_last(t):
    return t.permute(0, 2, 3, 1)


def convolve(torch, K, x, s, p, d):
    kernel = K.permute(3, 2, 0, 1)
    made = torch.nn.functional.conv2d(channels_first(x), kernel, stride=s, padding=p, dilation=d)
    return channels_last(made)


def pool(torch, x, k, s, p):
    made = torch.nn.functional.max_pool2d(channels_first(x), k, stride=s, padding=p)
    return channels_last(made)


# op → (operands, parameters, what PyTorch computes)
ROWS = {
    "add": ([X, Y], {}, lambda t, a, b: a + b),
    "subtract": ([X, Y], {}, lambda t, a, b: a - b),
    "multiply": ([X, Y], {}, lambda t, a, b: a * b),
    "divide": ([X, Y], {}, lambda t, a, b: a / b),
    "negate": ([X], {}, lambda t, a: -a),
    "power": ([POSITIVE, Y], {}, lambda t, a, b: a**b),
    "maximum": ([X, Y + 0.01], {}, lambda t, a, b: t.maximum(a, b)),
    "minimum": ([X, Y + 0.01], {}, lambda t, a, b: t.minimum(a, b)),
    "maximum_of": ([X], {"c": -0.5}, lambda t, a: t.clamp(a, min=-0.5)),
    "minimum_of": ([X], {"c": 0.5}, lambda t, a: t.clamp(a, max=0.5)),
    "where": ([MASK, X, Y], {}, lambda t, c, a, b: t.where(c != 0, a, b)),
    "less": ([X, Y], {}, lambda t, a, b: a < b),
    "less_equal": ([X, Y], {}, lambda t, a, b: a <= b),
    "greater": ([X, Y], {}, lambda t, a, b: a > b),
    "greater_equal": ([X, Y], {}, lambda t, a, b: a >= b),
    "equal": ([X, Y], {}, lambda t, a, b: a == b),
    "not_equal": ([X, Y], {}, lambda t, a, b: a != b),
    "exp": ([X], {}, lambda t, a: t.exp(a)),
    "log": ([POSITIVE], {}, lambda t, a: t.log(a)),
    "sqrt": ([POSITIVE], {}, lambda t, a: t.sqrt(a)),
    "sin": ([X], {}, lambda t, a: t.sin(a)),
    "cos": ([X], {}, lambda t, a: t.cos(a)),
    "tan": ([X], {}, lambda t, a: t.tan(a)),
    "sinh": ([X], {}, lambda t, a: t.sinh(a)),
    "cosh": ([X], {}, lambda t, a: t.cosh(a)),
    "tanh": ([X], {}, lambda t, a: t.tanh(a)),
    "abs": ([X], {}, lambda t, a: t.abs(a)),
    "sign": ([X], {}, lambda t, a: t.sign(a)),
    "step": ([X], {}, lambda t, a: (a >= 0) * 1.0 + 0 * a),
    "log1p": ([POSITIVE], {}, lambda t, a: t.log1p(a)),
    "expm1": ([X], {}, lambda t, a: t.expm1(a)),
    "xlogy": ([MASK, POSITIVE], {}, lambda t, a, b: t.xlogy(a, b)),
    "floor": ([X], {}, lambda t, a: t.floor(a)),
    "ceil": ([X], {}, lambda t, a: t.ceil(a)),
    "clip": (
        [X, np.array(-0.5), np.array(0.5)],
        {},
        lambda t, a, low, high: t.clamp(a, low, high),
    ),
    "linear": ([X], {}, lambda t, a: a * 1.0),
    "sigmoid": ([X], {}, lambda t, a: t.sigmoid(a)),
    "relu": ([X], {}, lambda t, a: t.relu(a)),
    "leaky_relu": ([X], {"a": 0.3}, lambda t, a: t.nn.functional.leaky_relu(a, 0.3)),
    "parametric_relu": ([X, np.full((2, 3), 0.2)], {}, lambda t, a, w: t.where(a >= 0, a, w * a)),
    "elu": ([X], {"a": 0.7}, lambda t, a: t.nn.functional.elu(a, 0.7)),
    "softplus": ([X], {}, lambda t, a: t.nn.functional.softplus(a)),
    "log_sigmoid": ([X], {}, lambda t, a: t.nn.functional.logsigmoid(a)),
    "swish": ([X], {}, lambda t, a: t.nn.functional.silu(a)),
    "conv2d": (
        [KERNEL, IMAGE],
        {"s": 2, "p": 1, "d": 2},
        lambda t, K, x: convolve(t, K, x, 2, 1, 2),
    ),
    "maxpool": ([IMAGE], {"k": 3, "s": 2, "p": 1}, lambda t, x: pool(t, x, 3, 2, 1)),
    "avgpool": (
        [IMAGE],
        {"k": 3, "s": 2, "p": 1},
        lambda t, x: channels_last(t.nn.functional.avg_pool2d(channels_first(x), 3, 2, 1)),
    ),
    "global_maxpool": ([IMAGE], {}, lambda t, x: t.amax(x, (1, 2))),
    "global_avgpool": ([IMAGE], {}, lambda t, x: t.mean(x, (1, 2))),
    "outer": ([X[0], Y[:, 1]], {}, lambda t, a, b: t.outer(a, b)),
    "gather": ([TABLE, LABELS], {}, lambda t, E, n: t.nn.functional.embedding(n, E)),
}


def build(name):
    operands, parameters, _ = ROWS[name]
    handles = [
        gnn.input(f"x{k}", a.shape, "int64" if a.dtype.kind == "i" else "float64")
        for k, a in enumerate(operands)
    ]
    condition = "bool" if name in ("less", "less_equal", "greater", "greater_equal") else None
    made = apply(definition(name), handles, parameters, dtype=condition)
    return handles, made, {f"x{k}": a for k, a in enumerate(operands)}


def test_every_op_of_the_tables_has_a_row():
    assert set(ROWS) == set(lines())


@pytest.mark.parametrize("name", sorted(ROWS))
def test_value_and_gradients_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch (extra `peers`) gives the second opinion")
    operands, _, peer = ROWS[name]
    tensors = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in operands]
    theirs = peer(torch, *tensors)
    handles, made, fed = build(name)
    expected = theirs.detach().numpy().astype(float)
    oracle.close(gnn.evaluate(made, **fed).astype(float), expected, 1e-12)
    assert expected.std() > 0
    u = np.random.default_rng(2).normal(size=expected.shape)
    if not theirs.requires_grad:
        assert made.dtype == "bool" or name in ("equal", "not_equal")
        return
    theirs.backward(torch.tensor(u))
    for handle, tensor in zip(handles, tensors, strict=True):
        if handle.dtype == "int64":
            continue
        ours = gnn.evaluate(gnn.grad(made, handle, cotangent=u), **fed)
        grad = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        oracle.close(ours, grad, 1e-12)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_value_is_the_nested_loops(name):
    _, made, fed = build(name)
    oracle.close(gnn.evaluate(made, **fed).astype(float), oracle.node_value(made.node, fed), 1e-12)


@pytest.mark.parametrize(
    ("function", "peer", "at"),
    [
        (gnn.sigmoid, scipy.special.expit, X),
        (gnn.log_sigmoid, scipy.special.log_expit, X),
        (gnn.softplus, lambda x: np.logaddexp(0, x), X),
        (gnn.softmax, lambda x: scipy.special.softmax(x, axis=-1), X),
        (gnn.log_softmax, lambda x: scipy.special.log_softmax(x, axis=-1), X),
        (lambda x: gnn.softmax(x, axis=0), lambda x: scipy.special.softmax(x, axis=0), X),
        (lambda x: gnn.xlogy(x, x), lambda x: scipy.special.xlogy(x, x), POSITIVE),
        (gnn.expm1, scipy.special.expm1, X),
        (gnn.log1p, scipy.special.log1p, POSITIVE),
        (gnn.argmax, np.argmax, X),
        (lambda x: gnn.argmax(x, axis=0), lambda x: np.argmax(x, axis=0), X),
        (lambda x: gnn.mean(x, axis=(0, 1), keepdims=True), lambda x: x.mean(keepdims=True), X),
        (lambda x: gnn.min(x, axis=1), lambda x: x.min(axis=1), X),
        (lambda x: gnn.einsum("ij,kj->ik", x, x), lambda x: x @ x.T, X),
        (lambda x: gnn.einsum("ij->ijj", x), lambda x: x[:, :, None] * np.eye(3), X),
        (lambda x: gnn.einsum("yx,xe->ye", x, np.ones((3, 2))), lambda x: x @ np.ones((3, 2)), X),
        (lambda x: gnn.pad(x, [(1, 0), (0, 2)]), lambda x: np.pad(x, [(1, 0), (0, 2)]), X),
        (lambda x: x[::-1, 1:], lambda x: x[::-1, 1:], X),
    ],
)
def test_values_of_scipy_and_numpy(function, peer, at):
    x = gnn.input("x", at.shape, "float64")
    made = function(x)
    oracle.close(gnn.evaluate(made, x=at), peer(at), 1e-12)
    if made.dtype == "float64":
        u = np.random.default_rng(4).normal(size=np.shape(peer(at)))
        gradient = gnn.evaluate(gnn.grad(made, x, cotangent=u), x=at)
        oracle.close(gradient, oracle.differences(peer, at, u), 1e-6)


def test_the_table_of_functions_says_what_the_evaluator_computes():
    """A row's NumPy column is text for compiled code; here it is run beside the evaluator's own."""
    from graphnn.expression.functions import FUNCTIONS
    from graphnn.graph.bodies import _NUMPY, function_value

    assert set(_NUMPY) == set(FUNCTIONS)
    u, v = np.array([0.3, 1.7, -0.2, 0.0]), np.array([0.5, 0.4, 2.0, 1.0])
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, row in FUNCTIONS.items():
            arguments = (u, v)[: row.arity]
            written = eval(row.numpy, {"np": np, "u": u, "v": v})
            assert np.array_equal(function_value(name, *arguments), written, equal_nan=True), name
            assert len(row.derivatives) == row.arity, name
