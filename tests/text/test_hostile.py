"""Hostile texts end fast, in a graph or in one line with a caret."""

import signal

import pytest

import graphnn as gnn
from graphnn.errors import GraphError
from graphnn.text import read_assignments, read_value

HOSTILE = {
    "powers": "9**9**9",
    "power of a power": "(9^300)^300",
    "parentheses": "(" * 10_000 + "x" + ")" * 10_000,
    "minuses": "-" * 10_000 + "x",
    "minuses in a product": "x*" + "-" * 10_000 + "x",
    "minuses in an exponent": "x^" + "-" * 10_000 + "x",
    "nested sum": "(x+" * 3_000 + "x" + ")" * 3_000,
    "flat sum, too long": "+".join(["x"] * 40_000),
    "long number": "1" * 90_000,
    "large exponent": "1e99999999999",
    "tower": "x^" * 3_000 + "x",
    "superscripts": "x" + "²" * 5_000,
    "indices": "x" + "[0]" * 5_000,
    "calls": "sin(" * 5_000 + "x" + ")" * 5_000,
    "transposes": "x" + ".T" * 20_000,
    "statements": "\n".join(f"a{k}=x" for k in range(3_000)),
    "sums": "Σ_i " * 3_000 + "x[i]",
    "nested sums": "Σ_i " * 30 + "x[i]",
    "vector": "[" * 90 + "1" + "]" * 90,
    "long vector": "[" + ",".join(["1"] * 30_000) + "]",
    "long matrix": "[" + " ".join(["1"] * 40_000) + "]",
    "huge reshape": "reshape(x, (10**9,))",
    "huge broadcast": "broadcast_to(x, (10**6, 10**6))",
    "huge extent": "z[i] = x for i < 10**12",
    "huge product": "*".join(["99999999999999999999"] * 900),
    "huge sum of fractions": "+".join(f"1/{k}" for k in range(2, 2_500)),
    "huge declaration": "x: (99999, 99999, 99999)\nL = sum(x*2)",
    "derivatives": "∂" * 5_000,
    "comparisons": "x" + "<x" * 3_000,
    "conditions": " and ".join(["x>0"] * 5_000),
    "equals": "x" + "=x" * 3_000,
    "colons": "x:" * 3_000,
    "one long word": "a" * 100_001,
    "control characters": "x\0y",
    "attributes": "x.__class__",
    "imports": "__import__('os').system('true')",
    "strings": "open('x')",
}


@pytest.fixture(autouse=True)
def _no_hang():
    """A text that hangs ends the test; how fast texts are read, tests/benchmarks says."""
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_refused_in_one_line(name):
    with pytest.raises(GraphError) as caught:
        gnn.parse(HOSTILE[name])
    assert "\n" not in caught.value.message
    assert len(caught.value.message) <= 400
    if name != "one long word":
        assert caught.value.place.count("\n") == 1
        assert caught.value.place.endswith("^")
        assert len(caught.value.place) < 300


ACCEPTED = {
    "a flat sum": "+".join(["x"] * 3_000),
    "a flat product": "*".join(["x"] * 3_000),
    "side by side": " ".join(["x"] * 3_000),
    "a long name": "a" * 90_000,
    "as many statements as are read": "a0 = x\n"
    + "\n".join(f"a{k} = a{k - 1}*x + 1" for k in range(1, 2_000)),
    "many indices": "Σ_{" + ",".join(f"i{k}" for k in range(30)) + "} x["
    + ",".join(f"i{k}" for k in range(30)) + "]",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_large_text_is_read(name):
    assert gnn.parse(ACCEPTED[name]).loss.shape == ()


@pytest.mark.parametrize(
    "text", ["9**9**9", "1e999999", "[" * 10_000, "-" * 10_000 + "1", "1/0", "9" * 500, "x", "", "1 2",
             "[[1,2],[3]]", "[1,2]+1", "open('x')"],
)  # fmt: skip
def test_hostile_values(text):
    with pytest.raises(GraphError):
        read_value(text)
    with pytest.raises(GraphError) as caught:
        read_assignments([f"w={text}"])
    assert "\n" not in caught.value.message
