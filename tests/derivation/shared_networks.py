"""Random networks of statements that move, join and share values: text and numbers by a seed.

Vectors and matrices with sizes 1 to 3: reshapes, transposes, concats and stacks (also of a value
with itself), softmax, layer_norm, norms, means, products, broadcasts; some lines stand there
twice, under two names.
"""

import random
import re

import numpy as np

import graphnn as gnn
from graphnn.derivation.shown import shown_value
from graphnn.derivation.values import value

KINDS = ("chain", "accumulate", "simplify")
SIZES = (1, 2, 3)


def random_network(seed):
    """(text, values by leaf): three to seven statements and a loss of all that is not used."""
    return _Draw(seed).network()


class _Draw:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shapes, self.leaves, self.lines, self.unused = {}, {}, [], []

    def network(self):
        pick = self.random.choice
        first = pick([(pick(SIZES),), (pick(SIZES), pick(SIZES)), (1, 3), (2, 3)])
        self.leaf("x", first)
        for k in range(1, self.random.randint(3, 7) + 1):
            self.statement(f"h{k}")
        parts = [self.loss(name, k) for k, name in enumerate(self.unused or ["x"])]
        self.lines.append(f"L = {' + '.join(parts)}")
        at = {name: self.numbers(shape) for name, shape in self.leaves.items()}
        return "; ".join(self.lines), at

    def leaf(self, name, shape):
        self.leaves[name] = self.shapes[name] = shape
        return name

    def numbers(self, shape):
        size = int(np.prod(shape))
        if self.random.random() < 0.5:
            drawn = [self.random.randint(-12, 12) / 8 + 1 / 16 for _ in range(size)]
        else:
            drawn = [round(self.random.gauss(0, 1), 3) for _ in range(size)]
        return np.array(drawn).reshape(shape)

    def statement(self, name):
        if self.lines and self.random.random() < 0.15:
            other, _, text = self.random.choice(self.lines).partition(" = ")
            shape, reads = self.shapes[other], ()
        else:
            recent = [n for n in self.shapes if n not in self.leaves or n == "x"]
            h = self.random.choice([*recent, *recent[-1:], *self.unused])
            makers = [self.alone, self.alone, self.moved, self.joined, self.two, self.weighted]
            text, shape, reads = self.random.choice(makers)(h, name)
        self.lines.append(f"{name} = {text}")
        self.shapes[name] = shape
        self.unused = [n for n in self.unused if n not in reads] + [name]

    def alone(self, h, name):
        lines = [
            "tanh({h})", "σ({h})", "exp({h}/3)", "2*{h}", "{h} ⊙ {h}", "{h} − mean({h})",
            "{h}/(1 + {h} ⊙ {h})", "{h}/(norm({h}) + 1)", "swish({h})", "{h}*sum({h})",
        ]  # fmt: skip
        rank = len(self.shapes[h])
        axes = "" if rank == 1 else f"; axis={self.random.randrange(rank)}"
        lines += [f"softmax({{h}}{axes})", "layer_norm({h})"]
        if rank == 2:
            lines += [
                "{h} − mean({h}; axis=1, keepdims=1)",
                "{h}/(1 + norm({h}; axis=0, keepdims=1))",
            ]
        return self.random.choice(lines).format(h=h), self.shapes[h], (h,)

    def moved(self, h, name):
        shape = self.shapes[h]
        if len(shape) == 2 and self.random.random() < 0.5:
            return f"{h}ᵀ", shape[::-1], (h,)
        size = int(np.prod(shape))
        ways = [(size,), (1, size), (size, 1), *((k, size // k) for k in (2, 3) if size % k == 0)]
        wanted = self.random.choice(ways)
        written = ", ".join(map(str, wanted)) + ("," if len(wanted) == 1 else "")
        return f"reshape({h}; shape=({written}))", wanted, (h,)

    def joined(self, h, name):
        shape = self.shapes[h]
        same = [n for n, s in self.shapes.items() if s == shape]
        others = [self.random.choice(same) for _ in range(self.random.randint(1, 2))]
        inside = ", ".join([h, *others])
        axis = self.random.randrange(len(shape))
        if len(shape) == 1 and self.random.random() < 0.6:
            axis = self.random.randrange(2)
            made = (1 + len(others), shape[0]) if axis == 0 else (shape[0], 1 + len(others))
            return f"stack({inside}; axis={axis})", made, (h, *others)
        made = list(shape)
        made[axis] *= 1 + len(others)
        return f"concat({inside}; axis={axis})", tuple(made), (h, *others)

    def two(self, h, name):
        shape = self.shapes[h]
        fitting = [
            n for n, s in self.shapes.items()
            if len(s) == len(shape) and all(a in (1, b) for a, b in zip(s, shape, strict=True))
        ]  # fmt: skip
        other = self.random.choice(fitting)
        line = self.random.choice(
            ["{h} + {g}", "{h} ⊙ {g}", "{g} − 2*{h}", "{h}/({g} ⊙ {g} + 1)", "max({h}, {g})"]
        )
        return line.format(h=h, g=other), shape, (h, other)

    def weighted(self, h, name):
        shape, size = self.shapes[h], self.random.choice(SIZES)
        if len(shape) == 1:
            w = self.leaf(f"W{name}", (size, shape[0]))
            bias = f" + {self.leaf(f'b{name}', (size,))}" if self.random.random() < 0.5 else ""
            return f"{w} {h}{bias}", (size,), (h,)
        if self.random.random() < 0.3:
            return f"{h} {h}ᵀ", (shape[0], shape[0]), (h,)
        w = self.leaf(f"W{name}", (shape[1], size))
        bias = f" + {self.leaf(f'b{name}', (size,))}" if self.random.random() < 0.5 else ""
        return f"{h} {w}{bias}", (shape[0], size), (h,)

    def loss(self, name, k):
        line = self.random.choice(
            ["sum(({h} − {y})^2)/2", "mean({h} ⊙ {h})", "sum({y} ⊙ log(1 + {h} ⊙ {h}))",
             "−sum({y} ⊙ log({p}))", "norm({h})", "sum({h})"]
        )  # fmt: skip
        target = self.leaf(f"y{k}", self.shapes[name]) if "{y}" in line else ""
        axis = "" if len(self.shapes[name]) == 1 else "; axis=1"
        return line.format(h=name, y=target, p=f"softmax({name}{axis})")


def check(text, at, **options):
    """Hold a derivation of the network against the graph's gradients; how many numbers it held.

    `Derivation.gradients`, the last number of every gradient's line, and every δ that has a
    statement's name below it: all are what `gnn.grad` gives.
    """
    program = gnn.parse(text, shapes={name: v.shape for name, v in at.items()})
    at = {name: v for name, v in at.items() if name in program.leaves}
    made = gnn.derive(program.graph, at=at, **options)
    asked = {step.statement for step in made.steps if step.kind in KINDS and step.statement}
    asked = sorted({*made.wrt, *(n for n in asked if re.fullmatch(r"h\d+", n))})
    wanted = gnn.evaluate({name: gnn.grad(program.loss, name) for name in asked}, **at)
    if not all(np.all(np.isfinite(g)) for g in wanted.values()):
        return 0  # a norm at 0
    for name in made.wrt:
        assert near(made.gradients[name], wanted[name]), f"gradient of {name}: {text}"
    held = 0
    for step in made.steps:
        own = step.lhs if not step.define else step.sides[0].expr
        if step.value is None or step.kind not in KINDS or own is None or own.head != "∂":
            continue
        below = own.args[1].args[0] if own.args[1].head == "[]" else own.args[1]
        name = str(below.args[0])
        if str(own.args[0]) != made.loss or name not in wanted:
            continue
        where = f"{own} of {text}"
        assert near(step.value, wanted[name]), where
        last = step.sides[-1]
        if last.expr is not None and last.kind == "value":
            # as printed: to the last of its digits
            shown = value(shown_value(last.expr, made.digits), {})
            assert near(shown, wanted[name], 10.0 ** (1 - made.digits)), where
        held += 1
    assert held >= len(made.wrt), f"{text}: a gradient has no line"
    return held


def near(found, wanted, tolerance=1e-9):
    """Entry by entry to a part of the largest, and to what rounding leaves of sizes about 1."""
    found, wanted = (np.asarray(x, dtype=np.float64).ravel() for x in (found, wanted))
    gap = np.abs(found - wanted)
    scale = np.max(np.abs(wanted), initial=0)
    return found.shape == wanted.shape and bool(np.all(gap <= tolerance * scale + 1e-13))
