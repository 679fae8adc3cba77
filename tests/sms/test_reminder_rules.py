"""A rule reminds of each due date once, only those who still owe it, and of nothing from before it or after it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership.plans import add_plan
from gateway.network.organisations import Network, add_organisation
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.campaigns import rules
from gateway.sms.campaigns.choosing import Choosing
from gateway.sms.campaigns.keeping import CHOOSE, SEND
from gateway.sms.campaigns.rules import Reminding, Rule
from gateway.sms.campaigns.sending import PACE, Sending
from gateway.store.outbox import drain
from gateway.store.pace import Pace
from gateway.store.schema import campaign, line, message, reminder_rule, service_code
from gateway.store.unit import Store
from tests.payments.village import TERMS, Village, at_once, found
from tests.sms.helpers import StandIn, on_sqlite
from tests.sms.running import commands

TEXT = {"fr": "Carte {card}: {due} a payer le {date}."}
A_DAY = timedelta(days=1)


def number(place: int) -> str:
    """A number that nobody can have."""
    return f"+22901002{place:05}"


class Ruled:
    """A village, and the hands that remind by rule in it."""

    def __init__(self, village: Village, port: AfricasTalking) -> None:
        self.village, self.port = village, port
        self.reminding = Reminding(village.store, village.network, Decimal(12), "XOF")
        self.faults: list[Exception] = []

    @property
    def store(self) -> Store:
        return self.village.store

    @property
    def today(self) -> date:
        return self.village.clock.now().date()

    def add(
        self, days: int, texts: dict[str, str] | None = None, at: int | None = None, plan: str | None = None
    ) -> Rule:
        tree = self.village.network.tree()
        place = tree[at or self.village.place.books.id]
        with self.store.write() as unit:
            return rules.add(unit, tree, place, days, plan, TEXT if texts is None else texts, "A. Bio")

    def end(self, one: Rule) -> int:
        with self.store.write() as unit:
            return rules.end(unit, self.village.network.tree(), one.id, "A. Bio")

    def families(self, count: int) -> list[int]:
        return [self.village.register(number(each)).household_id for each in range(count)]

    def dues(self, household_id: int) -> list[date]:
        with self.store.read() as connection:
            own = (line.c.household_id == household_id) & line.c.due_on.is_not(None)
            return sorted(set(connection.scalars(select(line.c.due_on).where(own))))

    def at(self, day: date, hour: int = 9) -> None:
        """It is that hour of a day; Benin is one hour ahead of UTC."""
        self.village.clock.at = self.village.clock.at.replace(
            year=day.year, month=day.month, day=day.day, hour=hour - 1, minute=0
        )

    def work(self) -> None:
        handlers = {
            CHOOSE: Choosing(self.store, self.village.network),
            SEND: Sending(self.store, self.village.network, self.port, Pace(per_s={PACE: 1_000})),
        }
        while drain(self.store, "reminders", handlers, lambda _, error: self.faults.append(error)):
            assert not self.faults, self.faults

    def remind(self) -> int:
        made = self.reminding.remind()
        self.work()
        return made

    def ends(self) -> list[tuple[int | None, str, str | None]]:
        with self.store.read() as connection:
            rows = connection.execute(select(message).where(message.c.campaign_id.is_not(None)).order_by(message.c.key))
            return sorted((row.household_id, row.state, row.reason) for row in rows)

    def campaigns(self) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(select(campaign).order_by(campaign.c.id)))


@pytest.fixture
def ruled(store: Store, network: Network, clock: FixedClock, port: AfricasTalking) -> Ruled:
    return Ruled(Village(store, network, clock, found(store, network)), port)


# --- once, and only who owes ------------------------------------------------------------------------------------------


def test_each_household_that_owes_is_reminded_of_a_due_date_once(ruled: Ruled, standin: StandIn) -> None:
    homes = ruled.families(3)
    second = ruled.dues(homes[0])[1]
    ruled.add(-7)
    ruled.village.give(homes[1], ruled.village.treasurer, 12_600)
    ruled.at(second - timedelta(days=8))
    assert ruled.remind() == 0
    ruled.at(second - timedelta(days=7))
    assert [ruled.remind(), ruled.remind()] == [1, 0]
    ruled.at(second - timedelta(days=6))
    assert ruled.remind() == 0
    assert sorted(one["to"] for one in standin.sent()) == [number(0), number(2)]
    assert all(f"{second:%d/%m/%Y}" in one["message"] for one in standin.sent())
    [one] = ruled.campaigns()
    assert (one.kind, one.state, one.due_on, one.by_name) == ("rule", "done", second, "gateway")
    assert one.expected == {"price_e4": 120_000, "letters": 2, "parts": 2, "cost_e4": 240_000, "skipped": {}}


def test_two_schedulers_make_one_campaign(ruled: Ruled, standin: StandIn) -> None:
    homes = ruled.families(2)
    ruled.add(0)
    ruled.at(ruled.dues(homes[0])[1])
    made = at_once(3, ruled.reminding.remind)
    assert sorted(made) == [0, 0, 1]
    ruled.work()
    assert len(ruled.campaigns()) == 1
    assert len(standin.sent()) == 2


def test_who_pays_after_the_campaign_was_made_is_not_reminded(ruled: Ruled, standin: StandIn) -> None:
    first, second = ruled.families(2)
    ruled.add(3)
    ruled.at(ruled.dues(first)[1] + timedelta(days=3))
    assert ruled.reminding.remind() == 1
    ruled.village.give(first, ruled.village.treasurer, 12_600)
    ruled.work()
    assert [one["to"] for one in standin.sent()] == [number(1)]
    assert ruled.ends() == [(second, "sent", None)]


@on_sqlite
def test_who_pays_after_being_chosen_is_skipped_as_paid(ruled: Ruled, standin: StandIn) -> None:
    first, second = ruled.families(2)
    ruled.add(3)
    ruled.at(ruled.dues(first)[1] + timedelta(days=3))
    standin.script({"code": 405}, {"code": 405})
    ruled.remind()
    assert {end[1] for end in ruled.ends()} == {"waiting"}
    ruled.village.give(first, ruled.village.treasurer, 12_600)
    ruled.village.clock.move(timedelta(minutes=20))
    ruled.work()
    assert ruled.ends() == [(first, "skipped", "paid"), (second, "sent", None)]


@on_sqlite
def test_no_campaign_is_kept_for_nobody(ruled: Ruled) -> None:
    (home,) = ruled.families(1)
    ruled.add(0)
    ruled.village.give(home, ruled.village.treasurer, 12_600)
    ruled.at(ruled.dues(home)[1])
    assert ruled.remind() == 0
    assert ruled.campaigns() == []


# --- when -------------------------------------------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize(("late", "made"), [(0, 1), (1, 1), (3, 1), (4, 0)])
def test_a_missed_day_is_made_up_for_within_three(ruled: Ruled, late: int, made: int) -> None:
    (home,) = ruled.families(1)
    ruled.add(0)
    ruled.at(ruled.dues(home)[1] + late * A_DAY)
    assert ruled.remind() == made


@on_sqlite
def test_what_is_said_before_a_due_date_is_not_said_after_it(ruled: Ruled) -> None:
    (home,) = ruled.families(1)
    ruled.add(-1)
    ruled.at(ruled.dues(home)[1] + A_DAY)
    assert ruled.remind() == 0


@on_sqlite
def test_nobody_is_reminded_in_quiet_hours(ruled: Ruled) -> None:
    (home,) = ruled.families(1)
    ruled.add(0)
    due = ruled.dues(home)[1]
    ruled.at(due, hour=6)
    assert ruled.remind() == 0
    ruled.at(due, hour=21)
    assert ruled.remind() == 0
    ruled.at(due, hour=7)
    assert ruled.remind() == 1


@on_sqlite
def test_a_rule_reminds_of_nothing_from_before_it_was_added(ruled: Ruled) -> None:
    (home,) = ruled.families(1)
    ruled.at(ruled.dues(home)[1] + A_DAY)
    ruled.add(0)
    assert ruled.remind() == 0


@on_sqlite
def test_a_rule_that_ended_reminds_of_nothing(ruled: Ruled) -> None:
    (home,) = ruled.families(1)
    one = ruled.add(0)
    ruled.at(ruled.dues(home)[1])
    assert ruled.end(one) == 0
    assert ruled.remind() == 0
    with pytest.raises(Fault, match="no rule"):
        ruled.end(one)


@on_sqlite
def test_ending_a_rule_stops_what_it_has_begun(ruled: Ruled, standin: StandIn) -> None:
    homes = ruled.families(2)
    one = ruled.add(0)
    ruled.at(ruled.dues(homes[0])[1])
    standin.script({"code": 405}, {"code": 405})
    ruled.remind()
    assert ruled.end(one) == 2
    ruled.village.clock.move(timedelta(minutes=20))
    ruled.work()
    assert {(state, why) for _, state, why in ruled.ends()} == {("skipped", "cancelled")}
    assert standin.sent() == []


@on_sqlite
def test_the_scheduler_goes_on_when_one_mutuelle_fails(ruled: Ruled, caplog: pytest.LogCaptureFixture) -> None:
    (home,) = ruled.families(1)
    ruled.add(0)
    ruled.at(ruled.dues(home)[1])
    with ruled.store.write() as unit:
        unit.connection.execute(update(reminder_rule).values(texts={"fr": "{left"}))
    ruled.reminding()
    assert "not reminded by rule" in caplog.text
    assert ruled.campaigns() == []
    with ruled.store.write() as unit:
        unit.connection.execute(update(reminder_rule).values(texts=TEXT))
    assert ruled.remind() == 1


# --- which rule decides -----------------------------------------------------------------------------------------------


@pytest.fixture
def below(store: Store, network: Network, clock: FixedClock, port: AfricasTalking) -> tuple[Ruled, int]:
    """The village's mutuelle below a union; and the union's id."""
    with store.write() as unit:
        union = add_organisation(unit, None, kind="union", code="u", name="Union", languages="fr,en", country="BJ")
    return Ruled(Village(store, network, clock, found(store, network, above=union)), port), union[0]


@on_sqlite
def test_a_unions_rule_holds_below_it_until_the_mutuelle_has_its_own(
    below: tuple[Ruled, int], standin: StandIn
) -> None:
    ruled, union = below
    (home,) = ruled.families(1)
    _, second, third, *_ = ruled.dues(home)
    ruled.add(0, {"fr": "Union: {left}"}, at=union)
    ruled.at(second)
    assert ruled.remind() == 1
    own = ruled.add(0, {"fr": "Mutuelle: {left}"})
    assert own.since == second + A_DAY  # the union's has written already
    assert ruled.remind() == 0
    ruled.at(third)
    assert ruled.remind() == 1
    ruled.end(own)
    assert ruled.remind() == 0  # that day was the mutuelle's
    assert [one["message"].split(":")[0] for one in standin.sent()] == ["Union", "Mutuelle"]


@on_sqlite
def test_a_rule_for_a_plan_replaces_the_one_for_all(ruled: Ruled, standin: StandIn) -> None:
    with ruled.store.write() as unit:
        add_plan(unit, ruled.village.place.books.id, "other", "Other", "XOF", TERMS, date(2020, 1, 1))
    (home,) = ruled.families(1)
    ruled.add(5, {"fr": "Autres: {left}"})
    ruled.add(5, {"fr": "Familles: {left}"}, plan="famille")
    ruled.at(ruled.dues(home)[1] + timedelta(days=5))
    assert ruled.remind() == 1
    assert [one["message"].split(":")[0] for one in standin.sent()] == ["Familles"]


@on_sqlite
def test_without_a_text_of_its_own_the_words_of_the_event_are_said(ruled: Ruled, standin: StandIn) -> None:
    with ruled.store.write() as unit:
        row = {"code": "*384*229#", "organisation_id": ruled.village.place.books.id, "septets": 160}
        unit.connection.execute(insert(service_code), row)
    ruled.village.network.forget()
    (home,) = ruled.families(1)
    ruled.add(0, {})
    ruled.at(ruled.dues(home)[1])
    assert ruled.remind() == 1
    [one] = standin.sent()
    assert "*384*229#" in one["message"]
    assert ruled.village.family(home).card in one["message"].replace(" ", "")


@on_sqlite
@pytest.mark.parametrize(
    ("days", "plan", "text", "why"),
    [
        (-61, None, "x", "days are"),
        (181, None, "x", "days are"),
        (0, "nobody's", "x", "no plan"),
        (0, None, "{carte}", "unknown"),
        (0, None, " ", "empty"),
        (0, None, "x" * 400, "parts"),
    ],
)
def test_rules_that_are_not_taken(ruled: Ruled, days: int, plan: str | None, text: str, why: str) -> None:
    with pytest.raises(Fault, match=why):
        ruled.add(days, {"fr": text}, plan=plan)


@on_sqlite
def test_the_same_rule_twice_and_one_of_a_section_are_refused(ruled: Ruled) -> None:
    ruled.add(0)
    with pytest.raises(Fault, match="already"):
        ruled.add(0)
    with pytest.raises(Fault, match="is a section, and says what"):
        ruled.add(0, at=ruled.village.place.section_id)


# --- at the office ----------------------------------------------------------------------------------------------------


@on_sqlite
def test_what_rules_would_send_is_counted_and_nothing_sent(ruled: Ruled, standin: StandIn) -> None:
    homes = ruled.families(3)
    one = ruled.add(0)
    due = ruled.dues(homes[0])[1]
    ruled.village.give(homes[1], ruled.village.treasurer, 12_600)
    tree = ruled.village.network.tree()
    with ruled.store.read() as connection:
        [shown] = rules.due(connection, tree, due, "/", Decimal(12), "XOF")
    assert (shown.duty.rule.id, shown.duty.due_on, shown.campaign) == (one.id, due, None)
    assert shown.found is not None
    assert (shown.found.letters, shown.found.cost_e4) == (2, 240_000)
    assert ruled.campaigns() == []
    ruled.at(due)
    ruled.remind()
    with ruled.store.read() as connection:
        [again] = rules.due(connection, tree, due, "/", Decimal(12), "XOF")
    assert again.campaign == ruled.campaigns()[0].id


@on_sqlite
def test_rules_are_added_listed_and_ended_by_command(
    ruled: Ruled, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home,) = ruled.families(1)
    with commands(monkeypatch, database_url) as run:
        text = "fr=Carte {card}: {due}"
        added = run("reminders", "add", "--at", "m", "--days", "-7", "--text", text, "--by", "A. Bio")
        assert added.startswith("rule 1: 7 days before the due date, from 20")
        run("reminders", "add", "--at", "m", "--days", "0", "--plan", "famille", "--by", "A. Bio")
        listed = json.loads(run("reminders", "list", "--json"))
        assert [(one["rule"], one["organisation"], one["days"], one["plan"], one["texts"]) for one in listed] == [
            (1, "m", -7, None, {"fr": "Carte {card}: {due}"}),
            (2, "m", 0, "famille", {}),
        ]
        assert "7 days before the due date" in run("reminders", "list", "--under", "m")
        day = ruled.dues(home)[1] - timedelta(days=7)
        with ruled.store.write() as unit:
            unit.connection.execute(update(reminder_rule).values(since=day))
        [due] = [one for one in json.loads(run("reminders", "due", "--on", str(day), "--json")) if one["rule"] == 1]
        assert (due["letters"], due["parts"], due["cost_e4"]) == (1, 1, 120_000)
        assert due["due_on"] == str(ruled.dues(home)[1])
        assert "12 XOF" in run("reminders", "due", "--on", str(day))
        assert run("reminders", "end", "1", "--by", "A. Bio") == "rule 1 is ended\n"
        assert [one["rule"] for one in json.loads(run("reminders", "list", "--json"))] == [2]
        assert [one["rule"] for one in json.loads(run("reminders", "list", "--ended", "--json"))] == [1, 2]
        with pytest.raises(Fault, match="no rule 9"):
            run("reminders", "end", "9", "--by", "A. Bio")
