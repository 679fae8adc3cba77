"""At a health facility: who is covered today, a visit announced once with its number, and who is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from gateway.kernel.numbers import read_number
from gateway.membership.changes import By
from gateway.membership.family import add, remove
from gateway.membership.households import by_card
from gateway.membership.people import Person
from gateway.membership.rules import State
from gateway.membership.visits import (
    Announced,
    Covered,
    NotCovered,
    OnCard,
    Visit,
    announce,
    to_tell,
    visits_of,
    who_is_covered,
)
from gateway.network import staff
from gateway.network.facilities import add_facility
from gateway.network.organisations import Network, add_organisation
from gateway.network.staff import Member
from gateway.store.schema import beneficiary, caller, visit
from gateway.store.unit import Store
from tests.payments.village import FAMILY, FIRST_DUE, NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village

TODAY = date(2026, 11, 22)
BEGINS = date(2026, 12, 22)  # thirty days after the first payment
HEAD, SPOUSE, SON, DAUGHTER = FAMILY


def _phone(number: int) -> str:
    return f"+22901000007{number:02d}"


@dataclass
class Clinic:
    """The village's mutuelle, and one beside it whose facility any member of the network may go to."""

    village: Village
    beside: int
    place: int
    agent: Member

    def sees(self, card: str, on: date = TODAY) -> Covered:
        tree = self.village.network.tree()
        with self.village.store.read() as connection:
            one = by_card(connection, tree, card)
            assert one is not None
            return who_is_covered(connection, tree, one, on)

    def person(self, card: str, name: str) -> OnCard:
        return next(one for one in self.sees(card).people if one.name == name)

    def announce(self, card: str, name: str = HEAD.name, agent: Member | None = None) -> Announced | NotCovered:
        return self.announce_id(card, self.person(card, name).id, agent)

    def announce_id(self, card: str, beneficiary_id: int, agent: Member | None = None) -> Announced | NotCovered:
        tree = self.village.network.tree()
        with self.village.store.write() as unit:
            one = by_card(unit.connection, tree, card)
            assert one is not None
            return announce(unit, tree, agent or self.agent, one, beneficiary_id)

    def covered_family(self, msisdn: str = PAYER, amount: int = YEAR_DUE) -> str:
        """The card of a family that has paid and waited."""
        made = self.village.register(msisdn)
        self.village.give(made.household_id, self.village.treasurer, amount)
        self.village.clock.at = datetime(2026, 12, 22, 9, tzinfo=UTC)
        return made.card

    def later_for(self, card: str, name: str, covered_from: date) -> None:
        """What adding somebody to a household writes: their own first day."""
        its = self.person(card, name).id
        with self.village.store.write() as unit:
            unit.connection.execute(
                update(beneficiary).where(beneficiary.c.id == its).values(covered_from=covered_from)
            )

    def another(self, code: str, agreed_on: date = TODAY, until: date | None = None, owner: int = 0) -> Member:
        """The agent of one more facility."""
        with self.village.store.write() as unit:
            organisation = owner or self.beside
            place = add_facility(
                unit, organisation, code, f"Centre {code}", "centre", "faith", "Ouaké",
                agreed_on=agreed_on, agreed_until=until,
            )  # fmt: skip
            number = f"+22901000008{place:02d}"
            its = staff.add(unit, organisation, "Awa Biao", "agent", number, None, place)
            return staff.by_id(unit.connection, its)

    def count(self) -> int:
        with self.village.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(visit)) or 0

    def listed(self, under: str = "m", since: date = TODAY, limit: int = 100) -> list[Visit]:
        with self.village.store.read() as connection:
            return visits_of(connection, self.village.network.tree().named(under).path, since, limit)


@pytest.fixture
def clinic(village: Village) -> Clinic:
    books = village.place.books
    with village.store.write() as unit:
        beside, _ = add_organisation(
            unit, (books.id, books.path), kind="mutuelle", code="beside", name="Mutuelle de Brénou", keeps_books=True
        )
        place = add_facility(
            unit, beside, "clinic", "Clinique La Colline", "clinic", "private", "Ouaké", agreed_on=TODAY
        )
        its = staff.add(unit, beside, "Rékia Chabi", "agent", "+2290100000800", "fr", place)
        agent = staff.by_id(unit.connection, its)
    village.network.forget()
    return Clinic(village, beside, place, agent)


