"""What every part of a derivation looks up: the network, its index forms, names and numbers."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphnn.calculus.formula import Formula
from graphnn.derivation.exact import OPERATORS, bounded
from graphnn.derivation.index_form import CALLS, IndexForm, Indices, element
from graphnn.derivation.knowledge import Knowledge, open_hidden
from graphnn.derivation.magnitudes import ROUNDING, magnitude, magnitude_name
from graphnn.derivation.shown import literal, reproduces, scalar, summary
from graphnn.derivation.softmaxes import softmax_name, with_softmax
from graphnn.derivation.steps import Side
from graphnn.derivation.values import value
from graphnn.derivation.written import lettered, ordered
from graphnn.errors import GraphError
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.tree import Expr, apply, fold, num, postorder, substitute, sym
from graphnn.graph.node import scalar_value
from graphnn.graph.statements import Network, Statement

AGREE = 1e-8
"""Two ways to compute a gradient agree to this part of its largest entry."""


@dataclass
class Context:
    """The state of one derivation; `values` and `cotangents` are None without numbers.

    `written` has the expression of each δ and its index: what its number was made from.
    """

    net: Network
    loss: str
    wrt: tuple[str, ...]
    indices: Indices
    forms: dict[str, IndexForm | None]
    known: Knowledge
    free: dict[str, tuple[Expr, ...]]
    on_path: frozenset[str]
    digits: int
    values: dict[str, Any] | None = None
    cotangents: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    chosen: dict[Expr, int] = field(default_factory=dict)
    places: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    softmaxes: dict[tuple[str, int], Expr] = field(default_factory=dict)
    named_cotangents: dict[str, Any] | None = None
    notes: dict[str, str] = field(default_factory=dict)
    written: dict[str, tuple[Expr, tuple[Expr, ...]]] = field(default_factory=dict)
    magnitudes: dict[str, Any] = field(default_factory=dict)
    zeros: dict[str, str] = field(default_factory=dict)

    @cached_property
    def path_statements(self) -> tuple[Statement, ...]:
        """The statements between `wrt` and the loss, in the user's order."""
        return tuple(s for s in self.net.statements if s.name in self.on_path)

    @cached_property
    def hidden_forms(self) -> tuple[IndexForm, ...]:
        """The index forms that have hidden values."""
        return tuple(f for f in self.forms.values() if f is not None and f.hidden)

    @cached_property
    def statements(self) -> dict[str, Statement]:
        """Name → the statement that computes it."""
        return {s.name: s for s in self.net.statements}

    @cached_property
    def own_bodies(self) -> dict[str, Expr]:
        """Op → its body over its operands, of element-wise ops: a call with numbers has a value.

        An op that is used with several bodies (its parameters differ) has none.
        """
        found: dict[str, set[Expr]] = {}
        for statement in self.net.statements:
            for node in statement.inner:
                op = node.op
                if isinstance(op, Formula) and op.reduce == "set" and not op.guards:
                    at = {}
                    for k, read in enumerate(op.reads):
                        constant = scalar_value(node.operands[read.operand])
                        part = sym(f"_{read.operand}") if constant is None else num(constant)
                        at[sym(f"_{k}")] = part
                    found.setdefault(op.name, set()).add(substitute(op.body, at))
        known = {*CALLS, *FUNCTIONS, *OPERATORS}
        return {n: body for n, (body, *more) in found.items() if not more and n not in known}

    @cached_property
    def users(self) -> Counter[str]:
        """Name → how many statements on the path read it."""
        return Counter(name for s in self.path_statements for name in s.reads)

    @cached_property
    def readers(self) -> dict[str, list[Statement]]:
        """Name → the statements on the path that read it."""
        found: dict[str, list[Statement]] = {}
        for statement in self.path_statements:
            for name in statement.reads:
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def path_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Name → how many paths lead from the loss to it, and name → how long the longest is."""
        counts, lengths = {self.loss: 1}, {self.loss: 0}
        for statement in reversed(self.path_statements):
            for operand in self.operands(statement):
                counts[operand] = counts.get(operand, 0) + counts.get(statement.name, 0)
                further = lengths.get(statement.name, 0) + 1
                lengths[operand] = max(lengths.get(operand, 0), further)
        return counts, lengths

    @cached_property
    def _places(self) -> dict[str, int]:
        return {s.name: k for k, s in enumerate(self.path_statements)}

    def above(self, name: str) -> list[Statement]:
        """The statements that a value reaches, in the user's order."""
        found: dict[str, Statement] = {}
        waiting = [name]
        while waiting:
            for statement in self.readers.get(waiting.pop(), ()):
                if statement.name not in found:
                    found[statement.name] = statement
                    waiting.append(statement.name)
        return sorted(found.values(), key=lambda s: self._places[s.name])

    def index(self, name: str) -> tuple[Expr, ...]:
        """The index symbols of a named value; 0 for a dimension of size 1."""
        form = self.forms.get(name)
        if form is not None:
            return form.index
        if name not in self.free:
            shape = self.net.nodes[name].shape
            wishes = self._wished(name, len(shape))
            self.free[name] = tuple(
                self.indices.run(size, wish) for size, wish in zip(shape, wishes, strict=True)
            )
        return self.free[name]

    def _wished(self, name: str, rank: int) -> list[str]:
        """The letters under which an author's own index notation reads a leaf; p, q elsewhere."""
        if not rank:
            return []
        for form in self.forms.values():
            if form is None:
                continue
            for node in postorder(form.tree):
                if node.head == "[]" and node.args[0] is sym(name):
                    found = [self.indices.wishes.get(part, "") for part in node.args[1:]]
                    authored = any(
                        self.indices.wishes.get(s)
                        for part in node.args[1:]
                        for s in postorder(part)
                    )
                    spare = iter("pqrs")
                    return [w or (next(spare) if authored else "") for w in found]
        return [""] * rank

    def operands(self, statement: Statement) -> list[str]:
        """The names on the path that a statement reads, in written order."""
        return [name for name in statement.reads if name in self.on_path]

    def letters(self, parts: Sequence[Expr]) -> list[Expr]:
        """Expressions of one line with letters for their index symbols."""
        return lettered(parts, self.indices, self.net.nodes)

    def environment(self) -> Mapping[str, Any]:
        """Every number by name: values, δs, sizes, and cotangents as ∂L/∂·."""
        if self.named_cotangents is None:
            top = self.top
            self.named_cotangents = {
                f"∂{top}/∂{sym(name)}": number for name, number in self.cotangents.items()
            }
        sizes = {name: np.asarray(n, dtype=object) for name, n in self.sizes.items()}
        return ChainMap(self.extra, self.values or {}, self.named_cotangents, sizes)

    @property
    def top(self) -> Expr:
        """What is differentiated: the loss, or for a tensor output a loss L that it feeds."""
        if all(size == 1 for size in self.net.nodes[self.loss].shape) and not self.extra.get(
            cotangent_name(self.loss)
        ):
            return sym(self.loss)
        return sym(next(n for n in ("L", "J", "loss", "L0") if n not in self.net.nodes))

    def exactly(
        self,
        e: Expr,
        free: Sequence[Expr],
        result: Any,
        extents: Mapping[Expr, int] | None = None,
    ) -> Any:
        """The gradient as the shown expression gives it, exact where that is.

        `extents` are those of index symbols that are not the derivation's own.

        Raises GraphError where the expression is not the gradient: no line is shown unchecked.
        """
        if result is None:
            return None
        sizes = extents
        if sizes is None:
            sizes = {s: n for s, n in self.indices.extents.items() if isinstance(n, int)}
        try:
            symbols = [s for s in free if s.head == "sym"]
            made = self._by_terms(e, self.environment(), symbols, sizes)
        except (KeyError, IndexError):
            return result
        shape = np.shape(result)
        made = _shaped(made, shape)
        mine, theirs = (np.asarray(x, dtype=np.float64) for x in (made, result))
        gap, scale = np.abs(mine - theirs), float(np.max(np.abs(theirs), initial=0))
        if np.all(np.isfinite(theirs)) and not np.all(gap <= AGREE * scale):
            rounding = _shaped(self.rounding(e, free, sizes), shape)
            if not np.all(gap <= np.maximum(rounding, AGREE * scale)):
                raise GraphError(f"internal error: {e} is not the gradient that the graph computes")
        return made if made.dtype == object else result

    def _by_terms(
        self,
        e: Expr,
        env: Mapping[str, Any],
        free: Sequence[Expr],
        sizes: Mapping[Expr, int],
    ) -> Any:
        """The value of an expression; of a sum term by term, so that each has its own indices only."""
        total: Any = None
        waiting = [(e, False)]
        while waiting:
            term, negative = waiting.pop()
            if term.head in ("+", "-"):
                left, right = term.args
                waiting += [(right, negative != (term.head == "-")), (left, negative)]
            elif term.head == "neg":
                waiting.append((term.args[0], not negative))
            else:
                found = value(term, env, free, sizes)
                found = OPERATORS["neg"](found) if negative else found
                total = found if total is None else OPERATORS["+"](total, found)
        return bounded(total)

    def rounding(
        self, e: Expr, free: Sequence[Expr], extents: Mapping[Expr, int] | None = None
    ) -> Any:
        """What rounding may leave in the value of an expression where its terms cancel."""
        if not self.magnitudes:
            for name, number in (self.values or {}).items():
                form = self.forms.get(name)
                if form is not None:
                    tree = open_hidden(form.tree, self.hidden_forms, self.indices)
                    self._measure(name, tree, form.index, number)
                else:
                    reads = self.statements[name].reads if name in self.statements else ()
                    largest = max(
                        (np.max(self.magnitudes[magnitude_name(n)], initial=0) for n in reads),
                        default=0,
                    )
                    own = np.abs(np.asarray(number, dtype=np.float64))
                    self.magnitudes[magnitude_name(name)] = np.maximum(own, largest)
        for name, (written, index) in self.written.items():
            if magnitude_name(name) not in self.magnitudes:
                self._measure(name, written, index, self.extra.get(name, 0))
        return ROUNDING * self._magnitude(e, free, extents)

    def _measure(self, name: str, e: Expr, free: Sequence[Expr], number: Any) -> None:
        own = np.abs(np.asarray(number, dtype=np.float64))
        try:
            found = _shaped(self._magnitude(e, free), own.shape)
        except (KeyError, IndexError, ValueError, GraphError):
            found = own
        self.magnitudes[magnitude_name(name)] = np.where(found > own, found, own)

    def _magnitude(
        self, e: Expr, free: Sequence[Expr], extents: Mapping[Expr, int] | None = None
    ) -> Any:
        env = self.environment()
        known = {str(n)[1:-1] for n in self.magnitudes}
        for name in _names(e):
            if name in env and name not in known:
                own = np.abs(np.asarray(env[name], dtype=np.float64))
                self.magnitudes[magnitude_name(name)] = own
                known.add(name)
        sizes = extents
        if sizes is None:
            sizes = {s: n for s, n in self.indices.extents.items() if isinstance(n, int)}
        symbols = [s for s in free if s.head == "sym"]
        within = ChainMap(self.magnitudes, dict(env))
        found = self._by_terms(magnitude(e, known), within, symbols, sizes)
        return np.asarray(found, dtype=np.float64)

    def named_argmax(self, e: Expr) -> Expr:
        """Where a maximum is, as an element of a value of its own: `u_star[i, j]`."""

        def visit(node: Expr, parts: list[Expr]) -> Expr:
            if node.head != "argmax":
                return node if node.head in ("num", "sym") else apply(node.head, *parts)
            place, whole = node.args[0].args[0], node.args[1]
            inner = {b for n in postorder(whole) if n.head in ("Σ", "Max") for b in n.args[:-1]}
            extents = self.indices.extents
            outer = tuple(s for s in ordered(whole) if s in extents and s not in inner)
            names = [s for s in ordered(whole) if s in outer or s in inner]
            key = substitute(whole, {s: sym(f"$o{k}") for k, s in enumerate(names)})
            called = self.chosen.setdefault(key, len(self.chosen))
            name = f"{'uvwst'[place % 5]}_star" + (str(called) if called else "")
            self.places.setdefault(name, (element(name, outer), whole.args[-1]))
            if self.values is not None and name not in self.extra:
                self.extra[name] = self._argmax(whole, place, outer)
            return element(name, outer)

        return fold(e, visit)

    def named_softmax(self, e: Expr) -> Expr:
        """exp(z − max z)/Σ exp(z − max z) as an element of a value of its own: `p[i, j]`."""

        def called(name: str, axis: int, index: tuple[Expr, ...]) -> Expr:
            if (name, axis) not in self.softmaxes:
                taken = {*self.net.nodes, *self.extra, *(str(s) for s in self.softmaxes.values())}
                self.softmaxes[name, axis] = softmax_name(taken)
            made = str(self.softmaxes[name, axis].args[0])
            if self.values is not None and made not in self.extra:
                scores = np.asarray(self.values[name], dtype=np.float64)
                powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
                self.extra[made] = powers / powers.sum(axis=axis, keepdims=True)
            return element(made, index)

        return with_softmax(e, called)

    def _argmax(self, whole: Expr, place: int, outer: Sequence[Expr]) -> Any:
        *bound, body = whole.args
        sizes = {**self.indices.extents, **self.indices.dummies}
        numbers = {s: n for s, n in sizes.items() if isinstance(n, int)}
        found = np.asarray(value(body, self.environment(), [*outer, *bound], numbers), dtype=float)
        window = found.shape[len(outer) :]
        flat = found.reshape(*found.shape[: len(outer)], -1).argmax(axis=-1)
        return np.asarray(np.unravel_index(flat, window)[place])

    def number(self, e: Expr, free: Sequence[Expr] = ()) -> Any:
        """The value of an expression, or None without values."""
        if self.values is None:
            return None
        return value(e, self.environment(), free)

    def sides(self, e: Expr, result: Any, numbers: bool = True) -> tuple[Side, ...]:
        """`= e = numbers = result`, the relation ≈ where the numbers do not reproduce it."""
        made = [Side(e)]
        if result is None:
            return tuple(made)
        if e.head == "num" and np.size(result) > 1:
            return (self.result(result),)
        shown = self.substituted(e) if numbers else None
        final = literal(result)
        if shown is not None and shown is not final and shown is not e:
            made.append(Side(shown, "numbers"))
        relation = "="
        last = made[-1].expr
        if shown is not None and last is not None and final is not None:
            same = reproduces(shown, result, self.digits, self.own_bodies)
            relation = "=" if same else "≈"
        if final is not e:
            made.append(self.result(result, relation))
        return tuple(made)

    def result(self, result: Any, relation: str = "=") -> Side:
        """The last side: the value, or its summary where it is large."""
        final = literal(result)
        text = "" if final is not None else summary(result, self.digits)
        return Side(final, "value", relation, text)

    def substituted(self, e: Expr) -> Expr | None:
        """The expression with numbers for names: every name a single element, or ⊙ by factor."""
        env = self.environment()
        names = [n for n in _names(e) if n in env]
        if any(n.head in ("Σ", "Max", "δ", "[]") for n in _all(e)):
            return None
        if any(n.head in ("@", "T", "sum", "mean") for n in _all(e)) and e.head != "⊙":
            return None
        if all(scalar(env[n]) is not None for n in names):
            at = {sym(n): num(scalar(env[n]) or 0) for n in names}
            at.update({d: num(scalar(value(d, env)) or 0) for d in _all(e) if d.head == "∂"})
            return substitute(e, at)
        if e.head == "neg":
            inner = self.substituted(e.args[0])
            return None if inner is None else apply("neg", inner)
        if e.head == "⊙":
            parts = []
            for factor in _factors(e):
                written = literal(value(factor, env))
                if written is None or np.ndim(value(factor, env)) > 1:
                    return None
                parts.append(written)
            made = parts[0]
            for part in parts[1:]:
                made = apply("⊙", made, part)
            return made
        return None


def _shaped(made: Any, shape: tuple[int, ...]) -> Any:
    """A value in the shape of the result that it is held against."""
    made = np.asarray(made)
    return np.broadcast_to(made, shape) if made.size == 1 else made.reshape(shape)


def cotangent_name(name: str) -> str:
    """The name of the cotangent that a tensor output is given: z̄."""
    return f"{name}_bar"


def _factors(e: Expr) -> list[Expr]:
    return [*_factors(e.args[0]), e.args[1]] if e.head == "⊙" else [e]


def _all(e: Expr) -> list[Expr]:
    return list(postorder(e))


def _names(e: Expr) -> list[str]:
    stack, found = [e], []
    while stack:
        node = stack.pop()
        if node.head == "sym":
            found.append(str(node.args[0]))
        elif node.head not in ("num", "∂"):
            stack.extend(node.args)
    return found
