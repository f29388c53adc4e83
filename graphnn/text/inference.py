"""The shapes of leaves that have neither a value nor a declaration, from what stands beside them.

In this order of strength, over the whole text, until nothing new is learnt:

* `softmax(z)` works along an axis: z is a vector.
* `@`, `ᵀ` and `.T` take no numbers: a capital (`W`) is a matrix, another letter (`x`) a vector; the
  dimension that meets a known one is that one. The same holds for `W x`, `W·x` and `w·x` where one
  side is known to be no number.
* Element by element (`+ − * ⊙`, above a fraction line, in a loss) a leaf takes the shape of what
  stands beside it; one that is added to a product with a matrix is a bias and takes the last
  dimension alone.
* Greek letters, exponents and what stands below a fraction line are numbers, and so is whatever
  meets nothing but single elements.

A leaf that is read with indices (`K[u,v]`) has its shape from them: graphnn.text.shapes. A
declaration (`y: ()`, `W: (m, n)`) always says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from graphnn.calculus.formula import Shape, Size
from graphnn.calculus.polynomial import dimension
from graphnn.expression.names import GREEK
from graphnn.expression.reader import Line
from graphnn.expression.tree import COMPARISONS, Expr, fold
from graphnn.text.functions import Function, function, product_rank

ROUNDS = 12
PRODUCTS, TURNED, LAST = range(3)
"""What is learnt first: from products and softmax; from ᵀ alone; then from what stands beside."""
SOFTMAX = ("softmax", "log_softmax")


def inferred(
    statements: Mapping[str, Line], known: Mapping[str, Shape], open_names: Iterable[str]
) -> dict[str, Shape]:
    """The shapes of those of the open names (leaves without a shape) that are no numbers.

    >>> from graphnn.expression.reader import read_lines
    >>> lines = {line.name: line for line in read_lines("p = softmax(z); L = -sum(y*log(p))")}
    >>> inferred(lines, {"z": (3,)}, ["y"])
    {'y': (3,)}
    """
    rules = _Rules(dict(known), set(open_names))
    for _ in range(ROUNDS + LAST):
        before = rules.changes
        for name, line in statements.items():
            plain = line.index is None and line.sign == "="
            shape = fold(line.body, rules.shape) if plain else None
            if shape is not None:
                rules.shapes[name] = shape
        if rules.changes == before:
            if rules.stage == LAST:
                break
            rules.stage += 1
    return rules.found


class _Rules:
    """A shape for each part of a typed tree (None: not known), and what that says of open leaves."""

    def __init__(self, shapes: dict[str, Shape], unknown: set[str]) -> None:
        self.shapes, self.unknown = shapes, unknown
        self.found: dict[str, Shape] = {}
        self.stage = PRODUCTS
        self.changes = 0
        self.own: set[Size] = set()

    def open_leaf(self, node: Expr) -> tuple[str, bool] | None:
        """The open leaf that a part is, but for brackets and a sign; and whether it is turned."""
        turned = False
        while node.head in ("group", "neg", "T"):
            turned ^= node.head == "T"
            node = node.args[0]
        if node.head != "sym" or node.args[0] not in self.unknown or is_number(node.args[0]):
            return None
        return node.args[0], turned

    def learn(self, leaf: tuple[str, bool], shape: Shape) -> Shape:
        """An open leaf has a shape; returns it as the part that was read has it."""
        name, turned = leaf
        self.changes += 1
        self.unknown.discard(name)
        self.found[name] = self.shapes[name] = shape[::-1] if turned else shape
        return shape

    def fresh(self, leaf: tuple[str, bool], place: int) -> Size:
        """A symbolic dimension called after the leaf."""
        name, turned = leaf
        apart = "_" if name[-1].isdigit() else ""
        made = dimension(f"{name}{apart}{1 - place if turned else place}")
        self.own.add(made)
        return made

    def meet(self, a: Size, b: Size) -> None:
        """Two sizes are one: a dimension that was called after a leaf gives way."""
        if a == b:
            return
        old, new = (a, b) if a in self.own else (b, a)
        if old in self.own:
            self.changes += 1
            self.own.discard(old)
            for table in (self.shapes, self.found):
                for name, shape in table.items():
                    table[name] = tuple(new if size == old else size for size in shape)

    def broadcast(self, parts: Iterable[Shape | None]) -> Shape | None:
        """The shape of things taken element by element; None where one is not known."""
        widest: Shape = ()
        for shape in parts:
            if shape is None:
                return None
            for one, other in zip(reversed(shape), reversed(widest), strict=False):
                if 1 not in (one, other):
                    self.meet(one, other)
            if len(shape) > len(widest) or (len(shape) == len(widest) and 1 in widest):
                widest = shape
        return widest

    def shape(self, node: Expr, parts: list[Shape | None]) -> Shape | None:
        """The shape of a part, given those of its own parts."""
        match node.head:
            case "num":
                return ()
            case "sym":
                name = node.args[0]
                return () if is_number(name) and name in self.unknown else self.shapes.get(name)
            case "group" | "neg":
                return parts[0]
            case "Σ" | "Max" | "δ":
                return ()
            case "T":
                leaf = self.open_leaf(node.args[0])
                if leaf and self.stage >= TURNED:
                    parts = [self.learn(leaf, self.free_shape(leaf, None, -1))]
                return None if parts[0] is None else parts[0][::-1]
            case "+" | "-" | "*" | "⊙":
                return self.beside(node, parts)
            case "/":
                return self.beside(node, parts, only_first=True)
            case "^":
                return parts[0]
            case "@" | "·":
                left, right = node.args
                return self.product(node.head == "@", (left, parts[0]), (right, parts[1]))
            case "juxt":
                return self.side_by_side(node, parts)
            case "call":
                row = function(node.args[0].args[0])
                if row is None:
                    return None
                return self.called(row, list(node.args[1:]), parts[1:])
        return self.broadcast(parts) if node.head in COMPARISONS else None

    def called(
        self, row: Function, operands: list[Expr], parts: list[Shape | None]
    ) -> Shape | None:
        """A function of whole tensors."""
        options = {part.args[0].args[0] for part in operands if part.head == "="}
        count = sum(part.head != "=" for part in operands)
        operands, parts = operands[:count], parts[:count]
        if not row.least <= count <= row.most:
            return None
        if row.name in SOFTMAX and operands:
            leaf = self.open_leaf(operands[0])
            return self.learn(leaf, (self.fresh(leaf, 0),)) if leaf else parts[0]
        if row.name == "matmul" and count == 2:
            return self.product(True, (operands[0], parts[0]), (operands[1], parts[1]))
        pair = count == 2 and row.labels is None
        if row.elementwise or (pair and row.name in ("max", "min")):
            return self.together(operands, parts) if pair else self.broadcast(parts[:count])
        if pair and row.rank([1, 1], {}) == 0:
            self.together(operands, parts)  # a loss of two tensors
            return ()
        return () if not options and count and row.rank([1] * count, {}) == 0 else None

    def side_by_side(self, node: Expr, parts: list[Shape | None]) -> Shape | None:
        """Factors from the left; a function's name takes the factor after it."""
        made: list[tuple[Expr, Shape | None]] = []
        for typed, shape in zip(reversed(node.args), reversed(parts), strict=True):
            base = typed.args[0] if typed.head == "^" else typed
            name = base.args[0] if base.head == "sym" else ""
            row = function(name) if name not in self.shapes and name not in self.unknown else None
            if row is not None and made:
                operand, at = made.pop()
                made.append((node, self.called(row, [operand], [at])))
            else:
                made.append((typed, shape))
        made.reverse()
        first, *rest = made
        for following in rest:
            first = (node, self.product(False, first, following))
        return first[1]

    def beside(
        self, node: Expr, parts: list[Shape | None], only_first: bool = False
    ) -> Shape | None:
        """Element by element: an open leaf takes the shape of the other side."""
        for k, typed in enumerate(node.args[: 1 if only_first else 2]):
            other, shape = node.args[1 - k], parts[1 - k]
            leaf = self.open_leaf(typed)
            if leaf and is_several(shape) and self.stage == LAST:
                is_bias = node.head in ("+", "-") and is_matrix_product(other)
                of_weights = is_bias and len(shape) == 1 and is_weight_vector(other)
                kept = () if of_weights else shape[-1:] if is_bias else shape
                parts[k] = self.learn(leaf, kept)
        return self.broadcast(parts)

    def together(self, operands: list[Expr], parts: list[Shape | None]) -> Shape | None:
        """Two operands of a function by element."""
        for k, typed in enumerate(operands):
            leaf, shape = self.open_leaf(typed), parts[1 - k]
            if leaf and is_several(shape) and self.stage == LAST:
                parts[k] = self.learn(leaf, shape)
        return self.broadcast(parts)

    def product(
        self, forced: bool, left: tuple[Expr, Shape | None], right: tuple[Expr, Shape | None]
    ) -> Shape | None:
        """A matrix product; `forced` where its sign takes no numbers."""
        (a, m), (b, n) = left, right
        first, second = self.open_leaf(a), self.open_leaf(b)
        if first and m is None and n is None and forced and second:
            n = self.learn(second, self.free_shape(second, None, -1))
        if first and m is None and n and (forced or is_capital(first[0]) or len(n) == 1):
            m = self.learn(first, self.free_shape(first, n[-2] if len(n) > 1 else n[0], 1))
        if second and n is None and m and (forced or is_capital(second[0]) or len(m) == 1):
            n = self.learn(second, self.free_shape(second, m[-1], 0))
        if m is None or n is None or not (m and n):
            return n if m == () else m if n == () else None
        self.meet(m[-1], n[-2] if len(n) > 1 else n[0])
        rank = product_rank((len(m), len(n)))
        outer = m[:-1] + (n[:-2] + n[-1:] if len(n) > 1 else ())
        return outer if len(outer) == rank else None

    def free_shape(self, leaf: tuple[str, bool], size: Size | None, place: int) -> Shape:
        """A matrix or a vector, one of whose dimensions is known: the first (0) or the last (1)."""
        if not is_capital(leaf[0]):
            return (self.fresh(leaf, 0) if size is None else size,)
        return tuple(
            size if size is not None and k == place else self.fresh(leaf, k) for k in range(2)
        )


def is_several(shape: Shape | None) -> TypeGuard[Shape]:
    """Whether a shape is known to be that of more than one element."""
    return shape is not None and any(size != 1 for size in shape)


def is_capital(name: str) -> bool:
    """Whether a name is that of a matrix, W or X2."""
    return name[0].isupper()


def is_number(name: str) -> bool:
    """Whether a name is that of a number: a Greek letter, λ or α1."""
    return name.rstrip("0123456789").partition("_")[0] in GREEK


def is_weight_vector(product: Expr) -> bool:
    """Whether the right side of a matrix product is called as weights are: w, w2."""
    while product.head == "group":
        product = product.args[0]
    last = product.args[-1]
    return last.head == "sym" and str(last.args[0]).startswith("w")


def is_matrix_product(node: Expr) -> bool:
    """Whether a part is a product of matrices, but for brackets: `x@W`, `W x`."""
    while node.head == "group":
        node = node.args[0]
    return node.head in ("@", "·", "juxt")
