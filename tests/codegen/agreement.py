"""Compiled against the reference evaluator: the one comparison that these tests make."""

from __future__ import annotations

from typing import Any

import numpy as np

import codegen
import graphnn as gnn

TOLERANCE = 1e-12


def close(found: Any, wanted: Any, tolerance: float = TOLERANCE) -> bool:
    """Norm-wise: |a − b| ≤ tolerance · max|b|; equal infinities and NaNs in equal places."""
    a, b = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    if a.shape != b.shape:
        return False
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    a, b = a[finite], b[finite]
    scale = np.abs(b).max(initial=0.0)
    return bool(np.isfinite(a).all() and np.abs(a - b).max(initial=0.0) <= tolerance * scale)


def outputs_with_gradients(
    output: gnn.Handle, wrt: list[gnn.Handle], values: dict[str, Any], seed: int = 0
) -> tuple[dict[str, gnn.Handle], dict[str, Any]]:
    """The output and its gradients for a random cotangent; values gain the cotangent."""
    outputs = {"out": output}
    floats = [h for h in wrt if h.dtype in ("float32", "float64")]
    if output.dtype in ("float32", "float64") and floats:
        upstream = gnn.input("upstream", output.shape, dtype=output.dtype)
        made = gnn.grad(output, floats, cotangent=upstream)
        outputs |= {f"d_{name}": g for name, g in made.items()}
        shape = gnn.evaluate(output, **values).shape
        values = {**values, "upstream": np.random.default_rng(seed + 99).standard_normal(shape)}
    return outputs, values


def assert_agrees(outputs: dict[str, gnn.Handle], values: dict[str, Any], **options: Any) -> str:
    """The compiled outputs equal the evaluator's, shapes and dtypes included; returns the source."""
    graph = gnn.Graph(outputs)
    wanted = gnn.evaluate(graph, **values)
    compiled = codegen.compile(graph, stable=False, **options)
    known = {leaf.name for leaf in compiled.plan.leaves}
    found = compiled(**{name: value for name, value in values.items() if name in known})
    for name, value in wanted.items():
        assert close(found[name], value), f"{name}: {found[name]} is not {value}\n{compiled.source}"
        dtype = compiled.plan.buffers[compiled.plan.outputs[name]].dtype
        assert str(found[name].dtype) == dtype, f"{name}\n{compiled.source}"
    return compiled.source
