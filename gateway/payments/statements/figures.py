"""Amounts as files write them, as minor units: whole columns at once, exactly, and never by a guess.

What can't be told from one cell (``1,234`` may be a thousand or one and a bit) is told from all of them: a column is
read in both ways as long as both are possible, and whoever reads the file decides at its end.
"""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from gateway.kernel.money import EXPONENT, MAX_MINOR
from gateway.payments.statements.cells import tidy

# What stands before decimals; the other of the two then parts thousands, as may spaces and apostrophes.
Style = Literal[".", ","]
STYLES: tuple[Style, ...] = (".", ",")

# Symbols and codes that stand beside amounts in cells.
_CURRENCY = r"(?i:FCFA|CFA|FBU|FRW|KSH|FC|FG|FR|F|€|\$|" + "|".join(EXPONENT) + ")"
_SPACES = r"[\s\u00a0\u202f\u2009]+"
_DOUBTFUL = r"^-?[0-9]{1,3}\.[0-9]{3}$"
_PLAIN = re.compile(r"[+-]?[0-9]+")


def _written(style: Style) -> str:
    """What an amount looks like without its sign: thousands in groups of three behind one kind of separator."""
    other = "," if style == "." else r"\."
    groups = "|".join(rf"[0-9]{{1,3}}(?:{apart}[0-9]{{3}})+" for apart in (other, " ", "['’]"))
    return rf"^(?:[0-9]+|{groups})?(?:{re.escape(style)}[0-9]*)?$"


def read_figures(cells: pl.Series, currency: str, most: int = MAX_MINOR) -> dict[Style, pl.Series]:
    """``cells`` as minor units of ``currency`` in each way of writing; null where a cell is empty or can't be read.

    A sign may stand before or behind, a negative amount in parentheses. More decimals than the currency has can't be
    read unless they are zeros, nor an amount above ``most``. Both ways are the same series where nothing differs.
    """
    exponent = EXPONENT[currency]
    plain = cells.cast(pl.Int64, strict=False)
    if plain.null_count() == cells.null_count():
        one = _within(plain * 10**exponent if exponent else plain, most)
        return {".": one, ",": one}
    if cells.str.contains(rf"^-?[0-9]+\.[0-9]{{0,{exponent}}}0*$").all() and not cells.str.contains(_DOUBTFUL).any():
        one = _within(_minor(cells, exponent), most)
        return {".": one, ",": one}
    text = (
        tidy(cells)
        .to_frame("x")
        .select(
            pl.col("x")
            .str.replace_all(_SPACES, " ")
            .str.replace_all(r"[−–]", "-")
            .str.replace(rf"^([-+(]?) ?{_CURRENCY}\.? ?", "$1")
            .str.replace(rf" ?{_CURRENCY}\.? ?([-+)]?)$", "$1")
        )["x"]
    )
    signed = text.to_frame("x").select(
        negative=pl.col("x").str.contains(r"^-|-$|^\(.*\)$"),
        bare=pl.col("x").str.replace(r"^\((.+)\)$", "$1").str.replace(r"^[-+] ?", "").str.replace(r" ?[-+]$", ""),
        twice=pl.col("x").str.contains(r"^[-+(].*[-+]\)?$|^\( ?[-+]"),
    )
    read = {style: _within(_in_style(signed, style, exponent), most) for style in STYLES}
    same = read["."].eq_missing(read[","]).all()
    # A cell that only one of the two can read is evidence; one that neither can is a fault under both.
    return {".": read["."], ",": read["."] if same else read[","]}


def _in_style(signed: pl.DataFrame, style: Style, exponent: int) -> pl.Series:
    thousands = r"[, '’]" if style == "." else r"[. '’]"
    fits = (
        pl.col("bare").str.contains(_written(style))
        & pl.col("bare").str.contains(r"[0-9]")
        & ~pl.col("bare").str.contains(rf"{re.escape(style)}[0-9]{{{exponent}}}[0-9]*[1-9]")
        & ~pl.col("twice")
    )
    number = pl.when(fits).then(pl.col("bare").str.replace_all(thousands, "").str.replace(style, ".", literal=True))
    read = signed.select("negative", minor=number)
    minor = _minor(read["minor"], exponent)
    return pl.select(pl.when(read["negative"]).then(-minor).otherwise(minor).alias("x"))["x"]


def _minor(numbers: pl.Series, exponent: int) -> pl.Series:
    """Plain numbers with a dot, none with more decimals than the exponent but zeros, as minor units."""
    return numbers.cast(pl.Decimal(20, exponent), strict=False).to_physical().cast(pl.Int64, strict=False)


def _within(minor: pl.Series, most: int) -> pl.Series:
    if minor.is_between(-most, most).all():
        return minor
    return minor.to_frame("x").select(pl.when(pl.col("x").abs() <= most).then("x"))["x"]


def why_unread(cell: str, currency: str) -> str:
    """Why a cell isn't an amount, for people."""
    digits = re.sub(r"[^0-9.,]", "", cell)
    if re.search(r"[0-9][eE][+-]?[0-9]", cell):
        return f"{cell!r} was written by a spreadsheet in powers of ten: save the column as plain numbers"
    if _PLAIN.fullmatch(cell.strip()) or len(re.sub(r"\D", "", cell)) > 12:
        return f"{cell!r} is too large for an amount"
    if re.fullmatch(r"[0-9]+[.,][0-9]+", digits) and re.fullmatch(r"[-+(]?[0-9., ]+[-+)]?", cell.strip()):
        return f"{cell!r} has more decimals than {currency} has"
    return f"{cell!r} is not an amount"
