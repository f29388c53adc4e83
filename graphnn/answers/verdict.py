"""Verdicts as data, and as a few lines of text or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from graphnn.derivation.shown import literal, summary
from graphnn.expression.names import show
from graphnn.expression.unicode import to_ascii, to_unicode


@dataclass(frozen=True)
class Slip:
    """One likely slip: its kind, what it is in words, and the values that it is about.

    Kinds: sign, mean (1/N), constant (another number), batch (a missing sum), transpose, inner (a
    derivative left out), branch, path, variable, term, factor (a value of the network), shape,
    kink (a convention), assumption.
    """

    kind: str
    message: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What one side of an answer is: right, or wrong with the place and the likely slip.

    `at` holds the values at which it was judged (for a wrong answer: where it differs), `found`
    what the answer gives there and `wanted` what is right. `part` is the first term or factor of
    the answer that is off and `expected` what the derivation has there. `slips` are all that give
    exactly this answer, the likeliest first.
    """

    right: bool
    answer: str
    message: str
    at: Mapping[str, Any] | None = None
    found: Any = None
    wanted: Any = None
    part: str = ""
    expected: str = ""
    slips: tuple[Slip, ...] = ()
    notes: tuple[str, ...] = ()
    digits: int = 3

    @property
    def slip(self) -> Slip | None:
        """The likeliest slip."""
        return self.slips[0] if self.slips else None

    def __bool__(self) -> bool:
        """Whether the answer is right."""
        return self.right

    def rows(self) -> list[tuple[str, str]]:
        """Below the verdict: a label and a text each."""
        made: list[tuple[str, str]] = []
        if self.at is not None:
            made.append(
                ("at", ", ".join(f"{show(n)} = {self._shown(v)}" for n, v in self.at.items()))
            )
        if self.right and self.wanted is not None:
            made.append(("value", self._shown(self.wanted)))
        elif self.wanted is not None:
            found = "not defined" if self.found is None else self._shown(self.found)
            made += [("the answer", found), ("the derivative", self._shown(self.wanted))]
        if self.part or self.expected:
            made.append(("first difference", self._difference()))
        if self.slip is not None:
            made.append(("likely slip", self.slip.message))
        made += [("note", note) for note in self.notes]
        return made

    def _difference(self) -> str:
        if not self.expected:
            return f"{self.part} is too much"
        if not self.part:
            return f"{self.expected} is missing"
        return f"{self.part}, where the derivation has {self.expected}"

    def _shown(self, value: Any) -> str:
        array = np.asarray(value)
        if array.dtype.kind == "f":
            exact = np.empty(array.shape, dtype=object)
            for place in np.ndindex(array.shape):
                number = float(array[place])
                short = Fraction(repr(number)) if np.isfinite(number) else number
                exact[place] = short if getattr(short, "denominator", 10**9) <= 10**3 else number
            array = exact
        tree = literal(array)
        return summary(value, self.digits) if tree is None else to_unicode(tree, self.digits)

    def text(self, ascii: bool = False) -> str:  # noqa: A002
        """One line with the verdict, then a few aligned ones."""
        rows = self.rows()
        width = max((len(label) for label, _ in rows), default=0)
        lines = [self.message, *(f"  {label.ljust(width)}  {text}" for label, text in rows)]
        made = "\n".join(lines) + "\n"
        return to_ascii(made) if ascii else made

    def data(self) -> dict[str, Any]:
        """The verdict as JSON has it."""
        plain = {name: _plain(value) for name, value in (self.at or {}).items()}
        return {
            "right": self.right,
            "answer": self.answer,
            "message": self.message,
            "at": plain if self.at is not None else None,
            "found": None if self.found is None else _plain(self.found),
            "wanted": None if self.wanted is None else _plain(self.wanted),
            "part": self.part or None,
            "expected": self.expected or None,
            "slip": None if self.slip is None else self.slip.kind,
            "slips": [{"kind": s.kind, "message": s.message} for s in self.slips],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Checked:
    """The verdicts on all answers of one text; what is asked of it is the first wrong one's.

    Made by `gnn.check`; true where every answer is right.

    >>> import graphnn as gnn
    >>> checked = gnn.check(gnn.parse("z = w*x; L = (y - z)^2").graph, "dL/dw = 2*(y - z)*x")
    >>> bool(checked), checked.slip.kind
    (False, 'sign')
    """

    verdicts: tuple[Verdict, ...]

    @property
    def right(self) -> bool:
        """Whether every answer is right."""
        return all(verdict.right for verdict in self.verdicts)

    @property
    def first(self) -> Verdict:
        """The first wrong verdict; where all are right the first."""
        return next((v for v in self.verdicts if not v.right), self.verdicts[0])

    @property
    def message(self) -> str:
        """The first verdict's line."""
        return self.first.message

    @property
    def slip(self) -> Slip | None:
        """The first verdict's likeliest slip."""
        return self.first.slip

    def __bool__(self) -> bool:
        """Whether every answer is right."""
        return self.right

    def __str__(self) -> str:
        return self.text()

    def text(self, ascii: bool = False) -> str:  # noqa: A002
        """Every verdict as text."""
        return "".join(verdict.text(ascii) for verdict in self.verdicts)

    def json(self) -> str:
        """Every verdict as JSON."""
        made = {"right": self.right, "answers": [verdict.data() for verdict in self.verdicts]}
        return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def _plain(value: Any) -> Any:
    """An array as nested lists; what is not finite as text, which JSON lacks."""
    array = np.asarray(value)
    if array.dtype == object:
        array = array.astype(np.float64)
    if array.ndim:
        return [_plain(part) for part in array]
    number = array.item()
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)
