"""Every equality of a derivation, judged: as trees, and as the text that a reader sees.

`judge(made)` evaluates each symbolic and each numeric side of each step and compares it with the
step's value, checks that `=` stands only where the printed numbers give the printed result, reads
every printed line back, and holds each quantity to one text. It returns what it compared, so that
a test can insist that something was.
"""

import itertools
import re
from collections import Counter

import numpy as np

import graphnn as gnn
from graphnn.derivation.text import side_text
from graphnn.derivation.values import value
from graphnn.errors import GraphError
from graphnn.expression.names import show
from graphnn.expression.numerals import numeral
from graphnn.expression.tree import apply, postorder, sym
from graphnn.expression.unicode import to_unicode
from graphnn.text import read_equation

CLOSE = 1e-9
OWN_OPS = ("conv",)
"""Ops that a test defines: the text language does not know them, so their calls are not read."""


def close(a, b, tolerance=CLOSE, floor=1e-18):
    """Norm-wise: |a − b| ≤ tolerance · max|b|, where both are finite; else equal."""
    a, b = (np.asarray(x, dtype=np.float64) for x in (a, b))
    if a.size != b.size:
        return False
    a, b = a.ravel(), b.ravel()
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    scale = max(float(np.max(np.abs(b[finite]), initial=0)), 1e-300)
    return bool(np.all(np.abs(a[finite] - b[finite]) <= tolerance * scale + floor))


def environment(made):
    """Every number by the name under which a line may use it: values, δs, ∂a/∂b."""
    env = {name: np.asarray(v) for name, v in made.values.items()}
    env |= {f"∂{sym(name)}/∂{sym(name)}": np.asarray(1) for name in made.values}
    for step in made.steps:
        if step.value is None or step.lhs is None:
            continue
        defined = [step.sides[0].expr] if step.define else []
        for e in [step.lhs, *defined]:
            if e.head == "∂" and all(part.head in ("sym", "[]") for part in e.args):
                above, below = (p.args[0] if p.head == "[]" else p for p in e.args)
                env[f"∂{above}/∂{below}"] = np.asarray(step.value)
                env[str(e)] = np.asarray(step.value)
            elif e.head == "sym":
                env.setdefault(str(e.args[0]), np.asarray(step.value))
    env |= {k: v for k, v in direct_partials(made).items() if k not in env}
    env |= jacobians(made)
    for name, gradient in made.gradients.items():
        if gradient is not None:
            env.setdefault(f"∂{sym(made.loss)}/∂{sym(name)}", np.asarray(gradient))
    return env


def direct_partials(made):
    """∂a/∂b of scalar statements by themselves, which forward mode names: from a's own line."""
    found = {}
    for step in made.steps:
        if step.kind != "forward" or made.mode != "forward":
            continue
        operands = {n: made.values[n] for n in step.operands}
        text = f"{to_unicode(step.lhs, 17)} = {to_unicode(step.sides[0].expr, 17)}"
        line = gnn.parse(text).loss
        for name in operands:
            fed = {n: np.asarray(v, dtype=np.float64) for n, v in operands.items()}
            slope = gnn.evaluate({"d": gnn.grad(line, name), "f": line}, **fed)["d"]
            found[f"∂{sym(step.statement)}/∂{sym(name)}"] = slope
    return found


def jacobians(made):
    """∂z/∂h of every ∂z[k]/∂h[m] that a line names, element by element from z's own line."""
    found = {}
    own = {s.statement: s for s in made.steps if s.kind == "forward" and s.section == "Forward"}
    sides = [s.expr for step in made.steps for s in step.sides if s.expr is not None]
    for node in (n for e in sides for n in postorder(e) if n.head == "∂"):
        if any(part.head != "[]" for part in node.args):
            continue
        above, below = (str(part.args[0].args[0]) for part in node.args)
        step = own[above]
        operands = {n: np.asarray(made.values[n], dtype=np.float64) for n in step.operands}
        text = f"{to_unicode(step.lhs, 17)} = {to_unicode(step.sides[0].expr, 17)}"
        line = gnn.parse(text, shapes={n: v.shape for n, v in operands.items()}).loss
        shape = np.shape(made.values[above])
        rows = []
        for place in np.ndindex(shape):
            one = np.zeros(shape)
            one[place] = 1
            rows.append(gnn.evaluate(gnn.grad(line, below, cotangent=one), **operands))
        found[f"∂{sym(above)}/∂{sym(below)}[]"] = np.reshape(
            rows, shape + np.shape(made.values[below])
        )
    return found


