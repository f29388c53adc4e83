"""What a chain of 20,000 ops costs, and a cold import: `python tests/benchmarks/scale.py`.

Prints seconds beside the targets; a median of five for the import, which is run in new processes.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import graphnn as gnn
from graphnn.expression import sympy_view

ROOT = Path(__file__).resolve().parents[2]
LENGTH = 20_000


def timed(action):
    start = time.perf_counter()
    made = action()
    return made, time.perf_counter() - start


def show(what, seconds, target=None):
    aim = "" if target is None else f"   target < {target} s{'' if seconds < target else '  OVER'}"
    print(f"{what:<44}{seconds:8.3f} s{aim}")


def chain():
    x = gnn.input("x", (), "float64")
    h = x
    for k in range(LENGTH):
        h = gnn.sin(h) if k % 2 else h * 1.01
    return x, h


def fresh(code):
    """The median over five new processes of what `code` prints: seconds."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = []
    for _ in range(5):
        timed_code = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        run = subprocess.run(
            [sys.executable, "-c", timed_code],
            capture_output=True,
            check=True,
            env=environment,
            text=True,
        )
        found.append(float(run.stdout))
    return statistics.median(found)


def main():
    calls = sympy_view.calls
    (x, h), build = timed(chain)
    gradient, first = timed(lambda: gnn.grad(h, x))
    second, again = timed(lambda: gnn.grad(gradient, x))
    show(f"build {LENGTH:,} ops", build)
    show("gradient", first)
    show("build and gradient", build + first, 2)
    show("gradient of the gradient", again, 6)
    for name, node in (("ops", h), ("gradient", gradient), ("gradient of the gradient", second)):
        nodes = len(gnn.Graph({"f": node}).nodes)
        _, seconds = timed(lambda node=node: gnn.evaluate(node, x=0.3))
        show(f"evaluate the {name} ({nodes:,} nodes)", seconds)
    print(f"{'sympy was asked':<44}{sympy_view.calls - calls:8d} times")
    show("cold import graphnn", fresh("import graphnn"), 0.6)
    show("  of which numpy", fresh("import numpy"))
    show("import sympy, at the first derivative", fresh("import numpy, sympy"))


if __name__ == "__main__":
    main()
