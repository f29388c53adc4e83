"""Docstring and signature of an op's function: from its line in the op tables, and its meaning."""

from __future__ import annotations

import re
from inspect import Parameter, Signature
from textwrap import fill
from typing import Any

from graphnn.calculus.tables import lines
from graphnn.graph.handle import Handle
from graphnn.graph.meanings import meanings

_INTEGERS_KEPT = frozenset(
    ["add", "subtract", "multiply", "negate", "abs", "sign", "step", "relu", "linear"]
)
_CONDITIONS = frozenset(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])


def signature(line: str) -> Signature:
    """How the function of an op's line is called: operands by position, parameters by name.

    >>> str(signature("elu(x; a=1) = where(x > 0, x, a * (exp(x) - 1))"))
    "(x: 'Any', /, *, a: 'Any' = 1) -> 'Handle'"
    """
    inside = line[line.index("(") + 1 : line.index(")")]
    operands, _, parameters = inside.partition(";")
    made = [
        Parameter(name.strip(), Parameter.POSITIONAL_ONLY, annotation="Any")
        for name in operands.split(",")
    ]
    for one in parameters.split(","):
        name, _, default = (part.strip() for part in one.partition("="))
        if name:
            made.append(
                Parameter(
                    name,
                    Parameter.KEYWORD_ONLY,
                    default=_number(default) if default else Parameter.empty,
                    annotation="Any",
                )
            )
    return Signature(made, return_annotation="Handle")


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def docstring(name: str) -> str:
    """The docstring of an op's function, from its line and its paragraph.

    >>> print(docstring("relu").splitlines()[0])
    The rectified linear unit.
    """
    row = meanings()[name]
    line = " ".join(lines()[name].split())
    called = signature(line).parameters.values()
    operands = [p.name for p in called if p.kind is p.POSITIONAL_ONLY]
    text = [_takes(name, row, operands)]
    text += [f"Range: {row['range']}."] if "range" in row else []
    text += [f"Undefined: {row['undefined']}."] if "undefined" in row else []
    text += [f"Source: {row['source']}."]
    return "\n\n".join(
        [
            row["is"],
            _formula(line),
            *(fill(part, 88) for part in text),
            _example(name, row),
            fill(_raises(name, row, operands), 88),
        ]
    )


def _formula(line: str) -> str:
    """The op's line as a block; the bounds of an indexed one below it."""
    head, sign, body = re.split(r"(?<=\))\s*([:=])\s*", line, maxsplit=1)
    if sign == "=":
        return f"    {head} = {body}"
    formula, _, bounds = body.partition(" for ")
    each = re.split(r", (?=\w+ <)", bounds) if bounds else []
    return "\n".join([f"    {formula}", *(f"        for {bound}" for bound in each)])


def _takes(name: str, row: dict[str, str], operands: list[str]) -> str:
    if "takes" in row:
        return f"Takes {row['takes']} Floats; the dtype stays."
    made = (
        "The shape is that of `x`, any rank"
        if len(operands) == 1
        else "The operands' shapes broadcast as in NumPy"
    )
    if name in _CONDITIONS:
        return f"{made}; the dtype is bool. There is no derivative."
    kinds = "floats, or integers" if name in _INTEGERS_KEPT else "floats"
    return f"{made}; {kinds}, whose dtype stays. Numbers and arrays take the dtype of the nodes."


def _raises(name: str, row: dict[str, str], operands: list[str]) -> str:
    shapes = "ShapeError for operands that are no such images" if "takes" in row else ""
    if not shapes and len(operands) > 1:
        shapes = "ShapeError for shapes that do not broadcast"
    kinds = "DtypeError for " + (
        "operands of different dtypes"
        if len(operands) > 1
        else "integers, where the result is a fraction"
    )
    if len(operands) == 1 and name in _INTEGERS_KEPT:
        kinds = ""
    made = [
        part for part in (shapes, kinds, "GraphError for what is no number and no node") if part
    ]
    return f"Raises {', '.join(made)}."


def _example(name: str, row: dict[str, str]) -> str:
    """The lines of a doctest: leaves, value, and the slopes where there are any."""
    given, _, results = row["at"].partition(" => ")
    value, _, slopes = results.partition("; ")
    arguments = dict(re.findall(r"(\w+)=(\[.*?\])(?=, \w+=|$)", given))
    names = list(arguments)
    leaves = [f'gnn.input("{leaf}", {_shape(text)})' for leaf, text in arguments.items()]
    called = f"gnn.{name}({', '.join(names)})"
    made = [
        ">>> import graphnn as gnn",
        f">>> {', '.join(names)} = {', '.join(leaves)}",
        f">>> y = {row.get('as', called)}",
    ]
    if len(names) > 1:
        values = ", ".join(f'"{leaf}": {text}' for leaf, text in arguments.items())
        made.append(f">>> values = {{{values}}}")
        given = "values"
    end = ".tolist()" if name in _CONDITIONS else ".round(4).tolist()"
    made += [f">>> gnn.evaluate(y, {given}){end}", value]
    for leaf, slope in zip(names, _split(slopes), strict=False):
        made += [f'>>> gnn.evaluate(gnn.grad(gnn.sum(y), "{leaf}"), {given}){end}', slope]
    return "\n".join(made)


def _split(lists: str) -> list[str]:
    """Nested lists in a row, apart: `[[1]], [2]` is `[[1]]` and `[2]`."""
    found, depth, start = [], 0, 0
    for k, letter in enumerate(lists):
        depth += (letter == "[") - (letter == "]")
        if letter == "]" and depth == 0:
            found.append(lists[start : k + 1])
            start = k + 3
    return found


def _shape(text: str) -> tuple[int, ...]:
    """The shape of a list of lists, as text: `[[1, 2]]` has (1, 2)."""
    sizes = []
    while text.startswith("["):
        parts = _split(text[1:-1]) or text[1:-1].split(",")
        sizes.append(len(parts))
        text = parts[0].strip()
    return tuple(sizes)


def describe(function: Any, name: str) -> None:
    """Give the function of an op its name, its docstring and its signature."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = docstring(name)
    function.__signature__ = signature(lines()[name])
    function.__annotations__ = {"return": Handle}
