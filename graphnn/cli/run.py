"""From words to a command: exit code 0, 1 for a wrong answer, 2 for what cannot be read or computed.

An error is one line on stderr (`--debug` shows the traceback).
"""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

import graphnn as gnn
from graphnn.cli.arguments import say
from graphnn.cli.check import check
from graphnn.cli.compile import compile
from graphnn.cli.derive import derive
from graphnn.cli.draw import draw
from graphnn.cli.functions import functions
from graphnn.cli.summary import summary
from graphnn.cli.tour import tour
from graphnn.errors import GraphError

SHORT = """\
graphnn: write a network as text; its derivation, picture and NumPy code follow from it.

  graphnn derive "x*y + sin(x)" x=2 y=3
  graphnn derive "z = w*x + b; a = sigmoid(z); L = (y - a)^2/2" x=2 y=1 w=0.5 b=0 --wrt w
  graphnn draw "L = (y - sigmoid(w*x + b))^2/2" x=2 y=1 w=0.5 b=0 -o graph.svg

Commands: derive, check, draw, compile, functions, summary, tour; graphnn COMMAND --help says more.
"""

COMMANDS: dict[str, Callable[..., object]] = {
    "derive": derive,
    "check": check,
    "draw": draw,
    "compile": compile,
    "functions": functions,
    "summary": summary,
    "tour": tour,
}

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _command in COMMANDS.items():
    app.command(_name, options_metavar="[OPTIONS]")(_command)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Write a network as text; its derivation, picture and NumPy code follow from it."""
    if version:
        say(f"graphnn {gnn.__version__}\n")
    elif context.invoked_subcommand is None:
        say(SHORT)


def arranged(words: Sequence[str], options: dict[str, bool]) -> list[str]:
    """Options first, then `--` and all else: a leading minus in a formula is no option.

    `options` says of each option whether it takes a value.

    >>> arranged(["-y*log(a)", "y=1", "-o", "d.tex"], {"-o": True})
    ['-o', 'd.tex', '--', '-y*log(a)', 'y=1']
    """
    found: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        name = word.partition("=")[0]
        if word == "--":
            others.extend(rest)
        elif word in options or re.fullmatch(r"--[a-z][a-z-]*", name):
            found.append(word)
            if options.get(word):
                value = next(rest, None)
                if value is None:
                    raise GraphError(f"{word} needs a value: graphnn COMMAND --help says which")
                found.append(value)
        else:
            others.append(word)
    return [*found, "--", *others]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    >>> main(["derive", "f = x*x", "x=3", "--wrt", "x", "--digits", "0"])
    2
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        with warnings.catch_warnings():
            # log(-1) is nan on the page, too: no need to say so twice
            warnings.simplefilter("ignore", RuntimeWarning)
            _run(words)
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        # what stands in the buffer would be written once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
            return 2
        return _complain(error)
    return 0


def _run(words: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    commands = group.commands
    if words and not words[0].startswith("--") and words[0] not in ("-h", *commands):
        raise GraphError(
            f"there is no command {_cut(words[0])!r}; one of {', '.join(commands)}, "
            "as in: graphnn derive TEXT"
        )
    if words and words[0] in commands:
        options = {
            name: not (getattr(p, "is_flag", False) or getattr(p, "count", False))
            for p in commands[words[0]].params
            if p.param_type_name == "option"
            for name in p.opts
        }
        words = [words[0], *arranged(words[1:], options | {"-h": False, "--help": False})]
    with group.make_context("graphnn", words) as context:
        group.invoke(context)


def _complain(error: Exception) -> int:
    """One line on stderr, with a caret below it where there is one; returns 2."""
    place = ""
    if isinstance(error, GraphError):
        message, place = error.message, f"{error.place}\n" if error.place else ""
    elif hasattr(error, "format_message"):  # a usage error, of click or of typer's own copy
        message = str(error.format_message()).rstrip(".")
    else:
        message = f"internal error, {type(error).__name__}: {error}; --debug shows the traceback"
    sys.stderr.write(f"graphnn: {' '.join(message.split())}\n{place}")
    return 2


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
