"""A second opinion that shares no code with the package's evaluator: nested loops over formulas.

A formula is read as data only (axes, write, shape, reduce, reads, body, guards), and so are nodes.
Indices, bodies and structures are computed by the few lines below, one element at a time, in plain
Python floats. `differences` gives derivatives without any rule, and `close` compares norm-wise.
"""

import itertools
import math

import numpy as np

# ---- one formula -------------------------------------------------------------------------------


def formula_value(formula, operands, sizes=None):
    """The value of `formula` on arrays, by nested loops; `sizes` binds symbolic dimensions."""
    sizes = sizes or {}
    shape = tuple(_size(size, sizes) for size in formula.shape)
    names = [axis.name for axis in formula.axes]
    extents = [_size(axis.extent, sizes) for axis in formula.axes]
    written = {name for index in formula.write for name in _axes(index)}
    result = np.zeros(shape)
    best = {}
    for point in itertools.product(*(range(extent) for extent in extents)):
        at = dict(zip(names, point, strict=True))
        if any(_affine(guard, at, sizes) < 0 for guard in formula.guards):
            continue
        reads = {
            f"_{k}": _item(operands[read.operand], _index(read.index, operands, at, sizes))
            for k, read in enumerate(formula.reads)
        }
        value = _body(formula.body, reads, at, dict(zip(names, extents, strict=True)))
        place = _index(formula.write, operands, at, sizes)
        if any(not 0 <= i < n for i, n in zip(place, shape, strict=True)):
            raise IndexError(f"a write outside: {place} in {shape}")
        if formula.reduce == "sum":
            result[place] += value
        elif formula.reduce == "set":
            if place in best:
                raise ValueError(f"two points are set to the same element: {place}")
            best[place] = result[place] = value
        else:
            if place not in best or value > best[place]:
                best[place] = value
                result[place] = (
                    value
                    if formula.reduce == "max"
                    else _flat(
                        [
                            (at[n], e)
                            for n, e in zip(names, extents, strict=True)
                            if n not in written
                        ]
                    )
                )
    if formula.reduce in ("max", "argmax") and len(best) != math.prod(shape):
        raise ValueError("the maximum of nothing")
    return result


def _item(array, place):
    if any(not 0 <= i < n for i, n in zip(place, np.shape(array), strict=True)):
        raise IndexError(f"a read outside: {place} in {np.shape(array)}")
    return float(np.asarray(array)[place])


def _index(parts, operands, at, sizes):
    found = []
    for part in parts:
        if hasattr(part, "operand"):  # an element of an integer operand
            inner = tuple(_affine(p, at, sizes) for p in part.index)
            found.append(int(_item(operands[part.operand], inner)))
        else:
            found.append(_affine(part, at, sizes))
    return tuple(found)


def _affine(polynomial, at, sizes):
    if isinstance(polynomial, int):
        return polynomial
    total = 0
    for atoms, coefficient in polynomial.terms:
        for atom in atoms:
            if isinstance(atom, str):
                coefficient *= at[atom]
            elif hasattr(atom, "name"):
                coefficient *= sizes[atom.name]
            else:
                above = _affine(atom.numerator, at, sizes)
                coefficient *= above // _affine(atom.denominator, at, sizes)
        total += coefficient
    return total


def _size(size, sizes):
    return _affine(size, {}, sizes)


def _axes(index):
    parts = index.index if hasattr(index, "operand") else (index,)
    return {atom for p in parts for atoms, _ in p.terms for atom in atoms if isinstance(atom, str)}


def _flat(positions):
    number = 0
    for position, extent in positions:
        number = number * extent + position
    return number


def _sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


_ONE = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "floor": math.floor,
    "step": lambda x: 1.0 if x >= 0 else 0.0,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "logistic": _sigmoid,
    "softplus": lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))),
    "log_logistic": lambda x: min(x, 0) - math.log1p(math.exp(-abs(x))),
    "swish": lambda x: x * _sigmoid(x),
    "hyperbolic_tangent": math.tanh,
    "neg": lambda x: -x,
}
_TWO = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
    "max": max,
    "min": min,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "xlogy": lambda a, b: 0.0 if a == 0 else a * math.log(b),
    "times_log": lambda a, b: 0.0 if a == 0 else a * math.log(b),
    "xlog1py": lambda a, b: 0.0 if a == 0 else a * math.log1p(b),
}


