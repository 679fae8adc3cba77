"""What a file is by its first bytes, unpacked and as UTF-8, within limits; what is no statement is refused by name."""

from __future__ import annotations

import codecs
import gzip
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from gateway.locale import mark
from gateway.payments.statements.lines import BadStatement

# As large as a statement may be when unpacked: a year of a country's largest mutuelle is a tenth of it.
MAX_BYTES = 512 * 2**20
_SOME = 2**20
# What old exports are written in where it isn't UTF-8; the first of those that read equally well is taken.
_ENCODINGS = ("cp1252", "mac_roman", "cp850")
_ACCENTED = frozenset("àâäçéèêëîïôöùûüÿœæñáíóúÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸŒÆÑÁÍÓÚ")
_OTHER_SIGNS = frozenset("«»’‘“”–—…°€\xa0")
_SAMPLE = 2**16  # bytes of lines with accents that the encoding is told from

_NO_STATEMENT = (
    (b"%PDF", mark("this is a PDF: ask the operator for the same statement as CSV or XLSX")),
    (b"\x89PNG", mark("this is a picture: a statement comes as CSV, XLSX, MT940 or CAMT.053")),
    (b"\xff\xd8\xff", mark("this is a picture: a statement comes as CSV, XLSX, MT940 or CAMT.053")),
    (b"GIF8", mark("this is a picture: a statement comes as CSV, XLSX, MT940 or CAMT.053")),
    (b"\xd0\xcf\x11\xe0", mark("this is an old Excel workbook (.xls): open it and save it as XLSX or CSV")),
    (b"Rar!", mark("this is a packed archive: unpack it and give the statement itself")),
    (b"7z\xbc\xaf", mark("this is a packed archive: unpack it and give the statement itself")),
    (b"BZh", mark("this is a packed archive: unpack it and give the statement itself")),
    (b"{\\rtf", mark("this is a text document: a statement comes as CSV, XLSX, MT940 or CAMT.053")),
)
_MT940 = re.compile(rb"(?:\A|\n)\s*(?:\{4:\s*)?:20:")


@dataclass(frozen=True)
class Opened:
    """A file that may be a statement: ``text`` is open at its start, in UTF-8 without a mark of order."""

    kind: Literal["table", "workbook", "camt.053", "mt940"]
    text: IO[bytes]


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """The file as what it is; raises :class:`BadStatement` for what is no statement, is too large or was cut."""
    with path.open("rb") as given, tempfile.TemporaryFile() as unpacked, tempfile.TemporaryFile() as recoded:
        file: IO[bytes] = given
        if given.seek(0, 2) > MAX_BYTES:
            raise BadStatement(mark("the file is larger than {most} MB: ask for shorter periods"), most=MAX_BYTES >> 20)
        if _start(given)[:2] == b"\x1f\x8b":
            _unpack(given, unpacked)
            file = unpacked
        start = _start(file)
        if not start.strip():
            raise BadStatement(mark("the file is empty"))
        for magic, what in _NO_STATEMENT:
            if start.startswith(magic):
                raise BadStatement(what)
        if start.startswith(b"PK\x03\x04"):
            _check_workbook(file)
            yield Opened("workbook", file)
            return
        if start.lstrip(b"\xef\xbb\xbf\t\r\n ").startswith(b"<"):
            if re.search(rb"(?i)<(!doctype )?html|<table|<body", start):
                raise BadStatement(
                    mark("this is a web page, not a statement: download the file again, or save it as XLSX")
                )
            file.seek(0)
            yield Opened("camt.053", file)  # XML says its encoding itself
            return
        text = _as_utf8(file, recoded)
        start = _start(text)
        yield Opened("mt940" if _MT940.search(start) else "table", text)


def _start(file: IO[bytes]) -> bytes:
    file.seek(0)
    start = file.read(4096)
    file.seek(0)
    return start


def _unpack(packed: IO[bytes], into: IO[bytes]) -> None:
    size = 0
    try:
        with gzip.open(packed) as unpacking:
            while some := unpacking.read(_SOME):
                size += len(some)
                if size > MAX_BYTES:
                    raise BadStatement(mark("the file unpacks to more than {most} MB"), most=MAX_BYTES >> 20)
                into.write(some)
    except (EOFError, zlib.error, OSError):
        raise BadStatement(mark("the packed file is cut or damaged: download it again")) from None


def _check_workbook(file: IO[bytes]) -> None:
    """Refuse a ZIP that is no workbook, is damaged, or would unpack to more than it may."""
    try:
        with zipfile.ZipFile(file) as packed:
            parts = packed.infolist()
            if "xl/workbook.xml" not in {part.filename for part in parts}:
                raise BadStatement(
                    mark("this is a packed archive, not a workbook: unpack it and give the statement itself")
                )
            if sum(part.file_size for part in parts) > MAX_BYTES:
                raise BadStatement(mark("the workbook unpacks to more than {most} MB"), most=MAX_BYTES >> 20)
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, EOFError):
        raise BadStatement(mark("the workbook is cut or damaged: download it again")) from None
    file.seek(0)


def _as_utf8(file: IO[bytes], into: IO[bytes]) -> IO[bytes]:
    """``file`` itself where it is UTF-8, else a copy in UTF-8; placed behind a mark of order either way."""
    encoding = _encoding(file)
    file.seek(0)
    if encoding == "utf-8":
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        return file
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while some := file.read(_SOME):
            into.write(decoder.decode(some).encode())
        into.write(decoder.decode(b"", final=True).encode())
    except UnicodeError:
        raise BadStatement(mark("the file's letters can't be read: export it as CSV in UTF-8")) from None
    into.seek(0)
    return into


def _encoding(file: IO[bytes]) -> str:
    """The encoding of a text file, by its mark of order, by its bytes, or by how likely its letters are."""
    start = _start(file)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = start.count(0)
    if zeros > len(start) // 4:
        return "utf-16-le" if start[1::2].count(0) == zeros else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8, accents = True, b""
    while some := file.read(_SOME):
        if 0 in some:
            raise BadStatement(
                mark("this is neither text nor a workbook: a statement comes as CSV, XLSX, MT940 or CAMT.053")
            )
        if some.isascii() and not decoder.getstate()[0]:
            continue
        try:
            decoder.decode(some)
        except UnicodeDecodeError:
            utf8 = False
        if not utf8 and len(accents) < _SAMPLE:
            accents += b"\n".join(line for line in some.split(b"\n") if not line.isascii())[:_SAMPLE]
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise BadStatement(mark("the file ends in the middle of a letter: it was cut, download it again")) from None
        return "utf-8"
    return max(_ENCODINGS, key=lambda encoding: _french(accents, encoding))


def _french(lines: bytes, encoding: str) -> int:
    """How French some lines are in an encoding: letters with an accent, less what looks odd, as ``AÔcha KonÈ``."""
    text = lines.decode(encoding, errors="replace")
    likely = 0
    for before, letter, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if letter in _ACCENTED:
            odd = after.isupper() if letter.islower() else before.islower()
            likely += -1 if odd else 1
        elif not letter.isascii() and letter not in _OTHER_SIGNS:
            likely -= 1
    return likely
