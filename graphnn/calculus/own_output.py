"""A rule names its own output where that is shorter: σ′ = y(1 − y), tanh′ = 1 − y².

Found generically. With the one transcendental part of the body (`exp(−x)`, `tanh(x)`) replaced by
a symbol T, y = f(T) and w = f′(T) are rational; the resultant in T of num(y − f) and num(w − f′)
ties w to y. A factor linear in w is a rule; it is taken when it is shorter than f′, agrees with it
at fixed points, and brings no new denominator (swish would become y(1 + x − y)/x: refused).
"""

from __future__ import annotations

from functools import lru_cache

from graphnn.expression import sympy_view
from graphnn.expression.agreement import equal_at_points
from graphnn.expression.derivative import derivative
from graphnn.expression.functions import FUNCTIONS
from graphnn.expression.sympy_view import cost, from_sympy, to_sympy
from graphnn.expression.tree import Expr, postorder, substitute, sym, symbols

OUTPUT = "_y"


@lru_cache(maxsize=8192)
def in_own_output(body: Expr, name: str) -> Expr:
    """∂body/∂name, with the symbol `_y` for the body's own value where that is shorter.

    >>> from graphnn.expression.reader import read_scalar
    >>> in_own_output(read_scalar("1 / (1 + exp(-x))"), "x")
    *(_y, -(1, _y))
    """
    plain = derivative(body, name)
    if body.head in FUNCTIONS and FUNCTIONS[body.head].derivatives[0] is not None:
        # a stable function's derivative is written out: only the function itself is named in it
        return substitute(plain, {body: sym(OUTPUT)})
    kernel = _kernel(body)
    if kernel is None or sym(name) not in set(postorder(kernel)):
        return plain
    found = _found(body, plain, kernel)
    return plain if found is None else found


def _kernel(body: Expr) -> Expr | None:
    """The one transcendental sub-expression of a body, or None where there is none or several."""
    kernels = [node for node in postorder(body) if node.head in FUNCTIONS]
    conditions = any(node.head == "where" for node in postorder(body))
    if len(kernels) != 1 or conditions:
        return None
    row = FUNCTIONS[kernels[0].head]
    if not row.smooth or any(text is not None for text in row.derivatives):
        return None
    return kernels[0]


def _found(body: Expr, plain: Expr, kernel: Expr) -> Expr | None:
    import sympy

    sympy_view.calls += 1
    t, w, y = sym("_T"), sympy.Symbol("_w", real=True), sympy.Symbol(OUTPUT, real=True)
    forward = to_sympy(substitute(body, {kernel: t}))
    backward = to_sympy(substitute(plain, {kernel: t}))
    T = to_sympy(t)
    if not all(side.is_rational_function(*side.free_symbols) for side in (forward, backward)):
        return None
    above = [sympy.fraction(sympy.together(side))[0] for side in (y - forward, w - backward)]
    resultant = sympy.resultant(*above, T)
    candidates = []
    for factor, _ in sympy.factor_list(resultant)[1]:
        if sympy.degree(factor, w) == 1:
            candidates.append(sympy.factor(sympy.solve(factor, w)[0]))
    for candidate in candidates:
        below = sympy.fraction(sympy.together(candidate))[1]
        old = sympy.fraction(sympy.together(backward))[1]
        if below.free_symbols - old.free_symbols - ({y} if T in old.free_symbols else set()):
            continue
        shown = from_sympy(candidate, [OUTPUT, *symbols(body)])
        other = from_sympy(sympy.expand(candidate), [OUTPUT, *symbols(body)])
        best = min((shown, other), key=cost)
        back = substitute(best, {sym(OUTPUT): body})
        if cost(best) < cost(plain) and equal_at_points(back, plain):
            return best
    return None
