"""Hostile and mutated texts through the command line: `python -m tests.text.fuzz --count 10000`.

Every case ends in a result (exit code 0) or in one line with exit code 2, within SECONDS of
processor time and MEGABYTES of memory, and nothing is imported, opened or executed on the way
but what `allowed` says. Cases follow from the seed and their number alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import random
import re
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType

SECONDS = 2.0
MEGABYTES = 500
HANGS = 60.0
LIFE = 400
"""A worker is replaced after so many cases: what earlier ones left in caches is not held against one."""

CORPUS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("x*y + sin(x)", ("x=2", "y=3")),
    ("z = w*x + b; a = sigmoid(z); L = (y - a)^2/2", ("x=2", "y=1", "w=1/2", "b=0")),
    ("ŷ = σ(w·x + b); L = ½(y − ŷ)²", ("x=2,y=1", "w = 0.5", "b=0")),
    ("z = W@x + b; a = relu(z); L = sum((a - y)^2)", ("W=[[1,2],[3,4]]", "x=[1,-1]", "b=[0,1]")),
    ("p = softmax(z); L = -sum(y*log(p))", ("z=[1,2,0.5]", "y=[0,1,0]")),
    ("p = softmax(z); L = -log(p[y])", ("z=[1,2,0.5]", "y=1")),
    ("z[i,j] += K[u,v]*x[i+u,j+v]", ("K=[[1,0],[0,-1]]", "x=[[1,2,3],[4,5,6],[7,8,9]]")),
    ("L = -Σ_i y[i] log p[i]", ("p=[0.2,0.8]", "y=[0,1]")),
    ("h1 = tanh(W1 x); h2 = W2 h1; L = mean((h2 - y)^2)", ("W1=[[1,2],[0,1]]", "x=[1,2]")),
    ("x: (B, 2); W: (3, 2); z = x@W.T; L = mean(z^2)", ()),
    ("f = max(x, 0) + min(x, y)*abs(y)", ("x=-1", "y=2")),
    ("L = λ*sum(W^2) + exp(-x)/(1 + exp(-x))", ("W=[1 2; 3 4]", "λ=0.1", "x=1e-3")),
    ("y = conv2d(K, x; s=1, p=1); L = sum(maxpool(y; k=2, s=2))", ()),
    ("L = Σ_n Σ_k (W[k,d[n]] - y[n])²", ("d=[0,1]", "y=[1,2]", "W=[[1,2],[3,4]]")),
    ("f = where(x > 0, sqrt(x), x^3) + a/b", ("x=4", "a=1", "b=3")),
    ("q = x[0:2] + x[1:]; L = sum(q*[1, 2])", ("x=[1,2,3]",)),
)
NAMES = ("x", "y", "w", "b", "W", "z", "a", "L", "σ", "λ", "ŷ", "h_1", "e", "pi", "f", "i", "n")
FUNCTIONS = [
    "sin",
    "cos",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sigmoid",
    "relu",
    "softmax",
    "log_softmax",
    "sum",
    "mean",
    "max",
    "min",
    "abs",
    "step",
    "sign",
    "where",
    "softplus",
    "argmax",
    "conv2d",
    "maxpool",
    "reshape",
    "transpose",
    "gather",
    "concat",
    "pad",
    "matmul",
    "ln",
    "σ",
    "elu",
]
SIGNS = (*"+-*/^·⊙@", "**", " ", " − ", "×", "//", "<", ">=", "==", " and ", "÷")
HOSTILE = (
    "__import__('os').system('true')", "__class__", "().__class__.__bases__[0]", "eval('1')",
    "open('/etc/passwd').read()", "exec(x)", "lambda: 0", "{x.__init__.__globals__}", "%s%n%x",
    "{0}{}{!r:>9999999}", "${HOME}", "$(true)", "`true`", "/etc/passwd", "../../etc/passwd",
    "@/etc/passwd", "file:///etc/passwd", "\x00", "\x1b[31m", "\r\n", "\t", "\u202e", "\u200b",
    "\ud800", "\ufeff", "👍", "ﬁ", "𝑥", "ẋ", "x\u0301\u0302\u0303", "٣", "Ⅷ", "½", "∞", "√", "∑",
    "9**9**9", "1e999", "1e-999", "-0", "0x10", "1_000", "9" * 400, "0." + "0" * 400 + "1",
    "NaN", "inf", "1/0", "1e308*10", "None", "True", "'", '"', '"""', "\\", "\\x41", "#", ";", "\n",
    "--", "-x", "=", ":=", "==", "->", "[[", "]]", "[]", "()", "(,)", "[;]", "|x|", "x'", "x!", "x?",
    "∂L/∂w", "dL/dw", "δ_ij", "Σ_i", "Σ_{i,j}", "max_i", "ᵀ", ".T", "x.T.T", "x[", "x[i,", "[0:",
    ": (B, 2)", ": int64", ": (-1)", ": (10**9)", "for i < 10**9", "+=", "max=", "x: (2)\n",
)  # fmt: skip
DEEP = (
    ("(", "x", ")"), ("[", "1", "]"), ("sin(", "x", ")"), ("-", "x", ""), ("", "x", "^2"),
    ("", "x", "[0]"), ("x+", "x", ""), ("x*", "x", ""), ("x^", "x", ""), ("", "x", ".T"),
    ("Σ_i ", "x[i]", ""), ("", "x", "²"), ("where(x>0,", "x", ",0)"), ("a=", "x", ""),
    ("", "x", ";y=x"), ("x<", "x", ""), ("½", "x", ""), ("e^(", "x", ")"), ("softmax(", "x", ")"),
    ("", "9", "9"), ("√", "x", ""), ("", "x", "ᵀ"), ("x=", "1", ""), ("{", "", "}"), ("∂", "L", ""),
    ("", "x", "\n"), ("# ", "x", ""), ("(x/", "x", ")"), ("log(1+exp(", "x", "))"), ("max(x,", "1", ")"),
)  # fmt: skip
WARM = (
    *(("derive", text, *values) for text, values in CORPUS),
    ("derive", "L = log(W@x", "W=[[1,2]]"),
    ("derive", CORPUS[1][0], *CORPUS[1][1], "--lr", "0.1", "--index", "--mode", "forward"),
    ("derive", CORPUS[4][0], *CORPUS[4][1], "--assume", "sum(y)=1", "--ascii"),
    *(("compile", text, *values, "-o", "model.py") for text, values in CORPUS[:6]),
    *(("draw", text, *values, "-o", "graph.dot") for text, values in CORPUS[:6]),
)


