"""Handles, nodes and graphs: identity, names, lines, scopes, shapes, dtypes, errors, copies."""

import copy
import gc
import pickle
import sys
from fractions import Fraction

import networkx as nx
import numpy as np
import pytest

import graphnn as gnn
from graphnn.expression import sympy_view
from graphnn.graph.node import topological
from graphnn.graph.provenance import reachable
from tests import oracle

LENGTH = 20_000


def line():
    """The line of the caller."""
    return sys._getframe(1).f_lineno


@pytest.fixture
def x():
    return gnn.input("x", (3,), "float64")


# ---- identity ------------------------------------------------------------------------------------


def test_equal_expressions_are_one_node(x):
    assert (x * 2 + 1).node is (x * 2 + 1).node
    assert (x * 2).node is not (x * 2.0).node
    assert (x * 2).node is not (2 * x).node
    assert gnn.input("x", (3,), "float64").node is x.node
    assert gnn.input("x", (3,), "float32").node is not x.node
    assert gnn.parameter("x", (3,), "float64").node is not x.node
    w = gnn.input("w", (), "float64")
    assert gnn.grad(w * gnn.input("s", (), "float64"), w).node is gnn.input("s", (), "float64").node


def test_an_identity_is_its_operand(x):
    assert gnn.sum(x, axis=()).node is x.node
    assert gnn.reshape(x, (3,)).node is x.node
    assert x[:].node is x.node
    assert gnn.broadcast_to(x, (3,)).node is x.node
    assert gnn.transpose(x).node is x.node


def test_handles_carry_names_lines_and_scopes(x):
    with gnn.scope("net"), gnn.scope("layer1"):
        here = line() + 1
        h = gnn.tanh(x)
    named = gnn.name("h1", h)
    assert (named.name, named.node, named.scope) == ("h1", h.node, ("net", "layer1"))
    assert (h.source.file, h.source.line) == (__file__, here)
    assert named.source == h.source
    assert h.name is None
    assert gnn.sigmoid(x).scope == ()
    graph = gnn.Graph({"out": gnn.sum(named)})
    assert graph.names[h.node] == ("h1",)
    assert [leaf.name for leaf in graph.inputs] == ["x"]


# ---- Python's operators --------------------------------------------------------------------------


def test_numpy_on_either_side():
    W = gnn.parameter("W", (3, 2), "float64")
    w = np.arange(6.0).reshape(3, 2)
    for node, expected in (
        (np.ones((2, 3)) @ W, np.ones((2, 3)) @ w),
        (W.T @ np.ones(3), w.T @ np.ones(3)),
        (np.full((3, 2), 2.0) * W, 2 * w),
        (W - np.ones(2), w - 1),
        (np.float64(3) * W, 3 * w),
        (np.float32(3) / (W + 1), 3 / (w + 1)),
        (np.int64(3) + W, 3 + w),
        (2 - W, 2 - w),
        (2**W, 2**w),
        (Fraction(1, 3) * W, w / 3),
        (-W + abs(W - 2), -w + abs(w - 2)),
        (W**2, w**2),
        (W**0.5, w**0.5),
        (W ** Fraction(3, 2), w**1.5),
    ):
        assert isinstance(node, gnn.Handle)
        assert node.dtype == "float64"
        oracle.close(gnn.evaluate(node, W=w), expected, 1e-12)


def test_comparisons_are_nodes_of_conditions(x):
    at = np.array([-1.0, 0.0, 2.0])
    for node, expected in (
        (x > 0, at > 0),
        (x > 0, at > 0),
        (x >= 0.0, at >= 0),
        (np.zeros(3) <= x, at >= 0),
        (x < Fraction(1, 2), at < 0.5),
        (gnn.equal(x, 0), at == 0),
    ):
        found = gnn.evaluate(node, x=at)
        assert found.dtype == np.bool_
        assert found.tolist() == expected.tolist()
    assert gnn.evaluate(gnn.mean(x > 0), x=at) == pytest.approx(1 / 3)
    assert gnn.evaluate(gnn.sum(x >= 0), x=at) == 2
    assert gnn.evaluate((x > 0) * 0.5 + x, x=at).tolist() == [-1.0, 0.0, 2.5]
    assert ((x > 0) * 0.5).dtype == gnn.where(x > 0, 1.0, 0.0).dtype == "float64"


