"""Random resolved expressions over scalars, vectors and matrices, for property tests."""

from fractions import Fraction

from hypothesis import strategies as st

from graphnn.expression.tree import Expr, apply, num, sym

RANKS = {
    "a": 0, "b": 0, "y_hat": 0, "theta": 0, "h1": 0, "w_hh": 0, "L": 0, "lambda": 0,
    "x": 1, "h": 1, "delta2": 1, "z_bar": 1,
    "W": 2, "W1": 2, "A": 2,
}  # fmt: skip
INDICES = ("i", "j", "k")
_FUNCTIONS = ("sigmoid", "exp", "log", "tanh", "relu", "sqrt", "abs")


def _names(rank: int) -> st.SearchStrategy[Expr]:
    return st.sampled_from([sym(name) for name, r in RANKS.items() if r == rank])


def _numbers() -> st.SearchStrategy[Expr]:
    whole = st.integers(-30, 30)
    decimal = st.integers(1, 999).map(lambda n: Fraction(n, 100))
    return st.one_of(whole, decimal).map(num)


def _negated(e: Expr) -> Expr:
    # −2 is a number, not the negative of one
    return apply("neg", e) if e.head != "num" else num(-e.args[0])


def _index() -> st.SearchStrategy[Expr]:
    plain = st.sampled_from([sym(name) for name in INDICES])
    return st.one_of(
        plain,
        st.integers(0, 3).map(num),
        st.builds(apply, st.just("+"), plain, plain),
        st.builds(
            lambda s, i, u: apply("-", apply("+", apply("*", num(s), i), u), num(1)),
            st.integers(2, 3),
            plain,
            plain,
        ),
    )


def _binary(heads: tuple[str, ...], *sides: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.builds(apply, st.sampled_from(heads), *sides)


def _elementwise(e: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(apply, st.sampled_from(_FUNCTIONS), e),
        e.map(_negated),
        _binary(("+", "-"), e, e),
        st.builds(
            lambda base, n: apply("^", base, num(n)), e, st.integers(-3, 12).filter(lambda n: n)
        ),
    )


def _keyword(name: str, value: int) -> Expr:
    return apply("=", sym(name), num(value))


@st.composite
def resolved(draw: st.DrawFn, rank: int, depth: int) -> Expr:
    """A resolved expression of one rank: what the reader makes, and nothing else."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        if rank == 0:
            return draw(st.one_of(_numbers(), _names(0)))
        return draw(_names(rank))
    s, v, m = (st.deferred(lambda r=r: resolved(r, depth - 1)) for r in range(3))
    same = (s, v, m)[rank]
    choices = [_elementwise(same), _binary(("*",), s, same), _binary(("*", "/"), same, s)]
    choices.append(st.builds(lambda c, a, b: apply("max", apply("*", c, a), b), s, same, same))
    gradient = st.builds(apply, st.just("∂"), st.just(sym("L")), _names(rank))
    choices.append(gradient)
    if rank == 0:
        choices += [
            _binary(("/", "^"), s, s),
            _binary(("@",), v, v),
            st.builds(lambda a, b: apply("@", apply("T", a), b), v, v),
            st.builds(lambda e, i: apply("[]", e, i), v, _index()),
            st.builds(lambda e, i, j: apply("[]", e, i, j), m, _index(), _index()),
            st.builds(lambda i, e: apply("Σ", sym(i), e), st.sampled_from(INDICES), s),
            st.builds(lambda e: apply("Σ", sym("i"), sym("j"), e), s),
            st.builds(
                lambda e: apply("Σ", apply("==", apply("+", sym("i"), sym("j")), sym("k")), e), s
            ),
            st.builds(lambda i, e: apply("Max", sym(i), e), st.sampled_from(INDICES), s),
            st.builds(lambda i, j: apply("δ", sym(i), sym(j)), *2 * [st.sampled_from(INDICES)]),
            st.just(apply("δ", apply("+", sym("i"), num(1)), sym("j"))),
            st.builds(lambda e: apply("sum", e), st.one_of(v, m)),
            st.builds(
                lambda p, q, a, b: apply("where", apply("and", apply("<=", p, q), apply("!=", q, p)), a, b),
                s, s, s, s,
            ),
            st.builds(apply, st.just("/"), st.just(num(1)), st.sampled_from([num(2), num(3)])),
        ]  # fmt: skip
    if rank == 1:
        choices += [
            _binary(("⊙",), v, v),
            _binary(("@",), m, v),
            _binary(("@",), v, m),
            st.builds(lambda parts: apply("vector", *parts), st.lists(s, min_size=1, max_size=3)),
            st.builds(lambda e: apply("[]", e, apply(":", num(1), num(3), apply("nothing"))), v),
            st.builds(lambda e, i: apply("[]", e, i), m, _index()),
            st.builds(lambda e: apply("sum", e, _keyword("axis", 0)), m),
        ]
    if rank == 2:
        literal = st.lists(st.lists(_numbers(), min_size=2, max_size=2), min_size=1, max_size=3)
        choices += [
            _binary(("⊙",), m, m),
            _binary(("@",), m, m),
            st.builds(lambda a, b: apply("@", a, apply("T", b)), v, v),
            m.map(lambda e: apply("T", e)),
            literal.map(lambda rows: apply("vector", *(apply("vector", *row) for row in rows))),
        ]
    return draw(st.one_of(choices))
