"""Pages of documentation that run: the console blocks of a Markdown file, and what they print.

    ```console                  each line after "$ " is run, what follows must be what it prints
    ```text title=net.txt       a file that later commands read

Python blocks are doctests, which pytest collects itself.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"^```(?P<kind>console|text title=(?P<file>\S+))\n(?P<body>.*?)^```$", re.M | re.S
)
_COMMAND = re.compile(r"^\$ (?P<words>.*)\n(?P<printed>(?:(?!\$ ).*\n)*)", re.M)


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]
    printed: str
    start: int
    end: int


def commands(text: str) -> list[Command]:
    """The commands of a page; where each one's output stands in it."""
    return [
        Command(
            tuple(shlex.split(found["words"])),
            found["printed"],
            block.start("body") + found.start("printed"),
            block.start("body") + found.end("printed"),
        )
        for block in _BLOCK.finditer(text)
        if block["kind"] == "console"
        for found in _COMMAND.finditer(block["body"])
    ]


def write_files(text: str, folder: Path) -> None:
    """The files that a page shows, written where its commands run."""
    for block in _BLOCK.finditer(text):
        if block["file"]:
            (folder / block["file"]).write_text(block["body"], encoding="utf-8")


def run_command(words: tuple[str, ...], graphnn: Callable[..., str]) -> str:
    """What one command prints: `graphnn …` here, `python FILE` in a process of its own."""
    program, *rest = words
    if program == "graphnn":
        return graphnn(*rest)
    assert program == "python", f"pages run graphnn and python, not {program}"
    return subprocess.run(
        [sys.executable, *rest], capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout


def updated(text: str, printed: list[str]) -> str:
    """The page with what its commands print now."""
    for command, output in reversed(list(zip(commands(text), printed, strict=True))):
        text = text[: command.start] + output + text[command.end :]
    return text
