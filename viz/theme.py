"""The look: colours and measures, in pixels. Nothing else decides about either.

Every text colour has a contrast of at least 4.5 with every ground that it stands on, and colour is
never the only cue: backward edges are dashed too.
"""

from __future__ import annotations

PAPER = "#FFFFFF"
INK = "#1F2933"
MUTED = "#5B6875"
FORWARD = "#0B57A4"
BACKWARD = "#BF2F17"
PANEL = "#F7F9FB"
CLUSTER_FILL = "#FAFBFC"
CLUSTER_LINE = "#DCE2E8"

# kind of box → fill, line, what the legend calls it
BOXES = {
    "input": ("#EDF4FD", "#93B9E0", "input"),
    "parameter": ("#EFF8EC", "#96C78B", "parameter"),
    "constant": ("#F1F3F5", "#B8C1CA", "constant"),
    "statement": ("#FFFFFF", "#B9C3CD", "statement"),
    "loss": ("#FDF1EE", "#E3A296", "loss"),
}

FORMULA = 21.0  # size of the formula in a box
LABEL = 16.0  # values and gradients
SHAPE = 15.0  # the space that a tensor lives in
NOTE = 14.0  # cluster names, legend
TITLE = 23.0
CHAIN = 24.0

MARGIN = 36.0
RADIUS = 13.0  # corners of statements
LEAF = 58.0  # smallest diameter of a leaf
PAD = 17.0  # between a formula and its box
LINE = 1.9  # width of an edge
DASH = (6.5, 4.0)
PARALLEL = 5.2  # from the middle of an edge to its forward and its backward line
CLEAR = 5.0  # from a line to its label
PORT = 22.0  # between two edges on one side of a box
ARROW = (9.5, 3.6)  # length and half width of an arrow head
TIP = 3.5  # from an arrow head to the box


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG: (lighter + 0.05) / (darker + 0.05).

    >>> round(contrast("#FFFFFF", "#000000"), 3)
    21.0
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
