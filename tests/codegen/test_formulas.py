"""Formulas of every kind, forward and gradient, compiled against the evaluator."""

from __future__ import annotations

import numpy as np
import pytest

import codegen
import graphnn as gnn
from tests.codegen.agreement import assert_agrees, outputs_with_gradients

CASES = {
    "matmul": ("f(W, x): z[b,m] += W[m,d]*x[b,d]", {"W": (3, 2), "x": (4, 2)}),
    "matmul_other_order": ("f(W, x): z[m,b] += W[m,d]*x[b,d]", {"W": (3, 2), "x": (4, 2)}),
    "matrix_vector": ("f(W, x): z[m] += W[m,d]*x[d]", {"W": (3, 2), "x": (2,)}),
    "inner": ("f(a, b): z += a[i]*b[i]", {"a": (5,), "b": (5,)}),
    "outer": ("f(a, b): z[i,j] = a[i]*b[j]", {"a": (5,), "b": (2,)}),
    "frobenius": ("f(a, b): z += a[i,j]*b[i,j]", {"a": (5, 2), "b": (5, 2)}),
    "batched": ("f(a, b): z[n,i,k] += a[n,i,j]*b[n,j,k]", {"a": (2, 3, 4), "b": (2, 4, 5)}),
    "batched_dot": ("f(a, b): z[n] += a[n,j]*b[n,j]", {"a": (2, 4), "b": (2, 4)}),
    "heads": ("f(q, k): s[n,h,i,j] += q[n,i,h,d]*k[n,j,h,d]", {"q": (2, 3, 2, 4), "k": (2, 3, 2, 4)}),
    "two_axes": ("f(a, b): z[i,k] += a[i,u,v]*b[k,v,u]", {"a": (3, 2, 4), "b": (5, 4, 2)}),
    "three": ("f(a, b, c): z[i,l] += a[i,j]*b[j,k]*c[k,l]", {"a": (2, 3), "b": (3, 4), "c": (4, 2)}),
    "bilinear": ("f(a, W, b): z[n] += a[n,i]*W[i,j]*b[n,j]", {"a": (3, 2), "W": (2, 4), "b": (3, 4)}),
    "own_axis_summed": ("f(a, b): z[i] += a[i,j]*b[i,k]", {"a": (3, 2), "b": (3, 4)}),
    "quadratic": ("f(x): z += x[i]*x[i]", {"x": (4,)}),
    "square_sum": ("f(x): z[i] += x[i,j]^2", {"x": (3, 4)}),
    "scaled": ("f(x): z[j] += 2*x[i,j]/(3*extent(i))", {"x": (3, 4)}),
    "sum_of_terms": ("f(a, b): z[i] += (a[i,j] - b[j])^2/2", {"a": (3, 4), "b": (4,)}),
    "weighted_function": ("f(a, b): z[i] += exp(a[i,j])*b[j,k]", {"a": (3, 4), "b": (4, 2)}),
    "quotient": ("f(a, b): z[i] += a[i,j]/(1 + b[j]^2)", {"a": (3, 4), "b": (4,)}),
    "count": ("f(x): z[i] += 1 + 0*x[i,j]", {"x": (3, 4)}),
    "diagonal": ("f(a): y[i] = a[i,i]", {"a": (4, 4)}),
    "trace": ("f(a): y += a[i,i]", {"a": (4, 4)}),
    "transposed_pair": ("f(A): y[i,j] = A[i,j]*A[j,i]", {"A": (4, 4)}),
    "transpose": ("f(A): y[j,i] = A[i,j]", {"A": (4, 3)}),
    "transpose3": ("f(A): y[k,i,j] = A[i,j,k]", {"A": (4, 3, 2)}),
    "reverse": ("f(x): y[i] = x[size(x,0)-1-i] for i < size(x,0)", {"x": (5,)}),
    "step2": ("f(x): y[i] = x[2*i+1] for i < 3", {"x": (8,)}),
    "backwards_by_two": ("f(x): y[i] = x[7-2*i] for i < 4", {"x": (8,)}),
    "row": ("f(x): y[j] = x[1,j]", {"x": (3, 4)}),
    "broadcast": ("f(x): y[i,j] = x[j] for i < 3", {"x": (4,)}),
    "broadcast_middle": ("f(x): y[i,k,j] = x[i,j] for k < 3", {"x": (2, 4)}),
    "conv1d": ("f(K, x): y[i] += K[u]*x[i+u]", {"K": (3,), "x": (8,)}),
    "conv1d_strided": ("f(K, x): y[i] += K[u]*x[2*i+u]", {"K": (3,), "x": (9,)}),
    "conv1d_window_is_stride": ("f(K, x): y[i] += K[u]*x[3*i+u]", {"K": (3,), "x": (9,)}),
    "conv1d_dilated": ("f(K, x): y[i] += K[u]*x[i+2*u]", {"K": (3,), "x": (9,)}),
    "conv1d_flipped": ("f(K, x): y[i] += K[u]*x[i+2-u] for i < 6", {"K": (3,), "x": (8,)}),
    "conv1d_padded": ("f(K, x): y[i] += K[u]*x[i+u-1] for i < 8", {"K": (3,), "x": (8,)}),
    "conv1d_channels": ("f(K, x): y[b,i,o] += K[u,c,o]*x[b,2*i+u-1,c] for i < 4", {"K": (3, 2, 5), "x": (2, 7, 2)}),
    "correlation": ("f(x): y[k] += x[i]*x[i+k] for k < 3, i < 4", {"x": (8,)}),
    "moving_average": ("f(x): y[i] += x[i+u]/3 for u < 3", {"x": (8,)}),
    "padded_exp": ("f(x): y[i] += exp(x[i+u-1]) for u < 3, i < 5", {"x": (5,)}),
    "padded_sum_of_terms": ("f(x, b): y[i] += x[i+u-1] + b[u] for i < 5", {"x": (5,), "b": (3,)}),
    "max_over": ("f(x): y[i] max= x[i,j]", {"x": (3, 4)}),
    "max_all": ("f(x): y max= x[i,j]", {"x": (3, 4)}),
    "max_of_product": ("f(x, w): y[i] max= x[i,j]*w[j]", {"x": (3, 4), "w": (4,)}),
    "argmax_all": ("f(x): y argmax= x[i,j]", {"x": (3, 4)}),
    "argmax_rows": ("f(x): y[j] argmax= x[i,j]", {"x": (3, 4)}),
    "argmax_of_uncovered": ("f(x): y[j] argmax= x[i,j] for u < 2", {"x": (3, 4)}),
    "maxpool1d": ("f(x): y[i] max= x[2*i+u] for u < 2", {"x": (8,)}),
    "maxpool_overlapping": ("f(x): y[i] max= x[i+u] for u < 3", {"x": (8,)}),
    "maxpool_padded": ("f(x): y[i] max= x[2*i+u-1] for u < 3, i < 4", {"x": (7,)}),
    "argmax_window": ("f(x): y[i] argmax= x[2*i+u-1] for u < 3, i < 4", {"x": (7,)}),
    "cumulative": ("f(x): y[i] += x[i-u] for u < 5, i < 5", {"x": (5,)}),
    "scatter_diagonal": ("f(x): y[i,i] = x[i] for i < 4", {"x": (4,)}),
    "mask_by_position": ("f(x): y[i,j] = where(i >= j, x[i,j], 0)", {"x": (4, 4)}),
    "position": ("f(x): y[i] = x[i]*i", {"x": (4,)}),
    "weighted_position": ("f(x): y += x[i]*i", {"x": (4,)}),
    "swish": ("f(x) = x/(1 + exp(-x))", {"x": (3,)}),
    "shared_parts": ("f(x) = exp(x)/(1 + exp(x))*(1 - exp(x)/(1 + exp(x)))", {"x": (3,)}),
    "cube": ("f(x) = x^3 - x^(-2) + 2^x", {"x": (3,)}),
    "xlogy": ("f(x, y) = xlogy(x^2, 1 + y^2)", {"x": (3,), "y": (2, 3)}),
    "nested_where": ("f(x) = where(x > 0 and x < 1, 1, where(x >= 1, x^2, 0))", {"x": (7,)}),
    "stable": ("f(x) = softplus(x)*logistic(x) + log_logistic(-x)", {"x": (5,)}),
    "empty_rows": ("f(W, x): z[b,m] += W[m,d]*x[b,d]", {"W": (3, 2), "x": (0, 2)}),
    "empty_sum": ("f(W, x): z[b,m] += W[m,d]*x[b,d]", {"W": (3, 0), "x": (4, 0)}),
    "single": ("f(W, x): z[b,m] += W[m,d]*x[b,d]", {"W": (1, 1), "x": (1, 1)}),
    "single_broadcast": ("f(a, b) = a*b", {"a": (3, 1), "b": (1, 4)}),
    "conv_single": ("f(K, x): y[i] += K[u]*x[i+u]", {"K": (1,), "x": (1,)}),
    "conv_empty": ("f(K, x): y[i] += K[u]*x[i+u]", {"K": (3,), "x": (2,)}),
}  # fmt: skip


