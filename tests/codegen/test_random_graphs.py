"""Random small graphs, their gradients too: compiled against the evaluator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import codegen
import graphnn as gnn
from tests.codegen.agreement import close

UNARY: list[Callable[[Any], Any]] = [
    gnn.tanh, gnn.sigmoid, gnn.relu, gnn.sin, gnn.softplus, gnn.abs, gnn.swish, gnn.elu,
    lambda h: h * h, lambda h: -h, lambda h: h / 3, lambda h: 1 - h, lambda h: gnn.exp(-h * h),
    lambda h: h - gnn.mean(h, -1, True), lambda h: gnn.softmax(h), lambda h: h.T,
    lambda h: h[::-1], lambda h: gnn.pad(h, [(1, 0), (0, 0)])[:-1], lambda h: gnn.max(h, 0, True) - h,
    lambda h: gnn.reshape(gnn.reshape(h, -1), h.shape), lambda h: h + gnn.sum(h, 0),
    lambda h: gnn.where(h > 0.1, h, 0.3 * h), lambda h: gnn.concat([h[1:], h[:1]]),
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a @ b,
    lambda a, b: a @ b.T, lambda a, b: a / (1 + b * b), gnn.maximum, lambda a, b: a.T @ b,
]  # fmt: skip
SIZE = 3


@settings(max_examples=60)
@given(data=st.data())
def test_random_graph(data: st.DataObject) -> None:
    leaves = [
        gnn.parameter("W", (SIZE, SIZE), "float64"),
        gnn.input("x", (SIZE, SIZE), "float64"),
        gnn.input("b", (SIZE,), "float64"),
    ]
    values = [leaves[0], leaves[1], leaves[1] * leaves[2]]
    for _ in range(data.draw(st.integers(1, 10))):
        a = values[data.draw(st.integers(0, len(values) - 1))]
        if data.draw(st.booleans()):
            made = data.draw(st.sampled_from(UNARY))(a)
        else:
            b = values[data.draw(st.integers(0, len(values) - 1))]
            made = data.draw(st.sampled_from(BINARY))(a, b)
        values.append(made)
    upstream = gnn.input("upstream", (SIZE, SIZE), "float64")
    loss = gnn.sum(values[-1] * upstream)
    gradients = gnn.grad(loss, leaves)
    graph = gnn.Graph({"L": loss, **{f"d{name}": g for name, g in gradients.items()}})
    compiled = codegen.compile(graph, stable=False)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    fed = {
        leaf.name: rng.standard_normal(compiled.plan.buffers[leaf.buffer].shape)
        for leaf in compiled.plan.leaves
    }
    wanted = gnn.evaluate(graph, **fed)
    for name, found in compiled(**fed).items():
        assert close(found, wanted[name], 1e-11), f"{name}\n{compiled.source}"
