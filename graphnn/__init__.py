"""graphnn: a network is a graph of ops, an op is one formula, everything else is derived from it.

>>> import graphnn as gnn
>>> w, b, x, y = gnn.parameter("w"), gnn.parameter("b"), gnn.input("x"), gnn.input("y")
>>> L = (y - gnn.sigmoid(w * x + b)) ** 2 / 2
>>> round(float(gnn.evaluate(gnn.grad(L, "w"), w=0.5, b=0, x=2, y=1)), 3)
-0.106
"""

from typing import TYPE_CHECKING

from graphnn.derivation.derive import derive
from graphnn.derivation.result import Derivation
from graphnn.errors import DtypeError, GraphError, ShapeError, TextError, ValueMissing
from graphnn.graph.apply import op
from graphnn.graph.graph import Graph, evaluate, grad, sgd, tangent
from graphnn.graph.handle import Handle, name, scope
from graphnn.graph.leaves import constant, dim, input, parameter
from graphnn.graph.ops import (
    abs,
    argmax,
    broadcast_to,
    concat,
    conv2d,
    cos,
    cosh,
    einsum,
    elu,
    equal,
    exp,
    expm1,
    gather,
    leaky_relu,
    log,
    log1p,
    log_sigmoid,
    log_softmax,
    matmul,
    max,
    maximum,
    maxpool,
    mean,
    min,
    minimum,
    pad,
    parametric_relu,
    power,
    relu,
    reshape,
    sigmoid,
    sign,
    sin,
    sinh,
    softmax,
    softplus,
    split,
    sqrt,
    step,
    sum,
    swish,
    tan,
    tanh,
    transpose,
    where,
    xlogy,
)
from graphnn.text.program import Program, parse

__version__ = "0.1.0"

_ELSEWHERE = {
    "draw": "graphnn draws with viz: import viz; viz.draw(L)",
    "compile": "graphnn compiles with codegen: import codegen; codegen.compile(L)",
}

__all__ = [
    "Derivation",
    "DtypeError",
    "Graph",
    "GraphError",
    "Handle",
    "Program",
    "ShapeError",
    "TextError",
    "ValueMissing",
    "abs",
    "argmax",
    "broadcast_to",
    "concat",
    "constant",
    "conv2d",
    "cos",
    "cosh",
    "derive",
    "dim",
    "einsum",
    "elu",
    "equal",
    "evaluate",
    "exp",
    "expm1",
    "gather",
    "grad",
    "input",
    "leaky_relu",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "matmul",
    "max",
    "maximum",
    "maxpool",
    "mean",
    "min",
    "minimum",
    "name",
    "op",
    "pad",
    "parameter",
    "parametric_relu",
    "parse",
    "power",
    "relu",
    "reshape",
    "scope",
    "sgd",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "step",
    "sum",
    "swish",
    "tan",
    "tangent",
    "tanh",
    "transpose",
    "where",
    "xlogy",
]

if not TYPE_CHECKING:  # A type checker would take every name for known.

    def __getattr__(name: str) -> object:
        """AttributeError that says where to find `draw` and `compile`, or which name was meant.

        >>> import graphnn as gnn
        >>> gnn.sigmoyd
        Traceback (most recent call last):
        AttributeError: module 'graphnn' has no attribute 'sigmoyd'. Did you mean: 'sigmoid'?
        """
        from difflib import get_close_matches

        message = _ELSEWHERE.get(name)
        if message is None:
            message = f"module 'graphnn' has no attribute {name!r}"
            near = get_close_matches(name, __all__, 1)
            if near:
                message += f". Did you mean: {near[0]!r}?"
        raise AttributeError(message)
