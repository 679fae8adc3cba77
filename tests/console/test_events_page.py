"""Who did what in the office: acts with before and after, by person, kind, thing and day; who decided about money."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from gateway.store.schema import login, office_event
from gateway.store.tracing import COMMAND, trace
from tests.console.office import PATH, PEOPLE, Office, Sight


def done(office: Office, what: str, about: str, at: str | None = "Mutuelle Ouaké", **other: Any) -> int:
    """An act as a page writes it; its id."""
    with office.store.write() as unit:
        place = office.place.runtime.network.tree().named(at).id if at is not None else None
        given = {"by": COMMAND, "address": "192.0.2.7", **other}
        trace(unit, organisation_id=place, what=what, about=about, **given)
        return int(unit.connection.scalars(select(office_event.c.id).order_by(office_event.c.id.desc())).first() or 0)


def seen(page: Sight) -> list[int]:
    """The ids of the acts on a page, in order, each once."""
    tails = [to.removeprefix(f"{PATH}/events/") for to, _ in page.read.links if to.startswith(f"{PATH}/events/")]
    return list(dict.fromkeys(int(one) for one in tails if one.isdigit()))


def test_acts_of_ones_own_subtree_stand_there_the_newest_first(office: Office) -> None:
    first = done(office, "household.moved", "household:1", before={"section": "Awanla"}, after={"section": "Madjatom"})
    below = done(office, "staff.added", "member:7", at="Awanla")
    beside = done(office, "staff.added", "member:8", at="Mutuelle Anandana")
    far = done(office, "staff.added", "member:9", at="umoja")
    nobodys = done(office, "entry.refused", "login:1", at=None)
    union = office.enter("administrator").get("/events")
    assert union.status == 200
    assert seen(union) == [beside, below, first]
    own = office.enter_as("administrator", "Bio Sabi", "Mutuelle Ouaké", "+2290150000851")
    assert seen(own.get("/events")) == [below, first]
    for other in (beside, far, nobodys):
        assert own.get(f"/events/{other}").status == 404
    page = own.get(f"/events/{first}")
    assert page.status == 200
    assert page.text.index("Awanla") < page.text.index("Madjatom")
    assert "192.0.2.7" in page.text
    assert office.enter("treasurer").get("/events").status == 403


def test_acts_are_asked_for_by_person_kind_thing_and_day(office: Office) -> None:
    office.enter("administrator")
    who = office.place.ask(select(login.c.id).where(login.c.msisdn == PEOPLE["administrator"][3]))[0][0]

    class Doer:
        login_id, name = who, PEOPLE["administrator"][1]

    moved = done(office, "household.moved", "household:1", by=Doer())
    office.place.wait(days=1)
    added = done(office, "staff.added", "member:7")
    somebody = office.enter("administrator")
    assert seen(somebody.get(f"/events?who={who}")) == [moved]
    assert seen(somebody.get("/events?area=staff")) == [added]
    assert seen(somebody.get("/events?about=household:1")) == [moved]
    assert seen(somebody.get("/events?day=2026-11-23")) == [added]
    assert seen(somebody.get("/events?area=staff&day=2026-11-22")) == []
    # What can't be read asks for everything; a wildcard is a letter like any other.
    assert seen(somebody.get("/events?who=x&area=%25&day=never&after=-")) == [added, moved]
    assert seen(somebody.get("/events?about=household:%25")) == []


def test_a_long_journal_is_shown_a_page_at_a_time(pg_office: Office) -> None:
    every = [done(pg_office, "household.moved", f"household:{number}") for number in range(53)]
    somebody = pg_office.enter("administrator")
    found = seen(somebody.get("/events"))
    assert len(found) == 50
    assert found + seen(somebody.follow("Afficher la suite")) == every[::-1]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_journal_is_a_file_and_that_is_written_down(office: Office, form: str) -> None:
    done(office, "household.moved", "household:1", before={"section": "Awanla"}, after={"section": "=Madjatom"})
    done(office, "staff.added", "member:8", at="umoja")
    somebody = office.enter("administrator")
    somebody.get("/events")
    answer = somebody.press("CSV" if form == "csv" else "Excel").response
    assert "attachment" in answer.headers["Content-Disposition"]
    if form == "csv":
        rows = [list(one) for one in csv.reader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=";")]
    else:
        sheet = load_workbook(io.BytesIO(answer.data)).active
        assert sheet is not None
        rows = [[str(cell) for cell in one] for one in sheet.iter_rows(values_only=True)]
    text = " ".join(cell for one in rows for cell in one)
    assert "Awanla" in text
    assert "192.0.2.7" in text
    assert not any(cell.startswith("=") for one in rows for cell in one)
    newest = office.place.ask(select(office_event.c.what).order_by(office_event.c.id.desc()))[0][0]
    assert newest == "events.exported"


def test_decisions_about_money_are_shown_by_month(office: Office) -> None:
    somebody = office.enter("administrator")
    page = somebody.get("/events/decisions")
    assert page.status == 200
    assert "Personne n'a pris de décision" in page.text
    assert somebody.get("/events/decisions?month=2026-13").status == 200


@pytest.mark.parametrize("asked", [
    "/events/decisions?month=0001-01", "/events/decisions?month=9999-12", "/events?day=0001-01-01",
    "/events?day=9999-12-31", "/care/visits?until=0001-01-01", "/care/visits?since=0001-01-01&until=9999-12-31",
])  # fmt: skip
def test_days_at_the_ends_of_the_calendar_are_days_like_any_other(pg_office: Office, asked: str) -> None:
    assert pg_office.enter("administrator").get(asked).status == 200
