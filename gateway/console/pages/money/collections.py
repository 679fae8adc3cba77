"""Collections: the live list, and one of them with its story and whatever can be done about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, select

from gateway.console.answers import Answer, Done, Go, NotThere, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.pages.money.words import (
    NO_REFUND,
    NOT_CORRECTED,
    NOTHING_BACK,
    OWN_CASH,
    REFUNDS,
    STANDINGS,
    WAYS,
    refund_next,
    state_of,
    tabs,
    told,
    when,
)
from gateway.console.rights import Right
from gateway.console.subjects import OwnCollection
from gateway.console.visit import Visit
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.dates import iso_day
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.membership.households import Household, by_card, by_id, standing
from gateway.payments import cash
from gateway.payments.cash_corrections import NotCorrected, correct_cash
from gateway.payments.collections import Collection, look_soon, story
from gateway.payments.decisions.cases import cases_of
from gateway.payments.listing import Only, found_by_number, listed
from gateway.payments.payers.group_money import shares_of
from gateway.payments.payers.shares import group_by_id
from gateway.payments.push.daily import LIMITED, Limited
from gateway.payments.push.limits import largest_payment
from gateway.payments.push.wishes import OFFICE, Asked, ask_for_payment
from gateway.payments.receipts import receipt_number, show_receipt
from gateway.payments.refunds import NoRefund, ask_refund, refunds_of
from gateway.payments.states import REFUND_RUNNING, UNDECIDED, State
from gateway.payments.undoing import undone_of
from gateway.store.effects import effect_key
from gateway.store.schema import collection as collections_table
from gateway.store.schema import household
from gateway.store.unit import Unit
from gateway.ussd.screens.pay import least_payment

AREA = Area("collections", Entrance(mark("Collections"), "/collections", Right.SEE_MONEY))
# Those of which an operator can still be asked what became of them.
_TO_LOOK_AT = UNDECIDED - {State.CREATED} | {State.REFUSED, State.EXPIRED}


@AREA.get("/collections", Right.SEE_MONEY)
def list_page(visit: Visit) -> Answer:
    """What is asked for and what comes in, the newest first; it freshens itself."""
    return _list(visit)


def _list(visit: Visit) -> Page:
    only, family = _only(visit), None
    asked = visit.asked.get("after")
    after = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    with visit.store.read() as connection:
        if only.household_id is not None:
            family = _own_household(visit, connection, only.household_id)
        found = listed(connection, visit.tree, visit.at, only, after)
    given = {"state": only.standing, "way": only.way, "day": only.day, "household": only.household_id}
    kept = {name: str(value) for name, value in given.items() if value is not None}
    values = {
        "tabs": tabs(visit),
        "rows": found.rows,
        "more": f"/collections?{urlencode({**kept, 'after': found.after})}" if found.after is not None else "",
        "first": after is None,
        "only": only,
        "family": family,
        "standings": [(key, visit.say(word)) for key, word in STANDINGS.items()],
        "ways": [(key, visit.say(WAYS[key])) for key in ("push", "reference", "cash")],
        "way": lambda key: visit.say(WAYS[key]),
        "state": state_of,
        "when": lambda at: when(visit, at),
        "cut": bool(found.after) and len(found.rows) == 0,
    }
    return Page("money/collections.html", visit.say("Collections"), values)


def _only(visit: Visit) -> Only:
    """What the address narrows the list to; what it doesn't know narrows nothing."""
    typed_state, typed_way, typed_day = (visit.asked.get(name) for name in ("state", "way", "day"))
    day = iso_day(typed_day)
    its_id = visit.asked.get("household")
    return Only(
        next((one for one in STANDINGS if one == typed_state), None),
        typed_way if typed_way in ("push", "reference", "cash") else None,
        day if day is not None and 2000 < day.year < 2200 else None,
        int(its_id) if its_id.isascii() and its_id.isdigit() and len(its_id) < 19 else None,
    )


def _own_household(visit: Visit, connection: Connection, its_id: int) -> Household:
    section = connection.scalar(select(household.c.section_id).where(household.c.id == its_id))
    if section is None or not visit.may(Right.SEE_MONEY, section):
        raise NotThere
    return by_id(connection, visit.tree, its_id)


@AREA.post("/collections", Right.SEE_MONEY)
def find(visit: Visit) -> Answer:
    """Go to what a receipt's number or a card names; what was typed stands in no address."""
    typed = visit.text("q", most=40)
    with visit.store.read() as connection:
        try:
            card: str | None = read_card(typed)
        except BadCard:
            card = None
        family = by_card(connection, visit.tree, card) if card is not None else None
        if family is not None and visit.may(Right.SEE_MONEY, family.section_id):
            return Go(f"/collections?household={family.id}")
        its_id = found_by_number(connection, typed)
        if its_id is not None and visit.may(Right.SEE_MONEY, _place_of(connection, its_id)):
            return Go(f"/collections/{its_id}")
    raise Refused(visit.say("No receipt and no card has this number."), "q")


