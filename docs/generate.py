"""The pages that are made from the code: the text language from its grammar, the API from docstrings.

    python -m docs.generate        writes docs/text-language.md and docs/api.md

A test compares them with what the code says now.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import codegen
import graphnn
import viz
from graphnn.expression.functions import FUNCTIONS as SIGNS
from graphnn.files import write_text
from graphnn.graph import ops, windows
from graphnn.text.functions import ALIASES, FUNCTIONS

# ---- the text language -------------------------------------------------------------------------

LANGUAGE = """\
# The text language

A network is a text of statements, one a line or between semicolons. This page is made from the
grammar that reads it (`graphnn/expression/grammar.lark`) and from the table of its functions.

```text
# everything after a number sign is a comment
x: (B, 2); y: (B,)                a declaration: shapes, where no value gives them
z = x @ w + b                     a statement: a name, defined once, before its use
a = sigmoid(z)
L = mean((y - a)^2)               the last statement that nothing else uses is the loss
```

## What a sign means

| sign | between scalars | between tensors |
|---|---|---|
| `a b`, `a·b` | product | matrix product (dot product of vectors) |
| `a @ b` | | matrix product |
| `a * b`, `a ⊙ b` | product | element by element |
| `a / b` | quotient | element by element; a product without a sign below the line needs brackets: `1/(2x)` |
| `a^n`, `a**n`, `a²` | power | element by element |
| `A.T`, `Aᵀ`, `A^T` | | transpose |
| `½`, `√x` | number, root | |
| `<`, `<=`, `==`, `!=`, `and` | condition, for `where(c, a, b)` | |
| `Σ_i x[i]`, `Σ_{{i,j}} …` | sum over indices | |
| `z[i,j] += K[u,v]*x[i+u,j+v]` | | an indexed formula: `+=` adds up, `max=` takes the largest, `=` writes |
| `x[0]`, `A[:, 1]`, `x[1:3]` | | element, row, column, slice |
| `[1 2; 3 4]`, `[[1,2],[3,4]]`, `(1, 2)` | | matrix, vector |
| `δ_ij` | 1 where i = j, else 0 | |
| `∂L/∂w` | in answers and derivations | |

Greek letters and their names are the same (`lambda` is `λ`), so are `h1`, `h_1` and `h₁`, `y_hat` and
`ŷ`. `-`, `−`, `*`, `·`, `×` are read as slides print them. A typed decimal is an exact fraction until
the first function that is not rational.

## Functions

Parameters stand after `;` or by name: `softmax(x; axis=0)`.

{functions}

Other names for them: {aliases}. Written in the bodies of ops, besides: {signs}.

## Grammar

Names in capitals are tokens, given below the rules; `[…]` may be left out, `…*` may be repeated.

```text
{rules}
```

```text
{tokens}
```

## Bounds

A text is limited in length, depth, number of statements and in its exponents, so that no input
takes long: what is beyond ends in one line that names the limit.
"""


def text_language() -> str:
    """The page of the text language."""
    rules, tokens = _grammar()
    functions = "| call | result |\n|---|---|\n" + "\n".join(
        f"| `{row.usage}` | {_first_sentence(getattr(ops, row.name))} |"
        for row in FUNCTIONS.values()
    )
    return LANGUAGE.format(
        functions=functions,
        aliases=", ".join(f"`{name}` is `{meant}`" for name, meant in sorted(ALIASES.items())),
        signs=", ".join(f"`{name}`" for name in sorted(set(SIGNS) - set(FUNCTIONS))),
        rules="\n".join(rules),
        tokens="\n".join(tokens),
    )


def _grammar() -> tuple[list[str], list[str]]:
    """The grammar's rules and its tokens, without what only the reader's code needs."""
    source = files("graphnn.expression").joinpath("grammar.lark").read_text(encoding="utf-8")
    rules: list[str] = []
    tokens: list[str] = []
    for line in source.splitlines():
        if not line.strip() or line.startswith(("//", "%")):
            continue
        shown = re.sub(r"\s*->\s*\w+\s*$", "", line).rstrip()
        shown = re.sub(r"^\?", "", shown)
        if re.match(r"[A-Z_]+(\.\d+)?:", shown):
            tokens.append(re.sub(r"^([A-Z_]+)\.\d+", r"\1", shown))
        else:
            rules.append(shown)
    return rules, tokens


# ---- the API -----------------------------------------------------------------------------------

API = """\
# The Python interface

Every public name, from its docstring. `graphnn` builds, differentiates, evaluates and derives;
`codegen` compiles; `viz` draws.

