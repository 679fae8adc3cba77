"""Reconciliation: the accounts with operators and banks, how each stands, and the statements that were taken in."""

from __future__ import annotations

from typing import Any

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.pages.reconciliation import closing, differences, files
from gateway.console.pages.reconciliation.common import (
    AREA,
    HOWS,
    KINDS,
    MOVED,
    called,
    coded,
    moment,
    money,
    operator_called,
    own_wallets,
)
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.masking import mask_text
from gateway.kernel.money import EXPONENT, Money
from gateway.kernel.numbers import with_check_digit
from gateway.payments.names import operator_word
from gateway.payments.reconciliation.differences.listing import open_by_kind
from gateway.payments.reconciliation.handed_in import open_uploads, ring_wallet
from gateway.payments.reconciliation.wallets import how_wallets_stand, open_wallet, wallet_with
from gateway.store.unit import Unit

__all__ = ["AREA", "closing", "differences", "files"]

ROWS = 50
STATEMENTS = 20


@AREA.get("/reconciliation", Right.RECONCILE)
def overview(visit: Visit) -> Answer:
    """The wallets, and how each stands."""
    with visit.store.read() as connection:
        own = own_wallets(visit, connection)
        ids = [one.id for one in own]
        stands, waiting = how_wallets_stand(connection, ids), open_by_kind(connection, ids)
        uploads = open_uploads(connection, [one.id for one in visit.tree.by_id.values() if one.under(visit.at)])
    rows: list[dict[str, Any]] = []
    for one in own:
        kinds = waiting.get(one.id, {})
        until = stands[one.id].statements_until
        rows.append(
            {
                "id": one.id,
                "name": called(visit, one),
                "until": moment(visit, until, one.organisation_id) if until else "",
                "closed": stands[one.id].closed_until,
                "open": sum(count for count, _ in kinds.values()),
                "sum": Money(sum(minor for _, minor in kinds.values()), one.currency),
            }
        )
    values = {"rows": rows, "uploads": uploads, "open": sum(row["open"] for row in rows)}
    return Page("reconciliation/overview.html", visit.say("Reconciliation"), values)


# --- a new account ----------------------------------------------------------------------------------------------------


def _operators(visit: Visit) -> list[tuple[str, str]]:
    words = {operator_word(one.name) for one in visit.parts.services.operators.all}
    return sorted(((word, operator_called(word)) for word in words), key=lambda one: one[1])


@AREA.get("/reconciliation/new", Right.RECONCILE)
def new_page(visit: Visit) -> Answer:
    """A form for an account with an operator or a bank of which statements will come."""
    values = {
        "places": [(one.code, one.name) for one in visit.vantages()],
        "operators": [*_operators(visit), ("bank", visit.say("A bank"))],
        "currencies": [(each, each) for each in sorted(EXPONENT)],
    }
    return Page("reconciliation/new.html", visit.say("A new account"), values)


@AREA.post("/reconciliation/new", Right.RECONCILE)
def new(visit: Visit) -> Answer:
    whose = visit.place("whose")
    operator = visit.choice("operator", [word for word, _ in _operators(visit)] + ["bank"])
    currency = visit.choice("currency", sorted(EXPONENT))
    name = operator
    if operator == "bank":
        name = operator_word(visit.text("bank", most=20))
        if not name or name == "bank" or name in {word for word, _ in _operators(visit)}:
            raise Refused(visit.say("Write which bank it is."), "bank")

    def act(unit: Unit) -> Done:
        one = open_wallet(unit, whose, name, "bank" if operator == "bank" else "wallet", currency)
        return Done(
            f"/reconciliation/wallets/{one.id}",
            visit.say("{wallet} can have statements now.", wallet=called(visit, one)),
            after={"operator": one.operator, "currency": one.currency},
            about=f"wallet:{one.id}",
            place=whose.id,
        )

    return visit.do("wallet.opened", act)


