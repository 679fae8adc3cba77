"""A campaign writes to each it means once, whatever happens meanwhile; and it says of each what became of it."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, func, insert, select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Unavailable
from gateway.membership.households import stop_sms
from gateway.membership.people import Person
from gateway.network.organisations import Network
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.choosing import Choosing
from gateway.sms.campaigns.keeping import CHOOSE, SEND, BadCampaign, Campaign, Draft, Kind
from gateway.sms.campaigns.progress import SETTLED, Progress, progress
from gateway.sms.campaigns.sending import Sending
from gateway.sms.campaigns.states import EDGES, State
from gateway.sms.campaigns.who import Who
from gateway.sms.failing import MARKED_AFTER
from gateway.sms.outgoing import PACE
from gateway.sms.port import Answer, Handed, Refused, SmsPort, TryAgain, Unsure
from gateway.sms.recording import record_all
from gateway.store.outbox import CLAIM, Task, claim, drain
from gateway.store.pace import Pace
from gateway.store.schema import caller, campaign, failing_number, message, news_reader, organisation, outbox, phone
from gateway.store.unit import Store
from tests.payments.village import Village, found
from tests.sms.helpers import StandIn, on_sqlite

HEAD = Person("Adjara Tchédré", "F", 1991, "head")
PRICE_E4 = 120_000
TEXT = {"fr": "{mutuelle}: la cotisation est a payer."}
OF_EACH = {"fr": "Carte {card}: {left} reste a payer."}
A_QUARTER = timedelta(minutes=15)


def number(place: int) -> str:
    """A number that nobody can have."""
    return f"+22901001{place:05}"


class PowerCut(BaseException):
    """Nothing after this point runs, as after kill -9."""


@dataclass
class Around:
    """The real port, or a made-up answer, with something happening around it."""

    port: SmsPort
    before: Callable[[Sequence[str]], object] = lambda _: None
    after: Callable[[Sequence[str], Sequence[Answer]], object] = lambda *_: None
    instead: Callable[[str], Answer] | None = None
    reports: str = "at.delivery"

    def send(self, text: str, msisdn: str) -> Answer:
        return self.send_many(text, [msisdn])[0]

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        self.before(msisdns)
        answers = self.port.send_many(text, msisdns) if self.instead is None else [self.instead(one) for one in msisdns]
        self.after(msisdns, answers)
        return answers

    def wait(self) -> timedelta:
        return timedelta(0)

    def read_report(self, body: bytes) -> None:
        return None


@dataclass
class Fete:
    """A village with families, and the hands that run campaigns in it."""

    village: Village
    port: SmsPort
    per_s: float = 10_000
    recipients: int = 100
    faults: list[str] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.village.store

    @property
    def clock(self) -> FixedClock:
        return self.village.clock

    def families(self, count: int, first: int = 0) -> list[int]:
        """Families with a phone each; their ids."""
        return [self.village.register(number(first + each), people=(HEAD,)).household_id for each in range(count)]

    def make(
        self, texts: dict[str, str] | None = None, kind: Kind = "reminder", budget_e4: int | None = None, **who: Any
    ) -> int:
        """A draft; its number."""
        tree = self.village.network.tree()
        place = self.village.place.books
        draft = Draft(kind, place.id, "Essai", Who(place.code, **who), texts or TEXT, "A. Bio", budget_e4)
        with self.store.write() as unit:
            return keeping.create(unit, tree, draft)

    def start(self, texts: dict[str, str] | None = None, at: datetime | None = None, **more: Any) -> int:
        its_id = self.make(texts, **more)
        with self.store.write() as unit:
            keeping.start(unit, its_id, "A. Bio", {"price_e4": PRICE_E4}, at)
        return its_id

    def handlers(self, port: SmsPort | None = None) -> dict[str, Any]:
        sending = Sending(
            self.store,
            self.village.network,
            port or self.port,
            Pace(per_s={PACE: self.per_s}),
            self.recipients,
            sleep=self.slept_s.append,
        )
        return {CHOOSE: Choosing(self.store, self.village.network), SEND: sending}

    def work(self, port: SmsPort | None = None, stopping: Callable[[], bool] = lambda: False) -> None:
        """Do all that is due now; what a handler raises fails the test."""
        while drain(self.store, "reminders", self.handlers(port), self._tell, stopping=stopping):
            assert not self.faults, self.faults

    def _tell(self, task: Task, error: Exception) -> None:
        self.faults.append(f"{task.topic}: {type(error).__name__}: {error}")

    def choose(self) -> None:
        """Only choose, and send nothing."""
        with pytest.raises(PowerCut):
            self.work(Around(self.port, before=cut))
        with self.store.write() as unit:
            unit.connection.execute(update(message).where(message.c.state == "sending").values(state="waiting"))
            unit.connection.execute(update(outbox).values(claimed_until=None))

    # Looking

    def rows(self, its_id: int) -> list[Row[Any]]:
        with self.store.read() as connection:
            query = select(message).where(message.c.campaign_id == its_id).order_by(message.c.household_id)
            return list(connection.execute(query))

    def ends(self, its_id: int) -> list[tuple[str, str | None]]:
        return [(row.state, row.reason) for row in self.rows(its_id)]

    def states(self, its_id: int) -> dict[str, int]:
        return dict(Counter(row.state for row in self.rows(its_id)))

    def shown(self, its_id: int) -> Campaign:
        with self.store.read() as connection:
            one = keeping.by_id(connection, its_id)
        assert one is not None
        return one

    def progress(self, its_id: int) -> Progress:
        with self.store.read() as connection:
            return progress(connection, self.shown(its_id), self.clock.now())

    def story(self, its_id: int) -> list[str]:
        with self.store.read() as connection:
            return [each.what for each in keeping.story(connection, its_id)]

    def act(self, what: Callable[..., Any], its_id: int, *more: Any) -> Any:
        with self.store.write() as unit:
            return what(unit, its_id, "A. Bio", *more)


def cut(*_: object) -> None:
    raise PowerCut


@pytest.fixture
def fete(store: Store, network: Network, clock: FixedClock, port: AfricasTalking) -> Fete:
    return Fete(Village(store, network, clock, found(store, network)), port)


# --- one text to many -------------------------------------------------------------------------------------------------


def test_each_household_is_written_to_once_in_one_request(fete: Fete, standin: StandIn) -> None:
    fete.families(5)
    its_id = fete.start()
    fete.work()
    fete.clock.move(timedelta(hours=1))
    fete.work()
    sent = standin.sent()
    assert Counter(one["to"] for one in sent) == Counter(number(each) for each in range(5))
    assert {one["message"] for one in sent} == {"Mutuelle de Ouaké: la cotisation est a payer."}
    assert len({one["connection"] for one in sent}) == 1
    one, shown = fete.shown(its_id), fete.progress(its_id)
    assert (one.state, one.committed_e4) == (State.DONE, 5 * 120_000)
    assert (shown.total, shown.settled, shown.cost_e4, shown.uncertain_e4(one)) == (5, 5, {"XOF": 5 * 120_000}, 0)
    assert fete.story(its_id) == ["made", "started", "done"]


def test_texts_that_differ_are_requests_of_their_own(fete: Fete, standin: StandIn) -> None:
    fete.families(3)
    asked: list[int] = []
    its_id = fete.start(OF_EACH)
    fete.work(Around(fete.port, before=lambda numbers: asked.append(len(numbers))))
    assert asked == [1, 1, 1]
    assert sorted(one["message"] for one in standin.sent()) == sorted(row.text for row in fete.rows(its_id))
    assert len({one["message"] for one in standin.sent()}) == 3


@on_sqlite
def test_a_request_names_no_more_numbers_than_it_may(fete: Fete) -> None:
    fete.families(7)
    fete.recipients = 3
    asked: list[int] = []
    fete.start()
    fete.work(Around(fete.port, before=lambda numbers: asked.append(len(numbers))))
    assert sorted(asked) == [1, 3, 3]


@on_sqlite
def test_everybody_reads_their_own_language(fete: Fete, standin: StandIn) -> None:
    fete.families(3)
    fete.village.speak(number(1), "en")
    fete.village.speak(number(2), "sw")  # which the campaign doesn't speak
    its_id = fete.start({"fr": "A payer: {left}", "en": "To pay: {left}"})
    fete.work()
    by_number = {one["to"]: one["message"] for one in standin.sent()}
    assert by_number[number(0)] == by_number[number(2)] == "A payer: 5 400 F"
    assert by_number[number(1)].startswith("To pay: 5")
    assert [row.language for row in fete.rows(its_id)] == ["fr", "en", "fr"]


@on_sqlite
def test_a_shared_phone_is_told_the_card(fete: Fete, standin: StandIn) -> None:
    one, other = fete.families(2)
    fete.village.add_phone(other, number(0))
    with fete.store.write() as unit:
        unit.connection.execute(update(phone).where(phone.c.msisdn == number(1)).values(main=False))
    its_id = fete.start()
    fete.work()
    cards = [fete.village.family(each).card for each in (one, other)]
    texts = [row.text for row in fete.rows(its_id)]
    assert [each["to"] for each in standin.sent()] == [number(0)] * 2
    assert sorted(each["message"] for each in standin.sent()) == sorted(texts)
    for card, text in zip(cards, texts, strict=True):
        assert card in text.replace(" ", "")


# --- who isn't written to ---------------------------------------------------------------------------------------------


def test_whoever_pays_before_it_is_sent_is_not_reminded(fete: Fete, standin: StandIn) -> None:
    homes = fete.families(3)
    its_id = fete.start(owing=True)
    fete.choose()
    fete.village.give(homes[1], fete.village.treasurer, 20_000)
    fete.work()
    assert fete.ends(its_id) == [("sent", None), ("skipped", "paid"), ("sent", None)]
    assert len(standin.sent()) == 2


def test_whoever_pays_while_there_is_no_credit_is_not_reminded(fete: Fete, standin: StandIn) -> None:
    (home,) = fete.families(1)
    standin.script({"code": 405})
    its_id = fete.start({"fr": "{left} a payer"}, owing=True)
    fete.work()
    assert fete.ends(its_id) == [("waiting", "no_credit")]
    fete.village.give(home, fete.village.treasurer, 20_000)
    fete.clock.move(A_QUARTER)
    fete.work()
    assert fete.ends(its_id) == [("skipped", "paid")]
    assert standin.sent() == []


@on_sqlite
def test_what_was_turned_down_for_now_is_worded_anew(fete: Fete, standin: StandIn) -> None:
    (home,) = fete.families(1)
    standin.script({"code": 405})
    fete.start({"fr": "{left} a payer"}, owing=True)
    fete.work()
    fete.village.give(home, fete.village.treasurer, 1_000)
    fete.clock.move(A_QUARTER)
    fete.work()
    assert [one["message"] for one in standin.sent()] == ["4 400 F a payer"]


@on_sqlite
def test_reasons_for_not_being_written_to(fete: Fete, standin: StandIn) -> None:
    homes = fete.families(4)
    with fete.store.write() as unit:
        unit.connection.execute(update(phone).where(phone.c.household_id == homes[0]).values(main=False))
        stop_sms(unit, number(1), stopped=True)
        now = unit.now
        row = {"msisdn": number(2), "failures": MARKED_AFTER, "since": now, "last_at": now, "reason": "absent"}
        unit.connection.execute(insert(failing_number), row)
    its_id = fete.start()
    fete.work()
    assert fete.ends(its_id) == [
        ("skipped", "no phone"),
        ("skipped", "opted_out"),
        ("skipped", "number fails"),
        ("sent", None),
    ]
    assert [one["to"] for one in standin.sent()] == [number(3)]
    assert fete.shown(its_id).state is State.DONE


@on_sqlite
def test_another_phone_is_taken_where_the_first_fails(fete: Fete, standin: StandIn) -> None:
    (home,) = fete.families(1)
    fete.village.add_phone(home, number(7))
    with fete.store.write() as unit:
        stop_sms(unit, number(0), stopped=True)
    fete.start()
    fete.work()
    assert [one["to"] for one in standin.sent()] == [number(7)]


@on_sqlite
def test_who_opted_out_at_the_aggregator_has_stopped_with_us(fete: Fete, standin: StandIn) -> None:
    fete.families(2)
    standin.play("script", {"numbers": {number(1): {"code": 406}}})
    its_id = fete.start()
    fete.work()
    assert fete.ends(its_id) == [("sent", None), ("failed", "opted_out")]
    with fete.store.read() as connection:
        assert connection.scalar(select(caller.c.stopped_at).where(caller.c.msisdn == number(1))) is not None
    again = fete.start()
    fete.work()
    assert fete.ends(again) == [("sent", None), ("skipped", "opted_out")]


@on_sqlite
def test_news_go_to_their_readers_and_to_nobody_twice(fete: Fete, standin: StandIn) -> None:
    section = fete.village.place.section_id
    with fete.store.write() as unit:
        for place, organisation_id in ((1, fete.village.place.books.id), (1, section), (2, section)):
            row = {"msisdn": number(place), "organisation_id": organisation_id, "since": unit.now}
            unit.connection.execute(insert(news_reader), row)
    its_id = fete.start({"fr": "Assemblee samedi. {mutuelle}"}, kind="news")
    fete.work()
    assert Counter(one["to"] for one in standin.sent()) == Counter([number(1), number(2)])
    assert fete.states(its_id) == {"sent": 2}


# --- answers ----------------------------------------------------------------------------------------------------------


@on_sqlite
def test_each_of_a_request_has_an_answer_of_its_own(fete: Fete, standin: StandIn) -> None:
    fete.families(5)
    codes = {number(1): 403, number(2): 500, number(3): 401}
    standin.play("script", {"numbers": {each: {"code": code} for each, code in codes.items()}})
    its_id = fete.start()
    fete.work()
    assert fete.ends(its_id) == [
        ("sent", None),
        ("failed", "bad_number"),
        ("waiting", "aggregator_error"),
        ("failed", "risk_hold"),
        ("sent", None),
    ]
    standin.script()
    assert fete.shown(its_id).committed_e4 == 2 * PRICE_E4
    fete.clock.move(timedelta(seconds=31))
    fete.work()
    assert fete.states(its_id) == {"sent": 3, "failed": 2}
    assert fete.shown(its_id).state is State.DONE
    assert fete.shown(its_id).committed_e4 == 3 * PRICE_E4


@on_sqlite
@pytest.mark.parametrize(
    ("does", "taken"),
    [({"drop_after": True}, 3), ({"drop_before": True}, 0), ({"http": 500}, 0), ({"text_answer": "OK"}, 3),
     ({"html_answer": "<html>"}, 3)],
    ids=["drop after", "drop before", "500", "text", "HTML"],
)  # fmt: skip
def test_nobody_is_written_to_twice_over_an_answer_that_was_lost(
    fete: Fete, standin: StandIn, does: dict[str, Any], taken: int
) -> None:
    fete.families(3)
    standin.script(does)
    its_id = fete.start()
    for _ in range(3):
        fete.work()
        fete.clock.move(timedelta(hours=1))
    assert fete.states(its_id) == {"uncertain": 3}
    assert len(standin.sent()) == taken
    one = fete.shown(its_id)
    assert (one.state, one.committed_e4) == (State.DONE, 3 * PRICE_E4)
    assert fete.progress(its_id).uncertain_e4(one) == 3 * PRICE_E4


@on_sqlite
def test_who_is_left_out_of_an_answer_is_uncertain(fete: Fete, standin: StandIn) -> None:
    fete.families(3)
    standin.script({"leave_out": 1})
    its_id = fete.start()
    fete.work()
    assert sorted(row.state for row in fete.rows(its_id)) == ["sent", "sent", "uncertain"]


@on_sqlite
@pytest.mark.parametrize(
    ("does", "wait"), [({"http": 429}, timedelta(seconds=30)), ({"code": 405}, A_QUARTER)], ids=str
)
def test_without_credit_or_too_fast_all_wait_and_then_go_on(
    fete: Fete, standin: StandIn, does: dict[str, Any], wait: timedelta
) -> None:
    fete.families(1)
    standin.script(does, does)
    its_id = fete.start()
    for _ in range(2):
        fete.work()
        assert fete.states(its_id) == {"waiting": 1}
        assert fete.shown(its_id).committed_e4 == 0
        fete.clock.move(wait - timedelta(seconds=1))
        fete.work()
        assert fete.states(its_id) == {"waiting": 1}
        fete.clock.move(timedelta(seconds=1))
    fete.work()
    assert fete.states(its_id) == {"sent": 1}
    assert len(standin.sent()) == 1


# --- money ------------------------------------------------------------------------------------------------------------


def test_a_budget_stops_exactly_at_its_ceiling_and_more_goes_on(fete: Fete, standin: StandIn) -> None:
    fete.families(6)
    its_id = fete.start(budget_e4=4 * PRICE_E4 + PRICE_E4 - 1)
    fete.work()
    one = fete.shown(its_id)
    assert (one.state, one.reason, one.committed_e4) == (State.PAUSED, "budget", 4 * PRICE_E4)
    assert fete.states(its_id) == {"sent": 4, "waiting": 2}
    with pytest.raises(BadCampaign, match="larger"):
        fete.act(keeping.resume, its_id)
    fete.clock.move(timedelta(days=1))
    fete.work()
    assert len(standin.sent()) == 4
    fete.act(keeping.resume, its_id, 6 * PRICE_E4)
    fete.work()
    one = fete.shown(its_id)
    assert (one.state, one.committed_e4) == (State.DONE, 6 * PRICE_E4)
    assert fete.story(its_id) == ["made", "started", "paused", "resumed", "done"]


@on_sqlite
def test_what_was_refused_costs_nothing_and_its_money_goes_to_others(fete: Fete, standin: StandIn) -> None:
    fete.families(4)
    standin.play("script", {"numbers": {number(0): {"code": 403}, number(1): {"code": 403}}})
    its_id = fete.start(budget_e4=3 * PRICE_E4)
    fete.work()
    assert fete.states(its_id) == {"failed": 2, "sent": 2}
    assert fete.shown(its_id).state is State.DONE


@on_sqlite
def test_a_budget_without_a_price_cannot_be_kept(fete: Fete) -> None:
    its_id = fete.make(budget_e4=1)
    with pytest.raises(BadCampaign, match="SMS_PRICE"):
        fete.act(keeping.start, its_id, {})


# --- stopping, going on, ending ---------------------------------------------------------------------------------------


def test_paused_in_the_middle_it_goes_on_where_it_stopped(fete: Fete, standin: StandIn) -> None:
    fete.families(9)
    fete.per_s = 1.5  # three at a time
    its_id = fete.start()

    def pause(*_: object) -> None:
        fete.act(keeping.pause, its_id)

    fete.work(Around(fete.port, before=pause))
    assert fete.states(its_id) == {"sent": 3, "waiting": 6}
    fete.clock.move(timedelta(days=1))
    fete.work()
    assert len(standin.sent()) == 3
    fete.act(keeping.resume, its_id)
    for _ in range(3):
        fete.work()
        fete.clock.move(timedelta(seconds=30))
    assert fete.states(its_id) == {"sent": 9}
    assert max(Counter(one["to"] for one in standin.sent()).values()) == 1


@on_sqlite
def test_resumed_while_somebody_hands_over_nobody_is_called_uncertain(fete: Fete, standin: StandIn) -> None:
    fete.families(3)
    its_id = fete.start()

    def pause_and_resume(*_: object) -> None:
        fete.act(keeping.pause, its_id)
        fete.act(keeping.resume, its_id)
        fete.work()  # another worker, meanwhile

    fete.work(Around(fete.port, before=pause_and_resume))
    assert fete.states(its_id) == {"sent": 3}
    fete.clock.move(CLAIM)
    fete.work()
    assert fete.shown(its_id).state is State.DONE
    assert len(standin.sent()) == 3


@on_sqlite
def test_paused_after_its_last_message_it_is_done_when_it_is_resumed(fete: Fete) -> None:
    fete.families(1)
    its_id = fete.start()
    fete.work(Around(fete.port, after=lambda *_: fete.act(keeping.pause, its_id)))
    assert fete.shown(its_id).state is State.PAUSED
    fete.act(keeping.resume, its_id)
    fete.work()
    assert fete.shown(its_id).state is State.DONE


def test_cancelled_in_the_middle_nobody_else_is_written_to(fete: Fete, standin: StandIn) -> None:
    fete.families(5)
    fete.per_s = 1.0  # two at a time
    its_id = fete.start()
    # Of the two that are in our hands one is turned down for now: it isn't tried again.
    standin.play("script", {"numbers": {number(0): {"code": 500}}})
    fete.work(Around(fete.port, before=lambda _: fete.act(keeping.cancel, its_id)))
    ends = Counter(fete.ends(its_id))
    assert sum(ends.values()) == 5
    assert set(ends) <= {("sent", None), ("skipped", "cancelled")}
    assert len(standin.sent()) == ends["sent", None] <= 2
    with pytest.raises(BadCampaign, match="cancelled"):
        fete.act(keeping.resume, its_id)


@on_sqlite
def test_cancelled_while_they_are_turned_down_for_now_they_are_skipped(fete: Fete) -> None:
    fete.families(2)
    its_id = fete.start()
    turned_down = Around(
        fete.port,
        before=lambda _: fete.act(keeping.cancel, its_id),
        instead=lambda _: TryAgain("throttled", timedelta(seconds=30)),
    )
    fete.work(turned_down)
    assert fete.ends(its_id) == [("skipped", "cancelled")] * 2
    assert fete.shown(its_id).committed_e4 == 0


@on_sqlite
@pytest.mark.parametrize("state", State)
def test_only_legal_moves_are_made(fete: Fete, state: State) -> None:
    acts: dict[State, Callable[[int], object]] = {
        State.RUNNING: lambda its_id: (
            fete.act(keeping.resume, its_id) if state is State.PAUSED else fete.act(keeping.start, its_id, {})
        ),
        State.PAUSED: lambda its_id: fete.act(keeping.pause, its_id),
        State.CANCELLED: lambda its_id: fete.act(keeping.cancel, its_id),
    }
    for to, act in acts.items():
        its_id = fete.make()
        with fete.store.write() as unit:
            unit.connection.execute(update(campaign).where(campaign.c.id == its_id).values(state=state.value))
        if to in EDGES[state]:
            act(its_id)
            assert fete.shown(its_id).state is to
        else:
            with pytest.raises(BadCampaign, match=state):
                act(its_id)
            assert fete.shown(its_id).state is state


# --- when -------------------------------------------------------------------------------------------------------------


@on_sqlite
def test_a_scheduled_campaign_starts_at_its_time(fete: Fete, standin: StandIn) -> None:
    fete.families(1)
    its_id = fete.start(at=fete.clock.now() + timedelta(hours=2))
    fete.work()
    assert fete.shown(its_id).state is State.SCHEDULED
    late = fete.families(1, first=5)  # who comes meanwhile is meant too
    fete.clock.move(timedelta(hours=2))
    fete.work()
    assert fete.shown(its_id).state is State.DONE
    assert [row.household_id for row in fete.rows(its_id)][-1:] == late
    assert len(standin.sent()) == 2


@on_sqlite
def test_a_scheduled_campaign_that_was_paused_waits_for_its_time_again(fete: Fete) -> None:
    fete.families(1)
    its_id = fete.start(at=fete.clock.now() + timedelta(hours=2))
    fete.act(keeping.pause, its_id)
    fete.act(keeping.resume, its_id)
    assert fete.shown(its_id).state is State.SCHEDULED
    fete.work()
    fete.clock.move(timedelta(hours=2))
    fete.work()
    assert fete.shown(its_id).state is State.DONE


@on_sqlite
def test_nothing_is_sent_in_quiet_hours_and_the_order_is_kept(fete: Fete, standin: StandIn) -> None:
    fete.families(12)
    with fete.store.write() as unit:
        unit.connection.execute(update(organisation).values(quiet_from=20, quiet_until=7))
    fete.village.network.forget()
    fete.clock.at = datetime(2026, 11, 22, 18, 58, 52, tzinfo=UTC)  # a minute and eight seconds to eight there
    fete.per_s = 0.5  # one at a time
    its_id = fete.start()
    order: list[str] = []
    seen: list[datetime] = []

    def note(numbers: Sequence[str]) -> None:
        order.extend(numbers)
        seen.append(fete.clock.now() + timedelta(seconds=fete.slept_s[-1] if fete.slept_s else 0))

    noting = Around(fete.port, before=note)
    for _ in range(4):
        fete.work(noting)
        fete.clock.move(timedelta(seconds=10))
    assert 0 < len(order) < 12
    assert max(seen) < datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
    fete.clock.at = datetime(2026, 11, 23, 5, 59, tzinfo=UTC)
    fete.work(noting)
    count = len(order)
    for _ in range(12):
        fete.clock.move(timedelta(minutes=1))
        fete.work(noting)
    assert count < len(order) == 12
    assert seen[-1] >= datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert fete.states(its_id) == {"sent": 12}
    ids = {row.msisdn: row.id for row in fete.rows(its_id)}
    assert [ids[each] for each in order] == sorted(ids.values())


@on_sqlite
def test_after_a_week_nobody_is_reminded_any_more(fete: Fete, standin: StandIn) -> None:
    fete.families(2)
    its_id = fete.start()
    fete.choose()
    fete.clock.move(timedelta(days=8))
    fete.work()
    assert fete.ends(its_id) == [("skipped", "too late")] * 2
    assert standin.sent() == []


@on_sqlite
def test_nothing_is_taken_while_the_slots_of_others_are_far_away(fete: Fete, standin: StandIn) -> None:
    fete.families(3)
    fete.per_s = 1.0
    with fete.store.write() as unit:
        Pace(per_s={PACE: 1.0}).reserve(unit, PACE, 60)
    its_id = fete.start()
    fete.work()
    assert fete.states(its_id) == {"waiting": 3}
    fete.clock.move(timedelta(seconds=60))
    fete.work()
    assert fete.states(its_id) == {"sent": 3}


# --- who dies in the middle -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["before the call", "after the call"])
def test_killed_while_handing_over(fete: Fete, standin: StandIn, step: str) -> None:
    fete.families(4)
    fete.per_s = 1.0  # two at a time
    its_id = fete.start()
    port = Around(fete.port, before=cut) if step == "before the call" else Around(fete.port, after=cut)
    with pytest.raises(PowerCut):
        fete.work(port)
    taken = len(standin.sent())
    assert taken == (0 if step == "before the call" else 2)
    fete.work()  # its claim hasn't run out
    assert fete.states(its_id) == {"sending": 2, "waiting": 2}
    fete.clock.move(CLAIM + timedelta(seconds=1))
    for _ in range(3):
        fete.work()
        fete.clock.move(timedelta(seconds=30))
    assert fete.states(its_id) == {"uncertain": 2, "sent": 2}
    assert Counter(one["to"] for one in standin.sent()).most_common(1)[0][1] == 1
    assert len(standin.sent()) == taken + 2
    assert fete.shown(its_id).committed_e4 == 4 * PRICE_E4
    assert fete.shown(its_id).state is State.DONE


def test_killed_while_choosing_nobody_is_chosen_twice_or_passed_over(
    fete: Fete, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = fete.families(7)
    monkeypatch.setattr("gateway.sms.campaigns.choosing.SLICE", 2)
    monkeypatch.setattr("gateway.sms.campaigns.who.BATCH", 2)
    monkeypatch.setattr("gateway.sms.campaigns.choosing.next_batch", with_batches_of(2))
    its_id = fete.start()
    for _ in range(3):
        choosing = Choosing(fete.store, fete.village.network)
        with fete.store.write() as unit:
            choosing._step(unit, its_id)
        dies_inside(fete.store, choosing, its_id)
    assert [row.household_id for row in fete.rows(its_id)] == homes[:6]
    fete.work()
    assert [row.household_id for row in fete.rows(its_id)] == homes
    assert len(standin.sent()) == 7
    assert fete.shown(its_id).slices == 4


def with_batches_of(most: int) -> Callable[..., Any]:
    from gateway.sms.campaigns.who import next_batch

    return lambda connection, tree, who, on, after: next_batch(connection, tree, who, on, after, most)


def dies_inside(store: Store, choosing: Choosing, its_id: int) -> None:
    """A step that is undone by a power cut before its commit."""
    with suppress(PowerCut), store.write() as unit:
        choosing._step(unit, its_id)
        raise PowerCut


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Handed("ATXid_late", "XOF 12.0000", "africastalking"), "sent"),
        (Refused("bad_number"), "failed"),
        (Unsure("no_answer", "africastalking"), "uncertain"),
        (TryAgain("throttled", timedelta(seconds=30)), "sent"),  # by whoever comes after
    ],
    ids=["taken", "refused", "unsure", "turned down for now"],
)
@pytest.mark.parametrize("others", [0, 2], ids=["alone", "with others"])
def test_a_slow_worker_whose_claim_ran_out_records_what_it_knows(
    fete: Fete, standin: StandIn, answer: Answer, state: str, others: int
) -> None:
    fete.families(1 + others)
    fete.per_s = 0.5  # one at a time
    its_id = fete.start()
    slow = Around(fete.port, before=lambda _: None, instead=lambda _: answer)
    once: list[int] = []

    def hang(_: object) -> None:
        if not once:
            once.append(1)
            fete.clock.move(CLAIM + timedelta(seconds=1))
            take_over(fete, others)

    slow.before = hang
    fete.work(slow)
    rows = {row.msisdn: row for row in fete.rows(its_id)}
    assert len(rows) == 1 + others
    for _ in range(6):
        fete.clock.move(timedelta(minutes=3))
        fete.work()
    ends = Counter(row.state for row in fete.rows(its_id))
    if isinstance(answer, TryAgain) and not others:
        # Nobody was left to wait for: the campaign was over before the answer came.
        assert fete.ends(its_id) == [("skipped", "too late")]
    else:
        assert ends == Counter([state] + ["sent"] * others)
    assert max(Counter(one["to"] for one in standin.sent()).values(), default=1) == 1
    assert fete.shown(its_id).state is State.DONE


def take_over(fete: Fete, others: int) -> None:
    """What another worker does: all there is, or where others wait one message, so that some still wait afterwards."""
    if not others:
        fete.work()
        return
    sending = fete.handlers()[SEND]
    for task in claim(fete.store, "reminders"):
        its_id, slice_number = map(int, task.subject.split(":"))
        with fete.store.write() as unit:
            found = sending._take(unit, task, its_id, slice_number, interrupted=True)
        sending._hand_over(task, its_id, slice_number, found)


@on_sqlite
def test_what_was_answered_is_not_lost_over_a_moment_without_the_database(
    fete: Fete, monkeypatch: pytest.MonkeyPatch
) -> None:
    fete.families(2)
    its_id = fete.start()
    down = [Unavailable("database: away"), Unavailable("database: away")]

    def away(*asked: Any) -> Any:
        if asked[2] and down:
            raise down.pop()
        return record_all(*asked)

    monkeypatch.setattr("gateway.sms.campaigns.sending.record_all", away)
    fete.work()
    assert not down
    assert fete.states(its_id) == {"sent": 2}
    assert fete.shown(its_id).committed_e4 == 2 * PRICE_E4


def test_two_workers_share_a_campaign(
    pg_store: Store, clock: FixedClock, port: AfricasTalking, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import DEFAULTS

    network = Network(pg_store, DEFAULTS)
    fete = Fete(Village(pg_store, network, clock, found(pg_store, network)), port)
    fete.families(40)
    monkeypatch.setattr("gateway.sms.campaigns.choosing.SLICE", 4)
    its_id = fete.start(OF_EACH)
    begin, by_worker = threading.Barrier(2), [0, 0]

    def worker(place: int) -> None:
        def count(_: object) -> None:
            by_worker[place] += 1

        begin.wait()
        for _ in range(200):
            drain(pg_store, "reminders", fete.handlers(Around(port, before=count)), fete._tell)
            if fete.shown(its_id).state is State.DONE:
                return

    threads = [threading.Thread(target=worker, args=(place,)) for place in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not fete.faults
    assert fete.states(its_id) == {"sent": 40}
    assert fete.shown(its_id).state is State.DONE
    assert Counter(one["to"] for one in standin.sent()) == Counter(number(each) for each in range(40))
    assert all(by_worker), by_worker


# --- whatever happens -------------------------------------------------------------------------------------------------

KINDS: list[dict[str, Any]] = [
    {}, {}, {}, {"drop_before": True}, {"drop_after": True}, {"http": 500}, {"http": 429}, {"text_answer": "OK"},
    {"html_answer": "<html>"}, {"leave_out": 1}, {"codes": {"0": 403}}, {"codes": {"1": 500, "0": 406}},
    {"codes": {"1": 405}},
]  # fmt: skip
TURN = st.tuples(st.sampled_from(KINDS), st.sampled_from(["", "", "", "before", "after", "slow", "pause"]))


@dataclass
class Storm:
    """What happens to each request in turn: how it is answered, and who dies, hangs or is paused around it."""

    fete: Fete
    standin: StandIn
    its_id: int
    turns: list[tuple[dict[str, Any], str]]
    then: str = ""

    def before(self, _: Sequence[str]) -> None:
        if not self.turns:
            return
        does, self.then = self.turns.pop()
        self.standin.script(does)
        if self._is("before"):
            raise PowerCut

    def after(self, *_: object) -> None:
        if self._is("after"):
            raise PowerCut
        if self._is("slow"):
            self.fete.clock.move(CLAIM + timedelta(seconds=1))
            self.fete.work()  # somebody else takes over
        if self._is("pause") and self.fete.shown(self.its_id).state is State.RUNNING:
            self.fete.act(keeping.pause, self.its_id)

    def _is(self, what: str) -> bool:
        if self.then != what:
            return False
        self.then = ""
        return True


@on_sqlite
@settings(
    max_examples=int(os.environ.get("CAMPAIGN_EXAMPLES", "12")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(turns=st.lists(TURN, max_size=8), budget=st.sampled_from([None, 3, 5]))
def test_whatever_happens(fete: Fete, standin: StandIn, turns: list[Any], budget: int | None) -> None:
    """One row each, at most one acceptance each, what is committed covers the bill, and all is told rightly."""
    with fete.store.read() as connection:
        count = connection.scalar(select(func.count()).select_from(phone)) or 0
    if not count:
        fete.families(6)
    with fete.store.write() as unit:
        unit.connection.execute(caller.delete())
        unit.connection.execute(failing_number.delete())
    standin.play("reset", {})
    fete.per_s = 1.5
    its_id = fete.start(budget_e4=budget * PRICE_E4 if budget else None)
    storm = Storm(fete, standin, its_id, list(turns))
    port = Around(fete.port, before=storm.before, after=storm.after)
    for _ in range(60):
        with suppress(PowerCut):
            fete.work(port)
        one = fete.shown(its_id)
        assert one.committed_e4 >= len(standin.sent()) * PRICE_E4
        assert one.budget_e4 is None or one.committed_e4 <= one.budget_e4
        if one.state is State.DONE:
            break
        if one.state is State.PAUSED:
            fete.act(keeping.resume, its_id, (one.budget_e4 or 0) + PRICE_E4 if one.reason == "budget" else None)
        fete.clock.move(A_QUARTER + timedelta(seconds=1))
    rows = fete.rows(its_id)
    assert fete.shown(its_id).state is State.DONE
    assert len(rows) == 6
    assert {row.state for row in rows} <= set(SETTLED)
    accepted = Counter(one["to"] for one in standin.sent())
    assert set(accepted.values()) <= {1}
    for row in rows:
        assert row.state == "uncertain" or (row.state == "sent") == (row.msisdn in accepted and row.msisdn != ""), row
    shown, one = fete.progress(its_id), fete.shown(its_id)
    assert one.committed_e4 == shown.cost_e4.get("XOF", 0) + shown.uncertain_e4(one)
