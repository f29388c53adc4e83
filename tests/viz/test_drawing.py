"""Drawings: four formats, the same bytes each time, well-formed whatever the names are."""

import re
import subprocess
import sys
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import graphnn as gnn
import viz
from tests.viz.networks import NETWORKS, neuron

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", NETWORKS)
def test_svg_is_well_formed_and_complete(name):
    root = ElementTree.fromstring(viz.draw(**NETWORKS[name]()).svg)
    assert root.tag == f"{SVG}svg"
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(set(ids)) == len(ids)
    used = {e.attrib["href"][1:] for e in root.iter(f"{SVG}use")}
    assert used
    assert used <= set(ids)
    assert {e.tag for e in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "defs", "path", "rect", "g", "use")
    }


def test_the_same_input_gives_the_same_bytes(tmp_path):
    first, second = (viz.draw(**NETWORKS["matrices"]()) for _ in range(2))
    for suffix in (".svg", ".dot", ".png", ".pdf"):
        one = first.save(tmp_path / f"one{suffix}").read_bytes()
        assert one == second.save(tmp_path / f"two{suffix}").read_bytes()


def test_another_process_gives_the_same_bytes():
    code = (
        "import viz, sys; from tests.viz.networks import NETWORKS; "
        "sys.stdout.buffer.write(viz.draw(**NETWORKS['softmax']()).svg.encode())"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed, "PATH": _path()},
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] == viz.draw(**NETWORKS["softmax"]()).svg.encode()


def _path() -> str:
    import os

    return os.environ["PATH"]


def test_two_pictures_can_share_a_page():
    pictures = [viz.draw(**NETWORKS[name]()).svg for name in ("neuron", "softmax")]
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in pictures]
    assert not ids[0] & ids[1]


def test_png_shows_something(tmp_path):
    data = viz.draw(**neuron()).save(tmp_path / "n.png").read_bytes()
    width, height, rows = read_png(data)
    scene = viz.draw(**neuron()).scene
    assert (width, height) == (round(scene.width * 2), pytest.approx(scene.height * 2, abs=2))
    colours = {row[k : k + 3] for row in rows for k in range(0, len(row), 4)}
    for colour in ("#FFFFFF", "#0B57A4", "#BF2F17", "#EDF4FD", "#EFF8EC", "#FDF1EE"):
        assert bytes.fromhex(colour[1:]) in colours


