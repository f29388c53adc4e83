"""The parts of an emitted module that are the same in every one: helpers, binding, self-check.

They are text, not imported code: an emitted file stands alone. A helper is emitted where some
kernel calls it.
"""

from __future__ import annotations

HELPERS = {
    "padded": '''
def padded(a, widths, value=0):
    """A copy of `a` with `value` around it: (before, after) for each dimension."""
    out = np.full([n + sum(w) for n, w in zip(a.shape, widths)], value, a.dtype)
    out[tuple(slice(w[0], w[0] + n) for n, w in zip(a.shape, widths))] = a
    return out
''',
    "view": '''
def view(a, shape, dims, steps=None, start=None):
    """`a` under another index, nothing copied: axis k of the result walks along dims[k].

    Steps of steps[k] (1), from `start` (0); the two may be tuples of dimensions and steps.
    """
    if 0 in shape:
        return np.zeros(shape, a.dtype)
    start = start or (0,) * a.ndim
    low, high, strides = list(start), list(start), []
    for n, walked, by in zip(shape, dims, steps or (1,) * len(dims)):
        strides.append(0)
        walked = walked if isinstance(walked, tuple) else (walked,)
        for dim, step in zip(walked, by if isinstance(by, tuple) else (by,) * len(walked)):
            strides[-1] += a.strides[dim] * step
            (high if step > 0 else low)[dim] += (n - 1) * step
    if min(low) < 0 or any(h >= n for h, n in zip(high, a.shape)):
        raise IndexError(f"positions {low} to {high} leave an array of shape {a.shape}")
    first = a[tuple(slice(s, None) for s in start)]
    return np.lib.stride_tricks.as_strided(first, shape, strides)
''',
    "rows": '''
def rows(labels, size, name):
    """The labels, each checked to be a row of a table of `size` rows."""
    labels = np.asarray(labels)
    wrong = (labels < 0) | (labels >= size)
    if wrong.any():
        place = first_place(wrong)
        found = f"{name}{list(place) or ''} = {labels[place]} is out of range: the table has "
        raise InputError("label", found + (f"{size} rows, 0 to {size - 1}" if size else "no rows"))
    return labels
''',
    "where_true": '''
def where_true(mask, a):
    """`np.where(mask, a, 0)` by an AND with the bits of `a`: no branches, so many times faster."""
    integers = np.int64 if a.itemsize == 8 else np.int32
    return (a.view(integers) & -mask.view(np.int8)).view(a.dtype)
''',
    "finite": '''
def finite(array, name, line):
    """Raise FloatingPointError where a value is NaN or ∞; −∞ passes, which a mask may hold."""
    array = np.asarray(array)
    wrong = np.isnan(array) | (array == np.inf)
    if wrong.any():
        place = first_place(wrong)
        what = "NaN" if np.isnan(array[place]) else "infinity"
        where = f"{name}{list(place) or ''}"
        said = f"{what} first arose in {where}: {line}" if line else f"{where} is {what}"
        raise FloatingPointError(said)
''',
    "first_place": '''
def first_place(wrong):
    """The indices of the first True."""
    return tuple(int(k) for k in np.unravel_index(wrong.argmax(), wrong.shape))
''',
}

