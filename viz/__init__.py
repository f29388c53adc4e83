"""viz: pictures of graphs, with values and gradients on them.

>>> import graphnn as gnn, viz
>>> w, x = gnn.parameter("w"), gnn.input("x")
>>> viz.draw(gnn.exp(w * x), at={"w": 1, "x": 2}).svg.startswith("<svg")
True
"""

from viz.chain import chain_of
from viz.drawing import Drawing, draw
from viz.notebook import show_in_notebooks
from viz.view import Chain, Factor

__all__ = ["Chain", "Drawing", "Factor", "chain_of", "draw", "show_in_notebooks"]
