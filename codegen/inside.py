"""What is written inside something else: values that are read once, and steps taken in place.

    product = x @ W.T     z = product + b          becomes    z = x @ W.T + b
    new_W = W - 0.1 * d_W                          becomes    W -= 0.1 * d_W

Names of the user's keep a line of their own.
"""

from __future__ import annotations

import re
from collections import Counter

from codegen.spelling import ATOM
from graphnn.calculus.formula import Formula
from graphnn.calculus.polynomial import Polynomial, polynomial, single_axis
from graphnn.expression.tree import Expr
from graphnn.plan import Kernel, Plan


def read_once(plan: Plan) -> set[str]:
    """The buffers that may stand where they are used: unnamed, read once, in their own block."""
    kept = {*plan.outputs.values(), *plan.gradients.values(), *plan.updates.values(), *plan.named}
    made = {kernel.output: kernel for kernel in plan.kernels}
    uses = Counter(name for kernel in plan.kernels for name in kernel.operands)
    found = set()
    for user in plan.kernels:
        for place, name in enumerate(user.operands):
            maker = made.get(name)
            if (
                maker is not None
                and name not in kept
                and uses[name] == 1
                and (maker.section, maker.statement) == (user.section, user.statement)
                and _reads_simply(user, place)
            ):
                found.add(name)
    return found


def _reads_simply(kernel: Kernel, place: int) -> bool:
    """Whether the text of an operand would occur once: one read of it, along its dimensions."""
    formula = kernel.node.op
    if not isinstance(formula, Formula):
        return kernel.node.op == "reshape"
    reads = [(k, read) for k, read in enumerate(formula.reads) if read.operand == place]
    if len(reads) != 1 or formula.guards or kernel.first is not None:
        return False
    ((number, read),) = reads
    axes = []
    for part in (*formula.write, *read.index):
        if not isinstance(part, Polynomial) or (
            single_axis(part) is None and part != polynomial(0)
        ):
            return False
    axes = [single_axis(part) for part in read.index if single_axis(part) is not None]
    plain = formula.is_plain or formula.reduce in ("sum", "set")
    others = [part for r in formula.reads for part in r.index]
    lookups = any(not isinstance(part, Polynomial) for part in others)
    written = [single_axis(part) for part in formula.write if single_axis(part) is not None]
    return (
        plain
        and not lookups
        and len(set(axes)) == len(axes)
        and len(set(written)) == len(written)
        and formula.reduce != "argmax"
        and _count(formula.body, f"_{number}") == 1
    )


def _count(body: Expr, name: str) -> int:
    """How often a symbol is written in a body."""
    total, stack = 0, [body]
    while stack and total < 2:
        node = stack.pop()
        if node.head == "sym":
            total += node.args[0] == name
        elif node.head != "num":
            stack.extend(node.args)
    return total


def is_fresh(text: str, binding: int) -> bool:
    """Whether an expression computes an array of its own, and is no view of another one.

    >>> is_fresh("x.T", ATOM), is_fresh("(x @ w).reshape(3, 4)", ATOM)
    (False, True)
    """
    computed = r"np\.(?!broadcast_to|asarray)\w+\(|where_true\(|\(|.*\.(sum|max|argmax)\([^()]*\)$"
    return binding < ATOM or re.match(computed, text) is not None


def moved_in_place(plan: Plan) -> dict[str, str]:
    """The new values that are a parameter minus a step → the parameter, which nothing reads later.

    Whether it can be written `W -= …` is seen when it is printed.
    """
    leaves = {leaf.name: leaf.buffer for leaf in plan.leaves}
    ends = Counter([*plan.outputs.values(), *plan.gradients.values(), *plan.updates.values()])
    updates = plan.section("updates")
    found = {}
    for name, new in plan.updates.items():
        old = leaves[name]
        readers = [kernel.output for kernel in updates if old in kernel.operands]
        later = [kernel.output for kernel in updates if new in kernel.operands]
        if readers == [new] and not later and ends[new] == 1 and not ends[old]:
            found[new] = old
    return found
