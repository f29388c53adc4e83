"""What notebooks show: through IPython's own formatters, after one explicit call."""

import re
import xml.etree.ElementTree as ET

import pytest
from IPython.core.interactiveshell import InteractiveShell

import graphnn as gnn
import viz
from viz.notebook import html_of, latex_of

LATEX, HTML = "text/latex", "text/html"


@pytest.fixture
def shell():
    made = InteractiveShell()
    yield made
    made.history_manager.end_session()


@pytest.fixture
def shown(shell):
    viz.show_in_notebooks(shell)
    return lambda thing: shell.display_formatter.format(thing)[0]


@pytest.fixture
def network():
    shapes = {"W": (2, 2), "x": (2,)}
    return gnn.parse("z = W@x + b; a = sigmoid(z); L = sum((a - y)^2)", shapes, parameters=["W"])


def test_nothing_is_registered_before_the_call(shell, network):
    assert set(shell.display_formatter.format(network.loss)[0]) == {"text/plain"}
    with pytest.raises(gnn.GraphError, match="no notebook is running"):
        viz.show_in_notebooks()


def test_a_node_shows_its_statements(shown, network):
    found = shown(network.loss)
    assert found[LATEX] == (
        "$$\\begin{aligned}\nz &= W\\,x + b \\\\\na &= \\sigma(z) \\\\\n"
        "L &= \\operatorname{sum}((a - y)^{2})\n\\end{aligned}$$"
    )
    assert found[HTML].count("<math") == 3
    assert "(2,) float64" in found[HTML]


def test_a_leaf_a_graph_and_a_formula(shown, network):
    assert "input, (2,) float64" in shown(network.leaves["x"])[HTML]
    assert shown(network.graph)[LATEX] == shown(network.loss)[LATEX]
    total = gnn.sum(gnn.input("v", (3,)))
    assert (
        shown(total.node.op)[LATEX] == "$$\\begin{aligned}\ny &= \\sum_{i} a_{i}\n\\end{aligned}$$"
    )
    trained = gnn.sgd(network.graph, 0.1)
    assert "\\leftarrow" in shown(trained)[LATEX]


def test_a_derivation(shown, network):
    values = {"W": [[1, 2], [3, 4]], "x": [1, 2], "b": [0, 0], "y": [0, 1]}
    found = shown(gnn.derive(network.loss, ["W"], values))
    assert found[LATEX].count("$$") % 2 == 0
    assert "\\frac{\\partial L}{\\partial W}" in found[LATEX]
    assert "<h4>Backward, from L inwards</h4>" in found[HTML]
    assert "power rule" in found[HTML]
    assert "<code>" not in found[HTML]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b", "λ_hat"])
def test_html_is_well_formed_whatever_names_are(name):
    x = gnn.input(name)
    for thing in (gnn.name("L", x * x), gnn.derive(gnn.name("L", x * x), [x])):
        root = ET.fromstring(html_of(thing).replace("&nbsp;", " "))
        assert not root.findall(".//script")


def test_a_long_graph_is_cut():
    x = gnn.input("x")
    for k in range(100):
        x = gnn.name(f"h{k}", gnn.tanh(x))
    assert "and 40 more statements" in latex_of(x)
    assert html_of(x).count("<math") == 60


def test_drawings_have_ids_of_their_own(shell, network):
    drawing = viz.draw(network.loss)
    first, second = (shell.display_formatter.format(drawing)[0] for _ in range(2))
    ids = [set(re.findall(r'id="([^"]+)"', found[HTML])) for found in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for found, own in zip((first, second), ids, strict=True):
        root = ET.fromstring(found["image/svg+xml"])
        assert root.tag.endswith("svg")
        used = set(re.findall(r'href="#([^"]+)"', found[HTML]))
        assert used <= own
        assert set(re.search(r'labelledby="([^"]+)"', found[HTML])[1].split()) <= own


def test_a_summary_is_a_table(shown, network):
    found = shown(gnn.summary(network.graph))
    rows = ET.fromstring(found[HTML]).findall("./table/tr")
    assert len(rows) == 1 + 3 + 3 + 1  # a head, three inputs, three statements, the total
    assert {len(row.findall("td")) for row in rows} == {6}
    assert "W (2, 2)" in found[HTML] and "Total parameters: 4" in found[HTML]
    assert found["text/markdown"].startswith("| Value | Formula |")
