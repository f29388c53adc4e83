"""Files: read up to a bound, written whole or not at all; what goes wrong is a GraphError."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from graphnn.errors import GraphError

MAX_BYTES = 1_000_000


def read_text(name: str) -> str:
    """The text of a file, or of standard input for `-`.

    Raises GraphError for a file that is missing, too long or no UTF-8.
    """
    try:
        if name == "-":
            found = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                found = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise GraphError(f"there is no file {name}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise GraphError(f"{name} cannot be read: {reason}") from None
    if len(found) > MAX_BYTES:
        raise GraphError(f"{name} is longer than {MAX_BYTES} bytes")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GraphError(f"{name} is no UTF-8 text") from None


def write_text(target: Path, text: str) -> None:
    """Write a text file (UTF-8, line feeds) beside its place and rename it."""
    write_bytes(target, text.encode("utf-8"))


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that nobody sees half of it.

    Raises GraphError where that cannot be done.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            mask = os.umask(0)
            os.umask(mask)
            Path(beside).chmod(0o666 & ~mask)
            Path(beside).replace(target)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise GraphError(f"{target} cannot be written: {reason}") from None
