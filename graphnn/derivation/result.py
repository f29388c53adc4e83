"""A derivation: its steps, its numbers, and the texts it can be printed as."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphnn.derivation.json import to_json
from graphnn.derivation.latex import to_latex_document
from graphnn.derivation.steps import Step
from graphnn.derivation.table import Table, tables_data, tables_latex, tables_text
from graphnn.derivation.text import to_text
from graphnn.expression.ascii import spell
from graphnn.expression.tree import Expr


@dataclass(frozen=True)
class Derivation:
    """The steps from a loss to its gradients, with their numbers where values were given.

    `values` and `gradients` hold full-precision arrays by name (None without values);
    `expressions` the final expression of each gradient, `tables` what was asked for side by side
    (forward beside reverse mode, the written beside the stabilised form). Made by `gnn.derive`; a
    notebook shows its LaTeX.

    >>> import graphnn as gnn
    >>> made = gnn.derive(gnn.name("L", gnn.parameter("w") ** 2), at={"w": 3})
    >>> print(made.text().splitlines()[-1].strip())
    ∂L/∂w = 2·w = 2·3 = 6    power rule
    >>> made.gradients["w"].item(), str(made.expressions["w"])
    (6.0, '2·w')
    """

    loss: str
    wrt: tuple[str, ...]
    steps: tuple[Step, ...]
    values: dict[str, Any] | None
    gradients: dict[str, Any] | None
    expressions: dict[str, Expr] = field(default_factory=dict)
    digits: int = 3
    mode: str = "reverse"
    tables: tuple[Table, ...] = ()

    def text(self, ascii: bool = False) -> str:  # noqa: A002
        """The derivation as aligned Unicode (or ASCII) text."""
        tables = tables_text(self.tables, self.digits, spell if ascii else str)
        return to_text(self, ascii) + tables

    def latex(self, document: bool = False) -> str:
        """The derivation as LaTeX `align` environments, or a whole `article`."""
        return to_latex_document(self, document, tables_latex(self.tables, self.digits))

    def json(self) -> str:
        """The derivation as JSON, by the schema of the command line."""
        return to_json(self, tables_data(self.tables, self.digits))

    def __str__(self) -> str:
        return self.text()
