"""Pictures of the lectures' rows: nothing overlaps, everything can be read on a slide."""

from itertools import combinations

import pytest

import viz
from tests.examples import cases
from tests.viz.lectures import LARGER, ROWS
from tests.viz.test_scene import boxes, inside, overlap, points_of, texts
from viz import theme
from viz.shapes import Curve, Rect, Scene

SLIDE = (1280, 720)
VARIANTS = {
    "plain": {},
    "ops": {"detail": "ops"},
    "scopes": {"detail": "scopes"},
}
PICTURES = [
    *((row, look) for row in ROWS for look in ("plain", "ops")),
    *((row, look) for row in LARGER for look in ("plain", "scopes")),
]


@pytest.fixture(scope="module", params=PICTURES, ids="-".join)
def scene(request) -> Scene:
    row, look = request.param
    return viz.draw(**{**ROWS, **LARGER}[row]() | VARIANTS[look]).scene


def test_no_two_texts_and_no_two_boxes_overlap(scene):
    for shapes in (texts(scene), boxes(scene)):
        for one, other in combinations(shapes, 2):
            assert not overlap(one.extent, other.extent)


def test_a_text_is_in_a_box_or_outside_and_on_the_page(scene):
    page = (0, 0, scene.width, scene.height)
    for text in texts(scene):
        assert inside(text.extent, page)
        for rect in boxes(scene):
            assert inside(text.extent, rect.extent) or not overlap(text.extent, rect.extent)


def test_no_line_runs_through_a_text_or_a_box(scene):
    solid = [*texts(scene), *(rect for rect in boxes(scene) if rect.radius * 2 != rect.height)]
    extents = [shape.extent for shape in solid]
    for group in scene.groups:
        if group.key.startswith("edge:"):
            for curve in (s for s in group.shapes if isinstance(s, Curve) and not s.fill):
                left, top, right, bottom = curve.extent
                near = [
                    e for e in extents if overlap(e, (left - 1, top - 1, right + 1, bottom + 1))
                ]
                for x, y in points_of(curve):
                    at = (x - 0.1, y - 0.1, x + 0.1, y + 0.1)
                    assert not any(overlap(at, extent) for extent in near), group.key


EXAMPLES = cases()


@pytest.mark.parametrize("name", EXAMPLES, ids="-".join)
def test_nothing_overlaps_in_the_pictures_of_the_examples(name):
    case = EXAMPLES[name]
    scene = viz.draw(case.program().graph, case.at, case.wrt, size="slide").scene
    for shapes in (texts(scene), boxes(scene)):
        for one, other in combinations(shapes, 2):
            assert not overlap(one.extent, other.extent)
    for rect in boxes(scene):
        for text in texts(scene):
            assert inside(text.extent, rect.extent) or not overlap(text.extent, rect.extent)
    if case.name.startswith("A"):  # the others are larger than what a slide can hold
        assert smallest_text(scene) >= 9


def smallest_text(scene: Scene) -> float:
    """The size, in pixels of the page, of the smallest text; scripts count with their base."""
    sizes = [max(g.scale for g in t.fragment.glyphs) * 12 for t in texts(scene)]
    return min(sizes) * scene.scale


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_row_can_be_read_on_a_slide(row, dark):
    scene = viz.draw(**ROWS[row](), size="slide", dark=dark).scene
    assert scene.size == SLIDE
    assert scene.width * scene.scale <= 1280.01
    assert scene.height * scene.scale <= 720.01
    assert smallest_text(scene) >= 9
    for text in texts(scene):
        ground = scene.paper
        for shape in scene.shapes:
            if shape is text:
                break
            if isinstance(shape, Rect) and shape.fill and inside(text.extent, shape.extent):
                ground = shape.fill
        assert theme.contrast(text.colour, ground) >= 4.5


def test_a_deep_network_is_wrapped_and_a_small_one_is_not():
    deep, small = viz.draw(**LARGER["D03"]()).scene, viz.draw(**ROWS["A04"]()).scene
    assert deep.width / deep.height < 2.4
    assert smallest_text(viz.draw(**LARGER["D03"](), size="slide").scene) >= 9
    assert small.width / small.height > 2.5
