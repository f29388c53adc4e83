"""Element-wise functions: each is a line of the op tables, or chooses one by its operands."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.calculus.definition import define
from graphnn.calculus.tables import definition
from graphnn.errors import GraphError
from graphnn.graph.apply import NUMBERS, apply, lift, weak_constant
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.node import scalar_value


def table_function(name: str, dtype: str | None = None) -> Callable[..., Handle]:
    """The function of one line of the op tables."""

    def function(*operands: Any, **parameters: Any) -> Handle:
        return apply(definition(name), operands, parameters, dtype=dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The op `{name}` of graphnn.calculus.tables, element by element."
    return function


add = table_function("add")
subtract = table_function("subtract")
multiply = table_function("multiply")
divide = table_function("divide")
negate = table_function("negate")
less = table_function("less", "bool")
less_equal = table_function("less_equal", "bool")
greater = table_function("greater", "bool")
greater_equal = table_function("greater_equal", "bool")
equal = table_function("equal", "bool")
not_equal = table_function("not_equal", "bool")
exp = table_function("exp")
log = table_function("log")
sqrt = table_function("sqrt")
sin = table_function("sin")
cos = table_function("cos")
tan = table_function("tan")
sinh = table_function("sinh")
cosh = table_function("cosh")
tanh = table_function("tanh")
abs = table_function("abs")
sign = table_function("sign")
step = table_function("step")
floor = table_function("floor")
ceil = table_function("ceil")
log1p = table_function("log1p")
expm1 = table_function("expm1")
xlogy = table_function("xlogy")
linear = table_function("linear")
sigmoid = table_function("sigmoid")
relu = table_function("relu")
leaky_relu = table_function("leaky_relu")
parametric_relu = table_function("parametric_relu")
elu = table_function("elu")
softplus = table_function("softplus")
log_sigmoid = table_function("log_sigmoid")
swish = table_function("swish")


def where(condition: Any, then: Any, other: Any) -> Handle:
    """`then` where the condition holds (is not 0), else `other`, by element.

    `y[q] = where(c[q] != 0, a[q], b[q])`; no gradient flows into the condition.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.where(x > 0, x, 0.0).shape
    (3,)
    """
    return apply(definition("where"), [condition, then, other])


def clip(x: Any, low: Any = None, high: Any = None) -> Handle:
    """`y[q] = min(max(x[q], low), high)`; None leaves a side open.

    On a bound and beyond it the derivative by x is 0, and 1 by that bound (a convention on it).

    >>> import graphnn as gnn
    >>> gnn.evaluate(gnn.clip(gnn.input("x", (3,)), -1, 1), x=[-3, 0.5, 2]).tolist()
    [-1.0, 0.5, 1.0]

    Raises GraphError for numbers with low > high.
    """
    if low is None and high is None:
        return linear(x)
    if low is None or high is None:
        return minimum(x, high) if low is None else maximum(x, low)
    if isinstance(low, NUMBERS) and isinstance(high, NUMBERS) and low > high:
        raise GraphError(f"clip needs low ≤ high; {low} and {high} were given", user_place())
    return apply(definition("clip"), [x, low, high])


def power(x: Any, exponent: Any) -> Handle:
    """`y[q] = x[q]^n`; an integer exponent belongs to the kind of op, any other is an operand.

    >>> import graphnn as gnn
    >>> float(gnn.evaluate(gnn.input("x") ** 3, x=2))
    8.0
    """
    value = scalar_value(exponent.node) if isinstance(exponent, Handle) else exponent
    number = _integer(value)
    if number is not None and builtins.abs(number) <= 64:
        line = f"power(x) = x^{number}" if number >= 0 else f"power(x) = x^({number})"
        base, *_ = lift([x, exponent] if isinstance(exponent, Handle) else [x], "power")
        written = Written("power", (base, weak_constant(number, base.dtype)))
        return apply(define(line), [base], {}, written)
    return apply(definition("power"), [x, exponent])


def _integer(value: Any) -> int | None:
    """The integer that a Python or NumPy number is, else None."""
    if isinstance(value, int | float | Fraction | np.integer | np.floating):
        return int(value) if math.isfinite(value) and value == int(value) else None
    return None


def maximum(a: Any, b: Any) -> Handle:
    """The larger of a and b, by element; at a tie the constant one wins, else the first.

    >>> import graphnn as gnn
    >>> x = gnn.input("x")
    >>> float(gnn.evaluate(gnn.grad(gnn.maximum(0.0, x), "x"), x=0))
    0.0
    """
    return _extreme("maximum", a, b)


def minimum(a: Any, b: Any) -> Handle:
    """The smaller of a and b, by element; at a tie the constant one wins, else the first."""
    return _extreme("minimum", a, b)


def _extreme(name: str, a: Any, b: Any) -> Handle:
    first, second = lift([a, b], name)
    written = Written(name, (first, second))
    for x, c in ((first, second), (second, first)):
        if c.node.op == "constant" and x.node.op != "constant":
            if not c.shape:
                return apply(definition(f"{name}_of"), [x], {"c": c}, written)
            return apply(definition(name), [c, x], {}, written)
    return apply(definition(name), [first, second], {}, written)
