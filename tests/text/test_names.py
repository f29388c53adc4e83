"""What is a name: a text refuses words that mean something else, Python takes any but none."""

import pytest

import graphnn as gnn
from graphnn.errors import GraphError


@pytest.mark.parametrize("name", ["", " ", "\n", 3, None])
@pytest.mark.parametrize("make", [gnn.input, gnn.parameter])
def test_a_leaf_has_a_name(make, name):
    with pytest.raises(GraphError, match="is no name") as caught:
        make(name)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "stored"),
    [("x", "x"), ("ŷ", "y_hat"), ("h₁", "h1"), ("W_hh", "W_hh"), ("x'", "x'"), ("λ", "lambda")],
)
def test_what_a_text_can_call_a_leaf(name, stored):
    assert gnn.input(name).name == stored
    assert list(gnn.parse(f"L = 2·{name}").leaves) == [stored]
