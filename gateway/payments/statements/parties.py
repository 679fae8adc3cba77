"""Numbers of transactions and of phones as files write them, in the spelling in which they are compared."""

from __future__ import annotations

import polars as pl
from phonenumbers import PhoneMetadata, country_code_for_region

_POWERS = r"^[0-9]([.,][0-9]+)?[eE]\+?[0-9]+$"
_ROUNDED = r"^[0-9]{15}0+$"


def in_powers(cells: pl.Series) -> pl.Series:
    """Where a spreadsheet wrote a number in powers of ten: ``2.29E+10``."""
    return cells.str.contains(_POWERS)


def maybe_rounded(cells: pl.Series) -> pl.Series:
    """Where a number has more than fifteen figures and zeros from the sixteenth on, as a spreadsheet rounds them."""
    return cells.str.contains(_ROUNDED)


def longer_than_a_spreadsheet_keeps(cells: pl.Series) -> bool:
    """Whether a number of more than fifteen figures is there whole, so that no spreadsheet rounded this column."""
    return bool((cells.str.contains(r"^[0-9]{16,}$") & ~cells.str.contains(_ROUNDED)).any())


def numbers(cells: pl.Series) -> pl.Series:
    """Numbers of transactions as they are compared (:func:`gateway.payments.names.operator_number`), whole columns."""
    if not cells.str.contains(r"[^A-Z0-9]").any():
        return cells
    if not cells.str.contains(r"[^A-Za-z0-9-]").any():
        return cells.str.replace_all("-", "", literal=True).str.to_uppercase().replace("", None)
    upper = cells.str.normalize("NFKC") if cells.str.contains(r"[^\x00-\x7f]").any() else cells
    return upper.str.replace_all(r"[\s.\-/_:#]", "").str.to_uppercase().replace("", None)


def phones(cells: pl.Series, country: str) -> pl.Series:
    """Phone numbers in E.164, those partly masked likewise; null for what is none.

    Takes a number with or without its country's code, the wallet's address around it (``FRI:…/MSISDN``), a name behind
    it, and Benin's eight digits of before November 2024.
    """
    if cells.len() > 1 and not cells.null_count() and (cells == cells[0]).all():  # one number over and over, ours
        return phones(cells.head(1), country).new_from_index(0, cells.len())
    code, lengths = _plan(country)
    digits = "|".join(f"[0-9*]{{{length}}}" for length in lengths)
    bare = cells.str.strip_prefix("FRI:").str.strip_prefix("+")
    usual = bare.str.contains(rf"^{code}(?:{digits})(?:$|/MSISDN$| - )")
    if len(lengths) > 1 or not usual.any():
        usual = pl.Series([False]).new_from_index(0, cells.len())
    shown = "+" + bare.str.slice(0, len(code) + lengths[0])
    if usual.all():
        return shown
    # What is written otherwise is mostly little, or one number over and over.
    others = cells.filter(~usual).unique()
    read = cells.replace_strict(others, _read_phones(others, country), default=None, return_dtype=pl.String)
    return pl.select(pl.when(usual).then(shown).otherwise(read).alias("x"))["x"]


def _read_phones(cells: pl.Series, country: str) -> pl.Series:
    code, lengths = _plan(country)
    national = "|".join(f"[0-9*]{{{length}}}" for length in lengths)
    given = (
        pl.col("x")
        .str.extract(
            r"(?i)^(?:(?:FRI|MSISDN|tel)\s*[:=]\s*)?((?:\+|00)?[0-9][0-9Xx*. ()-]{5,24})(?:$|[/@,;]|\s*-\s*\D|\s+\D)"
        )
        .str.replace_all(r"[. ()-]", "")
        .str.replace_all(r"[Xx]", "*")
    )
    digits = pl.col("d").str.replace(r"^(\+|00)", "")
    abroad = pl.col("d").str.contains(r"^(\+|00)[1-9]")
    written = (
        pl.when(pl.lit(country == "BJ") & digits.str.contains(r"^(229)?[0-9*]{8}$"))
        .then(pl.lit("+22901") + digits.str.slice(-8))
        .when(digits.str.contains(rf"^{code}({national})$"))
        .then(pl.lit("+") + digits)
        .when(abroad & digits.str.contains(r"^[0-9*]{8,15}$"))
        .then(pl.lit("+") + digits)
        .when(~abroad & digits.str.contains(rf"^({national})$"))
        .then(pl.lit(f"+{code}") + digits)
        .when(~abroad & digits.str.contains(rf"^0({national})$"))
        .then(pl.lit(f"+{code}") + digits.str.slice(1))
    )
    return cells.str.strip_chars().to_frame("x").select(d=given).select(x=written)["x"]


def _plan(country: str) -> tuple[str, tuple[int, ...]]:
    """A country's code and how many digits its mobile numbers have."""
    plan = PhoneMetadata.metadata_for_region(country)
    lengths = plan.mobile.possible_length if plan is not None and plan.mobile is not None else ()
    general = plan.general_desc.possible_length if plan is not None and plan.general_desc is not None else ()
    found = tuple(length for length in lengths if length > 0) or tuple(length for length in general if length > 0)
    return str(country_code_for_region(country)), found or (8, 9, 10)
