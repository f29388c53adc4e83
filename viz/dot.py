"""DOT: a View in Graphviz's language, before layout. For people who have their own tools for it.

Text is plain Unicode, quoted by the `graphviz` package, so that no name can end its own label.
"""

from __future__ import annotations

import graphviz
from graphviz.quoting import escape

from viz import theme
from viz.view import Box, Scope, View


def to_dot(view: View) -> str:
    r"""The picture as DOT text; the same View gives the same text.

    >>> import graphnn as gnn
    >>> from viz.view import view
    >>> print(to_dot(view(gnn.exp(gnn.input("x")))).splitlines()[0])
    digraph graphnn {
    """
    made = graphviz.Digraph("graphnn")
    made.attr(rankdir="LR", fontname="STIX Two Text,serif", label=escape(view.title))
    made.attr("node", fontname="STIX Two Text,serif", style="rounded,filled")
    made.attr("edge", fontname="STIX Two Text,serif", fontsize="11")
    number = {box.key: f"n{k}" for k, box in enumerate(view.boxes)}
    _boxes(made, view, (), number)
    for edge in view.edges:
        ends = number[edge.tail], number[edge.head]
        told = "  ".join(label.text for label in (edge.shape, edge.value) if label)
        made.edge(*ends, escape(told), color=theme.FORWARD, fontcolor=theme.FORWARD)
        if edge.backward:
            made.edge(
                *reversed(ends),
                escape(edge.gradient.text),
                color=theme.BACKWARD,
                fontcolor=theme.BACKWARD,
                style="dashed",
                constraint="false",
            )
    return str(made.source)


def _boxes(made: graphviz.Digraph, view: View, scope: Scope, number: dict[str, str]) -> None:
    """The boxes of one scope, then its inner scopes; nested no deeper than people nest them."""
    for box in view.boxes:
        if box.scope == scope:
            _node(made, box, number[box.key])
    for place, inner in enumerate(view.clusters):
        if inner[:-1] == scope:
            with made.subgraph(name=f"cluster_{place}") as part:
                part.attr(label=escape(inner[-1]), style="rounded", color=theme.CLUSTER_LINE)
                _boxes(part, view, inner, number)


def _node(made: graphviz.Digraph, box: Box, key: str) -> None:
    fill, line, _ = theme.BOXES[box.kind]
    texts = [label.text for label in (box.formula, box.shape, box.above, box.below) if label]
    shape = "ellipse" if box.kind in ("input", "parameter", "constant") else "box"
    # A label that begins with < and ends with > would be read as HTML.
    label = graphviz.nohtml("\\n".join(escape(t) for t in texts))
    made.node(key, label, shape=shape, fillcolor=fill, color=line)