Every function that makes a node takes nodes, Python numbers and arrays. Numbers and arrays take the
dtype of the nodes beside them, shapes follow NumPy's broadcasting, and what does not fit is refused
when the graph is built, at the line that wrote it. The examples show values in float64, which is
what `graphnn.evaluate` computes in.
"""

# heading → the modules whose public names stand under it; the names of other modules come last
FAMILIES = {
    "Leaves, names and graphs": ("leaves", "handle", "graph", "apply", "summary"),
    "Text": ("program",),
    "Derivations and answers": ("derive", "result", "functions", "examine", "verdict"),
    "Functions of elements": ("elementwise",),
    "Reductions": ("reductions", "norms"),
    "Products": ("products",),
    "Shapes and elements": ("shaping", "indexing"),
    "Convolution and pooling": ("windows",),
    "Normalisation and encodings": ("normalisation", "encodings"),
    "Losses": ("losses",),
    "Errors": ("errors",),
}


def api() -> str:
    """The page of all public names: contents, then each name."""
    contents, parts = [], []
    for heading, names in _families().items():
        rows = [
            f"| [`{name}`](#{_anchor(package, name)}) | {_first_sentence(getattr(package, name))} |"
            for package, name in names
        ]
        contents += ["", f"**{heading}**", "", "| name | |", "|---|---|", *rows]
        parts.append(f"## {heading}\n")
        parts += [_entry(package, name) for package, name in names]
    return "\n".join([API.rstrip(), *contents, "", *parts])


def _families() -> dict[str, list[tuple[ModuleType, str]]]:
    """Heading → (package, name), in the order of FAMILIES and of the alphabet."""
    found: dict[str, list[tuple[ModuleType, str]]] = {heading: [] for heading in FAMILIES}
    for name in sorted(graphnn.__all__, key=str.lower):
        found[_family(name)].append((graphnn, name))
    for package in (codegen, viz):
        heading = f"{package.__name__}"
        found[heading] = [(package, name) for name in sorted(package.__all__, key=str.lower)]
    return found


def _family(name: str) -> str:
    thing = getattr(graphnn, name)
    # what the op tables make belongs to the module that names it
    pooled = inspect.isfunction(thing) and vars(windows).get(name) is thing
    module = windows if pooled else inspect.getmodule(thing)
    last = module.__name__.rpartition(".")[2] if module else ""
    return next(heading for heading, modules in FAMILIES.items() if last in modules)


def _anchor(package: ModuleType, name: str) -> str:
    return f"{package.__name__}{name}".lower()


def _entry(package: ModuleType, name: str) -> str:
    thing = getattr(package, name)
    lines = [f"### {package.__name__}.{name}", ""]
    called = _signature(thing)
    if called:
        lines += [f"```text\n{name}{called}\n```", ""]
    lines.append(_markdown(inspect.getdoc(thing) or ""))
    if inspect.isclass(thing) and not issubclass(thing, Warning | Exception):
        for method, member in _members(thing):
            lines.append(f"#### {name}.{method}{_signature(member)}\n")
            lines.append(_markdown(inspect.getdoc(member) or ""))
    return "\n".join(lines)


def _members(kind: type) -> Iterator[tuple[str, object]]:
    """What a class defines itself, with a docstring."""
    for name, member in vars(kind).items():
        if (
            not name.startswith("_")
            and inspect.getdoc(member)
            and (callable(member) or isinstance(member, property | cached_property))
        ):
            yield name, member


def _signature(thing: object) -> str:
    if not callable(thing):
        return ""
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return ""
    try:
        found = str(inspect.signature(thing))
    except ValueError:
        return ""
    written = re.sub(r"(: |-> )'([^']*)'", r"\1\2", found)  # annotations are kept as text
    return re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", written).replace("<factory>", "{}")


def _markdown(docstring: str) -> str:
    """A docstring with its examples as blocks, its Google sections as bold words."""
    lines: list[str] = []
    block = ""
    for line in [*docstring.splitlines(), ""]:
        example = line.startswith(">>> ") or (block == "python" and bool(line.strip()))
        formula = line.startswith("    ") and block != "python"
        kind = "python" if example else "text" if formula else ""
        if kind != block:
            if block:
                lines.extend(["```", ""] if line.strip() else ["```"])
            if kind:
                if lines and lines[-1]:
                    lines.append("")
                lines.append(f"```{'pycon' if kind == 'python' else kind}")
            block = kind
        line = re.sub(r"^(Range|Undefined|Source): ", r"**\1** ", line)
        section = re.fullmatch(r"(Args|Returns|Raises|Yields|Example|Examples):", line)
        lines.append(f"**{section[1]}**" if section else line[4:] if formula else line)
    return "\n".join(lines).rstrip() + "\n"


def _first_sentence(thing: object) -> str:
    return _sentence(inspect.getdoc(thing)).replace("|", "\\|")


def _sentence(docstring: str | None) -> str:
    return " ".join((docstring or "").split("\n\n")[0].split())


GENERATED: dict[str, Callable[[], str]] = {"text-language.md": text_language, "api.md": api}
"""Each generated page and what makes it."""

if __name__ == "__main__":
    for name, page in GENERATED.items():
        write_text(Path(__file__).parent / name, page())
