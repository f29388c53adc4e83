"""Convolution, pooling and their sizes: rows A11–A20 of the lectures, by the examples' cases.

What the lectures print is compared exactly, everything here being whole numbers or quarters; what
they leave to the reader (the images of A19 and A20), with SciPy.
"""

import numpy as np
import pytest
import scipy.signal

import graphnn as gnn
from tests.examples import cases, example

FILTER_1 = [[3, -1, -3, -1], [-3, 1, 0, -3], [-3, -3, 0, 1], [3, -2, -2, -1]]
FILTER_2 = [[-1, -1, -1, -1], [-1, -1, -2, 1], [-1, -1, -2, 1], [-1, 0, -4, 3]]


def out(file, name, statement):
    """What a statement of a case computes."""
    return cases()[file, name].values()[statement]


def equal(made, expected):
    expected = np.asarray(expected)
    return np.shape(made) == expected.shape and np.array_equal(made, expected)


def correlated(x, kernel, padding=0):
    return scipy.signal.correlate2d(np.pad(x, padding), kernel, "valid")


@pytest.mark.parametrize(
    ("file", "name", "statement", "expected"),
    [
        ("pooling", "A11", "y", [[5, 0], [0, 7]]),
        ("pooling", "A12", "y", [[6, 8], [9, 5]]),
        ("pooling", "A13", "f", [1, 0, 2, 3, 4, 6, 5, 2, 0, 1, 3, 1, 5, 2, 2, 0]),
        ("convolution", "A14", "z", np.full((4, 3), -40)),
        ("convolution", "A14-3x3", "z", np.full((3, 3), -60)),
        ("convolution", "A15", "z", FILTER_1),
        ("convolution", "A15-s2", "z", [[3, -3], [-3, 0]]),
        ("convolution", "A15-f2", "z", FILTER_2),
        ("convolution", "A15-f2-s2", "z", [[-1, -1], [-1, -2]]),
        ("convolution", "A15-both", "z", [FILTER_1, FILTER_2]),
        ("pooling", "A16", "z", FILTER_1),
        ("pooling", "A16", "y", [[3, 0], [3, 1]]),
        ("pooling", "A16-f2", "z", FILTER_2),
        ("pooling", "A16-f2", "y", [[-1, 1], [0, 3]]),
    ],
)
def test_a11_to_a16_are_what_the_lectures_print(file, name, statement, expected):
    assert equal(out(file, name, statement), expected)


@pytest.mark.parametrize("name", ["A14", "A14-3x3", "A15", "A15-f2", "A15-both"])
def test_the_gradient_of_a_filter_is_the_image_correlated_with_the_cotangent(name):
    case = cases()["convolution", name]
    x = np.array(case.at["x"], dtype=float)
    z = case.values()["z"]
    seed = np.random.default_rng(14).normal(size=z.shape)
    made = gnn.derive(case.program().graph, "K", case.at, cotangent=seed).gradients["K"]
    maps = seed if seed.ndim == 3 else seed[None]
    expected = np.stack([correlated(x, one) for one in maps]).reshape(np.shape(case.at["K"]))
    assert made == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["A15-s2", "A15-f2-s2"])
def test_a15_the_last_row_and_column_are_unread_at_stride_2(name):
    case = cases()["convolution", name]
    seed = np.random.default_rng(15).normal(size=(2, 2))
    made = gnn.derive(case.program().graph, "x", case.at, cotangent=seed).gradients["x"]
    assert np.all(made[5] == 0) and np.all(made[:, 5] == 0)
    assert np.all(made[:5, :5] != 0)  # every filter has no 0 in it
    assert "the last column and the last row" in case.page()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A11", [[1, 0], [0, 1]]),
        ("A12", [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]]),
        ("A13", [[1, 0, -1, 2], [0, 1, 1, -1], [2, 0, 0, 1], [-1, 0, 1, 2]]),
    ],
)
def test_the_gradient_goes_back_to_the_pixel_that_passed(name, expected):
    assert equal(cases()["pooling", name].derivation().gradients["x"], expected)


