"""Every op of the tables and every function of graphnn, forward and gradient, against the evaluator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import codegen
import graphnn as gnn
from graphnn.calculus.tables import TABLES, definition
from graphnn.graph.apply import apply
from tests.codegen.agreement import assert_agrees, close, outputs_with_gradients

ELEMENTWISE = [
    row.partition("(")[0].strip()
    for name in ("arithmetic", "comparisons", "functions", "activations")
    for row in TABLES[name].splitlines()
    if row.strip()
]
POSITIVE = {"log", "sqrt", "power", "log1p", "xlogy"}
SHAPES = {"vector": (5,), "matrix": (2, 3), "scalar": (), "empty": (0, 3), "single": (1, 1)}


def _values(shapes: dict[str, tuple[int, ...]], positive: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    draw = (lambda s: rng.uniform(0.2, 2.0, s)) if positive else rng.standard_normal
    return {name: draw(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_op(name: str, shape: str) -> None:
    made = definition(name)
    shapes = dict.fromkeys(made.operands, SHAPES[shape])
    leaves = [gnn.input(n, s, "float64") for n, s in shapes.items()]
    parameters = {p: 0.3 for p, default in made.parameters if default is None}
    output = apply(made, leaves, parameters)
    outputs, values = outputs_with_gradients(output, leaves, _values(shapes, name in POSITIVE))
    assert_agrees(outputs, values)


def test_the_tables_have_no_other_op_than_those_tested() -> None:
    windows = {row.partition("(")[0].strip() for row in TABLES["windows"].splitlines() if row}
    assert windows == {"conv2d", "maxpool", "avgpool", "global_maxpool", "global_avgpool"}
    products = {row.partition("(")[0].strip() for row in TABLES["products"].splitlines() if row}
    assert products == {"outer", "gather"}
    assert set(TABLES) == {
        *("arithmetic", "comparisons", "functions", "activations"),
        *("windows", "products"),
    }


X, V, P = (3, 4), (4,), (2, 3, 4)
FUNCTIONS: dict[str, tuple[Callable[..., Any], dict[str, tuple[int, ...]]]] = {
    "add_broadcast": (lambda x, v: x + v, {"x": X, "v": V}),
    "add_scalar": (lambda x, s: x * s - 1 / s, {"x": X, "s": ()}),
    "column_times_row": (lambda a, b: a * b, {"a": (3, 1), "b": (1, 4)}),
    "reflected": (lambda x: 2 - 3 / (1 + x * x), {"x": X}),
    "power": (lambda x: x**3 - x**2 + x**-1, {"x": X}),
    "power_zero_one": (lambda x: x**1 + x**0, {"x": X}),
    "fractional_power": (lambda x: (x * x + 1) ** 0.5, {"x": X}),
    "maximum": (lambda x, v: gnn.maximum(x, v) + gnn.minimum(x, 0.1), {"x": X, "v": V}),
    "where": (lambda x, v: gnn.where(x > v, x * v, 0.5), {"x": X, "v": V}),
    "where_of_numbers": (lambda x: gnn.where(x > 0, 1.0, -1.0) * x, {"x": X}),
    "comparison_arithmetic": (lambda x, v: (x >= v) * x + (x < 0) * v, {"x": X, "v": V}),
    "sum_all": (lambda x: gnn.sum(x), {"x": X}),
    "sum_axis0": (lambda x: gnn.sum(x, 0), {"x": X}),
    "sum_axis1": (lambda x: gnn.sum(x, 1), {"x": X}),
    "sum_keepdims": (lambda x: x / gnn.sum(x * x, 1, True), {"x": X}),
    "sum_two_axes": (lambda x: gnn.sum(x, (0, 2)), {"x": P}),
    "sum_keepdims_two": (lambda x: x - gnn.sum(x, (0, 2), True), {"x": P}),
    "sum_single": (lambda x: gnn.sum(x, 0), {"x": (1, 3)}),
    "sum_empty": (lambda x: gnn.sum(x, 0), {"x": (0, 3)}),
    "mean_all": (lambda x: gnn.mean(x), {"x": X}),
    "mean_axis": (lambda x: x - gnn.mean(x, 1, True), {"x": X}),
    "max_axis": (lambda x: gnn.max(x, 1), {"x": X}),
    "max_keepdims": (lambda x: x - gnn.max(x, 0, True), {"x": X}),
    "max_all": (lambda x: gnn.max(x), {"x": P}),
    "max_single": (lambda x: gnn.max(x, 1), {"x": (3, 1)}),
    "max_two": (lambda x: gnn.max(x, (0, 2)), {"x": P}),
    "min_axis": (lambda x: gnn.min(x, 0), {"x": X}),
    "argmax": (lambda x: gnn.argmax(x, 1), {"x": X}),
    "argmax_all": (lambda x: gnn.argmax(x), {"x": X}),
    "argmax_keepdims": (lambda x: gnn.argmax(x, 0, True), {"x": X}),
    "argmax_single": (lambda x: gnn.argmax(x, 1), {"x": (3, 1)}),
    "matrix_vector": (lambda a, b: a @ b, {"a": X, "b": V}),
    "vector_matrix": (lambda a, b: a @ b, {"a": (3,), "b": X}),
    "vector_vector": (lambda a, b: a @ b, {"a": (5,), "b": (5,)}),
    "matrix_matrix": (lambda a, b: a @ b, {"a": X, "b": (4, 2)}),
    "transposed_product": (lambda a, b: a @ b.T, {"a": X, "b": (2, 4)}),
    "transposed_both": (lambda a, b: a.T @ b.T, {"a": X, "b": (2, 3)}),
    "stacked": (lambda a, b: a @ b, {"a": P, "b": (2, 4, 3)}),
    "stacked_matrix": (lambda a, b: a @ b, {"a": P, "b": (4, 3)}),
    "stacked_broadcast": (lambda a, b: a @ b, {"a": (1, 3, 4), "b": (2, 4, 3)}),
    "empty_product": (lambda a, b: a @ b, {"a": (0, 4), "b": (4, 2)}),
    "empty_inner": (lambda a, b: a @ b, {"a": (3, 0), "b": (0, 2)}),
    "gram": (lambda a: a @ a.T, {"a": X}),
    "square": (lambda a: a @ a, {"a": (3, 3)}),
    "einsum": (lambda a, b: gnn.einsum("bi,oi->ob", a, b), {"a": X, "b": (2, 4)}),
    "einsum_trace": (lambda a: gnn.einsum("ii->", a), {"a": (3, 3)}),
    "einsum_diagonal": (lambda a: gnn.einsum("ii->i", a), {"a": (3, 3)}),
    "einsum_three": (lambda a, b, c: gnn.einsum("ij,jk,k->i", a, b, c), {"a": X, "b": (4, 2), "c": (2,)}),
    "transpose": (lambda x: gnn.transpose(x, (1, 2, 0)), {"x": P}),
    "double_transpose": (lambda x: gnn.exp(x.T).T, {"x": X}),
    "broadcast_to": (lambda x: gnn.broadcast_to(x, (3, 2, 4)), {"x": (2, 1)}),
    "broadcast_scalar": (lambda x: gnn.broadcast_to(x, (3, 2)), {"x": ()}),
    "reshape": (lambda x: gnn.reshape(x, (2, 6)) * 2, {"x": X}),
    "reshape_scalar": (lambda x: gnn.reshape(x, ()), {"x": (1, 1)}),
    "flatten": (lambda x: gnn.reshape(x, -1), {"x": P}),
    "index": (lambda x: x[1], {"x": X}),
    "negative_index": (lambda x: x[-1, 2], {"x": X}),
    "slices": (lambda x: x[1:, ::2], {"x": X}),
    "reversed": (lambda x: x[::-1, 3:0:-1], {"x": X}),
    "negative_step": (lambda x: x[:, ::-2], {"x": X}),
    "new_axis": (lambda x: x[:, None] * x[None], {"x": V}),
    "ellipsis": (lambda x: x[..., 1], {"x": P}),
    "empty_slice": (lambda x: x[2:2], {"x": X}),
    "pad": (lambda x: gnn.pad(x, [(1, 2), (0, 1)]), {"x": X}),
    "pad_all": (lambda x: gnn.pad(x, 1) * 2, {"x": X}),
    "pad_nothing": (lambda x: gnn.pad(x, 0), {"x": X}),
    "pad_empty": (lambda x: gnn.pad(x, 1), {"x": (0, 2)}),
    "concat": (lambda x, v: gnn.concat([x, v, x]), {"x": X, "v": (2, 4)}),
    "concat_axis": (lambda x, v: gnn.concat([x, v], 1), {"x": X, "v": (3, 1)}),
    "concat_empty": (lambda x, v: gnn.concat([x, v]), {"x": X, "v": (0, 4)}),
    "split": (lambda x: gnn.exp(gnn.split(x, (1, 3), 1)[1]), {"x": X}),
    "split_all": (lambda x: gnn.concat(list(gnn.split(x, (1, 2), 0))[::-1]), {"x": X}),
    "softmax": (lambda x: gnn.softmax(x), {"x": X}),
    "softmax_axis0": (lambda x: gnn.softmax(x, 0), {"x": X}),
    "log_softmax": (lambda x: gnn.log_softmax(x), {"x": X}),
    "conv2d": (lambda k, x: gnn.conv2d(k, x), {"k": (3, 2, 2, 3), "x": (2, 5, 4, 2)}),
    "conv2d_padded": (lambda k, x: gnn.conv2d(k, x, p=1), {"k": (3, 3, 2, 3), "x": (2, 4, 4, 2)}),
    "conv2d_strided": (lambda k, x: gnn.conv2d(k, x, s=2, p=1), {"k": (3, 3, 2, 3), "x": (2, 5, 6, 2)}),
    "conv2d_dilated": (lambda k, x: gnn.conv2d(k, x, d=2, p=2), {"k": (3, 3, 1, 2), "x": (1, 5, 5, 1)}),
    "conv2d_patches": (lambda k, x: gnn.conv2d(k, x, s=2), {"k": (2, 2, 1, 2), "x": (1, 4, 4, 1)}),
    "conv2d_one": (lambda k, x: gnn.conv2d(k, x), {"k": (1, 1, 2, 3), "x": (1, 1, 1, 2)}),
    "conv2d_no_batch": (lambda k, x: gnn.conv2d(k, x), {"k": (2, 2, 2, 3), "x": (0, 3, 3, 2)}),
    "maxpool": (lambda x: gnn.maxpool(x), {"x": (2, 4, 6, 2)}),
    "maxpool_overlap": (lambda x: gnn.maxpool(x, k=3, s=2, p=1), {"x": (1, 5, 5, 2)}),
    "maxpool_dense": (lambda x: gnn.maxpool(x, k=2, s=1), {"x": (1, 3, 4, 1)}),
    "avgpool": (lambda x: gnn.avgpool(x), {"x": (2, 4, 6, 2)}),
    "avgpool_overlap": (lambda x: gnn.avgpool(x, k=3, s=2, p=1), {"x": (1, 5, 5, 2)}),
    "global_pools": (lambda x: gnn.global_avgpool(x) * gnn.global_maxpool(x), {"x": (2, 3, 4, 2)}),
    "outer": (lambda a, b: gnn.outer(a, b), {"a": (3,), "b": (2,)}),
    "stack": (lambda x, v: gnn.stack([x, x * v, x], axis=1), {"x": X, "v": V}),
    "cumsum": (lambda x: gnn.cumsum(x, axis=1), {"x": X}),
    "cumsum_all": (lambda x: gnn.cumsum(x), {"x": P}),
    "cumsum_empty": (lambda x: gnn.cumsum(x, axis=0), {"x": (0, 3)}),
    "prod": (lambda x: gnn.prod(x, axis=1), {"x": (3, 5)}),
    "prod_all": (lambda x: gnn.prod(x), {"x": X}),
    "trace": (lambda x: gnn.trace(x), {"x": X}),
    "diagonal": (lambda x: gnn.diagonal(x, 0, 2), {"x": P}),
    "norms": (lambda x: gnn.norm(x) + gnn.norm(x, 1) + gnn.norm(x, "inf"), {"x": X}),
    "layer_norm": (lambda x, g, b: gnn.layer_norm(x, g, b), {"x": X, "g": V, "b": V}),
    "batch_norm": (lambda x, g, b: gnn.batch_norm(x, g, b), {"x": X, "g": V, "b": V}),
    "positions": (lambda x: x + gnn.positional_encoding(x), {"x": P}),
    "one_hot": (lambda x: gnn.one_hot(gnn.argmin(x, 1), 4, x.dtype) * x, {"x": X}),
    "mse": (lambda x, y: gnn.mse(y, x) + gnn.mae(y, x), {"x": X, "y": X}),
    "cross_entropy": (lambda x, y: gnn.cross_entropy(y, gnn.softmax(x)), {"x": X, "y": X}),
    "cross_entropy_with_logits": (lambda x, y: gnn.cross_entropy_with_logits(y, x), {"x": X, "y": X}),
    "sparse_cross_entropy": (
        lambda x: gnn.sparse_cross_entropy([0, 3, 1], gnn.softmax(x)),
        {"x": X},
    ),
    "binary_cross_entropy": (
        lambda x, y: gnn.binary_cross_entropy(y, gnn.sigmoid(x)),
        {"x": X, "y": X},
    ),
    "penalties": (lambda x, v: gnn.l2_penalty(x, v, strength=0.1) + gnn.l1_penalty(x), {"x": X, "v": V}),
    "xlogy": (lambda x, v: gnn.xlogy(x * x, v * v + 1), {"x": X, "v": V}),
    "unused_operand": (lambda x, v: x + 0 * gnn.sum(v), {"x": X, "v": V}),
    "constant_array": (lambda x: x @ gnn.constant(np.arange(8.0).reshape(4, 2), "float64"), {"x": X}),
    "constant_row": (lambda x: x * gnn.constant(np.full(4, 0.25), "float64"), {"x": X}),
    "folded": (lambda x: x * (gnn.exp(gnn.constant(2, "float64")) / 3), {"x": X}),
    "division_by_zero": (lambda x: x / gnn.constant(0, "float64"), {"x": X}),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    build, shapes = FUNCTIONS[name]
    leaves = [gnn.input(n, s, "float64") for n, s in shapes.items()]
    outputs, values = outputs_with_gradients(build(*leaves), leaves, _values(shapes))
    assert_agrees(outputs, values)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_in_float32(name: str) -> None:
    build, shapes = FUNCTIONS[name]
    if any(word in name for word in ("constant", "folded", "division")):
        shapes_of, dtype = "float64", "float32"
    else:
        shapes_of, dtype = "float32", None
    leaves = [gnn.input(n, s, shapes_of) for n, s in shapes.items()]
    outputs, values = outputs_with_gradients(build(*leaves), leaves, _values(shapes))
    graph = gnn.Graph(outputs)
    compiled = codegen.compile(graph, dtype=dtype, stable=False)
    known = {leaf.name for leaf in compiled.plan.leaves}
    rounded = {n: np.asarray(v, np.float32) for n, v in values.items()}
    found = compiled(**{n: v for n, v in rounded.items() if n in known})
    wanted = gnn.evaluate(graph, **rounded)
    for label, value in found.items():
        assert value.dtype == ("int64" if wanted[label].dtype == np.int64 else "float32")
        assert close(value, wanted[label], 1e-5)


def test_gather_and_its_gradient() -> None:
    table, labels = gnn.input("E", (5, 3), "float64"), gnn.input("t", (2, 4), "int64")
    values = {"E": np.arange(15.0).reshape(5, 3), "t": np.array([[0, 4, 4, 1], [2, 2, 2, 3]])}
    outputs, values = outputs_with_gradients(table[labels], [table], values)
    source = assert_agrees(outputs, values)
    assert "np.add.at" in source


@pytest.mark.parametrize("label", [-1, 5])
def test_a_label_outside_the_table_is_refused(label: int) -> None:
    table, labels = gnn.input("E", (5, 3), "float64"), gnn.input("t", (2,), "int64")
    compiled = codegen.compile({"y": table[labels]})
    with pytest.raises(
        gnn.GraphError, match=rf"^t\[1\] = {label} is out of range: the table has 5"
    ):
        compiled(E=np.ones((5, 3)), t=[0, label])


def test_a_window_in_the_padding_alone_is_refused() -> None:
    x = gnn.input("x", (1, 4, 4, 1))
    with pytest.raises(gnn.ShapeError, match="a window lies wholly in the padding"):
        codegen.compile({"y": gnn.maxpool(x, k=1, s=1, p=1)})


def test_the_maximum_of_nothing_is_refused() -> None:
    with pytest.raises(gnn.ShapeError, match="the maximum of nothing"):
        codegen.compile({"y": gnn.max(gnn.input("x", (3, 0)), 1)})
