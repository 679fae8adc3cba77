"""What somebody asks of the mutuelle: a complaint to be answered, a call back; and staff who see to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.locale import Say
from gateway.membership import requests
from gateway.sms import notices
from gateway.ussd.effects.doing import Doing

MOST_A_DAY = 5  # complaints from one phone: each is read, and costs an SMS


@dataclass(frozen=True)
class Filed:
    """The number of a request; ``already``: the same wish was open before. No number: too many came from this phone."""

    number: str
    already: bool = False


@dataclass(frozen=True)
class Complain:
    """Write a complaint into the book; the answer comes by SMS."""

    OUTCOME: ClassVar[type] = Filed
    QUIET: ClassVar[bool] = False

    card: str | None
    category: str
    text: str

    def do(self, doing: Doing) -> Filed:
        if requests.filed_today(doing.unit, doing.caller) >= MOST_A_DAY:
            return Filed("")
        household = doing.own_household(self.card) if self.card else None
        books = doing.tree.books_of(household.section_id) if household else doing.root
        number = requests.file_complaint(
            doing.unit,
            books.id,
            household.id if household else None,
            doing.caller,
            doing.language,
            self.category,
            self.text,
        )
        text = notices.complaint_filed(Say(doing.language), number)
        doing.tell("complaint", doing.caller, doing.language, text, books.id, household.id if household else None)
        return Filed(number)


@dataclass(frozen=True)
class CallBack:
    """Somebody of the mutuelle should call this phone."""

    OUTCOME: ClassVar[type] = Filed
    QUIET: ClassVar[bool] = False

    card: str | None

    def do(self, doing: Doing) -> Filed:
        household = doing.own_household(self.card) if self.card else None
        organisation_id = household.section_id if household else doing.root.id
        number, already = requests.ask_callback(
            doing.unit, organisation_id, household.id if household else None, doing.caller, doing.language
        )
        if not already:
            text = notices.callback_asked(Say(doing.language), number)
            doing.tell("callback", doing.caller, doing.language, text, organisation_id)
        return Filed(number, already)


@dataclass(frozen=True)
class Called:
    """``done``: the call is off the list."""

    done: bool


@dataclass(frozen=True)
class CallDone:
    """Staff called back."""

    OUTCOME: ClassVar[type] = Called
    QUIET: ClassVar[bool] = False

    staff: int
    number: str

    def do(self, doing: Doing) -> Called:
        member = doing.staff(self.staff, "animator", "treasurer")
        found = requests.answer(doing.unit, self.number, member.name, "")
        return Called(found is not None)
