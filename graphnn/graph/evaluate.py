"""The reference evaluator: node by node, plain NumPy, float64, obvious.

Each formula is computed as it is written: every read becomes an array over the axes, the body is
computed once for all of them, guarded points are left out, and the rest is reduced onto the write.
Products summed over plain writes go to `einsum`. It follows the user's graph, unstable parts too.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from graphnn.calculus.definition import shape_text
from graphnn.calculus.formula import Formula, Index, Lookup
from graphnn.calculus.polynomial import (
    Dimension,
    FloorDivision,
    Polynomial,
    atoms,
    axes_of,
    bind,
    single_axis,
    substitute,
)
from graphnn.errors import DtypeError, GraphError, ShapeError, ValueMissing
from graphnn.expression.algebra import split_product
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, fold
from graphnn.graph.node import Node, scalar_value, topological

Values = npt.NDArray[Any]
_NUMPY_DTYPES = {"float32": np.float64, "float64": np.float64, "int64": np.int64, "bool": np.bool_}


def evaluate_nodes(
    outputs: Sequence[Node],
    values: Mapping[str, Any],
    keep: bool = False,
    rounded: bool = True,
) -> dict[Node, Values]:
    """The values of the outputs (of every node with `keep`), given the leaves by name.

    Raises ValueMissing that names every leaf without a value, ShapeError where an array does not
    have the leaf's shape, DtypeError for complex numbers and strings. Without `rounded`, a float32
    leaf keeps the digits it was given: derivations compute in float64 throughout.
    """
    order = topological(outputs)
    missing = [
        n.attribute("name")
        for n in order
        if n.op in ("input", "parameter") and n.attribute("name") not in values
    ]
    if missing:
        raise ValueMissing(f"no value for {', '.join(missing)}; give {missing[0]}=…")
    sizes = bind_sizes(order, values)
    found: dict[Node, Any] = {}
    waiting = _last_uses(order, outputs)
    with np.errstate(all="ignore"):
        for k, node in enumerate(order):
            if node.op in ("input", "parameter"):
                found[node] = leaf_array(node, values[node.attribute("name")], rounded)
            else:
                found[node] = _compute(node, [found[o] for o in node.operands], sizes)
            if not keep:
                for dead in waiting.get(k, ()):
                    del found[dead]
    return found if keep else {node: found[node] for node in outputs}


def _last_uses(order: Sequence[Node], outputs: Sequence[Node]) -> dict[int, list[Node]]:
    wanted = set(outputs)
    last: dict[Node, int] = {}
    for k, node in enumerate(order):
        for operand in node.operands:
            last[operand] = k
    result: dict[int, list[Node]] = {}
    for node, k in last.items():
        if node not in wanted:
            result.setdefault(k, []).append(node)
    return result


def bind_sizes(order: Sequence[Node], values: Mapping[str, Any]) -> dict[str, int]:
    """The number of each symbolic dimension, from the shapes of what was fed.

    Raises ShapeError or DtypeError that names the leaf.
    """
    sizes: dict[str, int] = {}
    later: list[tuple[Node, tuple[int, ...]]] = []
    for node in order:
        if node.op not in ("input", "parameter"):
            continue
        name = node.attribute("name")
        given = _fed(name, values[name]).shape
        if len(given) != len(node.shape):
            raise ShapeError(
                f"{name} has shape {shape_text(node.shape)}; an array of shape {given} was given"
            )
        for size, number in zip(node.shape, given, strict=True):
            single = _single_dimension(size)
            if single is not None and sizes.setdefault(single, number) != number:
                raise ShapeError(
                    f"{name}: the dimension {single} is {sizes[single]} elsewhere; "
                    f"here it is {number}"
                )
        later.append((node, given))
    for node, given in later:
        wanted = tuple(bind(size, sizes) for size in node.shape)
        if wanted != given:
            raise ShapeError(
                f"{node.attribute('name')} has shape {shape_text(wanted)}; "
                f"an array of shape {given} was given"
            )
    return sizes


def _single_dimension(size: int | Polynomial) -> str | None:
    if isinstance(size, Polynomial) and len(size.terms) == 1:
        ((monomial, factor),) = size.terms
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Dimension):
            return monomial[0].name
    return None


def leaf_array(node: Node, value: Any, rounded: bool = True) -> Values:
    """What was fed, as the leaf's dtype says: cast at the boundary, computed in float64.

    Raises DtypeError for what is not real, and for fractions where integers are declared.
    """
    name = node.attribute("name")
    array = _fed(name, value)
    whole = np.isfinite(array) & (array == np.floor(array)) if array.dtype.kind == "f" else True
    if node.dtype == "int64" and not np.all(whole):
        raise DtypeError(f"{name} takes integers; an array with fractions was given")
    if node.dtype == "float32" and rounded:
        array = array.astype(np.float32)
    return array.astype(_NUMPY_DTYPES[node.dtype])


def _fed(name: str, value: Any) -> Values:
    """What was fed as an array of real numbers; fractions become floats."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(isinstance(one, Real) for one in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DtypeError(f"{name} takes an array of real numbers; {value!r} was given") from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"{name} takes real numbers; {array.dtype} was given")
    return array


