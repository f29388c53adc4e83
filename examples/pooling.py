"""What follows a convolution: ReLU of a feature map, max pooling, flattening.

Lecture 3 has one small example of each; lecture 4 pools the maps of its two filters. Run it:
`python examples/pooling.py`.
"""

from convolution import FILTER_1, FILTER_2, IMAGE, STRIDE_1
from lecture_case import Case, grid, main

POOL_2 = "y[i,j] max= {x}[2*i+u, 2*j+v] for u < 2, v < 2"


def maps(case):
    """The feature map of the filter, and what pooling leaves of it."""
    found = case.values()
    return grid(z=found["z"], y=found["y"])


def pooled(name, title, kernel):
    """Convolution and pooling of lecture 4's image."""
    return Case(
        name,
        title,
        f"{STRIDE_1}; {POOL_2.format(x='z')}; L = sum(y)",
        {"x": IMAGE, "K": kernel},
        wrt="K",
        remark=maps,
    )


CASES = [
    Case(
        "A11",
        "ReLU of a feature map (lecture 3)",
        "y = relu(x); L = sum(y)",
        {"x": [[5, -10], [-3, 7]]},
        wrt="x",
        given=lambda case: grid(x=case.at["x"]),
        remark="The positive values pass, and so do the gradients at their places.",
    ),
    Case(
        "A12",
        "Max pooling 2×2 with stride 2 (lecture 3)",
        f"{POOL_2.format(x='x')}; L = sum(y)",
        {"x": [[1, 3, 2, 4], [5, 6, 7, 8], [9, 2, 3, 1], [0, 1, 5, 2]]},
        wrt="x",
        given=lambda case: grid(x=case.at["x"]),
        remark="Each block hands its gradient to the place of its maximum: 6, 8, 9 and 5.",
    ),
    Case(
        "A13",
        "Flattening a 4×4 feature map, row after row (lecture 3)",
        "f = reshape(x; shape=(16,)); L = sum(w ⊙ f)",
        {
            "x": [[1, 0, 2, 3], [4, 6, 5, 2], [0, 1, 3, 1], [5, 2, 2, 0]],
            "w": [1, 0, -1, 2, 0, 1, 1, -1, 2, 0, 0, 1, -1, 0, 1, 2],
        },
        wrt="x",
        given=lambda case: grid(x=case.at["x"]),
        remark=lambda case: "\n".join(
            [
                grid(f=case.values()["f"]),
                "",
                "Backwards the vector of gradients takes the map's shape again; w, by which L weighs",
                "the elements, is ours.",
            ]
        ),
    ),
    pooled("A16", "Max pooling 2×2 of filter 1's map (lecture 4)", FILTER_1),
    pooled("A16-f2", "Max pooling 2×2 of filter 2's map (lecture 4)", FILTER_2),
]

if __name__ == "__main__":
    main(__doc__, CASES)
