"""Long derivations: no recursion, sympy asked once a kind, steps and text that grow with the network.

Seconds are printed by tests/benchmarks/derivation.py; nothing is timed here.
"""

import sys

import numpy as np
import pytest

import graphnn as gnn
from graphnn.derivation import terms
from graphnn.expression import agreement, sympy_view
from tests.derivation.equalities import close, judge

KINDS = (
    lambda h, w: gnn.sigmoid(w * h),
    lambda h, w: h * h + w,
    lambda h, w: gnn.tanh(h) - w,
)


def scalar_chain(length, stem):
    h, w = gnn.input("x", dtype="float64"), gnn.parameter("w", dtype="float64")
    for k in range(length):
        h = gnn.name(f"{stem}{k}", KINDS[k % 3](h, w))
    return gnn.name("L", h * h)


def layers(count, stem):
    h = gnn.input("x", ("B", 3), "float64")
    for k in range(count):
        W = gnn.parameter(f"W{stem}{k}", (3, 3), "float64")
        b = gnn.parameter(f"b{stem}{k}", (3,), "float64")
        h = gnn.name(f"{stem}{k}", gnn.sigmoid(gnn.name(f"z{stem}{k}", h @ W.T + b)))
    return gnn.name("L", gnn.sum(h * h) / 2)


@pytest.mark.parametrize("options", [{}, {"at": {"x": 0.3, "w": 0.2}}])
def test_two_thousand_statements_need_no_deep_stack(options):
    loss = scalar_chain(2_000, "h")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(180 + len(_stack()))
    try:
        made = gnn.derive(loss, "w", **options)
        text = str(made)
    finally:
        sys.setrecursionlimit(limit)
    assert text.count("\n") > 4_000
    if options:
        gradient = gnn.evaluate(gnn.grad(loss, "w"), x=0.3, w=0.2)
        assert close(made.gradients["w"], gradient)


def _stack():
    frame, found = sys._getframe(), []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def test_a_long_product_is_shown_by_cotangents():
    h = gnn.parameter("w", dtype="float64") * gnn.input("x", dtype="float64")
    for k in range(60):
        h = gnn.name(f"h{k}", gnn.sin(h) if k % 2 else h * 0.99)
    made = gnn.derive(gnn.name("L", h * h), at={"x": 0.3, "w": 0.2})
    judge(made)
    assert "δ" in str(made)
    assert max(len(line) for line in str(made).splitlines()) < 400


def counted(monkeypatch, loss, **options):
    """How often sympy compared two expressions, or was asked for a derivative or a short form."""
    compared = []
    right = agreement.compare
    monkeypatch.setattr(agreement, "compare", lambda *a, **k: compared.append(a) or right(*a, **k))
    before = sympy_view.calls
    gnn.derive(loss, **options)
    monkeypatch.undo()
    return sympy_view.calls - before, len(compared)


@pytest.mark.parametrize(
    ("made", "options"),
    [(scalar_chain, {"wrt": "w"}), (layers, {})],
    ids=["scalars", "layers"],
)
def test_sympy_is_asked_once_a_kind_not_once_a_statement(made, options, monkeypatch):
    terms.element_derivative.cache_clear()
    terms.judged_derivative.cache_clear()
    short = counted(monkeypatch, made(6, "p"), **options)
    again = counted(monkeypatch, made(48, "q"), **options)
    assert sum(short) > 0
    # eight times the statements, of the same kinds: next to nothing new is asked
    assert again[0] <= 4 and again[1] <= 2


def test_a_network_of_layers_grows_by_the_same_lines_for_each_layer():
    few, more, most = (len(gnn.derive(layers(n, "r")).steps) for n in (4, 8, 16))
    assert most - more == 2 * (more - few)


def test_the_gradients_of_twelve_layers_are_those_of_the_graph():
    loss = layers(12, "h")
    generator = np.random.default_rng(5)
    leaves = {h.name: h.shape for h in gnn.Graph({"L": loss}).handles if h.node.is_leaf and h.name}
    sizes = {
        n: tuple(4 if not isinstance(s, int) else s for s in shape) for n, shape in leaves.items()
    }
    at = {name: generator.normal(size=shape) for name, shape in sizes.items()}
    made = gnn.derive(loss, at=at)
    gradients = gnn.evaluate(gnn.grad(loss, list(made.wrt)), **at)
    for name in made.wrt:
        assert close(made.gradients[name], gradients[name])


def test_a_sum_of_many_leaves_walks_the_network_once_not_once_a_leaf(monkeypatch):
    from graphnn.derivation.context import Context

    def looked_up(count):
        found = []
        right = Context.operands
        monkeypatch.setattr(
            Context, "operands", lambda ctx, s: found.append(s) or right(ctx, s), raising=True
        )
        total = gnn.parameter("w0", dtype="float64")
        for k in range(1, count):
            total = total + gnn.parameter(f"w{k}", dtype="float64")
        made = gnn.derive(gnn.name("L", total * total), at={f"w{k}": k / 8 for k in range(count)})
        monkeypatch.undo()
        assert len(made.gradients) == count
        return len(found)

    # shown path by path, and by cotangents
    for few, many in [(100, 200), (400, 800)]:
        assert looked_up(many) < 2.5 * looked_up(few)
