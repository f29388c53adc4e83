"""The emitted file: what it takes and returns, its names, its bytes, its self-check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import codegen
import graphnn as gnn
from tests.codegen.agreement import close
from tests.codegen.networks import cnn, mlp, neuron, regression

GOLDEN = Path(__file__).parent / "golden"
NETWORKS = {
    "neuron": neuron,
    "mlp": lambda: mlp(4, 5, 3),
    "regression": regression,
    "cnn": cnn,
}


def _run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "utf-8"},
    )


def test_leaves_by_position_follow_the_declaration() -> None:
    f = codegen.compile(neuron())
    assert [leaf.name for leaf in f.plan.leaves] == ["w", "b", "x", "y"]
    by_position, by_name = f(0.5, 0, 2, 1), f(y=1, x=2, b=0, w=0.5)
    assert by_position["L"] == by_name["L"]
    assert by_name["L"].dtype == np.float32
    assert close(by_name["L"], (1 - 1 / (1 + np.exp(-1.0))) ** 2 / 2, 1e-6)


def test_gradients_of_the_neuron() -> None:
    loss, gradients = codegen.compile(neuron(), dtype="float64").loss_and_gradients(0.5, 0, 2, 1)
    a = 1 / (1 + np.exp(-1.0))
    assert list(gradients) == ["w", "b"]
    assert close(loss, (1 - a) ** 2 / 2)
    assert close(gradients["b"], (a - 1) * a * (1 - a))
    assert close(gradients["w"], 2 * (a - 1) * a * (1 - a))


def test_parameters_can_be_chosen() -> None:
    x, y = gnn.input("x", (), "float64"), gnn.input("y", (), "float64")
    f = codegen.compile({"L": x * y}, parameters=["y", "x"])
    loss, gradients = f.loss_and_gradients(x=3, y=5)
    assert (loss, gradients) == (15, {"y": 3, "x": 5})


def test_a_graph_of_gradients_is_a_function_too() -> None:
    w, x = gnn.parameter("w", (), "float64"), gnn.input("x", (), "float64")
    first = gnn.grad(w**3 * x, "w")
    f = codegen.compile({"first": first, "second": gnn.grad(first, "w")})
    assert f(w=2, x=5) == {"first": 60, "second": 60}


def test_what_is_fed_is_converted() -> None:
    x, t = gnn.input("x", (2,)), gnn.input("t", (2,), "int64")
    f = codegen.compile({"x": x * 1, "t": t + 1})
    found = f([1, 2], np.array([3.0, 4.0]))
    assert found["x"].dtype == np.float32
    assert found["t"].tolist() == [4, 5]
    single = codegen.compile({"y": gnn.input("v") * 3})
    assert single(Fraction(1, 2))["y"] == 1.5


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": [1, 2]}, gnn.ValueMissing, r"no value for y; leaves: x \(2,\), y \(\)"),
        ({}, gnn.ValueMissing, r"no value for x, y; leaves: x \(2,\), y \(\)"),
        ({"x": [1, 2], "y": 1, "q": 1}, gnn.ValueMissing, "there is no leaf called q; leaves: x"),
        ({"x": [1, 2, 3], "y": 1}, gnn.ShapeError, r"x has shape \(2,\); an array of shape \(3,\)"),
        ({"x": 1, "y": 1}, gnn.ShapeError, r"x has shape \(2,\); an array of shape \(\) was given"),
        ({"x": [1j, 2], "y": 1}, gnn.DtypeError, "x takes real numbers; complex128 was given"),
        ({"x": ["a", "b"], "y": 1}, gnn.DtypeError, "x takes real numbers; <U1 was given"),
    ],
)
def test_errors_name_the_leaf(given: dict[str, object], error: type, message: str) -> None:
    f = codegen.compile({"z": gnn.input("x", (2,)) * gnn.input("y")})
    with pytest.raises(error, match=message):
        f(**given)


def test_integers_are_not_rounded_silently() -> None:
    f = codegen.compile({"y": gnn.input("t", (1,), "int64") + 1})
    with pytest.raises(gnn.DtypeError, match="t takes integers; an array with fractions"):
        f([0.5])


def test_too_many_positions_and_a_leaf_given_twice() -> None:
    f = codegen.compile({"y": gnn.input("x") * 2})
    with pytest.raises(gnn.ValueMissing, match="2 arrays for 1 leaves"):
        f(1, 2)
    with pytest.raises(gnn.ValueMissing, match="x was given twice"):
        f(1, x=2)


def test_symbolic_sizes_are_bound_and_checked() -> None:
    x, y = gnn.input("x", ("B", "n"), "float64"), gnn.input("y", ("B",), "float64")
    f = codegen.compile({"z": gnn.mean(x, 1) * y, "flat": gnn.reshape(x, -1)})
    for batch, n in ((3, 4), (1, 1), (0, 2)):
        a = np.random.default_rng(0).standard_normal((batch, n))
        b = np.arange(float(batch))
        assert close(f(a, b)["z"], a.mean(1) * b)
        assert close(f(a, b)["flat"], a.ravel())
    with pytest.raises(
        gnn.ShapeError, match=r"y has shape \(B,\); the dimension B is 3 in x, here"
    ):
        f(np.ones((3, 4)), np.ones(2))


def test_sizes_that_are_sums_are_checked() -> None:
    n = gnn.dim("n")
    x, y = gnn.input("x", (n,), "float64"), gnn.input("y", (2 * n + 1,), "float64")
    f = codegen.compile({"z": gnn.sum(x) + gnn.sum(y)})
    assert f([1, 2], np.ones(5))["z"] == 8
    with pytest.raises(gnn.ShapeError, match=r"y has shape \(2\*n\+1,\)"):
        f([1, 2], np.ones(4))
    with pytest.raises(gnn.ShapeError, match="no array binds the size m"):
        codegen.compile({"z": gnn.sum(gnn.input("v", (2 * gnn.dim("m"),)))})


def test_convolution_of_symbolic_images() -> None:
    K = gnn.parameter("K", (3, 3, 2, 4), "float64")
    x = gnn.input("x", ("B", "H", "W", 2), "float64")
    y = gnn.maxpool(gnn.relu(gnn.conv2d(K, x, s=2, p=1)), k=2, s=1)
    loss = gnn.sum(y * y)
    graph = gnn.Graph({"L": loss, **{f"d{n}": g for n, g in gnn.grad(loss, [K, x]).items()}})
    f = codegen.compile(graph, stable=False)
    rng = np.random.default_rng(5)
    for shape in ((2, 7, 8, 2), (1, 4, 5, 2)):
        values = {"K": rng.standard_normal((3, 3, 2, 4)), "x": rng.standard_normal(shape)}
        wanted = gnn.evaluate(graph, **values)
        for name, found in f(**values).items():
            assert close(found, wanted[name]), name


NAMES = [
    "lambda",
    "np",
    "θ",
    "ŷ",
    "W₁",
    "sum",
    "class",
    "forward",
    "self",
    "x'",
    "FLOAT",
    "t1",
    "B",
    "a\"\n'b",
    "é",
]


def test_names_are_quoted_and_mangled() -> None:
    leaves = [gnn.parameter(name, (), "float64") for name in NAMES]
    total = leaves[0]
    for k, leaf in enumerate(leaves[1:], start=2):
        total = total + k * leaf
    batch = gnn.input("data", ("B", "np"), "float64")
    f = codegen.compile(gnn.sgd({"def": total * gnn.sum(batch), "\\": total}, 0.5))
    stored = [leaf.name for leaf in f.plan.leaves]
    values = dict(zip(stored, np.arange(1.0, len(NAMES) + 1), strict=False))
    found = f(**values, data=np.ones((1, 1)))
    wanted = 1 + sum(k * k for k in range(2, len(NAMES) + 1))
    assert found == {"def": wanted, "\\": wanted}
    model = f.init(0, values)
    assert model.step(data=[[1]]) == wanted
    assert model.parameters["lambda"] == 1 - 0.5 * 1
    assert model.parameters["theta"] == 3 - 0.5 * 3


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    hostile = '"""\nimport os\nos._exit(7)\n"""#'
    x = gnn.parameter(hostile, (), "float64")
    f = codegen.compile({hostile: gnn.name("y\nos", x * 2) ** 2})
    assert f(3) == {hostile: 36}
    result = _run(f.save(tmp_path / "model.py"))
    assert result.returncode == 0, result.stderr


def test_outputs_are_arrays_of_their_own() -> None:
    x = gnn.input("x", (3, 2), "float64")
    f = codegen.compile(
        {"same": x, "view": x.T, "row": x[0], "wide": gnn.broadcast_to(x, (2, 3, 2))}
    )
    given = np.arange(6.0).reshape(3, 2)
    found = f(given)
    for value in found.values():
        value[...] = -1
    assert given.ravel().tolist() == list(range(6))


def test_dead_nodes_are_not_emitted() -> None:
    x, y = gnn.input("x", (3,)), gnn.input("y", (3,))
    w = gnn.parameter("w", (3,))
    gradient = gnn.grad(gnn.sum(w * x + gnn.exp(y)), "w")
    source = codegen.compile({"dw": gradient}).source
    assert "np.exp" not in source


def test_the_same_graph_gives_the_same_bytes() -> None:
    script = (
        "import codegen, graphnn as gnn\n"
        "from tests.codegen.networks import mlp\n"
        "import hashlib; print(hashlib.sha256(codegen.compile(mlp(4, 5, 3)).source.encode()).hexdigest())\n"
    )
    root = Path(__file__).resolve().parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root, capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert codegen.compile(mlp(4, 5, 3)).source == codegen.compile(mlp(4, 5, 3)).source


@pytest.mark.parametrize("name", NETWORKS)
def test_golden_source(name: str, request: pytest.FixtureRequest) -> None:
    source = codegen.compile(NETWORKS[name]()).source
    path = GOLDEN / f"{name}.py.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    assert source == path.read_text(encoding="utf-8"), "pytest --update-golden rewrites the file"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_source_is_clean(name: str) -> None:
    source = (GOLDEN / f"{name}.py.txt").read_text(encoding="utf-8")
    assert max(map(len, source.splitlines())) <= 100
    compile(source, f"{name}.py", "exec")
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if ruff:
        result = subprocess.run(
            [ruff, "check", "--isolated", "--select", "E4,E7,E9,E501,F,W", "--line-length", "100", "-"],
            input=source, capture_output=True, text=True, check=False, encoding="utf-8",
        )  # fmt: skip
        assert result.returncode == 0, result.stdout


def test_the_source_of_a_network_for_images_takes_no_windows_in_pooling() -> None:
    source = codegen.compile(cnn()).source
    assert "argmax" not in source
    assert source.count("_columns = ") == 2  # one matrix a convolution, taken by ∂K too


def test_float32_stays_float32_on_the_way() -> None:
    """Every array that a line of the passes makes, float32: NumPy widens without a word."""
    f = codegen.compile(cnn(8, 2, (3, 4)), dtype="float32")
    module = f.module
    model = module.Model().init(0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 8, 8, 2)), np.eye(10)[rng.integers(0, 10, 2)]
    seen: dict[str, str] = {}

    def look(frame, event, argument):
        if frame.f_code.co_name in ("forward_pass", "backward_pass", "update_pass"):
            for name, value in frame.f_locals.items():
                if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
                    seen[name] = str(value.dtype)
            return look
        return None

    before = sys.gettrace()
    sys.settrace(look)
    try:
        model.step(x, y)
    finally:
        sys.settrace(before)
    assert {"z", "d_a1", "x_columns", "d_K2", "W3"} <= seen.keys()
    assert set(seen.values()) == {"float32"}, seen


@pytest.mark.parametrize("name", ["neuron", "mlp", "regression"])
def test_the_module_checks_itself(name: str, tmp_path: Path) -> None:
    path = codegen.compile(NETWORKS[name](), dtype="float32").save(tmp_path / "model.py")
    result = _run(path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("largest relative error ")
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("d_b2 = d_z2.sum(axis=0)", "d_b2 = d_z2.mean(axis=0)"),
        ("d_W2 = d_z2.T @ h1", "d_W2 = -d_z2.T @ h1"),
    ],
)
def test_a_planted_wrong_gradient_fails_the_self_check(
    right: str, wrong: str, tmp_path: Path
) -> None:
    source = codegen.compile(mlp(4, 5, 3), stable=False).source
    assert source.count(right) == 1, source
    path = tmp_path / "model.py"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    result = _run(path)
    assert result.returncode == 1, result.stdout
    name = right[2:4]
    assert f"gradient of {name}" in result.stdout


def test_a_module_without_gradients_says_so(tmp_path: Path) -> None:
    x = gnn.input("x", ("B", 2))
    path = codegen.compile({"y": gnn.exp(x)}).save(tmp_path / "model.py")
    result = _run(path)
    assert result.returncode == 0
    assert result.stdout == "no gradients to check; outputs: y (4, 2)\n"


def test_the_module_stands_alone() -> None:
    source = codegen.compile(mlp(4, 5, 3)).source
    imports = [
        line for line in source.splitlines() if line.lstrip().startswith(("import ", "from "))
    ]
    assert imports == ["import sys", "import numpy as np"]
    compile(source, "model.py", "exec")
    assert max(map(len, source.splitlines())) <= 100


def test_matrix_products_are_blas_calls() -> None:
    source = codegen.compile(mlp(64, 100, 50, 10), stable=False).source
    for line in ("x @ W1.T", "h1 @ W2.T", "d_z2 @ W2", "d_z2.T @ h1"):
        assert line in source, source
    assert "einsum" not in source


def test_large_constants_are_compact_and_exact() -> None:
    values = np.random.default_rng(0).standard_normal((40, 30))
    x = gnn.input("x", (30,), "float64")
    f = codegen.compile({"y": gnn.constant(values, "float64") @ x})
    given = np.random.default_rng(1).standard_normal(30)
    assert close(f(given)["y"], values @ given)
    assert len(f.source) < 31_000  # 19,200 digits and the rest of the file
    one = codegen.compile({"y": gnn.constant(np.full((40, 30), 0.5), "float64") @ x})
    assert "np.full((40, 30), 0.5, FLOAT)" in one.source


def test_unknown_target_dtype_and_non_scalar_loss() -> None:
    x = gnn.input("x", (2,))
    with pytest.raises(gnn.GraphError, match="there is no target 'fortran'; one of numpy"):
        codegen.compile(x * 2, target="fortran")
    with pytest.raises(gnn.DtypeError, match="dtype='float16'"):
        codegen.compile(x * 2, dtype="float16")
    with pytest.raises(gnn.ShapeError, match="only a single element has a gradient"):
        codegen.compile(x * 2, parameters=["x"])
    with pytest.raises(gnn.GraphError, match="compiled without gradients"):
        codegen.compile(x * 2).loss_and_gradients(x=[1, 2])
    with pytest.raises(gnn.GraphError, match="has no updates"):
        codegen.compile(x * 2).init(0)


def test_model_saves_and_loads(tmp_path: Path) -> None:
    f = codegen.compile(mlp(4, 5, 3))
    model = f.init(3)
    assert not model.parameters["b1"].any()
    assert abs(model.parameters["W1"].std() - 0.5) < 0.2
    again = f.init(3)
    assert all(np.array_equal(again.parameters[n], a) for n, a in model.parameters.items())
    x, y = np.ones((2, 4)), np.eye(3)[:2]
    before = model.loss_and_gradients(x, y)
    assert model.step(x=x, y=y) == before[0]
    for name, gradient in before[1].items():
        assert close(model.parameters[name], again.parameters[name] - 0.1 * gradient)
    model.save(tmp_path / "weights.npz")
    loaded = f.Model().load(tmp_path / "weights.npz")
    assert loaded.forward(x=x, y=y) == model.forward(x=x, y=y)
    assert model.forward(x=x, y=y)["L"] < before[0]
    with pytest.raises(ValueError, match=r"W1 has shape \(5, 4\)"):
        f.init(0, {"W1": np.ones((4, 5))})
    with pytest.raises(ValueError, match="there is no parameter Q"):
        f.init(0, {"Q": 1})
    with pytest.raises(ValueError, match="the model has no parameters yet"):
        f.Model().step(x=x, y=y)


def test_weights_start_at_one_over_the_square_root_of_fan_in() -> None:
    W, V = gnn.parameter("W", (6, 50)), gnn.parameter("V", (6, 8))
    x = gnn.input("x", ("B", 50))
    f = codegen.compile(gnn.sgd(gnn.mean((x @ W.T @ V) ** 2), 0.1))
    assert {"W": 1 / np.sqrt(50), "V": 1 / np.sqrt(6)} == f.module.SPREAD


def test_a_model_cannot_draw_parameters_of_symbolic_shape() -> None:
    w = gnn.parameter("w", ("n",))
    with pytest.raises(gnn.ShapeError, match=r"the parameter w has shape \(n,\); a model can only"):
        codegen.compile(gnn.sgd(gnn.sum(w * w), 0.1))
    loss, gradients = codegen.compile(gnn.sum(w * w)).loss_and_gradients(w=[1, 2])
    assert (loss, gradients["w"].tolist()) == (5, [2, 4])
