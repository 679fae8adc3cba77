"""Amounts as files write them, as minor units: whole columns at once, exactly, and never by a guess.

What can't be told from one cell (``1,234`` may be a thousand or one and a bit) is told from all of them: a column is
read in both ways as long as both are possible, and whoever reads the file decides at its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import polars as pl

from gateway.kernel.money import EXPONENT, MAX_MINOR
from gateway.locale import mark
from gateway.payments.statements.cells import tidy

# What stands before decimals; the other of the two then parts thousands, as may spaces and apostrophes.
Style = Literal[".", ","]
STYLES: tuple[Style, ...] = (".", ",")

# Symbols and codes that stand beside amounts in cells.
_CURRENCY = r"(?i:FCFA|CFA|FBU|FRW|KSH|FC|FG|FR|F|€|\$|" + "|".join(EXPONENT) + ")"
_SPACES = r"[\s\u00a0\u202f\u2009]+"
# As programs write them, for each count of decimals: nothing but the dot style can read these, but for the doubtful.
_PLAIN_DOT = {
    exponent: rf"^-?(?:[0-9]+|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+)\.[0-9]{{0,{exponent}}}0*$"
    for exponent in set(EXPONENT.values())
}
_DOUBTFUL = r"^-?[0-9]{1,3}\.[0-9]{3}$"
_LONG = re.compile(r"[-+]?[0-9]{13,}")
# In place of an amount that can be read, but not be paid.
TOO_FINE = -(2**62)


def _written(style: Style) -> str:
    """What an amount looks like without its sign: thousands in groups of three behind one kind of separator."""
    other = "," if style == "." else r"\."
    groups = "|".join(rf"[1-9][0-9]{{0,2}}(?:{apart}[0-9]{{3}})+" for apart in (other, " ", "['’]"))
    return rf"^(?:[0-9]+|{groups})?(?:{re.escape(style)}[0-9]*)?$"


def read_figures(
    cells: pl.Series, currency: str, most: int = MAX_MINOR, styles: Sequence[Style] = STYLES
) -> dict[Style, pl.Series]:
    """``cells`` as minor units of ``currency`` in each of the styles; null where a cell is empty or can't be read.

    A sign may stand before or behind, a negative amount in parentheses. An amount above ``most`` can't be read. One
    that has more decimals than the currency, other than zeros, is :data:`TOO_FINE`.
    """
    exponent = EXPONENT[currency]
    plain = cells.cast(pl.Int64, strict=False)
    if plain.null_count() == cells.null_count():
        return dict.fromkeys(styles, _within(plain * 10**exponent if exponent else plain, most))
    if "." in styles and cells.str.contains(_PLAIN_DOT[exponent]).all() and not cells.str.contains(_DOUBTFUL).any():
        dot = _within(_minor(cells.str.replace_all(",", "", literal=True), exponent), most)
        nothing = dot.clear(dot.len())
        return {style: dot if style == "." else nothing for style in styles}
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
    return {style: _in_style(signed, style, exponent, most) for style in styles}


def _in_style(signed: pl.DataFrame, style: Style, exponent: int, most: int) -> pl.Series:
    thousands = r"[, '’]" if style == "." else r"[. '’]"
    bare = pl.col("bare")
    fits = bare.str.contains(_written(style)) & bare.str.contains(r"[0-9]") & ~pl.col("twice")
    fine = bare.str.contains(rf"{re.escape(style)}[0-9]{{{exponent}}}[0-9]*[1-9]")
    number = pl.when(fits & ~fine).then(bare.str.replace_all(thousands, "").str.replace(style, ".", literal=True))
    read = signed.select("negative", number=number, fine=fits & fine)
    minor = _within(_minor(read["number"], exponent), most)
    with_sign = pl.when(read["negative"]).then(-minor).otherwise(minor)
    return pl.select(pl.when(read["fine"]).then(TOO_FINE).otherwise(with_sign).alias("x"))["x"]


def thousands_in(first: pl.Series, second: pl.Series) -> bool | None:
    """Of two readings of a currency without decimals, whether it is the first that takes all doubtful dots or commas
    for thousands; None where neither takes all.
    """
    differ = first.ne_missing(second)
    ones, twos = first.filter(differ), second.filter(differ)
    larger = (twos == TOO_FINE) | ((ones != TOO_FINE) & (ones.abs() > twos.abs()))
    return True if larger.all() else False if not larger.any() else None


def _minor(numbers: pl.Series, exponent: int) -> pl.Series:
    """Plain numbers with a dot, none with more decimals than the exponent but zeros, as minor units."""
    return numbers.cast(pl.Decimal(20, exponent), strict=False).to_physical().cast(pl.Int64, strict=False)


def _within(minor: pl.Series, most: int) -> pl.Series:
    if minor.is_between(-most, most).all():
        return minor
    return minor.to_frame("x").select(pl.when(pl.col("x").is_between(-most, most)).then("x"))["x"]


def why_unread(cell: str, currency: str) -> str:
    """Why a cell, the ``{word}``, isn't an amount, for people."""
    if re.search(r"[0-9][eE][+-]?[0-9]", cell):
        return mark("{word} was written by a spreadsheet in powers of ten: save the column as plain numbers")
    if any(not read.is_null().any() for read in read_figures(pl.Series([cell]), currency).values()):
        return mark("{word} is written otherwise than the amounts above it")
    if any(not read.is_null().any() for read in read_figures(pl.Series([cell]), currency, 2**63 - 1).values()) or (
        _LONG.fullmatch(cell.strip())
    ):
        return mark("{word} is too large for an amount")
    return mark("{word} is not an amount")
