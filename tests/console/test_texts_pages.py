"""The texts of a mutuelle's own, as the office writes them: checked before they are kept, with every version."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.sms.templates.kept import words_for, write
from gateway.store.schema import office_event, sms_template
from tests.console.office import Office, Sight, Somebody
from tests.console.windows import Windows

OUAKE = "Mutuelle Ouaké"
GOOD = "Merci ! {amount} recus, carte {card}, recu {number}. {covered} {remaining}"


def page_of(office: Office, somebody: Somebody, event: str = "receipt", language: str = "fr") -> Sight:
    place = office.place.runtime.network.tree().named(OUAKE)
    return somebody.get(f"/reminders/texts/{place.id}/{language}?event={event}")


def said(office: Office, event: str = "receipt", language: str = "fr") -> str | None:
    tree = office.place.runtime.network.tree()
    with office.store.read() as connection:
        return words_for(connection, tree, tree.named(OUAKE).id, event, language)


def kept(office: Office) -> int:
    with office.store.read() as connection:
        return len(connection.execute(select(sms_template.c.id)).all())


def test_every_text_is_listed_with_whose_words_it_is(office: Office) -> None:
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        write(unit, tree, tree.named("ouake"), "renewal", "fr", "Carte {card} : renouvelez, merci.", "B. Tchao")
    page = office.enter("treasurer").get(f"/reminders/texts?at={OUAKE}")
    assert "Carte {card} : renouvelez, merci." in page.text
    assert tree.named("ouake").name in page.text
    assert page.html.count(">Cotisa</span>") == 19  # ten events in two languages, but for one
    assert page.html.count("<tr>") == 21


def test_a_text_is_checked_before_it_is_kept(office: Office) -> None:
    somebody = office.enter("animator")
    page_of(office, somebody)
    page = somebody.fill("Texte", GOOD.replace("recus", "reçus")).press("Vérifier")
    assert page.status == 200
    assert "12 500 F recus, carte 123 456 782" in page.text
    assert "99 999 999 F" in page.text  # the longest
    assert "ç devient c" in page.text
    assert kept(office) == 0


def test_a_text_is_kept_with_its_versions_and_taken_back(office: Office) -> None:
    somebody = office.enter("animator")
    page_of(office, somebody)
    somebody.fill("Texte", GOOD).press("Le dire désormais")
    assert said(office) == GOOD
    page = somebody.fill("Texte", GOOD.replace("Merci !", "Bien.")).press("Le dire désormais")
    assert said(office) == GOOD.replace("Merci !", "Bien.")
    assert "Salamatou Issa" in page.text
    assert GOOD in page.text  # the version before
    page = somebody.press("Dire de nouveau les mots de Cotisa")
    assert said(office) is None
    assert "De nouveau les mots de Cotisa" in page.text
    assert "Revenir aux mots" not in page.text
    with office.store.read() as connection:
        found = connection.execute(select(office_event.c.what, office_event.c.before, office_event.c.after)).all()
    assert [one.what for one in found] == ["text.written", "text.written", "text.reset"]
    assert found[2].before == {"text": GOOD.replace("Merci !", "Bien.")}


@pytest.mark.parametrize(
    ("event", "text", "told"),
    [
        ("receipt", "Merci {prenom}", "{prenom} est inconnu (Reçu)"),
        ("receipt", "Merci", "Reçu : il faut {number} dans le texte"),
        ("reminder_due", "Carte {card}", "il faut {due} ou {left}"),
        ("receipt", GOOD + " " + "x" * 150, "avec les données les plus longues"),
        ("news", "{", "une accolade est seule"),
        ("news", "مرحبا", "un SMS ordinaire ne peut pas écrire"),
    ],
)
def test_what_cannot_be_said_is_refused_in_the_readers_language(
    office: Office, event: str, text: str, told: str
) -> None:
    somebody = office.enter("animator")
    page_of(office, somebody, event)
    page = somebody.fill("Texte", text).press("Le dire désormais")
    assert page.status == 422
    assert told in page.text
    assert kept(office) == 0


def test_who_may_not_change_texts_reads_them(office: Office) -> None:
    page = page_of(office, office.enter("treasurer"))
    assert page.status == 200
    assert "Le dire désormais" not in page.text


@pytest.mark.parametrize("wrong", ["fr?event=nothing", "rn?event=receipt"])
def test_no_such_text(office: Office, wrong: str) -> None:
    place = office.place.runtime.network.tree().named(OUAKE)
    assert office.enter("animator").get(f"/reminders/texts/{place.id}/{wrong}").status == 404


def test_letters_are_counted_while_they_are_typed(windows: Windows) -> None:
    place = windows.office.place.runtime.network.tree().named(OUAKE)
    window = windows.of("animator", width=320)
    page = window.open(f"/reminders/texts/{place.id}/fr?event=news")
    area, told = page.locator("#text"), page.locator("[data-said]")
    area.fill("Réunion ç {mutuelle}")  # the name is counted as it will be read
    assert told.inner_text().startswith(f"{len('Réunion c ' + OUAKE)} ")
    area.fill("€" * 81)
    assert told.inner_text().startswith("162 ")
    assert "2 SMS" in told.inner_text()
    area.fill("x ")
    page.locator("[data-insert] button", has_text="{code}").click()
    assert area.input_value() == "x {code}"
    assert window.complaints == []
    assert window.within_wcag() == []
    assert not window.too_wide()
