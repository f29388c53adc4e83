"""Chains: the product along one path, with local derivatives and honest equality."""

import graphnn as gnn
import viz
from tests.viz.networks import neuron, twice
from viz.scene import compose
from viz.shapes import Text
from viz.view import Chain, Factor, view


def test_the_chain_of_one_neuron():
    given = neuron()
    chain = viz.chain_of(given["thing"], "w", at=given["at"])
    assert [f.value for f in chain.factors] == ["-0.332", "0.222", "1.5"]
    assert [f.local for f in chain.factors][::2] == ["-(y - a)", "x"]
    assert chain.factors[1].local.replace(r"\cdot", "").replace(r"\,", "").split() == list(
        "a(1-a)"
    ) or ("1 - a" in chain.factors[1].local)
    assert chain.value == "-0.110"
    # −0.332 · 0.222 · 1.5 is −0.1106, which is not −0.110.
    assert chain.relation == r"\approx"


def test_four_digits_do_not_claim_equality_either():
    given = neuron()
    chain = viz.chain_of(given["thing"], "w", at=given["at"], digits=4)
    assert [f.value for f in chain.factors] == ["-0.3318", "0.2217", "1.5"]
    assert (chain.value, chain.relation) == ("-0.1104", r"\approx")


def test_exact_factors_are_equal():
    w, x = gnn.parameter("w"), gnn.input("x")
    z = gnn.name("z", w * x)
    chain = viz.chain_of(gnn.name("L", z * z), "w", at={"w": 3, "x": 2})
    assert [f.value for f in chain.factors] == ["12", "2"]
    assert (chain.value, chain.relation) == ("24", "=")


def test_no_chain_where_paths_fork_or_values_are_tensors():
    assert viz.chain_of(twice()["thing"], "x") is None
    assert viz.chain_of(gnn.sum(gnn.input("x", 3)), "x") is None


def test_one_link_is_no_chain():
    x = gnn.input("x")
    assert viz.chain_of(gnn.name("L", gnn.log(x)), "x", at={"x": -1}) is None
    assert viz.chain_of(gnn.name("L", x * x), "x") is None


def test_without_values_a_chain_is_symbols():
    chain = viz.chain_of(neuron()["thing"], "b")
    assert (chain.value, [f.value for f in chain.factors]) == ("", ["", "", ""])
    assert chain.factors[-1].local == "1"


def test_a_chain_stands_under_the_graph_on_one_axis():
    chain = Chain(r"\frac{a}{b}", (Factor(r"\frac{a}{c}", "x", "-2"), Factor("d", "", "3")), "-6")
    scene = compose(view(**neuron() | {"chain": chain}))
    panel = next(g for g in scene.groups if g.key == "chain")
    assert panel is scene.groups[-1]
    others = [g for g in scene.groups if g.key.startswith(("box:", "edge:"))]
    lowest = max(s.extent[3] for g in others for s in g.shapes)
    assert panel.shapes[0].extent[1] > lowest
    large = [t for t in panel.shapes if isinstance(t, Text) and t.fragment.axis > 6]
    assert len(large) == 11
    assert len({round(t.y - t.fragment.axis, 6) for t in large}) == 1
