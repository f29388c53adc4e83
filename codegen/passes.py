"""The passes of an emitted module: one function for each section of the plan.

A function takes the leaves, earlier results and sizes that its kernels read, computes statement by
statement in commented blocks, and returns what an output or a later pass needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from codegen.inside import is_fresh, moved_in_place, read_once
from codegen.kernel import formula_lines
from codegen.runtime import HELPERS
from codegen.space import Operand, Space
from codegen.spelling import (
    ATOM,
    Names,
    commented,
    folded,
    listed,
    literal,
    quoted,
    size_text,
    wrap,
)
from graphnn.calculus.formula import Formula, Size
from graphnn.calculus.polynomial import Atom, Dimension, Polynomial, atoms
from graphnn.graph.node import FLOATS, Array
from graphnn.plan import SECTIONS, Kernel, Plan

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
        "step_in_place",
        "bind_sizes",
        "size_of",
        "wrong_shape",
        "INPUTS",
        "given",
        "check",
        "bind",
        "convert",
        "expected",
        "named_arrays",
        "random_leaves",
        "relative_error",
        "loss_of",
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

LONGEST_INSIDE = 56
STRING = re.compile(r""""(\\.|[^"\\])*"|'(\\.|[^'\\])*'""")
_SHOWN = {
    "forward": "The outputs, and what the backward pass needs of the way there.",
    "backward": "The gradients, from what the forward pass kept.",
    "updates": "The next value of each parameter; one that only takes a step is changed in place.",
}
FUNCTIONS = {"forward": "forward_pass", "backward": "backward_pass", "updates": "update_pass"}


class Module:
    """The state of one printing: names, constants, helpers, and what stands inside something else.

    `texts` holds what is written where it is used, instead of in a line of its own: text and how
    tightly it binds. `carried` are the variables of a pass that a later one takes over, beside
    buffers. `fresh` are arrays that share no memory with another. `moved` are the parameters that
    the update changes in place: new value → parameter.
    """

    def __init__(self, plan: Plan, checked: bool = False) -> None:
        self.plan = plan
        self.checked = checked
        self.names = Names(RESERVED)
        self.names.taken |= set(plan.buffers)
        self.sizes = {name: self.names.fresh(name) for name in plan.sizes}
        self.shown = {name: name for name in plan.buffers}
        self.shown |= {leaf.buffer: leaf.name for leaf in plan.leaves}
        used = sorted({b.dtype for b in plan.buffers.values() if b.dtype in FLOATS})
        self.floats = {used[0]: "FLOAT"} if len(used) == 1 else {d: d.upper() for d in used}
        if not used:
            self.floats = {"float32": "FLOAT"}
        self.helpers: set[str] = set()
        self.arrays: dict[str, None] = {}
        self.moved = {} if checked else moved_in_place(plan)
        self.inside = set() if checked else read_once(plan)
        self.texts: dict[str, tuple[str, int]] = {}
        self.fresh: set[str] = set()
        self.shared: dict[str, str] = {}
        self.carried: dict[str, list[str]] = {name: [] for name in SECTIONS}
        self.origins: dict[str, str] = {}
        self.bodies: dict[str, list[str]] = {}
        for section in SECTIONS:
            self._print(section)

    def _print(self, section: str) -> None:
        """The lines of a pass, a commented block for each statement."""
        body: list[str] = []
        if self.checked:
            body += self._finite_leaves(section)
        before = list(self.shared.values())
        statement = None
        for kernel in self.plan.section(section):
            lines = _kernel_lines(self, kernel)
            if not lines:
                continue
            if kernel.statement != statement:
                statement = kernel.statement
                heading = [f"# {_heading(self.plan, statement)}"] if statement else []
                body += ["", *heading] if section != "updates" else []
            body += _with_comment(self, lines, kernel)
            if self.checked and self._is_float(kernel.output):
                line = _heading(self.plan, kernel.statement) or commented(kernel.comment)
                body.append(self._finite(kernel.output, line))
        self.bodies[section] = body[1:] if body[:1] == [""] else body
        self.carried[section] = [n for n in before if n in self.words(section)]
        self.origins.update(dict.fromkeys(set(self.shared.values()) - set(before), section))

    def _finite_leaves(self, section: str) -> list[str]:
        """Calls that refuse a NaN in a leaf that a section is the first to read."""
        read = [
            {name for kernel in self.plan.section(s) for name in kernel.operands}
            for s in SECTIONS[: SECTIONS.index(section) + 1]
        ]
        new = read[-1].difference(*read[:-1])
        floats = [x.buffer for x in self.plan.leaves if x.buffer in new]
        lines = [self._finite(name, "") for name in floats if self._is_float(name)]
        return ["", "# what is given", *lines] if lines else []

    def _is_float(self, name: str) -> bool:
        return self.plan.buffers[name].dtype in FLOATS

    def _finite(self, name: str, line: str) -> str:
        """A call that refuses a NaN or an infinity in a value that a line computes."""
        self.helpers.add("finite")
        return f"finite({name}, {quoted(self.shown[name])}, {quoted(line)})"

    def words(self, section: str) -> set[str]:
        """The identifiers that a pass names; comments and strings apart."""
        code = (line for line in self.bodies[section] if not line.lstrip().startswith("#"))
        return {word for line in code for word in re.findall(r"\w+", STRING.sub("", line))}

    def origin(self, name: str) -> str:
        """The pass that makes a shared variable."""
        return self.origins[name]

    def operand(self, name: str) -> Operand:
        """A buffer as a kernel reads it: a number is written out, an array is a name."""
        buffer = self.plan.buffers[name]
        value = self.plan.constants.get(name)
        if value is not None and not isinstance(value, Array):
            text, binding = literal(value)
            return Operand(text, (), buffer.dtype, binding, literal=True)
        if value is not None:
            self.arrays[name] = None
        text, binding = self.texts.get(name, (name, ATOM))
        return Operand(text, buffer.shape, buffer.dtype, binding, name=self.shown[name])


