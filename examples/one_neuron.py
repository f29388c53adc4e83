"""One neuron, forward and back: values and gradients on its graph, and the chain rule below it.

    python examples/one_neuron.py [-o FILE]

writes the picture (one_neuron.svg beside this file; .png, .pdf and .dot work too). Lecture L1.
"""

import argparse
from pathlib import Path

import graphnn as gnn
import viz


def neuron() -> gnn.Handle:
    """L = (y − a)²/2 of one sigmoid neuron."""
    x, w, b, y = gnn.input("x"), gnn.parameter("w"), gnn.parameter("b"), gnn.input("y")
    z = gnn.name("z", w * x + b)
    a = gnn.name("a", gnn.sigmoid(z))
    return gnn.name("L", (y - a) ** 2 / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", default=Path(__file__).with_suffix(".svg"), help="where to draw it")
    arguments = parser.parse_args()
    L = neuron()
    at = {"x": 1.5, "w": 0.8, "b": -0.5, "y": 1}
    picture = viz.draw(
        L,
        at=at,
        wrt=["x", "w", "b"],
        title="One neuron, forward and back",
        chain=viz.chain_of(L, "w", at=at),
    )
    print(picture.save(arguments.o))


if __name__ == "__main__":
    main()
