"""Handles: what Python code holds. A node, with its name, the user's line and how it was written.

Handles are not interned: a node can be reached by several names and lines. A `Graph` collects its
tables from handles. Operators build nodes; `bool(handle)` raises, because a node has no value
while the graph is built.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn

from graphnn.calculus.formula import Shape
from graphnn.calculus.shapes import shape_text
from graphnn.errors import GraphError, line_of_code
from graphnn.graph.node import Node
from graphnn.graph.refusals import NO_VALUE, refused, refused_attribute, refused_function

_serial = itertools.count()
_scope: ContextVar[tuple[str, ...]] = ContextVar("scope", default=())
_place: ContextVar[Source | None] = ContextVar("place", default=None)

# The ufuncs that NumPy's own operators call where the other side is a node.
_NUMPY_OPERATORS = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "divide": "divide",
    "true_divide": "divide",
    "power": "power",
    "matmul": "matmul",
    "less": "less",
    "less_equal": "less_equal",
    "greater": "greater",
    "greater_equal": "greater_equal",
}


@dataclass(frozen=True)
class Source:
    """Where the user wrote something: a file and line, or a line and column of a text."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        """As a reader sees it."""
        return f"{self.file}:{self.line}" if self.file else f"line {self.line}"


@dataclass(frozen=True)
class Written:
    """How a handle was written: a function or operator, its operands, and its parameters.

    `function` is an op's name (`add`, `matmul`, `sigmoid`, `sum`, …); parameters are what stood
    beside the operands (an axis, a stride). `opened` is the last handle inside a composite.
    """

    function: str
    operands: tuple[Handle, ...]
    parameters: tuple[tuple[str, Any], ...] = ()
    opened: Handle | None = None


@dataclass(frozen=True)
class GradientOf:
    """The provenance of a gradient: of what, with respect to what, with which cotangent."""

    output: Handle
    wrt: Handle
    cotangent: Handle | None


class Handle:
    """A node in the user's hands. Arithmetic, `@`, indexing and comparisons make new handles.

    Every function of graphnn that makes a node returns one. It has a shape (sizes that may be
    symbolic), a dtype, a name where `gnn.name` gave one, and no value: `gnn.evaluate` computes it.

    >>> import graphnn as gnn
    >>> x, w = gnn.input("x", ("B", 2)), gnn.parameter("w", (2,))
    >>> z = x @ w + 1
    >>> z.shape, z.dtype, z.ndim
    ((B,), 'float32', 1)
    >>> z
    <add: add, shape (B,), float32>
    >>> x[0, ::-1].shape, x.T.shape, (x > 0).dtype
    ((2,), (2, B), 'bool')

    Raises TypeError where Python asks for a value (`if z > 0`, `float(z)`, `numpy.exp(z)`), and says
    what to write instead.
    """

    __slots__ = ("__weakref__", "name", "node", "provenance", "scope", "serial", "source")

    def __init__(
        self,
        node: Node,
        provenance: Written | GradientOf | None = None,
        name: str | None = None,
        source: Source | None = None,
    ) -> None:
        """Remember the user's line and the scope that is open."""
        self.node = node
        self.provenance = provenance
        self.name = name
        self.scope = _scope.get()
        self.source = source or user_line()
        self.serial = next(_serial)

    @property
    def shape(self) -> Shape:
        """The shape: ints and symbolic sizes."""
        return self.node.shape

    @property
    def dtype(self) -> str:
        """The element type: float32, float64, int64 or bool."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.node.shape)

    @property
    def T(self) -> Handle:
        """The transpose: the order of the dimensions reversed."""
        return self._call("transpose")

    def _call(self, function: str, *operands: Any, **parameters: Any) -> Handle:
        from graphnn.graph import ops

        made: Handle = getattr(ops, function)(self, *operands, **parameters)
        return made

    def __add__(self, other: Any) -> Handle:
        """`self + other`."""
        return self._call("add", other)

    def __radd__(self, other: Any) -> Handle:
        """`other + self`."""
        return self._reflected("add", other)

    def __sub__(self, other: Any) -> Handle:
        """`self − other`."""
        return self._call("subtract", other)

    def __rsub__(self, other: Any) -> Handle:
        """`other − self`."""
        return self._reflected("subtract", other)

    def __mul__(self, other: Any) -> Handle:
        """`self * other`."""
        return self._call("multiply", other)

    def __rmul__(self, other: Any) -> Handle:
        """`other * self`."""
        return self._reflected("multiply", other)

    def __truediv__(self, other: Any) -> Handle:
        """`self / other`."""
        return self._call("divide", other)

    def __rtruediv__(self, other: Any) -> Handle:
        """`other / self`."""
        return self._reflected("divide", other)

    def __pow__(self, other: Any) -> Handle:
        """`self ** other`."""
        return self._call("power", other)

    def __rpow__(self, other: Any) -> Handle:
        """`other ** self`."""
        return self._reflected("power", other)

    def __matmul__(self, other: Any) -> Handle:
        """`self @ other`."""
        return self._call("matmul", other)

    def __rmatmul__(self, other: Any) -> Handle:
        """`other @ self`."""
        return self._reflected("matmul", other)

    def __neg__(self) -> Handle:
        """`−self`."""
        return self._call("negate")

    def __pos__(self) -> Handle:
        """`+self`."""
        return self

    def __abs__(self) -> Handle:
        """`abs(self)`."""
        return self._call("abs")

    def __lt__(self, other: Any) -> Handle:
        """`self < other`."""
        return self._call("less", other)

    def __le__(self, other: Any) -> Handle:
        """`self <= other`."""
        return self._call("less_equal", other)

    def __gt__(self, other: Any) -> Handle:
        """`self > other`."""
        return self._call("greater", other)

    def __ge__(self, other: Any) -> Handle:
        """`self >= other`."""
        return self._call("greater_equal", other)

    def __getitem__(self, index: Any) -> Handle:
        """`self[index]`."""
        return self._call("getitem", index)

    def __iter__(self) -> Iterator[Handle]:
        """The rows, where their number is known."""
        if not self.shape or not isinstance(self.shape[0], int):
            raise refused("only a node whose first dimension is a number can be taken apart")
        return (self[k] for k in range(self.shape[0]))

    def _reflected(self, function: str, other: Any) -> Handle:
        from graphnn.graph import ops

        made: Handle = getattr(ops, function)(other, self)
        return made

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Handle:
        """NumPy's operators build nodes (`np.ones((2, 3)) @ W`); its functions are refused."""
        from graphnn.graph import ops

        function = _NUMPY_OPERATORS.get(ufunc.__name__)
        if function is None or method != "__call__" or options:
            raise refused_function(ufunc.__name__, ops, method)
        made: Handle = getattr(ops, function)(*inputs)
        return made

    def __array_function__(self, function: Any, *rest: Any) -> NoReturn:
        """NumPy's other functions (`np.sum(x)`) are refused, by the name of gnn's own."""
        from graphnn.graph import ops

        raise refused_function(function.__name__, ops)

    def __eq__(self, other: object) -> bool:
        """Identity: handles are keys, and members of lists. By element it is gnn.equal."""
        if isinstance(other, Handle) or other is None:
            return self is other
        raise refused("== does not compare a node's elements; use gnn.equal(x, value)")

    def __hash__(self) -> int:
        """By identity."""
        return id(self)

    def __bool__(self) -> NoReturn:
        """Raises TypeError: a node has no value yet."""
        raise refused(f"{NO_VALUE}; use gnn.where(condition, a, b)")

    def __float__(self) -> NoReturn:
        """Raises TypeError: a node has no value yet."""
        raise refused(f"{NO_VALUE}; use gnn.evaluate(node, x=…)")

    __int__ = __complex__ = __index__ = __float__

    def __len__(self) -> int:
        """The first size. Raises TypeError where it is not a number."""
        if not self.shape or not isinstance(self.shape[0], int):
            raise refused(f"a node of shape {shape_text(self.shape)} has no length")
        return self.shape[0]

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        """Raises TypeError: a node is not an array."""
        raise refused(
            "a node is not an array; use gnn's own functions, such as gnn.exp(x) or "
            "gnn.concat([x, y]); gnn.evaluate gives its value"
        )

    def __getattr__(self, name: str) -> NoReturn:
        """Raises AttributeError that says what to write instead."""
        from graphnn.graph import ops

        raise refused_attribute(name, ops)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as flat rows, without recursion."""
        from graphnn.graph.rows import handles_from_rows, handles_to_rows

        return handles_from_rows, (handles_to_rows([self]), True)

    def __copy__(self) -> Handle:
        """Itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Handle:
        """Itself: it is immutable."""
        return self

    def __repr__(self) -> str:
        """What it is, in one line."""
        called = self.name or self.node.kind
        return f"<{called}: {self.node.kind}, shape {self.shape}, {self.dtype}>"


