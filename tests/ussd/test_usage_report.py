"""Where people stop: what a path says of each journey, and the report over many calls, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, insert, update

from gateway.cli import cli
from gateway.network.organisations import Network
from gateway.store.schema import collection, ussd_call, ussd_charge
from gateway.store.unit import Store
from gateway.ussd import report
from gateway.ussd.calls import count_calls
from gateway.ussd.report import ANSWERS, DEAD_ENDS, Journey, Spread, Usage, journeys, place, usage
from gateway.ussd.screen import screens
from gateway.ussd.sessions import LONGEST_S
from tests.ussd.handset import PATH, Handset
from tests.ussd.world import BURUNDI, MEMBER, MORNING, OTHER_MTN, OUAKE, VILLAGE, Place, build

# --- one call ---------------------------------------------------------------------------------------------------------

DONE = None

PATHS: list[tuple[str, dict[str, str | None]]] = [
    ("", {}),
    ("Home", {}),
    ("Home OtherServices", {}),
    ("Language", {"language": "Language"}),
    ("Language Home", {"language": DONE}),
    # registering: the ending isn't needed, the registration is
    ("Language Home HeadName HeadSex HeadYear", {"language": DONE, "register": "HeadYear"}),
    ("Home HeadName HeadSex HeadYear Family ConfirmFamily Registered", {"register": DONE}),
    ("Home HeadName HeadSex HeadName Home", {"register": "HeadName"}),
    ("Resume Family ConfirmFamily Registered PayWhat HowMuch", {"register": DONE, "pay": "HowMuch"}),
    # paying
    ("Home PayWhat", {"pay": "PayWhat"}),
    ("Home PayFor WhichSeen", {"pay": "WhichSeen"}),
    ("Home PayFor PayWhat ConfirmPayment PaymentAsked", {"pay": DONE}),
    ("Home PayWhat ConfirmPayment PayByReference", {"pay": DONE}),
    ("Home PayWhat HowMuch Home MyCover", {"pay": "HowMuch", "cover": DONE}),
    ("Home PayWhat ConfirmPayment PaymentAsked Home PayWhat", {"pay": DONE}),  # once is enough
    # what is looked at is what one came for
    ("Home MyCover PayWhat", {"cover": DONE, "pay": "PayWhat"}),
    ("Home MyPayments", {"payments": DONE}),
    ("Home WhichDistrict PickDistrict", {"facilities": "PickDistrict"}),
    ("Home WhichDistrict PickFacility OneFacility", {"facilities": DONE}),
    ("Home OtherServices WhichReceipt ReceiptCode", {"receipt": "ReceiptCode"}),
    ("Home OtherServices WhichReceipt ReceiptUnknown", {"receipt": DONE}),
    # effects that lead home
    ("Home OtherServices SmsChoice", {"sms": "SmsChoice"}),
    ("Home OtherServices SmsChoice OtherServices", {"sms": "SmsChoice"}),
    ("Home OtherServices SmsChoice Home", {"sms": DONE}),
    # a PIN stands before a journey
    ("Home AskPin", {"pin": "AskPin"}),
    ("Home AskPin Home", {"pin": "AskPin"}),
    ("Home AskPin NoPin", {"pin": "NoPin"}),
    ("Home AskPin NewPin", {"pin": "NewPin"}),
    ("Home AskPin MyFamily WhyJoin", {"pin": DONE, "family": "WhyJoin"}),
    ("Home AskPin NewPin RepeatPin AnimatorDesk", {"pin": DONE, "animator": "AnimatorDesk"}),
    # the family
    ("Home MyFamily WhoLeaves WhyLeaves LeaveDay ConfirmLeave FamilyIsNow MyFamily", {"family": DONE}),
    ("Home MyFamily RenewYear YearRenewed PayWhat ConfirmPayment", {"family": DONE, "pay": "ConfirmPayment"}),
    # desks lead on into other journeys
    ("Home AnimatorDesk FindFamily WhichFamily", {"animator": "WhichFamily"}),
    ("Home AnimatorDesk FindFamily FamilyDesk CashWhat", {"animator": DONE, "cash": "CashWhat"}),
    ("Home AnimatorDesk FindFamily FamilyDesk CashWhat ConfirmCash CashTaken", {"animator": DONE, "cash": DONE}),
    ("Home AnimatorDesk CollectedToday ConfirmHandOver", {"animator": DONE}),
    ("Home AnimatorDesk FindFamily FamilyDesk ForgetPin Home", {"animator": DONE}),
    ("Home TreasurerDesk CloseTheDay CashToConfirm ConfirmReceived", {"treasurer": "ConfirmReceived"}),
    ("Home TreasurerDesk CloseTheDay DayClosed", {"treasurer": DONE}),
    ("Home AgentDesk WhichPatients", {"agent": "WhichPatients"}),
    ("Home AgentDesk CoveredToday ConfirmVisit", {"agent": DONE}),
    # requests
    ("Home OtherServices ComplainOf ComplaintText ConfirmComplaint", {"requests": "ConfirmComplaint"}),
    ("Home OtherServices WantCall CallAsked", {"requests": DONE}),
    # screens of an older menu
    ("Welcome OldMenu Home PayWhat OldConfirm", {"pay": "PayWhat"}),
]


@pytest.mark.parametrize(("path", "expected"), PATHS, ids=[path or "nothing" for path, _ in PATHS])
def test_what_a_path_says_of_its_journeys(path: str, expected: dict[str, str | None]) -> None:
    assert journeys(path.split()) == expected


def test_every_journey_can_be_completed() -> None:
    able, every = set(), set()
    for name in screens():
        here = place(name)
        if here is not None:
            every.add(here.journey)
            if here.done or here.onward or here.door:
                able.add(here.journey)
    assert {"register", "pay", "cover", "family", "pin", "agent"} <= every
    assert every - able == set()


def test_the_screens_that_are_named_here_exist() -> None:
    assert screens().keys() >= ANSWERS | DEAD_ENDS


# --- many calls -------------------------------------------------------------------------------------------------------

PAID = "Home PayWhat ConfirmPayment PaymentAsked"
BUSY = "Language Home PayWhat HowMuch"


class Calls:
    """Writes calls by hand."""

    def __init__(self, store: Store, network: Network) -> None:
        with store.write() as unit:
            build(unit)
        network.forget()
        self.store, self.tree = store, network.tree()
        self.count = 0

    def add(
        self, path: str, end: str = "done", at: datetime = MORNING, cost: str = "", code: str = OUAKE, **other: object
    ) -> None:
        """One call to a short code, and what it cost, told five minutes later."""
        self.count += 1
        row: dict[str, object] = {
            "key": f"call {self.count}", "organisation_id": self.tree.codes[code].organisation_id, "path": path.split(),
            "gateway": "africastalking", "language": "fr", "started_at": at, "seconds": 60, "hops": 5, "end": end,
        }  # fmt: skip
        with self.store.write() as unit:
            unit.connection.execute(insert(ussd_call).values(row | other))
            if cost:
                self._charge(unit.connection, row["key"], cost, at)

    def charge(self, cost: str, at: datetime = MORNING) -> None:
        """A charge whose call was never counted."""
        self.count += 1
        with self.store.write() as unit:
            self._charge(unit.connection, f"call {self.count}", cost, at)

    @staticmethod
    def _charge(connection: Connection, key: object, cost: str, at: datetime) -> None:
        connection.execute(insert(ussd_charge).values(key=key, cost=cost, at=at + timedelta(minutes=5)))

    def report(self, under: str | None = None, days: int = 1) -> Usage:
        path = self.tree.named(under).path if under is not None else "/"
        with self.store.read() as connection:
            return usage(connection, path, MORNING, MORNING + timedelta(days=days))


@pytest.fixture
def written(store: Store, network: Network) -> Calls:
    """A world without calls."""
    return Calls(store, network)


def of(found: Usage, name: str) -> Journey:
    (one,) = (one for one in found.journeys if one.name == name)
    return one


def test_without_calls_there_is_a_report_of_nothing(written: Calls) -> None:
    found = written.report()
    assert (found.calls, found.ends, found.journeys, found.contributions, found.costs) == (0, (), (), 0, ())


def test_calls_are_counted_by_end_gateway_and_language(written: Calls) -> None:
    written.add(PAID)
    written.add(PAID, gateway="hubtel", language="en")
    written.add("Home", "dropped")
    written.add(BUSY, "dropped", language="en")
    written.add(BUSY, "dropped")
    written.add("", "failed")
    found = written.report()
    assert found.calls == 6
    assert found.ends == (("dropped", 3), ("done", 2), ("failed", 1))
    assert found.gateways == (("africastalking", 5), ("hubtel", 1))
    assert found.languages == (("fr", 4), ("en", 2))
    assert found.dropped_at == (("HowMuch", 2), ("Home", 1))


def test_a_journey_says_how_many_completed_it_and_where_the_others_stopped(written: Calls) -> None:
    for hops, seconds in zip(range(1, 12), range(110, 0, -10), strict=True):
        written.add(PAID, hops=hops, seconds=seconds)
    for path, count in (("HowMuch", 4), ("ConfirmPayment", 3), ("WhichPhone", 2), ("PayWhat", 1)):
        for _ in range(count):
            written.add(f"Home PayWhat {path}", "dropped", hops=99, seconds=999)
    paying = of(written.report(), "pay")
    assert (paying.calls, paying.completed) == (21, 11)
    assert paying.stopped == (("HowMuch", 4), ("ConfirmPayment", 3), ("WhichPhone", 2))
    assert (paying.hops, paying.seconds) == (Spread(6, 10), Spread(60, 100))


def test_journeys_come_by_how_often_they_are_begun(written: Calls) -> None:
    written.add("Language", "dropped")
    for _ in range(2):
        written.add("Home MyCover", "dropped")
    found = written.report()
    assert [(one.name, one.completed, one.hops) for one in found.journeys] == [
        ("cover", 2, Spread(5, 5)),
        ("language", 0, None),
    ]


def test_only_calls_of_the_time_count_from_the_first_moment_to_before_the_last(written: Calls) -> None:
    for shift in (timedelta(microseconds=-1), timedelta(0), timedelta(hours=24, microseconds=-1), timedelta(days=1)):
        written.add(PAID, at=MORNING + shift)
    assert written.report().calls == 2


def test_a_part_of_the_network_has_the_calls_to_its_own_codes(written: Calls) -> None:
    written.add(PAID, cost="KES 0.10")
    written.add(PAID, code=VILLAGE, cost="KES 0.40")
    written.add("Home", "dropped", code=BURUNDI, cost="KES 7")
    written.charge("KES 1")
    for under, calls, total in (
        (None, 3, "8.50"),
        ("ouake", 2, "0.50"),
        ("Mutuelle Ouaké", 1, "0.40"),
        ("umoja", 1, "7"),
    ):
        found = written.report(under)
        assert (found.calls, found.costs[0].total) == (calls, Decimal(total)), under
    assert written.report("Awanla").calls == 0


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100])
def test_calls_are_read_in_batches_none_twice_and_none_left_out(
    written: Calls, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(report, "BATCH", batch)
    for minute in (0, 0, 0, 1, 2, 2, 3):  # several at the same moment
        written.add(PAID, at=MORNING + timedelta(minutes=minute))
    assert written.report().calls == 7


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_costs_are_exact_sums_by_currency(written: Calls) -> None:
    for _ in range(3):
        written.add(PAID, cost="KES 0.10")
    written.add("Home", "dropped", cost="KES 0.2000")
    written.add(PAID, cost="XOF 12")
    written.charge("KES 0.05")
    for odd in ("0", "free", "KES", "KES -1"):
        written.add(PAID, cost=odd)
    written.charge("KES 99", at=MORNING + timedelta(days=1))
    found = written.report()
    assert [(one.currency, one.total, one.calls) for one in found.costs] == [
        ("KES", Decimal("0.55"), 5),
        ("XOF", Decimal(12), 1),
    ]
    assert found.unread == 4
    assert [one.per_contribution for one in found.costs] == [None, None]


def pay_by_phone(place: Place, msisdn: str) -> Handset:
    """A household asks to pay what is due."""
    place.household_with(msisdn)
    return place.phone(msisdn).dial().picks("Français", "Payer").types("1", "1").hears_the_end()


def tell_cost(place: Place, phone: Handset, cost: str) -> None:
    """The aggregator's word about a call that is over."""
    told = {"sessionId": phone.session_id, "cost": cost, "status": "Success", "phoneNumber": phone.msisdn}
    assert place.app.test_client().post(f"{PATH}/events", data=told).status_code == 200


