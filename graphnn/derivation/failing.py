"""Where a formula fails: a search for the inputs at which one of two equal graphs goes wrong.

Two nodes that are equal in exact arithmetic (as written, and stabilised) are computed with NumPy in
one float type, with their gradients. The written one fails where it is not finite although the
other is, or where it has lost its digits: a relative error (norm-wise) above 1e-3. What is right is
computed by the stabilised form in a wider type; an input counts only where the stabilised form in
the same type is right, so a failure is never blamed on the wrong side.

Inputs move along rays through 0, `t·p`, and beside them, `t + p`, for each leaf and sign of t. From
|t| = 1 the search goes outwards and inwards by powers of two to the first failure, and bisects it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphnn.derivation.magnitudes import rounding_of
from graphnn.graph.evaluate import evaluate_nodes
from graphnn.graph.gradient import differentiate
from graphnn.graph.node import Node, array_value, make

LOST = 1e-3
TRUSTED = 1e-4
CLOSE = 2e-3
"""How near the two ends of a bisection come: three digits."""

TYPES: dict[str, tuple[Any, Any]] = {
    "float64": (np.float64, np.longdouble),
    "float32": (np.float32, np.float64),
}
START = 1.3
"""Sizes are 1.3·2ᵏ: powers of two themselves are exact where their neighbours are not."""

OUTWARDS = (*range(1, 65), 96, 127, 128, 256, 512, 1023)
POINTS = (0.3, 0.7, 1.5, 3.0, 7.0)


@dataclass(frozen=True)
class Failure:
    """One input at which the written form fails.

    `kind` is "not finite" or "digits lost", `end` "from" (and beyond), "below" (and nearer to 0) or
    "at" (0, or any number of this sign). `quantity` is "" for the value, else the leaf of the
    gradient. `at` holds every leaf's value; the leaf `moved` is `size·pattern` or, `shifted`,
    `size + pattern`.
    """

    dtype: str
    kind: str
    end: str
    moved: str
    size: float
    pattern: Any
    shifted: bool
    at: dict[str, Any]
    quantity: str
    written: Any
    stable: Any


@dataclass(frozen=True)
class Pair:
    """Two nodes over the same leaves that are equal in exact arithmetic, and their gradients."""

    leaves: dict[str, Node]
    written: dict[str, Node]
    stable: dict[str, Node]


def pair(written: Node, stable: Node, leaves: Mapping[str, Node]) -> Pair:
    """The two nodes with their gradients by every float leaf, under one fixed cotangent."""
    wanted = {name: leaf for name, leaf in leaves.items() if leaf.dtype.startswith("float")}

    def quantities(output: Node) -> dict[str, Node]:
        shape = tuple(size for size in output.shape if isinstance(size, int))
        cotangent = None
        if math.prod(shape) != 1:
            given = array_value(_pattern(shape) + 0.25)
            cotangent = make("constant", shape=shape, dtype=output.dtype, value=given)
        found = differentiate(output, list(wanted.values()), cotangent).gradients
        return {"": output} | {name: found[leaf] for name, leaf in wanted.items()}

    return Pair(dict(leaves), quantities(written), quantities(stable))


def _pattern(shape: tuple[int, ...]) -> Any:
    """Fixed different numbers between 1 and −1, the largest first."""
    return np.linspace(1.0, -1.0, math.prod(shape)).reshape(shape) if shape else np.asarray(1.0)


Point = dict[str, Any]


@dataclass(frozen=True)
class Ray:
    """How one leaf is moved by t > 0, the others staying where they are."""

    name: str
    sign: float
    pattern: Any
    shifted: bool
    rest: Point

    def point(self, t: float) -> Point:
        """Every leaf's value at t."""
        signed = self.sign * t
        moved = signed + self.pattern if self.shifted else signed * self.pattern
        return {**self.rest, self.name: np.asarray(moved)}


def _rays(leaves: Mapping[str, Node], given: Mapping[str, Any]) -> Iterator[Ray]:
    """Every float leaf along its pattern, in both directions; a tensor also as a whole."""
    rest = {name: np.asarray(given.get(name, _resting(leaf))) for name, leaf in leaves.items()}
    for name, leaf in leaves.items():
        if leaf.dtype.startswith("float"):
            pattern = _pattern(rest[name].shape)
            for shifted in (False, True) if pattern.size > 1 else (False,):
                for sign in (1.0, -1.0):
                    yield Ray(name, sign, pattern, shifted, rest)


def _resting(leaf: Node) -> Any:
    shape = tuple(size for size in leaf.shape if isinstance(size, int))
    return np.full(shape, 0.5) if leaf.dtype.startswith("float") else np.zeros(shape, dtype=int)


def failures(both: Pair, given: Mapping[str, Any]) -> list[Failure]:
    """The smallest inputs at which the written form fails, for float64 and for float32.

    For each type at most one of every kind: not finite from some size on, digits lost from some
    size on, either of them below some size, and at 0 itself.
    """
    found: list[Failure] = []
    rays = list(_rays(both.leaves, given))
    for dtype in TYPES:
        nearest: dict[tuple[str, str], Failure] = {}
        for ray in rays:
            for made in _along(both, dtype, ray):
                other = nearest.get((made.kind, made.end))
                if other is None or _sooner(made, other):
                    nearest[made.kind, made.end] = made
        if not {("not finite", "below"), ("not finite", "at")} & set(nearest):
            zero = _at_zero(both, dtype, rays)
            if zero is not None:
                nearest["not finite", "at"] = zero
        found += sorted(nearest.values(), key=lambda f: abs(f.size))
    return found