def user_line() -> Source:
    """The innermost line of the user's own code, or the place in a text that is being built."""
    known = _place.get()
    if known is not None:
        return known
    return Source(*line_of_code())


def user_place() -> str:
    """The place that an error names: the user's line."""
    return f"  at {user_line()}"


@contextmanager
def written_at(source: Source) -> Iterator[None]:
    """Handles made inside are written at this place of a text."""
    token = _place.set(source)
    try:
        yield
    finally:
        _place.reset(token)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Handles made inside belong to the scope `name`: a box in drawings, a prefix in lists.

    >>> import graphnn as gnn
    >>> with gnn.scope("layer1"):
    ...     h = gnn.tanh(gnn.input("x"))
    >>> h.scope
    ('layer1',)
    """
    token = _scope.set((*_scope.get(), name))
    try:
        yield
    finally:
        _scope.reset(token)


def name(called: str, handle: Handle) -> Handle:
    """Give a value a name: it becomes a statement that derivations and drawings show.

    Raises GraphError for what is no node.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", ())
    >>> gnn.name("z", 2 * x).name
    'z'
    """
    from graphnn.expression.names import canonical

    if not isinstance(handle, Handle):
        raise GraphError(f"{called!r} can only name a node, not {type(handle).__name__}")
    named = Handle(handle.node, handle.provenance, canonical(called), handle.source)
    named.scope = handle.scope
    return named
