"""The treasurer's day: what came in, as the books have it; the box counted and the day closed, once; on paper too."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.console.answers import Answer, Done, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.money.words import WAYS, cash_tabs, tabs, when
from gateway.console.rights import Right, roots_of
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.network.organisations import Organisation
from gateway.payments import cash
from gateway.payments.counting import cash_by_person, closed_days, on_account
from gateway.payments.takings import AlreadyClosed, Closed, OpenHandovers, close_day, takings, to_close
from gateway.store.unit import Unit

AREA = Area("day")


@AREA.get("/collections/day", Right.SEE_MONEY)
def today_page(visit: Visit) -> Answer:
    """What came in today, where the page is."""
    return _day(visit, visit.today())


@AREA.get("/collections/days/<day>", Right.SEE_MONEY)
def day_page(visit: Visit, day: date) -> Answer:
    """What came in on a day, and its closing: to be looked at, or printed and signed."""
    if not 2000 < day.year < 2200:
        raise NotThere
    return _day(visit, day)


def _day(visit: Visit, day: date) -> Page:
    at, say = visit.at, visit.say
    with visit.store.read() as connection:
        taken = takings(connection, visit.tree, at.id, day)
        people = cash_by_person(connection, visit.tree, at.id, day)
        closing = next(iter(closed_days(connection, at.id, day=day)), None)
        closed = closed_days(connection, at.id, 14)
    values = {
        "tabs": tabs(visit),
        "day": day,
        "at": at,
        "keeps_books": any(one.books_id == one.id and one.under(at) for one in visit.tree.by_id.values()),
        "rows": [(say(WAYS[way]), count, amount) for way, count, amount in taken.rows],
        "totals": taken.totals,
        "people": people,
        "closing": closing,
        "closing_rows": [(say(WAYS[way]), count, amount) for way, count, amount in closing.rows] if closing else [],
        "closed_at": when(visit, closing.closed_at, at.id) if closing is not None else "",
        "closed": closed,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < visit.today() else None,
        "can_close": day == visit.today() and closing is None and _closes(visit) is not None,
    }
    return Page("money/day_takings.html", say("Takings of {day}", day=day), values)


def _closes(visit: Visit) -> Organisation | None:
    """What they close: where the page is, if they keep the money there and there are books to close."""
    at = visit.at
    may = any(at.under(one) for one in roots_of(visit.tree, visit.who.roles, Right.CLOSE_DAY))
    books = any(one.books_id == one.id and one.under(at) for one in visit.tree.by_id.values())
    return at if may and books else None


@AREA.get("/collections/close", Right.CLOSE_DAY)
def close_page(visit: Visit) -> Answer:
    """All that came since the last closing, beside what the books have in the box; open handovers by name."""
    return _close(visit)


def _close(visit: Visit) -> Page:
    office, say = _closes(visit), visit.say
    values: dict[str, object] = {"tabs": cash_tabs(visit), "office": office, "at": visit.at, "day": visit.today()}
    if office is not None:
        member = visit.member(office.id)
        with visit.store.read() as connection:
            closing = next(iter(closed_days(connection, office.id, day=visit.today())), None)
            open_ones = cash.handovers_below(connection, visit.tree, office.id, member)
            ready = closing is None and not open_ones
            total = to_close(connection, visit.tree, office.id, visit.today()) if ready else None
            box = on_account(connection, office, "cash") if office.books_id == office.id else None
            hands = on_account(connection, office, "collectors") if office.books_id == office.id else None
            unknown = on_account(connection, office, "suspense") if office.books_id == office.id else None
        values |= {
            "closing": closing,
            "handovers": open_ones,
            "rows": [(say(WAYS[way]), count, amount) for way, count, amount in total.rows] if total else [],
            "totals": total.totals if total is not None else (),
            "ready": ready,
            "box": box,
            "hands": hands,
            "unknown": -unknown if unknown is not None else None,
            "when": lambda at: when(visit, at),
            "differs": visit.refused is not None and visit.refused.field == "differs",
        }
    return Page("money/day_close.html", say("Close the day"), values)


@AREA.post("/collections/close", Right.CLOSE_DAY)
def close(visit: Visit) -> Answer:
    """Close today, once. Where the box was counted and isn't what the books have, that is said first, then kept."""
    office = _closes(visit)
    if office is None:
        raise Refused(visit.say("There are no books to close here: choose a mutuelle above."))
    member = visit.member(office.id)
    counted = None
    if office.books_id == office.id and visit.sent.get("counted"):
        counted = _counted(visit, office)

    def act(unit: Unit) -> Done:
        kept: dict[str, object] = {}
        if counted is not None:
            box = on_account(unit.connection, office, "cash")
            kept = {"counted": counted, "box": box}
            if counted != box and visit.sent.get("differs") != "yes":
                raise Refused(
                    visit.say(
                        "You counted {counted}, and the books have {box} in the box. Count again.",
                        counted=counted, box=box,
                    ),
                    "differs",
                )  # fmt: skip
        done = close_day(unit, visit.tree, member, office.id)
        if isinstance(done, OpenHandovers):
            raise Refused(visit.say("Confirm the handovers first: they are below."))
        if isinstance(done, AlreadyClosed):
            raise Refused(visit.say("This day is closed already."))
        assert isinstance(done, Closed)
        note = visit.say("{date} is closed.", date=done.day)
        return Done(
            f"/collections/days/{done.day.isoformat()}", note, after={"totals": list(done.takings.totals), **kept}
        )

    return visit.do("day.closed", act, about=f"day:{visit.today().isoformat()}", place=office.id)


def _counted(visit: Visit, office: Organisation) -> Money:
    """What was counted; an empty box is nothing, which is an amount here."""
    if visit.sent.get("counted").strip("0 ") == "":
        return Money(0, office.currency)
    return visit.amount("counted", office.currency)
