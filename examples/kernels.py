"""Four 3×3 kernels on a photograph: identity, box blur, Laplacian, Gaussian blur (lecture 1).

The lecture shows Wikipedia's pictures; here it is a piece of a photograph that comes with
scikit-learn, made grey: `pip install "graphnn[train]"`. Run it: `python examples/kernels.py`.
"""

import base64
import io
from pathlib import Path

from lecture_case import Case, grid, main, number

# the kernel, what divides it, and what its picture shows
KERNELS = {
    "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1, "the image as it was"),
    "box blur": ([[1, 1, 1], [1, 1, 1], [1, 1, 1]], 9, "the mean of nine pixels"),
    "Laplacian": ([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], 1, "edges; 0 is the middle grey"),
    "Gaussian blur": ([[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16, "the centre weighs most"),
}
ROWS, COLUMNS = 120, 176
FORMULA = f"z[i,j] += K[u,v]*x[i+u-1, j+v-1] for i < {ROWS}, j < {COLUMNS}"
SCALE, GAP, LINE = 3, 36, 26


def photograph():
    """A piece of the photograph in grey, 0 to 255, whole numbers."""
    import numpy as np

    try:
        from sklearn.datasets import load_sample_image

        colours = load_sample_image("china.jpg")
    except ImportError as missing:
        raise SystemExit(f'{missing}; pip install "graphnn[train]" brings it') from None
    grey = colours[150 : 150 + ROWS, 150 : 150 + COLUMNS].mean(axis=2)
    return np.rint(grey).astype(np.float64)


def filtered():
    """What each kernel makes of the photograph, by name."""
    import graphnn as gnn

    read = gnn.parse(FORMULA, {"K": (3, 3), "x": (ROWS, COLUMNS)})
    x = photograph()
    graph = gnn.Graph(dict(read.names))
    return x, {
        name: gnn.evaluate(graph, x=x, K=[[k / divisor for k in row] for row in kernel])["z"]
        for name, (kernel, divisor, _) in KERNELS.items()
    }


def kernels(case):
    """The kernels as the lecture prints them, and what becomes of the pixels' range."""
    x, made = filtered()
    parts = [f"The image: {ROWS}×{COLUMNS}, from {number(x.min())} to {number(x.max())}."]
    for name, (kernel, divisor, shows) in KERNELS.items():
        z = made[name]
        over = f" / {divisor}" if divisor > 1 else ""
        parts.append(
            f"{name}{over}: {shows}\n{grid(K=kernel)}\n"
            f"  z runs from {z.min():.1f} to {z.max():.1f}, its mean is {z.mean():.1f}"
        )
    return "\n\n".join(parts)


def same(case):
    """What can be said of all four."""
    import numpy as np

    x, made = filtered()
    equal = np.array_equal(made["identity"], x)
    return (
        f"The identity returns its input, pixel by pixel: {equal}. Outside the image x is 0, so z is\n"
        "as large as x, and both blurs darken the border. The weights of a blur add up to 1: it\n"
        "keeps the brightness; those of the Laplacian to 0: it answers to differences alone. All\n"
        "four are symmetric, so turning the kernel over, as mathematics does, changes nothing."
    )


def png(pixels):
    """A grey image as PNG in base64."""
    import numpy as np
    from PIL import Image

    kept = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(kept).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()


class Sheet:
    """The four pictures, two a row, each with its name above it."""

    def svg(self):
        """The sheet as SVG; the pictures are in it."""
        _, made = filtered()
        width, height = COLUMNS * SCALE, ROWS * SCALE
        whole = (2 * width + 3 * GAP, 2 * (height + 2 * LINE) + 2 * GAP)
        parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole[0]}" height="{whole[1]}" '
                'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">'
            ),
            f'<rect width="{whole[0]}" height="{whole[1]}" fill="#ffffff"/>',
        ]
        for place, (name, (_, _, shows)) in enumerate(KERNELS.items()):
            left = GAP + place % 2 * (width + GAP)
            top = GAP + place // 2 * (height + 2 * LINE)
            pixels = made[name] + (127.5 if name == "Laplacian" else 0)
            parts += [
                (
                    f'<text x="{left}" y="{top + 8}" font-size="19" fill="#1f2a37">{name}'
                    f'<tspan dx="12" font-size="15" fill="#5b6675">{shows}</tspan></text>'
                ),
                (
                    f'<image x="{left}" y="{top + LINE}" width="{width}" height="{height}" '
                    'style="image-rendering:pixelated" preserveAspectRatio="none" '
                    f'href="data:image/png;base64,{png(pixels)}"/>'
                ),
            ]
        return "\n".join([*parts, "</svg>", ""])

    def save(self, path):
        """As .svg or .png."""
        if path.suffix == ".png":
            import resvg_py

            Path(path).write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=self.svg())))
        elif path.suffix == ".svg":
            Path(path).write_text(self.svg(), encoding="utf-8")
        else:
            raise SystemExit(f"{path}: the sheet is written as .svg or .png")


class Pictures(Case):
    """The case whose picture is the sheet."""

    def drawing(self, digits=None):
        return Sheet()


CASES = [
    Pictures(
        "A24",
        "Identity, box blur, Laplacian and Gaussian blur of a grey photograph",
        f"x: ({ROWS}, {COLUMNS}); K: (3, 3); {FORMULA}",
        wrt="K",
        given=kernels,
        remark=same,
    ),
]

if __name__ == "__main__":
    main(__doc__, CASES)
