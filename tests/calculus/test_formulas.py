"""The closed calculus against nested loops and differences: every case forward, back, twice.

Each formula is computed by the package's evaluator and by the oracle; its cotangents and tangents
(formulas themselves) by the oracle, by central differences and against each other; its second
derivatives by differences of the first. Cotangents and directions are random.
"""

from dataclasses import dataclass, field

import numpy as np
import pytest

import graphnn as gnn
from graphnn.calculus.definition import define
from graphnn.calculus.instance import instantiate
from graphnn.calculus.rules import jvp, selection, vjp
from graphnn.calculus.tables import definition
from graphnn.graph.compute import compute
from tests import oracle

EXACT = 1e-12
BY_DIFFERENCES = 1e-6


@dataclass(frozen=True)
class Case:
    """One formula with shapes; `labels` are the integer operands, by position."""

    line: str
    shapes: tuple[tuple[int, ...], ...]
    parameters: tuple[tuple[str, int], ...] = ()
    labels: dict[int, object] = field(default_factory=dict)
    positive: bool = False


def table(name, *shapes, labels=None, **parameters):
    return Case(definition(name).text, shapes, tuple(parameters.items()), labels or {})


CASES = {
    "dense": Case("f(W, x): z[b,m] += W[m,d]*x[b,d]", ((3, 2), (4, 2))),
    "conv1d": Case("f(K, x): z[b,i,o] += K[u,c,o]*x[b,i+u,c]", ((3, 2, 2), (2, 6, 2))),
    "conv1d dilated": Case("f(K, x): z[i] += K[u]*x[i+3*u]", ((3,), (9,))),
    "conv2d": table("conv2d", (2, 3, 2, 2), (1, 4, 5, 2)),
    "conv2d strided": table("conv2d", (2, 2, 1, 2), (2, 5, 5, 1), s=2),
    "conv2d padded": table("conv2d", (3, 3, 1, 2), (1, 4, 3, 1), p=1),
    "conv2d dilated": table("conv2d", (2, 2, 1, 1), (1, 5, 5, 1), d=2),
    "conv2d all three": table("conv2d", (2, 3, 1, 2), (1, 6, 5, 1), s=2, p=2, d=2),
    "maxpool": table("maxpool", (1, 4, 6, 2)),
    "maxpool overlapping": table("maxpool", (1, 5, 4, 1), k=3, s=1),
    "maxpool padded": table("maxpool", (2, 5, 5, 1), k=3, s=2, p=1),
    "average pool": Case("f(x; k=2): y[i,c] += x[k*i+u,c]/k for u < k", ((6, 3),)),
    "gather": table("gather", (4, 3), (5,), labels={1: [3, 0, 3, 1, 3]}),
    "gather of a 2-d index": Case(
        "f(E, t): y[a,b,d] = E[t[a,b],d]", ((5, 2), (2, 3)), labels={1: [[4, 0, 4], [2, 4, 0]]}
    ),
    "gather by a scalar": Case("f(E, t): y[d] = E[t,d]^2", ((5, 2), ()), labels={1: 3}),
    "picked labels": Case(
        "f(p, t): y += -log(p[n,t[n]])", ((3, 4), (3,)), labels={1: [2, 0, 2]}, positive=True
    ),
    "diagonal": Case("f(A): y[i] = A[i,i]*A[i,i]", ((4, 4),)),
    "diagonal matrix": Case("f(x): y[i,i] = sin(x[i])", ((4,),)),
    "trace": Case("f(A): y += A[i,i]^3", ((3, 3),)),
    "reverse": Case("f(x): y[i] = x[size(x,0)-1-i]^2 for i < size(x,0)", ((5,),)),
    "broadcast": Case("f(x, b): y[i,j] = x[i,j]*exp(b[j])", ((3, 4), (4,))),
    "broadcast of size 1": Case("f(a, b) = a*tanh(b)", ((3, 1), (2, 1, 4))),
    "outer": Case("f(a, b): y[i,j] = a[i]*b[j]", ((3,), (4,))),
    "transpose": Case("f(A): y[j,i] = cos(A[i,j])", ((2, 3),)),
    "empty axis": Case("f(W, x): z[b,m] += W[m,d]*x[b,d]", ((3, 0), (2, 0))),
    "empty batch": Case("f(W, x): z[b,m] += W[m,d]*x[b,d]^2", ((3, 2), (0, 2))),
    "axes of size 1": Case("f(W, x): z[b,m] += W[m,d]*x[b,d]^2", ((1, 1), (1, 1))),
    "A times its transpose": Case("f(A): y[i,j] = A[i,j]*A[j,i]", ((3, 3),)),
    "quadratic form": Case("f(A, x): y += x[i]*A[i,j]*x[j]", ((3, 3), (3,))),
    "bilinear": Case("f(a, W, b): y[k] += a[i]*W[k,i,j]*b[j]", ((2,), (3, 2, 4), (4,))),
    "batched product": Case("f(A, B): y[b,i,k] += A[b,i,j]*B[b,j,k]", ((2, 2, 3), (2, 3, 2))),
    "slice": Case("f(x): y[i,j] = x[i+1,2*j]^2 for i < 2, j < 2", ((4, 5),)),
    "slice backwards": Case("f(x): y[i] = exp(x[6-2*i]) for i < 3", ((7,),)),
    "pad": Case("f(x): y[i,j] += x[i-1,j-2]^2 for i < 5, j < 6", ((3, 3),)),
    "mean": Case("f(x): y[i] += x[i,j,k]^2/(extent(j)*extent(k))", ((2, 3, 4),)),
    "sum": Case("f(x): y[j] += exp(x[i,j])", ((3, 2),)),
    "lower triangle": Case("f(x): y[i,j] = where(i >= j, x[i,j]*x[i,j], 0)", ((4, 4),)),
    "cumulative sum": Case("f(x): y[i] += where(j <= i, sin(x[j]), 0) for i < 5", ((5,),)),
    "positions in the body": Case("f(x): y[i] = x[i]^2*(i+1)/extent(i)", ((4,),)),
    "max over a row": Case("f(x): y[i] max= x[i,j]", ((3, 4),)),
    "max of a function": Case("f(x, w): y[i] max= w[j]*x[i,j]^2", ((3, 4), (4,))),
    "max over everything": Case("f(x): y max= x[i,j]", ((3, 4),)),
    "power with a node": Case("f(x, n): y[i] = x[i]^n[i]", ((4,), (4,)), positive=True),
    "negative power": Case("f(x) = x^(-2)", ((4,),), positive=True),
    "square root": Case("f(x) = sqrt(x)", ((4,),), positive=True),
    "sigmoid": table("sigmoid", (2, 3)),
    "tanh of a product": Case("f(a, b) = tanh(a*b)", ((2, 3), (3,))),
    "swish": table("swish", (5,)),
    "cross entropy": Case("f(p, y) = -y*log(p)-(1-y)*log(1-p/2)", ((4,), (4,)), positive=True),
    "where of a comparison": Case("f(a, b) = where(a > b, a*b, a-b)", ((6,), (6,))),
    "selected power": Case("f(x): y[i] = where(x[i] > 0, x[i]^3, -x[i])", ((6,),)),
    "logarithm far out": Case("f(x) = log(x+9)", ((4,),)),
}


