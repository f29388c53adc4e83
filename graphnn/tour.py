"""The tour: everything once, on a network small enough to follow and on one worth training.

First a 2-2-1 network: its derivation, its picture, its compiled module and that module's own check
of the gradients. Then a 64-100-50-10 network on scikit-learn's handwritten digits, trained through
its compiled module.
"""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import codegen
import graphnn as gnn
import viz
from graphnn.errors import GraphError
from graphnn.files import write_text
from graphnn.text import parse, read_assignments, value_array, value_shape

Array = npt.NDArray[Any]

SMALL = """\
z1 = W1 @ x + b1
h = sigmoid(z1)
z2 = W2 @ h + b2
y_hat = sigmoid(z2)
L = (y - y_hat)^2 / 2
"""
SMALL_VALUES = (
    "x=[0.5,-1]", "y=1",
    "W1=[[0.1,0.4],[-0.3,0.2]]", "b1=[0.1,0]", "W2=[[0.7,-0.5]]", "b2=[0.2]",
)  # fmt: skip

WIDTHS = (64, 100, 50, 10)
TEST_SIZE = 360
SEED = 0
BATCH = 32
EPOCHS = 30
RATE = 0.2
WANTED = 0.95


def tour(directory: Path) -> None:
    """Take the tour; every file is written into `directory`, which is made where it is missing.

    Raises GraphError where scikit-learn or the program dot is missing, where the directory cannot
    be written, and where a compiled module fails its own check.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraphError(f"{directory} cannot be made: {error.strerror}") from None
    console = Console(highlight=False, soft_wrap=True)
    small_network(directory, console)
    digits(directory, console)
    console.print(f"\nAll files are in {directory}{'' if str(directory).endswith('/') else '/'}")


def small_network(directory: Path, console: Console) -> None:
    """Derive, draw and compile the 2-2-1 network."""
    values = read_assignments(SMALL_VALUES)
    shapes = {name: value_shape(value) for name, value in values.items()}
    program = parse(SMALL, shapes, parameters=["W1", "b1", "W2", "b2"])
    console.rule("[bold]1. A 2-2-1 network[/bold]")
    console.print(SMALL, markup=False)
    made = gnn.derive(program.loss, at=values)
    console.print(made.text(ascii="utf" not in console.encoding.lower()), markup=False)
    for suffix, text in (
        (".txt", made.text()),
        (".tex", made.latex(document=True)),
        (".json", made.json()),
    ):
        path = directory / f"derivation{suffix}"
        write_text(path, text)
        _wrote(console, path, "the derivation")
    drawing = viz.draw(program.loss, {name: value_array(v) for name, v in values.items()})
    for suffix in (".svg", ".png"):
        _wrote(
            console, drawing.save(directory / f"network{suffix}"), "the network with its numbers"
        )
    compiled = codegen.compile({"L": program.loss})
    path = compiled.save(directory / "network.py")
    _wrote(console, path, "the compiled network, in NumPy")
    console.print(f"$ python {path}\n{self_check(path)}", markup=False)


def self_check(path: Path) -> str:
    """What a compiled module says of its own gradients.

    Raises GraphError where it finds them wrong.
    """
    found = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    if found.returncode:
        said = (found.stdout + found.stderr).strip().splitlines() or ["nothing was printed"]
        raise GraphError(f"{path} fails its own check: {said[-1]}")
    return found.stdout.strip()


def digits(directory: Path, console: Console) -> float:
    """Train the 64-100-50-10 network; returns the accuracy on the test set."""
    x, y, x_test, y_test = load()
    console.print()
    console.rule(f"[bold]2. A {'-'.join(map(str, WIDTHS))} network on handwritten digits[/bold]")
    console.print(
        f"{len(x)} images to train on, {len(x_test)} to test on (8×8 pixels, seed {SEED})"
    )
    graph = classifier()
    compiled = codegen.compile(graph)
    path = compiled.save(directory / "digits.py")
    _wrote(console, path, "the compiled network: forward, gradients, update")
    _wrote(console, viz.draw(graph.outputs["L"]).save(directory / "digits.svg"), "its picture")
    model = compiled.init(SEED)
    started = time.perf_counter()
    train(model, x, y, console)
    seconds = time.perf_counter() - started
    found = accuracy(model, x_test, y_test)
    right = round(found * len(x_test))
    verdict = "" if found >= WANTED else f"; {WANTED:.0%} was hoped for"
    console.print(
        f"accuracy on the test set: {found:.1%} ({right} of {len(x_test)}), "
        f"after {EPOCHS} epochs in {seconds:.1f} s{verdict}"
    )
    weights = directory / "digits.npz"
    model.save(weights)
    _wrote(console, weights, "the trained parameters")
    return found


def load() -> tuple[Array, Array, Array, Array]:
    """The digits as x, y, x_test, y_test: pixels between 0 and 1, labels one-hot.

    Raises GraphError where scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise GraphError(
            "the digits come with scikit-learn, which is missing: pip install 'graphnn[train]'"
        ) from None
    data = load_digits()
    order = np.random.default_rng(SEED).permutation(len(data.data))
    x = (data.data[order] / 16).astype(np.float32)
    y = np.eye(WIDTHS[-1], dtype=np.float32)[data.target[order]]
    return x[TEST_SIZE:], y[TEST_SIZE:], x[:TEST_SIZE], y[:TEST_SIZE]


def classifier() -> gnn.Graph:
    """ReLU layers, softmax cross-entropy averaged over the batch, and gradient descent.

    >>> graph = classifier()
    >>> [p.name for p in graph.parameters], list(graph.outputs)
    (['W1', 'b1', 'W2', 'b2', 'W3', 'b3'], ['L', 'z3'])
    """
    h, y = gnn.input("x", ("B", WIDTHS[0])), gnn.input("y", ("B", WIDTHS[-1]))
    for k, (fan_in, fan_out) in enumerate(pairwise(WIDTHS), start=1):
        w = gnn.parameter(f"W{k}", (fan_out, fan_in))
        z = gnn.name(f"z{k}", h @ w.T + gnn.parameter(f"b{k}", (fan_out,)))
        h = gnn.name(f"h{k}", gnn.relu(z)) if k < len(WIDTHS) - 1 else z
    loss = gnn.name("L", -gnn.mean(gnn.sum(y * gnn.log_softmax(h), axis=1)))
    return gnn.sgd(gnn.Graph({"L": loss, str(h.name): h}), lr=RATE)


def train(model: Any, x: Array, y: Array, console: Console) -> None:
    """Run gradient descent on shuffled batches, with a bar that shows the loss."""
    rng = np.random.default_rng(SEED)
    columns = (
        TextColumn("epoch"), MofNCompleteColumn(), BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=EPOCHS, loss=float("nan"))
        for _ in range(EPOCHS):
            order = rng.permutation(len(x))
            batches = [order[k : k + BATCH] for k in range(0, len(x), BATCH)]
            losses = [float(model.step(x=x[rows], y=y[rows])) for rows in batches]
            progress.update(task, advance=1, loss=sum(losses) / len(losses))


def accuracy(model: Any, x: Array, y: Array) -> float:
    """The share of images whose largest output is their label's."""
    z = model.forward(x=x, y=y)["z3"]
    return float(np.mean(np.argmax(z, axis=1) == np.argmax(y, axis=1)))


def _wrote(console: Console, path: Path, what: str) -> None:
    console.print(f"wrote {path}: {what}", markup=False)
