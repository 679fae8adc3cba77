"""Conflicts with management software in the office: listed, seen side by side, chosen once, out of others' sight."""

from __future__ import annotations

from sqlalchemy import select

from gateway.exchange.software.conflicts import conflict_with
from gateway.locale import Say
from gateway.store.schema import beneficiary, software_conflict
from tests.console.office import Office
from tests.console.test_family_pages import events, two

say = Say("fr")
TAKE, KEEP = say("Take what stands there"), say("Keep what stands here")


def clash(office: Office, theirs: str = "Adjara Orou") -> tuple[int, int]:
    home, _, _ = two(office)
    with office.store.write() as unit:
        head = unit.connection.execute(
            select(beneficiary).where(beneficiary.c.household_id == home, beneficiary.c.relation == "head")
        ).one()
        made = unit.connection.execute(
            software_conflict.insert().values(
                organisation_id=1, household_id=home, beneficiary_id=head.id, field="name", agreed="Adjara T",
                ours=head.name, theirs=theirs, seen_at=unit.now,
            )
        )  # fmt: skip
        return int(made.inserted_primary_key[0]), head.id  # type: ignore[index]


def name_of(office: Office, person: int) -> str:
    return str(office.place.ask(select(beneficiary.c.name).where(beneficiary.c.id == person))[0][0])


def state_of(office: Office, number: int) -> str:
    with office.store.read() as connection:
        one = conflict_with(connection, number)
    assert one is not None
    return one.state


def test_theirs_is_taken_once_and_traced(office: Office) -> None:
    number, person = clash(office)
    somebody = office.enter("administrator")
    assert "Adjara Orou" in somebody.get("/network/exchange").text
    page = somebody.get(f"/network/exchange/{number}")
    assert "Adjara T" in page.text
    somebody.press(TAKE)
    assert (name_of(office, person), state_of(office, number)) == ("Adjara Orou", "theirs")
    assert [after for _, _, after in events(office, "exchange.settled")] == [{"state": "theirs"}]
    assert "Adjara Orou" not in somebody.get("/network/exchange").text
    assert TAKE not in somebody.get(f"/network/exchange/{number}").text


def test_two_people_choose_at_once(office: Office) -> None:
    number, person = clash(office)
    before = name_of(office, person)
    one, other = office.enter("administrator"), office.enter("administrator")
    for each in (one, other):
        each.get(f"/network/exchange/{number}")
    one.press(KEEP)
    page = other.press(TAKE)
    assert page.status == 422
    assert (name_of(office, person), state_of(office, number)) == (before, "ours")


def test_nobody_else_sees_it(office: Office) -> None:
    number, _ = clash(office)
    assert office.enter("neighbour").get(f"/network/exchange/{number}").status in (403, 404)
    assert office.enter("treasurer").get("/network/exchange").status == 403
