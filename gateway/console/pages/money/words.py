"""How the office's pages speak of money: states, ways, stories and what comes next, in words for everybody."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.locale import Say, mark
from gateway.payments.collections import Event
from gateway.payments.listing import Standing
from gateway.payments.refunds import Refund, next_step
from gateway.payments.states import State
from gateway.sms.texts import NOT_PAID
from gateway.sms.texts import WAYS as _WAYS

WAYS = {**_WAYS, "reversed": mark("taken back"), "refunded": mark("refunded")}
# How a collection stands: the word, and the kind of badge that it is shown in.
STATES: dict[str, tuple[str, str]] = {
    "created": (mark("To be asked"), "wait"),
    "sending": (mark("Being asked"), "wait"),
    "pending": (mark("Waits for the PIN"), "wait"),
    "unclear": (mark("Not clear yet"), "wait"),
    "paid": (mark("Paid"), "good"),
    "refused": (mark("Not paid"), "bad"),
    "expired": (mark("Not paid in time"), "bad"),
    "reversed": (mark("Taken back"), "bad"),
}
CORRECTED = (mark("Corrected"), "bad")
# The words by which the list is narrowed.
STANDINGS: dict[Standing, str] = {
    "waiting": mark("Not decided yet"),
    "paid": mark("Paid"),
    "nothing": mark("Not paid"),
    "back": mark("Taken back or corrected"),
}
_MADE = {
    "cash": mark("Cash was recorded."),
    "reference": mark("The money came by itself; nobody had been asked for it."),
    None: mark("The payer asked for it on their own phone."),
    "asked-by-family": mark("A phone of the household asked for it."),
    "asked-by-other": mark("Another phone, or the office, asked for it."),
}
_STEPS = {
    "sending": mark("The operator is asked for the money."),
    "pending": mark("The operator has asked the payer for the PIN."),
    "unclear": mark("The operator gave no clear answer. It is asked what it knows; nothing is asked for twice."),
    "paid": mark("Paid: it is in the books, and the receipt has left by SMS."),
    "refused": mark("The operator refused it."),
    "expired": mark("Nobody decided in time. The payer was told that nothing came."),
    "reversed": mark("The money was taken back. It no longer counts."),
}
_PAID_SO = {
    "late": mark("Paid after all, late: it is in the books, and the receipt has left by SMS."),
    "amount": mark("Paid, another amount than was asked for: it is booked as it came."),
    "currency": mark("Paid in another currency than was asked for: it waits to be identified."),
    "assigned": mark("Somebody of the office said whose the money is: it is in the books."),
}
_OVER = {
    "never_sent": mark("It was never sent to the operator: nothing was asked for."),
    "duplicate": mark("The same transaction counts under another payment already."),
    "corrected": mark("It was recorded by mistake, and another person corrected it."),
    "reversed-part": mark("A part of the money was taken back."),
    "interrupted": mark("The call to the operator broke off. It is asked what it knows; nothing is asked for twice."),
}
# What a case is about, and what to do about it.
CASES: dict[str, tuple[str, str]] = {
    "conflict": (
        mark("The operator now says that a payment failed which it had said was paid"),
        mark("Ask the operator's support which is true, then settle it here."),
    ),
    "reversed": (
        mark("The operator took money back"),
        mark("See that the payer knows why. Where the books don't have it yet, settle it here."),
    ),
    "twin": (
        mark("One transaction turns up twice"),
        mark("Compare the two with the operator's statement. Give back what came too much, then close."),
    ),
    "currency": (
        mark("Money came in another currency than was asked for"),
        mark("It waits to be identified. Give it back, then close."),
    ),
    "amount": (
        mark("Another amount came than was asked for"),
        mark("It is booked as it came. See that the payer knows, give back what is too much, then close."),
    ),
    "unknown-payer": (
        mark("Money came, and nobody knows for whom"),
        mark("Say whose it is, or give it back."),
    ),
    "unread-sms": (
        mark("A forwarded SMS of an operator can't be read"),
        mark("Read it here and compare it with the operator's statement, then close."),
    ),
    "declared-by-another": (
        mark("A member says that money is theirs which another phone sent"),
        mark("Ask both who paid. Then say whose it is, or close."),
    ),
    "refund": (
        mark("The operator gave back something else than was thought"),
        mark("Compare it with the operator's statement, speak with the payer, then close."),
    ),
    "undecided-1h": (
        mark("The operator hasn't decided for an hour"),
        mark("Nothing to do yet: the operator is asked again and again."),
    ),
    "undecided-24h": (
        mark("The operator hasn't decided for a day"),
        mark("Nothing to do yet: the operator is asked again and again."),
    ),
    "undecided-72h": (
        mark("The operator hasn't decided for three days"),
        mark("Ask the operator's support what became of it, then close with their answer."),
    ),
}
REFUNDS: dict[str, tuple[str, str]] = {
    "asked": (mark("To be approved"), "wait"),
    "approved": (mark("Approved"), "wait"),
    "sent": (mark("At the operator"), "wait"),
    "paid": (mark("Given back"), "good"),
    "refused": (mark("Refused"), "bad"),
    "dropped": (mark("Dropped"), "quiet"),
}
NO_REFUND = {
    "gone": mark("There is nothing to give back any more, or this is past that step."),
    "too-much": mark("That is more than is left of what was paid."),
    "currency": mark("It was paid in another currency."),
    "part": mark("Money that nobody has identified goes back whole."),
    "same-person": mark("Whoever asked can't approve: it takes two people."),
    "nobody": mark("Say why."),
    "number": mark("Type the operator's number of the paying back: 6 to 30 letters and figures."),
    "assigned": mark("Somebody has said whose this money is: another person decides that first."),
    "group": mark("A group's money goes back household by household."),
    "operator": mark(
        "The operator is giving it back: wait for its answer. After three days it can be settled by hand."
    ),
}
NOT_ASSIGNED = {
    "gone": mark("This money doesn't wait to be identified any more."),
    "other-network": mark("This household doesn't pay into the wallet that the money came to."),
    "currency": mark("This household pays in another currency."),
    "refund": mark("This money is being given back."),
    "pending": mark("Somebody has said whose this is: another person approves that or drops it first."),
    "same-person": mark("Whoever said whose it is can't approve: it takes two people."),
    "no-reason": mark("Say why."),
}
NOT_SETTLED = {
    "gone": mark("This case is closed already."),
    "kind": mark("There is nothing to take back here: close the case."),
    "no-reason": mark("Say why."),
    "booked": mark(
        "It is booked as taken back and can't be kept. Money that came again is a new payment: close the case."
    ),
    "nothing": mark("There is no money that could be taken back: close the case."),
    "busy": mark("This money is being given back or identified: that is decided first."),
    "part": mark("A part of a group's payment was taken back: say of whose share, and how much."),
    "share": mark("That is no share of this payment."),
    "amount": mark("That is another currency, or more than counts still."),
    "elsewhere": mark("This money was given to somebody else by hand: correct that first."),
}
NOT_CORRECTED = {
    "gone": mark("This cash doesn't count any more."),
    "wrong-office": mark("This household belongs to another office."),
    "own": mark("You recorded it yourself: another person has to correct it."),
    "handover": mark("This cash is being handed over: the treasurer first says whether it came."),
    "refund": mark("This was given back, or is being."),
    "no-reason": mark("Say why."),
}
NO_CASH = {
    "too-much": mark("This is too much for one receipt."),
    "float": mark("You hold too much cash. Hand it over first."),
    "wrong-office": mark("This family belongs to another office."),
    "currency": mark("This family pays in another currency. See your office."),
}
_NEXT_OF_REFUND = {
    "asked": mark("Another person approves it, or refuses it."),
    "approved": mark("Give it back by hand, then write down the operator's number here."),
    "at-operator": mark("The operator is asked to give it back. Nothing to do."),
    "refused": mark("The operator refused. Give it back by hand and write down its number, or drop it."),
    "ask": mark("Ask the operator's support what became of it; then write down its number, or drop it."),
}
# Those of them that a page says by itself.
NOTHING_BACK, TWO_FOR_REFUND = NO_REFUND["gone"], NO_REFUND["same-person"]
TWO_FOR_MONEY, CASE_GONE, OWN_CASH = NOT_ASSIGNED["same-person"], NOT_SETTLED["gone"], NOT_CORRECTED["own"]


def when(visit: Visit, at: datetime, organisation_id: int | None = None) -> str:
    """A moment as people read it where the mutuelle is: ``22/11/2026, 10:04``."""
    place = visit.tree[organisation_id] if organisation_id is not None else visit.at
    there = at.astimezone(ZoneInfo(place.time_zone))
    return f"{visit.say.show(there.date())}, {there:%H:%M}"


def state_of(state: str, reason: str | None) -> tuple[str, str]:
    """How a collection stands, and the kind of badge."""
    return CORRECTED if (state, reason) == ("reversed", "corrected") else STATES[state]


def told(say: Say, way: str, step: Event) -> str:
    """One step of a collection's story, as a sentence."""
    if step.before is None:
        cause = way if way in _MADE else step.reason if step.reason in _MADE else None
        return say(_MADE[cause])
    if step.reason in _OVER:
        return say(_OVER[step.reason])
    if step.after == State.PAID and step.reason in _PAID_SO:
        return say(_PAID_SO[step.reason])
    if step.after == State.REFUSED:
        refused, _ = NOT_PAID.get(step.reason or "", NOT_PAID["other"])
        return say(refused)
    return say(_STEPS[step.after])


