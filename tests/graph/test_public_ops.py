"""Every public op against PyTorch, values and gradients: evaluated at 1e-10, compiled float32 at 1e-5.

A row is the op, PyTorch's, and operands for each kind of shape, 0 and 1 among the sizes; an op
that users can call and that has no row here fails. Gradients start from a random cotangent.
"""

import math
import zlib

import numpy as np
import pytest

import codegen
import graphnn as gnn
from graphnn.graph import ops
from tests.codegen.agreement import close, outputs_with_gradients

EACH = [(2, 3), (1, 3), (0, 3), ()]  # what is element by element takes any shape
ROWS_OF_4 = [(3, 4), (1, 4), (3, 1)]  # an axis that is reduced is not empty

# ranges away from kinks of the functions that they are used for
RANGES = {
    "real": (-1.4, 1.4),
    "positive": (0.2, 3.0),
    "part": (0.1, 0.9),
    "above": (1.0, 3.0),
    "wide": (-6.0, 6.0),
}


def row(ours, theirs, *kinds, shapes=EACH):
    """(ours, PyTorch's, the operands' kinds, their shapes in each case)."""
    each = [s if isinstance(s, list) else [s] * len(kinds) for s in shapes]
    return ours, theirs, kinds, each


def unary(name, kind="real", theirs=None):
    return row(getattr(gnn, name), theirs or (lambda t, x: getattr(t, name)(x)), kind)


def nn(name):
    return lambda t, *operands: getattr(t.nn.functional, name)(*operands)


def binary(name, *kinds):
    shapes = [[(2, 3), (2, 3)], [(2, 3), (3,)], [(2, 1), (1, 3)], [(0, 3), (1, 3)], [(), (2,)]]
    return row(getattr(gnn, name), lambda t, *x: getattr(t, name)(*x), *kinds, shapes=shapes)


def last(t):
    return t.permute(0, 2, 3, 1)


def first(t):
    return t.permute(0, 3, 1, 2)


def on_images(function, x):
    """PyTorch's function of a batch with channels first, of a batch, an image or a channel of it."""
    if x.ndim == 4:
        return last(function(first(x)))
    if x.ndim == 3:
        return last(function(first(x[None])))[0]
    return function(x[None, None])[0, 0]


def pooled(function, x):
    return on_images(lambda x: function(x, 3, 2, 1), x)


def sinusoids(t, x):
    places, features = x.shape[-2:]
    angle = [
        [p / 10000 ** ((k - k % 2) / features) for k in range(features)] for p in range(places)
    ]
    made = [[math.cos(a) if k % 2 else math.sin(a) for k, a in enumerate(r)] for r in angle]
    return t.tensor(made, dtype=x.dtype).reshape(places, features) + 0 * x.sum((0, -1), True)[0]


def picked(t, labels, x):
    return x.gather(-1, labels[..., None])[..., 0]


LABELLED = [[(3,), (3, 4)], [(1,), (1, 4)], [(), (4,)]]
IMAGES = [(2, 5, 4, 3), (1, 4, 4, 1), (0, 4, 5, 2)]
PAIRS = [(3, 4), (1, 4), (1, 1), (4,)]

