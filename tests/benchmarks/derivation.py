"""How long derivations take: a 24-layer network, and scalar chains of 5,000 and 20,000 statements.

    python tests/benchmarks/derivation.py

Prints seconds of processor time, the ratio of the two chains (4 where it is linear) and how often sympy was called.
"""

import time

import graphnn as gnn
from graphnn.derivation.terms import element_derivative
from graphnn.expression import sympy_view

LAYERS = 24
STEPS = (
    lambda h, w: gnn.sigmoid(w * h),
    lambda h, w: h * h + w,
    lambda h, w: gnn.tanh(h) - w,
)


def network(layers):
    """A multilayer perceptron with a batch, matrix form."""
    h = gnn.input("x", ("B", 4), "float64")
    for k in range(layers):
        W, b = gnn.parameter(f"W{k}", (4, 4), "float64"), gnn.parameter(f"b{k}", (4,), "float64")
        h = gnn.name(f"h{k}", gnn.sigmoid(gnn.name(f"z{k}", h @ W.T + b)))
    return gnn.name("L", gnn.sum(h * h) / 2)


def chain(length):
    """A chain of scalar statements of three kinds that all read one weight."""
    h, w = gnn.input("x", dtype="float64"), gnn.parameter("w", dtype="float64")
    for k in range(length):
        h = gnn.name(f"h{k}", STEPS[k % 3](h, w))
    return gnn.name("L", h * h)


def line(length):
    """A chain in which the weight is used once: one path of this many links."""
    h = gnn.parameter("w", dtype="float64") * gnn.input("x", dtype="float64")
    for k in range(length):
        h = gnn.name(f"h{k}", gnn.sin(h) if k % 2 else h * 0.99)
    return gnn.name("L", h * h)


def seconds(made, **options):
    """(build, derive, print) in seconds, and sympy's calls."""
    before = sympy_view.calls
    start = time.process_time()
    loss = made()
    built = time.process_time()
    derivation = gnn.derive(loss, **options)
    derived = time.process_time()
    text = str(derivation)
    printed = time.process_time()
    assert text
    return built - start, derived - built, printed - derived, sympy_view.calls - before


def report(title, times):
    build, derive, show, calls = times
    print(
        f"{title:42} build {build:6.2f}  derive {derive:6.2f}  print {show:6.2f}  sympy {calls:4}"
    )


def main():
    report(f"{LAYERS} layers, symbolic batch", seconds(lambda: network(LAYERS)))
    for name, made in (("all read w", chain), ("one path", line)):
        for options in ({"at": {"x": 0.3, "w": 0.2}}, {}):
            taken = []
            for length in (5_000, 20_000):
                element_derivative.cache_clear()
                times = seconds(lambda n=length, m=made: m(n), **options)
                kind = "numbers" if options else "symbols"
                report(f"{length} statements, {name}, {kind}", times)
                taken.append(times[1])
            print(f"{'':42} ratio of derive: {taken[1] / taken[0]:.1f}")


if __name__ == "__main__":
    main()
