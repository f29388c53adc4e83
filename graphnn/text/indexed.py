"""Statements in index notation as ops: each Σ, max or indexed line is one formula.

    z[i,j] += K[u,v]*x[i+u,j+v]            one formula
    L = −Σ_i y[i] log p[i]                 a formula inside an ordinary expression
    h[k] = σ(Σ_m W[k,m] x[m] + b[k])       a formula for the sum, ordinary ops around it

Inside a formula everything is an element: `b[k]`, a number, or a value without dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from graphnn.calculus.definition import Definition
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS as ELEMENTARY
from graphnn.expression.tree import (
    Expr,
    apply,
    is_leaf,
    num,
    postorder,
    substitute,
    sym,
    symbols,
)
from graphnn.expression.unicode import to_unicode
from graphnn.graph.apply import apply as apply_definition
from graphnn.graph.handle import Handle, Written
from graphnn.text.elements import (
    SIGNS_ON_ELEMENTS,
    expanded,
    explicit,
    free_names,
    index_names,
    is_elementwise,
    scalar_parts,
)
from graphnn.text.numbers import literal
from graphnn.text.tensors import Place, build, check_condition, check_size

MAX_NESTED = 12
SIGNS = {"=": "set", "+=": "sum", "max=": "max", "argmax=": "argmax"}
_SHOWN = {"set": "=", "sum": "+=", "max": "max=", "argmax": "argmax="}


@dataclass
class Indexed:
    """The index names of one line, the values it may read, and what its formulas share.

    `bounds` are the extents stated with `for`. `as_typed` turns false where a formula's own text
    would not show what was typed: the statement then carries its typed tree.
    """

    values: Mapping[str, Handle]
    indices: frozenset[str]
    bounds: tuple[tuple[str, Expr], ...]
    dtype: str
    target: tuple[str, ...] = ()
    as_typed: bool = True
    fresh: Iterator[int] = field(default_factory=count)
    depth: int = 0

    def free(self, tree: Expr) -> tuple[str, ...]:
        """The index names that a tree reads and does not bind, in order of appearance."""
        return free_names(tree, self.indices)

    def sum(self, tree: Expr) -> Handle:
        """The formula of a closed `Σ_i …` or `max_{i} …` inside an ordinary expression."""
        loose = self.free(explicit(tree, self.target))
        if loose:
            raise Place(_unbound(loose[0]), tree)
        return self.bound(tree, ())

    def bound(self, tree: Expr, output: tuple[str, ...]) -> Handle:
        """The formula of a Σ or a max whose result has the dimensions `output`."""
        made = explicit(tree, (*self.target, *output))
        reduce = "sum" if made.head == "Σ" else "max"
        return self.formula(made.args[-1], tuple(map(sym, output)), reduce, tree)

    def formula(
        self, body: Expr, write: tuple[Expr, ...], reduce: str, at: Expr, name: str = "y"
    ) -> Handle:
        """One op `name[write] ⊕= body`; sums inside become operands of their own."""
        if self.depth >= MAX_NESTED:
            raise Place(GraphError(f"sums are nested deeper than {MAX_NESTED}"), at)
        self.depth += 1
        operands: dict[str, Handle] = {}
        elements = self.elements(body, operands)
        for part in write:
            self._named(part, operands)
        self.depth -= 1
        read = _axes_read(elements, operands, self.indices)
        bounds = tuple(
            (axis, self._bound(extent, operands))
            for axis, extent in self.bounds
            if axis in read or axis in free_names(apply("vector", *write), self.indices)
        )
        stated = {axis for axis, _ in bounds}
        left = to_unicode(apply("[]", sym(name), *write)) if write else name
        _check_axes(left, write, reduce, read | stated, self.indices, operands, at)
        made = Definition(
            "formula",
            tuple(operands),
            (),
            name,
            write,
            reduce,
            elements,
            bounds,
            f"{left} {_SHOWN[reduce]} {to_unicode(elements)}",
        )
        arguments = tuple(operands.values())
        try:
            handle = apply_definition(made, arguments, {}, Written("formula", arguments))
            check_size(handle)
        except GraphError as error:
            raise Place(error, at) from None
        return handle

    def elements(self, body: Expr, operands: dict[str, Handle]) -> Expr:
        """The body over elements of named operands; each operand is entered into `operands`."""
        made: dict[Expr, Expr] = {}
        for node in scalar_parts(body):
            made[node] = self._scalar(node, made, operands)
        return made[body]

    def _scalar(self, node: Expr, made: Mapping[Expr, Expr], operands: dict[str, Handle]) -> Expr:
        match node.head:
            case "num":
                return node
            case "sym" if node.args[0] in self.indices:
                return node
            case "sym":
                self._number(node, self.values[node.args[0]])
                operands[node.args[0]] = self.values[node.args[0]]
                return node
            case "δ":
                return apply("where", apply("==", *node.args), num(1), num(0))
            case "[]":
                return self._read(node, operands)
            case "Σ" | "Max":
                output = self._ordered(self.free(explicit(node, self.target)))
                self.as_typed = self.as_typed and not output
                name = self._operand(self.bound(node, output), operands)
                return apply("[]", sym(name), *map(sym, output)) if output else sym(name)
            case head if is_elementwise(node):
                if head == "and":
                    self._conditions(node)
                if head in SIGNS_ON_ELEMENTS or head in ELEMENTARY:
                    return apply(head, *(made[part] for part in node.args))
                self.as_typed = False
                return expanded(node, made)
        loose = self.free(node)
        if loose:
            raise Place(
                GraphError(
                    f"{node.head} takes whole tensors, not elements; "
                    f"write {node.head}(x)[{loose[0]}], or compute it on a line of its own"
                ),
                node,
            )
        handle = build(node, self.values, self.dtype, self.sum)
        self._number(node, handle)
        return sym(self._operand(handle, operands))

    def _conditions(self, node: Expr) -> None:
        for part in node.args:
            base = part.args[0] if part.head == "[]" else part
            value = self.values.get(base.args[0]) if base.head == "sym" else None
            try:
                check_condition(part, value)
            except GraphError as error:
                raise Place(error, node) from None

    def _read(self, node: Expr, operands: dict[str, Handle]) -> Expr:
        base, *index = node.args
        for part in index:
            if part.head == ":" or part.head == "nothing":
                raise Place(GraphError("a slice does not stand beside index names"), node)
            self._named(part, operands)
        if base.head == "sym":
            operands[base.args[0]] = self.values[base.args[0]]
            return node
        loose = self.free(base)
        if loose:
            raise Place(_unbound(loose[0]), base)
        name = self._operand(build(base, self.values, self.dtype, self.sum), operands)
        return apply("[]", sym(name), *index)

    def _named(self, index: Expr, operands: dict[str, Handle]) -> None:
        """Integer tensors that an index looks up become operands."""
        for part in postorder(index):
            if part.head == "[]":
                name = part.args[0].args[0] if part.args[0].head == "sym" else ""
                if name not in self.values:
                    raise Place(GraphError("an index looks up a named tensor: E[t[n], d]"), part)
                operands[name] = self.values[name]

    def _operand(self, handle: Handle, operands: dict[str, Handle]) -> str:
        name = next(f"t{k}" for k in self.fresh if f"t{k}" not in self.values)
        operands[name] = handle
        return name

    def _number(self, node: Expr, handle: Handle) -> None:
        if handle.shape:
            letters = ", ".join("ijklmn"[: handle.ndim])
            message = f"{node} has {handle.ndim} dimensions; among elements write {node}[{letters}]"
            raise Place(GraphError(message), node)

    def _ordered(self, names: Iterable[str]) -> tuple[str, ...]:
        """Index names in the target's order first."""
        found = list(names)
        first = [name for name in self.target if name in found]
        return (*first, *(name for name in found if name not in self.target))

    def _bound(self, extent: Expr, operands: Mapping[str, Handle]) -> Expr:
        """A stated extent; the size of a value that this formula does not read is put in."""
        known: dict[Expr, Expr] = {}
        for part in postorder(extent):
            if part.head == "size" and part.args[0].args[0] not in operands:
                name, place = (p.args[0] for p in part.args)
                handle = self.values.get(name)
                if handle is None or not isinstance(place, int) or place >= handle.ndim:
                    raise GraphError(f"{name} has no dimension {place}")
                size = handle.shape[place]
                if not isinstance(size, int):
                    raise GraphError(f"the size of {name} is not known here: {size}")
                known[part] = num(size)
            elif part.head == "^":
                known[part] = num(literal(part, {}))
        return substitute(extent, known)

    def statement(self, tree: Expr, index: tuple[Expr, ...], sign: str, name: str) -> Handle:
        """The handle of `name[index] sign tree`."""
        self.target = tuple(part.args[0] for part in index if part.head == "sym")
        reduce = SIGNS[sign]
        loose = [i for i in self.free(explicit(tree, self.target)) if i not in index_names(index)]
        if reduce == "set" and loose:
            raise Place(_unbound(loose[0]), tree)
        if reduce in ("sum", "max") and loose:
            tree = apply("Σ" if reduce == "sum" else "Max", *map(sym, loose), tree)
        if reduce == "argmax" or (
            reduce != "set" and not loose and index_names(index) != self.target
        ):
            made = self.formula(tree, index, reduce, tree, name)
        elif tree.head in ("Σ", "Max"):
            bound = explicit(tree, index_names(index))
            kind = "sum" if bound.head == "Σ" else "max"
            made = self.formula(bound.args[-1], index, kind, tree, name)
        elif self._is_plain(tree):
            made = self.formula(tree, index, "set", tree, name)
        else:
            self.as_typed = False
            aligned = self._aligned(tree)
            made = self.formula(tree, index, "set", tree, name) if aligned is None else aligned
        return made if self.as_typed else self.typed(made, tree, index)

    def typed(self, made: Handle, tree: Expr, index: tuple[Expr, ...] | None) -> Handle:
        """`made`, shown as the tree that was typed."""
        names = [name for name in symbols(tree) if name in self.values]
        parameters = (("tree", tree), ("index", index))
        written = Written("typed", tuple(self.values[name] for name in names), parameters)
        return Handle(made.node, written)

    def _is_plain(self, tree: Expr) -> bool:
        """Whether a tree is one formula as it stands: no sums, no function that is an op."""
        return all(
            is_leaf(part)
            or part.head in ("[]", *SIGNS_ON_ELEMENTS)
            or (part.head in ELEMENTARY and is_elementwise(part))
            for part in postorder(tree)
        )

    def _aligned(self, tree: Expr) -> Handle | None:
        """Ordinary ops around the sums, where every read lines up with the target; else None."""
        values = dict(self.values)
        replaced: dict[Expr, Expr] = {}
        for node in scalar_parts(tree):
            if node.head == "[]":
                if not self._is_suffix(node.args[1:]):
                    return None
                name = self._operand(build(node.args[0], self.values, self.dtype, self.sum), values)
            elif node.head in ("Σ", "Max"):
                output = self._ordered(self.free(explicit(node, self.target)))
                if not self._is_suffix([sym(part) for part in output]):
                    return None
                name = self._operand(self.bound(node, output), values)
            elif node.head in ("δ", "and") or (node.head == "sym" and node.args[0] in self.indices):
                return None
            elif is_leaf(node) or is_elementwise(node) or not self.free(node):
                continue
            else:
                return None
            replaced[node] = sym(name)
        whole = build(substitute(tree, replaced), values, self.dtype, self.sum)
        return whole if whole.ndim == len(self.target) else None

    def _is_suffix(self, index: Sequence[Expr]) -> bool:
        names = tuple(part.args[0] if part.head == "sym" else "" for part in index)
        return not names or names == self.target[-len(names) :]


