"""The pictures of the README: five networks, drawn with what drawings can do.

    python examples/pictures.py [NAME …] [-o FOLDER]

writes NAME.svg, or the suffix of --suffix (.png, .pdf), into pictures/ beside this file.
"""

import argparse
from pathlib import Path

import graphnn as gnn
import viz


def path():
    """Lecture 4: backpropagation by hand; what one weight changes, along the way to the loss."""
    network = gnn.parse(
        """
        z₁ = w₁·x₁ + w₂·x₂ + b₁
        h₁ = σ(z₁)
        z₂ = w₃·x₁ + w₄·x₂ + b₂
        h₂ = σ(z₂)
        ŷ = w₅·h₁ + w₆·h₂
        L = (y − ŷ)²/2
        """,
        parameters=["w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2"],
    )
    at = {
        "x1": 0.5, "x2": -1, "y": 1, "w1": 0.1, "w2": 0.4, "w3": -0.3, "w4": 0.2, "w5": 0.7,
        "w6": -0.5, "b1": 0.1, "b2": 0,
    }  # fmt: skip
    return viz.draw(network.graph, at, path="w1", title="The gradient of one weight")


def layers():
    """Lecture 0: the same in matrices; every value and every gradient is written out."""
    network = gnn.parse(
        """
        x: (2); y: (1); W₁: (2, 2); b₁: (2); W₂: (1, 2); b₂: (1)
        h = σ(W₁x + b₁)
        ŷ = σ(W₂h + b₂)
        L = sum((y − ŷ)²/2)
        """,
        parameters=["W1", "b1", "W2", "b2"],
    )
    at = {
        "x": [0.5, -1], "y": [1], "W1": [[0.1, 0.4], [-0.3, 0.2]], "b1": [0.1, 0],
        "W2": [[0.7, -0.5]], "b2": [0.2],
    }  # fmt: skip
    return viz.draw(network.graph, at, title="Two layers, one sample")


def recurrent():
    """Lecture 4: backpropagation through time; a shared weight is drawn at each use."""
    steps = [f"h{t} = tanh(w x{t} + u h{t - 1})" for t in (1, 2, 3)]
    network = gnn.parse("; ".join([*steps, "L = (y − h3)²/2"]), parameters=["w", "u"])
    at = {"w": 0.5, "u": 0.8, "h0": 0, "x1": 1, "x2": -0.5, "x3": 0.25, "y": 0.3}
    return viz.draw(network.graph, at, path="u", title="Three steps in time, one weight")


def convolution():
    """Lecture 4: a 6×6 image, filter 1, max pooling."""
    network = gnn.parse(
        """
        x: (6, 6); K: (3, 3)
        z[i,j] += K[u,v]*x[i+u,j+v]
        p[i,j] max= z[2i+u,2j+v] for u < 2, v < 2
        L = sum(p)
        """,
        parameters=["K"],
    )
    image = [
        [1, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 1, 0],
    ]
    at = {"K": [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]], "x": image}
    return viz.draw(network.graph, at, title="A filter, its map, and max pooling")


def deep():
    """Lectures 0, 1 and 4: three layers in symbols, for a dark page."""
    h, y = gnn.input("X", ("B", 20)), gnn.input("Y", ("B", 3))
    sizes = [20, 100, 50, 3]
    for k in (1, 2, 3):
        with gnn.scope(f"layer {k}"):
            W = gnn.parameter(f"W{k}", (sizes[k], sizes[k - 1]))
            b = gnn.parameter(f"b{k}", (sizes[k],))
            z = gnn.name(f"Z{k}", h @ W.T + b)
            h = gnn.name(f"H{k}", gnn.relu(z)) if k < 3 else z
    P = gnn.name("P", gnn.softmax(h, axis=1))
    L = gnn.name("L", -gnn.mean(gnn.sum(y * gnn.log(P), axis=1)))
    return viz.draw(L, dark=True, title="A classifier of three layers")


PICTURES = {draw.__name__: draw for draw in (path, layers, recurrent, convolution, deep)}


def main():
    """Write the pictures that are asked for, all of them without a name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("-o", type=Path, default=Path(__file__).with_name("pictures"))
    parser.add_argument("--suffix", default=".svg", choices=[".svg", ".png", ".pdf"])
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in PICTURES]
    if unknown:
        parser.error(f"no picture {unknown[0]!r}; one of {', '.join(PICTURES)}")
    arguments.o.mkdir(exist_ok=True)
    for name in arguments.names or PICTURES:
        print(PICTURES[name]().save(arguments.o / f"{name}{arguments.suffix}"))


if __name__ == "__main__":
    main()
