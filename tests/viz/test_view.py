"""Views: boxes, edges both ways, clusters, and the numbers on them."""

import numpy as np
import pytest

import graphnn as gnn
from tests.viz.networks import NETWORKS, layers, neuron, residual, twice
from viz.contributions import adds_up, multiplies_to
from viz.view import View, view


def box(made: View, key: str):
    return next(b for b in made.boxes if b.key == key)


def edge(made: View, tail: str, head: str):
    return next(e for e in made.edges if (e.tail, e.head) == (tail, head))


def test_statements_and_leaves_are_boxes_of_their_kind():
    made = view(**neuron())
    assert [(b.key, b.kind) for b in made.boxes] == [
        ("x", "input"), ("w", "parameter"), ("b", "parameter"), ("y", "input"),
        ("z", "statement"), ("a", "statement"), ("L", "loss"),
    ]  # fmt: skip
    assert [b.formula.text for b in made.boxes[4:]] == ["z = w·x + b", "a = σ(z)", "L = (y − a)²/2"]


def test_edges_run_both_ways_where_a_gradient_flows():
    made = view(**neuron())
    assert {(e.tail, e.head): e.backward for e in made.edges} == {
        ("w", "z"): True, ("x", "z"): True, ("b", "z"): True,
        ("z", "a"): True, ("y", "L"): False, ("a", "L"): True,
    }  # fmt: skip


def test_numbers_of_one_neuron():
    made = view(**neuron())
    shown = {e.tail: (e.value.text, e.gradient.text) for e in made.edges}
    assert shown == {
        "w": ("0.8", "∂L/∂w = −0.110"),
        "x": ("1.5", "∂L/∂x = −0.0589"),
        "b": ("−0.5", "∂L/∂b = −0.0736"),
        "z": ("0.7", "∂L/∂z = −0.0736"),
        "y": ("1", ""),
        "a": ("0.668", "∂L/∂a = −0.332"),
    }
    assert (box(made, "L").above.text, box(made, "L").below.text) == ("L = 0.0550", "∂L/∂L = 1")


def test_gradients_agree_with_differences():
    given = neuron()
    at, step = given["at"], 1e-4
    for name in ("w", "x", "b"):
        values = [
            float(gnn.evaluate(given["thing"], **at | {name: at[name] + sign * step}))
            for sign in (1, -1)
        ]
        difference = (values[0] - values[1]) / (2 * step)
        shown = edge(view(**given, digits=6), name, "z").gradient.text.partition(" = ")[2]
        # w, x and b are stored in float32.
        assert float(shown.replace("−", "-")) == pytest.approx(difference, rel=2e-3)


def test_contributions_of_a_value_used_twice_add_up():
    made = view(**twice())
    assert edge(made, "x", "u").gradient.text == "∂f/∂u·∂u/∂x = 3"
    assert edge(made, "x", "v").gradient.text == "∂f/∂v·∂v/∂x = −0.416"
    assert edge(made, "y", "u").gradient.text == "∂f/∂y = 2"
    assert box(made, "x").below.text == "∂f/∂x = 3 − 0.416 = 2.58"


def test_what_the_loss_reads_directly_is_told_from_the_whole_gradient():
    made = view(**residual())
    assert edge(made, "h", "L").gradient.text.startswith("∂⁺L/∂h = ")
    assert box(made, "h").below.text.startswith("∂L/∂h = ")


def test_contributions_of_tensors_add_up_to_the_gradient():
    from graphnn.graph.graph import as_graph
    from graphnn.graph.statements import network
    from viz.numbers import numbers

    rng = np.random.default_rng(3)
    W, x = gnn.parameter("W", (3, 3)), gnn.input("x", 3)
    h = gnn.name("h", gnn.tanh(W @ x))
    k = gnn.name("k", W @ h + h)
    graph = as_graph(gnn.name("L", gnn.sum(k * h)))
    at = {"W": rng.normal(size=(3, 3)), "x": rng.normal(size=3)}
    found = numbers(graph, network(graph), at)
    for name in ("W", "h"):
        parts = [value for (_, read), value in found.contributions.items() if read == name]
        assert len(parts) == 2
        np.testing.assert_allclose(sum(parts), found.gradients[name], rtol=1e-12)


