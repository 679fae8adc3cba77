"""Categories: what a household pays by its own, who pays the rest, by list; and that what is due already stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import statement_of
from gateway.membership import family, leaving, renewal, subsidies
from gateway.membership.categories import (
    add_category,
    add_subsidiser,
    add_tariff,
    categories_for,
    history_of,
    prices_of,
    put_into,
)
from gateway.membership.changes import By
from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.membership.rules import State
from gateway.store.schema import household_change
from tests.membership.money import put_money
from tests.payments.village import ON_SQLITE, TERMS, YEAR_DUE, Village, at_once, francs

TODAY = date(2026, 11, 22)
RENEWS = date(2027, 11, 1)
NEXT = date(2027, 11, 22)
BY = By(None, name="Bio Sarre")


@dataclass(frozen=True)
class Ids:
    """A category of which a project pays three quarters, and one of which the State pays everything."""

    project: int
    vulnerable: int
    state: int
    indigent: int


@pytest.fixture
def ids(village: Village) -> Ids:
    """Both, in the plan that is open."""
    own, plan_id = village.place.books.id, village.place.plan.id
    with village.store.write() as unit:
        project = add_subsidiser(unit, own, "project", "Projet")
        state = add_subsidiser(unit, own, "state", "État")
        vulnerable = add_category(unit, own, "vulnerable", "Vulnérable")
        indigent = add_category(unit, own, "indigent", "Indigent")
        add_tariff(unit, plan_id, vulnerable, beneficiary_minor=2_001, subsidy_percent=75, subsidiser_id=project)
        add_tariff(unit, plan_id, indigent, registration_fee_minor=0, subsidy_percent=100, subsidiser_id=state)
    return Ids(project, vulnerable, state, indigent)


@pytest.fixture
def home(village: Village, ids: Ids) -> int:
    """A family of four that has paid its first year."""
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, TODAY)
    return made.household_id


def put(village: Village, home: int, code: str | None, since: date | None = None) -> None:
    with village.store.write() as unit:
        put_into(unit, village.network.tree(), home, code, since, "Assemblée d'Awanla", "the village's list")


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def renew(village: Village, home: int) -> None:
    with village.store.write() as unit:
        one = village.family(home)
        assert renewal.renew(unit, village.network.tree(), village.chart, one, village.place.plan.id, BY) is not None


def invoice(village: Village, code: str, until: date, by: str = "Bio Sarre") -> subsidies.Invoice:
    with village.store.write() as unit:
        return subsidies.make_invoice(unit, subsidies.subsidiser_named(unit.connection, code), until, by)


def items(village: Village, one: subsidies.Invoice) -> list[subsidies.Item]:
    with village.store.read() as connection:
        return list(subsidies.items_of(connection, one))


def paid(village: Village, number: str, day: date) -> subsidies.Invoice:
    with village.store.write() as unit:
        return subsidies.mark_paid(unit, village.network.tree(), village.chart, number, "Bio Sarre", day)


# Of 2 000 + 4 x 2 001 = 10 004 a project pays 7 503 and the family 2 501 (rounded up), in four instalments.


def test_a_subsidised_year(village: Village, home: int) -> None:
    put(village, home, "vulnerable")
    on(village, RENEWS)
    with village.store.read() as connection:
        offer = renewal.renewal_for(connection, village.network.tree(), village.family(home), RENEWS)
    assert offer is not None
    assert (offer.total, offer.first) == (francs(2_501), francs(626))  # what the member pays
    renew(village, home)
    with village.store.read() as connection:
        dues = [one for one in statement_of(connection, home).dues if one.due_on >= NEXT]
    assert [(one.due_on, one.amount_minor) for one in sorted(dues, key=lambda one: one.due_on)] == [
        (NEXT, 626), (date(2028, 2, 22), 625), (date(2028, 5, 22), 625), (date(2028, 8, 22), 625),
    ]  # fmt: skip
    assert village.balance() == {
        "receivable": 2_501, "income": -YEAR_DUE - 2_501, "cash": YEAR_DUE, "subsidiser": 7_503, "subsidies": -7_503,
    }  # fmt: skip
    put_money(village, home, 626, RENEWS)
    assert village.stands(home, NEXT).cover.state is State.ACTIVE
    assert village.stands(home, NEXT).monthly == francs(209)  # a twelfth of what the member pays


@ON_SQLITE
def test_a_change_of_category_changes_nothing_that_is_due(village: Village, home: int) -> None:
    before = village.stands(home)
    put(village, home, "indigent")
    assert village.stands(home) == before
    assert village.balance() == {"income": -YEAR_DUE, "cash": YEAR_DUE}
    on(village, RENEWS)
    renew(village, home)
    put(village, home, None)
    assert village.stands(home, NEXT).left == francs(0)
    assert village.stands(home, NEXT).cover.state is State.ACTIVE  # nothing has to be paid for it
    assert village.balance()["subsidiser"] == 11_600


@ON_SQLITE
def test_the_category_of_the_day_counts_and_its_history_stays(village: Village, home: int) -> None:
    put(village, home, "vulnerable", RENEWS)
    put(village, home, "indigent", RENEWS + timedelta(days=1))
    on(village, RENEWS)
    renew(village, home)
    assert village.balance()["subsidiser"] == 7_503
    with village.store.read() as connection:
        found = history_of(connection, home)
        changes = connection.execute(select(household_change).where(household_change.c.kind == "category")).all()
    assert [(one.since, one.code, one.by_name) for one in found] == [
        (RENEWS + timedelta(days=1), "indigent", "Assemblée d'Awanla"),
        (RENEWS, "vulnerable", "Assemblée d'Awanla"),
    ]
    assert [(one.note, one.by_name) for one in changes] == [
        ("vulnerable", "Assemblée d'Awanla"), ("indigent", "Assemblée d'Awanla"),
    ]  # fmt: skip


@ON_SQLITE
def test_who_joins_a_subsidised_year_is_subsidised(village: Village, home: int) -> None:
    put(village, home, "vulnerable")
    on(village, RENEWS)
    renew(village, home)
    half_way = date(2028, 5, 22)  # six months are left: 1 001 F for one more (rounded up), a quarter of it 251 F
    on(village, half_way)
    one = Person("Sani Tchédré", "M", 1990, "other")
    with village.store.write() as unit:
        tree = village.network.tree()
        added = family.add(unit, tree, village.chart, village.family(home), one, "arrival", half_way, BY)
    assert added.due == francs(251)
    assert village.balance()["subsidiser"] == 7_503 + 750


@ON_SQLITE
def test_a_version_without_a_tariff_for_it_asks_what_it_asks_of_everybody(village: Village, home: int) -> None:
    put(village, home, "vulnerable")
    with village.store.write() as unit:
        own = village.place.books.id
        newest = add_plan(unit, own, "famille", "Famille", "XOF", TERMS, RENEWS, version=2)
    on(village, RENEWS)
    with village.store.read() as connection:
        offer = renewal.renewal_for(connection, village.network.tree(), village.family(home), RENEWS)
    assert offer is not None
    assert (offer.plan.id, offer.total) == (newest, francs(11_600))


@ON_SQLITE
def test_categories_of_the_nearest_organisation(village: Village, ids: Ids) -> None:
    tree, section = village.network.tree(), village.place.section_id
    with village.store.read() as connection:
        found = categories_for(connection, tree, section)
        assert [one.code for one in found] == ["indigent", "vulnerable"]
        (price,) = prices_of(connection, ids.vulnerable)
    assert (price.beneficiary_minor, price.subsidy_percent, price.subsidiser_code) == (2_001, 75, "project")
    with village.store.write() as unit:
        add_category(unit, section, "own", "Own")
    with village.store.read() as connection:
        assert [one.code for one in categories_for(connection, tree, section)] == ["own"]


@pytest.mark.parametrize(
    ("code", "by", "why", "told"),
    [
        ("rich", "Bio", "list", "no category rich for this household: indigent, vulnerable"),
        ("indigent", " ", "list", "who decides"),
        ("indigent", "Bio", "", "who decides"),
        ("indigent", "B" * 61, "list", "who decides"),
        ("indigent", "Bio", "l" * 201, "who decides"),
    ],
)
@ON_SQLITE
def test_what_cannot_be_decided(village: Village, home: int, code: str, by: str, why: str, told: str) -> None:
    with pytest.raises(Fault, match=told), village.store.write() as unit:
        put_into(unit, village.network.tree(), home, code, None, by, why)
    with village.store.read() as connection:
        assert history_of(connection, home) == []


# Invoices: instalments by the days on which they fall due, 1 878 and three times 1 875


@pytest.fixture
def subsidised(village: Village, home: int) -> int:
    """The family in a subsidised year."""
    put(village, home, "vulnerable")
    on(village, RENEWS)
    renew(village, home)
    return home


def test_what_fell_due_is_invoiced_once(village: Village, subsidised: int) -> None:
    first = invoice(village, "project", date(2028, 2, 22))
    assert (first.amount, first.households, first.paid_on) == (francs(1_878 + 1_875), 1, None)
    (line,) = items(village, first)
    assert (line.mutuelle, line.category, line.starts_on, line.ends_on, line.amount) == (
        "Mutuelle de Ouaké", "vulnerable", NEXT, date(2028, 11, 21), first.amount,
    )  # fmt: skip
    assert line.card == village.family(subsidised).card
    with pytest.raises(Fault, match="owes nothing by 2028-02-22 that isn't invoiced"):
        invoice(village, "project", date(2028, 2, 22))
    rest = invoice(village, "project", date(2028, 12, 31))
    assert rest.amount == francs(3_750)
    with village.store.read() as connection:
        assert [one.number for one in subsidies.invoices(connection, 10)] == [rest.number, first.number]
        assert subsidies.invoice_numbered(connection, first.number) == first
    assert len(items(village, first)) == 1  # and stays as it was


def test_of_two_that_invoice_at_once_one_does(village: Village, subsidised: int) -> None:
    def make() -> object:
        try:
            return invoice(village, "project", date(2028, 12, 31)).amount
        except Fault as nothing:
            return str(nothing)

    made = at_once(2, make)
    assert francs(7_503) in made
    assert "project owes nothing by 2028-12-31 that isn't invoiced" in made


def test_an_invoice_is_paid_once(village: Village, subsidised: int) -> None:
    made = invoice(village, "project", NEXT)
    now = paid(village, made.number, RENEWS)
    assert (now.paid_on, now.paid_by) == (RENEWS, "Bio Sarre")
    assert (village.balance()["bank"], village.balance()["subsidiser"]) == (1_878, 5_625)
    with pytest.raises(Fault, match=f"invoice {made.number} is paid already"):
        paid(village, made.number, RENEWS)
    assert village.balance()["bank"] == 1_878


@ON_SQLITE
def test_no_payment_that_lies_ahead_and_none_of_an_unknown_number(village: Village, subsidised: int) -> None:
    made = invoice(village, "project", NEXT)
    with pytest.raises(Fault, match="lies ahead"):
        paid(village, made.number, RENEWS + timedelta(days=1))
    with pytest.raises(Fault, match="no invoice has the number"):
        paid(village, "123456", RENEWS)
    with pytest.raises(Fault, match="no subsidiser has the code nobody"):
        invoice(village, "nobody", NEXT)
    with pytest.raises(Fault, match="who makes it must be said"):
        invoice(village, "project", NEXT, by=" ")
    assert "bank" not in village.balance()


@ON_SQLITE
def test_what_a_household_leaves_behind_is_taken_off_the_next_invoice(village: Village, subsidised: int) -> None:
    invoice(village, "project", date(2028, 8, 22))
    on(village, date(2028, 3, 1))
    with village.store.write() as unit:
        one = village.family(subsidised)
        leaving.leave(unit, village.network.tree(), village.chart, one, date(2028, 3, 1), "departure", BY)
    assert village.balance()["subsidiser"] == 1_878 + 1_875
    again = invoice(village, "project", date(2028, 12, 31))
    assert again.amount == francs(-3_750)
