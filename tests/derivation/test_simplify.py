"""The five rules: a − y and p − y come out, by derivation and not by hand; they are confluent.

The networks differ in names, spelling, scale, batch; what the rules know is only what statements
say. A gradient that is not a difference does not become one.
"""

import ast
import inspect
import random
import re
from fractions import Fraction

import numpy as np
import pytest

import graphnn as gnn
from graphnn.calculus import tables
from graphnn.derivation import cotangents, index_lines, knowledge, local, simplify
from graphnn.derivation import paths as paths_module
from graphnn.derivation.index_form import CALLS, IndexForm
from graphnn.derivation.inverses import solve
from graphnn.derivation.values import value
from graphnn.derivation.written import lettered, terms_tree
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.reader import read_scalar
from graphnn.expression.tree import fold, postorder
from tests.derivation.equalities import close, judge, rules

VECTOR = {"z": (3,), "y": (3,), "s": (3,), "t": (3,)}
BATCH = {"z": ("B", 3), "y": ("B", 3)}
FIVE = {"z": (5, 3), "y": (5, 3)}
BCE = "−(y·log(a) + (1 − y)·log(1 − a))"
ELEMENTWISE_BCE = "−(y ⊙ log(a) + (1 − y) ⊙ log(1 − a))"
SUM = ("sum(y)=1",)


def derived(text, wrt="z", shapes=None, assume=(), at=None, **options):
    used = {n: s for n, s in (shapes or {}).items() if re.search(rf"\b{n}\b", text)}
    return gnn.derive(gnn.parse(text, shapes=used).graph, wrt, at, assume=assume, **options)


def last(made, wrt="z"):
    """The shortest form of a gradient: its last symbolic side."""
    return str(made.expressions[wrt])


@pytest.mark.parametrize(
    ("text", "wrt", "expected"),
    [
        (f"a = sigmoid(z); L = {BCE}", "z", "a − y"),
        ("q = sigmoid(s); J = −(t·log(q) + (1 − t)·log(1 − q))", "s", "q − t"),
        (f"a = 1/(1 + exp(−z)); L = {BCE}", "z", "a − y"),
        (f"e = exp(−z); a = 1/(1 + e); L = {BCE}", "z", "a − y"),
        (f"a = exp(z)/(1 + exp(z)); L = {BCE}", "z", "a − y"),
        (f"q = exp(s)/(exp(s) + 1); L = {BCE.replace('a', 'q')}", "s", "q − y"),
        (f"a = 1 − 1/(1 + exp(z)); L = {BCE}", "z", "a − y"),
        (f"a = (tanh(z/2) + 1)/2; L = {BCE}", "z", "a − y"),
        (f"z = w·x + b; a = σ(z); L = {BCE}", "z", "a − y"),
        (f"a = σ(z); L = 3*({BCE})", "z", "3·(a − y)"),
        (f"a = σ(z); L = ({BCE})/7", "z", "(a − y)/7"),
        ("a = tanh(z); L = −½(1 + y)·log((1 + a)/2) − ½(1 − y)·log((1 − a)/2)", "z", "a − y"),
        ("m = exp(z); L = m − y·log(m)", "z", "m − y"),
        ("a = z; L = (y − a)²/2", "z", "−(y − z)"),
    ],
)
def test_a_scalar_output_that_fits_its_loss_gives_a_difference(text, wrt, expected):
    made = derived(text, wrt)
    assert last(made, wrt) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"a = tanh(z); L = {BCE}",
        "a = σ(z); L = −(y·log(a) − (1 − y)·log(1 − a))",
        "a = σ(z); L = y·log(a) + (1 − y)·log(1 − a) + a",
        "a = σ(z); L = −½(1 + y)·log((1 + a)/2) − ½(1 − y)·log((1 − a)/2)",
        "m = exp(z); L = m + y·log(m)",
        f"a = exp(z)/(2 + exp(z)); L = {BCE.replace('1 − a', '2 − a')}",
        f"a = (tanh(z) + 1)/2; L = {BCE.replace('y', '2*y')}",
        "a = σ(z); L = (y − a)²/2",
    ],
)
def test_an_output_that_does_not_fit_its_loss_gives_no_difference(text):
    made = derived(text, at={"z": 0.3, "y": 0.25})
    assert last(made) not in ("a − y", "m − y", "−(y − a)")
    judge(made)


def test_a_flipped_sign_gives_the_negative():
    assert last(derived("a = σ(z); L = y·log(a) + (1 − y)·log(1 − a)")) in ("y − a", "−(a − y)")


