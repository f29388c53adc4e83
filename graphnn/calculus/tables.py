"""The op tables: an op is a line. To add an op, add a line; nothing else needs to know.

Names after `;` are parameters. Sources: L1, L2 (activations), NumPy's names elsewhere.
"""

from __future__ import annotations

from functools import cache, lru_cache

from graphnn.calculus.definition import Definition, define

ARITHMETIC = """
add(a, b)             = a + b
subtract(a, b)        = a - b
multiply(a, b)        = a * b
divide(a, b)          = a / b
negate(x)             = -x
power(x, n)           = x^n
maximum(a, b)         = max(a, b)
minimum(a, b)         = min(a, b)
maximum_of(x; c)      = where(x <= c, c, x)
minimum_of(x; c)      = where(x >= c, c, x)
clip(x, a, b)         = where(x <= a, a, where(x >= b, b, x))
where(c, a, b)        = where(c != 0, a, b)
"""

COMPARISONS = """
less(a, b)            = where(a < b, 1, 0)
less_equal(a, b)      = where(a <= b, 1, 0)
greater(a, b)         = where(a > b, 1, 0)
greater_equal(a, b)   = where(a >= b, 1, 0)
equal(a, b)           = where(a == b, 1, 0)
not_equal(a, b)       = where(a != b, 1, 0)
"""

FUNCTIONS = """
exp(x)                = exp(x)
log(x)                = log(x)
sqrt(x)               = sqrt(x)
sin(x)                = sin(x)
cos(x)                = cos(x)
tan(x)                = tan(x)
sinh(x)               = sinh(x)
cosh(x)               = cosh(x)
tanh(x)               = tanh(x)
abs(x)                = abs(x)
sign(x)               = sign(x)
step(x)               = step(x)
floor(x)              = floor(x)
ceil(x)               = -floor(-x)
log1p(x)              = log1p(x)
expm1(x)              = expm1(x)
xlogy(x, y)           = xlogy(x, y)
"""

ACTIVATIONS = """
linear(x)             = x
sigmoid(x)            = 1 / (1 + exp(-x))
relu(x)               = max(x, 0)
leaky_relu(x; a=0.01) = where(x >= 0, x, a * x)
parametric_relu(x, a) = where(x >= 0, x, a * x)
elu(x; a=1)           = where(x > 0, x, a * (exp(x) - 1))
softplus(x)           = softplus(x)
log_sigmoid(x)        = log_logistic(x)
swish(x)              = x / (1 + exp(-x))
"""

WINDOWS = """
conv2d(K, x; s=1, p=0, d=1) : z[b,i,j,o] += K[u,v,c,o] * x[b, s*i+d*u-p, s*j+d*v-p, c] for i < (size(x,1)+2*p-d*(size(K,0)-1)-1)//s + 1, j < (size(x,2)+2*p-d*(size(K,1)-1)-1)//s + 1
maxpool(x; k=2, s=2, p=0)   : y[b,i,j,c] max= x[b, s*i+u-p, s*j+v-p, c] for u < k, v < k, i < (size(x,1)+2*p-k)//s + 1, j < (size(x,2)+2*p-k)//s + 1
avgpool(x; k=2, s=2, p=0)   : y[b,i,j,c] += x[b, s*i+u-p, s*j+v-p, c] / (extent(u)*extent(v)) for u < k, v < k, i < (size(x,1)+2*p-k)//s + 1, j < (size(x,2)+2*p-k)//s + 1
global_maxpool(x)           : y[b,c] max= x[b,i,j,c]
global_avgpool(x)           : y[b,c] += x[b,i,j,c] / (extent(i)*extent(j))
"""

PRODUCTS = """
outer(a, b)                 : y[i,j] = a[i] * b[j]
gather(E, t)                : y[n,d] = E[t[n],d]
"""

TABLES = {
    "arithmetic": ARITHMETIC,
    "comparisons": COMPARISONS,
    "functions": FUNCTIONS,
    "activations": ACTIVATIONS,
    "windows": WINDOWS,
    "products": PRODUCTS,
}


@lru_cache(maxsize=1)
def lines() -> dict[str, str]:
    """Every op's name and its line, in the order of the tables."""
    rows = [row for table in TABLES.values() for row in table.splitlines() if row.strip()]
    return {row.partition("(")[0].strip(): row for row in rows}


@cache
def definition(name: str) -> Definition:
    """The definition of a table's op.

    >>> definition("sigmoid").text.split()
    ['sigmoid(x)', '=', '1', '/', '(1', '+', 'exp(-x))']
    """
    return define(lines()[name])
