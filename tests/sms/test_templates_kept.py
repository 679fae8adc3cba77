"""Texts of a mutuelle's own are kept in versions, the nearest is said, and what money came for is told in it."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event as events
from sqlalchemy import insert

from gateway.cli import cli
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership.people import Person
from gateway.network.organisations import Network, Organisation, add_organisation
from gateway.payments.collections import by_key, move
from gateway.payments.not_paid import tell_not_paid
from gateway.payments.providers.base import Paid
from gateway.payments.push.breaker import Breakers
from gateway.payments.push.operators import Operators
from gateway.payments.receipts import check_receipt
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.services import Services
from gateway.sms.templates import kept, wording
from gateway.sms.templates.kept import Version, history, newest, said_by, words_for, write
from gateway.store.schema import sms_template
from gateway.store.unit import Store
from gateway.ussd.effects.doing import Doing
from gateway.ussd.effects.registering import RegisterHousehold
from tests.conftest import DEFAULTS
from tests.payments.commands import Run, on_database_of
from tests.payments.village import FAMILY, NEIGHBOUR, PAYER, Village, at_once, found, francs
from tests.sms.helpers import on_sqlite

OWN = "{mutuelle} : merci ! {amount} reçus, carte {card}, reçu {number}. {covered} {remaining}"


@pytest.fixture
def office(store: Store, network: Network, clock: FixedClock) -> Village:
    """A mutuelle (m) of a union (u) that has another one (o)."""
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union de la Donga", languages="fr,en")
        add_organisation(unit, union, kind="mutuelle", code="o", name="Autre", languages="fr,rn", keeps_books=True)
    return Village(store, network, clock, found(store, network, above=union))


@pytest.fixture
def home(office: Village) -> int:
    """The id of a family that owes 3 900 now and 12 600 in all."""
    return office.register().household_id


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the office's database; a fault is raised."""
    monkeypatch.setenv("SMS_PRICE", "12.5")
    return on_database_of(office, monkeypatch)


def at(office: Village, code: str) -> Organisation:
    return office.network.tree().named(code)


def says(office: Village, code: str, text: str | None, event: str = "receipt", language: str = "fr") -> int:
    """An organisation says an event in these words from now on; the version."""
    with office.store.write() as unit:
        return write(unit, office.network.tree(), at(office, code), event, language, text, "Aline N.")


def said(office: Village, code: str, event: str = "receipt", language: str = "fr") -> str | None:
    with office.store.read() as connection:
        return words_for(connection, office.network.tree(), at(office, code).id, event, language)


# --- kept in versions, the nearest decides ----------------------------------------------------------------------------


def test_versions_are_kept_and_the_nearest_organisation_decides(office: Village, clock: FixedClock) -> None:
    assert said(office, "m") is None
    assert says(office, "u", "Union : {number} {amount} {card}") == 1
    assert [said(office, code) for code in ("u", "m", "o", "m-1")] == ["Union : {number} {amount} {card}"] * 4
    assert (said(office, "m", "treasurer"), said(office, "m", language="en")) == (None, None)
    clock.move(timedelta(hours=1))
    assert says(office, "m", "Mutuelle : «{number}» {amount}\n{card}") == 1
    assert says(office, "m", "Reçu {number} {amount} {card}") == 2
    assert [said(office, code) for code in ("u", "m", "o")] == [
        "Union : {number} {amount} {card}", "Recu {number} {amount} {card}", "Union : {number} {amount} {card}",
    ]  # fmt: skip
    assert says(office, "m", None) == 3  # ours again, whatever the union says
    assert [said(office, code) for code in ("m", "m-1", "o")] == [None, None, "Union : {number} {amount} {card}"]
    with office.store.read() as connection:
        past = history(connection, at(office, "m").id, "receipt", "fr")
        assert past[1] == Version(
            at(office, "m").id, "receipt", "fr", 2, "Recu {number} {amount} {card}", clock.now(), "Aline N."
        )
        assert [(one.version, one.text) for one in past] == [
            (3, None), (2, "Recu {number} {amount} {card}"), (1, 'Mutuelle : "{number}" {amount} {card}'),
        ]  # fmt: skip
        assert [(one.organisation_id, one.version) for one in newest(connection)] == [
            (at(office, "u").id, 1), (at(office, "m").id, 3),
        ]  # fmt: skip
        decides = said_by(connection, office.network.tree(), at(office, "m").id, "receipt", "fr")
        assert decides == past[0]