def _leaves(shapes: dict[str, tuple[int, ...]], dtype: str) -> list[gnn.Handle]:
    return [gnn.input(name, shape, dtype) for name, shape in shapes.items()]


def _values(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", CASES)
def test_formula_and_its_gradients(name: str) -> None:
    line, shapes = CASES[name]
    leaves = _leaves(shapes, "float64")
    output = gnn.op(line)(*leaves)
    outputs, values = outputs_with_gradients(output, leaves, _values(shapes))
    assert_agrees(outputs, values)


@pytest.mark.parametrize("name", [n for n, (line, _) in CASES.items() if "argmax" not in line])
def test_second_gradient(name: str) -> None:
    line, shapes = CASES[name]
    leaves = _leaves(shapes, "float64")
    output = gnn.op(line)(*leaves)
    first, values = outputs_with_gradients(output, leaves, _values(shapes))
    gradient = list(first.values())[1]
    inner = gnn.grad(gnn.sum(gradient * gradient), leaves)
    assert_agrees({f"dd_{n}": g for n, g in inner.items()}, values)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name: str) -> None:
    line, shapes = CASES[name]
    leaves = _leaves(shapes, "float32")
    output = gnn.op(line)(*leaves)
    outputs, values = outputs_with_gradients(output, leaves, _values(shapes))
    compiled = codegen.compile(outputs, stable=False)
    known = {leaf.name for leaf in compiled.plan.leaves}
    bound = {k: np.asarray(v, np.float32) for k, v in values.items() if k in known}
    for label, found in compiled.module.forward(**bound).items():
        wanted = compiled.plan.buffers[compiled.plan.outputs[label]].dtype
        assert str(found.dtype) == wanted, f"{label}\n{compiled.source}"


