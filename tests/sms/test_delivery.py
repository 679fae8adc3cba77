"""Delivery: answers and reports in any order end in one state, silence is not delivery, dead numbers are marked."""

from __future__ import annotations

import itertools
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, event, insert, select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.network.organisations import add_organisation
from gateway.settings import Settings
from gateway.sms.africastalking import NAME, AfricasTalking
from gateway.sms.delivery import AT_ONCE, UNKNOWN_AFTER, Rate, give_up_waiting, rates
from gateway.sms.failing import MARKED_AFTER, all_failing, count_failures, failing, forgive, unreachable
from gateway.sms.port import Answer, Handed, Refused, Report, SmsPort, TryAgain, Unsure
from gateway.sms.recording import record_all
from gateway.sms.reports import FINAL, Source, apply_report
from gateway.store.schema import failing_number, household, message, notice, phone
from gateway.store.unit import Store, Unit
from gateway.wiring import Runtime
from tests.commands import Run, runner
from tests.sms.helpers import NUMBER, SECRET, on_sqlite
from workers.schedule import rounds

Write = Callable[..., None]
Work = Callable[[SmsPort], int]
Shown = Callable[..., Row[Any]]
Post = Callable[..., int]
States = dict[uuid.UUID, str]

HANDED, UNSURE = Handed("", "XOF 12.0000", NAME), Unsure("no_answer", NAME)


@pytest.fixture
def nobody() -> AfricasTalking:
    """A port whose aggregator is never called: it reads reports."""
    return AfricasTalking("cotisa", "key", "", "http://127.0.0.1:1")


@pytest.fixture
def sending(store: Store, books: int) -> Callable[..., list[uuid.UUID]]:
    """Messages in a worker's hands: ``sending(3)``, each to a number of its own."""
    places = itertools.count(1)

    def sending(count: int = 1, event: str = "reminder", **more: Any) -> list[uuid.UUID]:
        rows = []
        for made in itertools.islice(places, count):
            its_id = uuid.UUID(int=made)
            values = {"msisdn": number(made), "language": "fr", "text": "Bonjour", "parts": 1, "state": "sending"}
            rows.append({"id": its_id, "key": f"k{made}", "organisation_id": books, "event": event, **values, **more})
        with store.write() as unit:
            unit.connection.execute(insert(message), [{"created_at": unit.now, **row} for row in rows])
        return [row["id"] for row in rows]

    return sending


def number(of: int) -> str:
    return f"+2290150{of:06d}"


def rows_of(store: Store, ids: Sequence[uuid.UUID]) -> list[Row[Any]]:
    with store.read() as connection:
        found = {row.id: row for row in connection.execute(select(message).where(message.c.id.in_(ids)))}
    return [found[each] for each in ids]


def failures(store: Store) -> dict[str, tuple[int, str]]:
    with store.read() as connection:
        return {row.msisdn: (row.failures, row.reason) for row in connection.execute(select(failing_number))}


# --- any order --------------------------------------------------------------------------------------------------------


def histories(*events: str) -> list[tuple[str, ...]]:
    return sorted(set(itertools.permutations(events)))


