"""Numbers for expressions: exact where they can be, and the text that shows them.

`value` computes an expression over named values. Integers and fractions stay exact through
rational operations; an index symbol becomes an axis of the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.calculus.tables import definition
from graphnn.derivation.exact import EXACT_SIZE, OPERATORS, Array, as_array, bounded, exact_array
from graphnn.derivation.index_form import CALLS, call_body
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, postorder
from graphnn.graph.bodies import function_value

MAX_POINTS = 2_000_000


class _Axes:
    """Where each index symbol lies, and how far it runs."""

    def __init__(
        self, symbols: Sequence[Expr], extents: Mapping[Expr, int], free: frozenset[Expr]
    ) -> None:
        self.free = free
        self.place = {s: k for k, s in enumerate(symbols)}
        self.extents = extents
        self.rank = len(symbols)

    def positions(self, s: Expr) -> Array:
        shape = [-1 if k == self.place[s] else 1 for k in range(self.rank)]
        return np.arange(self.extents[s]).reshape(shape)


def value(
    e: Expr,
    env: Mapping[str, Any],
    free: Sequence[Expr] = (),
    extents: Mapping[Expr, int] | None = None,
) -> Array:
    """The value of an expression over named arrays; `free` index symbols become its axes.

    >>> from graphnn.expression.reader import read_scalar
    >>> value(read_scalar("a*(1 - a)"), {"a": Fraction(1, 4)}).item()
    Fraction(3, 16)

    Raises GraphError for a name without a value.
    """
    given = extents or {}
    known = index_extents(e, env)
    for node in postorder(e):
        if node in given:
            known[node] = given[node]
    known.update({s: given[s] for s in free if s in given})
    bound = [s for s in known if s not in free]
    axes = _Axes([*free, *bound], known, frozenset(free))
    if math.prod(known.values()) > MAX_POINTS:
        raise IndexError(f"{math.prod(known.values())} points are too many to check")
    results: dict[Expr, Array] = {}
    with np.errstate(all="ignore"):
        for node in postorder(e):
            if node.head == "sym" and node not in axes.place and str(node.args[0]) not in env:
                continue
            results[node] = _node_value(node, results, env, axes)
    found = results[e]
    if not free:
        return (
            found
            if not axes.rank or found.ndim < axes.rank
            else found.reshape(())
            if found.size == 1
            else found
        )
    full = np.broadcast_to(found, [*(known[s] for s in free), *(1 for _ in bound)])
    return full.reshape([known[s] for s in free])


def index_extents(e: Expr, env: Mapping[str, Any]) -> dict[Expr, int]:
    """How far each plain index symbol runs, from the arrays that it indexes."""
    found: dict[Expr, int] = {}
    for node in postorder(e):
        if node.head == "[]" and node.args[0].head == "sym":
            name = str(node.args[0].args[0])
            if name in env and node.args[0] not in found:
                for part, size in zip(node.args[1:], np.shape(env[name]), strict=False):
                    if part.head == "sym" and str(part.args[0]) not in env:
                        found.setdefault(part, size)
    return found


def _node_value(node: Expr, results: dict[Expr, Array], env: Mapping[str, Any], axes: _Axes) -> Any:
    match node.head:
        case "num":
            return np.asarray(node.args[0], dtype=object)
        case "sym":
            if node in axes.place:
                return axes.positions(node)
            return np.asarray(env[str(node.args[0])])
        case "[]":
            return _element(node, results, axes)
        case "δ" | "==":
            return np.where(results[node.args[0]] == results[node.args[1]], 1, 0)
        case "Σ":
            return _sum(node, results, axes)
        case "Max":
            places = tuple(axes.place[s] for s in node.args[:-1])
            return results[node.args[-1]].max(axis=places, keepdims=True)
        case "∂":
            return _derivative(node, results, env)
        case "vector":
            return np.asarray([results[part].tolist() for part in node.args], dtype=object)
        case "T":
            x = results[node.args[0]]
            return x.reshape(1, -1) if x.ndim == 1 else x.T
        case "@":
            return matrix_product(*(results[part] for part in node.args))
        case head if head in CALLS:
            if head in FUNCTIONS:
                return function_value(head, np.asarray(results[node.args[0]], dtype=np.float64))
            return value(call_body(head), _arguments(node, results))
        case "sum" | "mean":
            return _reduction(node, results)
        case "reshape" | "concat" | "zeros":
            return _structure(node, results)
        case "max" | "min" if any(part.head == "=" for part in node.args):
            return _reduction(node, results)
        case ":" | "=" | "nothing" | "call":
            return np.asarray(0)
    parts = [results[part] for part in node.args]
    if node.head in OPERATORS:
        return bounded(OPERATORS[node.head](*parts))
    if node.head in FUNCTIONS:
        made = function_value(node.head, *(np.asarray(p, dtype=np.float64) for p in parts))
        return _exact_result(node.head, parts, np.asarray(made))
    raise GraphError(f"no value for {node}")


def _derivative(node: Expr, results: dict[Expr, Array], env: Mapping[str, Any]) -> Array:
    """`∂L/∂w` by its name; `∂L/∂z[k]` is an element of it, `∂z[k]/∂h[m]` one of the Jacobian."""
    name = derivative_name(node)
    if name in env:
        return np.asarray(env[name])
    name, index = derivative_element(node)
    if name not in env:
        raise GraphError(f"no value for {node}")
    places = tuple(np.asarray(results[part], dtype=np.int64) for part in index)
    return np.asarray(np.asarray(env[name])[places])


def derivative_element(e: Expr) -> tuple[str, tuple[Expr, ...]]:
    """The name of the array that `∂z[k]/∂h[m]` is an element of, and where it stands there.

    >>> from graphnn.expression.tree import apply, sym
    >>> derivative_element(apply("∂", sym("L"), apply("[]", sym("z"), sym("k"))))
    ('∂L/∂z', (k,))
    """
    bases = [part.args[0] if part.head == "[]" else part for part in e.args]
    index = tuple(i for part in e.args if part.head == "[]" for i in part.args[1:])
    jacobian = "[]" if all(part.head == "[]" for part in e.args) else ""
    return f"∂{bases[0]}/∂{bases[1]}{jacobian}", index


def _arguments(node: Expr, results: dict[Expr, Array]) -> dict[str, Any]:
    """The operands of a call, then its parameters: as written (`a=0.3`), else their defaults."""
    made = definition(node.head)
    given = {part.args[0].args[0]: results[part.args[1]] for part in node.args if part.head == "="}
    plain = [results[part] for part in node.args if part.head != "="]
    for name, default in made.parameters[len(plain) - len(made.operands) :]:
        if name not in given and default is not None:
            given[name] = value(default, {})
        plain.append(given[name])
    return {f"_{k}": part for k, part in enumerate(plain)}


def derivative_name(e: Expr) -> str:
    """The name under which the value of `∂L/∂w` is kept."""
    return f"∂{e.args[0]}/∂{e.args[1]}"


def _exact_result(head: str, parts: list[Array], made: Array) -> Array:
    """Functions that keep exact numbers exact."""
    if head in ("max", "min", "abs", "sign", "step") and all(p.dtype == object for p in parts):
        return exact_array(made) if made.size <= EXACT_SIZE else made
    return made


def _element(node: Expr, results: dict[Expr, Array], axes: _Axes) -> Array:
    base, *index = node.args
    array = results[base]
    if not array.ndim:  # a row times a column, read as a vector of one element
        array = array.reshape((1,) * len(index))
    if all(part.head == ":" or part.head == "num" for part in index) and not any(
        part in axes.place for part in index
    ):
        where = tuple(
            part.args[0] if part.head == "num" else slice(*(_bound(p) for p in part.args))
            for part in index
        )
        return as_array(array[where])
    return np.asarray(array[tuple(np.asarray(results[part], dtype=np.int64) for part in index)])


def _bound(part: Expr) -> int | None:
    return None if part.head == "nothing" else int(part.args[0])


def _sum(node: Expr, results: dict[Expr, Array], axes: _Axes) -> Array:
    *bound, body = node.args
    total = results[body]
    summed = {b for b in bound if b.head != "=="}
    for b in bound:
        if b.head == "==":
            total = total * results[b]
            summed |= {s for s in postorder(b) if s in axes.place and s not in axes.free}
    places = [axes.place[s] for s in summed]
    shape = list(np.shape(total))
    shape = [1] * (axes.rank - len(shape)) + shape
    total = np.asarray(total).reshape(shape)
    for s, place in axes.place.items():
        if place in places and shape[place] == 1 and axes.extents[s] != 1:
            total = total * axes.extents[s]
    return np.asarray(total.sum(axis=tuple(places), keepdims=True))


def _reduction(node: Expr, results: dict[Expr, Array]) -> Array:
    x = results[node.args[0]]
    options = {str(a.args[0].args[0]): a.args[1] for a in node.args[1:] if a.head == "="}
    axis = _axis(options["axis"]) if "axis" in options else None
    keeps = "keepdims" in options
    if node.head in ("max", "min"):
        return as_array(getattr(x, node.head)(axis=axis, keepdims=keeps))
    total = as_array(x.sum(axis=axis, keepdims=keeps))
    if node.head == "sum":
        return total
    count = x.size // max(1, total.size)
    if not count:
        return np.full(total.shape, np.nan)
    return as_array(total / count if total.dtype != object else total * Fraction(1, count))


def _structure(node: Expr, results: dict[Expr, Array]) -> Array:
    """`reshape(x, shape=…)`, `concat(a, b, axis=…)` and `zeros(shape)`."""
    options = {str(a.args[0].args[0]): a.args[1] for a in node.args if a.head == "="}
    parts = [results[a] for a in node.args if a.head != "="]
    if node.head == "concat":
        # a vector of one element is written as its number
        rank = max(part.ndim for part in parts) or 1
        parts = [part if part.ndim else part.reshape((1,) * rank) for part in parts]
        return np.concatenate(parts, axis=_axis(options["axis"]) if "axis" in options else 0)
    sizes = [int(n.args[0]) for n in (options.get("shape") or node.args[0]).args]
    return parts[0].reshape(sizes) if node.head == "reshape" else np.zeros(sizes)


def _axis(e: Expr) -> Any:
    if e.head == "vector":
        return tuple(int(part.args[0]) for part in e.args)
    return int(e.args[0]) if e.head == "num" else -int(e.args[0].args[0])


def matrix_product(a: Array, b: Array) -> Array:
    """`a b` as it is printed: a vector is a column, its transpose a row."""
    if a.ndim == 1 and b.ndim == 2 and b.shape[0] == 1:
        return np.asarray(a.reshape(-1, 1) * b)
    product = np.matmul(a, b) if a.ndim and b.ndim else a * b
    if a.ndim == 2 and a.shape[0] == 1 and b.ndim == 1:
        return np.asarray(product).reshape(())
    return np.asarray(product)
