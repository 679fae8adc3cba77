"""The cash desk: a card or a name, the amount, a receipt; and cash that goes from an animator's hands to the box."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from gateway.console import sought
from gateway.console.answers import Answer, Done, Go, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.pages.money.words import NO_CASH, cash_tabs, when
from gateway.console.rights import Right
from gateway.console.subjects import OwnCollection
from gateway.console.visit import Sent, Visit
from gateway.kernel.card import show_card
from gateway.kernel.numbers import read_number
from gateway.locale import mark
from gateway.membership.households import Household, by_id, standing
from gateway.membership.searching import Search, find
from gateway.network.staff import Member
from gateway.payments import cash
from gateway.payments.cash import CashRefused
from gateway.payments.listing import listed_by_id
from gateway.payments.push.limits import largest_payment
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State
from gateway.store.effects import effect_key
from gateway.store.unit import Unit
from gateway.ussd.screens.cover import cover_line
from gateway.ussd.screens.pay import least_payment

AREA = Area("cash", Entrance(mark("Cash desk"), "/cash", Right.TAKE_CASH))
LATELY = 8  # of one's own receipts, below the search
MOST_FOUND = 12


@AREA.get("/cash", Right.TAKE_CASH)
def desk(visit: Visit) -> Answer:
    """Whose cash is it? And what was taken a moment ago, to be looked up or corrected."""
    typed = sought.kept(visit, "/cash")
    if not typed:
        return _desk(visit)
    found = _found(visit, typed)
    return _desk(
        visit, typed=typed, found=found, choices=[(one, visit.tree[one.section_id].name) for one in found.found]
    )  # fmt: skip


@AREA.post("/cash", Right.TAKE_CASH)
def look_up(visit: Visit) -> Answer:
    """To the household that was meant, with the amount to take; or to those to choose from."""
    typed = visit.text("q", most=60)
    found = _found(visit, typed)
    if not found.found:
        raise Refused(
            visit.say("A digit of this card number is wrong: look at the card again.")
            if found.mistyped
            else visit.say("No household was found. Try another spelling, or the card number."),
            "q",
        )
    if len(found.found) == 1 and not found.near:
        return Go(f"/cash/{found.found[0].household_id}")
    return Go(sought.keep(visit, "/cash", typed))


def _found(visit: Visit, typed: str) -> Search:
    with visit.store.read() as connection:
        return find(connection, visit.tree, typed, [one.path for one in visit.roots()], limit=MOST_FOUND)


def _desk(visit: Visit, **more: object) -> Page:
    own = [one for one in visit.who.roles if one.role in ("animator", "treasurer")]
    with visit.store.read() as connection:
        lately = listed_by_id(connection, cash.taken_lately(connection, [one.id for one in own], LATELY))
        holds = [each for one in own for each in cash.held(connection, one.id)]
        waiting = [one for member in _treasurers(visit) for one in cash.open_handovers(connection, visit.tree, member)]
    values = {
        "tabs": cash_tabs(visit), "lately": lately, "holds": holds, "waiting": len(waiting), "found": None, "typed": "",
        "when": lambda at: when(visit, at), **more,
    }  # fmt: skip
    return Page("money/cash_desk.html", visit.say("Cash desk"), values)


@AREA.get("/cash/<household>", Right.TAKE_CASH)
def take_page(visit: Visit, family: Household) -> Answer:
    """What a household owes, and the amount that it gives."""
    with visit.store.read() as connection:
        return _take_page(visit, connection, family)


def _take_page(visit: Visit, connection: Connection, family: Household) -> Page:
    now = standing(connection, family, visit.today(family.section_id))
    proposed = now.due or now.left
    another = visit.refused is not None and visit.refused.field == "another"
    if another and visit.sent.get("whole"):  # what is asked about stands in the field, whichever button it came from
        visit.sent = Sent({**visit.sent.fields, "amount": [visit.sent.get("whole")]})
    values = {
        "tabs": cash_tabs(visit),
        "one": family,
        "card": show_card(family.card),
        "section": visit.tree[family.section_id].name,
        "stands": now,
        "cover": cover_line(visit.say, now),
        "proposed": f"{proposed.decimal.normalize():f}" if proposed else "",
        "whole": now.left if now.left and now.left != proposed else None,
        "another": another,
    }
    return Page("money/cash_take.html", visit.say("Cash of {name}", name=family.head), values)


@AREA.post("/cash/<household>", Right.TAKE_CASH)
def take(visit: Visit, family: Household) -> Answer:
    """Record the cash: posted, receipted, told by SMS, once."""
    member = visit.member(family.section_id)
    amount = visit.amount("whole" if visit.sent.get("whole") else "amount", family.currency)
    with visit.store.read() as connection:
        least = least_payment(standing(connection, family, visit.today(family.section_id)))
    most = largest_payment(family.currency)
    if amount < least:
        raise Refused(visit.say("At least {least}.", least=least), "amount")
    if amount > most:
        raise Refused(visit.say("At most {most} at a time.", most=most), "amount")

    def act(unit: Unit) -> Done:
        if visit.sent.get("another") != "yes":
            before = cash.same_lately(unit, member, family.id, amount)
            if before is not None:
                raise Refused(
                    visit.say(
                        "You recorded {amount} of {name} a moment ago: receipt {number}. Is this more money?",
                        amount=amount, name=family.head, number=before,
                    ),
                    "another",
                )  # fmt: skip
        made = cash.record_cash(
            unit, visit.tree, visit.parts.services.chart,
            effect_key=effect_key("office-cash", str(visit.who.login_id), visit.sent.get("once")),
            household=family, staff=member, amount=amount,
        )  # fmt: skip
        if isinstance(made, CashRefused):
            raise Refused(visit.say(NO_CASH[made.why]), "amount")
        its_id = read_number(made.number)
        note = visit.say("{amount} recorded.", amount=amount)
        return Done(
            f"/cash/receipts/{its_id}", note, after={"amount": amount, "receipt": made.number},
            about=f"collection:{its_id}",
        )  # fmt: skip

    return visit.do("cash.recorded", act, place=family.section_id)


@AREA.get("/cash/receipts/<collection>", Right.TAKE_CASH)
def receipt_page(visit: Visit, own: OwnCollection) -> Answer:
    """The receipt of cash, to be read out or printed; and the next household."""
    one = own.collection
    if one.way != "cash" or one.household_id is None or one.paid is None:
        return Go(f"/collections/{one.id}")
    with visit.store.read() as connection:
        family = by_id(connection, visit.tree, one.household_id)
        now = standing(connection, family, visit.today(family.section_id))
        hands = cash.hands_of(connection, one.id)
    values = {
        "tabs": cash_tabs(visit),
        "one": one,
        "counts": one.state is State.PAID,
        "receipt": show_receipt(one.id, one.receipt_code),
        "family": family,
        "card": show_card(family.card),
        "mutuelle": visit.tree[one.organisation_id].name,
        "at": when(visit, one.paid_at or one.created_at, one.organisation_id),
        "stands": now,
        "cover": cover_line(visit.say, now),
        "by": hands.member.name if hands is not None else "",
    }
    return Page("money/cash_receipt.html", visit.say("Receipt {number}", number=values["receipt"]), values)


# --- from hand to hand ------------------------------------------------------------------------------------------------


def _treasurers(visit: Visit) -> list[Member]:
    return [one for one in visit.who.roles if one.role == "treasurer"]


def _animators(visit: Visit) -> list[Member]:
    return [one for one in visit.who.roles if one.role == "animator"]


@AREA.get("/cash/handovers", Right.TAKE_CASH)
def handovers_page(visit: Visit) -> Answer:
    """What one holds and hands over; what others have handed over and waits for one's word."""
    return _handovers(visit)


