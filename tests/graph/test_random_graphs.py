"""Two hundred random graphs: value against nested loops, two derivatives against differences.

Graphs have up to 30 ops: element-wise, products, reductions, slices, reshapes, concat and split,
broadcasts, where, maximum. A graph is a value of some leaves of shape (2, 3), (3, 2), (3,) or ();
those whose comparisons come near a tie are drawn again (`assume`), since differences mean nothing
there; the comparisons are recorded while the graph is built, so that nothing is guessed.
"""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import graphnn as gnn
from tests import oracle

STEP = 5e-4
MARGIN = 0.03


class Drawn:
    """A graph under construction: the nodes so far, and what must not be near zero."""

    def __init__(self, generator):
        self.generator = generator
        shapes = {"A": (2, 3), "B": (3, 2), "c": (3,), "s": ()}
        self.leaves = {name: gnn.input(name, shape, "float64") for name, shape in shapes.items()}
        self.values = {
            name: generator.uniform(0.3, 1.2, shape) * generator.choice([-1, 1], shape)
            for name, shape in shapes.items()
        }
        self.nodes = list(self.leaves.values())
        self.kinks = []

    def pick(self, test=lambda node: True):
        fitting = [node for node in self.nodes if test(node)]
        return self.one_of(fitting) if fitting else None

    def one_of(self, choices):
        """One of the choices, the later ones more often: graphs grow deep."""
        last = len(choices) - 1
        return choices[last - int(last * self.generator.uniform() ** 2 + 0.5)]

    def add(self, node):
        if node is not None and all(size > 0 for size in node.shape):
            self.nodes.append(node)


def smooth(g):
    x = g.pick()
    function = g.generator.choice(
        [gnn.sin, gnn.tanh, gnn.sigmoid, gnn.softplus, gnn.cos, gnn.swish]
    )
    return function(x)


def arithmetic(g):
    x = g.pick()
    y = g.pick(lambda n: n.shape == x.shape or n.shape == () or x.shape[-1:] == n.shape)
    kind = g.generator.choice(["+", "-", "*", "/", "scaled", "power"])
    if kind == "+":
        return x + y
    if kind == "-":
        return x - y
    if kind == "*":
        return x * y
    if kind == "/":
        return x / (y * y + 1.5)
    return 0.5 - x * 0.75 if kind == "scaled" else gnn.tanh(x) ** int(g.generator.integers(2, 4))


def root(g):
    x = g.pick()
    return gnn.log(gnn.exp(gnn.sin(x)) + 1.25) + gnn.sqrt(x * x + 0.5)


def product(g):
    x = g.pick(lambda n: n.ndim == 2)
    y = g.pick(lambda n: n.ndim and n.shape[-2:][0] == x.shape[1])
    return None if y is None else x @ y


def reduction(g):
    x = g.pick(lambda n: n.ndim)
    axis = g.generator.choice([None, *range(x.ndim)])
    keep = g.generator.integers(2)
    function = g.generator.choice([gnn.sum, gnn.mean, gnn.max, gnn.min])
    if function in (gnn.max, gnn.min):
        axes = tuple(range(x.ndim)) if axis is None else (axis,)
        ordered = (x, axes)
        g.kinks.append(ordered)
    return function(x, axis, keep)


def slices(g):
    x = g.pick(lambda n: n.ndim)
    cut = g.generator.choice([slice(1, None), slice(None, None, -1), slice(0, None, 2), 0, -1])
    return x[cut]


def shapes(g):
    x = g.pick(lambda n: n.ndim)
    kind = g.generator.choice(["reshape", "transpose", "stretch", "pad"])
    if kind == "reshape":
        return gnn.reshape(x, -1)
    if kind == "stretch":
        return gnn.broadcast_to(x, (2, *x.shape)) if x.ndim < 3 else None
    return gnn.transpose(x) if kind == "transpose" else gnn.pad(x, 1)


def joined(g):
    x = g.pick(lambda n: n.ndim)
    y = g.pick(lambda n: n.ndim == x.ndim and n.shape[1:] == x.shape[1:])
    if g.generator.integers(2):
        return gnn.concat([x, y])
    parts = gnn.split(x, [1, x.shape[0] - 1])
    return parts[0] * gnn.sum(parts[1]) if g.generator.integers(2) else parts[1]


