"""Sympy's view of an expression: used to differentiate and to judge, never shown or stored.

Every symbol becomes a real sympy symbol of its own; functions with a kink become cases before
sympy sees them. What comes back is ordered like the expression it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from graphnn.errors import GraphError
from graphnn.expression.algebra import add, divide, join_product, multiply, power
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.roots import with_roots, without_roots
from graphnn.expression.tree import (
    COMPARISONS,
    Expr,
    apply,
    children,
    fold,
    num,
    postorder,
    sym,
    symbols,
)

MANY = 10**6
MAX_EXPANDED = 200
"""Cancelling multiplies out: what would have more terms than this is left as it stands."""
MAX_CASES = 6
MAX_NESTED_CASES = 2
"""Cases above which sympy is not asked: it simplifies their conditions against each other."""
MAX_FACTORED = 16
"""Symbols above which only common factors are taken out: factoring takes seconds for 30."""

calls = 0
"""How often sympy was asked: a test holds this to the number of kinds of op, not of nodes."""


@lru_cache(maxsize=4096)
def to_sympy(e: Expr) -> Any:
    """The sympy form of a scalar expression.

    Elements and bound sums have no counterpart in sympy: the caller renames them to symbols first.

    >>> from graphnn.expression.tree import sym
    >>> to_sympy(power(sym("x"), num(2)))
    x**2

    Raises GraphError for a head that sympy has no view of.
    """
    import sympy

    def view(node: Expr, parts: list[Any]) -> Any:
        match node.head:
            case "num":
                value = node.args[0]
                if isinstance(value, Fraction):
                    return sympy.Rational(value.numerator, value.denominator)
                return sympy.Integer(value) if isinstance(value, int) else sympy.Float(value, 17)
            case "sym":
                return sympy.Symbol(node.args[0], real=True)
            case "+":
                return parts[0] + parts[1]
            case "-":
                return parts[0] - parts[1]
            case "*" | "·" | "⊙":
                return parts[0] * parts[1]
            case "/":
                return parts[0] / parts[1]
            case "^":
                return parts[0] ** parts[1]
            case "neg":
                return -parts[0]
            case "and":
                return sympy.And(*(_condition(part) for part in parts))
            case "extent":
                return sympy.Symbol(f"extent_{node.args[0].args[0]}", real=True)
            case "where":
                return sympy.Piecewise((parts[1], _condition(parts[0])), (parts[2], True))
            case head if head in COMPARISONS:
                relation = {"==": "Eq", "!=": "Ne", "<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge"}
                return getattr(sympy, relation[head])(*parts)
            case head if head in FUNCTIONS:
                arguments, form = template(head)
                return form.subs(dict(zip(arguments, parts, strict=True)), simultaneous=True)
        raise GraphError(f"internal error: sympy has no view of {node.head!r}")

    return fold(e, view)


def _condition(x: Any) -> Any:
    """A number as a condition holds where it is not 0."""
    import sympy

    return x if isinstance(x, bool | sympy.logic.boolalg.Boolean) else sympy.Ne(x, 0)


def _arguments(arity: int) -> list[Any]:
    import sympy

    return [sympy.Symbol(name, real=True) for name in "uv"[:arity]]


@cache
def template(name: str) -> tuple[list[Any], Any]:
    """A row's arguments and its sympy column, read by sympy: the text is the table's, not a user's."""
    import sympy

    row = FUNCTIONS[name]
    arguments = _arguments(row.arity)
    return arguments, sympy.sympify(row.sympy, locals={str(s): s for s in arguments})


@lru_cache(maxsize=4096)
def has_many_cases(e: Expr) -> bool:
    """Whether an expression has more cases (max, |·|, where …) than sympy simplifies in a moment."""
    if any(node.head == "extent" for node in postorder(e)):
        return False
    nested = fold(e, lambda node, inner: _is_case(node) + max(inner, default=0))
    return nested > MAX_NESTED_CASES or sum(map(_is_case, postorder(e))) > MAX_CASES


