"""Training is right: fifty steps of the compiled MLP equal PyTorch's, parameter by parameter."""

from __future__ import annotations

import numpy as np
import pytest

import codegen
from tests.codegen.agreement import close
from tests.codegen.networks import mlp

STEPS, BATCH, LR = 50, 32, 0.1


def _digits() -> tuple[np.ndarray, np.ndarray]:
    datasets = pytest.importorskip(
        "sklearn.datasets", reason="the digits come with scikit-learn, which is not installed"
    )
    digits = datasets.load_digits()
    return digits.data / 16.0, digits.target


def test_parameters_after_fifty_steps_equal_those_of_torch() -> None:
    torch = pytest.importorskip(
        "torch", reason="a second opinion on fifty steps of training; torch is not installed"
    )
    images, labels = _digits()
    model = codegen.compile(mlp(64, 100, 50, 10, lr=LR)).init(0)
    weights = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in model.parameters.items()
    }
    optimiser = torch.optim.SGD(weights.values(), lr=LR)
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        rows = rng.permutation(len(images))[:BATCH]
        h = torch.tensor(images[rows])
        for k in (1, 2, 3):
            h = h @ weights[f"W{k}"].T + weights[f"b{k}"]
            h = torch.relu(h) if k < 3 else h
        peer_loss = torch.nn.functional.cross_entropy(h, torch.tensor(labels[rows]))
        optimiser.zero_grad()
        peer_loss.backward()
        optimiser.step()
        loss = model.step(x=images[rows], y=np.eye(10)[labels[rows]])
        assert close(loss, peer_loss.item(), 1e-10)
    assert model.parameters["b1"].any()
    for name, value in model.parameters.items():
        assert close(value, weights[name].detach().numpy(), 1e-10), name


def test_digits_are_learnt() -> None:
    images, labels = _digits()
    onehot = np.eye(10)[labels]
    model = codegen.compile(mlp(64, 100, 50, 10, dtype="float32", lr=0.3)).init(0)
    rng = np.random.default_rng(2)
    order = rng.permutation(len(images))
    train, test = order[:1400], order[1400:]
    before = model.forward(x=images[test], y=onehot[test])["L"]
    for _ in range(12):
        for rows in np.array_split(rng.permutation(train), 44):
            model.step(x=images[rows], y=onehot[rows])
    after = model.forward(x=images[test], y=onehot[test])["L"]
    assert after < 0.25 < before
