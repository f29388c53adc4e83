"""The head of an emitted module: its docstring, the table of leaves, sizes and constants."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import sqrt

import graphnn
from codegen.constants import array_text
from codegen.passes import WIDTH, Module
from codegen.sizes import single_dimension
from codegen.spelling import (
    commented,
    quoted,
    size_text,
    tuple_text,
)
from graphnn.calculus.formula import Size
from graphnn.calculus.polynomial import Atom, Dimension
from graphnn.graph.node import Array
from graphnn.plan import Leaf, Plan


def docstring(plan: Plan) -> str:
    """The module's docstring: the network as written, its leaves, and what can be called."""
    title = ", ".join(plan.outputs)
    statements = [f"    {line}" for line in plan.statements.values()]
    lines = [
        f"Standalone NumPy for {title}; emitted by graphnn {graphnn.__version__}.",
        "",
        *statements,
        "" if plan.statements else None,
        "Leaves, in the order in which they are given by position:",
        "",
        *(f"    {_declaration(plan, leaf)}" for leaf in plan.leaves),
        "",
        f"forward(...) returns the outputs by name: {title}.",
    ]
    if plan.gradients:
        lines.append(
            f"loss_and_gradients(...) returns {next(iter(plan.outputs))} and its gradients by name: "
            f"{', '.join(plan.gradients)}."
        )
    if plan.updates:
        lines.append("Model holds parameters: init, forward, loss_and_gradients, step, save, load.")
    lines.append("Run as a program, the module checks its gradients against differences.")
    shown = [
        row
        for line in lines
        if line is not None
        for row in _paragraph(commented(line), cut=line in statements)
    ]
    return '"""' + "\n".join(shown) + '\n"""\n\n'


def _paragraph(line: str, cut: bool) -> list[str]:
    """A line of the docstring, cut or wrapped to the width."""
    if len(line) <= WIDTH:
        return [line]
    return (
        [f"{line[: WIDTH - 1]}…"] if cut else textwrap.wrap(line, WIDTH, subsequent_indent="    ")
    )


def _declaration(plan: Plan, leaf: Leaf) -> str:
    buffer = plan.buffers[leaf.buffer]
    return f"{leaf.name}  {_shape_shown(buffer.shape)}  {buffer.dtype} {leaf.kind}"


def _shape_shown(shape: Sequence[Size]) -> str:
    return tuple_text([str(size) for size in shape])


def declarations(made: Module) -> str:
    """Dtypes, the table of leaves, sizes and spreads, and the constant arrays in use."""
    plan = made.plan
    lines = [f"{name} = np.{dtype}" for dtype, name in made.floats.items()]
    lines += ["TOLERANCE = 1e-6", "", "# name: kind, dtype, shape, shape as declared", "LEAVES = {"]
    for leaf in plan.leaves:
        buffer = plan.buffers[leaf.buffer]
        shape = tuple_text([_declared(made, size) for size in buffer.shape])
        row = (quoted(leaf.kind), quoted(buffer.dtype), shape, quoted(_shape_shown(buffer.shape)))
        lines.append(f"    {quoted(leaf.name)}: ({', '.join(row)}),")
    lines.append("}")
    sizes = ", ".join(f"{quoted(name)}: {size}" for name, size in plan.sizes.items())
    below = ", ".join(f"{quoted(x.name)}: {x.below}" for x in plan.leaves if x.below is not None)
    lines += [
        f"SIZES = {{{sizes}}}  # of symbolic dimensions, in the self-check",
        f"BELOW = {{{below}}}  # bounds of integer leaves, in the self-check",
    ]
    if plan.updates:
        spread = [
            f"    {quoted(x.name)}: {_spread(plan, x)},"
            for x in plan.leaves
            if x.kind == "parameter"
        ]
        lines += ["# standard deviation of each parameter at the start", "SPREAD = {", *spread, "}"]
        lines.append("INPUTS = [name for name in LEAVES if name not in SPREAD]")
    for name in made.arrays:
        value, buffer = plan.constants[name], plan.buffers[name]
        if isinstance(value, Array):
            dtype = (
                made.floats.get(buffer.dtype)
                or f"np.{'bool_' if buffer.dtype == 'bool' else buffer.dtype}"
            )
            lines.append(f"{name} = {array_text(value, dtype)}")
    rows = ", ".join(f'"{dtype}": {name}' for dtype, name in made.floats.items())
    lines += [
        "",
        "",
        "def dtypes():",
        '    """The NumPy type of each dtype; the self-check runs in float64."""',
        f'    return {{{rows}, "int64": np.int64, "bool": np.bool_}}',
    ]
    return "\n".join(["", *lines, ""])


def _declared(made: Module, size: Size) -> str:
    single = single_dimension(size)
    if isinstance(size, int):
        return str(size)
    if single is not None:
        return quoted(single)
    symbols: dict[Atom, str] = {
        Dimension(name): f"sizes[{quoted(name)}]" for name in made.plan.sizes
    }
    return f"lambda sizes: {size_text(size, symbols)}"


def _spread(plan: Plan, leaf: Leaf) -> str:
    shape = plan.buffers[leaf.buffer].shape
    if leaf.fan_in is not None:
        return repr(1 / sqrt(max(leaf.fan_in, 1)))
    if len(shape) == 1:
        return "0.0"
    last = shape[-1] if shape else 1
    return repr(1 / sqrt(max(last, 1))) if isinstance(last, int) else "1.0"
