"""Answers with a known verdict: right ones in many writings, wrong ones with one planted slip.

Networks are drawn from templates whose gradients are written down here by hand, factor by factor,
so that nothing of the code under test decides what is right. A slip changes one factor, sign, sum
or transpose of that writing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import graphnn as gnn
from graphnn.expression.unicode import to_unicode

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Question:
    """A network, an answer, and the slip that was planted in it ("" in a right one)."""

    network: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    answer: str
    slip: str = ""
    assume: tuple[str, ...] = ()


# name → (as called, derivative by z with a for the value, the other branch's)
ACTIVATIONS: dict[str, tuple[str, str, str]] = {
    "sigmoid": ("sigmoid({z})", "{a}*(1 - {a})", ""),
    "tanh": ("tanh({z})", "(1 - {a}^2)", ""),
    "relu": ("relu({z})", "where({z} > 0, 1, 0)", "where({z} > 0, 0, 1)"),
    "leaky": ("leaky_relu({z}; a=0.1)", "where({z} > 0, 1, 0.1)", "where({z} > 0, 0.1, 1)"),
    "softplus": ("softplus({z})", "sigmoid({z})", ""),
    "exp": ("exp({z})", "{a}", ""),
    "sin": ("sin({z})", "cos({z})", ""),
    "square": ("({z})^2 + {z}", "(2*{z} + 1)", ""),
    "branches": ("where({z} > 0, {z}^2, 3*{z})", "where({z} > 0, 2*{z}, 3)",
                 "where({z} > 0, 3, 2*{z})"),
}  # fmt: skip

# as written, derivative by a, the other branch's
SCALAR_LOSSES = [
    ("(y - {a})^2/2", "({a} - y)", ""),
    ("({a} - y)^2", "2*({a} - y)", ""),
    ("exp({a}) - y*{a}", "(exp({a}) - y)", ""),
    ("({a} - y)^4/4", "({a} - y)^3", ""),
    ("max({a}, 2*y)^2/2", "where({a} > 2*y, {a}, 0)", "where({a} > 2*y, 0, 2*y)"),
]

VECTOR_LOSSES = [
    ("sum((y - {a})^2)/2", "({a} - y)", ""),
    ("sum(({a} - y)^2)", "2*({a} - y)", ""),
    ("sum(exp({a}) - y*{a})", "(exp({a}) - y)", ""),
]


def fixed(shapes: Shapes) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple(shapes.items())


@dataclass(frozen=True)
class Chain:
    """∂L/∂v of scalars: a product of factors, each with the slip that its absence is."""

    network: str
    wrt: str
    factors: tuple[str, ...]
    branches: tuple[tuple[int, str], ...]
    others: tuple[str, ...]


def scalar_chain(draw: random.Random) -> Chain:
    """Layers of one neuron each; the gradient of one of the weights or biases."""
    depth = draw.choice([1, 1, 2, 2, 3])
    lines, slopes = [], []
    before = "x"
    for k in range(1, depth + 1):
        name = draw.choice([a for a in ACTIVATIONS if a not in ("exp", "square") or k == 1])
        call, slope, other = ACTIVATIONS[name]
        z, a = f"z{k}", f"a{k}"
        lines += [f"{z} = w{k}*{before} + b{k}", f"{a} = {call.format(z=z)}"]
        slopes.append((slope.format(z=z, a=a), other.format(z=z, a=a)))
        before = a
    # relu below this maximum would be redundant: leaving its derivative out changes nothing
    known = SCALAR_LOSSES[: -1 if name == "relu" else None]
    loss, outer, other = draw.choice(known)
    lines.append(f"L = {loss.format(a=before)}")
    layer = draw.randint(1, depth)
    factors = [(outer.format(a=before), other.format(a=before))]
    for k in range(depth, layer - 1, -1):
        factors.append(slopes[k - 1])
        if k > layer:
            factors.append((f"w{k}", ""))
    inside = "x" if layer == 1 else f"a{layer - 1}"
    bias = draw.random() < 0.3
    if not bias:
        factors.append((inside, ""))
    wrt = f"b{layer}" if bias else f"w{layer}"
    product = "*".join(f for f, _ in factors)
    other_ = f"{product}*{inside}" if bias else "*".join(f for f, _ in factors[:-1])
    return Chain(
        "; ".join(lines),
        wrt,
        tuple(f for f, _ in factors),
        tuple((k, b) for k, (_, b) in enumerate(factors) if b),
        (other_,),
    )


def _written(factors: list[str]) -> str:
    return "*".join(factors) or "1"


def scalar_right(draw: random.Random) -> Question:
    """A product in one of its writings: reordered, expanded, negated twice, with a δ by name."""
    chain = scalar_chain(draw)
    factors = list(chain.factors)
    match draw.randrange(6):
        case 0:
            draw.shuffle(factors)
            text = f"dL/d{chain.wrt} = {_written(factors)}"
        case 1:
            first, rest = factors[0], _written(factors[1:])
            inner = first.removeprefix("2*")
            if inner.startswith("(") and " - y)" in inner and "^3" not in inner:
                left, _ = inner[1:-1].split(" - ")
                scale = "2*" if first.startswith("2*") else ""
                text = f"∂L/∂{chain.wrt} = {scale}{left}*{rest} - y*{scale}{rest}"
            else:
                text = f"∂L/∂{chain.wrt} = ({first})*({rest})"
        case 2:
            text = f"dL_d{chain.wrt} = -(-({factors[0]}))*{_written(factors[1:])}"
        case 3:
            text = f"d = {factors[0]}; dL/d{chain.wrt} = d*{_written(factors[1:])}"
        case 4:
            text = f"∂L/∂{chain.wrt} = 6*{_written(factors[::-1])}/2/3"
        case _:
            layer = chain.wrt[1:]
            last = [] if chain.wrt[0] == "b" else [factors[-1]]
            text = f"∂L/∂{chain.wrt} = " + " · ".join([f"∂L/∂z{layer}", *last])
    return Question(chain.network, (), text)


def scalar_wrong(draw: random.Random) -> Question:
    """A product with one slip."""
    chain = scalar_chain(draw)
    factors = list(chain.factors)
    kinds = [
        "sign",
        "constant",
        "inner",
        "inner",
        "variable",
        *["branch"] * 2 * bool(chain.branches),
    ]
    slip = draw.choice(kinds)
    match slip:
        case "sign":
            text = f"-{_written(factors)}"
        case "constant":
            text = draw.choice(["2*", "0.5*", "3*"]) + _written(factors)
        case "inner":
            if len(factors) < 2:
                return scalar_wrong(draw)
            del factors[draw.randrange(1, len(factors))]
            text = _written(factors)
        case "branch":
            place, other = draw.choice(chain.branches)
            factors[place] = other
            text = _written(factors)
        case _:
            text = chain.others[0]
    return Question(chain.network, (), f"dL/d{chain.wrt} = {text}", slip)


# networks in which a value is used more than once: name by which, and its terms
SHARED: list[tuple[str, str, list[str]]] = [
    ("f = x*y + sin(x)", "x", ["y", "cos(x)"]),
    ("u = x^2; f = u*exp(x) + 3*u", "x", ["2*x*exp(x)", "u*exp(x)", "6*x"]),
    ("a = tanh(w*x); b = sigmoid(w*y); f = a*b", "w", ["(1 - a^2)*x*b", "a*b*(1 - b)*y"]),
    (
        "h1 = tanh(w*x1); h2 = tanh(w*x2 + u*h1); f = (y - h2)^2/2",
        "w",
        ["(h2 - y)*(1 - h2^2)*x2", "(h2 - y)*(1 - h2^2)*u*(1 - h1^2)*x1"],
    ),
    (
        "z = w*x; a = sigmoid(z); f = (y - a - z)^2/2",
        "w",
        ["-(y - a - z)*a*(1 - a)*x", "-(y - a - z)*x"],
    ),
    (
        "h1 = tanh(w*x1); h2 = tanh(w*x2 + u*h1); f = (y - h2)^2/2 + (q - h1)^2/2",
        "w",
        [
            "(h2 - y)*(1 - h2^2)*x2",
            "(h2 - y)*(1 - h2^2)*u*(1 - h1^2)*x1",
            "(h1 - q)*(1 - h1^2)*x1",
        ],
    ),
]


def shared_right(draw: random.Random) -> Question:
    """A sum over paths, its terms in any order."""
    network, name, terms = draw.choice(SHARED)
    terms = list(terms)
    draw.shuffle(terms)
    joined = (
        " + ".join(f"({t})" for t in terms)
        if draw.random() < 0.5
        else " + ".join(t if not t.startswith("-") else f"({t})" for t in terms)
    )
    return Question(network, (), f"df/d{name} = {joined}")


def shared_wrong(draw: random.Random) -> Question:
    """A path that is missing, or the sign of one."""
    network, name, terms = draw.choice(SHARED)
    terms = [f"({t})" for t in terms]
    place = draw.randrange(len(terms))
    if draw.random() < 0.7:
        del terms[place]
        return Question(network, (), f"df/d{name} = {' + '.join(terms)}", "path")
    terms[place] = f"(-{terms[place]})"
    return Question(network, (), f"df/d{name} = {' + '.join(terms)}", "sign")


@dataclass(frozen=True)
class Layers:
    """Two layers on one sample or on a batch: definitions, and each gradient in matrix form."""

    network: str
    shapes: Shapes
    batch: bool
    outer: str
    slope2: tuple[str, str]
    slope1: tuple[str, str]
    count: int


def layers(draw: random.Random, batch: bool) -> Layers:
    names = ["sigmoid", "tanh", "relu", "leaky", "softplus", "sin"]
    (c1, s1, o1), (c2, s2, o2) = (ACTIVATIONS[draw.choice(names)] for _ in range(2))
    width, inputs, outputs = draw.choice([(3, 2, 2), (2, 3, 1), (3, 3, 3), (2, 2, 2), (4, 3, 2)])
    size = draw.choice([2, 3, 5])
    shapes: Shapes = {"W1": (width, inputs), "b1": (width,), "W2": (outputs, width),
                      "b2": (outputs,)}  # fmt: skip
    if batch:
        shapes |= {"x": (size, inputs), "y": (size, outputs)}
        z1, z2 = "x@W1.T + b1", "a1@W2.T + b2"
        loss, outer = draw.choice(
            [
                ("mean((a2 - y)^2)", "2*(a2 - y)/{n}"),
                ("sum((a2 - y)^2)/2", "(a2 - y)"),
                ("mean(exp(a2) - y*a2)", "(exp(a2) - y)/{n}"),
            ]
        )
    else:
        shapes |= {"x": (inputs,), "y": (outputs,)}
        z1, z2 = "W1@x + b1", "W2@a1 + b2"
        form, outer, _ = draw.choice(VECTOR_LOSSES)
        loss, outer = form.format(a="a2"), outer.format(a="a2")
    count = size * outputs if batch else 1
    network = (
        f"z1 = {z1}; a1 = {c1.format(z='z1')}; z2 = {z2}; a2 = {c2.format(z='z2')}; L = {loss}"
    )
    return Layers(
        network,
        shapes,
        batch,
        outer,
        (s2.format(z="z2", a="a2"), o2.format(z="z2", a="a2")),
        (s1.format(z="z1", a="a1"), o1.format(z="z1", a="a1")),
        count,
    )


def _elementwise(text: str) -> str:
    return text.replace("*(1 - ", " ⊙ (1 - ")


def gradients(made: Layers, changed: dict[str, str] | None = None) -> dict[str, str]:
    """Each gradient as an answer with its definitions; `changed` replaces parts by name."""
    parts = {
        "outer": made.outer.format(n=made.count),
        "slope2": made.slope2[0],
        "slope1": made.slope1[0],
        "back": "δ2 W2" if made.batch else "W2ᵀ δ2",
        "W2": "δ2ᵀ a1" if made.batch else "δ2 a1ᵀ",
        "W1": "δ1ᵀ x" if made.batch else "δ1 xᵀ",
        "b2": "sum(δ2; axis=0)" if made.batch else "δ2",
        "b1": "sum(δ1; axis=0)" if made.batch else "δ1",
        "sign": "",
    } | (changed or {})
    factor2 = f" ⊙ ({_elementwise(parts['slope2'])})" if parts["slope2"] else ""
    factor1 = f" ⊙ ({_elementwise(parts['slope1'])})" if parts["slope1"] else ""
    second = f"δ2 = ({parts['outer']}){factor2}"
    first = f"{second}; δ1 = ({parts['back']}){factor1}"
    sign = parts["sign"]
    tail = lambda name: f"({parts[name]})" if sign else parts[name]  # noqa: E731
    return {
        "W2": f"{second}; ∂L/∂W2 = {sign}{tail('W2')}",
        "b2": f"{second}; ∂L/∂b2 = {sign}{tail('b2')}",
        "W1": f"{first}; ∂L/∂W1 = {sign}{tail('W1')}",
        "b1": f"{first}; ∂L/∂b1 = {sign}{tail('b1')}",
        "z1": f"{first}; ∂L/∂z1 = {sign}{tail('δ1') if 'δ1' in parts else sign + 'δ1'}",
    }


def layers_right(draw: random.Random) -> Question:
    made = layers(draw, draw.random() < 0.5)
    changed: dict[str, str] = {}
    wrt = draw.choice(["W1", "W2", "b1", "b2"])
    match draw.randrange(4):
        case 0 if made.batch:
            changed["W2"], changed["W1"] = "(a1ᵀ δ2)ᵀ", "(x.T @ δ1).T"
        case 1 if made.batch:
            name, inside, delta = draw.choice([("W2", "a1", "δ2"), ("W1", "x", "δ1")])
            text = gradients(made)[name].partition(f"∂L/∂{name}")[0]
            text += f"∂L/∂{name}[k,m] = Σ_b {delta}[b,k] {inside}[b,m]"
            return Question(made.network, fixed(made.shapes), text)
        case 0 | 1:
            name, inside, delta = draw.choice([("W2", "a1", "δ2"), ("W1", "x", "δ1")])
            text = gradients(made)[name].partition(f"∂L/∂{name}")[0]
            text += f"dL/d{name}[k,m] = {inside}[m]*{delta}[k]"
            return Question(made.network, fixed(made.shapes), text)
        case 2:
            changed["outer"] = f"-(-({made.outer.format(n=made.count)}))"
    return Question(made.network, fixed(made.shapes), gradients(made, changed)[wrt])


def layers_wrong(draw: random.Random) -> Question:
    made = layers(draw, draw.random() < 0.6)
    wrt = draw.choice(["W1", "W2", "b1", "b2"])
    kinds = ["sign", "inner", "constant", "transpose", "transpose"]
    if made.slope2[1]:
        kinds.append("branch")
    if made.batch:
        kinds += ["batch", "batch"] + ["mean"] * 2 * ("{n}" in made.outer)
    slip = draw.choice(kinds)
    changed: dict[str, str] = {}
    match slip:
        case "sign":
            changed["sign"] = "-"
        case "constant":
            changed["outer"] = (
                f"{draw.choice(['2', '3', '0.5'])}*({made.outer.format(n=made.count)})"
            )
        case "inner":
            changed["slope2" if wrt[1] == "2" or draw.random() < 0.5 else "slope1"] = ""
        case "branch":
            changed["slope2"] = made.slope2[1]
        case "mean":
            changed["outer"] = made.outer.replace("/{n}", "")
        case "transpose":
            wrt = draw.choice(["W1", "W2"])
            wrong = {
                "W2": ["a1ᵀ δ2", "δ2 a1"] if made.batch else ["a1 δ2ᵀ", "δ2 a1"],
                "W1": ["xᵀ δ1", "δ1 x"] if made.batch else ["x δ1ᵀ", "δ1 x"],
            }
            changed[wrt] = draw.choice(wrong[wrt])
        case "batch":
            if draw.random() < 0.5:
                wrt = draw.choice(["b1", "b2"])
                changed[wrt] = f"δ{wrt[1]}"
            else:
                name, inside, delta = draw.choice([("W2", "a1", "δ2"), ("W1", "x", "δ1")])
                text = gradients(made)[name].partition(f"∂L/∂{name}")[0]
                text += f"∂L/∂{name}[k,m] = {delta}[b,k] {inside}[b,m]"
                return Question(made.network, fixed(made.shapes), text, slip)
    return Question(made.network, fixed(made.shapes), gradients(made, changed)[wrt], slip)


CROSS_ENTROPY = "p = softmax(z); L = -sum(y*log(p))"


def softmax_right(draw: random.Random) -> Question:
    size = draw.choice([2, 3, 5])
    text = draw.choice(
        [
            "dL/dz = p*sum(y) - y",
            "dL/dz[j] = p[j]*Σ_i y[i] - y[j]",
            "dL/dz[j] = Σ_i -y[i]/p[i]*p[i]*(δ_ij - p[j])",
            "dL/dp = -y/p",
            "dp[i]/dz[j] = p[i]*(δ_ij - p[j])",
        ]
    )
    shapes = fixed({"z": (size,), "y": (size,)})
    if draw.random() < 0.4:
        return Question(CROSS_ENTROPY, shapes, "dL/dz = p - y", assume=("sum(y)=1",))
    return Question(CROSS_ENTROPY, shapes, text)


def softmax_wrong(draw: random.Random) -> Question:
    size = draw.choice([2, 3, 5])
    slip, text = draw.choice(
        [
            ("sign", "dL/dz = y - p*sum(y)"),
            ("sign", "dL/dp = y/p"),
            ("constant", "dL/dz = 2*(p*sum(y) - y)"),
            ("sign", "dp[i]/dz[j] = p[i]*(p[j] - δ_ij)"),
            ("inner", "dL/dz = -y/p"),
            ("assumption", "dL/dz = p - y"),
        ]
    )
    return Question(CROSS_ENTROPY, fixed({"z": (size,), "y": (size,)}), text, slip)


def derived(draw: random.Random) -> Question:
    """A line of the derivation itself, at any stage, the δs that it reads defined before."""
    kind = draw.randrange(3)
    if kind == 0:
        chain = scalar_chain(draw)
        network, shapes, wrt = chain.network, {}, chain.wrt
    elif kind == 1:
        network, wrt, _ = draw.choice(SHARED)
        shapes = {}
    else:
        made = layers(draw, draw.random() < 0.5)
        network, shapes, wrt = made.network, made.shapes, draw.choice(["W1", "W2", "b1", "b2"])
    program = gnn.parse(network, shapes)
    steps = gnn.derive(program.loss, [wrt]).steps
    before: list[str] = []
    lines: list[str] = []
    for step in steps:
        symbols = [s.expr for s in step.sides if s.kind == "symbols" and s.expr is not None]
        if step.lhs is None or not symbols or not (step.define or step.lhs.head == "∂"):
            continue
        text = to_unicode(step.lhs)
        if step.define:
            before.append(f"{text} = {to_unicode(symbols[0])}")
            lines += [f"{to_unicode(symbols[0])} = {to_unicode(e)}" for e in symbols[1:]]
        else:
            lines += [f"{text} = {to_unicode(e)}" for e in symbols]
    return Question(network, fixed(shapes), "\n".join([*before, draw.choice(lines[-3:])]))


RIGHT: list[Callable[[random.Random], Question]] = [
    scalar_right, shared_right, layers_right, layers_right, softmax_right,
    derived, derived, derived,
]  # fmt: skip
WRONG: list[Callable[[random.Random], Question]] = [
    scalar_wrong, scalar_wrong, shared_wrong, layers_wrong, layers_wrong, softmax_wrong,
]  # fmt: skip


def questions(
    makers: list[Callable[[random.Random], Question]], count: int, seed: int
) -> Iterator[Question]:
    """Different questions, the makers by turns."""
    draw = random.Random(seed)
    seen: set[Question] = set()
    turn = 0
    while len(seen) < count:
        question = makers[turn % len(makers)](draw)
        turn += 1
        if question not in seen or turn > 20 * count:
            seen.add(question)
            yield question
