"""What the ops of the tables mean, as text; graphnn.graph.described makes docstrings of it.

A formula says what an op computes; it does not say what the op is for, what values it takes, what
happens where it is undefined, and who else calls it so. One paragraph of text each says that:

    name        what it is
    as          how it is written, where that is not `gnn.name(…)`
    takes       shapes, where it is not element by element
    range       of a real argument
    undefined   points without a value or derivative, and what is taken there
    source      lecture (L0 to L4), NumPy, SciPy or PyTorch name
    at          arguments => value ; slopes by each argument

The numbers after `at` become the docstring's example, which tests run.
"""

from __future__ import annotations

import re
from functools import lru_cache

MEANINGS = """
add         The sum.
as          a + b
source      NumPy add
at          a=[1, 2], b=[3, 5] => [4.0, 7.0]; [1.0, 1.0], [1.0, 1.0]

subtract    The difference.
as          a - b
source      NumPy subtract
at          a=[1, 2], b=[3, 5] => [-2.0, -3.0]; [1.0, 1.0], [-1.0, -1.0]

multiply    The product, element by element; `matmul` is the matrix product.
as          a * b
source      NumPy multiply
at          a=[1, 2], b=[3, 5] => [3.0, 10.0]; [3.0, 5.0], [1.0, 2.0]

divide      The quotient.
as          a / b
undefined   at b = 0: infinite or NaN, as in NumPy
source      NumPy divide
at          a=[1, 3], b=[2, 4] => [0.5, 0.75]; [0.5, 0.25], [-0.25, -0.1875]

negate      The negative.
as          -x
source      NumPy negative
at          x=[1, -2] => [-1.0, 2.0]; [-1.0, -1.0]

less        The condition a < b.
as          a < b
source      NumPy less
at          a=[1, 2, 3], b=[2, 2, 2] => [True, False, False]

less_equal  The condition a ≤ b.
as          a <= b
source      NumPy less_equal
at          a=[1, 2, 3], b=[2, 2, 2] => [True, True, False]

greater     The condition a > b.
as          a > b
source      NumPy greater
at          a=[1, 2, 3], b=[2, 2, 2] => [False, False, True]

greater_equal  The condition a ≥ b.
as          a >= b
source      NumPy greater_equal
at          a=[1, 2, 3], b=[2, 2, 2] => [False, True, True]

equal       The condition a = b. The operator `==` compares nodes by identity instead.
source      NumPy equal
at          a=[1, 2, 3], b=[2, 2, 2] => [False, True, False]

not_equal   The condition a ≠ b. The operator `!=` compares nodes by identity instead.
source      NumPy not_equal
at          a=[1, 2, 3], b=[2, 2, 2] => [True, False, True]

exp         The exponential function.
range       (0, ∞)
source      NumPy exp
at          x=[-1, 0, 2] => [0.3679, 1.0, 7.3891]; [0.3679, 1.0, 7.3891]

log         The natural logarithm.
range       (−∞, ∞), for x > 0
undefined   at 0: −∞, its derivative ∞; NaN below 0
source      NumPy log
at          x=[0.5, 1, 2] => [-0.6931, 0.0, 0.6931]; [2.0, 1.0, 0.5]

sqrt        The square root.
range       [0, ∞), for x ≥ 0
undefined   its derivative at 0: ∞; NaN below 0
source      NumPy sqrt
at          x=[0.25, 1, 4] => [0.5, 1.0, 2.0]; [1.0, 0.5, 0.25]

sin         The sine, of an angle in radians.
range       [−1, 1]
source      NumPy sin
at          x=[-1, 0, 2] => [-0.8415, 0.0, 0.9093]; [0.5403, 1.0, -0.4161]

cos         The cosine, of an angle in radians.
range       [−1, 1]
source      NumPy cos
at          x=[-1, 0.5, 2] => [0.5403, 0.8776, -0.4161]; [0.8415, -0.4794, -0.9093]

tan         The tangent, of an angle in radians.
range       (−∞, ∞)
undefined   at odd multiples of π/2, which no float is
source      NumPy tan
at          x=[-1, 0, 1] => [-1.5574, 0.0, 1.5574]; [3.4255, 1.0, 3.4255]

sinh        The hyperbolic sine.
range       (−∞, ∞)
source      NumPy sinh
at          x=[-1, 0, 2] => [-1.1752, 0.0, 3.6269]; [1.5431, 1.0, 3.7622]

cosh        The hyperbolic cosine.
range       [1, ∞)
source      NumPy cosh
at          x=[-1, 0, 2] => [1.5431, 1.0, 3.7622]; [-1.1752, 0.0, 3.6269]

tanh        The hyperbolic tangent, an activation.
range       (−1, 1)
source      L1, L2; NumPy tanh
at          x=[-1, 0, 2] => [-0.7616, 0.0, 0.964]; [0.42, 1.0, 0.0707]

abs         The absolute value.
range       [0, ∞)
undefined   its derivative at 0; 0 is taken, a convention
source      NumPy abs
at          x=[-2, 0, 3] => [2.0, 0.0, 3.0]; [-1.0, 0.0, 1.0]

sign        The sign: −1, 0 or 1.
range       {−1, 0, 1}
undefined   its derivative at 0, where it jumps; 0 is taken, a convention
source      NumPy sign
at          x=[-2, 0, 3] => [-1.0, 0.0, 1.0]; [0.0, 0.0, 0.0]

step        The binary step: 1 where x ≥ 0, else 0.
range       {0, 1}
undefined   its derivative at 0, where it jumps; 0 is taken, a convention
source      L1, L2; NumPy heaviside(x, 1)
at          x=[-2, 0, 3] => [0.0, 1.0, 1.0]; [0.0, 0.0, 0.0]

floor       The largest integer that is not above x.
range       the integers
undefined   its derivative at integers, where it jumps; 0 is taken there as elsewhere, a convention
source      NumPy floor
at          x=[-0.5, 1, 2.7] => [-1.0, 1.0, 2.0]; [0.0, 0.0, 0.0]

ceil        The smallest integer that is not below x.
range       the integers
undefined   its derivative at integers, where it jumps; 0 is taken there as elsewhere, a convention
source      NumPy ceil
at          x=[-1.5, 1, 2.2] => [-1.0, 1.0, 3.0]; [0.0, 0.0, 0.0]

log1p       The natural logarithm of 1 + x, exact for small x.
range       (−∞, ∞), for x > −1
undefined   at −1: −∞, its derivative ∞; NaN below −1
source      NumPy log1p
at          x=[-0.5, 0, 1] => [-0.6931, 0.0, 0.6931]; [2.0, 1.0, 0.5]

expm1       The exponential function minus 1, exact for small x.
range       (−1, ∞)
source      NumPy expm1
at          x=[-1, 0, 2] => [-0.6321, 0.0, 6.3891]; [0.3679, 1.0, 7.3891]

xlogy       The product x log y, which is 0 where x is 0, for y = 0 too.
range       (−∞, ∞)
undefined   for y < 0, and at y = 0 beside x ≠ 0, as log
source      SciPy special.xlogy
at          x=[0, 2], y=[0.5, 2] => [0.0, 1.3863]; [-0.6931, 0.6931], [0.0, 1.0]

linear      The identity: its own operand, and no op.
range       (−∞, ∞)
source      L2
at          x=[-2, 0, 3] => [-2.0, 0.0, 3.0]; [1.0, 1.0, 1.0]

sigmoid     The logistic function σ. Its derivative is a(1 − a), a its value.
range       (0, 1)
source      L0, L1, L2; SciPy special.expit
at          x=[-1, 0, 2] => [0.2689, 0.5, 0.8808]; [0.1966, 0.25, 0.105]

relu        The rectified linear unit.
range       [0, ∞)
undefined   its derivative at 0; 0 is taken, a convention
source      L1, L2; PyTorch relu
at          x=[-2, 0, 3] => [0.0, 0.0, 3.0]; [0.0, 0.0, 1.0]

leaky_relu  ReLU with the slope `a` below 0.
range       (−∞, ∞), for a > 0
undefined   its derivative at 0; 1 is taken, a convention
source      L1, L2; PyTorch nn.functional.leaky_relu
at          x=[-2, 0, 3] => [-0.02, 0.0, 3.0]; [0.01, 1.0, 1.0]

parametric_relu  ReLU with a slope `a` below 0 that is learnt: an operand, of any shape that broadcasts.
range       (−∞, ∞), for a > 0
undefined   its derivative by x at 0; 1 is taken, a convention
source      L1; PyTorch nn.functional.prelu
at          x=[-2, 0, 3], a=[0.5, 0.5, 0.5] => [-1.0, 0.0, 3.0]; [0.5, 1.0, 1.0], [-2.0, 0.0, 0.0]

elu         The exponential linear unit, with the limit −a for x → −∞.
range       (−a, ∞)
undefined   its derivative at 0 where a ≠ 1; a is taken, a convention
source      L2; PyTorch nn.functional.elu
at          x=[-1, 0, 2] => [-0.6321, 0.0, 2.0]; [0.3679, 1.0, 1.0]

softplus    The smooth ReLU log(1 + exp(x)), which does not overflow.
range       (0, ∞)
source      L2; PyTorch nn.functional.softplus
at          x=[-1, 0, 2] => [0.3133, 0.6931, 2.1269]; [0.2689, 0.5, 0.8808]

log_sigmoid  The logarithm of σ(x), −log(1 + exp(−x)), which does not overflow.
range       (−∞, 0)
source      PyTorch nn.functional.logsigmoid
at          x=[-1, 0, 2] => [-1.3133, -0.6931, -0.1269]; [0.7311, 0.5, 0.1192]

swish       The product x σ(x). It is least at x = −1.278: −0.278.
range       [−0.278, ∞)
source      L1; PyTorch nn.functional.silu
at          x=[-1, 0, 2] => [-0.2689, 0.0, 1.7616]; [0.0723, 0.5, 1.0908]

conv2d      The 2-D convolution of neural networks (a correlation), with stride `s`, padding `p`, dilation `d`.
takes       a kernel `K` (height, width, channels in, channels out), images `x` (batch, height, width, channels in); gives images (batch, rows, columns, channels out). An output has (n + 2p − d(k − 1) − 1) // s + 1 rows for n rows and a kernel of k. Padding is by zeros. One image (height, width, channels in) does as well, and one channel of it (height, width) with a kernel (height, width).
source      L1, L3, L4; PyTorch nn.functional.conv2d, here with channels last
at          K=[[[[1]], [[-1]]]], x=[[[[3], [5], [9]]]] => [[[[-2.0], [-4.0]]]]; [[[[8.0]], [[14.0]]]], [[[[1.0], [0.0], [-1.0]]]]

maxpool     The largest element of each window of `k` × `k`, a window every `s` elements, padded by `p`.
takes       images `x` (batch, height, width, channels); gives images of (n + 2p − k) // s + 1 rows for n rows, likewise columns. What is padded is never the largest. One image (height, width, channels) does as well, and one channel of it (height, width).
undefined   its derivative at a tie; the first maximum takes it, a convention. A window without elements is an error when run
source      L3, L4; PyTorch nn.functional.max_pool2d, here with channels last
at          x=[[[[1], [3]], [[5], [2]]]] => [[[[5.0]]]]; [[[[0.0], [0.0]], [[1.0], [0.0]]]]

avgpool     The mean of each window of `k` × `k`, a window every `s` elements, padded by `p`.
takes       images `x` (batch, height, width, channels); gives images of (n + 2p − k) // s + 1 rows for n rows, likewise columns. What is padded counts, as zeros. One image (height, width, channels) does as well, and one channel of it (height, width).
source      L4; PyTorch nn.functional.avg_pool2d, here with channels last
at          x=[[[[1], [3]], [[5], [2]]]] => [[[[2.75]]]]; [[[[0.25], [0.25]], [[0.25], [0.25]]]]

global_maxpool  The largest element of each channel of an image.
takes       images `x` (batch, height, width, channels); gives (batch, channels).
undefined   its derivative at a tie; the first maximum takes it, a convention. An image without elements is an error when run
source      PyTorch amax(x, (1, 2)); Keras GlobalMaxPooling2D
at          x=[[[[1], [3]], [[5], [2]]]] => [[5.0]]; [[[[0.0], [0.0]], [[1.0], [0.0]]]]

global_avgpool  The mean of each channel of an image.
takes       images `x` (batch, height, width, channels); gives (batch, channels).
source      PyTorch mean(x, (1, 2)); Keras GlobalAveragePooling2D
at          x=[[[[1], [3]], [[5], [2]]]] => [[2.75]]; [[[[0.25], [0.25]], [[0.25], [0.25]]]]
"""


@lru_cache(maxsize=1)
def meanings() -> dict[str, dict[str, str]]:
    """Op → its paragraph: key → text, the sentence of what it is under `is`.

    >>> meanings()["relu"]["is"], meanings()["relu"]["range"]
    ('The rectified linear unit.', '[0, ∞)')
    """
    found: dict[str, dict[str, str]] = {}
    for paragraph in MEANINGS.strip().split("\n\n"):
        first, *rest = (re.split(r"\s+", row, maxsplit=1) for row in paragraph.splitlines())
        found[first[0]] = {"is": first[1], **dict(rest)}
    return found
