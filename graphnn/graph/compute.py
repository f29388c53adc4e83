"""One formula on arrays, as it is written: reads over the axes, the body, the reduction.

Every read becomes an array over the axes, the body is computed once for all of them, guarded points
are left out, and the rest is reduced onto the write. Products summed over plain writes go to
`einsum`.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
from graphnn.errors import GraphError, ShapeError
from graphnn.expression.algebra import split_product
from graphnn.graph.bodies import as_float, as_number, body_value
from graphnn.graph.feeding import computed_in

Values = npt.NDArray[Any]


class LabelError(GraphError):
    """A label that is no row of the table in which it is looked up."""

    def __init__(
        self, operand: int, place: Sequence[int], label: int, rows: int, name: str = "labels"
    ) -> None:
        """Say which array holds it, and where it stands first."""
        where = f"[{', '.join(map(str, place))}]" if place else ""
        super().__init__(
            f"{name}{where} = {label} is out of range: the table has {rows} rows, 0 to {rows - 1}"
            if rows
            else f"{name}{where} = {label} is out of range: the table has no rows"
        )
        self.operand, self.found = operand, (place, label, rows)

    def of(self, name: str) -> LabelError:
        """The same error, naming the array."""
        return LabelError(self.operand, *self.found, name)


def compute(
    formula: Formula,
    operands: Sequence[Values],
    sizes: Mapping[str, int],
    dtype: str,
    precision: type[np.floating[Any]] = np.float64,
) -> Values:
    """One formula on arrays: gather the reads, compute the body, reduce onto the write.

    Floats are computed in `precision`.

    Raises ShapeError for a maximum of nothing and for an index outside, LabelError for a label
    that is out of range.
    """
    extents = {a.name: bind(a.extent, sizes) for a in formula.axes}
    shape = tuple(bind(size, sizes) for size in formula.shape)
    space = Domain(list(extents), extents, sizes)
    if formula.reduce in ("max", "argmax") and any(extents[a.name] == 0 for a in formula.reduced):
        raise ShapeError(f"{formula.name}: the maximum of nothing (an axis of extent 0)")
    if formula.is_plain and formula.reduce == "sum":
        product = _contraction(formula, operands, space)
        if product is not None:
            return product.astype(computed_in(dtype, precision))
    reads = {
        f"_{k}": space.read(operands[r.operand], r.index, operands, bool(formula.guards))
        for k, r in enumerate(formula.reads)
    }
    value = np.asarray(body_value(formula.body, reads, space.positions, extents, precision))
    domain = tuple(extents.values())
    value = np.broadcast_to(value, domain)
    inside = space.inside(formula)
    made = _reduce(formula, value, inside, shape, operands, space)
    return made.astype(computed_in(dtype, precision))


class Domain:
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
        """An index at every point, inside its dimension of this size.

        With `clip`, points outside (which guards leave out) are moved inside.
        """
        if isinstance(index, Lookup):
            inner = tuple(
                self.index(part, operands, n, clip)
                for part, n in zip(index.index, operands[index.operand].shape, strict=True)
            )
            found = operands[index.operand][inner]
            bad = (found < 0) | (found >= size)
            if np.any(bad):
                first = tuple(np.argwhere(bad)[0])
                place = [int(np.broadcast_to(part, bad.shape)[first]) for part in inner]
                raise LabelError(index.operand, place, int(np.asarray(found)[first]), size)
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


def _reduce(
    formula: Formula,
    value: Values,
    inside: Values | None,
    shape: tuple[int, ...],
    operands: Sequence[Values],
    space: Domain,
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
    result = np.zeros(shape, dtype=np.result_type(value, np.float32))
    if inside is not None:
        place, value = tuple(p[inside] for p in place), value[inside]
    if formula.reduce == "set":
        result[place] = value
    else:
        np.add.at(result, place, value)
    return result


def _contraction(formula: Formula, operands: Sequence[Values], space: Domain) -> Values | None:
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
        arrays.append(as_number(whole))
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
        else as_float(product.coefficient)
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
