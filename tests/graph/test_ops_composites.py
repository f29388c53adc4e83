"""Losses, normalisation, norms and accumulations against PyTorch, forward and backward."""

import numpy as np
import pytest

import graphnn as gnn

generator = np.random.default_rng(5)
X, P = generator.normal(size=(3, 4)), generator.uniform(0.1, 0.9, (3, 4))
Y, LABELS = generator.uniform(0.1, 0.9, (3, 4)), [2, 0, 3]

ROWS = {
    "mse": (X, lambda x: gnn.mse(Y, x), lambda t, x: t.nn.functional.mse_loss(x, t.tensor(Y))),
    "mae": (X, lambda x: gnn.mae(Y, x), lambda t, x: t.nn.functional.l1_loss(x, t.tensor(Y))),
    "half": (
        X,
        lambda x: gnn.half_squared_error(Y, x),
        lambda t, x: ((x - t.tensor(Y)) ** 2).sum() / 2,
    ),
    "bce": (
        P,
        lambda x: gnn.binary_cross_entropy(Y, x),
        lambda t, x: t.nn.functional.binary_cross_entropy(x, t.tensor(Y)),
    ),
    "bce_logits": (
        X,
        lambda x: gnn.binary_cross_entropy_with_logits(Y, x),
        lambda t, x: t.nn.functional.binary_cross_entropy_with_logits(x, t.tensor(Y)),
    ),
    "ce_logits": (
        X,
        lambda x: gnn.cross_entropy_with_logits(Y, x),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(Y)),
    ),
    "ce": (
        P,
        lambda x: gnn.cross_entropy(Y, x),
        lambda t, x: -(t.tensor(Y) * x.log()).sum(1).mean(),
    ),
    "sparse_logits": (
        X,
        lambda x: gnn.sparse_cross_entropy_with_logits(LABELS, x),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(LABELS)),
    ),
    "layer_norm": (X, gnn.layer_norm, lambda t, x: t.nn.functional.layer_norm(x, (4,))),
    "batch_norm": (
        X,
        gnn.batch_norm,
        lambda t, x: t.nn.functional.batch_norm(x, None, None, training=True),
    ),
    "norm": (X, gnn.norm, lambda t, x: t.linalg.vector_norm(x)),
    "l1": (X, lambda x: gnn.norm(x, 1), lambda t, x: t.linalg.vector_norm(x, 1)),
    "max_norm": (X, lambda x: gnn.norm(x, "inf"), lambda t, x: t.linalg.vector_norm(x, np.inf)),
    "cumsum": (X, lambda x: gnn.cumsum(x, 1), lambda t, x: t.cumsum(x, 1)),
    "prod": (X, lambda x: gnn.prod(x, 1), lambda t, x: t.prod(x, 1)),
    "trace": (X[:, :3], gnn.trace, lambda t, x: t.trace(x)),
    "diagonal": (X, gnn.diagonal, lambda t, x: t.diagonal(x)),
    "stack": (X, lambda x: gnn.stack([x, 2 * x], 1), lambda t, x: t.stack([x, 2 * x], 1)),
    "l2_penalty": (X, lambda x: gnn.l2_penalty(x, strength=0.1), lambda t, x: 0.1 * (x**2).sum()),
}


@pytest.mark.parametrize("name", ROWS)
def test_value_and_gradient_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch (extra `peers`) gives the second opinion")
    at, ours, theirs = ROWS[name]
    tensor = torch.tensor(at, requires_grad=True)
    expected = theirs(torch, tensor)
    u = np.random.default_rng(7).normal(size=expected.shape)
    expected.backward(torch.tensor(u))
    x = gnn.input("x", at.shape, "float64")
    made = ours(x)
    gradient = gnn.evaluate(gnn.grad(made, x, cotangent=u), x=at)
    for found, wanted in ((gnn.evaluate(made, x=at), expected.detach()), (gradient, tensor.grad)):
        assert np.abs(found - wanted.numpy()).max() <= 1e-10 * np.abs(wanted.numpy()).max()
