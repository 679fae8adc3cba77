"""The office's commands about categories, subsidies by list, and a household that leaves or gets another head."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.membership import renewal
from gateway.membership.categories import add_category, add_subsidiser, add_tariff
from gateway.membership.changes import By
from gateway.store.schema import organisation
from tests.membership.money import put_money
from tests.payments.commands import Run, on_database_of
from tests.payments.village import ON_SQLITE, YEAR_DUE, Village

TODAY = date(2026, 11, 22)
RENEWS = date(2027, 11, 1)


@pytest.fixture
def card(village: Village, monkeypatch: pytest.MonkeyPatch) -> str:
    """A family that has paid its year, in a mutuelle with a category of which a project pays half."""
    own = village.place.books.id
    with village.store.write() as unit:
        payer = add_subsidiser(unit, own, "project", "Projet")
        category = add_category(unit, own, "vulnerable", "Vulnérable")
        add_tariff(unit, village.place.plan.id, category, subsidy_percent=50, subsidiser_id=payer)
        # A name that a spreadsheet would run.
        unit.connection.execute(update(organisation).where(organisation.c.id == own).values(name="=1+1"))
    village.network.forget()
    monkeypatch.setattr("gateway.kernel.clock.SystemClock.now", lambda _: village.clock.now())
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, TODAY)
    return made.card


@pytest.fixture
def run(village: Village, card: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(village, monkeypatch)


@ON_SQLITE
def test_a_household_in_a_category(village: Village, card: str, run: Run) -> None:
    shown = show_card(card)
    assert "in no category" in run("households", "category", card)
    said = ("--by", "Assemblée", "--why", "list of October")
    assert run("households", "category", card, "vulnerable", *said) == (
        f"card {shown}: category vulnerable from 2026-11-22\n"
    )
    run("households", "category", shown, "none", *said, "--since", "2027-01-01")
    told = run("households", "category", card)
    assert told.index("2027-01-01  none") < told.index("2026-11-22  vulnerable  Assemblée  list of October")
    assert "50 % by project" in told
    assert "Tchédré" not in told
    value = json.loads(run("households", "category", card, "--json"))
    assert [one["code"] for one in value["history"]] == [None, "vulnerable"]
    assert value["categories"][0]["tariffs"][0]["subsidy_percent"] == 50
    with pytest.raises(Fault, match="no category rich for this household: vulnerable"):
        run("households", "category", card, "rich", *said)
    with pytest.raises(Fault, match="who decides"):
        run("households", "category", card, "vulnerable")


@ON_SQLITE
def test_an_invoice_from_its_list_to_the_bank(village: Village, card: str, run: Run, tmp_path: Path) -> None:
    run("households", "category", card, "vulnerable", "--by", "Assemblée", "--why", "list")
    village.clock.move(RENEWS - TODAY)
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(1)
        renewal.renew(unit, tree, village.chart, one, village.place.plan.id, By(None))
    made = run("subsidy", "invoice", "project", "--until", "2028-02-22", "--by", "Bio Sarre")
    number = made.split()[1]
    assert made == f"invoice {number} for project: 1 household, 2,900 F, due by 2028-02-22\n"
    told = run("subsidy", "show", number)
    assert "not paid" in told
    assert f"{show_card(card)}  vulnerable  2027-11-22  2028-11-21  2,900 F" in told
    file = tmp_path / "list.csv"
    assert run("subsidy", "show", number, "--csv", str(file)) == f"{file}: 1 line\n"
    with file.open(encoding="utf-8", newline="") as lines:
        heads, row = csv.reader(lines, delimiter=";")
    assert heads[0] == "Facture"
    run("subsidy", "show", number, "--csv", str(file), "--language", "en")
    assert file.read_text(encoding="utf-8").startswith("Invoice;")
    assert row == [number, "'=1+1", card, "vulnerable", "2027-11-22", "2028-11-21", "2900", "XOF"]
    paid = run("subsidy", "paid", number, "--by", "Bio Sarre", "--on", "2027-11-01")
    assert paid == f"invoice {number} for project was paid on 2027-11-01: 2,900 F\n"
    with pytest.raises(Fault, match="is paid already"):
        run("subsidy", "paid", number, "--by", "Bio Sarre", "--on", "2027-11-01")
    (listed,) = json.loads(run("subsidy", "list", "--json"))
    assert (listed["number"], listed["paid_on"], listed["paid_by"]) == (number, "2027-11-01", "Bio Sarre")
    assert "2027-11-01" in run("subsidy", "list")
    assert json.loads(run("subsidy", "show", number, "--json"))["items"][0]["card"] == card
    assert village.balance()["bank"] == 2_900


@ON_SQLITE
def test_another_head_and_then_nobody(village: Village, card: str, run: Run) -> None:
    told = run("households", "head", card)
    listed = json.loads(run("households", "head", card, "--json"))
    assert [each["number"] for each in listed if each["able"]] == [2]
    assert "number" in told
    assert "Tchédré" not in told
    with pytest.raises(Fault, match="say --because"):
        run("households", "head", card, "--person", "2")
    with pytest.raises(Fault, match="nobody on this card has the number 5: there are 4 people"):
        run("households", "head", card, "--person", "5", "--because", "death", "--by", "Bio")
    with pytest.raises(Fault, match="another adult"):
        run("households", "head", card, "--person", "3", "--because", "death", "--by", "Bio")
    with pytest.raises(Fault, match="2026-11-23: this day lies ahead"):
        run("households", "head", card, "--person", "2", "--because", "death", "--by", "Bio", "--on", "2026-11-23")
    assert "is its head" in run("households", "head", card, "--person", "2", "--because", "death", "--by", "Bio")
    assert village.family(1).head == "Moussa Tchédré"
    with pytest.raises(Fault, match="2026-11-23: this day lies ahead"):
        run("households", "leave", card, "--on", "2026-11-23", "--because", "departure", "--by", "Bio")
    assert run("households", "leave", card, "--on", "2026-11-22", "--because", "departure", "--by", "Bio") == (
        f"card {show_card(card)} has left on 2026-11-22 (departure): 8,700 F is no longer due, 8,700 F in advance\n"
    )
    # Its waiting period would outlast what is left of its year.
    assert json.loads(run("households", "show", card, "--json"))["cover"]["state"] == "lapsed"


VERSION = """
[[plans]]
code = "famille"
name = "Famille"
opens_on = {opens_on}
registration_fee = "1000"
per_household = "{household}"
per_beneficiary = "2400"
instalments = 4
window_opens = "10-01"
window_days = 61

