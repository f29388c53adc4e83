"""The text language: a network as text becomes a graph; values and printed equations are read."""

from graphnn.text.equations import read_equation
from graphnn.text.program import Program, parse
from graphnn.text.values import read_assignments, read_value, value_array, value_shape

__all__ = [
    "Program",
    "parse",
    "read_assignments",
    "read_equation",
    "read_value",
    "value_array",
    "value_shape",
]
