"""The tour, taken once: its files, its numbers, and what it says when something is missing."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphnn import tour
from graphnn.cli import main
from graphnn.errors import GraphError

needs_digits = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None,
    reason="scikit-learn, which holds the digits, is not installed: pip install 'graphnn[train]'",
)
FILES = {
    "derivation.txt", "derivation.tex", "derivation.json", "network.svg", "network.png",
    "network.py", "digits.py", "digits.svg", "digits.npz",
}  # fmt: skip


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """What a whole tour prints, and where it wrote."""
    folder = tmp_path_factory.mktemp("tour")
    found = subprocess.run(
        [sys.executable, "-m", "graphnn.cli", "tour", "-o", str(folder / "made" / "here")],
        capture_output=True, encoding="utf-8", check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout, folder / "made" / "here"


@needs_digits
def test_every_file_is_written_and_named(taken):
    shown, folder = taken
    assert {path.name for path in folder.iterdir()} == FILES
    named = re.findall(r"^wrote (\S+):", shown, re.MULTILINE)
    assert {Path(name).name for name in named} == FILES
    assert all(Path(name).is_file() for name in named)


@needs_digits
def test_the_small_network_has_the_numbers_of_the_lecture(taken):
    shown, folder = taken
    text = (folder / "derivation.txt").read_text(encoding="utf-8")
    assert text in shown
    for number in ("0.0906", "(−0.0179, 0.0126)", "[−0.00896 0.0179; 0.00631 −0.0126]",
                   "[−0.0456 −0.0430]"):  # fmt: skip
        assert number in text
    gradients = json.loads((folder / "derivation.json").read_text(encoding="utf-8"))["gradients"]
    np.testing.assert_allclose(gradients["W1"], [[-0.00896, 0.0179], [0.00631, -0.0126]], rtol=5e-3)
    assert list(gradients) == ["W1", "b1", "W2", "b2"]


@needs_digits
def test_the_modules_check_themselves(taken):
    shown, folder = taken
    assert float(re.search(r"largest relative error (\S+)", shown)[1]) < 1e-6
    assert tour.self_check(folder / "digits.py")


@needs_digits
def test_the_accuracy_is_what_the_saved_parameters_reach(taken):
    shown, folder = taken
    right, total = map(int, re.search(r"\((\d+) of (\d+)\)", shown).groups())
    assert total == 360
    assert right / total >= 0.95
    _, _, x, y = tour.load()
    with np.load(folder / "digits.npz") as file:
        p = {key.removeprefix("parameter "): file[key] for key in file.files}
    h = x
    for k in (1, 2):
        h = np.maximum(h @ p[f"W{k}"].T + p[f"b{k}"], 0)
    z = h @ p["W3"].T + p["b3"]
    assert int(np.sum(z.argmax(axis=1) == y.argmax(axis=1))) == right


@needs_digits
def test_training_and_test_images_are_different_ones():
    x, y, x_test, y_test = tour.load()
    assert (len(x), len(x_test)) == (1437, 360)
    assert x.min() == 0
    assert x.max() == 1
    assert np.all(np.concatenate([y, y_test]).sum(axis=1) == 1)
    known = {row.tobytes() for row in x}
    assert not any(row.tobytes() in known for row in x_test)


def test_a_missing_scikit_learn_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setattr(tour, "small_network", lambda *given: None)
    assert main(["tour", "-o", str(tmp_path / "t")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install 'graphnn[train]'" in said


def test_a_directory_that_cannot_be_made(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["tour", "-o", str(tmp_path / "file" / "t")]) == 2
    assert "cannot be made" in capsys.readouterr().err


def test_a_module_that_fails_its_check_is_an_error(tmp_path):
    (tmp_path / "m.py").write_text("print('largest relative error 0.5'); raise SystemExit(1)")
    with pytest.raises(GraphError, match="fails its own check: largest relative error"):
        tour.self_check(tmp_path / "m.py")
