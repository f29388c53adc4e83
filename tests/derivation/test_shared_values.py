"""One value under several names or read at several places, and terms that cancel."""

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation import structures
from graphnn.errors import GraphError
from graphnn.graph.node import topological
from tests.derivation.equalities import close, lines


def derived(text, at, **options):
    at = {name: np.asarray(v, dtype=np.float64) for name, v in at.items()}
    program = gnn.parse(text, shapes={name: v.shape for name, v in at.items()})
    made = gnn.derive(program.graph, at=at, **options)
    wrt = list(made.wrt)
    found = gnn.evaluate({n: gnn.grad(program.loss, n) for n in wrt}, **at)
    for name in wrt:
        assert close(made.gradients[name], found[name], floor=1e-15)
        if options.get("mode") == "forward":
            continue
        last = [s for s in made.steps if s.statement == name and s.value is not None][-1]
        assert close(last.value, found[name], floor=1e-15)
    return made


def test_two_names_of_one_value_send_both_contributions_back():
    made = derived(
        "u=reshape(w; shape=(1,2)); v=reshape(w; shape=(1,2)); a=concat(u,v); L=sum(a*a)",
        {"w": [1, 2]},
    )
    assert made.gradients["w"].tolist() == [4, 8]
    assert any("∂L/∂w" in line and "(4.00, 8.00)" in line for line in lines(made))
    assert any("the same value as u" in line for line in lines(made))
    assert any("u is used twice: contributions add" in line for line in lines(made))


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        ("a = w*x; b = w*x; L = a + b*b", 39),
        ("a = w*x; c = a; L = c*a", 36),
        ("a = w*x; b = x*w; L = a*b", 36),
    ],
)
def test_scalars_under_two_names(text, gradient):
    assert derived(text, {"w": 2, "x": 3}).gradients["w"] == gradient


@pytest.mark.parametrize("text", ["a = stack(w, w)", "a = stack(w, 2*w, w; axis=1)"])
def test_a_stack_repeats_a_tensor(text):
    derived(f"{text}; L = sum(a*a)", {"w": [1, 2]})


def test_terms_that_cancel_leave_rounding_and_no_error():
    x = [0.0625, 0.0625, 0.1875]
    made = derived("h1 = x - mean(x); L = sum((h1 - y)^2)/2", {"x": x, "y": x})
    assert np.max(np.abs(made.gradients["x"])) < 1e-16
    for mode in ("reverse", "forward"):
        derived("u = x - 0.7; v = u + 0.7; L = (v - x)^2", {"x": 0.1}, mode=mode)


def test_a_wrong_number_of_a_structure_is_caught(monkeypatch):
    monkeypatch.setattr(structures, "_moved", lambda node, place, above: 2 * above)
    with pytest.raises(GraphError, match="internal error"):
        at = {"w": [1, 2], "y": [[0.5, 1.5]]}
        derived("u = reshape(w; shape=(1,2)); L = sum((u - y)^2)", at)


@pytest.mark.parametrize("used", [(0, 1), (1,), (0, 1, 2), (2, 0)])
def test_a_split_comes_back_in_one_line(used):
    w = gnn.parameter("w", (4,))
    parts = [gnn.name(n, part) for n, part in zip("abc", gnn.split(w, (1, 2, 1)), strict=True)]
    loss = gnn.name("L", sum(gnn.sum((k + 2) * parts[k] ** 2) for k in used))
    made = gnn.derive(loss, at={"w": [1, 2, 3, 4]})
    wanted = np.concatenate(
        [2 * (k + 2) * np.array(x) * (k in used) for k, x in enumerate(([1], [2, 3], [4]))]
    )
    assert close(made.gradients["w"], wanted)
    (last,) = (s for s in made.steps if s.statement == "w" and s.value is not None)
    assert close(last.value, wanted)


def test_the_gradient_of_a_split_is_linear_in_its_parts():
    counts = []
    for k in (20, 40):
        w = gnn.parameter("w", (k,), "float64")
        parts = gnn.split(w, (1,) * k)
        gradient = gnn.grad(gnn.sum(gnn.concat([gnn.sin(part) for part in parts[1:]])), w)
        reads = sum(len(node.operands) for node in topological([gradient.node]))
        counts.append(reads)
        at = np.linspace(0, 1, k)
        wanted = np.cos(at)
        wanted[0] = 0
        assert close(gnn.evaluate(gradient, w=at), wanted)
    assert counts[1] <= 2.2 * counts[0]
