"""Page: the size of what is written, and the colours of the whole picture. Scene → Scene."""

from __future__ import annotations

import re
from dataclasses import replace

from graphnn.errors import GraphError
from viz import theme
from viz.shapes import Curve, Group, Rect, Scene, Shape, Text

PAGES = {
    "slide": (1280.0, 720.0),
    "a4": (794.0, 1123.0),  # 210 × 297 mm at 96 pixels to the inch
    "a4-landscape": (1123.0, 794.0),
}
_LARGEST = 20000.0


def page_size(size: str) -> tuple[float, float]:
    """Width and height in pixels of a page: a name of `PAGES`, or WxH.

    >>> page_size("slide"), page_size("800x600")
    ((1280.0, 720.0), (800.0, 600.0))

    Raises GraphError for anything else.
    """
    if size in PAGES:
        return PAGES[size]
    found = re.fullmatch(r"(\d{2,5})[x×](\d{2,5})", size)
    if found is None or max(map(float, found.groups())) > _LARGEST:
        known = ", ".join(PAGES)
        raise GraphError(f"no page size {size!r}; one of {known}, or WIDTHxHEIGHT in pixels")
    width, height = found.groups()
    return float(width), float(height)


def on_page(scene: Scene, size: str | None) -> Scene:
    """The picture scaled to a page and centred on it; as large as it is where `size` is None."""
    return replace(scene, page=page_size(size)) if size else scene


def darkened(scene: Scene) -> Scene:
    """The same picture in the colours of `theme.DARK`."""
    groups = tuple(
        replace(group, shapes=tuple(_dark(shape) for shape in group.shapes))
        for group in scene.groups
    )
    return replace(scene, groups=groups, paper=theme.DARK_PAPER)


def faded(group: Group) -> Group:
    """A group that is not what the picture points at: pale lines, grey text that can be read."""
    return replace(group, shapes=tuple(_pale(shape) for shape in group.shapes))


def pointed(group: Group) -> Group:
    """A group that the picture points at: its backward line is a strong one."""
    return replace(group, shapes=tuple(_strong(shape) for shape in group.shapes))


def _strong(shape: Shape) -> Shape:
    if isinstance(shape, Curve) and shape.dashes:
        return replace(shape, width=theme.STRONG)
    return shape


def _dark(shape: Shape) -> Shape:
    match shape:
        case Rect():
            fill, line = (theme.DARK[c] if c else None for c in (shape.fill, shape.line))
            return replace(shape, fill=fill, line=line)
        case Curve() | Text():
            return replace(shape, colour=theme.DARK[shape.colour])


def _pale(shape: Shape) -> Shape:
    match shape:
        case Rect():
            return replace(shape, fill=theme.PAPER, line=theme.PALE_LINE)
        case Curve():
            return replace(shape, colour=theme.PALE.get(shape.colour, theme.PALE_LINE))
        case Text():
            return replace(shape, colour=theme.MUTED)
