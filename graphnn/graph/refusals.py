"""What a node refuses, and what to write instead: NumPy's functions, attributes of arrays."""

from __future__ import annotations

from types import ModuleType

from graphnn.errors import line_of_code

NO_VALUE = "a node has no value while the graph is built"

# What NumPy calls otherwise than gnn does.
_NUMPY_NAMES = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "concatenate": "concat",
    "dot": "matmul",
    "float_power": "power",
    "square": "power",
    "vdot": "matmul",
}
# `np.sum(x)` of an object is a reduction by the ufunc add.
_REDUCTIONS = {"add": "sum", "maximum": "max", "minimum": "min", "multiply": "prod"}
# What other libraries' arrays have, and what takes its place.
_ELSEWHERE = {
    **dict.fromkeys(
        ("value", "numpy", "item", "eval", "data", "tolist"), "gnn.evaluate(node, x=…)"
    ),
    **dict.fromkeys(("grad", "backward", "gradient"), "gnn.grad(L, node)"),
    "view": "gnn.reshape(node, …)",
    "size": "node.shape",
    "dim": "node.ndim",
    "t": "node.T",
}


def refused(message: str) -> TypeError:
    """A TypeError whose last line names the user's own line."""
    file, line = line_of_code()
    return TypeError(f"{message} (at {file}:{line})")


def refused_function(name: str, ops: ModuleType, method: str = "__call__") -> TypeError:
    """What NumPy's function is called among `ops`."""
    name = _REDUCTIONS.get(name, name) if method == "reduce" else name
    own = _NUMPY_NAMES.get(name, name)
    use = (
        f"use gnn.{own}"
        if hasattr(ops, own)
        else f"there is no gnn.{own}: build it from gnn's own functions, such as gnn.exp and gnn.sum"
    )
    return refused(f"np.{name} cannot be applied to a node; {use}")


def refused_attribute(name: str, ops: ModuleType) -> AttributeError:
    """What to write for an attribute that arrays have and nodes do not."""
    instead = _ELSEWHERE.get(name) or (f"gnn.{name}(node, …)" if hasattr(ops, name) else "")
    hint = f"; use {instead}" if instead and not name.startswith("_") else ""
    return AttributeError(f"a node has no attribute {name!r}{hint}")
