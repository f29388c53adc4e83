"""Which names a typed tree uses, and as what: values, functions, index names, elements."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from graphnn.expression.tree import Expr, children, symbols
from graphnn.text.resolve import LITERALS


@dataclass
class Uses:
    """The names of one line in order of first use, each with the part at which it stands.

    `values` stand where a value is read; `called` stand before a bracket and are functions, or
    values to be multiplied; `elements` are reads `x[i, j]` with index names in them; `looked_up`
    are the integer tensors of `E[t[n], d]`; `applied` names stand before something that a function
    would take.
    """

    values: dict[str, Expr] = field(default_factory=dict)
    called: dict[str, Expr] = field(default_factory=dict)
    indices: dict[str, Expr] = field(default_factory=dict)
    bound: dict[str, Expr] = field(default_factory=dict)
    elements: list[tuple[str, tuple[Expr, ...]]] = field(default_factory=list)
    looked_up: dict[str, Expr] = field(default_factory=dict)
    applied: set[str] = field(default_factory=set)
    sums: bool = False


def scan(trees: Collection[Expr], values: Collection[str]) -> Uses:
    """Sort the names of a line; `values` are known to be values, so they are no index names.

    >>> from graphnn.expression.reader import read
    >>> found = scan([read("K[u]*x[i+u] + b")], {"b"})
    >>> list(found.values), list(found.indices)
    (['K', 'x', 'b'], ['u', 'i'])
    """
    found = Uses()
    stack: list[tuple[Expr, bool]] = [(tree, False) for tree in reversed(list(trees))]
    seen: set[tuple[Expr, bool]] = set()
    while stack:
        node, inside = stack.pop()
        if (node, inside) in seen:
            continue
        seen.add((node, inside))
        match node.head:
            case "sym":
                table = found.indices if inside and node.args[0] not in values else found.values
                table.setdefault(node.args[0], node)
            case "call":
                found.called.setdefault(node.args[0].args[0], node)
                stack.extend((part, inside) for part in reversed(node.args[1:]))
            case "juxt":
                found.applied.update(_base(part) for part in node.args[:-1])
                stack.extend((part, inside) for part in reversed(node.args))
            case "=":
                stack.append((node.args[1], inside))
            case "[]":
                if inside and node.args[0].head == "sym":
                    found.looked_up.setdefault(node.args[0].args[0], node)
                _element(node, values, found)
                stack.extend((part, True) for part in reversed(node.args[1:]))
                stack.append((node.args[0], False))
            case "δ":
                stack.extend((part, True) for part in reversed(node.args))
            case "Σ" | "Max":
                found.sums = True
                for part in node.args[:-1]:
                    for name in symbols(part):
                        found.bound.setdefault(name, node)
                        found.indices.setdefault(name, node)
                stack.append((node.args[-1], inside))
            case "∂":
                stack.extend((part, False) for part in reversed(node.args))
            case _:
                stack.extend((part, inside) for part in reversed(children(node)))
    for name in (*found.indices, *LITERALS):
        found.values.pop(name, None)
    found.applied.update(found.called)
    return found


def _base(part: Expr) -> str:
    base = part.args[0] if part.head == "^" else part
    return str(base.args[0]) if base.head == "sym" else ""


def _element(node: Expr, values: Collection[str], found: Uses) -> None:
    base, *index = node.args
    names = [name for part in index if part.head != "[]" for name in symbols(part)]
    looked = any(part.head == "[]" for part in index)
    if base.head == "sym" and (looked or any(name not in values for name in names)):
        found.elements.append((base.args[0], tuple(index)))
