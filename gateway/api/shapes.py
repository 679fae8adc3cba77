"""The forms of what is sent and answered: models that are checked when they come in and documented as they are."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.kernel.dates import iso_day
from gateway.kernel.money import MAX_MINOR, Money


class Given(BaseModel):
    """What an answer is made of."""

    model_config = ConfigDict(frozen=True)


class Taken(BaseModel):
    """What is sent in a body: read strictly, and nothing in it that isn't known."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Asked(BaseModel):
    """What stands behind the question mark of an address: each name once, and none that isn't known."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


LARGEST_ID = 10**18 - 1  # of an id that is sent

# A line of text: no sign that no database keeps, and none that breaks a line.
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"


def line(most: int, least: int = 1) -> StringConstraints:
    """A line of text of so many letters."""
    return StringConstraints(min_length=least, max_length=most, pattern=NO_CONTROLS)


Name = Annotated[str, line(60)]
Code = Annotated[str, line(40)]


def _as_a_day(sent: object) -> object:
    """Only a day as ISO 8601 has it: a bare number would be read as seconds since 1970."""
    if not isinstance(sent, str):
        return sent
    if not _DAY.fullmatch(sent):
        raise PydanticCustomError("day_form", "not a day")
    _existing(sent)
    day = iso_day(sent)
    if day is None:
        raise PydanticCustomError("day_far", "a day of another age")
    return day


def _as_a_moment(sent: object) -> object:
    if not isinstance(sent, str):
        return sent
    if not _MOMENT.fullmatch(sent):
        raise PydanticCustomError("moment_form", "not a moment")
    if not _FIRST_YEAR <= _existing(sent[:10]).year <= _LAST_YEAR:
        raise PydanticCustomError("day_far", "a day of another age")
    try:
        return datetime.fromisoformat(sent.upper())
    except ValueError:
        raise PydanticCustomError("no_such_time", "no such time") from None


def _existing(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise PydanticCustomError("no_such_day", "no such day") from None


def _as_a_number(sent: object) -> object:
    if not isinstance(sent, str):
        return sent
    if not _WHOLE.fullmatch(sent):
        raise ValueError("not a whole number")
    return int(sent)


_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# Of a moment: whoever wants everything asks for what changed since 1970, or since 1900.
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
# For a number behind the question mark, last of all that is said of it: the document has the bounds that stand before.
WRITTEN = BeforeValidator(_as_a_number)
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), WRITTEN]
Day = Annotated[date, BeforeValidator(_as_a_day)]
Moment = Annotated[AwareDatetime, BeforeValidator(_as_a_moment)]


class Amount(Taken):
    """An amount of money, exact: whole minor units of its currency (XOF has no smaller unit, CDF has hundredths)."""

    amount_minor: Annotated[int, Field(ge=-MAX_MINOR, le=MAX_MINOR, examples=[2500])]
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(examples=["XOF"])]


def amount(money: Money) -> Amount:
    """Money as it is answered."""
    return Amount(amount_minor=money.minor, currency=money.currency)


class Place(Given):
    """An organisation, by its id, code and name."""

    id: int
    code: str
    name: str


Item = TypeVar("Item", bound=BaseModel)


class Page(Given, Generic[Item]):
    """A page of a list. ``next``: the address of the page that follows, null where this is the last.

    A page may hold fewer than were asked for, even none, and yet have a next one: go on until there is none.
    """

    items: list[Item]
    next: str | None
