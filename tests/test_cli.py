"""The command line: every row of the first ten minutes that is about it, and hostile input."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graphnn.cli import main
from graphnn.cli.run import SHORT, arranged

ROOT = Path(__file__).parent.parent
NEURON = "z = w*x + b; a = sigmoid(z); L = (y - a)**2 / 2"
AT = ["x=2", "y=1", "w=0.5", "b=0"]
CASE_1 = """\
Forward
  z = w·x + b    = 0.5·2 + 0      = 1
  a = σ(z)       = σ(1)           = 0.731
  L = (y − a)²/2 = (1 − 0.731)²/2 = 0.0362

Backward, from L inwards
  ∂L/∂a = −(y − a) = −(1 − 0.731)      = −0.269    power rule, inner derivative −1
  ∂a/∂z = a(1 − a) = 0.731·(1 − 0.731) = 0.197     σ′ = σ(1 − σ)
  ∂z/∂w = x        = 2                             linear in w

Chain rule
  ∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w
        = −(y − a) · a(1 − a) · x
        = −0.269 · 0.197 · 2
        = −0.106
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """What one command prints."""

    def runs(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        assert code == 0, err
        assert err == ""
        return out

    return runs


@pytest.fixture
def fails(capsys):
    """The error of one command: exit code 2, nothing on stdout, one line before any caret."""

    def runs(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        first, *place = err.splitlines()
        assert first.startswith("graphnn: ")
        assert all(line.startswith("  ") for line in place)
        assert "Traceback" not in err
        assert "internal error" not in err
        return err

    return runs


def shell(*words, stdin=b"", **more):
    return subprocess.run(
        [sys.executable, "-m", "graphnn.cli", *words],
        input=stdin, capture_output=True, timeout=60, check=False, env=environment(), **more,
    )  # fmt: skip


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


# ---- help --------------------------------------------------------------------------------------


def test_alone_it_shows_three_examples_that_work(run):
    shown = run()
    assert shown == SHORT
    examples = [line.strip() for line in shown.splitlines() if line.startswith("  graphnn ")]
    assert len(examples) == 3
    for example in examples:
        assert run(*shlex.split(example)[1:])


@pytest.mark.parametrize("command", ["derive", "draw", "compile", "tour"])
def test_help_of_each_command(run, command):
    assert f"graphnn {command}" in run(command, "--help")
    assert command in run("--help")


def test_the_examples_in_the_help_work(run):
    for command in ("derive", "draw", "compile"):
        examples = re.findall(r"^\s+(graphnn .*)$", run(command, "--help"), re.MULTILINE)
        assert examples
        for example in examples:
            run(*shlex.split(example)[1:])


def test_version(run):
    assert re.fullmatch(r"graphnn \d+\.\d+\.\d+\n", run("--version"))


def test_help_imports_neither_sympy_nor_graphviz():
    code = (
        "import sys; from graphnn.cli import main; main(['--help']); "
        "print([m for m in ('sympy', 'graphviz', 'networkx', 'viz', 'codegen') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert found.stdout.splitlines()[-1] == "[]"


# ---- derive ------------------------------------------------------------------------------------


def test_one_neuron(run):
    assert run("derive", NEURON, *AT, "--wrt", "w") == CASE_1


def test_case_1_as_utf_8_through_a_pipe():
    found = shell("derive", NEURON, *AT, "--wrt", "w")
    assert (found.returncode, found.stdout.decode(), found.stderr) == (0, CASE_1, b"")


def test_an_expression_is_the_output_f_and_all_leaves_are_differentiated(run):
    shown = run("derive", "x*y + sin(x)", "x=2", "y=3")
    assert "∂f/∂x" in shown
    assert "= 2.58 " in shown
    assert re.search(r"∂f/∂y .*\n *= 1 · x\n *= 1 · 2\n *= 2\n", shown)


def test_one_statement_gets_links(run):
    shown = run("derive", "L = (y - sigmoid(w*x + b))^2/2", *AT, "--wrt", "w")
    assert shown == CASE_1


def test_what_slides_print(run):
    shown = run("derive", "ŷ = σ(w·x + b); L = ½(y − ŷ)²", *AT, "--wrt", "w")
    assert "∂L/∂w = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂w" in shown
    assert shown.endswith("= −0.106\n")


@pytest.mark.parametrize(
    "words", [["x=2,y=1", "w=1/3"], ["x", "=", "2", "y=1", "w", "=1/3"], ["x=2", "y= 1", "w=1/3"]]
)
def test_spellings_of_values(run, words):
    shown = run("derive", "L = (y - w*x)^2", *words, "--wrt", "w")
    assert "1/3·2" in shown


def test_an_option_without_its_value_is_named(capsys):
    assert main(["derive", "L = x^2", "--wrt"]) == 2
    assert capsys.readouterr().err == (
        "graphnn: --wrt needs a value: graphnn COMMAND --help says which\n"
    )


def test_a_small_value(run):
    assert "0.001·2" in run("derive", "w*x", "w=1e-3", "x=2")


def test_arrays_give_shapes(run):
    shown = run("derive", "z = W@x; L = sum(z^2)", "W=[[1,2],[3,4]]", "x=[1,-1]", "--wrt", "W")
    assert re.search(r"z +\(2,\) = W ?x += \(−1, −1\)", shown)


def test_an_array_from_a_file(run, tmp_path):
    np.savez(tmp_path / "batch.npz", x=np.array([1.0, 2.0]))
    assert "(2,)" in run("derive", "z = 2*x; L = sum(z)", "x=@batch.npz")


def test_no_values(run):
    shown = run("derive", NEURON, "--wrt", "w")
    assert "−(y − a) · a(1 − a) · x" in shown
    assert "0." not in shown


def test_some_values_missing(run, fails):
    words = ["derive", NEURON, "x=2", "w=1"]
    shown = run(*words)
    assert shown.splitlines()[0].strip() == "No value for b, y: the derivation is in symbols."
    assert "no value for b, y" in fails(*words, "--numbers")


def test_numbers_with_every_value(run):
    assert run("derive", NEURON, *AT, "--wrt", "w", "--numbers") == CASE_1


def test_a_value_of_what_is_computed(fails):
    said = fails("derive", NEURON, *AT, "z=1")
    assert "z is computed by the statement" in said
    assert "leave" in said


def test_an_unknown_wrt(fails):
    assert "did you mean w?" in fails("derive", "L = (w*x)^2", "--wrt", "W")
    assert "names nothing" in fails("derive", "x*y", "--wrt", "")


def test_wrt_of_an_intermediate_value_and_of_two(run):
    assert re.search(r"δ := ∂L/∂z\s+= ∂L/∂a · ∂a/∂z", run("derive", NEURON, "--wrt", "z"))
    shown = run("derive", NEURON, "--wrt", "w,b")
    assert shown == run("derive", NEURON, "--wrt", "w", "--wrt", "b")
    assert "∂L/∂w =" in shown
    assert "∂L/∂b =" in shown
    assert "∂L/∂x =" not in shown


def test_a_flat_step(run):
    shown = run("derive", "y = step(w*x + b)", "w=1", "x=2", "b=0", "--wrt", "w")
    assert "step is flat" in shown
    assert "σ" in shown


def test_used_before_its_definition(fails):
    said = fails("derive", "a = sigmoid(z); z = w*x")
    assert "used before its definition in line 1; move it up" in said
    assert said.splitlines()[2].index("^") == said.splitlines()[1].index("z)")


def test_a_name_of_its_own(fails):
    assert "--lr" in fails("derive", "w = w - 0.1*g")


@pytest.mark.parametrize("name", ["λ", "lambda"])
def test_greek_names(run, name):
    assert "∂f/∂W" in run("derive", f"{name}*sum(W^2)", "W=[1,2]", f"{name}=0.1")


def test_an_unknown_function(fails):
    said = fails("derive", "y + sigmod(x)")
    assert "did you mean sigmoid?" in said
    assert said.splitlines()[2].index("^") == said.splitlines()[1].index("sigmod")


def test_a_leading_minus_is_no_option(run):
    shown = run("derive", "-y*log(a)", "y=1", "a=0.5")
    assert "f = −y·log(a)" in shown
    assert run("derive", "x*y", "x=-2", "y=3") == run("derive", "x*y", "x", "=", "-2", "y=3")
    assert run("derive", "--wrt", "x", "--", "-x*y") == run("derive", "-x*y", "--wrt=x")


def test_arranged_keeps_the_values_of_options():
    options = {"--lr": True, "--index": False, "-o": True}
    words = ["-x", "--lr", "-1", "a=1", "--index", "-", "-o", "-x", "--lr=2", "--", "--lr"]
    assert arranged(words, options) == [
        "--lr", "-1", "--index", "-o", "-x", "--lr=2", "--", "-x", "a=1", "-", "--lr",
    ]  # fmt: skip


def test_a_tensor_output(run, fails):
    conv = ["derive", "z[i,j] += K[u,v]*x[i+u,j+v]"]
    at = ["K=[[1,0],[0,-1]]", "x=[[1,2,3],[4,5,6],[7,8,9]]"]
    symbols = run(*conv, *at, "--wrt", "K")
    assert "∂L/∂K[u, v] = Σ_{i,j} z̄[i, j]·x[i+u, j+v]" in symbols
    numbers = run(*conv, *at, "--wrt", "K", "--cotangent", "z=[[1,2],[0,-1]]")
    assert numbers.endswith("= [0 2; 6 8]\n")
    assert "z=VALUE" in fails(*conv, *at, "--cotangent", "q=[[1,2],[0,-1]]")


def test_assume(run, fails):
    words = ["derive", "p = softmax(z); L = -sum(y*log(p))", "z=[1,2,0.5]", "--wrt", "z"]
    shown = run(*words, "y=[0,1,0]", "--assume", "sum(y)=1")
    assert "assumes Σ_i y[i] = 1" in shown
    assert re.search(r"= \(0.231, −0.371, 0.140\) +its entries add to 0: check\n", shown)
    assert "contradict" in fails(*words, "y=[1,1,0]", "--assume", "sum(y)=1")


def test_a_file_and_standard_input(run, fails, tmp_path, monkeypatch):
    (tmp_path / "net.txt").write_text("\ufeffz = w*x + b  # a comment\na = sigmoid(z)\n"
                                      "L = (y - a)**2 / 2\n", encoding="utf-8")  # fmt: skip
    assert run("derive", "net.txt", *AT, "--wrt", "w") == CASE_1
    found = shell("derive", "-", *AT, "--wrt", "w", stdin=(tmp_path / "net.txt").read_bytes())
    assert found.stdout.decode() == CASE_1
    assert "there is no file nowhere.txt" in fails("derive", "nowhere.txt")
    (tmp_path / "wrong.txt").write_text("z = (w*x\n", encoding="utf-8")
    assert fails("derive", "wrong.txt").startswith("graphnn: wrong.txt: ")
    (tmp_path / "latin.txt").write_bytes(b"\xe9 = w*x\n")
    assert "UTF-8" in fails("derive", "latin.txt")


def test_the_update(run, fails):
    shown = run("derive", NEURON, *AT, "--wrt", "w", "--lr", "0.1")
    assert "w_next = w − 0.1·∂L/∂w = 0.5 − 0.1·(−0.106) = 0.511" in shown
    assert "one number" in fails("derive", "x*y", "--lr", "[1,2]")


def test_modes_details_digits(run, fails):
    assert "one pass for x" in run("derive", "x*y + sin(x)", "--mode", "forward")
    assert "0.7311" in run("derive", NEURON, *AT, "--digits", "4")
    assert "u  = w·x\n  z  = u + b" in run("derive", NEURON, "--detail", "ops")
    assert "Σ" in run("derive", "W@x", "W=[[1,2],[3,4]]", "x=[1,2]", "--index")
    for wrong in (["--mode", "sideways"], ["--detail", "all"], ["--digits", "99"],
                  ["--digits", "three"], ["--assume", "y("], ["--wrtt", "x"]):  # fmt: skip
        fails("derive", "x*y", *wrong)


def test_ascii(run):
    shown = run("derive", NEURON, *AT, "--wrt", "w", "--ascii")
    assert shown.isascii()
    assert "dL/dw = " in shown


def test_a_terminal_that_knows_ascii_alone():
    found = subprocess.run(
        [sys.executable, "-m", "graphnn.cli", "derive", NEURON, "--wrt", "w"],
        capture_output=True, check=True, env={**environment(), "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert b"dL/dw" in found.stdout
    assert b"?" not in found.stdout


# ---- files -------------------------------------------------------------------------------------


def test_every_format(run, tmp_path):
    names = ["d.txt", "d.tex", "d.json", "d.svg", "d.png", "d.pdf"]
    words = [word for name in names for word in ("-o", name)]
    shown = run("derive", NEURON, *AT, "--wrt", "w", *words)
    assert shown == "".join(f"wrote {name}\n" for name in names)
    assert (tmp_path / "d.txt").read_text(encoding="utf-8") == CASE_1
    assert (tmp_path / "d.tex").read_text(encoding="utf-8").startswith("\\documentclass")
    assert json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))["loss"] == "L"
    assert (tmp_path / "d.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "d.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_unknown_suffixes_and_places_write_nothing(fails, tmp_path):
    said = fails("derive", "x*y", "-o", "d.txt", "-o", "d.doc")
    assert all(suffix in said for suffix in (".txt", ".tex", ".json", ".svg", ".png", ".pdf"))
    assert ".svg" in fails("draw", "x*y", "-o", "d.txt")
    assert ".py" in fails("compile", "x*y", "-o", "d.txt")
    for name in ("nowhere/d.txt", "nowhere/d.svg"):
        assert "nowhere" in fails("derive", "x*y", "-o", name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole(run, tmp_path):
    (tmp_path / "d.txt").write_text("before")
    run("derive", NEURON, *AT, "--wrt", "w", "-o", "d.txt")
    assert (tmp_path / "d.txt").read_text(encoding="utf-8") == CASE_1


def test_draw(run, tmp_path):
    assert run("draw", NEURON, *AT) == "wrote graph.svg\n"
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8").startswith("<svg")
    assert run("draw", NEURON, "-o", "a.dot", "-o", "b.svg") == "wrote a.dot\nwrote b.svg\n"
    assert run("draw", "x*y", "x=1") == "wrote graph.svg\n"


def test_compile_writes_a_module_that_checks_itself(run, tmp_path):
    shown = run("compile", NEURON)
    assert shown == "wrote model.py; python model.py checks its gradients\n"
    words = ["p = softmax(W@x + b); L = -sum(y*log(p))", "W=[[1,2],[3,4]]", "x=[1,2]",
             "b=[0,0]", "y=[0,1]", "--wrt", "W", "--wrt", "b", "--dtype", "float32"]  # fmt: skip
    assert "wrote m.py" in run("compile", *words, "-o", "m.py")
    for module, gradients in (("model.py", ["w", "x", "b", "y"]), ("m.py", ["W", "b"])):
        found = subprocess.run(
            [sys.executable, module], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert found.returncode == 0, found.stdout + found.stderr
        error = float(re.search(r"largest relative error (\S+)", found.stdout)[1])
        assert error < 1e-6
        source = (tmp_path / module).read_text(encoding="utf-8")
        assert f"its gradients by name: {', '.join(gradients)}." in source


def test_compile_with_a_rate_writes_a_model_that_learns(run, fails, tmp_path):
    shown = run("compile", "z = W@x + b; L = sum((z - y)^2)", "W=[[1,2],[3,4]]", "x=[1,2]",
                "b=[0,0]", "y=[0,1]", "--lr", "0.1", "-o", "a.py", "-o", "b.py")  # fmt: skip
    assert "x, y are taken for data" in shown
    source = (tmp_path / "a.py").read_text(encoding="utf-8")
    assert source == (tmp_path / "b.py").read_text(encoding="utf-8")
    code = (
        "import a; m = a.Model().init(0, {'W': [[1, 2], [3, 4]], 'b': [0, 0]})\n"
        "print(m.step([1, 2], [0, 1]), m.parameters['b'].tolist())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert found.stdout == "125.0 [-1.0, -2.0]\n"
    assert "--lr takes one number" in fails("compile", NEURON, "--lr", "[1,2]")
    assert "no single number" in fails(
        "compile", "z = W@x", "W=[[1,2],[3,4]]", "x=[1,2]", "--lr", "1"
    )


def test_compile_refuses_an_unknown_dtype(fails):
    assert "float128" in fails("compile", "x*y", "--dtype", "float128")


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["derive"],
        ["deriv", "x*y"],
        ["x*y"],
        ["derive", ""],
        ["derive", "x*y", "x=2", "y=foo"],
        ["derive", "x*y", "x=2", "x=3"],
        ["derive", "x*y", "x=2", "q=3"],
        ["derive", "x*y", "x="],
        ["derive", "x*y", "=2"],
        ["derive", "x*y", "x=@nowhere.npz"],
        ["derive", "sum(x)", "x=[[1,2],[3]]"],
        ["derive", "W@x", "W=[[1,2]]", "x=[1,2,3]"],
        ["derive", "9**9**9"],
        ["derive", "(" * 5000 + "x" + ")" * 5000],
        ["derive", "x*y", "x=" + "[" * 2000 + "1" + "]" * 2000],
        ["derive", "__import__('os').system('echo no')"],
        ["derive", "x.__class__"],
        ["derive", "sum(x*x)", "x=[1,2]", "--mode", "forward"],
        ["derive", "\x00"],
    ],
)
def test_one_line_and_exit_code_2(fails, words):
    fails(*words)


def test_debug_shows_the_traceback(capsys):
    assert main(["derive", "sigmod(x)", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_defect_of_ours_is_one_line_too(capsys, monkeypatch):
    def breaks(*args, **named):
        raise ZeroDivisionError("planted\nhere")

    monkeypatch.setattr("graphnn.derive", breaks)
    assert main(["derive", "x*y"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("graphnn: internal error, ZeroDivisionError: planted here")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["(x^300)^300", "x=2"], "∞"),
        (["exp(x)", "x=1000"], "∞"),
        (["x/y", "x=1", "y=0", "--wrt", "x"], "∞"),
        (["log(x)", "x=-1"], "−1"),
    ],
)
def test_extreme_values_are_shown(run, words, last):
    assert re.search(rf"^  ∂f/∂x .*= {last}( |$)", run("derive", *words), re.MULTILINE)


def test_repeated_squares_of_an_exact_number_end(run):
    squares = ";".join(["a0 = x*x", *(f"a{k} = a{k - 1}*a{k - 1}" for k in range(1, 40))])
    started = time.perf_counter()
    run("derive", squares, "x=1.01")
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize("stdin", [b"(" * 200_000, b"x+" * 40_000 + b"x", b"\xff\xfe", b""])
def test_hostile_standard_input(stdin):
    found = shell("derive", "-", stdin=stdin)
    assert found.returncode in (0, 2)
    assert (found.returncode == 2) == (found.stderr != b"")
    assert b"Traceback" not in found.stderr
    assert b"internal error" not in found.stderr


def test_text_that_is_no_unicode():
    found = shell("derive", b"x\xff*y")
    assert found.returncode == 2
    assert found.stderr.startswith(b"graphnn: ")
    assert b"Traceback" not in found.stderr


def test_a_closed_pipe_ends_quietly():
    many = "+".join(f"sin(x{k})" for k in range(300))
    process = subprocess.Popen(
        [sys.executable, "-m", "graphnn.cli", "derive", many],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_control_c_ends_quietly():
    process = subprocess.Popen(
        [sys.executable, "-m", "graphnn.cli", "derive", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    # more than a pipe holds: written when the command has begun to read
    process.stdin.write(b" " * 300_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, err) == (b"", b"")
    assert process.returncode == 130


def test_stdout_may_be_any_text_stream(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["derive", NEURON, *AT, "--wrt", "w"]) == 0
    assert stream.getvalue() == CASE_1
