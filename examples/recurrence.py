"""A recurrent network of scalars, unrolled: the paths through time, their sum, and the fold.

h_t = tanh(w_x·x_t + w_h·h_{t−1}), o_t = w_o·h_t, E = Σ_t (y_t − o_t)²/2. The general formula of
backpropagation through time is held against the graph's gradient for T = 1, 2, 3, and lecture 4's
printed one beside it. Run it: `python examples/recurrence.py`.
"""

from math import prod, tanh

from lecture_case import Case, main, number

WEIGHTS = {"w_x": 0.5, "w_h": 0.8, "w_o": 1.2, "h0": 0}
SEQUENCE = {"x": (1, -0.5, 0.25), "y": (0.3, 0.4, -0.2)}
"""x and y of the steps; the third step is ours."""

GENERAL = "∂E/∂w_x = Σ_t ∂E_t/∂h_t · Σ_{k≤t} ( Π_{k<j≤t} ∂h_j/∂h_{j−1} ) · ∂⁺h_k/∂w_x"


def unrolled(steps):
    """The network of so many time steps, as text."""
    lines = []
    for t in range(1, steps + 1):
        lines += [
            f"h{t} = tanh(w_x·x{t} + w_h·h{t - 1})",
            f"o{t} = w_o·h{t}",
            f"E{t} = (y{t} − o{t})²/2",
        ]
    total = " + ".join(f"E{t}" for t in range(1, steps + 1))
    return "\n".join([*lines, f"E = {total}" if steps > 1 else "E = E1"])


def values(steps):
    """The numbers of the leaves of so many time steps."""
    found = dict(WEIGHTS)
    for t in range(1, steps + 1):
        found |= {f"x{t}": SEQUENCE["x"][t - 1], f"y{t}": SEQUENCE["y"][t - 1]}
    return found


def forward(steps):
    """[h_0, h_1, …] and [nothing, o_1, …]."""
    h, o = [float(WEIGHTS["h0"])], [0.0]
    for t in range(1, steps + 1):
        h.append(tanh(WEIGHTS["w_x"] * SEQUENCE["x"][t - 1] + WEIGHTS["w_h"] * h[-1]))
        o.append(WEIGHTS["w_o"] * h[-1])
    return h, o


def general(steps):
    """The general formula's terms, one for each (t, k) with k ≤ t: a path each."""
    h, o = forward(steps)
    found = {}
    for t in range(1, steps + 1):
        error = -(SEQUENCE["y"][t - 1] - o[t]) * WEIGHTS["w_o"]
        for k in range(1, t + 1):
            through = prod(WEIGHTS["w_h"] * (1 - h[j] ** 2) for j in range(k + 1, t + 1))
            found[t, k] = error * through * (1 - h[k] ** 2) * SEQUENCE["x"][k - 1]
    return found


def folded(steps):
    """δ_T … δ_1 by δ_t = (w_o·∂E/∂o_t + w_h·δ_{t+1})(1 − h_t²): T steps."""
    h, o = forward(steps)
    following, found = 0.0, {}
    for t in range(steps, 0, -1):
        arriving = -(SEQUENCE["y"][t - 1] - o[t]) * WEIGHTS["w_o"] + WEIGHTS["w_h"] * following
        following = found[t] = arriving * (1 - h[t] ** 2)
    return found


def as_printed(steps):
    """Lecture 4's sum: a chain through h_{t−1} in every term, for every output from the last h.

    ∂h_0/∂w_x and ∂o_s/∂h_t for s < t are 0, so one term is left, from the last output to the step
    before it; ∂h_{t−1}/∂W_xh is read with the earlier h fixed.
    """
    return sum(v for (t, k), v in general(steps).items() if t == steps and k == steps - 1)


def gradient(steps):
    """∂E/∂w_x as the graph computes it."""
    import graphnn as gnn

    loss = gnn.parse(unrolled(steps)).loss
    return float(gnn.evaluate(gnn.grad(loss, "w_x"), **values(steps)))


