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

from dataclasses import dataclass
from typing import Any, Protocol

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


class Derived(Protocol):
    """What a printer reads of a derivation (graphnn.derivation.result)."""

    @property
    def loss(self) -> str:
        """What is differentiated."""

    @property
    def wrt(self) -> tuple[str, ...]:
        """By what."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines, in order."""

    @property
    def values(self) -> dict[str, Any] | None:
        """Every value by name, in full precision."""

    @property
    def gradients(self) -> dict[str, Any] | None:
        """Every gradient by name, in full precision."""

    @property
    def digits(self) -> int:
        """Significant digits to print."""