def _handovers(visit: Visit) -> Page:
    with visit.store.read() as connection:
        holds = [each for one in _animators(visit) for each in cash.held(connection, one.id)]
        given = [each for one in _animators(visit) for each in cash.handed_over_by(connection, one.id)]
        waiting = {
            each.id: each
            for one in _treasurers(visit)
            for each in cash.open_handovers(connection, visit.tree, one)
        }  # fmt: skip
    values = {
        "tabs": cash_tabs(visit), "holds": holds, "given": given, "waiting": list(waiting.values()),
        "animator": bool(_animators(visit)), "treasurer": bool(_treasurers(visit)),
        "when": lambda at: when(visit, at),
    }  # fmt: skip
    return Page("money/cash_handovers.html", visit.say("Handovers"), values)


@AREA.post("/cash/handovers", Right.TAKE_CASH)
def hand_over(visit: Visit) -> Answer:
    """Hand over all that one holds: a treasurer says on their own screen or phone whether it came."""

    def act(unit: Unit) -> Done:
        made = [each for one in _animators(visit) for each in cash.hand_over(unit, visit.tree, one)]
        if not made:
            raise Refused(visit.say("You hold no cash."))
        return Done(
            "/cash/handovers",
            visit.say("Handed over. It counts as yours until the treasurer has confirmed it."),
            after={"handovers": [each.id for each in made], "amounts": [each.amount for each in made]},
        )

    return visit.do("cash.handed_over", act, place=visit.at.id)


def _handovers_again(visit: Visit, _: object) -> Answer:
    return _handovers(visit)


@AREA.post("/cash/handovers/<handover>/decide", Right.CLOSE_DAY, shown_by=_handovers_again)
def decide(visit: Visit, handed: Row[Any]) -> Answer:
    """The treasurer has counted it: it came, or it didn't; whoever handed it over is told by SMS."""
    member = visit.member(handed.organisation_id)
    received = visit.choice("received", ("yes", "no")) == "yes"

    def act(unit: Unit) -> Done:
        answer = cash.decide(
            unit, visit.tree, visit.parts.services.chart, handed.id, member, received=received
        )  # fmt: skip
        if answer == "gone":
            raise Refused(visit.say("This is settled already."))
        if answer == "own":
            raise Refused(visit.say("Somebody else must confirm what you took yourself."))
        cash.tell_decided(unit, handed.id, answer, member, visit.tree[handed.organisation_id].languages[0])
        note = (
            visit.say("The cash is in your hands now.")
            if received
            else visit.say("Not accepted. The animator is told.")
        )
        return Done("/cash/handovers", note, before={"state": "open"}, after={"state": answer})

    return visit.do("cash.decided", act, about=f"handover:{handed.id}", place=handed.organisation_id)
