"""Registers as files to keep: written whole beside the program first, so that nobody gets half of one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.console.answers import File
from gateway.ledger.exports import Format, Sheet, write

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CHUNK_BYTES = 64 * 1024


def sheet_file(sheet: Sheet, name: str, form: Format) -> File:
    """A register as a file that spreadsheets open, with nothing in it that they would run."""
    folder = tempfile.TemporaryDirectory(prefix="cotisa-file-")
    path = Path(folder.name) / f"sheet.{form}"
    try:
        write(sheet, path, form, bom=True)
    except BaseException:
        folder.cleanup()
        raise
    return File(f"{name}.{form}", CONTENT_TYPES[form], _chunks(path, folder))


def _chunks(path: Path, folder: tempfile.TemporaryDirectory[str]) -> Iterator[bytes]:
    with folder, path.open("rb") as written:
        while chunk := written.read(CHUNK_BYTES):
            yield chunk
