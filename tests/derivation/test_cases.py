"""The six cases of the reference, line by line: mathematics, digits, order of terms, rule.

A row is (left side, right sides as printed, a part of the rule in the margin). Layout is not
compared, only the text of each side; every row must be there, in this order.
"""

import re

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation.text import side_text
from graphnn.derivation.values import value
from graphnn.expression.unicode import to_unicode
from graphnn.text import read_equation
from tests.derivation.cases import CASES
from tests.derivation.equalities import close, judge, lines

ONE_NEURON = [
    ("z", "= w·x + b = 0.5·2 + 0 = 1", ""),
    ("a", "= σ(z) = σ(1) = 0.731", ""),
    ("L", "= (y − a)²/2 = (1 − 0.731)²/2 = 0.0362", ""),
    ("∂L/∂a", "= −(y − a) = −(1 − 0.731) = −0.269", "power rule, inner derivative −1"),
    ("∂a/∂z", "= a(1 − a) = 0.731·(1 − 0.731) = 0.197", "σ′ = σ(1 − σ)"),
    ("∂z/∂w", "= x = 2", "linear in w"),
    (
        "∂L/∂w",
        "= ∂L/∂a · ∂a/∂z · ∂z/∂w = −(y − a) · a(1 − a) · x = −0.269 · 0.197 · 2 = −0.106",
        "",
    ),
]
TWICE = [
    ("u", "= x·y = 2·3 = 6", ""),
    ("v", "= sin(x) = sin(2) = 0.909", ""),
    ("f", "= u + v = 6 + 0.909 = 6.91", ""),
    ("∂v/∂x", "= cos(x) = cos(2) = −0.416", "sin′ = cos"),
    ("∂u/∂x", "= y = 3", "linear in x"),
    ("f ← u ← x", "∂f/∂u · ∂u/∂x = 1 · y = 1 · 3 = 3", ""),
    ("f ← v ← x", "∂f/∂v · ∂v/∂x = 1 · cos(x) = 1 · (−0.416) = −0.416", ""),
    ("∂f/∂x", "= y + cos(x) = 3 + (−0.416) = 2.58", "x is used twice: contributions add"),
    ("∂f/∂y", "= ∂f/∂u · ∂u/∂y = 1 · x = 1 · 2 = 2", ""),
]
TWO_LAYERS = [
    ("z₁", "= W₁x + b₁ = (−0.25, −0.35)", ""),
    ("h", "= σ(z₁) = (0.438, 0.413)", ""),
    ("z₂", "= W₂h + b₂ = 0.300", ""),
    ("ŷ", "= σ(z₂) = σ(0.300) = 0.574", ""),
    ("L", "= sum((y − ŷ)²/2) = 0.0906", ""),
    ("∂ŷ/∂z₂", "= ŷ ⊙ (1 − ŷ) = 0.574 ⊙ (1 − 0.574) ≈ 0.244", "σ′ = σ(1 − σ), element by element"),
    (
        "∂h/∂z₁",
        "= h ⊙ (1 − h) = (0.438, 0.413) ⊙ (0.562, 0.587) = (0.246, 0.242)",
        "σ′ = σ(1 − σ), element by element",
    ),
    (
        "δ₂",
        "∂L/∂z₂ = −(y − ŷ) ⊙ ŷ ⊙ (1 − ŷ) = −(1 − 0.574) ⊙ 0.574 ⊙ (1 − 0.574) = −0.104",
        "",
    ),
    ("∂L/∂W₂", "= δ₂hᵀ = [−0.0456 −0.0430]", ""),
    ("∂L/∂b₂", "= δ₂ = −0.104", ""),
    (
        "δ₁",
        (
            "∂L/∂z₁ = W₂ᵀ δ₂ ⊙ h ⊙ (1 − h) = (−0.0728, 0.0520) ⊙ (0.438, 0.413) ⊙ (0.562, 0.587) "
            "= (−0.0179, 0.0126)"
        ),
        "",
    ),
    ("∂L/∂W₁", "= δ₁xᵀ = [−0.00896 0.0179; 0.00631 −0.0126]", ""),
    ("∂L/∂b₁", "= δ₁ = (−0.0179, 0.0126)", ""),
]
SOFTMAX = [
    ("p", "= softmax(z) = (0.231, 0.629, 0.140)", ""),
    ("L", "= −sum(y ⊙ log(p)) = 0.464", ""),
    ("∂L/∂p", "= −y/p = (0, −1.59, 0)", "log′"),
    ("∂p[i]/∂z[j]", "= p[i](δ_ij − p[j])", "quotient rule"),
    (
        "∂L/∂z[i]",
        (
            "= −Σ_j y[j]/p[j] · p[j](δ_ji − p[i]) = p[i]·Σ_j y[j] − Σ_j y[j]·δ_ji "
            "= p[i]·Σ_j y[j] − y[i] = p[i] − y[i] = (0.231, −0.371, 0.140)"
        ),
        "the δ picks one term; assumes Σ_i y[i] = 1; its entries add to 0: check",
    ),
]
CONVOLUTION = [
    ("z[i, j]", "= Σ_{u,v} K[u, v]·x[i+u, j+v] = [−4 −4; −4 −4]", ""),
    ("z̄", "∂L/∂z = [1 2; 0 −1]", "given"),
    ("∂L/∂K[u, v]", "= Σ_{i,j} z̄[i, j]·x[i+u, j+v] = [0 2; 6 8]", "contributions add"),
    (
        "∂L/∂x[p, q]",
        "= Σ_{i+u=p,j+v=q} z̄[i, j]·K[u, v] = [1 2 0; 0 −2 −2; 0 0 1]",
        "contributions add",
    ),
]
TWO_STEPS = [
    ("h₁", "= tanh(z₁) = tanh(0.5) = 0.462", ""),
    ("o₁", "= w_o·h₁ = 1.2·0.462 ≈ 0.555", ""),
    ("h₂", "= tanh(z₂) = tanh(0.120) = 0.119", ""),
    ("o₂", "= w_o·h₂ = 1.2·0.119 = 0.143", ""),
    ("E", "= E₁ + E₂ = 0.0324 + 0.0330 = 0.0654", ""),
    ("∂E₂/∂o₂", "= −(y₂ − o₂) = −(0.4 − 0.143) = −0.257", "power rule, inner derivative −1"),
    ("∂E₁/∂o₁", "= −(y₁ − o₁) = −(0.3 − 0.555) = 0.255", "power rule, inner derivative −1"),
    ("∂h₂/∂z₂", "= 1 − h₂² = 1 − 0.119² = 0.986", "tanh′ = 1 − tanh²"),
    ("∂z₂/∂h₁", "= w_h = 0.8", "linear in h₁"),
    (
        "E ← E₁ ← o₁ ← h₁ ← z₁ ← w_x",
        (
            "∂E/∂E₁ · ∂E₁/∂o₁ · ∂o₁/∂h₁ · ∂h₁/∂z₁ · ∂z₁/∂w_x = −(y₁ − o₁) · w_o · (1 − h₁²) · x₁ "
            "= 0.255 · 1.2 · 0.786 · 1 ≈ 0.240"
        ),
        "",
    ),
    (
        "E ← E₂ ← o₂ ← h₂ ← z₂ ← w_x",
        (
            "∂E/∂E₂ · ∂E₂/∂o₂ · ∂o₂/∂h₂ · ∂h₂/∂z₂ · ∂z₂/∂w_x = −(y₂ − o₂) · w_o · (1 − h₂²) · x₂ "
            "= −0.257 · 1.2 · 0.986 · (−0.5) = 0.152"
        ),
        "",
    ),
    (
        "E ← E₂ ← o₂ ← h₂ ← z₂ ← h₁ ← z₁ ← w_x",
        (
            "∂E/∂E₂ · ∂E₂/∂o₂ · ∂o₂/∂h₂ · ∂h₂/∂z₂ · ∂z₂/∂h₁ · ∂h₁/∂z₁ · ∂z₁/∂w_x "
            "= −(y₂ − o₂) · w_o · (1 − h₂²) · w_h · (1 − h₁²) · x₁ "
            "= −0.257 · 1.2 · 0.986 · 0.8 · 0.786 · 1 = −0.191"
        ),
        "",
    ),
    ("∂E/∂w_x", "= 0.240 + 0.152 + (−0.191) = 0.201", "w_x is used three times"),
    ("δ₂", "∂E/∂z₂ = −(y₂ − o₂)·w_o·(1 − h₂²)", ""),
    ("δ_h1", "∂E/∂h₁ = δ₂·w_h − (y₁ − o₁)·w_o", "h₁ is used twice: contributions add"),
    ("∂E/∂w_x", "= δ₂·x₂ + δ_h1·(1 − h₁²)·x₁", "contributions add"),
]
EXPECTED = {
    "one neuron": ONE_NEURON,
    "a value used twice": TWICE,
    "two layers": TWO_LAYERS,
    "softmax": SOFTMAX,
    "convolution": CONVOLUTION,
    "two steps in time": TWO_STEPS,
}


