"""Rule 11: every printed equality of every example and of random networks is true.

Each side of each step is evaluated as a tree and as the text that a reader sees; gradients agree
with the evaluator and with central differences; and a derivative that is wrong is caught by the
derivation itself.
"""

import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings

import graphnn as gnn
from graphnn.derivation import terms as terms_module
from graphnn.errors import GraphError, ShapeError
from graphnn.expression.algebra import multiply
from graphnn.expression.tree import num
from tests.derivation.cases import CASES, hidden_layer
from tests.derivation.equalities import (
    bounds,
    close,
    differences,
    judge,
    rules,
    statement_value,
)
from tests.derivation.networks import scalar_network, tensor_network
from tests.examples import cases

DERIVED = {
    f"{file} {name}": case for (file, name), case in cases().items() if case.derived and case.at
}
# Their gradients are sums under conditions (2·i + u* = p), which the judge does not evaluate:
# tests/test_convolutions.py compares them with PyTorch and SciPy.
WINDOWED = {name: case for name, case in DERIVED.items() if " for " in case.text}
EXAMPLES = {name: case for name, case in DERIVED.items() if name not in WINDOWED}


@pytest.mark.parametrize("name", WINDOWED)
def test_every_statement_over_windows_can_be_read_back_with_its_bounds(name):
    made = WINDOWED[name].derivation()
    forward = [step for step in made.steps if step.kind == "forward" and step.value is not None]
    assert any(bounds(step) for step in forward)
    for step in forward:
        found = statement_value(step, step.sides[0], made)
        assert found is None or close(found, step.value), step.statement


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_equality_of_the_examples_holds(name):
    case = EXAMPLES[name]
    shape = case.program().loss.shape
    cotangent = case.cotangent
    if cotangent is None and shape and np.prod(shape) > 1:
        cotangent = np.random.default_rng(3).normal(size=shape)
    made = dataclasses.replace(case, cotangent=cotangent).derivation()
    compared = judge(made, cotangent)
    assert compared["with names"] >= 2 and compared["value"] + compared["summary"] >= 2
    assert compared["read back"] >= 2 or compared["summary"]  # a summary is no expression


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("digits", [2, 3, 7])
def test_every_equality_of_the_six_cases_holds(name, digits):
    case = CASES[name]
    compared = judge(case.derive(digits=digits), case.cotangent)
    assert compared["with names"] >= 3 and compared["read back"] >= 4


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("options", [{"detail": "ops"}, {"detail": "statements"}, {"index": True}])
def test_every_equality_holds_at_other_details(name, options):
    case = CASES[name]
    made = case.derive(**options)
    judge(made, case.cotangent)
    wanted = case.derive().gradients
    for leaf, gradient in made.gradients.items():
        assert close(gradient, wanted[leaf], 1e-12)


def against_evaluator_and_differences(program, at, made):
    wrt = list(made.wrt)
    gradients = gnn.grad(program.loss, wrt)
    gradients = gradients if isinstance(gradients, dict) else {wrt[0]: gradients}
    needed = {name: value for name, value in at.items() if name in program.leaves}
    computed = gnn.evaluate({"loss": program.loss, **gradients}, **needed)
    for leaf in wrt:
        assert close(made.gradients[leaf], computed[leaf])
        slope = differences(program.loss, leaf, needed)
        scale = max(1.0, float(np.max(np.abs(slope))))
        assert np.max(np.abs(np.asarray(made.gradients[leaf], float) - slope)) <= 1e-6 * scale


@settings(max_examples=60)
@given(scalar_network())
def test_every_equality_of_random_scalar_networks_holds(network):
    text, at = network
    program = gnn.parse(text)
    made = gnn.derive(program.graph, at=at)
    judge(made)
    against_evaluator_and_differences(program, at, made)
    for options in ({"detail": "ops"}, {"detail": "statements", "index": True}):
        judge(gnn.derive(program.graph, at=at, **options))