# ---- cases -------------------------------------------------------------------------------------


def case(seed: int, number: int) -> list[str]:
    """The words of one command."""
    draw = random.Random(f"{seed} {number}")
    kind = draw.random()
    if kind < 0.4:
        text, values = draw.choice(CORPUS)
        words = [mutated(draw, text) if draw.random() < 0.8 else text]
        words += [mutated(draw, v) if draw.random() < 0.2 else v for v in values]
    elif kind < 0.75:
        text = grown(draw)
        words = [text, *(v for v in grown_values(draw) if draw.random() < 0.1 or v[0] in text)]
    elif kind < 0.9:
        before, middle, after = draw.choice(DEEP)
        depth = int(10 ** draw.uniform(0.5, 4.2))
        words = [before * depth + middle + after * depth]
        if draw.random() < 0.2:
            words = ["L = x^2", f"x={words[0]}"]
    else:
        words = [
            "".join(draw.choice((*HOSTILE, *NAMES, *SIGNS)) for _ in range(draw.randint(1, 8)))
        ]
    words += options(draw)
    command = draw.choices(("derive", "compile", "draw"), (70, 15, 15))[0]
    target = {"compile": ["-o", "model.py"], "draw": ["-o", "graph.dot"]}.get(command, [])
    if command != "derive":
        words = [word for word in words if word not in ("--index", "--ascii", "--numbers")]
    return [command, *words, *target]