@pytest.mark.parametrize(
    ("text", "shapes", "assume", "wrt", "expected"),
    [
        ("p = softmax(z); L = −sum(y ⊙ log(p))", VECTOR, SUM, "z", "p[i] − y[i]"),
        ("q = softmax(s); J = −sum(t ⊙ log(q))", VECTOR, ("sum(t)=1",), "s", "q[i] − t[i]"),
        ("p = exp(z)/sum(exp(z)); L = −sum(y ⊙ log(p))", VECTOR, SUM, "z", "p[i] − y[i]"),
        ("e = exp(z); p = e/sum(e); L = −sum(y ⊙ log(p))", VECTOR, SUM, "z", "p[i] − y[i]"),
        ("e = exp(z); n = sum(e); p = e/n; L = −sum(y ⊙ log(p))", VECTOR, SUM, "z", "p − y"),
        (
            "p = exp(z − max(z))/sum(exp(z − max(z))); L = −sum(y ⊙ log(p))",
            VECTOR,
            SUM,
            "z",
            "p[i] − y[i]",
        ),
        ("p = softmax(z); L = −4*sum(y ⊙ log(p))", VECTOR, SUM, "z", "4·(p[i] − y[i])"),
        (
            "p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))",
            BATCH,
            ("sum(y, axis=1)=1",),
            "z",
            "(p[b, i] − y[b, i])/B",
        ),
        (
            "p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))",
            FIVE,
            ("sum(y, axis=1)=1",),
            "z",
            "(p[i, j] − y[i, j])/5",
        ),
        (f"a = σ(z); L = sum({ELEMENTWISE_BCE})", VECTOR, (), "z", "a − y"),
        (f"a = exp(z)/(1 + exp(z)); L = sum({ELEMENTWISE_BCE})", VECTOR, (), "z", "a − y"),
        (f"a = (tanh(z/2) + 1)/2; L = mean({ELEMENTWISE_BCE})", VECTOR, (), "z", "(a − y)/3"),
        (f"a = σ(z); L = mean({ELEMENTWISE_BCE})", VECTOR, (), "z", "(a − y)/3"),
        (
            f"a = σ(z); L = mean({ELEMENTWISE_BCE})",
            {"z": ("B",), "y": ("B",)},
            (),
            "z",
            "(a − y)/B",
        ),
        (
            "m = exp(z); L = sum(m − y ⊙ log(m))",
            VECTOR,
            (),
            "z",
            "m − y",
        ),
    ],
)
def test_a_tensor_output_that_fits_its_loss_gives_a_difference(text, shapes, assume, wrt, expected):
    made = derived(text, wrt, shapes, assume)
    assert last(made, wrt) == expected
    said = " ".join(rule for found in rules(made).values() for rule in found)
    assert all(
        f"assumes Σ_i {a[4]}[" in said or f"assumes Σ_i {a[4]}[j, i]" in said for a in assume
    )


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("p = softmax(z); L = −sum(y ⊙ log(p))", VECTOR),
        ("p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))", FIVE),
        ("e = exp(z); n = sum(e); p = e/n; L = −sum(y ⊙ log(p))", VECTOR),
    ],
)
def test_without_the_assumption_it_stops_one_line_earlier_and_says_why(text, shapes):
    assume = ("sum(y, axis=1)=1",) if shapes is FIVE else SUM
    whole, short = derived(text, shapes=shapes, assume=assume), derived(text, shapes=shapes)

    def sides(made):
        step = next(s for s in made.steps if s.statement == "z" and s.kind in ("chain", "simplify"))
        return len(step.sides)

    assert sides(short) == sides(whole) - 1
    assert last(short) not in ("p − y", "p[i] − y[i]")
    said = " ".join(rule for found in rules(short).values() for rule in found)
    assert "= 1 is assumed" in said and "sum(y" in said


@pytest.mark.parametrize("shift", ["", " − max(z)"])
def test_the_shortened_gradient_is_right_in_numbers(shift):
    at = {"z": [1, 2, 0.5], "y": [0.25, 0.5, 0.25]}
    text = f"p = exp(z{shift})/sum(exp(z{shift})); L = −sum(y ⊙ log(p))"
    made = derived(text, shapes=VECTOR, assume=SUM, at=at)
    judge(made)
    p = np.exp(at["z"]) / np.sum(np.exp(at["z"]))
    assert close(made.gradients["z"], p - at["y"])


# The rules themselves.

NETWORKS = [
    ("p = softmax(z); L = −sum(y ⊙ log(p))", VECTOR, SUM),
    ("p = exp(z)/sum(exp(z)); L = −sum(y ⊙ log(p))", VECTOR, SUM),
    ("p = exp(z − max(z))/sum(exp(z − max(z))); L = −sum(y ⊙ log(p))", VECTOR, SUM),
    ("p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))", FIVE, ("sum(y, axis=1)=1",)),
    ("p = softmax(z); L = mean(−sum(y ⊙ log(p), axis=1))", FIVE, ()),
    ("e = exp(z); n = sum(e); p = e/n; L = −sum(y ⊙ log(p))", VECTOR, SUM),
    (f"a = σ(z); L = mean({ELEMENTWISE_BCE})", VECTOR, ()),
    (f"a = exp(z)/(1 + exp(z)); L = mean({ELEMENTWISE_BCE})", VECTOR, ()),
    ("h = z − mean(z); v = mean(h ⊙ h); p = h/sqrt(v + 1/100); L = sum(p ⊙ y)", VECTOR, ()),
]