def _place_of(connection: Connection, its_id: int) -> int:
    row = connection.execute(
        select(collections_table.c.organisation_id, household.c.section_id)
        .outerjoin(household, household.c.id == collections_table.c.household_id)
        .where(collections_table.c.id == its_id)
    ).one()
    return int(row.section_id or row.organisation_id)


# --- one of them ------------------------------------------------------------------------------------------------------


@AREA.get("/collections/<collection>", Right.SEE_MONEY)
def one_page(visit: Visit, own: OwnCollection) -> Answer:
    """A collection: how it stands, how it came to that, and what can be done."""
    return _one(visit, own)


def _one(visit: Visit, own: OwnCollection) -> Page:
    one, say = own.collection, visit.say
    with visit.store.read() as connection:
        family = by_id(connection, visit.tree, one.household_id) if one.household_id is not None else None
        group = group_by_id(connection, one.group_id) if one.group_id is not None else None
        shares = [
            (by_id(connection, visit.tree, each.of_household), each)
            for each in (shares_of(connection, one) if group is not None and one.paid is not None else [])
        ]
        steps = story(connection, one.id)
        cases, given = cases_of(connection, one.id), refunds_of(connection, one.id)
        hands = cash.hands_of(connection, one.id) if one.way == "cash" else None
        left = _left(connection, one, given)
        due = standing(connection, family, visit.today(own.place_id)).due if family is not None else None
    decides = visit.may(Right.DECIDE_MONEY, own.place_id)
    running = any(each.state in (*REFUND_RUNNING, "paid") for each in given)
    own_cash = hands is not None and hands.member.msisdn == visit.who.msisdn
    values = {
        "tabs": tabs(visit),
        "one": one,
        "family": family,
        "card": show_card(family.card) if family is not None else "",
        "group": group,
        "shares": [(each, share, state_of(share.state, share.reason)) for each, share in shares],
        "receipt": show_receipt(one.id, one.receipt_code) if one.paid is not None else "",
        "state": state_of(one.state, one.reason),
        "way": say(WAYS[one.way]),
        "payer": visit.number(one.payer) if one.payer else "",
        "operator": _operator(visit, one),
        "steps": [(when(visit, step.at, one.organisation_id), told(say, one.way, step), step.said) for step in steps],
        "cases": cases,
        "refunds": [(each, REFUNDS[each.state], refund_next(say, each, visit.now)) for each in given],
        "by": hands.member.name if hands is not None else "",
        "can_look": decides and one.way == "push" and one.state in _TO_LOOK_AT,
        "can_ask": decides and family is not None and one.way == "push" and one.state in (State.REFUSED, State.EXPIRED),
        "can_correct": decides and one.way == "cash" and one.state is State.PAID and not running and not own_cash,
        "own_cash": decides and own_cash and one.state is State.PAID,
        "can_refund": visit.may(Right.REFUND, own.place_id) and family is not None and left is not None,
        "left": left,
        "ask_amount": f"{(due or one.amount).decimal.normalize():f}",
        "refund_amount": f"{left.decimal.normalize():f}" if left is not None else "",
        "may_see_household": family is not None and visit.may(Right.SEE_HOUSEHOLDS, own.place_id),
        "may_decide": decides,
    }
    title = say("Receipt {number}", number=receipt_number(one.id)) if one.paid is not None else say("Collection")
    return Page("money/collection.html", title, values)


def _operator(visit: Visit, one: Collection) -> str:
    """The operator's own name, where the payer's number tells it; else the word by which we know it."""
    if one.way == "cash":
        return ""
    known = visit.parts.services.operators.of(one.payer) if one.payer else None
    return known.name if known is not None else one.provider.replace("_", " ")


def _left(connection: Connection, one: Collection, given: list[Any]) -> Money | None:
    """What of a payment could still be given back; None for nothing."""
    if one.state is not State.PAID or one.paid is None:
        return None
    gone = sum(each.amount.minor for each in given if each.state in (*REFUND_RUNNING, "paid"))
    left = one.paid.minor - gone - undone_of(connection, f"collection:{one.key}")
    return Money(left, one.paid.currency) if left > 0 else None


def _about(one: Collection) -> str:
    return f"collection:{one.id}"


@AREA.post("/collections/<collection>/look", Right.DECIDE_MONEY, shown_by=_one)
def look(visit: Visit, own: OwnCollection) -> Answer:
    """Have the operator asked now what became of it. Nothing is ever debited anew by that."""
    one = own.collection
    if one.way != "push" or one.state not in _TO_LOOK_AT:
        raise Refused(visit.say("There is nothing to ask the operator about."))

    def act(unit: Unit) -> Done:
        look_soon(unit, one.key)
        note = visit.say("The operator is being asked. Its answer will stand here in a moment.")
        return Done(f"/collections/{one.id}", note)

    return visit.do("collection.looked", act, about=_about(one), place=own.place_id)


