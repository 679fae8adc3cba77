"""The phone page in a real browser: by keyboard, by its keys, on a narrow screen, with script and without."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis as redis_client
from werkzeug.serving import make_server

from gateway.locale import Say
from gateway.procs.redis import PrivateRedis
from gateway.sms.gsm7 import fold
from gateway.store.outbox import drain
from tests.databases import copied
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.simulator.browser import Browser, Page, chromium
from tests.simulator.places import demonstration
from tests.ussd.world import OUAKE, Place

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="no Chromium on this machine: apt-get install chromium, or name one in CHROMIUM"
)

FR = Say("fr")
NARROW = 320


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for the file; each test has windows of its own."""
    program = chromium()
    assert program is not None
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.stop()


@dataclass
class Served:
    """The demonstration's page on a port of its own, and the hands that do the workers' work."""

    place: Place
    url: str

    def work(self) -> None:
        faults: list[str] = []
        handlers = self.place.runtime.handlers
        while drain(self.place.runtime.store, "money", handlers, lambda task, error: faults.append(str(error))):
            assert not faults


@pytest.fixture(scope="module")
def served(postgres: str, postgres_world: str, redis_server: PrivateRedis, running_momo: MomoPlay) -> Iterator[Served]:
    """One demonstration for the file; the page offers each test a number that nobody has."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with copied(postgres, postgres_world) as url:
        place = demonstration(url, redis_server, running_momo)
        server = make_server("127.0.0.1", 0, place.app, threaded=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield Served(place, f"http://127.0.0.1:{server.port}/phone")
        server.shutdown()
        server.server_close()
        place.close()


@pytest.fixture
def page(browser: Browser, served: Served, redis: redis_client.Redis) -> Iterator[Page]:
    """A narrow window that shows the page."""
    page = browser.page(NARROW, 640)
    page.open(served.url)
    yield page
    page.close()


def step(page: Page) -> int:
    return int(page.evaluate("document.getElementById('call').elements.step.value"))


def sees(page: Page, *texts: str) -> None:
    for text in texts:
        assert fold(text) in page.text("#screen"), page.text("#screen")


def enters(page: Page, *answers: str) -> None:
    """Type each answer on the keyboard and press Enter; the page never gets wider than the window."""
    for answer in answers:
        before = step(page)
        page.press(answer, "Enter")
        page.until(
            f"document.getElementById('call')?.elements.step.value > {before}", otherwise=lambda: page.text("body")
        )
        assert_fits(page)


def calls(page: Page, code: str = OUAKE) -> None:
    """Type a code over the one that stands there, and call it."""
    page.evaluate("document.getElementById('typed').select()")
    enters(page, code)


def registers(page: Page) -> None:
    calls(page)
    enters(page, "1", "1", "Adjara Tchedre", "1", "1991", "kado", "1", "Moussa Tchedre", "1986")
    picks(page, "C'est tout", "Inscrire")


def picks(page: Page, *labels: str) -> None:
    """Type the number before a label, reading on with 98 as far as needed."""
    for label in labels:
        while (found := re.search(rf"^(\d+) {re.escape(fold(label))}", page.text("#screen"), re.MULTILINE)) is None:
            enters(page, "98")
        enters(page, found[1])


def assert_fits(page: Page) -> None:
    """No scrolling to the side."""
    width, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= inner


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_a_household_registers_pays_types_the_pin_and_is_covered(page: Page, served: Served) -> None:
    """All by keyboard, in a window of 320 pixels, and the page is loaded once."""
    page.evaluate("window.loadedOnce = true")
    sees(page, "touche verte")
    registers(page)
    sees(page, "C'est inscrit.")
    page.until("document.getElementById('messages').textContent.includes('Mutuelle Ouak')")
    assert page.text("#count") == "1"
    picks(page, "Payer maintenant")
    enters(page, "1", "1")
    sees(page, "code PIN")
    assert page.text("#state") == FR("Call over")

    served.work()
    page.until("document.getElementById('typed').type === 'password'")  # the prompt opens by itself
    sees(page, "MUTUELLE: 2700 XOF. PIN?")
    enters(page, "80571")
    served.place.wait(minutes=5)
    served.work()
    page.until("document.getElementById('count').textContent === '2'")  # so does the receipt
    assert fold("2 700 F payés") in page.text("#messages li")
    assert fold("2 700 F payés") in page.evaluate("document.getElementById('newest').textContent")
    calls(page)
    picks(page, "Ma couverture")
    sees(page, "La couverture commence le 22/12/2026.")
    assert page.evaluate("window.loadedOnce")
    assert page.complaints() == []


def test_it_all_works_without_script(browser: Browser, served: Served) -> None:
    page = browser.page(NARROW, 640)
    page.without_script()
    page.open(served.url)
    assert page.evaluate("document.getElementById('pad').hidden")
    registers(page)
    sees(page, "C'est inscrit.")
    assert page.text("#count") == "1"
    picks(page, "Payer maintenant")
    enters(page, "1", "1")
    served.work()
    page.click("#refresh").until("document.getElementById('typed')?.type === 'password'")
    sees(page, "PIN?")
    enters(page, "80571")
    sees(page, "touche verte")
    assert page.complaints() == []


# --- the phone in the hand --------------------------------------------------------------------------------------------


def test_its_keys_type_and_the_focus_stays(page: Page) -> None:
    assert page.evaluate("document.activeElement.id") == "typed"
    for key in "*384*229#":
        page.click("#pad button", key)  # the first one replaces the code that stood there
        assert page.evaluate("document.activeElement.id") == "typed"
    assert page.evaluate("document.getElementById('typed').value") == OUAKE
    page.click("#pad button", "7").click("#erase")
    assert page.evaluate("document.getElementById('typed').value") == OUAKE
    page.click("#send").until("document.getElementById('send').value === 'send'")
    sees(page, "Choisissez votre langue")
    page.click("#pad button", "1").click("#send").until("document.getElementById('call').elements.step.value === '2'")
    sees(page, "Inscrire ma famille")
    assert page.evaluate("document.activeElement.id") in ("typed", "send")
    page.click("#leave").until("document.getElementById('send').value === 'dial'")
    assert page.text("#state") == FR("No call")


def test_all_that_a_finger_presses_is_large_enough(page: Page) -> None:
    small = page.evaluate(
        """[...document.querySelectorAll("button, input:not([type=hidden])")]
           .map((one) => [one.textContent || one.id, one.getBoundingClientRect()])
           .filter(([_, box]) => box.width && (box.height < 36 || box.width < 36)).map(([name]) => name)"""
    )
    assert small == []


def test_keys_go_to_the_phone_wherever_the_focus_is(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")
    page.press("*").until("document.activeElement.id === 'typed'")
    assert page.evaluate("document.getElementById('typed').value") == "*"
    # But not what is written into the other field.
    page.evaluate("document.getElementById('number').select()")
    page.press("+229")
    assert page.evaluate("document.getElementById('number').value") == "+229"
    assert page.evaluate("document.getElementById('typed').value") == "*"


def test_everything_can_be_reached_with_the_tab_key_and_shows_it(page: Page) -> None:
    wanted = page.evaluate(
        """[...document.querySelectorAll("a, button, input:not([type=hidden]), [tabindex]")]
           .filter((one) => one.getBoundingClientRect().width).length"""
    )
    page.evaluate("document.activeElement.blur(); window.reached = new Set(); window.unseen = []")
    for _ in range(wanted + 5):
        page.press("Tab")
        page.evaluate(
            """(() => {
              const at = document.activeElement;
              if (at === document.body) return;
              window.reached.add(at);
              const style = getComputedStyle(at);
              if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) window.unseen.push(at.outerHTML);
            })()"""
        )
    assert page.evaluate("window.reached.size") == wanted
    assert page.evaluate("window.unseen") == []


def test_a_ready_phone_and_a_listed_code_are_one_click_each(page: Page) -> None:
    page.click("button[name=number]", "+25761000900").until("document.getElementById('typed').value === '*384*257#'")
    page.click("button[name=code]", "*384*257#").until("document.getElementById('send').value === 'send'")
    sees(page, "UMOJA")
    assert page.text("#call .top").startswith("+25761000900")


def test_loading_again_keeps_the_phone_as_it_was(page: Page) -> None:
    calls(page)
    enters(page, "1")
    before = page.text("#screen")
    page.reload()
    assert (page.text("#screen"), step(page)) == (before, 2)
    enters(page, "1")
    sees(page, "Votre prénom et votre nom ?")


def test_a_line_that_fails_is_told_and_nothing_typed_is_lost(page: Page) -> None:
    calls(page)
    enters(page, "1", "1")
    cut = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.ask("Network.emulateNetworkConditions", offline=True, **cut)
    page.press("Adjara Tchedre", "Enter").until("!document.getElementById('trouble').hidden")
    assert page.evaluate("document.getElementById('typed').value") == "Adjara Tchedre"
    page.ask("Network.emulateNetworkConditions", offline=False, **cut)
    enters(page, "")
    sees(page, "Adjara Tchedre : femme ou homme ?")
    assert page.evaluate("document.getElementById('trouble').hidden")


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_the_screen_has_26_columns_in_a_window_of_320_pixels(page: Page) -> None:
    assert_fits(page)
    lines = page.evaluate(
        """(() => {
          const screen = document.getElementById("screen");
          const height = (text) => { screen.textContent = text; return screen.getBoundingClientRect().height; };
          return [height("m".repeat(26)), height("m".repeat(27))];
        })()"""
    )
    assert lines[1] == pytest.approx(2 * lines[0])


# The contrast of every text with what lies behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """(() => {
  const rgb = (text) => {
    const [r, g, b, a] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a ?? 1];
  };
  const light = (colour) => {
    const part = (c) => c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = colour.map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const found = rgb(getComputedStyle(one).backgroundColor);
      if (found[3] === 1) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const low = [];
  let looked = 0;
  document.getElementById("trouble").hidden = false;
  for (const one of document.querySelectorAll("body *")) {
    const own = one.matches("input") ? one.value : [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !one.getBoundingClientRect().width) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(rgb(style.color).slice(0, 3)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    looked += 1;
    if (ratio < 4.5 || Number(style.opacity) < 1) low.push(`${one.outerHTML.slice(0, 80)} ${ratio.toFixed(2)}`);
  }
  return [looked, low];
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_enough(page: Page, scheme: str) -> None:
    page.preferring(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    registers(page)
    looked, low = page.evaluate(CONTRASTS)
    assert looked > 30
    assert low == []


def test_whoever_wants_no_motion_gets_none(page: Page) -> None:
    moving = """[...document.querySelectorAll("*")].filter((one) => {
      const style = getComputedStyle(one);
      return parseFloat(style.transitionDuration) || style.animationName !== "none";
    }).length"""
    page.preferring(prefers_reduced_motion="no-preference")
    assert page.evaluate(moving) > 0
    page.preferring(prefers_reduced_motion="reduce")
    assert page.evaluate(moving) == 0


def test_everything_has_a_name_for_those_who_hear_the_page(page: Page) -> None:
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "textbox", "link", "region", "meter", "heading")
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {role for role, _ in found} == set(roles)
    assert not [one for one in found if not one[1].strip()]
    assert ("button", "C") not in found  # it says what it does
    live = page.evaluate("document.getElementById('screen').getAttribute('aria-live')")
    assert live == "polite"


# --- what it weighs ---------------------------------------------------------------------------------------------------


def test_it_is_light_enough_for_a_slow_line(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes over the wire, headers included, nothing compressed: a 2G line brings 5 000 of them in a second."""
    first = sum(size for _, size in page.loaded())
    before = len(page.loaded())
    calls(page)
    enters(page, "1", "1", "Adjara Tchedre")
    hops = [size for address, size in page.loaded()[before:] if address.endswith("/phone")]
    assert len(hops) == 4
    news: list[int] = []
    while not news:  # the test's own time-out is the limit
        page.until("performance.getEntriesByType('resource').some((one) => one.name.includes('/news'))")
        news = [size for address, size in page.loaded() if "/news" in address]
    with capsys.disabled():
        print(f"\nphone page: {first} bytes first, {max(hops)} at most a hop, {min(news)} a look without news")
    assert first < 32_000
    assert max(hops) < 2_500
    assert min(news) < 800