@settings(max_examples=60)
@given(tensor_network())
def test_every_equality_of_random_tensor_networks_holds(network):
    text, shapes, at = network
    program = gnn.parse(text, shapes=shapes)
    at = {name: value for name, value in at.items() if name in program.leaves}
    made = gnn.derive(program.graph, at=at)
    judge(made, floor=1e-15)  # what rounding leaves of a mean that is taken away twice
    against_evaluator_and_differences(program, at, made)
    for options in ({"detail": "ops"}, {"detail": "statements"}, {"index": True}):
        judge(gnn.derive(program.graph, at=at, **options), floor=1e-15)


@settings(max_examples=40)
@given(scalar_network())
def test_forward_mode_gives_what_reverse_mode_gives(network):
    text, at = network
    graph = gnn.parse(text).graph
    reverse, forward = gnn.derive(graph, at=at), gnn.derive(graph, at=at, mode="forward")
    judge(forward)
    last = {}
    for step in forward.steps:
        if step.kind in ("seed", "chain") and step.lhs is not None and step.value is not None:
            above, below = step.lhs.args
            if str(above.args[0]) == forward.loss:
                last[str(below.args[0])] = step.value
    assert set(last) == {n for n in forward.wrt if np.any(reverse.gradients[n])} | set(last)
    for leaf, value in last.items():
        assert close(value, reverse.gradients[leaf], 1e-9)
    for leaf, gradient in forward.gradients.items():
        assert close(gradient, reverse.gradients[leaf], 1e-9)


# Particular networks: zeros, kinks, shared values, cotangents.


def derived(text, wrt=None, at=None, shapes=None, parameters=(), **options):
    program = gnn.parse(text, shapes=shapes or {}, parameters=parameters)
    return gnn.derive(program.graph, wrt, at, **options)


def zero_line(made, name):
    """The rule beside the line whose result is the gradient 0 of `name`."""
    return next(
        "; ".join([step.rule, *(side.rule for side in step.sides)])
        for step in reversed(made.steps)
        if step.statement == name and step.kind in ("chain", "accumulate", "simplify")
    )


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("z = w*x + b; a = relu(z); L = (y - a)^2/2", {"w": -2, "b": 0.5}, "dead"),
        ("z = w*x + b; a = step(z); L = (y - a)^2/2", {"w": 2, "b": 0.5}, "flat"),
        ("z = w*x + b; a = sign(z); L = (y - a)^2/2", {"w": 2, "b": 0.5}, "flat"),
        ("z = w*x + b; a = sigmoid(z); L = (y - a)^2/2", {"w": 900, "b": 0.5}, "saturated"),
        ("z = w*x + b; L = (y - z)^2/2", {"w": 3, "b": 0}, "y − z"),
    ],
)
def test_a_zero_gradient_says_why(text, at, reason):
    made = derived(text, "w", {"x": 1, "y": 3, **at})
    assert not np.any(made.gradients["w"])
    assert zero_line(made, "w").startswith("0")
    assert reason in zero_line(made, "w")
    judge(made)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [("relu(z)", "dead"), ("step(z)", "flat"), ("sigmoid(800*z)", "saturated")],
)
def test_a_zero_gradient_of_a_tensor_says_why(layer, reason):
    made = derived(
        f"z = W x; a = {layer}; L = sum((y - a)^2)/2",
        "W",
        {"W": [[-1, -2], [-3, -1]], "x": [1, 2], "y": [1, 1]},
        {"W": (2, 2), "x": (2,), "y": (2,)},
    )
    assert np.max(np.abs(made.gradients["W"])) < 1e-300
    assert any(reason in rule for found in rules(made).values() for rule in found)
    judge(made)


def test_a_leaf_without_a_path_has_the_gradient_zero_and_says_so():
    w, q = gnn.parameter("w", dtype="float64"), gnn.parameter("q", dtype="float64")
    graph = gnn.Graph({"L": gnn.name("L", w * w), "M": gnn.name("M", q * w)})
    program = gnn.parse("z = w^2; u = 3*q; L = z + 0*u", parameters=["w", "q"])
    made = gnn.derive(program.graph, at={"w": 2, "q": 5})
    assert made.gradients["q"] == 0
    made = gnn.derive(graph, ["w", "q"], at={"w": 2})
    assert made.gradients["w"] == 4 and made.gradients["q"] == 0


