"""`stabilise`: every spelling of DESIGN §6, at inputs where the naive form fails."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

import graphnn as gnn
from graphnn.graph.stabilise import applied, stabilise
from tests import oracle
from tests.graph.spellings import ARGUMENTS, POINTS, SPELLINGS, exact
from tests.graph.test_random_graphs import graphs

CASES = [
    pytest.param(name, spelling, argument, id=f"{name}-{number}-{argument}")
    for name, spellings in SPELLINGS.items()
    for number, spelling in enumerate(spellings)
    for argument in ARGUMENTS
]


def scalar(name="x"):
    return gnn.input(name, (), "float64")


def equal_to(found, wanted):
    """Equal to 1e-12, relative; what a double cannot hold is infinite, or 0."""
    if abs(wanted) > mpmath.mpf(np.finfo(float).max):
        return found == np.inf * mpmath.sign(wanted)
    if abs(wanted) < mpmath.mpf("1e-295"):
        return abs(found) <= 1e-295
    return abs(mpmath.mpf(float(found)) - wanted) <= mpmath.mpf("1e-12") * abs(wanted)


@pytest.mark.parametrize(("name", "spelling", "argument"), CASES)
def test_every_spelling_is_recognised(name, spelling, argument):
    x = scalar()
    made = spelling(gnn, ARGUMENTS[argument](x))
    assert name in [rewrite.name for rewrite in applied(made)]


@pytest.mark.parametrize(("name", "spelling", "argument"), CASES)
def test_value_and_gradient_to_fifty_digits(name, spelling, argument):
    x = scalar()
    made = spelling(gnn, ARGUMENTS[argument](x))
    graph = stabilise(gnn.Graph({"f": made, "df": gnn.grad(made, x)}))
    checked = 0
    for point in POINTS:
        wanted = exact(spelling, ARGUMENTS[argument], point)
        if wanted is None:
            continue
        found = gnn.evaluate(graph, x=point)
        for label, number, value in zip(("f", "df"), wanted, found.values(), strict=True):
            assert equal_to(value, number), f"{label}({point}) = {value}, not {mpmath.nstr(number)}"
            checked += 1
    assert checked >= 4


def test_the_naive_forms_do_fail():
    """Otherwise the tests above would show nothing."""
    failing = 0
    for spellings in SPELLINGS.values():
        x = scalar()
        made = spellings[0](gnn, x)
        graph = gnn.Graph({"f": made, "df": gnn.grad(made, x)})
        found = [v for p in POINTS for v in gnn.evaluate(graph, x=p).values()]
        failing += not all(np.isfinite(found))
    assert failing >= 5


def test_other_names_and_broadcast_reads():
    b = gnn.parameter("bias", (3,), "float64")
    theta = gnn.input("theta", (2, 1), "float64")
    e = gnn.exp(-gnn.transpose(theta))  # (1, 2)
    made = gnn.log(gnn.broadcast_to(e, (3, 2)) + 1)
    assert [r.name for r in applied(made)] == ["softplus"]
    more = gnn.log(1 + gnn.broadcast_to(gnn.reshape(b, (3, 1)), (3, 2)) + e)
    assert [r.name for r in applied(more)] == ["log1p"]
    plain = gnn.log(1 + e) + gnn.sum(b)
    assert [r.name for r in applied(plain)] == ["softplus"]
    assert str(applied(plain)[0].before) == "log(1 + exp(−θ))"
    graph = stabilise(gnn.Graph({"f": plain, "d": gnn.grad(gnn.sum(plain), theta)}))
    values = gnn.evaluate(graph, theta=[[-800], [1]], bias=[0, 0, 0])
    oracle.close(values["f"], [[800, np.log1p(np.exp(-1))]], 1e-15)
    oracle.close(values["d"], [[-1], [-1 / (1 + np.e)]], 1e-15)


# ---- cross-entropies -------------------------------------------------------------------------------


def binary_cross_entropies():
    def by_sigmoid(f, z, y):
        return -(y * f.log(f.sigmoid(z)) + (1 - y) * f.log(1 - f.sigmoid(z)))

    def named(f, z, y):
        p = gnn.name("p", f.sigmoid(z)) if f is gnn else f.sigmoid(z)
        return -y * f.log(p) - (1 - y) * f.log(1 - p)

    def by_exp(f, z, y):
        p = 1 / (1 + f.exp(-z))
        return -(f.log(p) * y) - f.log(-p + 1) * (1 - y)

    def by_tanh(f, z, y):
        p = (f.tanh(z / 2) + 1) / 2
        return -y * f.log(p) - f.log(1 - p) * (1 - y)

    return [by_sigmoid, named, by_exp, by_tanh]


@pytest.mark.parametrize("loss", binary_cross_entropies(), ids=lambda f: f.__name__)
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_binary_cross_entropy_through_sigmoid(loss, target):
    z, y = scalar("z"), scalar("y")
    made = loss(gnn, z, y)
    graph = stabilise(gnn.Graph({"f": made, "df": gnn.grad(made, z)}))
    for point in POINTS:
        wanted = exact(lambda f, t: loss(f, t, mpmath.mpf(target)), lambda t: t, point)
        found = gnn.evaluate(graph, z=point, y=target)
        for number, value in zip(wanted, found.values(), strict=True):
            assert equal_to(value, number), (point, value, mpmath.nstr(number))


def test_cross_entropy_of_probabilities_counts_an_absent_class_as_zero():
    p, y = gnn.input("p", (3,), "float64"), gnn.input("y", (3,), "float64")
    loss = -gnn.sum(y * gnn.log(p))
    graph = gnn.Graph({"L": loss, "dp": gnn.grad(loss, p), "dy": gnn.grad(loss, y)})
    fed = {"p": [0.0, 0.25, 0.75], "y": [0.0, 0.5, 0.5]}
    assert np.isnan(gnn.evaluate(graph, **fed)["L"])
    found = gnn.evaluate(stabilise(graph), **fed)
    oracle.close(found["L"], -0.5 * np.log(0.25) - 0.5 * np.log(0.75), 1e-15)
    oracle.close(found["dp"], [0, -2, -2 / 3], 1e-15)
    # the convention where both are 0: no gradient; elsewhere it is −log p
    oracle.close(found["dy"], [0, np.log(4), -np.log(0.75)], 1e-15)


def test_binary_cross_entropy_of_probabilities():
    p, y = scalar("p"), scalar("y")
    loss = -(y * gnn.log(p) + (1 - y) * gnn.log(1 - p))
    graph = stabilise(gnn.Graph({"L": loss, "dp": gnn.grad(loss, p)}))
    for value, target in ((0.0, 0.0), (1.0, 1.0)):
        found = gnn.evaluate(graph, p=value, y=target)
        assert found["L"] == 0
        assert abs(found["dp"]) == 1


# ---- selects -----------------------------------------------------------------------------------------

GUARDED = {
    "sqrt": (lambda x: gnn.where(x > 0, gnn.sqrt(x), 0.0), 0.0, (0.0, 0.0)),
    "log": (lambda x: gnn.where(x > 0, gnn.log(x), 0.0), 0.0, (0.0, 0.0)),
    "chain": (lambda x: gnn.where(x > 0, 3 * gnn.sqrt(2 * x) + 1, x), 0.0, (0.0, 1.0)),
    "other branch": (lambda x: gnn.where(x <= 0, x, gnn.sqrt(x)), 0.0, (0.0, 1.0)),
    "quotient": (lambda x: gnn.where(gnn.equal(x, 0), 1.0, gnn.sin(x) / x), 0.0, (1.0, 0.0)),
    "power": (lambda x: gnn.where(x > 0, x**0.5, 0.0), 0.0, (0.0, 0.0)),
    "overflow": (lambda x: gnn.where(x < 100, gnn.exp(x), 5.0), 800.0, (5.0, 0.0)),
    "nested": (
        lambda x: gnn.where(x > 1, x, gnn.where(x > 0, gnn.sqrt(x), 0.0)),
        0.0,
        (0.0, 0.0),
    ),
    "maximum": (lambda x: gnn.maximum(gnn.log(x), -30.0), 0.0, (-30.0, 0.0)),
    "times": (lambda x: gnn.sin(gnn.where(x > 0, gnn.sqrt(x), 0.0)) * 2, 0.0, (0.0, 0.0)),
}


@pytest.mark.parametrize("name", GUARDED)
def test_a_branch_that_is_not_taken_has_no_gradient(name):
    make, at, (value, slope) = GUARDED[name]
    x = scalar()
    made = make(x)
    graph = gnn.Graph({"f": made, "df": gnn.grad(made, x)})
    assert not np.isfinite(gnn.evaluate(graph, x=at)["df"])
    assert "guarded select" in [r.name for r in applied(graph)]
    stable = stabilise(graph)
    found = gnn.evaluate(stable, x=at)
    assert (found["f"], found["df"]) == (value, slope)
    assert stabilise(stable) is stable
    ordinary = gnn.evaluate(stable, x=0.7)
    for label, wanted in gnn.evaluate(graph, x=0.7).items():
        oracle.close(ordinary[label], wanted, 1e-15)


def test_the_second_derivative_of_a_guarded_select():
    x = scalar()
    made = gnn.where(x > 0, gnn.sqrt(x), 0.0)
    twice = gnn.grad(gnn.grad(made, x), x)
    assert gnn.evaluate(stabilise(gnn.Graph({"d": twice})), x=0)["d"] == 0
    found = gnn.evaluate(stabilise(gnn.Graph({"d": twice})), x=4)["d"]
    oracle.close(found, -1 / 32, 1e-15)


def test_selects_of_bounded_functions_are_left_alone():
    x = scalar()
    for made in (
        gnn.where(x > 0, x, 0.0),
        gnn.where(x > 0, gnn.tanh(x), gnn.sin(x)),
        gnn.relu(x),
        gnn.leaky_relu(x / 3),
    ):
        graph = gnn.Graph({"f": made})
        assert stabilise(graph) is graph


# ---- graphs: identity, gradients, updates --------------------------------------------------------------


def test_nothing_recognised_is_the_same_graph():
    w, x = gnn.parameter("w", (3, 2)), gnn.input("x", (2,))
    loss = gnn.sum(gnn.tanh(w @ x) ** 2)
    graph = gnn.sgd(gnn.Graph({"L": loss, "dw": gnn.grad(loss, w)}), 0.1)
    assert stabilise(graph) is graph
    assert applied(graph) == []


@pytest.mark.parametrize(("name", "spelling", "argument"), CASES)
def test_what_is_stable_stays(name, spelling, argument):
    x = scalar()
    made = spelling(gnn, ARGUMENTS[argument](x))
    for outputs in ({"f": made}, {"f": made, "df": gnn.grad(made, x)}):
        once = stabilise(gnn.Graph(outputs))
        assert once.outputs["f"].node is not made.node
        assert stabilise(once) is once


@pytest.mark.parametrize("loss", binary_cross_entropies(), ids=lambda f: f.__name__)
def test_stable_cross_entropies_stay(loss):
    z, y = scalar("z"), scalar("y")
    made = loss(gnn, z, y)
    once = stabilise(gnn.Graph({"f": made, "dz": gnn.grad(made, z)}))
    assert stabilise(once) is once


def test_what_is_not_concerned_keeps_its_nodes():
    x, y = scalar("x"), scalar("y")
    a, b = gnn.sin(y), gnn.log(1 + gnn.exp(x))
    stable = stabilise(gnn.Graph({"a": a, "b": b}))
    assert stable.outputs["a"] is a
    assert stable.outputs["b"].node is not b.node
    assert list(stable.outputs) == ["a", "b"]


def test_names_lines_and_scopes_stay():
    x = scalar()
    with gnn.scope("head"):
        s = gnn.name("s", gnn.log(1 + gnn.exp(x)))
    graph = gnn.Graph({"L": s * s})
    stable = stabilise(graph)
    made = next(h for h in stable.handles if h.name == "s")
    assert (made.scope, made.source) == (s.scope, s.source)
    assert stable.names[made.node] == ("s",)
    assert made.node in stable.nodes


def test_gradients_and_updates_are_derived_again():
    w, b = gnn.parameter("w", (2,), "float64"), gnn.parameter("b", (), "float64")
    x, y = gnn.input("x", (2,), "float64"), gnn.input("y", (), "float64")
    a = gnn.name("a", 1 / (1 + gnn.exp(-(gnn.sum(w * x) + b))))
    loss = -(y * gnn.log(a) + (1 - y) * gnn.log(1 - a))
    graph = gnn.sgd(gnn.Graph({"L": loss, "a": a, "dw": gnn.grad(loss, w)}), 0.5)
    stable = stabilise(graph)
    fed = {"w": [3.0, -2.0], "b": 0.5, "x": [400.0, 100.0], "y": 0.0}
    assert np.isnan(gnn.evaluate(graph, **fed)["dw"]).any()
    found = gnn.evaluate(stable, **fed)
    oracle.close(found["L"], 1000.5, 1e-15)
    oracle.close(found["dw"], [400, 100], 1e-15)
    updates = {leaf.name: new for leaf, new in stable.updates.items()}
    oracle.close(gnn.evaluate(updates["w"], **fed), [3 - 200, -2 - 50], 1e-15)
    oracle.close(gnn.evaluate(updates["b"], **{k: fed[k] for k in ("w", "b", "x", "y")}), 0, 1e-15)
    assert stabilise(stable) is stable


def test_expressions_of_gradients_and_gradients_of_gradients():
    x, y = scalar("x"), scalar("y")
    loss = y * gnn.log(1 + gnn.exp(x))
    slope = gnn.grad(loss, x)
    penalty = gnn.log(1 + gnn.exp(slope)) + loss
    second = gnn.grad(penalty, x)
    graph = gnn.Graph({"p": penalty, "dd": second, "mixed": gnn.grad(slope * slope, y) + loss})
    stable = stabilise(graph)
    for at in ({"x": 0.4, "y": 1.3}, {"x": -2.0, "y": 0.2}):
        wanted, found = gnn.evaluate(graph, **at), gnn.evaluate(stable, **at)
        for name in wanted:
            oracle.close(found[name], wanted[name], 1e-12)
    found = gnn.evaluate(stable, x=800, y=900)
    assert found["p"] == 900 + 900 * 800
    assert found["dd"] == 900
    assert found["mixed"] == 2 * 900 + 900 * 800
    assert stabilise(stable) is stable


def test_a_cotangent_of_the_users_is_kept():
    x, u = gnn.input("x", (3,), "float64"), gnn.input("u", (3,), "float64")
    made = gnn.grad(gnn.log(1 + gnn.exp(x)), x, cotangent=gnn.log(gnn.exp(u) + 1))
    stable = stabilise(gnn.Graph({"d": made}))
    found = gnn.evaluate(stable, x=[800, 0, -800], u=[800, 800, 800])["d"]
    oracle.close(found, [800, 400, 0], 1e-15)


def test_a_gradient_that_is_a_node_of_the_primal():
    w, x = gnn.parameter("w", (), "float64"), scalar()
    z = w * gnn.log(1 + gnn.exp(x))
    slope = gnn.grad(z, w)  # the node log(1 + exp(x)) itself
    stable = stabilise(gnn.Graph({"z": z, "dw": slope, "both": slope * z}))
    found = gnn.evaluate(stable, w=2, x=800)
    assert (found["z"], found["dw"], found["both"]) == (1600, 800, 800 * 1600)


def test_a_derivative_by_an_intermediate_value_counts_its_own_paths():
    """A node of `wrt` is a variable: no form is recognised across it, and none merges with it."""
    x = scalar()
    e = gnn.name("e", gnn.exp(x))
    loss = gnn.log(1 + e)
    graph = gnn.Graph({"L": loss, "de": gnn.grad(loss, e)})
    found = gnn.evaluate(stabilise(graph), x=0.5)
    oracle.close(found["de"], 1 / (1 + np.exp(0.5)), 1e-15)

    # a is a variable; the same value, written apart, is not
    for first, second in (
        (gnn.sigmoid(x), gnn.exp(x) / (1 + gnn.exp(x))),
        (gnn.exp(x) / (1 + gnn.exp(x)), gnn.sigmoid(x)),
    ):
        loss = second * first * first
        graph = gnn.Graph({"L": loss, "da": gnn.grad(loss, first)})
        wanted, found = gnn.evaluate(graph, x=0.5), gnn.evaluate(stabilise(graph), x=0.5)
        oracle.close(found["da"], wanted["da"], 1e-12)


def test_the_mapped_variable_of_a_derivative_may_itself_change():
    x = scalar()
    s = gnn.log(1 + gnn.exp(x))
    loss = s * s
    stable = stabilise(gnn.Graph({"L": loss, "ds": gnn.grad(loss, s)}))
    found = gnn.evaluate(stable, x=800)
    assert (found["L"], found["ds"]) == (640000, 1600)


@settings(max_examples=60)
@given(graphs())
def test_random_graphs_keep_values_and_gradients(drawn):
    loss, leaves, values, _ = drawn
    # the loss once more through forms that are recognised
    more = loss + gnn.log(1 + gnn.exp(loss / 20)) - gnn.log(gnn.sum(gnn.exp(leaves[0] * 0.5)))
    gradients = gnn.grad(more, leaves)
    graph = gnn.Graph({"L": more, **{f"d{name}": g for name, g in gradients.items()}})
    stable = stabilise(graph)
    assert len(applied(graph)) >= 2
    wanted, found = gnn.evaluate(graph, **values), gnn.evaluate(stable, **values)
    oracle.close(found["L"], wanted["L"], 1e-12)
    for name in gradients:
        oracle.close(found[f"d{name}"], wanted[f"d{name}"], 1e-9)
    assert stabilise(stable) is stable


def test_float32_and_symbolic_sizes():
    z = gnn.input("z", ("B", 4))
    loss = gnn.mean(gnn.log(1 + gnn.exp(-z)))
    graph = stabilise(gnn.Graph({"L": loss, "dz": gnn.grad(loss, z)}))
    assert {h.dtype for h in graph.outputs.values()} == {"float32"}
    assert graph.outputs["dz"].shape == z.shape
    found = gnn.evaluate(graph, z=np.full((2, 4), -800.0))
    oracle.close(found["L"], 800, 1e-15)
    oracle.close(found["dz"], np.full((2, 4), -1 / 8), 1e-15)


def test_a_chain_of_twenty_thousand_nodes():
    w = gnn.parameter("w", (), "float64")
    x = w
    for _ in range(5000):
        x = gnn.log(1 + gnn.exp(w * x))
    graph = gnn.Graph({"L": x, "dw": gnn.grad(x, w)})
    assert len(topological_primal(x)) > 20_000
    stable = stabilise(graph)
    assert len(topological_primal(stable.outputs["L"])) == 10_001
    assert np.isfinite(gnn.evaluate(graph, w=0.9)["L"])
    oracle.close(gnn.evaluate(stable, w=0.9)["L"], gnn.evaluate(graph, w=0.9)["L"], 1e-12)


def topological_primal(handle):
    return gnn.Graph({"L": handle}).nodes
