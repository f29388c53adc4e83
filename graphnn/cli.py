"""The command line: `graphnn derive`, `draw`, `compile`, `tour`.

The one place, with the tour, that puts graphnn, codegen and viz together. Exit code 0, or 2 for
what cannot be read or computed, said in one line on stderr (`--debug` shows the traceback). What a
command needs is imported by that command, so that help is quick.
"""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import graphnn as gnn
from graphnn.errors import GraphError
from graphnn.files import read_text, write_text

if TYPE_CHECKING:
    from graphnn.text import Program

SHORT = """\
graphnn: write a network as text; its derivation, picture and NumPy code follow from it.

  graphnn derive "x*y + sin(x)" x=2 y=3
  graphnn derive "z = w*x + b; a = sigmoid(z); L = (y - a)^2/2" x=2 y=1 w=0.5 b=0 --wrt w
  graphnn draw "L = (y - sigmoid(w*x + b))^2/2" x=2 y=1 w=0.5 b=0 -o graph.svg

Commands: derive, draw, compile, tour; graphnn COMMAND --help says more.
"""
DRAWN = (".svg", ".png", ".pdf", ".dot")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Text = Annotated[
    str, typer.Argument(metavar="TEXT", help="A network, a file ending in .txt, or - for stdin.")
]
Values = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME=VALUE]...", help="2, 1/3, [[1,2],[3,4]] or @file.npz"),
]
Wrt = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Differentiate by this one.")]
Output = Annotated[list[Path] | None, typer.Option("--output", "-o", metavar="FILE")]
Detail = Annotated[str, typer.Option(metavar="LEVEL", help="paths, statements or ops.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Write a network as text; its derivation, picture and NumPy code follow from it."""
    if version:
        _say(f"graphnn {gnn.__version__}\n")
    elif context.invoked_subcommand is None:
        _say(SHORT)


@app.command(options_metavar="[OPTIONS]")
def derive(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    cotangent: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE", help="What flows into a tensor output.")
    ] = None,
    lr: Annotated[str | None, typer.Option(metavar="RATE", help="Show the update, too.")] = None,
    mode: Annotated[str, typer.Option(help="reverse or forward.")] = "reverse",
    detail: Detail = "paths",
    index: Annotated[bool, typer.Option("--index", help="Index notation throughout.")] = False,
    assume: Annotated[
        list[str] | None, typer.Option(metavar="EQUATION", help='Such as "sum(y)=1".')
    ] = None,
    digits: Annotated[int, typer.Option(help="Significant digits.")] = 3,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Insist on a value for every leaf.")
    ] = False,
    ascii: Annotated[bool, typer.Option("--ascii", help="Spell every sign.")] = False,  # noqa: A002
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Print how the gradients of a network come about, step by step.

    Without --wrt every leaf is differentiated; without values the derivation is in symbols.
    -o writes .txt, .tex, .json, .svg, .png or .pdf instead, and may be given several times.

    \b
    graphnn derive "f = x*y + sin(x)" x=2 y=3
    graphnn derive "L = (y - sigmoid(w*x + b))^2/2" x=2 y=1 w=1/2 b=0 --wrt w --lr 0.1
    graphnn derive "z[i,j] += K[u,v]*x[i+u,j+v]" --wrt K -o derivation.tex
    """  # noqa: D301
    targets = output or []
    for target in targets:
        _suffix(target, (".txt", ".tex", ".json", *DRAWN))
    program, given = _program(text, values)
    missing = [name for name in program.leaves if name not in given]
    if numbers and missing:
        raise GraphError(f"no value for {', '.join(missing)}, and --numbers asks for every one")
    wanted = _wanted(program, wrt)
    made = gnn.derive(
        program.loss,
        wanted,
        given,
        _rate(lr),
        _cotangent(program, cotangent),
        mode,
        detail,
        assume or [],
        index,
        digits,
    )
    if not targets:
        _say(made.text(ascii=ascii or not _unicode(sys.stdout)))
    printed: dict[str, Callable[[], str]] = {
        ".txt": lambda: made.text(ascii=ascii),
        ".tex": lambda: made.latex(document=True),
        ".json": made.json,
    }
    for target in targets:
        if target.suffix in printed:
            write_text(target, printed[target.suffix]())
        else:
            _drawing(program, given, wanted, detail, digits).save(target)
        _say(f"wrote {target}\n")


@app.command(options_metavar="[OPTIONS]")
def draw(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    detail: Detail = "paths",
    digits: Annotated[int, typer.Option(help="Significant digits.")] = 3,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Draw a network: what flows forward, and the gradients that come back.

    Writes graph.svg, or what -o says: .svg, .png, .pdf or .dot.

    \b
    graphnn draw "z = w*x + b; a = sigmoid(z); L = (y - a)^2/2" x=2 y=1 w=0.5 b=0
    """  # noqa: D301
    targets = output or [Path("graph.svg")]
    for target in targets:
        _suffix(target, DRAWN)
    program, given = _program(text, values)
    made = _drawing(program, given, _wanted(program, wrt), detail, digits)
    for target in targets:
        made.save(target)
        _say(f"wrote {target}\n")


@app.command("compile", options_metavar="[OPTIONS]")
def compile_(
    text: Text,
    values: Values = None,
    wrt: Wrt = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="float32 or float64 (the default).")
    ] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Compile a network and its gradients to one standalone NumPy file.

    Values give shapes; declarations in the text, x: (B, 2), do so too. Writes model.py, or what
    -o says.

    \b
    graphnn compile "x: (B, 2); z = x@W.T + b; L = mean((z - y)^2)" W="[[1,2]]" --wrt W --wrt b -o model.py
    """  # noqa: D301
    import codegen

    targets = output or [Path("model.py")]
    for target in targets:
        _suffix(target, (".py",))
    program, _ = _program(text, values)
    made = codegen.compile(_outputs(program), dtype=dtype, parameters=_wanted(program, wrt))
    for target in targets:
        write_text(target, made.source)
        _say(f"wrote {target}; python {target} checks its gradients\n")


@app.command(options_metavar="[OPTIONS]")
def tour(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIRECTORY", help="Where files are written.")
    ] = Path("graphnn-tour"),
    debug: Debug = False,
) -> None:
    """Derive, draw and compile a small network, then train a larger one on handwritten digits."""
    from graphnn.tour import tour as take

    take(output)


# What the commands share.


def _program(text: str, words: Sequence[str] | None) -> tuple[Program, dict[str, Any]]:
    """The network of TEXT, and the values of the words after it."""
    from graphnn.text import parse, read_assignments, value_shape

    file = text if text.endswith(".txt") else "<stdin>" if text == "-" else ""
    network = read_text(text) if file else text
    given = read_assignments(words or [])
    shapes = {name: value_shape(value) for name, value in given.items()}
    try:
        return parse(network, shapes, file=file), given
    except GraphError as error:
        if file:
            raise GraphError(f"{file}: {error.message}", error.place) from None
        raise


def _wanted(program: Program, wrt: Sequence[str] | None) -> list[str]:
    """The names of --wrt; without it, every leaf that can be differentiated."""
    if wrt is not None:
        names = [name for word in wrt for name in re.split(r"[\s,]+", word.strip()) if name]
        if not names:
            raise GraphError("--wrt names nothing; --wrt w is one leaf, two are --wrt w --wrt b")
        return names
    return [name for name, leaf in program.leaves.items() if leaf.dtype.startswith("float")]


def _outputs(program: Program) -> dict[str, Any]:
    """The loss first, then what else the text computes and does not use."""
    loss = next(reversed(program.names))
    return {loss: program.loss} | program.graph.outputs


def _rate(lr: str | None) -> Any:
    from graphnn.text import read_value

    if lr is None:
        return None
    rate = read_value(lr)
    if isinstance(rate, list):
        raise GraphError(f"--lr takes one number; {lr} was given")
    return rate


def _cotangent(program: Program, word: str | None) -> Any:
    from graphnn.text import read_assignments

    if word is None:
        return None
    given = read_assignments([word])
    loss = next(reversed(program.names))
    if list(given) != [loss]:
        raise GraphError(f"--cotangent takes what flows into {loss}: {loss}=VALUE")
    return given[loss]


def _drawing(
    program: Program, given: dict[str, Any], wanted: list[str], detail: str, digits: int
) -> Any:
    """The picture; below it the chain, where one gradient was asked for."""
    import viz
    from graphnn.text import value_array

    at = {name: value_array(value) for name, value in given.items()}
    thing = _outputs(program)
    numbers = at if all(name in at for name in program.leaves) else None
    chain = viz.chain_of(thing, wanted[0], numbers, detail, digits) if len(wanted) == 1 else None
    return viz.draw(thing, at, wanted, detail, chain=chain, digits=digits)


def _suffix(target: Path, known: Sequence[str]) -> None:
    if target.suffix not in known:
        raise GraphError(f"{target} has no known suffix; known are {', '.join(known)}")


def _unicode(stream: Any) -> bool:
    """Whether a stream can print −, σ and ∂; one without an encoding takes all text."""
    return "utf" in (getattr(stream, "encoding", None) or "utf-8").lower()


def _say(text: str) -> None:
    sys.stdout.write(text)


# From words to a command.


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
                found.extend(value for value in [next(rest, None)] if value is not None)
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


if __name__ == "__main__":
    sys.exit(main())
