"""The look: colours and measures, in pixels. Nothing else decides about either.

Every text colour has a contrast of at least 4.5 with every ground that it stands on, and colour is
never the only cue: backward edges are dashed too. A picture is made in light colours; the dark one
is the same picture with every colour looked up in `DARK`.
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

# light → dark; PAPER is a statement's fill too, and so has a second entry
DARK_PAPER = "#11161C"
DARK = {
    PAPER: "#1B232C",
    INK: "#E8EDF2",
    MUTED: "#A3B0BD",
    FORWARD: "#74B7F7",
    BACKWARD: "#FF8F79",
    PANEL: "#1A2129",
    CLUSTER_FILL: "#161C23",
    CLUSTER_LINE: "#35424F",
    "#EDF4FD": "#16293F",
    "#93B9E0": "#4E86BF",
    "#EFF8EC": "#182C1B",
    "#96C78B": "#5FA155",
    "#F1F3F5": "#252E37",
    "#B8C1CA": "#66737F",
    "#B9C3CD": "#5C6976",
    "#FDF1EE": "#3A1F1A",
    "#E3A296": "#B96A5B",
    "#C5D4E3": "#2C4257",
    "#EDD0CA": "#55342D",
    "#DDE3E9": "#303B46",
}

# what stands beside a highlighted path: lines in these colours, text in MUTED, boxes unfilled
PALE = {FORWARD: "#C5D4E3", BACKWARD: "#EDD0CA"}
PALE_LINE = "#DDE3E9"

FORMULA = 21.0  # size of the formula in a box
LABEL = 16.0  # values and gradients
SHAPE = 15.0  # the space that a tensor lives in
NOTE = 14.5  # cluster names, legend
TITLE = 23.0
CHAIN = 24.0

LARGEST = 2.0  # a small picture on a large page is not blown up more than this
MARGIN = 30.0
RADIUS = 13.0  # corners of statements
LEAF = 58.0  # smallest diameter of a leaf
PAD = 17.0  # between a formula and its box
LINE = 1.9  # width of an edge
STRONG = 3.0  # and of one on a highlighted path
DASH = (6.5, 4.0)
SHARED = (3.2, 2.8)  # the outline of a leaf that is drawn several times
BADGE = 7.0  # radius of the plus where contributions add
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