@pytest.mark.parametrize(
    ("code", "event", "language", "text", "why"),
    [
        ("m", "receipt", "rn", OWN, "m does not offer rn: it offers fr, en"),
        ("u", "receipt", "rn", OWN, "u does not offer rn: it offers fr, en"),
        ("m-1", "receipt", "fr", OWN, "m-1 is a section, and says what m says: give --at m"),
        ("m-1", "receipt", "fr", None, "m-1 is a section, and says what m says: give --at m"),
        ("m", "greeting", "fr", OWN, "there is no event greeting"),
        ("m", "receipt", "fr", "{number} {card.__class__} {amount}", "is no placeholder"),
        ("m", "receipt", "fr", None, "m says receipt in fr in Cotisa's words already"),
    ],
)
@on_sqlite
def test_what_is_refused_is_not_kept(
    office: Village, code: str, event: str, language: str, text: str | None, why: str
) -> None:
    with pytest.raises(Fault, match=re.escape(why)):
        says(office, code, text, event, language)
    with office.store.read() as connection:
        assert newest(connection) == []


def test_those_who_write_at_once_have_each_a_version(office: Village) -> None:
    made = at_once(4, lambda: says(office, "m", "{number} {amount} {card}"))
    assert sorted(map(str, made)) == ["1", "2", "3", "4"]


