"""An operator gives back what two people decided: once, whatever gets lost on the way, and it is in the books then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from gateway.kernel.atomic import require_outside
from gateway.kernel.money import Money
from gateway.payments.collections import newest
from gateway.payments.decisions.cases import open_cases
from gateway.payments.giving_back import GivingBack, who_gives_back
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    FindAnswer,
    NotFound,
    Order,
    Paid,
    Provider,
    Reason,
    Refused,
    Repayment,
    Unclear,
    Waiting,
)
from gateway.payments.push.breaker import PATIENCE, Breakers
from gateway.payments.push.wishes import ask_for_payment
from gateway.payments.refunds import NoRefund, Refund, approve, ask_refund, by_key, drop, next_step, paid
from gateway.payments.reversing import reverse
from gateway.store.outbox import Task, drain
from gateway.store.schema import refund
from tests.payments.commands import on_database_of
from tests.payments.providers.pawapay_play import PawaPayPlay
from tests.payments.village import FIRST_DUE, ON_SQLITE, PAYER, TREASURER, YEAR_DUE, Village, at_once, francs

ASKS, APPROVES = "Bio Sarre", "Fati Bawa"
SILENT = Unclear("no-answer", "nothing came back")


@dataclass
class Wallets:
    """An operator that gives back once for each key; ``lose`` says what happens to the next calls."""

    name: str = "mtn_momo"
    status: dict[str, FindAnswer] = field(default_factory=dict)  # of what arrived, by key
    asked: list[str] = field(default_factory=list)
    looks: int = 0
    lose: list[str] = field(default_factory=list)  # "before", "after", "later", "dies"
    says: AskAnswer = field(default_factory=lambda: Accepted("ACCEPTED", handle="R-77"))
    down: bool = False

    def give_back(self, repayment: Repayment) -> AskAnswer:
        require_outside("the operator")
        if self.down:
            return Unclear("unreached", "no route")
        self.asked.append(repayment.key)
        how = self.lose.pop(0) if self.lose else ""
        if how == "before":
            return SILENT
        if how == "later":
            return Unclear("busy", "429", safe_to_ask_again_after_s=30)
        if isinstance(self.says, Accepted):
            self.status.setdefault(repayment.key, Waiting("PENDING"))
        if how == "dies":
            raise RuntimeError("the worker died here")
        return SILENT if how == "after" else self.says

    def find_back(self, repayment: Repayment) -> FindAnswer:
        require_outside("the operator")
        self.looks += 1
        if self.down:
            return Unclear("unreached", "no route")
        return self.status.get(repayment.key, NotFound("unknown"))

    def ask(self, order: Order) -> AskAnswer:
        raise NotImplementedError

    find = read = ask


@dataclass
class Desk:
    """A payment of 3 900 F, the refund of 1 000 F that two people want, and the worker."""

    office: Village
    operator: Wallets
    home: int
    key: str
    refund: Refund
    faults: list[str] = field(default_factory=list)

    def work(self) -> None:
        office = self.office
        breakers = Breakers(office.store)
        providers: dict[str, Provider] = {"mtn_momo": self.operator}  # type: ignore[dict-item]
        giving = GivingBack(office.store, office.network, office.chart, providers, breakers, office.pace)
        handlers = {"refund.give": giving.give, "refund.look": giving.look, **office.handlers}
        while drain(office.store, "money", handlers, self._tell):
            pass

    def _tell(self, task: Task, error: Exception) -> None:
        self.faults.append(f"{task.topic}: {error}")

    def work_for(self, time: timedelta, steps: int = 12) -> None:
        for _ in range(steps):
            self.office.clock.move(time / steps)
            self.work()

    @property
    def now(self) -> Refund:
        with self.office.store.read() as connection:
            one = by_key(connection, self.refund.key)
        assert one is not None
        return one

    @property
    def stands(self) -> list[str | None]:
        one = self.now
        return [one.state, one.provider, one.said]

    def given(self, amount: int = 1_000, operator_id: str = "MP26.77") -> None:
        self.operator.status[self.refund.key] = Paid(francs(amount), operator_id, PAYER, "COMPLETED")

    def by_hand(self, number: str = "HAND1234") -> Refund | NoRefund:
        with self.office.store.write() as unit:
            return paid(unit, self.office.network.tree(), self.office.chart, self.refund.number, number)

    def dropped(self) -> Refund | NoRefund:
        with self.office.store.write() as unit:
            return drop(unit, self.refund.number, ASKS, "not any more")

    def cases(self) -> list[str]:
        with self.office.store.read() as connection:
            return [one.kind for one in open_cases(connection)]

    @property
    def next(self) -> str:
        return next_step(self.now, self.office.clock.now())

    @property
    def wallet(self) -> int:
        return self.office.balance()["wallet"]


def wanted(office: Village, key: str, gives_back: frozenset[str], amount: int = 1_000) -> Refund:
    with office.store.write() as unit:
        one = ask_refund(unit, office.network.tree(), collection_key=key, amount=francs(amount), reason="x", by=ASKS)
        assert isinstance(one, Refund)
        one = approve(unit, one.number, APPROVES, gives_back)
        assert isinstance(one, Refund)
        return one


@pytest.fixture
def desk(office: Village) -> Desk:
    operator = Wallets()
    home = office.register().household_id
    key = office.push(home, FIRST_DUE)
    providers: dict[str, Provider] = {"mtn_momo": operator}  # type: ignore[dict-item]
    return Desk(office, operator, home, key, wanted(office, key, who_gives_back(providers)))


def test_it_is_asked_once_and_in_the_books_when_it_was_given(desk: Desk) -> None:
    assert desk.stands == ["approved", "mtn_momo", None]
    desk.work()
    assert desk.stands == ["sent", "mtn_momo", "ACCEPTED"]
    assert (desk.now.handle, desk.now.sent_at) == ("R-77", desk.office.clock.now())
    desk.work_for(timedelta(minutes=2))
    assert (desk.wallet, desk.operator.looks > 3) == (FIRST_DUE, True)
    desk.given()
    desk.work_for(timedelta(minutes=2))
    assert desk.stands == ["paid", "mtn_momo", "MP2677"]
    assert desk.wallet == FIRST_DUE - 1_000
    assert desk.office.stands(desk.home).left == francs(YEAR_DUE - FIRST_DUE + 1_000)
    assert desk.office.told("refund") == [("refund", PAYER), ("refund", TREASURER)]
    assert "MP2677" in desk.office.messages("refund")[0].text
    looks = desk.operator.looks
    desk.work_for(timedelta(days=3))
    assert (desk.operator.asked, desk.operator.looks, desk.faults) == ([desk.refund.key], looks, [])


def test_what_was_asked_and_not_answered_is_looked_for_and_not_given_twice(desk: Desk) -> None:
    desk.operator.lose = ["after"]
    desk.work()
    assert desk.stands == ["sent", "mtn_momo", "nothing came back"]
    desk.given()
    desk.work_for(timedelta(seconds=30))
    assert (desk.now.state, desk.operator.asked, desk.wallet) == ("paid", [desk.refund.key], FIRST_DUE - 1_000)


def test_what_never_arrived_is_asked_again_under_its_key(desk: Desk) -> None:
    desk.operator.lose = ["before", "before"]
    desk.work()
    desk.work_for(timedelta(minutes=3))
    assert desk.operator.asked == [desk.refund.key] * 3
    desk.given()
    desk.work_for(timedelta(minutes=3))
    assert (desk.now.state, desk.operator.asked) == ("paid", [desk.refund.key] * 3)


def test_what_certainly_did_not_begin_is_asked_again_without_looking(desk: Desk) -> None:
    desk.operator.lose = ["later"]
    desk.work()
    assert desk.stands == ["approved", "mtn_momo", "429"]
    desk.work_for(timedelta(seconds=29), 1)
    assert len(desk.operator.asked) == 1
    desk.work_for(timedelta(seconds=1), 1)
    assert (desk.now.state, desk.operator.asked, desk.operator.looks) == ("sent", [desk.refund.key] * 2, 0)


def test_a_worker_that_died_in_the_call_leaves_what_is_looked_for(desk: Desk) -> None:
    desk.operator.lose = ["dies"]
    desk.work()
    assert desk.faults == ["refund.give: the worker died here"]
    assert desk.now.state == "sent"
    desk.given()
    desk.work_for(timedelta(minutes=3))
    assert (desk.now.state, desk.operator.asked) == ("paid", [desk.refund.key])


def test_two_workers_ask_once(desk: Desk) -> None:
    at_once(2, desk.work)
    assert (desk.operator.asked, desk.now.state) == ([desk.refund.key], "sent")


def test_what_the_operator_refuses_goes_back_to_a_person(desk: Desk) -> None:
    desk.operator.says = Refused(Reason.OTHER, "AMOUNT_TOO_LARGE")
    desk.work()
    assert desk.stands == ["approved", None, "AMOUNT_TOO_LARGE"]
    assert "by hand" in desk.next
    done = desk.by_hand()
    assert isinstance(done, Refund)
    assert (done.state, done.said, desk.wallet) == ("paid", "HAND1234", FIRST_DUE - 1_000)
    desk.work_for(timedelta(days=20))
    assert (desk.operator.asked, desk.operator.looks) == ([desk.refund.key], 0)


def test_a_refusal_that_turns_out_wrong_is_booked(desk: Desk) -> None:
    desk.work()
    desk.operator.status[desk.refund.key] = Refused(Reason.OTHER, "FAILED")
    desk.work_for(timedelta(minutes=2))
    assert desk.stands == ["approved", None, "FAILED"]
    assert desk.office.told("refund") == []
    desk.given()
    desk.work_for(timedelta(hours=2))
    assert (desk.now.state, desk.wallet, desk.cases()) == ("paid", FIRST_DUE - 1_000, [])


def test_what_the_operator_gave_after_all_beside_a_person_is_a_case(desk: Desk) -> None:
    desk.work()
    desk.operator.status[desk.refund.key] = Refused(Reason.OTHER, "FAILED")
    desk.work_for(timedelta(minutes=2))
    assert isinstance(desk.by_hand(), Refund)
    desk.given()
    desk.work_for(timedelta(days=2))
    assert desk.cases() == ["refund"]
    assert desk.wallet == FIRST_DUE - 1_000  # a person books the second


def test_nobody_decides_by_hand_what_an_operator_may_be_doing(desk: Desk) -> None:
    """For three days; by then somebody has asked the operator's support."""
    assert desk.by_hand() == NoRefund("operator")
    desk.work()
    desk.work_for(timedelta(hours=71))
    assert desk.by_hand() == desk.dropped() == NoRefund("operator")
    assert "asks again by itself" in desk.next
    desk.work_for(timedelta(hours=1))
    assert "support" in desk.next
    looks = desk.operator.looks
    desk.work_for(timedelta(days=5))
    assert desk.operator.looks >= looks + 4  # each day, for ever
    assert isinstance(desk.dropped(), Refund)
    desk.given()
    desk.work_for(timedelta(days=2))
    assert (desk.now.state, desk.cases()) == ("dropped", ["refund"])


