"""A formula's body as one NumPy expression over views aligned to the same axes.

Python numbers are weak in NumPy 2, so `2 * x` stays in x's dtype; where NumPy would make a float64
out of nothing but numbers (`np.exp(2)`, `np.where(c, 1, 0)`) the text says the dtype. A part that
occurs twice gets a variable of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.space import Space, View, aligned, is_float
from codegen.spelling import ATOM, CONDITION, POWER, PRODUCT, SUM, UNARY, literal, wrap
from codegen.views import position
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import COMPARISONS, Expr, children, is_leaf, num, postorder

MAX_LENGTH = 400
_WHOLE_HEADS = COMPARISONS | {"+", "-", "*", "neg", "where", "and", "max", "min", "extent"}


@dataclass(frozen=True)
class Text:
    """A piece of the expression: how tightly it binds, and whether it is a Python number.

    `condition` is the condition's own text where the piece is `where(condition, 1, 0)`.
    """

    text: str
    binding: int
    weak: bool = False
    condition: str = ""

    def at(self, least: int) -> str:
        """The text, in parentheses where it binds less tightly than `least`."""
        return wrap(self.text, self.binding, least)


def body_text(
    space: Space, body: Expr, views: Mapping[str, View], order: Sequence[str], dtype: str
) -> Text:
    """The body as text, its axes in `order`, computed in `dtype`; appends lines it needs first."""
    exact = not is_float(dtype) and all(
        node.head in _WHOLE_HEADS
        or node.head == "sym"
        or (node.head == "num" and isinstance(node.args[0], int))
        for node in postorder(body)
    )
    arithmetic = dtype if is_float(dtype) else "int64" if exact else "float64"
    printer = _Printer(space, views, order, arithmetic)
    made = printer.print(body)
    if dtype == "bool" and made.condition:
        return Text(made.condition, CONDITION)
    if dtype == "bool":
        return Text(f"{made.at(SUM)} != 0", CONDITION)
    if dtype == "int64" and not exact:
        return Text(f"np.asarray({made.text}).astype(np.int64)", ATOM)
    return made


class _Printer:
    """Prints one body from its leaves up; comparisons of whole numbers stay whole."""

    def __init__(
        self, space: Space, views: Mapping[str, View], order: Sequence[str], dtype: str
    ) -> None:
        self.space = space
        self.views = views
        self.order = order
        self.dtype = dtype

    def print(self, body: Expr) -> Text:
        uses: dict[Expr, int] = {}
        nodes = list(postorder(body))
        whole = self._whole(nodes)
        for node in nodes:
            for child in children(node):
                uses[child] = uses.get(child, 0) + 1
        made: dict[Expr, Text] = {}
        for node in nodes:
            if node.head == "extent" or (node.head == "sym" and node.args[0] not in self._leaves()):
                if node.head == "extent":
                    made[node] = Text(
                        self.space.factor(self.space.extent(node.args[0].args[0])), ATOM, weak=True
                    )
                continue
            text = self._one(node, [made[c] for c in children(node)], whole)
            trivial = text.weak or is_leaf(node) or (node.head == "neg" and is_leaf(node.args[0]))
            repeated = uses.get(node, 0) > 1 and not trivial
            if node is not body and (repeated or len(text.text) > MAX_LENGTH):
                text = Text(self.space.keep(text.text), ATOM, text.weak)
            made[node] = text
        return made[body]

    def _leaves(self) -> set[str]:
        return set(self.views) | set(self.order) | set(self.space.loops)

    def _whole(self, nodes: list[Expr]) -> set[Expr]:
        """Parts of comparisons that hold whole numbers only: positions, labels, extents."""

        def is_whole(e: Expr) -> bool:
            return all(
                (n.head == "num" and isinstance(n.args[0], int))
                or (n.head == "sym" and self._whole_symbol(n.args[0]))
                or n.head in ("+", "-", "*", "neg", "extent")
                for n in postorder(e)
            )

        found: set[Expr] = set()
        for node in nodes:
            if node.head in COMPARISONS and all(is_whole(side) for side in node.args):
                found.update(n for side in node.args for n in postorder(side))
        return found

    def _whole_symbol(self, name: str) -> bool:
        return name not in self.views or self.views[name].dtype in ("int64", "bool")

    def _one(self, node: Expr, parts: list[Text], whole: set[Expr]) -> Text:
        match node.head:
            case "num":
                text, binding = literal(node.args[0])
                return Text(text, binding, weak=True)
            case "sym":
                return self._symbol(node.args[0], node in whole)
            case "+" | "-":
                right = parts[1].at(SUM if node.head == "+" else PRODUCT)
                return _join(parts, f"{parts[0].at(SUM)} {node.head} {right}", SUM)
            case "*":
                return _join(parts, f"{parts[0].at(PRODUCT)} * {parts[1].at(UNARY)}", PRODUCT)
            case "/":
                return self._quotient(node, parts)
            case "neg":
                return _join(parts, f"-{parts[0].at(UNARY)}", UNARY)
            case "^":
                return self._power(node, parts)
            case "and":
                return Text(f"({parts[0].text}) & ({parts[1].text})", CONDITION)
            case "where":
                return self._where(node, parts)
            case head if head in COMPARISONS:
                return self._comparison(node, parts)
            case head if head in FUNCTIONS:
                return self._function(head, parts)
        raise GraphError(f"internal error: nothing prints {node.head!r}")

    def _symbol(self, name: str, whole: bool) -> Text:
        space = self.space
        if name in space.loops:
            return Text(space.loops[name], ATOM, weak=True)
        if name not in self.views:
            dtype = "" if whole or not is_float(self.dtype) else space.dtype(self.dtype)
            return Text(position(space, name, self.order, dtype), ATOM)
        view = self.views[name]
        text, binding = aligned(view, self.order)
        if view.literal:
            return Text(text, binding, weak=True)
        if whole or view.dtype == self.dtype or is_float(view.dtype):
            return Text(text, binding)
        return Text(f"{wrap(text, binding, ATOM)}.astype({space.dtype(self.dtype)})", ATOM)

    def _quotient(self, node: Expr, parts: list[Text]) -> Text:
        above, below = parts
        divisor = node.args[1]
        if above.weak and below.weak and not (divisor.head == "num" and divisor.args[0] != 0):
            text = f"np.divide({above.text}, {below.text}, dtype={self.space.dtype(self.dtype)})"
            return Text(text, ATOM)
        return _join(parts, f"{above.at(PRODUCT)} / {below.at(UNARY)}", PRODUCT)

    def _power(self, node: Expr, parts: list[Text]) -> Text:
        base, exponent = parts
        number = node.args[1].args[0] if node.args[1].head == "num" else None
        if number == 3 and not base.weak and base.binding == ATOM and base.text.isidentifier():
            return Text(" * ".join([base.text] * 3), PRODUCT)
        if base.weak and exponent.weak:
            text = f"np.power({base.text}, {exponent.text}, dtype={self.space.dtype(self.dtype)})"
            return Text(text, ATOM)
        return Text(f"{base.at(ATOM)} ** {exponent.at(UNARY)}", POWER)

    def _where(self, node: Expr, parts: list[Text]) -> Text:
        condition, then, other = parts
        if then.weak and other.weak:
            dtype = self.space.dtype(self.dtype)
            then, other = (Text(f"{dtype}({t.text})", ATOM) for t in (then, other))
        if node.args[2] is num(0) and self._is_float_array(node.args[1]) and self.order:
            text = f"{self.space.call('where_true')}({condition.text}, {then.text})"
            return Text(text, ATOM)
        is_flag = [e.args[0] for e in node.args[1:] if e.head == "num"] == [1, 0]
        text = f"np.where({condition.text}, {then.text}, {other.text})"
        return Text(text, ATOM, condition=condition.text if is_flag else "")

    def _is_float_array(self, e: Expr) -> bool:
        """Whether a part is computed of float arrays alone, and so is one itself."""
        names = {n.args[0] for n in postorder(e) if n.head == "sym"}
        views = [self.views[n] for n in names if n in self.views]
        return (
            len(views) == len(names) > 0
            and any(not view.literal for view in views)
            and all(is_float(view.dtype) for view in views)
            and not any(n.head in COMPARISONS for n in postorder(e))
        )

    def _comparison(self, node: Expr, parts: list[Text]) -> Text:
        left, right = node.args
        flag = self._flag(left) if node.head == "!=" and right.args == (0,) else ""
        if flag:
            return Text(flag, ATOM)
        if all(part.weak for part in parts):
            return Text(f"np.bool_({parts[0].at(SUM)} {node.head} {parts[1].at(SUM)})", ATOM)
        return Text(f"{parts[0].at(SUM)} {node.head} {parts[1].at(SUM)}", CONDITION)

    def _flag(self, e: Expr) -> str:
        """A read of a bool array is a condition itself."""
        if e.head == "sym" and e.args[0] in self.views and self.views[e.args[0]].dtype == "bool":
            return aligned(self.views[e.args[0]], self.order)[0]
        return ""

    def _function(self, name: str, parts: list[Text]) -> Text:
        pattern = FUNCTIONS[name].numpy
        given: dict[str, str] = {}
        for letter, part in zip("uv", parts, strict=False):
            given[letter] = part.text
            if len(re.findall(rf"\b{letter}\b", pattern)) > 1 and part.binding < ATOM:
                given[letter] = self.space.keep(part.text)
            elif not re.search(rf"[(] ?{letter}[,)]|, {letter}[)]", pattern):
                given[letter] = part.at(ATOM)
        text = re.sub(r"\b[uv]\b", lambda found: given[found.group()], pattern)
        if all(part.weak for part in parts):
            return Text(f"{self.space.dtype(self.dtype)}({text})", ATOM)
        return Text(text, UNARY if text.startswith("-") else ATOM)


def _join(parts: Sequence[Text], text: str, binding: int) -> Text:
    return Text(text, binding, weak=all(part.weak for part in parts))
