"""Forward beside reverse: lines, passes, counts, and the numbers against PyTorch."""

import dataclasses
import json
import unicodedata

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation import mode_work
from graphnn.derivation.steps import Step
from graphnn.derivation.work import Work, work
from graphnn.errors import GraphError


def _derive(text, at=None, wrt=None, **more):
    program = gnn.parse(text, {n: np.shape(v) for n, v in (at or {}).items()})
    return gnn.derive(program.loss, wrt, at, mode="both", **more)


def _lines(made):
    """Both columns of the first table, as text."""
    table = json.loads(made.json())["tables"][0]
    columns = zip(*table["rows"], strict=True)
    return [[c if isinstance(c, str) else c["unicode"] for c in col if c] for col in columns]


def _numbers(made, lhs):
    return [
        np.asarray(cell.value, dtype=float)
        for row in made.tables[0].rows
        for cell in row
        if isinstance(cell, Step) and str(cell.lhs) == lhs
    ]


def _costs(made):
    rows = {row[0]: row[1:] for row in made.tables[1].rows}
    return [
        (int(rows["multiplications"][k]), int(rows["additions"][k])) for k in range(2)
    ]  # forward, reverse


def test_a_value_used_twice():
    made = _derive("f = x*y + sin(x)", {"x": 2, "y": 3})
    forward, reverse = _lines(made)
    assert forward == [
        "a pass along x",
        "ẋ = 1",
        "u̇ = y·ẋ = 3·1 = 3",
        "v̇ = cos(x)·ẋ = cos(2)·1 = −0.416",
        "ḟ = u̇ + v̇ = 3 + (−0.416) = 2.58",
        "a pass along y",
        "ẏ = 1",
        "u̇ = x·ẏ = 2·1 = 2",
        "ḟ = u̇ = 2",
    ]
    assert reverse == [
        "f̄ = 1",
        "v̄ = f̄ = 1",
        "ū = f̄ = 1",
        "x̄ = ū·y + v̄·cos(x) = 1·3 + 1·cos(2) = 2.58",
        "ȳ = ū·x = 1·2 = 2",
    ]
    # the seed folded, nothing is left to multiply: y + cos x is one addition in both
    assert _costs(made) == [(0, 1), (0, 1)]


def test_one_neuron_counted_by_hand():
    text = "z = w*x + b; a = sigmoid(z); L = (y - a)**2 / 2"
    made = _derive(text, {"x": 2, "y": 1, "w": 0.5, "b": 0}, ["w", "b"])
    # each pass along w: −(y − a)·ȧ (1 −, 1 ·), a(1 − a)·ż (1 −, 2 ·), and x for ż; ½·2 is formed
    # by the op (a division, and 2·(y − a)); along b the product by ż = 1 is folded
    forward, reverse = _costs(made)
    assert forward == (9, 2)
    assert reverse == (6, 1)
    assert "Reverse mode is cheaper for 2 input elements and 1 output element" in made.text()


def test_forward_wins_for_one_input_and_many_outputs():
    torch = pytest.importorskip("torch", reason="PyTorch gives the second opinion")
    w = [1.0, 2.0, -1.0]
    made = _derive("y = tanh(w*x)", {"w": w, "x": 0.5}, "x")
    right = torch.autograd.functional.jacobian(
        lambda x: torch.tanh(torch.tensor(w, dtype=torch.float64) * x),
        torch.tensor(0.5, dtype=torch.float64),
    ).numpy()
    (pushed,) = _numbers(made, "ẏ")
    assert np.abs(pushed - right).max() < 1e-12
    pulled = np.array(_numbers(made, "x̄"))
    assert np.abs(pulled - right).max() < 1e-12
    forward, reverse = _costs(made)
    assert sum(forward) * 3 < sum(reverse)
    shown = made.text()
    assert "1, one for each input element" in shown
    assert "3, one for each output element" in shown
    assert "Forward mode is cheaper for 1 input element and 3 output elements" in shown


def test_reverse_wins_for_many_inputs_and_one_output():
    torch = pytest.importorskip("torch", reason="PyTorch gives the second opinion")
    random = np.random.default_rng(1)
    at = {
        "W1": random.standard_normal((3, 2)),
        "b1": random.standard_normal(3),
        "x": random.standard_normal(2),
        "W2": random.standard_normal((1, 3)),
        "y": random.standard_normal(1),
    }
    made = _derive(
        "h = tanh(W1 @ x + b1); o = W2 @ h; L = sum((y - o)^2)/2", at, ["W1", "b1", "W2"]
    )
    held = {n: torch.tensor(v, requires_grad=n in ("W1", "b1", "W2")) for n, v in at.items()}
    h = torch.tanh(held["W1"] @ held["x"] + held["b1"])
    loss = ((held["y"] - held["W2"] @ h) ** 2).sum() / 2
    loss.backward()
    (bar,) = _numbers(made, "W̄₁")
    right = held["W1"].grad.numpy()
    assert np.abs(bar - right).max() <= 1e-12 * np.abs(right).max()
    # the pass along W₁[0, 0] ends in that element of the gradient
    assert _numbers(made, "L̇")[0] == pytest.approx(right[0, 0], rel=1e-12)
    forward, reverse = _costs(made)
    assert sum(reverse) < sum(forward) / 6
    assert "12, one for each input element" in made.text()


def test_the_count_follows_the_shapes():
    for n, m in [(1, 1), (3, 4), (5, 1), (0, 2)]:
        w, x = gnn.parameter("W", (n, m)), gnn.input("x", (m,))
        counted = work([(w @ x).node], [w.node, x.node], {})
        assert counted == Work(n * m, max(0, n * m - n))


