"""Pooling without windows: the first maximum takes the gradient, averages are sums of slices."""

from __future__ import annotations

import numpy as np
import pytest

import codegen
import graphnn as gnn
from tests.codegen.agreement import assert_agrees, outputs_with_gradients

SETTINGS = [{"k": 2}, {"k": 3, "s": 2, "p": 1}, {"k": 2, "s": 1}, {"k": 3, "s": 1, "p": 1}]


def _ties(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(3).integers(-1, 2, shape).astype(float)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("shape", [(2, 6, 7, 3), (1, 4, 4, 1), (0, 4, 4, 2)], ids=str)
@pytest.mark.parametrize("pool", [gnn.maxpool, gnn.avgpool])
def test_pooling_with_ties(pool, shape, settings) -> None:
    x = gnn.input("x", shape, "float64")
    outputs, values = outputs_with_gradients(pool(x, **settings), [x], {"x": _ties(shape)})
    source = assert_agrees(outputs, values)
    assert "argmax" not in source
    assert "view(" not in source.replace(".view(", "")


def test_positions_are_kept_where_something_else_reads_them() -> None:
    x = gnn.input("x", (1, 4, 4, 1), "float64")
    y = gnn.maxpool(x, k=2)
    g = gnn.grad(gnn.sum(y**3), [x])["x"]
    second = gnn.grad(gnn.sum(g * g), [x])["x"]
    assert_agrees({"y": y, "g": g, "second": second}, {"x": _ties((1, 4, 4, 1))})


def test_an_infinite_cotangent_stops_at_a_relu_that_is_off() -> None:
    x = gnn.input("x", (3,), "float64")
    f = codegen.compile(
        {"d": gnn.grad(gnn.sum(gnn.relu(x) * gnn.input("g", (3,), "float64")), "x")}
    )
    assert "where_true" in f.source
    assert f(x=[-1, 0, 1], g=[np.inf, np.nan, np.inf])["d"].tolist() == [0, 0, np.inf]
