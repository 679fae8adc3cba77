"""What an administrator reads on the screen: a text's letters, whom a campaign is for, and what it waits for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.network.organisations import Network
from gateway.sms.campaigns import keeping
from gateway.sms.costs import about_cost
from gateway.store.schema import aggregator_state, message
from gateway.store.unit import Store
from tests.payments.village import Village, found
from tests.sms.helpers import on_sqlite
from tests.sms.running import Run, commands


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return Village(store, network, clock, found(store, network))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database_url: str, village: Village) -> Iterator[Run]:
    with commands(monkeypatch, database_url) as run:
        yield run


def draft(run: Run, *words: str) -> str:
    """The number of a new campaign."""
    return run("campaign", "new", "--at", "m", "--title", "Essai", "--by", "Bio", *words).split()[1]


@on_sqlite
def test_a_text_is_shown_with_what_became_of_its_letters(run: Run) -> None:
    assert run("sms", "check", "ça va, œuf ?😀").splitlines() == [
        "ca va, oeuf ?", "13 septets, 1 part", "written otherwise: ç as c, œ as oe", "left out: 😀",
    ]  # fmt: skip
    assert run("sms", "check", "a").splitlines() == ["a", "1 septet, 1 part"]


@on_sqlite
def test_a_draft_shows_whom_it_is_for_and_in_which_words(run: Run) -> None:
    number = draft(run, "--owing", "--cover", "grace", "--overdue", "1", "--text", "fr={mutuelle} : {left}.")
    assert run("campaign", "show", number).splitlines()[:4] == [
        f"campaign {number}: Essai, draft",
        "to households at or below m, cover grace, overdue 1 day, owing",
        "  fr: {mutuelle} : {left}.",
        "nobody is chosen before it starts",
    ]
    shown = json.loads(run("campaign", "show", number, "--json"))
    assert shown["who"] == {"under": "m", "states": ["grace"], "owing": True, "overdue_days": 1}
    assert (shown["texts"], shown["waits"]) == ({"fr": "{mutuelle} : {left}."}, [])


@on_sqlite
def test_a_category_or_a_plan_that_there_is_not_is_told(run: Run, village: Village) -> None:
    with pytest.raises(Fault, match="there is no category rich: there are none"):
        draft(run, "--category", "rich", "--text", "fr=x")
    with pytest.raises(Fault, match=f"there is no plan rich: there are {village.place.plan.code}"):
        draft(run, "--plan", "rich", "--text", "fr=x")
    assert draft(run, "--plan", village.place.plan.code, "--text", "fr=x")


@on_sqlite
def test_a_campaign_says_what_the_mutuelle_has_written_for_campaigns(run: Run) -> None:
    with pytest.raises(Fault, match="nothing is said of campaign yet: gateway sms texts write campaign --at m"):
        draft(run, "--words", "campaign")
    run("sms", "texts", "write", "campaign", "Bonjour de {mutuelle}", "--at", "m", "--by", "Bio")
    assert "  fr: Bonjour de {mutuelle}" in run("campaign", "show", draft(run, "--words", "campaign")).splitlines()
    with pytest.raises(Fault, match="--news has --text, or --words news"):
        draft(run, "--words", "news")
    with pytest.raises(Fault, match="--news has --text, or --words news"):
        draft(run, "--news", "--words", "renewal")


@on_sqlite
def test_a_campaign_that_stands_still_says_why_and_its_budget_is_told_in_money(run: Run, village: Village) -> None:
    number = int(draft(run, "--text", "fr=Bonjour.", "--budget", "10"))
    with village.store.write() as unit:
        keeping.start(unit, number, "Bio", {"price_e4": 120_000})
        keeping.pause(unit, number, "gateway", "budget")
        keeping.resume(unit, number, "Bio", 15_000_0000)
        unit.connection.execute(
            insert(message).values(
                id=uuid.uuid4(), key="a", organisation_id=village.place.books.id, event="reminder",
                msisdn="+2290190000001", language="fr", text="", parts=0, state="waiting", created_at=unit.now,
                campaign_id=number, slice=0,
            )
        )  # fmt: skip
        unit.connection.execute(
            insert(aggregator_state).values(
                name="smpp", failures=1, left_alone_until=unit.now + timedelta(minutes=15), reason="no_credit",
                since=unit.now,
            )
        )  # fmt: skip
    shown = run("campaign", "show", str(number)).splitlines()
    assert any(line.startswith("it waits for: smpp: no credit since ") for line in shown), shown
    assert any(line.endswith("resumed by Bio: budget 15 000 XOF") for line in shown), shown


def test_an_organisation_has_quiet_hours_of_its_own_and_those_above_again(run: Run, village: Village) -> None:
    def quiet() -> tuple[int, int]:
        village.network.forget()
        one = village.network.tree().named("m-1")  # below it
        return one.quiet_from, one.quiet_until

    assert run("organisations", "quiet", "m", "0", "0") == "m: never quiet\n"
    assert quiet() == (0, 0)
    assert run("organisations", "quiet", "m", "21", "6") == "m: quiet from 21 to 6\n"
    assert quiet() == (21, 6)
    assert "21-6" in run("organisations", "list")
    assert run("organisations", "quiet", "m", "--as-above") == "m: quiet from 20 to 7\n"
    assert quiet() == (20, 7)
    with pytest.raises(Fault, match="two hours"):
        run("organisations", "quiet", "m")


@pytest.mark.parametrize(
    ("e4", "currency", "shown"),
    [(115_634, "XOF", "12 XOF"), (120_000, "XOF", "12 XOF"), (4_101, "KES", "0.42 KES"), (1, "XYZ", "0.01 XYZ")],
)
def test_what_is_only_expected_is_rounded_up_to_money_that_there_is(e4: int, currency: str, shown: str) -> None:
    assert about_cost(e4, currency) == shown
