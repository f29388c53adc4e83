r"""Typesetting: a formula in LaTeX → glyph outlines with a measured size.

ziamath sets STIX Two Math as paths, so that a picture looks the same everywhere and its text can be
measured before anything is placed. What latex2mathml makes of LaTeX is corrected in four places: ∂
is a letter, a sign belongs to its number, accents are accents, and the characters that LaTeX
reserves survive in names (`protect`). Nothing is drawn yet: a `Fragment` is a list of placed outlines.
"""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

_RESERVED = "\\{}$&#%^~_<>|'\"`"
_PROTECTED = {ord(c): chr(0xE100 + k) for k, c in enumerate(_RESERVED)}
_RESTORED = {ord(p): chr(c) for c, p in _PROTECTED.items()}
_OPENERS = frozenset("([,=·⋅≈+−×⊙")
_ACCENTS = {"^": "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}", "~": "\N{SMALL TILDE}"}
_RIGID = frozenset("=,;+−·⋅×⊙≈<>≤≥→")  # operators that never stretch
_INFIX = frozenset("=≈+−")  # what stands between two parts of a label
_FRACTION = 0.88  # the size of a fraction in a label


@dataclass(frozen=True)
class Glyph:
    """An outline (SVG path data, for a size of 12) placed: the position of its origin, its scale."""

    outline: str
    x: float
    y: float
    scale: float


