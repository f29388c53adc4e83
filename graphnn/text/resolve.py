"""What a typed tree means, given which names are values and how many dimensions they have.

Between tensors `·`, `@` and juxtaposition are the matrix product (`@`), `*` and `⊙` element-wise
(`⊙`); where one side is a number all of them are the product (`*`). `f(x)` is a call where f is a
function and a product where f is a value. A transposed vector is a row: `a bᵀ` is the outer
product, `aᵀ b` the inner one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from graphnn.expression.names import did_you_mean, show
from graphnn.expression.scalar import plain
from graphnn.expression.tree import COMPARISONS, Expr, apply, fold, num, sym
from graphnn.text.functions import FUNCTIONS, PAIRS, function, product_rank

CONSTANTS = {"e": math.e, "pi": math.pi, "inf": math.inf, "nan": math.nan}
LITERALS = frozenset({"True", "False", "None"})
COMMON = (
    *("exp", "log", "sqrt", "sin", "cos", "tanh", "abs", "max", "min", "where", "sum", "mean"),
    *("sigmoid", "relu", "softplus", "softmax", "log_softmax", "conv2d", "maxpool"),
)
"""The functions that an error names where no other one is near."""
MAX_TOWER = 8
TWO_WAYS = "a/b c can be read in two ways; write (a/b)·c or a/(b·c)"


class Defect(Exception):  # noqa: N818
    """Something in a typed tree that the language does not allow, and the part that shows it."""

    def __init__(self, message: str, part: Expr) -> None:
        """Keep the message and the typed part at which a caret is to point."""
        super().__init__(message)
        self.message, self.part = message, part


@dataclass(frozen=True)
class Part:
    """A resolved part: its tree, its rank (None for a name that is no value), a row vector or not."""

    tree: Expr
    rank: int | None
    row: bool = False


@dataclass(frozen=True)
class Resolved:
    """A resolved expression, its rank, and the typed part that each part of it came from."""

    tree: Expr
    rank: int
    typed: Mapping[Expr, Expr]


def resolve(
    typed: Expr, ranks: Mapping[str, int], indices: frozenset[str] = frozenset()
) -> Resolved:
    """Resolve a typed tree over values of the given ranks; `indices` are index names.

    >>> from graphnn.expression.reader import read
    >>> resolve(read("W x + b"), {"W": 2, "x": 1, "b": 1}).tree
    +(@(W, x), b)

    Raises Defect at the part that is unknown, or that its function does not take.
    """
    rules = _Rules(ranks, indices)
    origin: dict[Expr, Expr] = {}

    def visit(node: Expr, parts: list[Part]) -> Part:
        made = rules.part(node, parts)
        origin.setdefault(made.tree, node)
        return made

    whole = fold(typed, visit)
    return Resolved(whole.tree, rules.rank(whole, typed), origin)


def unknown(name: str, known: Iterable[str], part: Expr, kind: str = "name") -> Defect:
    """There is no such name; did you mean …? A function with none near lists the common ones."""
    hint = did_you_mean(name, known)
    if not hint and kind == "function":
        hint = f"; there are {', '.join(COMMON)}, …"
    return Defect(f"unknown {kind} {name}{hint}", part)


class _Rules:
    """One law for each head of a typed tree."""

    def __init__(self, ranks: Mapping[str, int], indices: frozenset[str]) -> None:
        self.ranks, self.indices = ranks, indices

    def is_value(self, name: str) -> bool:
        return name in self.ranks or name in self.indices

    def is_function(self, node: Expr) -> bool:
        if node.head != "sym":
            return False
        name: str = node.args[0]
        return not self.is_value(name) and function(name) is not None

    def rank(self, part: Part, typed: Expr) -> int:
        """The rank of a part that must be a value."""
        if part.rank is not None:
            return part.rank
        if typed.head == "[]":
            typed = typed.args[0]
        if typed.head == "sym":
            name = typed.args[0]
            if function(name) is not None:
                raise Defect(f"{name} is a function: it needs an argument", typed)
            if self.differential(typed):
                raise Defect(
                    f"unknown name {name}; a derivative in a product is (d{name[1:]}/d…)", typed
                )
            raise unknown(name, self.ranks, typed)
        raise Defect(f"{typed} is no value", typed)

    def differential(self, typed: Expr) -> bool:
        """`dw` where w is a value and dw is not."""
        name = typed.args[0] if typed.head == "sym" else ""
        return name[:1] == "d" and name not in self.ranks and name[1:] in self.ranks

    def part(self, node: Expr, parts: list[Part]) -> Part:
        match node.head:
            case "num":
                return Part(node, 0)
            case "sym":
                return self.symbol(node)
            case "group":
                return parts[0]
            case "juxt":
                return self.side_by_side(node, parts)
            case "call":
                return self.call(node, parts)
            case "·" | "@" | "*" | "⊙":
                for part, typed in zip(parts, node.args, strict=True):
                    rank = self.rank(part, typed)
                    if node.head == "@" and rank == 0:
                        raise single("@ multiplies vectors and matrices", typed, node)
                return product(node.head, *parts)
            case "/":
                return self.quotient(node, parts)
            case "^":
                return self.power(node, parts)
            case "neg":
                self.rank(parts[0], node.args[0])
                inner = parts[0].tree
                if inner.head == "num" and node.args[0].head == "num":
                    return Part(num(-inner.args[0]), 0)
                return Part(apply("neg", inner), parts[0].rank, parts[0].row)
            case "T":
                rank = self.rank(parts[0], node.args[0])
                if rank == 0:
                    raise single("ᵀ turns vectors and matrices", node.args[0], node)
                return Part(apply("T", parts[0].tree), rank, rank == 1 and not parts[0].row)
            case "[]":
                return self.element(node, parts)
            case ":" | "nothing" | "=":
                return Part(apply(node.head, *(part.tree for part in parts)), None)
            case "Σ" | "Max":
                rank = self.rank(parts[-1], node.args[-1])
                return Part(apply(node.head, *(part.tree for part in parts)), rank)
            case "∂":
                above, below = (
                    self.rank(part, typed) for part, typed in zip(parts, node.args, strict=True)
                )
                return Part(apply("∂", *(part.tree for part in parts)), above + below)
            case "vector":
                return self.vector(node, parts)
        known = node.head in ("+", "-", "//", "δ", "and") or node.head in COMPARISONS
        if not known:
            raise Defect(f"{node.head} does not belong here", node)
        ranks = [self.rank(part, typed) for part, typed in zip(parts, node.args, strict=True)]
        row = all(part.row for part in parts)
        return Part(apply(node.head, *(part.tree for part in parts)), max(ranks), row)

    def symbol(self, node: Expr) -> Part:
        name = node.args[0]
        if name in self.indices:
            return Part(node, 0)
        if name in self.ranks:
            return Part(node, self.ranks[name])
        if name in CONSTANTS:
            return Part(num(CONSTANTS[name]), 0)
        return Part(node, None)

    def side_by_side(self, node: Expr, parts: list[Part]) -> Part:
        """A function's name takes the factor after it; the rest is multiplied from the left."""
        factors: list[tuple[Part, Expr]] = []
        for part, typed in zip(reversed(parts), reversed(node.args), strict=True):
            base = typed.args[0] if typed.head == "^" else typed
            if not self.is_function(base):
                factors.append((part, typed))
                continue
            if not factors:
                raise Defect(f"{base.args[0]} is a function: it needs an argument", typed)
            taken, at = factors.pop()
            if at.head == "num" and factors:
                raise Defect(
                    f"{base.args[0]} {at} … can be read in two ways; write its argument in brackets",
                    typed,
                )
            made = self.called(base.args[0], [(taken, at)], typed)
            if base is not typed:
                exponent = typed.args[1]
                if exponent.head != "num" or exponent.args[0] < 2:
                    raise Defect(f"write ({base.args[0]} x)^n for a power of a function", typed)
                made = Part(apply("^", made.tree, exponent), made.rank)
            factors.append((made, typed))
        factors.reverse()
        for (_, left), (_, right) in pairwise(factors):
            if left.head == right.head == "num":
                raise Defect("two numbers stand side by side; write · between them", right)
        for part, typed in factors:
            self.rank(part, typed)
        result = factors[0][0]
        for part, _ in factors[1:]:
            result = product("juxt", result, part)
        return result

    def call(self, node: Expr, parts: list[Part]) -> Part:
        name = node.args[0].args[0]
        if self.is_value(name):
            if len(parts) != 2 or parts[1].tree.head == "=":
                raise Defect(f"{name} is a value, not a function", node)
            self.rank(parts[1], node.args[1])
            return product("juxt", parts[0], parts[1])
        return self.called(name, list(zip(parts[1:], node.args[1:], strict=True)), node)

    def called(self, name: str, arguments: list[tuple[Part, Expr]], node: Expr) -> Part:
        """A function's call: operands first, then parameters, by position or by name."""
        row = function(name)
        if row is None:
            raise unknown(name, [*FUNCTIONS, *self.ranks], node, "function")
        operands: list[tuple[Part, Expr]] = []
        options: dict[str, Expr] = {}
        for part, typed in arguments:
            if part.tree.head == "=":
                key, value = part.tree.args[0].args[0], part.tree.args[1]
                if key not in row.parameters or key in options:
                    has = ", ".join(row.parameters) or "none"
                    wrong = "twice" if key in options else f"no parameter {key}; it has {has}"
                    raise Defect(f"{row.name} has {wrong}: {row.usage}", typed)
                options[key] = value
            elif len(operands) < row.most and not options:
                operands.append((part, typed))
            elif len(options) < len(row.parameters):
                options[row.parameters[len(options)]] = part.tree
            else:
                raise Defect(f"{row.name} was given too much: {row.usage}", node)
        if len(operands) < row.least:
            raise Defect(
                f"{row.name} takes {row.least} operand{'s' * (row.least > 1)}, "
                f"{len(operands)} given: {row.usage}",
                node,
            )
        ranks = [self.rank(part, typed) for part, typed in operands]
        paired = row.name in PAIRS and len(operands) == 2
        rank = max(ranks) if paired else row.rank(ranks, options)
        if rank < 0:
            raise Defect(
                f"{row.name} has no such axis: its operand has {ranks[0]} dimensions", node
            )
        keywords = (apply("=", sym(key), value) for key, value in options.items())
        return Part(apply(row.name, *(part.tree for part, _ in operands), *keywords), rank)

    def quotient(self, node: Expr, parts: list[Part]) -> Part:
        above, below = node.args
        derivative = self.spelled_derivative(above, below)
        if derivative is not None:
            return derivative
        if below.head == "juxt" and not self.is_function(below.args[0]):
            raise Defect(TWO_WAYS, node)
        if below.head == "call" and self.is_value(below.args[0].args[0]):
            raise Defect(TWO_WAYS, node)
        ranks = [self.rank(part, typed) for part, typed in zip(parts, node.args, strict=True)]
        row = parts[0].row and ranks[1] == 0
        return Part(apply("/", parts[0].tree, parts[1].tree), max(ranks), row)

    def spelled_derivative(self, above: Expr, below: Expr) -> Part | None:
        """`dL/dw` is ∂L/∂w where L and w are values and dL and dw are not."""
        sides: list[tuple[Expr, int]] = []
        for side in (above, below):
            base = side.args[0] if side.head == "[]" else side
            if not self.differential(base):
                return None
            name = base.args[0][1:]
            if side.head == "[]":
                sides.append((apply("[]", sym(name), *map(plain, side.args[1:])), 0))
            else:
                sides.append((sym(name), self.ranks[name]))
        (upper, m), (lower, n) = sides
        return Part(apply("∂", upper, lower), m + n)

    def power(self, node: Expr, parts: list[Part]) -> Part:
        base, exponent = node.args
        if self.is_function(base):
            return Part(apply("^", parts[0].tree, parts[1].tree), None)
        above, height = exponent, 1
        while above.head in ("^", "group", "neg") and height <= MAX_TOWER:
            height += above.head == "^"
            above = above.args[-1]
        if height > MAX_TOWER:
            raise Defect(f"a tower of more than {MAX_TOWER} powers: no number is that large", node)
        rank = self.rank(parts[1], exponent)
        if base.head == "sym" and base.args[0] == "e" and not self.is_value("e"):
            return Part(apply("exp", parts[1].tree), rank)
        rank = max(rank, self.rank(parts[0], base))
        return Part(apply("^", parts[0].tree, parts[1].tree), rank)

    def element(self, node: Expr, parts: list[Part]) -> Part:
        if parts[0].rank is None and self.differential(node.args[0]):
            return Part(node, None)
        rank = self.rank(parts[0], node.args[0])
        taken = len(parts) - 1
        if taken > rank:
            raise Defect(_too_many(parts[0].tree, rank, taken), node)
        for part, typed in zip(parts[1:], node.args[1:], strict=True):
            if part.tree.head == ":":
                continue
            rank += self.rank(part, typed) - 1
        return Part(apply("[]", *(part.tree for part in parts)), rank)

    def vector(self, node: Expr, parts: list[Part]) -> Part:
        ranks = {self.rank(part, typed) for part, typed in zip(parts, node.args, strict=True)}
        if len(ranks) > 1:
            raise Defect("the elements of a literal differ in their number of dimensions", node)
        return Part(apply("vector", *(part.tree for part in parts)), 1 + max(ranks, default=0))