def _unbound(name: str) -> GraphError:
    return GraphError(
        f"index {name} is read and not written: sum over it with += or Σ_{name}, "
        "or write it on the left"
    )


def _axes_read(body: Expr, operands: Mapping[str, Handle], indices: frozenset[str]) -> set[str]:
    """The index names that stand in reads: those whose extent follows from an operand."""
    found: set[str] = set()
    for node in postorder(body):
        if node.head == "[]" and node.args[0].args[0] in operands:
            for part in node.args[1:]:
                found |= set(symbols(part)) & indices
    return found


def _check_axes(
    left: str,
    write: tuple[Expr, ...],
    reduce: str,
    known: set[str],
    indices: frozenset[str],
    operands: Mapping[str, Handle],
    at: Expr,
) -> None:
    written = [name for name in index_names(write) if name in indices]
    missing = [name for name in written if name not in known]
    if missing:
        raise Place(
            GraphError(
                f"index {missing[0]} of {left} is not read on the right, so its extent is unknown; "
                f"state it: for {missing[0]} < …"
            ),
            at,
        )
    plain = [part.args[0] for part in write if part.head == "sym"]
    if reduce == "set" and len(set(plain)) != len(plain):
        raise Place(GraphError("the left side writes along a diagonal; write += for that"), at)
