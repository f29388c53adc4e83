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
from graphnn.graph.described import describe
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.node import scalar_value


def table_function(name: str, dtype: str | None = None) -> Callable[..., Handle]:
    """The function of one line of the op tables, described by graphnn.graph.described.

    >>> import inspect
    >>> print(inspect.signature(table_function("leaky_relu")))
    (x: 'Any', /, *, a: 'Any' = 0.01) -> 'Handle'
    """

    def function(*operands: Any, **parameters: Any) -> Handle:
        return apply(definition(name), operands, parameters, dtype=dtype)

    describe(function, name)
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
    """`then` where the condition holds (is not 0), else `other`, element by element.

    `y[q] = where(c[q] != 0, a[q], b[q])`. The three shapes broadcast; `then` and
    `other` have one dtype, the condition may have any. No gradient flows into the condition, nor
    into the branch that is not taken. NumPy where.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.evaluate(gnn.where(x > 0, x, 0.0), x=[-1, 2, 3]).tolist()
    [0.0, 2.0, 3.0]

    Raises ShapeError for shapes that do not broadcast, DtypeError for branches of different dtypes.
    """
    return apply(definition("where"), [condition, then, other])


def clip(x: Any, low: Any = None, high: Any = None) -> Handle:
    """`y[q] = min(max(x[q], low), high)`; None leaves a side open.

    The shapes broadcast; the dtype stays. On a bound and beyond it the derivative by x is 0, and 1 by
    that bound: a convention on the bound itself, where PyTorch's clamp takes 1 by x. NumPy clip.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.evaluate(gnn.clip(x, -1, 1), x=[-3, 0.5, 1]).tolist()
    [-1.0, 0.5, 1.0]
    >>> gnn.evaluate(gnn.grad(gnn.sum(gnn.clip(x, -1, 1)), x), x=[-3, 0.5, 1]).tolist()
    [0.0, 1.0, 0.0]

    Raises GraphError for numbers with low > high, ShapeError for shapes that do not broadcast.
    """
    if low is None and high is None:
        return linear(x)
    if low is None or high is None:
        return minimum(x, high) if low is None else maximum(x, low)
    if isinstance(low, NUMBERS) and isinstance(high, NUMBERS) and low > high:
        raise GraphError(f"clip needs low ≤ high; {low} and {high} were given", user_place())
    return apply(definition("clip"), [x, low, high])


def power(x: Any, exponent: Any) -> Handle:
    """`y[q] = x[q]^n`: as `x ** n`, element by element.

    An integer exponent belongs to the kind of op (up to ±64), any other is an operand that broadcasts
    and has a derivative, `y log x`. NaN for x < 0 and a fraction as exponent. NumPy power.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (2,))
    >>> gnn.evaluate(x**3, x=[2, -1]).tolist(), gnn.evaluate(gnn.power(x, 0.5), x=[4, 9]).tolist()
    ([8.0, -1.0], [2.0, 3.0])

    Raises ShapeError for shapes that do not broadcast, DtypeError for a negative power of integers.
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
    """`y[q] = max(a[q], b[q])`: the larger of the two, element by element.

    The shapes broadcast; the dtype stays. At a tie the constant one takes the gradient, else the
    first: a convention. NumPy maximum.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.evaluate(gnn.maximum(0.0, x), x=[-1, 0, 2]).tolist()
    [0.0, 0.0, 2.0]
    >>> gnn.evaluate(gnn.grad(gnn.sum(gnn.maximum(0.0, x)), x), x=[-1, 0, 2]).tolist()
    [0.0, 0.0, 1.0]

    Raises ShapeError for shapes that do not broadcast, DtypeError for different dtypes.
    """
    return _extreme("maximum", a, b)


def minimum(a: Any, b: Any) -> Handle:
    """`y[q] = min(a[q], b[q])`: the smaller of the two, element by element.

    The shapes broadcast; the dtype stays. At a tie the constant one takes the gradient, else the
    first: a convention. NumPy minimum.

    >>> import graphnn as gnn
    >>> x = gnn.input("x", (3,))
    >>> gnn.evaluate(gnn.minimum(0.0, x), x=[-1, 0, 2]).tolist()
    [-1.0, 0.0, 0.0]

    Raises ShapeError for shapes that do not broadcast, DtypeError for different dtypes.
    """
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