def _is_case(node: Expr) -> bool:
    return node.head == "where" or (node.head in FUNCTIONS and not FUNCTIONS[node.head].smooth)


@cache
def function_derivative(name: str, argument: int) -> Expr:
    """The derivative of an elementary function by sympy, over the symbols `u` and `v`.

    >>> function_derivative("tanh", 0)
    -(1, ^(tanh(u), 2))
    """
    global calls
    import sympy

    calls += 1
    arguments, form = template(name)
    derived = sympy.diff(form, arguments[argument])
    return from_sympy(derived, [name, *map(str, arguments)])


def from_sympy(e: Any, order: Sequence[str] = ()) -> Expr:
    """An ordered expression for what sympy computed.

    Terms and factors are ordered by the first of their symbols in `order`; a positive term leads;
    a sign that a factor `(b − a)` can absorb is absorbed: −a(a − 1) becomes a(1 − a).
    """
    place = {name: k for k, name in enumerate(order)}

    def rank(x: Any) -> tuple[Any, ...]:
        names = sorted(str(s) for s in x.free_symbols)
        return (min((place.get(n, len(place)) for n in names), default=-1), names, str(x))

    def convert(x: Any) -> Expr:
        import sympy

        if x.is_Integer:
            return num(int(x))
        if x.is_Rational:
            return num(Fraction(int(x.p), int(x.q)))
        if x.is_Float:
            return num(float(x))
        if x.is_Symbol:
            return sym(x.name)
        if x.is_Add:
            return _sum(x)
        if x.is_Mul:
            return _product(x)
        if isinstance(x, sympy.exp):
            return apply("exp", convert(x.args[0]))
        if x.is_Pow:
            base, exponent = x.args
            if exponent == sympy.Rational(1, 2):
                return apply("sqrt", convert(base))
            if exponent == sympy.Rational(-1, 2):
                return divide(num(1), apply("sqrt", convert(base)))
            if exponent.is_Rational and exponent < 0:
                return divide(num(1), power(convert(base), convert(-exponent)))
            return power(convert(base), convert(exponent))
        if isinstance(x, sympy.Piecewise):
            *cases, (last, _) = x.args
            result = convert(last)
            for value, condition in reversed(cases):
                result = apply("where", convert(condition), convert(value), result)
            return result
        if x.is_Relational:
            return apply(x.rel_op, convert(x.lhs), convert(x.rhs))
        name = type(x).__name__.lower()
        if name in FUNCTIONS:
            return apply(name, *(convert(part) for part in x.args))
        raise GraphError(f"internal error: {type(x).__name__} came out of a differentiation")

    def _sum(x: Any) -> Expr:
        parts = sorted(x.args, key=rank)
        signs = [part.could_extract_minus_sign() for part in parts]
        constants = [k for k, part in enumerate(parts) if part.is_number and not signs[k]]
        lead = constants[0] if constants else (signs.index(False) if False in signs else 0)
        parts.insert(0, parts.pop(lead))
        return add(*(convert(part) for part in parts))

    def _product(x: Any) -> Expr:
        import sympy

        coefficient, rest = x.as_coeff_Mul()
        numerator, denominator = sympy.fraction(rest)
        above = sorted(sympy.Mul.make_args(numerator), key=rank)
        below = sorted(sympy.Mul.make_args(denominator), key=rank)
        if coefficient < 0:
            for k, factor in enumerate(above):
                if factor.is_Add and _reads_better_negated(factor):
                    above[k] = -factor
                    coefficient = -coefficient
                    break
        return multiply(
            convert(coefficient),
            join_product(
                1,
                [convert(f) for f in above if f != 1] or [num(1)],
                [convert(f) for f in below if f != 1],
            ),
        )

    return convert(e)