def test_conditions_may_be_arrays_and_booleans(x):
    at = [1.0, -2.0, 3.0]
    for condition, expected in (
        (np.array([True, False, True]), [1.0, 0.0, 3.0]),
        ([0, 0, 1], [0.0, 0.0, 3.0]),
        (True, at),
        (False, [0.0, 0.0, 0.0]),
        (gnn.input("t", (3,), "int64"), [0.0, -2.0, 3.0]),
        (gnn.input("t", (3,), "bool"), [0.0, -2.0, 3.0]),
    ):
        fed = {"x": at, "t": [0, 1, 1]} if isinstance(condition, gnn.Handle) else {"x": at}
        made = gnn.where(condition, x, 0)
        assert made.dtype == "float64"
        assert gnn.evaluate(made, **fed).tolist() == expected
        gradient = gnn.evaluate(gnn.grad(gnn.sum(made * x), x), **fed)
        assert gradient.tolist() == [2 * v for v in expected]


def test_nan_passes_and_is_not_hidden(x):
    at = [np.nan, -1.0, 2.0]
    for made in (gnn.maximum(x, 0.0), gnn.minimum(0.0, x), gnn.relu(x), gnn.sum(x), gnn.max(x)):
        assert np.isnan(gnn.evaluate(made, x=at).ravel()[0])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (bool, r"no value while the graph is built; use gnn\.where"),
        (np.exp, r"np\.exp cannot be applied to a node; use gnn\.exp"),
        (np.tanh, r"np\.tanh .* gnn\.tanh"),
        (np.arctan, r"np\.arctan cannot be applied"),
        (np.asarray, "a node is not an array"),
        (lambda x: x == 0, r"gnn\.equal"),
        (lambda x: x in [1, 2], r"gnn\.equal"),
        (float, r"no value while the graph is built; use gnn\.evaluate"),
        (lambda x: iter(gnn.input("s")), "first dimension"),
        (lambda x: np.zeros(3).__iadd__(x), "np.add"),
    ],
)
def test_what_python_cannot_do_with_a_node(x, action, message):
    with pytest.raises(TypeError, match=message):
        action(x)
    with pytest.raises(AttributeError, match="no attribute 'shap'"):
        _ = x.shap


def test_handles_are_keys(x):
    y = gnn.tanh(x)
    assert {x: 1, y: 2}[y] == 2
    assert x in [y, x]
    assert (x == y, x == x, x != y, x == None) == (False, True, True, False)  # noqa: E711