def mutated(draw: random.Random, text: str) -> str:
    """A text with one to four edits: cut, doubled, moved, replaced, with something hostile in it."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        a, b = sorted(draw.randint(0, len(text)) for _ in range(2))
        b = min(b, a + draw.choice((1, 1, 2, 5, 20)))
        match draw.randrange(7):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:b] + text[a:b] * draw.choice((1, 1, 3, 50)) + text[b:]
            case 2:
                text = text[:a] + draw.choice(HOSTILE) + text[b:]
            case 3:
                text = text[:a] + draw.choice((*SIGNS, *NAMES, *FUNCTIONS)) + text[a:]
            case 4:
                text = (
                    text[:a]
                    + chr(draw.choice((draw.randint(0, 127), draw.randint(0, 0xFFFF))))
                    + text[b:]
                )
            case 5:
                other = draw.choice(CORPUS)[0]
                text = (
                    text[:a] + draw.choice((";", "\n", "")) + other[draw.randint(0, len(other)) :]
                )
            case _:
                text = re.sub(
                    r"\d+", lambda m: draw.choice((m[0], "0", "-1", "1e9", "7", "1/3")), text
                )
    return text


SCALAR = ["sin", "cos", "exp", "tanh", "sigmoid", "relu", "softplus", "abs", "log", "sqrt", "step"]


def sensible(draw: random.Random, depth: int, known: int) -> str:
    """A random expression over numbers that is right, whatever its names stand for."""
    if depth == 0:
        return draw.choice(
            ("x", "y", "w", "b", "2", "½", "x", f"t{draw.randrange(known)}" if known else "y")
        )
    one, two = (sensible(draw, depth - 1, known) for _ in range(2))
    match draw.randrange(6):
        case 0 | 1:
            return f"{one} {draw.choice('+-*')} {two}"
        case 2 | 3:
            return f"{draw.choice(SCALAR)}({one})"
        case 4:
            return f"({one})/({two} + {draw.randint(1, 9)})"
        case _:
            return draw.choice(
                (
                    f"({one})²",
                    f"-({one})",
                    f"max({one}, {two})",
                    f"where({one} > {two}, {one}, {two})",
                )
            )


def grown(draw: random.Random) -> str:
    """One to six statements from the grammar, over few names: most of them mean something."""
    count = draw.choice((1, 1, 2, 3, 6))
    right = draw.random() < 0.5
    made = []
    if not right and draw.random() < 0.2:
        sizes = draw.choice(
            ("(2)", "(n)", "(2, 2)", "(B, 2)", "(0)", "(1, 1)", "int64", "(2) int64")
        )
        made.append(f"{draw.choice(NAMES)}: {sizes}")
    for k in range(count):
        left = f"t{k} = " if draw.random() < 0.9 or count > 1 else ""
        grow = sensible if right else expression
        made.append(left + grow(draw, draw.randint(1, 3), k))
    return draw.choice(("; ", "\n")).join(made)


def expression(draw: random.Random, depth: int, known: int) -> str:
    """A random expression of bounded depth."""
    if depth == 0 or draw.random() < 0.1:
        atoms = (
            draw.choice(NAMES), draw.choice(NAMES), str(draw.randint(0, 9)), "0.5", "1/3", "1e3", "π",
            f"{draw.choice('xyWz')}[{draw.choice(('i', 'i,j', '0', ':', 'i+u', 'y', '-1', 'n, y[n]'))}]",
            f"t{draw.randrange(known)}" if known else "x", "[1, 2]",
        )  # fmt: skip
        return draw.choice(atoms)
    parts = [expression(draw, depth - 1, known) for _ in range(3)]
    match draw.randrange(9):
        case 0 | 1 | 2:
            return parts[0] + draw.choice(SIGNS) + parts[1]
        case 3 | 4:
            taken = ", ".join(parts[: draw.choice((1, 1, 1, 2, 3))])
            extra = draw.choice(
                ("", "", "", "; axis=0", "; axis=-1", "; k=2", ", axis=9", "; p=-1")
            )
            return f"{draw.choice(FUNCTIONS)}({taken}{extra})"
        case 5:
            return f"({parts[0]})"
        case 6:
            return f"-{parts[0]}"
        case 7:
            return f"{draw.choice(('Σ_i', 'Σ_j', '½', 'max_i', 'sin ', '√'))} {parts[0]}"
        case _:
            return f"({parts[0]}){draw.choice(('²', '^3', '^-1', '.T', 'ᵀ', '^0.5', '[0]', '^x'))}"


def grown_values(draw: random.Random) -> Iterator[str]:
    """Values for some of the names."""
    values = ("1", "2", "-1", "0", "1/3", "0.5", "1e3", "[1,2]", "[0,1]", "[[1,2],[3,4]]", "[]", "[[]]",
              "1e300", "-0.0", "nan", "inf", "[1]", "[[0.5]]", "[1 2; 3 4]", "(1, 2)", "@none.npz")  # fmt: skip
    for name in dict.fromkeys(draw.choice(NAMES) for _ in range(draw.choice((0, 2, 4, 8)))):
        yield f"{name}={draw.choice(values)}"


def options(draw: random.Random) -> list[str]:
    """Options, some with values that make no sense."""
    found: list[str] = []
    rows: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("--wrt", ("x", "w", "W", "q", "", "x,y", "__class__", "%s", "L", "z", "σ")),
        ("--detail", ("paths", "statements", "ops", "none")),
        ("--digits", ("1", "15", "3", "0", "-1", "99", "x", "1e9", "9" * 5000)),
    )
    more: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("--lr", ("0.1", "1/3", "nan", "1e999", "[1]", "x", "-1")),
        ("--mode", ("forward", "reverse", "sideways")),
        ("--assume", ("sum(y)=1", "sum(x)=2", "y(", "x=1", "=", "sum(W)=0", "__import__('os')")),
        ("--cotangent", ("z=[[1,2],[0,-1]]", "f=1", "z=", "L=1", "@x", "f=[1,2]")),
        ("--index", ()), ("--ascii", ()), ("--numbers", ()),
    )  # fmt: skip
    for name, values in rows + more if draw.random() < 0.4 else rows[:1]:
        if draw.random() < 0.15:
            found += [name, draw.choice(values)] if values else [name]
    return found


# ---- running -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How one command ended: its exit code, and what was wrong with that (nothing, mostly)."""

    code: int
    wrong: str
    seconds: float
    megabytes: float
    said: str