def test_a_power_is_repeated_multiplication_and_a_seed_of_one_is_folded():
    x = gnn.input("x")
    assert work([(x**5 + 3).node], [x.node], {}) == Work(4, 1)
    one = gnn.constant(1.0)
    assert work([(x * one + x).node], [x.node, one.node], {}) == Work(0, 1)


@pytest.mark.parametrize(
    ("text", "at", "wrt"),
    [
        ("p = softmax(z); L = -sum(y*log(p))", {"z": [1.0, 2.0, 0.5], "y": [0.0, 1.0, 0.0]}, "z"),
        ("z[i,j] += K[u,v]*x[i+u,j+v]", {"K": [[1, 0], [0, -1]], "x": np.arange(9.0).reshape(3, 3)},
         "K"),
        ("z = reshape(x, (4)); y = concat(z, z); L = sum(y^2)", {"x": [[1.0, 2.0], [3.0, 4.0]]}, "x"),
        ("L = max(x)", {"x": [1.0, 3.0, 2.0]}, "x"),
        ("a = w*x; b = a*w; L = a*b", {"w": [2.0], "x": [3.0]}, ["w", "a"]),
    ],
)  # fmt: skip
def test_both_agree_on_every_kind_of_op(text, at, wrt):
    made = _derive(text, at, wrt)
    assert "Both give the same numbers" in made.text()


def test_without_values_the_lines_are_in_symbols():
    forward, reverse = _lines(_derive("f = x*y + sin(x)"))
    assert "u̇ = y·ẋ" in forward
    assert "x̄ = ū·y + v̄·cos(x)" in reverse


def test_two_columns_fit_a_page_or_stand_below_each_other():
    for text, at in [
        ("f = x*y + sin(x)", {"x": 2, "y": 3}),
        ("L = sum((A @ (B @ (x*x)) - y)^2)",
         {"A": np.ones((4, 4)), "B": np.ones((4, 4)), "x": np.ones(4), "y": np.ones(4)}),
    ]:  # fmt: skip
        for line in _derive(text, at).text().splitlines():
            assert sum(not unicodedata.combining(c) for c in line) <= 100


def test_columns_are_aligned_under_their_accents():
    shown = _derive("f = x*y + sin(x)", {"x": 2, "y": 3}).text().splitlines()
    start = next(k for k, line in enumerate(shown) if "outside to inside" in line)
    for line, cell in zip(shown[start : start + 3], ["reverse:", "f̄ = 1", "v̄ = f̄"], strict=True):
        before = line[: line.index(cell)]
        assert sum(not unicodedata.combining(c) for c in before) == shown[start].index("reverse:")


def test_a_wrong_mode_is_caught(monkeypatch):
    right = mode_work.push_forward

    def wrong(outputs, tangents):
        found = right(outputs, tangents)
        (moved,) = tangents.values()
        return {n: (gnn.Handle(t) * 2).node if t is not moved else t for n, t in found.items()}

    monkeypatch.setattr(mode_work, "push_forward", wrong)
    with pytest.raises(GraphError, match="internal error"):
        _derive("f = x*sin(x)", {"x": 2.0})


def test_forward_mode_alone_is_held_against_the_gradient(monkeypatch):
    from graphnn.derivation import derive as derivation

    right = derivation.make_context

    def planted(*given):
        made = right(*given)
        return dataclasses.replace(made, cotangents={n: g + 1 for n, g in made.cotangents.items()})

    program = gnn.parse("f = x*sin(x)")
    gnn.derive(program.loss, "x", {"x": 2.0}, mode="forward")
    monkeypatch.setattr(derivation, "make_context", planted)
    with pytest.raises(GraphError, match="forward mode gives"):
        gnn.derive(program.loss, "x", {"x": 2.0}, mode="forward")


def test_a_cotangent_is_refused():
    with pytest.raises(GraphError, match="takes no cotangent"):
        _derive("y = tanh(x)", {"x": [1.0, 2.0]}, cotangent=[1.0, 1.0])


def test_latex_and_json_hold_both_columns():
    made = _derive("z = W1 @ x; L = sum(z^2)", {"W1": [[1.0, 2.0]], "x": [1.0, 3.0]}, "W1")
    latex = made.latex(document=True)
    assert r"\dot{W}_{1}" in latex
    assert r"\bar{W}_{1}" in latex
    assert latex.count(r"\begin{tabular}") == 2
    tables = json.loads(made.json())["tables"]
    assert tables[0]["head"] == ["forward: inside to outside", "reverse: outside to inside"]
    assert tables[1]["head"] == ["", "forward", "reverse"]


def test_the_remark_of_a_derivation_counts_the_same_work():
    text, at = "z = w*x + b; a = sigmoid(z); L = (y - a)**2 / 2", {"x": 2, "y": 1, "w": 0.5, "b": 0}
    made = gnn.derive(gnn.parse(text).loss, ["w", "b"], at)
    (forward, reverse) = _costs(_derive(text, at, ["w", "b"]))
    said = f"Work: reverse {Work(*reverse)}; forward {Work(*forward)}."
    assert said in made.text()


@pytest.mark.parametrize("options", [{"mode": "both"}, {"stable": True}])
def test_a_derivative_that_cancels_to_zero_is_no_difference(options):
    at = {"z": [1.0, 2.0, 0.5], "y": [0.0, 1.0, 0.0]}
    program = gnn.parse("p = sum(softmax(z)); L = -sum(y*log(p))", {"z": (3,), "y": (3,)})
    assert json.loads(gnn.derive(program.loss, None, at, **options).json())["tables"]