def free_letters(step):
    """The letters that stand for the elements of a line in index notation, and their value's name."""
    lhs = step.sides[0].expr if step.define else step.lhs
    if lhs is None:
        return [], []
    if lhs.head == "[]":
        return [i for i in lhs.args[1:] if i.head == "sym"], [lhs]
    if lhs.head != "∂":
        return [], []
    elements = [part for part in lhs.args if part.head == "[]"]
    return list(dict.fromkeys(i for e in elements for i in e.args[1:] if i.head == "sym")), elements


def extents(elements, env):
    found = {}
    for e in elements:
        shape = np.shape(env.get(str(e.args[0].args[0]), ()))
        sizes = zip(e.args[1:], shape, strict=False)
        found.update({part: size for part, size in sizes if part.head == "sym"})
    return found


def cotangent_given(made, env, cotangent):
    if cotangent is not None:
        env[f"{made.loss}_bar"] = np.asarray(cotangent, dtype=np.float64)


def judge(made, cotangent=None, floor=1e-18):
    """Raise AssertionError for the first equality that does not hold; else what was compared."""
    env = environment(made)
    cotangent_given(made, env, cotangent)
    compared = Counter()
    for step in made.steps:
        result = result_of(step)
        if result is None:
            continue
        free, elements = free_letters(step)
        sizes = extents(elements, env)
        for k, side in enumerate(step.sides):
            where = f"{_line(step, made.digits)}\n  side: {side_text(side, made.digits)}"
            if side.expr is None:
                assert side.text, where
                compared["summary"] += 1
                continue
            if step.kind == "forward" and side.kind == "symbols" and not at_one_element(step):
                found = statement_value(step, side, made)
                if found is None:
                    compared["own op"] += 1
                    continue
            elif k == 0 and step.define:
                continue  # δ := ∂L/∂z is what defines it
            else:
                found = value(side.expr, env, free if side.kind == "symbols" else [], sizes)
            assert close(found, result, floor=floor), f"{where}\n  {found} is not {result}"
            compared[side.kind] += 1
            if side.kind == "symbols":
                names = {str(n.args[0]) for n in postorder(side.expr) if n.head == "sym"}
                compared["with names"] += bool(names)
        _judge_relation(step, result, made.digits, compared)
    one_text(made, env)
    compared["read back"] = read_back(made, env, floor)
    return compared


def at_one_element(step):
    """Whether a line is about an element with a number as its index, `z[0] = …`: no statement."""
    return step.lhs.head == "[]" and any(i.head == "num" for i in step.lhs.args[1:])


def statement_value(step, side, made):
    """A printed statement, parsed as a network of its own and evaluated; None for an own op."""
    text = f"{to_unicode(step.lhs, 17)} = {to_unicode(side.expr, 17)} {bounds(step)}"
    operands = {n: made.values[n] for n in step.operands}
    if any(f"{own}(" in text for own in OWN_OPS):
        return None
    network = gnn.parse(text, shapes={n: np.shape(v) for n, v in operands.items()})
    fed = {n: np.asarray(v, dtype=np.float64) for n, v in operands.items()}
    return gnn.evaluate(network.loss, **fed)


def bounds(step):
    """The bounds beside a line, `for u < 2, v < 2`: they belong to what is read back."""
    return step.rule if step.rule.startswith("for ") else ""


def result_of(step):
    """What a line is equal to, in full precision: of a path without a left side, its last side."""
    last = step.sides[-1] if step.sides else None
    if step.value is None and last is not None and last.kind == "value" and last.expr is not None:
        return value(last.expr, {})
    return step.value


def _judge_relation(step, result, digits, compared):
    """`=` before a result only where the printed numbers, computed as printed, give it."""
    sides = [s for s in step.sides if s.expr is not None]
    for before, after in itertools.pairwise(sides):
        if before.kind != "numbers" or after.kind != "value":
            continue
        shown = value(as_printed(before.expr, digits), {})
        wanted = np.asarray(result)
        same = all(
            texts(a, digits) & texts(b, digits)
            for a, b in zip(np.ravel(shown), np.ravel(wanted), strict=True)
        )
        expected = "=" if same else "≈"
        assert after.relation == expected, f"{_line(step, digits)}\n  {shown} and {wanted}"
        compared[expected] += 1


