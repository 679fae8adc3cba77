"""What a suspicious reader tried against the sending of SMS, and what must not come of it."""

from __future__ import annotations

import csv
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from gateway.cli import main
from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.aggregators import Aggregators
from gateway.sms.campaigns import choosing, keeping
from gateway.sms.campaigns.choosing import Choosing
from gateway.sms.campaigns.keeping import BadCampaign
from gateway.sms.campaigns.letters import write_letters
from gateway.sms.campaigns.lists import ListRow, keep_list
from gateway.sms.campaigns.states import State
from gateway.sms.held import ask_later
from gateway.sms.news import subscribe, unsubscribe
from gateway.sms.outgoing import PACE, TOPIC, Outgoing, Sender
from gateway.sms.port import SmsPort, TryAgain, Unsure
from gateway.sms.smpp.words import Delivered, read_receipt
from gateway.store.outbox import CLAIM, Task, drain
from gateway.store.pace import Pace
from gateway.store.schema import campaign, message, outbox
from gateway.store.together import together
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.payments.providers.test_provider_http import serving
from tests.payments.village import Village, found
from tests.sms.helpers import NUMBER, StandIn, on_sqlite
from tests.sms.running import Run, commands
from tests.sms.test_campaigns import Around, Fete, number

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]


@pytest.fixture
def fete(store: Store, network: Network, clock: FixedClock, port: AfricasTalking) -> Fete:
    return Fete(Village(store, network, clock, found(store, network)), port)


@pytest.fixture
def pg_fete(pg_store: Store, clock: FixedClock, port: AfricasTalking) -> Fete:
    """The same on PostgreSQL alone, where one that writes doesn't stop all others."""
    network = Network(pg_store, DEFAULTS)
    return Fete(Village(pg_store, network, clock, found(pg_store, network)), port)


# --- a message held for ever ------------------------------------------------------------------------------------------


def test_turned_down_for_now_after_another_has_closed_its_work_it_is_sent_all_the_same(
    store: Store, clock: FixedClock, write: Write, shown: Shown, standin: StandIn, port: AfricasTalking
) -> None:
    write("visit")  # not one that is handed over once more when it is uncertain

    def hang(_: object) -> None:
        clock.move(CLAIM + timedelta(seconds=1))
        drain(store, "receipts", {TOPIC: Sender(store, port)}, lambda _, error: pytest.fail(str(error)))
        assert shown("visit:1").state == "uncertain"

    slow = Around(port, before=hang, instead=lambda _: TryAgain("throttled", timedelta(seconds=30)))
    drain(store, "receipts", {TOPIC: Sender(store, slow)}, lambda _, error: pytest.fail(str(error)))
    assert shown("visit:1").state == "waiting"
    clock.move(timedelta(minutes=2))
    drain(store, "receipts", {TOPIC: Sender(store, port)}, lambda _, error: pytest.fail(str(error)))
    assert shown("visit:1").state == "sent"
    assert len(standin.sent()) == 1


# --- when -------------------------------------------------------------------------------------------------------------


def test_an_aggregator_that_is_back_hurries_nothing_that_waits_for_the_morning(
    store: Store, books: int, clock: FixedClock, write: Write, work: Work, shown: Shown, port: AfricasTalking
) -> None:
    write("receipt")
    work(Around(port, instead=lambda _: TryAgain("no_credit", timedelta(minutes=15))))
    with store.write() as unit:
        later = Outgoing("to_identify", NUMBER, "fr", "A identifier", books, None, "to_identify:1")
        together(unit.connection, *ask_later(unit, "receipts", timedelta(hours=8), [later]))
    aggregators = Aggregators(store)
    aggregators.failed("africastalking", "no_credit")
    clock.move(timedelta(minutes=1))
    aggregators.answered("africastalking", trying=True)
    work(port)
    assert (shown("receipt:1").state, shown("to_identify:1").state) == ("sent", "waiting")
    clock.move(timedelta(hours=8))
    work(port)
    assert shown("to_identify:1").state == "sent"


# --- campaigns: what holds up others ----------------------------------------------------------------------------------


