"""How somebody's files are to be read, as a value, as JSON and as a row: which column is what, and in which words."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal
from zoneinfo import available_timezones

import polars as pl
from sqlalchemy import Connection, select

from gateway.kernel.faults import Fault
from gateway.payments.statements.lines import KINDS, Kind
from gateway.store.or_set import or_set
from gateway.store.schema import statement_profile

# What a column of a table can be. ``payer`` is whose money came, ``payee`` who was paid; ``credit`` and ``debit`` are
# columns of their own for money that came and left; ``direction`` says it in a word where amounts bear no sign.
Column = Literal[
    "at", "status", "kind", "amount", "credit", "debit", "direction", "fee", "balance", "currency", "country",
    "operator_id", "our_id", "reference", "payer", "payee", "linked", "said", "account",
]  # fmt: skip
COLUMNS: tuple[Column, ...] = (
    "at", "status", "kind", "amount", "credit", "debit", "direction", "fee", "balance", "currency", "country",
    "operator_id", "our_id", "reference", "payer", "payee", "linked", "said", "account",
)  # fmt: skip
MOST_ABOVE = 60  # rows in which headings are looked for
# How an amount says whether money came or left: by its sign, or by what kind of line it is.
Signs = Literal["signed", "by-kind"]


class BadProfile(Fault):
    """A profile that can't be used; its text says what is wrong with it."""


@dataclass(frozen=True)
class Mapping:
    """A profile: how one bank's or operator's tables are to be read.

    ``columns`` names each column by its heading, or by its letters as a spreadsheet has them (``=A``, ``=AB``).
    ``dates`` is a format of ``strptime`` (``%d/%m/%Y %H:%M``) or None for what is found; ``decimal`` is the character
    before decimals. ``kinds`` gives the kind for words as they stand in the column ``kind`` (a line whose words
    aren't there is ``other``); ``completed`` are the words of the column ``status`` that count, ``left_out`` those
    that don't. ``header_row`` counts from 1; without one the headings are looked for, with 0 there are none.
    """

    columns: MappingOf[Column, str]
    dates: str | None = None
    decimal: Literal[".", ","] | None = None
    signs: Signs | None = None
    kinds: MappingOf[str, Kind] = field(default_factory=dict)
    completed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    header_row: int | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.columns) - set(COLUMNS):
            raise BadProfile(f"a profile has no column {min(unknown)!r}: there are {', '.join(COLUMNS)}")
        if "at" not in self.columns or not {"amount", "credit", "debit"} & set(self.columns):
            raise BadProfile("a profile says which column is the date (at) and which the amount, or credit and debit")
        if wrong := set(self.kinds.values()) - set(KINDS):
            raise BadProfile(f"a line can't be {min(wrong)!r}: it is {', '.join(KINDS)}")
        if self.decimal not in (None, ".", ","):
            raise BadProfile("decimal is '.' or ','")
        if self.dates is not None:
            try:
                pl.Series([""]).str.to_datetime(self.dates, strict=False)
            except pl.exceptions.PolarsError:
                raise BadProfile("dates is a format of strptime with a year, a month and a day") from None
        if self.signs not in (None, "signed", "by-kind"):
            raise BadProfile("signs is 'signed' or 'by-kind'")
        if self.header_row is not None and (type(self.header_row) is not int or not 0 <= self.header_row <= MOST_ABOVE):
            raise BadProfile(f"header_row is a number from 0 to {MOST_ABOVE}")
        if self.time_zone is not None and self.time_zone not in available_timezones():
            raise BadProfile(f"{self.time_zone!r} is no time zone: it is written as Africa/Porto-Novo")
        if self.header_row == 0 and not all(one.startswith("=") for one in self.columns.values()):
            raise BadProfile("a file without headings has its columns named by letters: =A, =B")


def to_json(mapping: Mapping) -> dict[str, Any]:
    """A profile as JSON keeps it, without what it doesn't say."""
    return {name: value for name, value in asdict(mapping).items() if value not in (None, {}, ())}


def from_json(value: object) -> Mapping:
    """The profile that JSON says; raises :class:`BadProfile` for anything else."""
    if not isinstance(value, dict) or set(value) - {one.name for one in fields(Mapping)}:
        raise BadProfile(f"a profile is an object of {', '.join(one.name for one in fields(Mapping))}")
    for name in ("columns", "kinds"):
        if not isinstance(value.get(name, {}), dict):
            raise BadProfile(f"a profile's {name} are an object of names and words")
        if not all(isinstance(one, str) for one in value.get(name, {}).values()):
            raise BadProfile("words and headings are texts")
    lists = {name: value[name] for name in ("completed", "left_out") if name in value}
    if not all(
        isinstance(words, list | tuple) and all(isinstance(one, str) for one in words) for words in lists.values()
    ):
        raise BadProfile("completed and left_out are each a list of words")
    if not isinstance(value.get("dates", ""), str):
        raise BadProfile("dates is a format of strptime, such as %d/%m/%Y %H:%M")
    return Mapping(
        **(value | {"columns": value.get("columns", {})} | {name: tuple(one) for name, one in lists.items()})
    )


_SAVE = or_set(statement_profile, ["name"], "mapping", "saved_by", "saved_at")


def save_profile(connection: Connection, name: str, mapping: Mapping, saved_by: str, now: datetime) -> None:
    """Keep a profile under a name; one of that name is replaced."""
    row = {"name": name, "mapping": to_json(mapping), "saved_by": saved_by, "saved_at": now}
    connection.execute(_SAVE[connection.dialect.name], row)


def profile_named(connection: Connection, name: str) -> Mapping | None:
    """The profile kept under a name, or None."""
    found = connection.scalar(select(statement_profile.c.mapping).where(statement_profile.c.name == name))
    return None if found is None else from_json(found)


def profiles(connection: Connection) -> tuple[tuple[str, Mapping], ...]:
    """Every profile with its name, the latest first."""
    kept = statement_profile.c
    rows = connection.execute(select(kept.name, kept.mapping).order_by(kept.saved_at.desc(), kept.id.desc()))
    return tuple((row.name, from_json(row.mapping)) for row in rows)
