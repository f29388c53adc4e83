"""A product of reads, summed: found here, and printed as the BLAS call that it is.

Two operands that share summed axes are `x @ W.T` where each side has at most one axis of its own,
a stack of such products where they share kept axes too, `np.tensordot` where there are more; three
operands go to `np.einsum`. What depends on no axis (a mean's 1/N) is a factor outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from codegen.body import Text, body_text
from codegen.space import Dim, Space, View, aligned, is_float, whole
from codegen.spelling import ATOM, PRODUCT, UNARY, wrap
from graphnn.calculus.formula import Size
from graphnn.calculus.polynomial import plain, polynomial
from graphnn.expression.algebra import join_product, split_product
from graphnn.expression.tree import Expr, apply, postorder, sym

VALUE = "_value"


@dataclass(frozen=True)
class Value:
    """A computed array: its text and the axes of its dimensions."""

    text: Text
    axes: tuple[str, ...]
    read: View | None = None

    @property
    def view(self) -> View:
        """The value as an operand of something else; a mere read is its own view."""
        return self.read or View(
            self.text.text,
            tuple(Dim(":", axis) for axis in self.axes),
            "",
            self.text.binding,
            literal=self.text.weak,
        )


def axes_in(space: Space, e: Expr, views: Mapping[str, View]) -> list[str]:
    """The axes on which a part of a body depends, in the formula's order."""
    inside_extents = {n.args[0] for n in postorder(e) if n.head == "extent"}
    used: set[str] = set()
    for node in postorder(e):
        if node.head == "sym":
            name = node.args[0]
            if name in views:
                used |= set(views[name].axes)
            elif node not in inside_extents or _stands_alone(e, node):
                used.add(name)
    return [a for a in space.formula.extents if a in used and a not in space.loops]


def _stands_alone(e: Expr, leaf: Expr) -> bool:
    """Whether an axis occurs other than in `extent(axis)`."""
    return e is leaf or any(
        leaf in node.args for node in postorder(e) if node.head not in ("extent", "num", "sym")
    )


def summed(
    space: Space,
    body: Expr,
    views: Mapping[str, View],
    reduced: Sequence[str],
    out: Sequence[str],
    dtype: str,
) -> Value:
    """`Σ_reduced body`, its axes in the order of `out` where a product can choose.

    The sum of one operand is `x.sum(axis=…)`; a body that is no product is one operand.
    """
    product = split_product(body)
    over = set(reduced)
    varying = [e for e in product.factors if over & set(axes_in(space, e, views))]
    scalars = [e for e in product.factors if e not in varying]
    divisors, coefficient = product.divisors, product.coefficient
    if (
        any(over & set(axes_in(space, e, views)) for e in divisors)
        or not varying
        or not _shares(space, varying, views)
    ):
        varying, scalars, divisors, coefficient = [body], [], (), 1
    covered = {a for e in varying for a in axes_in(space, e, views)}
    scalars += [apply("extent", sym(a)) for a in reduced if a not in covered]
    if not covered:
        whole_body = join_product(coefficient, [*varying, *scalars], divisors)
        return Value(body_text(space, whole_body, views, (), dtype), ())
    operands = [_operand(space, e, views, dtype) for e in varying]
    value = _contract(space, operands, [a for a in reduced if a in covered], out)
    if coefficient == 1 and not scalars and not divisors:
        return value
    scaled = join_product(coefficient, [sym(VALUE), *scalars], divisors)
    named = {**views, VALUE: replace(value.view, dtype=dtype)}
    found = axes_in(space, scaled, named)
    axes = value.axes if set(found) == set(value.axes) else tuple(a for a in out if a in found)
    return Value(body_text(space, scaled, named, axes, dtype), axes)


def is_contraction(
    space: Space, body: Expr, views: Mapping[str, View], reduced: Sequence[str]
) -> bool:
    """Whether the sum over `reduced` is a product of several operands."""
    product = split_product(body)
    varying = [e for e in product.factors if axes_in(space, e, views)]
    return (
        len(varying) > 1
        and any(a in axes_in(space, e, views) for e in varying for a in reduced)
        and not any(axes_in(space, e, views) for e in product.divisors)
    )


def _shares(space: Space, factors: Sequence[Expr], views: Mapping[str, View]) -> bool:
    """Whether a product of these factors is more than an element-wise one."""
    groups = [set(axes_in(space, e, views)) for e in factors]
    return len(groups) <= 2 or any(group != groups[0] for group in groups)


def _operand(space: Space, e: Expr, views: Mapping[str, View], dtype: str) -> View:
    """A factor as an operand: a read's view, or a variable that holds what it computes."""
    if e.head == "sym" and e.args[0] in views:
        view = views[e.args[0]]
        if view.dtype == dtype or is_float(view.dtype):
            return view
    order = axes_in(space, e, views)
    text = body_text(space, e, views, order, dtype)
    return whole(space.keep(text.text), order, dtype)


