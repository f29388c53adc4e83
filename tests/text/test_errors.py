"""What is refused: one line that names the defect, and a caret under the place."""

import re

import pytest

import graphnn as gnn
from graphnn.errors import GraphError

V = {"v": (2,), "r": (3,), "W": (3, 2)}

ROWS = [
    # first_minutes.md
    ("a = sigmoid(z); z = w*x", "z is used before its definition in line 1; move it up", "z)"),
    ("w = w - 0.1*g", "w is already an input of this statement; give the result another name (w1 = …)", "w = w"),
    ("sigmod(x)", "unknown function sigmod; did you mean sigmoid?", "sigmod"),
    ("huber(x)", "unknown function huber; there are exp, log, sqrt, sin", "huber"),
    # the operands of an op go by the user's names
    ("r: (3); W: (3,2); W @ r", "dimension 0 of b has size 3; in matmul(a, b): y[i] += a[i,j]*b[j] with a: (3, 2), b: (3,); here a is W, b is r", "@ r"),
    ("X: (1,5,5,1); K: (3,3,1,1); conv2d(X, K)", "here K is X, x is K", "conv2d"),
    # names
    ("x = 1\nx = 2", "x is defined twice, first in line 1", "x = 2"),
    ("z = x y\nz: (2)", "z is computed in line 1; leave its declaration out", "z: (2)"),
    ("x: (2); x: (3); sum(x)", "x is declared twice", "x: (3)"),
    ("x: (2) float16; sum(x)", "no dtype float16; one of float32", "x: (2) float16"),
    ("x: (1.5); sum(x)", "is no size", "x: (1.5)"),
    ("a*b; c*d", "f is taken: give it a name", "c*d"),
    ("2x = y", "stands on the left of =; a statement is name = expression", "2x"),
    ("∂L/∂w = 1", "a derivative is computed, not defined", "∂L"),
    ("L = ∂y/∂x", "a derivative does not stand in a network", "∂y/∂x"),
    ("f = g(x); h = 2", "unknown function g; there are exp, log, sqrt, sin", "g(x)"),
    # words of programming languages
    ("L = x if x > 0 else 0", "if is no name; write where(condition, a, b)", "if"),
    ("if x: y", "if is no name", "if"),
    ("L = x for i in 3", "in is no name; state an extent as for i < 3", "in"),
    ("z[i] = a for in < 3", "in is no name", "in"),
    ("L = x mod 2", "mod is no name; there is no remainder", "mod"),
    ("L = not x", "not is no name; turn the comparison round", "not"),
    ("L = x or y", "or is no name; write where(p, a, where(q, a, b))", "or"),
    ("L = x is y", "is is no name; compare with ==", "is"),
    ("return x", "return is no name; a text holds name = expression", "return"),
    ("def f(x)", "def is no name", "def"),
    ("then = 2", "then is no name", "then"),
    ("else: (2)", "else is no name", "else"),
    ("L = if(x)", "if is no name", "if("),
    ("L = x and y", "and stands between conditions, such as x > 0 and y > 0", "and"),
    ("L = where(x and y > 0, x, y)", "and stands between conditions", "and"),
    ("z[i] = v[i] and r[i]", "and stands between conditions", "and"),
    # signs
    ("L = |x|", "'|' does not belong here; write abs(x) for |x|", "|x"),
    ("L = ∑ x", "'∑' does not belong here; write its index, ∑_i", "∑"),
    ("L = √x²", "√x² can be read in two ways; write √(x²) or (√x)²", "√x"),
    ("L = √x^2", "√x² can be read in two ways", "√x"),
    ("A: (); L = A @ x", ("@ multiplies vectors and matrices; A is a single number here: "
     "declare its shape (A: (m, n)) or give it a value"), "A @"),
    ("L = W @ λ", "λ is a single number here: declare its shape (λ: (n))", "λ"),
    ("X: (); L = X.T v", ("ᵀ turns vectors and matrices; X is a single number here: "
     "declare its shape (X: (m, n)) or give it a value"), "X.T"),
    ("L = λᵀ v", "λ is a single number here", "λ"),
    ("L = (x y)ᵀ v", "what stands here is a single number", "x"),
    # shapes
    ("L = W v + r v", "axis", "r v"),
    ("L = v + r", "do not broadcast", "+ r"),
    ("L = W[1, 5]", "index 5 is outside a dimension of size 2", "W[1"),
    ("L = x[0]", "x is a single number here and cannot be indexed; declare its shape (x: (n)) or give it a value", "x[0]"),
    ("L = softmax(λ)", "softmax works along an axis", "softmax"),
    ("L = sum(v, axis=3)", "sum has no axis 3", "sum"),
    ("L = reshape(x, (10**9,))", "cannot take the shape (1000000000,)", "reshape"),
    ("L = reshape(v, (k, 1))", "cannot be a parameter: it takes numbers", "reshape"),
    # index notation
    ("L = v[i]", "index i is free: write L[i] = …, or sum over it with Σ_i", "i]"),
    ("z[k] = W[k,m]*v[m]", "index m is read and not written: sum over it with += or Σ_m", "*v"),
    ("z[k] = v", "the right side has 1 dimensions", "v"),
    ("z[k] = Σ_m W[k,m] v[m] + r", "the right side has 1 dimensions", "+ r"),
    ("z[k] = v[k] sum(r) + K[k,j]", "index j is read and not written", "+ K"),
    ("z[k] = softmax(v[k])", "softmax takes whole tensors, not elements", "softmax"),
    ("L = Σ_i v[i]*r[i]", "axis i has extent 2, but dimension 0 of r has size 3", "Σ_i"),
    ("z[i] = c", "index i of z[i] is not read on the right, so its extent is unknown", "c"),
    ("z[i,i] = v[i]", "writes along a diagonal", "v[i]"),
    ("L = K[u] + K[u,v]", "K has 1 dimension and is read with 2 indices", "L = K"),
    ("L = Σ_v v[v]", "v is a value and an index name", "Σ_v"),
    # parameters
    ("L = maxpool(x; k=-2)", "maxpool's k is at least 1; -2 was given", "maxpool"),
    ("L = exp(v, 2)", "exp was given too much: exp(x)", "exp"),
    ("L = where(v)", "where takes 3 operands, 1 given", "where"),
    ("L = x^x^x^x^x^x^x^x^x^x", "a tower of more than 8 powers", "^x^x"),
    ("L = gather(0.5, -0.5)", "gather", "gather"),
    ("L = pad(v, 1/3)", "pad's widths takes whole numbers; 1/3 given", "pad"),
    ("L = pad(v, x)", "pad's widths takes whole numbers; a value of the network was given", "pad"),
    ("L = x^301", "the exponent is larger than 300", "^301"),
    ("L = 1/0", "a number is divided by zero", "/0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "under"), ROWS, ids=[t for t, _, _ in ROWS])
def test_rows(text, message, under):
    shapes = {name: shape for name, shape in V.items() if re.search(rf"\b{name}\b", text)}
    with pytest.raises(GraphError) as caught:
        gnn.parse(text, shapes)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    row, mark = caught.value.place.splitlines()
    assert row[len(mark) - 1 :].startswith(under), caught.value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"z": ()}, "z is computed by the statement z = w*x; leave it out"),
        ({"W": ()}, "there is no W; did you mean w?"),
        ({"q9": ()}, "there is no q₉; the inputs are w, x"),
    ],
)
def test_values_that_belong_to_no_leaf(given, message):
    with pytest.raises(GraphError) as caught:
        gnn.parse("z = w*x; L = z^2", given)
    assert caught.value.message == message


def test_a_value_that_is_not_as_declared():
    with pytest.raises(
        GraphError, match=r"x is declared \(B, 2\).*has the shape \(5, 3\)"
    ) as caught:
        gnn.parse("x: (B, 2); sum(x)", {"x": (5, 3)})
    assert "^" in str(caught.value)
    with pytest.raises(GraphError, match=r"y is declared \(B,\) with B = 5 in x, and"):
        gnn.parse("x: (B, 2); y: (B); sum(x) + sum(y)", {"x": (5, 2), "y": (4,)})


@pytest.mark.parametrize("text", ["", " ;; \n", "# only a comment", "x: (2)"])
def test_nothing_to_compute(text):
    with pytest.raises(GraphError, match="nothing to compute"):
        gnn.parse(text)
