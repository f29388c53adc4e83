"""Scenes: nothing overlaps, everything can be read. Measured on the shapes of ten networks."""

from itertools import combinations

import pytest

from tests.viz.networks import NETWORKS
from viz import theme
from viz.routes import Station, parallel, ports
from viz.scene import compose
from viz.shapes import Curve, Rect, Scene, Text
from viz.view import view


@pytest.fixture(scope="module", params=list(NETWORKS))
def scene(request) -> Scene:
    return compose(view(**NETWORKS[request.param]()))


def overlap(one, other) -> bool:
    left, top, right, bottom = one
    left2, top2, right2, bottom2 = other
    return left < right2 and left2 < right and top < bottom2 and top2 < bottom


def inside(inner, outer) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def boxes(scene: Scene) -> list[Rect]:
    groups = (g for g in scene.groups if g.key.startswith("box:"))
    return [shape for g in groups for shape in g.shapes if isinstance(shape, Rect)]


def texts(scene: Scene) -> list[Text]:
    return [shape for shape in scene.shapes if isinstance(shape, Text)]


def points_of(curve: Curve, steps: int = 12):
    """Points along a curve."""
    here = curve.start
    for segment in curve.segments:
        control = (here, *segment) if len(segment) == 3 else (here, here, segment[0], segment[0])
        for k in range(1, steps + 1):
            t = k / steps
            weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3)
            yield tuple(
                sum(w * p[i] for w, p in zip(weights, control, strict=True)) for i in (0, 1)
            )
        here = segment[-1]


def test_texts_do_not_overlap(scene):
    for one, other in combinations(texts(scene), 2):
        assert not overlap(one.extent, other.extent)


def test_boxes_do_not_overlap(scene):
    for one, other in combinations(boxes(scene), 2):
        assert not overlap(one.extent, other.extent)


def test_a_text_is_inside_a_box_or_outside(scene):
    for rect in boxes(scene):
        for text in texts(scene):
            assert inside(text.extent, rect.extent) or not overlap(text.extent, rect.extent)


def test_everything_is_on_the_page(scene):
    page = (0, 0, scene.width, scene.height)
    for shape in scene.shapes:
        assert inside(shape.extent, page)


def test_edges_run_through_no_box_and_no_text(scene):
    solid = [*boxes(scene), *texts(scene)]
    for group in scene.groups:
        if not group.key.startswith("edge:"):
            continue
        for curve in (s for s in group.shapes if isinstance(s, Curve) and not s.fill):
            for x, y in points_of(curve):
                hit = [s for s in solid if overlap((x - 0.1, y - 0.1, x + 0.1, y + 0.1), s.extent)]
                # A line into a round box may pass through the corner of the square around it.
                assert all(isinstance(s, Rect) and s.radius * 2 == s.height for s in hit), group.key


def test_every_text_has_contrast_on_what_it_stands_on(scene):
    for text in texts(scene):
        ground = theme.PAPER
        for shape in scene.shapes:
            if shape is text:
                break
            if isinstance(shape, Rect) and shape.fill and inside(text.extent, shape.extent):
                ground = shape.fill
        assert theme.contrast(text.colour, ground) >= 4.5


def test_clusters_hold_their_members_and_nothing_else():
    made = view(**NETWORKS["residual"]())
    scene = compose(made)
    outlines = {
        g.key.removeprefix("cluster:"): g.shapes[0].extent
        for g in scene.groups
        if g.key.startswith("cluster:")
    }
    assert set(outlines) == {"encoder", "encoder/block 1", "encoder/block 2"}
    rects = {
        g.key.removeprefix("box:"): g.shapes[0].extent
        for g in scene.groups
        if g.key.startswith("box:")
    }
    for box in made.boxes:
        for path, outline in outlines.items():
            member = "/".join(box.scope[: path.count("/") + 1]) == path
            assert (
                inside(rects[box.key], outline) if member else not overlap(rects[box.key], outline)
            )
    assert inside(outlines["encoder/block 1"], outlines["encoder"])
    assert not overlap(outlines["encoder/block 1"], outlines["encoder/block 2"])


def test_colour_is_not_the_only_cue(scene):
    for group in scene.groups:
        if group.key.startswith("edge:"):
            for curve in group.shapes:
                if isinstance(curve, Curve) and not curve.fill:
                    assert bool(curve.dashes) == (curve.colour == theme.BACKWARD)


def test_parallels_stay_equally_far_apart():
    stations = [Station(0, 20, 0), Station(90, 110, 140)]
    lines = [
        Curve(*parallel(stations, offset), theme.INK)
        for offset in (-theme.PARALLEL, theme.PARALLEL)
    ]
    above, below = (list(points_of(line, 200)) for line in lines)
    for x, y in above[::25]:
        nearest = min(((x - u) ** 2 + (y - v) ** 2) ** 0.5 for u, v in below)
        assert nearest == pytest.approx(2 * theme.PARALLEL, rel=0.02)


def test_ports_keep_order_distance_and_level_edges():
    assert ports([0.0], 20, 22) == [0.0]
    assert ports([-100, 0, 100], 30, 22) == [-30.0, 0.0, 30.0]
    found = ports([300, 3, -200, 5, 70], 40, 22)
    assert sorted(found) == [found[2], found[1], found[3], found[4], found[0]]
    assert all(-40 <= y <= 40 for y in found)
    gaps = [b - a for a, b in zip(sorted(found), sorted(found)[1:], strict=False)]
    assert min(gaps) > 10
