"""PNG: an SVG document as pixels, by resvg."""

from __future__ import annotations

SCALE = 2.0  # pixels for each unit of the picture: sharp on dense screens and in print
LARGEST = 16000.0  # pixels along one side


def to_png(svg: str, width: float, height: float) -> bytes:
    """The picture as a PNG file, two pixels to the unit, fewer where it would be enormous."""
    import resvg_py

    scale = min(SCALE, LARGEST / max(width, height, 1.0))
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=max(1, round(width * scale)), skip_system_fonts=True
        )
    )
