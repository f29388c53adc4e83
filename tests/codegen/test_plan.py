"""Plans: plain data, in an order that runs, with nothing that is not needed."""

from __future__ import annotations

import pickle

import numpy as np

import codegen
import graphnn as gnn
from tests.codegen.networks import mlp, neuron


def test_operands_are_made_before_they_are_read() -> None:
    plan = codegen.make_plan(mlp(4, 5, 3))
    known = {leaf.buffer for leaf in plan.leaves} | set(plan.constants)
    for kernel in plan.kernels:
        assert set(kernel.operands) <= known, kernel
        assert kernel.output not in known, kernel
        known.add(kernel.output)
    ends = {*plan.outputs.values(), *plan.gradients.values(), *plan.updates.values()}
    assert ends <= known
    assert known <= set(plan.buffers)


def test_sections_and_statements_of_the_neuron() -> None:
    plan = codegen.make_plan(neuron())
    rows = [(k.section, k.statement, k.output) for k in plan.kernels]
    assert rows == [
        ("forward", "z", "product"),
        ("forward", "z", "z"),
        ("forward", "a", "a"),
        ("forward", "L", "difference"),
        ("forward", "L", "power"),
        ("forward", "L", "L"),
        ("backward", "∂L", "d_difference"),
        ("backward", "∂L", "d_a"),
        ("backward", "∂a", "d_z"),
        ("backward", "∂z", "d_w"),
    ]
    assert plan.outputs == {"L": "L"}
    assert plan.gradients == {"w": "d_w", "b": "d_z"}
    assert plan.statements == {"z": "z = w·x + b", "a": "a = σ(z)", "L": "L = (y − a)²/2"}
    assert plan.kernels[0].comment == "product = w·x"


def test_a_plan_is_data() -> None:
    plan = codegen.make_plan(mlp(4, 5, 3))
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert codegen.make_plan(mlp(4, 5, 3)) == plan


def test_nothing_is_learnt_where_nothing_is_a_parameter() -> None:
    x = gnn.input("x")
    assert codegen.make_plan(x * x).gradients == {}
    assert codegen.make_plan(x * x, parameters=["x"]).gradients.keys() == {"x"}


def test_constants_are_folded_and_unused_nodes_are_left_out() -> None:
    x = gnn.input("x", (2,), "float64")
    row = gnn.constant(np.array([1.0, 2.0]), "float64")
    plan = codegen.make_plan({"y": x * gnn.exp(row * 2 - 1), "n": gnn.reshape(row, (1, 2))})
    assert [kernel.name for kernel in plan.kernels] == ["multiply"]
    used = plan.constants[plan.kernels[0].operands[1]]
    assert np.allclose(used.values, np.exp([1.0, 3.0]), rtol=1e-15)


def test_a_dtype_replaces_every_float() -> None:
    t = gnn.input("t", (2,), "int64")
    plan = codegen.make_plan(gnn.input("E", (5, 2))[t], dtype="float64")
    assert {name: buffer.dtype for name, buffer in plan.buffers.items()} == {
        "t": "int64",
        "E": "float64",
        "f": "float64",
    }
    assert [(leaf.name, leaf.below) for leaf in plan.leaves] == [("t", 5), ("E", None)]


def test_sample_sizes_keep_every_axis_alive() -> None:
    K, x = gnn.parameter("K", (7, 7, 1, 1)), gnn.input("x", ("B", "H", "W", 1))
    plan = codegen.make_plan(gnn.sum(gnn.conv2d(K, x, s=2)))
    assert plan.sizes["H"] >= 7
    assert plan.sizes["W"] >= 7


def test_a_long_chain_is_planned_without_recursion() -> None:
    x = gnn.input("x", (), "float64")
    h = x
    for k in range(3000):
        h = gnn.sin(h) if k % 2 else h * 1.01
    compiled = codegen.compile(h, parameters=["x"], stable=False)
    assert len(compiled.plan.section("forward")) == 3000
    loss, gradients = compiled.loss_and_gradients(0.5)
    assert loss == gnn.evaluate(h, x=0.5)
    assert np.isfinite(gradients["x"])