@pytest.mark.parametrize(("name", "kernel"), [("A16", 0), ("A16-f2", 1)])
def test_a16_the_filter_learns_from_the_windows_that_won(name, kernel):
    torch = pytest.importorskip("torch")
    case = cases()["pooling", name]
    assert (
        case.at["K"] == (example("convolution").FILTER_1, example("convolution").FILTER_2)[kernel]
    )
    x = torch.tensor(case.at["x"], dtype=torch.float64)[None, None]
    k = torch.tensor(case.at["K"], dtype=torch.float64)[None, None].requires_grad_()
    torch.nn.functional.max_pool2d(torch.nn.functional.conv2d(x, k), 2).sum().backward()
    assert equal(case.derivation().gradients["K"], k.grad[0, 0].numpy())


def shapes(name):
    return {n: node.shape for n, node in cases()["cnn_numericals", name].program().names.items()}


def test_a17_twelve_by_twelve_becomes_ten_by_ten():
    assert shapes("A17")["z"] == (10, 10)
    assert "⌊(12 − 3 + 2·0)/1⌋ + 1 = 10" in cases()["cnn_numericals", "A17"].page()


def test_a18_three_layers_and_1960_numbers():
    made = shapes("A18")
    assert [made[n] for n in "abhf"] == [(37, 37, 10), (17, 17, 20), (7, 7, 40), (1960,)]


def test_slip_the_one_of_the_output_size_stands_outside_the_fraction():
    numericals = example("cnn_numericals")
    printed = [numericals.size_of_lecture_1(n, f, s) for _, n, f, s, _ in numericals.LAYERS]
    right = [numericals.size(n, f, s) for _, n, f, s, _ in numericals.LAYERS]
    assert printed == [37, 16.5, 6.5] and right == [37, 17, 7]
    page = cases()["cnn_numericals", "A18"].page()
    assert "(37 − 5 + 2·0 + 1)/2 = 16.5, right is 17" in page and "(floor)" in page


@pytest.mark.parametrize(
    ("length", "window", "stride", "padding"),
    [
        (12, 3, 1, 0),
        (39, 3, 1, 0),
        (37, 5, 2, 0),
        (6, 3, 2, 0),
        (6, 3, 1, 1),
        (5, 5, 3, 0),
        (1, 1, 2, 0),
    ],
)
def test_the_size_is_that_of_the_op(length, window, stride, padding):
    x, k = gnn.input("x", (length, length)), gnn.input("K", (window, window))
    made = gnn.conv2d(k, x, s=stride, p=padding).shape
    assert made == (example("cnn_numericals").size(length, window, stride, padding),) * 2


def test_a19_average_and_padded_maximum():
    numericals = example("cnn_numericals")
    x, kernel = np.array(numericals.PHOTO), np.array(numericals.COLUMNS)
    z = out("cnn_numericals", "A19", "z")
    assert equal(z, correlated(x, kernel)) and z.shape == (4, 4)
    blocks = z.reshape(2, 2, 2, 2)
    assert equal(out("cnn_numericals", "A19", "y"), blocks.mean(axis=(1, 3)))
    padded = out("cnn_numericals", "A19-padded", "z")
    assert equal(padded, correlated(x, kernel, padding=1)) and padded.shape == (6, 6)
    blocks = padded.reshape(2, 3, 2, 3)
    assert equal(out("cnn_numericals", "A19-padded", "y"), blocks.max(axis=(1, 3)))
    assert "our image" in cases()["cnn_numericals", "A19"].title


