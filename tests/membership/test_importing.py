"""A register from a file: read, checked by row, previewed, taken in once by whoever is killed, taken out again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference
from gateway.ledger.chart import Chart
from gateway.locale import Say
from gateway.membership.households import by_card, main_phones, standing
from gateway.membership.importing import keeping, taking
from gateway.membership.importing.checking import Checked
from gateway.membership.importing.keeping import Import, KeptRow, Preview, RowState
from gateway.membership.importing.reading import MOST_BYTES, RegisterFile, read_register
from gateway.membership.importing.taking import Taking
from gateway.membership.importing.undoing import Undoing
from gateway.membership.plans import add_plan
from gateway.network.organisations import add_organisation
from gateway.network.report import network_report
from gateway.payments.statements.plain_tables import tables
from gateway.sms.newcomers import Welcome
from gateway.store.outbox import Task, drain
from gateway.store.schema import household, membership, message, phone
from tests.payments.village import ON_SQLITE, TERMS, Village, at_once

MSISDN = "+2290197000001"
SMALL = """Famille;Nom et prénoms;Sexe;Année de naissance;Lien de parenté;Téléphone;Village;Montant payé
1;TCHÉDRÉ Adjara;F;1991;Adhérente;01 97 00 00 01;Awanla;3000
1;Tchédré Moussa;M;1986;Conjoint;;;
1;Tchédré Rahina;F;12/05/2018;Fille;;;
2;Sarre Bio;H;1970;Chef de ménage;;Awanla;
"""


def read(text: str | bytes) -> RegisterFile:
    content = text.encode() if isinstance(text, str) else text
    return read_register(tables(content, MOST_BYTES))


def check(village: Village, text: str | bytes, plan_code: str | None = None) -> tuple[list[Checked], Preview]:
    with village.store.read() as connection:
        now = village.clock.now()
        tree = village.network.tree()
        return keeping.check(connection, tree, village.place.books, read(text), now, plan_code=plan_code)


def keep(village: Village, text: str) -> int:
    checked, _ = check(village, text)
    with village.store.write() as unit:
        return keeping.keep(
            unit, village.place.books, "registre.csv", text.encode(), read(text), checked, "Issifou Dafia"
        )  # fmt: skip


def take_in(village: Village, text: str = SMALL, tells: bool = False) -> int:
    its_id = keep(village, text)
    with village.store.write() as unit:
        keeping.start(unit, its_id, tells)
    work(village)
    return its_id


def work(village: Village) -> None:
    chart = Chart()
    taking_in = Taking(village.store, village.network, chart, Welcome(village.clock))
    handlers = {keeping.IMPORT: taking_in, keeping.UNDO: Undoing(village.store, village.network, chart)}
    handlers |= {"sms.send": lambda task: None}
    while drain(village.store, keeping.QUEUE, handlers, raise_it):
        pass


def raise_it(task: Task, error: Exception) -> None:
    raise error


def shown(village: Village, its_id: int) -> Import:
    with village.store.read() as connection:
        return keeping.by_id(connection, its_id)


def rows(village: Village, its_id: int, *states: RowState) -> list[KeptRow]:
    with village.store.read() as connection:
        return keeping.rows_of(connection, its_id, states)


def told(checked: Sequence[Checked], language: str = "en") -> list[str]:
    return [f"{one.row or ''} {one.said(Say(language))}".strip() for each in checked for one in each.told]


def count(village: Village, what: Any) -> int:
    with village.store.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(what)) or 0)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_one_row_a_person_and_a_family_column() -> None:
    file = read(SMALL)
    assert [(one.named, [line.row for line in one.lines]) for one in file.families] == [("1", [2, 3, 4]), ("2", [5])]
    assert [heading for heading, _ in file.left_out] == ["Montant payé"]
    assert "payments" in file.left_out[0][1]


def test_households_begin_with_each_head_where_no_column_names_them() -> None:
    text = (
        "name,sex,age,relation\nAdjara Tchedre,F,35,head\nMoussa Tchedre,M,40,husband\n\nBio Sarre,M,50,head\n"
    )  # fmt: skip
    assert [[line.row for line in one.lines] for one in read(text).families] == [[2, 3], [5]]


def test_rows_of_a_family_may_stand_apart() -> None:
    text = "N° ménage;Nom;Prénoms;Sexe;Naissance;Lien\n7;A;Bc;F;1990;chef\n8;D;Ef;F;1990;chef\n7;G;Hi;M;2010;enfant\n"
    assert [[line.row for line in one.lines] for one in read(text).families] == [[2, 4], [3]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_letters_of_any_export(encoding: str) -> None:
    file = read(SMALL.encode(encoding))
    assert file.families[0].lines[0]["name"] == "TCHÉDRÉ Adjara"


def test_a_workbook_with_a_title_above() -> None:
    book = Workbook()
    page = book.active
    page.append(["Registre des adhésions 2026"])
    page.append([])
    for line in SMALL.splitlines():
        page.append([int(cell) if cell.isdecimal() and len(cell) < 5 else cell for cell in line.split(";")])
    page["D5"] = date(1986, 5, 12)
    file_of = io.BytesIO()
    book.save(file_of)
    file = read(file_of.getvalue())
    assert [line.row for line in file.families[0].lines] == [4, 5, 6]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a;b\n1;2\n", "needs a column"),
        ("Nom;Sexe;Lien\nA;F;chef\n", "naissance"),
        ("Nom;Sexe;Lien;Naissance\n", "no rows"),
        ("Nom;Nom complet;Sexe;Lien;Naissance\nA;B;F;chef;1990\n", "say the same"),
        ("Nom;Sexe;Lien;Naissance\nA;F;chef;1990\n" * 50_002, "more than 50000 rows"),
        ("x" * (MOST_BYTES + 1), "larger than 10 MB"),
        (b"%PDF-1.4", "PDF"),
        ("", "empty"),
    ],
)
def test_what_is_no_register(content: str | bytes, why: str) -> None:
    with pytest.raises(Fault, match=why):
        read(content)


# --- checking ---------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_what_would_be_done_is_counted_and_nothing_is_written(village: Village) -> None:
    checked, preview = check(village, SMALL)
    assert [one.state for one in checked] == ["good", "good"]
    assert checked[0].phones == (MSISDN,)
    assert [one.name for one in checked[0].people] == ["TCHÉDRÉ Adjara", "Tchédré Moussa", "Tchédré Rahina"]
    assert [(one.minor, one.currency) for one in preview.dues] == [((1_000 + 9_200) + (1_000 + 4_400), "XOF")]
    assert (preview.households, preview.people, preview.messages) == (2, 4, 1)
    assert count(village, household) == 0


HEADS = "Famille;Nom;Sexe;Naissance;Lien;Téléphone;Section;Formule;Langue\n"


@ON_SQLITE
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("1;B1o S;M;1970;chef;;;;", "2 the name B1o S has signs that no name has"),
        (f"1;{'B' * 61};M;1970;chef;;;;", f"2 the name {'B' * 61} is longer than 60 letters"),
        ("1;;M;1970;chef;;;;", "2 no name"),
        ("1;Bio;X;1970;chef;;;;", "2 the sex is F or M, not X"),
        ("1;Bio;M;1870;chef;;;;", "2 1870 is no year of birth of somebody alive: write 1991"),
        ("1;Bio;M;85;chef;;;;", "2 85 is no year of birth of somebody alive: write 1991"),
        ("1;Bio;M;31/02/1985;chef;;;;", "2 31/02/1985 is no year of birth of somebody alive: write 1991"),
        ("1;Bio;M;1985;voisin;;;;", "2 the relation voisin isn't known"),
        ("1;Bio;M;1985;enfant;;;;", "2 nobody is the head of this household"),
        ("1;Bio;M;1985;chef;;;;\n1;Ali;M;1985;chef;;;;", "3 a second head: row 2 has one already"),
        ("1;Bio;M;1985;chef;;Nowhere;;", "2 no section is called Nowhere"),
        ("1;Bio;M;1985;chef;;other-1;;", "2 the section other-1 isn't below Mutuelle de Ouaké"),
        ("1;Bio;M;1985;chef;;;gold;", "2 no plan is called gold in Awanla"),
        ("1;Bio;M;1985;chef;;;;klingon", "2 the language klingon isn't spoken here"),
        ("1;Bio;M;1985;chef;12345;;;", "2 the phone number 12345 is no mobile number of this country (BJ)"),
        ("1;Bio;M;1985;chef;;;;\n2;bio;M;1985;chef;;;;", "the same family as in row 2"),
        ("\n".join(f"1;Bio {'A' * at}b;M;1985;{'chef' if at == 1 else 'enfant'};;;;" for at in range(1, 22)),
         "more people than a card of this plan takes: 20"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row(village: Village, rows: str, why: str) -> None:
    with village.store.write() as unit:
        other = add_organisation(
            unit, None, kind="mutuelle", code="other", name="Autre", country="BJ", currency="XOF",
            time_zone="Africa/Porto-Novo", languages="fr", keeps_books=True,
        )  # fmt: skip
        add_organisation(unit, other, kind="section", code="other-1", name="Loin")
    village.network.forget()
    checked, preview = check(village, HEADS + rows + "\n")
    assert told(checked) == [why]
    assert checked[-1].state == "wrong"
    assert preview.households == len(checked) - 1


@ON_SQLITE
def test_a_section_and_a_plan_are_asked_for_where_there_are_several(village: Village) -> None:
    books = village.place.books
    with village.store.write() as unit:
        add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Bassila")
        add_plan(unit, books.id, "solo", "Solo", "XOF", TERMS, date(2020, 1, 1))
    village.network.forget()
    assert told(check(village, HEADS + "1;Bio;M;1985;chef;;;;\n")[0]) == ["2 no section"]
    assert told(check(village, HEADS + "1;Bio;M;1985;chef;;bassila;;\n")[0]) == ["2 which plan? Bassila has several"]
    assert check(village, HEADS + "1;Bio;M;1985;chef;;m-2;;\n", "solo")[0][0].state == "good"


def test_who_is_registered_already_is_known(village: Village) -> None:
    by_phone, alone = village.register(MSISDN), village.register(None, [*map(_alone, ("Bio Sarré",))])
    text = HEADS + (
        "1;Adjara Tchedre;F;1991;chef;0197000001;;;\n"
        "2;Bio Sarre;M;1970;chef;;;;\n"
        "3;Somebody Else;F;1991;chef;0197000001;;;\n"
        "4;Adjara Tchédré;F;1991;chef;0197000002;;;\n"
    )
    checked, _ = check(village, text)
    assert [one.state for one in checked] == ["known", "known", "good", "good"]
    assert [one.known_as for one in checked[:2]] == [by_phone.household_id, alone.household_id]
    assert any(one.startswith("the household with card") for one in told(checked))
    assert "may be the same family" in told(checked)[-1]


def _alone(name: str) -> Any:
    from gateway.membership.people import Person

    return Person(name, "M", 1970, "head")


# --- taking in --------------------------------------------------------------------------------------------------------


def test_a_register_is_taken_in_once(village: Village) -> None:
    its_id = take_in(village)
    one = shown(village, its_id)
    assert (one.state, one.counts) == ("done", {"taken": 2})
    first = rows(village, its_id)[0]
    with village.store.read() as connection:
        found = village.family(first.household_id or 0)
        assert by_card(connection, village.network.tree(), found.card) is not None
        assert main_phones(connection, found.id) == [MSISDN]
        assert standing(connection, found, village.clock.now().date()).left.minor == 1_000 + 9_200
        assert first_difference(connection) is None
    work(village)
    again = take_in(village, SMALL + "3;Nouveau Venu;M;1980;chef;;;\n")
    assert shown(village, again).counts == {"known": 2, "taken": 1}
    assert count(village, household) == 3
    assert count(village, message) == 0


def test_households_are_told_where_that_is_wished(village: Village) -> None:
    its_id = take_in(village, tells=True)
    [sms] = village.messages()
    assert (sms.msisdn, sms.event, sms.key) == (MSISDN, "family", taking.told_key(its_id, 2))
    assert "10 200 F" in sms.text.replace("\xa0", " ")


@ON_SQLITE
def test_nobody_is_told_by_night(village: Village, clock: FixedClock) -> None:
    clock.move(timedelta(hours=14))
    its_id = take_in(village, tells=True)
    assert shown(village, its_id).to_do == 2
    clock.move(timedelta(hours=9))
    work(village)
    assert shown(village, its_id).state == "done"


def test_whoever_dies_leaves_the_rest_to_the_next(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "SLICE", 2)
    lines = [f"{at};Bio {'abcdefgh'[at]}{'a' * at}i;M;1970;chef;;;\n" for at in range(7)]
    its_id = keep(village, SMALL.splitlines()[0] + "\n" + "".join(lines))
    with village.store.write() as unit:
        keeping.start(unit, its_id, tells=False)
    real, calls = taking.register, 0

    def dies(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(taking, "register", dies)
    with pytest.raises(KeyboardInterrupt):
        work(village)
    assert shown(village, its_id).counts == {"taken": 2, "good": 5}
    assert count(village, household) == 2
    village.clock.move(timedelta(minutes=5))
    work(village)
    assert shown(village, its_id).counts == {"taken": 7}
    assert count(village, household) == 7


def test_two_workers_at_once_register_nobody_twice(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "SLICE", 3)
    lines = [f"{at};Bio {'abcdefghij'[at % 10]}{'a' * (at // 10)}i;M;1970;chef;;;\n" for at in range(30)]
    its_id = keep(village, SMALL.splitlines()[0] + "\n" + "".join(lines))
    with village.store.write() as unit:
        keeping.start(unit, its_id, tells=False)
    one = Taking(village.store, village.network, Chart(), Welcome(village.clock))
    assert at_once(2, lambda: one(Task(1, keeping.IMPORT, str(its_id), 1, 0))) == [None, None]
    assert shown(village, its_id).counts == {"taken": 30}
    assert count(village, household) == 30


def test_only_what_waits_is_started_or_dropped(village: Village) -> None:
    its_id = keep(village, SMALL)
    with village.store.write() as unit:
        keeping.drop(unit, its_id)
    assert rows(village, its_id) == []
    done = take_in(village)
    for act in (lambda unit: keeping.start(unit, its_id, False), lambda unit: keeping.drop(unit, done)):
        with pytest.raises(Fault, match="before"), village.store.write() as unit:
            act(unit)
    with village.store.read() as connection:
        assert keeping.same_file(connection, village.place.books, SMALL.encode()) is not None


@ON_SQLITE
def test_the_wrong_rows_come_back_with_why(village: Village) -> None:
    text = SMALL + "9;B1o;M;1970;chef;+2290197000007;;\n9;Ali;M;2010;enfant;;;\n"
    its_id = keep(village, text)
    with village.store.read() as connection:
        sheet = keeping.wrong_rows(connection, keeping.by_id(connection, its_id), Say("en"))
        found = [list(row) for row in sheet.rows]
    assert sheet.heads[-1] == "why"
    assert [row[1] for row in found] == ["B1o", "Ali"]
    assert [row[-1] for row in found] == ["the name B1o has signs that no name has", ""]


# --- taking out -------------------------------------------------------------------------------------------------------


def test_who_had_nothing_since_leaves_and_the_others_stay(village: Village) -> None:
    its_id = take_in(village, SMALL + "3;Nouveau Venu;M;1980;chef;;;\n", tells=True)
    paid = rows(village, its_id)[1].household_id or 0
    village.give(paid, village.hire("treasurer", "+2290100000903"), 500)
    with village.store.write() as unit:
        keeping.undo(unit, its_id, "Bio Sarre")
    work(village)
    one = shown(village, its_id)
    assert (one.state, one.counts) == ("undone", {"undone": 2, "kept": 1})
    [kept] = rows(village, its_id, "kept")
    assert kept.household_id == paid
    assert kept.told[-1].said(Say("en")) == "kept: there is a payment, or somebody has tried to pay"
    today = village.clock.now().date()
    for row in rows(village, its_id, "undone"):
        assert village.stands(row.household_id or 0).left.minor == 0
    with village.store.read() as connection:
        assert first_difference(connection) is None
        report = network_report(connection, village.network.tree(), village.place.books, today.year)
        assert connection.scalar(select(func.count()).select_from(phone)) == 0
    assert "households=1" in str(report)
    again = take_in(village)
    assert shown(village, again).counts == {"taken": 1, "known": 1}
    assert village.stands(rows(village, again, "taken")[0].household_id or 0).left.minor == 10_200


@pytest.mark.parametrize("what", ["moved", "message", "year"])
def test_what_keeps_a_household(village: Village, what: str) -> None:
    its_id = take_in(village, tells=True)
    its = rows(village, its_id)[0].household_id or 0
    with village.store.write() as unit:
        if what == "moved":
            from gateway.membership.changes import By, write_change

            write_change(unit, its, "moved", By(None, name="Bio"))
        elif what == "message":
            unit.connection.execute(update(message).values(key="campaign:1"))
        else:
            row = unit.connection.execute(select(membership).where(membership.c.household_id == its)).one()._asdict()
            row |= {"id": 999, "starts_on": date(2027, 11, 22), "ends_on": date(2028, 11, 21)}
            unit.connection.execute(membership.insert().values(row))
        keeping.undo(unit, its_id, "Bio Sarre")
    work(village)
    assert shown(village, its_id).counts == {"undone": 1, "kept": 1}


@ON_SQLITE
def test_an_import_that_runs_is_stopped_by_undoing_it(village: Village) -> None:
    its_id = keep(village, SMALL)
    with village.store.write() as unit:
        keeping.start(unit, its_id, tells=False)
        keeping.undo(unit, its_id, "Bio Sarre")
    work(village)
    assert (shown(village, its_id).state, shown(village, its_id).counts) == ("undone", {"good": 2})