def test_before_it_was_sent_it_can_be_dropped(desk: Desk) -> None:
    assert isinstance(desk.dropped(), Refund)
    desk.work()
    assert (desk.operator.asked, desk.wallet) == ([], FIRST_DUE)


def test_an_operator_that_is_down_is_left_alone_and_then_asked(desk: Desk) -> None:
    desk.operator.down = True
    desk.work_for(timedelta(minutes=5), 60)
    assert PATIENCE <= desk.operator.looks < 20
    desk.operator.down = False
    desk.work_for(timedelta(hours=3), 60)
    assert (desk.now.state, desk.operator.asked) == ("sent", [desk.refund.key])


def test_what_really_moved_counts(desk: Desk) -> None:
    desk.work()
    desk.given(900)
    desk.work_for(timedelta(minutes=1))
    assert (desk.now.state, desk.now.amount, desk.wallet) == ("paid", francs(900), FIRST_DUE - 900)
    assert desk.cases() == ["refund"]


@ON_SQLITE
def test_another_currency_is_left_to_a_person(desk: Desk) -> None:
    desk.work()
    desk.operator.status[desk.refund.key] = Paid(Money(5, "USD"), "MP26.77", PAYER, "COMPLETED")
    desk.work_for(timedelta(minutes=1))
    assert (desk.now.state, desk.wallet, desk.cases()) == ("sent", FIRST_DUE, ["refund"])


