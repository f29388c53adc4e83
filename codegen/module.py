"""The emitted file: its docstring, constants, the passes as commented blocks, and what is called.

Everything is printed from the plan. The user's names occur as quoted keys, as mangled identifiers
and, stripped of line breaks and quotes, in comments.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from math import sqrt

import graphnn
from graphnn.calculus.formula import Formula, Size
from graphnn.calculus.polynomial import Atom, Dimension, Polynomial, atoms
from graphnn.expression.tree import sym
from graphnn.graph.node import FLOATS, Array
from graphnn.plan import Kernel, Leaf, Plan

from codegen.constants import array_text
from codegen.kernel import formula_lines
from codegen.runtime import BINDING, CHECK, CHECK_FORWARD, HELPERS, MODEL, RANDOM
from codegen.sizes import single_dimension
from codegen.spelling import Names, commented, listed, literal, quoted, size_text, tuple_text
from codegen.views import Operand, Space

WIDTH = 100
RESERVED = frozenset(
    "np sys inf nan forward_pass backward_pass update_pass forward loss_and_gradients step check "
    "bind convert expected named_arrays random_leaves relative_error Model InputError main LEAVES "
    "SIZES BELOW SPREAD TOLERANCE dtypes FLOAT FLOAT32 FLOAT64 arrays named".split()
) | set(HELPERS)


class _Module:
    """The state of one printing: names, constants, helpers, and texts of views that are inlined."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.names = Names(RESERVED)
        self.names.taken |= set(plan.buffers)
        self.sizes = {name: self.names.fresh(name) for name in plan.sizes}
        used = sorted({b.dtype for b in plan.buffers.values() if b.dtype in FLOATS})
        self.floats = {used[0]: "FLOAT"} if len(used) == 1 else {d: d.upper() for d in used}
        self.float_dtypes = used or ["float32"]
        if not used:
            self.floats = {"float32": "FLOAT"}
        self.helpers: set[str] = set()
        self.inlined = _inlined(plan)
        self.arrays: dict[str, None] = {}

    def operand(self, name: str) -> Operand:
        """A buffer as a kernel reads it: a number is written out, an array is a name."""
        buffer = self.plan.buffers[name]
        value = self.plan.constants.get(name)
        if value is not None and not isinstance(value, Array):
            text, binding = literal(value)
            return Operand(text, (), buffer.dtype, binding, literal=True)
        if value is not None:
            self.arrays[name] = None
        text = f"{self.inlined[name]}.T" if name in self.inlined else name
        return Operand(text, buffer.shape, buffer.dtype)


def module_source(plan: Plan) -> str:
    """The source of the standalone module that computes a plan."""
    made = _Module(plan)
    passes = [_pass(made, section) for section in ("forward", "backward", "updates")]
    interface = _interface(made)
    parts = [
        _docstring(plan),
        "import sys\n\nimport numpy as np\n",
        _constants(made),
        *(f"\n{HELPERS[name]}" for name in HELPERS if name in made.helpers),
        *(f"\n\n{text}" for text in passes if text),
        f"\n{BINDING}",
        f"\n\n{interface}",
    ]
    if plan.updates:
        parts.append(f"\n{MODEL}")
    check = CHECK if plan.gradients else CHECK_FORWARD
    floats = ", ".join(made.floats.values())
    doubles = ", ".join("np.float64" for _ in made.floats)
    parts += [
        f"\n{RANDOM}",
        f"\n{check.replace('{floats}', floats).replace('{doubles}', doubles)}",
        '\n\nif __name__ == "__main__":\n    sys.exit(check())\n',
    ]
    return "".join(parts)