def values(case, generator):
    """Operands, integer ones as given; the others well away from kinks and ties."""
    arrays = []
    for k, shape in enumerate(case.shapes):
        if k in case.labels:
            arrays.append(np.asarray(case.labels[k], dtype=np.int64))
            continue
        size = int(np.prod(shape))
        if case.positive:
            spread = np.linspace(0.35, 1.6, size + 2)[1:-1]
        else:
            spread = np.linspace(-1.5, 1.4, 2 * size + 1)[::2][:size] + 0.031
        jitter = generator.uniform(-1, 1, size) * 0.2 / (size + 2)
        arrays.append((generator.permutation(spread) + jitter).reshape(shape))
    return arrays


@pytest.fixture(params=sorted(CASES))
def made(request):
    """(case, formula, operands of the formula, generator)."""
    case = CASES[request.param]
    generator = np.random.default_rng(sorted(CASES).index(request.param))
    instance = instantiate(define(case.line), case.shapes, case.parameters)
    given = dict(case.parameters)
    defaults = {name: float(e.args[0]) for name, e in define(case.line).parameters if e is not None}
    arrays = values(case, generator)
    operands = [
        np.asarray(float(given.get(use, defaults.get(use, 0.0))))
        if isinstance(use, str)
        else arrays[use]
        for use in instance.uses
    ]
    return case, instance.formula, operands, generator


