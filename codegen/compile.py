"""`compile`: a graph becomes one standalone NumPy file, and an object that runs it.

What runs is the emitted source itself, so that the file that is read is the code that is measured.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import linecache
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen.module import module_source
from codegen.passes import RESERVED
from codegen.planning import make_plan
from graphnn.errors import DtypeError, GraphError, ShapeError, ValueMissing
from graphnn.expression.names import canonical
from graphnn.files import write_text
from graphnn.graph.graph import Graph, as_graph
from graphnn.graph.handle import Handle
from graphnn.plan import Plan

TARGETS = ("numpy",)
_ERRORS = {
    "missing": ValueMissing,
    "shape": ShapeError,
    "dtype": DtypeError,
    "label": GraphError,
}


class Compiled:
    """A compiled graph: its source, its plan, and the functions of the emitted module.

    Called with the leaves, by name or by position in declared order, it returns the outputs by
    name. `loss_and_gradients` takes the same. For a graph with updates, `init(seed)` makes a
    `Model` with `forward`, `loss_and_gradients`, `step`, `save` and `load`. With `check=True` each
    of them refuses the first NaN or ∞, and says in which value and statement it arose.

    >>> import graphnn as gnn, codegen
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> compiled = codegen.compile(gnn.name("L", (w * x) ** 2))
    >>> loss, gradients = compiled.loss_and_gradients(w=3, x=2)
    >>> float(loss), float(gradients["w"])
    (36.0, 24.0)

    Raises ValueMissing, ShapeError or DtypeError that names the leaf when it is called.
    """

    def __init__(self, source: str, plan: Plan) -> None:
        """Load the module of `source`."""
        self.source = source
        self.plan = plan
        self.module = _load(source)

    @cached_property
    def _checked(self) -> ModuleType:
        """The module that looks for a NaN after each line."""
        return _load(module_source(self.plan, checked=True))

    def __call__(self, /, *arrays: Any, check: bool = False, **named: Any) -> dict[str, Any]:
        """The outputs by name.

        >>> import graphnn as gnn
        >>> x = gnn.input("x", (2,))
        >>> f = compile({"y": gnn.log(x)})
        >>> try:
        ...     f([1, -1], check=True)
        ... except gnn.GraphError as error:
        ...     print(error.message)
        NaN first arose in y[1]: y = log(x)

        Raises ValueMissing, ShapeError or DtypeError that names the leaf, GraphError for a label
        that is out of range and, with `check`, for a NaN or ∞ (−∞ passes, which a mask may hold).
        """
        found: dict[str, Any] = self._run("forward", arrays, named, check)
        return found

    def loss_and_gradients(
        self, /, *arrays: Any, check: bool = False, **named: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The first output, and its gradient by each parameter.

        Raises GraphError where the first output is not one float or nothing is learnt; otherwise
        what a call raises.
        """
        if not self.plan.gradients:
            raise GraphError(
                "this graph was compiled without gradients: its first output is not one float, or "
                "it has no parameters; give parameters=[…]"
            )
        found: tuple[Any, dict[str, Any]] = self._run("loss_and_gradients", arrays, named, check)
        return found

    def init(
        self, seed: int = 0, initial: dict[str, Any] | None = None, *, check: bool = False
    ) -> Any:
        """A new `Model` with parameters drawn from `seed`, or taken from `initial`.

        With `check`, every call of the model refuses the first NaN or ∞ by a FloatingPointError;
        a step that is refused leaves the parameters as they were.

        Raises GraphError where the graph has no updates.
        """
        if not self.plan.updates:
            raise GraphError("this graph has no updates to step; make them with gnn.sgd(graph, lr)")
        return (self._checked if check else self.module).Model().init(seed, initial)

    @property
    def Model(self) -> Any:
        """The class of the emitted module, for a graph with updates."""
        return self.module.Model

    def _run(self, function: str, arrays: Sequence[Any], named: dict[str, Any], check: bool) -> Any:
        module = self._checked if check else self.module
        known = {leaf.name for leaf in self.plan.leaves}
        given = {name if name in known else canonical(name): v for name, v in named.items()}
        try:
            return getattr(module, function)(*arrays, **given)
        except module.InputError as error:
            raise _ERRORS[error.kind](str(error)) from None
        except FloatingPointError as error:
            raise GraphError(str(error)) from None

    def save(self, path: str | Path) -> Path:
        """Write the source to a file, whole or not at all; returns its path."""
        target = Path(path)
        write_text(target, self.source)
        return target

    def __repr__(self) -> str:
        lines = self.source.count("\n")
        return f"<compiled: {', '.join(self.plan.outputs)}, {lines} lines of NumPy>"


def compile(
    thing: Graph | Handle | dict[str, Handle],
    target: str = "numpy",
    dtype: str | None = None,
    parameters: Sequence[str | Handle] | None = None,
    stable: bool = True,
) -> Compiled:
    """Compile a Graph, a node or a dict of nodes to one standalone NumPy module.

    `dtype` replaces every float dtype; `parameters` says by what to differentiate the first output
    (the graph's parameters otherwise); `stable=False` follows the user's formulas as they stand.
    The same graph, target and version give the same source.

    >>> import graphnn as gnn
    >>> w, x = gnn.parameter("w"), gnn.input("x")
    >>> f = compile({"a": gnn.sigmoid(w * x)})
    >>> float(f(0, 3)["a"]), {k: float(v) for k, v in f.loss_and_gradients(w=0, x=3)[1].items()}
    (0.5, {'w': 0.75})

    Raises GraphError for an unknown target, DtypeError for an unknown dtype, ShapeError for a
    symbolic size that no leaf binds.
    """
    if target not in TARGETS:
        raise GraphError(f"there is no target {target!r}; one of {', '.join(TARGETS)}")
    graph = as_graph(thing)
    if not graph.outputs:
        raise GraphError("the graph has no outputs: there is nothing to compile")
    compiled = _stabilised(graph) if stable else graph
    plan = make_plan(compiled, dtype, parameters, RESERVED, written=graph)
    return Compiled(module_source(plan), plan)


def _stabilised(graph: Graph) -> Graph:
    """The graph after the pass `stabilise`, where graphnn has it."""
    name = "graphnn.graph.stabilise"
    if importlib.util.find_spec(name) is None:
        return graph
    found: Graph = importlib.import_module(name).stabilise(graph)
    return found


def _load(source: str) -> ModuleType:
    """The module of emitted source; its lines stand in tracebacks."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    filename = f"<graphnn {digest}>"
    module = ModuleType(f"graphnn_compiled_{digest}")
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(builtins.compile(source, filename, "exec"), module.__dict__)
    return module