@on_sqlite
def test_texts_are_read_once_in_a_few_seconds(office: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    says(office, "m", "{number} {amount} {card}")

    def count(_: Any, __: Any, statement: str, *more: Any) -> None:
        asked.extend([statement] if "sms_template" in statement else [])

    events.listen(office.store.engine, "before_cursor_execute", count)
    home = office.register().household_id
    for _ in range(3):
        office.push(home)
    assert len(asked) == 1
    monkeypatch.setattr(kept, "STALE_AFTER_S", -1.0)
    office.push(home)
    assert len(asked) > 1


# --- what money came for is told in them ------------------------------------------------------------------------------


def test_a_receipt_is_said_in_the_mutuelles_words_and_each_readers_language(office: Village, home: int) -> None:
    says(office, "m", OWN)
    says(office, "m", "Thank you. {amount} for {card}, receipt {number}. Ask {head}.", language="en")
    says(office, "m", "{head} : {amount} ({way}), carte {card}, reçu {number}. {remaining}", "treasurer")
    office.add_phone(home, "+2290100000112")
    office.speak(NEIGHBOUR, "en")
    office.speak("+2290100000112", "sw")
    office.confirm(office.pay(home, 3_900, NEIGHBOUR))
    card = f"{(its := office.family(home).card)[:3]} {its[3:6]} {its[6:]}"
    sent = {row.msisdn: row for row in office.messages("receipt", "treasurer")}
    number = re.search(r"\d{6}-\d{5}", sent[PAYER].text)[0]  # type: ignore[index]
    assert sent[PAYER].text == (
        f"Mutuelle de Ouaké : merci ! 3 900 F recus, carte {card}, recu {number}. "
        "La couverture commence le 22/12/2026. Reste à payer : 8 700 F."
    )
    # A stranger paid, and may not read whose card it is.
    assert sent[NEIGHBOUR].text == f"Thank you. 3,900 F for {card}, receipt {number}. Ask {office.family(home).masked}."
    in_swahili = sent["+2290100000112"].text  # which the mutuelle doesn't offer: our own words
    assert number in in_swahili
    assert "merci" not in in_swahili
    (to_treasurer,) = office.messages("treasurer")
    assert to_treasurer.text == (
        f"Adjara Tchédré : 3 900 F (par téléphone), carte {card}, recu {number}. Reste à payer : 8 700 F."
    )
    assert {row.parts for row in sent.values()} == {1}
    with office.store.read() as connection:
        genuine = check_receipt(connection, office.network.tree(), number)
    assert genuine is not None
    assert (genuine.amount, genuine.card) == (francs(3_900), its)


@on_sqlite
def test_elsewhere_and_in_other_events_our_words_are_said(office: Village, home: int) -> None:
    says(office, "o", OWN)
    says(office, "m", "{amount}, carte {card} : {reason}", "not_paid")
    office.push(home)
    assert [row.text.split(" ")[0] for row in office.messages("receipt", "treasurer")] == ["Recu", "Recu"]


@on_sqlite
def test_another_amount_than_was_asked_for_is_explained_in_our_words(office: Village, home: int) -> None:
    says(office, "m", OWN)
    says(office, "m", "{amount} {card} {number}", "treasurer")
    key = office.pay(home, 1_500)
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        paid = Paid(francs(1_000), "op-1", PAYER, "SUCCESSFUL", None)
        assert post_paid(unit, office.network.tree(), office.chart, key, paid)
    (receipt,) = office.messages("receipt")
    assert "1 000 F payés, 1 500 F demandés" in receipt.text
    (to_treasurer,) = office.messages("treasurer")
    assert "1 500 F" in to_treasurer.text


@pytest.mark.parametrize(
    "kept_somehow",
    [
        "{card.__class__} {number} {amount}",
        "{carte} {number}",
        "{number} {amount",
        "{number} {amount} {card}" + "x" * 160,
        "{number}" * 200,
    ],
)
@on_sqlite
def test_a_text_that_cannot_be_used_costs_nobody_a_receipt(
    office: Village, home: int, kept_somehow: str, caplog: pytest.LogCaptureFixture
) -> None:
    with office.store.write() as unit:
        unit.connection.execute(
            insert(sms_template).values(
                organisation_id=office.place.books.id, event="receipt", language="fr", version=1, text=kept_somehow,
                written_at=unit.now, by_name="nobody",
            )
        )  # fmt: skip
    wording._tell.cache_clear()
    with caplog.at_level(logging.ERROR):
        office.push(home)
        office.push(home)
    assert [row.text[:5] for row in office.messages("receipt")] == ["Recu ", "Recu "]
    assert {row.parts for row in office.messages()} == {1}
    told = [line for line in caplog.messages if line.startswith("the text of m for receipt in fr was not used")]
    assert len(told) == 1


@on_sqlite
def test_who_did_not_pay_is_told_in_the_mutuelles_words(office: Village, home: int) -> None:
    says(office, "u", "{mutuelle} : {amount} non payés, carte {card}. {reason} {advice}", "not_paid")
    key = office.pay(home, 1_500)
    with office.store.write() as unit:
        tell_not_paid(unit, office.network.tree(), office.shown(key), "insufficient")
    (row,) = office.messages("not_paid")
    assert re.fullmatch(r"Mutuelle de Ouaké : 1 500 F non payés, carte [\d ]{11}\. .*insuffisant.*\..*\.", row.text)


@on_sqlite
def test_a_new_member_is_welcomed_in_the_mutuelles_words(office: Village, network: Network) -> None:
    says(office, "m", "Bienvenue {head} ! Carte {card} de {mutuelle}. {to_pay_now}", "registered")
    operators = Operators.load()
    services = Services(
        office.store, office.clock, network, DEFAULTS, operators, {}, Breakers(office.store), timedelta(0)
    )
    people = (Person("Aïcha Bio", "F", 1991, "head"), *FAMILY[2:])
    effect = RegisterHousehold(office.place.section_id, office.place.plan.id, people)
    with office.store.write() as unit:
        made = effect.do(Doing(services, unit, "key", PAYER, "fr", office.place.books))
        card = f"{made.card[:3]} {made.card[3:6]} {made.card[6:]}"
    (row,) = office.messages("registered")
    assert row.text == f"Bienvenue Aicha Bio ! Carte {card} de Mutuelle de Ouaké. A payer maintenant : 3 300 F."


# --- the commands -----------------------------------------------------------------------------------------------------

WRITE = ("sms", "texts", "write", "receipt", "--at", "m", "--by", "Aline N.")


@on_sqlite
def test_a_text_is_tried_written_shown_and_taken_back(office: Village, run: Run) -> None:
    tried = run("sms", "texts", "preview", "receipt", "--at", "m", "--text", OWN + " ♥")
    assert tried.splitlines() == [
        "an ordinary case, with made-up data: 135 septets, 1 part, 12.5 XOF each",
        "  Mutuelle de Ouaké : merci ! 12 500 F recus, carte 123 456 782, recu 000123-48213. "
        "Couvert jusqu'au 31/12/2026. Reste à payer : 7 500 F.",
        "the longest that may come, with made-up data: 160 septets, 1 part, 12.5 XOF each",
        "  Intercommuna : merci ! 99 999 999 F recus, carte 123 456 782, recu 9999999999-99999. "
        "L'année est finie : renouvelez par téléphone. Reste à payer : 99 999 999 F.",
        "written otherwise: ç as c",
        "left out: ♥",
    ]
    assert run("sms", "texts", "list") == "event  language  whose  version  text\n"
    assert run(*WRITE, OWN).splitlines()[0] == "m says receipt in fr in these words, version 1:"
    (listed,) = json.loads(run("sms", "texts", "list", "--json"))
    assert (listed["organisation"], listed["event"], listed["language"], listed["version"], listed["by"]) == (
        "m", "receipt", "fr", 1, "Aline N.",
    )  # fmt: skip
    assert listed["text"] == OWN.replace("ç", "c")
    everything = json.loads(run("sms", "texts", "list", "--at", "m", "--json"))
    assert len(everything) == 2 * 10
    assert [one["event"] for one in everything if one["organisation"]] == ["receipt"]
    written = json.loads(run("sms", "texts", "preview", "receipt", "--at", "m", "--json"))
    assert (written["longest"]["parts"], written["longest"]["cost_e4"]) == (1, 125_000)
    assert run("sms", "texts", "reset", "receipt", "--at", "m", "--by", "Bio S.").endswith("again, version 2\n")
    shown = run("sms", "texts", "show", "receipt", "--at", "m", "--versions").splitlines()
    assert re.fullmatch(r"said in Cotisa's words, by m, version 2 of .* UTC by Bio S\.:", shown[1])
    assert shown[2].startswith("  Recu 000123-48213 : 12 500 F")
    assert [line.split()[0] for line in shown[-2:]] == ["2", "1"]
    value = json.loads(run("sms", "texts", "show", "receipt", "--at", "m", "--json"))
    assert (value["text"], [one["version"] for one in value["versions"]]) == (None, [2, 1])
    assert {one["name"]: one["longest"] for one in value["placeholders"]}["number"] == 16


@on_sqlite
def test_a_text_may_come_from_standard_input(office: Village, run: Run) -> None:
    given = CliRunner().invoke(cli, [*WRITE, "-", "--json"], input="Reçu {number}\n{amount} {card}\n")
    assert json.loads(given.stdout)["text"] == "Recu {number} {amount} {card}"
    assert said(office, "m") == "Recu {number} {amount} {card}"


@on_sqlite
def test_our_own_words_are_shown_where_nobody_has_others(office: Village, run: Run) -> None:
    shown = run("sms", "texts", "show", "reminder_due", "--at", "m", "--language", "en")
    assert "said in Cotisa's words:\n  {mutuelle}: {due} for card {card} is due today, {date}." in shown
    assert "must stand in it: {card}, {due} or {left}" in shown
    assert "nothing is said unless it is written" in run("sms", "texts", "show", "news", "--at", "m")
    assert run("sms", "texts", "preview", "treasurer", "--at", "m").startswith("in Cotisa's words: ")
    tried = run("sms", "texts", "preview", "campaign", "--at", "m", "--text", "Merci. " * 25)
    assert "2 parts, 25 XOF each" in tried


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((*WRITE, "Merci {card}"), "receipt must hold {number}"),
        ((*WRITE, "{card.x} {number} {amount}"), "{card.x} is no placeholder"),
        ((*WRITE[:5], "nowhere", *WRITE[6:], OWN), "no organisation has the code nowhere"),
        ((*WRITE, OWN, "--language", "sw"), "m does not offer sw: it offers fr, en"),
        (("sms", "texts", "show", "greeting", "--at", "m"), "there is no event greeting"),
        (("sms", "texts", "preview", "news", "--at", "m"), "nothing is said of news unless it is written"),
        ((*WRITE[:7], " ", OWN), "whoever writes a text gives their name"),
        (("sms", "texts", "reset", "receipt", "--at", "m", "--by", "A"), "in Cotisa's words already"),
    ],
)
@on_sqlite
def test_what_cannot_be_done_is_told_in_one_line(office: Village, run: Run, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(Fault, match=re.escape(why)) as fault:
        run(*words)
    assert len(str(fault.value).splitlines()) == 1
    assert run("sms", "texts", "list", "--json") == "[]\n"
