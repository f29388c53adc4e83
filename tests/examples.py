"""The examples as modules: imported from their files, which are programs and no package."""

import importlib
import sys
from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


@cache
def example(name):
    """The module of `examples/name.py`; its `main` is not run."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))


@cache
def files():
    """The examples that show cases of the lectures."""
    return tuple(
        path.stem
        for path in sorted(EXAMPLES.glob("*.py"))
        if "lecture_case import" in path.read_text(encoding="utf-8")
    )


@cache
def cases():
    """(example, case name) → case, over all files."""
    return {(file, case.name): case for file in files() for case in example(file).CASES}