def _compute(node: Node, operands: list[Any], sizes: Mapping[str, int]) -> Any:
    if isinstance(node.op, Formula):
        return compute(node.op, operands, sizes, node.dtype)
    return _STRUCTURES[node.op](node, operands, sizes)


def _constant(node: Node) -> Values:
    scalar = scalar_value(node)
    if scalar is None:
        return np.asarray(node.attribute("value").values, dtype=_NUMPY_DTYPES[node.dtype])
    exact = int(scalar) if node.dtype == "int64" else _as_float(scalar)
    return np.asarray(exact, dtype=_NUMPY_DTYPES[node.dtype])


def _as_float(value: Any) -> float:
    """A number as a float; one that is too large is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


_STRUCTURES: dict[str, Callable[[Node, list[Any], Mapping[str, int]], Any]] = {
    "constant": lambda node, _, __: _constant(node),
    "reshape": lambda node, x, sizes: x[0].reshape([bind(s, sizes) for s in node.shape]),
    "concat": lambda node, x, _: np.concatenate(x, axis=node.attribute("axis")),
    "split": lambda node, x, sizes: np.split(
        x[0],
        np.cumsum([bind(size, sizes) for size in node.attribute("sizes")])[:-1],
        axis=node.attribute("axis"),
    ),
    "item": lambda node, x, _: x[0][node.attribute("number")],
}


def compute(
    formula: Formula, operands: Sequence[Values], sizes: Mapping[str, int], dtype: str
) -> Values:
    """One formula on arrays: gather the reads, compute the body, reduce onto the write.

    Raises ShapeError for a maximum of nothing and for an index outside, GraphError for a label
    that is out of range.
    """
    extents = {a.name: bind(a.extent, sizes) for a in formula.axes}
    shape = tuple(bind(size, sizes) for size in formula.shape)
    space = _Space(list(extents), extents, sizes)
    if formula.reduce in ("max", "argmax") and any(extents[a.name] == 0 for a in formula.reduced):
        raise ShapeError(f"{formula.name}: the maximum of nothing (an axis of extent 0)")
    if formula.is_plain and formula.reduce == "sum":
        product = _contraction(formula, operands, space)
        if product is not None:
            return product.astype(_NUMPY_DTYPES[dtype])
    reads = {
        f"_{k}": space.read(operands[r.operand], r.index, operands, bool(formula.guards))
        for k, r in enumerate(formula.reads)
    }
    value = np.asarray(_body(formula.body, reads, space))
    domain = tuple(extents.values())
    value = np.broadcast_to(value, domain)
    inside = space.inside(formula)
    return _reduce(formula, value, inside, shape, operands, space).astype(_NUMPY_DTYPES[dtype])


class _Space:
    """The iteration domain: an array of positions for each axis, broadcast against the others."""

    def __init__(
        self, names: list[str], extents: Mapping[str, int], sizes: Mapping[str, int]
    ) -> None:
        self.names = names
        self.extents = extents
        self.sizes = {Dimension(name): size for name, size in sizes.items()}
        rank = len(names)
        self.positions = {
            name: np.arange(extents[name]).reshape([-1 if k == d else 1 for d in range(rank)])
            for k, name in enumerate(names)
        }

    def value(self, index: Polynomial) -> Any:
        """An affine index at every point."""
        total: Any = 0
        for monomial, coefficient in index.terms:
            product: Any = coefficient
            for atom in monomial:
                if isinstance(atom, str):
                    product = product * self.positions[atom]
                elif isinstance(atom, Dimension):
                    product = product * self.sizes[atom]
                else:
                    product = product * self._floor(atom)
            total = total + product
        return total

    def _floor(self, atom: FloorDivision) -> int:
        above = substitute(atom.numerator, self.sizes)
        below = substitute(atom.denominator, self.sizes)
        if not isinstance(above, int) or not isinstance(below, int):
            raise ShapeError(f"nothing binds {', '.join(map(str, atoms(above) | atoms(below)))}")
        return above // below

    def index(self, index: Index, operands: Sequence[Values], size: int, clip: bool) -> Any:
        if isinstance(index, Lookup):
            inner = tuple(
                self.index(part, operands, n, clip)
                for part, n in zip(index.index, operands[index.operand].shape, strict=True)
            )
            found = operands[index.operand][inner]
            bad = (found < 0) | (found >= size)
            if np.any(bad):
                raise GraphError(
                    f"label {int(np.asarray(found)[bad].ravel()[0])} is out of range: "
                    f"the table has {size} rows"
                )
            return found
        value = self.value(index)
        if clip and axes_of(index):
            return np.clip(value, 0, max(size - 1, 0))
        if np.any(np.asarray(value) < 0) or np.any(np.asarray(value) >= size):
            raise ShapeError(f"index {index} leaves a dimension of size {size}")
        return value

    def read(
        self, array: Values, index: Sequence[Index], operands: Sequence[Values], clip: bool
    ) -> Values:
        """The elements read, broadcast against the domain; guarded points read anything."""
        if clip and 0 in array.shape:
            return np.zeros([1] * len(self.names))
        place = tuple(
            self.index(part, operands, size, clip)
            for part, size in zip(index, array.shape, strict=True)
        )
        return np.asarray(array[place]) if place else array

    def inside(self, formula: Formula) -> Values | None:
        """Where every guard holds; None where there are none."""
        inside: Any = None
        for guard in formula.guards:
            holds = np.asarray(self.value(guard)) >= 0
            inside = holds if inside is None else inside & holds
        if inside is None:
            return None
        return np.broadcast_to(inside, tuple(self.extents.values()))


def _body(body: Expr, reads: Mapping[str, Values], space: _Space) -> Any:
    """The value of a body, operation by operation."""

    def visit(node: Expr, parts: list[Any]) -> Any:
        match node.head:
            case "num":
                value = node.args[0]
                small = isinstance(value, int) and abs(value) < 2**53
                return value if small else _as_float(value)
            case "sym":
                name = node.args[0]
                return reads[name] if name in reads else space.positions[name]
            case "extent":
                return int(space.extents[node.args[0].args[0]])
            case "where":
                return np.where(parts[0], parts[1], parts[2])
            case "and":
                return np.logical_and(parts[0], parts[1])
            case "^":
                exponent = node.args[1]
                if exponent.head == "num" and isinstance(exponent.args[0], int):
                    return np.asarray(parts[0], dtype=np.float64) ** exponent.args[0]
                return np.power(np.asarray(parts[0], dtype=np.float64), parts[1])
            case head if head in _OPERATORS:
                return _OPERATORS[head](*(_real(part) for part in parts))
            case head if head in FUNCTIONS:
                return function_value(head, *parts)
        raise GraphError(f"internal error: nothing evaluates {node.head!r}")

    return fold(body, visit)


def _real(x: Any) -> Any:
    """Conditions count as 0 and 1."""
    return np.asarray(x, dtype=np.float64) if np.asarray(x).dtype == np.bool_ else x


_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": lambda a, b: np.divide(np.asarray(a, dtype=np.float64), b),
    "neg": np.negative,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def function_value(name: str, *arguments: Any) -> Any:
    """An elementary function, in float64: what its row's NumPy column says.

    >>> float(function_value("abs", -2))
    2.0
    """
    return _NUMPY[name](*(np.asarray(x, dtype=np.float64) for x in arguments))


_NUMPY: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "abs": np.abs, "sign": np.sign,
    "step": lambda u: np.heaviside(u, 1.0), "max": np.maximum, "min": np.minimum,
    "log1p": np.log1p, "expm1": np.expm1,
    "logistic": lambda u: np.exp(-np.logaddexp(0.0, -u)),
    "softplus": lambda u: np.logaddexp(0.0, u),
    "log_logistic": lambda u: -np.logaddexp(0.0, -u),
    "xlogy": lambda u, v: np.where(u == 0, 0.0, u * np.log(np.where(u == 0, 1.0, v))),
}  # fmt: skip


def _reduce(
    formula: Formula,
    value: Values,
    inside: Values | None,
    shape: tuple[int, ...],
    operands: Sequence[Values],
    space: _Space,
) -> Values:
    """Accumulate the body's values onto the output."""
    if formula.is_plain and not (formula.reduce == "set" and formula.reduced):
        kept = [str(single_axis(index)) for index in formula.write]
        order = [space.names.index(name) for name in kept]
        order += [k for k, name in enumerate(space.names) if name not in kept]
        window = math.prod(value.shape[k] for k in order[len(kept) :])
        value = np.transpose(value, order).reshape(*shape, window)
        if formula.reduce in ("sum", "set"):
            if inside is not None:
                value = np.where(np.transpose(inside, order).reshape(value.shape), value, 0)
            return np.asarray(value.sum(axis=-1) if window != 1 else value[..., 0])
        if inside is None:
            return np.asarray(getattr(value, formula.reduce)(axis=-1))
        mask = np.transpose(inside, order).reshape(value.shape)
        if not np.all(mask.any(axis=-1)):
            raise ShapeError(f"{formula.name}: a window lies wholly in the padding")
        largest = np.where(mask, value, -np.inf).max(axis=-1)
        if formula.reduce == "max":
            return np.asarray(largest)
        # the padding is never chosen, not even where everything inside is -inf or NaN
        chosen = mask & ((value == largest[..., None]) | np.isnan(value))
        return np.asarray(chosen.argmax(axis=-1))
    place = tuple(
        np.broadcast_to(space.index(index, operands, size, inside is not None), value.shape)
        for index, size in zip(formula.write, shape, strict=True)
    )
    if formula.reduce in ("max", "argmax"):
        raise GraphError(f"{formula.name}: a maximum needs plain output indices")
    result = np.zeros(shape)
    if inside is not None:
        place, value = tuple(p[inside] for p in place), value[inside]
    if formula.reduce == "set":
        result[place] = value
    else:
        np.add.at(result, place, value)
    return result


