"""Signing a day or a month of an account: its figures and what stands between them are shown first, then signed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from gateway.console.answers import Answer, File, Go, NotThere, Page, Refused
from gateway.console.pages.reconciliation.common import AREA, KINDS, called, coded, moment, money
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.dates import iso_day, iso_month
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.masking import mask_text
from gateway.locale import Say, mark
from gateway.payments.reconciliation.closing.words import LISTS
from gateway.payments.reconciliation.closing.words import MOVED as ITEMS
from gateway.payments.reconciliation.wallets import Wallet, wallet_with

if TYPE_CHECKING:
    from gateway.payments.reconciliation.closing.signing import Unsigned, WalletClosed

CLOSES = 36
MOST_ITEMS = 40
DESPITE_CHARACTERS = 200
# The rows of both columns of figures: which field of a side, and whether it goes off.
SIDES = (
    ("opening_minor", 1, mark("Opening balance")),
    ("after_minor", 1, mark("Come late for signed periods")),
    ("in_minor", 1, mark("In")),
    ("out_minor", -1, mark("Out")),
    ("fees_minor", -1, mark("Fees")),
    ("untold_minor", 1, mark("On no line of the statement")),
    ("closing_minor", 1, mark("Closing balance")),
)


def closings_of(visit: Visit, one: Wallet) -> dict[str, Any]:
    """What is signed of an account, and what would be signed next."""
    from gateway.payments.reconciliation.closing.signing import closed_spans

    with visit.store.read() as connection:
        found = closed_spans(connection, visit.tree, one, CLOSES)
    return {
        "closings": [
            {
                "span": str(each.span),
                "says": _span_says(visit, each.span.kind, each.span.first_on),
                "theirs": money(each.figures.theirs.closing_minor, one.currency),
                "ours": money(each.figures.ours.closing_minor, one.currency),
                "rest": money(each.figures.rest_minor, one.currency),
                "by": each.signed_by,
                "at": moment(visit, each.signed_at, one.organisation_id),
                "despite": each.despite or "",
            }
            for each in found
        ],
        "offered": _offered(visit, one, found),
    }


def _offered(visit: Visit, one: Wallet, closed: list[WalletClosed]) -> list[tuple[str, str]]:
    """The month and the day that may be signed next, as far as they are over."""
    today = visit.today(visit.tree.books_of(one.organisation_id).id)
    until = max((each.span.next_on for each in closed), default=None)
    this_month = today.replace(day=1)
    found = []
    if until is None:
        last = (this_month - timedelta(days=1)).replace(day=1)
        found = [("month", last), ("day", today - timedelta(days=1))]
    else:
        if until.day == 1 and until < this_month:
            found.append(("month", until))
        elif until.replace(day=1) < this_month or until == this_month:
            found.append(("month", (until - timedelta(days=1)).replace(day=1)))
        if until < today:
            found.append(("day", until))
    signed = {str(each.span) for each in closed}
    spans = [
        (first_on.strftime("%Y-%m" if kind == "month" else "%Y-%m-%d"), kind, first_on) for kind, first_on in found
    ]
    return [(word, _span_says(visit, kind, first_on)) for word, kind, first_on in spans if word not in signed]


def _span_says(visit: Visit, kind: str, first_on: date) -> str:
    return visit.say.show(first_on) if kind == "day" else f"{first_on:%m/%Y}"


def _span(typed: str) -> tuple[Any, date]:
    """The kind and the first day of a span as it is written; raises :class:`NotThere`."""
    if day := iso_day(typed):
        return "day", day
    if month := iso_month(typed):
        return "month", month
    raise NotThere


@AREA.get("/reconciliation/wallets/<wallet>/close", Right.CLOSE_WALLET)
def close_page(visit: Visit, row: Any) -> Answer:
    """The figures of the span that was chosen, as they would be signed now."""
    from gateway.payments.reconciliation.closing.signing import look_at_span

    typed = visit.asked.get("span") or visit.sent.get("span")
    with visit.store.read() as connection:
        one = wallet_with(connection, row.id)
    values: dict[str, Any] = {"one": one, "span": typed, **closings_of(visit, one)}
    title = visit.say("Close {wallet}", wallet=called(visit, one))
    if not typed:
        return Page("reconciliation/close.html", title, values)
    kind, first_on = _span(typed)
    try:
        seen = look_at_span(visit.store, visit.tree, one, kind, first_on)
    except Unavailable:
        raise
    except Fault as fault:
        values["why_not"] = _capital(fault.said(visit.say))
        return Page("reconciliation/close.html", title, values)
    values |= {"says": _span_says(visit, kind, first_on), "mark": seen.mark, **_figures(visit, one, seen)}
    return Page("reconciliation/close.html", title, values)


def _figures(visit: Visit, one: Wallet, seen: Unsigned) -> dict[str, Any]:
    found, currency = seen.figures, one.currency
    with visit.store.read() as connection:
        waiting = _open_ones(visit, connection, seen)
    return {
        "sides": [
            (visit.say(text), *(money(getattr(side, field) * sign, currency) for side in (found.theirs, found.ours)))
            for field, sign, text in SIDES
            if field in ("opening_minor", "in_minor", "out_minor", "fees_minor", "closing_minor")
            or getattr(found.theirs, field)
            or getattr(found.ours, field)
        ],
        "lists": [
            {
                "name": visit.say(LISTS[each.name]),
                "count": each.count,
                "sum": money(each.amount_minor, currency),
                "items": [
                    {
                        "at": moment(visit, item.at, one.organisation_id),
                        "kind": visit.say(ITEMS.get(item.kind, item.kind)),
                        "number": mask_text(item.named or ""),
                        "amount": money(item.amount_minor, currency),
                    }
                    for item in each.items[:MOST_ITEMS]
                ],
            }
            for each in found.lists
        ],
        "rest": money(found.rest_minor, currency),
        "waiting": waiting,
        "gaps": [
            (moment(visit, begin, one.organisation_id), moment(visit, end, one.organisation_id))
            for begin, end in (seen.still.gaps if seen.still is not None else ())
        ],
        "unexplained": money(seen.still.rest_minor, currency) if seen.still and seen.still.rest_minor else None,
        "in_the_way": seen.still is not None,
    }


def _open_ones(visit: Visit, connection: Connection, seen: Unsigned) -> list[dict[str, Any]]:
    from gateway.payments.reconciliation.differences.listing import difference_numbered

    numbers = seen.still.differences[:MOST_ITEMS] if seen.still is not None else ()
    found = [difference_numbered(connection, number) for number in numbers]
    return [
        {"id": each.id, "number": each.number, "kind": visit.say(KINDS[each.kind]), "by": each.by}
        for each in found
        if each is not None
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@AREA.post("/reconciliation/wallets/<wallet>/close", Right.CLOSE_WALLET)
def close(visit: Visit, row: Any) -> Answer:
    """Sign the figures that were seen, for ever."""
    from gateway.payments.reconciliation.closing.signing import StillOpen, close_wallet, closed_span

    typed = visit.text("span", most=10)
    kind, first_on = _span(typed)
    despite = visit.text("despite", most=DESPITE_CHARACTERS, needed=False) or None
    seen = visit.text("seen", most=40)
    with visit.store.read() as connection:
        one = wallet_with(connection, row.id)
        before = closed_span(connection, visit.tree, one, kind, first_on)
    go = Go(f"/reconciliation/wallets/{row.id}", visit.say("{span} is signed.", span=_span_says(visit, kind, first_on)))
    if before is not None and before.signed_by == visit.who.name:
        return go  # the second of two clicks
    try:
        done = close_wallet(visit.store, visit.tree, one, kind, first_on, visit.who.name, despite, seen)
    except Unavailable:
        raise
    except Fault as fault:
        raise Refused(_capital(fault.said(visit.say))) from fault
    if isinstance(done, StillOpen):
        raise Refused(visit.say("Something is open: settle it first, or say why it is signed all the same."), "despite")
    with visit.store.write() as unit:
        visit.trace(
            unit, "wallet.closed", about=f"wallet:{row.id}", place=row.organisation_id,
            after={"span": typed, "despite": despite, "rest_minor": done.figures.rest_minor},
        )  # fmt: skip
    return go


@AREA.get("/reconciliation/wallets/<wallet>/papers/<word>", Right.RECONCILE)
def paper(visit: Visit, row: Any, word: str) -> Answer:
    """A signed span on paper, in the language of the organisation; ``?keep=yes``: to be kept as a file."""
    from gateway.payments.reconciliation.closing.paper import Paper, as_pdf
    from gateway.payments.reconciliation.closing.signing import closed_span

    kind, first_on = _span(word)
    with visit.store.read() as connection:
        one = wallet_with(connection, row.id)
        done = closed_span(connection, visit.tree, one, kind, first_on)
    if done is None:
        raise NotThere
    whose = visit.tree[one.organisation_id]
    printed = Paper(
        whose.name, coded(visit, one), one.account, one.currency, done.span, done.figures, done.despite,
        done.signed_by, done.signed_at,
    )  # fmt: skip
    name = f"{whose.code}-{one.operator}-{word}.pdf".replace(" ", "-")
    content = as_pdf(printed, Say(whose.languages[0]))
    return File(name, "application/pdf", content, inline=visit.asked.get("keep") != "yes")
