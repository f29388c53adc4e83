"""Rewriting normal forms by a table of rows: pattern → replacement, matched in any order.

A row is text over pattern variables `u`, `v`. A pattern of several terms matches some terms of a
sum, all multiplied by one cofactor (`exp(u) − 1` is found in `y·exp(x) + z − y`); any other
pattern matches some factors of a term. Inside a function the whole argument has to match, where a
variable that stands alone takes what is left (`log(1 + u)` in `log(x + 1 + y)`). Rows are tried
from the innermost argument outwards until none matches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from graphnn.errors import GraphError
from graphnn.expression.bags import (
    GROUP,
    Atom,
    Call,
    Product,
    Sum,
    atoms,
    call,
    mapped,
    of_atom,
    of_term,
    plus,
    times,
)
from graphnn.expression.matching import Binding, match_factors, match_terms
from graphnn.expression.normal_form import normal_form
from graphnn.expression.reader import read
from graphnn.expression.scalar import plain
from graphnn.expression.tree import Expr

MAX_ROUNDS = 64

TermRule = Callable[[Product, Fraction], Sum | None]
SumRule = Callable[[Sum], Sum | None]


@dataclass(frozen=True)
class Row:
    """One rewriting: what is recognised, and by what it is replaced.

    `where` states, in words and as a function of what the variables took, when the row applies.
    `whole` patterns match whole terms only. `domain` is where the pattern is defined, for the proof.
    """

    name: str
    pattern: str
    replacement: str
    whole: bool = False
    where: Callable[[Binding], bool] | None = None
    domain: str = ""

    @cached_property
    def _pattern(self) -> Sum:
        return normal_form(_read(self.pattern))

    def rewrite_sum(self, total: Sum) -> Sum | None:
        """The sum with the row applied to some of its terms, or None."""
        pattern = self._pattern.items
        if len(pattern) < 2 or len(total.items) < len(pattern):
            return None
        for found, cofactor, used in match_terms(pattern, total):
            rest = Sum(item for item in total.items if item[0] not in used)
            # eˣ − eʸ stays: eʸ·(eˣ⁻ʸ − 1) can be 0·∞
            if self._holds(found) and not any(_is_exponential(a) for a in atoms(cofactor)):
                return plus(times(cofactor, self._replaced(found)), rest)
        return None

    def rewrite_term(self, product: Product, coefficient: Fraction) -> Sum | None:
        """The term with the row applied to some of its factors, or None."""
        if len(self._pattern.items) != 1:
            return None
        ((pattern, scale),) = self._pattern.items
        for found, rest, factor in match_factors(pattern, product):
            if self.whole and (rest.items or coefficient != scale):
                continue
            if self._holds(found):
                cofactor = of_term(rest, coefficient * factor / scale)
                return times(cofactor, self._replaced(found))
        return None

    def _holds(self, found: Binding) -> bool:
        return self.where is None or self.where(found)

    def _replaced(self, found: Binding) -> Sum:
        return normal_form(_read(self.replacement), found)


def _is_exponential(atom: Atom) -> bool:
    return isinstance(atom, Call) and atom.head == "exp"


def _read(text: str) -> Expr:
    return plain(read(text))


@dataclass(frozen=True)
class Applied:
    """One application of a rule: its name, and the part before and after."""

    name: str
    before: Sum
    after: Sum


def rewrite(
    total: Sum,
    term_rules: Sequence[tuple[str, TermRule]],
    sum_rules: Sequence[tuple[str, SumRule]] = (),
) -> tuple[Sum, list[Applied]]:
    """Apply rules from the innermost argument outwards until none matches.

    Raises GraphError where rules go round in a circle: the table is at fault.
    """
    applied: list[Applied] = []
    settled: set[Sum] = set()  # in these no rule matches: asked once, not once a round and level

    def inner(atom: Atom) -> Sum:
        if not isinstance(atom, Call):
            return of_atom(atom)
        made = call(atom.head, *(visit(part) for part in atom.args))
        # a factor by itself, before the rows that take several
        return terms(made) if atom.head != GROUP and len(made.items) == 1 else made

    def terms(part: Sum) -> Sum:
        return plus(*(term(product, coefficient) for product, coefficient in part.items))

    def term(product: Product, coefficient: Fraction) -> Sum:
        for name, rule in term_rules:
            made = rule(product, coefficient)
            if made is not None:
                applied.append(Applied(name, of_term(product, coefficient), made))
                return made
        return of_term(product, coefficient)

    def sums(part: Sum) -> Sum:
        for name, rule in sum_rules:
            made = rule(part)
            if made is not None:
                applied.append(Applied(name, part, made))
                return made
        return part

    def visit(part: Sum) -> Sum:
        for _ in range(MAX_ROUNDS):
            if part in settled:
                return part
            before = len(applied)
            part = sums(terms(mapped(part, inner)))
            if len(applied) == before:
                settled.add(part)
                return part
        raise GraphError(f"internal error: rewriting {part} does not end")

    return visit(total), applied


def rules(
    table: Sequence[Row],
) -> tuple[list[tuple[str, TermRule]], list[tuple[str, SumRule]]]:
    """A table's rows as rules for terms and rules for sums."""
    return (
        [(row.name, row.rewrite_term) for row in table],
        [(row.name, row.rewrite_sum) for row in table],
    )
