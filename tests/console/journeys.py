"""Somebody's way through the office in a real browser, on a slow line: its steps, its pages and its bytes counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import CDPSession, Locator, expect
from playwright.sync_api import Page as BrowserPage

from gateway.console.entry import links
from gateway.locale import Say
from gateway.store.tracing import COMMAND
from tests.console.office import PATH, PEOPLE, Office
from tests.console.windows import Window

say = Say("fr")
PASSWORD = "quatre manguiers au bord du champ"
LARGEST_FIRST, LARGEST_PAGE = 60_000, 15_000  # bytes on the line
SCREEN_HEIGHT = 640  # of the phone that they have
LATENCY_MS = 400


def welcome_link(office: Office, who: str) -> str:
    """The path of the link that somebody of :data:`PEOPLE` is sent before they have ever entered."""
    role, name, at, msisdn = PEOPLE[who]
    office.place.staff_with(msisdn, role, name, at, pin=None)
    with office.store.write() as unit:
        return f"/welcome/{links.invite(unit, msisdn, by=COMMAND)}"


@dataclass
class Visited:
    """A page that came: its path, and all bytes that the line bore for it, in and out as the browser tells them."""

    path: str
    bytes: int = 0
    parts: list[str] = field(default_factory=list)


@dataclass
class Journey:
    """A window on a slow line, and what came over it."""

    window: Window
    line: CDPSession
    pages: list[Visited] = field(default_factory=list)
    _waiting: dict[str, tuple[Visited, str]] = field(default_factory=dict)

    @property
    def page(self) -> BrowserPage:
        return self.window.page

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press a button, and wait for the page that comes of it."""
        with self.page.expect_navigation():
            (within or self.page.locator("main")).get_by_role("button", name=name, exact=True).first.click()

    def follow(self, name: str, within: Locator | None = None) -> None:
        """Click a link, and wait for its page."""
        with self.page.expect_navigation():
            (within or self.page).get_by_role("link", name=name, exact=True).first.click()

    def menu(self, name: str) -> None:
        """Go by the menu, which is folded where there is script and the screen is narrow."""
        folded = self.page.locator("nav.menu details:not([open]) > summary")
        if folded.count():
            folded.click()
        self.follow(name, self.page.locator("nav.menu"))

    def heavy(self) -> list[str]:
        """Whatever is heavier than a page may be."""
        limits = [LARGEST_FIRST] + [LARGEST_PAGE] * (len(self.pages) - 1)
        return [
            f"{one.path}: {one.bytes} bytes in {one.parts}"
            for one, most in zip(self.pages, limits, strict=True)
            if one.bytes > most
        ]

    def on_first_screen(self, shown: Locator) -> bool:
        """Is it seen without scrolling?"""
        box = shown.bounding_box()
        size = self.page.viewport_size
        assert box is not None
        assert size is not None
        scrolled = self.page.evaluate("scrollY")
        return bool(
            scrolled == 0
            and box["y"] >= 0
            and box["y"] + box["height"] <= size["height"]
            and box["x"] + box["width"] <= size["width"]
        )

    def on_a_line(self, *, down_kbit: int, up_kbit: int, latency_ms: int = LATENCY_MS) -> None:
        """From now on so many kilobits a second, and every answer takes so long to begin."""
        told = {"offline": False, "latency": latency_ms, "downloadThroughput": down_kbit * 125}
        self.line.send("Network.emulateNetworkConditions", {**told, "uploadThroughput": up_kbit * 125})

    def on_a_good_line(self) -> None:
        """From now on nothing is slow."""
        told = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.line.send("Network.emulateNetworkConditions", told)

    def _asked(self, event: dict[str, Any]) -> None:
        its_id, url = event["requestId"], event["request"]["url"]
        if event.get("redirectResponse"):  # what sent us on belongs to the page that we are sent to
            self.pages[-1].bytes += int(event["redirectResponse"]["encodedDataLength"])
            self.pages[-1].path = url.split(PATH, 1)[-1]
        elif event["type"] == "Document":
            self.pages.append(Visited(url.split(PATH, 1)[-1]))
        if self.pages and not url.startswith("data:"):
            self._waiting[its_id] = (self.pages[-1], url.rsplit("/", 1)[-1])

    def _came(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._waiting:
            visited, name = self._waiting.pop(event["requestId"])
            visited.bytes += int(event["encodedDataLength"])
            visited.parts.append(f"{name} {int(event['encodedDataLength'])}")


def counted(window: Window) -> Journey:
    """The window of somebody's phone, with every page and byte that comes to it counted."""
    line = window.page.context.new_cdp_session(window.page)
    journey = Journey(window, line)
    line.send("Network.enable")
    line.on("Network.requestWillBeSent", journey._asked)
    line.on("Network.loadingFinished", journey._came)
    window.page.set_viewport_size({"width": 320, "height": SCREEN_HEIGHT})
    return journey


def choose_password(page: BrowserPage, password: str = PASSWORD) -> None:
    """Choose it on the page that a welcome link opens, and enter."""
    page.get_by_label(say("New password")).fill(password)
    page.get_by_label(say("The same once more")).fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name=say("Keep it and enter")).click()


def sees(page: BrowserPage, text: str) -> None:
    """Wait until the page says so, in its own part."""
    expect(page.locator("main")).to_contain_text(text.replace("\u202f", " "), use_inner_text=True)


def tab_to(page: BrowserPage, meant: str) -> None:
    """Go by the tabulator alone to what is called so: by its text, or a field by its name."""
    called = "[document.activeElement.name, document.activeElement.innerText?.trim()]"
    for _ in range(80):
        if meant in page.evaluate(called):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the tabulator never comes to {meant!r}")


def enter(page: BrowserPage) -> None:
    """Press Enter, and wait for the page that comes of it."""
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.keyboard.press("Enter")