def refund_next(say: Say, one: Refund, now: datetime) -> str:
    """What comes next for a refund, and who does it; nothing for one that is over."""
    if not next_step(one, now):
        return ""
    if one.at_operator:
        comes = "ask" if next_step(one, now).startswith("ask the operator") else "at-operator"
    else:
        comes = "refused" if one.state == "approved" and one.sent_at else one.state
    return say(_NEXT_OF_REFUND[comes])


def tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of the area that somebody may open."""
    say = visit.say
    every = (
        ("/collections", say("Collections"), Right.SEE_MONEY),
        ("/collections/suspense", say("To identify"), Right.DECIDE_MONEY),
        ("/collections/cases", say("To decide"), Right.DECIDE_MONEY),
        ("/collections/refunds", say("Refunds"), Right.REFUND),
        ("/collections/day", say("Takings of the day"), Right.SEE_MONEY),
        ("/collections/groups", say("Groups"), Right.SEE_MONEY),
    )
    return [(path, text) for path, text, right in every if visit.may(right)]


def cash_tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of the cash desk that somebody may open."""
    say = visit.say
    every = [("/cash", say("Cash desk"), Right.TAKE_CASH), ("/cash/handovers", say("Handovers"), Right.TAKE_CASH)]
    every += [("/collections/close", say("Close the day"), Right.CLOSE_DAY)]
    return [(path, text) for path, text, right in every if visit.may(right)]