def printed(step, digits=3):
    """(left side, right sides, rules) of a step, as text."""
    left = to_unicode(step.lhs, digits) if step.lhs is not None else step.label
    sides = [
        side_text(side, digits)
        if k == 0 and (step.lhs is None or step.define)
        else f"{side.relation} {side_text(side, digits)}"
        for k, side in enumerate(step.sides)
    ]
    rules = dict.fromkeys([*(side.rule for side in step.sides), step.rule])
    return left, " ".join(sides), "; ".join(rule for rule in rules if rule)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_line_of_the_case_stands_in_its_place(name):
    shown = [printed(step) for step in CASES[name].derive().steps]
    place = 0
    for left, sides, rule in EXPECTED[name]:
        there = [
            k
            for k, (a, b, c) in enumerate(shown)
            if k >= place and a == left and b.startswith(sides) and rule in c
        ]
        near = "\n".join(f"{a} {b}    {c}" for a, b, c in shown if a == left)
        assert there, f"{left} {sides}    {rule}\nfound:\n{near}"
        place = there[0] + 1


@pytest.mark.parametrize(
    ("name", "gradients"),
    [
        ("one neuron", {"w": -0.106}),
        ("a value used twice", {"x": 2.58, "y": 2}),
        (
            "two layers",
            {
                "W2": [[-0.0456, -0.0430]],
                "b2": [-0.104],
                "W1": [[-0.00896, 0.0179], [0.00631, -0.0126]],
                "b1": [-0.0179, 0.0126],
            },
        ),
        ("softmax", {"z": [0.231, -0.371, 0.140]}),
        ("convolution", {"K": [[0, 2], [6, 8]], "x": [[1, 2, 0], [0, -2, -2], [0, 0, 1]]}),
        ("two steps in time", {"w_x": 0.201}),
    ],
)
def test_the_gradients_have_the_numbers_of_the_reference(name, gradients):
    made = CASES[name].derive()
    assert set(made.gradients) == set(gradients)
    for leaf, expected in gradients.items():
        found = np.asarray(made.gradients[leaf], dtype=np.float64)
        assert found.shape == np.shape(expected)
        three = [float(f"{number:.3g}") for number in found.ravel()]
        assert three == np.ravel(expected).tolist()