def texts(x, digits):
    """The texts of a number: as it is stored, and as a float."""
    return {
        numeral(x, digits) if not isinstance(x, np.floating) else numeral(float(x), digits),
        numeral(float(x), digits),
    }


def as_printed(e, digits):
    """The numbers of an expression replaced by what their texts say."""
    from graphnn.expression.tree import fold

    def visit(node, parts):
        if node.head == "num":
            return read_number(numeral(node.args[0], digits))
        return node if node.head == "sym" else apply(node.head, *parts)

    return fold(e, visit)


def read_number(text):
    """A printed number, by the text language."""
    (tree,) = read_equation(text, {})
    return tree


def one_text(made, env):
    """A name, and each ∂, is printed with one text everywhere: its value has one type."""
    seen = {}
    for step in made.steps:
        if step.value is None or step.lhs is None or np.size(step.value) != 1:
            continue
        name = to_unicode(step.lhs.args[0]) if step.lhs.head == "[]" else to_unicode(step.lhs)
        last = step.sides[-1]
        if last.kind == "value" and last.expr is not None and last.expr.head == "num":
            text = to_unicode(last.expr, made.digits)
            assert seen.setdefault(name, text) == text, f"{name} is {seen[name]} and {text}"


def read_back(made, env, floor):
    """Read every printed line by the text language; evaluate its sides at the printed digits."""
    names = {name: np.shape(v) for name, v in made.values.items()}
    names |= {n: np.shape(v) for n, v in env.items() if not n.startswith("∂")}
    names.setdefault("L", ())
    count = 0
    for step in made.steps:
        if not step.sides or any(s.expr is None for s in step.sides):
            continue
        line = _line(step, made.digits)
        free, elements = free_letters(step)
        if any(f"{own}(" in line for own in OWN_OPS):
            continue
        trees = read_equation(line, names, [str(f.args[0]) for f in free])
        start = 0 if step.lhs is None else 1
        assert len(trees) == len(step.sides) + start, f"{line}: {len(trees)} sides"
        result = result_of(step)
        if result is None:
            continue
        sizes = extents(elements, env)
        for k, (side, tree) in enumerate(zip(step.sides, trees[start:], strict=True)):
            if (step.kind == "forward" and side.kind == "symbols") or (k == 0 and step.define):
                continue  # judged by `statement_value`; a definition
            found = value(tree, env, free if side.kind == "symbols" else [], sizes)
            if side.kind == "symbols":
                assert close(found, result, floor=floor), f"{line}\n  read: {tree} = {found}"
            elif side.kind == "value":
                assert close(found, result, 10.0 ** (1 - made.digits), floor), (
                    f"{line}\n  read {tree}"
                )
            count += 1
    return count


def _line(step, digits):
    left = "" if step.lhs is None else to_unicode(step.lhs, digits)
    sides = []
    for k, side in enumerate(step.sides):
        relation = ":=" if step.define and k == 0 else side.relation
        bare = k == 0 and step.lhs is None
        text = side_text(side, digits)
        sides.append(text if bare else f"{relation} {text}")
    return " ".join([left, *sides]).strip()


def rules(made):
    """The rules in the margin, by the text of each line's left side."""
    found = {}
    for step in made.steps:
        if step.lhs is not None:
            texts_ = [step.rule, *(side.rule for side in step.sides)]
            found.setdefault(to_unicode(step.lhs), []).append("; ".join(t for t in texts_ if t))
    return found


def lines(made):
    """The printed lines without layout: one space between words, no margin columns."""
    return [re.sub(r"\s+", " ", line).strip() for line in str(made).splitlines() if line.strip()]


def differences(thing, wrt, at, step=1e-6):
    """The gradient by central differences of the evaluator, in float64."""
    at = {name: np.asarray(v, dtype=np.float64) for name, v in at.items()}
    moved = at[wrt]
    result = np.zeros(moved.shape)
    for place in np.ndindex(moved.shape):
        ends = []
        for sign in (1, -1):
            there = moved.copy()
            there[place] += sign * step
            found = gnn.evaluate(thing, **{**at, wrt: there})
            ends.append(
                np.asarray(found if not isinstance(found, dict) else next(iter(found.values())))
            )
        result[place] = float(np.sum(ends[0] - ends[1])) / (2 * step)
    return result


__all__ = [
    "GraphError", "close", "differences", "environment", "judge", "lines", "rules", "show",
]  # fmt: skip
