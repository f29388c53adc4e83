"""The first ten minutes: what people type before they have read anything, a test for each row.

On the command line an error is one line on stderr (and a caret) with exit code 2; in Python it is
an exception whose last line names the user's own line.
"""

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codegen
import graphnn as gnn
import viz
from graphnn.cli import main
from viz import layout

ROOT = Path(__file__).parent.parent
ONE_STATEMENT = "L = (y - sigmoid(w*x + b))^2/2"
AT = ["x=2", "y=1", "w=0.5", "b=0"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def typed(capsys):
    """What a command prints; it ends well and says nothing else."""

    def run(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def refused(capsys):
    """The line in which a command is refused, and the place below it."""

    def run(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        first, *place = err.splitlines()
        assert first.startswith("graphnn: ")
        assert "internal error" not in first
        assert len(place) in (0, 2)
        assert all(row.startswith("  ") for row in place)
        return err

    return run


def python(*words, folder, **more):
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}, **more,
    )  # fmt: skip


@pytest.fixture
def neuron():
    w, b = gnn.parameter("w"), gnn.parameter("b")
    x, y = gnn.input("x"), gnn.input("y")
    return {"w": w, "b": b, "x": x, "y": y, "L": (y - gnn.sigmoid(w * x + b)) ** 2 / 2}


# ---- the command line --------------------------------------------------------------------------


def test_graphnn_alone(typed):
    examples = re.findall(r"^  graphnn (.*)$", typed(), re.MULTILINE)
    assert len(examples) == 3
    assert all(typed(*shlex.split(example)) for example in examples)


def test_an_expression_without_a_name(typed):
    shown = typed("derive", "x*y + sin(x)", "x=2", "y=3")
    assert "f = u + v" in shown
    assert "∂f/∂x" in shown
    assert "∂f/∂y" in shown


def test_one_statement_gets_links(typed):
    assert "∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w" in typed("derive", ONE_STATEMENT, *AT)
    taken = typed("derive", "L = (z - sigmoid(a*x + b))^2/2", "--wrt", "a")
    assert "∂L/∂a = ∂L/∂a₁ · ∂a₁/∂z₁ · ∂z₁/∂a" in taken


def test_what_slides_print(typed):
    shown = typed("derive", "ŷ = σ(w·x + b); L = ½(y − ŷ)²", *AT, "--wrt", "w")
    assert shown.endswith("= −0.106\n")
    assert "θ" in typed("derive", "f = α × θ − x₁²")


@pytest.mark.parametrize(
    "words", [["w=1/3", "x=2,y=1"], ["w = 1/3", "x = 2", "y = 1"], ["w=1/3", "x=2e0", "y=1e0"]]
)
def test_values_in_many_spellings(typed, words):
    assert "1/3·2" in typed("derive", "L = (y - w*x)^2", *words, "--wrt", "w")


def test_values_that_are_arrays(typed):
    np.savez("batch.npz", x=np.array([1.0, -1.0]))
    shown = typed("derive", "h = W@x + z[0:2]", "z=[1,2,0.5]", "W=[[1,2],[3,4]]", "x=@batch.npz")
    assert "= (0, 1)" in shown


def test_no_values_at_all(typed):
    shown = typed("derive", ONE_STATEMENT)
    assert "−(y − a) · a(1 − a) · x" in shown
    assert "No value" not in shown


def test_some_values_missing(typed, refused):
    shown = typed("derive", ONE_STATEMENT, "x=2", "w=1")
    assert shown.count("No value for b, y") + shown.count("No value for y, b") == 1
    said = refused("derive", ONE_STATEMENT, "x=2", "w=1", "--numbers")
    assert "no value for" in said
    assert {"b", "y"} <= set(re.findall(r"\w+", said))


def test_shapes_of_what_is_missing(typed):
    shown = typed("derive", "p = softmax(z); L = -sum(y*log(p))", "z=[1,2,0.5]", "--wrt", "z")
    assert "Shapes taken from what stands beside: y: (3,)" in shown
    assert "p[i]·Σ_j y[j] − y[i]" in shown
    declared = typed("derive", "y: (); p = softmax(z); L = -sum(y*log(p))", "z=[1,2,0.5]")
    assert "Shapes taken" not in declared


def test_a_value_of_what_is_computed(refused):
    said = refused("derive", "z = w*x; L = z^2", "z=1")
    assert "z is computed by the statement z = w*x; leave it out" in said


def test_wrt_of_an_unknown_name(refused):
    assert "no W; did you mean w?" in refused("derive", "L = (w*x)^2", "--wrt", "W")


def test_wrt_of_an_intermediate_value(typed):
    shown = typed("derive", "z = W@x; L = sum(z^2)", "W=[[1,2],[3,4]]", "x=[1,2]", "--wrt", "z")
    assert "∂L/∂z" in shown
    delta = typed(
        "derive", "z = W@x; a = tanh(z); L = sum(a^2)", "x=[1,2]", "--wrt", "z", "--wrt", "W"
    )
    assert "δ" in delta


def test_a_step_is_flat(typed):
    shown = typed("derive", "y = step(w*x + b)", "x=2", "w=1", "b=0", "--wrt", "w")
    assert "step is flat" in shown
    assert "σ" in shown
    assert shown.endswith("= 0\n")


def test_used_before_its_definition(refused):
    said = refused("derive", "a = sigmoid(z); z = w*x")
    assert "used before its definition in line 1; move it up" in said
    row, mark = said.splitlines()[1:]
    assert row[mark.index("^")] == "z"


def test_a_result_with_the_name_of_an_input(refused):
    said = refused("derive", "w = w - 0.1*g")
    assert "w is already an input" in said
    assert "(w1 = …)" in said
    assert "--lr" in said


@pytest.mark.parametrize("name", ["λ", "lambda"])
def test_greek_letters_are_names(typed, name):
    assert "2·λ·W" in typed("derive", f"{name}*sum(W^2)", f"{name}=0.1", "W=[1,2]", "--wrt", "W")


def test_an_unknown_function(refused):
    said = refused("derive", "y + sigmod(x)")
    assert "unknown function sigmod; did you mean sigmoid?" in said
    row, mark = said.splitlines()[1:]
    assert row[mark.index("^") :] == "sigmod(x)"


def test_a_leading_minus(typed):
    shown = typed("derive", "-y*log(a)", "y=1", "a=0.5", "--wrt", "a")
    assert "f = −y·log(a)" in shown
    assert "−2" in typed("derive", "x*y", "x=-2", "y=3", "--wrt", "y")


def test_a_tensor_output(typed):
    words = [
        "derive",
        "z[i,j] += K[u,v]*x[i+u,j+v]",
        "K=[[1,0],[0,-1]]",
        "x=[[1,2,3],[4,5,6],[7,8,9]]",
    ]
    assert "z̄[i, j]" in typed(*words, "--wrt", "K")
    assert "= [0 2; 6 8]" in typed(*words, "--wrt", "K", "--cotangent", "z=[[1,2],[0,-1]]")


def test_assumptions(typed, refused):
    words = ["derive", "p = softmax(z); L = -sum(y*log(p))", "z=[1,2,0.5]", "--wrt", "z"]
    assert "p[i] − y[i]" in typed(*words, "y=[0,1,0]", "--assume", "sum(y)=1")
    assert "contradict" in refused(*words, "y=[1,1,0]", "--assume", "sum(y)=1")


def test_a_file_and_standard_input(typed, tmp_path, monkeypatch):
    Path("net.txt").write_text("z = w*x\nL = z^2\n", encoding="utf-8")
    shown = typed("derive", "net.txt", "w=1", "x=2")
    text = io.TextIOWrapper(io.BytesIO(b"z = w*x\nL = z^2\n"))
    monkeypatch.setattr(sys, "stdin", text)
    assert typed("derive", "-", "w=1", "x=2") == shown


@pytest.mark.parametrize("suffix", [".txt", ".tex", ".json", ".svg", ".png", ".pdf"])
def test_output_files(typed, suffix):
    assert typed("derive", "x*y", "x=2", "y=3", "-o", f"d{suffix}") == f"wrote d{suffix}\n"
    assert [path.name for path in Path().iterdir()] == [f"d{suffix}"]


def test_an_unknown_suffix(refused):
    said = refused("derive", "x*y", "-o", "d.doc")
    assert all(known in said for known in (".txt", ".tex", ".json", ".svg", ".png", ".pdf"))


def test_draw_without_an_output_file(typed):
    assert typed("draw", ONE_STATEMENT) == "wrote graph.svg\n"
    assert Path("graph.svg").is_file()


def test_compile_and_run(typed, tmp_path):
    typed("compile", ONE_STATEMENT, "-o", "m.py")
    found = python("m.py", folder=tmp_path)
    assert found.returncode == 0
    assert float(re.search(r"largest relative error (\S+)", found.stdout)[1]) < 1e-6


def test_compile_a_tensor(typed, refused, tmp_path):
    words = ["compile", "z = W@x", "W=[[1,2],[3,4]]", "x=[1,2]", "-o", "m.py"]
    assert "z is no single number: no gradients" in typed(*words)
    assert python("m.py", folder=tmp_path).returncode == 0
    said = refused(*words, "--wrt", "W")
    assert "z has shape (2,)" in said
    assert "L = sum(z), or leave --wrt out" in said


def test_conditions_have_no_derivative(typed, refused):
    assert "f holds bool: conditions and labels have no derivative" in refused("derive", "x > 0")
    assert "f holds int64" in refused("derive", "argmax(x)", "x=[1,2]", "--wrt", "x")
    assert "wrote model.py" in typed("compile", "x > 0")
    assert "f holds bool" in refused("compile", "x > 0", "--wrt", "x").replace("has", "holds")


def test_a_learning_rate(typed):
    shown = typed("derive", ONE_STATEMENT, *AT, "--wrt", "w", "--lr", "0.1")
    assert "w_next = w − 0.1·∂L/∂w = 0.5 − 0.1·(−0.106) = 0.511" in shown


def test_a_learning_rate_leaves_data_alone(typed):
    shown = typed("derive", ONE_STATEMENT, *AT, "--lr", "0.1")
    assert re.findall(r"(\w+)_next =", shown) == ["w", "b"]
    assert "y, x are taken for data" in shown
    assert "x_next" in typed("derive", "x^2 + y", "x=1", "y=2", "--lr", "0.1")


def test_a_label_picks_an_element(typed, refused):
    words = ["derive", "p = softmax(z); L = -log(p[y])", "z=[1,2,0.5]", "--wrt", "z"]
    assert "= (0.231, −0.371, 0.140)" in typed(*words, "y=1")
    assert "y = 7 is out of range: the table has 3 rows, 0 to 2" in refused(*words, "y=7")
    assert "takes integers" in refused(*words, "y=0.5")


def test_a_network_of_a_hundred_lines(typed):
    lines = ["h0 = tanh(W0@x)"]
    lines += [f"h{k} = tanh(W{k}@h{k - 1})" for k in range(1, 99)] + ["L = sum(h98)"]
    Path("net.txt").write_text("\n".join(lines), encoding="utf-8")
    eye = np.eye(6) / 2
    np.savez("values.npz", x=np.ones(6), **{f"W{k}": eye for k in range(99)})
    values = [f"{name}=@values.npz" for name in ("x", *(f"W{k}" for k in range(99)))]
    shown = typed("derive", "net.txt", *values, "--wrt", "W0", "--wrt", "W98")
    assert re.search(r"\(6×6\), norm \S+, first \S+", shown)
    assert max(map(len, shown.splitlines())) < 400


# ---- Python ------------------------------------------------------------------------------------


def test_operators_work_from_both_sides():
    W, x = gnn.input("W", (3, 4)), gnn.input("x")
    assert (np.ones((2, 3)) @ W).shape == (2, 4)
    assert gnn.evaluate(2 * x, x=3) == 6
    assert gnn.evaluate(x**2, x=3) == 9
    assert gnn.evaluate(np.float64(2) - x, x=3) == -1


def test_a_node_in_a_condition(neuron):
    with pytest.raises(TypeError, match=r"no value while the graph is built; use gnn\.where"):
        if neuron["x"] > 0:
            pass
    with pytest.raises(TypeError, match=r"use gnn\.evaluate"):
        float(neuron["x"])


@pytest.mark.parametrize(
    ("function", "own"),
    [(np.exp, "exp"), (np.sum, "sum"), (np.mean, "mean"), (np.max, "max"), (np.abs, "abs"),
     (np.dot, "matmul"), (np.concatenate, "concat"), (np.reshape, "reshape")],
)  # fmt: skip
def test_numpys_functions(function, own):
    v = gnn.input("v", (3,))
    rest = {np.dot: (v,), np.reshape: ((3, 1),)}.get(function, ())
    with pytest.raises(TypeError, match=rf"^np\.\w+ cannot be applied to a node; use gnn\.{own} "):
        function([v] if function is np.concatenate else v, *rest)


def test_methods_of_arrays():
    with pytest.raises(AttributeError, match=r"use gnn\.sum\(node"):
        gnn.input("v", (3,)).sum()
    with pytest.raises(AttributeError, match=r"use gnn\.grad\(L, node\)"):
        gnn.input("v", (3,)).backward()


def test_equality_is_identity(neuron):
    x, y = neuron["x"], neuron["y"]
    assert x in [y, x]
    assert (x == x, x == y) == (True, False)
    with pytest.raises(TypeError, match=r"use gnn\.equal"):
        x == 1  # noqa: B015
    assert gnn.evaluate(gnn.equal(x, y), x=1, y=1)


def test_grad_by_name_by_list_and_by_nothing(neuron):
    loss, w, b = neuron["L"], neuron["w"], neuron["b"]
    assert isinstance(gnn.grad(loss, "w"), gnn.Handle)
    assert list(gnn.grad(loss, [w, b])) == ["w", "b"]
    assert list(gnn.grad(loss)) == ["w", "b"]
    assert isinstance(gnn.grad(gnn.Graph({"L": loss}), "w"), gnn.Handle)
    with pytest.raises(gnn.GraphError, match=r"no W; did you mean w\?"):
        gnn.grad(loss, "W")
    with pytest.raises(gnn.GraphError, match="wrt takes names and nodes; 3 was given"):
        gnn.grad(loss, 3)


def test_grad_of_what_is_no_scalar():
    v, w = gnn.input("v", (3,)), gnn.parameter("w")
    with pytest.raises(gnn.ShapeError, match=r"\(3,\).*cotangent=.*gnn\.sum"):
        gnn.grad(v * w, w)
    with pytest.raises(gnn.DtypeError, match=r"bool: conditions .* gnn\.where"):
        gnn.grad(w > 0, w)


def test_a_parameter_that_the_loss_does_not_depend_on(neuron):
    W = gnn.parameter("W", (2, 3))
    loss = gnn.name("L", neuron["L"])
    with pytest.warns(gnn.Remark, match="L does not depend on W: its gradient is zeros") as caught:
        gradient = gnn.grad(loss, W)
    assert caught[0].filename == __file__
    assert gnn.evaluate(gradient).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_leaf_that_a_derivation_does_not_depend_on(typed):
    assert "does not depend on x (no path)" in typed("derive", "u = x^2; L = y^2", "--wrt", "x")


def test_compiled_by_position_and_by_name(neuron):
    f = codegen.compile({"L": neuron["L"]})
    assert set(f(2, 1, 0.5, 0)) == {"L"}
    assert f(w=0.5, x=2, b=0, y=1)["L"] == pytest.approx(0.0362, abs=1e-4)
    with pytest.raises(gnn.ValueMissing, match=r"no value for w, b, y; leaves: w \(\), "):
        f(x=2)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_is_fed_is_converted(compiled):
    v = gnn.input("v", (2,), "float32")
    run = (
        codegen.compile({"s": v * 2}) if compiled else lambda **fed: gnn.evaluate({"s": v * 2}, fed)
    )
    for given in (np.array([1.0, 2.0]), np.array([1, 2]), [1, 2], (1.0, 2), np.float16([1, 2])):
        assert run(v=given)["s"].tolist() == [2.0, 4.0]
    for given in ([1j, 2], ["a", "b"], None):
        with pytest.raises(gnn.GraphError, match=r"v\b"):
            run(v=given)


def test_labels_out_of_range():
    table, t = gnn.input("E", (4, 2)), gnn.input("t", (3,), "int64")
    with pytest.raises(gnn.GraphError, match=r"^t\[1\] = 4 is out of range: the table has 4 rows"):
        gnn.evaluate(gnn.gather(table, t), E=np.ones((4, 2)), t=[0, 4, 9])
    with pytest.raises((gnn.GraphError, IndexError), match="4 is out of range"):
        codegen.compile(gnn.gather(table, t))(E=np.ones((4, 2)), t=[0, 4, 9])


def test_nan_in_the_input():
    x = gnn.input("x", (3,))
    loss = gnn.sum(x * 2)
    assert np.isnan(gnn.evaluate(loss, x=[1, np.nan, 2]))
    with pytest.raises(gnn.GraphError, match=r"^x\[1\] is NaN"):
        gnn.evaluate(loss, x=[1, np.nan, 2], check=True)


def test_where_a_nan_first_arose(typed):
    x = gnn.input("x", (3,))
    u = gnn.name("u", gnn.log(x) * 2)
    line = sys._getframe().f_lineno - 1
    loss = gnn.sum(u)
    assert np.isnan(gnn.evaluate(loss, x=[1, -1, 2]))
    message = rf"NaN first arose in log\[1\], a part of u, of -1 .*{Path(__file__).name}:{line}"
    with pytest.raises(gnn.GraphError, match=message):
        gnn.evaluate(loss, x=[1, -1, 2], check=True)
    assert gnn.evaluate(loss, x=[1, 1, 2], check=True) == pytest.approx(2 * np.log(2))
    shown = typed("derive", "u = 2*x; v = log(u); L = sum(v)", "x=[1,-1,2]")
    assert "NaN first arises in v[1]: v = log(u)." in shown


def test_draw_and_compile_live_elsewhere(neuron):
    with pytest.raises(AttributeError, match=r"viz\.draw\(L\)"):
        gnn.draw(neuron["L"])
    with pytest.raises(AttributeError, match=r"codegen\.compile\(L\)"):
        gnn.compile(neuron["L"])


def test_no_dot_program(neuron, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    layout_of = getattr(layout, "place", None)
    if hasattr(layout_of, "cache_clear"):
        layout_of.cache_clear()
    with pytest.raises(gnn.GraphError) as caught:
        viz.draw(neuron["L"] * 3.25).save("graph.svg")
    assert "\n" not in caught.value.message
    assert all(word in caught.value.message for word in ("apt", "brew", "winget"))


SCRIPT = """\
import numpy as np
import graphnn as gnn

W = gnn.parameter("W", (2, 3))
x = gnn.input("x", (2,))


def forward():
    return {}


forward()
"""


@pytest.mark.parametrize(
    "expression",
    ["W @ x", "gnn.evaluate(W, W=np.ones((3, 2)))", "gnn.grad(gnn.sum(W), 'q')", "np.exp(W)",
     "bool(W)", "gnn.parse('z = w*x', {'q': ()})", "gnn.derive(W, 'q')", "gnn.Graph({'f': 3})",
     "gnn.input('x', (-1,))", "gnn.name('z', 3)"],
)  # fmt: skip
def test_tracebacks_end_at_the_users_line(tmp_path, expression):
    script = tmp_path / "network.py"
    script.write_text(SCRIPT.format(expression), encoding="utf-8")
    found = python("network.py", folder=tmp_path)
    assert found.returncode == 1
    last = [row for row in found.stderr.splitlines() if row and not row.startswith("  inputs:")][-1]
    assert re.match(r"[\w.]+Error: ", last)
    assert re.search(r"\(at \S*network\.py:9\)$", last)