# --- one account ------------------------------------------------------------------------------------------------------


@AREA.get("/reconciliation/wallets/<wallet>", Right.RECONCILE)
def wallet_page(visit: Visit, row: Any) -> Answer:
    """One account: what differs, its statements, and what is signed of it."""
    from gateway.payments.reconciliation.kept import left_of, statements

    with visit.store.read() as connection:
        one = wallet_with(connection, row.id)
        stands = how_wallets_stand(connection, [one.id])[one.id]
        kinds = open_by_kind(connection, [one.id]).get(one.id, {})
        found = statements(connection, [one.id], STATEMENTS)
        left = {each.id: left_of(connection, each.id) for each in found}
    values = {
        "one": one,
        "code": coded(visit, one),
        "account": one.account,
        "until": moment(visit, stands.statements_until, one.organisation_id) if stands.statements_until else "",
        "closed": stands.closed_until,
        "waits": stands.reconciling,
        "kinds": [
            (kind, visit.say(KINDS[kind]), count, money(minor, one.currency)) for kind, (count, minor) in kinds.items()
        ],
        "statements": [
            {
                "id": each.id,
                "number": with_check_digit(each.id),
                "file": mask_text(each.file_name),
                "from": moment(visit, each.from_at, one.organisation_id),
                "until": moment(visit, each.until_at, one.organisation_id),
                "lines": each.lines,
                "left": left[each.id],
                "by": each.imported_by,
            }
            for each in found
        ],
        "may_close": visit.may(Right.CLOSE_WALLET, one.organisation_id),
        **closing.closings_of(visit, one),
    }
    return Page("reconciliation/wallet.html", called(visit, one), values)


@AREA.post("/reconciliation/wallets/<wallet>/match", Right.RECONCILE, shown_by=wallet_page)
def match_again(visit: Visit, row: Any) -> Answer:
    """Match what is left once more: what was undone, or came by other ways since, may fit now."""

    def act(unit: Unit) -> Done:
        ring_wallet(unit, row.id)
        return Done(
            f"/reconciliation/wallets/{row.id}",
            visit.say("It is being matched again. What has explained itself disappears from the list by itself."),
        )

    return visit.do("wallet.matched", act, about=f"wallet:{row.id}", place=row.organisation_id)


# --- a statement ------------------------------------------------------------------------------------------------------


@AREA.get("/reconciliation/statements/<statement>", Right.RECONCILE)
def statement_page(visit: Visit, row: Any) -> Answer:
    """The lines of a statement, each with what it was matched with and why."""
    from gateway.payments.reconciliation.explained import explained

    unmatched = visit.asked.get("unmatched") == "yes"
    typed = visit.asked.get("after")
    after = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
    with visit.store.read() as connection:
        found = explained(connection, row.id, None, unmatched, ROWS + 1, after)
        one = wallet_with(connection, row.wallet_id)
    lines = found[1] if found is not None else []
    values = {
        "row": row,
        "wallet": called(visit, one),
        "wallet_id": one.id,
        "named": mask_text(row.file_name),
        "from": moment(visit, row.from_at, one.organisation_id),
        "until": moment(visit, row.until_at, one.organisation_id),
        "at": moment(visit, row.imported_at, one.organisation_id),
        "unmatched": unmatched,
        "lines": [
            {
                "line": each.line,
                "at": moment(visit, each.at, one.organisation_id),
                "kind": visit.say(MOVED[each.kind]),
                "amount": money(each.amount, one.currency),
                "fee": money(each.fee, one.currency) if each.fee else None,
                "number": each.operator_id or "",
                "how": visit.say(HOWS[each.how]) if each.how else "",
                "differences": each.difference_ids,
            }
            for each in lines[:ROWS]
        ],
        "more": lines[ROWS - 1].line if len(lines) > ROWS else None,
    }
    return Page(
        "reconciliation/statement.html", visit.say("Statement {number}", number=with_check_digit(row.id)), values
    )