ROWS = {
    "abs": unary("abs"),
    "argmax": row(
        lambda x: gnn.argmax(x, 1), lambda t, x: t.argmax(x, 1), "real", shapes=PAIRS[:3]
    ),
    "argmin": row(lambda x: gnn.argmin(x, 0), lambda t, x: t.argmin(x, 0), "real", shapes=PAIRS),
    "avgpool": row(
        lambda x: gnn.avgpool(x, k=3, s=2, p=1),
        lambda t, x: pooled(t.nn.functional.avg_pool2d, x),
        "real",
        shapes=[*IMAGES, (5, 4, 3), (5, 4)],
    ),
    "batch_norm": row(
        gnn.batch_norm,
        lambda t, x, g, b: t.nn.functional.batch_norm(x, None, None, g, b, training=True),
        *("wide", "positive", "real"),
        shapes=[[(3, 4), (4,), (4,)], [(5, 1), (1,), (1,)]],
    ),
    "binary_cross_entropy": row(
        gnn.binary_cross_entropy,
        lambda t, y, p: -(y * p.log() + (1 - y) * (1 - p).log()).mean(),
        *("part", "part"),
        shapes=PAIRS,
    ),
    "binary_cross_entropy_with_logits": row(
        gnn.binary_cross_entropy_with_logits,
        lambda t, y, z: (t.nn.functional.softplus(z) - y * z).mean(),
        *("part", "wide"),
        shapes=PAIRS,
    ),
    "broadcast_to": row(
        lambda x: gnn.broadcast_to(x, (2, 4, 3)),
        lambda t, x: x.expand(2, 4, 3),
        "real",
        shapes=[(3,), (4, 1), (2, 1, 3), ()],
    ),
    "ceil": unary("ceil", "wide"),
    "clip": row(
        lambda x, low, high: gnn.clip(x, low, high),
        lambda t, x, low, high: t.clamp(x, low, high),
        *("wide", "part", "above"),
        shapes=[[(4, 3), (), ()], [(1, 3), (3,), ()], [(0, 3), (), ()]],
    ),
    "concat": row(
        lambda a, b: gnn.concat([a, b, a], 1),
        lambda t, a, b: t.cat([a, b, a], 1),
        *("real", "real"),
        shapes=[[(2, 3), (2, 1)], [(2, 0), (2, 3)], [(0, 3), (0, 2)]],
    ),
    "conv2d": row(
        lambda K, x: gnn.conv2d(K, x, s=2, p=1, d=2),
        lambda t, K, x: on_images(
            lambda x: t.nn.functional.conv2d(
                x, (K if K.ndim == 4 else K[..., None, None]).permute(3, 2, 0, 1), None, 2, 1, 2
            ),
            x,
        ),
        *("real", "real"),
        shapes=[
            [(2, 3, 2, 4), (2, 6, 7, 2)],
            [(1, 1, 1, 1), (1, 3, 4, 1)],
            [(2, 2, 1, 3), (0, 5, 5, 1)],
            [(3, 2, 2, 4), (6, 7, 2)],
            [(3, 2), (6, 5)],
        ],
    ),
    "cos": unary("cos"),
    "cosh": unary("cosh"),
    "cross_entropy": row(
        gnn.cross_entropy,
        lambda t, y, p: -(y * p.log()).sum(-1).mean(),
        *("part", "part"),
        shapes=PAIRS,
    ),
    "cross_entropy_with_logits": row(
        gnn.cross_entropy_with_logits,
        lambda t, y, z: -(y * z.log_softmax(-1)).sum(-1).mean(),
        *("part", "wide"),
        shapes=[(3, 4), (1, 4), (4,)],
    ),
    "cumsum": row(
        lambda x: gnn.cumsum(x, 1),
        lambda t, x: t.cumsum(x, 1),
        "real",
        shapes=[(2, 5), (3, 1), (0, 3), (3, 0)],
    ),
    "diagonal": row(
        gnn.diagonal, lambda t, x: x.diagonal(), "real", shapes=[(3, 4), (1, 3), (0, 2)]
    ),
    "einsum": row(
        lambda a, b: gnn.einsum("ij,kj->ik", a, b),
        lambda t, a, b: t.einsum("ij,kj->ik", a, b),
        *("real", "real"),
        shapes=[[(2, 3), (4, 3)], [(1, 1), (4, 1)], [(0, 3), (4, 3)], [(2, 0), (4, 0)]],
    ),
    "elu": row(lambda x: gnn.elu(x, a=0.7), lambda t, x: t.nn.functional.elu(x, 0.7), "wide"),
    "equal": row(lambda a: gnn.equal(a, 1), lambda t, a: a == 1, "labels"),
    "exp": unary("exp"),
    "expm1": unary("expm1"),
    "floor": unary("floor", "wide"),
    "gather": row(
        gnn.gather,
        lambda t, E, n: t.nn.functional.embedding(n, E),
        *("real", "labels"),
        shapes=[[(4, 3), (5,)], [(4, 1), (2, 3)], [(4, 3), (0,)], [(4, 3), ()]],
    ),
    "global_avgpool": row(gnn.global_avgpool, lambda t, x: x.mean((1, 2)), "real", shapes=IMAGES),
    "global_maxpool": row(
        gnn.global_maxpool, lambda t, x: x.amax((1, 2)), "real", shapes=IMAGES[:2]
    ),
    "half_squared_error": row(
        gnn.half_squared_error, lambda t, y, p: ((y - p) ** 2).sum() / 2, *("real", "real")
    ),
    "l1_penalty": row(
        lambda V, W: gnn.l1_penalty(V, W, strength=0.3),
        lambda t, V, W: 0.3 * (V.abs().sum() + W.abs().sum()),
        *("real", "real"),
    ),
    "l2_penalty": row(
        lambda V, W: gnn.l2_penalty(V, W, strength=0.3),
        lambda t, V, W: 0.3 * ((V**2).sum() + (W**2).sum()),
        *("real", "real"),
    ),
    "layer_norm": row(
        gnn.layer_norm,
        lambda t, x, g, b: t.nn.functional.layer_norm(x, (x.shape[-1],), g, b),
        *("wide", "positive", "real"),
        shapes=[[(3, 4), (4,), (4,)], [(1, 5), (5,), (5,)], [(0, 4), (4,), (4,)]],
    ),
    "leaky_relu": row(
        lambda x: gnn.leaky_relu(x, a=0.3), lambda t, x: t.nn.functional.leaky_relu(x, 0.3), "wide"
    ),
    "linear": row(gnn.linear, lambda t, x: 1 * x, "real"),
    "log": unary("log", "positive"),
    "log1p": unary("log1p", "positive"),
    "log_sigmoid": row(gnn.log_sigmoid, nn("logsigmoid"), "wide"),
    "log_softmax": row(
        gnn.log_softmax, lambda t, x: x.log_softmax(-1), "wide", shapes=[(3, 4), (1, 4), (0, 3)]
    ),
    "mae": row(gnn.mae, lambda t, y, p: (y - p).abs().mean(), *("real", "real"), shapes=PAIRS),
    "matmul": row(
        gnn.matmul,
        lambda t, a, b: t.matmul(a, b),
        *("real", "real"),
        shapes=[
            [(2, 3), (3, 4)],
            [(3,), (3,)],
            [(2, 3), (3,)],
            [(3,), (3, 1)],
            [(0, 3), (3, 2)],
            [(2, 0), (0, 3)],
            [(5, 1, 2, 3), (4, 3, 2)],
        ],
    ),
    "max": row(
        lambda x: gnn.max(x, 1), lambda t, x: x.amax(1), "real", shapes=[*ROWS_OF_4, (0, 3)]
    ),
    "maximum": binary("maximum", "real", "real"),
    "maxpool": row(
        lambda x: gnn.maxpool(x, k=3, s=2, p=1),
        lambda t, x: pooled(t.nn.functional.max_pool2d, x),
        "real",
        shapes=[*IMAGES, (5, 4, 3), (5, 4)],
    ),
    "mean": row(
        lambda x: gnn.mean(x, 1), lambda t, x: x.mean(1), "real", shapes=[*ROWS_OF_4, (0, 3)]
    ),
    "min": row(
        lambda x: gnn.min(x, 1), lambda t, x: x.amin(1), "real", shapes=[*ROWS_OF_4, (0, 3)]
    ),
    "minimum": binary("minimum", "real", "real"),
    "mse": row(gnn.mse, lambda t, y, p: ((y - p) ** 2).mean(), *("real", "real"), shapes=PAIRS),
    "norm": row(
        lambda x: gnn.norm(x, 2, 1) + gnn.norm(x, 1, 1) + gnn.norm(x, "inf", 1),
        lambda t, x: sum(t.linalg.vector_norm(x, p, 1) for p in (2, 1, math.inf)),
        "real",
        shapes=[*ROWS_OF_4, (0, 3)],
    ),
    "not_equal": row(lambda a: gnn.not_equal(a, 1), lambda t, a: a != 1, "labels"),
    "one_hot": row(
        lambda n: gnn.one_hot(n, 4, "float64"),
        lambda t, n: t.nn.functional.one_hot(n, 4),
        "labels",
        shapes=[(3,), (2, 3), (1,), (0,), ()],
    ),
    "outer": row(
        gnn.outer,
        lambda t, a, b: t.outer(a, b),
        *("real", "real"),
        shapes=[[(3,), (2,)], [(1,), (3,)], [(0,), (3,)]],
    ),
    "pad": row(
        lambda x: gnn.pad(x, [(1, 0), (0, 2)]),
        lambda t, x: t.nn.functional.pad(x, (0, 2, 1, 0)),
        "real",
        shapes=[(2, 3), (1, 1), (0, 3)],
    ),
    "parametric_relu": row(
        gnn.parametric_relu,
        lambda t, x, a: t.where(x >= 0, x, a * x),
        *("wide", "part"),
        shapes=[[(2, 3), ()], [(1, 3), (3,)], [(0, 3), ()]],
    ),
    "positional_encoding": row(
        lambda x: gnn.positional_encoding(x) + 0 * gnn.sum(x),
        lambda t, x: sinusoids(t, x) + 0 * x.sum(),
        "real",
        shapes=[(2, 5, 4), (1, 1, 6), (2, 3, 1)],
    ),
    "power": row(
        lambda x, n: gnn.power(x, n) + x**3 + x**-2,
        lambda t, x, n: x**n + x**3 + x**-2,
        *("positive", "real"),
    ),
    "prod": row(
        lambda x: gnn.prod(x, 1), lambda t, x: x.prod(1), "real", shapes=[*ROWS_OF_4, (0, 3)]
    ),
    "flatten": row(
        lambda x: gnn.flatten(x, start=1),
        lambda t, x: t.flatten(x, 1),
        "real",
        shapes=[(2, 3, 4), (2, 1, 3), (1, 5), (3, 0, 2)],
    ),
    "relu": unary("relu", "wide"),
    "reshape": row(
        lambda x: gnn.reshape(x, (3, -1)),
        lambda t, x: x.reshape(3, -1) if x.numel() else x.reshape(3, 0),
        "real",
        shapes=[(2, 6), (1, 3), (3, 1), (3, 0)],
    ),
    "sigmoid": unary("sigmoid", "wide"),
    "sign": unary("sign"),
    "sin": unary("sin"),
    "sinh": unary("sinh"),
    "softmax": row(
        lambda x: gnn.softmax(x, 0),
        lambda t, x: x.softmax(0),
        "wide",
        shapes=[(3, 4), (3, 1), (3, 0)],
    ),
    "softplus": row(gnn.softplus, nn("softplus"), "wide"),
    "sparse_cross_entropy": row(
        gnn.sparse_cross_entropy,
        lambda t, n, p: -picked(t, n, p.log()).mean(),
        *("labels", "part"),
        shapes=LABELLED,
    ),
    "sparse_cross_entropy_with_logits": row(
        gnn.sparse_cross_entropy_with_logits,
        lambda t, n, z: -picked(t, n, z.log_softmax(-1)).mean(),
        *("labels", "wide"),
        shapes=LABELLED,
    ),
    "split": row(
        lambda x: gnn.split(x, [2, 0, 3], 1)[2] * gnn.split(x, [2, 0, 3], 1)[0][:, :1],
        lambda t, x: t.split(x, [2, 0, 3], 1)[2] * t.split(x, [2, 0, 3], 1)[0][:, :1],
        "real",
        shapes=[(2, 5), (1, 5), (0, 5)],
    ),
    "sqrt": unary("sqrt", "positive"),
    "stack": row(
        lambda a, b: gnn.stack([a, b, a], 1),
        lambda t, a, b: t.stack([a, b, a], 1),
        *("real", "real"),
        shapes=[(2, 3), (1,), (0, 3)],
    ),
    "step": row(gnn.step, lambda t, x: (x >= 0) * 1.0 + 0 * x, "wide"),
    "sum": row(
        lambda x: gnn.sum(x, (0, 2)),
        lambda t, x: x.sum((0, 2)),
        "real",
        shapes=[(2, 3, 4), (1, 3, 1), (0, 3, 2), (2, 0, 4)],
    ),
    "swish": row(gnn.swish, nn("silu"), "wide"),
    "tan": unary("tan"),
    # 1 − h² cancels in float32 where h is near 1, in PyTorch too
    "tanh": unary("tanh"),
    "trace": row(
        gnn.trace,
        lambda t, x: x.diagonal(dim1=0, dim2=1).sum(-1),
        "real",
        shapes=[(3, 4), (1, 3), (2, 2, 3), (0, 2)],
    ),
    "transpose": row(
        lambda x: gnn.transpose(x, (2, 0, 1)),
        lambda t, x: x.permute(2, 0, 1),
        "real",
        shapes=[(2, 3, 4), (1, 3, 1), (0, 3, 2)],
    ),
    "where": row(
        lambda a, b: gnn.where(a > b, a * b, b),
        lambda t, a, b: t.where(a > b, a * b, b),
        *("real", "real"),
    ),
    "xlogy": row(gnn.xlogy, lambda t, a, b: t.xlogy(a, b), *("real", "positive")),
}
CASES = [(name, k) for name in ROWS for k in range(len(ROWS[name][3]))]