def test_a20_the_pooled_size_depends_on_a_stride_that_is_not_given():
    numericals = example("cnn_numericals")
    x, kernel = np.array(numericals.GREY_4_BIT), np.array(numericals.DIAGONAL)
    assert x.shape == (6, 6) and x.min() == 0 and x.max() == 15
    z = correlated(x, kernel)
    windows = np.lib.stride_tricks.sliding_window_view(z, (3, 3))
    for name, expected in (("A20", windows.max(axis=(2, 3))), ("A20-s3", [[z[:3, :3].max()]])):
        assert equal(out("cnn_numericals", name, "z"), z)
        assert equal(out("cnn_numericals", name, "y"), expected)
        assert "stride" in cases()["cnn_numericals", name].title
    assert out("cnn_numericals", "A20", "y").shape == (2, 2)


@pytest.mark.parametrize("name", ["A19", "A19-padded", "A20", "A20-s3"])
def test_a19_a20_the_filter_s_gradient_is_pytorch_s(name):
    torch = pytest.importorskip("torch")
    case = cases()["cnn_numericals", name]
    x = torch.tensor(case.at["x"], dtype=torch.float64)[None, None]
    k = torch.tensor(case.at["K"], dtype=torch.float64)[None, None].requires_grad_()
    z = torch.nn.functional.conv2d(x, k, padding=1 if name == "A19-padded" else 0)
    if name == "A19":
        y = torch.nn.functional.avg_pool2d(z, 2)
    else:
        y = torch.nn.functional.max_pool2d(z, 3, stride=1 if name == "A20" else 3)
    y.sum().backward()
    assert equal(case.derivation().gradients["K"], k.grad[0, 0].numpy())


# ---- kernels on a photograph -----------------------------------------------------------------


def test_a24_the_kernels_are_scipy_s_and_the_identity_returns_its_input():
    pytest.importorskip("sklearn")
    pytest.importorskip("PIL")
    kernels = example("kernels")
    x, made = kernels.filtered()
    assert x.shape == (kernels.ROWS, kernels.COLUMNS) and np.ptp(x) > 200
    assert np.array_equal(made["identity"], x)
    for name, (kernel, divisor, _) in kernels.KERNELS.items():
        expected = correlated(x, np.array(kernel) / divisor, padding=1)
        assert made[name] == pytest.approx(expected, rel=1e-12, abs=1e-10)
    for name in ("box blur", "Gaussian blur"):
        assert np.sum(kernels.KERNELS[name][0]) == kernels.KERNELS[name][1]
        assert made[name].std() < x.std()
    assert np.sum(kernels.KERNELS["Laplacian"][0]) == 0
    page = cases()["kernels", "A24"].page()
    assert "pixel by pixel: True" in page


# ---- derivations of nested windows -----------------------------------------------------------


@pytest.mark.parametrize("text", ["a = conv2d(K, x); y = maxpool(a)", "y = maxpool(conv2d(K, x))"])
@pytest.mark.parametrize("size", [4, 5])
def test_where_the_maximum_is_has_the_indices_of_the_pooled_map(text, size):
    random = np.random.default_rng(size)
    at = {"x": random.normal(size=(size, size)), "K": random.normal(size=(2, 2))}
    graph = gnn.parse(text, {name: v.shape for name, v in at.items()}).graph
    side = (size - 1) // 2
    seed = random.normal(size=(side, side))
    made = gnn.derive(graph, ["K", "x"], at, cotangent=seed)
    places = {s.lhs: s.value for s in made.steps if s.lhs is not None and "_star" in str(s.lhs)}
    assert len(places) == 2 and all(np.shape(v) in ((side, side), ()) for v in places.values())
    z = correlated(at["x"], at["K"])
    expected_k, expected_x = np.zeros((2, 2)), np.zeros((size, size))
    for i, j in np.ndindex(side, side):
        window = z[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        u, v = np.unravel_index(window.argmax(), window.shape)
        r, s = 2 * i + u, 2 * j + v
        expected_k += seed[i, j] * at["x"][r : r + 2, s : s + 2]
        expected_x[r : r + 2, s : s + 2] += seed[i, j] * at["K"]
    assert made.gradients["K"] == pytest.approx(expected_k, rel=1e-12, abs=1e-12)
    assert made.gradients["x"] == pytest.approx(expected_x, rel=1e-12, abs=1e-12)