def _body(e, reads, at, extents):
    """A body at one point; only the branch of `where` that is taken is computed."""
    if e.head == "num":
        return float(e.args[0])
    if e.head == "sym":
        return reads[e.args[0]] if e.args[0] in reads else float(at[e.args[0]])
    if e.head == "extent":
        return float(extents[e.args[0].args[0]])
    if e.head == "where":
        chosen = e.args[1] if _body(e.args[0], reads, at, extents) else e.args[2]
        return _body(chosen, reads, at, extents)
    parts = [_body(part, reads, at, extents) for part in e.args]
    if e.head == "and":
        return all(parts)
    return _ONE[e.head](*parts) if e.head in _ONE else _TWO[e.head](*parts)


# ---- a graph of formulas -----------------------------------------------------------------------


def node_value(node, leaves, sizes=None):
    """The value of a graph's node, its formulas by nested loops; `leaves` by name."""
    values = {}
    stack = [node]
    while stack:
        one = stack[-1]
        waiting = [operand for operand in one.operands if operand not in values]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        values[one] = _node(one, [values[operand] for operand in one.operands], leaves, sizes or {})
    return values[node]


def _node(node, operands, leaves, sizes):
    given = dict(node.attributes)
    if not isinstance(node.op, str):
        return formula_value(node.op, operands, sizes)
    if node.op in ("input", "parameter"):
        return np.asarray(leaves[given["name"]], dtype=float)
    shape = tuple(_size(size, sizes) for size in node.shape)
    if node.op == "constant":
        value = given["value"]
        return np.full(shape, float(value.value)) if hasattr(value, "type") else value.values
    if node.op == "reshape":
        return np.array(list(operands[0].flat)).reshape(shape)
    if node.op in ("split", "hold"):
        return operands[0]
    parts = (
        [(0, operands[0])]
        if node.op == "item"
        else list(zip(_starts([o.shape[given["axis"]] for o in operands]), operands, strict=False))
    )
    result = np.zeros(shape)
    if node.op == "concat":
        for start, part in parts:
            for place in np.ndindex(part.shape):
                moved = list(place)
                moved[given["axis"]] += start
                result[tuple(moved)] = part[place]
        return result
    if node.op == "item":
        cut = dict(node.operands[0].attributes)
        begin = _starts([_size(size, sizes) for size in cut["sizes"]])[given["number"]]
        for place in np.ndindex(shape):
            moved = list(place)
            moved[cut["axis"]] += begin
            result[place] = operands[0][tuple(moved)]
        return result
    raise KeyError(node.op)


def _starts(sizes):
    return [sum(sizes[:k]) for k in range(len(sizes))]


# ---- derivatives without rules, and comparison -------------------------------------------------


def differences(function, x, cotangent, step=2e-3):
    """The gradient of ⟨function(x), cotangent⟩ by central differences of fourth order."""
    x = np.array(x, dtype=float)
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        total = 0.0
        for weight, shift in ((1, -2), (-8, -1), (8, 1), (-1, 2)):
            moved = x.copy()
            moved[place] += shift * step
            total += weight * float(np.sum(np.asarray(function(moved)) * cotangent))
        gradient[place] = total / (12 * step)
    return gradient


def directional(function, x, direction, step=2e-3):
    """The derivative of function along a direction, by central differences of fourth order."""
    x, direction = np.asarray(x, dtype=float), np.asarray(direction, dtype=float)
    total = 0.0
    for weight, shift in ((1, -2), (-8, -1), (8, 1), (-1, 2)):
        total = total + weight * np.asarray(function(x + shift * step * direction))
    return total / (12 * step)


def close(actual, expected, tolerance):
    """Assert |actual − expected| ≤ tolerance · max(1, max|expected|), shapes equal."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    assert np.all(np.isfinite(expected)), "the expectation is not finite: it would compare nothing"
    if expected.size:
        error = np.max(np.abs(actual - expected))
        scale = max(1.0, float(np.max(np.abs(expected))))
        assert error <= tolerance * scale, f"off by {error:.3g} at scale {scale:.3g}"


def check_gradient(function, gradient, x, generator, tolerance=1e-6):
    """Assert that `gradient(x, cotangent)` is that of `function`, for a random cotangent."""
    cotangent = generator.normal(size=np.shape(function(x)))
    close(gradient(x, cotangent), differences(function, x, cotangent), tolerance)