# --- who is covered ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paid", "on", "state", "until", "covered", "covered_from"),
    [
        (0, TODAY, State.UNPAID, None, False, None),
        (3_149, BEGINS, State.UNPAID, None, False, None),
        (FIRST_DUE, TODAY, State.WAITING, date(2027, 3, 24), False, BEGINS),
        (FIRST_DUE, date(2026, 12, 21), State.WAITING, date(2027, 3, 24), False, BEGINS),
        (FIRST_DUE, BEGINS, State.ACTIVE, date(2027, 3, 24), True, None),
        (FIRST_DUE, date(2027, 3, 24), State.GRACE, date(2027, 3, 24), True, None),
        (FIRST_DUE, date(2027, 3, 25), State.SUSPENDED, date(2027, 3, 24), False, None),
        (YEAR_DUE, BEGINS, State.ACTIVE, date(2027, 11, 21), True, None),
    ],
)
def test_the_card_says_who_is_covered_today(
    clinic: Clinic, paid: int, on: date, state: State, until: date | None, covered: bool, covered_from: date | None
) -> None:
    made = clinic.village.register()
    if paid:
        clinic.village.give(made.household_id, clinic.village.treasurer, paid)
    found = clinic.sees(made.card, on)
    assert (found.state, found.until) == (state, until)
    assert (found.mutuelle, found.section) == ("Mutuelle de Ouaké", "Awanla")
    assert [(one.name, one.sex, one.birth_year) for one in found.people] == [
        (one.name, one.sex, one.birth_year) for one in FAMILY
    ]
    assert {(one.covered, one.covered_from) for one in found.people} == {(covered, covered_from)}


@pytest.mark.parametrize(
    ("own_day", "on", "covered", "shown"),
    [
        (date(2027, 1, 10), TODAY, False, date(2027, 1, 10)),  # the family waits too, but not so long
        (date(2026, 12, 1), TODAY, False, BEGINS),  # the family waits longer
        (date(2027, 1, 10), BEGINS, False, date(2027, 1, 10)),
        (date(2027, 1, 10), date(2027, 1, 9), False, date(2027, 1, 10)),
        (date(2027, 1, 10), date(2027, 1, 10), True, None),
        (date(2027, 4, 10), BEGINS, False, None),  # what is paid doesn't last until then
        (date(2027, 1, 10), date(2027, 3, 25), False, None),  # nobody is covered any more
    ],
)
@ON_SQLITE
def test_who_joined_later_is_covered_from_their_own_day(
    clinic: Clinic, own_day: date, on: date, covered: bool, shown: date | None
) -> None:
    made = clinic.village.register()
    clinic.village.give(made.household_id, clinic.village.treasurer, FIRST_DUE)
    clinic.later_for(made.card, DAUGHTER.name, own_day)
    *others, daughter = clinic.sees(made.card, on).people
    assert (daughter.name, daughter.covered, daughter.covered_from) == (DAUGHTER.name, covered, shown)
    assert {one.covered for one in others} == {BEGINS <= on <= date(2027, 3, 24)}


def test_who_joined_and_is_not_paid_for_is_not_covered_and_closes_nobodys_cover(clinic: Clinic) -> None:
    card = clinic.covered_family(amount=FIRST_DUE)
    village, person = clinic.village, Person("Sani Tchédré", "M", 1990, "other")
    with village.store.write() as unit:
        one = by_card(unit.connection, village.network.tree(), card)
        assert one is not None
        add(unit, village.network.tree(), village.chart, one, person, "arrival", BEGINS, By(PAYER))
    waited = BEGINS + timedelta(days=30)
    for today in (BEGINS, waited):
        *others, sani = clinic.sees(card, today).people
        assert {each.covered for each in others} == {True}
        assert (sani.name, sani.covered, sani.covered_from) == (person.name, False, None)
    village.clock.move(timedelta(days=30))
    assert clinic.announce(card, person.name) == NotCovered("not-covered")
    village.give(one.id, village.treasurer, 2_200)
    assert isinstance(clinic.announce(card, person.name), Announced)


# --- a visit ----------------------------------------------------------------------------------------------------------


def test_one_visit_a_facility_a_person_and_a_day(clinic: Clinic) -> None:
    card = clinic.covered_family()
    first = clinic.announce(card)
    assert isinstance(first, Announced)
    assert (first.person, first.known) == (HEAD.name, False)
    assert clinic.announce(card) == replace(first, known=True)
    others = [clinic.announce(card, SON.name), clinic.announce(card, agent=clinic.another("next-door"))]
    clinic.village.clock.move(timedelta(days=1))
    others.append(clinic.announce(card))
    numbers = {one.number for one in (first, *others) if isinstance(one, Announced) and not one.known}
    ids = sorted(read_number(one) or 0 for one in (first.number, *numbers))
    assert len(numbers) == clinic.count() == 4
    with clinic.village.store.read() as connection:
        assert sorted(set(ids)) == list(connection.scalars(select(visit.c.id).order_by(visit.c.id)))