BINDING = '''
class InputError(ValueError):
    """What was given does not fit; `kind` is "missing", "shape", "dtype" or "label"."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def expected():
    """All leaves with their shapes, for messages."""
    return ", ".join(f"{name} {shown}" for name, (_, _, _, shown) in LEAVES.items())


def convert(name, value):
    """What was given for a leaf, as an array of the leaf's dtype."""
    if not isinstance(value, (np.ndarray, np.generic)) and hasattr(value, "numerator"):
        value = float(value) if LEAVES[name][1] != "int64" or value % 1 else int(value)
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.array([v.__float__() for v in array.flat]).reshape(array.shape)
    except (AttributeError, TypeError, ValueError):
        said = f"{name} takes an array of real numbers; {value!r:.60} was given"
        raise InputError("dtype", said) from None
    if array.dtype.kind not in "fiub":
        raise InputError("dtype", f"{name} takes real numbers; {array.dtype} was given")
    dtype = dtypes()[LEAVES[name][1]]
    if dtype is np.int64 and array.dtype.kind == "f" and np.any(array != np.floor(array)):
        raise InputError("dtype", f"{name} takes integers; an array with fractions was given")
    return array.astype(dtype, copy=False)


def named_arrays(names, arrays, named):
    """Arrays by name, whether they were given by name or by position in the order of `names`."""
    if len(arrays) > len(names):
        raise InputError("missing", f"{len(arrays)} arrays for {len(names)} leaves: {expected()}")
    given = dict(zip(names, arrays))
    for name, value in named.items():
        if name not in names:
            raise InputError("missing", f"there is no leaf called {name}; leaves: {expected()}")
        if name in given:
            raise InputError("missing", f"{name} was given twice: by position and by name")
        given[name] = value
    return given


def bind(needed, sizes, given):
    """The arrays called `needed`, then the sizes called `sizes`; every shape is checked."""
    arrays, symbolic, known, types = [], [], {}, dtypes()
    for name in needed:
        if name not in given:
            missing = ", ".join(other for other in needed if other not in given)
            raise InputError("missing", f"no value for {missing}; leaves: {expected()}")
        _, dtype, shape, _ = LEAVES[name]
        array = given[name]
        if type(array) is not np.ndarray or array.dtype != types[dtype]:
            array = convert(name, array)
        if array.shape != shape:
            bind_sizes(name, array.shape, known)
            symbolic.append((name, array.shape))
        arrays.append(array)
    for name, shape in symbolic:
        if shape != tuple(size_of(size, known) for size in LEAVES[name][2]):
            raise wrong_shape(name, shape)
    return [*arrays, *(known[size][0] for size in sizes)]


def bind_sizes(name, shape, known):
    """Note the numbers of the symbolic dimensions, and the array that says each."""
    if len(shape) != len(LEAVES[name][2]):
        raise wrong_shape(name, shape)
    for size, number in zip(LEAVES[name][2], shape):
        if isinstance(size, str):
            other, owner = known.setdefault(size, (number, name))
            if other != number:
                raise InputError(
                    "shape",
                    f"{name} has shape {LEAVES[name][3]}; the dimension {size} is {other} "
                    f"in {owner}, here it is {number}",
                )
        elif not callable(size) and size != number:
            raise wrong_shape(name, shape)


def size_of(size, known):
    """A declared size as a number."""
    if callable(size):
        return size({name: number for name, (number, _) in known.items()})
    return known[size][0] if isinstance(size, str) else size


def wrong_shape(name, shape):
    """The error for an array that does not have its leaf's shape."""
    message = f"{name} has shape {LEAVES[name][3]}; an array of shape {shape} was given"
    return InputError("shape", message)
'''

RANDOM = '''
def random_leaves(rng, attempt):
    """Random values of the declared shapes: standard normal at first, then between 0.1 and 0.9."""
    leaves = {}
    for name, (kind, dtype, shape, _) in LEAVES.items():
        size = [
            SIZES[s] if isinstance(s, str) else s(SIZES) if callable(s) else s for s in shape
        ]
        if dtype == "int64":
            leaves[name] = rng.integers(0, BELOW.get(name, 2), size)
        elif dtype == "bool":
            leaves[name] = rng.random(size) < 0.5
        elif attempt < 2:
            spread = np.sqrt(max(np.prod(size) / max(min(size), 1), 1)) if len(size) > 1 else 1.0
            spread = spread if kind == "parameter" else 1.0
            leaves[name] = rng.standard_normal(size) / spread
        else:
            leaves[name] = rng.uniform(0.1, 0.9, size)
    return leaves
'''

