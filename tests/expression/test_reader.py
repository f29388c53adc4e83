"""Reading expressions as they are typed: precedence, spellings, places, bounds."""

import pytest

from graphnn.errors import TextError
from graphnn.expression.reader import Declaration, Line, read, read_lines, read_scalar
from graphnn.expression.tree import apply, num, sym
from graphnn.text import read_equation

SCALARS = dict.fromkeys(
    ["a", "b", "c", "d", "w", "x", "y", "z", "h1", "y_hat", "z_bar", "theta", "lambda", "alpha"], ()
)


def meaning(text):
    (e,) = read_equation(text, SCALARS)
    return e


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a + b^2", "a + (b^2)"),
        ("a + b**2", "a + (b^2)"),
        ("-x^2", "-(x^2)"),
        ("-x²", "-(x^2)"),
        ("2^-x", "2^(-x)"),
        ("a^b^c", "a^(b^c)"),
        ("a/b/c", "(a/b)/c"),
        ("a - b - c", "(a - b) - c"),
        ("2x", "2*x"),
        ("½x", "(1/2)*x"),
        ("a·b×c⋅d", "a*b*c*d"),
        ("a − b", "a - b"),
        ("-a*b", "-(a*b)"),
        ("a*-b", "a*(-b)"),
        ("a(b + c)", "a*(b + c)"),
        ("(a + b)(c + d)", "(a + b)*(c + d)"),
        ("cos x", "cos(x)"),
        ("y log x", "y*log(x)"),
        ("log x · y", "log(x)*y"),
        ("sin² x", "sin(x)^2"),
        ("tanh²(z)", "tanh(z)^2"),
        ("ln x", "log(x)"),
        ("σ(z)", "sigmoid(z)"),
        ("e^x", "exp(x)"),
        ("e^-x", "exp(-x)"),
        ("a ≤ b", "a <= b"),
        ("where(a > b and b ≠ c, a, b)", "where((a > b) and (b != c), a, b)"),
        ("h_1 + h₁ + h1", "h1 + h1 + h1"),
        ("ŷ", "y_hat"),
        ("z̄", "z_bar"),
        ("θ + λ·α", "theta + lambda*alpha"),
        ("x⁻¹", "x^-1"),
        ("(a\n + b)", "a + b"),
        ("a  # + b", "a"),
    ],
)
def test_two_spellings_mean_one_thing(text, same):
    assert meaning(text) is meaning(same)


def test_accents_may_be_composed_or_not():
    assert meaning("y\u0302") is meaning("\u0177") is sym("y_hat")


def test_squares_are_not_decomposed():
    # NFKC would make x2 of x²
    assert meaning("x²") is apply("^", sym("x"), num(2))


@pytest.mark.parametrize(
    ("text", "words", "column"),
    [
        ("1/2x", "two ways", 2),
        ("a/b c", "two ways", 2),
        ("a/b(c)", "two ways", 2),
        ("cos 2 x", "two ways", 1),
        ("2 3", "two numbers", 3),
        ("a +", "ends too early", 4),
        ("(a", "never closed", 1),
        ("a)", "closes nothing", 2),
        ("(a]", "closes '('", 3),
        ("a $ b", "'$' does not belong here", 3),
        ("a < b < c", "'<' does not belong here", 7),
        ("x(1, 2)", "x is a value, not a function", 1),
        ("[1 2; 3]", "rows of the matrix differ in length: 2, 1", 1),
        ("1e999", "out of range", 1),
        ("log", "needs an argument", 1),
        ("softmax(a, b, c)", "given too much: softmax(x; axis)", 1),
        ("leaky_relu(a, k=1)", "no parameter k; it has a", 15),
        ("Σ_{i+1} a", "under Σ stand index names", 5),
    ],
)  # fmt: skip
def test_a_defect_is_one_line_with_a_caret(text, words, column):
    with pytest.raises(TextError) as caught:
        read_equation(text, SCALARS)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert (caught.value.line, caught.value.column) == (1, column)
    assert caught.value.place.splitlines()[-1] == " " * (10 + column - 1) + "^"


def test_a_caret_stands_under_the_letter_after_an_accent():
    with pytest.raises(TextError) as caught:
        read("z\u0304 $")
    row, mark = caught.value.place.splitlines()
    # the accent takes no column of its own
    assert row.index("$") - 1 == mark.index("^")


def test_lines():
    found = read_lines("x: (B, 2) float32; t: int64\nz[i] += x[i,j]  # a sum; not a line\n\nz[0]")
    assert [type(line) for line in found] == [Declaration, Declaration, Line, Line]
    x, t, z, bare = found
    assert (x.name, x.shape, x.dtype) == ("x", (sym("B"), num(2)), "float32")
    assert (t.shape, t.dtype, t.column) == (None, "int64", 20)
    assert (z.name, z.index, z.sign, z.line, z.column) == ("z", (sym("i"),), "+=", 2, 1)
    assert (bare.target, bare.line) == (None, 4)


def test_a_line_breaks_inside_brackets_and_places_follow():
    text = "a = (b +\n   c)\nd = a $ b"
    with pytest.raises(TextError) as caught:
        read_lines(text)
    assert (caught.value.line, caught.value.column) == (3, 7)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[0.1 0.4; −0.3 0.2]", "[0.1 0.4; −0.3 0.2]"),
        ("[1 2]", "[1 2]"),
        ("[1, 2]", "(1, 2)"),
        ("[[1, 2], [3, 4]]", "[1 2; 3 4]"),
        ("[a b; c d]", "((a, b), (c, d))"),
        ("[1; 2]", "[1; 2]"),
        ("[1/3 2; 1 1]", "[1/3 2; 1 1]"),
    ],
)
def test_matrices(text, shown):
    assert str(meaning(text)) == shown


def test_an_index_is_no_matrix():
    assert read("x[2 -1]") is apply("[]", sym("x"), apply("-", num(2), num(1)))


def test_scalars_alone():
    assert repr(read_scalar("2x·(a - 1)")) == "*(*(2, x), -(a, 1))"
