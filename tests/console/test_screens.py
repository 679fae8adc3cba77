"""Pictures of the office for its page in docs, made from the sample of Ouaké on a fixed clock.

Without ``SCREENS`` in the environment they are drawn, measured and thrown away; with it (``make screens``) they are
kept in ``docs/screens``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import redis as redis_client
from PIL import Image
from playwright.sync_api import Browser
from sqlalchemy import select

from gateway.console.entry import sessions
from gateway.console.entry.logins import office_roles
from gateway.kernel.money import Money
from gateway.membership import tallies
from gateway.membership.households import by_id, standing
from gateway.payments.cash import CashRecorded, record_cash
from gateway.procs.redis import PrivateRedis
from gateway.samples.ouake import UNION, load_ouake
from gateway.store.schema import collection, household, phone
from tests.conftest import SqliteCopy
from tests.console.journeys import say
from tests.console.money import on_suspense, paid
from tests.console.office import PATH, Office
from tests.console.test_reconciliation_pages import difference_ids, drop, mtn, strangers, wallet_of
from tests.console.windows import NARROW, WIDE, Window, Windows, served
from tests.ussd.world import Place, StandingRuntime, settings

KEPT_IN = Path(__file__).parents[2] / "docs" / "screens"
LARGEST = 80_000
TREASURER = ("treasurer", "Rafiou Gounou", "ouake-1", "+2290150000820")
ANIMATOR = ("animator", "Salamatou Issa", UNION, "+2290150000821")
ADMINISTRATOR = ("administrator", "Bariou Tchao", UNION, "+2290150000823")


@pytest.fixture
def sample(
    driven: Browser, sqlite_copy: SqliteCopy, sqlite_template: Path, redis_server: PrivateRedis,
    redis: redis_client.Redis,
) -> Iterator[Windows]:  # fmt: skip
    """Windows in the office of the sample, on a day on which some have paid already."""
    with sqlite_copy(sqlite_template) as url:
        place = Place(StandingRuntime(settings(url, redis_server.url)))
        office = Office(place)
        load_ouake(office.store, place.runtime.network)
        _a_morning(office)
        with served(office) as at:
            windows = Windows(driven, office, at)
            yield windows
            windows.close()
        place.close()


def _a_morning(office: Office) -> None:
    """Payments of yesterday, of a week ago, and hour by hour of this morning."""
    office.enter_as(*TREASURER)
    clock, tree = office.place.runtime.own_clock, office.place.runtime.network.tree()
    own = [one.id for one in tree.sections_under(tree.named("ouake-1").id)]
    query = select(household.c.id, phone.c.msisdn).join(phone, phone.c.household_id == household.c.id)
    whose = office.place.ask(query.where(household.c.section_id.in_(own)).order_by(household.c.id).limit(24))
    now = clock.now()
    for days, hours, amounts in (
        (7, 0, (3_500, 7_000, 2_000, 3_500)),
        (1, 0, (3_500, 1_500, 3_500, 9_500, 3_500)),
        (0, 3, (3_500, 2_000)),
        (0, 2, (7_000, 3_500, 1_000)),
        (0, 1, (3_500, 10_500)),
    ):
        clock.at = now - timedelta(days=days, hours=hours)
        for amount in amounts:
            its_id, msisdn = whose.pop()
            paid(office, int(its_id), amount, payer=str(msisdn))
    clock.at = now
    with office.store.write() as unit:
        members = {one.name: one for one in office_roles(unit.connection, TREASURER[3])}
        for number, (its_id, _) in enumerate(whose[:2]):
            family = by_id(unit.connection, tree, int(its_id))
            done = record_cash(
                unit, tree, office.place.runtime.services.chart, effect_key=f"screens:{number}", household=family,
                staff=members[TREASURER[1]], amount=Money(2_500, "XOF"),
            )  # fmt: skip
            assert isinstance(done, CashRecorded)
    on_suspense(office, 5_000, at="ouake-1")
    tallies.count_today(office.store, office.place.runtime.network)


def _entered(windows: Windows, who: tuple[str, str, str, str], width: int) -> Window:
    cookie = windows.office.enter_as(*who).client.get_cookie(sessions.COOKIE, path=PATH)
    assert cookie is not None
    window = windows.of(None, width=width)
    window.page.context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": windows.url + PATH}])
    return window


def _in_few_colours(drawn: bytes) -> bytes:
    """The same picture in 48 colours, which nobody misses in an office of five: a third of the bytes."""
    made = io.BytesIO()
    Image.open(io.BytesIO(drawn)).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    return made.getvalue()


@dataclass
class Camera:
    """Takes pictures of what is on a screen, and remembers how large they are."""

    sizes: dict[str, int] = field(default_factory=dict)

    def take(self, window: Window, name: str) -> None:
        drawn = _in_few_colours(window.page.screenshot(animations="disabled", caret="hide"))
        self.sizes[name] = len(drawn)
        if os.environ.get("SCREENS"):
            KEPT_IN.mkdir(exist_ok=True)
            (KEPT_IN / f"{name}.png").write_bytes(drawn)


@pytest.mark.long
def test_pictures_of_the_office(sample: Windows) -> None:
    camera = Camera()
    window = sample.of(None, width=NARROW)
    window.open("/enter")
    camera.take(window, "enter")
    for width in (WIDE, NARROW):
        window = _entered(sample, TREASURER, width)
        window.open("/?at=ouake-1")
        camera.take(window, f"today-{width}")

    # (The last one is narrow: the cash desk, as it is on a phone.)
    page = window.open("/cash")
    page.get_by_label(say("Card number or name")).fill(_somebody(sample.office, owes=True))
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name=say("Find"), exact=True).click()
    camera.take(window, "cash")

    window = _entered(sample, ANIMATOR, WIDE)
    page = window.open(f"/households?at={UNION}")
    page.locator("main [type=search]").first.fill("Atakora")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    camera.take(window, "households")
    window.open(f"/households/{_whose(sample.office)}")
    camera.take(window, "household")

    page = window.open("/reminders/new")
    page.get_by_label(say("Title")).fill("Fin de saison")
    page.get_by_label(say("Something is left to pay")).check()
    page.locator("textarea").first.fill(
        "{mutuelle} : {left} à payer avant la fin du mois, carte {card}. Composez {code}."
    )
    with page.expect_navigation():
        page.get_by_role("button", name=say("Count and check")).click()
    camera.take(window, "reminder")

    wallet = wallet_of(sample.office, code="ouake-1")
    assert wallet
    administrator = sample.office.enter_as(*ADMINISTRATOR)
    drop(administrator, mtn(*strangers(3)))
    administrator.press("Prendre en compte et rapprocher")
    window = _entered(sample, ADMINISTRATOR, WIDE)
    window.open(f"/reconciliation/differences/{difference_ids(sample.office)[0]}")
    window.page.evaluate("scrollTo(0, 210)")
    camera.take(window, "difference")
    assert {name: size for name, size in camera.sizes.items() if size > LARGEST} == {}
    assert window.complaints == []


def _whose(office: Office, *, owes: bool = False) -> int:
    """A household of Ouaké that has paid by cash this morning; or the first one that owes something now."""
    if not owes:
        newest = select(collection.c.household_id).where(collection.c.way == "cash").order_by(collection.c.id).limit(1)
        return int(office.place.ask(newest)[0][0])
    tree = office.place.runtime.network.tree()
    own = [one.id for one in tree.sections_under(tree.named("ouake-1").id)]
    ids = office.place.ask(select(household.c.id).where(household.c.section_id.in_(own)).order_by(household.c.id))
    with office.store.read() as connection:
        for (its_id,) in ids:
            family = by_id(connection, tree, int(its_id))
            if standing(connection, family, office.place.runtime.clock.now().date()).due:
                return family.id
    raise AssertionError("everybody in Ouaké has paid")


def _somebody(office: Office, *, owes: bool = False) -> str:
    """The card of that household, as people type it."""
    return str(office.place.ask(select(household.c.card).where(household.c.id == _whose(office, owes=owes)))[0][0])
