"""PINs: checked with patience, chosen by their holder, taken away by whoever may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from gateway.membership import households, pins
from gateway.membership.changes import write_change
from gateway.sms import notices
from gateway.ussd.effects.doing import Doing, NotAllowed
from gateway.ussd.effects.paying import minutes

STAFF = "staff"  # the lock of everything that a member of staff does; the other locks are cards


def _holder(doing: Doing, lock: str) -> str:
    if lock == STAFF:
        return pins.of_staff(doing.caller)
    return pins.of_household(doing.own_household(lock).id)


def _require_opened(doing: Doing, lock: str, holder: str) -> None:
    """Only who has typed a PIN in this call takes another in its place; staff get their first from the office."""
    if lock in doing.opened:
        return
    kept = pins.kept(doing.unit.connection, holder)
    if kept == "own" or (kept == "none" and lock == STAFF):
        raise NotAllowed


@dataclass(frozen=True)
class PinAnswer:
    """``right`` opens ``lock`` for this call; ``first``: right, but another must be chosen; ``none``: there is none."""

    answer: Literal["right", "first", "wrong", "locked", "none"]
    lock: str
    wait_minutes: int = 0


@dataclass(frozen=True)
class CheckPin:
    """Is this the PIN?"""

    OUTCOME: ClassVar[type] = PinAnswer
    QUIET: ClassVar[bool] = True

    lock: str
    pin: str

    def do(self, doing: Doing) -> PinAnswer:
        checked = pins.check(doing.unit, _holder(doing, self.lock), doing.caller, self.pin)
        if checked.answer == "right" and checked.first:
            return PinAnswer("first", self.lock)
        return PinAnswer(checked.answer, self.lock, minutes(checked.wait))


@dataclass(frozen=True)
class SetPin:
    """Take a PIN, sealed already, as the household's or the staff's own."""

    OUTCOME: ClassVar[type] = PinAnswer
    QUIET: ClassVar[bool] = False

    lock: str
    sealed: str

    def do(self, doing: Doing) -> PinAnswer:
        holder = _holder(doing, self.lock)
        _require_opened(doing, self.lock, holder)
        pins.keep(doing.unit, holder, self.sealed)
        if self.lock != STAFF:
            household = doing.own_household(self.lock)
            write_change(doing.unit, household.id, "pin-set", doing.by())
            doing.tell_family("pin", household, notices.pin_set)
        return PinAnswer("right", self.lock)


@dataclass(frozen=True)
class DropPin:
    """Do without a PIN from now on: the household's own wish, or staff for a household that has forgotten it."""

    OUTCOME: ClassVar[type] = PinAnswer
    QUIET: ClassVar[bool] = False

    card: str
    staff: int | None = None

    def do(self, doing: Doing) -> PinAnswer:
        if self.staff is None:
            household = doing.own_household(self.card)
            _require_opened(doing, self.card, pins.of_household(household.id))
        else:
            household = doing.household_of_staff(self.card, doing.staff(self.staff, "animator", "treasurer"))
        pins.drop(doing.unit, pins.of_household(household.id))
        write_change(doing.unit, household.id, "pin-removed", doing.by(self.staff))
        if self.staff is not None:
            for phone in households.phones_of(doing.unit.connection, household.id):
                pins.forgive_phone(doing.unit, phone.msisdn)
        doing.tell_family("pin", household, notices.pin_removed)
        return PinAnswer("right", self.card)
