"""The four numericals on convolutional networks of lecture 4: sizes, two convolutions with pooling.

The lecture gives no images for the last two: those here are ours. Run it:
`python examples/cnn_numericals.py`.
"""

from lecture_case import Case, grid, main, number

PHOTO = [
    [3, 1, 0, 2, 5, 4],
    [1, 0, 2, 1, 3, 2],
    [0, 4, 1, 0, 2, 1],
    [2, 2, 3, 1, 0, 0],
    [5, 1, 0, 4, 1, 2],
    [1, 0, 2, 3, 2, 1],
]
GREY_4_BIT = [
    [6, 8, 12, 0, 6, 7],
    [12, 0, 8, 11, 5, 0],
    [9, 2, 11, 0, 3, 13],
    [11, 13, 3, 12, 9, 8],
    [2, 14, 13, 8, 10, 0],
    [1, 6, 15, 12, 10, 9],
]
COLUMNS = [[1, 0, 1]] * 3
DIAGONAL = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
CONVOLUTION = "z[i,j] += K[u,v]*x[i+u, j+v]"
POOL_3 = "y[i,j] max= z[{s}i+u, {s}j+v] for u < 3, v < 3"


def size(length, window, stride=1, padding=0):
    """How many windows fit: ⌊(length − window + 2·padding)/stride⌋ + 1."""
    return (length - window + 2 * padding) // stride + 1


def size_of_lecture_1(length, window, stride=1, padding=0):
    """(x − f + 2p + 1)/s, as lecture 1 prints it."""
    return (length - window + 2 * padding + 1) / stride


def counted(name, length, window, stride=1, padding=0):
    """One size, written out."""
    made = size(length, window, stride, padding)
    return (
        f"  {name}: ⌊({length} − {window} + 2·{padding})/{stride}⌋ + 1 = {made}, so {made}×{made}"
    )


LAYERS = (("a", 39, 3, 1, 10), ("b", 37, 5, 2, 20), ("h", 17, 5, 2, 40))


def layers(case):
    """The sizes of numerical 2, layer by layer."""
    lines = [
        f"{counted(name, length, window, stride)}, ×{filters} filters"
        for name, length, window, stride, filters in LAYERS
    ]
    return "\n".join([*lines, "  f: 7·7·40 = 1960 numbers for the fully connected layer"])


def one_outside(case):
    """Lecture 1's formula beside the right one."""
    lines = [
        "Lecture 1 prints the size as (x − f + 2p + 1)/s, the + 1 inside the fraction:",
        *(
            f"  {name}: ({length} − {window} + 2·0 + 1)/{stride} = "
            f"{number(size_of_lecture_1(length, window, stride))}, right is "
            f"{size(length, window, stride)}"
            for name, length, window, stride, _ in LAYERS
        ),
        "16.5 is no size (rounded down, as the 6.5 after it, it would still be one too small). The",
        "+ 1 counts the first window and stands outside: the windows that follow it are the steps of",
        "length s that fit, and a last step that would leave the image is not made (floor). Here",
        "(37 − 5)/2 = 16 and (17 − 5)/2 = 6 come out even, and every column is read.",
    ]
    return "\n".join(lines)


def images(**names):
    """The given image and filter, under their names."""
    return lambda case: grid(**{name: case.at[name] for name in names})


def results(*names):
    """The arrays that come out."""
    return lambda case: grid(**{name: case.values()[name] for name in names})


CASES = [
    Case(
        "A17",
        "Numerical 1: a 12×12 image, a 3×3 filter, stride 1, no padding: 10×10",
        f"x: (12, 12); K: (3, 3); {CONVOLUTION}",
        wrt="K",
        given=counted("z", 12, 3),
    ),
    Case(
        "A18",
        "Numerical 2: 39×39×3 through three layers to a vector of 1960",
        """
        x: (39, 39, 3); K₁: (3, 3, 3, 10); K₂: (5, 5, 10, 20); K₃: (5, 5, 20, 40)
        a[i,j,o] += K₁[u,v,c,o]*x[i+u, j+v, c]
        b[i,j,o] += K₂[u,v,c,o]*a[2*i+u, 2*j+v, c]
        h[i,j,o] += K₃[u,v,c,o]*b[2*i+u, 2*j+v, c]
        f = reshape(h; shape=(1960,))
        """,
        wrt="K3",
        given=layers,
        remark=one_outside,
    ),
    Case(
        "A19",
        "Numerical 3: a filter of columns, then average pooling 2×2 (our image)",
        f"{CONVOLUTION}; y[i,j] += z[2*i+u, 2*j+v]/4 for u < 2, v < 2; L = sum(y)",
        {"x": PHOTO, "K": COLUMNS},
        wrt="K",
        given=images(x=0, K=0),
        remark=results("z", "y"),
    ),
    Case(
        "A19-padded",
        "Numerical 3 again: padding 1 on all four sides, then max pooling 3×3",
        f"z[i,j] += K[u,v]*x[i+u-1, j+v-1] for i < 6, j < 6; {POOL_3.format(s='3*')}; L = sum(y)",
        {"x": PHOTO, "K": COLUMNS},
        wrt="K",
        given=lambda case: (
            f"{counted('z', 6, 3, 1, 1)}: padding 1 keeps the size\n{counted('y', 6, 3, 3)}"
        ),
        remark=results("z", "y"),
    ),
    Case(
        "A20",
        "Numerical 4: a 4-bit grey image, a diagonal filter, max pooling 3×3, stride 1 (our image)",
        f"{CONVOLUTION}; {POOL_3.format(s='')}; L = sum(y)",
        {"x": GREY_4_BIT, "K": DIAGONAL},
        wrt="K",
        given=images(x=0, K=0),
        remark=lambda case: (
            results("z", "y")(case)
            + "\n\nThe lecture does not say how far the pooling window moves. By 1: 2×2, as here; by "
            "its own\nwidth, as pooling mostly does: 1×1, the next case."
        ),
    ),
    Case(
        "A20-s3",
        "Numerical 4 with stride 3: one window fits, 1×1",
        f"{CONVOLUTION}; {POOL_3.format(s='3*')}; L = sum(y)",
        {"x": GREY_4_BIT, "K": DIAGONAL},
        wrt="K",
        given=counted("y", 4, 3, 3),
        remark=lambda case: (
            results("z", "y")(case) + "\n\nThe last column and row of z are read by no window."
        ),
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