@dataclass(frozen=True)
class Bar:
    """A filled rectangle: the line of a fraction."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Fragment:
    """A typeset formula: from (0, 0) on its baseline, y downwards.

    It reaches `ascent` above and `descent` below its baseline; `axis` is the height of the math
    axis (of a minus sign, a fraction's line) above it.
    """

    width: float
    ascent: float
    descent: float
    axis: float
    glyphs: tuple[Glyph, ...]
    bars: tuple[Bar, ...]

    @property
    def height(self) -> float:
        """From the lowest to the highest point."""
        return self.ascent + self.descent


def protect(name: str) -> str:
    r"""A name with the characters that LaTeX reserves replaced by private ones; `typeset` restores.

    >>> protect("W1"), len(protect("a{b}"))
    ('W1', 4)
    """
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown.translate(_PROTECTED)


def restore(text: str) -> str:
    """The text with the characters that `protect` replaced.

    >>> restore(protect("a{b}"))
    'a{b}'
    """
    return text.translate(_RESTORED)


@lru_cache(maxsize=16384)
def typeset(latex: str, size: float) -> Fragment:
    r"""A formula in LaTeX at a font size.

    >>> z = typeset(r"z = w \cdot x", 20)
    >>> 60 < z.width < 120 and z.ascent > z.descent > 0
    True
    """
    return _set(_mathml(latex), size)


@lru_cache(maxsize=16384)
def typeset_label(latex: str, size: float) -> Fragment:
    r"""A formula whose fractions are a little smaller, all of it on one axis: ∂L/∂z = −0.074.

    >>> label = typeset_label(r"\frac{a}{b} = 1", 16)
    >>> label.height < typeset(r"\frac{a}{b} = 1", 16).height
    True
    """
    (row,) = _mathml(latex)
    runs: list[tuple[bool, list[ET.Element]]] = []
    for element in row:
        fraction = element.tag == "mfrac"
        if not runs or runs[-1][0] or fraction:
            runs.append((fraction, []))
        runs[-1][1].append(element)
    parts = []
    for fraction, elements in runs:
        root = ET.Element("math", {"display": "block"})
        for element in elements:
            if element.tag == "mo" and len(elements) < len(row) and element.text in _INFIX:
                element.attrib.setdefault("form", "infix")
        ET.SubElement(root, "mrow").extend(elements)
        parts.append(_set(root, size * _FRACTION if fraction else size))
    return beside(parts)


def beside(parts: Sequence[Fragment]) -> Fragment:
    """Fragments from left to right with their axes at one height, that of the tallest baseline.

    >>> one = words("a", 10)
    >>> beside([one, one]).width == 2 * one.width
    True
    """
    if len(parts) == 1:
        return parts[0]
    axis = max(part.axis for part in parts)
    glyphs: list[Glyph] = []
    bars: list[Bar] = []
    x = ascent = descent = 0.0
    for part in parts:
        drop = part.axis - axis
        glyphs += [replace(g, x=g.x + x, y=g.y + drop) for g in part.glyphs]
        bars += [replace(b, x=b.x + x, y=b.y + drop) for b in part.bars]
        ascent = max(ascent, part.ascent - drop)
        descent = max(descent, part.descent + drop)
        x += part.width
    return Fragment(x, ascent, descent, axis, tuple(glyphs), tuple(bars))


def _mathml(latex: str) -> ET.Element:
    from latex2mathml.converter import convert

    root = ET.fromstring(convert(latex.replace(r"\_", protect("_")), display="block"))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _correct(root)
    return root


@lru_cache(maxsize=4096)
def words(text: str, size: float, bold: bool = False) -> Fragment:
    """Plain text, upright.

    >>> words("forward value", 14).width > words("forward", 14).width
    True
    """
    root = ET.Element("math")
    run = ET.SubElement(root, "mtext", {"mathvariant": "bold"} if bold else {})
    run.text = restore(protect(text)).replace(" ", "\N{NO-BREAK SPACE}")
    return _set(root, size)


def _set(root: ET.Element, size: float) -> Fragment:
    made = _renderer()(root, size=size)
    box = made.node.bbox
    canvas = ET.Element("g")
    canvas.extend(_SYMBOLS.values())  # ziamath writes no outline that is on its canvas already
    made.node.draw(0.0, 0.0, canvas)
    axis = made.font.math.consts.axisHeight * size / made.font.info.layout.unitsperem
    glyphs, bars = _collect(canvas)
    width = float(box.xmax)
    return Fragment(width, float(box.ymax), float(-box.ymin), float(axis), glyphs, bars)


@lru_cache(maxsize=1)
def _renderer() -> Any:
    """The class that typesets.

    Importing ziamath takes a tenth of a second, and it asks for its font file by
    a function that Python 3.11 and 3.12 call deprecated, and 3.13 does not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from ziamath.nodes.mrow import Mrow
        from ziamath.zmath import Math

    class _Row(Mrow, tag="mrow"):  # type: ignore[misc, call-arg, unused-ignore]
        """A row that is laid out twice only where something in it stretches.

        ziamath lays every row out once more to learn how far its brackets have to reach, and so
        do the rows in it: work that doubles with each level, nearly all of it for rows such as
        ∂L, in which nothing stretches. It finds this class by its tag.
        """

        def _get_height_nostretch(self, line: list[ET.Element], **given: Any) -> Any:
            if all(child.tag != "mo" or (child.text or "") in _RIGID for child in line):
                return 0.0, 0.0
            return super()._get_height_nostretch(line, **given)

    return Math


def _collect(elements: Iterable[ET.Element]) -> tuple[tuple[Glyph, ...], tuple[Bar, ...]]:
    """What ziamath drew: symbols hold outlines, `use` places them, fractions have rectangles."""
    glyphs: list[Glyph] = []
    bars: list[Bar] = []
    for element in elements:
        got = element.attrib
        if element.tag == "symbol":
            _SYMBOLS.setdefault(got["id"], element)
        elif element.tag == "use":
            left, top, width, path = _outline(got["href"][1:])
            if path:
                scale = float(got["width"]) / width
                x, y = float(got["x"]) - left * scale, float(got["y"]) - top * scale
                glyphs.append(Glyph(path, x, y, scale))
        elif element.tag == "rect":
            bars.append(Bar(*(float(got[key]) for key in ("x", "y", "width", "height"))))
    return tuple(glyphs), tuple(bars)


_SYMBOLS: dict[str, ET.Element] = {}  # of the one font: id → its outline, as ziamath wrote it


@cache
def _outline(symbol: str) -> tuple[float, float, float, str]:
    """Left, top and width of the box that ziamath scales, and the path in it."""
    element = _SYMBOLS[symbol]
    left, top, width, _ = (float(v) for v in element.attrib["viewBox"].split())
    path = " ".join(part.attrib["d"].strip() for part in element.iter("path"))
    return left, top, width, path


def _correct(root: ET.Element) -> None:
    for parent in list(root.iter()):
        _join_letters(parent)
        for place, child in enumerate(list(parent)):
            # ziamath sets nested rows several times over.
            while child.tag == "mrow" and len(child) == 1 and parent is not root:
                child = parent[place] = child[0]
            if child.text and restore(child.text) != child.text:
                child.tag, child.text = "mtext", restore(child.text)
                child.attrib.clear()
            if child.tag == "mo" and child.text == "∂":
                child.tag, child.text = "mi", "𝜕"
            if parent.tag == "mover" and child.text in _ACCENTS:
                child.text = _ACCENTS[child.text]
        _join_signs(parent)


def _join_letters(parent: ET.Element) -> None:
    """The name of an operator that has a digit in it comes as an empty operator and letters."""
    for empty, letters in list(pairwise(parent)):
        if empty.tag == "mo" and not empty.text and letters.tag == "mrow" and len(letters):
            empty.text = "".join(letters.itertext())
            parent.remove(letters)


def _join_signs(parent: ET.Element) -> None:
    """A minus that nothing stands before, or only an operator, is a sign, not a difference."""
    children = [child for child in parent if child.tag != "mspace"]
    for k, child in enumerate(children[:-1]):
        if child.tag != "mo" or child.text != "−":
            continue
        before = children[k - 1] if k else None
        if before is None or (before.tag == "mo" and (before.text or "") in _OPENERS):
            after = children[k + 1]
            if after.tag == "mn":
                after.text = f"−{after.text}"
                parent.remove(child)
            else:
                child.attrib["form"] = "prefix"
