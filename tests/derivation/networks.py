"""Random small networks, as text: scalars that share values, and layers of vectors and matrices."""

import re

from hypothesis import strategies as st

SCALAR_LINES = (
    "{a}*{b} + {c}",
    "{a}*{a} - {b}",
    "sigmoid({a})",
    "tanh({a}*{b})",
    "({a} - {b})^2/2",
    "exp({a}/4)*{b}",
    "sin({a}) + cos({b})",
    "{a}/({b}^2 + 3/2)",
    "log({a}^2 + {b}^2 + 1/2)",
    "-({a} - 2*{b})",
    "softplus({a} - {b})",
    "swish({a})*{b}",
    "sqrt({a}^2 + 1/4)",
    "0.3*{a}^3 - {b}/2",
    "relu({a} + 2.5)*{b}",
    "1/(1 + exp(-{a}))",
)
TENSOR_LAYERS = (
    ("W{k} {h} + b{k}", ("W", "b")),
    ("{h} ⊙ g{k}", ("g",)),
    ("tanh({h})", ()),
    ("σ({h} + b{k})", ("b",)),
    ("{h} − mean({h})", ()),
    ("softmax({h})", ()),
    ("{h}/(1 + {h} ⊙ {h})", ()),
    ("exp({h}/3)", ()),
    ("2*{h} − {x}", ()),
    ("{h} + {x} ⊙ {h}", ()),
)
LOSSES = (
    "sum(({h} − y)^2)/2",
    "mean(({h} − y)^2)",
    "sum(y ⊙ log({h} ⊙ {h} + 1))",
    "yᵀ {h}",
    "−sum(y ⊙ log(softmax({h})))",
)
SIZE = 3


@st.composite
def scalar_network(draw):
    """(text, values by leaf): up to six statements of scalars, every one of them used."""
    leaves = ["x", "y", "w", "b"][: draw(st.integers(2, 4))]
    at = {name: draw(st.integers(-12, 12)) / 8 for name in leaves}
    names, unused, lines = list(leaves), list(leaves), []
    for k in range(1, draw(st.integers(2, 6)) + 1):
        pick = [unused[0] if j == 0 and unused else draw(st.sampled_from(names)) for j in range(3)]
        line = draw(st.sampled_from(SCALAR_LINES)).format(a=pick[0], b=pick[1], c=pick[2])
        unused = [n for n in unused if n not in pick or n not in line]
        lines.append(f"s{k} = {line}")
        names.append(f"s{k}")
        unused.append(f"s{k}")
    lines.append(f"L = {' + '.join(unused)}")
    read = re.findall(r"\w+", " ".join(line.partition("=")[2] for line in lines))
    used = [n for n in leaves if n in read]
    return "; ".join(lines), {n: at[n] for n in used}


@st.composite
def tensor_network(draw):
    """(text, shapes, values by leaf): up to four layers on a vector of three."""
    shapes = {"x": (SIZE,), "y": (SIZE,)}
    h, lines = "x", []
    for k in range(1, draw(st.integers(1, 4)) + 1):
        layer, own = draw(st.sampled_from(TENSOR_LAYERS))
        lines.append(f"h{k} = {layer.format(h=h, x='x', k=k)}")
        shapes |= {f"{n}{k}": (SIZE, SIZE) if n == "W" else (SIZE,) for n in own}
        h = f"h{k}"
    lines.append(f"L = {draw(st.sampled_from(LOSSES)).format(h=h)}")
    number = st.integers(-10, 10).map(lambda n: n / 8 + 1 / 16)
    at = {}
    for name, shape in shapes.items():
        rows = [draw(st.lists(number, min_size=SIZE, max_size=SIZE)) for _ in range(shape[0])]
        at[name] = rows if len(shape) == 2 else rows[0]
    return "; ".join(lines), shapes, at