def floats(formula, operands):
    """The operands that have a derivative: those that are read as values."""
    return sorted({r.operand for r in formula.reads if operands[r.operand].dtype.kind == "f"})


def with_operand(operands, place, value):
    return [value if k == place else array for k, array in enumerate(operands)]


def sources(rule, formula, operands, cotangent=None, tangents=None):
    """The arrays that a derived rule asks for; the forward values are the oracle's."""
    found = []
    for source in rule.sources:
        if source.kind == "operand":
            found.append(operands[source.operand])
        elif source.kind == "tangent":
            found.append(tangents[source.operand])
        elif source.kind == "cotangent":
            found.append(cotangent)
        elif source.kind == "output":
            found.append(oracle.formula_value(formula, operands))
        else:
            chosen = oracle.formula_value(selection(formula), operands)
            found.append(chosen.astype(np.int64))
    return found


def cotangents(formula, operands, place, cotangent):
    """(rule, its operands) of each read of one operand; their values add up."""
    for k, read in enumerate(formula.reads):
        if read.operand == place:
            rule = vjp(formula, k, operands[place].shape)
            if rule is not None:
                yield rule, sources(rule, formula, operands, cotangent)


def backward(formula, operands, place, cotangent):
    total = np.zeros(operands[place].shape)
    for rule, arrays in cotangents(formula, operands, place, cotangent):
        total = total + oracle.formula_value(rule.formula, arrays)
    return total


def forward_mode(formula, operands, tangents):
    reads = tuple(k for k, r in enumerate(formula.reads) if r.operand in tangents)
    rule = jvp(formula, reads)
    assert rule is not None
    arrays = sources(rule, formula, operands, tangents=tangents)
    value = oracle.formula_value(rule.formula, arrays)
    oracle.close(compute(rule.formula, arrays, {}, "float64"), value, EXACT)
    return value


def test_there_are_enough_formulas():
    assert len(CASES) >= 25


def test_forward_is_the_oracles(made):
    case, formula, operands, _ = made
    expected = oracle.formula_value(formula, operands)
    assert np.any(expected != 0) or any(0 in shape for shape in case.shapes)
    oracle.close(compute(formula, operands, {}, "float64"), expected, EXACT)


@pytest.mark.parametrize("made", [name for name in sorted(CASES) if "max" in name], indirect=True)
def test_argmax_is_the_oracles(made):
    _, formula, operands, _ = made
    chosen = selection(formula)
    value = compute(chosen, operands, {}, "int64")
    assert value.dtype == np.int64
    assert np.array_equal(value, oracle.formula_value(chosen, operands))


def test_cotangent_is_that_of_differences(made):
    _, formula, operands, generator = made
    u = generator.normal(size=oracle.formula_value(formula, operands).shape)
    for place in floats(formula, operands):

        def forward(x, place=place):
            return oracle.formula_value(formula, with_operand(operands, place, x))

        expected = oracle.differences(forward, operands[place], u)
        oracle.close(backward(formula, operands, place, u), expected, BY_DIFFERENCES)


def test_cotangent_formulas_evaluate_as_the_oracle_says(made):
    _, formula, operands, generator = made
    u = generator.normal(size=oracle.formula_value(formula, operands).shape)
    for place in floats(formula, operands):
        for rule, arrays in cotangents(formula, operands, place, u):
            expected = oracle.formula_value(rule.formula, arrays)
            oracle.close(compute(rule.formula, arrays, {}, "float64"), expected, EXACT)