def test_a_value_that_the_loss_does_not_read_has_the_gradient_zero():
    w, u = gnn.parameter("w", dtype="float64"), gnn.parameter("u", (2, 3), dtype="float64")
    loss = gnn.name("L", w * w)
    made = gnn.derive(loss, [u, w], at={"w": 2})
    assert made.wrt == ("w", "u") and made.gradients["w"] == 4
    assert made.gradients["u"].shape == (2, 3) and not np.any(made.gradients["u"])
    assert any("L does not depend on u (no path)" in r for r in rules(made)["∂L/∂u"])
    alone = gnn.derive(loss, u)
    assert alone.gradients is None and "no path" in str(alone)
    two = gnn.Graph({"L": loss, "M": gnn.name("M", u * w)})
    assert not np.any(gnn.derive(two, "u", at={"w": 2}).gradients["u"])


@pytest.mark.parametrize(
    ("text", "shapes", "line"),
    [
        ("z = w*x + b; a = sigmoid(z); L = (y - a)^2/2", {}, "δ := ∂L/∂z = ∂L/∂a · ∂a/∂z"),
        ("z1 = w*x; a = tanh(z1); L = a^2", {}, "δ₁ := ∂L/∂z₁ = ∂L/∂a · ∂a/∂z₁"),
        ("z = W x; h = tanh(z); L = sum(h^2)", {"W": (2, 2), "x": (2,)}, "δ (2,) := ∂L/∂z = 2"),
    ],
)
def test_the_gradient_of_an_intermediate_value_is_a_delta(text, shapes, line):
    made = derived(text, "z1" if "z1" in text else "z", None, shapes)
    assert line in re.sub(r"\s+", " ", str(made))


def test_at_a_kink_the_convention_is_named():
    made = derived("z = w*x + b; a = relu(z)", ["w"], {"w": -0.2, "x": 20, "b": 4})
    judge(made)
    assert made.values["z"] == 0 and made.gradients["w"] == 0
    assert any("convention at 0: 0" in rule for rule in rules(made)["∂a/∂z"])
    assert "convention" in zero_line(made, "w") or "z = 0" in zero_line(made, "w")


def test_a_value_used_twice_adds_its_contributions():
    made = derived("h = tanh(w*x); u = h*x; v = h^2; L = u + v", "w", {"w": 0.3, "x": 0.7})
    judge(made)
    assert any("used twice" in r and "contributions add" in r for r in rules(made)["∂L/∂w"])
    h = np.tanh(0.21)
    assert float(made.gradients["w"]) == pytest.approx((0.7 + 2 * h) * (1 - h**2) * 0.7, rel=1e-12)


def test_a_tensor_output_starts_from_a_symbol():
    made = derived("z = W x", "W", None, {"W": (2, 3), "x": (3,)})
    assert "z̄ xᵀ" in str(made)
    assert made.gradients is None
    assert any("z̄ := ∂L/∂z" in " ".join(line.split()) for line in str(made).splitlines())


def test_a_cotangent_is_followed():
    seed = np.array([0.5, -2.0])
    made = derived(
        "z = tanh(W x)",
        ["W", "x"],
        {"W": [[1, 0.5, -1], [0.25, -1, 2]], "x": [0.5, 1, -0.5]},
        {"W": (2, 3), "x": (3,)},
        cotangent=seed,
    )
    judge(made, seed)
    W, x = np.array([[1, 0.5, -1], [0.25, -1, 2]]), np.array([0.5, 1, -0.5])
    delta = seed * (1 - np.tanh(W @ x) ** 2)
    assert close(made.gradients["W"], np.outer(delta, x))
    assert close(made.gradients["x"], W.T @ delta)


def test_updates_follow_the_gradient_with_its_own_text():
    made = derived("z = w*x; L = z^2", "w", {"w": 1, "x": 2}, lr=0.5)
    judge(made)
    (update,) = (step for step in made.steps if step.kind == "update")
    assert float(update.value) == 1 - 0.5 * 8
    text = str(made)
    assert "0.5·8 " in text and "8.00" not in text


