"""What a formula is printed as: views, BLAS calls, slices. Values are compared elsewhere."""

from __future__ import annotations

import pytest

import codegen
import graphnn as gnn


def _pass(line: str, *shapes: tuple[int, ...], wrt: int | None = None) -> str:
    """The body of the pass that computes a formula, or the gradient by one operand."""
    names = line.partition("(")[2].partition(")")[0].replace(" ", "").split(",")
    leaves = [gnn.input(n, s, "float64") for n, s in zip(names, shapes, strict=True)]
    made = gnn.op(line)(*leaves)
    if wrt is not None:
        made = gnn.grad(made, leaves[wrt], cotangent=gnn.input("g", made.shape, "float64"))
    source = codegen.compile({"y": made}, stable=False).source
    start = source.index("def forward_pass")
    return source[start : source.index("return", start)]


@pytest.mark.parametrize(
    ("line", "shapes", "text"),
    [
        ("f(W, x): z[b,m] += W[m,d]*x[b,d]", ((3, 2), (4, 2)), "y = x @ W.T"),
        ("f(W, x): z[m,b] += W[m,d]*x[b,d]", ((3, 2), (4, 2)), "y = W @ x.T"),
        ("f(x, d): g[i,o] += x[b,i]*d[b,o]", ((4, 3), (4, 2)), "y = x.T @ d"),
        ("f(W, x): z[m] += W[m,d]*x[d]", ((3, 2), (2,)), "y = W @ x"),
        ("f(a, b): z += a[i]*b[i]", ((3,), (3,)), "y = a @ b"),
        ("f(a, b): z[n,i,k] += a[n,i,j]*b[n,j,k]", ((2, 3, 4), (2, 4, 5)), "y = a @ b"),
        ("f(a, b): z[n,i,k] += a[n,i,j]*b[n,k,j]", ((2, 3, 4), (2, 5, 4)), "a @ b.transpose(0, 2, 1)"),
        ("f(a, b): z[i,j] = a[i]*b[j]", ((3,), (2,)), "y = a[:, None] * b"),
        ("f(x): y[i] = x[2*i+1] for i < 3", ((8,),), "y = x[1:7:2]"),
        ("f(x): y[i] = x[7-2*i] for i < 4", ((8,),), "y = x[::-2]"),
        ("f(A): y[j,i] = A[i,j]", ((3, 2),), "y = A.T"),
        ("f(x): y[j] += x[i,j]/extent(i)", ((3, 2),), "y = x.sum(axis=0) / 3"),
        ("f(x): y[i] max= x[2*i+u] for u < 2", ((8,),), "np.maximum(y, x[u : u + 8 : 2], out=y)"),
    ],
)  # fmt: skip
def test_forward(line: str, shapes: tuple[tuple[int, ...], ...], text: str) -> None:
    assert text.replace(" ", "") in _pass(line, *shapes).replace(" ", "")


def test_a_window_no_larger_than_its_stride_needs_no_loop() -> None:
    assert "for " not in _pass("f(K, x): y[i] += K[u,c]*x[3*i+u,c]", (3, 2), (9, 2), wrt=1)
    assert "for u in range(3):" in _pass("f(K, x): y[i] += K[u]*x[2*i+u]", (3,), (9,), wrt=1)


def test_a_permutation_is_a_transpose_and_an_injective_write_an_assignment() -> None:
    assert "y = g.T" in _pass("f(A): y[j,i] = A[i,j]", (3, 2), wrt=0)
    source = _pass("f(x): y[i] = x[2*i+1] for i < 3", (8,), wrt=0)
    assert "y[1:7:2] = g" in source
    assert "+=" not in source.replace("] += g", "")


def test_a_guarded_read_is_a_view_of_a_padded_copy() -> None:
    source = _pass("f(K, x): y[i] += K[u]*x[i+u-1] for i < 8", (3,), (8,))
    assert "x_padded = padded(x, ((1, 1),))" in source
    assert "where(" not in source


def test_a_read_that_leaves_its_array_is_masked_where_zero_would_be_wrong() -> None:
    source = _pass("f(x): y[i] += exp(x[i+u-1]) for u < 3, i < 5", (5,))
    assert "where_true(inside, " in source


def test_gathered_gradients_are_accumulated() -> None:
    table, labels = gnn.input("E", (5, 3)), gnn.input("t", (4,), "int64")
    made = gnn.grad(table[labels], table, cotangent=gnn.input("g", (4, 3)))
    assert 'np.add.at(y, rows(t, 5, "t"), g)' in codegen.compile({"y": made}, stable=False).source


def test_a_part_that_occurs_twice_is_computed_once() -> None:
    source = _pass("f(x) = exp(x)/(1 + exp(x)) + exp(x)^2", (3,))
    assert source.count("np.exp") == 1
