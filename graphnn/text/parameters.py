"""What a function's parameters take, checked before its op is called: one row a parameter.

text → resolved tree → operands and parameters → check_parameter → graphnn.graph.ops
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from graphnn.errors import GraphError
from graphnn.graph.handle import Handle


@dataclass(frozen=True)
class Kind:
    """Which values a parameter takes: in words, and as a test; `least` bounds single numbers."""

    words: str
    accepts: Callable[[Any], bool]
    least: int | None = None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_whole(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_whole, value))


def _are_widths(value: Any) -> bool:
    pairs = isinstance(value, tuple) and all(_are_whole(v) and len(v) == 2 for v in value)
    return pairs or _is_whole(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def _is_value(value: Any) -> bool:
    return _is_number(value) or isinstance(value, tuple | Handle)


_ONE = Kind("a whole number", _is_whole)
_STRIDE = Kind("a whole number", _is_whole, least=1)
_PADDING = Kind("a whole number", _is_whole, least=0)
_AXES = Kind(
    "whole numbers or None", lambda value: _is_whole(value) or _are_whole(value) or value is None
)
_SIZES = Kind("whole numbers", lambda value: _is_whole(value) or _are_whole(value))
_FLAG = Kind("True or False", lambda value: isinstance(value, int) and value in (0, 1))
_NUMBER = Kind("a number", _is_number)
_VALUE = Kind("a number or a value", _is_value)

_KINDS = {
    "axis": _AXES,
    "axes": Kind("whole numbers", lambda value: _are_whole(value) or value is None),
    "axis1": _ONE,
    "axis2": _ONE,
    "keepdims": _FLAG,
    "ord": _NUMBER,
    "shape": _SIZES,
    "start": _PADDING,
    "widths": Kind("whole numbers", _are_widths),
    "classes": _ONE,
    "k": _STRIDE,
    "s": _STRIDE,
    "d": _STRIDE,
    "p": _PADDING,
    "eps": _NUMBER,
    "a": _VALUE,
    "strength": _VALUE,
}
_ALONG_ONE = (
    *("softmax", "log_softmax", "concat", "stack", "batch_norm"),
    *("cross_entropy", "cross_entropy_with_logits"),
    *("sparse_cross_entropy", "sparse_cross_entropy_with_logits"),
)
"""Functions whose `axis` is one; that of the others may be several, or None."""

_OWN = {
    **{(name, "axis"): _ONE for name in _ALONG_ONE},
    ("cumsum", "axis"): Kind("a whole number", lambda v: _is_whole(v) or v is None),
}


def kind(function: str, parameter: str) -> Kind:
    """What a function's parameter takes.

    >>> kind("softmax", "axis").words
    'a whole number'
    """
    return _OWN.get((function, parameter), _KINDS[parameter])


def check_parameter(function: str, parameter: str, value: Any) -> None:
    """A parameter has a value that the function can take.

    >>> check_parameter("pad", "widths", 1)

    Raises GraphError otherwise: it names the function, the parameter and what was given.
    """
    wanted = kind(function, parameter)
    if not wanted.accepts(value):
        given = "a value of the network was" if isinstance(value, Handle) else _text(value)
        raise GraphError(f"{function}'s {parameter} takes {wanted.words}; {given} given")
    if wanted.least is not None and value < wanted.least:
        raise GraphError(f"{function}'s {parameter} is at least {wanted.least}; {value} was given")


def _text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(value)