def test_tangent_is_that_of_differences_and_the_transpose_of_the_cotangent(made):
    _, formula, operands, generator = made
    u = generator.normal(size=oracle.formula_value(formula, operands).shape)
    tangents = {k: generator.normal(size=operands[k].shape) for k in floats(formula, operands)}
    moved = forward_mode(formula, operands, tangents)
    sent = sum(np.sum(tangents[k] * backward(formula, operands, k, u)) for k in tangents)
    scale = 1 + np.sum(np.abs(moved * u))
    assert abs(np.sum(moved * u) - sent) <= EXACT * scale
    total = np.zeros(moved.shape)
    for place, v in tangents.items():

        def forward(x, place=place):
            return oracle.formula_value(formula, with_operand(operands, place, x))

        total = total + oracle.directional(forward, operands[place], v)
    oracle.close(moved, total, BY_DIFFERENCES)


def test_second_derivatives_are_differences_of_the_first(made):
    """The gradient of ⟨∇f, r⟩, through the graph: every cotangent formula differentiated again."""
    case, _, _, generator = made
    arrays = values(case, generator)
    leaves = [
        gnn.input(f"x{k}", shape, "int64" if k in case.labels else "float64")
        for k, shape in enumerate(case.shapes)
    ]
    y = gnn.op(case.line)(*leaves, **dict(case.parameters))
    u = gnn.constant(generator.normal(size=y.shape), "float64")
    fed = {f"x{k}": array for k, array in enumerate(arrays)}
    real = [leaf for k, leaf in enumerate(leaves) if k not in case.labels]
    for x in real:
        first = gnn.grad(y, x, cotangent=u)
        r = generator.normal(size=x.shape)
        for z in real:
            second = gnn.evaluate(gnn.grad(gnn.sum(first * r), z), **fed)

            def gradient(value, first=first, name=z.name):
                return gnn.evaluate(first, **{**fed, name: value})

            expected = oracle.differences(gradient, fed[z.name], r)
            oracle.close(second, expected, BY_DIFFERENCES)


def test_the_whole_second_order_graph_evaluates_as_the_oracle_says(made):
    case, _, _, generator = made
    arrays = values(case, generator)
    leaves = [
        gnn.input(f"x{k}", shape, "int64" if k in case.labels else "float64")
        for k, shape in enumerate(case.shapes)
    ]
    y = gnn.op(case.line)(*leaves, **dict(case.parameters))
    fed = {f"x{k}": array for k, array in enumerate(arrays)}
    x = next(leaf for k, leaf in enumerate(leaves) if k not in case.labels)
    first = gnn.grad(y, x, cotangent=generator.normal(size=y.shape))
    second = gnn.grad(gnn.sum(first * generator.normal(size=x.shape)), x)
    oracle.close(gnn.evaluate(second, **fed), oracle.node_value(second.node, fed), EXACT)


# ---- what the table of kinks says, for whole formulas ------------------------------------------


def test_a_tie_in_a_row_goes_to_the_first():
    formula = instantiate(define("f(x): y[i] max= x[i,j]"), ((2, 4),)).formula
    x = np.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    u = np.array([7.0, -2.0])
    expected = np.array([[0, 7.0, 0, 0], [-2.0, 0, 0, 0]])
    oracle.close(backward(formula, [x], 0, u), expected, EXACT)


def test_a_tie_in_a_pooling_window_goes_to_the_first():
    formula = instantiate(definition("maxpool"), ((1, 2, 4, 1),)).formula
    x = np.array([[2.0, 2.0, 1.0, 0.0], [2.0, 2.0, 0.0, 1.0]]).reshape(1, 2, 4, 1)
    u = np.array([3.0, 5.0]).reshape(1, 1, 2, 1)
    expected = np.array([[3.0, 0, 5.0, 0], [0, 0, 0, 0]]).reshape(1, 2, 4, 1)
    oracle.close(backward(formula, [x], 0, u), expected, EXACT)


def test_padding_is_never_the_maximum():
    """Not even where all that is inside is −∞: the window's first element is chosen."""
    formula = instantiate(definition("maxpool"), ((1, 2, 2, 1),), (("k", 3), ("p", 1))).formula
    x = np.full((1, 2, 2, 1), -np.inf)
    chosen = compute(selection(formula), [x], {}, "int64")
    assert chosen.ravel().tolist() == [4]
    below = compute(formula, [np.full((1, 2, 2, 1), -5.0)], {}, "float64")
    assert below.ravel().tolist() == [-5.0]