def test_given_although_the_operator_took_the_payment_back_is_booked_and_shown(desk: Desk) -> None:
    desk.work()
    with desk.office.store.write() as unit:
        assert reverse(unit, desk.office.network.tree(), desk.key, "REVERSED")
    desk.given()
    desk.work_for(timedelta(minutes=1))
    assert (desk.now.state, desk.wallet) == ("paid", -1_000)
    assert desk.cases() == ["reversed", "refund"]


@ON_SQLITE
def test_an_operator_that_has_no_keys_here_any_more_leaves_it_to_a_person(desk: Desk) -> None:
    desk.operator.name, office = "gone", desk.office
    giving = GivingBack(office.store, office.network, office.chart, {}, Breakers(office.store))
    drain(office.store, "money", {**office.handlers, "refund.give": giving.give}, desk._tell)
    assert (desk.now.state, desk.now.provider, desk.faults) == ("approved", None, [])


@ON_SQLITE
def test_what_no_operator_can_give_back_is_given_by_hand(office: Village) -> None:
    home = office.register().household_id
    office.give(home, office.treasurer, 2_000)
    with office.store.read() as connection:
        cash = newest(connection, 1)[0].key
    pushed = office.push(home, 2_000)
    for key, gives_back in ((cash, frozenset({"mtn_momo", "cash"})), (pushed, frozenset({"pawapay"}))):
        one = wanted(office, key, gives_back)
        assert (one.provider, one.state) == (None, "approved")
        with office.store.write() as unit:
            done = paid(unit, office.network.tree(), office.chart, one.number, "MP26.1234")
        assert isinstance(done, Refund)