def numbers(shapes):
    generator = np.random.default_rng(3)
    z = generator.normal(size=shapes["z"])
    y = generator.uniform(0.1, 1, size=shapes["y"])
    return {"z": z, "y": y / y.sum(axis=-1, keepdims=True)}


def recorded(monkeypatch, network, at):
    """What `normalise` is asked while a network is derived, and the context of the derivation."""
    asked, contexts = [], []
    right = simplify.normalise

    def recording(found, known, indices, chosen=simplify.RULES):
        asked.append((found, known, indices))
        return right(found, known, indices, chosen)

    for module in (cotangents, index_lines, local, paths_module):
        monkeypatch.setattr(module, "normalise", recording)
    made_step = cotangents._cotangent_steps

    def remembering(ctx, *rest):
        contexts[:] = [ctx]
        return made_step(ctx, *rest)

    monkeypatch.setattr(cotangents, "_cotangent_steps", remembering)
    text, shapes, assume = network
    derived(text, shapes=shapes, assume=assume, at=at)
    assert asked and contexts
    return asked, contexts[0]


def written(ctx, found):
    """Terms as a line prints them: hidden values written out."""
    return ctx.named_argmax(knowledge.open_hidden(terms_tree(found), ctx.hidden_forms, ctx.indices))


def size(ctx, found):
    """What a reader takes in: values, sums and δs, as often as they are written."""
    return fold(
        written(ctx, found),
        lambda n, parts: 1 if n.head in ("sym", "[]") else sum(parts) + (n.head in ("Σ", "δ")),
    )


def normal_form(found, indices):
    return frozenset(
        (len(t.bound), len(t.deltas), str(lettered([t.body], indices, [])[0])) for t in found
    )


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n[0][:24])
def test_forty_orders_of_the_rules_give_one_normal_form(network, monkeypatch):
    asked, _ = recorded(monkeypatch, network, None)
    generator = random.Random(7)
    orders = [generator.sample(simplify.RULES, len(simplify.RULES)) for _ in range(40)]
    assert len({tuple(order) for order in orders}) > 30
    for found, known, indices in asked:
        forms = {
            normal_form(simplify.normalise(found, known, indices, order), indices)
            for order in orders
        }
        assert len(forms) == 1


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n[0][:24])
def test_rules_are_idempotent(network, monkeypatch):
    asked, _ = recorded(monkeypatch, network, None)
    for found, known, indices in asked:
        once = simplify.normalise(found, known, indices)
        assert simplify.normalise(once, known, indices) == once


@pytest.mark.parametrize("off", simplify.RULES)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n[0][:24])
def test_without_one_rule_the_result_is_right_and_no_shorter(network, off, monkeypatch):
    at = numbers(network[1])
    asked, ctx = recorded(monkeypatch, network, at)
    free = [i for i in ctx.index("z") if i.head == "sym"]
    extents = {s: n for s, n in ctx.indices.extents.items() if isinstance(n, int)}
    left = [rule for rule in simplify.RULES if rule != off]
    judged = 0
    for found, known, indices in asked:
        whole = simplify.normalise(found, known, indices)
        part = simplify.normalise(found, known, indices, left)
        assert size(ctx, part) >= size(ctx, whole)
        lines = [written(ctx, terms) for terms in (whole, part)]
        bound = {b for t in (*whole, *part) for b in t.bound}
        bound |= {b for e in lines for n in postorder(e) if n.head == "Σ" for b in n.args[:-1]}
        loose = {i for e in lines for i in postorder(e) if i in extents} - bound
        if not loose or loose - set(free):
            continue  # the cotangent of another value, or a local derivative
        a, b = (value(line, ctx.environment(), free, extents) for line in lines)
        assert close(a, b, 1e-9, 1e-15)
        judged += 1
    assert judged


def test_each_rule_is_needed_by_some_network(monkeypatch):
    needed = set()
    for network in NETWORKS:
        asked, ctx = recorded(monkeypatch, network, None)
        for found, known, indices in asked:
            whole = size(ctx, simplify.normalise(found, known, indices))
            for off in simplify.RULES:
                left = [rule for rule in simplify.RULES if rule != off]
                part = simplify.normalise(found, known, indices, left)
                if size(ctx, part) > whole:
                    needed.add(off)
    assert needed == set(simplify.RULES)


