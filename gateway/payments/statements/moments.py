"""Dates and times as files write them, as moments: whole columns at once; an order of day and month is never guessed.

A column whose days could all be months is read in both orders, and whoever reads the file decides at its end.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

import polars as pl

from gateway.payments.statements.hints import DateOrder
from gateway.payments.statements.lines import MOMENT

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # no statement is of other years
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet counts days, not moments

_YEAR_FIRST = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}")
_YEAR_LAST = re.compile(r"\d{1,2}([-/. ])\d{1,2}\1(\d{4}|\d{2})(?!\d)")
_NAMED = re.compile(r"\d{1,2}([- /.])([a-z]{3,9})\1(\d{4}|\d{2})(?!\d)", re.IGNORECASE)
_RUN = re.compile(r"(\d{8})(\d{6})?(?!\d)")
_BETWEEN = re.compile(r" à | at |, ?|[ T]")
_CLOCK = re.compile(r"\d{1,2}([:h.])\d{2}(?:(:|\1)\d{2}([.,]\d{1,9})?)?( ?[ap]m)?", re.IGNORECASE)
_LETTERS = re.compile(r"(?!UTC|GMT)[^\W\d_]{3}")
_OFFSET = re.compile(r" ?(Z|[+-]\d{2}:?\d{2}|UTC|GMT)?$")
_SERIAL = r"^[3-7][0-9]{4}(\.[0-9]+)?$"  # days since 1899-12-30 as a spreadsheet counts them: 1982 to 2119

# Months as French writes them, as English shortens them; beside those that begin alike.
_FRENCH = {
    "janvier": "jan", "janv": "jan", "février": "feb", "fevrier": "feb", "févr": "feb", "fevr": "feb", "fév": "feb",
    "fev": "feb", "mars": "mar", "avril": "apr", "avr": "apr", "mai": "may", "juin": "jun", "juillet": "jul",
    "juil": "jul", "août": "aug", "aout": "aug", "septembre": "sep", "sept": "sep", "octobre": "oct",
    "novembre": "nov", "décembre": "dec", "decembre": "dec", "déc": "dec",
}  # fmt: skip
_ENGLISH = {
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul",
    "august": "aug", "september": "sep", "october": "oct", "november": "nov", "december": "dec",
}  # fmt: skip
_MONTHS = sorted((_FRENCH | _ENGLISH).items(), key=lambda pair: -len(pair[0]))
_SHAPES = 12  # more ways of writing dates than this in one column, and nobody means them


def read_moments(
    cells: pl.Series, zone: str, orders: tuple[DateOrder, ...], only: str | None = None
) -> dict[DateOrder, pl.Series]:
    """``cells`` as moments in each of the orders of day and month; null where empty or not a moment.

    What bears no offset is read in ``zone`` (IANA). ``only`` is a format of ``strptime`` that all cells have. A column
    in which no order is in question is the same series under each.
    """
    if only is not None:
        return dict.fromkeys(orders, _parsed(cells, only, zone))
    first, asked = _in_order(cells, orders[0], zone)
    return {order: first if order == orders[0] or not asked else _in_order(cells, order, zone)[0] for order in orders}


def _with_english_months(cells: pl.Series) -> pl.Series:
    plain = cells.str.to_lowercase()
    for name, short in _MONTHS:
        plain = plain.str.replace_all(rf"\b{name}\b\.?", short)
    # A zone behind a time is as it was.
    return plain.str.replace(r"z$", "Z").str.replace(r"utc$", "UTC").str.replace(r"gmt$", "GMT")


def _in_order(cells: pl.Series, order: DateOrder, zone: str) -> tuple[pl.Series, bool]:
    """The moments in one order, and whether the order mattered to any."""
    read = pl.Series(cells.name, [None], MOMENT).new_from_index(0, cells.len())
    left, asked, seen = cells, False, set[str]()
    named = False
    for _ in range(_SHAPES):
        missing = left.is_not_null()
        first = missing.arg_max() if missing.any() else None
        if first is None:
            break
        cell = left[first]
        if not named and _LETTERS.search(cell):
            left, named = _with_english_months(left), True
            continue
        shape, matters = _shape(cell, order)
        if shape is None or shape in seen:
            # Not a moment at all: the row stays null and whoever asked tells of it; the rest is read all the same.
            left = pl.select(pl.when(left != cell).then(left).alias("x"))["x"]
            continue
        seen.add(shape)
        asked = asked or matters
        found = _serials(left, zone) if shape == "serial" else _parsed(left, shape, zone)
        read = pl.select(pl.coalesce(read, found).alias("x"))["x"]
        left = pl.select(pl.when(read.is_null()).then(left).alias("x"))["x"]
    return read, asked


@lru_cache(maxsize=4096)
def _shape(cell: str, order: DateOrder) -> tuple[str | None, bool]:
    """The format of ``strptime`` that a cell is written in, read in an order, and whether the order matters."""
    matters = False
    if re.match(_SERIAL, cell):
        return "serial", False
    if run := _RUN.match(cell):
        shape, rest = "%Y%m%d" + ("%H%M%S" if run[2] else ""), cell[run.end() :]
    elif year := _YEAR_FIRST.match(cell):
        shape, rest = f"%Y{year[1]}%m{year[1]}%d", cell[year.end() :]
    elif last := _YEAR_LAST.match(cell):
        ends = "%Y" if len(last[2]) == 4 else "%y"
        parts = {"dmy": ("%d", "%m", ends), "mdy": ("%m", "%d", ends), "ymd": (ends, "%m", "%d")}
        shape = last[1].join(parts[order])
        rest, matters = cell[last.end() :], True
    elif named := _NAMED.match(cell):
        shape = named[1].join(("%d", "%b", "%Y" if len(named[3]) == 4 else "%y"))
        rest = cell[named.end() :]
    else:
        return None, False
    if between := _BETWEEN.match(rest):
        clock = _CLOCK.match(rest, between.end())
        if clock is None:
            return None, False
        hour = "%I" if clock[4] else "%H"
        shape += between[0] + hour + clock[1] + "%M" + (clock[2] + "%S" if clock[2] else "")
        shape += "%.f" if clock[3] else ""
        shape += (" %p" if clock[4].startswith(" ") else "%p") if clock[4] else ""
        rest = rest[clock.end() :]
    offset = _OFFSET.match(rest)
    if offset is None:
        return None, False
    if offset[1]:
        shape += rest[: offset.start(1)] + (offset[1] if offset[1] in ("UTC", "GMT") else "%#z")
    return shape, matters


def _parsed(cells: pl.Series, shape: str, zone: str) -> pl.Series:
    if shape.endswith(("UTC", "GMT")):
        bare = cells.str.slice(0, cells.str.len_chars() - 3).str.strip_chars_end()
        cells = pl.select(pl.when(cells.str.ends_with(shape[-3:])).then(bare).alias("x"))["x"]
        shape, zone = shape[:-3].rstrip(), "UTC"
    return _in_zone(cells.str.to_datetime(shape, strict=False, time_unit="us"), zone)


def _serials(cells: pl.Series, zone: str) -> pl.Series:
    """Days of a spreadsheet, to the second: its fraction of a day has no more in it."""
    # Time, not money: a double holds the seconds of these days exactly enough to be rounded to the second.
    fits = pl.when(cells.str.contains(_SERIAL)).then(cells)
    seconds = (fits.cast(pl.Float64, strict=False) * 86400).round().cast(pl.Int64)
    moved = pl.lit(_DAY_ZERO, pl.Datetime("us")) + pl.duration(seconds=seconds, time_unit="us")
    return _in_zone(pl.select(moved.alias("x"))["x"], zone)


def _in_zone(read: pl.Series, zone: str) -> pl.Series:
    """Moments in UTC; null for years that no statement is of, and for times that a zone's clocks left out."""
    if read.dtype != MOMENT:
        read = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    sane = read.is_between(_FIRST, _LAST)
    return read if sane.all() else pl.select(pl.when(sane).then(read).alias("x"))["x"]
