"""Derivations as LaTeX: they compile under article, and no line is wider than the page."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings

import graphnn as gnn
from graphnn.cli import main
from graphnn.derivation.latex_prose import prose
from graphnn.derivation.latex_width import width
from graphnn.expression.reader import read_scalar
from graphnn.text import parse
from tests.derivation.networks import scalar_network, tensor_network

needs_tex = pytest.mark.skipif(
    shutil.which("pdflatex") is None,
    reason="pdflatex is not installed: apt-get install texlive-latex-recommended",
)

RECURRENT = """\
h1 = tanh(w_x*x1 + w_h*h0)
o1 = w_o*h1
h2 = tanh(w_x*x2 + w_h*h1)
o2 = w_o*h2
E1 = (y1 - o1)^2/2
E2 = (y2 - o2)^2/2
E = E1 + E2
"""
TWO_LAYERS = "z1 = W1@x + b1; h = σ(z1); z2 = W2@h + b2; ŷ = σ(z2); L = (y - ŷ)^2/2"
MLP = """\
x: (B, 64)
y: (B, 10)
W1: (100, 64)
b1: (100)
W2: (50, 100)
b2: (50)
W3: (10, 50)
b3: (10)
z1 = x @ W1.T + b1
h1 = relu(z1)
z2 = h1 @ W2.T + b2
h2 = relu(z2)
z3 = h2 @ W3.T + b3
L = -mean(sum(y * log_softmax(z3), axis=1))
"""


def shapes_of(at):
    return {name: np.shape(value) for name, value in at.items()}


def mlp_values():
    rng = np.random.default_rng(5)
    sizes = {"x": (7, 64), "W1": (100, 64), "b1": 100, "W2": (50, 100), "b2": 50, "W3": (10, 50)}
    return {n: rng.normal(size=s) / 8 for n, s in sizes.items()} | {
        "b3": np.zeros(10),
        "y": np.eye(10)[rng.integers(0, 10, 7)],
    }


def case(text, at=None, *, symbols=False, **more):
    shapes = shapes_of(at or {})
    loss = parse(text, shapes).loss
    return gnn.derive(loss, at=None if symbols else at, **more)


ONE = {"x": 2, "y": 1, "w": 0.5, "b": 0}
CASES = {
    "one neuron": lambda: case("z = w*x + b; a = sigmoid(z); L = (y-a)^2/2", ONE, lr=0.1),
    "one neuron in symbols": lambda: case("z = w*x + b; a = sigmoid(z); L = (y-a)^2/2"),
    "used twice": lambda: case("f = x*y + sin(x)", {"x": 2, "y": 3}),
    "forward mode": lambda: case("f = x*y + sin(x)", {"x": 2, "y": 3}, mode="forward"),
    "two layers": lambda: case(
        TWO_LAYERS,
        {"x": [0.5, -1], "y": 1, "W1": [[0.1, 0.4], [-0.3, 0.2]], "b1": [0.1, 0],
         "W2": [[0.7, -0.5]], "b2": [0.2]},
        wrt=["W1", "b1", "W2", "b2"],
    ),
    "softmax": lambda: case(
        "p = softmax(z); L = -sum(y*log(p))", {"z": [1, 2, 0.5], "y": [0, 1, 0]},
        wrt="z", assume=["sum(y)=1"],
    ),
    "softmax in symbols": lambda: case(
        "p = softmax(z); L = -sum(y*log(p))", {"z": [1, 2, 0.5], "y": [0, 1, 0]},
        wrt="z", symbols=True,
    ),
    "convolution": lambda: case(
        "z[i,j] += K[u,v]*x[i+u,j+v]",
        {"K": [[1, 0], [0, -1]], "x": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
        cotangent=[[1, 2], [0, -1]],
    ),
    "two steps in time": lambda: case(
        RECURRENT,
        {"w_x": 0.5, "w_h": 0.8, "w_o": 1.2, "h0": 0, "x1": 1, "x2": -0.5, "y1": 0.3, "y2": 0.4},
        wrt=["w_x", "w_h"],
    ),
    "stabilised": lambda: case(
        "p = softmax(z); a = 1/(1 + exp(-z)); r = where(z > 0, sqrt(z), 0);"
        "L = log(sum(exp(z))) - sum(log(p)) + sum(log(1 + exp(z)) + log(a) + r)"
        " + mean(z^2) - mean(z)^2 + sum(z*log(1 + z))",
        {"z": [0.5, 1, 2]},
    ),
    "MLP": lambda: gnn.derive(parse(MLP).loss, ["W1", "b1", "W2", "b2", "W3", "b3"]),
    "MLP with numbers": lambda: case(MLP, mlp_values(), lr=0.1),
    "index notation": lambda: gnn.derive(parse(MLP).loss, ["W3", "b1"], index=True),
    "a flat step": lambda: case("y = step(w*x + b)", {"w": 1, "x": 2, "b": 0}),
    "a long sum": lambda: case("L = (" + " + ".join(f"w{k}*x{k}" for k in range(30)) + ")^2/2"),
    "a long sum with numbers": lambda: case(
        "L = sin(" + " + ".join(f"w{k}*x{k}" for k in range(20)) + ")",
        {f"{n}{k}": (-1) ** k * (k + 1) / 7 for k in range(20) for n in "wx"}, wrt=["w3"], digits=9,
    ),
    "long names": lambda: case(
        "prediction_of_the_model = weight_hidden * some_input_value + offset_of_output;"
        "squared_error_loss = (target_value - prediction_of_the_model)^2/2"
    ),
    "wide matrices": lambda: case(
        "C = A @ B; L = sum(C ⊙ C)",
        {"A": (np.arange(16).reshape(4, 4) / 7).tolist(), "B": np.full((4, 4), 1e-9).tolist()},
        digits=6,
    ),
    "not finite": lambda: case("L = exp(x)*y", {"x": 1000, "y": -1}),
}  # fmt: skip


def complaints(source, folder):
    """What pdflatex says of errors and of lines that are too wide; pages are left in `folder`."""
    (folder / "made.tex").write_text(source, encoding="utf-8")
    found = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "made.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=120,
    )  # fmt: skip
    wrong = re.findall(r"^(?:!|Overfull|.*undefined|Missing character).*$", found.stdout, re.M)
    return wrong or ([] if found.returncode == 0 else [found.stdout[-500:]])


@needs_tex
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_document_compiles_and_fits(name, tmp_path):
    assert complaints(CASES[name]().latex(document=True), tmp_path) == []


@needs_tex
def test_the_table_of_functions_compiles_and_fits(capsys, tmp_path):
    assert main(["functions", "--latex"]) == 0
    assert complaints(capsys.readouterr().out, tmp_path) == []


@needs_tex
def test_complaints_sees_what_is_planted(tmp_path):
    good = CASES["one neuron"]().latex(document=True)
    wide = good.replace("0.0362", "0" * 120)
    broken = good.replace(r"\frac", r"\nofrac")
    assert any("Overfull" in line for line in complaints(wide, tmp_path))
    assert complaints(broken, tmp_path)


@needs_tex
def test_random_networks_compile_and_fit(tmp_path_factory):
    bodies = []

    @settings(max_examples=25)
    @given(scalar_network())
    def scalars(made):
        text, at = made
        add(parse(text).loss, at)

    @settings(max_examples=25)
    @given(tensor_network())
    def tensors(made):
        text, shapes, at = made
        add(parse(text, shapes).loss, at)

    def add(loss, at):
        with np.errstate(all="ignore"):
            source = gnn.derive(loss, at=at).latex(document=True)
        bodies.append(source.partition("\\begin{document}\n")[2].rpartition("\\end{document}")[0])

    scalars()
    tensors()
    assert len(bodies) >= 40
    head = CASES["one neuron"]().latex(document=True).partition("\\begin{document}\n")
    source = head[0] + head[1] + "\n".join(bodies) + "\\end{document}\n"
    assert complaints(source, tmp_path_factory.mktemp("tex")) == []


def test_one_neuron_line_by_line():
    made = case("z = w*x + b; a = sigmoid(z); L = (y-a)^2/2", ONE, wrt="w")
    assert (
        made.latex()
        == r"""\subsection*{\boldmath Forward}
