"""The table of `stabilise`: every row proved, every order of it ends in one form."""

import itertools
import random

import mpmath
import pytest
import sympy

from graphnn.errors import GraphError
from graphnn.expression.normal_form import normal_form, written
from graphnn.expression.reader import read
from graphnn.expression.rewriting import Row, rewrite, rules
from graphnn.expression.scalar import plain
from graphnn.expression.sympy_view import to_sympy
from graphnn.expression.tree import substitute, sym, symbols
from graphnn.graph.stable_forms import TABLE
from graphnn.graph.stable_reductions import FORMS


def expression(text):
    return plain(read(text))


def proves(row):
    """Whether sympy shows pattern = replacement where the pattern is defined.

    The difference simplifies to 0; or its derivatives do, and it is 0 at one point of the domain
    (which is connected), to fifty digits.
    """
    names = symbols(expression(row.pattern))
    variables = {name: sympy.Symbol(name, real=True) for name in names}
    both = (to_sympy(expression(row.pattern)), to_sympy(expression(row.replacement)))
    # cases are those of abs and of xlogy: the rows are proved for u > 0 and u < 0 apart
    signs = [
        dict(zip(names, s, strict=True)) for s in itertools.product((1, -1), repeat=len(names))
    ]
    for sign in signs:
        positive = {n: sympy.Symbol(f"{n}_", positive=True) for n in names}
        side = {variables[n]: sign[n] * positive[n] for n in names}
        if row.domain == "v > 0" and sign["v"] < 0:
            continue
        if row.domain == "u > -1" and sign["u"] < 0:
            continue
        if row.domain == "v > -1" and sign["v"] < 0:
            continue
        difference = (both[0] - both[1]).subs(side)
        if not is_zero(difference, list(positive.values())):
            return False
    return agrees_at_points(row, both, variables)


def is_zero(difference, variables):
    if simplified(difference) == 0:
        return True
    at = dict.fromkeys(variables, sympy.Rational(1, 3))
    if abs(sympy.N(difference.subs(at), 50)) > mpmath.mpf(10) ** -48:
        return False
    return all(simplified(sympy.diff(difference, v)) == 0 for v in variables)


def simplified(e):
    return sympy.simplify(sympy.simplify(e.rewrite(sympy.exp)).rewrite(sympy.exp))


def agrees_at_points(row, both, variables):
    generator = random.Random(row.pattern)
    low = {"v > 0": 0, "u > -1": -1, "v > -1": -1}
    function = sympy.lambdify(list(variables.values()), both, modules="mpmath")
    with mpmath.workdps(60):
        for _ in range(20):
            at = [
                mpmath.mpf(generator.uniform(low.get(row.domain, -4) if n in row.domain else -4, 4))
                for n in variables
            ]
            left, right = function(*at)
            if abs(left - right) > mpmath.mpf(10) ** -50 * (1 + abs(left)):
                return False
    return True


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name}: {row.pattern}")
def test_every_row_is_proved(row):
    assert proves(row)


@pytest.mark.parametrize(
    "row",
    [
        Row("", "log(1 + exp(u))", "softplus(-u)"),
        Row("", "exp(u)/(1 + exp(u))", "logistic(-u)"),
        Row("", "1 + tanh(u)", "2*logistic(u)"),
        Row("", "sqrt(u^2)", "u"),
        Row("", "exp(u) - 1", "expm1(u) + 1e-30"),
        Row("", "u*log1p(v)", "xlogy(u, v)", domain="v > 0"),
    ],
    ids=lambda row: f"{row.pattern} → {row.replacement}",
)
def test_a_wrong_row_is_not_proved(row):
    assert not proves(row)


# ---- reductions ----------------------------------------------------------------------------------

SIZE = 3


def unrolled(text):
    """A form as a sympy expression of u0, u1, u2: sums written out, at i = 1, for any c."""
    u = sympy.symbols(f"u0:{SIZE}", real=True)
    known = {"c": sympy.Symbol("c", real=True), "n": sympy.Integer(SIZE), "i": 1}

    def value(e, at):
        match e.head:
            case "num":
                return sympy.Integer(e.args[0])
            case "sym":
                return at[e.args[0]]
            case "group":
                return value(e.args[0], at)
            case "call":
                return getattr(sympy, e.args[0].args[0])(value(e.args[1], at))
            case "[]":
                assert e.args[0] is sym("u")
                return u[at[e.args[1].args[0]]]
            case "Σ":
                name = e.args[0].args[0]
                return sympy.Add(*(value(e.args[1], {**at, name: k}) for k in range(SIZE)))
        a, b = (value(part, at) for part in e.args)
        return {"+": a + b, "-": a - b, "/": a / b}[e.head] if e.head != "^" else a**b

    return value(read(text), known)


