"""Apply a definition to handles: the one place where ops become nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from graphnn.calculus.definition import Definition, define
from graphnn.calculus.formula import Formula, Lookup, is_identity
from graphnn.calculus.instance import instantiate
from graphnn.calculus.polynomial import Polynomial
from graphnn.calculus.shapes import shape_text
from graphnn.errors import DtypeError, GraphError, ShapeError
from graphnn.expression.names import show
from graphnn.expression.tree import COMPARISONS, Expr, children
from graphnn.graph.handle import Handle, Written, user_place
from graphnn.graph.node import FLOATS, Node, array_value, constant, make

NUMBERS = (int, float, Fraction)


def lift(operands: Sequence[Any], function: str, dtype: str | None = None) -> list[Handle]:
    """Operands as handles: Python numbers and arrays are weak, they take the others' dtype.

    Beside conditions alone a number takes the dtype of what was compared. Raises DtypeError where
    nodes of different float dtypes meet, GraphError for what is no operand.
    """
    nodes = [h.node for h in operands if isinstance(h, Handle)]
    kinds = {node.dtype for node in nodes}
    floats = sorted(kinds & set(FLOATS))
    if len(floats) > 1:
        named = ", ".join(
            f"{h.name or h.node.kind}: {h.dtype}" for h in operands if isinstance(h, Handle)
        )
        raise DtypeError(f"{function} mixes element types ({named}); make them one", user_place())
    if floats:
        common = floats[0]
    elif "int64" in kinds:
        common = "int64"
    else:
        common = dtype or float_behind(nodes)
    return [h if isinstance(h, Handle) else weak_constant(h, common, function) for h in operands]


def float_behind(nodes: Sequence[Node]) -> str:
    """The float dtype of what conditions were made of: that of `x` for `x > 0`; else float32."""
    seen = set(nodes)
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node.dtype in FLOATS:
            return node.dtype
        stack.extend(o for o in node.operands if o not in seen)
        seen.update(node.operands)
    return "float32"


def weak_constant(value: Any, dtype: str, function: str = "constant") -> Handle:
    """A Python number or an array as a constant of the given dtype.

    Raises GraphError for what is neither, DtypeError for a fraction among integers.
    """
    if isinstance(value, bool | np.bool_):
        value = int(value)
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, NUMBERS):
        if dtype == "int64" and value != int(value):
            raise DtypeError(
                f"{function} was given {value} among integers; declare those with a float dtype",
                user_place(),
            )
        return Handle(constant(value, dtype))
    if isinstance(value, np.ndarray | list | tuple):
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(
                f"{function} was given {value!r}, which is no array of numbers", user_place()
            ) from None
        if dtype == "int64" and np.any(array != np.floor(array)):
            raise DtypeError(f"{function} was given fractions among integers", user_place())
        return Handle(make("constant", shape=array.shape, dtype=dtype, value=array_value(array)))
    raise GraphError(
        f"{function} takes nodes, numbers and arrays; it was given {type(value).__name__}",
        user_place(),
    )


def apply(
    definition: Definition,
    operands: Sequence[Any],
    parameters: Mapping[str, Any] | None = None,
    written: Written | None = None,
    dtype: str | None = None,
) -> Handle:
    """The node that a definition makes of operands.

    Raises ShapeError, DtypeError or GraphError that names the user's line.
    """
    function = written.function if written else definition.name
    given = dict(parameters or {})
    known = {name for name, _ in definition.parameters}
    unknown = sorted(set(given) - known)
    if unknown:
        raise GraphError(
            f"{function} has no parameter {unknown[0]}; "
            f"it has {', '.join(sorted(known)) or 'none'}",
            user_place(),
        )
    scalars = {name: _scalar(definition, name, given) for name in definition.body_parameters}
    lifted = lift([*operands, *scalars.values()], function)
    handles = dict(zip(scalars, lifted[len(operands) :], strict=True))
    sizes = tuple(
        (name, _whole(function, name, value))
        for name, value in sorted(given.items())
        if name in definition.size_parameters
    )
    arguments = lifted[: len(operands)]
    try:
        made = instantiate(definition, tuple(h.shape for h in arguments), sizes)
    except ShapeError as error:
        message = f"{error.message}{_called(definition, arguments)}"
        raise ShapeError(message, user_place()) from None
    nodes = [
        handles[use].node if isinstance(use, str) else arguments[use].node for use in made.uses
    ]
    _check_lookups(made.formula, nodes, function)
    provenance = written or Written(function, tuple(arguments), tuple(sorted(given.items())))
    node = formula_node(made.formula, nodes, dtype or _result_dtype(made.formula, nodes, function))
    return Handle(node, provenance)


def _called(definition: Definition, arguments: Sequence[Handle]) -> str:
    """What the user calls the operands of a definition: `; here a is W, b is x`."""
    said = []
    for formal, handle in zip(definition.operands, arguments, strict=False):
        leaf = handle.node.op in ("input", "parameter")
        own = handle.name or (handle.node.attribute("name") if leaf else None)
        if own is not None and own != formal:
            said.append(f"{formal} is {show(own)}")
    return f"; here {', '.join(said)}" if said else ""


def formula_node(formula: Formula, operands: Sequence[Node], dtype: str | None = None) -> Node:
    """The node of a formula; an identity is its operand."""
    if dtype is None:
        dtype = _result_dtype(formula, operands, formula.name)
    if is_identity(formula) and operands[0].dtype == dtype and operands[0].shape == formula.shape:
        return operands[0]
    return make(formula, operands, formula.shape, dtype)


_INTEGERS_TO_INTEGERS = frozenset(
    {"num", "sym", "+", "-", "*", "neg", "where", "and", "max", "min", "abs", "sign", "step"}
)


def _result_dtype(formula: Formula, nodes: Sequence[Node], function: str) -> str:
    """The dtype of what a formula computes from the values (not the conditions) that it reads.

    Floats stay floats and integers integers, conditions count as 0 and 1; the two former do not
    mix, and a division of integers is refused.
    """
    if formula.reduce == "argmax":
        return "int64"
    values, heads = _value_reads(formula.body)
    read = [nodes[formula.reads[k].operand] for k in sorted(values)]
    kinds = {node.dtype for node in read}
    floats = sorted(kinds & set(FLOATS))
    if floats and "int64" in kinds:
        named = ", ".join(f"{dict(n.attributes).get('name', n.kind)}: {n.dtype}" for n in read)
        raise DtypeError(
            f"{function} mixes element types ({named}); integers are for indices", user_place()
        )
    if floats:
        return floats[0]
    if "int64" in kinds:
        whole = all(head in _INTEGERS_TO_INTEGERS or head in COMPARISONS for head in heads)
        if not whole:
            raise DtypeError(
                f"{function} does not keep integers whole; declare its operand with a float dtype",
                user_place(),
            )
        return "int64"
    if kinds == {"bool"} and heads == {"sym"} and formula.reduce != "sum":
        return "bool"
    return float_behind(nodes)


@lru_cache(maxsize=4096)
def _value_reads(body: Expr) -> tuple[frozenset[int], frozenset[str]]:
    """The reads that a body's value is made of, and its heads; conditions are left out."""
    reads: set[int] = set()
    heads: set[str] = set()
    stack = [body]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.head == "^" and _is_count(node.args[1]):
            heads.add("*")
            stack.append(node.args[0])
            continue
        heads.add(node.head)
        if node.head == "sym" and node.args[0].startswith("_"):
            reads.add(int(node.args[0][1:]))
        elif node.head == "num" and not isinstance(node.args[0], int):
            heads.add("fraction")
        elif node.head == "where":
            stack.extend(part for part in node.args[1:] if part not in seen)
        elif node.head not in COMPARISONS and node.head not in ("and", "extent"):
            stack.extend(part for part in children(node) if part not in seen)
        seen.update(stack)
    return frozenset(reads), frozenset(heads)


