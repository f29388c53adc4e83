"""The functions of the op tables are described: each example runs, each signature is the line's."""

import inspect

import pytest

from graphnn.calculus.tables import definition
from graphnn.graph import ops
from graphnn.graph.apply import number_of
from graphnn.graph.meanings import meanings


@pytest.mark.parametrize("name", meanings())
def test_the_signature_is_that_of_the_line(name):
    parameters = inspect.signature(getattr(ops, name)).parameters.values()
    line = definition(name)
    operands = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert operands == line.operands
    assert defaults == {key: float(number_of(default)) for key, default in line.parameters}
