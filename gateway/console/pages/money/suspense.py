"""Money to identify (*à identifier*): whose it may be, whose somebody says it is, a second word for large amounts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.money.words import NO_REFUND, NOT_ASSIGNED, TWO_FOR_MONEY, tabs, when
from gateway.console.rights import Right
from gateway.console.second_person import asked_it
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import by_card, by_id
from gateway.payments.decisions.two_people import same_person
from gateway.payments.payers.groups import groups_of_payer
from gateway.payments.payers.shares import BadSplit, Group, group_by_id
from gateway.payments.push.limits import largest_alone
from gateway.payments.receipts import receipt_number
from gateway.payments.refunds import NoRefund, ask_refund
from gateway.payments.unasked.assigning import (
    PostedForGroup,
    Proposed,
    Waiting,
    approve_assignment,
    assign,
    assign_to_group,
    drop_assignment,
    waiting,
)
from gateway.payments.unasked.incoming import Posted
from gateway.payments.unasked.proposals import WHY, proposals
from gateway.payments.unasked.suspense import Held, NotAssigned, being_refunded, held, held_numbered
from gateway.store.schema import incoming
from gateway.store.unit import Unit

AREA = Area("suspense")
ROWS = 20
# On the list, what speaks for a household by itself; that it owes the amount is asked where one looks at one payment.
_AT_A_GLANCE = ("declared", "card", "phone")


@AREA.get("/collections/suspense", Right.DECIDE_MONEY)
def list_page(visit: Visit) -> Answer:
    """What waits to be identified, the oldest first, and whose it may be."""
    asked = visit.asked.get("after")
    after = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    with visit.store.read() as connection:
        found = held(connection, visit.tree, visit.at.path, ROWS + 1, after)
        rows = [
            (one, proposals(connection, visit.tree, one, visit.today(one.organisation_id), _AT_A_GLANCE)[:2])
            for one in found[:ROWS]
        ]
        said = {each.incoming_id: each for each in waiting(connection, visit.at.path)}
    values = {
        "tabs": tabs(visit),
        "rows": [(one, likely, said.get(one.id)) for one, likely in rows],
        "why": WHY,
        "number": with_check_digit,
        "more": f"/collections/suspense?after={rows[-1][0].id}" if len(found) > ROWS else "",
        "when": lambda at: when(visit, at),
    }
    return Page("money/suspense.html", visit.say("Money to identify"), values)


@AREA.get("/collections/suspense/<incoming>", Right.DECIDE_MONEY)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """Money that came: what the operator told of it, whose it may be, and whose somebody says it is."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any]) -> Page:
    with visit.store.read() as connection:
        one = held_numbered(connection, row.id)
        assert one is not None
        open_still = _state(connection, row.id) == "suspense"
        said = _said(connection, row.id)
        going_back = being_refunded(connection, row.id)
        free = open_still and said is None and not going_back
        likely = proposals(connection, visit.tree, one, visit.today(one.organisation_id)) if free else []
        groups = groups_of_payer(connection, one.payer) if free and one.payer else []
        mine = said is not None and _is_mine(connection, visit, said)
    values = {
        "tabs": tabs(visit),
        "one": one,
        "number": with_check_digit(one.id),
        "operator": one.operator.replace("_", " "),
        "payer": visit.number(one.payer) if one.payer else "",
        "at": when(visit, one.paid_at, one.organisation_id),
        "open": open_still,
        "posted": row.collection_id,
        "said": said,
        "mine": mine,
        "going_back": going_back,
        "free": free,
        "choices": [
            *(
                (
                    f"h{each.household.id}",
                    visit.say(
                        "{name}, card {card}: {why}",
                        name=each.household.head,
                        card=visit.say.card(each.household.card),
                        why="; ".join(visit.say(WHY[why]) for why in each.why),
                    ),
                )
                for each in likely
            ),
            *((f"g{group.id}", visit.say("Group {name}: this phone pays for it", name=group.name)) for group in groups),
            ("card", visit.say("Another household, by its card number")),
        ],
        "alone": one.amount <= largest_alone(one.amount.currency),
        "largest": largest_alone(one.amount.currency),
    }
    return Page("money/suspended.html", visit.say("Money to identify {number}", number=values["number"]), values)


def _state(connection: Connection, incoming_id: int) -> str:
    return str(connection.scalar(select(incoming.c.state).where(incoming.c.id == incoming_id)))


def _said(connection: Connection, incoming_id: int) -> Waiting | None:
    return next(iter(waiting(connection, incoming_id=incoming_id)), None)


def _is_mine(connection: Connection, visit: Visit, said: Waiting) -> bool:
    """Is it the same person who said whose it is: the same login, or the same name?"""
    return same_person(visit.who.name, said.asked_by) or asked_it(
        connection, visit.who, "money.identified", f"incoming:{said.incoming_id}", said.asked_at
    )


def _group(visit: Visit, connection: Connection, one: Held, its_id: int) -> Group:
    """A group that was offered: of those for which the payer's phone is known to pay."""
    known = {each.id for each in groups_of_payer(connection, one.payer)} if one.payer else set()
    if its_id not in known:
        raise Refused(visit.say("Choose one of the list."), "whose")
    return group_by_id(connection, its_id)