def test_a_contribution_costs_what_all_calls_cost_by_those_that_were_paid(any_place: Place) -> None:
    store = any_place.runtime.store
    phones = [pay_by_phone(any_place, MEMBER)]
    any_place.wallet_pays()
    any_place.wait(seconds=1)
    phones.append(pay_by_phone(any_place, OTHER_MTN))  # asked, not paid
    phones.append(any_place.phone("+2290150000003").dial())
    for phone in phones:
        for _ in range(2):  # told twice, charged once
            tell_cost(any_place, phone, "KES 0.10")
    any_place.wait(seconds=LONGEST_S + 1)
    assert count_calls(store, any_place.runtime.sessions, any_place.runtime.clock.now()) == 3

    def told(under: str) -> Usage:
        path = any_place.runtime.network.tree().named(under).path
        with store.read() as connection:
            return usage(connection, path, MORNING, MORNING + timedelta(hours=1))

    found = told("ouake")
    assert (found.calls, found.contributions) == (3, 1)
    assert (of(found, "pay").completed, of(found, "language").stopped) == (2, (("Language", 1),))
    (cost,) = found.costs
    assert (cost.total, cost.per_contribution) == (Decimal("0.30"), Decimal("0.30"))
    any_place.wallet_pays()
    assert told("ouake").costs[0].per_contribution == Decimal("0.15")
    assert told("Mutuelle Ouaké").contributions == 2  # paid there, over the union's code
    assert told("umoja").contributions == 0
    with store.write() as unit:
        unit.connection.execute(update(collection).values(way="cash"))
    assert told("ouake").contributions == 0


