"""Where a kernel is printed, and arrays as text: what the printers of kernels share.

A `View` is Python text and the axis of each of its dimensions; `aligned` puts it under any order of
axes. A `Space` holds the lines so far, the names that are taken, and the domain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from codegen.spelling import ATOM, Names, quoted, size_factor, size_text, tuple_text, wrap
from graphnn.calculus.formula import Formula, Shape, Size
from graphnn.calculus.polynomial import Atom, Dimension, plain
from graphnn.graph.node import FLOATS
from graphnn.plan import FirstMaximum


@dataclass(frozen=True)
class Operand:
    """What a kernel reads: Python text, shape and dtype; `literal` for a number.

    `name` is what messages call it.
    """

    text: str
    shape: Shape
    dtype: str
    binding: int = ATOM
    literal: bool = False
    name: str = ""


class Dim(NamedTuple):
    """A dimension of a viewed array: its subscript, and the axis that it becomes.

    The axis is None where the subscript is a number and the dimension disappears; `unit` says that
    the dimension has size 1, so that it can stand for an axis that is missing.
    """

    subscript: str
    axis: str | None
    unit: bool = False


@dataclass(frozen=True)
class View:
    """An array as Python text, and what each of its dimensions becomes.

    `stem` is the name of the array whose windows a strided view shows.
    """

    text: str
    dims: tuple[Dim, ...]
    dtype: str
    binding: int = ATOM
    literal: bool = False
    stem: str = ""

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes of the dimensions, in order."""
        return tuple(dim.axis for dim in self.dims if dim.axis is not None)


@dataclass
class Space:
    """Where a kernel is printed: names, lines so far, the domain, and which helpers it calls.

    `loops` maps the axes that a surrounding `for` binds to their variables; `before` holds the
    lines in front of that loop. `shared` maps texts to variables that exist already.
    `first` says which operand stands for the positions of maxima. Of a single line, `binding` says
    how tightly its value binds.
    """

    names: Names
    sizes: Mapping[str, str]
    floats: Mapping[str, str]
    helpers: set[str]
    samples: Mapping[str, int]
    formula: Formula
    lines: list[str] = field(default_factory=list)
    loops: dict[str, str] = field(default_factory=dict)
    margins: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    before: list[str] | None = None
    first: FirstMaximum | None = None
    binding: int = ATOM

    @property
    def symbols(self) -> dict[Atom, str]:
        """Dimensions and loop variables, as identifiers."""
        known: dict[Atom, str] = {Dimension(name): text for name, text in self.sizes.items()}
        known.update({Dimension(name): text for name, text in self.margins.items()})
        known.update(self.loops)
        return known

    def size(self, value: Size) -> str:
        """An extent or index as Python text."""
        return size_text(value, self.symbols)

    def factor(self, value: Size) -> str:
        """An extent as a factor."""
        return size_factor(value, self.symbols)

    def extent(self, axis: str) -> Size:
        """The extent of an axis."""
        return plain(self.formula.extents[axis])

    def shape(self, shape: Sequence[Size]) -> str:
        """A shape as Python text."""
        return tuple_text([self.size(size) for size in shape])

    def dtype(self, dtype: str) -> str:
        """A dtype as Python text."""
        return self.floats.get(dtype) or f"np.{'bool_' if dtype == 'bool' else dtype}"

    def call(self, helper: str) -> str:
        """The name of a helper of the emitted module, which will then be emitted."""
        self.helpers.add(helper)
        return helper

    def rows(self, labels: str, size: Size, name: str) -> str:
        """The labels of a lookup, which the emitted module checks; `name` is the array's."""
        return f"{self.call('rows')}({labels}, {self.size(size)}, {quoted(name)})"

    def keep(self, text: str, wanted: str = "") -> str:
        """A new variable that holds the value of `text`."""
        name = self.names.fresh(wanted) if wanted else self.names.numbered("t")
        self.lines.append(f"{name} = {text}")
        return name

    def share(self, text: str, wanted: str) -> str:
        """A variable for what does not depend on a loop; one for all kernels of a pass."""
        if text not in self.shared:
            name = self.shared[text] = self.names.fresh(wanted)
            (self.lines if self.before is None else self.before).append(f"{name} = {text}")
        return self.shared[text]

    @contextmanager
    def loop(self, axes: Sequence[str]) -> Iterator[None]:
        """Lines inside belong to a `for` over the axes, each bound to a variable."""
        variables = [self.names.variable(axis) for axis in axes]
        extents = [self.size(self.extent(axis)) for axis in axes]
        if len(axes) == 1:
            header = f"for {variables[0]} in range({extents[0]}):"
        else:
            header = f"for {', '.join(variables)} in np.ndindex({', '.join(extents)}):"
        self.before, self.lines = self.lines, []
        self.loops.update(zip(axes, variables, strict=True))
        yield
        inner, self.lines = self.lines, self.before
        self.before = None
        self.lines += [header, *(f"    {line}" for line in inner)]
        for axis in axes:
            del self.loops[axis]


def whole(text: str, axes: Sequence[str], dtype: str, binding: int = ATOM) -> View:
    """A view of an array whose dimensions are these axes."""
    return View(text, tuple(Dim(":", axis) for axis in axes), dtype, binding)


def subscript(view: View, inserted: Mapping[int, int] | None = None, leading: int = 0) -> str:
    """The text of a view; `inserted` says how many new dimensions stand before each kept one.

    A dimension of size 1 stays where a new one is wanted; `leading` ones may stay in front.
    """
    parts: list[str] = []
    missing = dict(inserted or {})
    kept = 0
    first = next((k for k, dim in enumerate(view.dims) if dim.axis is not None), len(view.dims))
    stays = first <= leading and all(dim.unit for dim in view.dims[:first])
    for k, dim in enumerate(view.dims):
        if dim.axis is None and dim.unit and (missing.get(kept, 0) or (stays and k < first)):
            missing[kept] = missing.get(kept, 0) - (k >= first)
            parts.append(":")
            continue
        if dim.axis is not None:
            parts += ["None"] * missing.pop(kept, 0)
            kept += 1
        parts.append(dim.subscript)
    parts += ["None"] * missing.get(kept, 0)
    while parts and parts[-1] == ":":
        parts.pop()
    if not parts:
        return view.text
    return f"{wrap(view.text, view.binding, ATOM)}[{', '.join(parts)}]"


def aligned(view: View, order: Sequence[str]) -> tuple[str, int]:
    """The view with its dimensions in `order`, length 1 for an axis that it has not.

    Leading missing axes are left to broadcasting. Returns text and how tightly it binds.
    """
    kept = [axis for axis in order if axis in view.axes]
    if not kept:
        return (subscript(view), ATOM) if view.dims else (view.text, view.binding)
    permutation = [view.axes.index(axis) for axis in kept]
    first = order.index(kept[0])
    missing: dict[int, int] = {}
    place = 0
    for axis in order[first:]:
        if axis in view.axes:
            place += 1
        else:
            missing[place] = missing.get(place, 0) + 1
    if permutation == sorted(permutation):
        text = subscript(view, missing, first)
        return text, (view.binding if text == view.text else ATOM)
    text = transposed(wrap(subscript(view), view.binding, ATOM), permutation)
    return subscript(whole(text, kept, view.dtype), missing), ATOM


def transposed(text: str, permutation: Sequence[int]) -> str:
    """An array with its dimensions in another order."""
    if list(permutation) == list(range(len(permutation)))[::-1]:
        return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"
    return f"{text}.transpose({', '.join(map(str, permutation))})"


def is_float(dtype: str) -> bool:
    """Whether a dtype is a float's."""
    return dtype in FLOATS
