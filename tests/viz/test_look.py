"""How a picture looks: a path, the forward graph alone, dark pages, page sizes, scopes as boxes."""

import re

import numpy as np
import pytest

import graphnn as gnn
import viz
from tests.viz.lectures import LARGER, ROWS, cnn, mlp, recurrent, row
from tests.viz.networks import NETWORKS, neuron
from tests.viz.test_drawing import read_png
from viz import theme
from viz.page import page_size
from viz.shapes import Curve, Rect, Text


def group(scene, key):
    return next(g for g in scene.groups if g.key == key)


def colours(shapes, kind):
    return {s.colour for s in shapes if isinstance(s, kind)}


# ---- a path -----------------------------------------------------------------------------------


def test_a_path_is_strong_and_the_rest_pale():
    scene = viz.draw(**ROWS["A21"](), path="w1").scene
    on, off = group(scene, "edge:w1:z1"), group(scene, "edge:w2:z1")
    assert theme.BACKWARD in colours(on.shapes, Curve)
    assert max(s.width for s in on.shapes if isinstance(s, Curve) and s.dashes) == theme.STRONG
    assert colours(off.shapes, Curve) <= {*theme.PALE.values(), theme.PALE_LINE}
    assert colours(off.shapes, Text) == {theme.MUTED}
    assert group(scene, "box:h2").shapes[0].line == theme.PALE_LINE
    assert group(scene, "box:h1").shapes[0].line != theme.PALE_LINE


def test_a_path_brings_its_chain():
    text = group(viz.draw(**ROWS["A04"](), path="w").scene, "chain").description
    assert text == "the chain rule along one path"
    assert not any(g.key == "chain" for g in viz.draw(**NETWORKS["twice"](), path="x").scene.groups)


def test_a_path_that_no_gradient_takes_is_an_error():
    with pytest.raises(gnn.GraphError, match="no gradient of this picture flows to y"):
        viz.draw(**neuron(), path="y")
    with pytest.raises(gnn.GraphError, match="there is no q"):
        viz.draw(**neuron(), path="q")
    with pytest.raises(gnn.GraphError, match="no gradient path"):
        viz.draw(**neuron(), path="w", forward=True)


# ---- forward, dark, pages ----------------------------------------------------------------------


def test_the_forward_graph_has_values_and_no_gradients():
    drawing = viz.draw(**neuron(), forward=True)
    assert not drawing.view.backward
    assert {e.value.text for e in drawing.view.edges} == {"1.5", "0.8", "−0.5", "0.7", "1", "0.668"}
    assert theme.BACKWARD not in colours(drawing.scene.shapes, Curve)


def test_a_dark_picture_is_the_light_one_in_other_colours():
    light, dark = (viz.draw(**neuron(), dark=d).scene for d in (False, True))
    assert dark.paper == theme.DARK_PAPER
    for one, other in zip(light.shapes, dark.shapes, strict=True):
        assert one.extent == other.extent
        if isinstance(one, Rect):
            assert other.fill == theme.DARK.get(one.fill)
        else:
            assert other.colour == theme.DARK[one.colour]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_page_has_its_size_and_the_picture_in_its_middle(suffix, tmp_path):
    data = viz.draw(**neuron(), size="slide").save(tmp_path / f"n{suffix}").read_bytes()
    if suffix == ".svg":
        assert b'width="1280" height="720"' in data
        left, top, wide, high = map(float, re.search(rb'viewBox="([^"]+)"', data)[1].split())
        scene = viz.draw(**neuron(), size="slide").scene
        assert wide / high == pytest.approx(16 / 9, rel=1e-3)
        assert (left + wide / 2, top + high / 2) == pytest.approx(
            (scene.width / 2, scene.height / 2), abs=0.02
        )
    elif suffix == ".pdf":
        assert b"/MediaBox [0 0 960.000 540.000]" in data
    else:
        width, height, rows = read_png(data)
        assert (width, height) == (2560, 1440)
        inked = [k for k, line in enumerate(rows) if len({*line}) > 1]
        assert inked[0] == pytest.approx(1440 - inked[-1], abs=80)


def test_pages_have_names_or_sizes():
    assert page_size("a4") == (794, 1123)
    assert page_size("640x480") == (640, 480)
    for wrong in ("letter", "0x10", "100", "99999x99999", "640 x 480"):
        with pytest.raises(gnn.GraphError, match=r"no page size .*slide, a4, a4-landscape"):
            viz.draw(**neuron(), size=wrong)


def test_an_unknown_level_of_detail_lists_the_known_ones():
    with pytest.raises(gnn.GraphError, match=r"no detail 'all'; one of paths, .*, ops, scopes"):
        viz.draw(**neuron(), detail="all")


def test_looks_are_deterministic(tmp_path):
    looks = {"path": "w", "dark": True, "size": "a4-landscape"}
    for suffix in (".svg", ".png", ".pdf", ".dot"):
        one, two = (
            viz.draw(**neuron(), **looks).save(tmp_path / f"{k}{suffix}").read_bytes() for k in "ab"
        )
        assert one == two


# ---- sizes --------------------------------------------------------------------------------------