# --- the command ------------------------------------------------------------------------------------------------------


Gateway = Callable[..., tuple[int, str]]


@pytest.fixture
def gateway(place: Place) -> Gateway:
    """The command (its exit code, what it says) on a place with calls at both ends of a day in Benin."""
    store = place.runtime.store
    tree = place.runtime.network.tree()
    rows = [
        (PAID, "done", "2026-11-21T23:00:00+00:00"),  # in Benin it is the 22nd
        (BUSY, "dropped", "2026-11-22T22:59:59+00:00"),
        ("Home", "dropped", "2026-11-22T23:00:00+00:00"),
    ]
    with store.write() as unit:
        for number, (path, end, at) in enumerate(rows):
            unit.connection.execute(
                insert(ussd_call).values(
                    key=f"call {number}", organisation_id=tree.named("ouake").id, gateway="africastalking",
                    language="fr", started_at=datetime.fromisoformat(at), seconds=60 + number, hops=5 + number,
                    path=path.split(), end=end,
                )
            )  # fmt: skip
            unit.connection.execute(
                insert(ussd_charge).values(key=f"call {number}", cost="KES 0.10", at=datetime.fromisoformat(at))
            )
    settings = place.runtime.settings
    env = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": "w" * 16,
        "PUBLIC_URL": "https://cotisa.invalid",
    }

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner(env=env).invoke(cli, ["report", "ussd", *words])
        return done.exit_code, done.output if done.exception is None else str(done.exception)

    return run