@AREA.post("/collections/suspense/<incoming>/assign", Right.DECIDE_MONEY, shown_by=_one)
def identify(visit: Visit, row: Row[Any]) -> Answer:
    """Say whose it is: it counts at once, or, above what one person may, once another has approved."""
    whose = visit.sent.get("whose")
    card = visit.card("card") if whose == "card" else ""
    reason = visit.text("reason", most=200)
    if whose != "card" and not (whose[:1] in ("h", "g") and whose[1:].isascii() and whose[1:19].isdigit()):
        raise Refused(visit.say("Choose one of the list."), "whose")
    chart = visit.parts.services.chart

    def act(unit: Unit) -> Done:
        connection = unit.connection
        one = held_numbered(connection, row.id)
        assert one is not None
        done: Posted | Proposed | PostedForGroup | NotAssigned
        if whose[0] == "g":
            group = _group(visit, connection, one, int(whose[1:19]))
            try:
                done = assign_to_group(unit, visit.tree, chart, row.id, group, visit.who.name, reason)
            except BadSplit:
                raise Refused(
                    visit.say("The group's list doesn't divide this amount: look at the group."), "whose"
                ) from None
        else:
            if whose == "card":
                family = by_card(connection, visit.tree, card)
            else:
                likely = proposals(connection, visit.tree, one, visit.today(one.organisation_id))
                ids = {each.household.id for each in likely}
                family = by_id(connection, visit.tree, int(whose[1:19])) if int(whose[1:19]) in ids else None
            if family is None or not visit.may(Right.DECIDE_MONEY, family.section_id):
                raise Refused(visit.say("No household has this card."), "card")
            done = assign(unit, visit.tree, chart, row.id, family, visit.who.name, reason)
        if isinstance(done, NotAssigned):
            raise Refused(visit.say(NOT_ASSIGNED[done.why]))
        here = f"/collections/suspense/{row.id}"
        after = {"amount": Money(row.amount_minor, row.currency), "reason": reason}
        if isinstance(done, Proposed):
            return Done(here, visit.say("Written down. Another person has to approve it."), after=after)
        return _counted(visit, done, after)

    return visit.do("money.identified", act, about=f"incoming:{row.id}", place=row.organisation_id)


def _counted(visit: Visit, done: Posted | PostedForGroup, after: dict[str, object]) -> Done:
    if isinstance(done, PostedForGroup):
        note = visit.say.many(
            "It counts for {count} household now.", "It counts for {count} households now.", len(done.shares)
        )  # fmt: skip
        return Done("/collections/suspense", note, after={**after, "households": len(done.shares)})
    number = receipt_number(done.collection_id)
    note = visit.say("It counts now: receipt {number}. The household is told by SMS.", number=number)
    return Done(f"/collections/{done.collection_id}", note, after={**after, "receipt": number})


@AREA.post("/collections/suspense/<incoming>/approve", Right.DECIDE_MONEY, shown_by=_one)
def approve(visit: Visit, row: Row[Any]) -> Answer:
    """Agree, as another person, with whose somebody says it is: now it counts."""

    def act(unit: Unit) -> Done:
        said = _said(unit.connection, row.id)
        if said is not None and _is_mine(unit.connection, visit, said):
            raise Refused(visit.say(TWO_FOR_MONEY))
        try:
            done = approve_assignment(unit, visit.tree, visit.parts.services.chart, row.id, visit.who.name)
        except BadSplit:
            raise Refused(
                visit.say("The group's list divides it no more: drop this, and say it anew.")
            ) from None  # fmt: skip
        if isinstance(done, NotAssigned):
            raise Refused(visit.say(NOT_ASSIGNED[done.why]))
        return _counted(visit, done, {"amount": Money(row.amount_minor, row.currency)})

    return visit.do("money.approved", act, about=f"incoming:{row.id}", place=row.organisation_id)


@AREA.post("/collections/suspense/<incoming>/drop", Right.DECIDE_MONEY, shown_by=_one)
def drop(visit: Visit, row: Row[Any]) -> Answer:
    """It isn't theirs after all; the money waits to be identified again."""
    reason = visit.text("drop_reason", most=100)

    def act(unit: Unit) -> Done:
        refused = drop_assignment(unit, row.id, visit.who.name, reason)
        if refused is not None:
            raise Refused(visit.say(NOT_ASSIGNED[refused.why]))
        return Done(
            f"/collections/suspense/{row.id}", visit.say("It waits to be identified again."), after={"reason": reason}
        )

    return visit.do("money.identity_dropped", act, about=f"incoming:{row.id}", place=row.organisation_id)


@AREA.post("/collections/suspense/<incoming>/refund", Right.REFUND, shown_by=_one)
def ask_back(visit: Visit, row: Row[Any]) -> Answer:
    """Ask that it be given back whole; another person approves it."""
    reason = visit.text("refund_reason", most=200)
    amount = Money(row.amount_minor, row.currency)

    def act(unit: Unit) -> Done:
        asked = ask_refund(
            unit, visit.tree, incoming_id=row.id, amount=amount, reason=reason, by=visit.who.name
        )  # fmt: skip
        if isinstance(asked, NoRefund):
            raise Refused(visit.say(NO_REFUND[asked.why]))
        note = visit.say("Asked. Another person has to approve it.")
        return Done(
            f"/collections/refunds/{asked.id}", note, after={"amount": amount, "reason": reason},
            about=f"refund:{asked.id}",
        )  # fmt: skip

    return visit.do("refund.asked", act, place=row.organisation_id)
