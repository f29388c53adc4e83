r"""A rule or a remark, written in Unicode, as LaTeX text: names and signs go to math mode.

σ′ = σ(1 − σ)          $\sigma'$ = $\sigma$(1 $-$ $\sigma$)
linear in w_x          linear in $w_{x}$
assumes Σ_i y[i] = 1   assumes $\sum_{i} y_{i}$ = 1
"""

from __future__ import annotations

import re
from collections.abc import Collection

from graphnn.expression.names import PATTERN, canonical, latex

_SIGNS = {
    "−": "-", "·": r"\cdot ", "⊙": r"\odot ", "×": r"\times ", "∂": r"\partial ", "∞": r"\infty ",
    "≈": r"\approx ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "←": r"\leftarrow ",
    "→": r"\to ", "′": "'", "∈": r"\in ", "ᵀ": r"^{\top}", "√": r"\surd ", "Π": r"\prod ",
    "Σ": r"\sum ", "‖": r"\|", "½": r"\tfrac{1}{2}", "<": "<", ">": ">", "|": "|",
}  # fmt: skip
_SMALL = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))
_TEXT = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%",
    "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "…": r"\dots{}",
    "—": "---", "–": "--", '"': "''",
}  # fmt: skip

_PIECE = re.compile(
    r"(?P<sum>Σ_(?:\{(?P<bounds>[^{}]*)\}|(?P<bound>\w)) ?)"
    r"|(?P<delta>δ_(?:\{(?P<pair>[^{}]*)\}|(?P<letters>[a-z]{2})))"
    r"|−(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<mantissa>\d+(?:\.\d+)?)e(?P<exponent>−?\d+)"
    r"|(?P<genitive>'s\b)"
    rf"|(?P<element>{PATTERN})\[(?P<index>[^\[\]]*)\]"
    rf"|(?P<name>{PATTERN})"
    rf"|(?P<power>[{''.join(_SMALL)}]+)"
    r"|(?P<letter>.)",
    re.DOTALL,
)


def prose(text: str, names: Collection[str] = ()) -> str:
    r"""A sentence as LaTeX text; `names` are set as variables, whatever else they may mean.

    >>> prose("linear in w_x: σ′ = σ(1 − σ)", ["w_x"])
    "linear in $w_{x}$: $\\sigma'$ = $\\sigma$(1 $-$ $\\sigma$)"
    """
    made = "".join(_piece(match, text, names) for match in _PIECE.finditer(text))
    return re.sub(r"(?<!\\)\$\$", "", made)


def _piece(match: re.Match[str], text: str, names: Collection[str]) -> str:
    if match["sum"]:
        bounds = match["bounds"] if match["bounds"] is not None else match["bound"]
        return rf"$\sum_{{{_index(bounds)}}}$"
    if match["delta"]:
        return rf"$\delta_{{{_index(match['pair'] or ' '.join(match['letters']))}}}$"
    if match["number"]:
        return f"$-{match['number']}$"
    if match["mantissa"]:
        exponent = match["exponent"].replace("−", "-")
        return rf"${match['mantissa']} \times 10^{{{exponent}}}$"
    if match["genitive"]:
        return "'s"
    if match["element"]:
        called, index = latex(canonical(match["element"])), _index(match["index"])
        return f"${called}[{index}]$" if "_" in called else f"${called}_{{{index}}}$"
    if match["name"]:
        return _word(match["name"], text[match.end() :], names)
    if match["power"]:
        return "$^{" + "".join(_SMALL[letter] for letter in match["power"]) + "}$"
    letter = match["letter"]
    if letter in _SIGNS:
        return f"${_SIGNS[letter]}$"
    if letter in _TEXT:
        return _TEXT[letter]
    return letter if letter.isascii() and letter.isprintable() else "?" if letter.strip() else " "


def _word(word: str, rest: str, names: Collection[str]) -> str:
    """A word, or a variable: a known name (but not the article "a"), or one in foreign signs."""
    name = canonical(word)
    article = word in ("a", "A", "I") and re.match(r"\s+[A-Za-z]{2}", rest)
    if not word.isascii() or ((name in names or len(name) == 1) and not article):
        return f"${latex(name)}$"
    return word.replace("_", r"\_")


def _index(text: str) -> str:
    """What stands below Σ, δ or a name: names and signs, in math mode already."""
    inner = re.sub(PATTERN, lambda m: latex(canonical(m[0])), text)
    for sign, spelled in _SIGNS.items():
        inner = inner.replace(sign, spelled)
    return "".join(c if c.isascii() else "?" for c in inner.replace(" ", ""))