# ---- errors name the user's line -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: x + gnn.input("z", (4,), "float64"), gnn.ShapeError, "do not broadcast"),
        (lambda x: x + gnn.input("z", (3,), "float32"), gnn.DtypeError, "x: float64, z: float32"),
        (lambda x: x @ gnn.input("z", (4,), "float64"), gnn.ShapeError, "axis j has extent 3"),
        (lambda x: x @ 2, gnn.ShapeError, "write \\* for a scalar"),
        (lambda x: x * gnn.input("t", (3,), "int64"), gnn.DtypeError, "integers are for indices"),
        (lambda x: gnn.input("t", (3,), "int64") * 0.5, gnn.DtypeError, "0.5 among integers"),
        (lambda x: gnn.mean(gnn.input("t", (3,), "int64")), gnn.DtypeError, "integers whole"),
        (lambda x: gnn.sum(x, axis=1), gnn.ShapeError, "no axis 1"),
        (lambda x: gnn.sum(x, axis=0.5), gnn.GraphError, "an axis is an integer"),
        (lambda x: x[3], gnn.ShapeError, "index 3 is outside"),
        (lambda x: x[0, 0], gnn.ShapeError, "2 indices"),
        (lambda x: x[::0], gnn.GraphError, "step cannot be zero"),
        (lambda x: x["a"], gnn.GraphError, "an index is an integer"),
        (lambda x: gnn.reshape(x, (2, 2)), gnn.ShapeError, "has 3 elements"),
        (lambda x: gnn.reshape(x, (-1, -1)), gnn.ShapeError, "cannot take the shape"),
        (lambda x: gnn.broadcast_to(x, (2,)), gnn.ShapeError, "does not broadcast to"),
        (lambda x: gnn.transpose(x, (0, 1)), gnn.ShapeError, "every axis"),
        (lambda x: gnn.concat([x, gnn.input("z", (3, 1), "float64")]), gnn.ShapeError, "differ"),
        (lambda x: gnn.concat([]), gnn.ShapeError, "at least one"),
        (lambda x: gnn.split(x, [1, 1]), gnn.ShapeError, "do not add up"),
        (lambda x: gnn.pad(x, [(1, -1)]), gnn.ShapeError, "pad needs"),
        (lambda x: gnn.einsum("i->k", x), gnn.GraphError, "names k"),
        (lambda x: gnn.einsum("ij", x), gnn.GraphError, "'->'"),
        (lambda x: gnn.leaky_relu(x, slope=1), gnn.GraphError, "no parameter slope; it has a"),
        (lambda x: gnn.exp("x"), gnn.GraphError, "takes nodes, numbers and arrays"),
        (lambda x: gnn.exp(np.array(["a"])), gnn.GraphError, "no array of numbers"),
        (lambda x: gnn.gather(x, gnn.input("z", (2,), "float64")), gnn.DtypeError, 'dtype="int64"'),
        (lambda x: gnn.grad(x * 2, "x"), gnn.ShapeError, "give cotangent="),
        (lambda x: gnn.grad(x * 2, "x", cotangent=[1, 2]), gnn.ShapeError, "cotangent has shape"),
        (lambda x: gnn.input("z", (-1,)), gnn.ShapeError, "z's shape holds -1"),
        (lambda x: gnn.input("z", (3,), "float16"), gnn.DtypeError, "no dtype 'float16'"),
    ],
)
def test_errors_name_the_users_line(x, wrong, error, message):
    with pytest.raises(error, match=message) as raised:
        wrong(x)
    assert f"{__file__}:{wrong.__code__.co_firstlineno}" in raised.value.place
    assert "\n" not in raised.value.message


def test_unknown_names_say_what_was_meant(x):
    loss = gnn.sum(gnn.name("hidden", gnn.tanh(x)) ** 2)
    with pytest.raises(gnn.GraphError, match="there is no hiden; did you mean hidden"):
        gnn.grad(loss, "hiden")
    with pytest.raises(gnn.GraphError, match="there is no leaf called y; leaves: x"):
        gnn.evaluate(loss, x=[1, 2, 3], y=2)
    with pytest.raises(gnn.ValueMissing, match="no value for x; give x="):
        gnn.evaluate(loss)
    w = gnn.input("x", (2,), "float64")
    with pytest.raises(gnn.GraphError, match="two leaves are called x"):
        gnn.Graph({"a": loss, "b": w})
    both = gnn.sum(gnn.name("h", x)) + gnn.sum(gnn.name("h", x * 2))
    with pytest.raises(gnn.GraphError, match="h names 2 different nodes"):
        gnn.grad(both, "h")


# ---- what is fed ---------------------------------------------------------------------------------


def test_what_is_fed_is_converted_at_the_boundary():
    x = gnn.input("x", (2,))
    assert gnn.evaluate(x * 1, x=[1, 2]).dtype == np.float64
    assert gnn.evaluate(x * 1, x=[0.1, 2])[0] == np.float32(0.1)
    assert gnn.evaluate(x * 1, x=[Fraction(1, 2), 2])[0] == 0.5
    t = gnn.input("t", (), "int64")
    assert gnn.evaluate(t + 1, t=2**62) == 2**62 + 1
    assert gnn.evaluate(t, t=3.0) == 3
    assert gnn.evaluate(gnn.input("b", (), "bool"), b=1)
    for given in (1j, "abc", [[1], [2, 3]], None):
        with pytest.raises(gnn.DtypeError, match="x takes"):
            gnn.evaluate(x * 1, x=given)
    for given in (0.5, np.nan, np.inf):
        with pytest.raises(gnn.DtypeError, match="t takes integers"):
            gnn.evaluate(t, t=given)
    with pytest.raises(gnn.ShapeError, match=r"x has shape \(2,\); an array of shape \(3,\)"):
        gnn.evaluate(x * 1, x=[1, 2, 3])