def test_sizes_stand_on_edges_unless_the_numbers_do():
    made = viz.draw(**mlp()).view
    assert {e.shape.text for e in made.edges if e.tail in ("x", "W1", "b1", "h1")} == {
        "B×6", "8×6", "8", "B×8",
    }  # fmt: skip
    valued = viz.draw(**ROWS["A16"]()).view
    shown = {e.tail: (e.shape.text, e.value.text) for e in valued.edges}
    assert shown["x"] == ("6×6", "‖x‖ = 3.46")
    assert shown["K"] == ("", "[1 −1 −1; −1 1 −1; −1 −1 1]")
    assert shown["z"][1] == "[3 −1 −3 −1; −3 1 0 −3; −3 −3 0 1; 3 −2 −2 −1]"


def test_a_long_size_has_a_short_name_or_its_number():
    pooled = "z[i,j] += K[u,v]*x[i+u,j+v]; y[i,j] max= z[2i+u,2j+v] for u < 2, v < 2; p = tanh(y)"
    symbols = viz.draw(row("x: (H, W); K: (a, b); " + pooled)["thing"]).view
    edge = next(e for e in symbols.edges if e.tail == "y")
    assert edge.shape.text == "n₃×n₄"
    told = [line.text for line in symbols.remarks]
    assert told[0] == "n₁ = H − a + 1"
    assert told[2].startswith("n₃ = ")
    at = {"K": np.ones((2, 2)), "x": np.arange(144.0).reshape(12, 12)}
    numbers = viz.draw(**row(pooled, at)).view
    assert next(e for e in numbers.edges if e.tail == "y").shape.text == "5×5"
    assert not numbers.remarks


# ---- scopes and shared leaves ------------------------------------------------------------------


def test_scopes_are_boxes_with_their_parameters_in_them():
    made = viz.draw(**cnn(), detail="scopes").view
    told = {b.key: (b.formula.text, b.note.text) for b in made.boxes}
    assert told["scope:conv 1"] == ("conv 1", "K₁ ∈ ℝ^3×3×3×32, b₁ ∈ ℝ^32")
    assert [b.key for b in made.boxes if b.is_leaf] == ["x", "y"]
    assert not made.clusters
    edges = {(e.tail, e.head): (e.shape.text, e.gradient.text) for e in made.edges}
    assert edges["scope:conv 1", "scope:conv 2"] == ("B×31×31×32", "∂L/∂h₁")


def test_blocks_that_repeat_are_one_box_with_their_number():
    h = gnn.input("x", ("B", 4))
    for k in range(1, 13):
        with gnn.scope(f"block {k}"):
            W, b = gnn.parameter(f"W{k}", (4, 4)), gnn.parameter(f"b{k}", (4,))
            h = gnn.name(f"h{k}", gnn.tanh(gnn.name(f"z{k}", h @ W.T + b)))
    L = gnn.name("L", gnn.sum(h**2))
    made = viz.draw(L).view  # 50 boxes: collapsed without being asked
    assert [b.formula.text for b in made.boxes] == ["x", "block 1 … block 12 × 12", "L = sum(h₁₂²)"]
    assert made.remarks[-1].text.startswith("50 boxes are drawn as 3: ")
    assert len(viz.draw(L, detail="paths").view.boxes) == 50


def test_scopes_that_feed_each_other_stay_open():
    x = gnn.input("x")
    with gnn.scope("a"):
        one = gnn.name("one", gnn.sin(x))
    with gnn.scope("b"):
        two = gnn.name("two", gnn.cos(one))
    with gnn.scope("a"):
        three = gnn.name("three", two * one)
    made = viz.draw(gnn.name("L", three + x), detail="scopes").view
    keys = [b.key for b in made.boxes]
    assert set(keys) >= {"x", "L"}
    assert {k for e in made.edges for k in (e.tail, e.head)} <= set(keys)
    assert len(keys) > 3


def test_a_shared_leaf_is_drawn_at_each_use_and_its_contributions_add():
    made = viz.draw(**recurrent(3)).view
    assert [b.key for b in made.boxes if b.shared and b.key.startswith("w_h")] == [
        "w_h→z1", "w_h→z2", "w_h→z3",
    ]  # fmt: skip
    line = next(s.text for s in made.sums if s.text.startswith("∂E/∂w_h"))
    symbols, *numbers = line.split(" = ")[1:]
    assert symbols == "∂E/∂z₁·∂z₁/∂w_h + ∂E/∂z₂·∂z₂/∂w_h + ∂E/∂z₃·∂z₃/∂w_h"
    assert len(numbers) == 2
    assert not any(b.shared for b in viz.draw(**ROWS["A21"]()).view.boxes)


def test_where_contributions_add_stands_a_plus():
    scene = viz.draw(**NETWORKS["twice"]()).scene
    assert [g.key for g in scene.groups if g.key.startswith("sum:")] == ["sum:x"]


@pytest.mark.parametrize("name", LARGER)
def test_every_level_of_detail_can_be_drawn(name):
    for detail in ("paths", "statements", "ops", "scopes"):
        made = viz.draw(**LARGER[name](), detail=detail).view
        keys = [b.key for b in made.boxes]
        assert len(set(keys)) == len(keys)
        assert {k for e in made.edges for k in (e.tail, e.head)} <= set(keys)
