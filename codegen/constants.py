"""Constant arrays as Python text: readable where small, compact where large."""

from __future__ import annotations

import textwrap

import numpy as np

from graphnn.graph.node import Array

READABLE_ELEMENTS = 256


def array_text(value: Array, dtype: str) -> str:
    """An expression for a constant array: one number repeated, a literal, or its bytes.

    >>> from graphnn.graph.node import array_value
    >>> array_text(array_value([1.5, 2]), "FLOAT")
    'np.array([1.5, 2.0], FLOAT)'
    """
    values = value.values
    if values.size and np.all(values == values.flat[0]) and values.size > 1:
        return f"np.full({values.shape}, {_number(float(values.flat[0]))}, {dtype})"
    if values.size == 0:
        return f"np.zeros({values.shape}, {dtype})"
    if values.size <= READABLE_ELEMENTS:
        return f"np.array({_nested(values)}, {dtype})"
    rows = textwrap.wrap(values.astype("<f8").tobytes().hex(), 92)
    digits = "\n".join(f'    "{row}"' for row in rows)
    return (
        f'np.frombuffer(bytes.fromhex(\n{digits}\n), "<f8").reshape({values.shape}).astype({dtype})'
    )


def _number(value: float) -> str:
    if np.isfinite(value):
        return repr(value)
    return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"


def _nested(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    if values.ndim == 0:
        return _number(values.item())
    return f"[{', '.join(_nested(part) for part in values)}]"
