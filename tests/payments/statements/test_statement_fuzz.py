"""Files torn, flipped and made up are read or refused in one line, and never take long. STATEMENT_FUZZ=N: more."""

from __future__ import annotations

import gzip
import os
import random
import time
from pathlib import Path

import pytest

from gateway.payments.statements.lines import LINES, BadStatement
from gateway.payments.statements.reading import Hints, read_statement
from tests.payments.statements.specimens import (
    BANK,
    BENIN,
    CAMT,
    DEPOSITS,
    KENYA,
    MPESA,
    MT940,
    MTN,
    PAWAPAY,
    csv,
    xlsx,
)

GOOD: dict[str, tuple[bytes, str, Hints]] = {
    "mtn": (csv(MTN), "mtn_momo", BENIN),
    "mtn-quoted": (csv(MTN, quoted=True), "mtn_momo", BENIN),
    "mtn-utf16": (csv(MTN, encoding="utf-16"), "mtn_momo", BENIN),
    "mpesa": (csv(MPESA), "mpesa", KENYA),
    "pawapay": (csv(PAWAPAY), "pawapay", BENIN),
    "pawapay-gz": (gzip.compress(csv(PAWAPAY)), "pawapay", BENIN),
    "deposits": (csv(DEPOSITS), "pawapay", BENIN),
    "bank": (csv(BANK, separator=";", encoding="cp1252"), "bank", BENIN),
    "xlsx": (xlsx(MTN), "mtn_momo", BENIN),
    "mt940": (MT940.encode(), "bank", BENIN),
    "camt": (CAMT.encode(), "bank", BENIN),
}
ROUNDS = int(os.environ.get("STATEMENT_FUZZ", "40"))
LONGEST_S = 5.0  # on a busy machine; a hundredth is usual
SPICE = (
    b'"',
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\t",
    b"\x00",
    b"-",
    b"(",
    b"1e9",
    b"9" * 30,
    b"\xff",
    "é".encode(),
    b"=",
    b"<",
    b":61:",
    b"|" * 50,
)


def spoil(good: bytes, dice: random.Random) -> bytes:
    """The file with one or a few things wrong."""
    made = bytearray(good)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made)) if made else 0
        match dice.randrange(6):
            case 0:
                del made[at:]
            case 1 if made:
                made[at] ^= 1 << dice.randrange(8)
            case 2:
                made[at:at] = dice.choice(SPICE)
            case 3:
                del made[at : at + dice.randint(1, 40)]
            case 4:
                other = dice.randrange(len(made)) if made else 0
                made[at:at] = made[other : other + dice.randint(1, 80)]
            case _:
                made[at:at] = dice.randbytes(dice.randint(1, 12))
    return bytes(made)


def tried(content: bytes, operator: str, hints: Hints, path: Path) -> str:
    """Read it; what came of it, in a word."""
    path.write_bytes(content)
    began = time.perf_counter()
    try:
        for frame in read_statement(path, operator, hints).lines:
            assert frame.schema == LINES
            assert frame.select("line", "at", "kind", "amount", "fee", "said").null_count().sum_horizontal().item() == 0
        word = "read"
    except BadStatement as refused:
        said = str(refused)
        assert said
        assert "\n" not in said
        assert len(said) < 300
        word = "refused"
    assert time.perf_counter() - began < LONGEST_S
    return word


@pytest.mark.parametrize("name", GOOD)
def test_a_spoiled_file_is_read_or_refused(name: str, tmp_path: Path) -> None:
    good, operator, hints = GOOD[name]
    dice = random.Random(name)
    assert tried(good, operator, hints, tmp_path / "file") == "read"
    words = {tried(spoil(good, dice), operator, hints, tmp_path / "file") for _ in range(ROUNDS)}
    assert "refused" in words


def test_any_bytes_are_refused(tmp_path: Path) -> None:
    dice = random.Random(7)
    starts = [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"<?xml version='1.0'?>", b":20:", b"\xff\xfe", b"Date,Amount\n"]
    for number in range(ROUNDS):
        content = starts[number % len(starts)] + dice.randbytes(dice.randint(1, 3000))
        assert tried(content, dice.choice(["mtn_momo", "bank", "pawapay"]), BENIN, tmp_path / "file") == "refused"


@pytest.mark.parametrize("name", ["mtn", "mpesa", "pawapay", "bank", "mt940", "camt"])
def test_a_file_cut_anywhere_is_never_read_as_another(name: str, tmp_path: Path) -> None:
    """Cut behind a line it lacks some, which only balances tell; but no line that is there is another.

    Of the last row the last cell alone may be shorter, where it is none of money.
    """
    good, operator, hints = GOOD[name]
    path = tmp_path / "file"
    path.write_bytes(good)
    whole = {line["line"]: line for frame in read_statement(path, operator, hints).lines for line in frame.to_dicts()}
    for end in range(0, len(good), max(1, len(good) // 60)):
        path.write_bytes(good[:end])
        try:
            lines = [line for frame in read_statement(path, operator, hints).lines for line in frame.to_dicts()]
        except BadStatement:
            continue
        if name in ("mt940", "camt"):  # their end is marked
            assert {line["line"]: line for line in lines} == whole
        last = max((line["line"] for line in lines), default=None)
        for line in lines:
            short = {"balance", "reference"} if line["line"] == last else set()
            assert {k: v for k, v in line.items() if k not in short} == {
                k: v for k, v in whole[line["line"]].items() if k not in short
            }
