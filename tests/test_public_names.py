"""Every public name is documented: what it is, and examples, all of which run.

pytest's own collection leaves out functions that a table makes, so the examples are run from here.
"""

import doctest
import inspect

import pytest

import codegen
import graphnn
import viz
from graphnn.graph import ops

PUBLIC = {
    f"{package.__name__}.{name}": getattr(package, name)
    for package in (graphnn, ops, codegen, viz)
    for name in package.__all__
    if package is not ops or name not in graphnn.__all__
}
# what a docstring has to say of a function that takes or makes tensors
OPS = [f"graphnn.{name}" for name in ops.__all__ if name in graphnn.__all__]


def run(docstring, name):
    """The failures of a docstring's examples, and how many lines ran."""
    names = vars(codegen) if name.startswith("codegen.") else {}
    examples = doctest.DocTestParser().get_doctest(docstring, dict(names), name, None, None)
    shown = []
    flags = doctest.ELLIPSIS
    result = doctest.DocTestRunner(optionflags=flags).run(examples, out=shown.append)
    return "".join(shown) if result.failed else "", result.attempted


@pytest.mark.parametrize("name", PUBLIC)
def test_the_docstring_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failures, ran = run(inspect.getdoc(PUBLIC[name]) or "", name)
    assert not failures, failures
    assert ran > 0


@pytest.mark.parametrize("name", OPS)
def test_an_op_says_its_formula_and_its_errors(name):
    text = inspect.getdoc(PUBLIC[name])
    assert "`" in text or "\n    " in text
    assert "Raises " in text


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if callable(thing)])
def test_the_signature_names_what_is_taken(name):
    if inspect.isclass(PUBLIC[name]):
        return
    kinds = [p.kind for p in inspect.signature(PUBLIC[name]).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD not in kinds or name == "graphnn.evaluate"
