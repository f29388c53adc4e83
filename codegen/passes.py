"""The passes of an emitted module: one function for each section of the plan.

A function takes the leaves, earlier results and sizes that its kernels read, computes statement by
statement in commented blocks, and returns what an output or a later pass needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codegen.kernel import formula_lines
from codegen.runtime import HELPERS
from codegen.space import Operand, Space
from codegen.spelling import (
    Names,
    commented,
    folded,
    listed,
    literal,
    size_text,
)
from graphnn.calculus.formula import Formula, Size, formula_text
from graphnn.calculus.polynomial import Atom, Dimension, Polynomial, atoms
from graphnn.expression.tree import sym
from graphnn.graph.node import FLOATS, Array
from graphnn.plan import Kernel, Plan

WIDTH = 100
RESERVED = frozenset(
    [
        "np",
        "sys",
        "inf",
        "nan",
        "forward_pass",
        "backward_pass",
        "update_pass",
        "forward",
        "loss_and_gradients",
        "step",
        "check",
        "bind",
        "convert",
        "expected",
        "named_arrays",
        "random_leaves",
        "relative_error",
        "Model",
        "InputError",
        "main",
        "LEAVES",
        "SIZES",
        "BELOW",
        "SPREAD",
        "TOLERANCE",
        "dtypes",
        "FLOAT",
        "FLOAT32",
        "FLOAT64",
        "arrays",
        "named",
    ]
) | set(HELPERS)

FUNCTIONS = {"forward": "forward_pass", "backward": "backward_pass", "updates": "update_pass"}


class Module:
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


def pass_text(made: Module, section: str) -> str:
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
        body += _with_comment(made, _kernel_lines(made, kernel, shared), kernel)
    function = FUNCTIONS[section]
    read = ", ".join(arguments(made, section))
    outputs = results(made, section)
    shown = {
        "forward": "The outputs, and what the backward pass needs of the way there.",
        "backward": "The gradients, from what the forward pass kept.",
        "updates": "The next value of each parameter.",
    }[section]
    lines = ['@np.errstate(all="ignore")', *folded(f"def {function}({read}):", WIDTH)]
    lines.append(f'    """{shown}"""')
    lines += [row.rstrip() for line in body[1:] for row in _folded_comment(f"    {line}")]
    lines += folded(f"    return {listed(outputs)}", WIDTH)
    return "\n".join(lines) + "\n"


def _heading(plan: Plan, statement: str) -> str:
    if statement.startswith("∂"):
        line = f"back through {plan.statements.get(statement[1:], statement[1:])}"
    else:
        line = plan.statements.get(statement, statement)
    line = commented(line)
    return line if len(line) <= WIDTH - 8 else f"{line[: WIDTH - 9]}…"


def _folded_comment(line: str) -> list[str]:
    return [line] if line.lstrip().startswith("#") else folded(line, WIDTH)


def _with_comment(made: Module, lines: Sequence[str], kernel: Kernel) -> list[str]:
    """The kernel's lines; its formula beside the last one, or above where that is too long."""
    if not isinstance(kernel.node.op, Formula) or kernel.node.op.is_elementwise:
        return list(lines)
    names = [f"{made.inlined[n]}ᵀ" if n in made.inlined else n for n in kernel.operands]
    comment = commented(formula_text(kernel.node.op, names, kernel.output))
    if len(lines) == 1 and len(lines[0]) + len(comment) + 8 <= WIDTH:
        return [f"{lines[0]}  # {comment}"]
    shown = comment if len(comment) <= WIDTH - 8 else f"{comment[: WIDTH - 9]}…"
    return [f"# {shown}", *lines]


def _kernel_lines(made: Module, kernel: Kernel, shared: dict[str, str]) -> list[str]:
    node = kernel.node
    operands = [made.operand(name) for name in kernel.operands]
    dtype = made.plan.buffers[kernel.output].dtype
    formula = node.op
    if isinstance(formula, Formula):
        space = Space(
            made.names,
            made.sizes,
            made.floats,
            made.helpers,
            made.plan.sizes,
            formula,
            shared=shared,
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
    if node.op == "hold":
        return [f"{kernel.output} = {texts[0]}"]
    whole = node.operands[0]
    axis, parts, number = (
        whole.attribute("axis"),
        whole.attribute("sizes"),
        node.attribute("number"),
    )
    start = sum(parts[:number])
    index = ", ".join([":"] * axis + [f"{start}:{start + parts[number]}"])
    return [f"{kernel.output} = {texts[0]}[{index}]"]


def _array(made: Module, operand: Operand, dtype: str) -> str:
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


def results(made: Module, section: str) -> list[str]:
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


def _read(made: Module, section: str) -> list[str]:
    """The buffers that the kernels of a section read, an inlined one by what it is made of."""
    kernels = [k for k in made.plan.section(section) if k.output not in made.inlined]
    return [made.inlined.get(name, name) for k in kernels for name in k.operands]


def arguments(made: Module, section: str) -> list[str]:
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
        used |= dimensions_in(kernel.node.shape)
        for name in kernel.operands:
            used |= dimensions_in(plan.buffers[name].shape)
        if isinstance(kernel.node.op, Formula):
            formula = kernel.node.op
            used |= dimensions_in(a.extent for a in formula.axes)
            indices = [
                *formula.write,
                *formula.guards,
                *(i for r in formula.reads for i in r.index),
            ]
            used |= dimensions_in(i for i in indices if isinstance(i, Polynomial))
    return [name for name in plan.sizes if name in used]


def dimensions_in(sizes: Iterable[Size]) -> set[str]:
    """The names of the symbolic dimensions that occur."""
    return {a.name for size in sizes for a in atoms(size) if isinstance(a, Dimension)}