def test_integers_stay_integers():
    t = gnn.input("t", (3,), "int64")
    at = np.array([1, -2, 2**60])
    for node, expected in (
        (t + 1, at + 1),
        (t * t - 3 * t, None),
        (gnn.sum(t), at.sum()),
        (gnn.maximum(t, 0), np.maximum(at, 0)),
        (gnn.where(t > 0, t, 7), np.where(at > 0, at, 7)),
        (-t, -at),
        (gnn.argmax(t), 2),
    ):
        found = gnn.evaluate(node, t=at)
        assert node.dtype == "int64"
        assert found.dtype == np.int64
        if expected is not None:
            assert found.tolist() == np.asarray(expected).tolist()
    table = gnn.input("E", (4, 2), "float64")
    E = np.arange(8.0).reshape(4, 2)
    assert gnn.evaluate(table[gnn.argmax(t) + 1], E=E, t=at).tolist() == [6.0, 7.0]
    assert gnn.evaluate(table[[2, 0]], E=E).tolist() == [[4.0, 5.0], [0.0, 1.0]]
    with pytest.raises(
        gnn.GraphError, match=r"^t\[1\] = 4 is out of range: the table has 4 rows, 0 to 3"
    ):
        gnn.evaluate(table[t], E=E, t=[0, 4, 1])
    with pytest.raises(gnn.GraphError, match="there is no derivative by it"):
        gnn.grad(gnn.sum(table[t]), t)


# ---- symbolic dimensions -------------------------------------------------------------------------


def test_symbolic_dimensions_are_bound_and_checked():
    x = gnn.input("x", ("B", 2), "float64")
    y = gnn.input("y", ("B",), "float64")
    loss = gnn.mean((gnn.sum(x, axis=1) - y) ** 2)
    gradient = gnn.grad(loss, "x")
    assert gradient.shape == x.shape
    for batch in (1, 4):
        at, target = np.arange(2.0 * batch).reshape(batch, 2), np.ones(batch)
        expected = 2 * (at.sum(axis=1) - target)[:, None] / batch * np.ones(2)
        oracle.close(gnn.evaluate(gradient, x=at, y=target), expected, 1e-12)
    with pytest.raises(gnn.ShapeError, match="the dimension B is 4 elsewhere; here it is 3"):
        gnn.evaluate(loss, x=np.ones((4, 2)), y=np.ones(3))
    with pytest.raises(gnn.ShapeError, match=r"do not broadcast: .*B, C"):
        x + gnn.input("z", ("C", 2), "float64")
    assert (x + gnn.input("z", (1, 2), "float64")).shape == x.shape
    assert gnn.evaluate(gnn.sum(x), x=np.zeros((0, 2))) == 0
    with pytest.raises(gnn.ShapeError, match="only a single element"):
        gnn.grad(y, y)  # a batch is never silently one element
    with pytest.raises(gnn.ShapeError, match="do not broadcast"):
        x * gnn.input("w", (4, 2), "float64")


def test_slices_and_shapes_of_symbolic_sizes():
    x = gnn.input("x", ("B", 4, 3), "float64")
    at = np.arange(36.0).reshape(3, 4, 3)
    for node, expected in (
        (x[-1], at[-1]),
        (x[2], at[2]),
        (x[1:], at[1:]),
        (x[:-1], at[:-1]),
        (x[::-1], at[::-1]),
        (x[:, 1:3, ::-2], at[:, 1:3, ::-2]),
        (x[..., None, 0], at[..., None, 0]),
        (gnn.reshape(x, ("B", -1)), at.reshape(3, 12)),
        (gnn.reshape(x, (-1, 3)), at.reshape(-1, 3)),
        (gnn.reshape(x, -1), at.ravel()),
        (gnn.concat([x, x * 2]), np.concatenate([at, 2 * at])),
        (gnn.broadcast_to(x[0], ("B", 4, 3)), np.broadcast_to(at[0], (3, 4, 3))),
    ):
        oracle.close(gnn.evaluate(node, x=at), expected, 1e-12)
        u = np.random.default_rng(0).normal(size=expected.shape)
        loss = gnn.sum(node * node * gnn.input("u", node.shape, "float64"))
        gradient = gnn.evaluate(gnn.grad(loss, "x"), x=at, u=u)
        by_differences = oracle.differences(
            lambda v, node=node: gnn.evaluate(node, x=v) ** 2, at, u
        )
        oracle.close(gradient, by_differences, 1e-6)
    with pytest.raises(gnn.ShapeError, match="no known extent"):
        x[:2]
    for batch, index in ((1, 2), (2, -3)):
        with pytest.raises(gnn.ShapeError, match="leaves a dimension"):
            gnn.evaluate(x[index], x=np.zeros((batch, 4, 3)))
    two = gnn.dim("B") * 2 + 1
    assert gnn.input("y", (two,)).shape == (two,)
    with pytest.raises(gnn.ShapeError, match="an array of shape"):
        gnn.evaluate(gnn.sum(x) + gnn.sum(gnn.input("y", (two,), "float64")), x=at, y=np.ones(6))


