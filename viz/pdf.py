"""PDF: a Scene as one page of vector graphics. Everything is a path, so no font is embedded.

A dozen operators of PDF 1.4 draw all shapes, which is why no library stands here: the ones for SVG
need the system's cairo, or leave out what they do not know. Bytes depend on the Scene alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import pairwise

from viz.shapes import Curve, Point, Rect, Scene, Shape, Text

_UNIT = 0.75  # points for a pixel
_ROUND = 0.5522847498  # control points of a quarter circle
_LARGEST = 14400.0  # points along one side that readers accept


def to_pdf(scene: Scene) -> bytes:
    """The picture as a PDF file.

    >>> to_pdf(Scene(10, 10, (), "t", "d"))[:8]
    b'%PDF-1.4'
    """
    unit = min(_UNIT, _LARGEST / max(scene.size))
    width, height = (v * unit for v in scene.size)
    left = (width - scene.width * scene.scale * unit) / 2
    top = (height - scene.height * scene.scale * unit) / 2
    lines = [f"q {_colour(scene.paper, 'rg')} 0 0 {width:.3f} {height:.3f} re f Q"]
    unit *= scene.scale
    lines.append(f"{unit:.6f} 0 0 {-unit:.6f} {left:.3f} {height - top:.3f} cm")
    for shape in scene.shapes:
        lines += _shape(shape)
    content = zlib.compress("\n".join(lines).encode("ascii"), 9)
    title = scene.title.encode("utf-16-be").hex()
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] "
            "/Contents 4 0 R /Resources << >> >>".encode(),
            f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode()
            + content
            + b"\nendstream",
            f"<< /Title <FEFF{title}> >>".encode(),
        ]
    )


def _file(objects: list[bytes]) -> bytes:
    """Numbered objects, the table of where each begins, and the trailer."""
    made = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    starts = []
    for number, content in enumerate(objects, start=1):
        starts.append(len(made))
        made += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    size = len(objects) + 1
    end = f"trailer\n<< /Size {size} /Root 1 0 R /Info {len(objects)} 0 R >>\n"
    start = f"startxref\n{len(made)}\n%%EOF\n"
    return made + f"xref\n0 {size}\n0000000000 65535 f \n{table}{end}{start}".encode()


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Rect():
            yield "q"
            if shape.fill:
                yield _colour(shape.fill, "rg")
            if shape.line:
                dashes = " ".join(f"{d:.2f}" for d in shape.dashes)
                yield f"{_colour(shape.line, 'RG')} {shape.line_width:.3f} w [{dashes}] 0 d"
            yield from _rounded(shape)
            yield f"{'B' if shape.fill and shape.line else 'f' if shape.fill else 'S'} Q"
        case Curve():
            dashes = " ".join(f"{d:.2f}" for d in shape.dashes)
            yield f"q {_colour(shape.colour, 'rg')} {_colour(shape.colour, 'RG')}"
            yield f"{shape.width:.3f} w [{dashes}] 0 d {_at(shape.start)} m"
            for segment in shape.segments:
                points = " ".join(_at(p) for p in segment)
                yield f"{points} {'l' if len(segment) == 1 else 'c'}"
            yield f"{'h f' if shape.fill else 'S'} Q"
        case Text():
            yield f"q {_colour(shape.colour, 'rg')} 1 0 0 1 {_at((shape.x, shape.y))} cm"
            for glyph in shape.fragment.glyphs:
                scale = f"{glyph.scale:.5f} 0 0 {glyph.scale:.5f}"
                yield f"q {scale} {_at((glyph.x, glyph.y))} cm"
                yield from _outline(glyph.outline)
                yield "f Q"
            for bar in shape.fragment.bars:
                yield f"{_at((bar.x, bar.y))} {bar.width:.3f} {bar.height:.3f} re f"
            yield "Q"


def _rounded(rect: Rect) -> Iterator[str]:
    left, top, right, bottom = rect.extent
    r = min(rect.radius, rect.width / 2, rect.height / 2)
    if r <= 0:
        yield f"{_at((left, top))} {rect.width:.3f} {rect.height:.3f} re"
        return
    k = r * (1 - _ROUND)
    corners: list[tuple[Point, Point, Point, Point]] = [
        ((right - r, top), (right - k, top), (right, top + k), (right, top + r)),
        ((right, bottom - r), (right, bottom - k), (right - k, bottom), (right - r, bottom)),
        ((left + r, bottom), (left + k, bottom), (left, bottom - k), (left, bottom - r)),
        ((left, top + r), (left, top + k), (left + k, top), (left + r, top)),
    ]
    yield f"{_at((left + r, top))} m"
    for start, one, other, end in corners:
        yield f"{_at(start)} l {_at(one)} {_at(other)} {_at(end)} c"
    yield "h"


def _outline(path: str) -> Iterator[str]:
    """SVG path data (absolute M, L, Q, C, Z) as PDF operators; Q becomes a cubic."""
    here: Point = (0.0, 0.0)
    for command, points in _commands(path):
        match command, points:
            case "M", [p]:
                yield f"{_at(p)} m"
                here = p
            case "L", [p]:
                yield f"{_at(p)} l"
                here = p
            case "Q", [c, p]:
                one = tuple(a + (b - a) * 2 / 3 for a, b in zip(here, c, strict=True))
                other = tuple(a + (b - a) * 2 / 3 for a, b in zip(p, c, strict=True))
                yield f"{_at((one[0], one[1]))} {_at((other[0], other[1]))} {_at(p)} c"
                here = p
            case "C", [c, d, p]:
                yield f"{_at(c)} {_at(d)} {_at(p)} c"
                here = p
            case "Z", []:
                yield "h"
            case _:
                raise ValueError(f"path data of a glyph holds {command} with {len(points)} points")


def _commands(path: str) -> Iterator[tuple[str, list[Point]]]:
    parts = path.split()
    places = [k for k, part in enumerate(parts) if part.isalpha()]
    for start, end in pairwise([*places, len(parts)]):
        numbers = [float(part) for part in parts[start + 1 : end]]
        yield parts[start], list(zip(numbers[::2], numbers[1::2], strict=True))


def _colour(colour: str, operator: str) -> str:
    parts = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return f"{' '.join(f'{p:.4f}' for p in parts)} {operator}"


def _at(point: Point) -> str:
    return f"{point[0]:.3f} {point[1]:.3f}"