@pytest.mark.parametrize("name", FORMS)
def test_every_reduction_is_proved_for_any_shift(name):
    pattern, replacement = (unrolled(text) for text in FORMS[name])
    difference = pattern - replacement
    variables = sorted(difference.free_symbols, key=str)
    assert is_zero(difference, variables)
    # so holding c constant loses no derivative: there is none, of any order
    assert sympy.Symbol("c", real=True) not in pattern.free_symbols


def test_a_wrong_reduction_is_not_proved():
    pattern, replacement = (unrolled(text) for text in FORMS["logsumexp"])
    wrong = pattern - replacement + sympy.Symbol("c", real=True)
    assert not is_zero(wrong, sorted(wrong.free_symbols, key=str))


# ---- confluence ------------------------------------------------------------------------------------

TEXTS = [
    "exp(x)/(1 + exp(x))",
    "1/(1 + exp(-x))",
    "(tanh(x/2) + 1)/2",
    "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
    "(exp(2*x) - 1)/(exp(2*x) + 1)",
    "1 - 2/(1 + exp(2*x))",
    "log(1 + exp(x))",
    "log(1/(1 + exp(-x)))",
    "log(1 - 1/(1 + exp(-x)))",
    "-log(exp(x)/(1 + exp(x)))",
    "log(1 + exp(x) - 1)",
    "x/(1 + exp(-x))",
    "y*log(x) + (1 - y)*log(1 - x)",
    "y*log(1/(1 + exp(-z))) + (1 - y)*log(1 - 1/(1 + exp(-z)))",
    "sqrt((exp(x) - 1)^2)",
    "exp(x)/(exp(x) + exp(-x))",
    "x*exp(x)/(1 + exp(x)) - log(1 + exp(x))",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_order_of_the_table_ends_in_one_form(text):
    generator = random.Random(text)
    forms = set()
    for _ in range(25):
        shuffled = list(TABLE)
        generator.shuffle(shuffled)
        forms.add(rewrite(normal_form(expression(text)), *rules(shuffled))[0])
    assert len(forms) == 1
    (form,) = forms
    assert form != normal_form(expression(text))
    assert rewrite(form, *rules(TABLE)) == (form, [])


@pytest.mark.parametrize("text", TEXTS)
def test_the_rewritten_form_has_the_same_value(text):
    body = expression(text)
    form, applied = rewrite(normal_form(body), *rules(TABLE))
    assert applied
    names = symbols(body)
    both = (to_sympy(body), to_sympy(written(form)))
    function = sympy.lambdify([sympy.Symbol(n, real=True) for n in names], both, modules="mpmath")
    generator = random.Random(text)
    with mpmath.workdps(50):
        for _ in range(5):
            left, right = function(*(mpmath.mpf(generator.uniform(0.1, 0.9)) for _ in names))
            assert abs(left - right) <= mpmath.mpf(10) ** -45


# ---- the normal form -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("x + y - 2*z", "-(2*z) - (-y) + x"),
        ("a*b/c", "b/c*a"),
        ("1/(2 + 2*exp(x))", "(exp(x) + 1)^(-1)/2"),
        ("exp(x)^2*exp(-y)", "exp(2*x - y)"),
        ("x^0.5", "sqrt(x)"),
        ("cosh(y - x)", "cosh(x - y)"),
        ("tanh(-x)", "-tanh(x)"),
        ("(a - b)^2", "(b - a)*(b - a)"),
    ],
)
def test_equal_in_any_spelling(a, b):
    assert normal_form(expression(a)) == normal_form(expression(b))


@pytest.mark.parametrize(("a", "b"), [("x - y", "y - x"), ("(x + 1)^2", "x^2 + 1"), ("x", "2*x")])
def test_different_expressions_stay_different(a, b):
    assert normal_form(expression(a)) != normal_form(expression(b))


@pytest.mark.parametrize("text", [*TEXTS, "where(x > 0, x^2/3, -x*y)", "a/(b - c)^2 - 0.1*d"])
def test_what_is_written_back_is_the_same(text):
    form = normal_form(expression(text))
    again = written(form)
    assert normal_form(again) == form
    assert substitute(again, {}) is again


def test_a_table_that_goes_in_circles_is_an_internal_error():
    circle = [Row("", "sinh(u)", "sin(u)"), Row("", "sin(u)", "sinh(u)")]
    with pytest.raises(GraphError, match="does not end"):
        rewrite(normal_form(expression("sin(x)")), *rules(circle))
