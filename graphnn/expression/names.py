"""Names: one canonical spelling each, and how it is shown.

`h1`, `h_1` and `h₁` are one name, `h1`; `ŷ` is `y_hat`; `θ` is `theta`. Shown are h₁, ŷ, θ.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

GREEK = {
    name: chr(code)
    for code, name in enumerate(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "omicron",
            "pi",
            "rho",
            "finalsigma",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        start=0x3B1,
    )
    if name not in ("finalsigma", "omicron")
}
GREEK |= {
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_LATIN = {letter: name for name, letter in GREEK.items()}
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "vec": "\u20d7"}
_ACCENT_NAMES = {mark: name for name, mark in ACCENTS.items()}
_SUBSCRIPTS = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_FROM_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789aehijklmnoprstuvx")
_SUBSCRIPT_LETTERS = "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"

PATTERN = (
    r"[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0391-\u03a9\u03b1-\u03c9\u1e00-\u1eff]"
    rf"(?:[A-Za-z0-9_\u0300-\u036f\u20d7\u0391-\u03a9\u03b1-\u03c9']*)(?:[{_SUBSCRIPT_LETTERS}]+)?"
)
_WHOLE = re.compile(PATTERN)

_CHOICE = "write where(condition, a, b)"
_PROGRAM = "a text holds name = expression, one a line"
NO_NAMES = {
    **dict.fromkeys(("if", "else", "elif", "then"), _CHOICE),
    "mod": "there is no remainder",
    "in": "state an extent as for i < 3",
    "is": "compare with == or !=",
    "not": "turn the comparison round, x <= 0",
    "or": "write where(p, a, where(q, a, b))",
    "and": "it stands between conditions, where(x > 0 and y > 0, a, b)",
    "for": "it states extents, z[i] = … for i < 3",
    **dict.fromkeys(("while", "def", "return", "import", "from", "pass"), _PROGRAM),
}
"""Words of programming languages that name no value, and what to write instead."""


def no_name(word: str) -> str | None:
    """Why a word names no value, in one line; None for a name.

    >>> no_name("else"), no_name("lambda")
    ('else is no name; write where(condition, a, b)', None)
    """
    if word in NO_NAMES:
        return f"{word} is no name; {NO_NAMES[word]}"
    if _WHOLE.fullmatch(word):
        return None
    return f"{word!r} is no name; a name is letters, then digits or _, such as x1 or W_hh"


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The one spelling under which a name is stored.

    >>> canonical("h_1"), canonical("ŷ₂"), canonical("W₁"), canonical("θ")
    ('h1', 'y_hat2', 'W1', 'theta')
    """
    text = unicodedata.normalize("NFD", name)
    tail = re.search(rf"[{_SUBSCRIPT_LETTERS}]+$", text)
    subscript = ""
    if tail:
        text, subscript = text[: tail.start()], tail.group().translate(_FROM_SUBSCRIPTS)
    for mark, word in _ACCENT_NAMES.items():
        if mark in text:
            text = text.replace(mark, "")
            stem = re.match(r"[^\W\d_]+", text)
            cut = stem.end() if stem else len(text)
            text = f"{text[:cut]}_{word}{text[cut:]}"
    if subscript:
        apart = not subscript.isdigit() or text[-1:].isdigit()
        text = f"{text}{'_' if apart else ''}{subscript}"
    text = "".join(_LATIN.get(letter, letter) for letter in text)
    return re.sub(r"(?<=[^\d_])_(\d+)$", r"\1", unicodedata.normalize("NFC", text))


@lru_cache(maxsize=4096)
def parts(name: str) -> tuple[str, str, str]:
    """A canonical name as (stem, accent, subscript): `y_hat2` is ("y", "hat", "2")."""
    match = re.fullmatch(r"(.+?)(\d*)", name)
    stem, digits = match.groups() if match else (name, "")
    words = stem.split("_")
    accent = ""
    if len(words) > 1 and words[1] in ACCENTS:
        accent = words.pop(1)
    subscript = ",".join(word for word in words[1:] if word)
    if digits:
        subscript = f"{subscript}{digits}" if not subscript or len(words) > 1 else digits
    return words[0] or name, accent, subscript


@lru_cache(maxsize=4096)
def show(name: str) -> str:
    """A name as a slide prints it: W₁, ŷ, θ, W_hh. What is shown reads back as the same name.

    >>> show("W1"), show("y_hat"), show("theta"), show("W_hh")
    ('W₁', 'ŷ', 'θ', 'W_hh')
    """
    stem, accent, subscript = parts(name)
    text = GREEK.get(stem, stem)
    if accent:
        text = unicodedata.normalize("NFC", text[:1] + ACCENTS[accent] + text[1:])
    if subscript:
        small = subscript.isdigit()
        text += subscript.translate(_SUBSCRIPTS) if small else f"_{subscript}"
    return text if canonical(text) == name and _WHOLE.fullmatch(text) else name


@lru_cache(maxsize=4096)
def latex(name: str) -> str:
    r"""A name in LaTeX.

    >>> latex("W1"), latex("y_hat"), latex("theta"), latex("loss")
    ('W_{1}', '\\hat{y}', '\\theta', '\\mathit{loss}')
    """
    stem, accent, subscript = parts(name)
    numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", stem)
    if numbered and subscript:
        stem, subscript = numbered[1], f"{numbered[2]},{subscript}"
    stem = stem.replace("_", r"\_")
    if stem in GREEK:
        text = f"\\{stem}"
    elif not stem.isascii():
        text = rf"\text{{{stem}}}"
    else:
        text = stem if len(stem) == 1 else rf"\mathit{{{stem}}}"
    if accent:
        text = rf"\{accent}{{{text}}}"
    if not subscript:
        return text
    words = [f"\\{w}" if w in GREEK else w for w in subscript.split(",")]
    plain = all(w.startswith("\\") or w.isdigit() or len(w) == 1 for w in words)
    inner = ",".join(words)
    return f"{text}_{{{inner}}}" if plain else rf"{text}_{{\mathit{{{inner}}}}}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, or nothing.

    >>> did_you_mean("sigmod", ["sin", "sigmoid"]), did_you_mean("W", ["w"])
    ('; did you mean sigmoid?', '; did you mean w?')
    """
    names = list(known)
    near = [other for other in names if other.casefold() == name.casefold()]
    near += difflib.get_close_matches(name, names, 1, 0.65)
    return f"; did you mean {near[0]}?" if near else ""