def read_png(data: bytes):
    """Width, height, rows of RGBA bytes: enough of PNG for what resvg writes."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, chunks = 8, {}
    while place < len(data):
        size = int.from_bytes(data[place : place + 4])
        kind = data[place + 4 : place + 8]
        chunks[kind] = chunks.get(kind, b"") + data[place + 8 : place + 8 + size]
        place += 12 + size
    width, height = (int.from_bytes(chunks[b"IHDR"][k : k + 4]) for k in (0, 4))
    depth, colour = chunks[b"IHDR"][8:10]
    assert (depth, colour) == (8, 6)
    raw, rows, before = zlib.decompress(chunks[b"IDAT"]), [], bytes(4 * width)
    for k in range(height):
        start = k * (4 * width + 1)
        row = unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + 4 * width]), before)
        rows.append(row)
        before = row
    return width, height, rows


def unfilter(kind: int, row: bytearray, above: bytes) -> bytes:
    for k in range(len(row)):
        left = row[k - 4] if k >= 4 else 0
        corner = above[k - 4] if k >= 4 else 0
        if kind == 1:
            row[k] = (row[k] + left) & 255
        elif kind == 2:
            row[k] = (row[k] + above[k]) & 255
        elif kind == 3:
            row[k] = (row[k] + (left + above[k]) // 2) & 255
        elif kind == 4:
            guess = left + above[k] - corner
            nearest = min((left, above[k], corner), key=lambda v: abs(guess - v))
            row[k] = (row[k] + nearest) & 255
    return bytes(row)


def test_pdf_has_one_page_of_paths(tmp_path):
    data = viz.draw(**neuron()).save(tmp_path / "n.pdf").read_bytes()
    assert data.startswith(b"%PDF-1.4")
    assert data.endswith(b"%%EOF\n")
    start = int(data.rpartition(b"startxref\n")[2].split()[0])
    assert data[start : start + 4] == b"xref"
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", data), start=1):
        assert data[int(place) :].startswith(b"%d 0 obj" % number)
    content = zlib.decompress(data.partition(b"stream\n")[2].partition(b"\nendstream")[0])
    lines = content.decode("ascii").splitlines()
    assert sum(line.split().count("q") for line in lines) == sum(
        line.split().count("Q") for line in lines
    )
    assert "[6.50 4.00] 0 d" in content.decode("ascii")


def test_dot_text_is_as_agreed(request):
    text = viz.draw(**neuron()).dot
    golden = GOLDEN / "neuron.dot"
    if request.config.getoption("--update-golden"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_dot_text_needs_no_dot_program_and_dot_reads_it(monkeypatch, tmp_path):
    texts = {}
    with monkeypatch.context() as context:
        context.setenv("PATH", str(tmp_path))
        for name, network in NETWORKS.items():
            texts[name] = viz.draw(**network()).dot
    for text in texts.values():
        ran = subprocess.run(["dot", "-Tcanon"], input=text.encode(), capture_output=True)
        assert ran.returncode == 0
        assert ran.stderr == b""


def hostile() -> gnn.Handle:
    y, size, angle = (gnn.input(name) for name in ("ŷ", "größe", "θ"))
    total = gnn.name('<script>alert("x")</script>', y * size)
    total = gnn.name("a\"b'c", total * angle)
    with gnn.scope('</g><script>"&'):
        return gnn.name("L\\n<b>", total)


def test_hostile_names_are_text(tmp_path):
    drawing = viz.draw(hostile(), title="<img onerror=x> & co")
    assert "<script" not in drawing.svg
    assert "<img" not in drawing.svg
    root = ElementTree.fromstring(drawing.svg)
    titles = [e.text for e in root.iter(f"{SVG}title")]
    assert titles[0] == "<img onerror=x> & co"
    assert any('<script>alert("x")</script>' in (t or "") for t in titles)
    for suffix in (".png", ".pdf", ".dot"):
        assert drawing.save(tmp_path / f"h{suffix}").stat().st_size > 500
    ran = subprocess.run(["dot", "-Tcanon"], input=drawing.dot.encode(), capture_output=True)
    assert ran.returncode == 0


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    with pytest.raises(
        gnn.GraphError, match=r"'n\.jpeg'.*known suffixes: \.svg, \.dot, \.png, \.pdf"
    ):
        viz.draw(**neuron()).save(tmp_path / "n.jpeg")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(gnn.GraphError, match=r"none/n\.svg cannot be written: No such file"):
        viz.draw(**neuron()).save(tmp_path / "none" / "n.svg")


def test_saving_replaces_and_leaves_nothing_beside(tmp_path):
    target = tmp_path / "n.svg"
    target.write_text("old")
    drawing = viz.draw(**neuron())
    assert drawing.save(str(target)) == target
    assert target.read_text("utf-8") == drawing.svg
    assert re.sub(r"(g[0-9a-f]{8}-)\d+-", r"\1", drawing._repr_svg_()) == drawing.svg
    assert [p.name for p in tmp_path.iterdir()] == ["n.svg"]


def test_the_picture_of_the_readme_is_up_to_date(tmp_path):
    root = Path(__file__).parents[2]
    made = tmp_path / "made.svg"
    subprocess.run(
        [sys.executable, "examples/one_neuron.py", "-o", made],
        cwd=root,
        check=True,
        capture_output=True,
        env={"PYTHONPATH": str(root), "PATH": _path()},
    )
    assert made.read_text("utf-8") == (root / "examples/one_neuron.svg").read_text("utf-8")


def test_the_other_pictures_are_up_to_date_and_small(tmp_path):
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "examples/pictures.py", "-o", tmp_path],
        cwd=root,
        check=True,
        capture_output=True,
        env={"PYTHONPATH": str(root), "PATH": _path()},
    )
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert len(made) == 5
    kept = {path.name: path.read_text("utf-8") for path in (root / "examples/pictures").iterdir()}
    assert made == kept
    assert all(len(text) < 150_000 for text in made.values())


def test_graphnn_does_not_know_viz():
    code = "import sys, graphnn; print([m for m in sys.modules if m.split('.')[0] in ('viz', 'graphviz', 'ziamath')])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    assert ran.stdout.strip() == "[]"
