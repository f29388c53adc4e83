"""README and docs: what their consoles show is what is printed; the generated pages are current.

`pytest tests/test_docs.py --update-golden` writes the pages anew.
"""

import re

import pytest

from docs.generate import GENERATED
from graphnn.cli import main
from tests.pages import PAGES, ROOT, commands, run_command, updated, write_files


@pytest.fixture
def graphnn(capsys):
    def run(*words):
        capsys.readouterr()
        code = main(words)
        shown = capsys.readouterr()
        # check says by its exit code whether the answer was right
        assert code in ((0, 1) if words[0] == "check" else (0,)), shown.err
        assert shown.err == ""
        return shown.out

    return run


def test_readme_and_first_steps_show_commands():
    for page in (PAGES[0], ROOT / "docs" / "first-steps.md"):
        assert len(commands(page.read_text(encoding="utf-8"))) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_is_printed(page, graphnn, tmp_path, monkeypatch, request):
    text = page.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    write_files(text, tmp_path)
    printed = [run_command(command.words, graphnn) for command in commands(text)]
    if request.config.getoption("--update-golden"):
        page.write_text(updated(text, printed), encoding="utf-8")
        return
    assert [command.printed for command in commands(text)] == printed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", prose)
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_current(name, request):
    page, made = ROOT / "docs" / name, GENERATED[name]()
    if request.config.getoption("--update-golden"):
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made
