"""Layout: dot's answer, the layers that stand in for it, and what happens without dot."""

from itertools import combinations

import pytest

import graphnn as gnn
import viz
from tests.viz.networks import NETWORKS, neuron
from viz.layered import place_in_layers
from viz.layout import dot_input, place
from viz.placement import Item, Link
from viz.scene import compose
from viz.view import view

ITEMS = [Item(key, 40 + 10 * k, 30 + 5 * k) for k, key in enumerate("abcdef")]
LINKS = [Link(*pair) for pair in ("ac", "bc", "cd", "ad", "de", "cf", "ef")]


@pytest.mark.parametrize("method", [place, place_in_layers])
def test_links_go_to_the_right_and_columns_have_no_overlaps(method):
    made = method(ITEMS, LINKS)
    assert all(made.columns[link.tail] < made.columns[link.head] for link in LINKS)
    for one, other in combinations(ITEMS, 2):
        if made.columns[one.key] == made.columns[other.key]:
            apart = abs(made.heights[one.key] - made.heights[other.key])
            assert apart >= (one.height + other.height) / 2


@pytest.mark.parametrize("method", [place, place_in_layers])
def test_long_links_pass_every_column_between(method):
    made = method(ITEMS, LINKS)
    for link in LINKS:
        between = range(made.columns[link.tail] + 1, made.columns[link.head])
        assert [c for c, _ in made.bends.get((link.tail, link.head), ())] == list(between)


def test_nothing_that_a_user_wrote_reaches_dot():
    items = [Item('"]; evil', 10, 10), Item("<script>", 10, 10)]
    text = dot_input(items, [Link('"]; evil', "<script>")], ())
    assert "evil" not in text
    assert "script" not in text


def test_layers_stand_in_where_dot_takes_too_long(monkeypatch):
    import subprocess

    def slow(*args, timeout, **kwargs):
        raise subprocess.TimeoutExpired("dot", timeout)

    monkeypatch.setattr(subprocess, "run", slow)
    scene = compose(view(**NETWORKS["layers"]()))
    keys = [group.key for group in scene.groups]
    assert "box:z4" in keys
    assert not any(key.startswith("cluster:") for key in keys)


def test_layers_stand_in_where_dot_fails(monkeypatch):
    import subprocess

    failed = subprocess.CompletedProcess("dot", 1, b"", b"trouble in init_rank")
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: failed)
    assert place(ITEMS, LINKS) == place_in_layers(ITEMS, LINKS)


def test_without_dot_one_line_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = viz.draw(**neuron())
    with pytest.raises(gnn.GraphError) as caught:
        drawing.save(tmp_path / "graph.svg")
    message = str(caught.value)
    assert "\n" not in message
    for system in ("apt install graphviz", "brew install graphviz", "winget install graphviz"):
        assert system in message
    assert not list(tmp_path.iterdir())


def test_five_hundred_statements_are_laid_out():
    items = [Item(f"b{k}", 80, 50) for k in range(500)]
    links = [Link(f"b{k}", f"b{k + 1}") for k in range(499)]
    links += [Link(f"b{k}", f"b{k + 7}") for k in range(0, 490, 3)]
    made = place_in_layers(items, links)
    assert made.columns["b499"] == 499
    assert len(made.heights) == 500
