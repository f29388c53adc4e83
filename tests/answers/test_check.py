"""Answers one by one: what is read, the verdict, the place, the slip, and the command line."""

import json

import numpy as np
import pytest

import graphnn as gnn
from graphnn.cli import main
from graphnn.errors import GraphError

NEURON = "z = w*x + b; a = sigmoid(z); L = (y - a)^2/2"
AT = {"x": 2, "y": 1, "w": 0.5, "b": 0}
WORDS = ["x=2", "y=1", "w=0.5", "b=0"]
DENSE = "z = W@x + b; L = sum((z - y)^2)/2"
SHAPES = {"W": (2, 3), "x": (3,), "b": (2,), "y": (2,)}
BATCH = "z = x@W.T + b; L = mean((z - y)^2)/2"
ROWS = {"x": ("B", 2), "W": (3, 2), "b": (3,), "y": ("B", 3)}


def judged(text: str, answer: str, shapes: dict | None = None, **more: object) -> gnn.Checked:
    declared = "".join(f"{n}: ({', '.join(map(str, s))}{',' * (len(s) == 1)})\n"
                       for n, s in (shapes or {}).items())  # fmt: skip
    return gnn.check(gnn.parse(declared + text).graph, answer, **more)


RIGHT = [
    (NEURON, "∂L/∂w = (a − y)·a(1 − a)·x", {}),
    (NEURON, "dL/dw = (a - y)*a*(1 - a)*x", {}),
    (NEURON, "dL_dw = (a - y)*a*(1 - a)*x", {}),
    (NEURON, "dL/dw = a^2*x - a^3*x - y*a*x + y*a^2*x", {}),
    (NEURON, "(a - y)*a*(1 - a)*x = dL/dw", {}),
    (NEURON, "∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w\n      = −(y − a) · a(1 − a) · x", {}),
    (NEURON, "δ := ∂L/∂z = (a − y) a (1 − a); ∂L/∂w = δ x; ∂L/∂b = δ", {}),
    (NEURON, "∂a/∂z = a(1 − a); da/dw = a*(1-a)*x", {}),
    (NEURON, "∂L/∂L = 1; ∂x/∂w = 0", {}),
    ("L = (y - sigmoid(w*x + b))^2/2", "dL/dw = (a - y)*a*(1 - a)*x", {}),
    (DENSE, "δ = z − y; ∂L/∂W = δ xᵀ; ∂L/∂b = δ; ∂L/∂x = Wᵀ δ; ∂z/∂x = W", SHAPES),
    (DENSE, "dL/dx[j] = Σ_i (z[i] - y[i]) W[i,j]; dL/dW[0,1] = (z[0] - y[0])*x[1]", SHAPES),
    (DENSE, "d[i] = z[i] - y[i]; dL/dW[i,j] = d[i]*x[j]", SHAPES),
    ("a = tanh(z); L = sum(a)", "∂a/∂z = 1 - a^2; ∂L/∂z = 1 - a^2; ∂L/∂a = 1", {"z": (3,)}),
    ("a = tanh(z); L = sum(a)", "∂a[i]/∂z[j] = (1 - a[i]^2)*δ_ij", {"z": (3,)}),
    ("z[i,j] += K[u,v]*x[i+u,j+v]", "∂L/∂K[u,v] = Σ_{i,j} z_bar[i,j] x[i+u,j+v]", {}),
    ("t: (4,) int64\nL = sum(E[t]^2)/2", "dL/dE[v,d] = Σ_n δ_{t[n],v} E[t[n],d]", {"E": (5, 3)}),
    ("L = sum(z)", "dL/dz[i] = 1", {"z": ("n",)}),
    ("L = x*log(x) + sqrt(y)", "dL/dx = log(x) + 1; dL/dy = y^(-1/2)/2", {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer", "shapes"), RIGHT)
def test_right(text: str, answer: str, shapes: dict) -> None:
    found = judged(text, answer, shapes)
    assert found.right, str(found)
    assert found.slip is None


WRONG = [
    (NEURON, "dL/dw = (y - a)*a*(1-a)*x", {}, "sign", "the sign is the other one"),
    (NEURON, "dL/dw = (a - y)*a*(1+a)*x", {}, "sign", "a sign inside is the other one: 1 + a"),
    (NEURON, "dL/dw = 2*(a - y)*a*(1-a)*x", {}, "constant", "off by the constant factor 2"),
    (NEURON, "dL/dw = (a - y)*a*(1-a)*x/2", {}, "constant", "off by the constant factor 1/2"),
    (NEURON, "dL/dw = (a - y)*x", {}, "inner", "the inner derivative ∂a/∂z is missing"),
    (NEURON, "dL/db = (a - y)*a*(1-a)*x", {}, "variable", "this is ∂L/∂w"),
    (NEURON, "da/dw = a*(1-a)*w", {}, "variable", "this is ∂a/∂x"),
    ("f = x*y + sin(x)", "df/dx = cos(x)", {}, "path", "the path through u is missing"),
    ("f = x*y + sin(x)", "df/dx = y - cos(x)", {}, "sign", "the sign of"),
    ("L = relu(w*x)", "dL/dw = where(w*x > 0, 0, x)", {}, "branch", "the other branch's"),
    ("L = relu(w*x)", "dL/dw = x", {}, "inner", "is missing"),
    ("L = max(w*x, y)", "dL/dw = where(w*x > y, 0, x)", {}, "branch", "the other branch's"),
    ("L = abs(w*x - y)", "dL/dw = x", {}, "inner", "that of abs"),
    (DENSE, "dL/dx = W (z − y)", SHAPES, "transpose", "Wᵀ belongs where W stands"),
    (DENSE, "dL/dW = x (z − y)ᵀ", SHAPES, "transpose", "transpose of the derivative"),
    (DENSE, "dL/dW = (z − y) x", SHAPES, "transpose", "xᵀ belongs where x stands"),
    (DENSE, "dL/dx[j] = W[i,j] (z[i] - y[i])", SHAPES, "batch", "the sum over i is missing"),
    (BATCH, "δ = ∂L/∂z; dL/db = δ", ROWS, "batch", "the sum over axis 0 is missing"),
    (BATCH, "dL/dW = (z − y)ᵀ x", ROWS, "mean", "1/N is missing"),
    (DENSE, "dL/dW = z", SHAPES, "shape", "the answer has shape (2), the derivative (2×3)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "answer", "shapes", "kind", "message"), WRONG)
def test_wrong(text: str, answer: str, shapes: dict, kind: str, message: str) -> None:
    found = judged(text, answer, shapes)
    assert not found
    assert found.slip is not None
    assert (found.slip.kind, message in found.slip.message) == (kind, True), str(found)


def test_a_wrong_answer_names_the_values_and_both_numbers() -> None:
    found = gnn.check(gnn.parse(NEURON).graph, "dL/dw = (a - y)*x", AT).first
    a = 1 / (1 + np.exp(-1.0))
    assert found.found == pytest.approx((a - 1) * 2, rel=1e-12)
    assert found.wanted == pytest.approx((a - 1) * a * (1 - a) * 2, rel=1e-12)
    assert {name: float(value) for name, value in found.at.items()} == AT
    assert found.expected


def test_the_first_difference_is_a_term_or_a_factor() -> None:
    sums = judged("f = x*y + sin(x)", "df/dx = y + sin(x)").first
    assert (sums.part, sums.expected) == ("sin(x)", "cos(x)")
    product = judged(NEURON, "dL/dw = (a - y)*a*(1 - a)*b").first
    assert (product.part, product.expected) == ("b", "x")


def test_values_that_hide_a_slip_do_not_hide_it() -> None:
    found = gnn.check(gnn.parse(NEURON).graph, "dL/dw = (a - y)*a*(1 - a)", AT | {"x": 1})
    assert not found
    assert "at the values given the two agree" in found.first.notes[0]


def test_a_number_is_held_against_the_digits_it_was_typed_with() -> None:
    graph = gnn.parse(NEURON).graph
    for good in ("-0.106", "-0.1058", "-0.11"):
        assert gnn.check(graph, f"dL/dw = {good}", AT), good
    for bad in ("-0.107", "0.106", "-0.1059", "-0.10"):
        assert not gnn.check(graph, f"dL/dw = {bad}", AT), bad
    assert gnn.check(graph, "dL/dw = (a - y)*a*(1 - a)*x = -0.106", AT)


def test_a_number_is_off_by_a_small_factor_or_by_none() -> None:
    graph = gnn.parse(NEURON).graph
    doubled = gnn.check(graph, "dL/dw = -0.2115", AT).slip
    assert doubled is not None
    assert doubled.message.endswith("the constant factor 2")
    assert gnn.check(graph, "dL/dw = -0.2", AT).slip is None


def test_a_second_derivative_is_refused_in_words() -> None:
    with pytest.raises(GraphError) as caught:
        gnn.check(gnn.parse("L = x^3").graph, "d2L/dx2 = 6x")
    assert "a second derivative is no answer" in caught.value.message


def test_the_convention_decides_at_a_kink() -> None:
    graph = gnn.parse("L = relu(z)").graph
    assert gnn.check(graph, "dL/dz = where(z > 0, 1, 0)", {"z": 0})
    found = gnn.check(graph, "dL/dz = where(z >= 0, 1, 0)", {"z": 0})
    assert found.slip.kind == "kink"
    layer = gnn.parse("z: (2,)\nL = sum(relu(z))").graph
    at = {"z": [0, 1]}
    assert gnn.check(layer, "dL/dz[i] = where(z[i] > 0, 1, 0)", at)
    assert gnn.check(layer, "dL/dz[i] = where(z[i] >= 0, 1, 0)", at).slip.kind == "kink"


def test_an_assumption_that_an_answer_needs() -> None:
    text = "z: (3,)\ny: (3,)\np = softmax(z); L = -sum(y*log(p))"
    graph = gnn.parse(text).graph
    needed = gnn.check(graph, "dL/dz = p - y")
    assert (needed.right, needed.slip.kind) == (False, "assumption")
    assert '--assume "sum(y)=1"' in needed.slip.message
    assert gnn.check(graph, "dL/dz = p - y", assume=["sum(y)=1"])
    assert not gnn.check(graph, "dL/dz = y - p", assume=["sum(y)=1"])
    held = gnn.check(graph, "dL/dz = p - y", {"z": [1, 2, 0.5], "y": [0, 1, 0]})
    assert held.right
    assert "holds for the values given" in held.first.notes[0]
    with pytest.raises(gnn.GraphError, match="contradict --assume"):
        gnn.check(graph, "dL/dz = p - y", {"y": [1, 1, 0]}, ["sum(y)=1"])
    with pytest.raises(gnn.GraphError, match="computed by the network"):
        gnn.check(graph, "dL/dz = p - y", assume=["sum(p)=1"])


UNREADABLE = [
    ("dL/dw = (a - y)*q", "unknown name q", 17),
    ("dL/dw = sigmod(z)", "unknown function sigmod", 9),
    ("dL/dv = a", "there is no v in the network", 1),
    ("dL/dw = ∂a/∂q", "there is no q in the network", 9),
    ("dL/dw = a[i]", "a is a single number", 9),
    ("(a - y)*x", "an answer is an equality", 1),
    ("w = a", "w is a value of the network, not a derivative", 1),
    ("d = a - y", "this answers nothing", 1),
    ("dL/dw = ", "nothing stands beside =", 8),
    ("dL/dw = a b) + 1", "closes", 12),
    ("", "this answers nothing", 1),
]


@pytest.mark.parametrize(("answer", "message", "column"), UNREADABLE)
def test_an_unreadable_answer_is_one_line_and_a_caret(
    answer: str, message: str, column: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", NEURON, answer]) == 2
    said, error = capsys.readouterr()
    assert not said
    first, *rest = error.splitlines()
    assert first.startswith("graphnn: ")
    assert message in first
    if rest:
        line, caret = rest
        assert caret.strip() == "^"
        assert abs(caret.index("^") - line.index(": ") - 1 - column) <= 1


def test_exit_codes_and_the_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", NEURON, "dL/dw = (a - y)*a*(1 - a)*x", *WORDS]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "right: dL/dw = (a - y)*a*(1 - a)*x",
        "  at     w = 0.5, x = 2, b = 0, y = 1",
        "  value  −0.106",
    ]
    assert main(["check", NEURON, "∂L/∂w = (a − y)·x", *WORDS]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "wrong: ∂L/∂w = (a − y)·x",
        "  at                w = 0.5, x = 2, b = 0, y = 1",
        "  the answer        −0.538",
        "  the derivative    −0.106",
        "  first difference  ∂a/∂z is missing",
        "  likely slip       the inner derivative ∂a/∂z is missing",
    ]
    assert main(["check", NEURON, "dL/db = (a - y)*a*(1 - a)", "dL/dx = 0"]) == 1
    assert main(["check", NEURON, "dL/dw = a", "q=1"]) == 2
    assert main(["check", NEURON]) == 2


def test_json_and_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", NEURON, "dL/dw = (y - a)*a*(1 - a)*x", *WORDS, "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    (answer,) = made["answers"]
    assert (made["right"], answer["slip"], answer["at"]["x"]) == (False, "sign", 2)
    assert answer["found"] == pytest.approx(-answer["wanted"])
    assert main(["check", NEURON, "∂L/∂w = (a − y)·x", "--ascii"]) == 1
    assert capsys.readouterr().out.isascii()
    assert main(["check", "p = softmax(z); L = -sum(y*log(p))", "dL/dz = p - y",
                 "z=[1,2]", "y=[0,1]", "--assume", "sum(y)=1"]) == 0  # fmt: skip
