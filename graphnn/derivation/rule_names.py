"""What stands in the margin: the name of the rule by which a part is differentiated."""

from __future__ import annotations

from graphnn.derivation.index_form import CALLS, HIDDEN
from graphnn.expression.algebra import ZERO
from graphnn.expression.derivative import walk
from graphnn.expression.names import show
from graphnn.expression.tree import BINDERS, Expr, contains, is_leaf, num, postorder

_CALL_RULES = {
    "sigmoid": "σ′ = σ(1 − σ)",
    "relu": "relu′ = 1 above 0, else 0 (convention at 0: 0)",
    "leaky_relu": "1 from 0 on (convention at 0: 1), a below",
    "parametric_relu": "1 from 0 on (convention at 0: 1), a below",
    "elu": "1 above 0, α·exp(z) below (convention at 0: α)",
    "softplus": "softplus′ = σ",
    "log_sigmoid": "(log σ)′(z) = σ(−z)",
    "swish": "product rule: z·σ(z)",
}
_FUNCTION_RULES = {
    "tanh": "tanh′ = 1 − tanh²",
    "exp": "exp′ = exp",
    "log": "log′(u) = 1/u",
    "sqrt": "(√u)′ = 1/(2√u)",
    "sin": "sin′ = cos",
    "cos": "cos′ = −sin",
    "abs": "|u|′ = sign u (convention at 0: 0)",
    "sign": "sign is flat: derivative 0 everywhere it exists (convention at 0: 0)",
    "step": "step is flat: derivative 0 everywhere it exists (convention at 0: 0)",
    "max": "max: 1 for the larger, 0 for the other (a tie goes to the constant, else the first)",
    "min": "min: 1 for the smaller, 0 for the other (a tie goes to the constant, else the first)",
}
FLAT = frozenset({"step", "sign"})


def margin(tree: Expr, e: Expr) -> str:
    """The rule by which `tree` is differentiated with respect to its part `e`.

    >>> from graphnn.expression.reader import read_scalar
    >>> from graphnn.expression.tree import sym
    >>> margin(read_scalar("(y - a)^2/2"), sym("a"))
    'power rule, inner derivative −1'
    """
    node = tree
    if not contains(tree, e):
        e = _same_value(tree, e)
    while True:
        if node.head == "neg":
            node = node.args[0]
        elif node.head in ("/", "*", "⊙") and _constant_side(node, e) is not None:
            other = _constant_side(node, e)
            if node.head == "/" and other is node.args[0]:
                return "quotient rule"
            inner = node.args[0] if other is node.args[1] else node.args[1]
            if inner is e and other is not None and other.head != "num":
                return f"linear in {e if e.head == 'sym' else e.args[0]}"
            if inner is e:
                return "a constant factor stays"
            node = inner
        else:
            break
    if node.head == "Σ":
        return margin(node.args[-1], e)
    if node.head in ("+", "-"):
        touched = [part for part in node.args if _touches(part, e)]
        if len(touched) == 1 and not is_leaf(touched[0]) and touched[0].head != "[]":
            return margin(touched[0], e)
        rules = {margin(part, e).partition(", inner")[0] for part in touched if part is not e}
        if len(touched) > 1 and len(rules) == 1 and e not in touched:
            (rule,) = rules
            return f"{rule}, term by term" if rule != "sum rule" else rule
        return "sum rule"
    if node.head == "^" and contains(node.args[1], e):
        return "exponential rule: (cᵘ)′ = cᵘ·log c·u′"
    if node.head == "^":
        return "power rule" + _inner(node.args[0], e)
    if node.head in _CALL_RULES and node.head in CALLS:
        return _CALL_RULES[node.head]
    if node.head in _FUNCTION_RULES:
        return _FUNCTION_RULES[node.head] + _inner(node.args[0], e)
    names = {"*": "product rule", "⊙": "product rule", "/": "quotient rule"}
    return names.get(node.head, "chain rule")


def _same_value(tree: Expr, e: Expr) -> Expr:
    """The element of the same value that a tree reads, at the tree's own (bound) index."""
    wanted = e.args[0] if e.head == "[]" else e
    same = [n for n in postorder(tree) if n.head == "[]" and n.args[0] is wanted]
    return same[0] if same else e


def _constant_side(node: Expr, e: Expr) -> Expr | None:
    left: Expr = node.args[0]
    right: Expr = node.args[1]
    if not _touches(left, e):
        return left
    return right if not _touches(right, e) else None


def _touches(part: Expr, e: Expr) -> bool:
    """Whether a part reads the element, itself or (for all that is known here) by a hidden value."""
    return contains(part, e) or any(
        n.head == "sym" and str(n.args[0]).startswith(HIDDEN) for n in postorder(part)
    )


def _inner(inner: Expr, e: Expr) -> str:
    """The derivative of what is inside, where it is a number other than 1."""
    if e.head != "sym" or inner is e:
        return ""
    if any(n.head in (*BINDERS, *CALLS, "@", "T", "sum", "mean") for n in postorder(inner)):
        return ""
    slope = walk(inner, e.args[0])
    if slope.head == "num" and slope is not num(1) and slope is not ZERO:
        return f", inner derivative {slope}"
    return ""


def used_twice(name: str, count: int) -> str:
    """Why several contributions are added."""
    times = {2: "twice", 3: "three times"}.get(count, f"{count} times")
    return f"{show(name)} is used {times}: contributions add"