def test_scopes_are_nested_clusters():
    made = view(**residual())
    assert made.clusters == (("encoder",), ("encoder", "block 1"), ("encoder", "block 2"))
    assert box(made, "g").scope == ("encoder", "block 2")
    assert view(**layers()).clusters == tuple((f"layer {k}",) for k in range(1, 5))


def test_tensors_show_shape_and_value_or_norm():
    made = view(**NETWORKS["matrices"]())
    assert [box(made, k).shape.text for k in ("W1", "h", "y")] == ["ℝ^2×2", "ℝ^2", ""]
    assert edge(made, "W1", "z1").value.text == "[0.1 0.4; −0.3 0.2]"
    assert edge(made, "h", "z2").value.text == "(0.438, 0.413)"
    assert edge(made, "W2", "z2").gradient.text == "∂L/∂W₂ = [−0.0456 −0.0430]"
    assert edge(made, "W1", "z1").gradient.text == ("∂L/∂W₁ = [−0.00896 0.0179; 0.00631 −0.0126]")


def test_what_is_exact_is_shown_as_a_derivation_shows_it():
    made = view(**NETWORKS["matrices"]())
    assert edge(made, "z1", "h").value.text == "(−0.25, −0.35)"
    w, x = gnn.parameter("w"), gnn.input("x")
    z = gnn.name("z", w * x / 4)
    line = view(gnn.name("L", (z - 1) ** 2), at={"w": 0.3, "x": 2})
    assert [e.gradient.text for e in line.edges] == ["∂L/∂w = −0.85", "", "∂L/∂z = −1.7"]
    assert [e.value.text for e in line.edges] == ["0.3", "2", "0.15"]
    assert box(line, "L").above.text == "L = 0.7225"


def test_a_missing_value_leaves_symbols_and_a_remark():
    made = view(**neuron() | {"at": {"x": 1, "w": 2}})
    (remark,) = made.remarks
    assert remark.text == "No value was given for y, b: drawn without numbers."
    assert not any(e.value for e in made.edges)
    assert edge(made, "z", "a").gradient.text == "∂L/∂z"


def test_an_unknown_value_or_level_of_detail_is_an_error():
    with pytest.raises(gnn.GraphError, match="no leaf called q; leaves: b, w, x, y"):
        view(**neuron() | {"at": {"q": 1}})
    with pytest.raises(gnn.GraphError, match="no detail 'all'"):
        view(**neuron() | {"detail": "all"})


def test_an_output_that_is_no_scalar_has_no_gradients():
    made = view(**NETWORKS["forward_only"]())
    assert not made.backward
    assert {b.kind for b in made.boxes} == {"input", "parameter", "statement"}


def test_constants_are_boxes_where_they_have_names():
    c = gnn.name("c", gnn.constant([1.0, 2.0]))
    made = view(gnn.name("f", c * gnn.input("x", 2)))
    assert box(made, "c").kind == "constant"


@pytest.mark.parametrize("detail", ["paths", "statements", "ops"])
def test_every_edge_joins_two_boxes(detail):
    for network in NETWORKS.values():
        made = view(**network() | {"detail": detail})
        keys = [b.key for b in made.boxes]
        assert len(set(keys)) == len(keys)
        assert {k for e in made.edges for k in (e.tail, e.head)} <= set(keys)


def test_equality_is_claimed_only_where_the_shown_numbers_say_so():
    assert adds_up(["3", "−0.416"], "2.58")
    assert not adds_up(["0.1", "0.1"], "0.21")
    assert not multiplies_to(["−0.3318", "0.2217", "1.5"], "−0.1104")
    assert multiplies_to(["−0.269", "0.197", "2"], "−0.106")


def test_a_matrix_that_is_used_twice_has_the_norms_of_its_contributions():
    made = view(**NETWORKS["branches"]())
    assert edge(made, "X_hat", "z1").gradient.text.startswith("‖∂loss/∂z₁·∂z₁/∂X̂‖ = ")
    assert edge(made, "X_hat", "loss").gradient.text.startswith("‖∂⁺loss/∂X̂‖ = ")
    assert box(made, "X_hat").below.text.startswith("‖∂loss/∂X̂‖ = ")