def test_no_rule_names_a_loss_or_an_op():
    """Names in code and strings alike; prose in docstrings and comments is not looked at."""
    ops = set(tables.lines()) | set(CALLS) | set(FUNCTIONS) | {"softmax", "log_softmax"}
    losses = {"mse", "bce", "cross_entropy", "crossentropy", "poisson", "loss", "likelihood"}
    # words of the tree itself: arithmetic heads and the case, which any formula is made of
    allowed = {"where", "multiply", "divide", "negate", "add", "power", "subtract", "sum", "equal"}
    allowed |= {"outer"}  # what lies outside; as an op it is a product
    for module in (simplify, knowledge):
        tree = ast.parse(inspect.getsource(module))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        words = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                words.add(node.id)
            elif isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in docstrings
            ):
                words |= set(node.value.split())
        assert len(words) > 50
        assert not words & ((ops | losses) - allowed)


@pytest.mark.parametrize(
    ("tree", "solved"),
    [
        ("u/(1 + u)", "a/(1 − a)"),
        ("(2*u + 3)/(5 − u)", "(5·a − 3)/(2 + a)"),
        ("(u + 1)/2", "2·a − 1"),
        ("3/(4 − u)", "4 − 3/a"),
        ("u*u/(1 + u)", None),
        ("(2*u + 4)/(u + 2)", None),
        ("(u + y)/2", None),
        ("u*(1 + u)", None),
    ],
)
def test_a_fraction_is_solved_where_that_holds_everywhere(tree, solved):
    form = IndexForm("a", (), read_scalar(tree), {})
    found = solve(form, "u", ())
    if solved is None:
        assert found is None
        return
    written_ = read_scalar(solved)
    for u in (Fraction(1, 3), Fraction(-7, 5), Fraction(40)):
        a = value(form.tree, {"u": u})
        assert value(found, {"a": a}) == u == value(written_, {"a": a})


def test_a_root_of_a_sum_keeps_its_numbers():
    """sympy writes sqrt(s + 1/1000) as sqrt(10)·sqrt(1 + 1000·s)/100."""
    shown = gnn.derive(
        gnn.parse(
            "s = mean(u^2); y = u/sqrt(s + 0.001); E = sum(w*y)", {"u": (3,), "w": (3,)}
        ).loss,
        ["u"],
        {"u": [1, 2, -3], "w": [1, 0, 2]},
    ).text()
    assert "(s + 0.001)^1.5" in shown
    assert "1000·s" not in shown


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("y = softmax(v); E = y[0]", (3,)),
        ("y = layer_norm(v); E = y[0]", (3,)),
        ("y[i] = v[i]*3; E = y[1]*y[2]", (3,)),
        ("c[i] = v[i,i]*2; E = sum(c*c)", (2, 2)),
        ("y = v[1:]*2; E = sum(y^3)", (4,)),
    ],
)
def test_a_value_read_at_some_places_is_not_solved_for(text, shape):
    """E = y[0] says nothing of y[1]: a derivation checks itself and would fail."""
    at = {"v": np.random.default_rng(3).normal(size=shape)}
    assert "∂E/∂v" in gnn.derive(gnn.parse(text, {"v": shape}).loss, ["v"], at).text()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_batch_of_one_reduces_like_any_other(rows):
    text = "p = softmax(z; axis=1); L = −sum(y ⊙ log(p))"
    z = np.arange(3.0 * rows).reshape(rows, 3) / 4
    y = np.eye(3)[:rows]
    program = gnn.parse(text, shapes={"z": (rows, 3), "y": (rows, 3)})
    made = gnn.derive(program.graph, "z", {"z": z, "y": y}, assume=["sum(y)=1"])
    row = "0" if rows == 1 else "i"
    column = "i" if rows == 1 else "j"
    assert f"= p[{row}, {column}] − y[{row}, {column}]" in str(made)
    assert f"p[{row}, {column}]" in str(made) and "exp(z[" not in str(made)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert close(made.gradients["z"], p - y)
    judge(made)


def test_the_value_of_an_op_of_ones_own_is_exact_where_its_body_is():
    huber = gnn.op("huber(r; d=1) = where(abs(r) <= d, r^2/2, d*(abs(r) - d/2))")
    made = gnn.derive(gnn.name("E", huber(gnn.input("s") - 2)), at={"s": 5})
    assert "E = huber(s − 2) = huber(5 − 2) = 2.50" in " ".join(str(made).split())
    near = gnn.op("near(r) = 10^4*(r - 0.123)")
    made = gnn.derive(gnn.name("E", near(gnn.input("s"))), at={"s": 0.123456789})
    assert "near(0.123) ≈ 4.57" in str(made)