def kinked(g):
    x = g.pick()
    kind = g.generator.choice(["relu", "abs", "maximum", "where", "leaky", "constant"])
    if kind in ("maximum", "where"):
        y = g.pick(lambda n: n.shape == x.shape)
        if y is x:
            return None
        g.kinks.append(x - y)
        return gnn.maximum(x, y) if kind == "maximum" else gnn.where(x > y, x * y, y)
    if kind == "constant":
        g.kinks.append(x - 0.25)
        return gnn.minimum(x, 0.25)
    g.kinks.append(x)
    return {"relu": gnn.relu, "abs": gnn.abs, "leaky": gnn.leaky_relu}[kind](x)


MOVES = [smooth, smooth, arithmetic, arithmetic, root, product, reduction, slices, shapes, joined]
MOVES += [kinked, kinked]


@st.composite
def graphs(draw):
    """(loss, leaves, values, generator), away from kinks and neither huge nor flat."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    g = Drawn(generator)
    for _ in range(draw(st.integers(3, 18))):
        made = MOVES[generator.integers(len(MOVES))](g)
        if made is not None and np.prod(made.shape) <= 48:
            g.add(made)
    ends = g.nodes[-3:]
    loss = sum(gnn.sum(node * generator.normal(size=node.shape)) for node in ends)
    watched = {str(k): x[0] if isinstance(x, tuple) else x for k, x in enumerate(g.kinks)}
    used = set(gnn.Graph({"L": loss, **watched}).inputs)
    fed = {leaf.name: g.values[leaf.name] for leaf in used}
    seen = gnn.evaluate({"L": loss, **watched}, **fed)
    assume(all(np.all(np.isfinite(v)) and np.max(np.abs(v), initial=0) < 50 for v in seen.values()))
    for k, x in enumerate(g.kinks):
        value = seen[str(k)]
        assume(gap(value, x[1]) > MARGIN if isinstance(x, tuple) else nearest(value) > MARGIN)
    leaves = [leaf for leaf in g.leaves.values() if leaf in gnn.Graph({"L": loss}).inputs]
    assume(leaves)
    return loss, leaves, {leaf.name: g.values[leaf.name] for leaf in leaves}, generator


def nearest(values):
    return np.min(np.abs(values), initial=np.inf)


def gap(values, axes):
    """The smallest distance between two values that a max or min chooses from."""
    kept = [k for k in range(values.ndim) if k not in axes]
    window = int(np.prod([values.shape[k] for k in axes]))
    rows = np.sort(np.transpose(values, [*kept, *axes]).reshape(-1, window), axis=-1)
    return np.min(np.diff(rows, axis=-1), initial=np.inf)


@settings(max_examples=200)
@given(graphs())
def test_value_and_two_derivatives(drawn):
    loss, leaves, values, generator = drawn
    assert len(gnn.Graph({"L": loss}).nodes) >= 3
    oracle.close(gnn.evaluate(loss, **values), oracle.node_value(loss.node, values), 1e-11)
    gradients = gnn.grad(loss, leaves)
    directions = {x.name: generator.normal(size=x.shape) for x in leaves}
    product = sum(gnn.sum(gradients[name] * r) for name, r in directions.items())
    wanted = gnn.grad(product, leaves)
    first = gnn.evaluate(gradients, **values)
    second = gnn.evaluate(wanted, **values)
    scale = max(1.0, *(np.max(np.abs(v), initial=0) for v in second.values()))
    for x in leaves:

        def forward(value, name=x.name):
            return gnn.evaluate(loss, **{**values, name: value})

        def gradient(value, name=x.name):
            return gnn.evaluate(product, **{**values, name: value})

        by_differences = oracle.differences(forward, values[x.name], 1.0, STEP)
        oracle.close(first[x.name], by_differences, 1e-6)
        again = oracle.differences(gradient, values[x.name], 1.0, STEP)
        oracle.close(second[x.name] / scale, again / scale, 1e-6)
    # forward mode is the transpose of reverse mode
    moved = gnn.tangent(loss, {x: gnn.constant(directions[x.name], "float64") for x in leaves})
    expected = sum(np.sum(first[name] * r) for name, r in directions.items())
    oracle.close(gnn.evaluate(moved, **values), expected, 1e-10)
