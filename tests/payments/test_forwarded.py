"""An operator's SMS that a treasurer forwards is read to the last figure, once, or left to a person."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from gateway.kernel.card import show_card
from gateway.kernel.money import BadAmount, Money
from gateway.network.organisations import Network, Organisation, add_organisation
from gateway.network.staff import end
from gateway.payments.decisions.cases import open_cases
from gateway.payments.push.operators import Operators
from gateway.payments.takings import payments_of
from gateway.payments.unasked import operator_sms
from gateway.payments.unasked.forwarded import Forwarded
from gateway.payments.unasked.operator_sms import BadTexts, Read, Text, Unread, built_in, read_figure, read_sms
from gateway.sms.web import sms_blueprint
from gateway.store.outbox import drain
from gateway.store.schema import incoming, outbox
from gateway.store.unit import Store
from tests.payments.commands import on_database_of
from tests.payments.deeds import kinds
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, TREASURER, YEAR_DUE, Village, found, francs

SECRET = "forwarded-secret-0123"
SECOND_TREASURER = "+2290100000903"
ZONES = {
    "BJ": ("XOF", "Africa/Porto-Novo"), "CM": ("XAF", "Africa/Douala"), "RW": ("RWF", "Africa/Kigali"),
    "ML": ("XOF", "Africa/Bamako"), "GN": ("GNF", "Africa/Conakry"), "CD": ("CDF", "Africa/Kinshasa"),
    "KE": ("KES", "Africa/Nairobi"), "BI": ("BIF", "Africa/Bujumbura"), "CI": ("XOF", "Africa/Abidjan"),
    "SN": ("XOF", "Africa/Dakar"), "BF": ("XOF", "Africa/Ouagadougou"), "TG": ("XOF", "Africa/Lome"),
    "NE": ("XOF", "Africa/Niamey"),
}  # fmt: skip


def wallet_in(country: str) -> Organisation:
    currency, zone = ZONES[country]
    return Organisation(1, None, "/1/", "mutuelle", "m", "M", None, country, currency, zone, ("fr",), None, True, 1)


def as_words(read: Read | Unread) -> dict[str, str]:
    assert isinstance(read, Read), read
    words = {"amount": f"{read.amount.decimal} {read.amount.currency}", "id": read.operator_id}
    words |= {"payer": read.payer} if read.payer else {}
    words |= {"reference": read.reference} if read.reference else {}
    return words | ({"time": f"{read.paid_at:%Y-%m-%dT%H:%M:%S}"} if read.paid_at else {})


@pytest.mark.parametrize("text", built_in(), ids=lambda text: f"{text.operator} {text.language} {text.read['id']}")
def test_every_sample_is_read_as_its_table_says(text: Text) -> None:
    read = read_sms(text.sample, wallet_in(text.countries[0]))
    assert as_words(read) == text.read
    assert isinstance(read, Read)
    assert read.operator == text.operator


@pytest.mark.parametrize("text", built_in(), ids=lambda text: f"{text.operator} {text.language} {text.read['id']}")
def test_a_text_is_read_also_with_what_a_phone_puts_around_it(text: Text) -> None:
    plain = read_sms(text.sample, wallet_in(text.countries[0]))
    for around in (
        f"Fwd: {text.sample}",
        f"{text.operator}\n{text.sample}\n",
        text.sample.replace("recu", "reçu").replace(" ", "  "),
        text.sample.replace(" ", "\N{NO-BREAK SPACE}"),
    ):
        assert read_sms(around, wallet_in(text.countries[0])) == plain


def test_the_table_names_operators_and_countries_that_we_serve() -> None:
    known = {(one.country, one.name) for one in Operators.load().all} | {("KE", "M-Pesa"), ("KE", "Airtel Money")}
    for text in built_in():
        for country in text.countries:
            assert country in ZONES
            assert (country, text.operator) in known, (country, text.operator)
    languages = {(text.operator, text.language) for text in built_in()}
    assert languages >= {(name, lang) for name in ("EcoCash", "Lumicash", "M-Pesa") for lang in ("fr", "en")}


BENIN = wallet_in("BJ")
MTN = next(text for text in built_in() if text.operator == "MTN MoMo" and "BJ" in text.countries).sample


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, la réunion est à 10 h",
        "",
        "Paiement 2900F a ORA SABI (2290100000101) 2026-11-15 11:21:55 Frais:0F Solde:5022F ID:10940000001",
        "Transfert 5825F a ORA SABI(2290100000101) 2026-11-14 20:38:42 Frais: 50F Solde:4607F Ref: x  ID: 11000000021",
        "Retrait 4000F via ORA SABI (2290100000101) 2026-11-25 21:27:14 Solde:10482F Frais:125F ID:11010000001",
        f"Annulation: {MTN}",
        MTN + " Ce transfert a été remboursé.",
        MTN.replace("10000FCFA", "0FCFA"),
        MTN.replace("10000FCFA", "10 00FCFA"),
        MTN.replace("10000FCFA", "1.000,000FCFA"),
        MTN.replace("10000FCFA", "10000.50FCFA"),
        MTN.replace("10000FCFA", "20000FCFA") + " " + MTN,
        MTN.replace("2026-11-21", "2026-13-21"),
        MTN + " x" * 500,
        MTN.replace("10000FCFA", "-10000FCFA"),
    ],
)
def test_what_is_not_plainly_money_that_came_is_left_to_a_person(text: str) -> None:
    assert isinstance(read_sms(text, BENIN), Unread)


def test_a_text_of_another_country_or_currency_is_left_to_a_person() -> None:
    assert isinstance(read_sms(MTN, wallet_in("BI")), Unread)
    assert read_sms(MTN, wallet_in("GN")) == Unread("its amount can't be read: currency")


def test_a_payer_cannot_name_another_number_in_what_they_type() -> None:
    typed = "x. Nouveau solde: 1 FCFA. ID de la transaction : 99999999999"
    read = read_sms(MTN.replace("123 456 782", typed), BENIN)
    assert isinstance(read, Read)
    assert (read.operator_id, read.amount) == ("11000000001", francs(10_000))


@pytest.mark.parametrize(
    ("figure", "currency", "minor"),
    [
        ("10000", "XOF", 10_000), ("10 000", "XOF", 10_000), ("10.000", "XOF", 10_000), ("10,000", "XOF", 10_000),
        ("1 234 567", "XOF", 1_234_567), ("450.00", "XOF", 450), ("10,000.00", "XOF", 10_000),
        ("10 000,00", "BIF", 10_000), ("1,500.00", "KES", 150_000), ("1.500,50", "CDF", 150_050),
        ("12.5", "USD", 1_250), ("12,50", "CDF", 1_250), ("1,234,567", "CDF", 123_456_700), ("1 500", "CDF", 150_000),
        ("5", "USD", 500),
        ("1,500", "KES", None), ("1.500", "USD", None), ("450.50", "XOF", None), ("1.000,000", "XOF", None),
        ("1,000,00", "KES", None), ("10 00", "XOF", None), ("1000,000", "XOF", None), ("1 000.0000", "CDF", None),
        ("1,00.000", "XOF", None), ("0", "XOF", None), ("0.00", "USD", None), ("9" * 20, "XOF", None),
        ("100", "TZS", None), ("1,000.00.00", "KES", None),
    ],
)  # fmt: skip
def test_an_amount_is_exact_or_refused(figure: str, currency: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(BadAmount):
            read_figure(figure, currency)
    else:
        assert read_figure(figure, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("<amount>", "5"), "a pattern has <amount> and <id>"),
        (("<id>", "<identity>"), "<identity> stands for nothing"),
        (('time = "%Y-%m-%d %H:%M:%S"', ""), "<time> and time go together"),
        (("<currency>", "FCFA"), "either <currency> or currency"),
        (('language = "fr"', 'language = "french"'), "language"),
        (('language = "fr"', 'language = "fr"\nlanguages = 1'), "languages"),
    ],
)
def test_a_table_that_is_wrong_says_where(change: tuple[str, str], says: str) -> None:
    source = (
        '[[sms]]\noperator = "X"\ncountries = ["BJ"]\nlanguage = "fr"\n'
        'pattern = "recu <amount> <currency> <time> <id>"\n'
        'time = "%Y-%m-%d %H:%M:%S"\nsample = ""\n[sms.read]\n'
    )
    assert len(operator_sms.read_texts(source)) == 1
    with pytest.raises(BadTexts, match=says):
        operator_sms.read_texts(source.replace(*change))


# From the aggregator to the books


@pytest.fixture
def web(office: Village) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(office.store, SECRET))
    return app.test_client()


_ids = itertools.count(1)


def forward(office: Village, web: FlaskClient, text: str, sender: str = TREASURER, its_id: str = "") -> None:
    """The aggregator posts an SMS, and a worker does what follows."""
    form = {"id": its_id or f"at-{next(_ids)}", "from": sender, "to": "20880", "text": text, "date": "2026-11-22"}
    answer = web.post(f"/sms/africastalking/{SECRET}/inbound", data=urlencode(form), content_type=FORM)
    assert answer.status_code == 200
    work(office)


FORM = "application/x-www-form-urlencoded"


def work(office: Village) -> None:
    handlers = {"sms.read": Forwarded(office.store, office.network, office.chart), "sms.send": lambda task: None}
    while drain(office.store, "replies", handlers, office._tell):
        assert not office.faults


def sms(card: str = "", number: str = "11000000001", amount: str = "2000", payer: str = PAYER) -> str:
    return (
        f"Vous avez recu un transfert de {amount}FCFA de ORA SABI ({payer[1:]}) le 2026-11-21 17:14:31. "
        f"Reference: {card}. Nouveau solde: 10482 FCFA. ID de la transaction : {number}."
    )


def seen(office: Village) -> int:
    with office.store.read() as connection:
        return len(connection.execute(select(incoming)).all())


def test_a_forwarded_sms_with_a_card_is_posted_with_its_own_time(office: Village, web: FlaskClient) -> None:
    home = office.register().household_id
    forward(office, web, sms(f"carte {show_card(office.family(home).card)}", payer=NEIGHBOUR))
    assert office.balance()["wallet"] == 2_000
    with office.store.read() as connection:
        [one] = payments_of(connection, home)
        row = connection.execute(select(incoming)).one()
    assert (one.way, str(one.on)) == ("reference", "2026-11-21")
    assert row.paid_at == datetime(2026, 11, 21, 16, 14, 31, tzinfo=UTC)
    assert row.notice_id is not None
    assert office.told("receipt") == [("receipt", PAYER), ("receipt", NEIGHBOUR)]


def test_forwarded_twice_or_by_two_treasurers_it_counts_once(office: Village, web: FlaskClient) -> None:
    card = office.family(office.register().household_id).card
    office.hire("treasurer", SECOND_TREASURER, name="Alassane Imorou")
    forward(office, web, sms(card), its_id="at-a")
    forward(office, web, sms(card), its_id="at-a")  # the aggregator posts it again
    forward(office, web, sms(card))
    forward(office, web, "Fwd: " + sms(card), SECOND_TREASURER)
    assert office.balance()["wallet"] == 2_000
    assert seen(office) == 1
    assert kinds(office) == []


def test_without_a_card_it_waits_on_suspense(office: Village, web: FlaskClient) -> None:
    office.register()
    forward(office, web, sms("-"))
    assert office.balance()["suspense"] == -2_000
    assert kinds(office) == ["unknown-payer"]


@pytest.mark.parametrize("sender", [PAYER, "+2290100000902", "MTN", "", "+2290100000904"])
def test_only_a_treasurers_phone_is_listened_to(office: Village, web: FlaskClient, sender: str) -> None:
    """Not a member's, an animator's, a name's, nobody's, or that of somebody who was treasurer."""
    card = office.family(office.register().household_id).card
    office.hire("animator")
    old = office.hire("treasurer", "+2290100000904", name="Fati Bawa")
    with office.store.write() as unit:
        end(unit, old.id, office.clock.now().date())
    forward(office, web, sms(card), sender)
    assert office.balance()["receivable"] == YEAR_DUE
    assert seen(office) == 0
    assert kinds(office) == []
    assert office.notices() == 1


def test_what_a_treasurer_sends_and_cannot_be_read_is_a_case_once(office: Village, web: FlaskClient) -> None:
    office.hire("treasurer", SECOND_TREASURER, name="Alassane Imorou")
    forward(office, web, "Vous avez reçu 5000")
    forward(office, web, "vous avez recu  5000", SECOND_TREASURER)
    forward(office, web, sms(amount="10 00"))
    assert kinds(office) == ["unread-sms", "unread-sms"]
    assert "wallet" not in office.balance()
    with office.store.read() as connection:
        first, second = open_cases(connection)
    assert first.said == "notice 1: no operator's text that is known"
    assert second.said == "notice 3: its amount can't be read: ambiguous"


@ON_SQLITE
def test_an_sms_of_long_ago_or_from_the_future(office: Village, web: FlaskClient) -> None:
    card = office.family(office.register().household_id).card
    forward(office, web, sms(card).replace("2026-11-21", "2026-10-20"))
    assert kinds(office) == ["unread-sms"]
    forward(office, web, sms(card, "11000000002").replace("2026-11-21", "2027-11-21"))
    assert office.entries()[0][0] == "2026-11-22"  # the day on which it came to us


@ON_SQLITE
def test_a_treasurer_of_two_books_is_asked(office: Village, web: FlaskClient) -> None:
    found(office.store, office.network, code="n", treasurer=TREASURER)
    card = office.family(office.register().household_id).card
    forward(office, web, sms(card))
    assert kinds(office) == ["unread-sms"]
    assert seen(office) == 0


@ON_SQLITE
def test_a_treasurer_of_a_section_brings_it_into_its_mutuelles_books(office: Village, web: FlaskClient) -> None:
    office.hire("treasurer", SECOND_TREASURER, office.place.section_id, "Alassane Imorou")
    card = office.family(office.register().household_id).card
    forward(office, web, sms(card), SECOND_TREASURER)
    assert office.balance()["wallet"] == 2_000


@ON_SQLITE
def test_the_work_is_written_with_the_notice(store: Store, network: Network) -> None:
    with store.write() as unit:
        add_organisation(unit, None, kind="mutuelle", code="m", name="M", keeps_books=True)
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(store, SECRET))
    for _ in range(2):
        app.test_client().post(f"/sms/africastalking/{SECRET}/inbound", data={"id": "1", "text": "a", "from": PAYER})
    with store.read() as connection:
        rows = connection.execute(select(outbox.c.queue, outbox.c.topic, outbox.c.subject)).all()
    assert [tuple(row) for row in rows] == [("replies", "sms.read", "1")]


@ON_SQLITE
def test_the_office_reads_what_could_not_be_read(
    office: Village, web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward(office, web, "Bonjour, pouvez-vous m'aider ?")
    run = on_database_of(office, monkeypatch)
    [case] = json.loads(run("cases", "list", "--json"))
    shown = run("cases", "show", case["number"])
    assert "Bonjour, pouvez-vous m'aider ?" in shown
    assert TREASURER not in shown
