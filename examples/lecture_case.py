"""What the examples share: a worked case of a lecture as data, and the one command line for them.

    python examples/NAME.py [CASE …] [-o FILE] [--digits N]

prints each case, the derivation in the lecture's order, and writes its picture. graphnn is imported
where it is used, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """A network as text with its numbers: what a lecture works out by hand.

    `name` is its row in the catalogue of the lectures (A4), or a word where it has none. `given`
    is printed above the derivation, `remark` below it: texts, or functions of the case that compute
    one. Without `derived` nothing but those two is printed. `digits` are the lecture's.
    """

    name: str
    title: str
    text: str
    at: Mapping[str, Any] = field(default_factory=dict)
    parameters: Sequence[str] = ()
    wrt: str | Sequence[str] | None = None
    lr: float | None = None
    cotangent: Any = None
    assume: Sequence[str] = ()
    given: str | Callable[[Case], str] = ""
    remark: str | Callable[[Case], str] = ""
    digits: int = 3
    derived: bool = True

    def program(self):
        """The network as read: `.graph`, `.leaves`, `.loss`, `.names`."""
        import graphnn as gnn
        from graphnn.text import value_shape

        shapes = {name: value_shape(value) for name, value in self.at.items()}
        return gnn.parse(self.text, shapes, parameters=self.parameters)

    def derivation(self, digits=None):
        """How its gradients come about, with its numbers."""
        import graphnn as gnn

        return gnn.derive(
            self.program().graph,
            self.wrt,
            self.at,
            self.lr,
            self.cotangent,
            assume=self.assume,
            digits=digits or self.digits,
        )

    def values(self):
        """What every statement computes, as float64 arrays."""
        import numpy as np

        import graphnn as gnn

        read = self.program()
        found = gnn.evaluate(gnn.Graph(dict(read.names)), **self.at)
        return {name: np.asarray(array) for name, array in found.items()}

    def drawing(self, digits=None):
        """The network with its numbers, and below it the chain rule where one gradient is asked."""
        import viz

        digits = digits or self.digits
        graph = self.program().graph
        chain = None
        if isinstance(self.wrt, str):
            chain = viz.chain_of(graph, self.wrt, self.at or None, digits=digits)
        return viz.draw(graph, self.at or None, self.wrt, chain=chain, digits=digits)

    def page(self, digits=None):
        """Everything that is printed of it."""
        parts = [f"{self.name}  {self.title}"]
        if self.given:
            parts.append(self.given if isinstance(self.given, str) else self.given(self))
        if self.derived:
            parts.append(str(self.derivation(digits)))
        if self.remark:
            parts.append(self.remark if isinstance(self.remark, str) else self.remark(self))
        return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def grid(**arrays):
    """Arrays as a slide prints them: a row a line, columns aligned.

    >>> print(grid(K=[[1, -1], [0, 10]]))
      K =  1 −1
           0 10
    """
    return "\n\n".join(_grid(name, array) for name, array in arrays.items())


def _grid(name: str, array: Any) -> str:
    import numpy as np

    rows = [[number(x) for x in row] for row in np.atleast_2d(np.asarray(array, dtype=object))]
    width = max(len(text) for row in rows for text in row)
    start = f"  {name} = "
    lines = [" ".join(text.rjust(width) for text in row) for row in rows]
    return "\n".join((start if k == 0 else " " * len(start)) + line for k, line in enumerate(lines))


def number(x: Any) -> str:
    """A short decimal or fraction that is exact, else three digits; with a true minus sign."""
    for shown in (f"{float(x):.5g}", str(Fraction(x).limit_denominator(99))):
        if abs(float(Fraction(shown)) - float(x)) < 1e-12 * max(1, abs(x)):
            return shown.replace("-", "−")
    return f"{float(x):.3g}".replace("-", "−")


def main(description: str, cases: Sequence[Any], words: Sequence[str] | None = None) -> None:
    """Print the cases that were asked for (all of them) and write their pictures."""
    parser = argparse.ArgumentParser(
        description=description.strip(),
        epilog="\n".join(f"  {case.name:6} {case.title}" for case in cases),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "case", nargs="*", metavar="CASE", help="the cases to show, of those below (all)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where the picture goes: .svg, .png, .pdf, .dot; .tex, .json and .txt write the "
        "derivation; a case's name is added where there are several (pictures/NAME.svg)",
    )
    parser.add_argument("--digits", type=int, help="significant digits (a case's own: mostly 3)")
    arguments = parser.parse_args(words)
    known = {case.name.lower(): case for case in cases}
    for name in arguments.case:
        if name.lower() not in known:
            parser.error(f"there is no case {name}; there are {', '.join(c.name for c in cases)}")
    chosen = [known[name.lower()] for name in arguments.case] or list(cases)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    target = arguments.output or Path("pictures") / f"{Path(sys.argv[0]).stem}.svg"
    for case in chosen:
        print(case.page(arguments.digits))
        own = len(chosen) == 1 and arguments.output is not None
        path = target if own else target.with_stem(f"{target.stem}-{case.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        save(case, path, arguments.digits)
        print(f"wrote {path}\n")


def save(case: Any, path: Path, digits: int | None) -> None:
    """A case as a file: its derivation, or its picture."""
    texts = {
        ".tex": lambda: case.derivation(digits).latex(document=True),
        ".json": lambda: case.derivation(digits).json(),
        ".txt": lambda: case.page(digits),
    }
    if path.suffix in texts:
        path.write_text(texts[path.suffix](), encoding="utf-8")
    else:
        case.drawing(digits).save(path)
