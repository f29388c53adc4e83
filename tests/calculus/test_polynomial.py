"""Extents are integer polynomials with floor division: ring laws, and integers as the witness."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphnn.calculus.extents import bounds, guards_for, infer
from graphnn.calculus.polynomial import (
    Polynomial,
    atoms,
    axes_of,
    axis,
    bind,
    coefficient,
    dimension,
    offset,
    plain,
    polynomial,
    single_axis,
    substitute,
)
from graphnn.errors import ShapeError

B, N = dimension("B"), dimension("N")
leaves = st.one_of(st.integers(-4, 4).map(polynomial), st.sampled_from([B, N, B * N, B + 1]))
ring = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
    ),
    max_leaves=6,
)
sizes = st.fixed_dictionaries({"B": st.integers(1, 9), "N": st.integers(1, 9)})


def number(p, at):
    """The value of a polynomial, by its terms alone."""
    total = 0
    for monomial, factor in polynomial(p).terms:
        for atom in monomial:
            if hasattr(atom, "numerator"):
                factor *= number(atom.numerator, at) // number(atom.denominator, at)
            else:
                factor *= at[atom.name]
        total += factor
    return total


@given(ring, ring, ring)
def test_ring_laws_hold_as_canonical_forms(a, b, c):
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + 0 == a == a * 1
    assert a - a == polynomial(0)
    assert hash(a * b) == hash(b * a)
    assert 0 - (0 - a) == a
    assert -a == 0 - a
    assert (a == b) == (a - b == polynomial(0))


@given(ring, ring, sizes)
def test_operations_are_those_of_the_integers(a, b, at):
    x, y = number(a, at), number(b, at)
    assert number(a + b, at) == x + y
    assert number(a - b, at) == x - y
    assert number(a * b, at) == x * y
    assert number(2 - a, at) == 2 - x


@given(ring, st.one_of(ring, st.integers(-3, 5).map(polynomial)), sizes)
def test_floor_division_is_that_of_the_integers(a, b, at):
    assume(plain(b) != 0)
    y = number(b, at)
    assume(y != 0)
    assert number(a // b, at) == number(a, at) // y


@given(ring, st.integers(1, 4), sizes)
def test_what_is_bound_is_the_number(a, below, at):
    expected = number(a, at) // below
    assume(expected >= 0)
    assert bind(a // below, at) == expected


@given(ring, sizes)
def test_substitution_of_polynomials_is_composition(a, at):
    moved = substitute(a, {next(iter(atoms(B))): N + 1})
    assert number(moved, at) == number(a, {**at, "B": at["N"] + 1})


@given(ring, ring)
def test_an_exact_quotient_is_found(a, b):
    assume(len(b.terms) == 1)
    assert (a * b) // b == a


@given(ring)
def test_pickled_polynomials_are_equal(a):
    assert pickle.loads(pickle.dumps(a)) == a
    assert hash(pickle.loads(pickle.dumps(a))) == hash(a)


def test_a_hash_is_never_carried_into_another_process():
    code = (
        "import pickle, sys; from graphnn.calculus.polynomial import dimension; "
        "sys.stdout.buffer.write(pickle.dumps((hash(dimension('B')), dimension('B'))))"
    )
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment
    )
    hashed_there, there = pickle.loads(found.stdout)
    assert there == B
    assert hashed_there != hash(B)
    assert {B: 1}[there] == 1


def test_affine_indices_come_apart():
    i, u = axis("i"), axis("u")
    index = 2 * i + u - B + 3
    assert (coefficient(index, "i"), coefficient(index, "u"), coefficient(index, "j")) == (2, 1, 0)
    assert offset(index) == 3 - B
    assert axes_of(index) == {"i", "u"}
    assert (single_axis(i), single_axis(2 * i), single_axis(i + 1)) == ("i", None, None)
    assert coefficient(B * i + u, "i") == B


def test_text_and_errors():
    assert str(2 * B * N - B + 1) == "2*B*N-B+1"
    assert str(polynomial(0)) == "0"
    assert str((B + 1) // 2) == "((B+1)//(2))"
    with pytest.raises(ShapeError, match="nothing binds B"):
        bind(B, {})
    with pytest.raises(ShapeError, match="negative"):
        bind(B - 3, {"B": 1})
    with pytest.raises(ShapeError, match="divided by zero"):
        B // 0
    with pytest.raises(TypeError):
        B * 2.5
    assert B != 1
    assert Polynomial(()) == polynomial(0)


# ---- extents ------------------------------------------------------------------------------------

KEEP = (st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 12))


@given(*KEEP)
def test_an_inferred_window_is_the_largest_that_stays_inside(stride, dilation, window, size):
    index = stride * axis("i") + dilation * axis("u")
    found = infer(["i", "u"], [("K", 0, axis("u"), window), ("x", 0, index, size)], {})
    inside = [
        i for i in range(size) if all(stride * i + dilation * u < size for u in range(window))
    ]
    assert found == {"u": window, "i": len(inside)}
    if inside:
        assert guards_for(index, size, found) == []


@given(*KEEP, st.integers(0, 3), st.integers(-2, 2))
def test_guards_are_exactly_what_stays_inside(stride, dilation, window, size, extent, shift):
    """Over the whole domain: the guards hold at the points whose index is inside, and only there."""
    index = stride * axis("i") - dilation * axis("u") + shift
    extents = {"i": extent, "u": window}
    guards = guards_for(index, size, extents)
    low, high = bounds(index, extents)
    for i in range(extent):
        for u in range(window):
            at = {"i": i, "u": u}
            place = substitute(index, at)
            assert low <= place <= high
            assert all(substitute(g, at) >= 0 for g in guards) == (0 <= place < size)


@given(*KEEP, st.integers(1, 14))
def test_guards_with_a_symbolic_size_hold_for_its_numbers(stride, dilation, window, padding, H):
    """A padded window over a symbolic height, its extent stated as convolutions state it."""
    height = dimension("H")
    extent = (height + 2 * padding - dilation * (window - 1) - 1) // stride + 1
    index = stride * axis("i") + dilation * axis("u") - padding
    guards = guards_for(index, height, {"i": extent, "u": window})
    for i in range(max(0, number(extent, {"H": H}))):
        for u in range(window):
            at = {"i": i, "u": u}
            place = substitute(index, at)
            bound = {next(iter(atoms(height))): H}
            holds = all(substitute(substitute(g, at), bound) >= 0 for g in guards)
            assert holds == (0 <= place < H)


def test_extents_that_do_not_fit_or_follow_are_refused():
    i, j = axis("i"), axis("j")
    with pytest.raises(ShapeError, match="axis i has extent 3, but dimension 1 of b has size 4"):
        infer(["i"], [("a", 0, i, 3), ("b", 1, i, 4)], {})
    with pytest.raises(ShapeError, match="does not follow from any read; state it: for i"):
        infer(["i", "j"], [("a", 0, i + j, 3)], {})
    with pytest.raises(ShapeError, match="cannot be inferred"):
        infer(["i", "j"], [("a", 0, j, 3), ("a", 1, j - i, 3)], {})
    with pytest.raises(ShapeError, match="index 3 is outside a dimension of size 3"):
        guards_for(polynomial(3), 3, {})
