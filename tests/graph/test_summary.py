"""The table of a network: shapes, parameters, and what they add up to."""

from itertools import pairwise

import pytest

import graphnn as gnn
from graphnn.cli import main
from graphnn.graph.summary import count_text
from tests.viz.lectures import cnn, lstm, recurrent


def dense(x, k, inputs, units):
    W, b = gnn.parameter(f"W{k}", (units, inputs)), gnn.parameter(f"b{k}", (units,))
    return gnn.name(f"a{k}", gnn.relu(x @ W.T + b))


def mlp(*sizes):
    h = gnn.input("x", ("B", sizes[0]))
    for k, (n, m) in enumerate(pairwise(sizes), 1):
        h = dense(h, k, n, m)
    return h


@pytest.mark.parametrize("sizes", [(20, 100, 1), (20, 100, 50, 1), (3, 1), (0, 4, 1)])
def test_a_dense_layer_has_m_times_d_plus_1(sizes):
    made = gnn.summary(mlp(*sizes))
    counts = [m * (d + 1) for d, m in pairwise(sizes)]
    assert [row.count for row in made.rows] == counts
    assert made.total == sum(counts)
    assert made.bytes == 4 * sum(counts)
    if 0 not in sizes:
        torch = pytest.importorskip("torch")
        peers = [torch.nn.Linear(d, m) for d, m in pairwise(sizes)]
        assert made.total == sum(p.numel() for peer in peers for p in peer.parameters())


def test_symbolic_sizes_stay_symbols():
    made = gnn.summary(mlp("D", "M"))
    assert count_text(made.total) == "M(D + 1)"
    assert made.bytes is None
    two = gnn.summary(mlp("D", "M", 1))
    assert [count_text(row.count) for row in two.rows] == ["M(D + 1)", "M + 1"]


def test_the_cnn_has_1626442_parameters():
    made = gnn.summary(cnn()["thing"])
    assert made.total == 1_626_442
    shapes = {row.left.args[0]: tuple(map(str, row.shape)) for row in made.rows}
    assert shapes["z1"] == ("B", "62", "62", "32") and shapes["h2"] == ("B", "14", "14", "64")
    lines = str(made).splitlines()
    assert len({line.index("(", 30) for line in lines if "conv2d" in line}) == 1
    assert lines[-1] == "Total parameters: 1,626,442 (6.51 MB, float32)"
    assert any(line.startswith("conv 1") for line in lines)
    torch = pytest.importorskip("torch")
    peer = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3), torch.nn.Conv2d(32, 64, 3),
        torch.nn.Linear(12544, 128), torch.nn.Linear(128, 10),
    )  # fmt: skip
    assert sum(p.numel() for p in peer.parameters()) == made.total


def test_a_shared_weight_is_counted_once():
    made = gnn.summary(recurrent(3)["thing"])
    assert made.total == 4 == sum(row.count for row in made.rows)
    again = {row.left.args[0]: row.shared for row in made.rows if row.shared}
    assert again["h2"] == ("w_x", "w_h", "b_h") and again["o3"] == ("w_o",)
    assert "w_x, w_h, b_h again" in made.text()


def test_scopes_are_headings_with_the_sum_of_several_rows():
    with gnn.scope("encoder"):
        with gnn.scope("block 1"):
            h = dense(gnn.input("x", (2, 3)), 1, 3, 4)
        with gnn.scope("block 2"):
            h = dense(h, 2, 4, 5)
    lines = gnn.summary(h).text().splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("encoder")] == ["41"]
    assert [line.strip() for line in lines if "block" in line] == ["block 1", "block 2"]


def test_which_leaves_are_parameters_can_be_said():
    thing = lstm()["thing"]
    assert gnn.summary(thing).total == 4 * 4 * 8
    assert gnn.summary(thing, ["h0", "c₀"]).total == 8
    with pytest.raises(gnn.GraphError, match=r"no leaf called w_f; did you mean W_f\?"):
        gnn.summary(thing, ["w_f"])


def test_a_leaf_alone_is_a_row():
    made = gnn.summary(gnn.parameter("W", (2, 3)))
    assert made.total == 6 and made.rows == ()
    assert made.text().splitlines()[2].split() == [
        "W",
        "parameter",
        "(2,",
        "3)",
        "W",
        "(2,",
        "3)",
        "6",
    ]


def test_markdown_has_a_cell_for_each_column():
    made = gnn.summary(cnn()["thing"]).markdown()
    table = [line for line in made.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in table} == {7}
    assert made.endswith("\n\nTotal parameters: 1,626,442 (6.51 MB, float32)\n")


# ---- the command ------------------------------------------------------------------------------


def test_summary_of_a_text(capsys):
    assert main(["summary", "x: (D); W: (M, D); b: (M); a = sigmoid(W x + b)"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "x is taken for data, all else for parameters; --wrt says otherwise."
    assert said[-1] == "Total parameters: M(D + 1)"
    assert main(["summary", "z = W x", "W=[[1,2,3],[4,5,6]]", "x=[1,2,3]", "--ascii"]) == 0
    said = capsys.readouterr().out
    assert said.isascii() and said.endswith("Total parameters: 6 (48 B, float64)\n")
    assert main(["summary", "L = (y - w*x)^2", "--wrt", "x", "--markdown"]) == 0
    assert capsys.readouterr().out.endswith("Total parameters: 1 (8 B, float64)\n")


def test_labels_are_data(capsys):
    assert main(["summary", "p = softmax(z); L = -log(p[k])", "z=[1,2,3]", "k=1"]) == 0
    assert capsys.readouterr().out.endswith("Total parameters: 3 (24 B, float64)\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["f = w*x", "--wrt", "q"], "there is no leaf called q; leaves: w, x"),
        (["f = w*x", "--detail", "all"], "there is no detail 'all'; one of paths, statements, ops"),
        (["f = w*"], "line 1: f = w*"),
    ],
)
def test_what_cannot_be_summed_up_is_one_line(words, message, capsys):
    assert main(["summary", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("graphnn: ") and "Traceback" not in said
    assert message in said
