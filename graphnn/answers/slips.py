"""The likely slip behind a wrong answer, found by trying the slips: the one that gives the answer.

Each row of `TRIALS` is one kind of slip. A trial changes the right derivative, the backward pass
or the answer itself in one place and compares at every point; what agrees everywhere is named, the
most likely first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np

from graphnn.answers.backward import Backward
from graphnn.answers.building import described
from graphnn.answers.case import Wrong
from graphnn.answers.judging import number_factor, same
from graphnn.answers.reading import Derivative
from graphnn.answers.repairs import inner_sign, short_number, term, transpose
from graphnn.answers.verdict import Slip
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.expression.numerals import numeral
from graphnn.graph.node import FLOATS, Node, scalar_value

MAX_NAMES = 24


LIKELIHOOD = (
    *("sign", "mean", "constant", "batch", "transpose", "inner", "branch", "path"),
    *("variable", "term", "factor"),
)
"""The kinds of slips, the most likely first: several may give the same answer."""


def likely_slips(wrong: Wrong) -> tuple[Slip, ...]:
    """Every slip that gives exactly this answer, the most likely first, one of each kind."""
    kinds: dict[str, Slip] = {}
    for trial in TRIALS:
        for slip in trial(wrong):
            kinds.setdefault(slip.kind, slip)
    return tuple(sorted(kinds.values(), key=lambda slip: LIKELIHOOD.index(slip.kind)))


def sign(wrong: Wrong) -> Iterator[Slip]:
    """The answer is the negative of the derivative."""
    if wrong.found is not None and same(wrong.found, [-w for w in wrong.wanted]):
        yield Slip("sign", "the sign is the other one")


def constant(wrong: Wrong) -> Iterator[Slip]:
    """The answer is off by a number: 1/N of a mean, or a 2 or ½."""
    if wrong.found is None:
        return
    factors = number_factor(wrong.found, wrong.wanted)
    if factors is None:
        return
    known = [(k, f) for k, f in enumerate(factors) if np.isfinite(f)]
    for name, sizes in _sizes(wrong).items():
        ups = all(abs(f - sizes[k]) <= 1e-7 * sizes[k] for k, f in known)
        downs = all(abs(f * sizes[k] - 1) <= 1e-7 for k, f in known)
        if (ups or downs) and all(sizes[k] > 1 for k, _ in known):
            what = f"1/N is missing: N = {name}" if ups else f"1/N is too much: N = {name}"
            yield Slip("mean", f"{what}, off by the factor {numeral(known[0][1])}")
            break
    first = known[0][1]
    alike = all(abs(f - first) <= 1e-7 * max(abs(first), 1e-300) for _, f in known)
    if len(known) == 1 and np.size(wrong.wanted[known[0][0]]) == 1:
        # one number is some multiple of every other: only a small fraction tells something
        small = Fraction(first).limit_denominator(4)
        alike = abs(small) <= 4 and abs(first - small) <= 5e-3 * abs(first)
        first = float(small)
    if alike and abs(first) > 1e-12 and abs(first - 1) > 1e-9 and abs(first + 1) > 1e-9:
        yield Slip("constant", f"off by the constant factor {short_number(first)}")


def _sizes(wrong: Wrong) -> dict[str, list[int]]:
    """Sizes that the network divides a sum by, at every point, by what they are.

    These are the elements of what a mean is taken of, and its axes; without a mean, sizes that
    stand as a number in the statement, `/6` (a 2 is the square's, and says nothing).
    """
    found: dict[str, list[int]] = {}
    for statement in wrong.case.about.network.statements:
        numbers = {scalar_value(o) for node in statement.inner for o in node.operands} - {
            None,
            1,
            2,
        }
        for node in statement.inner:
            operand = node.operands[0] if node.operands else None
            if operand is None or node.kind not in ("mean", "sum") or not operand.shape:
                continue
            shapes = [value.shape for value in wrong.case.numbers(operand)]
            name = show(statement.name)
            sizes = {f"the elements averaged in {name}": [math.prod(shape) for shape in shapes]}
            for axis in range(len(operand.shape)):
                sizes[f"the size of axis {axis} in {name}"] = [shape[axis] for shape in shapes]
            for label, size in sizes.items():
                if node.kind == "mean" or set(size) <= numbers:
                    found[f"{size[0]}, {label}"] = size
    return found


def batch(wrong: Wrong) -> Iterator[Slip]:
    """A sum is missing: an index that is not summed, or an axis too many."""
    if wrong.built is not None and wrong.built.unsummed and wrong.found is not None:
        names = described(wrong.built.unsummed)
        if same(wrong.found, wrong.wanted):
            yield Slip("batch", f"the sum over {names} is missing: Σ_{names}")
        return
    if wrong.found is None or wrong.found[0].ndim <= wrong.wanted[0].ndim:
        return
    rank = wrong.found[0].ndim
    for count in range(1, rank + 1):
        for axes in combinations(range(rank), count):
            for kept in (False, True):
                summed = [f.sum(axis=axes, keepdims=kept) for f in wrong.found]
                if same(summed, wrong.wanted):
                    where = " and ".join(map(str, axes))
                    yield Slip("batch", f"the sum over axis {where} is missing")
                    return


def variable(wrong: Wrong) -> Iterator[Slip]:
    """The answer is the derivative by another value, or of another one."""
    case, about = wrong.case, wrong.case.about
    if wrong.found is None:
        return
    target = case.target
    names = [n for n, node in about.nodes.items() if node.dtype in FLOATS][:MAX_NAMES]
    others = [Derivative(target.above, name, target.index) for name in names]
    others += [Derivative(name, target.below, target.index) for name in names]
    for other in others:
        if other.name == target.name:
            continue
        try:
            slope = about.slope(other, case.feeds[0])
            values = (case.chosen(about.value(slope, feed)) for feed in case.feeds)
            if not same(values, wrong.found):
                continue
        except (GraphError, ValueError):
            continue
        if any(np.any(f) for f in wrong.found):
            shown = f"∂{show(other.above)}/∂{show(other.below)}"
            yield Slip("variable", f"this is {shown}", (other.above, other.below))
            return


def backward(wrong: Wrong) -> Iterator[Slip]:
    """One mistake in the backward pass: a derivative left out, a branch, a path."""
    case = wrong.case
    if wrong.found is None or case.slope.kind == "table":
        return
    found = wrong.found
    walk = Backward(case.about, case.target.above, case.target.below, case.slope.seed)
    seen: set[str] = set()

    def gives(node: Node | None) -> bool:
        if node is None:
            return not any(np.any(f) for f in found)
        try:
            return same(case.gradients(node), found)
        except (GraphError, ValueError):
            return False

    for mistake in walk.mistakes():
        if mistake.kind not in seen and gives(mistake.node):
            seen.add(mistake.kind)
            yield Slip(mistake.kind, mistake.message, mistake.about)
    paths = walk.paths()
    if len(paths) < 2:
        return
    for path in paths:
        whole = walk.along(path)
        if whole is None:
            continue
        through = " ← ".join(
            [show(case.about.names[walk.top]), *(show(case.about.names[read]) for _, read in path)]
        )
        contribution = list(case.gradients(whole))
        wanted = wrong.wanted
        if same(found, [w - c for w, c in zip(wanted, contribution, strict=True)]):
            yield Slip("path", f"the path {through} is missing", tuple(through.split(" ← ")))
        if same(found, contribution) and any(np.any(c) for c in contribution):
            yield Slip("path", f"only the path {through} is there; the others are missing")
        if same(found, [w - 2 * c for w, c in zip(wanted, contribution, strict=True)]):
            yield Slip("sign", f"the sign of the path {through} is the other one")
        for number, (statement, read) in enumerate(path):
            less = walk.along(path, number)
            if less is None or less.shape != whole.shape:
                continue
            changed = list(case.gradients(less))
            rest = [w - c + d for w, c, d in zip(wanted, contribution, changed, strict=True)]
            if same(found, rest):
                above, below = show(statement.name), show(case.about.names[read])
                yield Slip(
                    "inner",
                    f"the inner derivative ∂{above}/∂{below} is missing on the path {through}",
                    (statement.name, case.about.names[read]),
                )


def factor(wrong: Wrong) -> Iterator[Slip]:
    """A factor is missing or is too much: a value of the network, or a local derivative."""
    if wrong.found is None or wrong.found[0].shape != wrong.wanted[0].shape:
        return
    case, about = wrong.case, wrong.case.about
    shape = wrong.wanted[0].shape
    for name, node in list(about.nodes.items())[:MAX_NAMES]:
        if node.dtype not in FLOATS or (node.shape and len(node.shape) != len(shape)):
            continue
        arrays = list(case.numbers(node))
        if any(a.shape not in ((), w.shape) for a, w in zip(arrays, wrong.wanted, strict=True)):
            continue
        pairs = list(zip(wrong.found, wrong.wanted, arrays, strict=True))
        if same([f * a for f, _, a in pairs], wrong.wanted):
            yield Slip("factor", f"the factor {show(name)} is missing", (name,))
            return
        if same(wrong.found, [w * a for _, w, a in pairs]):
            yield Slip("factor", f"the factor {show(name)} is too much", (name,))
            return
        if same([f * a * a for f, _, a in pairs], wrong.wanted):
            yield Slip("factor", f"the factor {show(name)} divides instead of multiplying", (name,))
            return


def inverted(wrong: Wrong) -> Iterator[Slip]:
    """A local derivative twice: the factor of one link of the chain is there once too often."""
    case, about = wrong.case, wrong.case.about
    if wrong.found is None or wrong.wanted[0].shape:
        return
    for statement in about.network.statements[:MAX_NAMES]:
        for name in statement.reads:
            if about.nodes[name].dtype not in FLOATS or about.nodes[name].shape:
                continue
            link = Derivative(statement.name, name)
            slope = about.slope(link, case.feeds[0])
            arrays = [about.value(slope, feed) for feed in case.feeds]
            if any(a.shape for a in arrays):
                continue
            if same(wrong.found, [w * a for w, a in zip(wrong.wanted, arrays, strict=True)]):
                shown = f"∂{show(statement.name)}/∂{show(name)}"
                yield Slip("factor", f"the factor {shown} is there once too often", (name,))
                return


TRIALS: tuple[Callable[[Wrong], Iterator[Slip]], ...] = (
    sign,
    constant,
    batch,
    transpose,
    backward,
    variable,
    term,
    inner_sign,
    factor,
    inverted,
)
"""One row for each kind of slip, the most likely first."""
