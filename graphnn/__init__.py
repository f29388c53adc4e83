"""graphnn: a network is a graph of ops, an op is one formula, everything else is derived from it.

>>> import graphnn as gnn
>>> w, b, x, y = gnn.parameter("w"), gnn.parameter("b"), gnn.input("x"), gnn.input("y")
>>> L = (y - gnn.sigmoid(w * x + b)) ** 2 / 2
>>> round(float(gnn.evaluate(gnn.grad(L, "w"), w=0.5, b=0, x=2, y=1)), 3)
-0.106
"""

from typing import TYPE_CHECKING

from graphnn.answers import Checked, check
from graphnn.derivation.derive import derive
from graphnn.derivation.functions import functions
from graphnn.derivation.result import Derivation
from graphnn.errors import DtypeError, GraphError, Remark, ShapeError, TextError, ValueMissing
from graphnn.graph.apply import op
from graphnn.graph.graph import Graph, evaluate, grad, sgd, tangent
from graphnn.graph.handle import Handle, name, scope
from graphnn.graph.leaves import constant, dim, input, parameter
from graphnn.graph.ops import (
    abs,
    argmax,
    argmin,
    avgpool,
    batch_norm,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    broadcast_to,
    ceil,
    clip,
    concat,
    conv2d,
    cos,
    cosh,
    cross_entropy,
    cross_entropy_with_logits,
    cumsum,
    diagonal,
    einsum,
    elu,
    equal,
    exp,
    expm1,
    flatten,
    floor,
    gather,
    global_avgpool,
    global_maxpool,
    half_squared_error,
    l1_penalty,
    l2_penalty,
    layer_norm,
    leaky_relu,
    linear,
    log,
    log1p,
    log_sigmoid,
    log_softmax,
    mae,
    matmul,
    max,
    maximum,
    maxpool,
    mean,
    min,
    minimum,
    mse,
    norm,
    not_equal,
    one_hot,
    outer,
    pad,
    parametric_relu,
    positional_encoding,
    power,
    prod,
    relu,
    reshape,
    sigmoid,
    sign,
    sin,
    sinh,
    softmax,
    softplus,
    sparse_cross_entropy,
    sparse_cross_entropy_with_logits,
    split,
    sqrt,
    stack,
    step,
    sum,
    swish,
    tan,
    tanh,
    trace,
    transpose,
    where,
    xlogy,
)
from graphnn.graph.summary import Summary, summary
from graphnn.text.program import Program, parse

__version__ = "0.1.0"

_ELSEWHERE = {
    "draw": "graphnn draws with viz: import viz; viz.draw(L)",
    "compile": "graphnn compiles with codegen: import codegen; codegen.compile(L)",
}

__all__ = [
    "Checked",
    "Derivation",
    "DtypeError",
    "Graph",
    "GraphError",
    "Handle",
    "Program",
    "Remark",
    "ShapeError",
    "Summary",
    "TextError",
    "ValueMissing",
    "abs",
    "argmax",
    "argmin",
    "avgpool",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "broadcast_to",
    "ceil",
    "check",
    "clip",
    "concat",
    "constant",
    "conv2d",
    "cos",
    "cosh",
    "cross_entropy",
    "cross_entropy_with_logits",
    "cumsum",
    "derive",
    "diagonal",
    "dim",
    "einsum",
    "elu",
    "equal",
    "evaluate",
    "exp",
    "expm1",
    "flatten",
    "floor",
    "functions",
    "gather",
    "global_avgpool",
    "global_maxpool",
    "grad",
    "half_squared_error",
    "input",
    "l1_penalty",
    "l2_penalty",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "mae",
    "matmul",
    "max",
    "maximum",
    "maxpool",
    "mean",
    "min",
    "minimum",
    "mse",
    "name",
    "norm",
    "not_equal",
    "one_hot",
    "op",
    "outer",
    "pad",
    "parameter",
    "parametric_relu",
    "parse",
    "positional_encoding",
    "power",
    "prod",
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
    "sparse_cross_entropy",
    "sparse_cross_entropy_with_logits",
    "split",
    "sqrt",
    "stack",
    "step",
    "sum",
    "summary",
    "swish",
    "tan",
    "tangent",
    "tanh",
    "trace",
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