@pytest.mark.parametrize(
    ("answer", "reports", "state"),
    [
        (HANDED, ("Buffered", "Buffered", "Success", "Success"), "delivered"),
        (HANDED, ("Buffered", "Failed", "Failed"), "failed"),
        (HANDED, ("Sent", "Hibernating", "Submitted"), "sent"),
        (UNSURE, ("Buffered", "Success", "Success"), "delivered"),
        (UNSURE, ("Buffered", "Failed", "Failed"), "failed"),
        (UNSURE, ("Failed", "Failed", "Hibernating"), "uncertain"),  # no evidence that it is this message's
        (Refused("risk_hold"), ("Success",), "failed"),  # of something else: this one was never taken
    ],
)
def test_whatever_the_order_the_end_is_the_same(
    store: Store,
    nobody: AfricasTalking,
    sending: Callable[..., list[uuid.UUID]],
    report: Post,
    answer: Answer,
    reports: tuple[str, ...],
    state: str,
) -> None:
    orders = histories("the answer", *reports)
    ids = sending(len(orders))
    for place, (order, its_id) in enumerate(zip(orders, ids, strict=True)):
        aggregator_id = f"ATXid_{place}"
        ended: str | None = None
        for what in order:
            if what == "the answer":
                said = Handed(aggregator_id, answer.cost, NAME) if isinstance(answer, Handed) else answer
                with store.write() as unit:
                    told = record_all(unit, nobody, [(its_id, said)])
                assert told == {its_id: rows_of(store, [its_id])[0].state}, order
            else:
                assert report(aggregator_id, what, rows_of(store, [its_id])[0].msisdn) == 200
            now = rows_of(store, [its_id])[0].state
            assert ended in (None, now), order
            ended = now if now in FINAL else None
        row = rows_of(store, [its_id])[0]
        assert row.state == state, order
        assert row.sends == (0 if isinstance(answer, Refused) else 1)
        assert row.cost_e4 == (120_000 if isinstance(answer, Handed) else None), order
    # What was counted of the numbers was counted once, however often it was reported.
    assert all(count == 1 for count, _ in failures(store).values())


# --- many at once -----------------------------------------------------------------------------------------------------


def post_early(unit: Unit, aggregator_id: str, status: str, msisdn: str) -> None:
    body = f"id={aggregator_id}&status={status}&phoneNumber=%2B{msisdn[1:]}"
    unit.connection.execute(
        insert(notice).values(
            source="at.delivery", reference=aggregator_id, received_at=unit.now, content_type="", body=body.encode()
        )
    )


def test_a_batch_is_recorded_with_few_statements(
    store: Store, nobody: AfricasTalking, sending: Callable[..., list[uuid.UUID]], caplog: Any
) -> None:
    ids = sending(200)
    answers: list[tuple[uuid.UUID, Answer]] = [
        (each, Handed(f"A{place}", "XOF 9.5", NAME)) for place, each in enumerate(ids)
    ]
    answers[10] = (ids[10], Unsure("left_out", NAME))
    answers[11] = (ids[11], Unsure("left_out", NAME))
    answers[12] = (ids[12], TryAgain("no_credit", timedelta(minutes=15)))
    answers[13] = (ids[13], Refused("bad_number"))
    answers[14] = (ids[14], Handed(None, None, NAME))
    answers[15] = (ids[15], Handed("A15", "cheap", NAME))
    with store.write() as unit:
        post_early(unit, "A0", "Success", number(1))
        post_early(unit, "A1", "Sent", number(2))
        post_early(unit, "A2", "Failed", number(3))
        post_early(unit, "A2", "Success", number(3))
        post_early(unit, "A3", "Hibernating", number(4))
        unit.connection.execute(update(message).where(message.c.id == ids[20]).values(state="delivered"))
        count_failures(unit, [(number(1), "absent")])
    said: list[str] = []
    with store.write() as unit:
        event.listen(unit.connection, "before_cursor_execute", lambda *given: said.append(given[2]))
        unheard = uuid.UUID(int=999_999)
        states = record_all(unit, nobody, [*answers, (unheard, Unsure("interrupted"))])
    assert len(said) <= 5
    rows = rows_of(store, ids)
    assert states == {row.id: row.state for row in rows}
    expected = {0: "delivered", 2: "failed", 10: "uncertain", 11: "uncertain", 12: "waiting", 13: "failed",
                20: "delivered"}  # fmt: skip
    assert [row.state for row in rows] == [expected.get(place, "sent") for place in range(200)]
    assert (rows[1].report, rows[3].report, rows[2].reason) == ("Sent", "Hibernating", "Failed")
    assert [row.sends for row in rows] == [0 if place in (12, 13, 20) else 1 for place in range(200)]
    taken = [row for place, row in enumerate(rows) if place not in (10, 11, 12, 13, 20)]
    assert {row.aggregator for row in taken} == {NAME}
    assert all(row.handed_at is not None for row in taken)
    assert [row.cost_e4 for row in taken].count(95_000) == len(taken) - 2
    assert (rows[14].aggregator_id, rows[14].cost_e4, rows[15].cost, rows[15].cost_e4) == (None, None, "cheap", None)
    assert rows[20].aggregator_id is None  # settled before: left as it is
    assert "2 messages may or may not have been sent: left_out" in caplog.text
    assert failures(store) == {number(3): (1, "Failed"), number(14): (1, "bad_number")}


