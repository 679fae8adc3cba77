"""A campaign, a rule, a list and guests, as the office's people make them: in pages, without script, each once."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from gateway.locale import Say
from gateway.sms.campaigns import keeping, rules
from gateway.sms.campaigns.keeping import BadCampaign, Draft
from gateway.sms.campaigns.who import Who
from gateway.store.schema import (
    campaign,
    failing_number,
    household,
    message,
    news_reader,
    office_event,
    reminder_rule,
    sms_guest,
)
from gateway.store.unit import Unit
from tests.console.office import Office, Somebody
from tests.ussd.world import MEMBER, MOOV, OTHER_MTN

OUAKE = "Mutuelle Ouaké"
MORE = Say("fr")("Show more")
TEXT = "{mutuelle} : {left} reste à payer, carte {card}. Composez {code}."


def families(office: Office, *phones: str) -> list[str]:
    """Some households that owe something, where an SMS was last billed at 12 F."""
    row: dict[str, Any] = {
        "id": uuid.uuid4(),
        "key": str(uuid.uuid4()),
        "event": "receipt",
        "msisdn": "",
        "language": "fr",
        "text": "Merci",
    }
    row |= {"parts": 1, "state": "delivered", "cost_e4": 120_000, "cost_currency": "XOF"}
    with office.store.write() as unit:
        row |= {"organisation_id": office.place.runtime.network.tree().named("umoja").id}
        row |= {"created_at": unit.now, "handed_at": unit.now}
        unit.connection.execute(message.insert().values(row))
    return [office.place.household_with(each, "Awa Bio") for each in phones]


def one_campaign(office: Office) -> Any:
    with office.store.read() as connection:
        return connection.execute(select(campaign).order_by(campaign.c.id.desc()).limit(1)).one()


def counted(office: Office, table: Any) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def events(office: Office) -> list[str]:
    with office.store.read() as connection:
        return list(connection.scalars(select(office_event.c.what).order_by(office_event.c.id)))


def draft(
    office: Office, title: str = "Fin d'année", text: str = TEXT, budget_e4: int | None = None, who: Who | None = None
) -> int:
    """A campaign of the mutuelle of Ouaké, as another has made it."""
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        asked = Draft(
            "reminder",
            tree.named(OUAKE).id,
            "Fin d'année",
            who or Who(OUAKE, owing=True),
            {"fr": TEXT},
            "S. Issa",
            budget_e4,
        )
        return keeping.create(unit, tree, asked)


def typed(somebody: Somebody) -> Somebody:
    somebody.get(f"/reminders/new?at={OUAKE}")
    somebody.fill("Titre", "Fin d'année").fill("Où", OUAKE).fill("Il reste quelque chose à payer", True)
    return somebody.fill("Texte (Français)", TEXT)


# --- a campaign -------------------------------------------------------------------------------------------------------


def test_a_campaign_is_counted_and_priced_before_anything_is_kept(office: Office) -> None:
    families(office, MEMBER, OTHER_MTN, MOOV)
    page = typed(office.enter("animator")).press("Compter et vérifier")
    assert page.status == 200
    assert "Ménages ou numéros concernés 4" in page.text  # one is there already
    assert "48 F" in page.text
    assert "reste à payer" in page.text
    assert counted(office, campaign) == 0
    assert events(office) == []
    # What was typed stands there still.
    assert 'value="Fin d&#39;année"' in page.html
    assert "checked" in page.html


def test_a_campaign_is_kept_changed_and_started(office: Office) -> None:
    families(office, MEMBER, OTHER_MTN)
    somebody = typed(office.enter("animator"))
    page = somebody.fill("Budget", "500").press("Garder comme brouillon")
    one = one_campaign(office)
    assert (one.state, one.title, one.budget_e4, one.who) == (
        "draft", "Fin d'année", 5_000_000, {"under": OUAKE, "owing": True},
    )  # fmt: skip
    assert one.by_name == "Salamatou Issa"
    assert "36 F" in page.text
    assert "500 F" in page.text
    page = somebody.follow("Modifier le brouillon")
    page = somebody.fill("Titre", "Rappel").fill("Budget", "300").press("Garder comme brouillon")
    assert (one_campaign(office).title, one_campaign(office).budget_e4) == ("Rappel", 3_000_000)
    assert one_campaign(office).who == {"under": OUAKE, "owing": True}
    page = somebody.press("Lancer la campagne")
    assert "Elle est lancée." in page.text
    one = one_campaign(office)
    assert one.state == "running"
    assert one.expected["letters"] == 3
    assert events(office) == ["campaign.made", "campaign.changed", "campaign.started"]
    # A draft that was started isn't changed any more.
    somebody.get(f"/reminders/campaigns/{one.id}/edit")
    page = somebody.fill("Titre", "Autre").press("Garder comme brouillon")
    assert page.status == 422
    assert one_campaign(office).title == "Rappel"


def test_a_second_click_makes_no_second_campaign(office: Office) -> None:
    families(office, MEMBER)
    somebody = typed(office.enter("treasurer"))
    form = next(one for one in somebody.page.forms if one.action.endswith("/reminders/new"))
    fields = [*somebody._fields(form), ("do", "keep")]
    somebody.send(form, fields)
    somebody.send(form, fields)
    assert counted(office, campaign) == 1


def test_only_what_was_seen_is_started(office: Office) -> None:
    families(office, MEMBER)
    its_id = draft(office)
    somebody = office.enter("animator")
    somebody.get(f"/reminders/campaigns/{its_id}")
    with office.store.write() as unit:
        unit.connection.execute(update(campaign).values(texts={"fr": "Autre texte."}))
    page = somebody.press("Lancer la campagne")
    assert page.status == 422
    assert "Elle a été modifiée entre-temps" in page.text
    assert one_campaign(office).state == "draft"


def test_nobody_to_write_to_is_no_campaign_to_start(office: Office) -> None:
    its_id = draft(office, who=Who(OUAKE, overdue_days=300))
    somebody = office.enter("animator")
    somebody.get(f"/reminders/campaigns/{its_id}")
    page = somebody.press("Lancer la campagne")
    assert (page.status, one_campaign(office).state) == (422, "draft")


def test_a_campaign_is_scheduled_by_the_mutuelles_own_clock(office: Office) -> None:
    families(office, MEMBER)
    its_id = draft(office)
    somebody = office.enter("animator")
    day = office.place.runtime.clock.now().date() + timedelta(days=2)
    page = _schedule(somebody, its_id, day)
    one = one_campaign(office)
    assert one.state == "scheduled", page.text
    assert one.starts_at.isoformat() == f"{day.isoformat()}T09:00:00+00:00"  # an hour behind
    assert "10:00" in page.text
    past = _schedule(somebody, draft(office), day - timedelta(days=9))
    assert past.status == 422
    assert "passée" in past.text


def _schedule(somebody: Somebody, its_id: int, day: date) -> Any:
    page = somebody.get(f"/reminders/campaigns/{its_id}")
    form = next(one for one in page.forms if one.action.endswith("/start"))
    hidden = [(one.name, one.value) for one in form.controls if one.kind == "hidden"]
    return somebody.send(form, [*hidden, ("when", "later"), ("day", day.isoformat()), ("hour", "10")])


def test_a_campaign_is_paused_gone_on_with_and_cancelled(office: Office) -> None:
    families(office, MEMBER)
    its_id = draft(office, budget_e4=1_000_000)
    somebody = office.enter("treasurer")
    somebody.get(f"/reminders/campaigns/{its_id}")
    somebody.press("Lancer la campagne")
    assert "en pause" in somebody.press("Mettre en pause").text
    page = somebody.fill("Autre budget", "beaucoup").press("Reprendre")
    assert page.status == 422
    somebody.get(f"/reminders/campaigns/{its_id}")
    page = somebody.fill("Autre budget", "900").press("Reprendre")
    assert one_campaign(office).budget_e4 == 9_000_000
    assert "budget 900 F" in page.text
    page = somebody.press("Annuler la campagne")
    assert one_campaign(office).state == "cancelled"
    assert "Rafiou Gounou" in page.text
    page = somebody.get(f"/reminders/campaigns/{its_id}")
    assert "Annuler la campagne" not in page.text


@pytest.mark.parametrize(
    ("label", "typed_text", "field"),
    [
        ("Texte (Français)", "Bonjour {prenom}", "text_fr"),
        ("Texte (Français)", "", "text_fr"),
        ("Texte (Français)", "x" * 400, "text_fr"),
        ("Budget", "-3", "budget"),
        ("Budget", "0", "budget"),
        ("En retard d'autant de jours ou plus", "4000", "overdue"),
        ("Titre", "", "title"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(office: Office, label: str, typed_text: str, field: str) -> None:
    page = typed(office.enter("animator")).fill(label, typed_text).press("Garder comme brouillon")
    assert page.status == 422
    assert f'id="{field}-error"' in page.html
    assert counted(office, campaign) == 0


def test_an_organisation_of_elsewhere_is_none_to_write_to(office: Office) -> None:
    somebody = typed(office.enter("animator"))
    form = next(one for one in somebody.page.forms if one.action.endswith("/reminders/new"))
    fields = [(key, "ouake" if key == "under" else value) for key, value in somebody._fields(form)]
    assert somebody.send(form, [*fields, ("do", "keep")]).status == 422
    assert counted(office, campaign) == 0


def test_the_events_words_may_be_said(office: Office) -> None:
    families(office, MEMBER)
    somebody = office.enter("animator")
    somebody.get(f"/reminders/new?at={OUAKE}")
    form = next(one for one in somebody.page.forms if one.action.endswith("/reminders/new"))
    fields = [(key, value) for key, value in somebody._fields(form) if key not in ("words", "title")]
    somebody.send(form, [*fields, ("title", "Fin"), ("words", "renewal"), ("do", "keep")])
    assert one_campaign(office).texts["fr"].startswith("{mutuelle}")
    form.controls = []
    page = somebody.get("/reminders/new")
    assert page.status == 200


# --- what became of it ------------------------------------------------------------------------------------------------


def sent(office: Office) -> int:
    """A campaign that has run: one delivered, one that nobody has paid for."""
    cards = families(office, MEMBER, OTHER_MTN)
    its_id = draft(office)
    with office.store.write() as unit:
        keeping.start(unit, its_id, "S. Issa", {"price_e4": 120_000, "letters": 2})
        for place, (card, phone) in enumerate(zip(cards, (MEMBER, OTHER_MTN), strict=True)):
            _message(unit, its_id, card, phone, "delivered" if place else "failed")
    return its_id


def _message(unit: Unit, its_id: int, card: str, phone: str, state: str) -> None:
    family = unit.connection.execute(select(household).where(household.c.card == card)).one()
    one = keeping.by_id(unit.connection, its_id)
    assert one is not None
    from gateway.sms.campaigns.choosing import row_of

    row = row_of(one, unit, f"t:{card}", family.id)
    row |= {"msisdn": phone, "language": "fr", "text": "Bonjour", "parts": 1, "state": state, "cost_e4": 120_000}
    row |= {"cost_currency": "XOF", "reason": "bad_number" if state == "failed" else None, "slice": 0}
    unit.connection.execute(message.insert().values(row))


def test_progress_and_costs_are_said(office: Office) -> None:
    its_id = sent(office)
    somebody = office.enter("treasurer")
    page = somebody.get(f"/reminders/campaigns/{its_id}")
    assert "2 sur 2" in page.text
    assert "24 F" in page.text
    assert "personne n'a ce numéro" in page.text
    assert MEMBER not in page.html
    assert "2 sur 2 (100 %)" in somebody.get(f"/reminders?at={OUAKE}").text
    live = somebody.client.get(f"/console/reminders/campaigns/{its_id}", headers={"X-Part": "live_progress"})
    assert live.status_code == 200
    assert "2 sur 2" in live.get_data(as_text=True)
    assert somebody.client.get("/console/reminders", headers={"X-Part": "live_rows"}).status_code == 200


def test_results_are_a_file_and_whole_numbers_are_traced(office: Office) -> None:
    its_id = sent(office)
    somebody = office.enter("treasurer")
    file = somebody.client.get(f"/console/reminders/campaigns/{its_id}/results").get_data(as_text=True)
    assert file.startswith("\ufeffCarte;Section;")
    assert len(file.splitlines()) == 3
    assert MEMBER not in file
    assert events(office) == []
    somebody.get(f"/reminders/campaigns/{its_id}")
    whole = somebody.press("Résultats avec les numéros entiers")
    assert MEMBER in whole.html
    assert events(office) == ["campaign.unmasked"]
    assert somebody.get(f"/reminders/campaigns/{its_id}/numbers").status == 404


def test_a_month_of_delivery_is_counted(office: Office) -> None:
    sent(office)
    somebody = office.enter("treasurer")
    page = somebody.get(f"/reminders/delivery?at={OUAKE}")
    assert "24 F" in page.text
    assert "Campagne" in page.text
    # The same figures again, from where they are kept; another month has none.
    assert "24 F" in somebody.get(f"/reminders/delivery?at={OUAKE}").text
    assert "Aucun message" in somebody.get(f"/reminders/delivery?at={OUAKE}&month=2026-03").text
    assert somebody.get("/reminders/delivery?month=1999-99").status == 200


def test_numbers_that_fail_are_listed_page_by_page(office: Office) -> None:
    phones = [f"+22901500{place:05}" for place in range(100, 153)]
    families(office, *phones)
    now = office.place.runtime.clock.now()
    with office.store.write() as unit:
        rows = [{"msisdn": each, "failures": 4, "since": now, "last_at": now, "reason": "absent"} for each in phones]
        unit.connection.execute(failing_number.insert(), rows)
    somebody = office.enter("animator")
    first = somebody.get(f"/reminders/delivery/failing?at={OUAKE}")
    assert first.html.count("<tr>") == 51
    assert not any(each in first.html for each in phones)
    assert somebody.follow(MORE).html.count("<tr>") == 4
    assert "+" not in first.link(MORE)


# --- news, lists, guests ----------------------------------------------------------------------------------------------


def test_news_go_to_those_who_asked(office: Office) -> None:
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        row = {"msisdn": MEMBER, "organisation_id": tree.named(OUAKE).id, "since": unit.now}
        unit.connection.execute(news_reader.insert().values(row))
    somebody = office.enter("animator")
    somebody.get(f"/reminders/news?at={OUAKE}")
    somebody.fill("Titre", "Assemblée").fill("Texte (Français)", "{mutuelle} : assemblée samedi.")
    page = somebody.press("Garder comme brouillon")
    assert one_campaign(office).kind == "news"
    assert "Mutuelle Ouaké : assemblée samedi." in page.text


LIST = f"Téléphone;Nom;Montant dû\n{MEMBER};Awa;2 500 F\n{OTHER_MTN};Bio;1 000 F\n".encode()


def filed(somebody: Somebody, content: bytes, text: str = "Bonjour {nom}, {montant_du} à payer.") -> Any:
    return somebody.fill("Fichier", ("liste.csv", content)).fill("Texte", text)


def test_a_list_becomes_a_draft(office: Office) -> None:
    somebody = office.enter("animator")
    somebody.get(f"/reminders/file?at={OUAKE}")
    page = filed(somebody, LIST).press("Vérifier et garder comme brouillon")
    one = one_campaign(office)
    assert (one.kind, one.state, one.title) == ("list", "draft", "liste")
    assert counted(office, message) == 2
    assert "Bonjour Awa, 2 500 F à payer." in page.text
    somebody.follow("Modifier le brouillon")
    somebody.fill("Titre", "Autre nom").fill("Budget", "100").press("Garder comme brouillon")
    assert (one_campaign(office).title, one_campaign(office).budget_e4) == ("Autre nom", 1_000_000)
    assert one_campaign(office).texts == one.texts


def test_wrong_rows_are_told_and_nothing_is_kept_unless_they_are_left_out(office: Office) -> None:
    somebody = office.enter("animator")
    somebody.get(f"/reminders/file?at={OUAKE}")
    wrong = LIST + b"12;Chabi;3 F\n"
    page = filed(somebody, wrong).press("Vérifier et garder")
    assert page.status == 422
    assert "n'est pas un numéro de mobile" in page.text
    assert counted(office, campaign) == counted(office, message) == 0
    filed(somebody, wrong).fill("Laisser de côté", True).press("Vérifier et garder")
    assert counted(office, message) == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a;b\n1;2\n", "Bonjour"), (b"%PDF-1.4", "Bonjour"), (LIST, "Bonjour {prenom}"), (b"\x00\x01", "Bonjour")],
)
def test_what_is_no_list_is_refused(office: Office, content: bytes, text: str) -> None:
    somebody = office.enter("animator")
    somebody.get(f"/reminders/file?at={OUAKE}")
    assert filed(somebody, content, text).press("Vérifier et garder").status == 422
    assert counted(office, campaign) == 0


def test_guests_try_a_campaign_and_are_taken_away(office: Office) -> None:
    families(office, MEMBER)
    its_id = draft(office)
    somebody = office.enter("animator")
    somebody.get(f"/reminders/guests?at={OUAKE}")
    page = somebody.fill("Nom", "Alidou").fill("Téléphone", "01 50 00 00 77").press("Ajouter")
    assert "Alidou" in page.text
    assert "0150000077" not in page.html
    somebody.get(f"/reminders/campaigns/{its_id}")
    page = somebody.press("Écrire aux invités")
    assert "1 invité" in page.text
    assert len(office.place.texts("campaign_try")) == 1
    somebody.get(f"/reminders/guests?at={OUAKE}")
    somebody.press("Retirer")
    assert counted(office, sms_guest) == 0
    assert events(office) == ["guest.added", "campaign.tried", "guest.removed"]


# --- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_is_added_looked_at_and_ended(office: Office) -> None:
    families(office, MEMBER)
    somebody = office.enter("animator")
    somebody.get(f"/reminders/rules/new?at={OUAKE}")
    page = somebody.fill("Jours", "0").press("Ajouter la règle")
    assert page.status == 422
    somebody.get(f"/reminders/rules/new?at={OUAKE}")
    page = (
        somebody.fill("Jours", "7")
        .fill("Texte (Français)", "Carte {card} : {due} avant le {date}.")
        .press("Ajouter la règle")
    )
    assert "7 jours avant l'échéance" in page.text
    page = somebody.follow("7 jours avant")
    assert "Carte {card}" in page.text
    somebody.press("Mettre fin à la règle")
    with office.store.read() as connection:
        one = connection.execute(select(reminder_rule)).one()
    assert one.ended_on is not None
    assert (one.days, one.by_name) == (-7, "Salamatou Issa")
    assert events(office) == ["rule.added", "rule.ended"]


def test_what_rules_send_next_is_seen(office: Office) -> None:
    families(office, MEMBER, OTHER_MTN)
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        for days in (0, -7):
            rules.add(unit, tree, tree.named(OUAKE), days, None, {"fr": "Carte {card} : {due} à payer."}, "S. Issa")
    page = office.enter("treasurer").get(f"/reminders/rules?at={OUAKE}")
    assert "36 F" in page.text
    # The same rule twice is refused in words of the reader's own.
    somebody = office.enter("animator")
    somebody.get(f"/reminders/rules/new?at={OUAKE}")
    page = somebody.press("Ajouter la règle")
    assert page.status == 422
    assert "a déjà cette règle" in page.text


# --- in the domain ----------------------------------------------------------------------------------------------------


def test_a_draft_is_rewritten_and_nothing_else(office: Office) -> None:
    tree = office.place.runtime.network.tree()
    its_id = draft(office)
    other = Draft("news", tree.named("ouake").id, "Autre", Who("Awanla"), {"fr": "Bonjour."}, "R. Gounou", 50_000)
    with office.store.write() as unit:
        keeping.rewrite(unit, tree, its_id, other)
    one = one_campaign(office)
    assert (one.kind, one.organisation_id) == ("reminder", tree.named(OUAKE).id)
    assert (one.title, one.who, one.texts) == ("Autre", {"under": "Awanla"}, {"fr": "Bonjour."})
    with office.store.write() as unit, pytest.raises(BadCampaign, match="isn't at or below"):
        keeping.rewrite(unit, tree, its_id, Draft("reminder", 0, "x", Who("umoja"), {"fr": "x"}, "R. G."))
    with office.store.write() as unit:
        keeping.start(unit, its_id, "R. Gounou", {"price_e4": 120_000})
    with office.store.write() as unit, pytest.raises(BadCampaign, match="is running"):
        keeping.rewrite(unit, tree, its_id, other)
    with office.store.write() as unit, pytest.raises(BadCampaign, match="there is no campaign"):
        keeping.rewrite(unit, tree, 987, other)
