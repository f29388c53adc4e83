"""Convolution and pooling as they are typed: rows A12 and A14 to A20."""

import subprocess
import sys

import pytest

from graphnn.cli import main
from tests.examples import cases, example

POOLED = "x=[[1,3,2,4],[5,6,7,8],[9,2,3,1],[0,1,5,2]]"


def typed(text, *words):
    done = subprocess.run(
        [sys.executable, "-m", "graphnn.cli", "derive", text, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def given(kernel, image):
    convolution = example("convolution")
    return f"K={getattr(convolution, kernel)}", f"x={getattr(convolution, image)}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("z[i,j] += K[u,v]*x[i+u,j+v]", "[3 −1 −3 −1; −3 1 0 −3; −3 −3 0 1; 3 −2 −2 −1]"),
        ("z[i,j] += K[u,v]*x[2i+u,2j+v]", "[3 −3; −3 0]"),
    ],
)
def test_a15_is_typed(text, shown):
    said = typed(text, *given("FILTER_1", "IMAGE"), "--wrt", "K")
    assert shown in said and "∂L/∂K[u, v] = Σ_{i,j} z̄[i, j]·x[" in said


def test_a12_is_typed():
    said = typed("y[i,j] max= x[2*i+u,2*j+v] for u < 2, v < 2; L = sum(y)", POOLED, "--wrt", "x")
    assert "[6 8; 9 5]" in said and "[0 0 0 0; 0 1 0 1; 1 0 0 0; 0 0 1 0]" in said


TYPED = {
    f"{file} {name}": case
    for (file, name), case in cases().items()
    if file in ("convolution", "pooling", "cnn_numericals") and case.derived
}


@pytest.mark.parametrize("name", TYPED)
def test_what_an_example_derives_can_be_typed(name, capsys):
    case = TYPED[name]
    words = [f"{leaf}={value}" for leaf, value in case.at.items()]
    words += ["--digits", str(case.digits)]
    if case.wrt is not None:
        words += [part for one in ([case.wrt] if isinstance(case.wrt, str) else case.wrt)
                  for part in ("--wrt", one)]  # fmt: skip
    if case.cotangent is not None:
        words += ["--cotangent", f"{next(reversed(case.program().names))}={case.cotangent}"]
    assert main(["derive", case.text, *words]) == 0
    assert str(case.derivation()).strip() in capsys.readouterr().out
