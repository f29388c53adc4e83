"""Compiled NumPy beside NumPy written by hand: `python -m tests.benchmarks.compiled`.

    python -m tests.benchmarks.compiled [CASE ...] [--threads 1 2] [--rounds 9] [--peers]

One training step of perceptrons (forward, backward, descent), and a convolution with both of its
cotangents. Each side runs in a process of its own and the processes take turns, so that no thread
pool spins beside another's; both start from the same numbers, and what they compute must agree.
Prints medians and minima in milliseconds and the ratio of the minima, which a loaded machine moves
least. `--peers` adds autograd, JAX and PyTorch where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TARGET = 1.3
LR = 0.01
MLPS = {
    "mlp digits float64": ((64, 100, 50, 10), 32, "float64"),
    "mlp digits float32": ((64, 100, 50, 10), 32, "float32"),
    "mlp large float32": ((784, 512, 256, 10), 128, "float32"),
}
CONVOLUTIONS = {
    "conv 32x32x3 to 32": (32, 32, 3, 32),
    "conv 16x16x32 to 64": (32, 16, 32, 64),
}
CASES = [*MLPS, *CONVOLUTIONS]


# ---- perceptrons: ReLU between the layers, softmax cross-entropy ----------------------------------


def mlp_numbers(case):
    sizes, batch, dtype = MLPS[case]
    rng = np.random.default_rng(0)
    parameters = {}
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        W = rng.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in)
        parameters[f"W{k}"] = W.astype(dtype)
        parameters[f"b{k}"] = np.zeros(fan_out, dtype)
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    y = np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], batch)]
    return parameters, x, y


def mlp_compiled(case):
    import codegen
    from tests.codegen.networks import mlp

    sizes, _, dtype = MLPS[case]
    parameters, x, y = mlp_numbers(case)
    model = codegen.compile(mlp(*sizes, dtype=dtype, lr=LR)).init(0, parameters)
    return lambda: model.step(x, y)


def mlp_by_hand(case):
    p, x, y = mlp_numbers(case)
    layers = len(p) // 2

    def step():
        kept = [x]
        for k in range(1, layers + 1):
            z = kept[-1] @ p[f"W{k}"].T + p[f"b{k}"]
            kept.append(np.maximum(z, 0) if k < layers else z)
        shifted = z - z.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        s = e.sum(axis=1, keepdims=True)
        loss = -(y * (shifted - np.log(s))).sum() / len(x)
        d = (e / s - y) / len(x)
        for k in range(layers, 0, -1):
            dW, db = d.T @ kept[k - 1], d.sum(axis=0)
            if k > 1:
                d = (d @ p[f"W{k}"]) * (kept[k - 1] > 0)
            p[f"W{k}"] -= LR * dW
            p[f"b{k}"] -= LR * db
        return loss

    return step


def mlp_autograd(case):
    import autograd.numpy as anp
    from autograd import value_and_grad

    p, x, y = mlp_numbers(case)
    slope = value_and_grad(lambda p: _mlp_loss(anp, p, x, y))

    def step():
        loss, gradients = slope(p)
        for name in p:
            p[name] = p[name] - np.asarray(LR, p[name].dtype) * gradients[name]
        return loss

    return step


def mlp_jax(case):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", MLPS[case][2] == "float64")
    p, x, y = jax.tree.map(jnp.asarray, mlp_numbers(case))

    @jax.jit
    def update(p):
        loss, g = jax.value_and_grad(lambda p: _mlp_loss(jnp, p, x, y))(p)
        return loss, {k: p[k] - LR * g[k] for k in p}

    def step():
        nonlocal p
        loss, p = update(p)
        return float(loss)

    return step


def _mlp_loss(xp, p, x, y):
    h, layers = x, len(p) // 2
    for k in range(1, layers + 1):
        z = h @ p[f"W{k}"].T + p[f"b{k}"]
        h = xp.maximum(z, 0)
    z = z - xp.max(z, axis=1, keepdims=True)
    return -xp.sum(y * (z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True)))) / len(x)


def mlp_torch(case):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    p, x, y = mlp_numbers(case)
    p = {k: torch.tensor(v, requires_grad=True) for k, v in p.items()}
    x, y = torch.tensor(x), torch.tensor(y)

    def step():
        h = x
        for k in range(1, len(p) // 2 + 1):
            z = h @ p[f"W{k}"].T + p[f"b{k}"]
            h = torch.relu(z)
        loss = -(y * torch.log_softmax(z, 1)).sum() / len(x)
        gradients = torch.autograd.grad(loss, list(p.values()))
        with torch.no_grad():
            torch._foreach_add_(list(p.values()), list(gradients), alpha=-LR)
        return float(loss.detach())

    return step


# ---- convolution, 3×3, padded to the same size: forward and both cotangents ------------------------


def conv_numbers(case):
    batch, n, c, o = CONVOLUTIONS[case]
    rng = np.random.default_rng(0)
    shapes = ((3, 3, c, o), (batch, n, n, c), (batch, n, n, o))
    return [rng.standard_normal(s).astype("float32") for s in shapes]


def conv_compiled(case):
    import codegen
    import graphnn as gnn

    K, x, g = conv_numbers(case)
    k, i, u = (gnn.input(n, a.shape) for n, a in (("K", K), ("x", x), ("g", g)))
    z = gnn.conv2d(k, i, p=1)
    f = codegen.compile({"z": z, **gnn.grad(z, [k, i], cotangent=u)})

    def step():
        found = f(K, x, g)
        return [found["z"], found["K"], found["x"]]

    return step


def _columns(x):
    """im2col: a padded copy, and every 3×3 window of it as a row."""
    b, n, _, c = x.shape
    padded = np.zeros((b, n + 2, n + 2, c), x.dtype)
    padded[:, 1:-1, 1:-1] = x
    s = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded, (b, n, n, 3, 3, c), (*s[:3], s[1], s[2], s[3])
    )
    return windows.reshape(b * n * n, 9 * c)


def conv_by_hand(case):
    """∂x as a convolution of the cotangent with the flipped kernel."""
    K, x, g = conv_numbers(case)
    c, o = K.shape[2:]

    def step():
        columns = _columns(x)
        z = (columns @ K.reshape(9 * c, o)).reshape(g.shape)
        dK = (columns.T @ g.reshape(-1, o)).reshape(K.shape)
        flipped = K[::-1, ::-1].transpose(0, 1, 3, 2).reshape(9 * o, c)
        return [z, dK, (_columns(g) @ flipped).reshape(x.shape)]

    return step


def conv_by_hand_col2im(case):
    """∂x as col2im: the cotangent of the columns, added up window by window."""
    K, x, g = conv_numbers(case)
    b, n, _, c = x.shape
    o = K.shape[3]

    def step():
        columns = _columns(x)
        flat = g.reshape(-1, o)
        z = (columns @ K.reshape(9 * c, o)).reshape(g.shape)
        dK = (columns.T @ flat).reshape(K.shape)
        d = (flat @ K.reshape(9 * c, o).T).reshape(b, n, n, 3, 3, c)
        dx = np.zeros((b, n + 2, n + 2, c), x.dtype)
        for u, v in np.ndindex(3, 3):
            dx[:, u : u + n, v : v + n] += d[:, :, :, u, v]
        return [z, dK, dx[:, 1:-1, 1:-1]]

    return step


def conv_torch(case):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    K, x, g = conv_numbers(case)
    k = torch.tensor(K).permute(3, 2, 0, 1).contiguous().requires_grad_()
    i = torch.tensor(x).permute(0, 3, 1, 2).requires_grad_()
    u = torch.tensor(g).permute(0, 3, 1, 2)

    def step():
        z = torch.nn.functional.conv2d(i, k, padding=1)
        dK, dx = torch.autograd.grad(z, (k, i), u)
        found = (z.permute(0, 2, 3, 1), dK.permute(2, 3, 1, 0), dx.permute(0, 2, 3, 1))
        return [a.detach().numpy() for a in found]

    return step


def sides(case, peers):
    """What is compared in a case: name → the maker of a step. The first is ours."""
    if case in MLPS:
        known = {"compiled": mlp_compiled, "by hand": mlp_by_hand}
        others = {"autograd": mlp_autograd, "jax": mlp_jax, "torch": mlp_torch}
    else:
        known = {"compiled": conv_compiled, "by hand": conv_by_hand}
        known["by hand, col2im"] = conv_by_hand_col2im
        others = {"torch": conv_torch}
    found = {n: m for n, m in others.items() if peers and importlib.util.find_spec(n)}
    return known | found


# ---- a worker measures a round whenever it is told to; the parent gives the turns ------------------


def worker(case, side, seconds):
    step = sides(case, True)[side](case)
    results = [step() for _ in range(3)]
    first = (
        results
        if case in MLPS
        else [float(np.sum(a * np.cos(np.arange(a.size)).reshape(a.shape))) for a in results[0]]
    )
    print(json.dumps([float(v) for v in first]), flush=True)
    for _ in sys.stdin:
        times = []
        for budget in (seconds / 4, seconds):
            times.clear()
            end = time.perf_counter() + budget
            while not times or time.perf_counter() < end:
                count, start = 0, time.perf_counter()
                while count < 1 or time.perf_counter() - start < 0.005:
                    step()
                    count += 1
                times.append((time.perf_counter() - start) / count)
        print(json.dumps(times), flush=True)


def measure(case, threads, rounds, seconds, peers):
    """Side → seconds of every repetition, all sides in turn."""
    names = list(sides(case, peers))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[variable] = str(threads)
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    running, times = {}, {}
    reference = None
    for name in names:
        command = [sys.executable, "-m", "tests.benchmarks.compiled", "--worker", case, name]
        running[name] = subprocess.Popen(
            [*command, "--seconds", str(seconds)],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        found = json.loads(running[name].stdout.readline())
        reference = reference or found
        if not np.allclose(found, reference, rtol=1e-3, atol=1e-3 * np.abs(reference).max()):
            raise SystemExit(f"{case}: {name} computes {found}, {names[0]} {reference}")
        times[name] = []
    for _ in range(rounds):
        for name, process in running.items():
            time.sleep(0.1)
            process.stdin.write("go\n")
            process.stdin.flush()
            times[name] += json.loads(process.stdout.readline())
    for process in running.values():
        process.stdin.close()
        process.wait()
    return times


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("cases", nargs="*", help=f"parts of names; all of them: {', '.join(CASES)}")
    reader.add_argument("--threads", type=int, nargs="*", default=[1, os.cpu_count() or 1])
    reader.add_argument("--rounds", type=int, default=9)
    reader.add_argument("--seconds", type=float, default=0.2)
    reader.add_argument("--peers", action="store_true")
    reader.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    given = reader.parse_args()
    if given.worker:
        worker(*given.worker, given.seconds)
        return
    load = " ".join(f"{n:.1f}" for n in os.getloadavg())
    print(f"NumPy {np.__version__}, {os.cpu_count()} processors, load {load}")
    for case in CASES:
        if given.cases and not any(part in case for part in given.cases):
            continue
        for threads in given.threads:
            times = measure(case, threads, given.rounds, given.seconds, given.peers)
            print(f"{case}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
            least = {name: min(found) for name, found in times.items()}
            by_hand = min(t for name, t in least.items() if name.startswith("by hand"))
            for name, found in times.items():
                ratio = least[name] / by_hand
                over = "   OVER" if name == "compiled" and ratio > TARGET else ""
                median = statistics.median(found)
                print(
                    f"  {name:<18}{median * 1e3:9.3f} ms median {least[name] * 1e3:9.3f} ms "
                    f"minimum {ratio:7.2f} × by hand{over}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