def test_missing_values_leave_the_derivation_in_symbols():
    made = derived("L = (y - w*x)^2", "w", {"w": 1, "x": 2})
    assert made.values is None and made.gradients is None
    assert "No value for y" in str(made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": {"w": 1, "x": 2, "z": 2}}, r"z is computed by the statement z = w·x"),
        ({"at": {"w": 1, "x": 2, "q": 2}}, r"there is no q"),
        ({"wrt": "q"}, r"there is no q"),
        ({"wrt": {"w": 1, "x": 2}}, r"numbers go to at="),
        ({"mode": "sideways"}, r"no mode 'sideways'"),
        ({"detail": "all"}, r"no detail 'all'"),
        ({"digits": 0}, r"digits"),
        ({"assume": ["sum(q)=1"]}, r"q"),
        ({"assume": ["x > 1"]}, r"assum"),
    ],
)
def test_errors_name_what_is_wrong(options, message):
    with pytest.raises(GraphError, match=message) as caught:
        derived("z = w*x; L = z^2", **options)
    assert "\0" not in str(caught.value)


def test_values_that_contradict_an_assumption_are_refused():
    with pytest.raises(GraphError, match=r"contradict.*sum\(y\)=1.*2"):
        derived(
            "p = softmax(z); L = -sum(y ⊙ log(p))",
            "z",
            {"z": [1, 2, 3], "y": [1, 1, 0]},
            {"z": (3,), "y": (3,)},
            assume=["sum(y)=1"],
        )


def test_a_cotangent_of_the_wrong_shape_is_refused():
    with pytest.raises(
        ShapeError, match=r"cotangent.*\(2,?\).*\(3,?\)|cotangent.*\(3,?\).*\(2,?\)"
    ) as caught:
        derived(
            "z = W x",
            "W",
            {"W": [[1, 2], [3, 4]], "x": [1, 2]},
            {"W": (2, 2), "x": (2,)},
            cotangent=[1, 2, 3],
        )
    assert "\0" not in str(caught.value)


# Planted faults: the checks of the derivation itself catch a wrong derivative.


def test_a_wrong_elementary_rule_is_judged(monkeypatch):
    right = terms_module._slope

    def wrong(node, inner, wanted):
        found = right(node, inner, wanted)
        return multiply(num(2), found) if node.head == "sin" else found

    monkeypatch.setattr(terms_module, "_slope", wrong)
    for cache in (terms_module.element_derivative, terms_module.judged_derivative):
        cache.cache_clear()
    with pytest.raises(GraphError, match="is not the derivative"):
        derived("L = sin(w*x) + w", "w", {"w": 0.3, "x": 0.7})
    for cache in (terms_module.element_derivative, terms_module.judged_derivative):
        cache.cache_clear()


def test_a_wrong_rule_that_escapes_the_judge_is_not_the_gradient(monkeypatch):
    right = terms_module.occurrences

    def wrong(tree, name, free, indices, own=None):
        return tuple(
            terms_module.Term(t.bound, t.deltas, multiply(num(3), t.body))
            for t in right(tree, name, free, indices, own)
        )

    monkeypatch.setattr(terms_module, "occurrences", wrong)
    with pytest.raises(GraphError, match="is not the gradient"):
        hidden_layer.derive()


def test_a_wrong_scalar_rule_that_escapes_the_judge_is_not_the_gradient(monkeypatch):
    right = terms_module.occurrences

    def wrong(tree, name, free, indices, own=None):
        return tuple(
            terms_module.Term(t.bound, t.deltas, multiply(num(3), t.body))
            for t in right(tree, name, free, indices, own)
        )

    monkeypatch.setattr(terms_module, "occurrences", wrong)
    with pytest.raises(GraphError, match="is not the gradient"):
        derived("z = w*x; a = sigmoid(z); L = (y - a)^2/2", "w", {"w": 0.3, "x": 2, "y": 1})


def test_the_json_numbers_are_the_gradients():
    made = CASES["one neuron"].derive()
    data = json.loads(made.json())
    assert data["gradients"]["w"] == pytest.approx(float(made.gradients["w"]), rel=1e-15)
