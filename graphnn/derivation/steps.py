"""A derivation is data: a list of steps, each an equality that can be read back and checked.

forward     a = σ(z) = σ(1) = 0.731
local       ∂a/∂z = a(1 − a) = 0.197                      σ′ = σ(1 − σ)
chain       ∂L/∂w = ∂L/∂a · ∂a/∂z · ∂z/∂w = … = −0.106
accumulate  the contributions of several paths, added
simplify    the same value, by one of the five rules
seed        what the backward pass starts from
update      w_next = w − 0.1·∂L/∂w
remark      a sentence: a convention, a reason for a zero, what the program computes
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphnn.expression.tree import Expr

KINDS = ("forward", "seed", "local", "chain", "accumulate", "simplify", "update", "remark")


@dataclass(frozen=True)
class Side:
    """One side of an equality.

    `kind` is "symbols", "numbers" (values put in) or "value" (the result). `relation` is "≈" where
    the numbers shown do not reproduce the result shown to its last digit. An array too large to
    write out has `expr` None and a `text`: shape, norm and corner.
    """

    expr: Expr | None
    kind: str = "symbols"
    relation: str = "="
    text: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Step:
    """One line of a derivation: `lhs = side = side …`, and the rule that justifies it.

    `statement` is the statement it belongs to, `operands` the names it uses, `shapes` what stands
    beside a matrix form, `label` what stands left of a line without `lhs`, `value` the result in full precision (None without values).
    """

    kind: str
    statement: str
    lhs: Expr | None
    sides: tuple[Side, ...]
    rule: str = ""
    operands: tuple[str, ...] = ()
    section: str = ""
    shapes: str = ""
    value: Any = None
    define: bool = False
    free: tuple[Expr, ...] = ()
    stacked: bool = False
    label: str = ""


@dataclass(frozen=True)
class Derivation:
    """The steps from a loss to its gradients, with their numbers where values were given.

    `values` and `gradients` hold full-precision arrays by name (None without values);
    `expressions` the final expression of each gradient.
    """

    loss: str
    wrt: tuple[str, ...]
    steps: tuple[Step, ...]
    values: dict[str, Any] | None
    gradients: dict[str, Any] | None
    expressions: dict[str, Expr] = field(default_factory=dict)
    digits: int = 3
    mode: str = "reverse"

    def text(self, ascii: bool = False) -> str:  # noqa: A002
        """The derivation as aligned Unicode (or ASCII) text."""
        from graphnn.derivation.text import to_text

        return to_text(self, ascii)

    def latex(self, document: bool = False) -> str:
        """The derivation as LaTeX `align` environments, or a whole `article`."""
        from graphnn.derivation.latex import to_latex_document

        return to_latex_document(self, document)

    def json(self) -> str:
        """The derivation as JSON, by the schema of the command line."""
        from graphnn.derivation.json import to_json

        return to_json(self)

    def __str__(self) -> str:
        return self.text()
