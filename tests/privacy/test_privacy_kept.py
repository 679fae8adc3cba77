"""What is kept about a household is shown whole: no table that leads to somebody is forgotten."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date

import pytest

from gateway.locale import Say
from gateway.privacy.asking import BadRequest, answered, ask, data_requests
from gateway.privacy.kept import EXCUSED, PARTS, as_zip, kept_about
from gateway.store.schema import metadata
from tests.payments.village import NEIGHBOUR, PAYER, Village

PERSONS = {"household", "beneficiary", "phone", "membership", "collection", "line", "duplicate_pair", "difference"}
NUMBERS = {"msisdn", "payer", "contact_msisdn"}


def test_every_table_that_leads_to_somebody_is_shown_or_excused() -> None:
    leads = {
        table.name
        for table in metadata.sorted_tables
        if table.name in PERSONS
        or any(key.column.table.name in PERSONS for key in table.foreign_keys)
        or NUMBERS & set(table.c.keys())
    }
    shown = {part.table.name for part in PARTS}
    assert leads - shown - EXCUSED.keys() == set()
    assert shown & EXCUSED.keys() == set()
    assert EXCUSED.keys() <= set(metadata.tables)


def test_all_of_it_is_in_the_archive_and_nothing_of_the_neighbours(village: Village) -> None:
    one = village.register()
    village.wish(one.household_id)
    village.register(NEIGHBOUR)
    with village.store.read() as connection:
        kept = kept_about(connection, one.household_id)
    archive = zipfile.ZipFile(io.BytesIO(as_zip(kept, one.card, village.clock.now(), Say("fr"))))
    whole = json.loads(archive.read("all.json"))
    assert whole["card"] == one.card
    assert next(each["name"] for each in whole["kept"]["beneficiary"]["rows"]) == "Adjara Tchédré"
    assert [each["payer"] for each in whole["kept"]["collection"]["rows"]] == [PAYER]
    assert "token" not in whole["kept"]["collection"]["rows"][0]
    assert NEIGHBOUR not in archive.read("all.json").decode()
    assert "Adjara Tchédré" in archive.read("beneficiary.csv").decode("utf-8-sig")
    assert {"household.csv", "line.csv", "membership.csv", "phone.csv"} <= set(archive.namelist())


def test_a_request_is_due_in_a_month_and_answered_once(village: Village) -> None:
    one, today = village.register().household_id, date(2026, 11, 22)
    section = village.place.section_id
    with village.store.write() as unit:
        its_id = ask(unit, one, section, "Adjara Tchédré", "carte d'identité", date(2026, 11, 20), today, "Bio Sarre")
        (open_one,) = data_requests(unit.connection, village.place.books.path)
        assert (open_one.due_on, open_one.answered_by) == (date(2026, 12, 20), None)
        assert answered(unit, its_id, "Bio Sarre")
        assert not answered(unit, its_id, "Somebody else")
        assert data_requests(unit.connection, village.place.books.path) == []
        assert data_requests(unit.connection, "/", every=True)[0].answered_by == "Bio Sarre"
        assert data_requests(unit.connection, "/999/", every=True) == []
    with pytest.raises(BadRequest), village.store.write() as unit:
        ask(unit, one, section, "", "", today, today, "Bio Sarre")