def test_every_public_op_has_a_row():
    assert set(ROWS) == set(ops.__all__) & set(gnn.__all__)


def operands(name, case):
    """Arrays of one case: float64, or labels 0 … 3."""
    _, _, kinds, shapes = ROWS[name]
    draw = np.random.default_rng([zlib.crc32(name.encode()), case])
    return {
        f"x{k}": draw.integers(0, 4, shape)
        if kind == "labels"
        else draw.uniform(*RANGES[kind], shape)
        for k, (kind, shape) in enumerate(zip(kinds, shapes[case], strict=True))
    }


@pytest.mark.parametrize(("name", "case"), CASES)
def test_values_and_gradients_are_pytorchs(name, case):
    torch = pytest.importorskip("torch", reason="PyTorch (extra `peers`) gives the second opinion")
    ours, theirs, _, _ = ROWS[name]
    fed = operands(name, case)
    leaves = [
        gnn.input(k, a.shape, "int64" if a.dtype.kind == "i" else "float64") for k, a in fed.items()
    ]
    outputs, fed = outputs_with_gradients(ours(*leaves), leaves, fed)
    tensors = {
        k: torch.tensor(a, requires_grad=a.dtype.kind == "f")
        for k, a in fed.items()
        if k != "upstream"
    }
    expected = theirs(torch, *tensors.values())
    wanted = {"out": expected.detach().numpy()}
    if len(outputs) > 1:
        if expected.requires_grad:
            expected.backward(torch.tensor(fed["upstream"]))
        for k, t in tensors.items():
            if f"d_{k}" in outputs:
                wanted[f"d_{k}"] = (torch.zeros_like(t) if t.grad is None else t.grad).numpy()
    assert set(wanted) == set(outputs)
    found = gnn.evaluate(outputs, fed)
    single = codegen.compile(outputs, dtype="float32")(**fed)
    for key, value in wanted.items():
        assert close(found[key], value, 1e-10), key
        assert close(single[key], value, 1e-5), key
        assert single[key].dtype in (np.float32, np.int64, np.bool_)
