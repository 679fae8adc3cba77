"""Registers in the office: imported from a file, undone, exported and printed; members' cards as a PDF."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import func, select

from gateway.console.pages.households import imports as register_imports
from gateway.kernel.card import show_card
from gateway.membership.importing import keeping
from gateway.store import outbox
from gateway.store.schema import household, office_event, register_import, register_import_row
from tests.console.money import family, paid
from tests.console.office import Office, Somebody
from tests.ussd.world import MEMBER, OTHER_MTN

HEADS = "Famille;Nom et prénoms;Sexe;Année de naissance;Lien;Téléphone;Section;Formule\n"
GOOD = (
    "1;SARRÉ Bio;H;1970;Chef de ménage;01 50 00 00 31;Awanla;famille\n"
    "1;Sarré Awa;F;1975;Épouse;;;\n"
    "2;Orou Sika;F;1988;Adhérente;01 50 00 00 32;Kadolassi;famille\n"
)
WRONG = "3;Gado Issa;H;85;Chef de ménage;;Awanla;famille\n4;Tabé Ali;H;1990;Chef de ménage;;Nulle part;famille\n"


def hand_in(somebody: Somebody, text: str, name: str = "registre.csv", **filled: Any) -> Any:
    somebody.get("/households/imports")
    somebody.fill("file", (name, text.encode()))
    for label, value in filled.items():
        somebody.fill(label, value)
    return somebody.press("Vérifier le fichier")


def work(office: Office) -> int:
    def told(_: outbox.Task, error: Exception) -> None:
        raise error

    handlers = {topic: office.place.runtime.handlers[topic] for topic in (keeping.IMPORT, keeping.UNDO)}
    return outbox.drain(office.store, keeping.QUEUE, {**handlers, "sms.send": lambda _: None}, told)


def count(office: Office, table: Any, *where: Any) -> int:
    return int(office.place.ask(select(func.count()).select_from(table).where(*where))[0][0])


def events(office: Office) -> list[str]:
    return [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]


# --- imported ---------------------------------------------------------------------------------------------------------


def test_a_register_is_looked_at_taken_in_and_undone(office: Office) -> None:
    animator, before = office.enter("animator"), count(office, household)
    page = hand_in(animator, HEADS + GOOD + WRONG)
    assert page.status == 200
    assert "À inscrire" in page.text
    assert "13 200 F" in page.text
    assert "n'est pas l'année de naissance" in page.text
    assert "aucune section ne s'appelle Nulle part" in page.text
    assert count(office, household) == before
    page = animator.fill("tells", True).press("Inscrire ces ménages")
    assert "en cours" in page.text
    assert 'data-live="live_progress"' in page.html
    while work(office):
        pass
    its_path = page.response.request.path
    page = animator.get(its_path)
    assert "C'est fini" in page.text
    assert len(office.place.texts("family")) == 2
    assert count(office, household) == before + 2
    page = animator.get(f"{its_path}?rows=taken")
    assert "Bio" in page.text
    assert "Nulle part" not in page.text
    assert animator.press("Annuler l'importation").status == 422
    page = animator.fill("sure", True).press("Annuler l'importation")
    assert "L'annulation est en cours" in page.text
    while work(office):
        pass
    assert office.place.ask(select(register_import.c.state)) == [("undone",)]
    assert "Retiré" in animator.get(its_path).text
    assert events(office) == ["register.read", "register.started", "register.undone"]


def test_wrong_rows_come_as_a_file_that_can_be_handed_in_again(office: Office) -> None:
    animator = office.enter("animator")
    hand_in(animator, HEADS + GOOD + WRONG, name="registre d'Awanla.csv")
    page = animator.press("Lignes à corriger")
    assert page.response.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(page.html.lstrip("\ufeff")), delimiter=";"))
    assert [row[1] for row in rows[1:]] == ["Gado Issa", "Tabé Ali"]
    assert rows[0][-1] == "pourquoi"
    assert "a-corriger.csv" in page.response.headers["Content-Disposition"]
    corrected = ";".join(rows[0]) + "\n" + ";".join(rows[1]).replace(";85;", ";1985;") + "\n"
    page = hand_in(animator, corrected)
    assert "À inscrire" in page.text
    assert "register.wrong_rows" in events(office)


def test_an_import_that_is_only_looked_at_is_thrown_away(office: Office) -> None:
    animator = office.enter("animator")
    hand_in(animator, HEADS + GOOD)
    page = animator.press("Jeter l'importation")
    assert "L'importation est jetée" in page.text
    assert count(office, register_import_row) == 0
    assert "Jeté" in page.text


def test_what_is_no_register_is_told_and_nothing_kept(office: Office) -> None:
    animator = office.enter("animator")
    for text in ("a;b\n1;2\n", "", HEADS):
        page = hand_in(animator, text)
        assert page.status == 422, text
    page = hand_in(animator, HEADS.replace("Lien", "Rang") + GOOD, **{"column-relation": "Rang"})
    assert page.status == 200
    assert "À inscrire" in page.text
    assert count(office, register_import) == 1


def test_a_file_that_is_too_long_to_wait_for_is_refused(pg_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register_imports, "MOST_ROWS", 2)
    page = hand_in(pg_office.enter("animator"), HEADS + GOOD)
    assert page.status == 422
    assert "Plus de 2 lignes" in page.text
    assert count(pg_office, register_import) == 0


def test_the_same_file_again_is_told_of(office: Office) -> None:
    animator = office.enter("animator")
    hand_in(animator, HEADS + GOOD)
    animator.press("Inscrire ces ménages")
    while work(office):
        pass
    page = hand_in(animator, HEADS + GOOD)
    assert "a déjà été inscrit" in page.text
    assert "Déjà inscrit" in page.text


def test_a_treasurer_imports_nothing_and_a_neighbour_sees_none(office: Office) -> None:
    animator = office.enter("animator")
    path = hand_in(animator, HEADS + GOOD).response.request.path
    assert office.enter("treasurer").get("/households/imports").status == 403
    assert office.enter("neighbour").get(path).status == 404
    union = office.enter("administrator")
    assert "registre.csv" in union.get("/households/imports").text
    # Of a section that isn't theirs nobody is taken in.
    other = HEADS + "1;Orou Ali;H;1970;Chef de ménage;;Pélébina;famille\n"
    assert "À corriger" in hand_in(animator, other).text


# --- exported and printed ---------------------------------------------------------------------------------------------


def test_the_register_is_a_file_that_is_traced(office: Office) -> None:
    card, _ = family(office)
    animator = office.enter("animator")
    page = _exported(animator, "csv")
    text = page.html.lstrip("\ufeff")
    assert show_card(card) in text
    assert "Rahina Tchédré" in text
    assert MEMBER[-10:] in text.replace(" ", "") or MEMBER in text
    assert events(office) == ["register.exported"]
    for what, start in (("xlsx", b"PK"), ("memberships", b"%PDF"), ("beneficiaries", b"%PDF")):
        assert _exported(animator, what).response.get_data().startswith(start)
    paper = PdfReader(io.BytesIO(_exported(animator, "memberships").response.get_data()))
    assert "Adjara" in "".join(page.extract_text() for page in paper.pages)


def _exported(somebody: Somebody, what: str) -> Any:
    somebody.get("/households/print")
    form = next(one for one in somebody.page.forms if one.action.endswith("/households/print"))
    fields = [*((name, value) for name, value in somebody._fields(form) if name != "what"), ("what", what)]
    return somebody.send(form, fields)


def test_cards_of_a_section_of_those_ticked_and_of_one(office: Office) -> None:
    card, home = family(office)
    other = office.place.household_with(OTHER_MTN, "Bio Sarré")
    paid(office, home)
    animator = office.enter("animator")
    animator.get("/households/print")
    page = animator.fill("section", "Awanla").press("Cartes de toute la section")
    text = _text(page)
    assert show_card(card) in text
    assert show_card(other) in text
    animator.get("/households/print")
    page = animator.fill("section", "Awanla").fill("year", "2025").press("Cartes de toute la section")
    assert page.status == 422
    animator.get("/households/print/some?section=Awanla")
    assert animator.press("Cartes des ménages cochés").status == 422
    animator.get("/households/print/some?section=Awanla")
    text = _text(animator.fill("Bio Sarré", True).press("Cartes des ménages cochés"))
    assert show_card(other) in text
    assert show_card(card) not in text
    animator.get(f"/households/{home}")
    assert show_card(card) in _text(animator.press("Imprimer la carte"))
    assert events(office)[-1] == "household.card_printed"


def _text(page: Any) -> str:
    assert page.response.headers["Content-Type"] == "application/pdf", page.text
    return "".join(one.extract_text() for one in PdfReader(io.BytesIO(page.response.get_data())).pages)


def test_nobody_prints_what_is_anothers(office: Office) -> None:
    _, there = family(office, section="Pélébina", msisdn=OTHER_MTN)
    animator = office.enter("animator")
    animator.get("/households/print/some?section=Awanla")
    if not any(one.action.endswith("/some") and one.method == "post" for one in animator.page.forms):
        office.place.household_with(MEMBER, "Bio Sarré")
        animator.get("/households/print/some?section=Awanla")
    form = next(one for one in animator.page.forms if "print/some" in one.action and one.method == "post")
    fields = [(name, value) for name, value in animator._fields(form) if name != "household"]
    page = animator.send(form, [*fields, ("household", str(there))])
    assert page.status == 422  # not of this section: there is no card
    fields = [(name, "Pélébina" if name == "section" else value) for name, value in fields]
    assert animator.send(form, [*fields, ("household", str(there))]).status == 422
    assert office.enter("adviser").get("/households/print").status == 403
