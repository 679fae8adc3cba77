"""The commands about takings and receipts say what the books say, and show nobody's name."""

from __future__ import annotations

import json
import re

import pytest

from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.network.organisations import UnknownOrganisation
from gateway.payments.reversing import reverse
from tests.payments.commands import Run, on_database_of
from tests.payments.village import ON_SQLITE, Village

pytestmark = ON_SQLITE


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(office, monkeypatch)


def test_the_takings_of_a_day(office: Village, run: Run) -> None:
    home = office.register().household_id
    office.push(home, 2_000)
    office.give(home, office.treasurer, 1_000)
    office.give(home, office.treasurer, 500)
    shown = [re.split(r" {2,}", line) for line in run("takings", "m", "--day", "2026-11-22").splitlines()]
    assert shown == [
        ["organisation", "day", "way", "payments", "amount"],
        ["Mutuelle de Ouaké", "2026-11-22", "push", "1", "2,000 F"],
        ["Mutuelle de Ouaké", "2026-11-22", "cash", "2", "1,500 F"],
        ["all", "3,500 F"],
    ]
    of_all = json.loads(run("takings", "--day", "2026-11-22", "--json"))
    assert of_all["totals"] == {"XOF": 3_500}
    assert of_all["takings"][1] == {
        "organisation": "m", "day": "2026-11-22", "way": "cash", "payments": 2, "amount_minor": 1_500,
        "currency": "XOF",
    }  # fmt: skip
    assert json.loads(run("takings", "--day", "2026-11-21", "--json")) == {"takings": [], "totals": {}}
    with pytest.raises(UnknownOrganisation):
        run("takings", "nowhere")


def test_a_receipt_is_checked_by_number_and_code(office: Village, run: Run) -> None:
    home = office.register().household_id
    key = office.push(home, 2_000)
    number, code = re.match(r"Recu (\d+)-(\d+)", office.messages("receipt")[0].text).groups()  # type: ignore[union-attr]
    card = office.family(home).card
    said = f"{number}: genuine: 2,000 F on 2026-11-22, card {show_card(card)}, A. T.\n"
    assert run("receipt", "check", number, code) == run("receipt", "check", f"{number}-{code}") == said
    with office.store.write() as unit:
        reverse(unit, office.network.tree(), key, "REVERSED")
    assert "genuine, but it no longer counts: 2,000 F" in run("receipt", "check", number, code)
    assert json.loads(run("receipt", "check", number, code, "--json")) == {
        "number": number, "reversed": True, "gone_back_minor": 2_000, "amount_minor": 2_000, "currency": "XOF",
        "day": "2026-11-22", "card": card,
    }  # fmt: skip
    for wrong in ((number, f"{(int(code) + 1) % 100_000:05d}"), ("000004", code), (number,)):
        with pytest.raises(Fault, match="no receipt was given with this number and code"):
            run("receipt", "check", *wrong)


def test_a_household_is_shown_with_what_it_has_in_advance(office: Village, run: Run) -> None:
    home = office.register().household_id
    card = office.family(home).card
    left = office.stands(home).left.minor
    office.push(home, left)
    assert "In advance" not in run("households", "show", card)
    assert json.loads(run("households", "show", card, "--json"))["advance_minor"] == 0
    office.push(home, 1_500)
    assert "\nIn advance: 1,500 F\n" in run("households", "show", card)
    assert json.loads(run("households", "show", card, "--json"))["advance_minor"] == 1_500


def test_a_collection_is_shown_by_its_key_or_its_receipt(office: Village, run: Run) -> None:
    home = office.register().household_id
    key = office.push(home, 1_500)
    by_key = json.loads(run("collections", "show", key, "--json"))
    card = office.family(home).card
    assert (by_key["card"], by_key["way"], by_key["operator_id"]) == (card, "push", f"op-{key}")
    assert json.loads(run("collections", "show", by_key["receipt"], "--json")) == by_key
    shown = run("collections", "show", by_key["receipt"])
    assert show_card(card) in shown
    assert "0100000101" not in shown
    with pytest.raises(Fault, match="no collection has the key or the receipt number"):
        run("collections", "show", "000999")