def test_a_receipt_takes_its_slot_while_a_campaign_is_being_worded(
    pg_fete: Fete, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg_fete.families(2)
    its_id = pg_fete.start()
    pace = Pace(per_s={PACE: 10_000})
    taken: list[Exception | None] = []

    def receipt() -> None:
        try:
            with pg_fete.store.write() as unit:
                pace.reserve(unit, PACE)
            taken.append(None)
        except Exception as error:
            taken.append(error)

    def slowly(*asked: Any) -> Any:
        other = threading.Thread(target=receipt)
        other.start()
        other.join(2)
        assert taken == [None]
        return write_letters(*asked)

    monkeypatch.setattr("gateway.sms.campaigns.sending.write_letters", slowly)
    pg_fete.work()
    assert pg_fete.states(its_id) == {"sent": 2}


def test_nobody_waits_for_a_campaign_to_look_at_households(fete: Fete, monkeypatch: pytest.MonkeyPatch) -> None:
    fete.families(3)
    its_id = fete.start(owing=True)
    wrote: list[int] = []
    look = choosing.next_batch

    def looks(*asked: Any) -> Any:
        with fete.store.write() as unit:  # of SQLite's writers there is one; of a campaign's on PostgreSQL too
            unit.connection.execute(update(campaign).where(campaign.c.id == its_id).values(title="Autre"))
            wrote.append(1)
        return look(*asked)

    monkeypatch.setattr(choosing, "next_batch", looks)
    fete.work()
    assert wrote
    assert fete.states(its_id) == {"sent": 3}


def test_what_was_looked_at_before_another_chose_is_looked_at_anew(
    fete: Fete, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fete.families(5)
    its_id = fete.start(owing=True)
    chooser, look, inside = Choosing(fete.store, fete.village.network), choosing.next_batch, [True]
    monkeypatch.setattr(choosing, "SLICE", 2)

    def looks(*asked: Any) -> Any:
        seen = look(*asked, most=2)
        if inside:
            inside.clear()
            with fete.store.write() as unit:
                chooser._step(unit, its_id)  # the other one: its ring came twice
        return seen

    monkeypatch.setattr(choosing, "next_batch", looks)
    with fete.store.read() as connection:
        row = connection.execute(select(outbox).where(outbox.c.topic == keeping.CHOOSE)).one()
    chooser(Task(row.id, row.topic, row.subject, row.claims, row.failures))
    fete.work()
    assert fete.states(its_id) == {"sent": 5}
    assert len(standin.sent()) == 5


# --- campaigns: who ---------------------------------------------------------------------------------------------------


def test_whoever_ends_the_news_before_they_are_sent_gets_none(fete: Fete, standin: StandIn) -> None:
    place = fete.village.place.books
    with fete.store.write() as unit:
        for each in range(2):
            subscribe(unit, number(each), place.id)
    its_id = fete.start({"fr": "Assemblee samedi."}, kind="news")
    fete.choose()
    with fete.store.write() as unit:
        unsubscribe(unit, number(0))
    fete.work()
    assert [row.msisdn for row in fete.rows(its_id) if row.state == "sent"] == [number(1)]
    assert sorted(fete.states(its_id)) == ["sent", "skipped"]
    assert [one["to"] for one in standin.sent()] == [number(1)]


@on_sqlite
def test_a_paused_campaign_is_resumed_and_not_started_again(fete: Fete) -> None:
    fete.families(2)
    its_id = fete.start(budget_e4=130_000)
    fete.work()
    assert fete.shown(its_id).state is State.PAUSED
    with pytest.raises(BadCampaign, match="resume"):
        fete.act(keeping.start, its_id, {"price_e4": 1})
    assert (fete.shown(its_id).state, fete.shown(its_id).price_e4) == (State.PAUSED, 120_000)


@on_sqlite
def test_a_time_that_passed_while_it_was_confirmed_is_a_start_at_once(fete: Fete) -> None:
    fete.families(1)
    its_id = fete.start(at=fete.clock.now() - timedelta(seconds=5))
    assert (fete.shown(its_id).state, fete.shown(its_id).started_at) == (State.RUNNING, fete.clock.now())


@on_sqlite
def test_a_budget_that_comes_later_needs_a_price_too(fete: Fete) -> None:
    fete.families(1)
    its_id = fete.make()
    fete.act(keeping.start, its_id, {"price_e4": 0})
    fete.act(keeping.pause, its_id)
    with pytest.raises(BadCampaign, match="SMS_PRICE"):
        fete.act(keeping.resume, its_id, 500_000)
    assert (fete.shown(its_id).state, fete.shown(its_id).budget_e4) == (State.PAUSED, None)


@on_sqlite
def test_a_list_that_was_paused_before_its_time_is_sent_at_its_time(fete: Fete, standin: StandIn) -> None:
    tree, place = fete.village.network.tree(), fete.village.place.books
    with fete.store.write() as unit:
        its_id = keep_list(unit, tree, place.id, "Liste", "Bonjour", "fr", [ListRow(2, number(0), "Bonjour")], "A. Bio")
    fete.act(keeping.start, its_id, {"price_e4": 0}, fete.clock.now() + timedelta(minutes=5))
    fete.act(keeping.pause, its_id)
    fete.act(keeping.resume, its_id)
    fete.work()
    fete.clock.move(timedelta(minutes=5))
    fete.work()
    assert fete.states(its_id) == {"sent": 1}
    assert len(standin.sent()) == 1


# --- what comes from outside ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [b" ", b" " * 200_000], ids=["drips", "is endless"])
def test_an_answer_that_does_not_end_is_left(piece: bytes) -> None:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 9000000000\r\n\r\n")
        for _ in range(200):
            connection.sendall(piece)
            time.sleep(0.05)

    began = time.monotonic()
    with serving(send) as url:
        port = AfricasTalking("cotisa", "key", "", url, read_timeout_s=0.3, longest_s=0.5)
        assert port.send("Bonjour", NUMBER) == Unsure("no_answer", "africastalking")
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("octets", [b"id:41\x0077 stat:DELIVRD", b"id:41 stat:DELIVRD\x00 err:000"])
def test_a_receipt_s_text_holds_nothing_that_a_column_can_t(octets: bytes) -> None:
    report = read_receipt(Delivered("+2290100000001", "1", octets, 0, 0x04), "same")
    assert report is not None
    assert (report.aggregator_id, report.word) == ("41", "DELIVRD")


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(fete: Fete, monkeypatch: pytest.MonkeyPatch) -> Any:
    with commands(monkeypatch, fete.store.engine.url.render_as_string(hide_password=False)) as run:
        yield run


@on_sqlite
def test_a_result_that_an_aggregator_worded_is_no_formula(fete: Fete, run: Run, tmp_path: Path) -> None:
    fete.families(1)
    its_id = fete.start()
    fete.work()
    with fete.store.write() as unit:
        unit.connection.execute(update(message).values(state="failed", reason="=HYPERLINK(1)"))
    file = tmp_path / "results.csv"
    run("campaign", "results", str(its_id), "--csv", str(file))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        assert [row["why"] for row in csv.DictReader(opened)] == ["'=HYPERLINK(1)"]


HUGE = "99999999999999999999999"
BY = ("--by", "A. Bio")


@pytest.mark.parametrize(
    "words",
    [
        ("campaign", "show", HUGE),
        ("campaign", "preview", HUGE),
        ("campaign", "start", HUGE, "--yes", *BY),
        ("campaign", "pause", HUGE, *BY),
        ("campaign", "resume", HUGE, *BY),
        ("campaign", "cancel", HUGE, *BY),
        ("campaign", "try", HUGE, *BY),
        ("campaign", "show", "-1"),
        ("campaign", "results", "1", "--csv", "/nowhere/at/all.csv"),
        ("campaign", "start", "1", "--when", "0001-01-01 00:00", "--yes", *BY),
        ("campaign", "start", "1", "--yes", "--by", "  "),
        ("campaign", "pause", "1", "--by", ""),
        ("campaign", "new", "--at", "m", "--title", "a\udcff", "--text", "fr=a", *BY),
        ("campaign", "new", "--at", "m", "--title", "a", "--text", "fr=a", "--by", "\udcff"),
        ("reminders", "end", HUGE, *BY),
        ("reminders", "due", "--on", "0001-01-01"),
        ("reminders", "due", "--on", "9999-12-31"),
        ("sms", "report", "--since", "0001-01-01"),
    ],
    ids=" ".join,
)
@on_sqlite
def test_wrong_input_is_told_in_one_line(
    fete: Fete, run: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fete.families(1)
    assert fete.make() == 1
    if words[1:3] == ("pause", "1"):
        fete.act(keeping.start, 1, {"price_e4": 1})
    monkeypatch.setattr("sys.argv", ["gateway", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (1, 2)
    told = capsys.readouterr().err.strip().splitlines()
    assert told[0].startswith("gateway: ") if left.value.code == 1 else told[-1].startswith("Error: ")
    assert left.value.code == 2 or len(told) == 1