CHECK = '''
def loss_of(leaves):
    """The first output."""
    return next(iter(forward(**leaves).values()))


def relative_error(name, direction, leaves, loss, gradient):
    """How far the slope along a direction is from the gradient's; None at a kink."""
    exact = float(np.sum(gradient * direction))
    best, bends = np.inf, []
    for step in (1e-5, 1e-4, 1e-6):
        up, down = (
            float(np.sum(loss_of({**leaves, name: leaves[name] + s * direction})))
            for s in (step, -step)
        )
        slope = (up - down) / (2 * step)
        scale = max(abs(slope), abs(exact), 1e-4 * max(1.0, abs(loss)))
        best = min(best, abs(slope - exact) / scale)
        bends.append(abs(up - 2 * loss + down) / step / scale)
        if best < 0.1 * TOLERANCE:
            break
    return None if best > TOLERANCE and min(bends) > 0.01 else best


def check(seed=0):
    """Compare the gradients with central differences of the forward pass, in float64.

    On random inputs, along one random direction and up to sixteen single elements of each gradient
    (one, where there are more than 10,000 parameters). Returns 0, or 1 where one is wrong by more
    than TOLERANCE relatively, away from kinks.
    """
    global {floats}
    before = {floats}
    {floats} = {doubles}
    try:
        rng = np.random.default_rng(seed)
        for attempt in range(4):
            leaves = random_leaves(rng, attempt)
            loss, gradients = loss_and_gradients(**leaves)
            if all(np.all(np.isfinite(a)) for a in (loss, *gradients.values())):
                break
        else:
            print("not checked: the loss or a gradient is not finite on any random input tried")
            return 1
        few = 16 if sum(g.size for g in gradients.values()) <= 10_000 else 1
        worst, where, count, kinks = 0.0, "", 0, 0
        for name, gradient in gradients.items():
            directions = [rng.standard_normal(gradient.shape) / np.sqrt(gradient.size or 1)]
            for place in rng.permutation(gradient.size)[:few]:
                directions.append(np.zeros(gradient.shape))
                directions[-1].flat[place] = 1.0
            for direction in directions:
                error = relative_error(name, direction, leaves, float(np.sum(loss)), gradient)
                count += 1
                kinks += error is None
                if error is not None and not error <= worst:
                    worst, where = error, f" (gradient of {name})"
        skipped = f", {kinks} skipped at kinks" if kinks else ""
        print(f"largest relative error {worst:.1e}{where}: {count} directions{skipped}")
        return 0 if worst <= TOLERANCE else 1
    finally:
        {floats} = before
'''

CHECK_FORWARD = '''
def check(seed=0):
    """Run the forward pass on random inputs; there is no single output to differentiate."""
    outputs = forward(**random_leaves(np.random.default_rng(seed), 2))
    shapes = ", ".join(f"{name} {value.shape}" for name, value in outputs.items())
    print(f"no gradients to check; outputs: {shapes}")
    return 0
'''

MODEL = '''
class Model:
    """The network with its parameters: `model = Model().init(0)`, then `model.step(…)`.

    `parameters` maps names to arrays; a step changes them in place where it can.
    """

    def __init__(self):
        self.parameters = {}

    def init(self, seed=0, initial=None):
        """Draw the parameters: normal with the standard deviation in SPREAD, 0 for a bias.

        SPREAD is 1/√(fan-in), the fan-in being what an output sums over. `initial` maps names to
        values to take instead. Returns the model.
        """
        rng = np.random.default_rng(seed)
        for name in SPREAD:
            shape = LEAVES[name][2]
            drawn = rng.standard_normal(shape) * SPREAD[name]
            self.parameters[name] = convert(name, drawn)
        for name, value in (initial or {}).items():
            self._set(name, value)
        return self

    def _set(self, name, value):
        if name not in SPREAD:
            known = ", ".join(SPREAD)
            raise InputError("missing", f"there is no parameter {name}; there are: {known}")
        array = convert(name, value)
        if array.shape != tuple(LEAVES[name][2]):
            raise wrong_shape(name, array.shape)
        self.parameters[name] = array.copy()

    def _given(self, arrays, named):
        if not self.parameters:
            raise InputError(
                "missing", "the model has no parameters yet; call init(seed) or load(path)"
            )
        return {**self.parameters, **named_arrays(INPUTS, arrays, named)}

    def forward(self, /, *arrays, **named):
        """The outputs by name, for inputs given by name, or by position."""
        return forward(**self._given(arrays, named))

    def loss_and_gradients(self, /, *arrays, **named):
        """The loss, and its gradient by each parameter."""
        return loss_and_gradients(**self._given(arrays, named))

    def step(self, /, *arrays, **named):
        """Update every parameter once; returns the loss before the update."""
        loss, updated = step_in_place(self._given(arrays, named))
        self.parameters.update(updated)
        return loss

    def save(self, path):
        """Write the parameters to an npz file."""
        with open(path, "wb") as file:
            np.savez(file, **{f"parameter {name}": a for name, a in self.parameters.items()})

    def load(self, path):
        """Read the parameters of `save`; returns the model."""
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                self._set(key.removeprefix("parameter "), file[key])
        return self
'''
