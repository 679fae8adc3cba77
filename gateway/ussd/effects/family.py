"""Changes to a household: somebody joins or leaves, the year is renewed, another phone belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import ClassVar

from gateway.kernel.money import Money
from gateway.membership import family, households, renewal
from gateway.membership.households import Household
from gateway.membership.people import Person
from gateway.sms import notices
from gateway.sms.failing import forgive_if_counted
from gateway.ussd.effects.doing import Doing


def _whose(doing: Doing, card: str, staff: int | None) -> Household:
    if staff is None:
        return doing.own_household(card)
    return doing.household_of_staff(card, doing.staff(staff, "animator", "treasurer"))


@dataclass(frozen=True)
class FamilyChanged:
    """Who joined or left, what is due for it and from when they are covered; ``refused`` is a stable word why not."""

    name: str
    due: Money | None = None
    covered_from: date | None = None
    refused: str = ""


@dataclass(frozen=True)
class AddPerson:
    """Add somebody to a household."""

    OUTCOME: ClassVar[type] = FamilyChanged
    QUIET: ClassVar[bool] = False

    card: str
    person: Person
    because: family.Joins
    happened_on: date
    staff: int | None = None

    def do(self, doing: Doing) -> FamilyChanged:
        household = _whose(doing, self.card, self.staff)
        try:
            added = family.add(
                doing.unit,
                doing.tree,
                doing.services.chart,
                household,
                self.person,
                self.because,
                self.happened_on,
                doing.by(self.staff),
            )
        except family.Refused as why:
            return FamilyChanged(self.person.name, refused=why.args[0])
        if not added.known:
            doing.tell_family(
                "family",
                household,
                partial(notices.added, name=self.person.name, due=added.due, covered_from=added.covered_from),
            )
        return FamilyChanged(self.person.name, added.due, added.covered_from)


@dataclass(frozen=True)
class RemovePerson:
    """Somebody of the household has died or left."""

    OUTCOME: ClassVar[type] = FamilyChanged
    QUIET: ClassVar[bool] = False

    card: str
    beneficiary_id: int
    because: family.Leaves
    happened_on: date
    staff: int | None = None

    def do(self, doing: Doing) -> FamilyChanged:
        household = _whose(doing, self.card, self.staff)
        try:
            name = family.remove(
                doing.unit, household, self.beneficiary_id, self.because, self.happened_on, doing.by(self.staff)
            )
        except family.Refused as why:
            return FamilyChanged("", refused=why.args[0])
        if name is None:
            return FamilyChanged("", refused="head")
        doing.tell_family("family", household, partial(notices.left, name=name))
        return FamilyChanged(name)


@dataclass(frozen=True)
class Renewed:
    """The new year as it was enrolled; ``closed`` when it can't be renewed now."""

    card: str
    starts_on: date | None = None
    total: Money | None = None
    first: Money | None = None
    closed: bool = False


@dataclass(frozen=True)
class Renew:
    """Enrol a household for its next membership year."""

    OUTCOME: ClassVar[type] = Renewed
    QUIET: ClassVar[bool] = False

    card: str
    plan_id: int
    staff: int | None = None

    def do(self, doing: Doing) -> Renewed:
        household = _whose(doing, self.card, self.staff)
        made = renewal.renew(
            doing.unit, doing.tree, doing.services.chart, household, self.plan_id, doing.by(self.staff)
        )
        if made is None:
            return Renewed(self.card, closed=True)
        if not made.known:
            doing.tell_family(
                "renewed",
                household,
                partial(notices.renewed, starts_on=made.starts_on, total=made.total, first=made.first),
            )
        return Renewed(self.card, made.starts_on, made.total, made.first)


@dataclass(frozen=True)
class PhoneAdded:
    """The phone belongs to the household; ``known``: it did already."""

    known: bool


@dataclass(frozen=True)
class AddPhone:
    """Staff give a household another phone, or its first."""

    OUTCOME: ClassVar[type] = PhoneAdded
    QUIET: ClassVar[bool] = False

    card: str
    phone: str
    staff: int

    def do(self, doing: Doing) -> PhoneAdded:
        household = _whose(doing, self.card, self.staff)
        first = not households.main_phones(doing.unit.connection, household.id)
        added = households.add_phone(doing.unit, household.id, self.phone, doing.by(self.staff), main=first)
        forgive_if_counted(doing.unit, self.phone)
        if added:
            doing.tell_family("phone", household, partial(notices.phone_added, phone=self.phone))
        return PhoneAdded(not added)


@dataclass(frozen=True)
class SmsChosen:
    """Whether reminders are stopped now."""

    stopped: bool


@dataclass(frozen=True)
class StopSms:
    """Stop or start reminders to the caller's phone; receipts and answers always come."""

    OUTCOME: ClassVar[type] = SmsChosen
    QUIET: ClassVar[bool] = False

    stopped: bool

    def do(self, doing: Doing) -> SmsChosen:
        households.stop_sms(doing.unit, doing.caller, self.stopped)
        return SmsChosen(self.stopped)
