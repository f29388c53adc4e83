"""Activation functions: lecture 2's table made from the formulas, and where the lectures slip.

Value, derivative as derived, range, and what is taken where there is no derivative; then each slip
with its numbers. `graphnn functions` prints more of it. Run it: `python examples/activations.py`.
"""

from dataclasses import dataclass
from math import exp, log, tanh

from lecture_case import Case, main, number


@dataclass(frozen=True)
class Values(Case):
    """Functions at a point: a table is printed, and their values are drawn."""

    derived: bool = False

    def drawing(self, digits=None):
        """What each is there; no gradients."""
        import viz

        return viz.draw(self.program().graph, self.at, forward=True, digits=digits or self.digits)


FUNCTIONS = ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "swish"]


ROWS = "linear step sigmoid tanh relu softplus leaky_relu elu "
ROWS += "sign parametric_relu softmax swish"
"""Lecture 2's rows in its order, and the four that it leaves out."""


def table(case):
    """The rows of `graphnn functions`, in columns."""
    import graphnn as gnn

    lines = [("f", "f(x)", "f′(x)", "range", "at 0")]
    found = {row.name: row for row in gnn.functions()}
    for row in (found[name] for name in ROWS.split()):
        slope = str(row.derivative) if row.by_value is None else str(row.by_value)
        taken = "; ".join(f"{kink.taken}, a convention" for kink in row.kinks)
        lines.append((row.name, str(row.formula), slope, row.range, taken))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def printed_tanh(x):
    """Lecture 1: g(x) = (e^{2x} − 1)(e^{−2x} + 1)⁻¹; the second exponent has a sign too many."""
    return (exp(2 * x) - 1) / (exp(-2 * x) + 1)


def tanh_beside(case):
    lines = [
        f"  x = {number(x):>2}:  printed {number(printed_tanh(x)):>6}, "
        f"right {number((exp(2 * x) - 1) / (exp(2 * x) + 1)):>6}, tanh {number(tanh(x)):>6}"
        for x in (-1, 0, 1, 2)
    ]
    return "\n".join(
        [
            "Lecture 1 prints tanh as (e^{2x} − 1)·(e^{−2x} + 1)⁻¹: 5.63 at x = 1, outside of the",
            "range [−1, 1] that it prints beside it. The second exponent is 2x:",
            "",
            *lines,
        ]
    )


def swish(x):
    return x / (1 + exp(-x))


def least_swish():
    """Where swish is least: f′ = 0, by halving [−2, −1]; (x, f(x))."""
    low, high = -2.0, -1.0
    for _ in range(60):
        middle = (low + high) / 2
        slope = (1 + exp(-middle) + middle * exp(-middle)) / (1 + exp(-middle)) ** 2
        low, high = (middle, high) if slope < 0 else (low, middle)
    return low, swish(low)


def swish_beside(case):
    x, least = least_swish()
    return (
        f"Lecture 1 gives swish the range [−1, ∞]. Its least value is f({x:.4f}) = {least:.4f}.\n".replace(
            "-", "−"
        )
        + "There f′ is 0 (below, at the rounded x); for x → −∞ it returns to 0, far from −1."
    )


OUTSIDE = (
    ("softplus", "(0, 1)", "(0, ∞)", 3, lambda x: log(1 + exp(x))),
    ("leaky ReLU", "(−1, 1)", "(−∞, ∞)", -300, lambda x: max(0.01 * x, x)),
    ("leaky ReLU", "(−1, 1)", "(−∞, ∞)", 3, lambda x: max(0.01 * x, x)),
    ("ELU, α = 1", "[0, ∞)", "(−α, ∞)", -3, lambda x: x if x > 0 else exp(x) - 1),
)
"""(function, lecture 2's range, the range, a point, the formula): f(point) is outside of L2's."""


def ranges(case):
    lines = ["Lecture 2 prints three ranges that the functions leave:", ""]
    for name, printed, right, x, f in OUTSIDE:
        value = f"f({number(x)}) = {number(f(x))}"
        lines.append(f"  {name:10}  printed {printed:7}  right {right:8}  {value}")
    return "\n".join(
        [
            *lines,
            "",
            "Lecture 1 gives parametric ReLU [0, ∞]; for α > 0 it is (−∞, ∞). Its formula max(αx, x)",
            f"holds for α ≤ 1 alone: at α = 2, x = 1 it gives {max(2 * 1, 1)}, and the function is 1.",
        ]
    )


CASES = [
    Values(
        "table",
        "The table of lecture 2, from the formulas, and every function at x = −0.5",
        "\n".join(f"f{k} = {name}(x)" for k, name in enumerate(FUNCTIONS, 1)),
        {"x": -0.5},
        given=table,
        remark="Lecture 2's table has no sign, parametric ReLU, softmax and swish: the last four rows.\n"
        "Lecture 1's sgn is 1 at 0; sign is 0 there, as in NumPy and PyTorch.",
    ),
    Case(
        "tanh",
        "tanh: lecture 1's formula is 5.63 at x = 1",
        "f = (exp(2·x) − 1)/(exp(2·x) + 1)",
        {"x": 1},
        wrt="x",
        given=tanh_beside,
    ),
    Case(
        "swish",
        "Swish: its minimum is −0.278, not −1 (lecture 1)",
        "f = x·σ(x)",
        {"x": -1.2785},
        wrt="x",
        given=swish_beside,
    ),
    Values(
        "ranges",
        "The ranges of softplus, leaky ReLU and ELU (lecture 2)",
        "f₁ = softplus(u); f₂ = leaky_relu(v); f₃ = elu(w)",
        {"u": 3, "v": -300, "w": -3},
        given=ranges,
    ),
    Case(
        "leaky",
        "Leaky ReLU at 0: the derivative 1 that lecture 2 prints is a convention",
        "f = leaky_relu(x)",
        {"x": 0},
        wrt="x",
        remark="Left of 0 the slope is 0.01, right of it 1: at 0 there is no derivative. Lecture 2's\n"
        "table says so of ReLU and prints 1 here; 1 is what is taken, and so is 0 for ReLU.",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