def test_nothing_is_recorded_of_nothing(store: Store, nobody: AfricasTalking) -> None:
    with store.write() as unit:
        assert record_all(unit, nobody, []) == {}


@pytest.mark.parametrize(
    ("answer", "state", "sends"),
    [
        (Handed("A", None, NAME), "sent", 1),
        (TryAgain("throttled", timedelta(seconds=30)), "waiting", 0),  # it was certainly not taken after all
        (Refused("bad_number"), "failed", 0),
        (Unsure("no_answer", NAME), "uncertain", 1),
    ],
)
@on_sqlite
def test_the_answer_of_somebody_who_was_thought_gone_is_the_answer(
    store: Store,
    nobody: AfricasTalking,
    sending: Callable[..., list[uuid.UUID]],
    answer: Answer,
    state: str,
    sends: int,
) -> None:
    [its_id] = sending()
    with store.write() as unit:
        assert record_all(unit, nobody, [(its_id, Unsure("interrupted"))]) == {its_id: "uncertain"}
    with store.write() as unit:
        assert record_all(unit, nobody, [(its_id, answer)]) == {its_id: state}
    assert [row.sends for row in rows_of(store, [its_id])] == [sends]


# --- by whom it was taken ---------------------------------------------------------------------------------------------


class Other(AfricasTalking):
    """A second aggregator, whose reports stand elsewhere."""

    reports = "other.delivery"


class Both(AfricasTalking):
    """A port that stands for two aggregators."""

    def port_of(self, by: str) -> SmsPort | None:
        given = ("cotisa", "key", "", "http://127.0.0.1:1")
        return {NAME: AfricasTalking(*given), "other": Other(*given)}.get(by)


def test_an_id_means_something_to_the_aggregator_that_gave_it(
    store: Store, sending: Callable[..., list[uuid.UUID]], report: Post
) -> None:
    both = Both("cotisa", "key", "", "http://127.0.0.1:1")
    first, second, third, fourth = ids = sending(4)
    with store.write() as unit:
        post_early(unit, "same", "Success", number(1))
        answers = [(first, Handed("same", None, "other")), (second, Handed("same", None, NAME))]
        states = record_all(unit, both, [*answers, (third, Handed("x", None, "gone")), (fourth, Unsure("lost"))])
    assert list(states.values()) == ["sent", "delivered", "sent", "uncertain"]
    assert report("same", "Failed", number(1)) == 200
    assert report("x", "Success", number(9)) == 200
    assert [row.state for row in rows_of(store, ids)] == ["sent", "delivered", "sent", "uncertain"]
    with store.write() as unit:
        source = Source("other.delivery", both.read_report)
        apply_report(unit, told("same", "Success", number(1)), "other", source)
    assert [row.state for row in rows_of(store, ids)] == ["delivered", "delivered", "sent", "uncertain"]


def told(aggregator_id: str, status: str, msisdn: str) -> Report:
    body = f"id={aggregator_id}&status={status}&phoneNumber=%2B{msisdn[1:]}"
    found = AfricasTalking("cotisa", "key", "", "").read_report(body.encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Unsure("no_answer", "other"), "uncertain"),  # whose report that was, it isn't this message's
        (Unsure("no_answer", NAME), "sent"),
        (Unsure("interrupted"), "sent"),
        (Handed(None, None, "other"), "sent"),
    ],
)
@on_sqlite
def test_an_id_that_was_told_while_sending_counts_where_its_aggregator_was_asked(
    store: Store, sending: Callable[..., list[uuid.UUID]], report: Post, answer: Answer, state: str
) -> None:
    [its_id] = sending()
    report("unheard", "Sent", number(1))
    with store.write() as unit:
        record_all(unit, Both("cotisa", "key", "", "http://127.0.0.1:1"), [(its_id, answer)])
    row = rows_of(store, [its_id])[0]
    assert row.state == state
    asked = getattr(answer, "by", "") in ("", NAME)
    assert row.aggregator_id == ("unheard" if asked else None)