@AREA.post("/collections/<collection>/ask", Right.DECIDE_MONEY, shown_by=_one)
def ask(visit: Visit, own: OwnCollection) -> Answer:
    """Ask the member's phone anew for money: a new collection, within the limits of a day."""
    one = own.collection
    if one.household_id is None or one.way != "push" or one.state not in (State.REFUSED, State.EXPIRED):
        raise Refused(visit.say("Only what was not paid can be asked for anew."))
    with visit.store.read() as connection:
        family = by_id(connection, visit.tree, one.household_id)
        least = least_payment(standing(connection, family, visit.today(own.place_id)))
    amount = visit.amount("amount", family.currency)
    most = largest_payment(family.currency)
    if amount < least:
        raise Refused(visit.say("At least {least}.", least=least), "amount")
    if amount > most:
        raise Refused(visit.say("At most {most} at a time.", most=most), "amount")
    books = visit.tree.books_of(family.section_id)
    route = visit.parts.services.route(one.payer, books.country)
    if route is None or route.provider is None:
        raise Refused(visit.say("This phone can't be asked: its operator isn't connected."))
    if route.down:
        raise Refused(visit.say("{operator} doesn't answer now. Try again later.", operator=route.operator))
    provider = route.provider

    def act(unit: Unit) -> Done:
        asked = ask_for_payment(
            unit, effect_key=effect_key("office-ask", str(visit.who.login_id), visit.sent.get("once")), books=books,
            household_id=family.id, provider=provider, payer=one.payer, amount=amount,
            after=visit.parts.services.push_delay, environment=route.environment or None, asked_by=OFFICE,
        )  # fmt: skip
        if isinstance(asked, Limited):
            raise Refused(visit.say(LIMITED[asked.what], amount=asked.amount), "amount")
        if asked is Asked.IN_PROGRESS:
            raise Refused(visit.say("This household is being asked already: wait for the answer."))
        note = visit.say(
            "{amount} is asked of {payer}: they type their PIN.", amount=amount, payer=visit.number(one.payer)
        )
        return Done(f"/collections?household={family.id}", note, after={"amount": amount})

    return visit.do("collection.asked_anew", act, about=_about(one), place=own.place_id)


@AREA.post("/collections/<collection>/correct", Right.DECIDE_MONEY, shown_by=_one)
def correct(visit: Visit, own: OwnCollection) -> Answer:
    """Cash that was recorded by mistake counts no more; another person than whoever recorded it says so."""
    one = own.collection
    member = visit.member(own.place_id)
    reason = visit.text("reason", most=150)

    def act(unit: Unit) -> Done:
        hands = cash.hands_of(unit.connection, one.id)
        if hands is not None and hands.member.msisdn == visit.who.msisdn:
            raise Refused(visit.say(OWN_CASH))
        treasurer = member if member.role == "treasurer" else None
        done = correct_cash(
            unit, visit.tree, visit.parts.services.chart, one.key, visit.who.name, reason, treasurer
        )  # fmt: skip
        if isinstance(done, NotCorrected):
            raise Refused(visit.say(NOT_CORRECTED[done.why]))
        note = visit.say("Receipt {number} no longer counts. The members are told by SMS.", number=done.number)
        back = "/cash/receipts/" if visit.may(Right.TAKE_CASH, own.place_id) else "/collections/"
        return Done(
            f"{back}{one.id}", note, before={"state": "paid", "amount": done.amount},
            after={"state": "reversed", "reason": reason},
        )  # fmt: skip

    return visit.do("cash.corrected", act, about=_about(one), place=own.place_id)


@AREA.post("/collections/<collection>/refund", Right.REFUND, shown_by=_one)
def ask_back(visit: Visit, own: OwnCollection) -> Answer:
    """Ask that a payment, or a part of it, be given back; another person approves it."""
    one = own.collection
    if one.paid is None:
        raise Refused(visit.say(NOTHING_BACK))
    amount = visit.amount("refund_amount", one.paid.currency)
    reason = visit.text("refund_reason", most=200)

    def act(unit: Unit) -> Done:
        asked = ask_refund(
            unit, visit.tree, collection_key=one.key, amount=amount, reason=reason, by=visit.who.name
        )  # fmt: skip
        if isinstance(asked, NoRefund):
            raise Refused(visit.say(NO_REFUND[asked.why]), "refund_amount" if asked.why == "too-much" else "")
        note = visit.say("Asked. Another person has to approve it.")
        return Done(
            f"/collections/refunds/{asked.id}", note, after={"amount": amount, "reason": reason},
            about=f"refund:{asked.id}",
        )  # fmt: skip

    return visit.do("refund.asked", act, place=own.place_id)
