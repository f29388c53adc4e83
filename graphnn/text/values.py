"""Values as they are typed on a command line: NAME=VALUE, exact where they can be.

w=1/3   x=1e-3   y=0.5        exact fractions
z=[1,2,0.5]   W=[[1,2],[3,4]]   (1, 2)   [0.1 0.4; −0.3 0.2]
x=@batch.npz                  the array called x in the file, or its only one
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from graphnn.errors import GraphError, TextError
from graphnn.expression.names import PATTERN, canonical, show
from graphnn.expression.reader import normal, parse_placed
from graphnn.expression.tree import Expr, Number, children, postorder
from graphnn.text.numbers import arithmetic
from graphnn.text.resolve import CONSTANTS
from graphnn.text.tensors import MAX_RANK

Value = Any
"""A number (int, Fraction, float), a nested list of them, or an array from a file."""

_WORD = re.compile(r"[^\s,;()\[\]+*/^·−-]+")
_START = re.compile(rf"\s*({PATTERN})\s*=(?!=)")


def read_assignments(words: Iterable[str]) -> dict[str, Value]:
    """The values of shell words, by canonical name, in order.

    One word may hold several (`x=2,y=1`), and one assignment may be several words (`x`, `=`, `2`).

    >>> read_assignments(["x=2,y=1", "w = 1/3", "b", "=", "[1, 2]"])
    {'x': 2, 'y': 1, 'w': Fraction(1, 3), 'b': [1, 2]}

    Raises GraphError in one line for what is no NAME=VALUE, and for a name given twice.
    """
    found: dict[str, Value] = {}
    for name, text in _pairs("\n".join(words)):
        if name in found:
            raise GraphError(f"{show(name)} is given twice")
        try:
            found[name] = _from_file(text[1:], name) if text[0] == "@" else read_value(text)
        except TextError as error:
            raise GraphError(f"the value of {show(name)}: {error.message}", error.place) from None
        except GraphError as error:
            raise GraphError(f"the value of {show(name)}: {error.message}") from None
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """Names and texts; a value ends where another NAME= begins outside brackets."""
    found: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip("\n ,"):
        start = _START.match(text, place)
        if start is None:
            word = text[place:].strip().partition("\n")[0]
            hint = "write x=2"
            if word[0] in "=+-*/@^−·)":
                hint = 'a network with spaces stands in quotes: "z = w*x + b"'
            raise GraphError(f"{_short(word)} is no NAME=VALUE; {hint}")
        place, end = start.end(), start.end()
        level = 0
        while end < len(text):
            letter = text[end]
            level += (letter in "([") - (letter in ")]")
            if level <= 0 and letter in "\n ," and text[place:end].strip():
                rest = text[end:].lstrip("\n ,")
                if not rest or _START.match(rest):
                    break
            end += 1
        value = text[place:end].strip()
        if not value:
            raise GraphError(f"{show(canonical(start.group(1)))} has no value; write x=2")
        found.append((canonical(start.group(1)), value.replace("\n", " ")))
        place = end
        while place < len(text) and text[place] in "\n ,":
            place += 1
    return found


def read_value(text: str) -> Value:
    """A number, exactly as it was typed, or a nested list of numbers.

    >>> read_value("1/3"), read_value("0.5"), read_value("-2")
    (Fraction(1, 3), Fraction(1, 2), -2)
    >>> read_value("[1 2; 3 4]")
    [[1, 2], [3, 4]]

    Raises TextError with a caret, or GraphError for what is no number.
    """
    text = normal(text)
    tree, places = parse_placed(text, text, 0)
    made: dict[Expr, Any] = {}
    for node in postorder(tree):
        if node.head == "sym" and node.args[0] not in CONSTANTS:
            raise GraphError(f"{_typed(text, places.get(node, 0))} is no number")
        made[node] = _value(node, [made[part] for part in children(node)])
    value = made[tree]
    _shape(value)
    return value


def _typed(text: str, place: int) -> str:
    """The word around a place as it was typed: all of 0x10."""
    words = (word for word in _WORD.finditer(text) if word.start() <= place < word.end())
    return _short(next((word[0] for word in words), text.strip()))[1:-1]


def _value(node: Expr, parts: list[Any]) -> Any:
    match node.head:
        case "num":
            return node.args[0]
        case "sym":
            return CONSTANTS[node.args[0]]
        case "group":
            return parts[0]
        case "vector":
            return parts
        case "juxt":
            raise GraphError("two things stand side by side; write · between them")
    if any(isinstance(part, list) for part in parts):
        raise GraphError(
            "a value is a number or a literal such as [1, 2]; arithmetic is on numbers"
        )
    signs = {"·": "*", "@": "*"}
    if node.head == "neg" and isinstance(parts[0], float):
        return -parts[0]
    if any(isinstance(part, float) for part in parts):
        return _floats(node.head, parts)
    value = arithmetic(signs.get(node.head, node.head), [Fraction(part) for part in parts])
    return value.numerator if value.denominator == 1 else value


def _floats(head: str, parts: list[Any]) -> float:
    numbers = [float(part) for part in parts]
    try:
        match head, numbers:
            case "+", [a, b]:
                return a + b
            case "-", [a, b]:
                return a - b
            case (("*" | "·"), [a, b]):
                return a * b
            case "/", [a, b]:
                return a / b
            case "^", [a, b]:
                return math.pow(a, b)
    except (ZeroDivisionError, OverflowError, ValueError):
        raise GraphError("the number is out of range") from None
    raise GraphError("a value is a number or a literal such as [1, 2]")


def _shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists.

    Raises GraphError where rows differ, and for more dimensions than anything has.
    """
    if not isinstance(value, list):
        return ()
    shapes = {_shape(part) for part in value}
    if len(shapes) > 1:
        raise GraphError("the rows differ in length")
    shape = (len(value), *next(iter(shapes), ()))
    if len(shape) > MAX_RANK:
        raise GraphError(f"a value has at most {MAX_RANK} dimensions")
    return shape


