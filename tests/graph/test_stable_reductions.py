"""`stabilise` on softmax, its logarithm, logsumexp, cross-entropies and variance.

Values and gradients are compared norm-wise (DESIGN §7) with arrays of 120-digit numbers.
"""

import mpmath
import numpy as np
import pytest

import graphnn as gnn
from graphnn.graph.node import topological
from graphnn.graph.stabilise import applied, stabilise
from tests import oracle

DIGITS = 120
STEP = mpmath.mpf(10) ** -60
SHAPE = (3, 4)


class ExactArrays:
    """The functions of spellings on object arrays of exact numbers."""

    exp = staticmethod(np.vectorize(mpmath.exp, otypes=[object]))
    log = staticmethod(np.vectorize(mpmath.log, otypes=[object]))
    sum = staticmethod(lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims))
    max = staticmethod(lambda x, axis=None, keepdims=False: np.max(x, axis=axis, keepdims=keepdims))
    transpose = staticmethod(np.transpose)
    reshape = staticmethod(np.reshape)

    @staticmethod
    def mean(x, axis=None, keepdims=False):
        total = np.sum(x, axis=axis, keepdims=keepdims)
        return total / mpmath.mpf(np.size(x) // np.size(total))

    @staticmethod
    def softmax(x, axis=-1):
        e = ExactArrays.exp(x)
        return e / np.sum(e, axis=axis, keepdims=True)

    @staticmethod
    def log_softmax(x, axis=-1):
        return ExactArrays.log(ExactArrays.softmax(x, axis))

    @staticmethod
    def weights():
        generator = np.random.default_rng(5)
        return np.vectorize(mpmath.mpf, otypes=[object])(generator.uniform(size=SHAPE))


def weights():
    return np.random.default_rng(5).uniform(size=SHAPE)


def soft(f, x, axis=-1):
    return f.exp(x) / f.sum(f.exp(x), axis, True)


def shifted(f, x, axis=-1):
    e = f.exp(x - f.max(x, axis, True))
    return e / f.sum(e, axis, True)


def y(f):
    return f.weights() if f is ExactArrays else gnn.constant(weights(), "float64")


def one_sum(f, x):
    e = f.exp(x)
    return e * (1 / f.sum(e))


def by_rows(f, x):
    e = f.exp(x)
    return e / f.reshape(f.sum(e, 1), (SHAPE[0], 1))


def named(f, x):
    p = soft(f, x)
    p = gnn.name("p", p) if f is gnn else p
    return -f.sum(y(f) * f.log(p)) + f.sum(p * p)


def pieces(f, x):
    m = f.max(x, 1)
    return m + f.log(f.sum(f.exp(x - f.reshape(m, (SHAPE[0], 1))), 1))


SPELLINGS = {
    "softmax": [
        soft,
        shifted,
        one_sum,
        by_rows,
        lambda f, x: soft(f, x, 0),
        lambda f, x: shifted(f, x, 0),
        lambda f, x: soft(f, 2 * x - 3),
        lambda f, x: soft(f, -x / 2),
        lambda f, x: y(f) * f.exp(x) / f.sum(f.exp(x), 1, True),
        lambda f, x: f.transpose(f.exp(x)) / f.sum(f.exp(x), 1),
        lambda f, x: f.exp(x) / f.exp(f.max(x)) / f.sum(f.exp(x - f.max(x))),
    ],
    "log-softmax": [
        lambda f, x: f.log(soft(f, x)),
        lambda f, x: f.log(shifted(f, x)),
        lambda f, x: f.log(soft(f, x, 0)),
        lambda f, x: f.log(f.softmax(x)),
        lambda f, x: f.log(f.softmax(3 * x + 1, 0)),
        lambda f, x: x - f.log(f.sum(f.exp(x), 1, True)),
        lambda f, x: x - f.max(x) - f.log(f.sum(f.exp(x - f.max(x)))),
        lambda f, x: f.log_softmax(x),
        lambda f, x: -f.sum(y(f) * f.log(f.softmax(x))),
        lambda f, x: -f.mean(f.sum(f.log(soft(f, x)) * y(f), 1)),
        lambda f, x: f.sum((f.log(f.sum(f.exp(x), 1, True)) - x) * y(f)),
        named,
    ],
    "logsumexp": [
        lambda f, x: f.log(f.sum(f.exp(x))),
        lambda f, x: f.log(f.sum(f.exp(x), 1)),
        lambda f, x: f.log(f.sum(f.exp(x), 0, True)),
        lambda f, x: 2 - f.log(f.sum(f.exp(-x), 1)) / 3,
        lambda f, x: f.max(x) + f.log(f.sum(f.exp(x - f.max(x)))),
        pieces,
        lambda f, x: f.log(f.sum(f.exp(x - 5), 1)),
        lambda f, x: f.log(f.sum(f.exp(y(f) + x), 1)),
    ],
    "variance": [
        lambda f, x: f.mean(x**2) - f.mean(x) ** 2,
        lambda f, x: -f.mean(x) * f.mean(x) + f.mean(x * x),
        lambda f, x: f.mean(x**2, 1) - f.mean(x, 1) ** 2,
        lambda f, x: f.mean(x**2, 0, True) - f.mean(x, 0, True) ** 2,
        lambda f, x: 3 * (f.mean((2 * x) ** 2) - f.mean(2 * x) ** 2),
        lambda f, x: f.sum(x**2, 1) / 4 - (f.sum(x, 1) / 4) ** 2,
        lambda f, x: f.mean((x - 1) ** 2, 1) - f.mean(x - 1, 1) ** 2,
    ],
}
CASES = [
    pytest.param(name, spelling, id=f"{name}-{number}")
    for name, spellings in SPELLINGS.items()
    for number, spelling in enumerate(spellings)
]


def points(name):
    generator = np.random.default_rng(3)
    yield generator.normal(size=SHAPE)
    for size in (1e-30, 1.0, 40.0, 800.0):
        signs = generator.choice([-1.0, 1.0], SHAPE)
        yield size * signs * (generator.uniform(0.9, 1, SHAPE) if size >= 40 else 1)
    if name == "variance":
        yield 1e8 + generator.normal(size=SHAPE)


def exact(spelling, x, cotangent=None):
    """The value, and the gradient of ⟨value, cotangent⟩, of exact numbers."""
    with mpmath.workdps(DIGITS):
        at = np.vectorize(mpmath.mpf, otypes=[object])(x)
        value = np.asarray(spelling(ExactArrays, at), dtype=object)
        if cotangent is None:
            return value
        gradient = np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            moved = at.copy()
            moved[place] += STEP
            rise = np.asarray(spelling(ExactArrays, moved), dtype=object) - value
            gradient[place] = float(np.sum(rise * cotangent) / STEP)
        return value, gradient


def normwise(actual, expected, tolerance=1e-12):
    expected = np.asarray(expected, dtype=float)
    assert np.shape(actual) == expected.shape
    error = np.max(np.abs(actual - expected))
    assert error <= tolerance * np.max(np.abs(expected)) + 1e-290, f"off by {error}"


@pytest.mark.parametrize(("name", "spelling"), CASES)
def test_every_spelling_is_recognised(name, spelling):
    x = gnn.input("x", SHAPE, "float64")
    made = spelling(gnn, x)
    assert name in [rewrite.name for rewrite in applied(made)]
    stable = stabilise(gnn.Graph({"f": made}))
    assert stabilise(stable) is stable
    assert applied(stable) == []


@pytest.mark.parametrize(("name", "spelling"), CASES)
def test_value_and_gradient_norm_wise(name, spelling):
    x = gnn.input("x", SHAPE, "float64")
    made = spelling(gnn, x)
    u = np.random.default_rng(9).normal(size=made.shape)
    graph = stabilise(gnn.Graph({"f": made, "d": gnn.grad(made, x, cotangent=u)}))
    for at in points(name):
        value, gradient = exact(spelling, at, u)
        found = gnn.evaluate(graph, x=at)
        normwise(found["f"], value)
        if name == "variance":
            # a sum of x − mean(x), each rounded at the scale of x
            scale = np.max(np.abs(at)) * np.max(np.abs(u), initial=0)
            assert np.max(np.abs(found["d"] - gradient)) <= 1e-14 * scale
        else:
            scale = max(np.max(np.abs(gradient)), np.max(np.abs(u)))
            assert np.max(np.abs(found["d"] - gradient)) <= 1e-12 * scale


@pytest.mark.parametrize(("name", "spelling"), CASES)
def test_two_derivatives_agree_with_the_users_graph(name, spelling):
    x = gnn.input("x", SHAPE, "float64")
    made = spelling(gnn, x)
    generator = np.random.default_rng(10)
    u, v = generator.normal(size=made.shape), generator.normal(size=SHAPE)
    first = gnn.grad(made, x, cotangent=u)
    graph = gnn.Graph({"d": first, "dd": gnn.grad(first, x, cotangent=v)})
    at = generator.normal(size=SHAPE)
    wanted, found = gnn.evaluate(graph, x=at), gnn.evaluate(stabilise(graph), x=at)
    oracle.close(found["d"], wanted["d"], 1e-12)
    oracle.close(found["dd"], wanted["dd"], 1e-9)


def test_no_gradient_goes_through_the_maximum():
    x = gnn.input("x", SHAPE, "float64")
    for made in (soft(gnn, x), gnn.softmax(x), gnn.log_softmax(x), gnn.log(gnn.sum(gnn.exp(x)))):
        gradient = gnn.grad(gnn.sum(made * made), x)
        stable = stabilise(gnn.Graph({"d": gradient})).outputs["d"]
        nodes = topological([stable.node])
        assert any(node.op == "hold" for node in nodes)
        assert not any(node.dtype == "int64" for node in nodes)


def test_forward_mode_holds_too():
    x = gnn.input("x", (3,), "float64")
    v = gnn.input("v", (3,), "float64")
    stable = stabilise(gnn.Graph({"f": gnn.log(gnn.sum(gnn.exp(x)))})).outputs["f"]
    found = gnn.evaluate(gnn.tangent(stable, {x: v}), x=[800, 799, 0], v=[1, 2, 3])
    p = 1 / (1 + np.exp(-1))
    oracle.close(found, p + 2 * (1 - p), 1e-15)


def test_softmax_of_a_batch_of_unknown_size_and_sparse_labels():
    z = gnn.input("z", ("B", 3), "float64")
    t = gnn.input("t", ("B",), "int64")
    pick = gnn.op("pick(p, t): y[n] = p[n, t[n]]")
    loss = -gnn.mean(gnn.log(pick(soft(gnn, z), t)))
    graph = gnn.Graph({"L": loss, "dz": gnn.grad(loss, z)})
    assert [r.name for r in applied(graph)] == ["softmax", "log-softmax"]
    found = gnn.evaluate(stabilise(graph), z=[[800, 0, -800], [0, 0, 0]], t=[2, 1])
    oracle.close(found["L"], (1600 + np.log(3)) / 2, 1e-15)
    oracle.close(found["dz"], [[0.5, 0, -0.5], [1 / 6, -1 / 3, 1 / 6]], 1e-15)


def test_variance_along_a_batch_of_unknown_size():
    x = gnn.input("x", ("B", 2), "float64")
    made = gnn.mean(x**2, 0) - gnn.mean(x, 0) ** 2
    assert [r.name for r in applied(made)] == ["variance"]
    stable = stabilise(gnn.Graph({"v": made}))
    values = 1e8 + np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    oracle.close(gnn.evaluate(stable, x=values)["v"], [2 / 3, 8 / 3], 1e-15)


def unstable_look_alikes():
    x = gnn.input("x", SHAPE, "float64")
    z = gnn.input("z", SHAPE, "float64")
    e = gnn.exp(x)
    yield e / gnn.sum(gnn.exp(z), 1, True)
    yield e / gnn.sum(gnn.exp(2 * x), 1, True)
    yield e / (gnn.sum(e, 1, True) + 1)
    yield gnn.transpose(gnn.exp(x)) / gnn.sum(gnn.exp(gnn.reshape(x, (4, 3))), 1, True)
    yield gnn.log(gnn.sum(e * z))
    yield gnn.mean(x**2) - gnn.mean(z) ** 2
    yield gnn.mean(x**2) + gnn.mean(x) ** 2
    yield gnn.sum(x**2) - gnn.sum(x) ** 2
    yield gnn.mean(x**2, 0, True) - gnn.mean(x) ** 2
    yield gnn.sum(x**2) / 11 - (gnn.sum(x) / 12) ** 2
    yield gnn.max(x) + gnn.log(gnn.sum(gnn.exp(x - gnn.max(z))))


@pytest.mark.parametrize("made", list(unstable_look_alikes()), ids=str)
def test_what_looks_alike_is_not_recognised_wrongly(made):
    graph = gnn.Graph({"f": made})
    generator = np.random.default_rng(2)
    fed = {h.name: generator.normal(size=SHAPE) for h in graph.inputs}
    oracle.close(gnn.evaluate(stabilise(graph), **fed)["f"], gnn.evaluate(graph, **fed)["f"], 1e-12)
    names = {r.name for r in applied(graph)}
    assert not names & {"softmax", "log-softmax", "variance"}


@pytest.mark.parametrize("shape", [(1,), (3, 1), (1, 3), (0, 3)])
def test_sizes_of_one_and_of_nothing(shape):
    x = gnn.input("x", shape, "float64")
    loss = -gnn.sum(gnn.log(soft(gnn, x)) * 0.5)
    graph = gnn.Graph({"L": loss, "dx": gnn.grad(loss, x)})
    at = np.random.default_rng(1).normal(size=shape)
    wanted, found = gnn.evaluate(graph, x=at), gnn.evaluate(stabilise(graph), x=at)
    oracle.close(found["L"], wanted["L"], 1e-12)
    oracle.close(found["dx"], wanted["dx"], 1e-12)
    extreme = gnn.evaluate(stabilise(graph), x=np.full(shape, 800.0))
    assert np.all(np.isfinite(extreme["L"]))
    assert np.all(np.isfinite(extreme["dx"]))


def test_a_variable_inside_a_softmax_is_not_looked_through():
    x = gnn.input("x", (3,), "float64")
    e = gnn.name("e", gnn.exp(x))
    s = gnn.name("s", gnn.sum(e))
    loss = gnn.sum(gnn.log(e / s) * np.array([0.2, 0.3, 0.5]))
    graph = gnn.Graph({"L": loss, "de": gnn.grad(loss, e), "ds": gnn.grad(loss, s)})
    wanted, found = (gnn.evaluate(g, x=[0.1, 0.5, -1]) for g in (graph, stabilise(graph)))
    for name in wanted:
        oracle.close(found[name], wanted[name], 1e-12)
