"""Cases: what about money a person must decide, and how they settle or close it."""

from __future__ import annotations

from typing import Any, Literal, cast

from sqlalchemy import Row

from gateway.console.answers import Answer, Done, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.money.words import CASE_GONE, CASES, NOT_SETTLED, tabs, when
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.masking import mask_text
from gateway.kernel.numbers import with_check_digit
from gateway.membership.households import by_id
from gateway.payments.collections import by_key
from gateway.payments.decisions.cases import case_numbered, close_case, open_cases
from gateway.payments.decisions.deciding import SETTLED, NotSettled, Part, settle_case
from gateway.payments.payers.group_money import shares_of
from gateway.payments.unasked.forwarded import unread
from gateway.store.unit import Unit

AREA = Area("cases")
ROWS = 50


@AREA.get("/collections/cases", Right.DECIDE_MONEY)
def list_page(visit: Visit) -> Answer:
    """What is open, the oldest first, and what comes next for each."""
    asked = visit.asked.get("after")
    after = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    with visit.store.read() as connection:
        found = open_cases(connection, visit.at.path, ROWS + 1, after)
    rows = found[:ROWS]
    values = {
        "tabs": tabs(visit),
        "rows": [(one, *CASES[one.kind]) for one in rows],
        "more": f"/collections/cases?after={rows[-1].id}" if len(found) > ROWS else "",
        "when": lambda at: when(visit, at),
    }
    return Page("money/cases.html", visit.say("To decide"), values)


@AREA.get("/collections/cases/<case>", Right.DECIDE_MONEY)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """A case: what it is about, what comes next, and how it is settled."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any]) -> Page:
    with visit.store.read() as connection:
        one = case_numbered(connection, with_check_digit(row.id))
        if one is None:
            raise NotThere
        sms = unread(connection, one)
        own = by_key(connection, one.collection_key) if one.collection_key is not None else None
        shares = [
            (each.key, visit.say("{name}: {amount}", name=by_id(connection, visit.tree, each.of_household).head,
                                 amount=each.paid or each.amount))
            for each in (shares_of(connection, own) if own is not None and own.group_id is not None else [])
        ]  # fmt: skip
    what, comes = CASES[one.kind]
    values = {
        "tabs": tabs(visit),
        "one": one,
        "what": visit.say(what),
        "comes": visit.say(comes),
        "opened": when(visit, one.opened_at, one.organisation_id),
        "closed": when(visit, one.closed_at, one.organisation_id) if one.closed_at is not None else "",
        "closed_by": row.closed_by,
        "note_kept": row.note,
        "collection": own,
        "sms": mask_text(sms.text) if sms is not None else "",
        "sms_from": visit.number(sms.sender) if sms is not None else "",
        "open": one.closed_at is None,
        "settles": one.closed_at is None and one.kind in SETTLED,
        "shares": shares,
        "verdicts": [
            ("reversed", visit.say("The money is gone: take it out of the books, and tell the member")),
            ("keep", visit.say("The money is there: it goes on counting")),
        ],
    }
    return Page("money/case.html", visit.say("Case {number}", number=one.number), values)


@AREA.post("/collections/cases/<case>/settle", Right.DECIDE_MONEY, shown_by=_one)
def settle(visit: Visit, row: Row[Any]) -> Answer:
    """Say whether the money is gone: that is booked and told to the member, or it goes on counting."""
    verdict = cast(Literal["reversed", "keep"], visit.choice("verdict", ("reversed", "keep")))
    reason = visit.text("reason", most=150)
    with visit.store.read() as connection:
        known = case_numbered(connection, with_check_digit(row.id))
    typed = visit.sent.get("amount")
    amount = None
    if typed and known is not None and known.amount is not None:
        amount = visit.amount("amount", known.amount.currency)
    part = Part(amount, visit.sent.get("share") or None)

    def act(unit: Unit) -> Done:
        done = settle_case(unit, visit.tree, with_check_digit(row.id), verdict, visit.who.name, reason, part)
        if isinstance(done, NotSettled):
            field = {"amount": "amount", "share": "share", "part": "share"}.get(done.why, "")
            raise Refused(visit.say(NOT_SETTLED[done.why]), field)
        return Done(
            "/collections/cases", visit.say("Case {number} is settled.", number=done.number),
            before={"state": "open"}, after={"verdict": verdict, "reason": reason},
        )  # fmt: skip

    return visit.do("case.settled", act, about=f"case:{row.id}", place=row.organisation_id)


@AREA.post("/collections/cases/<case>/close", Right.DECIDE_MONEY, shown_by=_one)
def close(visit: Visit, row: Row[Any]) -> Answer:
    """Close it with what was decided. No money moves by that."""
    note = visit.text("note", most=200)

    def act(unit: Unit) -> Done:
        if not close_case(unit, row.id, visit.who.name, note):
            raise Refused(visit.say(CASE_GONE))
        number = with_check_digit(row.id)
        return Done(
            "/collections/cases", visit.say("Case {number} is closed.", number=number), before={"state": "open"},
            after={"note": note},
        )  # fmt: skip

    return visit.do("case.closed", act, about=f"case:{row.id}", place=row.organisation_id)