def value_shape(value: Value) -> tuple[int, ...]:
    """The shape of a value that was read.

    >>> value_shape(read_value("[[1, 2], [3, 4], [5, 6]]"))
    (3, 2)
    """
    return tuple(value.shape) if isinstance(value, np.ndarray) else _shape(value)


def value_array(value: Value) -> npt.NDArray[Any]:
    """A value as an array: float64, or the file's own integers.

    >>> value_array(Fraction(1, 2))
    array(0.5)
    """
    return value if isinstance(value, np.ndarray) else np.asarray(value, dtype=np.float64)


def _from_file(path: str, name: str) -> npt.NDArray[Any]:
    """The array called `name` in an npz file, or the only one; an npy file holds one."""
    place = Path(path.strip()).expanduser()
    try:
        read = np.load(place, allow_pickle=False)
        if isinstance(read, np.ndarray):
            array = read
        else:
            with read as arrays:
                held = {canonical(key): key for key in arrays.files}
                if name not in held and len(held) != 1:
                    listed = ", ".join(arrays.files[:12]) or "nothing"
                    raise GraphError(f"{place} holds no array {name}; it holds {listed}")
                array = arrays[held.get(name, next(iter(held.values())))]
    except FileNotFoundError:
        raise GraphError(f"there is no file {place}") from None
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        raise GraphError(f"{place} is no npz file of numbers") from None
    if array.dtype.kind not in "fiub":
        raise GraphError(f"{place} holds {array.dtype}, and numbers are wanted")
    if array.ndim > MAX_RANK:
        raise GraphError(f"{place} holds {array.ndim} dimensions; at most {MAX_RANK} are read")
    if array.ndim == 0:
        number: Number = array.item()
        return np.asarray(number)
    return np.asarray(array)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