# ---- gradients of structures ---------------------------------------------------------------------


def test_gradients_of_split_item_and_concat():
    generator = np.random.default_rng(5)
    x = gnn.input("x", (5, 2), "float64")
    a, b, c = gnn.split(x, [1, 3, 1])
    y = gnn.concat([b * b, c * a, gnn.sin(a)], axis=0)
    at = generator.normal(size=(5, 2))

    def forward(v):
        return np.concatenate([v[1:4] ** 2, v[4:] * v[:1], np.sin(v[:1])])

    oracle.close(gnn.evaluate(y, x=at), forward(at), 1e-12)
    u = generator.normal(size=(5, 2))
    gradient = gnn.grad(y, x, cotangent=u)
    oracle.close(gnn.evaluate(gradient, x=at), oracle.differences(forward, at, u), 1e-6)
    oracle.close(gnn.evaluate(gradient, x=at), oracle.node_value(gradient.node, {"x": at}), 1e-12)
    r = generator.normal(size=(5, 2))
    second = gnn.evaluate(gnn.grad(gnn.sum(gradient * r), x), x=at)
    expected = oracle.differences(lambda v: gnn.evaluate(gradient, x=v), at, r)
    oracle.close(second, expected, 1e-6)
    one = gnn.evaluate(gnn.grad(gnn.sum(b), x), x=at)
    assert one.tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    columns = gnn.split(x, [1, 1], axis=1)
    assert [part.shape for part in columns] == [(5, 1), (5, 1)]
    oracle.close(gnn.evaluate(columns[1], x=at), at[:, 1:], 1e-12)