def _too_many(base: Expr, rank: int, taken: int) -> str:
    name = base.args[0] if base.head == "sym" else "this"
    if rank == 0:
        wanted = ", ".join("nmkl"[k % 4] for k in range(taken))
        return (
            f"{name} is a single number here and cannot be indexed; "
            f"declare its shape ({name}: ({wanted})) or give it a value"
        )
    return f"{name} has {rank} dimensions and is read with {taken} indices"


def single(law: str, typed: Expr, node: Expr) -> Defect:
    """A sign between vectors and matrices has met a number."""
    if typed.head != "sym":
        what = typed if typed.head == "num" else "what stands here"
        return Defect(f"{law}; {what} is a single number", typed)
    name = typed.args[0]
    wanted = "m, n" if name[0].isupper() else "n"
    return Defect(
        f"{law}; {show(name)} is a single number here: "
        f"declare its shape ({show(name)}: ({wanted})) or give it a value",
        typed,
    )


def product(sign: str, left: Part, right: Part) -> Part:
    """The product that a sign means between two parts.

    >>> product("·", Part(sym("W"), 2), Part(sym("x"), 1)).tree
    @(W, x)
    """
    a, b = left.rank or 0, right.rank or 0
    if a == 0 or b == 0:
        row = left.row or right.row
        return Part(apply("*", left.tree, right.tree), max(a, b), row)
    if sign in ("*", "⊙"):
        row = left.row and right.row
        return Part(apply("⊙", left.tree, right.tree), max(a, b), row)
    made = apply("@", left.tree, right.tree)
    if right.row and not left.row:
        return Part(made, 2)
    return Part(made, product_rank((a, b)), left.row and b > 1)