@pytest.mark.parametrize(
    ("agreed_on", "until", "answer"),
    [
        (BEGINS, None, Announced),
        (BEGINS, BEGINS, Announced),
        (BEGINS + timedelta(days=1), None, NotCovered("no-agreement")),
        (TODAY, BEGINS - timedelta(days=1), NotCovered("no-agreement")),
    ],
)
@ON_SQLITE
def test_the_agreement_must_be_in_force(clinic: Clinic, agreed_on: date, until: date | None, answer: object) -> None:
    card = clinic.covered_family()
    found = clinic.announce(card, agent=clinic.another("centre", agreed_on, until))
    assert found == answer or type(found) is answer
    assert clinic.count() == (answer is Announced)


def test_another_network_has_no_agreement(clinic: Clinic) -> None:
    with clinic.village.store.write() as unit:
        abroad, _ = add_organisation(unit, None, kind="union", code="abroad", name="Abroad")
    clinic.village.network.forget()
    card = clinic.covered_family()
    assert clinic.announce(card, agent=clinic.another("far", owner=abroad)) == NotCovered("no-agreement")


@ON_SQLITE
def test_only_an_agent_announces(clinic: Clinic) -> None:
    card = clinic.covered_family()
    for other in (clinic.village.treasurer, replace(clinic.agent, facility_id=None)):
        assert clinic.announce(card, agent=other) == NotCovered("no-agreement")
    assert clinic.count() == 0


def test_who_is_not_covered_gets_no_number(clinic: Clinic) -> None:
    unpaid = clinic.village.register(NEIGHBOUR)
    assert clinic.announce(unpaid.card) == NotCovered("not-covered")
    clinic.village.give(unpaid.household_id, clinic.village.treasurer, FIRST_DUE)
    assert clinic.announce(unpaid.card) == NotCovered("not-covered", BEGINS)
    clinic.village.clock.at = datetime(2026, 12, 22, 9, tzinfo=UTC)
    clinic.later_for(unpaid.card, DAUGHTER.name, date(2027, 1, 10))
    assert clinic.announce(unpaid.card, DAUGHTER.name) == NotCovered("not-covered", date(2027, 1, 10))
    assert clinic.count() == 0
    assert isinstance(clinic.announce(unpaid.card), Announced)
    clinic.village.clock.move(timedelta(days=93))
    assert clinic.announce(unpaid.card) == NotCovered("not-covered")
    assert clinic.count() == 1


def test_a_person_must_be_on_that_card(clinic: Clinic) -> None:
    card, neighbours = clinic.covered_family(), clinic.covered_family(NEIGHBOUR)
    stranger, son = clinic.person(neighbours, SON.name).id, clinic.person(card, SON.name).id
    assert clinic.announce_id(card, stranger) == NotCovered("not-on-card")
    with clinic.village.store.write() as unit:
        one = by_card(unit.connection, clinic.village.network.tree(), card)
        assert one is not None
        remove(unit, one, son, "departure", BEGINS, By(PAYER))
    assert clinic.announce_id(card, son) == NotCovered("not-on-card")
    assert clinic.count() == 0


@ON_SQLITE
def test_the_day_of_a_visit_is_the_facilitys_own(clinic: Clinic) -> None:
    with clinic.village.store.write() as unit:
        root = clinic.village.place.books
        east, _ = add_organisation(
            unit, (root.id, root.path), kind="union", code="east", name="East", time_zone="Africa/Lubumbashi"
        )
    clinic.village.network.forget()
    card = clinic.covered_family()
    agent = clinic.another("east", owner=east)
    clinic.village.clock.at = datetime(2026, 12, 25, 21, 30, tzinfo=UTC)  # in Lubumbashi half past eleven at night
    evening = clinic.announce(card, agent=agent)
    clinic.village.clock.move(timedelta(hours=1))  # in Ouaké it still is the 25th
    morning = clinic.announce(card, agent=agent)
    assert isinstance(evening, Announced)
    assert isinstance(morning, Announced)
    assert (evening.known, morning.known, clinic.count()) == (False, False, 2)