def test_one_pass_of_reverse_mode_is_compared_with_forward_mode():
    assert "One reverse pass gave both gradients" in str(CASES["a value used twice"].derive())


def test_the_index_form_says_why_the_transpose():
    found = lines(CASES["two layers"].derive())
    at = next(k for k, line in enumerate(found) if "why the transpose" in line)
    assert found[at + 1] == "z₂[k] = Σ_m W₂[k, m]·h[m] + b₂[k]"
    assert found[at + 2].startswith(
        "∂L/∂h[m] = Σ_k δ₂[k] · ∂z₂[k]/∂h[m] = Σ_k δ₂[k]·W₂[k, m] = (W₂ᵀ δ₂)[m] "
    )
    assert "the sum now runs over W₂'s first index" in found[at + 2]
    assert found[at + 3] == (
        "With a batch, z₂[b, k] gives ∂L/∂W₂[k, m] = Σ_b δ₂[b, k]·h[b, m] and "
        "∂L/∂b₂[k] = Σ_b δ₂[b, k]: W₂ and b₂ are used by every sample, so their contributions add."
    )


def test_what_a_batch_would_give_is_what_a_batch_gives():
    remark = next(
        s for s in CASES["two layers"].derive().steps if s.rule.startswith("With a batch")
    )
    said = re.findall(r"(∂L/∂\w+\[[^]]*\] = .*?)(?= and ∂|: W)", remark.rule)
    shapes = {"h": (5, 2), "W2": (3, 2), "b2": (3,), "y": (5, 3)}
    generator = np.random.default_rng(2)
    at = {n: generator.normal(size=s) for n, s in shapes.items()}
    loss = gnn.parse("z2 = h W2ᵀ + b2; L = sum(σ(z2) ⊙ y)", shapes=shapes).loss
    whole = gnn.derive(loss, ["W2", "b2", "z2"], at=at)
    env = {**whole.values, "delta2": whole.gradients["z2"]}
    shapes |= {"delta2": (5, 3), "L": ()}
    assert len(said) == 2
    for text in said:
        lhs, side = read_equation(text, shapes, ["k", "m"])
        (_, element) = lhs.args
        found = value(side, env, element.args[1:])
        assert close(found, whole.gradients[str(element.args[0].args[0])])