def paths_and_fold(case):
    """The count of both ways, and the fold as a formula with its numbers."""
    deltas = folded(2)
    total = " + ".join(f"({number(deltas[t])})·({number(SEQUENCE['x'][t - 1])})" for t in (2, 1))
    return "\n".join(
        [
            "Folded: δ_t := ∂E/∂z_t = (w_o·∂E/∂o_t + w_h·δ_{t+1})·(1 − h_t²), z_t the argument of",
            f"tanh, δ_3 = 0. Here δ_2 = {number(deltas[2])}, δ_1 = {number(deltas[1])} and",
            f"∂E/∂w_x = Σ_t δ_t·x_t = {total} = {number(gradient(2))}: the same",
            "number, in T = 2 steps instead of T(T + 1)/2 = 3 paths.",
        ]
    )


def checked(case):
    """The general formula and the lecture's, for T = 1, 2, 3, beside the graph's gradient."""
    lines = [
        GENERAL,
        "",
        "∂⁺h_k/∂w_x = (1 − h_k²)·x_k holds h_{k−1} fixed; ∂h_j/∂h_{j−1} = w_h·(1 − h_j²). Their",
        "product is where gradients vanish (|w_h·(1 − h²)| < 1) or explode (> 1).",
        "",
        "  T  paths  general formula  folded, T steps  the graph's ∂E/∂w_x  lecture 4's formula",
    ]
    for steps in (1, 2, 3):
        paths = general(steps)
        by_delta = sum(d * SEQUENCE["x"][t - 1] for t, d in folded(steps).items())
        row = (sum(paths.values()), by_delta, gradient(steps), as_printed(steps))
        cells = [f"{number(x):>6}" for x in row]
        lines.append(
            f"  {steps}  {len(paths):5}  {cells[0]:>15}  {cells[1]:>15}  {cells[2]:>19}"
            f"  {cells[3]:>19}"
        )
    return "\n".join([*lines, "", SLIPS])


SLIPS = """\
Where lecture 4 slips. It writes, for a single time step,
  ∂E/∂W_xh = ∂E/∂y_t · ∂y_t/∂h_t · ∂h_t/∂h_{t−1} · ∂h_{t−1}/∂W_xh:
one factor too many. The direct term ∂E/∂y_t · ∂y_t/∂h_t · ∂⁺h_t/∂W_xh is missing, at T = 1 the only
one there is: its formula gives 0, since h_0 does not depend on W_xh. For two steps it sends the
error of y_{t−1} through ∂y_{t−1}/∂h_t, but an output depends on no later state (that factor is 0):
the chain of y_t starts at h_t. In its general form both slips shift the product's indices; the
right ones are k < j ≤ t in ∂h_j/∂h_{j−1}, with ∂⁺h_k at the end, k = t (an empty product) included.
∂E/∂W_oh it chains through time as well; h does not depend on W_oh, so there is no chain:
∂E/∂W_oh = Σ_t ∂E/∂o_t · h_t."""


CASES = [
    Case(
        "two-steps",
        "Two time steps: three paths to w_x, their sum, and the fold",
        """
        z₁ = w_x·x₁ + w_h·h₀
        h₁ = tanh(z₁)
        o₁ = w_o·h₁
        z₂ = w_x·x₂ + w_h·h₁
        h₂ = tanh(z₂)
        o₂ = w_o·h₂
        E₁ = (y₁ − o₁)²/2
        E₂ = (y₂ − o₂)²/2
        E = E₁ + E₂
        """,
        values(2),
        wrt="w_x",
        remark=paths_and_fold,
    ),
    Case(
        "weights",
        "The same network, all three weights at once: each ∂E/∂· is computed once",
        unrolled(2),
        values(2),
        parameters=["w_x", "w_h", "w_o"],
        remark="∂E/∂w_o = Σ_t ∂E/∂o_t · h_t: no chain through time, since h does not depend on w_o.",
    ),
    Case(
        "general",
        "T time steps: the general formula, checked for T = 1, 2, 3, and lecture 4's slips",
        unrolled(3),
        values(3),
        given=checked,
        derived=False,
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
