"""NAME=VALUE as it is typed on a command line."""

from fractions import Fraction

import numpy as np
import pytest

from graphnn.errors import GraphError
from graphnn.text import read_assignments, read_value, value_array, value_shape

THIRD = Fraction(1, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2), ("-2", -2), ("−2", -2), ("+2", 2), ("1/3", THIRD), ("-1/3", -THIRD),
        ("0.5", Fraction(1, 2)), ("1e-3", Fraction(1, 1000)), (".5", Fraction(1, 2)), ("½", Fraction(1, 2)),
        ("2^10", 1024), ("2·3", 6), ("1 + 1/3", 1 + THIRD), ("pi", np.pi), ("inf", float("inf")),
        ("[1,2,0.5]", [1, 2, Fraction(1, 2)]), ("(1, 2)", [1, 2]), ("[3]", [3]), ("[]", []),
        ("[[1,2],[3,4]]", [[1, 2], [3, 4]]), ("[1/3, -1]", [THIRD, -1]),
        ("[0.1 0.4; −0.3 0.2]", [[Fraction(1, 10), Fraction(2, 5)], [Fraction(-3, 10), Fraction(1, 5)]]),
        ("[0.7 −0.5]", [[Fraction(7, 10), Fraction(-1, 2)]]), ("[1; 2]", [[1], [2]]),
    ],
)  # fmt: skip
def test_values_are_exact(text, value):
    assert read_value(text) == value
    assert type(read_value(text)) is type(value)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["x=2,y=1", "w = 1/3"], {"x": 2, "y": 1, "w": THIRD}),
        (["x", "=", "2"], {"x": 2}),
        (["x", "=2", "y=", "3"], {"x": 2, "y": 3}),
        (["x=2, y=1 , z=3"], {"x": 2, "y": 1, "z": 3}),
        (["z=[1,2]", "W=[[1,2],[3,4]]"], {"z": [1, 2], "W": [[1, 2], [3, 4]]}),
        (["x=(1, 2), y=-1"], {"x": [1, 2], "y": -1}),
        (["ŷ=1", "h_1=2", "θ=3"], {"y_hat": 1, "h1": 2, "theta": 3}),
        ([], {}),
    ],
)
def test_assignments(words, values):
    assert read_assignments(words) == values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2"], "'2' is no NAME=VALUE; write x=2"),
        (
            ["=", "w*x", "+", "b"],
            "'=' is no NAME=VALUE; a network with spaces stands in quotes: \"z = w*x + b\"",
        ),
        (["x="], "x has no value; write x=2"),
        (["x=1", "x=2"], "x is given twice"),
        (["x==2"], "'x==2' is no NAME=VALUE; write x=2"),
        (["x=a"], "the value of x: a is no number"),
        (["x=1,2"], "the value of x: ',' does not belong here"),
        (["x=[[1],[2,3]]"], "the value of x: the rows differ in length"),
        (["x=@nothing.npz"], "the value of x: there is no file nothing.npz"),
    ],
)
def test_what_is_no_assignment(words, message):
    with pytest.raises(GraphError) as caught:
        read_assignments(words)
    assert caught.value.message == message


def test_shapes_and_arrays():
    value = read_value("[[1/3, 2], [3, 4], [5, 6]]")
    assert value_shape(value) == (3, 2)
    assert value_array(value).dtype == np.float64
    assert value_array(value)[0, 0] == 1 / 3
    assert value_shape(read_value("2")) == ()


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        np.savez(tmp_path / "batch.npz", x=np.arange(6.0).reshape(2, 3), t=np.array([1, 2]))
        np.savez(tmp_path / "one of them.npz", data=np.ones(3))
        np.savez(tmp_path / "words.npz", x=np.array(["a", "b"]))
        (tmp_path / "broken.npz").write_bytes(b"PK nothing")
        monkeypatch.chdir(tmp_path)

    @pytest.mark.usefixtures("folder")
    def test_arrays_from_a_file(self):
        found = read_assignments(["x=@batch.npz,t=@batch.npz", "w=@one of them.npz"])
        np.testing.assert_array_equal(found["x"], [[0, 1, 2], [3, 4, 5]])
        assert found["t"].dtype.kind == "i"
        assert value_shape(found["w"]) == (3,)

    @pytest.mark.usefixtures("folder")
    @pytest.mark.parametrize(
        ("word", "message"),
        [
            ("w=@batch.npz", "batch.npz holds no array w; it holds x, t"),
            ("x=@words.npz", "words.npz holds <U1, and numbers are wanted"),
            ("x=@broken.npz", "broken.npz is no npz file of numbers"),
        ],
    )
    def test_what_is_no_array(self, word, message):
        with pytest.raises(GraphError) as caught:
            read_assignments([word])
        assert caught.value.message == f"the value of {word[0]}: {message}"

    def test_objects_are_never_unpickled(self, tmp_path, monkeypatch):
        np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object))
        monkeypatch.chdir(tmp_path)
        with pytest.raises(GraphError, match="no npz file of numbers"):
            read_assignments(["x=@o.npz"])


@pytest.mark.parametrize(
    ("text", "word"),
    [("0x10", "0x10"), ("sqrt2", "sqrt2"), ("[1, foo_1]", "foo_1"), ("2*abc₁", "abc₁"), ("√2", "√2")],
)  # fmt: skip
def test_what_is_no_number_is_named_as_it_was_typed(text, word):
    with pytest.raises(GraphError) as caught:
        read_assignments([f"x={text}"])
    assert caught.value.message == f"the value of x: {word} is no number"