class Watch:
    """An audit hook: what is imported, opened, executed or started while it is on."""

    EVENTS = re.compile(
        r"import$|open$|exec$|compile$|os\.(system|exec|posix_spawn|spawn|fork|remove|rename|"
        r"rmdir|mkdir|link|symlink|chmod|listdir|scandir|startfile)|subprocess|socket|ctypes|pty|"
        r"shutil|urllib|webbrowser|pickle|code\.__new__|marshal|tempfile"
    )

    def __init__(self, folder: str) -> None:
        """Watch from now on; `folder` is where the commands write."""
        self.folder = folder
        self.on = self.learning = False
        self.learnt: set[bytes] = set()
        self.words: list[str] = []
        self.found: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """Keep what is not allowed."""
        if self.on and self.EVENTS.match(event):
            self.on = False
            if self.learning and event in ("compile", "exec"):
                self.learnt.add(source_of(args))
            elif not self.allowed(event, args):
                self.found.append(f"{event} {str(args[:1])[:120]}")
            self.on = True

    def allowed(self, event: str, args: tuple[object, ...]) -> bool:
        """The emitted module is executed; files are those that were asked for, and what is written.

        Typer reads the commands' own annotations as code: those were learnt while warming up.
        Sympy compiles functions of its own, of the symbols _0, _1, …
        """
        first = args[0] if args else None
        match event:
            case "exec" | "compile" if source_of(args) in self.learnt or from_sympy():
                return True
            case "exec":
                return getattr(first, "co_filename", "").startswith("<graphnn ")
            case "compile":
                return len(args) > 1 and str(args[1]).startswith("<graphnn ")
            case "open":
                path = str(first)
                asked = any(
                    path and path in w and ("@" in w or w.endswith(".txt")) for w in self.words
                )
                return (
                    asked
                    or isinstance(first, int)
                    or path.startswith(self.folder)
                    or self.beside(path)
                )
            case "os.rename" | "os.chmod" | "os.remove" | "tempfile.mkstemp":
                return str(first).startswith(self.folder) or self.beside(str(first))
        return False

    @staticmethod
    def beside(path: str) -> bool:
        """Whether a path is one of the two files that the commands write, or its beginning."""
        return re.fullmatch(r"\.?/?\.?(model\.py|graph\.dot)(\..*)?", path) is not None


def source_of(args: tuple[object, ...]) -> bytes:
    """What is compiled or executed: a text, or the bytes of a code object with its names."""
    first = args[0]
    if isinstance(first, CodeType):
        return first.co_code + repr((first.co_names, first.co_consts)).encode()
    return first if isinstance(first, bytes) else str(first).encode()


