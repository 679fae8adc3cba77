"""Money given back in the office: one person asks, another approves, and somebody writes down that it was paid out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from gateway.console.answers import Answer, Done, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.money.words import NO_REFUND, REFUNDS, TWO_FOR_REFUND, refund_next, tabs, when
from gateway.console.rights import Right
from gateway.console.second_person import asked_it
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.membership.households import by_id
from gateway.payments import collections
from gateway.payments.decisions.two_people import same_person
from gateway.payments.giving_back import who_gives_back
from gateway.payments.receipts import receipt_number
from gateway.payments.refunds import NoRefund, Refund, approve, drop, paid, refund_numbered, refunds
from gateway.payments.states import REFUND_RUNNING
from gateway.store.unit import Unit

AREA = Area("refunds")
ROWS = 50


@AREA.get("/collections/refunds", Right.REFUND)
def list_page(visit: Visit) -> Answer:
    """What waits to be approved or paid out; ``?which=all``: also what is over, the newest first."""
    every = visit.asked.get("which") == "all"
    asked = visit.asked.get("after")
    after = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None
    with visit.store.read() as connection:
        found = refunds(connection, visit.at.path, every, ROWS + 1, after)
    rows = found[:ROWS]
    which = "which=all&" if every else ""
    values = {
        "tabs": tabs(visit),
        "rows": [(one, REFUNDS[one.state], refund_next(visit.say, one, visit.now)) for one in rows],
        "every": every,
        "more": f"/collections/refunds?{which}after={rows[-1].id}" if len(found) > ROWS else "",
        "when": lambda at: when(visit, at),
    }
    return Page("money/refunds.html", visit.say("Refunds"), values)


@AREA.get("/collections/refunds/<refund>", Right.REFUND)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """A refund: of which money, who asked and why, what comes next, and the acts that belong to this person."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any]) -> Page:
    say = visit.say
    with visit.store.read() as connection:
        one = refund_numbered(connection, row.id)
        if one is None:
            raise NotThere
        own = collections.by_id(connection, one.collection_id) if one.collection_id is not None else None
        family = by_id(connection, visit.tree, own.household_id) if own is not None and own.household_id else None
        mine = _is_mine(connection, visit, one)
    running = one.state in REFUND_RUNNING
    values = {
        "tabs": tabs(visit),
        "one": one,
        "state": REFUNDS[one.state],
        "comes": refund_next(say, one, visit.now),
        "family": family,
        "card": show_card(family.card) if family is not None else "",
        "receipt": receipt_number(own.id) if own is not None else "",
        "asked_at": when(visit, one.asked_at, one.organisation_id),
        "mine": mine,
        "can_approve": one.state == "asked" and not mine,
        "can_pay": one.state in ("approved", "sent"),
        "can_drop": running,
    }
    return Page("money/refund.html", say("Refund {number}", number=one.number), values)


def _is_mine(connection: Connection, visit: Visit, one: Refund) -> bool:
    """Is it the same person who asked: the same login, or the same name?"""
    return same_person(visit.who.name, one.asked_by) or asked_it(
        connection, visit.who, "refund.asked", f"refund:{one.id}", one.asked_at
    )


def _went_on(visit: Visit, done: Refund | NoRefund, note: str, before: str) -> Done:
    """Where an act on a refund leads; raises Refused where it didn't go on."""
    if isinstance(done, NoRefund):
        raise Refused(visit.say(NO_REFUND[done.why]), "operator_number" if done.why == "number" else "")
    return Done(f"/collections/refunds/{done.id}", note, before={"state": before}, after={"state": done.state})


@AREA.post("/collections/refunds/<refund>/approve", Right.REFUND, shown_by=_one)
def approve_it(visit: Visit, row: Row[Any]) -> Answer:
    """Approve, as another person than the one who asked."""
    gives_back = who_gives_back({name: one.provider for name, one in visit.parts.services.providers.items()})

    def act(unit: Unit) -> Done:
        one = refund_numbered(unit.connection, row.id)
        if one is not None and _is_mine(unit.connection, visit, one):
            raise Refused(visit.say(TWO_FOR_REFUND))
        done = approve(unit, one.number if one is not None else "", visit.who.name, gives_back)
        return _went_on(visit, done, visit.say("Approved."), "asked")

    return visit.do("refund.approved", act, about=f"refund:{row.id}", place=row.organisation_id)


@AREA.post("/collections/refunds/<refund>/drop", Right.REFUND, shown_by=_one)
def drop_it(visit: Visit, row: Row[Any]) -> Answer:
    """Refuse it, or drop it as whoever asked."""
    reason = visit.text("reason", most=150)

    def act(unit: Unit) -> Done:
        one = refund_numbered(unit.connection, row.id)
        done = drop(unit, one.number if one is not None else "", visit.who.name, reason)
        return _went_on(visit, done, visit.say("It won't be given back."), row.state)

    return visit.do("refund.dropped", act, about=f"refund:{row.id}", place=row.organisation_id)


@AREA.post("/collections/refunds/<refund>/paid", Right.REFUND, shown_by=_one)
def paid_it(visit: Visit, row: Row[Any]) -> Answer:
    """It was paid out by hand, under the operator's number: now it is in the books."""
    number = visit.text("operator_number", most=40)

    def act(unit: Unit) -> Done:
        one = refund_numbered(unit.connection, row.id)
        known = one.number if one is not None else ""
        done = paid(unit, visit.tree, visit.parts.services.chart, known, number)
        return _went_on(visit, done, visit.say("Written down. The member is told by SMS."), row.state)

    return visit.do("refund.paid", act, about=f"refund:{row.id}", place=row.organisation_id)