def pass_text(made: Module, section: str) -> str:
    """One pass as a function: what it reads, a commented block per statement, what it returns."""
    if not made.bodies[section] and section != "forward":
        return ""
    function = FUNCTIONS[section]
    read = ", ".join(arguments(made, section))
    lines = ['@np.errstate(all="ignore")', *folded(f"def {function}({read}):", WIDTH)]
    lines.append(f'    """{_SHOWN[section]}"""')
    rows = (row for line in made.bodies[section] for row in _folded_comment(f"    {line}"))
    lines += [row.rstrip() for row in rows]
    lines += folded(f"    return {listed(results(made, section))}", WIDTH)
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
    """The kernel's lines; its formula above them, where they do not say it themselves."""
    formula = kernel.node.op
    if len(lines) == 1 or not isinstance(formula, Formula) or formula.is_elementwise:
        return list(lines)
    comment = commented(kernel.comment)
    shown = comment if len(comment) <= WIDTH - 8 else f"{comment[: WIDTH - 9]}…"
    return [f"# {shown}", *lines]


def _kernel_lines(made: Module, kernel: Kernel) -> list[str]:
    """The lines of a kernel; none where its value stands inside the one that uses it."""
    lines, value, binding = _printed(made, kernel)
    if len(lines) > 1 or is_fresh(value, binding):
        made.fresh.add(kernel.output)
    target = made.moved.get(kernel.output)
    if target is not None and len(lines) == 1:
        step = lines[0].removeprefix(f"{kernel.output} = {target} - ")
        if step != lines[0]:
            made.texts[kernel.output] = (target, ATOM)
            return [f"{target} -= {step}"]
    made.moved.pop(kernel.output, None)
    fits = len(lines) == 1 and len(value) <= LONGEST_INSIDE
    if fits and kernel.output in made.inside:
        made.texts[kernel.output] = (value, binding)
        return []
    return lines


def _printed(made: Module, kernel: Kernel) -> tuple[list[str], str, int]:
    """The lines of a kernel; of a single assignment, its value and how tightly it binds, too."""
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
            shared=made.shared,
            first=kernel.first,
        )
        formula_lines(space, operands, kernel.output, dtype)
        text = space.lines[0].removeprefix(f"{kernel.output} = ") if space.lines else ""
        return space.lines, text, space.binding
    texts = [_array(made, o, dtype) for o in operands]
    symbols: dict[Atom, str] = {Dimension(n): text for n, text in made.sizes.items()}
    if node.op == "reshape":
        sizes = ", ".join(size_text(size, symbols) for size in node.shape) or "()"
        text = f"{texts[0]}.reshape({sizes})"
    elif node.op == "concat":
        axis = node.attribute("axis")
        text = f"np.concatenate(({', '.join(texts)},), axis={axis})"
    elif node.op == "hold":
        text = texts[0]
    else:
        whole = node.operands[0]
        axis, parts, number = (
            whole.attribute("axis"),
            whole.attribute("sizes"),
            node.attribute("number"),
        )
        start = sum(parts[:number])
        index = ", ".join([":"] * axis + [f"{start}:{start + parts[number]}"])
        text = f"{texts[0]}[{index}]"
    return [f"{kernel.output} = {text}"], text, ATOM


def _array(made: Module, operand: Operand, dtype: str) -> str:
    if not operand.literal:
        return wrap(operand.text, operand.binding, ATOM)
    return f"np.asarray({operand.text}, {made.floats.get(dtype) or 'np.' + dtype})"


def results(made: Module, section: str) -> list[str]:
    """What a pass returns: its own values that an output or a later pass needs, once each."""
    plan = made.plan
    own = {kernel.output for kernel in plan.section(section)}
    later = SECTIONS[SECTIONS.index(section) + 1 :]
    needed: dict[str, None] = {}
    for table in (plan.outputs, plan.gradients, plan.updates):
        needed.update(dict.fromkeys(table.values()))
    read = {b for name in later for kernel in plan.section(name) for b in kernel.operands}
    needed.update(dict.fromkeys(k.output for k in plan.section(section) if k.output in read))
    found = {made.texts[n][0] if n in made.moved else n: None for n in needed if n in own}
    taken = {name for later_one in later for name in made.carried[later_one]}
    carried = [n for n in made.shared.values() if n in taken and made.origin(n) == section]
    return [*(name for name in found if _is_read(made, name, later)), *carried]


def _is_read(made: Module, name: str, later: Sequence[str]) -> bool:
    """Whether a value is an output, or a later pass names it."""
    plan = made.plan
    ends = {*plan.outputs.values(), *plan.gradients.values(), *plan.updates.values()}
    ends |= set(made.moved.values())
    return name in ends or any(name in made.words(section) for section in later)


def arguments(made: Module, section: str) -> list[str]:
    """What a pass reads: leaves in declared order, earlier results, sizes."""
    plan = made.plan
    own = {kernel.output for kernel in plan.section(section)}
    words = made.words(section)
    if section == "forward":
        words = words | {b for b in plan.outputs.values() if b not in own}
    leaves = [leaf.buffer for leaf in plan.leaves if leaf.buffer in words]
    earlier = [k.output for k in plan.kernels if k.output in words - own]
    sizes = [made.sizes[name] for name in _sizes_used(plan, section)]
    return [*leaves, *earlier, *made.carried[section], *(n for n in sizes if n in words)]


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