@pytest.mark.parametrize(
    ("text", "shapes", "chain"),
    [
        (
            "h = tanh(x); z = h Vᵀ + d; L = sum(σ(z) ⊙ y)",
            {"x": (4, 3), "V": (2, 3), "d": (2,), "y": (4, 2)},
            "Σ_k δ[b, k] · ∂z[b, k]/∂h[b, m] = Σ_k δ[b, k]·V[k, m] = (δ V)[b, m]",
        ),
        (
            "h = tanh(x); z = h V; L = sum(σ(z) ⊙ y)",
            {"x": (1, 3), "V": (3, 2), "y": (1, 2)},
            "Σ_k δ[b, k] · ∂z[b, k]/∂h[b, m] = Σ_k δ[b, k]·V[m, k] = (δ Vᵀ)[b, m]",
        ),
        (
            "h = tanh(x); z = Vᵀ h; L = sum(σ(z) ⊙ y)",
            {"x": (3,), "V": (3, 1), "y": (1,)},
            "Σ_k δ[k] · ∂z[k]/∂h[m] = Σ_k δ[k]·V[m, k] = (V δ)[m]",
        ),
    ],
)
def test_why_the_transpose_in_other_layouts(text, shapes, chain):
    generator = np.random.default_rng(4)
    at = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    made = gnn.derive(gnn.parse(text, shapes=shapes).graph, at=at)
    assert chain in "\n".join(lines(made))
    judge(made)


def test_a_batch_adds_its_samples():
    program = gnn.parse(
        "z = x Wᵀ + c; h = σ(z); L = sum((y − h)²)/2",
        shapes={"x": ("B", 2), "W": (3, 2), "c": (3,), "y": ("B", 3)},
    )
    text = "\n".join(lines(gnn.derive(program.graph, ["W", "c"])))
    assert "∂L/∂W (3, 2) = δᵀ x" in text and "∂L/∂c (3,) = sum(δ, axis=0)" in text
    index = "\n".join(lines(gnn.derive(program.graph, ["W", "c"], index=True)))
    assert "= Σ_b δ[b, i]·x[b, j]" in index
    assert "= Σ_b δ[b, i] the δ picks" in index


def test_index_notation_reaches_every_line():
    text = "\n".join(lines(CASES["two layers"].derive(index=True)))
    assert "z₂[0] (1,) = Σ_i W₂[0, i]·h[i] + b₂[0] = 0.300" in text
    assert "∂h[i]/∂z₁[i] = h[i](1 − h[i]) = (0.246, 0.242)" in text
    assert "∂L/∂ŷ[0] = −(y[0] − ŷ[0]) = −0.426" in text
    assert "⊙" not in text.split("Index form")[0]


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize(
    ("text", "shapes", "assume", "said"),
    [
        ("p = softmax(z); L = −sum(y ⊙ log(p))", (3,), "sum(y)=1", "its entries add to 0"),
        ("q = softmax(z); L = −sum(y ⊙ log(q))", (3,), "", "its entries add to 0"),
        (
            "e = exp(z); n = sum(e); p = e/n; L = −sum(y ⊙ log(p))",
            (3,),
            "sum(y)=1",
            "its entries add to 0",
        ),
        (
            "p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))",
            (4, 3),
            "sum(y, axis=1)=1",
            "the entries of each row add to 0",
        ),
        ("p = softmax(z); L = sum((y − p)²)/2", (3,), "", "its entries add to 0"),
        ("p = softmax(z); L = sum((y − p)²)/2 + sum(z)", (3,), "", ""),
        ("a = σ(z); L = sum((y − a)²)/2", (3,), "sum(y)=1", ""),
    ],
)
def test_entries_that_add_to_zero_are_said_to(text, shapes, assume, said, index):
    generator = np.random.default_rng(1)
    y = generator.uniform(size=shapes)
    at = {"z": generator.normal(size=shapes), "y": y / y.sum(axis=-1, keepdims=True)}
    network = gnn.parse(text, shapes={"z": shapes, "y": shapes}).graph
    options = {"assume": [assume] if assume else [], "index": index}
    made = gnn.derive(network, "z", at, **options)
    assert (f"{said}: check" in str(made)) == bool(said)
    assert ("add to 0" in str(made)) == bool(said)
    assert ("add to 0" in str(gnn.derive(network, "z", **options))) == bool(said)
    if said:
        assert np.max(np.abs(made.gradients["z"].sum(axis=-1))) < 1e-15


