"""Today in the office: what came in, who is covered, what waits; in one look, and the same as the books."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from redis import RedisError
from sqlalchemy import insert, select

from gateway.console import charts
from gateway.console.pages import today
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.membership.households import by_card
from gateway.membership.tallies import count_today
from gateway.network import staff
from gateway.payments.cash import record_cash
from gateway.payments.takings import close_day, takings
from gateway.store.schema import household, operator_state
from tests.console.office import PEOPLE, Office
from tests.console.things import one_of_each
from tests.console.windows import NARROW, WIDE, Windows
from tests.ussd.test_journeys_cover import pays
from tests.ussd.test_journeys_member import settled


@pytest.fixture
def paid(office: Office) -> Office:
    """A family has paid 3 300 F by phone."""
    return has_paid(office)


def has_paid(office: Office) -> Office:
    place = office.place
    settled(place)
    pays(place, 3_300)
    return office


def test_takings_are_there_at_one_look_and_are_those_of_the_books(paid: Office) -> None:
    page = paid.enter("treasurer").get("/")
    assert page.status == 200
    assert re.search(r"Reçu aujourd'hui 3 300 F 1 paiement\b", page.text), page.text
    assert "Par téléphone 1 3 300 F" in page.text
    assert "10 h 3 300 F" in page.text  # nine in the morning, where the sun is an hour ahead
    assert "<svg" in page.html
    paid.place.wait(days=1)
    tomorrow = paid.enter("treasurer").get("/")
    assert "Reçu aujourd'hui 0 F" in tomorrow.text
    assert "Hier 3 300 F" in tomorrow.text


def test_the_live_part_is_sent_alone_and_only_when_it_has_changed(paid: Office) -> None:
    client = paid.enter("treasurer").client
    first = client.get("/console/", headers={"X-Part": "live_money"})
    assert "3\u202f300" in first.get_data(as_text=True) or "3 300" in first.get_data(as_text=True)
    assert "<html" not in first.get_data(as_text=True)
    again = client.get("/console/", headers={"X-Part": "live_money", "X-Seen": first.headers["X-Seen"]})
    assert again.status_code == 204
    assert client.get("/console/", headers={"X-Part": "main"}).status_code == 404
    assert paid.visitor().client.get("/console/", headers={"X-Part": "live_money"}).status_code == 401


def test_cover_is_told_with_when_it_was_counted(paid: Office) -> None:
    page = paid.enter("treasurer").get("/")
    assert "comptés le 22/11 10:00" in page.text
    assert "En période d'observation" in page.text
    count_today(paid.store, paid.place.runtime.network)
    paid.place.wait(days=31)
    later = paid.enter("treasurer").get("/")
    assert "Couvert" in later.text


def test_what_waits_leads_where_it_is_done_and_to_whom_may(office: Office) -> None:
    one_of_each(office)
    treasurer = office.enter("treasurer").get("/")
    for words in ("Argent à identifier", "Écarts avec les relevés", "Remboursements en cours", "Plaintes et appels"):
        assert words in treasurer.text
    adviser = office.enter("adviser").get("/")
    assert "Plaintes et appels" in adviser.text
    assert "Argent à identifier" not in adviser.text
    assert "Reçu aujourd'hui" not in adviser.text


def test_a_union_sees_its_mutuelles_together_and_one_of_them_alone(paid: Office) -> None:
    somebody = paid.enter("administrator")
    assert "Reçu aujourd'hui 3 300 F" in somebody.get("/").text
    assert "Reçu aujourd'hui 0 F" in somebody.get("/?at=Mutuelle+Anandana").text
    assert "Reçu aujourd'hui 3 300 F" in somebody.get("/?at=Awanla").text  # a section: its mutuelle's


def test_hours_and_takings_come_to_the_same_when_told_late(paid: Office) -> None:
    page = paid.enter("treasurer").get("/")
    table = page.html[page.html.index("<details><summary>La même chose") :]
    table = table[: table.index("</table>")]
    figures = [int(re.sub(r"\D", "", one)) for one in re.findall(r'class="money">([^<]*) F<', table)]
    assert sum(figures) == 3_300


def test_what_takes_long_to_add_up_is_remembered(paid: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(today, "MANY_PAYMENTS", 1)
    paid.place.wait(days=1)
    asked: list[object] = []
    monkeypatch.setattr(today, "takings", lambda *args: asked.append(args[-1]) or takings(*args))
    for _ in range(2):
        assert "Hier 3 300 F" in paid.enter("treasurer").get("/").text
    assert len(asked) == 3  # yesterday once; of the week before there was nothing to remember
    monkeypatch.setattr(paid.place.runtime.redis, "get", _is_down)
    assert "Hier 3 300 F" in paid.enter("treasurer").get("/").text


def _is_down(*_: object) -> None:
    raise RedisError("down")


def test_a_day_that_was_not_closed_is_among_what_waits(paid: Office) -> None:
    place = paid.place
    paid.enter("treasurer")
    tree = place.runtime.network.tree()
    with paid.store.write() as unit:
        keeper = staff.roles_of(unit.connection, PEOPLE["treasurer"][3])[0]
        close_day(unit, tree, keeper, keeper.organisation_id)
    place.wait(days=2)
    assert "Hier non clôturé" not in paid.enter("treasurer").get("/").text
    with paid.store.write() as unit:
        home = by_card(unit.connection, tree, unit.connection.scalar(select(household.c.card)))
        assert home is not None
        record_cash(
            unit, tree, Chart(), effect_key="cash", household=home, staff=keeper, amount=Money(500, "XOF")
        )  # fmt: skip
    place.wait(days=1)
    page = paid.enter("treasurer").get("/")
    assert "Hier non clôturé 1" in page.text
    assert 'href="/console/collections/day"' in page.html


def test_only_what_does_not_work_is_named(paid: Office) -> None:
    page = paid.enter("treasurer").get("/")
    assert "Tout fonctionne" in page.text
    with paid.store.write() as unit:
        for provider, environment, minutes in (("mtn_momo", "mtnbenin", 2), ("airtel_money", "", 2)):
            unit.connection.execute(
                insert(operator_state).values(
                    provider=provider, environment=environment, failures=5, said="no answer", changed_at=unit.now,
                    open_until=unit.now + timedelta(minutes=minutes),
                )
            )  # fmt: skip
    page = paid.enter("treasurer").get("/")
    assert re.search(r"MTN[^.]{0,12} ne répond pas", page.text), page.text
    assert "Airtel" not in page.text  # an operator of other countries
    assert "Tout fonctionne" not in page.text


def test_cover_through_time_by_the_week_then_by_the_month(paid: Office) -> None:
    network = paid.place.runtime.network
    count_today(paid.store, network)
    for days in (1, 6, 1):
        paid.place.wait(days=days)
        count_today(paid.store, network)
    page = paid.enter("treasurer").get("/")
    assert _counted_on(page.html) == ["22/11", "23/11", "30/11/2026"]
    for _ in range(5):
        paid.place.wait(days=30)
        count_today(paid.store, network)
    paid.place.wait(days=1)
    page = paid.enter("treasurer").get("/")
    assert _counted_on(page.html) == ["11/26", "12/26", "01/27", "02/27", "03/27", "04/27", "30/04/2027"]


def _counted_on(html: str) -> list[str]:
    return re.findall(r'<td data-head="Comptés le">([^<]*)</td>', html)


@pytest.mark.parametrize("width", [pytest.param(WIDE, marks=pytest.mark.long), NARROW])
def test_charts_can_be_read_on_every_screen(windows: Windows, width: int) -> None:
    office = has_paid(windows.office)
    network = office.place.runtime.network
    for days in (8, 8):
        count_today(office.store, network)
        office.place.wait(days=days)
    count_today(office.store, network)
    office.place.wait(days=-16)
    window = windows.of("treasurer", width=width)
    window.page.goto(f"{window.url}/console/")
    assert window.page.locator("svg.chart").count() >= 1
    sizes = window.page.eval_on_selector_all(
        "svg.chart text", "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 10  # the height of a line, not of its letters: the letters are nine pixels and more
    assert max(sizes) <= 26
    assert window.within_wcag() == []
    assert not window.too_wide()
    assert window.complaints == []


# --- charts -----------------------------------------------------------------------------------------------------------


def test_a_chart_draws_what_it_is_given_and_nothing_inline() -> None:
    drawn = charts.bars(
        "By <hour>", ["7 h", "8 h"], [("A & B", [100, 300]), ("C", [0, 100])], lambda minor: f"{minor:.0f}"
    )
    assert "style=" not in drawn
    assert "<style" not in drawn
    assert "<script" not in drawn
    assert not re.search(r"\son\w+=", drawn)
    assert 'role="img"' in drawn
    assert "By &lt;hour&gt;" in drawn
    assert "A &amp; B" in drawn
    heights = [float(one) for one in re.findall(r'<rect[^>]* height="([\d.]+)"', drawn)]
    assert heights == pytest.approx([heights[0], 3 * heights[0], heights[0]], abs=0.2)  # of nothing there is no bar


def test_a_chart_without_figures_is_no_error() -> None:
    assert "<svg" in charts.bars("Nothing", [], [("A", [])], str)
    assert "<svg" in charts.areas("Nothing", ["1"], [("A", [0])], str)