@on_sqlite
def test_an_uncertain_message_takes_no_report_of_another_aggregator(
    store: Store, nobody: AfricasTalking, sending: Callable[..., list[uuid.UUID]], report: Post
) -> None:
    [its_id] = sending()
    with store.write() as unit:
        record_all(unit, nobody, [(its_id, Unsure("no_answer", "other"))])
    report("unheard", "Success", number(1))
    assert rows_of(store, [its_id])[0].state == "uncertain"


# --- nothing is heard -------------------------------------------------------------------------------------------------


@pytest.fixture
def silent(store: Store, nobody: AfricasTalking, sending: Callable[..., list[uuid.UUID]]) -> uuid.UUID:
    """A message that was handed over now."""
    [its_id] = sending()
    with store.write() as unit:
        record_all(unit, nobody, [(its_id, Handed("A", None, NAME))])
    return its_id


def test_after_three_days_without_a_report_a_message_is_unknown(
    store: Store, clock: FixedClock, silent: uuid.UUID
) -> None:
    clock.move(UNKNOWN_AFTER - timedelta(seconds=1))
    assert sum(give_up_waiting(store, clock.now())) == 0
    clock.move(timedelta(seconds=1))
    assert sum(give_up_waiting(store, clock.now())) == 1
    row = rows_of(store, [silent])[0]
    assert (row.state, row.reason) == ("unknown", "no_report")
    assert sum(give_up_waiting(store, clock.now())) == 0


def test_only_what_waits_for_a_report_becomes_unknown_in_steps(
    store: Store, clock: FixedClock, sending: Callable[..., list[uuid.UUID]]
) -> None:
    ids = sending(AT_ONCE + 20, state="sent", handed_at=clock.now())
    other = ("waiting", "sending", "uncertain", "delivered", "failed", "skipped")
    kept = [sending(1, state=state, handed_at=clock.now())[0] for state in other]
    clock.move(UNKNOWN_AFTER)
    assert list(give_up_waiting(store, clock.now())) == [AT_ONCE, 20]
    assert {row.state for row in rows_of(store, ids)} == {"unknown"}
    assert [row.state for row in rows_of(store, kept)] == list(other)


@pytest.mark.parametrize(
    ("statuses", "state", "reason"),
    [
        (["Success"], "delivered", None),
        (["Failed"], "failed", "Failed"),
        (["Sent"], "unknown", "no_report"),  # it says no more than we knew
        (["Sent", "Success"], "delivered", None),
        (["Hibernating"], "unknown", "no_report"),
    ],
)
@on_sqlite
def test_a_late_report_still_settles_it(
    store: Store,
    clock: FixedClock,
    silent: uuid.UUID,
    report: Post,
    statuses: list[str],
    state: str,
    reason: str | None,
) -> None:
    clock.move(UNKNOWN_AFTER)
    assert sum(give_up_waiting(store, clock.now())) == 1
    clock.move(timedelta(days=2))
    for status in statuses:
        report("A", status, number(1))
    row = rows_of(store, [silent])[0]
    assert (row.state, row.reason, row.report) == (state, reason, statuses[-1])


