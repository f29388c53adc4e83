"""What every part of a derivation looks up: the network, its index forms, names and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphnn.derivation.index_form import IndexForm, Indices, element, index_form
from graphnn.derivation.simplify import Fact, Knowledge, knowledge
from graphnn.derivation.steps import Side
from graphnn.derivation.values import (
    exact_array,
    literal,
    reproduces,
    scalar,
    summary,
    value,
)
from graphnn.derivation.written import lettered
from graphnn.errors import GraphError, ShapeError, TextError
from graphnn.expression.names import canonical
from graphnn.expression.tree import Expr, apply, num, postorder, substitute, sym
from graphnn.graph.evaluate import bind_sizes, evaluate_nodes
from graphnn.graph.gradient import differentiate
from graphnn.graph.node import Node
from graphnn.graph.statements import Network, Statement


@dataclass
class Context:
    """The state of one derivation; `values` and `cotangents` are None without numbers."""

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

    @property
    def path_statements(self) -> list[Statement]:
        """The statements between `wrt` and the loss, in the user's order."""
        return [s for s in self.net.statements if s.name in self.on_path]

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
        for form in self.forms.values():
            if form is None:
                continue
            for node in postorder(form.tree):
                if node.head == "[]" and node.args[0] is sym(name):
                    found = [self.indices.wishes.get(part, "") for part in node.args[1:]]
                    authored = any(
                        self.indices.wishes.get(s) for part in node.args[1:] for s in postorder(part)
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

    def environment(self) -> dict[str, Any]:
        """Every number by name: values, cotangents under their δ names and as ∂L/∂·."""
        found: dict[str, Any] = {name: np.asarray(n, dtype=object) for name, n in self.sizes.items()}
        found.update(self.values or {})
        found.update(self.extra)
        found.update({f"∂{self.top}/∂{sym(n)}": v for n, v in self.cotangents.items()})
        return found

    @property
    def top(self) -> Expr:
        """What is differentiated: the loss, or for a tensor output a loss L that it feeds."""
        if all(size == 1 for size in self.net.nodes[self.loss].shape) and not self.extra.get(
            cotangent_name(self.loss)
        ):
            return sym(self.loss)
        return sym(next(n for n in ("L", "J", "loss", "L0") if n not in self.net.nodes))

    def exactly(self, e: Expr, free: Sequence[Expr], result: Any) -> Any:
        """The gradient as the shown expression gives it, exact where that is.

        Raises GraphError where the expression is not the gradient: no line is shown unchecked.
        """
        if result is None:
            return None
        sizes = {s: n for s, n in self.indices.extents.items() if isinstance(n, int)}
        try:
            made = value(e, self.environment(), [s for s in free if s.head == "sym"], sizes)
        except (KeyError, IndexError):
            return result
        made = np.asarray(made).reshape(np.shape(result))
        mine, theirs = (np.asarray(x, dtype=np.float64) for x in (made, result))
        scale = max(1e-12, float(np.max(np.abs(theirs), initial=0)))
        if np.all(np.isfinite(theirs)) and not np.all(np.abs(mine - theirs) <= 1e-8 * scale):
            raise GraphError(f"internal error: {e} is not the gradient that the graph computes")
        return made if made.dtype == object else result

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
        shown = self.substituted(e) if numbers else None
        final = literal(result)
        if shown is not None and shown is not final and shown is not e:
            made.append(Side(shown, "numbers"))
        relation = "="
        last = made[-1].expr
        if shown is not None and last is not None and final is not None:
            relation = "=" if reproduces(shown, result, self.digits) else "≈"
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
            at.update(
                {d: num(scalar(value(d, env)) or 0) for d in _all(e) if d.head == "∂"}
            )
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


def make_context(
    net: Network,
    loss: str,
    wrt: tuple[str, ...],
    at: Mapping[str, Any],
    assume: Sequence[str],
    digits: int,
    cotangent: Any,
) -> Context:
    """Everything that the steps are made from."""
    indices = Indices()
    on_path = _on_path(net, loss, wrt)
    forms = {s.name: index_form(s, net, indices) for s in net.statements}
    known = knowledge(
        [f for s in net.statements if s.name in on_path and (f := forms[s.name])], indices
    )
    ctx = Context(net, loss, wrt, indices, forms, known, {}, on_path, digits)
    facts = tuple(_assumption(text, ctx) for text in assume)
    ctx.known = Knowledge(known.eliminations, known.shortcuts, (*known.facts, *facts))
    leaves = [name for name in net.leaves if name not in at]
    if at and not leaves:
        _numbers(ctx, at, cotangent)
        for text, fact in zip(assume, facts, strict=True):
            _check_assumption(text, fact, ctx)
    return ctx


def _on_path(net: Network, loss: str, wrt: Sequence[str]) -> frozenset[str]:
    above = set(wrt)
    for statement in net.statements:
        if above & set(statement.reads):
            above.add(statement.name)
    below = {loss}
    for statement in reversed(net.statements):
        if statement.name in below:
            below |= set(statement.reads)
    return frozenset(above & below)


def _numbers(ctx: Context, at: Mapping[str, Any], cotangent: Any) -> None:
    """Values of every statement (exact where they can be) and cotangents on the path."""
    given = {canonical(name): given for name, given in at.items()}
    loss = ctx.net.nodes[ctx.loss]
    nodes = dict(ctx.net.nodes)
    fed = {name: _as_fed(v) for name, v in given.items()}
    ctx.sizes = bind_sizes(list(nodes.values()), fed)
    seed_node: Node | None = None
    if cotangent is not None or any(size != 1 for size in loss.shape):
        from graphnn.graph.node import make

        seed_node = make("input", shape=loss.shape, dtype=loss.dtype, name="\0cotangent")
        if cotangent is None:
            _forward_numbers(ctx, nodes, fed, given)
            return
        fed["\0cotangent"] = _as_fed(cotangent)
        ctx.extra[cotangent_name(ctx.loss)] = exact_array(cotangent)
    wanted = [nodes[name] for name in sorted(ctx.on_path)]
    gradients = differentiate(loss, wanted, seed_node).gradients
    found = evaluate_nodes([*nodes.values(), *gradients.values()], fed, rounded=False)
    _forward_numbers(ctx, nodes, fed, given, {n: found[node] for n, node in nodes.items()})
    ctx.cotangents = {
        name: _plain(found[gradients[nodes[name]]]) for name in sorted(ctx.on_path)
    }


def cotangent_name(name: str) -> str:
    """The name of the cotangent that a tensor output is given: z̄."""
    return f"{name}_bar"


def _forward_numbers(
    ctx: Context,
    nodes: Mapping[str, Node],
    fed: Mapping[str, Any],
    given: Mapping[str, Any],
    found: Mapping[str, Any] | None = None,
) -> None:
    if found is None:
        computed = evaluate_nodes(list(nodes.values()), fed, rounded=False)
        found = {name: computed[node] for name, node in nodes.items()}
    env: dict[str, Any] = {name: exact_array(given[name]) for name in ctx.net.leaves}
    for statement in ctx.net.statements:
        env[statement.name] = _exact_value(statement, env, found[statement.name])
    ctx.values = env


def _exact_value(statement: Statement, env: Mapping[str, Any], number: Any) -> Any:
    """The statement's value by its own written tree, exact where that is; else the evaluator's."""
    array = np.asarray(number, dtype=np.float64)
    if array.size > 64 or statement.index is not None:
        return array
    try:
        made = value(statement.written, env)
    except (GraphError, KeyError, ValueError, TypeError, IndexError):
        return array
    if np.shape(made) != array.shape:
        return array
    gap = np.abs(np.asarray(made, dtype=np.float64) - array)
    scale = np.max(np.abs(array), initial=1e-300)
    close = bool(np.all(gap <= 1e-9 * scale)) or not np.all(np.isfinite(array))
    return made if close and made.dtype == object else array


def _as_fed(given: Any) -> Any:
    array = np.asarray(given)
    return array.astype(np.float64) if array.dtype == object else array


def _plain(x: Any) -> Any:
    return np.asarray(x, dtype=np.float64)


def _assumption(text: str, ctx: Context) -> Fact:
    """`sum(y)=1` (over all, or `axis=…`) as a fact about an index sum."""
    from graphnn.expression.reader import read

    left, equals, right = text.partition("=")
    if "axis" in text:
        left, _, right = text.rpartition("=")
        equals = "="
    if not equals:
        raise TextError("an assumption is an equality such as sum(y)=1", text)
    tree = read(left)
    total = read(right)
    called = tree.args if tree.head == "call" else ()
    if not called or called[0].args[0] != "sum" or called[1].head != "sym" or total.head != "num":
        raise TextError("the assumption that is understood is sum(NAME)=NUMBER", text)
    name = str(called[1].args[0])
    if name not in ctx.net.nodes:
        raise GraphError(f"--assume names {name}, which is no value of the network")
    shape = ctx.net.nodes[name].shape
    if not shape:
        raise ShapeError(f"--assume {text}: {name} is a scalar")
    axis = len(shape) - 1
    for part in called[2:]:
        if part.head == "=":
            axis = int(part.args[1].args[0]) if part.args[1].head == "num" else -1
            axis %= len(shape)
    index = tuple(ctx.indices.fresh(size) for size in shape)
    bound = index if len(called) == 2 and len(shape) == 1 else (index[axis],)
    rest = tuple(i for i in index if i not in bound)
    written = apply("==", apply("Σ", *bound, element(name, index)), total)
    shown = ctx.letters([written])[0]
    reason = f"assumes {str(shown).replace(' == ', ' = ')}"
    return Fact(bound, rest, element(name, index), total, reason)


def _check_assumption(text: str, fact: Fact, ctx: Context) -> None:
    if ctx.values is None:
        return
    total = apply("Σ", *fact.bound, fact.pattern)
    found = np.asarray(value(total, ctx.values, fact.free), dtype=np.float64)
    if not np.allclose(found, float(fact.value.args[0]), rtol=1e-6):
        raise GraphError(
            f"the values contradict --assume {text}: the sum is {np.ravel(found)[0]:.6g}"
        )