[[plans.tariffs]]
category = "{category}"
subsidy_percent = 60
subsidiser = "project"
"""


@ON_SQLITE
def test_a_new_version_of_a_plan(village: Village, card: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(VERSION.format(opens_on="2027-01-01", household="3000", category="vulnerable"), encoding="utf-8")
    before = village.stands(1)
    assert run("plans", "add", "m", str(file)) == "m: plan famille, version 2\n"
    assert village.stands(1) == before  # what is due stays
    listed = json.loads(run("plans", "list", "m", "--json"))
    assert [(one["version"], one["household_minor"], one["window_days"]) for one in listed] == [
        (2, 3_000, 61), (1, 2_000, None),
    ]  # fmt: skip
    assert "3,000 F" in run("plans", "list", "m")
    assert "60 % by project" in run("households", "category", card)


@pytest.mark.parametrize(
    ("opens_on", "household", "category", "why"),
    [
        ("2020-01-01", "3000", "vulnerable", "it would open on 2020-01-01, before today"),
        ("2027-01-01", "20,5", "vulnerable", "plan famille: '20,5' is no amount in XOF"),
        ("2027-01-01", "3000", "rich", "plan famille: no category rich is there, here or above"),
    ],
)
@ON_SQLITE
def test_a_version_that_cannot_be(
    run: Run, tmp_path: Path, opens_on: str, household: str, category: str, why: str
) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(VERSION.format(opens_on=opens_on, household=household, category=category), encoding="utf-8")
    with pytest.raises(Fault, match=why):
        run("plans", "add", "m", str(file))
    assert len(json.loads(run("plans", "list", "m", "--json"))) == 1


@ON_SQLITE
def test_a_version_opens_after_the_one_before_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "plans.toml"
    file.write_text(VERSION.format(opens_on="2027-01-01", household="3000", category="vulnerable"), encoding="utf-8")
    run("plans", "add", "m", str(file))
    with pytest.raises(Fault, match="version 2 opens on 2027-01-01: the next one opens after it"):
        run("plans", "add", "m", str(file))