# --- numbers that fail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasons", "marked"),
    [
        (["absent", "absent"], False),
        (["absent", "absent", "absent"], True),
        (["Expired", "delivery_failure", "suspended"], True),
        (["bad_number"], False),
        (["bad_number", "bad_number"], True),
        (["bad_number", "absent"], False),
        (["no_credit"] * 5, False),
        (["invalid_sender", "aggregator_error", "not_accepted", "risk_hold", "bad_request", "SomethingNew"], False),
        (["opted_out"] * 5, False),
        (["absent", "no_credit", "absent", "", "absent"], True),
        (["absent", "absent", "delivered", "absent"], False),
    ],
)
@on_sqlite
def test_when_a_number_is_marked(store: Store, clock: FixedClock, reasons: list[str], marked: bool) -> None:
    for reason in reasons:
        with store.write() as unit:
            if reason == "delivered":
                forgive(unit, [NUMBER])
            else:
                count_failures(unit, [(NUMBER, reason or None)])
        clock.move(timedelta(days=1))
    with store.read() as connection:
        assert failing(connection, [NUMBER, number(1)]) == ({NUMBER} if marked else set())
        assert failing(connection, []) == set()


def test_failures_are_counted_in_a_row_and_once_each(
    store: Store,
    clock: FixedClock,
    nobody: AfricasTalking,
    sending: Callable[..., list[uuid.UUID]],
    report: Post,
) -> None:
    ids = sending(4, msisdn=NUMBER)
    with store.write() as unit:
        taken = [(each, Handed(f"A{place}", None, NAME)) for place, each in enumerate(ids[:2])]
        turned_down = [(each, Refused("unsupported_number")) for each in ids[2:]]
        record_all(unit, nobody, [*taken, *turned_down])  # two to one number in one batch
    begun = clock.now()
    assert failures(store) == {NUMBER: (2, "unsupported_number")}
    clock.move(timedelta(hours=1))
    for _ in range(3):
        report("A0", "Failed", failureReason="AbsentSubscriber")
    with store.read() as connection:
        row = connection.execute(select(failing_number)).one()
        assert (row.failures, row.reason, row.since, row.last_at) == (MARKED_AFTER, "absent", begun, clock.now())
        assert failing(connection, [NUMBER]) == {NUMBER}
    report("A1", "Success")
    assert failures(store) == {}
    report("A1", "Failed", failureReason="AbsentSubscriber")  # after the end: no news
    assert failures(store) == {}


def test_who_writes_to_us_is_there(store: Store, web: Any) -> None:
    with store.write() as unit:
        count_failures(unit, [(NUMBER, "absent"), (number(1), "absent")] * 3)
    form = {"id": "1", "from": NUMBER, "to": "COTISA", "text": "SOLDE", "date": "2026-11-22 06:04:45", "linkId": ""}
    assert web.post(f"/sms/africastalking/{SECRET}/inbound", data=form).status_code == 200
    assert web.post(f"/sms/africastalking/{SECRET}/inbound", data={**form, "id": "2", "from": "MTN"}).status_code == 200
    with store.read() as connection:
        assert failing(connection, [NUMBER, number(1)]) == {number(1)}


def test_the_count_ends_where_its_column_does(store: Store) -> None:
    with store.write() as unit:
        count_failures(unit, [(NUMBER, "absent")])
        unit.connection.execute(update(failing_number).values(failures=30_000))
        count_failures(unit, [(NUMBER, "absent")])
    assert failures(store) == {NUMBER: (30_000, "absent")}


# --- who is to be visited ---------------------------------------------------------------------------------------------


@pytest.fixture
def families(store: Store, books: int) -> dict[str, int]:
    """The ids of three households by card, with the sections' codes a, a and b: of two phones, one, and one."""
    with store.write() as unit:
        above = (books, f"/{books}/")
        sections = [add_organisation(unit, above, kind="section", code=code, name=code)[0] for code in "ab"]
        found = {}
        for card, section, phones in (
            ("110052375", sections[0], [(1, True), (2, True)]),
            ("110052383", sections[0], [(3, True), (4, False)]),
            ("110052391", sections[1], [(5, True)]),
        ):
            kept = insert(household).values(card=card, section_id=section, registered_at=unit.now)
            found[card] = unit.connection.execute(kept).inserted_primary_key[0]  # type: ignore[index]
            rows = [{"msisdn": number(one), "household_id": found[card], "main": main} for one, main in phones]
            unit.connection.execute(insert(phone), rows)
        return found