def _contract(
    space: Space, operands: Sequence[View], reduced: Sequence[str], out: Sequence[str]
) -> Value:
    if len(operands) == 1:
        return _sum(operands[0], reduced)
    if len(operands) > 2:
        return _einsum(operands, reduced, out)
    a, b = (_sum_own(x, y, reduced) for x, y in (operands, operands[::-1]))
    first = next((axis for axis in out if (axis in a.axes) != (axis in b.axes)), None)
    if first in b.axes:
        a, b = b, a
    shared = [axis for axis in a.axes if axis in b.axes]
    inner = [axis for axis in shared if axis in reduced]
    batch = [axis for axis in out if axis in shared]
    left = [axis for axis in a.axes if axis not in shared]
    right = [axis for axis in b.axes if axis not in shared]
    single = len(inner) == 1 and max(len(left), len(right)) <= 1
    if single and (not batch or len(left) == len(right) == 1):
        first_text = wrap(*aligned(a, batch + left + inner), PRODUCT)
        text = f"{first_text} @ {wrap(*aligned(b, batch + inner + right), UNARY)}"
        return Value(Text(text, PRODUCT), (*batch, *left, *right))
    if inner and not batch:
        columns = _columns(space, a, b, inner, out)
        if columns is not None:
            return columns
        places = [[x.axes.index(axis) for axis in inner] for x in (a, b)]
        texts = [aligned(x, x.axes)[0] for x in (a, b)]
        text = f"np.tensordot({texts[0]}, {texts[1]}, axes=({places[0]}, {places[1]}))"
        return Value(Text(text, ATOM), (*left, *right))
    return _einsum((a, b), reduced, out)


def _columns(
    space: Space, a: View, b: View, inner: Sequence[str], out: Sequence[str]
) -> Value | None:
    """A contraction with the windows of an array, as im2col and one matrix product.

    The windows are copied into a matrix once, and another kernel that contracts the same windows
    (the gradient of a convolution's kernel) takes the same matrix.
    """
    if not a.stem:
        a, b = b, a
    cut = next((k for k, x in enumerate(a.axes) if (x in inner) != (a.axes[0] in inner)), None)
    if not a.stem or cut is None:
        return None
    rows, columns = a.axes[:cut], a.axes[cut:]
    if len({x in inner for x in columns}) > 1:
        return None
    shape = f"{_count(space, rows)}, {_count(space, columns)}"
    matrix = space.share(f"{a.text}.reshape({shape})", f"{a.stem}_columns")
    summed, own = (rows, columns) if rows[0] in inner else (columns, rows)
    others = tuple(x for x in b.axes if x not in inner)
    made: tuple[str, ...]
    if next((x for x in out if x in own or x in others), None) in others:
        transposed = f"{matrix}.T" if own is rows else matrix
        text, made = f"{_matrix(space, b, others, summed)} @ {transposed}", (*others, *own)
    else:
        first = matrix if own is rows else f"{matrix}.T"
        text, made = f"{first} @ {_matrix(space, b, summed, others)}", (*own, *others)
    sizes = ", ".join(space.size(space.extent(x)) for x in made)
    return Value(Text(f"({text}).reshape({sizes})", ATOM), made)


def _matrix(space: Space, view: View, first: Sequence[str], second: Sequence[str]) -> str:
    """A view as a matrix, a group of axes for each dimension; as it is where it is one."""
    text, binding = aligned(view, [*first, *second])
    if len(first) == len(second) == 1:
        return wrap(text, binding, UNARY)
    sizes = [_count(space, group) for group in (first, second) if group]
    return f"{wrap(text, binding, ATOM)}.reshape({', '.join(sizes)})"


def _count(space: Space, axes: Sequence[str]) -> str:
    """How many points a group of axes has."""
    total: Size = 1
    for a in axes:
        total = plain(polynomial(total) * polynomial(space.extent(a)))
    return space.size(total)


def _sum(a: View, reduced: Sequence[str]) -> Value:
    places = [k for k, axis in enumerate(a.axes) if axis in reduced]
    kept = tuple(axis for axis in a.axes if axis not in reduced)
    text, binding = aligned(a, a.axes)
    if not places:
        return Value(Text(text, binding), kept)
    return Value(Text(summation(wrap(text, binding, ATOM), places, len(a.axes)), ATOM), kept)


def summation(text: str, places: Sequence[int], rank: int, function: str = "sum") -> str:
    """`x.sum(axis=…)`; the axis is left out where all are summed."""
    if len(places) == rank:
        return f"{text}.{function}()"
    axis = str(places[0]) if len(places) == 1 else f"({', '.join(map(str, places))})"
    return f"{text}.{function}(axis={axis})"


def _sum_own(a: View, b: View, reduced: Sequence[str]) -> View:
    """An operand without the summed axes that it alone has."""
    own = [axis for axis in a.axes if axis in reduced and axis not in b.axes]
    return _sum(a, own).view if own else a


def _einsum(operands: Sequence[View], reduced: Sequence[str], out: Sequence[str]) -> Value:
    axes = list(dict.fromkeys(axis for view in operands for axis in view.axes))
    letter = {axis: chr(ord("a") + k) for k, axis in enumerate(axes)}
    kept = tuple(axis for axis in out if axis in axes)
    groups = ",".join("".join(letter[a] for a in view.axes) for view in operands)
    output = "".join(letter[a] for a in kept)
    texts = ", ".join(aligned(view, view.axes)[0] for view in operands)
    optimize = ", optimize=True" if len(operands) > 2 else ""
    text = f'np.einsum("{groups}->{output}", {texts}{optimize})'
    return Value(Text(text, ATOM), kept)