GATHERS = {
    "embedding": ("f(E, t): y[n,d] = E[t[n],d]", {"E": (5, 3)}, {"t": (4,)}),
    "embedding_batch": ("f(E, t): y[b,n,d] = E[t[b,n],d]", {"E": (5, 3)}, {"t": (2, 4)}),
    "columns": ("f(E, t): y[d,n] = E[d,t[n]]", {"E": (3, 5)}, {"t": (4,)}),
    "picked": ("f(p, t): y[n] = p[n,t[n]]", {"p": (4, 5)}, {"t": (4,)}),
    "picked_sum": ("f(p, t): y += p[n,t[n]]", {"p": (4, 5)}, {"t": (4,)}),
    "looked_up_twice": ("f(p, t, s): y[n] = p[s[n],t[n]]", {"p": (5, 5)}, {"t": (4,), "s": (4,)}),
    "weighted_rows": ("f(E, t, w): y[d] += E[t[n],d]*w[n]", {"E": (5, 3), "w": (4,)}, {"t": (4,)}),
    "label_compared": ("f(p, t): y[n,k] = where(k == t[n], p[n,k], 0)", {"p": (4, 5)}, {"t": (4,)}),
}  # fmt: skip


@pytest.mark.parametrize("name", GATHERS)
def test_gather(name: str) -> None:
    line, shapes, labels = GATHERS[name]
    order = line.partition("(")[2].partition(")")[0].replace(" ", "").split(",")
    made = {
        n: gnn.input(n, shapes[n], "float64") if n in shapes else gnn.input(n, labels[n], "int64")
        for n in order
    }
    rng = np.random.default_rng(3)
    values = _values(shapes) | {n: rng.integers(0, 5, s) for n, s in labels.items()}
    output = gnn.op(line)(*made.values())
    outputs, values = outputs_with_gradients(output, list(made.values()), values)
    assert_agrees(outputs, values)