\begin{alignat*}{5}
& z && = w \cdot x + b && \; = 0.5 \cdot 2 + 0 && \; = 1 \\
& a && = \sigma(z) && \; = \sigma(1) && \; = 0.731 \\
& L && = \frac{(y - a)^{2}}{2} && \; = \frac{(1 - 0.731)^{2}}{2} && \; = 0.0362
\end{alignat*}

\subsection*{\boldmath Backward, from $L$ inwards}
\begin{alignat*}{5}
& \frac{\partial L}{\partial a} && = -(y - a) && \; = -(1 - 0.731) && \; = -0.269 && \quad \text{\small power rule, inner derivative $-1$} \\
& \frac{\partial a}{\partial z} && = a\,(1 - a) && \; = 0.731 \cdot (1 - 0.731) && \; = 0.197 && \quad \text{\small $\sigma'$ = $\sigma$(1 $-$ $\sigma$)} \\
& \frac{\partial z}{\partial w} && = x && && \; = 2 && \quad \text{\small linear in $w$}
\end{alignat*}

\subsection*{\boldmath Chain rule}
\begin{alignat*}{3}
& \frac{\partial L}{\partial w} && = \frac{\partial L}{\partial a} \cdot \frac{\partial a}{\partial z} \cdot \frac{\partial z}{\partial w} \\*
& && = -(y - a) \cdot a\,(1 - a) \cdot x \\*
& && = -0.269 \cdot 0.197 \cdot 2 \\*
& && = -0.106
\end{alignat*}
"""
    )


def test_a_fragment_is_the_middle_of_the_document():
    made = CASES["two layers"]()
    assert made.latex() in made.latex(document=True)
    assert "documentclass" not in made.latex()
    for package in ("amsmath", "amssymb", "geometry"):
        assert f"{{{package}}}" in made.latex(document=True)


def test_definitions_and_shapes():
    made = CASES["two layers"]().latex()
    assert r"\delta_{2} && \mathrel{\mathop:}= \frac{\partial L}{\partial z_{2}}" in made
    assert r"\in \mathbb{R}^{2 \times 2}" in made
    assert r"\in \mathbb{R}^{B \times 10}" in CASES["MLP"]().latex()


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("linear in a", "linear in $a$"),
        ("a constant factor stays", "a constant factor stays"),
        ("x_1 & 50% of $3 #{}", r"$x_{1}$ \& 50\% of \$3 \#\{\}"),
        ("~^" + chr(92), r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("σ′ = σ(1 − σ)", r"$\sigma'$ = $\sigma$(1 $-$ $\sigma$)"),
        ("assumes Σ_i y[j, i] = 1", r"assumes $\sum_{i}y_{j,i}$ = 1"),
        ("δ_{i,j} and δ_ij", r"$\delta_{i,j}$ and $\delta_{ij}$"),
        ("W₂'s index: W₂[k, m]·h[m]", r"$W_{2}$'s index: $W_{2}[k,m]\cdot h_{m}$"),
        ("norm 5.18e−4", r"norm $5.18 \times 10^{-4}$"),
        ("中\x07文", "???"),
    ],
)  # fmt: skip
def test_prose(text, made):
    assert prose(text, {"a", "y", "x1"}) == made


def test_width_grows_with_what_is_written():
    texts = ["x", "x*y", "x*y + z", "sin(x*y + z)", "sin(x*y + z)^2/2 + w", "sin(x*y + z)*exp(w*b)"]
    widths = [width(read_scalar(text)) for text in texts]
    assert widths == sorted(widths)
    assert widths[0] < widths[1]
    assert width(read_scalar("(a+b+c+d)/(a+b)")) < width(read_scalar("a+b+c+d + (a+b)"))


def test_what_the_program_computes_is_set_as_mathematics():
    made = CASES["stabilised"]().latex()
    block = made[made.index("What the program computes") :]
    assert r"\log(1 + \exp(z)) && = \operatorname{softplus}(z)" in block
    assert " as softplus" not in block
    assert r"Its gradients by $z$ agree with these" in block
