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
    "step_in_place": "`step` for arrays by name, which may change the parameters themselves.",
}
STEP = '''

def step(*arrays, **named):
    """The first output, and the next value of each parameter; what is given stays as it is."""
    given = named_arrays(LEAVES, arrays, named)
    return step_in_place({n: np.array(a) if n in SPREAD else a for n, a in given.items()})
'''


def interface_text(made: Module) -> str:
    """The functions that a user of the module calls."""
    plan = made.plan
    functions = [_function(made, "forward", ("forward",))]
    if plan.gradients:
        functions.append(_function(made, "loss_and_gradients", ("forward", "backward")))
    if plan.updates:
        passes = ("forward", "backward", "updates")
        functions.append(_function(made, "step_in_place", passes) + STEP)
    return "\n\n".join(functions)


def _function(made: Module, name: str, sections: Sequence[str]) -> str:
    plan = made.plan
    tables = {
        "forward": plan.outputs,
        "loss_and_gradients": plan.gradients,
        "step_in_place": plan.updates,
    }
    table = tables[name]
    loss = next(iter(plan.outputs.values()))
    returned = [*table.values()] if name == "forward" else [loss, *table.values()]
    run = [s for s in sections if plan.section(s)]
    read = {a for s in run for a in arguments(made, s)} | set(returned)
    sizes = [n for n in plan.sizes if made.sizes[n] in read]
    needed = _needed(plan, read, sizes)
    inplace = name == "step_in_place"
    lines = [f"def {name}({'given' if inplace else '*arrays, **named'}):"]
    lines.append(f'    """{_SHOWN[name]}"""')
    if not inplace:
        lines.append("    given = named_arrays(LEAVES, arrays, named)")
    targets = [*(leaf.buffer for leaf in needed), *(made.sizes[n] for n in sizes)]
    keys = tuple_text([quoted(leaf.name) for leaf in needed])
    dims = tuple_text([quoted(n) for n in sizes])
    call = f"bind({keys}, {dims}, given)"
    lines.append(f"    {listed(targets)} = {call}" if targets else f"    {call}")
    for section in run:
        call = f"{FUNCTIONS[section]}({', '.join(arguments(made, section))})"
        found = results(made, section)
        lines.append(f"    {listed(found)} = {call}" if found else f"    {call}")
    seen: set[str] = set()
    first = "" if name == "forward" else f"{_returned(made, loss, seen)}, "
    rows = ", ".join(f"{quoted(key)}: {_returned(made, b, seen)}" for key, b in table.items())
    lines.append(f"    return {first}{{{rows}}}")
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


def _returned(made: Module, name: str, seen: set[str]) -> str:
    """A result as an array of its own: never the caller's array, nor a view of it.

    A parameter that was changed in place is returned as it is.
    """
    if name in made.moved:
        return made.moved[name]
    operand = made.operand(name)
    if operand.literal:
        dtype = made.plan.buffers[name].dtype
        return f"np.array({operand.text}, {made.floats.get(dtype) or f'np.{dtype}'})"
    if name in made.fresh and name not in seen and made.plan.buffers[name].shape:
        seen.add(name)
        return name
    return f"np.array({operand.text})"
