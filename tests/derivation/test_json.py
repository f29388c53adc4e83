"""Derivations as JSON: the schema, names, full precision, what JSON has no number for."""

import json
import math
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation.json import SCHEMA, plain
from graphnn.derivation.steps import KINDS
from graphnn.text import parse

ROOT = Path(__file__).parent.parent.parent
NEURON = "z = w*x + b; ŷ = sigmoid(z); L = (y - ŷ)^2/2"
AT = {"x": 2, "y": 1, "w": Fraction(1, 3), "b": 0}


def data(text, at=None, shapes=None, **more):
    return json.loads(gnn.derive(parse(text, shapes).loss, at=at, **more).json())


def test_the_schema():
    made = data(NEURON, AT, wrt=["w", "b"], lr=0.1)
    assert list(made) == ["schema", "loss", "values", "gradients", "steps"]
    assert made["schema"] == SCHEMA == "graphnn/derivation/1"
    assert made["loss"] == "L"
    assert list(made["values"]) == ["w", "x", "b", "y", "z", "y_hat", "L"]
    assert list(made["gradients"]) == ["w", "b"]
    for step in made["steps"]:
        assert list(step) == [
            "kind", "statement", "lhs", "unicode", "latex", "rule", "numbers", "operands",
        ]  # fmt: skip
        assert step["kind"] in KINDS
        assert isinstance(step["unicode"], str)
        assert isinstance(step["latex"], str)
        assert step["latex"]
        assert step["lhs"] is None or step["unicode"].startswith(step["lhs"])
        assert set(step["operands"]) <= set(made["values"])
    kinds = [step["kind"] for step in made["steps"]]
    assert {"forward", "local", "chain", "update"} <= set(kinds)


def test_one_step():
    (step,) = [s for s in data(NEURON, AT, wrt="w")["steps"] if s["lhs"] == "∂ŷ/∂z"]
    a = 1 / (1 + math.exp(-2 / 3))
    assert step.pop("numbers") == pytest.approx(a * (1 - a), rel=1e-15)
    assert step == {
        "kind": "local",
        "statement": "y_hat",
        "lhs": "∂ŷ/∂z",
        "unicode": "∂ŷ/∂z = ŷ(1 − ŷ) = 0.661·(1 − 0.661) = 0.224",
        "latex": r"\frac{\partial \hat{y}}{\partial z} = \hat{y}\,(1 - \hat{y})"
        r" = 0.661 \cdot (1 - 0.661) = 0.224",
        "rule": "σ′ = σ(1 − σ)",
        "operands": ["z"],
    }


def test_full_precision_and_whole_numbers():
    made = data(NEURON, AT, wrt="w")
    assert [made["values"][n] for n in "xybw"] == [2, 1, 0, 1 / 3]
    assert all(type(made["values"][n]) is int for n in "xyb")
    a = 1 / (1 + math.exp(-2 / 3))
    assert made["values"]["z"] == 2 / 3
    assert made["gradients"]["w"] == pytest.approx(-(1 - a) * a * (1 - a) * 2, rel=1e-15)
    assert next(s["numbers"] for s in made["steps"] if s["statement"] == "z") == 2 / 3


def test_arrays_are_nested_lists_large_ones_too():
    rng = np.random.default_rng(3)
    at = {"W": rng.normal(size=(6, 5)), "x": rng.normal(size=5)}
    made = data("z = W@x; L = sum(z^2)/2", at, {"W": (6, 5), "x": (5,)}, wrt="W")
    np.testing.assert_array_equal(made["values"]["W"], at["W"])
    np.testing.assert_allclose(
        made["gradients"]["W"], np.outer(at["W"] @ at["x"], at["x"]), rtol=1e-14
    )
    lines = [s for s in made["steps"] if s["lhs"] == "∂L/∂W"]
    assert np.shape(lines[-1]["numbers"]) == (6, 5)


def test_without_values():
    made = data(NEURON)
    assert made["values"] is None
    assert made["gradients"] is None
    assert {step["numbers"] for step in made["steps"]} == {None}


def test_each_path_has_its_number():
    made = data("u = x*y; v = sin(x); f = u + v", {"x": 2, "y": 3}, wrt="x")
    paths = [s for s in made["steps"] if s["kind"] == "chain" and s["lhs"] is None]
    assert [s["numbers"] for s in paths] == [3, pytest.approx(math.cos(2), rel=1e-15)]
    assert paths[0]["unicode"].startswith("f ← u ← x: ∂f/∂u · ∂u/∂x = ")


def test_numbers_that_are_not_finite():
    with np.errstate(all="ignore"):
        made = data("u = log(x); L = u*y", {"x": 0, "y": 0})
    assert made["values"]["u"] == "-inf"
    assert made["values"]["L"] == "nan"
    assert plain([np.inf, -np.inf, np.nan, 1.5]) == ["inf", "-inf", "nan", 1.5]


def test_plain_keeps_shapes():
    for shape in [(), (0,), (2, 0), (0, 3), (2, 0, 3), (1, 2, 3)]:
        array = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
        assert plain(array) == array.tolist()
    exact = np.array([[Fraction(1, 2), Fraction(4, 2)], [3, 0.25]], dtype=object)
    assert plain(exact) == [[0.5, 2], [3, 0.25]]
    assert type(plain(exact)[0][1]) is int


def test_a_remark_is_its_sentence():
    made = data(NEURON, {"x": 2})
    assert made["steps"][0]["kind"] == "remark"
    assert made["steps"][0]["unicode"].startswith("No value for ")
    assert made["steps"][0]["lhs"] is None


def test_the_same_text_every_time():
    code = (
        "import graphnn as gnn; from graphnn.text import parse; "
        f"print(gnn.derive(parse({NEURON!r}).loss, at={{'x': 2, 'y': 1, 'w': 0.1, 'b': 0}}).json())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed,
                 "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(texts) == 1