@ON_SQLITE
def test_the_list_shows_age_and_next_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.work()
    run = on_database_of(desk.office, monkeypatch)
    hours = timedelta(hours=2)
    with desk.office.store.write() as unit:  # the command asks the machine's clock
        unit.connection.execute(update(refund).values(sent_at=datetime.now(UTC) - hours))
    [one] = json.loads(run("refunds", "list", "--json"))
    assert (one["state"], one["provider"], one["key"]) == ("sent", "mtn_momo", desk.refund.key)
    assert one["age_s"] >= hours.total_seconds()
    assert "asks again by itself" in one["next_step"]
    assert "2.0 h" in run("refunds", "list")


# With pawaPay's stand-in


@pytest.fixture(scope="module")
def running_pawapay() -> Iterator[PawaPayPlay]:
    play = PawaPayPlay("--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def pawapay(running_pawapay: PawaPayPlay) -> PawaPayPlay:
    running_pawapay.reset()
    return running_pawapay


@ON_SQLITE
def test_while_an_operator_may_be_giving_nobody_does_because_its_keys_are_gone(desk: Desk) -> None:
    office = desk.office
    desk.operator.lose = ["after"]
    desk.work()
    keyless = GivingBack(office.store, office.network, office.chart, {}, Breakers(office.store), office.pace)
    office.clock.move(timedelta(minutes=1))
    assert drain(office.store, "money", {**office.handlers, "refund.give": keyless.give}, desk._tell)
    assert (desk.now.state, desk.now.at_operator, desk.by_hand()) == ("sent", True, NoRefund("operator"))


@ON_SQLITE
def test_what_is_dropped_by_hand_during_the_call_is_still_looked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.operator.lose = ["before"] * 2
    desk.work()
    desk.operator.down = True
    desk.work_for(timedelta(hours=80))
    arrives = desk.operator.give_back

    def meanwhile(repayment: Repayment) -> AskAnswer:
        answer = arrives(repayment)
        assert isinstance(desk.dropped(), Refund)
        return answer

    monkeypatch.setattr(desk.operator, "give_back", meanwhile)
    desk.operator.down, desk.operator.lose = False, []
    desk.work_for(timedelta(days=3))
    assert (desk.now.state, desk.cases()) == ("dropped", [])
    desk.given()
    desk.work_for(timedelta(days=2))
    assert (desk.now.state, desk.cases()) == ("dropped", ["refund"])


def through_pawapay(office: Village, pawapay: PawaPayPlay) -> tuple[str, Callable[[], None]]:
    """A payment of 2 000 F that came through pawaPay, and the hand that works on the outbox."""
    provider = pawapay.provider(read_timeout_s=2.0)
    office.providers["pawapay"] = provider
    giving = GivingBack(
        office.store, office.network, office.chart, office.providers, Breakers(office.store), office.pace
    )
    faults: list[str] = []

    def work() -> None:
        for _ in range(8):
            handlers = {"refund.give": giving.give, "refund.look": giving.look, **office.handlers}
            while drain(office.store, "money", handlers, lambda task, error: faults.append(f"{task}: {error}")):
                assert not faults
            office.clock.move(timedelta(seconds=15))

    home = office.register().household_id
    with office.store.write() as unit:
        ask_for_payment(
            unit,
            effect_key="pawapay-1",
            books=office.place.books,
            household_id=home,
            provider="pawapay",
            payer=PAYER,
            amount=francs(2_000),
            after=timedelta(0),
            environment="MTN_MOMO_BEN",
        )
    with office.store.read() as connection:
        key = newest(connection, 1)[0].key
    work()
    pawapay.approve(key)
    work()
    assert office.shown(key).paid == francs(2_000)
    return key, work


@pytest.mark.parametrize("lost", [{}, {"drop_after": True}, {"drop_before": True}], ids=["heard", "after", "before"])
@ON_SQLITE
def test_pawapay_gives_back_once(office: Village, pawapay: PawaPayPlay, lost: dict[str, bool]) -> None:
    key, work = through_pawapay(office, pawapay)
    assert who_gives_back(office.providers) == {"pawapay"}
    one = wanted(office, key, who_gives_back(office.providers), 500)
    if lost:
        pawapay.script(**lost)
    work()
    pawapay.approve(one.key)
    work()
    with office.store.read() as connection:
        done = by_key(connection, one.key)
    assert done is not None
    assert (done.state, office.balance()["wallet"]) == ("paid", 1_500)
    assert pawapay.debits(one.key) == 1
    assert done.said is not None
    assert done.said in office.messages("refund")[0].text


@ON_SQLITE
def test_what_pawapay_refuses_goes_back_with_its_word(office: Village, pawapay: PawaPayPlay) -> None:
    key, work = through_pawapay(office, pawapay)
    one = wanted(office, key, who_gives_back(office.providers), 500)
    work()
    pawapay.refuse(one.key, "RECIPIENT_NOT_FOUND")
    work()
    with office.store.read() as connection:
        done = by_key(connection, one.key)
    assert done is not None
    assert (done.state, done.provider) == ("approved", None)
    assert "RECIPIENT_NOT_FOUND" in (done.said or "")