def test_no_path_gives_zeros():
    x, w = gnn.input("x", ("B", 2), "float64"), gnn.parameter("w", (3,), "float64")
    loss = gnn.sum(x)
    with pytest.warns(gnn.Remark, match="the output does not depend on w: its gradient is zeros"):
        gradient = gnn.grad(loss, w)
    assert gnn.evaluate(gradient, w=[1, 2, 3]).tolist() == [0.0, 0.0, 0.0]
    with pytest.warns(gnn.Remark, match="does not depend on x"):
        found = gnn.grad(gnn.sum(w), [x, w])
    assert list(found) == ["x", "w"]
    at = np.full((2, 2), np.inf)
    assert gnn.evaluate(found["x"], x=at, w=[1, 2, 3]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    flat = gnn.grad(gnn.sum(gnn.step(w)), w)
    assert gnn.evaluate(flat, w=[1, 2, 3]).tolist() == [0.0, 0.0, 0.0]


def test_grad_takes_names_nodes_and_nothing(x):
    w, b = gnn.parameter("w", (3,), "float64"), gnn.parameter("b", (), "float64")
    z = gnn.name("z", w * x + b)
    loss = gnn.sum(gnn.tanh(z))
    fed = {"w": [1.0, -1.0, 0.5], "x": [0.3, 0.2, -0.4], "b": 0.1}
    slope = 1 - np.tanh(np.multiply(fed["w"], fed["x"]) + 0.1) ** 2
    oracle.close(gnn.evaluate(gnn.grad(loss, "z"), **fed), slope, 1e-12)
    oracle.close(gnn.evaluate(gnn.grad(loss, z), **fed), slope, 1e-12)
    everything = gnn.grad(loss)
    assert list(everything) == ["w", "b"]
    oracle.close(gnn.evaluate(everything, **fed)["b"], slope.sum(), 1e-12)
    assert list(gnn.grad(loss, [b, "w"])) == ["b", "w"]
    assert gnn.evaluate(gnn.grad(loss, loss), **fed) == 1.0
    with pytest.raises(gnn.GraphError, match="no parameters"):
        gnn.grad(gnn.sum(x))
    given = gnn.grad(z, "w", cotangent=gnn.input("u", (3,), "float64"))
    oracle.close(gnn.evaluate(given, **fed, u=[1, 2, 3]), np.multiply([1, 2, 3], fed["x"]), 1e-12)
    with pytest.raises(gnn.DtypeError, match="the cotangent is float32"):
        gnn.grad(z, "w", cotangent=gnn.input("u", (3,), "float32"))


def test_a_parameter_of_an_op_may_be_a_node(x):
    """`leaky_relu(x, a=node)`: evaluated, differentiated, pickled like an operand."""
    a = gnn.parameter("a", (), "float64")
    y = gnn.leaky_relu(x, a=a)
    for _ in range(2000):
        y = gnn.leaky_relu(y, a=gnn.tanh(a))
    loss = gnn.sum(gnn.leaky_relu(x, a=a))
    assert gnn.evaluate(gnn.grad(loss, "a"), x=[1.0, -2.0, -3.0], a=0.5) == -5.0
    assert [p.name for p in gnn.Graph({"L": loss}).parameters] == ["a"]
    assert pickle.loads(pickle.dumps(y)).node is y.node


def test_sgd_updates_every_parameter():
    w = gnn.parameter("w", (2,), "float64")
    v = gnn.parameter("v", (), "float64")
    loss = gnn.sum(w * w)
    with pytest.warns(gnn.Remark, match="does not depend on v"):
        trained = gnn.sgd(gnn.Graph({"L": loss, "other": v * 2}), lr=0.1)
    assert [p.name for p in trained.updates] == ["w", "v"]
    found = gnn.evaluate({p.name: node for p, node in trained.updates.items()}, w=[1.0, -2.0], v=3)
    assert found["w"].tolist() == pytest.approx([0.8, -1.6])
    assert found["v"] == 3.0
    rate = gnn.input("rate", (), "float64")
    (following,) = gnn.sgd(loss, lr=rate).updates.values()
    assert gnn.evaluate(following, w=[1.0, 2.0], rate=0.25).tolist() == [0.5, 1.0]
    for updates, message in (
        ({w: gnn.sum(w)}, r"the update of w has shape \(\); the parameter has \(2,\)"),
        ({w: gnn.input("q", (2,), "float32")}, "the update of w is float32"),
        ({gnn.input("x"): w}, "only a parameter is updated"),
    ):
        with pytest.raises(gnn.GraphError, match=message):
            gnn.Graph({"L": loss}, updates)
    with pytest.raises(gnn.GraphError, match="no parameters"):
        gnn.sgd(gnn.sum(gnn.input("x", (2,))), lr=0.1)


def test_forward_mode_checks_what_moves(x):
    w = gnn.input("w", (3,), "float64")
    moved = gnn.tangent(gnn.sum(x * w), {x: w, w: x})
    assert gnn.evaluate(moved, x=[1, 2, 3], w=[1, 0, -1]) == 1 + 4 + 9 + 1 + 0 + 1
    assert gnn.evaluate(gnn.tangent(gnn.argmax(x) * 1, {x: w}), x=[1, 2, 3], w=[1, 1, 1]) == 0
    with pytest.raises(gnn.ShapeError, match="a tangent has shape"):
        gnn.tangent(x * 2, {x: gnn.sum(x)})
    with pytest.raises(gnn.DtypeError, match="a tangent is float32"):
        gnn.tangent(x * 2, {x: gnn.input("v", (3,))})
    assert gnn.evaluate(gnn.tangent(w * 2, {x: x}), w=[1, 2, 3], x=[1, 1, 1]).tolist() == [0.0] * 3


# ---- networkx, pickle, copies, depth -------------------------------------------------------------


def test_networkx_sees_both_edges_of_a_square():
    x = gnn.input("x", (), "float64")
    seen = gnn.Graph({"y": x * x}).to_networkx()
    assert isinstance(seen, nx.MultiDiGraph)
    assert seen.number_of_edges(0, 1) == 2
    assert sorted(d["operand"] for *_, d in seen.edges(data=True)) == [0, 1]
    assert nx.is_directed_acyclic_graph(seen)
    assert (seen.nodes[0]["op"], seen.nodes[0]["names"]) == ("input", ("x",))
    assert seen.nodes[1]["names"] == ("y",)


def test_graphs_are_pickled_and_copied_with_their_tables():
    w = gnn.parameter("w", (2,), "float64")
    with gnn.scope("head"):
        h = gnn.name("h", gnn.softmax(gnn.einsum("i,j->i", w, np.ones(2))))
    graph = gnn.sgd(gnn.Graph({"L": gnn.sum(h * h)}), 0.1)
    for other in (pickle.loads(pickle.dumps(graph)), copy.copy(graph)):
        assert [node is mine for node, mine in zip(other.nodes, graph.nodes, strict=True)]
        assert set(other.nodes) == set(graph.nodes)
        assert other.names == graph.names
        assert [p.name for p in other.updates] == ["w"]
        assert [k.scope for k in other.handles if k.name == "h"] == [("head",)]
        assert [k.source for k in other.handles] == [k.source for k in graph.handles]
    assert copy.deepcopy(graph) is graph


@pytest.fixture(scope="module")
def chain():
    """A chain of 20,000 ops of two kinds, its gradient, and the calls of sympy that it took."""
    start = sympy_view.calls
    x = gnn.input("x", (), "float64")
    h = x
    for k in range(LENGTH):
        h = gnn.sin(h) if k % 2 else h * 1.25
    gradient = gnn.grad(h, x)
    second = gnn.grad(gradient, x)
    return h, gradient, second, sympy_view.calls - start


def test_a_long_chain_asks_sympy_per_kind(chain):
    *_, calls = chain
    assert calls <= 30
    assert len(topological([chain[0].node])) >= LENGTH


def test_a_long_chain_is_copied_and_pickled(chain):
    h, gradient, *_ = chain
    assert copy.deepcopy(h) is h
    assert copy.deepcopy(h.node) is h.node
    assert pickle.loads(pickle.dumps(h.node)) is h.node
    again = pickle.loads(pickle.dumps(gnn.Graph({"h": h, "g": gradient})))
    assert again.outputs["g"].node is gradient.node
    assert len(reachable([again.outputs["h"]])) == len(reachable([h]))
    assert len(gnn.Graph({"h": h}).to_networkx()) == len(topological([h.node]))


def test_a_long_chain_is_evaluated_and_its_derivatives_are_right(chain):
    h, gradient, second, _ = chain
    value, slope, bend = 0.3, 1.0, 0.0
    for k in range(LENGTH):
        if k % 2:
            bend = -np.sin(value) * slope**2 + np.cos(value) * bend
            slope *= np.cos(value)
            value = np.sin(value)
        else:
            value, slope, bend = value * 1.25, slope * 1.25, bend * 1.25
    found = gnn.evaluate({"h": h, "g": gradient, "s": second}, x=0.3)
    for name, expected in (("h", value), ("g", slope), ("s", bend)):
        assert abs(found[name] - expected) <= 1e-9 * max(abs(expected), 1e-300)


def test_a_long_chain_is_forgotten_without_recursion():
    x = gnn.input("forgotten", (), "float64")
    h = x
    for _ in range(LENGTH):
        h = gnn.cosh(h)
    del h
    gc.collect()
    from graphnn.graph import node

    assert not [n for n in list(node._interned.values()) if n.operands == (x.node,)]


def test_a_sum_of_many_uses_is_linear():
    """Two thousand contributions add up in one sum, which is differentiated again both ways."""
    x = gnn.input("x", (), "float64")
    total = x * 0.0
    for k in range(2000):
        total = total + x * float(k % 7)
    weight = sum(float(k % 7) for k in range(2000))
    gradient = gnn.grad(total * x, x)
    assert gnn.evaluate(gradient, x=2.0) == 2 * weight * 2.0
    assert gnn.evaluate(gnn.grad(gradient, x), x=2.0) == 2 * weight
    moved = gnn.tangent(gradient, {x: gnn.constant(1.0, "float64")})
    assert gnn.evaluate(moved, x=2.0) == 2 * weight
