"""Printed text in ASCII: every sign has one spelling that the text language reads."""

from __future__ import annotations

import re

from graphnn.expression.names import PATTERN, canonical

_SIGNS = {
    "−": "-", "·": "*", "⊙": "*", "×": "*", "ᵀ": ".T", "∂": "d", "Σ": "sum", "∞": "inf", "≈": "~",
    "½": "(1/2)", "⅓": "(1/3)", "⅔": "(2/3)", "¼": "(1/4)", "¾": "(3/4)",
    "≤": "<=", "≥": ">=", "≠": "!=", "δ": "delta", "σ": "sigmoid", "←": "<-", "→": "->",
    "…": "...", "′": "'", "∈": "in", "⁺": "+", "Π": "prod", "⟨": "<", "⟩": ">", "√": "sqrt",
    "‖": "|", "—": "-", "–": "-",
}  # fmt: skip
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SMALL = "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"
_OPERAND = rf"(?:{PATTERN}|\([^()]*\))(?:\[[^\[\]]*\])?"
# A quotient of differentials beside another factor takes brackets, or it would swallow it.
_PARTIAL = f"∂(?>{_OPERAND})/∂(?>{_OPERAND})"
_INNER_PARTIAL = re.compile(
    rf"(?<=[·⊙×/ᵀ\w)\]\u0300-\u036f\u20d7] ){_PARTIAL}|(?<=[·⊙×/]){_PARTIAL}|{_PARTIAL}(?=[^\W\d_]| [\w(\[∂])"
)


def spell(text: str) -> str:
    """Spell every sign out; names take their canonical form.

    >>> spell("∂L/∂a · ∂a/∂z")
    'dL/da * (da/dz)'
    """
    text = _INNER_PARTIAL.sub(lambda m: f"({m[0]})", text)
    text = re.sub(r"σ(?=\()", lambda m: _sigma(text, m.end()), text)
    text = re.sub(rf"√({_OPERAND})", lambda m: f"sqrt{_bracketed(m[1])}", text)
    text = re.sub(r"[ΣƩ∑](?=_)", "sum", text)
    text = re.sub(r"δ(?=_([a-z][a-z](?![^\W⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ])|\{))", "delta", text)
    text = re.sub(r"ᵀ(?=[^\W\d])", "ᵀ ", text)
    text = re.sub(rf"(?<=[{_SMALL}])(?=[^\W\d_{_SMALL}])", " ", text)
    text = re.sub(PATTERN, lambda m: m[0] if m[0].isascii() else canonical(m[0]), text)
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: "^" + m[0].translate(_POWERS), text)
    text = "".join(_SIGNS.get(letter, letter) for letter in text)
    return text.encode("ascii", "replace").decode("ascii")


def _sigma(text: str, opening: int) -> str:
    """σ before a bracket: the function, or a value times the bracket where σ alone stands in it."""
    level = 0
    for place in range(opening, len(text)):
        level += (text[place] == "(") - (text[place] == ")")
        if level == 0:
            inside = text[opening:place]
            return "σ·" if re.search(r"(?<!\w)σ(?![\w(′'\u0300-\u036f])", inside) else "sigmoid"
    return "sigmoid"


def _bracketed(operand: str) -> str:
    return operand if operand.startswith("(") else f"({operand})"
