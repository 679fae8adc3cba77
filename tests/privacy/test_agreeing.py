"""Registering by phone is agreeing: the text that is in force is written down and goes to the phone."""

from __future__ import annotations

from sqlalchemy import select

from gateway.membership.consents import Agreed, write_text
from gateway.membership.households import register
from gateway.sms.consent_notice import tell_consent
from gateway.store.schema import consent
from tests.payments.village import FAMILY, PAYER, Village


def test_who_registers_is_told_once_what_is_kept(village: Village) -> None:
    tree, place = village.network.tree(), village.place
    with village.store.write() as unit:
        write_text(unit, place.books.id, "fr", "Nous gardons vos noms et vos paiements.", "Bio Sarre")
        made = register(
            unit, tree, village.chart, place.section_id, place.plan, FAMILY, PAYER, "fr", Agreed("ussd", "Issa")
        )
        for _ in range(2):
            tell_consent(unit, tree, made.household_id, place.section_id, PAYER, "fr")
            tell_consent(unit, tree, made.household_id, place.section_id, PAYER, "en")  # no text in this language
    assert [row.text for row in village.messages("family")] == ["Nous gardons vos noms et vos paiements."]
    with village.store.read() as connection:
        rows = connection.execute(select(consent.c.way, consent.c.by_name, consent.c.text_id)).all()
    assert [(row.way, row.by_name, row.text_id is not None) for row in rows] == [("ussd", "Issa", True)]