def test_a_household_is_out_of_reach_when_each_of_its_main_phones_is(store: Store, families: dict[str, int]) -> None:
    first, second, third = families
    with store.write() as unit:
        count_failures(unit, [(number(1), "absent"), (number(3), "absent"), (number(3), "absent")] * 2)
        count_failures(unit, [(number(1), "absent"), (number(2), "absent")])
    with store.read() as connection:
        assert unreachable(connection, list(families)) == {second}
        assert unreachable(connection, [first, third]) == set()
        assert unreachable(connection, []) == set()
    with store.write() as unit:
        count_failures(unit, [(number(2), "absent")] * 2)
    with store.read() as connection:
        assert unreachable(connection, list(families)) == {first, second}
        assert [(one.msisdn, one.card) for one in all_failing(connection)] == [
            (number(1), first), (number(2), first), (number(3), second),
        ]  # fmt: skip


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(store: Store, nobody: AfricasTalking, sending: Callable[..., list[uuid.UUID]], report: Post) -> None:
    """Messages of two events and two operators, one in each state and some more."""
    reminders = sending(8, msisdn="+2290196000001")
    receipts = sending(2, event="receipt", msisdn="+2290164000001", parts=2)
    sending(1, state="skipped", reason="opted_out", msisdn="+2290164000002")
    sending(2, state="skipped", reason="held:7:cash:2300:XOF", msisdn="+2290164000002")
    sending(1, state="waiting", msisdn="+2290164000002")
    with store.write() as unit:
        record_all(
            unit,
            nobody,
            [
                *((each, Handed(f"A{place}", "XOF 10.5", NAME)) for place, each in enumerate(reminders[:5])),
                (reminders[5], Unsure("no_answer", NAME)),
                (reminders[6], Refused("bad_number")),
                (reminders[7], Refused("bad_number")),
                (receipts[0], Handed("S1", "USD 0.02", "smpp")),
                (receipts[1], Handed("S2", None, "smpp")),
            ],
        )
        unit.connection.execute(update(message).where(message.c.id == reminders[4]).values(state="unknown"))
        apply_report(unit, told("S1", "Success", "+2290164000001"), "smpp")
    for its_id in ("A0", "A1"):
        report(its_id, "Success", "+2290196000001")
    report("A2", "Failed", "+2290196000001", failureReason="AbsentSubscriber")


def by_key(found: list[Rate]) -> dict[tuple[str, str, str], Any]:
    return {(one.event, one.aggregator, one.operator): one.outcome for one in found}


def test_what_became_of_messages(store: Store, clock: FixedClock, books: int, sent: None) -> None:
    asked: list[str] = []

    def operator_of(msisdn: str) -> str:
        asked.append(msisdn)
        return "MTN" if msisdn.startswith("+2290196") else "Moov"

    with store.read() as connection:
        found = by_key(rates(connection, operator_of, 8))
        assert set(asked) == {"+2290196000001", "+2290164000001", "+2290164000002"}
        assert list(found) == [("receipt", "smpp", "Moov"), ("reminder", "", "MTN"), ("reminder", "", "Moov"),
                               ("reminder", NAME, "MTN")]  # fmt: skip
        taken = found["reminder", NAME, "MTN"]
        assert (taken.handed, taken.delivered, taken.failed, taken.on_the_way) == (5, 2, {"absent": 1}, 1)
        assert (taken.unknown, taken.uncertain, taken.parts, taken.cost_e4) == (1, 1, 6, {"XOF": 525_000})
        assert taken.rate == pytest.approx(2 / 3)
        refused = found["reminder", "", "MTN"]
        assert (refused.handed, refused.failed, refused.parts, refused.rate) == (0, {"bad_number": 2}, 0, 0.0)
        rest = found["reminder", "", "Moov"]
        assert (rest.skipped, rest.waiting, rest.rate, rest.cost_e4) == ({"held": 2, "opted_out": 1}, 1, None, {})
        receipts = found["receipt", "smpp", "Moov"]
        assert (receipts.handed, receipts.parts, receipts.cost_e4) == (2, 4, {"USD": 200})
        assert rates(connection, operator_of, 8, organisations=[books + 1]) == []
        assert len(rates(connection, operator_of, 8, organisations=[books])) == 4
        assert rates(connection, operator_of, 8, since=clock.now() + timedelta(seconds=1)) == []
        assert rates(connection, operator_of, 8, campaign_id=1) == []


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[Run]:
    """Runs one of the commands; a fault is raised."""
    yield runner(monkeypatch, database_url, "sms", TIME_ZONE="Africa/Porto-Novo")
    logging.getLogger().setLevel(logging.WARNING)


