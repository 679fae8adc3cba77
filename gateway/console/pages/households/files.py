"""Files of registers for browsers: written whole beside the database's connection, then sent piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from gateway.console.answers import File
from gateway.ledger.exports import Sheet, write

PIECE = 64 * 1024
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def sheet_file(sheet: Sheet, name: str, form: Literal["csv", "xlsx"]) -> File:
    """A register as a file; it is read from the database before this returns, and held on disk, not in memory."""
    folder = tempfile.TemporaryDirectory(prefix="register-")
    try:
        path = Path(folder.name) / f"register.{form}"
        write(sheet, path, form, bom=True)
        opened = path.open("rb")
    finally:
        folder.cleanup()  # the open file stays readable, and is gone with its last reader
    return File(name, _TYPES[form], _pieces(opened))


def pdf_file(content: bytes, name: str) -> File:
    """A PDF to be printed."""
    pieces = (content[start : start + PIECE] for start in range(0, len(content), PIECE))
    return File(name, "application/pdf", pieces)


def _pieces(opened: IO[bytes]) -> Iterator[bytes]:
    with opened:
        while piece := opened.read(PIECE):
            yield piece
