"""The derivations of the examples as LaTeX: every row of the lectures compiles and fits the page.

All of them are one document, so that TeX starts once.
"""

import re

import pytest

from graphnn.cli import main
from tests.derivation.test_latex import complaints, needs_tex
from tests.examples import cases

DERIVED = {key: case for key, case in cases().items() if case.derived or case.name[0] == "A"}


@needs_tex
def test_every_derivation_of_the_examples_compiles_and_fits(tmp_path):
    head, bodies = "", []
    for (file, name), case in DERIVED.items():
        document = case.derivation().latex(document=True)
        head, _, rest = document.partition("\\begin{document}\n")
        body = rest.rpartition("\\end{document}")[0]
        assert body.strip(), (file, name)
        title = f"{file}: {name}".replace("_", r"\_")
        bodies.append(f"\\section*{{{title}}}\n{body}")
    source = head + "\\begin{document}\n" + "\\clearpage\n".join(bodies) + "\\end{document}\n"
    assert complaints(source, tmp_path) == []
    rows = {int(found[1]) for name in DERIVED if (found := re.match(r"A(\d+)", name[1]))}
    assert rows >= set(range(1, 23))
    pages = re.search(r"\((\d+) pages", (tmp_path / "made.log").read_text(errors="replace"))
    assert pages is not None and int(pages[1]) >= len(DERIVED)


@needs_tex
def test_a_line_that_is_too_wide_is_seen_among_them(tmp_path):
    case = DERIVED["neuron", "A4"]
    source = case.derivation().latex(document=True).replace("0.731", "0" * 150)
    assert complaints(source, tmp_path)


@needs_tex
def test_the_table_of_functions_compiles_and_fits(tmp_path, capsys):
    assert main(["functions", "--latex"]) == 0
    assert complaints(capsys.readouterr().out, tmp_path) == []


@pytest.mark.parametrize("name", DERIVED, ids="-".join)
def test_the_fragment_holds_no_sign_that_tex_lacks(name):
    fragment = DERIVED[name].derivation().latex()
    assert fragment.isascii()
