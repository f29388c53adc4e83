"""The command line: `graphnn derive`, `check`, `draw`, `compile` and the rest, a file each.

The one place, with the tour, that puts graphnn, codegen and viz together. `run` goes from words to
a command and to its exit code, `arguments` has what the commands share. What a command needs is
imported by that command when it runs, so that help is quick.
"""

from graphnn.cli.run import main

__all__ = ["main"]