def test_the_gradient_of_a_convolutions_input_is_a_full_convolution():
    case = CASES["convolution"]
    made = case.derive()
    remark = next(s.rule for s in made.steps if "full convolution" in s.rule)
    assert remark.startswith(
        "With u = p − i, v = q − j this is ∂L/∂x[p, q] = Σ_{i,j} z̄[i, j]·K[p−i, q−j],"
    )
    signal = pytest.importorskip("scipy.signal")
    expected = signal.convolve2d(case.cotangent, case.at["K"], mode="full")
    assert np.array_equal(made.gradients["x"], expected)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("z[i] = Σ_u K[u] x[i+u]", True),
        ("z[b,i,o] = Σ_{u,c} K[u,c,o] x[b,i+u,c]", True),
        ("z[i] = Σ_u K[u] x[2*i+u]", False),
        ("z[i] = Σ_u K[u] x[i+2*u]", False),
        ("z[i] = Σ_j W[i,j] x[j]", False),
    ],
)
def test_only_a_window_that_moves_by_one_is_called_a_convolution(line, said):
    shapes = {"K": (2, 3, 4), "x": (5, 9, 3)} if "c" in line else {"K": (2,), "x": (9,)}
    shapes = {"W": (3, 9), "x": (9,)} if "W" in line else shapes
    made = gnn.derive(gnn.parse(line, shapes=shapes).graph)
    assert ("full convolution" in str(made)) == said


@pytest.mark.parametrize("digits", [2, 5])
def test_digits_are_those_asked_for(digits):
    made = CASES["one neuron"].derive(digits=digits)
    a = {2: "0.73", 5: "0.73106"}[digits]
    assert f"a = σ(z) = σ(1) = {a}" in "\n".join(lines(made))


def test_ascii_text_is_ascii():
    for case in CASES.values():
        assert case.derive().text(ascii=True).isascii()


def test_windows_of_integers_stay_exact():
    x = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 3, 1], [0, 1, 5, 2]]
    text = (
        "y[i,j] max= x[2*i+u, 2*j+v] for u < 2, v < 2;"
        "m[i,j] += x[2*i+u, 2*j+v]/9 for u < 2, v < 2;"
        "z[i,j] += x[i+u-1, j+v-1] for u < 3, v < 3, i < 4, j < 4;"
        "L = sum(y) + sum(m) + sum(z)"
    )
    said = str(gnn.derive(gnn.parse(text, {"x": (4, 4)}).graph, at={"x": x}))
    for shown, bounds in (
        ("[6 8; 9 5]", "for u < 2, v < 2"),
        ("[5/3 7/3; 4/3 11/9]", "for u < 2, v < 2"),
        ("[15 24 30 21; 26 38 36 25; 23 38 35 26; 12 20 14 11]", "for i < 4, j < 4, u < 3, v < 3"),
    ):
        assert re.search(rf"= {re.escape(shown)} +{bounds}\n", said)


def test_a_reshape_below_a_tensor_output_stays_in_symbols():
    made = gnn.derive(
        gnn.parse("y = reshape(x; shape=(4,))", {"x": (2, 2)}).graph, at={"x": [[1, 2], [3, 4]]}
    )
    assert "∂L/∂x = reshape(ȳ, shape=(2, 2))" in str(made)
