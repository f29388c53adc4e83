"""What is called in an emitted module: forward, loss_and_gradients, step.

Each binds and checks the leaves that it needs, runs passes, and names what they return.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen.passes import FUNCTIONS, WIDTH, Module, arguments, dimensions_in, results
from codegen.sizes import single_dimension
from codegen.spelling import (
    folded,
    listed,
    quoted,
    tuple_text,
)
from graphnn.plan import Leaf, Plan

_SHOWN = {
    "forward": "The outputs by name; leaves by name, or by position in the order of LEAVES.",
    "loss_and_gradients": "The first output, and its gradient by each parameter.",
    "step": "The first output, and the next value of each parameter.",
}


def interface_text(made: Module) -> str:
    """The functions that a user of the module calls."""
    plan = made.plan
    functions = [_function(made, "forward", ("forward",))]
    if plan.gradients:
        functions.append(_function(made, "loss_and_gradients", ("forward", "backward")))
    if plan.updates:
        functions.append(_function(made, "step", ("forward", "backward", "updates")))
    return "\n\n".join(functions)


def _function(made: Module, name: str, sections: Sequence[str]) -> str:
    plan = made.plan
    tables = {"forward": plan.outputs, "loss_and_gradients": plan.gradients, "step": plan.updates}
    table = tables[name]
    loss = next(iter(plan.outputs.values()))
    returned = [*table.values()] if name == "forward" else [loss, *table.values()]
    run = [s for s in sections if plan.section(s)]
    read = {a for s in run for a in arguments(made, s)} | set(returned)
    sizes = [n for n in plan.sizes if made.sizes[n] in read]
    needed = _needed(plan, read, sizes)
    lines = [f"def {name}(*arrays, **named):", f'    """{_SHOWN[name]}"""']
    lines.append("    given = named_arrays(list(LEAVES), arrays, named)")
    targets = [*(leaf.buffer for leaf in needed), *(made.sizes[n] for n in sizes)]
    keys = tuple_text([quoted(leaf.name) for leaf in needed])
    dims = tuple_text([quoted(n) for n in sizes])
    call = f"bind({keys}, {dims}, given)"
    lines.append(f"    {listed(targets)} = {call}" if targets else f"    {call}")
    for section in run:
        call = f"{FUNCTIONS[section]}({', '.join(arguments(made, section))})"
        lines.append(f"    {listed(results(made, section))} = {call}")
    rows = ", ".join(f"{quoted(key)}: {_returned(made, b)}" for key, b in table.items())
    if name == "forward":
        lines.append(f"    return {{{rows}}}")
    else:
        lines.append(f"    return {_returned(made, loss)}, {{{rows}}}")
    return "\n".join(row for line in lines for row in folded(line, WIDTH)) + "\n"


def _needed(plan: Plan, read: set[str], sizes: Sequence[str]) -> list[Leaf]:
    """The leaves that are read, and those that bind a size which no read leaf binds by itself."""

    def own(leaf: Leaf) -> set[str | None]:
        return {single_dimension(size) for size in plan.buffers[leaf.buffer].shape}

    needed = [leaf for leaf in plan.leaves if leaf.buffer in read]
    asked = dimensions_in(s for leaf in needed for s in plan.buffers[leaf.buffer].shape)
    missing = (asked | set(sizes)).difference(*map(own, needed))
    for leaf in plan.leaves:
        if own(leaf) & missing:
            needed.append(leaf)
            missing -= {name for name in own(leaf) if name is not None}
    return needed


def _returned(made: Module, name: str) -> str:
    """A result as an array of its own: never the caller's array, nor a view of it."""
    operand = made.operand(name)
    if operand.literal:
        dtype = made.plan.buffers[name].dtype
        return f"np.array({operand.text}, {made.floats.get(dtype) or f'np.{dtype}'})"
    return f"np.array({operand.text})"
