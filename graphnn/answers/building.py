"""An answer's expression as a node over the network's own values.

The text language gives it its meaning: shapes and index names are checked as in a network, and a
defect is shown with a caret. A sum that was forgotten (an index that is read, summed nowhere and
not written on the left) is put in, and reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphnn.answers.reading import Side
from graphnn.expression.names import show
from graphnn.expression.tree import Expr, apply, contains, fold, rebuild, sym, symbols
from graphnn.graph.handle import Handle
from graphnn.graph.node import Node
from graphnn.text.functions import function
from graphnn.text.indexed import Indexed
from graphnn.text.places import Pointer
from graphnn.text.resolve import Defect, resolve, unknown
from graphnn.text.scan import scan
from graphnn.text.tensors import Place, build


@dataclass(frozen=True)
class Built:
    """A side as a node, its resolved tree, and the index names over which it forgot to sum."""

    node: Node
    tree: Expr
    unsummed: tuple[str, ...] = ()


def letters(index: tuple[Expr, ...] | None, values: Mapping[str, Handle]) -> tuple[Expr, ...]:
    """The index names of a left side, each once; numbers name single elements."""
    found = [part for part in index or () if part.head == "sym" and part.args[0] not in values]
    return tuple(dict.fromkeys(found))


def built(
    side: Side,
    index: tuple[Expr, ...] | None,
    values: Mapping[str, Handle],
    text: str,
    ones: Mapping[str, Handle] | None = None,
) -> Built:
    """The node of one side over named values; `index` is the left side's, None for a tensor.

    `ones` are tensors of ones by index name: a factor that gives an index its extent, where the
    side itself reads nothing with it (`dL/dz[j] = 1`).

    Raises TextError or ShapeError with a caret.
    """
    point, line = Pointer(text), side.line
    axes = letters(index, values)
    found = scan([line.body], values)
    names = {part.args[0] for part in axes}
    with point.placed(line):
        for name, part in found.called.items():
            if name not in values and function(name) is None:
                raise unknown(name, values, part, "function")
        ranks = {name: handle.ndim for name, handle in values.items()}
        indices = frozenset({*found.indices, *names})
        read = resolve(line.body, ranks, indices)
        extended = {f"1{name}": one for name, one in (ones or {}).items()}
        lowered = Indexed({**values, **extended}, indices, (), "float64")
        tree = read.tree
        unsummed: tuple[str, ...] = ()
        try:
            loose = tuple(i for i in lowered.free(tree) if i not in names)
            if loose and index is None:
                message = (
                    f"index {loose[0]} is free: write it on the left, or sum with Σ_{loose[0]}"
                )
                raise Defect(message, found.indices[loose[0]])
            if not axes:
                if loose:
                    tree, unsummed = apply("Σ", *map(sym, loose), tree), loose
                return Built(build(tree, values, "float64", lowered.sum).node, tree, unsummed)
            if read.rank:
                raise Defect(
                    f"this has {read.rank} dimensions; beside an index on the left it is a number: "
                    f"give every value its index, or leave the index on the left out",
                    line.body,
                )
            if loose:
                tree, unsummed = apply("Σ", *map(sym, loose), tree), loose
            seen = {name for _, part in found.elements for e in part for name in symbols(e)}
            for axis in axes:
                if axis.args[0] not in seen and ones:
                    tree = _extended(tree, axis)
            handle = lowered.statement(tree, axes, "=", "answer")
        except Place as place:
            raise point.at(place, read, line) from None
    return Built(handle.node, tree, unsummed)


def _extended(tree: Expr, axis: Expr) -> Expr:
    """A tree, and every sum in it that reads an index, times the ones of that index."""
    one = apply("[]", sym(f"1{axis.args[0]}"), axis)

    def visit(node: Expr, parts: list[Expr]) -> Expr:
        if node.head == "Σ" and axis not in node.args[:-1] and contains(node.args[-1], axis):
            return apply("Σ", *parts[:-1], apply("*", parts[-1], one))
        return rebuild(node, parts)

    return apply("*", fold(tree, visit), one)


def retyped(side: Side, tree: Expr) -> Side:
    """The same side with another typed tree."""
    return Side(side.text, replace(side.line, body=tree))


def described(names: tuple[str, ...]) -> str:
    """Index names as a list."""
    return ", ".join(map(show, names))