def test_the_maximum_of_nothing_is_an_error():
    formula = instantiate(define("f(x): y[i] max= x[i,j]"), ((2, 0),)).formula
    with pytest.raises(gnn.ShapeError, match="maximum of nothing"):
        compute(formula, [np.zeros((2, 0))], {}, "float64")
    padded = instantiate(definition("maxpool"), ((1, 1, 1, 1),), (("k", 1), ("s", 1), ("p", 1)))
    with pytest.raises(gnn.ShapeError, match="padding"):
        compute(padded.formula, [np.ones((1, 1, 1, 1))], {}, "float64")


def test_padding_hides_what_is_not_finite():
    formula = instantiate(define("pad(x): y[i] += x[i-1] for i < 4"), ((2,),)).formula
    value = compute(formula, [np.array([np.inf, 1.0])], {}, "float64")
    assert value.tolist() == [0.0, np.inf, 1.0, 0.0]


@pytest.mark.parametrize("size", [4, 5, 6])
@pytest.mark.parametrize("parameters", [{}, {"p": 1}, {"s": 2}, {"s": 2, "p": 1}, {"d": 2, "p": 2}])
def test_symbolic_sizes_compute_as_numbers_do(size, parameters):
    """The guards of a convolution with symbolic height and width are those of the numbers."""
    generator = np.random.default_rng(size)
    kernel = generator.normal(size=(2, 2, 1, 2))
    image = generator.normal(size=(1, size, size + 1, 1))
    K = gnn.parameter("K", (2, 2, 1, 2), "float64")
    x = gnn.input("x", ("B", "H", "W", 1), "float64")
    y = gnn.conv2d(K, x, **parameters)
    L = gnn.sum(y * y * y)
    fixed = instantiate(
        definition("conv2d"), (kernel.shape, image.shape), tuple(parameters.items())
    )
    expected = oracle.formula_value(fixed.formula, [kernel, image])
    oracle.close(gnn.evaluate(y, K=kernel, x=image), expected, EXACT)
    sizes = {"B": 1, "H": size, "W": size + 1}
    oracle.close(oracle.node_value(y.node, {"K": kernel, "x": image}, sizes), expected, EXACT)
    gradient = gnn.grad(L, [K, x])
    sent = backward(fixed.formula, [kernel, image], 1, 3 * expected**2)
    oracle.close(gnn.evaluate(gradient["x"], K=kernel, x=image), sent, EXACT)


def test_reads_outside_and_unreadable_indices_are_refused():
    for line, shape, message in (
        ("f(x): y[i] = x[i,5]", (3, 4), "index 5 is outside a dimension of size 4"),
        ("f(x): y[i,j] = x[i*j]", (3,), "not an affine index"),
        ("f(x): y[i] = x[i//2] for i < 4", (3,), "not an affine index"),
        ("f(x): y[i,j] = x[i]", (3,), "axis j of the output is neither read nor bounded"),
        ("f(x): y[i] = x[i,j]", (3, 4), "axis j is read and not written"),
        ("f(x): y[i] = x[i]*q", (3,), "q is neither an axis, an operand nor a parameter"),
        ("f(x): y[i] = x[i] for i < n", (3,), "n is neither"),
        ("f(x): y[i] = w[i]*x[i]", (3,), "w is indexed and is no operand"),
        ("f(x) = x*c", (3,), "c is neither an operand nor a parameter"),
        ("f(x): y += x[i] + x", (3,), "read with 0 indices"),
        ("f(x): y[i] += x[i,i]", (3, 4), "axis i has extent 3"),
        ("f(x): y[i] += x[i-u]", (4,), "cannot be inferred|does not follow"),
        ("f(x): y[0] += x[i]", (4,), "not a plain axis"),
    ):
        with pytest.raises(gnn.GraphError, match=message):
            instantiate(define(line), (shape,))