def test_the_command_shows_a_day_of_the_organisations_own_time_zone(gateway: Gateway) -> None:
    code, shown = gateway("--under", "ouake", "--since", "2026-11-22", "--until", "2026-11-22")
    assert (code, shown) == (
        0,
        """\
2 calls from 2026-11-22 to 2026-11-22
ended: done 1, dropped 1
gateways: africastalking 2
languages: fr 2
dropped at: HowMuch 1

journey   calls  completed  hops 50 %/90 %  seconds 50 %/90 %  most others stopped at
pay           2        50%             5/5              60/60  HowMuch 1
language      1       100%             6/6              61/61

contributions paid by phone: 0
cost: KES 0.20 for 2 calls
""",
    )


def test_the_command_prints_json(gateway: Gateway) -> None:
    code, shown = gateway("--json", "--since", "2026-11-22", "--until", "2026-11-23")
    assert code == 0
    found = json.loads(shown)
    assert (found["under"], found["since"], found["until"]) == (None, "2026-11-22", "2026-11-23")
    assert (found["calls"], found["ends"], found["dropped_at"]) == (
        3, {"dropped": 2, "done": 1}, {"Home": 1, "HowMuch": 1},
    )  # fmt: skip
    assert found["journeys"][0] == {
        "name": "pay", "calls": 2, "completed": 1, "stopped": {"HowMuch": 1},
        "hops": {"median": 5, "ninetieth": 5}, "seconds": {"median": 60, "ninetieth": 60},
    }  # fmt: skip
    assert found["costs"] == [{"currency": "KES", "total": "0.30", "calls": 3, "per_contribution": None}]


def test_the_command_shows_the_last_month_unless_told(gateway: Gateway) -> None:
    code, shown = gateway()
    assert code == 0
    assert " calls from 20" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "2026-11-23", "--until", "2026-11-22"), "--since 2026-11-23 is after --until 2026-11-22"),
        (("--under", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_reported_is_said(gateway: Gateway, words: tuple[str, ...], said: str) -> None:
    code, shown = gateway(*words)
    assert code != 0
    assert said in shown