def words(line: str) -> str:
    return " ".join(line.split())


@on_sqlite
def test_the_report_is_for_people_and_for_programs(run: Callable[..., str], sent: None) -> None:
    shown = run("report").splitlines()
    heads = (
        "event aggregator operator handed delivered % on the way unknown uncertain waiting parts cost failed skipped"
    )
    assert words(shown[0]) == heads
    assert [words(line) for line in shown[1:]] == [
        "receipt smpp BJ Moov Money 2 1 100.0% 1 0 0 0 4 0.02 USD",
        "reminder - BJ MTN MoMo 0 0 0.0% 0 0 0 0 0 bad_number 2",
        "reminder - BJ Moov Money 0 0 0 0 0 1 0 held 2, opted_out 1",
        "reminder africastalking BJ MTN MoMo 5 2 66.7% 1 1 1 0 6 52.5 XOF absent 1",
    ]
    values = json.loads(run("report", "--json", "--at", "m", "--since", "2026-11-22"))
    assert len(values) == 4
    assert values[3] == {
        "event": "reminder", "aggregator": NAME, "operator": "BJ MTN MoMo", "handed": 5, "delivered": 2,
        "delivered_of_ended": pytest.approx(2 / 3), "failed": {"absent": 1}, "on_the_way": 1, "unknown": 1,
        "uncertain": 1, "skipped": {}, "waiting": 0, "parts": 6, "cost_e4": {"XOF": 525_000},
    }  # fmt: skip
    assert json.loads(run("report", "--json", "--since", "2026-11-23")) == []
    with pytest.raises(Fault, match="2026-13-01 is no day: write YYYY-MM-DD"):
        run("report", "--since", "2026-13-01")
    with pytest.raises(Fault, match="no organisation has the code nowhere"):
        run("report", "--at", "nowhere")


@on_sqlite
def test_failing_numbers_are_listed_masked_with_their_households(
    store: Store, families: dict[str, int], run: Callable[..., str]
) -> None:
    with store.write() as unit:
        for each in (number(1), number(5), "+2290199999999"):
            count_failures(unit, [(each, "absent")] * 3)
    shown = run("failing")
    assert number(1)[5:] not in shown
    assert len(shown.splitlines()) == 4
    values = json.loads(run("failing", "--json", "--at", "b"))
    [one] = values
    assert (one["number"], one["card"], one["section"]) == ("+229…05", "110052391", "b")
    assert (one["failures"], one["reason"], one["since"][:10]) == (3, "absent", "2026-11-22")
    assert {each["card"] for each in json.loads(run("failing", "--json", "--at", "m"))} == {
        "110052375", "110052391",
    }  # fmt: skip


@on_sqlite
def test_the_scheduler_gives_up_waiting_by_itself(
    store: Store, clock: FixedClock, sending: Callable[..., list[uuid.UUID]], run: Callable[..., str]
) -> None:
    ids = sending(3, state="sent", handed_at=clock.now() - timedelta(days=3000))
    runtime = Runtime(Settings.from_env())
    [one] = [each for each in rounds(runtime, "a") if each._job == "unknown messages"]
    while one.go_on():
        pass
    runtime.store.close()
    assert {row.state for row in rows_of(store, ids)} == {"unknown"}