def from_sympy() -> bool:
    """Whether the event arose in a line of sympy's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{os.sep}sympy{os.sep}" in frame.f_code.co_filename


def work(pipe: Connection, folder: str) -> None:
    """Run the commands that come through a pipe."""
    # what numpy and sympy import when it is first asked for
    import numpy.random  # noqa: F401
    import sympy.sets.handlers.functions  # noqa: F401

    from graphnn.cli import main

    os.chdir(folder)
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    warnings.simplefilter("error")
    watch = Watch(os.path.realpath(folder))
    for learning in (False, True):  # the second time nothing is imported any more
        watch.on = watch.learning = learning
        for words in WARM:
            quiet(main, list(words))
    watch.on = watch.learning = False
    while True:
        words = pipe.recv()
        if words is None:
            return
        watch.words, watch.found = words, []
        before = time.process_time()
        watch.on = True
        code, out, err = quiet(main, words)
        watch.on = False
        spent = time.process_time() - before
        peak = peak_megabytes()
        pipe.send(
            Outcome(code, verdict(code, out, err, spent, peak, watch.found), spent, peak, err)
        )


def peak_megabytes() -> float:
    """The most memory that this process held; ru_maxrss would count what its parent held, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
    (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def quiet(main: object, words: list[str]) -> tuple[int, str, str]:
    """One command: its exit code, its output and its errors; 3 where an exception escapes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)  # type: ignore[operator]
        except BaseException as error:
            return 3, out.getvalue(), f"escaped: {type(error).__name__}: {error}"
    return code, out.getvalue(), err.getvalue()


def verdict(
    code: int, out: str, err: str, seconds: float, megabytes: float, events: list[str]
) -> str:
    """What is wrong with how a command ended, or nothing."""
    first, *place = err.split("\n")[:-1] or [""]
    if code not in (0, 2):
        return f"exit code {code}: {err[-300:]}"
    if code == 0 and err:
        return f"a result and an error: {err[:300]}"
    if code == 2:
        if "internal error" in first or "Traceback" in err:
            return first[:300]
        if out or not first.startswith("graphnn: ") or any(row[:2] != "  " for row in place):
            return f"not one line: {err[:300]!r}"
        if len(first) > 600 or len(place) > 2:
            return f"too long: {err[:300]!r}"
        if any(not letter.isprintable() for row in (first, *place) for letter in row):
            return f"unprintable: {err[:300]!r}"
    if seconds > SECONDS:
        return f"slow: {seconds:.1f} s"
    if megabytes > MEGABYTES:
        return f"large: {megabytes:.0f} MB"
    return f"did {events[0]}" if events else ""


class Worker:
    """A process that runs commands one after the other, replaced when it hangs, dies or is old."""

    def __init__(self, folder: str) -> None:
        """Start it with the first command."""
        self.folder = folder
        self.process: multiprocessing.context.SpawnProcess | None = None
        self.age = 0

    def start(self) -> None:
        """A fresh process, warmed up."""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.folder), daemon=True)
        self.process.start()
        other.close()
        self.age = 0

    def run(self, words: list[str]) -> Outcome:
        """How a command ends."""
        if self.process is None or self.age >= LIFE:
            self.stop()
            self.start()
        self.age += 1
        try:
            self.pipe.send(words)
            if self.pipe.poll(HANGS):
                found: Outcome = self.pipe.recv()
                if found.wrong.startswith("large"):
                    self.stop()
                return found
            wrong = f"no end after {HANGS:.0f} s"
        except (EOFError, OSError):
            wrong = "the process died"
        self.stop()
        return Outcome(-1, wrong, HANGS, 0, "")

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def fuzz(count: int, seed: int, first: int = 0) -> Iterator[tuple[int, list[str], Outcome]]:
    """Cases by number, with how each ended."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(folder)
        try:
            for number in range(first, first + count):
                words = case(seed, number)
                yield number, words, worker.run(words)
        finally:
            worker.stop()


def main() -> int:
    """Print what went wrong, and the counts."""
    reader = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reader.add_argument("--count", type=int, default=10_000)
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--first", type=int, default=0, help="the number of the first case")
    asked = reader.parse_args()
    codes: Counter[int] = Counter()
    wrong, slowest, largest = 0, 0.0, 0.0
    for number, words, outcome in fuzz(asked.count, asked.seed, asked.first):
        codes[outcome.code] += 1
        slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.megabytes)
        if outcome.wrong:
            wrong += 1
            sys.stdout.write(f"case {number}: {outcome.wrong}\n  {str(words)[:400]}\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"{asked.count} texts: {codes[0]} results, {codes[2]} errors in one line, {wrong} wrong; "
        f"slowest {slowest:.2f} s, largest {largest:.0f} MB\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main())