def _contraction(formula: Formula, operands: Sequence[Values], space: _Space) -> Values | None:
    """A product summed onto plain axes, by einsum; None where the body is no such product."""
    product = split_product(formula.body)
    names = [f.args[0] for f in product.factors if f.head == "sym"]
    wanted = [f"_{k}" for k in range(len(formula.reads))]
    if product.divisors or sorted(names) != sorted(wanted) or len(names) != len(product.factors):
        return None
    if len(space.names) > len(string.ascii_letters):
        return None
    letters = dict(zip(space.names, string.ascii_letters, strict=False))
    arrays: list[Any] = []
    groups: list[str] = []
    for k in range(len(formula.reads)):
        read = formula.reads[k]
        whole = space.read(operands[read.operand], read.index, operands, bool(formula.guards))
        arrays.append(_real(whole))
    if formula.guards and not all(np.all(np.isfinite(array)) for array in arrays):
        return None  # 0 · ∞ outside the guards would be NaN
    arrays.extend(
        (np.asarray(space.value(guard)) >= 0).astype(np.float64) for guard in formula.guards
    )
    squeezed = []
    for array in arrays:
        full = np.asarray(array)
        full = full.reshape([1] * (len(space.names) - full.ndim) + list(full.shape))
        keep = [
            k
            for k, name in enumerate(space.names)
            if full.shape[k] == space.extents[name] and full.shape[k] != 1
        ]
        groups.append("".join(letters[space.names[k]] for k in keep))
        squeezed.append(full.reshape([full.shape[k] for k in keep]))
    covered = set("".join(groups))
    scale: Any = (
        product.coefficient
        if isinstance(product.coefficient, int)
        else _as_float(product.coefficient)
    )
    for a in formula.reduced:
        if letters[a.name] not in covered:
            scale *= space.extents[a.name]
    written = [str(single_axis(index)) for index in formula.write]
    output = [letters[name] for name in written if letters[name] in covered]
    made = np.einsum(f"{','.join(groups)}->{''.join(output)}", *squeezed, optimize=True)
    shape = [space.extents[name] if letters[name] in covered else 1 for name in written]
    made = made.reshape(shape)
    full_shape = [space.extents[name] for name in written]
    return np.array(np.broadcast_to(scale * made, full_shape))
