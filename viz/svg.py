"""SVG: a Scene as text. Everything is a path: no fonts, no scripts, no style sheets, no links.

Glyph outlines stand once in `defs`. Ids begin with a digest of the picture, so that several
pictures can share a page, and the same picture is the same bytes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from viz.shapes import Curve, Rect, Scene, Shape, Text
from viz.typeset import Glyph


def to_svg(scene: Scene) -> str:
    """The picture as a standalone SVG document.

    >>> to_svg(Scene(10, 10, (), "t", "d")).splitlines()[0][:5]
    '<svg '
    """
    neutral = "\n".join(_document(scene, "g-"))
    return "\n".join([*_document(scene, f"g{sha256(neutral.encode()).hexdigest()[:8]}-"), ""])


_outputs = itertools.count(1)


def own_ids(svg: str) -> str:
    """The picture with ids that no other output on the page has: one that is hidden hides no other.

    >>> own_ids('<path id="g0123abcd-0"/>') == own_ids('<path id="g0123abcd-0"/>')
    False
    """
    return re.sub(r'((?:id="|#|by="| )g[0-9a-f]{8}-)', rf"\g<1>{next(_outputs)}-", svg)


def _document(scene: Scene, prefix: str) -> Iterator[str]:
    used: dict[str, str] = {}
    for shape in scene.shapes:
        if isinstance(shape, Text):
            for glyph in shape.fragment.glyphs:
                used.setdefault(glyph.outline, f"{prefix}{len(used)}")
    width, height = (_n(v) for v in scene.size)
    inner = [v / scene.scale for v in scene.size]
    box = [(scene.width - inner[0]) / 2, (scene.height - inner[1]) / 2, *inner]
    left, top, wide, high = (_n(v) for v in box)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="{left} {top} {wide} {high}" role="img" '
        f'aria-labelledby="{prefix}title {prefix}desc">'
    )
    yield f'<title id="{prefix}title">{_text(scene.title)}</title>'
    yield f'<desc id="{prefix}desc">{_text(scene.description)}</desc>'
    yield "<defs>"
    for outline, name in used.items():
        yield f'<path id="{name}" d="{compact(outline)}"/>'
    yield "</defs>"
    corner = f'x="{left}" y="{top}" ' if scene.page else ""
    yield f'<rect {corner}width="{wide}" height="{high}" fill="{scene.paper}"/>'
    for group in scene.groups:
        yield f"<g data-key={quoteattr(_printable(group.key))}>"
        yield f"<title>{_text(group.description)}</title>"
        for shape in group.shapes:
            yield _shape(shape, used)
        yield "</g>"
    yield "</svg>"


def _shape(shape: Shape, used: dict[str, str]) -> str:
    match shape:
        case Rect():
            corner = f' rx="{_n(shape.radius)}"' if shape.radius else ""
            line = (
                f' stroke="{shape.line}" stroke-width="{_n(shape.line_width)}"'
                if shape.line
                else ""
            )
            line += f' stroke-dasharray="{_dashes(shape.dashes)}"' if shape.dashes else ""
            return (
                f'<rect x="{_n(shape.x)}" y="{_n(shape.y)}" width="{_n(shape.width)}" '
                f'height="{_n(shape.height)}"{corner} fill="{shape.fill or "none"}"{line}/>'
            )
        case Curve():
            path = path_text(shape)
            if shape.fill:
                return f'<path d="{path}Z" fill="{shape.colour}"/>'
            dashed = f' stroke-dasharray="{_dashes(shape.dashes)}"' if shape.dashes else ""
            return (
                f'<path d="{path}" fill="none" stroke="{shape.colour}" '
                f'stroke-width="{_n(shape.width)}"{dashed}/>'
            )
        case Text():
            return _words(shape, used)


def _dashes(dashes: tuple[float, ...]) -> str:
    return " ".join(_n(d) for d in dashes)


def _words(text: Text, used: dict[str, str]) -> str:
    parts = [f'<g fill="{text.colour}" transform="translate({_n(text.x)} {_n(text.y)})">']
    for scale, run in groupby(text.fragment.glyphs, key=lambda glyph: round(glyph.scale, 5)):
        uses = "".join(_use(glyph, used) for glyph in run)
        parts.append(f'<g transform="scale({scale:.5g})">{uses}</g>')
    parts += [
        f'<rect x="{_n(b.x)}" y="{_n(b.y)}" width="{_n(b.width)}" height="{_n(b.height)}"/>'
        for b in text.fragment.bars
    ]
    return "".join([*parts, "</g>"])


def _use(glyph: Glyph, used: dict[str, str]) -> str:
    x, y = _n(glyph.x / glyph.scale), _n(glyph.y / glyph.scale)
    down = f' y="{y}"' if y != "0" else ""
    return f'<use href="#{used[glyph.outline]}" x="{x}"{down}/>'


def path_text(curve: Curve) -> str:
    """A curve as SVG path data."""
    parts = [f"M{_n(curve.start[0])} {_n(curve.start[1])}"]
    for segment in curve.segments:
        points = " ".join(f"{_n(x)} {_n(y)}" for x, y in segment)
        parts.append(f"{'L' if len(segment) == 1 else 'C'}{points}")
    return "".join(parts)


def compact(path: str) -> str:
    """Path data with two decimals and no space that is not needed.

    >>> compact("M 1.234 5 L 2.5 -3 Z")
    'M1.23 5L2.5-3Z'
    """
    text = ""
    for word in path.split():
        if word.isalpha():
            text += word
            continue
        number = _n(float(word))
        text += number if not text or text[-1].isalpha() or number[0] == "-" else f" {number}"
    return text


def _n(value: float) -> str:
    """A coordinate: two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _printable(text: str) -> str:
    """Without characters that XML does not allow."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _text(text: str) -> str:
    return escape(_printable(text))