def _is_count(e: Expr) -> bool:
    return e.head == "num" and isinstance(e.args[0], int) and e.args[0] >= 0


def _scalar(definition: Definition, name: str, given: Mapping[str, Any]) -> Any:
    if name in given:
        return given[name]
    default = dict(definition.parameters)[name]
    if default is None:
        raise GraphError(f"{definition.name} needs the parameter {name}", user_place())
    return number_of(default)


def number_of(e: Expr) -> int | float | Fraction:
    """The value of a literal, `−0.5` and `1/3` included."""
    match e.head:
        case "num":
            value: int | float | Fraction = e.args[0]
            return value
        case "neg":
            return -number_of(e.args[0])
        case "/":
            return Fraction(number_of(e.args[0])) / Fraction(number_of(e.args[1]))
    raise GraphError(f"{e} is not a number", user_place())


def _whole(function: str, name: str, value: Any) -> int | Polynomial:
    if isinstance(value, Polynomial):
        return value
    if isinstance(value, Fraction) and value.denominator == 1:
        value = value.numerator
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise GraphError(
            f"{function}'s parameter {name} is an integer; {value!r} was given", user_place()
        )
    return int(value)


def _check_lookups(formula: Formula, nodes: Sequence[Node], function: str) -> None:
    for index in (*formula.write, *(i for r in formula.reads for i in r.index)):
        if isinstance(index, Lookup) and nodes[index.operand].dtype != "int64":
            raise DtypeError(
                f"{function} looks elements up by an integer operand; this one is "
                f"{nodes[index.operand].dtype} {shape_text(nodes[index.operand].shape)}; "
                'declare it with dtype="int64"',
                user_place(),
            )


def op(line: str) -> Callable[..., Handle]:
    """An op of one's own: the same line as in the tables.

    >>> import graphnn as gnn
    >>> square_sum = gnn.op("square_sum(x) : y[i] += x[i,j]^2")
    >>> square_sum(gnn.input("x", (2, 3))).shape
    (2,)

    Raises TextError with a caret where the line cannot be read, GraphError for a free name.
    """
    definition = define(line)

    def made(*operands: Any, **parameters: Any) -> Handle:
        return apply(definition, operands, parameters)

    made.__name__ = definition.name
    made.__doc__ = f"`{line.strip()}`"
    return made
