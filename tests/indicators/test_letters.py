"""Five figures by SMS: once a month, one part, in each reader's language, in no quiet hour, whatever crashes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway.indicators import letters
from gateway.indicators.keeping import counted
from gateway.indicators.letters import BadLetter, end_letter, letter_text, preview, sending, set_letter
from gateway.indicators.periods import Period
from gateway.locale import NAMES, Say
from gateway.network import staff
from gateway.network.organisations import Network, add_organisation
from gateway.sms.gsm7 import fold, parts
from gateway.store import schema
from gateway.store.schema import message, outbox
from gateway.store.unit import Store
from tests.payments.deeds import three_families
from tests.payments.village import TREASURER, Village, at_once

# The fifth of December, 8:00 there: the quiet hours are over.
MORNING = datetime(2026, 12, 5, 7, 0, tzinfo=UTC)


def sent(office: Village) -> list[tuple[str, str, str]]:
    with office.store.read() as connection:
        found = select(message.c.msisdn, message.c.language, message.c.text).where(message.c.event == "figures")
        return [(row.msisdn, row.language, row.text) for row in connection.execute(found.order_by(message.c.msisdn))]


def rounds(office: Village) -> None:
    for _ in sending(office.store, office.network):
        pass


def chosen(office: Village, day: int = 5, role: str = "treasurer", staff_id: int | None = None, code: str = "m") -> int:
    tree = office.network.tree()
    with office.store.write() as unit:
        return set_letter(unit, tree, tree.named(code), day, "Bio", role=role, staff_id=staff_id)


def test_the_month_before_is_told_once(office: Village) -> None:
    three_families(office)
    office.hire("treasurer", "+2290100000955", name="Awa Sanni")
    with office.store.write() as unit:
        own = schema.staff.c.msisdn == "+2290100000955"
        unit.connection.execute(update(schema.staff).where(own).values(language="en"))
    chosen(office)
    office.clock.at = MORNING - timedelta(days=1)
    rounds(office)
    assert sent(office) == [], "it isn't the day"
    office.clock.at = MORNING - timedelta(hours=2)
    rounds(office)
    assert sent(office) == [], "it is quiet there until 7:00"
    office.clock.at = MORNING
    for _ in range(3):
        rounds(office)
        office.clock.move(timedelta(hours=1))
    assert [(to, language) for to, language, _ in sent(office)] == [(TREASURER, "fr"), ("+2290100000955", "en")]
    assert sent(office)[1][2] == (
        "Mutuelle de Ouaké 11/2026: 3 households, 7 beneficiaries. Growth -. Loyalty -. Recovery 0 %."
    )
    with office.store.read() as connection:
        assert len(connection.execute(select(outbox.c.id).where(outbox.c.key.like("sms:figures:%"))).all()) == 2
    office.clock.at = MORNING + timedelta(days=31)
    rounds(office)
    assert len(sent(office)) == 4


def test_two_schedulers_and_one_that_died_in_between(office: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    office.register()
    chosen(office)
    office.clock.at = MORNING

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(letters, "queue_messages", dies)
        rounds(office)
    assert sent(office) == []
    at_once(2, lambda: rounds(office))
    assert len(sent(office)) == 1


def test_an_outage_of_some_days_loses_nothing_and_of_weeks_no_old_news(office: Village) -> None:
    office.register()
    chosen(office)
    office.clock.at = MORNING + timedelta(days=7)
    rounds(office)
    assert len(sent(office)) == 1
    office.clock.at = MORNING + timedelta(days=31 + 8)
    rounds(office)
    assert len(sent(office)) == 1


def test_a_day_that_is_past_when_it_is_chosen_waits_for_the_next_month(office: Village) -> None:
    office.clock.at = MORNING + timedelta(days=2)
    chosen(office)
    rounds(office)
    assert sent(office) == []


def test_who_is_chosen_twice_gets_it_once_and_who_has_left_not(office: Village) -> None:
    keeper = office.treasurer
    chosen(office)
    chosen(office, role="", staff_id=keeper.id)
    chosen(office, day=6)  # the role's day is changed
    with office.store.read() as connection:
        found = letters.letters(connection, office.network.tree(), office.place.books)
    assert sorted((one.role or "", one.staff_id or 0, one.day) for one in found) == [
        ("", keeper.id, 5),
        ("treasurer", 0, 6),
    ]
    office.clock.at = MORNING + timedelta(days=1)
    rounds(office)
    assert len(sent(office)) == 1
    with office.store.write() as unit:
        assert end_letter(unit, found[0].id, "Bio")
        assert not end_letter(unit, found[0].id, "Bio"), "a second click does nothing"
        staff.end(unit, keeper.id, office.clock.at.date())
    office.clock.at = MORNING + timedelta(days=31)
    rounds(office)
    assert len(sent(office)) == 1


def test_those_of_elsewhere_are_not_chosen(store: Store, network: Network, office: Village) -> None:
    with store.write() as unit:
        other = add_organisation(unit, None, kind="union", code="other", name="Other", country="BJ", currency="XOF")
    network.forget()
    stranger = office.hire("administrator", "+2290100000977", other[0])
    for wrong in ({"staff_id": stranger.id, "role": ""}, {"role": "king"}, {"day": 31}, {"role": ""}):
        with pytest.raises(BadLetter):
            chosen(office, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", sorted(NAMES))
def test_it_is_one_part_in_every_language_whatever_the_figures(office: Village, language: str) -> None:
    from dataclasses import replace
    from fractions import Fraction

    tree = office.network.tree()
    with office.store.read() as connection:
        found = counted(connection, tree, office.place.books, Period(2026, month=11), trend=False)
        assert preview(connection, tree, office.place.books, office.clock.now(), language)
    large = tuple(
        replace(one, value=Fraction(9_999_999) if one.unit == "count" else Fraction(999, 100))
        for one in found.figures or ()
    )
    named = replace(found.place, name="Intercommunale des mutuelles de santé de la Donga et de Ouaké Sud-Ouest")
    text = letter_text(Say(language), replace(found, place=named, figures=large))
    assert (parts(text), text) == (1, fold(text))
    assert text.startswith("Intercommunale")