def test_two_phones_at_the_same_moment_announce_one_visit(clinic: Clinic) -> None:
    card = clinic.covered_family()
    its = clinic.person(card, HEAD.name).id
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda _: clinic.announce_id(card, its), range(4)))
    assert {type(one) for one in found} == {Announced}
    assert len({one.number for one in found if isinstance(one, Announced)}) == clinic.count() == 1
    assert sorted(one.known for one in found if isinstance(one, Announced)) == [False, True, True, True]


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_home_mutuelle_sees_its_members_visits(clinic: Clinic) -> None:
    card = clinic.covered_family()
    made = [clinic.announce(card)]
    clinic.village.clock.move(timedelta(days=2))
    made.append(clinic.announce(card, SON.name, clinic.another("second")))
    numbers = [one.number for one in made if isinstance(one, Announced)]
    expected = [
        Visit(numbers[1], datetime(2026, 12, 24, 9, tzinfo=UTC), "Centre second", SON.name, card, "Mutuelle de Ouaké"),
        Visit(numbers[0], datetime(2026, 12, 22, 9, tzinfo=UTC), "Clinique La Colline", HEAD.name, card,
              "Mutuelle de Ouaké"),
    ]  # fmt: skip
    assert clinic.listed() == expected
    assert clinic.listed(limit=1) == expected[:1]
    assert clinic.listed(since=date(2026, 12, 22)) == expected
    assert clinic.listed(since=date(2026, 12, 23)) == expected[:1]
    assert clinic.listed(since=date(2026, 12, 25)) == []
    assert clinic.listed("beside") == [], "the facility's partner isn't the member's mutuelle"


def test_the_list_keeps_who_left_the_card_since(clinic: Clinic) -> None:
    card = clinic.covered_family()
    clinic.announce(card, SON.name)
    with clinic.village.store.write() as unit:
        one = by_card(unit.connection, clinic.village.network.tree(), card)
        assert one is not None
        remove(unit, one, clinic.person(card, SON.name).id, "death", BEGINS, By(PAYER))
    assert [each.person for each in clinic.listed()] == [SON.name]


# --- who is told ------------------------------------------------------------------------------------------------------

# Where somebody works, as what, with which number and language.
STAFF = [
    ("platform", "adviser", 1, "en"),
    ("platform", "animator", 2, "fr"),
    ("union", "animator", 3, None),
    ("union", "animator", 4, "fr"),
    ("union", "treasurer", 5, "fr"),
    ("one", "adviser", 6, None),
    ("one", "adviser", 7, "fr"),
    ("one", "animator", 6, None),
    ("other", "animator", 9, "fr"),
    ("section", "adviser", 10, "fr"),
]


@pytest.fixture
def told(store: Store, network: Network) -> dict[str, int]:
    """A platform, a union with two mutuelles, and their staff; number 6 reads English."""
    with store.write() as unit:
        known = {"platform": add_organisation(unit, None, kind="platform", code="platform", name="P", languages="fr")}
        for code, above, kind in (
            ("union", "platform", "union"),
            ("one", "union", "mutuelle"),
            ("other", "union", "mutuelle"),
            ("section", "one", "section"),
        ):
            known[code] = add_organisation(unit, known[above], kind=kind, code=code, name=code)
        for place, role, number, language in STAFF:
            staff.add(unit, known[place][0], "Awa Biao", role, _phone(number), language)
        unit.connection.execute(caller.insert().values(msisdn=_phone(6), language="en"))
    network.forget()
    return {code: own for code, (own, _) in known.items()}


@pytest.mark.parametrize(
    ("home", "left", "expected"),
    [
        # The mutuelle's own adviser before the platform's; one phone is told once.
        ("one", (), [(6, "en"), (7, "fr")]),
        # Of a mutuelle without an adviser the platform's is told, and its own animator.
        ("other", (), [(1, "en"), (9, "fr")]),
        ("union", (), [(1, "en"), (3, "fr"), (4, "fr")]),
        ("platform", (), [(1, "en"), (2, "fr")]),
        # Whose role has ended is told of nothing.
        ("one", (7,), [(6, "en")]),
        ("one", (6,), [(7, "fr"), (3, "fr"), (4, "fr")]),
        ("platform", (1, 2), []),
    ],
)
def test_advisers_and_animators_near_the_member_are_told(
    store: Store,
    network: Network,
    told: dict[str, int],
    home: str,
    left: tuple[int, ...],
    expected: list[tuple[int, str]],
) -> None:
    with store.write() as unit:
        for number in left:
            for one in staff.roles_of(unit.connection, _phone(number)):
                staff.end(unit, one.id, TODAY)
    with store.read() as connection:
        found = to_tell(connection, network.tree(), told[home])
    assert found == [(_phone(number), language) for number, language in expected]