def _reads_better_negated(x: Any) -> bool:
    """Flipping leaves no fewer positive terms, or makes the constant positive."""
    constant = x.as_coeff_Add()[0]
    if constant != 0:
        return bool(constant < 0)
    minus = sum(bool(part.could_extract_minus_sign()) for part in x.args)
    return 2 * minus >= len(x.args)


def simplified(e: Expr) -> Expr:
    """Rational cancellation: `e` over one denominator, common factors cancelled, factored.

    Elements and bound sums are opaque symbols; the result is ordered like `e`. Of the cancelled
    and the factored form the one with fewer nodes is kept.

    >>> from graphnn.expression.tree import sym
    >>> a, y = sym("a"), sym("y")
    >>> simplified(multiply(add(divide(y, a), sym("c")), a))
    +(y, *(a, c))
    """
    named, back = _opaque(e)
    plain, radicands = without_roots(named)
    return rename(with_roots(_cancelled(plain), radicands), back)


_VIEWED = frozenset({"+", "-", "*", "·", "⊙", "/", "^", "neg", "where", "and"}) | COMPARISONS
"""Heads that `to_sympy` has a view of, beside functions; any other part is opaque to sympy."""


def _opaque(e: Expr) -> tuple[Expr, dict[str, Expr]]:
    """Rename symbols, elements, bound sums and calls to `_0, _1, …` by first appearance."""
    back: dict[str, Expr] = {}
    names: dict[Expr, Expr] = {}

    def name(node: Expr) -> Expr:
        if node not in names:
            names[node] = sym(f"_{len(names)}")
            back[names[node].args[0]] = node
        return names[node]

    results: dict[Expr, Expr] = {}
    stack = [(e, False)]
    while stack:
        node, ready = stack.pop()
        if node.head == "num":
            results[node] = node
        elif node.head not in _VIEWED and node.head not in FUNCTIONS:
            results[node] = name(node)
        elif ready:
            results[node] = apply(node.head, *(results[child] for child in node.args))
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children(node)))
    return results[e], back


def rename(e: Expr, back: dict[str, Expr]) -> Expr:
    """Put what `_0, _1, …` stood for back in their places."""
    return fold(
        e,
        lambda node, parts: (
            back.get(node.args[0], node)
            if node.head == "sym"
            else (node if node.head == "num" else apply(node.head, *parts))
        ),
    )


def expanded_terms(e: Expr) -> int:
    """How many terms multiplying an expression out would give, at most.

    >>> from graphnn.expression.reader import read_scalar
    >>> expanded_terms(read_scalar("(a + b)^2 * (c + d) + 1"))
    9
    """

    def visit(node: Expr, parts: list[int]) -> int:
        match node.head:
            case "+" | "-":
                return min(sum(parts), MANY)
            case "*" | "·" | "⊙":
                return min(parts[0] * parts[1], MANY)
            case "/":
                return min(parts[0] + parts[1], MANY)
            case "^":
                exponent = node.args[1].args[0] if node.args[1].head == "num" else 1
                return int(min(parts[0] ** min(abs(exponent), 16), MANY))
            case "neg":
                return parts[0]
        return 1

    return fold(e, visit)


@lru_cache(maxsize=4096)
def _cancelled(e: Expr) -> Expr:
    if expanded_terms(e) > MAX_EXPANDED or has_many_cases(e):
        return e
    global calls
    import sympy

    calls += 1
    order = symbols(e)
    view = to_sympy(e)
    undefined = (sympy.nan, sympy.zoo, sympy.oo)
    if view.has(sympy.Piecewise, sympy.Float, *undefined):
        return e
    cancelled = sympy.cancel(sympy.together(view))
    if cancelled.has(*undefined):
        return e
    factor = sympy.factor if len(order) <= MAX_FACTORED else sympy.factor_terms
    candidates = [from_sympy(cancelled, order), from_sympy(factor(cancelled), order)]
    return min(candidates, key=cost)


def cost(e: Expr) -> int:
    """What a reader has to take in: nodes, with a product of sums dearer than its parts are not."""
    return fold(e, lambda node, parts: 1 + sum(parts))
