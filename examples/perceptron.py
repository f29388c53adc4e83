"""Perceptrons: two that fire by a step, one that answers with a probability, the learning rule.

A step is flat, so its gradient is 0 and gradient descent cannot train it; that is why σ replaced
it, and why the perceptron has a rule of its own. Run it: `python examples/perceptron.py`.
"""

from lecture_case import Case, main, number

STEP = """
    z = w₁·x₁ + w₂·x₂ + b
    y = step(z)
"""


def with_step(name, title, w, b, x):
    """Lecture 3: y = step(w₁x₁ + w₂x₂ + b), 1 from 0 on and 0 below; every gradient is 0."""
    at = {"w1": w[0], "w2": w[1], "b": b, "x1": x[0], "x2": x[1]}
    return Case(name, title, STEP, at, parameters=["w1", "w2", "b"])


def learned(sign, rate=0.5, target=1):
    """A7's perceptron after one example with the target 1: z, for both signs of the rule."""
    w, b, x = (0.5, -0.6), 0.2, (1, 2)
    z = w[0] * x[0] + w[1] * x[1] + b
    move = sign * rate * (target - (1 if z >= 0 else 0))
    w, b = (w[0] + move * x[0], w[1] + move * x[1]), b + move
    return w, b, w[0] * x[0] + w[1] * x[1] + b


def rule(case):
    """Both signs, in numbers."""
    lines = [
        "Lecture 3's perceptron of A7, which answers 0 (z = −0.5), is told y = 1; η = 0.5:",
        "",
    ]
    for sign, text in ((1, "w + η(y − ŷ)x"), (-1, "w + η(ŷ − y)x")):
        w, b, z = learned(sign)
        numbers = f"({number(w[0])}, {number(w[1])})"
        fires = "fires" if z >= 0 else "does not fire"
        lines.append(f"  {text} = {numbers}, b = {number(b)}:  z = {number(z)}, {fires}")
    lines += [
        "",
        "Lecture 1 prints the second, w + α(ŷ − y)x: its sign is reversed, and each step leads",
        "further from the answer. Right is w ← w + η(y − ŷ)x; the step's derivative has no part in",
        "it, it is 0 everywhere (A7, A8).",
    ]
    return "\n".join(lines)


CASES = [
    Case(
        "A6",
        "ŷ = g(1 + 5x₁ − 3x₂) at (−3, 2): surely class 0 (lecture 2)",
        """
        z = 1 + 5·x₁ − 3·x₂
        ŷ = σ(z)
        """,
        {"x1": -3, "x2": 2},
        remark="So far out g is flat as well: its slope is as small as its value.",
    ),
    with_step(
        "A7",
        "w = (0.5, −0.6), b = 0.2, x = (1, 2): does not fire (lecture 3)",
        (0.5, -0.6),
        0.2,
        (1, 2),
    ),
    with_step(
        "A8",
        "w = (0.5, −1), b = 0.5, x = (2, 3): does not fire (lecture 3)",
        (0.5, -1),
        0.5,
        (2, 3),
    ),
    Case(
        "rule",
        "The learning rule: one step with either sign (lecture 1 prints it reversed)",
        STEP,
        {"w1": 0.5, "w2": -0.6, "b": 0.2, "x1": 1, "x2": 2},
        parameters=["w1", "w2", "b"],
        derived=False,
        given=rule,
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
