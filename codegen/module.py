"""The emitted file: its docstring, constants, the passes as commented blocks, and what is called.

Everything is printed from the plan. The user's names occur as quoted keys, as mangled identifiers
and, stripped of line breaks and quotes, in comments.
"""

from __future__ import annotations

from codegen.declarations import declarations, docstring
from codegen.interface import interface_text
from codegen.passes import Module, pass_text
from codegen.runtime import BINDING, CHECK, CHECK_FORWARD, HELPERS, MODEL, RANDOM
from graphnn.plan import Plan


def module_source(plan: Plan, checked: bool = False) -> str:
    """The source of the standalone module that computes a plan.

    With `checked`, every value has a line of its own, and the first NaN or ∞ raises
    FloatingPointError with the value's name, the place and the statement.
    """
    made = Module(plan, checked)
    passes = [pass_text(made, section) for section in ("forward", "backward", "updates")]
    interface = interface_text(made)
    needed = made.helpers | ({"first_place"} if made.helpers & {"rows", "finite"} else set())
    parts = [
        docstring(plan),
        "import sys\n\nimport numpy as np\n",
        declarations(made),
        *(f"\n{HELPERS[name]}" for name in HELPERS if name in needed),
        *(f"\n\n{text}" for text in passes if text),
        f"\n{BINDING}",
        f"\n\n{interface}",
    ]
    if plan.updates:
        parts.append(f"\n{MODEL}")
    check = CHECK if plan.gradients else CHECK_FORWARD
    floats = ", ".join(made.floats.values())
    doubles = ", ".join("np.float64" for _ in made.floats)
    parts += [
        f"\n{RANDOM}",
        f"\n{check.replace('{floats}', floats).replace('{doubles}', doubles)}",
        '\n\nif __name__ == "__main__":\n    sys.exit(check())\n',
    ]
    return "".join(parts)
