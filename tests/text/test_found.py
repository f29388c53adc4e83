"""Texts that the fuzzer found, and parameters of every function: each ends as it should now."""

import time

import pytest

from graphnn.cli import main
from graphnn.errors import GraphError
from graphnn.text import parse
from graphnn.text.functions import FUNCTIONS
from graphnn.text.parameters import kind
from tests.text.fuzz import quiet, verdict


@pytest.fixture(scope="module", autouse=True)
def warm():
    """Imports are not part of what a text costs."""
    quiet(main, ["derive", "p = softmax(z); L = -sum(y*log(p))", "z=[1,2]", "y=[0,1]"])
    quiet(main, ["derive", "max(x, 1)"])


@pytest.mark.parametrize(
    "text",
    [
        "softmax(" * 50 + "x" + ")" * 50,
        "x+" * 500 + "x",
        "x+" * 650 + "x",
        "max(x," * 24 + "1" + ")" * 24,
        "max(x," * 12 + "1" + ")" * 12,
        "min(x,max(y," * 6 + "1" + "))" * 6,
        "abs(" * 3 + "x" + "-y)" * 3,
        "abs(" * 14 + "x" + "-y)" * 14,
        "+".join(f"abs(x-{k}*y)" for k in range(2, 12)),
    ],
)
def test_long_and_nested_texts_take_no_two_seconds(text):
    before = time.process_time()
    code, out, err = quiet(main, ["derive", text])
    assert verdict(code, out, err, time.process_time() - before, 0, []) == ""
    assert code == 0


def test_a_gradient_that_cancels_to_zero_is_no_error():
    words = ["derive", "p = sum softmax(z); L = -sum(y*log(p))", "z=[1,2,0.5]", "y=[0,1,0]"]
    code, out, _ = quiet(main, words)
    assert code == 0
    assert "= 0                                             Σa = 1" in out
    assert out.count("= (0, 0, 0)") == 2


VALUES = ("π", "x", "0.5", "1/3", "[1,2]", "[0.5]", "[[1,2]]", "[]", "True", "None", "-1", "10^9", "[x]", "0", "1",
          "1e300", "[1,[2]]", "[True, None]", "x[0]", "x+1", "inf")  # fmt: skip


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_parameter_takes_a_value_or_refuses_it_in_one_line(row):
    for parameter in row.parameters:
        assert kind(row.name, parameter).words
        for shape in ("(2)", "(2, 2)", "(1, 4, 4, 2)"):
            for value in VALUES:
                operands = ", ".join("xyw"[: row.least])
                try:
                    parse(f"x: {shape}; f = {row.name}({operands}; {parameter}={value})")
                except GraphError as error:
                    assert "internal" not in error.message
                    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f = transpose(x; axes=π)", "transpose's axes takes whole numbers; 3.14"),
        ("f = softmax(x; axis=[0])", "softmax's axis takes a whole number; [0] given"),
        ("f = sum(x; keepdims=x)", "sum's keepdims takes True or False; a value of the network"),
        ("f = maxpool(x; k=0)", "maxpool's k is at least 1; 0 was given"),
        ("f = norm(x; ord=[1])", "norm's ord takes a number; [1] given"),
    ],
)
def test_a_wrong_parameter_is_named(text, message):
    with pytest.raises(GraphError) as caught:
        parse(text)
    assert message in str(caught.value)
