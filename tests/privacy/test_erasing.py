"""A household is made nameless: nothing of its people is found anywhere, and the books are what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import JSON, LargeBinary, String, func, insert, select, update

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import balances, first_difference
from gateway.ledger.chain import sealing
from gateway.membership.changes import By
from gateway.membership.consents import Agreed, write_consent
from gateway.membership.duplicates.finding import looking
from gateway.membership.households import add_phone, drop_phone, standing
from gateway.membership.requests import answer, file_complaint
from gateway.privacy import ageing
from gateway.privacy.asking import answered, ask
from gateway.privacy.erasing import GONE, STAYS, NotYet, ask_erasure, drop_erasure, erase, erasure_of, refuse
from gateway.privacy.keeping import due, due_from, keep_for
from gateway.privacy.looking import Looker, looked
from gateway.privacy.standing_open import still_open
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.schema import (
    beneficiary,
    collection,
    deduction,
    deduction_row,
    duplicate_key,
    duplicate_pair,
    household_merge,
    incoming,
    metadata,
    money_case,
    notice,
    old_number,
    payer_group,
    phone,
    refund,
    register_import,
    register_import_row,
    software_agreed,
    software_conflict,
)
from gateway.store.unit import Store
from tests.payments.village import FAMILY, NEIGHBOUR, PAYER, YEAR_DUE, Village

FORMER, FIVE_YEARS = "+2290100000155", 5 * 365 + 400
HEAD = "Adjara Tchédré"


def told_of(store: Store, *needles: str) -> Iterator[tuple[str, str]]:
    """Every table and column in which one of these words stands, whatever kind of column it is."""
    with store.read() as connection:
        for table in metadata.sorted_tables:
            columns = [each for each in table.c if isinstance(each.type, String | JSON | LargeBinary)]
            for row in connection.execute(select(*columns)) if columns else ():
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, bytes | memoryview):
                        text = bytes(value).decode(errors="replace")
                    else:
                        text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
                    if any(needle.casefold() in text.casefold() for needle in needles):
                        yield table.name, column.name


def full_life(village: Village) -> int:
    """A family that leaves its traces wherever a family can, and has paid all that it owes."""
    store, tree, place = village.store, village.network.tree(), village.place
    one = village.register().household_id
    village.give(one, village.treasurer, YEAR_DUE)
    by = By(PAYER)
    with store.write() as unit:
        now, section, books = unit.now, place.section_id, place.books.id
        add_phone(unit, one, FORMER, by)
        drop_phone(unit, one, FORMER, By(None, None, "Bio Sarre"))
        number = file_complaint(unit, books, one, PAYER, "fr", "care", f"{HEAD} n'a pas été soignée.")
        answer(unit, number, "Bio Sarre", f"Chère {HEAD}, nous cherchons.")
        queue_messages(unit, "receipts", Outgoing("news", FORMER, "fr", f"Bonjour {HEAD}", books, None, "n:1"))
        its_id = ask(unit, one, section, HEAD, f"card shown by {HEAD}", date(2026, 11, 20), date(2026, 11, 22), "Bio")
        answered(unit, its_id, "Bio Sarre")
        write_consent(unit, tree, one, section, Agreed("paper", "Bio Sarre"), "fr")
        run = unit.connection.execute
        paid = unit.connection.scalar(select(collection.c.id).where(collection.c.household_id == one))
        run(update(collection).where(collection.c.id == paid).values(operator_id="77", payer=PAYER, said=HEAD))
        run(insert(notice).values(id=5, source="cash", reference="77", received_at=now, content_type="j",
                                  body=PAYER.encode(), digest="d"))  # fmt: skip
        run(insert(incoming).values(
            operator="mtn_benin", operator_id="77", organisation_id=books, amount_minor=9, currency="XOF", payer=PAYER,
            reference=HEAD, paid_at=now, seen_at=now, state="posted", collection_id=paid))  # fmt: skip
        run(insert(money_case).values(
            key="k", kind="late", organisation_id=books, collection_id=paid, said=f"late of {PAYER}", opened_at=now,
            closed_at=now, closed_by="Bio", note=f"{HEAD} came"))  # fmt: skip
        run(insert(refund).values(
            key="r", organisation_id=books, collection_id=paid, amount_minor=9, currency="XOF", reason=f"for {HEAD}",
            asked_by="Bio", asked_at=now, state="dropped"))  # fmt: skip
        run(insert(old_number).values(key="a1", organisation_id=books, household_id=one, written="A/1", since=now))
        register = {"organisation_id": books, "file_name": "f", "digest": "d", "columns": {}, "state": "done",
                    "by_name": "Bio", "at": now, "finished_at": now}  # fmt: skip
        run(insert(register_import).values(id=3, **register))
        content = {"people": [{"name": HEAD}], "phones": [PAYER]}
        for line, state, whose in ((2, "taken", one), (3, "wrong", None)):
            run(insert(register_import_row).values(
                import_id=3, number=line, content=content, faults=[], state=state, household_id=whose))  # fmt: skip
        somebody = unit.connection.scalar(select(beneficiary.c.id).where(beneficiary.c.household_id == one))
        run(insert(software_agreed).values(
            beneficiary_id=somebody, content={"name": HEAD}, version="1", agreed_at=now))  # fmt: skip
        run(insert(software_conflict).values(
            organisation_id=books, household_id=one, beneficiary_id=somebody, field="name", agreed=HEAD, ours=HEAD,
            theirs=HEAD, seen_at=now, state="ours"))  # fmt: skip
        run(insert(payer_group).values(id=4, organisation_id=books, code="g", name="Coton", rule="due"))
        run(insert(deduction).values(
            id=6, organisation_id=books, group_id=4, label="l", file_name="f", digest="d", rows_digest="d",
            currency="XOF", total_minor=9, state="posted", by_name="Bio", at=now))  # fmt: skip
        run(insert(deduction_row).values(
            deduction_id=6, number=1, named=HEAD, household_id=one, amount_minor=9, faults=[HEAD]))  # fmt: skip
    village.speak(PAYER, "fr")
    village.speak(FORMER, "fr")
    looked(store, Looker.login(1, "Rafiou"), [one], village.clock.now())
    return one


def nameless(village: Village, one: int) -> None:
    with village.store.write() as unit:
        ask_erasure(unit, village.network.tree(), village.family(one), "Bio Sarre")
    with village.store.write() as unit:
        erase(unit, village.network.tree(), village.family(one), "Issa Dafia")


def test_nothing_of_its_people_is_left_and_the_books_are_what_they_were(village: Village) -> None:
    one = full_life(village)
    other = village.register(NEIGHBOUR, [replace(FAMILY[1], relation="head")]).household_id
    needles = (*(person.name for person in FAMILY if person is not FAMILY[1]), PAYER[-8:], FORMER[-8:])
    before = {table for table, _ in told_of(village.store, *needles)}
    assert before >= {"beneficiary", "phone", "message", "request", "household_change", "collection", "incoming",
                      "notice", "money_case", "refund", "register_import_row", "deduction_row", "caller",
                      "data_request"}  # fmt: skip
    for _ in sealing(village.store):
        pass
    with village.store.read() as connection:
        stood = balances(connection)
    village.clock.move(timedelta(days=FIVE_YEARS))
    nameless(village, one)
    left = {table for table, _ in told_of(village.store, *needles)}
    assert left == {"register_import_row"}
    assert left <= STAYS.keys() <= set(metadata.tables)
    for _ in ageing.ageing(village.store, village.clock.now(), 5):
        pass
    assert set(told_of(village.store, *needles)) == set()
    with village.store.read() as connection:
        assert balances(connection) == stood
        assert first_difference(connection) is None
        people = connection.execute(
            select(beneficiary.c.name, beneficiary.c.birth_year, beneficiary.c.sex)
            .where(beneficiary.c.household_id == one)
            .order_by(beneficiary.c.id)
        ).all()
        assert people[0][1:] == (1990, "F")
        assert connection.scalar(select(phone.c.household_id).where(phone.c.msisdn == NEIGHBOUR)) == other
    assert village.family(other).head == FAMILY[1].name


def test_words_about_its_money_lose_any_part_of_a_name_however_it_is_written(village: Village) -> None:
    one = full_life(village)
    spaced = f"{PAYER[:4]} {PAYER[4:6]} {PAYER[6:8]} {PAYER[8:10]} {PAYER[10:12]} {PAYER[12:]}"
    told = {"a": HEAD.split()[0].upper(), "b": f"rappeler au {spaced}", "c": "payé deux fois", "d": None}
    with village.store.write() as unit:
        arrived = unit.connection.scalar(select(incoming.c.id).where(incoming.c.operator_id == "77"))
        for key, note in told.items():
            unit.connection.execute(insert(money_case).values(
                key=key, kind="late", organisation_id=village.place.books.id, incoming_id=arrived, said="x", note=note,
                opened_at=unit.now, closed_at=unit.now, closed_by="Bio"))  # fmt: skip
    village.clock.move(timedelta(days=FIVE_YEARS))
    nameless(village, one)
    with village.store.read() as connection:
        rows = connection.execute(select(money_case.c.key, money_case.c.note).where(money_case.c.key.in_(told))).all()
        assert {row.key: row.note for row in rows} == {"a": GONE, "b": GONE, "c": "payé deux fois", "d": None}


def test_those_without_names_are_not_taken_for_one_family(village: Village) -> None:
    first, second = village.register(), village.register(NEIGHBOUR, [replace(FAMILY[0], name="Rabi Awo")])
    village.give(first.household_id, village.treasurer, YEAR_DUE)
    with village.store.read() as connection:
        left = standing(connection, village.family(second.household_id), village.clock.now().date()).left
    village.give(second.household_id, village.treasurer, left.minor)
    village.clock.move(timedelta(days=FIVE_YEARS))
    for one in (first, second):
        nameless(village, one.household_id)
    for _ in looking(village.store, village.network):
        pass
    with village.store.read() as connection:
        assert (
            connection.scalar(select(func.count()).select_from(duplicate_pair).where(duplicate_pair.c.state == "open"))
            == 0
        )
        assert connection.scalar(select(func.count()).select_from(duplicate_key)) == 0


def test_a_merge_that_can_be_undone_stands_in_the_way(village: Village) -> None:
    one, other = village.register().household_id, village.register(NEIGHBOUR).household_id
    with village.store.write() as unit:
        unit.connection.execute(insert(household_merge).values(stays_id=one, goes_id=other, at=unit.now, content={}))
        found = still_open(unit.connection, (one,), unit.now.date(), unit.now)
        later = still_open(unit.connection, (one,), unit.now.date(), unit.now + timedelta(days=31))
    assert "merge" in found
    assert "merge" not in later


def test_it_is_done_once_by_another_person(village: Village) -> None:
    one = village.register().household_id
    village.give(one, village.treasurer, YEAR_DUE)
    village.clock.move(timedelta(days=FIVE_YEARS))
    tree, family = village.network.tree(), village.family(one)
    with pytest.raises(NotYet, match="nobody"), village.store.write() as unit:
        erase(unit, tree, family, "Bio Sarre")
    with village.store.write() as unit:
        ask_erasure(unit, tree, family, "Bio Sarre")
    with pytest.raises(NotYet, match="another person"), village.store.write() as unit:
        erase(unit, tree, family, "bio  SARRE")
    with village.store.write() as unit:
        assert drop_erasure(unit, one, "Bio Sarre")
        ask_erasure(unit, tree, family, "Bio Sarre")
    with village.store.write() as unit:
        first = erase(unit, tree, family, "Issa Dafia")
    with village.store.write() as unit:
        assert erase(unit, tree, village.family(one), "Somebody Else") == first
        done = erasure_of(unit.connection, one)
        assert done is not None
        assert (done.state, done.decided_by) == ("done", "Issa Dafia")
        assert due(unit.connection, tree, "/", unit.now) == []


def test_a_crash_in_the_middle_leaves_it_whole(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    one = village.register().household_id
    village.give(one, village.treasurer, YEAR_DUE)
    village.clock.move(timedelta(days=FIVE_YEARS))
    with monkeypatch.context() as broken:
        broken.setattr("gateway.privacy.erasing._Eraser._money", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            nameless(village, one)
    assert village.family(one).head == HEAD
    with village.store.write() as unit:
        erase(unit, village.network.tree(), village.family(one), "Issa Dafia")
    assert village.family(one).head != HEAD


def reason(village: Village, one: int) -> str:
    try:
        with village.store.read() as connection:
            refuse(connection, village.network.tree(), village.family(one), village.clock.now())
    except Fault as why:
        return str(why)
    return ""


def test_it_stays_while_a_year_runs_money_is_open_or_its_time_isnt_over(village: Village) -> None:
    one = village.register().household_id
    assert "a year of its runs" in reason(village, one)  # and what it owes is no reason, for it would be one for ever
    village.give(one, village.treasurer, YEAR_DUE + 100)
    assert "to its credit" in reason(village, one)
    one = village.register(NEIGHBOUR).household_id
    village.give(one, village.treasurer, YEAR_DUE - 100)
    village.clock.move(timedelta(days=500))
    assert "it is kept until 2032-11-21" in reason(village, one)
    with village.store.write() as unit:
        keep_for(unit, village.place.books.id, 1, "Décision de l'assemblée", "Bio Sarre")
    assert "it is kept until 2028-11-21" in reason(village, one)
    village.clock.move(timedelta(days=365))
    assert reason(village, one) == ""
    with village.store.write() as unit:
        file_complaint(unit, village.place.books.id, one, PAYER, "fr", "care", "Encore une plainte.")
    assert "waits for an answer" in reason(village, one)


def test_the_list_goes_on_behind_what_one_page_looks_through(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        one = village.register(None, [replace(FAMILY[0], name=f"Rabi {'abcde'[number]}wo")])
        assert one.household_id
    village.clock.move(timedelta(days=FIVE_YEARS))
    monkeypatch.setattr("gateway.privacy.keeping._LOOKED_THROUGH", 2)
    tree = village.network.tree()
    with village.store.read() as connection:
        every = due(connection, tree, "/", village.clock.now())
        first, on = due_from(connection, tree, "/", village.clock.now())
        assert [each.household_id for each in every[:2]] == [each.household_id for each in first]
        assert on == first[-1].household_id
        assert len(every) == 5
        assert len(due(connection, tree, "/", village.clock.now(), limit=3)) == 3
        monkeypatch.setattr("gateway.privacy.keeping._LOOKED_AT_CLOSELY", 1)
        assert due(connection, tree, "/", village.clock.now()) == every


def test_those_whose_time_is_over_are_listed(village: Village) -> None:
    one, tree = village.register(), village.network.tree()
    village.give(one.household_id, village.treasurer, YEAR_DUE)
    village.clock.move(timedelta(days=FIVE_YEARS))
    young = village.register(NEIGHBOUR)
    with village.store.read() as connection:
        (found,) = due(connection, tree, "/", village.clock.now())
        assert (found.card, young.card) == (one.card, young.card)
        assert due(connection, tree, "/999/", village.clock.now()) == []
        assert due(connection, tree, "/", village.clock.now(), after=found.household_id) == []
