"""What a household agreed to: by every way, to the text in force, and taken back."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.membership.consents import Agreed, BadConsent, consents_of, text_for, write_consent, write_text
from gateway.membership.households import register
from tests.payments.village import FAMILY, PAYER, Village


def agreeing(village: Village, way: str = "ussd") -> int:
    with village.store.write() as unit:
        return register(
            unit, village.network.tree(), village.chart, village.place.section_id, village.place.plan, FAMILY, PAYER,
            "fr", Agreed(way),  # type: ignore[arg-type]
        ).household_id  # fmt: skip


def test_registering_agrees_to_the_text_in_force_and_another_paper_takes_it_back(village: Village) -> None:
    tree, section = village.network.tree(), village.place.section_id
    with village.store.write() as unit:
        assert write_text(unit, village.place.books.id, "fr", "Nous gardons  vos noms.", "Bio Sarre") == 1
        assert write_text(unit, village.place.books.id, "fr", "Nous gardons vos noms et paiements.", "Bio Sarre") == 2
    one = agreeing(village)
    with village.store.write() as unit:
        write_consent(unit, tree, one, section, Agreed("paper", "Bio Sarre"), "fr", given=False, on=date(2026, 11, 20))
    with village.store.read() as connection:
        now, before = consents_of(connection, one)
        assert text_for(connection, tree, section, "en") is None
    assert (now.given, now.way, now.on, now.by) == (False, "paper", date(2026, 11, 20), "Bio Sarre")
    assert (before.given, before.way, before.version, before.by) == (True, "ussd", 2, None)
    assert before.text == "Nous gardons vos noms et paiements."


def test_without_a_text_it_says_so(village: Village) -> None:
    one = agreeing(village, "import")
    with village.store.read() as connection:
        (found,) = consents_of(connection, one)
    assert (found.way, found.version, found.text) == ("import", None, None)


def test_a_paper_of_tomorrow_is_refused(village: Village) -> None:
    one = agreeing(village)
    with pytest.raises(BadConsent, match="ahead"), village.store.write() as unit:
        write_consent(
            unit, village.network.tree(), one, village.place.section_id, Agreed("paper"), "fr", on=date(2026, 11, 23)
        )


@pytest.mark.parametrize("text", ["", "x" * 281])
def test_a_text_has_a_size(village: Village, text: str) -> None:
    with pytest.raises(BadConsent), village.store.write() as unit:
        write_text(unit, village.place.books.id, "fr", text, "Bio Sarre")
