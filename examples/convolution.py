"""Convolutions worked by hand: one window, every window, two strides, two filters, the gradient.

z[i,j] = Σ_{u,v} K[u,v]·x[i+u, j+v]: the filter is not turned over, as in all of the lectures.
Lecture 3 has a 5×5 image, lecture 4 a 6×6 one. Run it: `python examples/convolution.py`.
"""

from lecture_case import Case, grid, main, number

STRIDE_1 = "z[i,j] += K[u,v]*x[i+u, j+v]"
STRIDE_2 = "z[i,j] += K[u,v]*x[2*i+u, 2*j+v]"

GREY = [[10 * (5 * i + j + 1) for j in range(5)] for i in range(5)]
IMAGE = [
    [1, 0, 0, 0, 0, 1],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 1, 0, 0],
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, 0, 1, 0],
    [0, 0, 1, 0, 1, 0],
]
FILTER_1 = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
FILTER_2 = [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]


def window(x, kernel, i, j):
    """One dot product, written out; the window's corner is (i, j)."""
    pairs = [(k, x[i + u][j + v]) for u, row in enumerate(kernel) for v, k in enumerate(row)]
    terms = [
        f"({number(k)})·{number(p)}" if k < 0 else f"{number(k)}·{number(p)}" for k, p in pairs
    ]
    return f"{' + '.join(terms)} = {number(sum(k * p for k, p in pairs))}"


def worked(case):
    """The image, the filter, and the first two windows."""
    x, kernel = case.at["x"], case.at["K"]
    stride = 2 if case.text == STRIDE_2 else 1
    first = [
        grid(x=x, K=kernel),
        "",
        f"  z[0,0] = {window(x, kernel, 0, 0)}",
        f"  z[0,1] = {window(x, kernel, 0, stride)}",
    ]
    return "\n".join(first)


def result(case):
    """Every window."""
    return grid(z=case.values()["z"])


def unread(case):
    """Every window, and what stride 2 leaves out."""
    return (
        f"{result(case)}\n\n"
        "A third window of a row would begin in column 4 and end outside. So two windows stand in\n"
        "a row, the last column and the last row (number 5) are read by none of them, and their\n"
        "pixels have gradient 0."
    )


def filtered(name, title, kernel, text=STRIDE_1, remark=result):
    """A case of the 6×6 image."""
    at = {"x": IMAGE, "K": kernel}
    return Case(name, title, text, at, wrt="K", given=worked, remark=remark)


def rows(name, title, kernel, remark):
    """A case of the 5×5 image."""
    at = {"x": GREY, "K": kernel}
    return Case(name, title, STRIDE_1, at, wrt="K", given=worked, remark=remark)


CASES = [
    rows(
        "A14",
        "The 5×5 image 10 … 250 with the filter of two rows that is printed (lecture 3)",
        [[1, 0, -1]] * 2,
        "Each row of the filter takes a pixel less the one two further right: −20. The lecture\n"
        "calls the filter 3×3 and prints two rows of it; the next case has three.",
    ),
    rows(
        "A14-3x3",
        "The same with a third row: the 3×3 filter that the lecture speaks of",
        [[1, 0, -1]] * 3,
        "−60 everywhere: a vertical edge filter sees the same slope in every window.",
    ),
    filtered("A15", "The 6×6 image with filter 1, stride 1 (lecture 4)", FILTER_1),
    filtered("A15-s2", "The same with stride 2", FILTER_1, STRIDE_2, unread),
    filtered("A15-f2", "Filter 2, stride 1", FILTER_2),
    filtered("A15-f2-s2", "Filter 2, stride 2", FILTER_2, STRIDE_2, unread),
    Case(
        "A15-both",
        "Both filters: two feature maps of 4×4, a 2×4×4 array",
        "z[k,i,j] += K[k,u,v]*x[i+u, j+v]",
        {"x": IMAGE, "K": [FILTER_1, FILTER_2]},
        wrt="K",
        remark="Each filter has its own map, its own gradient, and reads the same image.",
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