def _docstring(plan: Plan) -> str:
    title = ", ".join(plan.outputs)
    lines = [
        f"The network that computes {title}, as standalone NumPy; emitted by graphnn "
        f"{graphnn.__version__}.",
        "",
        *(f"    {line}" for line in plan.statements.values()),
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
    shown = [commented(line) for line in lines if line is not None]
    return '"""' + "\n".join(shown) + '\n"""\n\n'


def _declaration(plan: Plan, leaf: Leaf) -> str:
    buffer = plan.buffers[leaf.buffer]
    return f"{leaf.name}  {_shape_shown(buffer.shape)}  {buffer.dtype} {leaf.kind}"


def _shape_shown(shape: Sequence[Size]) -> str:
    return tuple_text([str(size) for size in shape])


def _constants(made: _Module) -> str:
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
        spread = [f"    {quoted(x.name)}: {_spread(plan, x)}," for x in plan.leaves if x.kind == "parameter"]
        lines += ["# standard deviation of each parameter at the start", "SPREAD = {", *spread, "}"]
    for name in made.arrays:
        value, buffer = plan.constants[name], plan.buffers[name]
        if isinstance(value, Array):
            dtype = made.floats.get(buffer.dtype) or f"np.{'bool_' if buffer.dtype == 'bool' else buffer.dtype}"
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


def _declared(made: _Module, size: Size) -> str:
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


def _pass(made: _Module, section: str) -> str:
    """One pass as a function: what it reads, a commented block per statement, what it returns."""
    plan = made.plan
    kernels = plan.section(section)
    if not kernels and section != "forward":
        return ""
    body: list[str] = []
    statement = None
    shared: dict[str, str] = {}
    for kernel in kernels:
        if kernel.output in made.inlined:
            continue
        if kernel.statement != statement:
            statement = kernel.statement
            body += ["", f"# {_heading(plan, statement)}"] if statement else [""]
        body += _with_comment(_kernel_lines(made, kernel, shared), kernel)
    function = _FUNCTIONS[section]
    arguments = ", ".join(_arguments(made, section))
    outputs = _results(made, section)
    shown = {"forward": "The outputs, and what the backward pass needs of the way there.",
             "backward": "The gradients, from what the forward pass kept.",
             "updates": "The next value of each parameter."}[section]
    lines = [f"@np.errstate(all=\"ignore\")\ndef {function}({arguments}):", f'    """{shown}"""']
    lines += [f"    {line}".rstrip() for line in body[1:] if True]
    lines.append(f"    return {listed(outputs)}")
    return "\n".join(lines) + "\n"


_FUNCTIONS = {"forward": "forward_pass", "backward": "backward_pass", "updates": "update_pass"}


def _heading(plan: Plan, statement: str) -> str:
    if statement.startswith("∂"):
        line = plan.statements.get(statement[1:], statement[1:])
        return commented(f"back through {line}")[:WIDTH]
    return commented(plan.statements.get(statement, statement))[:WIDTH]


def _with_comment(lines: Sequence[str], kernel: Kernel) -> list[str]:
    """The kernel's lines; its formula beside the last one, or above where that is too long."""
    if not isinstance(kernel.node.op, Formula) or kernel.node.op.is_elementwise:
        return list(lines)
    comment = commented(kernel.comment)
    if len(lines) == 1 and len(lines[0]) + len(comment) + 8 <= WIDTH:
        return [f"{lines[0]}  # {comment}"]
    return [f"# {comment}"[: WIDTH - 4], *lines]


def _kernel_lines(made: _Module, kernel: Kernel, shared: dict[str, str]) -> list[str]:
    node = kernel.node
    operands = [made.operand(name) for name in kernel.operands]
    dtype = made.plan.buffers[kernel.output].dtype
    formula = node.op
    if isinstance(formula, Formula):
        space = Space(
            made.names, made.sizes, made.floats, made.helpers, made.plan.sizes, formula, shared=shared
        )
        formula_lines(space, operands, kernel.output, dtype)
        return space.lines
    texts = [_array(made, o, dtype) for o in operands]
    symbols: dict[Atom, str] = {Dimension(n): text for n, text in made.sizes.items()}
    if node.op == "reshape":
        sizes = ", ".join(size_text(size, symbols) for size in node.shape) or "()"
        return [f"{kernel.output} = {texts[0]}.reshape({sizes})"]
    if node.op == "concat":
        axis = node.attribute("axis")
        return [f"{kernel.output} = np.concatenate(({', '.join(texts)},), axis={axis})"]
    whole = node.operands[0]
    axis, parts, number = whole.attribute("axis"), whole.attribute("sizes"), node.attribute("number")
    start = sum(parts[:number])
    index = ", ".join([":"] * axis + [f"{start}:{start + parts[number]}"])
    return [f"{kernel.output} = {texts[0]}[{index}]"]


def _array(made: _Module, operand: Operand, dtype: str) -> str:
    if not operand.literal:
        return operand.text
    return f"np.asarray({operand.text}, {made.floats.get(dtype) or 'np.' + dtype})"


def _inlined(plan: Plan) -> dict[str, str]:
    """Transposed operands, written `W.T` where they are used: buffer → what is transposed."""
    kept = _kept_names(plan)
    found = {}
    for kernel in plan.kernels:
        formula = kernel.node.op
        if (
            isinstance(formula, Formula)
            and kernel.output not in kept
            and formula.body is sym("_0")
            and formula.is_elementwise
            and len(formula.reads) == 1
            and len(formula.shape) == len(formula.axes) == 2
            and formula.reads[0].index == formula.write[::-1]
            and kernel.operands[0] not in plan.constants
            and kernel.operands[0] not in found
        ):
            found[kernel.output] = kernel.operands[0]
    return found


def _kept_names(plan: Plan) -> set[str]:
    return {*plan.outputs.values(), *plan.gradients.values(), *plan.updates.values()}


def _results(made: _Module, section: str) -> list[str]:
    """What a pass returns: buffers of its own that an output or a later pass needs, once each."""
    plan = made.plan
    own = {kernel.output for kernel in plan.section(section)}
    later = ("forward", "backward", "updates").index(section) + 1
    needed: dict[str, None] = {}
    for table in (plan.outputs, plan.gradients, plan.updates):
        needed.update(dict.fromkeys(table.values()))
    for name in ("forward", "backward", "updates")[later:]:
        needed.update(dict.fromkeys(_read(made, name)))
    return [name for name in needed if name in own]


def _read(made: _Module, section: str) -> list[str]:
    """The buffers that the kernels of a section read, an inlined one by what it is made of."""
    kernels = [k for k in made.plan.section(section) if k.output not in made.inlined]
    return [made.inlined.get(name, name) for k in kernels for name in k.operands]


def _arguments(made: _Module, section: str) -> list[str]:
    """What a pass reads: leaves in declared order, earlier results, sizes."""
    plan = made.plan
    own = {kernel.output for kernel in plan.section(section)}
    read = set(_read(made, section)) - own
    leaves = [leaf.buffer for leaf in plan.leaves if leaf.buffer in read]
    earlier = [k.output for k in plan.kernels if k.output in read]
    return [*leaves, *earlier, *(made.sizes[name] for name in _sizes_used(plan, section))]


def _sizes_used(plan: Plan, section: str) -> list[str]:
    """The symbolic sizes that the kernels of a section may print."""
    used: set[str] = set()
    for kernel in plan.section(section):
        used |= _dimensions(kernel.node.shape)
        for name in kernel.operands:
            used |= _dimensions(plan.buffers[name].shape)
        if isinstance(kernel.node.op, Formula):
            formula = kernel.node.op
            used |= _dimensions(a.extent for a in formula.axes)
            indices = [*formula.write, *formula.guards, *(i for r in formula.reads for i in r.index)]
            used |= _dimensions(i for i in indices if isinstance(i, Polynomial))
    return [name for name in plan.sizes if name in used]


def _dimensions(sizes: Iterable[Size]) -> set[str]:
    return {a.name for size in sizes for a in atoms(size) if isinstance(a, Dimension)}


def _interface(made: _Module) -> str:
    plan = made.plan
    functions = [_function(made, "forward", ("forward",))]
    if plan.gradients:
        functions.append(_function(made, "loss_and_gradients", ("forward", "backward")))
    if plan.updates:
        functions.append(_function(made, "step", ("forward", "backward", "updates")))
    return "\n\n".join(functions)


_SHOWN = {
    "forward": "The outputs by name; leaves by name, or by position in the order of LEAVES.",
    "loss_and_gradients": "The first output, and its gradient by each parameter.",
    "step": "The first output, and the next value of each parameter.",
}


def _function(made: _Module, name: str, sections: Sequence[str]) -> str:
    plan = made.plan
    tables = {"forward": plan.outputs, "loss_and_gradients": plan.gradients, "step": plan.updates}
    table = tables[name]
    loss = next(iter(plan.outputs.values()))
    results = [*table.values()] if name == "forward" else [loss, *table.values()]
    run = [s for s in sections if plan.section(s)]
    read = {a for s in run for a in _arguments(made, s)} | set(results)
    sizes = [n for n in plan.sizes if made.sizes[n] in read]
    needed = [leaf for leaf in plan.leaves if leaf.buffer in read]
    bound = {single_dimension(s) for leaf in needed for s in plan.buffers[leaf.buffer].shape}
    for leaf in plan.leaves:
        own = {single_dimension(s) for s in plan.buffers[leaf.buffer].shape} - bound
        asked = {n for s in _dimensions_of(plan, needed, sizes) for n in (s,)} & own
        if asked and leaf not in needed:
            needed.append(leaf)
            bound |= own
    lines = [f"def {name}(*arrays, **named):", f'    """{_SHOWN[name]}"""']
    lines.append("    given = named_arrays(list(LEAVES), arrays, named)")
    targets = [*(leaf.buffer for leaf in needed), *(made.sizes[n] for n in sizes)]
    keys = tuple_text([quoted(leaf.name) for leaf in needed])
    dims = tuple_text([quoted(n) for n in sizes])
    call = f"bind({keys}, {dims}, given)"
    lines.append(f"    {listed(targets)} = {call}" if targets else f"    {call}")
    for section in run:
        call = f"{_FUNCTIONS[section]}({', '.join(_arguments(made, section))})"
        lines.append(f"    {listed(_results(made, section))} = {call}")
    rows = ", ".join(f"{quoted(key)}: {_returned(made, b)}" for key, b in table.items())
    if name == "forward":
        lines.append(f"    return {{{rows}}}")
    else:
        lines.append(f"    return {_returned(made, loss)}, {{{rows}}}")
    return "\n".join(lines) + "\n"


def _dimensions_of(plan: Plan, leaves: Sequence[Leaf], sizes: Sequence[str]) -> set[str]:
    return set(sizes) | _dimensions(s for x in leaves for s in plan.buffers[x.buffer].shape)


def _returned(made: _Module, name: str) -> str:
    """A result as an array of its own: never the caller's array, nor a view of it."""
    operand = made.operand(name)
    if operand.literal:
        dtype = made.plan.buffers[name].dtype
        return f"np.array({operand.text}, {made.floats.get(dtype) or f'np.{dtype}'})"
    return f"np.array({operand.text})"