def _sooner(a: Failure, b: Failure) -> bool:
    """Whether one failure comes before another on the way from 1."""
    return (abs(a.size) > abs(b.size)) is (a.end == "below")


def _along(both: Pair, dtype: str, ray: Ray) -> Iterator[Failure]:
    """Failures along one ray, outwards and inwards, one of each kind at most."""
    limit = math.log2(float(np.finfo(TYPES[dtype][0]).max))
    start = _judge(both, dtype, ray.point(1.0))
    if start is not None:
        yield _failure(both, dtype, "at", ray, 1.0, start)
        return
    for end, way in (("from", 1), ("below", -1)):
        seen: set[str] = set()
        passed = 1.0
        for k in OUTWARDS:
            size = math.ldexp(START, way * k)
            if k >= limit or "not finite" in seen:
                break
            kind = _judge(both, dtype, ray.point(size))
            if kind is not None and kind[0] not in seen:
                seen.add(kind[0])
                first = _bisected(both, dtype, ray, passed, size, kind[0])
                made = _judge(both, dtype, ray.point(first))
                if made is not None:
                    yield _failure(both, dtype, end, ray, first, made)
            passed = size


def _bisected(both: Pair, dtype: str, ray: Ray, good: float, bad: float, kind: str) -> float:
    """The failing end of an interval between a passing and a failing input, to three digits.

    Ends on a number of three digits where that one fails too.
    """
    for _ in range(60):
        if abs(bad - good) <= CLOSE * abs(bad):
            break
        middle = math.sqrt(bad) * math.sqrt(good)
        found = _judge(both, dtype, ray.point(middle))
        good, bad = (good, middle) if found is not None and found[0] == kind else (middle, bad)
    for short in sorted((_short(bad, up) for up in (False, True)), key=lambda s: abs(s - good)):
        found = _judge(both, dtype, ray.point(short))
        if found is not None and found[0] == kind:
            return short
    return bad


def _short(x: float, up: bool) -> float:
    """The next number of three digits above or below."""
    scale = 10.0 ** (math.floor(math.log10(abs(x))) - 2)
    return float(f"{(math.ceil if up else math.floor)(x / scale) * scale:.3g}")


Judged = tuple[str, str, Any, Any]


def _judge(both: Pair, dtype: str, at: Point) -> Judged | None:
    """What is wrong with the written form at a point: (kind, quantity, its value, the right one)."""
    own, wider = TYPES[dtype]
    with np.errstate(all="ignore"):
        at = {
            name: np.asarray(x).astype(own) if x.dtype.kind == "f" else x for name, x in at.items()
        }
        if not all(np.all(np.isfinite(x)) for x in at.values()):
            return None
        mine = _computed(both.written, at, own)
        other = _computed(both.stable, at, own)
    exact: dict[str, Any] | None = None
    worst: Judged | None = None
    for name in both.written:
        a, b = mine[name], other[name]
        if not np.all(np.isfinite(b)):
            continue
        if not np.all(np.isfinite(a)):
            return ("not finite", name, a, b)
        if worst is None and _error(a, b) > LOST and np.max(np.abs(b)) >= np.finfo(own).tiny:
            exact = exact or _computed(both.stable, at, wider)
            if _error(b, exact[name]) <= TRUSTED and _error(a, exact[name]) > LOST:
                worst = ("digits lost", name, a, b)
    return worst


def _computed(nodes: Mapping[str, Node], at: Point, precision: Any) -> dict[str, Any]:
    found = evaluate_nodes(list(nodes.values()), at, rounded=False, precision=precision)
    return {name: found[node] for name, node in nodes.items()}


def _error(a: Any, b: Any) -> float:
    """|a − b| relative to the largest |b|."""
    scale = float(np.max(np.abs(b), initial=0))
    gap = float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0))
    return gap / scale if scale else (math.inf if gap else 0.0)


def _failure(both: Pair, dtype: str, end: str, ray: Ray, size: float, made: Judged) -> Failure:
    kind, quantity, written, stable = made
    at = ray.point(size)
    return Failure(dtype, kind, end, ray.name, ray.sign * size if size else 0.0, ray.pattern,
                   ray.shifted, at, quantity, written, stable)  # fmt: skip


def _at_zero(both: Pair, dtype: str, rays: Sequence[Ray]) -> Failure | None:
    """The failure at 0: of one leaf alone, else of all of them."""
    along = [ray for ray in rays if not ray.shifted and ray.sign > 0]
    origin = {ray.name: np.zeros_like(ray.pattern) for ray in along}
    for ray in (*along, *(replace(ray, rest=ray.rest | origin) for ray in along[:1])):
        made = _judge(both, dtype, ray.point(0.0))
        if made is not None and made[0] == "not finite":
            return _failure(both, dtype, "at", ray, 0.0, made)
    return None


def agreement(both: Pair, given: Mapping[str, Any]) -> tuple[int, float]:
    """How many points were compared, and the largest norm-wise difference of the gradients there.

    In float64, along the rays of the search at sizes between 0.3 and 7, where both are finite.
    """
    count, worst = 0, 0.0
    for ray in _rays(both.leaves, given):
        for size in POINTS:
            at = ray.point(size)
            mine = _computed(both.written, at, np.float64)
            other = _computed(both.stable, at, np.float64)
            if all(np.all(np.isfinite(x)) for x in (*mine.values(), *other.values())):
                count += 1
                gaps = [
                    _error(mine[n], other[n])
                    for n in mine
                    if n
                    and np.any(other[n])
                    and max(np.max(np.abs(mine[n])), np.max(np.abs(other[n])))
                    > rounding_of(mine[""], at[n])
                ]
                worst = max(worst, *gaps) if gaps else worst
    return count, worst
